//! A server that is told to stop goes on to answer for a while, so that whoever sends it requests can notice. SIGHUP tells it to where
//! its terminal is gone.

use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::blocking::get;

use crate::support::process::{PROGRAM, Signal, program, run_json, signal};
use crate::support::{Client, ServerProcess, TemporaryDirectory, eventually, minimal};

/// The exit code when the second signal came.
const IMPATIENT: Option<i32> = Some(130);

/// Runs a program on a terminal of its own, and ends as it does. The first SIGTERM closes the terminal, the next ones are handed on.
const ON_A_TERMINAL: &str = "
import os, pty, signal, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
def close(*_):
    raise InterruptedError
signal.signal(signal.SIGTERM, close)
try:
    while said := os.read(terminal, 4096):
        os.write(1, said)
except OSError:
    pass
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";
/// How long a server is looked at that a signal must not stop.
const A_WHILE: Duration = Duration::from_secs(1);

/// A server that another program starts.
fn started_by(data: &TemporaryDirectory, starter: &[&str]) -> ServerProcess {
    let mut command = Command::new(starter[0]);
    command.args(&starter[1..]).arg(PROGRAM);
    for (name, value) in program().get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    ServerProcess::spawn(command, data)
}

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

#[test]
fn a_server_stops_when_its_terminal_is_closed() {
    let data = TemporaryDirectory::new("closed");
    let server = started_by(&data, &["python3", "-c", ON_A_TERMINAL]);
    assert_eq!(readiness(&server).0, 200);
    signal(server.pid(), Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_server_that_is_to_outlive_its_terminal_does() {
    let data = TemporaryDirectory::new("outlived");
    // What nohup does, but for the place of the output.
    let ignoring = "trap '' HUP; exec \"$@\"";
    let server = started_by(&data, &["python3", "-c", ON_A_TERMINAL, "sh", "-c", ignoring, "sh"]);
    signal(server.pid(), Signal::SIGTERM);
    std::thread::sleep(A_WHILE);
    assert_eq!(readiness(&server).0, 200);
    assert!(server.stop());
}

#[test]
fn a_server_without_a_terminal_goes_on_after_a_hangup() {
    let data = TemporaryDirectory::new("unattended");
    let server = started_by(&data, &["setsid"]);
    signal(server.pid(), Signal::SIGHUP);
    std::thread::sleep(A_WHILE);
    assert_eq!(readiness(&server).0, 200);
    assert!(server.stop());
}

#[test]
fn a_hangup_does_not_hurry_a_server_that_stops() {
    let data = TemporaryDirectory::new("hung-up");
    let server = ServerProcess::start_with(&data, &["--drain-seconds", "2"]);
    signal(server.pid(), Signal::SIGTERM);
    eventually("the end of readiness", || stopping(&server));
    signal(server.pid(), Signal::SIGHUP);
    assert_eq!(server.wait().code(), Some(0));
}
