//! Guessing is slow, and nobody is locked out. On servers of their own, because the address counts as well.

use provisor::auth::role::Role;

use super::{is_signed_in, texts};
use crate::support::people::{PASSWORD, somebody};
use crate::support::process::{ServerProcess, TemporaryDirectory};
use crate::support::{Browser, database, measured, shared, tenant};

const EMAIL: &str = "ada@example.com";

fn create(data_dir: &std::path::Path, email: &str) {
    let file = data_dir.with_extension("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let file_name = file.to_str().unwrap();
    crate::support::process::run_json(data_dir, &["admin", "create", email, "--password-file", file_name]);
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
    create(&data_dir, EMAIL);
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
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).heading(), "Overview");
    let failures = "SELECT failures::text AS value FROM throttles WHERE subject = 'account ada@example.com'";
    assert_eq!(texts(&data_dir, failures), ["0"]);
    guesses_by_a_session_are_counted(&mut browser, &execute);
}

/// Whoever holds somebody's session shall not find out the password.
fn guesses_by_a_session_are_counted(browser: &mut Browser, execute: &impl Fn(&str)) {
    let form = browser.open("/admin/account").form("/admin/account/password").with("password", "another horse battery");
    // The browser is known by now; then it loses its cookie.
    for subject in ["device %", "account ada@example.com"] {
        assert_eq!(browser.post(&form.clone().with("present", "wrong horse battery")).status, 422);
        execute(&format!("UPDATE throttles SET failures = 9, last_failed_at = now() WHERE subject LIKE '{subject}'"));
        let page = browser.post(&form.clone().with("present", PASSWORD));
        assert!(page.status == 429 && page.header("retry-after").is_some(), "{}", page.text);
        browser.cookies.remove("device");
    }
}

/// Fails in somebody's name in this browser until attempts are not looked at.
fn fail_on_and_on(browser: &mut Browser) {
    let pages: Vec<u16> = (0..8).map(|_| browser.sign_in(EMAIL, "wrong horse battery").status).collect();
    assert!(pages[..5] == [422; 5] && pages[7] == 429, "{pages:?}");
}

/// A browser in which somebody has signed in, and out again.
fn known(url: &str, email: &str) -> Browser {
    let mut browser = Browser::new(url);
    assert_eq!(browser.sign_in(email, PASSWORD).heading(), "Overview");
    browser.post(&browser.page.form("/admin/logout"));
    browser
}

#[test]
fn a_stranger_who_fails_on_and_on_does_not_hold_up_the_owner_in_a_known_browser() {
    let data_dir = TemporaryDirectory::new("throttle");
    let server = ServerProcess::start(&data_dir);
    create(&data_dir, EMAIL);
    let mut browser = known(&server.url, EMAIL);
    let device = browser.cookies["device"].clone();
    fail_on_and_on(&mut Browser::new(&server.url));
    // Nor do others in the same network hold up the owner.
    let execute = |statement: &str| database::execute(&mut database::connect(&data_dir, "provisor"), statement);
    execute("UPDATE throttles SET failures = 30, last_failed_at = now()");
    // A mistake is nothing yet, and any case of the address will do.
    assert_eq!(browser.sign_in(EMAIL, "wrong horse battery").status, 422);
    assert_eq!(browser.sign_in("ADA@example.com", PASSWORD).heading(), "Overview");
    assert_eq!(browser.cookies["device"], device);
    // The stranger goes on waiting, and the failures in the known browser are forgotten.
    assert_eq!(try_it(&server.url, EMAIL, PASSWORD).0, 429);
    let counts = "SELECT left(subject, 7) || ' ' || failures AS value FROM throttles ORDER BY 1";
    assert_eq!(texts(&data_dir, counts), ["account 30", "address 30", "device  0"]);
}

#[test]
fn what_a_browser_is_known_by_is_good_for_one_account_and_cannot_be_made_up() {
    let data_dir = TemporaryDirectory::new("throttle");
    let server = ServerProcess::start(&data_dir);
    for email in [EMAIL, "grace@example.com"] {
        create(&data_dir, email);
    }
    let ada = known(&server.url, EMAIL).cookies["device"].clone();
    let grace = known(&server.url, "grace@example.com").cookies["device"].clone();
    fail_on_and_on(&mut Browser::new(&server.url));
    let execute = |statement: &str| database::execute(&mut database::connect(&data_dir, "provisor"), statement);
    execute("UPDATE throttles SET failures = 30, last_failed_at = now() WHERE subject = 'account ada@example.com'");
    let forged = "A".repeat(ada.len());
    // The name of a browser, with another stamp before it, or with none.
    let (stamp, name) = ada.split_at(ada.len() - 20);
    let spliced = format!("{}{name}", &grace[..stamp.len()]);
    let sign_in = |device: &str| {
        let mut browser = Browser::new(&server.url);
        browser.cookies.insert("device".into(), device.to_owned());
        browser.sign_in(EMAIL, PASSWORD).status
    };
    for device in [grace.as_str(), &forged, &spliced, name, "", "\"\""] {
        assert_eq!(sign_in(device), 429, "{device}");
    }
    assert_eq!(sign_in(&ada), 200);
}

#[test]
fn guesses_in_a_known_browser_are_counted_for_it_alone() {
    let data_dir = TemporaryDirectory::new("throttle");
    let server = ServerProcess::start(&data_dir);
    create(&data_dir, EMAIL);
    let (mut one, mut other) = (known(&server.url, EMAIL), known(&server.url, EMAIL));
    assert_ne!(one.cookies["device"], other.cookies["device"]);
    fail_on_and_on(&mut one);
    let execute = |statement: &str| database::execute(&mut database::connect(&data_dir, "provisor"), statement);
    execute("UPDATE throttles SET last_failed_at = now() WHERE subject LIKE 'device %'");
    assert_eq!(one.sign_in(EMAIL, PASSWORD).status, 429);
    assert_eq!(other.sign_in(EMAIL, PASSWORD).heading(), "Overview");
    assert_eq!(try_it(&server.url, EMAIL, PASSWORD).0, 200);
}

#[test]
fn the_cookie_of_a_known_browser_signs_nobody_in_and_stays_for_a_year() {
    let person = somebody(tenant().id, Role::Owner);
    let mut browser = Browser::new(&shared().url);
    browser.open("/admin/login");
    assert!(!browser.cookies.contains_key("device"));
    let form = browser.page.form("/admin/login").with("email", &person.email);
    browser.post(&form.clone().with("password", "wrong horse battery"));
    assert!(!browser.cookies.contains_key("device"));
    let page = browser.post(&form.with("password", PASSWORD));
    let cookies: Vec<&str> = page.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    let (value, attributes) = cookies[1].strip_prefix("device=").unwrap().split_once("; ").unwrap();
    assert_eq!(attributes, "Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax");
    let mut holder = Browser::new(&shared().url);
    for name in ["device", "sid"] {
        holder.cookies.insert(name.into(), value.to_owned());
        assert!(!is_signed_in(&mut holder));
    }
}

#[test]
fn many_accounts_from_one_address_wait_after_twenty_attempts() {
    let data_dir = TemporaryDirectory::new("throttle");
    let server = ServerProcess::start(&data_dir);
    create(&data_dir, EMAIL);
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
    create(&data_dir, EMAIL);
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

/// A guesser with an address for each try, against one account for an hour. The hour passes in the database, not on the clock.
#[test]
fn nobody_has_more_than_thirty_tries_an_hour_and_the_owner_is_in_within_a_quarter() {
    const HOUR: u32 = 3_600;
    const TRIES: usize = 30;
    const LONGEST_WAIT: u32 = 900;
    let data_dir = TemporaryDirectory::new("throttle");
    let server = ServerProcess::start_with(&data_dir, &["--trusted-proxies", "127.0.0.1"]);
    create(&data_dir, EMAIL);
    let mut pg = database::connect(&data_dir, "provisor");
    let mut pass = |seconds: u32| {
        let statement = format!("UPDATE throttles SET last_failed_at = last_failed_at - interval '{seconds} seconds'");
        database::execute(&mut pg, &statement);
    };
    let attempt = |address: &str, password: &str| {
        let page = Browser::new(&server.url).sending("x-forwarded-for", address).sign_in(EMAIL, password);
        (page.status, page.header("retry-after").map_or(0, |seconds| seconds.parse::<u32>().unwrap()))
    };
    let (mut elapsed, mut tries) = (0, 0);
    for number in 0.. {
        let (status, seconds) = attempt(&format!("198.51.{}.{}", number / 250, number % 250), "wrong horse battery");
        match status {
            422 => tries += 1,
            _ => assert_eq!(status, 429),
        }
        if elapsed + seconds > HOUR {
            break;
        }
        elapsed += seconds;
        pass(seconds);
    }
    assert!((10..=TRIES).contains(&tries), "{tries}");
    // The owner, in a browser that is not known, right after the last try.
    let (status, seconds) = attempt("203.0.113.9", PASSWORD);
    assert!(status == 429 && seconds <= LONGEST_WAIT, "{status} {seconds}");
    pass(seconds);
    assert_eq!(attempt("203.0.113.9", PASSWORD).0, 200);
    measured(&format!("{tries} tries in an hour from as many addresses, then the owner waits {seconds} s"));
}
