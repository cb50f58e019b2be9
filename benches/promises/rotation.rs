//! P-22: header tokens, client secrets and signing keys are rotated under load, as an administrator does it: the new one is made, the
//! client is told, the old one ends later.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use reqwest::blocking;

use super::common::driver::Client;
use super::common::server::Server;
use super::directory::{create, title};
use super::oauth::OAuthClient;
use super::scale::{Outcome, Scale, grouped, told};

const ROUNDS: usize = 20;
const CLIENTS: usize = 3;
/// Between a rotation and the moment that the client is told of it.
const TOLD_AFTER: Duration = Duration::from_millis(300);
/// How long what is rotated goes on working.
const OVERLAP: &str = "1h";

/// Calls, and those that failed.
#[derive(Default)]
struct Calls {
    all: AtomicUsize,
    failed: AtomicUsize,
}

impl Calls {
    fn count(&self, good: bool) {
        self.all.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(usize::from(!good), Ordering::Relaxed);
    }
}

/// Looks a user up, reads and changes it: what a provider does.
fn provision(client: &mut Client, id: &str, calls: &Calls) {
    let path = format!("/Users/{id}");
    for (method, path, body) in [
        ("GET", "/Users?filter=userName%20eq%20%22nobody%22&startIndex=1&count=100", String::new()),
        ("GET", path.as_str(), String::new()),
        ("PATCH", path.as_str(), title("x")),
    ] {
        let answer = client.try_send(method, path, &body);
        calls.count(answer.is_ok_and(|answer| answer.status == 200));
    }
}

/// Measures.
pub fn run(scale: Scale) -> Outcome {
    let rounds = scale.of(ROUNDS, 4);
    let server = Server::start();
    let id = create(&mut Client::connect(&server), "rotated");
    let (token, client) = (RwLock::new(server.token.clone()), RwLock::new(OAuthClient::create(&server, "script")));
    let (calls, stop) = (Calls::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let token = token.read().unwrap().clone();
                    provision(&mut Client::with(&server, &token), &id, &calls);
                }
            });
            scope.spawn(|| {
                let http = blocking::Client::new();
                let mut held = client.read().unwrap().token(&http, &server);
                while !stop.load(Ordering::Relaxed) {
                    // The token before this one is used for as long as it lives.
                    provision(&mut Client::with(&server, &held), &id, &calls);
                    let answer = client.read().unwrap().clone().ask(&http, &server);
                    let granted = answer.ok().filter(|answer| answer.status() == 200);
                    let granted = granted.and_then(|answer| answer.json::<serde_json::Value>().ok());
                    calls.count(granted.is_some());
                    let granted = granted.and_then(|answer| answer["access_token"].as_str().map(str::to_owned));
                    held = granted.unwrap_or(held);
                }
            });
        }
        for _ in 0..rounds {
            let old = token.read().unwrap()[6..18].to_owned();
            let made = server.json(&["token", "rotate", &old, "--overlap", OVERLAP]);
            thread::sleep(TOLD_AFTER);
            made["token"].as_str().unwrap().clone_into(&mut token.write().unwrap());
            let oauth = client.read().unwrap().id.clone();
            let made = server.json(&["client", "rotate-secret", &oauth, "--overlap", OVERLAP]);
            thread::sleep(TOLD_AFTER);
            made["secret"].as_str().unwrap().clone_into(&mut client.write().unwrap().secret);
            server.command(&["key", "rotate", "--now"]);
            thread::sleep(TOLD_AFTER);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (all, failed) = (calls.all.into_inner(), calls.failed.into_inner());
    let panics = server.panics();
    server.stop();
    Outcome {
        held: failed == 0 && all > 0 && panics == 0,
        measured: format!("{failed} of {} calls failed", grouped(all)),
        size: told(rounds, ROUNDS, "rotations of each"),
    }
}
