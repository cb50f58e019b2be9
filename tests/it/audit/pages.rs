//! What the pages say of a broken chain, and what a large export costs.

use std::fs;

use provisor::chain::Verification;
use provisor::http::scim::{EXPORTS, LARGE_REPLIES};
use serde_json::json;
use uuid::Uuid;

use super::{Server, entries, large_entries, sealed, value};
use crate::support::process::{run, run_json};
use crate::support::{Browser, Client, GROUP, database, eventually, minimal};

const PASSWORD: &str = "correct horse battery";

/// Somebody who is signed in to the server, an operator.
fn signed_in(server: &Server) -> Browser {
    let password = server.data.join("password");
    fs::write(&password, PASSWORD).unwrap();
    let made =
        run(&server.data, &["admin", "create", "ada@example.com", "--password-file", password.to_str().unwrap()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut browser = Browser::new(&server.process.url);
    browser.sign_in("ada@example.com", PASSWORD);
    browser
}

fn token_client(server: &Server) -> Client {
    let token = run_json(&server.data, &["token", "create", "okta"]);
    Client::new(&server.process.url, &format!("Bearer {}", token["token"].as_str().unwrap()))
}

fn default_tenant(server: &Server) -> Uuid {
    value(&mut server.database(), "SELECT id::text AS value FROM tenants WHERE name = 'default'").parse().unwrap()
}

#[test]
fn the_pages_name_the_broken_entry_until_it_is_mended() {
    let server = Server::start();
    let mut browser = signed_in(&server);
    let mut pg = server.database();
    let tenant = default_tenant(&server);
    database::execute(&mut pg, &entries(tenant, 20));
    sealed(&mut pg);
    let seven = format!("(SELECT event_id FROM audit_seals WHERE tenant_id = '{tenant}' AND seq = 7)");
    let change = |to: &str| {
        format!(
            "ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only;
             UPDATE audit_events SET target_type = '{to}' WHERE tenant_id = '{tenant}' AND id = {seven};
             ALTER TABLE audit_events ENABLE ALWAYS TRIGGER audit_events_append_only;"
        )
    };
    let mut verify = |pg: &mut diesel::PgConnection| {
        let form = browser.open("/admin/audit/verify").form("/admin/audit/verify");
        assert_eq!(browser.post(&form).status, 303);
        let cell = std::cell::RefCell::new(pg);
        let asked = format!("SELECT count(asked_at)::text AS value FROM audit_chains WHERE tenant_id = '{tenant}'");
        eventually("the verification", || (value(&mut cell.borrow_mut(), &asked) == "0").then_some(()));
        (browser.open("/admin/audit"), browser.open("/admin/audit/verify"))
    };
    database::execute(&mut pg, &change("Group"));
    let (list, page) = verify(&mut pg);
    assert!(list.says("Chain broken at #7"), "{}", list.text);
    assert!(page.says("The entry is not as it was sealed") && page.says("What to do"), "{}", page.text);
    let event = value(&mut pg, &format!("SELECT {seven}::text AS value"));
    assert!(page.says(&format!("/admin/audit/{event}")));
    database::execute(&mut pg, &change("User"));
    assert!(verify(&mut pg).0.says("Chain verified"));
    database::execute(&mut pg, "UPDATE audit_chains SET complete_at = now() - interval '25 hours', scanned_at = now()");
    assert!(browser.open("/admin/audit").says("Chain not verified for 24 hours"));
}

#[test]
fn a_state_that_no_server_leaves_is_not_taken_for_a_verification() {
    let server = Server::start();
    let mut browser = signed_in(&server);
    let mut pg = server.database();
    let tenant = default_tenant(&server);
    database::execute(&mut pg, &entries(tenant, 20));
    sealed(&mut pg);
    // A server says that it is at it, so that none mends the state meanwhile.
    let state = |changes: &str| {
        format!(
            "UPDATE audit_chains SET complete_at = now(), checked_seq = seq, checked_at = now(), asked_at = NULL, scanned_at = now(), \
             scanned_seq = 0, breaks = 0 WHERE tenant_id = '{tenant}'; UPDATE audit_chains SET {changes} WHERE tenant_id = '{tenant}'"
        )
    };
    for changes in [
        "complete_at = now() + interval '1 day'",
        "complete_at = 'infinity'",
        "checked_at = now() + interval '1 day'",
        "checked_at = 'infinity'",
        "asked_at = now() + interval '1 day'",
        "asked_at = 'infinity'",
        "checked_seq = seq + 1",
        "scanned_seq = seq + 1",
        "breaks = -1",
    ] {
        database::execute(&mut pg, &state("breaks = 0"));
        assert!(browser.open("/admin/audit").says("Chain verified"), "{}", browser.page.text);
        database::execute(&mut pg, &state(changes));
        let list = browser.open("/admin/audit");
        assert!(list.says("Chain not verified: its state was changed") && !list.says("Chain verified"), "{changes}");
        let page = browser.open("/admin/audit/verify");
        assert!(page.says("cannot be: it lies in the future") && page.says("What to do"), "{changes}: {}", page.text);
    }
    // A time before all times is one at which nothing was verified.
    for column in ["complete_at", "checked_at", "asked_at"] {
        database::execute(&mut pg, &state(&format!("{column} = '-infinity'")));
        for page in ["/admin", "/admin/audit", "/admin/audit/verify"] {
            assert_eq!(browser.open(page).status, 200, "{column}: {page}");
        }
        let says_so = browser.open("/admin/audit").says("Chain not verified for 24 hours");
        assert_eq!(says_so, column == "complete_at", "{column}");
    }
    // A clock that was wrong is no reason to verify nothing until its time has come.
    database::execute(
        &mut pg,
        &state("complete_at = 'infinity', scanned_at = now() + interval '1 day', checked_seq = seq + 5"),
    );
    let cell = std::cell::RefCell::new(pg);
    let mended = format!(
        "SELECT (complete_at <= now() AND scanned_at IS NULL AND checked_seq <= seq)::text AS value FROM audit_chains \
         WHERE tenant_id = '{tenant}'"
    );
    eventually("a verification", || (value(&mut cell.borrow_mut(), &mended) == "true").then_some(()));
    assert!(browser.open("/admin/audit").says("Chain verified"), "{}", browser.page.text);
}

/// Bytes of memory that a process has held at most.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn an_export_of_a_hundred_thousand_entries_takes_no_more_memory_than_a_small_one() {
    let server = Server::start();
    let mut browser = signed_in(&server);
    let mut pg = server.database();
    let tenant = default_tenant(&server);
    database::execute(&mut pg, "SET statement_timeout = 0");
    database::execute(&mut pg, &entries(tenant, 100));
    sealed(&mut pg);
    let mut export = || {
        let form = browser.open("/admin/audit").form("/admin/audit/export.jsonl");
        browser.post(&form).text
    };
    export();
    database::execute(&mut pg, &entries(tenant, 100_000));
    sealed(&mut pg);
    // The sealer and its check have had their share by now.
    let backend = server.backend();
    assert_eq!(Verification::of(tenant).run(&backend.store, &backend.checkpoint_key).unwrap().breaks, []);
    drop(backend);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let before = peak(server.process.pid());
    let text = export();
    let grown = peak(server.process.pid()) - before;
    assert!(text.lines().count() > 100_100);
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["export"]["complete"], true);
    assert!(text.len() > 30 << 20, "{}", text.len());
    assert!(grown < 16 << 20, "{grown} bytes for {}", text.len());
}

#[test]
fn large_entries_are_sealed_verified_listed_and_exported_a_few_at_a_time() {
    const COUNT: u32 = 100;
    let server = Server::start();
    let mut browser = signed_in(&server);
    let mut pg = server.database();
    let tenant = default_tenant(&server);
    browser.open("/admin/audit");
    database::execute(&mut pg, "SET statement_timeout = 0");
    let before = peak(server.process.pid());
    database::execute(&mut pg, &large_entries(tenant, COUNT));
    sealed(&mut pg);
    let parts =
        format!("SELECT count(DISTINCT xmin::text)::text AS value FROM audit_seals WHERE tenant_id = '{tenant}'");
    assert!(value(&mut pg, &parts).parse::<u32>().unwrap() > COUNT / 4, "they are sealed in one transaction");
    let form = browser.open("/admin/audit/verify").form("/admin/audit/verify");
    assert_eq!(browser.post(&form).status, 303);
    let asked = format!("SELECT count(asked_at)::text AS value FROM audit_chains WHERE tenant_id = '{tenant}'");
    eventually("the verification", || (value(&mut server.database(), &asked) == "0").then_some(()));
    assert!(browser.open("/admin/audit").says("Chain verified"));
    let form = browser.page.form("/admin/audit/export.jsonl");
    let text = browser.post(&form).text;
    assert!(text.len() > 200 << 20 && text.lines().count() > 100, "{}", text.len());
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["export"]["complete"], true);
    let grown = peak(server.process.pid()) - before;
    assert!(grown < 100 << 20, "{grown} bytes for {}", text.len());

    let backend = server.backend();
    let (mut links, mut batches, mut is_last) = (0, 0, false);
    while !is_last {
        let batch = backend.store.gate(|gate| gate.links(tenant, links, 1_000)).unwrap();
        links = batch.rows.last().unwrap().0.seq;
        (batches, is_last) = (batches + 1, batch.is_last);
    }
    assert!(batches > COUNT / 4 && links > i64::from(COUNT), "{links} links in {batches}");
    let listed = run_json(&server.data, &["audit", "list", "--limit", "10"]);
    assert_eq!(listed.as_array().unwrap().len(), 10);
}

#[test]
fn changes_too_large_for_a_page_are_named_on_it_and_exported_whole() {
    let server = Server::start();
    let mut browser = signed_in(&server);
    let group = token_client(&server).post("/Groups", &json!({"schemas": [GROUP], "displayName": "All"}));
    let group = group.json()["id"].as_str().unwrap().to_owned();
    let mut pg = server.database();
    let tenant = default_tenant(&server);
    // Random digits, so that they are as large when stored.
    let state = |digests: u32| {
        format!(
            "json_build_object('x', (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, {digests})))"
        )
    };
    for (number, digests) in [(1, 1_000), (2, 80_000)] {
        let entry = entries(tenant, 1).replace("'user-' || n", &format!("'{group}'"));
        let entry = entry.replace("json_build_object('active', false, 'n', n)", &state(digests));
        database::execute(&mut pg, &entry.replace("'request-' || n", &format!("'request-{number}'")));
    }
    browser.open(&format!("/admin/groups/{group}/history"));
    assert_eq!(browser.page.text.matches("too large for a page").count(), 1, "{}", browser.page.text);
    assert!(browser.page.says("Resource created"), "{}", browser.page.text);
    assert!(browser.page.text.len() < 100_000, "{}", browser.page.text.len());

    let heavy = value(&mut pg, "SELECT id::text AS value FROM audit_events WHERE request_id = 'request-2'");
    assert!(browser.open(&format!("/admin/audit/{heavy}")).says("too large for a page"));
    let light = value(&mut pg, "SELECT id::text AS value FROM audit_events WHERE request_id = 'request-1'");
    assert!(!browser.open(&format!("/admin/audit/{light}")).says("too large for a page"));
    let form = browser.open(&format!("/admin/audit?target={group}")).form("/admin/audit/export.jsonl");
    assert!(browser.post(&form).text.len() > 80_000 * 32);
}

#[test]
fn exports_that_nobody_reads_do_not_stop_large_replies() {
    let server = Server::start();
    let mut browser = signed_in(&server);
    let client = token_client(&server);
    for number in 0..8 {
        let mut user = minimal(&format!("large-{number}"));
        user["displayName"] = "x".repeat(200_000).into();
        assert_eq!(client.post("/Users?attributes=id", &user).status, 201);
    }
    let mut pg = server.database();
    database::execute(&mut pg, "SET statement_timeout = 0");
    database::execute(&mut pg, &large_entries(default_tenant(&server), 30));
    let form = browser.open("/admin/audit").form("/admin/audit/export.jsonl");
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
    let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let export = || {
        let request = reqwest::blocking::Client::new().post(format!("{}{}", server.process.url, form.action));
        let request = request.header("Cookie", cookies.join("; ")).body(body.clone());
        request.header("Content-Type", "application/x-www-form-urlencoded").send().unwrap()
    };
    // Each is kept, and nobody reads it.
    let answers: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..LARGE_REPLIES).map(|_| scope.spawn(export)).collect();
        started.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    let under_way = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!(under_way, EXPORTS);
    assert!(answers.iter().all(|answer| answer.status() == 200 || answer.status() == 503));
    let users = client.get("/Users?count=8");
    assert_eq!((users.status, users.text.len() > 1 << 20), (200, true), "{}", &users.text[..users.text.len().min(500)]);
}
