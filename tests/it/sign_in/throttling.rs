//! Guessing is slow, and nobody is locked out. On servers of their own, because the address counts as well.

use super::texts;
use crate::support::people::PASSWORD;
use crate::support::process::{ServerProcess, TemporaryDirectory};
use crate::support::{Browser, database};

const EMAIL: &str = "ada@example.com";

fn create(data_dir: &std::path::Path) {
    let file = data_dir.with_extension("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let file_name = file.to_str().unwrap();
    crate::support::process::run_json(data_dir, &["admin", "create", EMAIL, "--password-file", file_name]);
    std::fs::remove_file(file).unwrap();
}

fn try_it(url: &str, email: &str, password: &str) -> (u16, Option<u32>) {
    let page = Browser::new(url).sign_in(email, password);
    let seconds = page.header("retry-after").map(|seconds| seconds.parse().unwrap());
    if page.status == 429 {
        assert!(page.says("Too many attempts failed. Try again in "), "{}", page.text);
    }
    (page.status, seconds)
}

#[test]
fn the_sixth_attempt_waits_though_it_is_right_and_over_a_restart() {
    let data_dir = TemporaryDirectory::new("throttle");
    let server = ServerProcess::start(&data_dir);
    create(&data_dir);
    for _ in 0..5 {
        assert_eq!(try_it(&server.url, EMAIL, "wrong horse battery").0, 422);
    }
    let execute = |statement: &str| database::execute(&mut database::connect(&data_dir, "provisor"), statement);
    execute("UPDATE throttles SET failures = 9 WHERE subject = 'account ada@example.com'");
    let (status, seconds) = try_it(&server.url, EMAIL, PASSWORD);
    assert_eq!(status, 429);
    assert!((10..=16).contains(&seconds.unwrap()), "{seconds:?}");
    // Nor does another case of the address help; another account is free.
    assert_eq!(try_it(&server.url, "ADA@example.com", PASSWORD).0, 429);
    assert_eq!(try_it(&server.url, "grace@example.com", PASSWORD).0, 422);
    assert!(server.stop());
    let server = ServerProcess::start(&data_dir);
    assert_eq!(try_it(&server.url, EMAIL, PASSWORD).0, 429);
    // What was refused unseen is not counted, so the wait does not grow.
    execute("UPDATE throttles SET last_failed_at = last_failed_at - interval '16 seconds'");
    let mut browser = Browser::new(&server.url);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).heading(), "Your account");
    let failures = "SELECT failures::text AS value FROM throttles WHERE subject = 'account ada@example.com'";
    assert_eq!(texts(&data_dir, failures), ["0"]);
    guesses_by_a_session_are_counted(&mut browser, &execute);
}

/// Whoever holds somebody's session shall not find out the password.
fn guesses_by_a_session_are_counted(browser: &mut Browser, execute: &impl Fn(&str)) {
    execute("UPDATE throttles SET failures = 9, last_failed_at = now() WHERE subject = 'account ada@example.com'");
    let form = browser.open("/admin").form("/admin/password").with("present", PASSWORD);
    let page = browser.post(&form.with("password", "another horse battery"));
    assert!(page.status == 429 && page.header("retry-after").is_some(), "{}", page.text);
}

#[test]
fn many_accounts_from_one_address_wait_after_twenty_attempts() {
    let data_dir = TemporaryDirectory::new("throttle");
    let server = ServerProcess::start(&data_dir);
    create(&data_dir);
    database::execute(
        &mut database::connect(&data_dir, "provisor"),
        "INSERT INTO throttles VALUES ('address 127.0.0.1', 19, now())",
    );
    assert_eq!(try_it(&server.url, "grace@example.com", PASSWORD).0, 422);
    assert_eq!(try_it(&server.url, EMAIL, PASSWORD).0, 429);
}

#[test]
fn names_that_nobody_can_have_count_together_and_a_flood_leaves_no_trail() {
    let data_dir = TemporaryDirectory::new("throttle");
    let server = ServerProcess::start(&data_dir);
    create(&data_dir);
    let long = format!("{}@example.com", "0123456789abcdef".repeat(500));
    for email in [&long, "a\u{0}b@example.com", "nobody", &long] {
        assert_eq!(try_it(&server.url, email, PASSWORD).0, 422);
    }
    let execute = |statement: &str| database::execute(&mut database::connect(&data_dir, "provisor"), statement);
    execute("UPDATE throttles SET failures = 30, last_failed_at = now() WHERE subject = 'address 127.0.0.1'");
    for number in 0..5 {
        assert_eq!(try_it(&server.url, &format!("{number}@{number}.example"), PASSWORD).0, 429);
    }
    assert_eq!(texts(&data_dir, "SELECT subject AS value FROM throttles ORDER BY 1"), ["account", "address 127.0.0.1"]);
    let refused = "SELECT DISTINCT target_id AS value FROM audit_events WHERE detail LIKE 'too many attempts%'";
    crate::support::eventually("the refusals in the audit log", || {
        let targets = texts(&data_dir, refused);
        (!targets.is_empty()).then(|| assert_eq!(targets, ["(not looked at)"]))
    });
}
