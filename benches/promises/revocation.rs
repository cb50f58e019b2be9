//! P-21: what is revoked ends on every instance.

use std::thread;
use std::time::{Duration, Instant};

use reqwest::blocking;

use super::common::driver::Client;
use super::common::server::{Launch, Server};
use super::oauth::OAuthClient;
use super::scale::{Outcome, Scale, told};

const ROUNDS: usize = 100;
const BAR: Duration = Duration::from_secs(1);
/// After which it is not waited any longer.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);

/// How long it takes until every server refuses a token, from the moment that its end is asked for.
fn time_until_refused(servers: &[Server], token: &str, revoke: impl FnOnce()) -> Duration {
    let mut clients: Vec<Client> = servers.iter().map(|server| Client::with(server, token)).collect();
    let mut statuses =
        || clients.iter_mut().map(|client| client.send("GET", "/Users?count=0", "").0).collect::<Vec<_>>();
    assert!(statuses().iter().all(|status| *status == 200));
    let begun = Instant::now();
    revoke();
    while statuses().iter().any(|status| *status != 401) {
        assert!(begun.elapsed() < PATIENCE, "the token goes on working");
        thread::sleep(LOOK);
    }
    begun.elapsed()
}

/// Measures.
pub fn run(scale: Scale) -> Outcome {
    let rounds = scale.of(ROUNDS, 10);
    // The tokens name the one URL under which both are reached.
    let url = "https://scim.example.com";
    let first = Launch::new("revocation").with(&["--public-url", url]).start();
    let second = Launch::beside(&first, "second").with(&["--public-url", url]).start();
    let client = OAuthClient::create(&first, "script");
    let servers = [first, second];
    let http = blocking::Client::builder().build().unwrap();
    let (mut header, mut access) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let token = servers[0].new_token(&format!("round-{round}"));
        header.push(time_until_refused(&servers, &token, || {
            servers[0].sql(&format!("UPDATE header_tokens SET revoked_at = now() WHERE id = '{}'", &token[6..18]));
        }));
        let request = |server: &Server, path: &str, body: String| {
            // As the proxy in front of both would send it.
            let answer = client.form(&http, server, path, body).header("X-Forwarded-Proto", "https").send().unwrap();
            assert!(answer.status().is_success(), "{}", answer.text().unwrap());
            answer
        };
        let granted = request(&servers[round % 2], "/oauth/token", "grant_type=client_credentials".into());
        let granted: serde_json::Value = granted.json().unwrap();
        let token = granted["access_token"].as_str().unwrap().to_owned();
        access.push(time_until_refused(&servers, &token, || {
            request(&servers[0], "/oauth/revoke", format!("token={token}"));
        }));
    }
    let longest = |times: &[Duration]| times.iter().max().unwrap().as_secs_f64();
    let (header, access) = (longest(&header), longest(&access));
    let [first, second] = servers;
    second.stop();
    first.stop();
    Outcome {
        held: header.max(access) <= BAR.as_secs_f64(),
        measured: format!("refused by both after {header:.2} s (header token), {access:.2} s (access token) at most"),
        size: told(rounds, ROUNDS, "rounds of each"),
    }
}
