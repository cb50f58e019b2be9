//! P-31: the clock of the server jumps by an hour, forth and back. `libfaketime` changes what the server process sees; its Postgres
//! belongs to another server and keeps the right time, and so does the monotonic clock, as with a jump of the system's clock.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use reqwest::blocking;

use super::common::driver::Client;
use super::common::server::{Launch, Server};
use super::oauth::OAuthClient;
use super::scale::{Outcome, Scale};

/// Where the systems' packages put the library.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
];
/// Jumps in seconds from the right time, one after the other.
const JUMPS: [i64; 5] = [0, 3_700, 0, -3_700, 0];
/// What has been remembered for a second is forgotten by then.
const SETTLE: Duration = Duration::from_millis(1_300);
/// What may be waited for after too many failures.
const LONGEST_WAIT: u32 = 900;

/// What does not agree with its rule.
struct Faults(Vec<String>);

impl Faults {
    fn expect(&mut self, jump: i64, what: &str, seen: u16, expected: u16) {
        if seen != expected {
            self.0.push(format!("{jump:+} s: {what} {seen} in place of {expected}"));
        }
    }
}

/// Fails as a client until it is put off; the seconds to wait.
fn wait_after_failures(http: &blocking::Client, server: &Server, client: &OAuthClient) -> Option<u32> {
    let wrong = OAuthClient { secret: "wrong".into(), ..client.clone() };
    for _ in 0..30 {
        let answer = wrong.ask(http, server).unwrap();
        if let Some(seconds) = answer.headers().get("retry-after") {
            return seconds.to_str().unwrap().parse().ok();
        }
    }
    None
}

/// Measures.
pub fn run(_: Scale) -> Outcome {
    let Some(library) = LIBRARIES.iter().find(|path| fs::exists(path).unwrap_or_default()) else {
        return Outcome {
            held: false,
            measured: "not run: the package faketime is not installed".into(),
            size: "–".into(),
        };
    };
    let database = Launch::new("clock").start();
    let mut launch = Launch::beside(&database, "jumping");
    let file: PathBuf = launch.data_dir.with_extension("faketime");
    let jump_by = |seconds: i64| {
        fs::write(&file, format!("{seconds:+}\n")).unwrap();
        thread::sleep(SETTLE);
    };
    fs::write(&file, "+0\n").unwrap();
    launch.environment = [
        ("LD_PRELOAD", *library),
        ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let mut server = launch.start();
    server.token = server.new_token("clock");
    let http = blocking::Client::new();
    let client = OAuthClient::create(&server, "script");
    let guessed = OAuthClient::create(&server, "guessed");
    // Good for an hour from the right time.
    let issued = client.token(&http, &server);
    let mut faults = Faults(Vec::new());
    let read = |token: &str| Client::with(&server, token).send("GET", "/Users?count=1", "").0;
    for jump in JUMPS {
        jump_by(jump);
        faults.expect(jump, "header token", read(&server.token), 200);
        // Expired an hour later; from the future an hour earlier.
        faults.expect(jump, "access token from before", read(&issued), if jump == 0 { 200 } else { 401 });
        faults.expect(jump, "token endpoint", client.ask(&http, &server).unwrap().status().as_u16(), 200);
        faults.expect(jump, "access token from now", read(&client.token(&http, &server)), 200);
    }
    // A limit that is reached while the clock is ahead does not stick when it is right again.
    jump_by(JUMPS[1]);
    let ahead = wait_after_failures(&http, &server, &guessed);
    jump_by(0);
    let after = wait_after_failures(&http, &server, &guessed);
    if ahead.is_none() || after.is_none_or(|seconds| seconds > LONGEST_WAIT) {
        faults.0.push(format!("to wait {ahead:?} s while the clock is ahead, {after:?} s after it is right again"));
    }
    let panics = server.panics();
    server.stop();
    database.stop();
    let _ = fs::remove_file(file);
    let seen = if faults.0.is_empty() { "all by their rule".into() } else { faults.0.join("; ") };
    Outcome {
        held: faults.0.is_empty() && panics == 0,
        measured: format!("{panics} panics; {seen}; longest wait after a jump back {} s", after.unwrap_or(0)),
        size: format!("jumps of {JUMPS:?} s"),
    }
}
