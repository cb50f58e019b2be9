//! `kill -9` under load, of the server and of Postgres: what was acknowledged is there, each change has its audit entry, and no
//! audit entry is without its change.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use provisor::id::ResourceId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::process::{Signal, lives, run_json, signal};
use crate::support::{
    Client, Random, ServerProcess, TemporaryDirectory, database, eventually, measured, minimal, patch, scaled,
};

const ROUNDS: usize = 20;
/// Changes that are acknowledged in a round at least, and so many more by chance.
const CHANGES: usize = 700;
const CLIENTS: usize = 8;

/// What dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Server,
    Postgres,
    /// First the server, then the Postgres that it leaves behind.
    Both,
}

/// A user as last acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    version: i64,
    display_name: String,
}

/// What the clients know.
#[derive(Default)]
struct Known {
    users: HashMap<String, User>,
    deleted: HashSet<String>,
    /// Ids of the requests that were acknowledged.
    acknowledged: Vec<String>,
    /// And of those that broke off: they may have been carried out or not.
    in_doubt: Vec<String>,
}

impl Known {
    fn extend(&mut self, other: Self) {
        self.users.extend(other.users);
        self.deleted.extend(other.deleted);
        self.acknowledged.extend(other.acknowledged);
        self.in_doubt.extend(other.in_doubt);
    }
}

/// One client, which changes users of its own until a request breaks off or it is told to stop.
struct Writer<'a> {
    client: Client,
    name: String,
    random: Random,
    acknowledged: &'a AtomicUsize,
    known: Known,
}

impl Writer<'_> {
    fn work(mut self, stop: &AtomicBool) -> Known {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            number += 1;
            if self.step(number).is_none() {
                break;
            }
        }
        self.known
    }

    /// Creates, modifies or deletes a user. `None` when the request broke off.
    fn step(&mut self, number: usize) -> Option<()> {
        let display_name = number.to_string();
        let ids: Vec<String> = self.known.users.keys().cloned().collect();
        if ids.is_empty() || self.random.chance(40) {
            let mut body = minimal(&format!("{}-{number}", self.name));
            body["displayName"] = json!(display_name);
            let created = self.send(number, Method::POST, "/Users", &body)?;
            self.known.users.insert(created["id"].as_str().unwrap().to_owned(), User { version: 1, display_name });
            return Some(());
        }
        let id = self.random.pick(&ids).clone();
        // While the request is under way, nothing is known about the user.
        let user = self.known.users.remove(&id).unwrap();
        let path = format!("/Users/{id}");
        if self.random.chance(60) {
            let body = patch(&json!([{"op": "replace", "path": "displayName", "value": display_name}]));
            self.send(number, Method::PATCH, &path, &body)?;
            self.known.users.insert(id, User { version: user.version + 1, display_name });
        } else {
            self.send(number, Method::DELETE, &path, &Value::Null)?;
            self.known.deleted.insert(id);
        }
        Some(())
    }

    fn send(&mut self, number: usize, method: Method, path: &str, body: &Value) -> Option<Value> {
        let request_id = format!("{}-{number}", self.name);
        let request = self.client.request(method, path).header("X-Request-Id", &request_id);
        let answer = request.header("Content-Type", "application/scim+json").body(body.to_string()).send();
        let answer = answer.and_then(|answer| Ok((answer.status().as_u16(), answer.headers().clone(), answer.text()?)));
        match answer {
            Ok((200..=299, _, text)) => {
                self.known.acknowledged.push(request_id);
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                Some(serde_json::from_str(&text).unwrap_or_default())
            }
            Ok((status, headers, text)) => {
                assert_eq!(status, 503, "{text}");
                assert!(headers["retry-after"].to_str().unwrap().parse::<u32>().is_ok());
                self.known.in_doubt.push(request_id);
                None
            }
            Err(_) => {
                self.known.in_doubt.push(request_id);
                None
            }
        }
    }
}

/// Load until so many changes are acknowledged; then `kill`.
fn load(client: impl Fn() -> Client + Sync, round: usize, seed: u64, changes: usize, kill: impl FnOnce()) -> Known {
    let (acknowledged, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut known = Known::default();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let random = Random::new(seed + (number as u64));
                let name = format!("round-{round}-client-{number}");
                let client = client();
                let writer = Writer { client, name, random, acknowledged: &acknowledged, known: Known::default() };
                let stop = &stop;
                scope.spawn(move || writer.work(stop))
            })
            .collect();
        eventually("load", || {
            let done = acknowledged.load(Ordering::Relaxed) >= changes;
            (done || writers.iter().all(|writer| writer.is_finished())).then_some(())
        });
        kill();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            known.extend(writer.join().unwrap());
        }
    });
    assert!(known.acknowledged.len() >= changes);
    known
}

fn check(data_dir: &std::path::Path, known: &Known) {
    let mut pg = database::connect(data_dir, "provisor");
    let stored: HashMap<String, User> = database::texts(
        &mut pg,
        "SELECT id || '/' || version || '/' || (document::json ->> 'displayName') AS value FROM resources",
    )
    .iter()
    .map(|row| {
        let mut parts = row.splitn(3, '/');
        let mut part = || parts.next().unwrap().to_owned();
        (part(), User { version: part().parse().unwrap(), display_name: part() })
    })
    .collect();
    for (id, user) in &known.users {
        assert_eq!(stored.get(id), Some(user), "{id}");
    }
    for id in &known.deleted {
        assert!(ResourceId::parse(id).is_some() && !stored.contains_key(id), "{id}");
    }
    let mut entries: HashMap<String, usize> = HashMap::new();
    for request in database::texts(&mut pg, "SELECT request_id AS value FROM audit_events WHERE target_type = 'User'") {
        *entries.entry(request).or_default() += 1;
    }
    for request in &known.acknowledged {
        assert_eq!(entries.remove(request), Some(1), "{request}");
    }
    for request in &known.in_doubt {
        assert!(entries.remove(request).unwrap_or(1) == 1, "{request}");
    }
    assert!(entries.is_empty(), "entries of no request: {entries:?}");
    let unreconciled = database::texts(&mut pg, UNRECONCILED);
    assert!(unreconciled.is_empty(), "{unreconciled:?}");
    let miscounted = "SELECT resource_counts.tenant_id::text AS value FROM resource_counts GROUP BY tenant_id \
         HAVING sum(resources) <> (SELECT count(*) FROM resources WHERE resources.tenant_id = resource_counts.tenant_id)";
    assert!(database::texts(&mut pg, miscounted).is_empty());
}

/// Users whose state is not the sum of their audit entries.
const UNRECONCILED: &str = "
    SELECT coalesce(target_id, id::text) AS value
    FROM resources
    FULL JOIN (
        SELECT target_id,
            count(*) FILTER (WHERE action = 'resource.create') AS created,
            count(*) FILTER (WHERE action = 'resource.modify') AS modified,
            count(*) FILTER (WHERE action = 'resource.delete') AS deleted,
            (array_agg(after ->> 'displayName' ORDER BY audit_events.id DESC) FILTER (WHERE after IS NOT NULL))[1] AS display_name
        FROM audit_events WHERE target_type = 'User' GROUP BY target_id
    ) AS audit ON target_id = id::text
    WHERE created IS DISTINCT FROM 1
        OR deleted <> CASE WHEN id IS NULL THEN 1 ELSE 0 END
        OR (id IS NOT NULL AND (version <> modified + 1 OR document::json ->> 'displayName' <> display_name))";

#[test]
fn what_is_acknowledged_survives_kill_9_of_the_server_and_of_postgres() {
    let data_dir = TemporaryDirectory::new("kill");
    let mut server = ServerProcess::start(&data_dir);
    let token = run_json(&data_dir, &["token", "create", "okta"]);
    let authorization = format!("Bearer {}", token["token"].as_str().unwrap());
    let seed = Random::seed(37);
    let mut random = Random::new(seed);
    let mut known = Known::default();
    let rounds = scaled(ROUNDS);
    let mut kills = [0, 0];
    for round in 0..rounds {
        let victim = [Victim::Postgres, Victim::Server, Victim::Postgres, Victim::Both][round % 4];
        let changes = CHANGES + random.below(CHANGES);
        kills[0] += usize::from(victim != Victim::Postgres);
        kills[1] += usize::from(victim != Victim::Server);
        let (postgres, process, url) = (server.postgres_pid(), server.pid(), server.url.clone());
        let kill = || {
            if victim != Victim::Postgres {
                signal(process, Signal::SIGKILL);
            }
            if victim != Victim::Server {
                signal(postgres, Signal::SIGKILL);
            }
        };
        known.extend(load(|| Client::new(&url, &authorization), round, random.next(), changes, kill));
        if victim != Victim::Postgres {
            server.kill();
            server = ServerProcess::start(&data_dir);
        }
        let client = Client::new(&server.url, &authorization);
        // A Postgres that is left behind is adopted, one that died is replaced.
        let expected = || server.postgres().is_some_and(|pid| (pid == postgres) == (victim == Victim::Server));
        eventually("service", || (expected() && client.get("/Users?count=1").status == 200).then_some(()));
        check(&data_dir, &known);
    }
    assert!(known.acknowledged.len() > rounds * CHANGES && !known.deleted.is_empty() && !known.in_doubt.is_empty());
    measured(&format!(
        "0 of {} acknowledged changes lost over {} kills of the server and {} of Postgres",
        known.acknowledged.len(),
        kills[0],
        kills[1]
    ));
    let postgres = server.postgres_pid();
    assert!(server.stop());
    assert!(!lives(postgres));
}

#[test]
fn a_bulk_request_under_way_is_answered_when_the_server_stops() {
    const USERS: usize = 200;
    let data_dir = TemporaryDirectory::new("stop");
    let server = ServerProcess::start(&data_dir);
    let token = run_json(&data_dir, &["token", "create", "okta"]);
    let authorization = format!("Bearer {}", token["token"].as_str().unwrap());
    let client = Client::new(&server.url, &authorization);
    let create = |number: usize| {
        let bulk_id = number.to_string();
        json!({"method": "POST", "path": "/Users", "data": minimal(&bulk_id), "bulkId": bulk_id})
    };
    let message = json!({"Operations": (0..USERS).map(create).collect::<Vec<_>>()});

    // The first of them waits until the server has been told to stop.
    let mut other = database::connect(&data_dir, "provisor");
    database::execute(&mut other, "BEGIN; LOCK TABLE resources IN EXCLUSIVE MODE");
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| client.post("/Bulk", &message));
        std::thread::sleep(Duration::from_millis(500));
        let stopped = scope.spawn(|| server.stop());
        std::thread::sleep(Duration::from_millis(500));
        database::execute(&mut other, "ROLLBACK");
        let replies = answer.join().unwrap().json()["Operations"].take();
        assert_eq!(replies.as_array().unwrap().len(), USERS);
        assert!(replies.as_array().unwrap().iter().all(|reply| reply["status"] == "201"));
        drop(other);
        assert!(stopped.join().unwrap());
    });
    let server = ServerProcess::start(&data_dir);
    assert_eq!(Client::new(&server.url, &authorization).get("/Users?count=0").json()["totalResults"], USERS);
    assert!(server.stop());
}
