//! P-20: whether the time or the text of a refusal tells its reason.

use std::time::{Duration, Instant};

use provisor::auth::secret::{Kind, Secret};
use reqwest::blocking;
use reqwest::header::{COOKIE, SET_COOKIE};

use super::common::driver::{Client, Random};
use super::common::server::Server;
use super::scale::{Outcome, Scale, grouped, told};

const PAIRS: usize = 20_000;
const SIGN_INS: usize = 500;
/// The bars: means may differ by so much, as a share and at most.
const SHARE: f64 = 0.05;
const AT_MOST: Duration = Duration::from_micros(50);
/// The slower half of the times, which measures who else uses the machine, is left out on both sides alike.
const KEPT: f64 = 0.5;
const KNOWN: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";

/// Mean of times, without the slowest.
fn mean(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let kept = &times[..((times.len() as f64 * KEPT) as usize).max(1)];
    kept.iter().sum::<Duration>().as_secs_f64() / kept.len() as f64
}

/// How far the means of some kinds lie apart: as a share of the smallest, and in seconds.
fn spread(names: &[&str], kinds: &mut [Vec<Duration>]) -> (f64, f64) {
    let means: Vec<f64> = kinds.iter_mut().map(|times| mean(times)).collect();
    for (name, mean) in names.iter().zip(&means) {
        eprintln!("{name}: {:.1} µs", mean * 1e6);
    }
    let least = means.iter().copied().fold(f64::INFINITY, f64::min);
    let most = means.iter().copied().fold(0.0, f64::max);
    (most / least - 1.0, most - least)
}

/// A token with another secret behind the same id, and a checksum that fits.
fn with_another_secret(token: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let other = Secret::generate(Kind::HeaderToken).unwrap();
    let head = format!("{}{}", &token[..18], &other.reveal()[18..61]);
    let mut rest = crc32fast::hash(head.as_bytes());
    let mut checksum = [b'0'; 6];
    for digit in checksum.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    format!("{head}{}", String::from_utf8_lossy(&checksum))
}

/// Measures refusals of tokens. What is refused is not remembered, so that each is looked up.
fn tokens(server: &Server, pairs: usize) -> (bool, f64, f64) {
    let revoked = server.new_token("revoked");
    server.command(&["token", "revoke", &revoked[6..18]]);
    let unknown = Secret::generate(Kind::HeaderToken).unwrap().reveal().to_owned();
    let candidates = [unknown, with_another_secret(&server.token), revoked];
    let mut clients = candidates.each_ref().map(|token| Client::with(server, token));
    let mut kinds = vec![Vec::new(); candidates.len()];
    let mut bodies = Vec::new();
    let mut random = Random::new(7);
    for _ in 0..pairs {
        // In any order, so that none has the advantage of its place.
        let first = random.below(candidates.len());
        for turn in 0..candidates.len() {
            let kind = (first + turn) % candidates.len();
            let begun = Instant::now();
            let (status, body) = clients[kind].send("GET", "/Users?count=0", "");
            kinds[kind].push(begun.elapsed());
            assert_eq!(status, 401);
            if !bodies.contains(&body.to_vec()) {
                bodies.push(body.to_vec());
            }
        }
    }
    let (share, seconds) = spread(&["unknown", "wrong", "revoked"], &mut kinds);
    (bodies.len() == 1, share, seconds)
}

/// Posts the form for signing in, and measures the answer alone.
fn sign_in(http: &blocking::Client, server: &Server, email: &str) -> (Duration, String) {
    let page = http.get(server.url("/admin/login")).send().unwrap();
    let cookies = page.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
    let cookies: Vec<String> = cookies.map(|cookie| cookie.split(';').next().unwrap().to_owned()).collect();
    let text = page.text().unwrap();
    let token = text.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("form_token", token), ("email", email), ("password", "wrong horse battery")])
        .finish();
    let request = http.post(server.url("/admin/login")).header(COOKIE, cookies.join("; "));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form);
    let begun = Instant::now();
    let answer = request.send().unwrap();
    let took = begun.elapsed();
    assert_eq!(answer.status(), 422);
    // What is said of the attempt, without what belongs to the request.
    let said = answer.text().unwrap();
    let said =
        said.lines().filter(|line| !line.contains("form_token") && !line.contains("request")).collect::<Vec<_>>();
    (took, said.join("\n").replace(email, "EMAIL"))
}

/// Measures refusals of people.
fn sign_ins(server: &Server, pairs: usize) -> (bool, f64) {
    let file = server.data_dir().with_extension("password");
    std::fs::write(&file, PASSWORD).unwrap();
    server.command(&["admin", "create", KNOWN, "--password-file", file.to_str().unwrap()]);
    std::fs::remove_file(file).unwrap();
    let http = blocking::Client::new();
    let mut kinds = vec![Vec::new(), Vec::new()];
    let mut texts = Vec::new();
    for pair in 0..pairs {
        server.sql("DELETE FROM throttles");
        for turn in 0..2 {
            let kind = (pair + turn) % 2;
            let (took, text) = sign_in(&http, server, [KNOWN, "bob@example.com"][kind]);
            kinds[kind].push(took);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    (texts.len() == 1, spread(&["known", "unknown"], &mut kinds).0)
}

/// Measures.
pub fn run(scale: Scale) -> Outcome {
    let (pairs, people) = (scale.of(PAIRS, 4_000), scale.of(SIGN_INS, 100));
    let server = Server::start();
    let (same_body, share, seconds) = tokens(&server, pairs);
    let (same_text, people_share) = sign_ins(&server, people);
    let outcome = Outcome {
        held: same_body && same_text && share < SHARE && seconds < AT_MOST.as_secs_f64() && people_share < SHARE,
        measured: format!(
            "tokens: {}, means {:.1} % and {:.1} µs apart; accounts: {}, means {:.1} % apart ({} pairs)",
            if same_body { "one body" } else { "bodies differ" },
            share * 100.0,
            seconds * 1e6,
            if same_text { "one page" } else { "pages differ" },
            people_share * 100.0,
            grouped(people)
        ),
        size: told(pairs, PAIRS, "pairs"),
    };
    server.stop();
    outcome
}
