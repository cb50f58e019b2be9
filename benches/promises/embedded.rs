//! P-37: the server on its private Postgres, as it comes: how long it takes to start, what a `kill -9` leaves, and a second server.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};

use super::common::driver::Client;
use super::common::server::{Launch, PROGRAM};
use super::directory::create;
use super::scale::{Outcome, Scale, told};

const STARTS: usize = 20;
const FIRST: Duration = Duration::from_secs(5);
const LATER: Duration = Duration::from_secs(1);
/// Users created before the server is killed, all of which are to be there afterwards.
const KEPT: usize = 50;

/// What is seen in one way to run it.
#[derive(Default)]
struct Seen {
    first: Duration,
    later: Vec<Duration>,
    faults: Vec<&'static str>,
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let result = work();
    (result, begun.elapsed())
}

/// Starts, kills and stops a server in these ways.
fn look(launch: &Launch, starts: usize) -> Seen {
    let mut seen = Seen::default();
    let mut expect = |good: bool, what: &'static str| {
        if !good {
            seen.faults.push(what);
        }
    };
    let (mut server, first) = timed(|| launch.start());
    server.token = server.new_token("bench");
    let mut client = Client::connect(&server);
    let ids: Vec<String> = (0..KEPT).map(|number| create(&mut client, &format!("kept-{number}"))).collect();
    let refused = launch.try_start().err();
    expect(refused.is_some_and(|log| log.contains("another provisor")), "a second server is not refused");
    let (postgres, token) = (server.postgres(), server.token.clone());
    server.end(Signal::SIGKILL);
    let (mut server, adopting) = timed(|| launch.start());
    expect(server.postgres() == postgres, "its Postgres is not adopted");
    server.token = token;
    let mut client = Client::connect(&server);
    let kept = ids.iter().filter(|id| client.send("GET", &format!("/Users/{id}"), "").0 == 200).count();
    expect(kept == KEPT, "users are lost");
    server.end(Signal::SIGTERM);
    let later = (0..starts).map(|_| {
        let (server, took) = timed(|| launch.start());
        server.end(Signal::SIGTERM);
        took
    });
    let later: Vec<Duration> = later.chain([adopting]).collect();
    let _ = fs::remove_dir_all(&launch.data_dir);
    Seen { first, later, ..seen }
}

/// A copy of the program that another user can run, in a directory of that user's.
fn for_user(directory: &Path, user: &User) -> Launch {
    fs::create_dir_all(directory).unwrap();
    let program = directory.join("provisor");
    fs::copy(PROGRAM, &program).unwrap();
    for assets in ["templates", "static"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(assets);
        assert!(Command::new("cp").arg("-r").arg(from).arg(directory).status().unwrap().success());
    }
    chown(directory, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    let launch = Launch::in_directory(directory.join("data"));
    Launch { program, user: Some(user.uid.as_raw()), ..launch }
}

/// Measures.
pub fn run(scale: Scale) -> Outcome {
    let starts = scale.of(STARTS, 3);
    let directory = Launch::new("with a space").data_dir;
    fs::create_dir_all(&directory).unwrap();
    let mut ways = vec![("as oneself", look(&Launch::in_directory(directory.join("d d")), starts))];
    if geteuid().is_root() {
        let nobody = User::from_name("nobody").unwrap().unwrap();
        ways.push(("as another user", look(&for_user(&directory.join("u u"), &nobody), starts)));
    }
    let _ = fs::remove_dir_all(&directory);
    let mut held = true;
    let told_of = |(way, seen): &(&str, Seen)| {
        let latest = seen.later.iter().max().unwrap();
        held &= seen.first <= FIRST && *latest <= LATER && seen.faults.is_empty();
        let faults = if seen.faults.is_empty() {
            "adopted, nothing lost, second refused".into()
        } else {
            seen.faults.join(", ")
        };
        format!("{way}: first start {:.2} s, later ≤ {:.2} s; {faults}", seen.first.as_secs_f64(), latest.as_secs_f64())
    };
    let measured: Vec<String> = ways.iter().map(told_of).collect();
    Outcome { held, measured: measured.join("; "), size: told(starts, STARTS, "later starts") }
}
