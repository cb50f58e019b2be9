//! P-33: an upgrade without a gap. A newer version starts on the database of an older one and brings the schema up to date under load, both
//! serve for a while, then the older one stops. The clients do what a proxy does for them: each request goes to the next server in service,
//! and a server is taken out of service before it is told to stop.

use std::collections::HashMap;
use std::path::Path;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use reqwest::blocking;
use serde_json::Value;

use super::common::driver::Client;
use super::common::server::{Launch, Postgres, Server};
use super::directory::{title, user};
use super::scale::{Outcome, Scale, grouped, told};

const CLIENTS: usize = 6;
/// How long there is the older server alone, then both, then the newer one alone.
const PART: Duration = Duration::from_secs(30);
const LEAST: Duration = Duration::from_secs(5);
/// What a client waits between two requests.
const PAUSE: Duration = Duration::from_millis(5);
/// After which clients give up, whatever became of the servers.
const LONGEST: Duration = Duration::from_mins(10);
/// How long a server that listens may take until it is ready.
const READY: Duration = Duration::from_secs(30);
/// Failed calls that are told of one by one.
const SHOWN: usize = 10;

/// Where requests go, and until when.
struct Traffic {
    /// Addresses of the servers in service. Who changes it waits until no request is under way.
    servers: RwLock<Vec<String>>,
    token: String,
    begun: Instant,
    stop: AtomicBool,
}

impl Traffic {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && self.begun.elapsed() < LONGEST
    }
}

/// A user as the last acknowledged change left it.
struct Kept {
    id: String,
    title: String,
    group: String,
    is_deleted: bool,
}

/// One client, and what it has seen.
struct Caller<'a> {
    traffic: &'a Traffic,
    connections: HashMap<String, Client>,
    /// Calls by the address that they went to.
    calls: HashMap<String, usize>,
    turn: usize,
    /// Changes that were acknowledged.
    changes: usize,
    failed: Vec<String>,
    longest: Duration,
    kept: Vec<Kept>,
}

impl<'a> Caller<'a> {
    fn new(traffic: &'a Traffic, number: usize) -> Self {
        Self {
            traffic,
            connections: HashMap::new(),
            calls: HashMap::new(),
            turn: number,
            changes: 0,
            failed: Vec::new(),
            longest: Duration::ZERO,
            kept: Vec::new(),
        }
    }

    /// Sends a request to the next server in service. Gives back what was answered, if with one of the statuses that are expected.
    fn call(&mut self, method: &str, path: &str, body: &str, expected: &[u16]) -> Option<Value> {
        thread::sleep(PAUSE);
        let servers = self.traffic.servers.read().unwrap();
        self.turn += 1;
        let address = &servers[self.turn % servers.len()];
        *self.calls.entry(address.clone()).or_default() += 1;
        let begun = Instant::now();
        let answered = ask(&mut self.connections, address, &self.traffic.token, (method, path, body));
        self.longest = self.longest.max(begun.elapsed());
        match answered {
            Ok((status, answer)) if expected.contains(&status) => {
                self.changes += usize::from(method != "GET");
                Some(answer)
            }
            other => {
                self.failed.push(format!("{method} {path} at {address}: {other:?}"));
                self.connections.remove(address);
                None
            }
        }
    }

    /// Makes a group, then users, who come into it, until there is no more to be done.
    fn work(&mut self, number: usize) {
        let group = format!(
            r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"upgrade-{number}"}}"#
        );
        let Some(group) = self.call("POST", "/Groups", &group, &[201]).and_then(|made| id(&made)) else {
            return;
        };
        for round in 0_usize.. {
            if !self.traffic.goes_on() {
                return;
            }
            let kept = self.provision(&format!("upgrade-{number}-{round}"), &group, round.is_multiple_of(4));
            self.kept.extend(kept);
        }
    }

    /// What a directory does with a user: it is looked for, created, read, changed, put into a group, and perhaps deleted.
    /// `None` when one of the calls failed.
    fn provision(&mut self, key: &str, group: &str, is_deleted: bool) -> Option<Kept> {
        let look_up = format!("/Users?filter=userName%20eq%20%22{key}%40bench.example%22&startIndex=1&count=100");
        let before = self.call("GET", &look_up, "", &[200])?;
        let id = self.call("POST", "/Users", &user(key), &[201]).and_then(|made| id(&made))?;
        let path = format!("/Users/{id}");
        self.call("GET", &path, "", &[200])?;
        self.call("PATCH", &path, &title(key), &[200])?;
        self.call("PATCH", &format!("/Groups/{group}"), &addition(&id), &[200, 204])?;
        self.call("GET", "/Users?startIndex=1&count=20", "", &[200])?;
        // The next server knows what the one before has done.
        let after = self.call("GET", &look_up, "", &[200])?;
        if before["totalResults"] != 0 || after["totalResults"] != 1 {
            self.failed.push(format!("{key} is found {before}, then {after}"));
        }
        if is_deleted {
            self.call("DELETE", &path, "", &[204])?;
        }
        Some(Kept { id, title: key.to_owned(), group: group.to_owned(), is_deleted })
    }
}

/// Sends one request on the connection to this server, which is opened where there is none.
fn ask(
    connections: &mut HashMap<String, Client>,
    address: &str,
    token: &str,
    (method, path, body): (&str, &str, &str),
) -> Result<(u16, Value), String> {
    let client = match connections.get_mut(address) {
        Some(client) => client,
        None => {
            let opened = Client::try_with(address, token).map_err(|error| error.to_string())?;
            connections.entry(address.to_owned()).or_insert(opened)
        }
    };
    let answer = client.try_send(method, path, body).map_err(|error| error.to_string())?;
    Ok((answer.status, serde_json::from_slice(answer.body).unwrap_or_default()))
}

fn id(resource: &Value) -> Option<String> {
    resource["id"].as_str().map(str::to_owned)
}

/// A PATCH that adds a member.
fn addition(id: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"add","path":"members","value":[{{"value":"{id}"}}]}}]}}"#
    )
}

/// What there is of a user, compared with what was acknowledged.
fn is_there(client: &mut Client, kept: &Kept) -> bool {
    let (status, body) = client.send("GET", &format!("/Users/{}", kept.id), "");
    if kept.is_deleted {
        return status == 404;
    }
    let found: Value = serde_json::from_slice(body).unwrap_or_default();
    status == 200 && found["title"] == kept.title.as_str() && found["groups"][0]["value"] == kept.group.as_str()
}

/// The version of the last migration.
fn schema(server: &Server) -> String {
    server.sql("SELECT max(version) FROM __diesel_schema_migrations")
}

fn wait_until_ready(server: &Server) {
    let begun = Instant::now();
    let is_ready = || blocking::get(server.url("/readyz")).is_ok_and(|answer| answer.status() == 200);
    while !is_ready() {
        assert!(begun.elapsed() < READY, "the newer server does not become ready");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What there is at the end.
struct End {
    /// The version of the last migration, before and after.
    schemas: [String; 2],
    /// Whether the older server ended with 0.
    has_stopped: bool,
    /// Whether one that starts afterwards is refused.
    is_refused: bool,
    calls: [usize; 2],
    failed: usize,
    longest: Duration,
    changes: usize,
    lost: usize,
    entries: usize,
    is_sound: bool,
    panics: usize,
}

/// Measures the upgrade from this older program.
pub fn run(scale: Scale, older: &Path) -> Outcome {
    let part = scale.time(PART, LEAST);
    let with = |launch: Launch| Launch { program: older.to_owned(), ..launch };
    // The database is the older version's; Postgres belongs to no server, so that none takes it away.
    let first = with(Launch::new("upgrade")).start();
    let token = first.new_token("bench");
    let origin = first.end(Signal::SIGTERM);
    let postgres = Postgres::start(&origin.data_dir);
    let mut old = with(Launch::on(&origin.data_dir, "older")).start();
    let before = schema(&old);

    let traffic = Traffic {
        servers: RwLock::new(vec![old.address.clone()]),
        token: token.clone(),
        begun: Instant::now(),
        stop: AtomicBool::new(false),
    };
    let (new, callers, has_stopped) = thread::scope(|scope| {
        let traffic = &traffic;
        let work = move |number| {
            let mut caller = Caller::new(traffic, number);
            caller.work(number);
            caller
        };
        let clients: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || work(number))).collect();
        thread::sleep(part);
        let new = Launch::on(&origin.data_dir, "newer").start();
        wait_until_ready(&new);
        traffic.servers.write().unwrap().push(new.address.clone());
        thread::sleep(part);
        traffic.servers.write().unwrap().retain(|address| *address == new.address);
        old.signal(Signal::SIGTERM);
        let has_stopped = old.wait().success();
        thread::sleep(part);
        traffic.stop.store(true, Ordering::Relaxed);
        let callers: Vec<Caller<'_>> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        (new, callers, has_stopped)
    });

    let late = with(Launch::on(&origin.data_dir, "late"));
    let is_refused = late.try_start().is_err_and(|log| log.contains("is newer than this version"));
    late.remove();
    let calls_to =
        |server: &Server| callers.iter().filter_map(|caller| caller.calls.get(&server.address)).sum::<usize>();
    let failed: Vec<&String> = callers.iter().flat_map(|caller| &caller.failed).collect();
    failed.iter().take(SHOWN).for_each(|call| eprintln!("{call}"));
    let mut client = Client::with(&new, &token);
    let kept = callers.iter().flat_map(|caller| &caller.kept);
    let verified = new.try_command(&["audit", "verify"]);
    if !verified.status.success() {
        eprintln!("{}{}", String::from_utf8_lossy(&verified.stdout), String::from_utf8_lossy(&verified.stderr));
    }
    let entries = new.sql("SELECT count(*) FROM audit_events WHERE target_type IN ('User', 'Group')");
    let end = End {
        schemas: [before, schema(&new)],
        has_stopped,
        is_refused,
        calls: [calls_to(&old), calls_to(&new)],
        failed: failed.len(),
        longest: callers.iter().map(|caller| caller.longest).max().unwrap_or_default(),
        changes: callers.iter().map(|caller| caller.changes).sum(),
        lost: kept.filter(|kept| !is_there(&mut client, kept)).count(),
        entries: entries.parse().unwrap(),
        is_sound: verified.status.success(),
        panics: old.panics() + new.panics(),
    };
    old.stop();
    new.stop();
    drop(postgres);
    origin.remove();
    judge(&end, part)
}

fn judge(end: &End, part: Duration) -> Outcome {
    let [before, after] = &end.schemas;
    // Where the schema is the same, there is nothing in it that the older version does not know.
    let must_refuse = before != after;
    let [to_old, to_new] = end.calls;
    Outcome {
        held: end.failed == 0
            && to_old > 0
            && to_new > 0
            && end.lost == 0
            && end.entries == end.changes
            && end.is_sound
            && end.has_stopped
            && end.is_refused == must_refuse
            && end.panics == 0,
        measured: format!(
            "schema {before}, then {after}: {} of {} calls to the older and {} to the newer server failed, the longest took {:.0} ms; {} of {} \
             changes lost, {} audit entries, {}; the older server ended {}, and one that starts now {}",
            end.failed,
            grouped(to_old),
            grouped(to_new),
            end.longest.as_secs_f64() * 1_000.0,
            end.lost,
            grouped(end.changes),
            grouped(end.entries),
            if end.is_sound { "sound" } else { "not sound" },
            if end.has_stopped { "with 0" } else { "otherwise than with 0" },
            if end.is_refused { "is refused" } else { "is not refused" },
        ),
        #[allow(clippy::cast_possible_truncation)]
        size: told(part.as_secs() as usize, PART.as_secs() as usize, "s each of the older, both, and the newer"),
    }
}
