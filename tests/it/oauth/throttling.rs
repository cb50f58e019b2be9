//! Guessing is slow (O6749-2.3.1-4).

use super::*;
use crate::support::{ServerProcess, TemporaryDirectory, process};

const WRONG: &str = "pvr_s_000000000000000000000000000000000000000000000000000000000000000";

fn guess(endpoints: &Endpoints, id: &str) -> Answer {
    endpoints.token(&[("grant_type", "client_credentials"), ("client_id", id), ("client_secret", WRONG)])
}

fn assert_throttled(answer: &Answer) {
    assert_oauth_error(answer, 429, "temporarily_unavailable");
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&seconds), "{seconds}");
}

#[test]
fn after_ten_failures_whoever_fails_on_waits_and_who_is_right_does_not() {
    let tenant = tenant();
    let (client, other) = (client(tenant.id, &script()), client(tenant.id, &script()));
    let endpoints = Endpoints::shared();
    for attempt in 0..10 {
        assert_eq!(client.ask(&endpoints).status, 200, "{attempt}");
        assert_oauth_error(&guess(&endpoints, &client.id), 401, "invalid_client");
    }
    let wrong = [("client_id", client.id.as_str()), ("client_secret", WRONG), ("token", "x")];
    assert_throttled(&guess(&endpoints, &client.id));
    assert_throttled(&endpoints.post("/revoke", &wrong));
    assert_throttled(&endpoints.post("/introspect", &wrong));
    // Nobody locks a company out by failing in its name, be it from the same address.
    assert_eq!(client.ask(&endpoints).status, 200);
    assert_oauth_error(&guess(&endpoints, &other.id), 401, "invalid_client");
    assert_oauth_error(&guess(&Endpoints::shared(), &client.id), 401, "invalid_client");
    eventually("the throttled attempt in the audit log", || {
        let rows = audited(&tenant, "client.refused");
        let throttled =
            rows.iter().any(|row| row.detail.as_ref().is_some_and(|why| why.starts_with("too many failed")));
        throttled.then_some(())
    });
    // The wait comes to its end.
    let subject = format!("client {}%", client.id);
    change(&format!("UPDATE throttles SET last_failed_at = now() - interval '1 hour' WHERE subject LIKE '{subject}'"));
    assert_oauth_error(&guess(&endpoints, &client.id), 401, "invalid_client");
}

#[test]
fn guessing_ids_is_slow_as_well() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    for number in 0..20 {
        assert_oauth_error(&guess(&endpoints, &format!("client_{number:032x}")), 401, "invalid_client");
    }
    let invented = "client_ffffffffffffffffffffffffffffffff";
    assert_throttled(&guess(&endpoints, invented));
    assert_throttled(&guess(&endpoints, &client.id));
    // A flood of invented ids is one entry: the first is there when the second is.
    let count = |target: &str| {
        let found = "SELECT count(*) AS number FROM audit_events WHERE detail LIKE 'too many failed%' AND target_id";
        database::number(&format!("{found} = '{target}'"))
    };
    eventually("the throttled client in the audit log", || (count(&client.id) > 0).then_some(()));
    assert_eq!(count(invented), 0);
    assert_eq!(client.ask(&endpoints).status, 200);
}

#[test]
fn ids_that_nobody_can_have_count_together() {
    let endpoints = Endpoints::shared();
    for number in 0..10 {
        let id = format!("{number}{}", "x".repeat(5_000));
        assert_oauth_error(&guess(&endpoints, &id), 401, "invalid_client");
    }
    assert_throttled(&guess(&endpoints, "another"));
}

#[test]
fn the_count_holds_over_two_servers_and_a_restart() {
    let directory = TemporaryDirectory::new("throttle");
    let first = ServerProcess::start(&directory);
    let database = database::url(&directory, "provisor");
    let key = directory.join("master.key");
    let beside = TemporaryDirectory::new("beside");
    let arguments = ["--database-url", &database, "--master-key-file", key.to_str().unwrap()];
    let second = ServerProcess::start_with(&beside, &arguments);
    let made = process::run_json(&directory, &["client", "create", "script"]);
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let endpoints = Endpoints::of(&first.url);
    let ask = |url: &str, secret: &str| {
        let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        endpoints.at(url).token(&form)
    };
    for attempt in 0..12 {
        let url = if attempt % 2 == 0 { &first.url } else { &second.url };
        let status = ask(url, WRONG).status;
        assert_eq!(status, if attempt < 10 { 401 } else { 429 }, "{attempt}");
    }
    // The last failures make the wait so long that a restart fits in.
    let longer = "UPDATE throttles SET failures = 16";
    database::execute(&mut database::connect(&directory, "provisor"), longer);
    assert_throttled(&ask(&second.url, WRONG));
    assert!(second.stop());
    let second = ServerProcess::start_with(&beside, &arguments);
    assert_throttled(&ask(&second.url, WRONG));
    assert_eq!(ask(&second.url, secret).status, 200);
    assert!(second.stop() && first.stop());
}
