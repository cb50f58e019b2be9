//! The keys: how they come, take over and go, and that no call notices.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::PgConnection;
use provisor::id::TenantId;

use super::*;
use crate::support::process::{install, run, run_json};
use crate::support::{ServerProcess, TemporaryDirectory, database};

const PUBLIC_URL: &str = "https://scim.example.com";

/// A server of its own, with the forge of its tokens.
fn server(data_dir: &TemporaryDirectory) -> (ServerProcess, Forge) {
    let server = ServerProcess::start_with(data_dir, &["--public-url", PUBLIC_URL]);
    let mut forge = Forge::of(&server.url, data_dir);
    forge.issuer = PUBLIC_URL.into();
    (server, forge)
}

/// Two servers on one database, reached under one URL, with the forge of their tokens.
pub(super) fn pair(data_dir: &TemporaryDirectory, second: &TemporaryDirectory) -> ([ServerProcess; 2], Forge) {
    let (one, forge) = server(data_dir);
    let key = data_dir.join("master.key");
    let url = database::url(data_dir, "provisor");
    let arguments = ["--database-url", &url, "--master-key-file", key.to_str().unwrap(), "--public-url", PUBLIC_URL];
    ([one, ServerProcess::start_with(second, &arguments)], forge)
}

/// The tenant that is there from the beginning.
pub(super) fn default_tenant(data_dir: &TemporaryDirectory) -> TenantId {
    let listed = run_json(data_dir, &["tenant", "list"]);
    TenantId(listed[0]["id"].as_str().unwrap().parse().unwrap())
}

/// The keys as the command line lists them: id and state.
fn listed(data_dir: &TemporaryDirectory) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keys = run_json(data_dir, &["key", "list"]);
    keys.as_array().unwrap().iter().map(|key| (text(&key["kid"]), text(&key["state"]))).collect()
}

fn published(url: &str) -> BTreeSet<String> {
    let keys: Value = reqwest::blocking::get(format!("{url}/.well-known/jwks.json")).unwrap().json().unwrap();
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn keys_take_over_one_after_the_other_and_a_removed_one_is_worth_nothing() {
    let data_dir = TemporaryDirectory::new("keys");
    let (server, forge) = server(&data_dir);
    let tenant = default_tenant(&data_dir);
    let claims = forge.claims(tenant, &forge.client(tenant));
    let works = |token: &str| forge.bearer(token).get("/Users?count=0").status == 200;
    let states = |listed: &[(String, String)]| listed.iter().map(|key| key.1.clone()).collect::<Vec<_>>();
    let kid_of = |listed: &[(String, String)], state: &str| {
        listed.iter().find(|key| key.1 == state).map(|key| key.0.clone()).unwrap()
    };

    let first = listed(&data_dir);
    assert_eq!(states(&first).into_iter().collect::<BTreeSet<_>>(), ["current", "next"].map(str::to_owned).into());
    let (one, two) = (kid_of(&first, "current"), kid_of(&first, "next"));
    let by_one = forge.token(&claims);
    assert_eq!(forge.header()["kid"], one.as_str());
    assert!(works(&by_one));

    // The next one is published before it signs; the one before still verifies.
    assert_eq!(published(&server.url), [one.clone(), two.clone()].into());
    // Others may keep the key set for five minutes.
    let early = run(&data_dir, &["key", "rotate"]);
    assert!(!early.status.success() && String::from_utf8_lossy(&early.stderr).contains("--now"));
    let rotated = run_json(&data_dir, &["key", "rotate", "--now"]);
    assert_eq!(rotated["current"], two.as_str());
    let three = rotated["next"].as_str().unwrap().to_owned();
    let by_two = forge.token(&claims);
    assert_eq!(forge.header()["kid"], two.as_str());
    assert!(works(&by_one) && works(&by_two));
    assert_eq!(kid_of(&listed(&data_dir), "previous"), one);
    eventually("the new key in the key set", || {
        (published(&server.url) == [one.clone(), two.clone(), three.clone()].into()).then_some(())
    });

    // Neither what signs nor what will can be removed, nor what is not there.
    for (kid, says) in [(&two, "is the current or the next one"), (&three, "is the current or the next one")] {
        let output = run(&data_dir, &["key", "remove", kid]);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains(says));
    }
    let output = run(&data_dir, &["key", "remove", "unknown"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no signing key 'unknown'"));
    assert_eq!(listed(&data_dir).len(), 3);

    assert_eq!(run_json(&data_dir, &["key", "remove", &one]), json!({"kid": one, "removed": true}));
    let begun = Instant::now();
    eventually("the refusal of what a removed key signed", || (!works(&by_one)).then_some(()));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(works(&by_two));
    assert!(!published(&server.url).contains(&one));

    let log = run_json(&data_dir, &["audit", "list", "--no-tenant"]);
    let actions: Vec<_> = log.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    for action in ["key.create", "key.rotate", "key.remove"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    assert!(server.stop());
}

/// What is remembered of a token rests on what is remembered of the keys: the one must not begin when the other ends.
#[test]
fn a_removed_key_is_worth_nothing_after_a_second() {
    let data_dir = TemporaryDirectory::new("keys");
    let (server, forge) = server(&data_dir);
    let tenant = default_tenant(&data_dir);
    let client = forge.client(tenant);
    let token = || forge.token(&forge.claims(tenant, &client));
    let works = |token: &str| forge.bearer(token).get("/Users?count=0").status == 200;
    let (first, second) = (token(), token());
    run_json(&data_dir, &["key", "rotate", "--now"]);
    std::thread::sleep(Duration::from_secs(1));
    assert!(works(&first));
    forge.execute("DELETE FROM signing_keys WHERE retired_at IS NOT NULL");
    let removed = Instant::now();
    std::thread::sleep(Duration::from_millis(800));
    // The server may still know the key by now.
    works(&second);
    std::thread::sleep(Duration::from_millis(1_050).saturating_sub(removed.elapsed()));
    assert!(!works(&first) && !works(&second));
    assert!(server.stop());
}

#[test]
fn a_token_that_a_new_key_of_another_server_signed_is_known_and_revoked_at_once() {
    let data_dir = TemporaryDirectory::new("keys");
    let unused = TemporaryDirectory::new("keys-2");
    let ([one, two], forge) = pair(&data_dir, &unused);
    let made = run_json(&data_dir, &["client", "create", "script"]);
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let post = |path: &str, token: &str| {
        let form = [("client_id", id), ("client_secret", secret), ("token", token)];
        crate::support::oauth::Endpoints::of(&two.url).post(path, &form)
    };
    published(&two.url);
    run_json(&data_dir, &["key", "rotate", "--now"]);
    run_json(&data_dir, &["key", "rotate", "--now"]);
    let token = forge.token(&forge.claims(default_tenant(&data_dir), id));
    assert_eq!(post("/introspect", &token).json()["active"], true);
    published(&two.url);
    run_json(&data_dir, &["key", "rotate", "--now"]);
    run_json(&data_dir, &["key", "rotate", "--now"]);
    let token = forge.token(&forge.claims(default_tenant(&data_dir), id));
    assert_eq!(post("/revoke", &token).status, 200);
    assert_eq!(forge.bearer(&token).get("/Users?count=0").status, 401);
    assert!(two.stop() && one.stop());
}

#[test]
fn keys_are_listed_as_a_table_too() {
    let data_dir = TemporaryDirectory::new("key-list");
    install(&data_dir);
    let print = |arguments: &[&str]| {
        let output = run(&data_dir, arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let printed = print(&["key", "rotate", "--now"]);
    let table = print(&["key", "list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("KID ") && lines[0].ends_with("PUBLISHED UNTIL"), "{table}");
    assert_eq!(lines.len(), 4, "{table}");
    for line in printed.lines() {
        let (state, kid) = line.split_once(' ').unwrap();
        assert!(lines.iter().any(|line| line.contains(kid.trim()) && line.contains(state)), "{printed}{table}");
    }
    let previous = lines.iter().find(|line| line.contains("previous")).unwrap();
    let kid = previous.split(' ').next().unwrap();
    assert_eq!(print(&["key", "remove", kid]), format!("removed signing key {kid}\n"));
    assert!(!print(&["key", "list"]).contains(kid));
}

#[test]
fn no_call_fails_while_keys_rotate_on_another_server() {
    let data_dir = TemporaryDirectory::new("rotation");
    let unused = TemporaryDirectory::new("rotation-2");
    let ([one, two], forge) = pair(&data_dir, &unused);
    let tenant = default_tenant(&data_dir);
    let client = forge.client(tenant);
    let old = forge.token(&forge.claims(tenant, &client));
    let (over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for url in [&one.url, &two.url] {
            let (over, calls, old, forge, client) = (&over, &calls, &old, &forge, &client);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    // Each token is new, and signed with whatever key signs at the moment.
                    let new = forge.token(&forge.claims(tenant, client));
                    for token in [&new, old] {
                        let answer = Client::new(url, &format!("Bearer {token}")).get("/Users?count=0");
                        assert_eq!(answer.status, 200, "{}", answer.text);
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        // Twice in a row, so that a key signs that is younger than what the servers remember.
        for _ in 0..3 {
            run_json(&data_dir, &["key", "rotate", "--now"]);
            run_json(&data_dir, &["key", "rotate", "--now"]);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(calls.load(Ordering::Relaxed) > 20, "{calls:?}");
    assert_eq!(listed(&data_dir).len(), 8);
    assert!(two.stop() && one.stop());
}

#[test]
fn private_keys_are_sealed_in_the_database_and_absent_from_the_key_set() {
    let answer = reqwest::blocking::get(format!("{}/.well-known/jwks.json", shared().url)).unwrap();
    assert_eq!(answer.headers()["content-type"], "application/jwk-set+json");
    assert_eq!(answer.headers()["cache-control"], "public, max-age=300");
    let keys: Value = answer.json().unwrap();
    let keys = keys["keys"].as_array().unwrap();
    assert!(keys.len() >= 2);
    for key in keys {
        let names: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), ["alg", "crv", "kid", "kty", "use", "x", "y"].into());
        let fixed = ["kty", "crv", "use", "alg"].map(|name| key[name].as_str().unwrap());
        assert_eq!(fixed, ["EC", "P-256", "sig", "ES256"]);
        assert_eq!(["x", "y", "kid"].map(|name| key[name].as_str().unwrap().len()), [43; 3]);
    }
    assert_eq!(published(&shared().url).len(), keys.len());

    let mut pg: PgConnection = database::connect(&shared().data_dir, "provisor");
    let rows = "SELECT encode(sealed_private_key, 'hex') AS value FROM signing_keys";
    for sealed in database::texts(&mut pg, rows) {
        // What every key in PKCS #8 says of itself: an elliptic curve, and which.
        for mark in ["06072a8648ce3d0201", "06082a8648ce3d030107"] {
            assert!(!sealed.contains(mark));
        }
        // The nonce, some 138 bytes of PKCS #8, and the tag.
        assert!(sealed.len() > 2 * (24 + 120 + 16));
    }
}

#[test]
fn who_has_the_key_set_is_not_sent_it_again() {
    let url = format!("{}/.well-known/jwks.json", shared().url);
    let http = reqwest::blocking::Client::new();
    let first = http.get(&url).send().unwrap();
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let ask = |known: &str| http.get(&url).header("If-None-Match", known).send().unwrap();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let answer = ask(&known);
        assert_eq!((answer.status().as_u16(), answer.headers()["etag"].to_str().unwrap()), (304, &*tag), "{known}");
        assert!(answer.text().unwrap().is_empty());
    }
    for known in ["\"other\"", "nonsense"] {
        assert_eq!(ask(known).status().as_u16(), 200, "{known}");
    }
}

#[test]
fn a_database_that_is_away_makes_no_token_wrong() {
    let data_dir = TemporaryDirectory::new("outage");
    let (server, forge) = server(&data_dir);
    let tenant = default_tenant(&data_dir);
    let client = forge.client(tenant);
    let token = forge.token(&forge.claims(tenant, &client));
    assert_eq!(forge.bearer(&token).get("/Users").status, 200);
    let other = forge.token(&forge.claims(tenant, &client));
    crate::support::process::signal(server.postgres_pid(), crate::support::process::Signal::SIGKILL);
    let answer = forge.bearer(&other).get("/Users");
    assert!([200, 503].contains(&answer.status), "{}", answer.text);
    eventually("the database to be back", || (forge.bearer(&other).get("/Users").status == 200).then_some(()));
    assert!(server.stop());
}
