//! A server that is told to stop goes on to answer for a while, so that whoever sends it requests can notice.

use std::time::{Duration, Instant};

use reqwest::blocking::get;

use crate::support::process::{Signal, program, run_json, signal};
use crate::support::{Client, ServerProcess, TemporaryDirectory, eventually, minimal};

/// The exit code when the second signal came.
const IMPATIENT: Option<i32> = Some(130);

/// What `/readyz` answers, on a connection of its own: status, when to ask again, and the reason.
fn readiness(server: &ServerProcess) -> (u16, Option<String>, String) {
    let answer = get(format!("{}/readyz", server.url)).unwrap();
    let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), retry_after, answer.text().unwrap())
}

fn stopping(server: &ServerProcess) -> Option<()> {
    (readiness(server).0 == 503).then_some(())
}

#[test]
fn a_server_that_stops_says_so_before_it_takes_no_more_connections() {
    const DRAIN: Duration = Duration::from_secs(5);
    let data = TemporaryDirectory::new("drained");
    let server = ServerProcess::start_with(&data, &["--drain-seconds", &DRAIN.as_secs().to_string()]);
    let token = run_json(&data, &["token", "create", "okta"])["token"].as_str().unwrap().to_owned();
    assert_eq!(readiness(&server), (200, None, "ready\n".into()));

    let told = Instant::now();
    signal(server.pid(), Signal::SIGTERM);
    eventually("the end of readiness", || stopping(&server));
    assert!(told.elapsed() < DRAIN / 2, "{:?}", told.elapsed());
    assert_eq!(readiness(&server), (503, Some("2".into()), "stopping\n".into()));
    assert_eq!(get(format!("{}/livez", server.url)).unwrap().status(), 200);
    let check = program().args(["healthcheck", "--url", &server.url]).output().unwrap();
    assert_eq!(check.status.code(), Some(1));
    assert!(String::from_utf8(check.stderr).unwrap().contains("answered 503"));

    // Each on a connection that is opened now.
    let fresh = || Client::new(&server.url, &format!("Bearer {token}"));
    let made = fresh().post("/Users", &minimal("ada@example.com"));
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(fresh().get(&format!("/Users/{}", made.json()["id"].as_str().unwrap())).status, 200);
    assert!(told.elapsed() < DRAIN, "the test was too slow to see anything: {:?}", told.elapsed());

    assert_eq!(server.wait().code(), Some(0));
    assert!(told.elapsed() >= DRAIN, "{:?}", told.elapsed());
}

#[test]
fn a_second_signal_ends_a_server_that_drains() {
    let data = TemporaryDirectory::new("impatient");
    let server = ServerProcess::start_with(&data, &["--drain-seconds", "600"]);
    signal(server.pid(), Signal::SIGTERM);
    eventually("the end of readiness", || stopping(&server));
    let told = Instant::now();
    signal(server.pid(), Signal::SIGINT);
    assert_eq!(server.wait().code(), IMPATIENT);
    assert!(told.elapsed() < Duration::from_secs(2), "{:?}", told.elapsed());
    // Its Postgres is left behind; the next server takes it over, and stops it.
    assert!(ServerProcess::start(&data).stop());
}
