//! Authenticator apps and recovery codes: setting up, signing in, and losing them.

use chrono::{TimeDelta, Utc};
use oauth2::AuthType;
use provisor::auth::administrators;
use provisor::auth::role::Role;
use provisor::auth::second_factor;
use provisor::auth::secret::{Kind, Secret};
use provisor::id::TenantId;
use provisor::store::ClientRow;

use super::signed_in;
use crate::oauth_flow::provider::{CALLBACK, Provider};
use crate::support::browser::{Form, Page};
use crate::support::people::{PASSWORD, Somebody, client, registered, somebody};
use crate::support::process::{ServerProcess, TemporaryDirectory, run, run_json};
use crate::support::totp::{App, begin, codes, set_up};
use crate::support::{Browser, Tenant, database, eventually, operator, shared, tenant};

const NEXT_PASSWORD: &str = "another horse battery";

fn execute(statements: &str) {
    database::execute(&mut database::connect(&shared().data_dir, "provisor"), statements);
}

fn texts(query: &str) -> Vec<String> {
    database::texts(&mut database::connect(&shared().data_dir, "provisor"), query)
}

/// Somebody of a tenant with an app.
fn enrolled(tenant: &Tenant) -> (Somebody, Browser, App, Vec<String>) {
    let person = somebody(tenant.id, Role::Owner);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&person.email, PASSWORD);
    let (app, codes) = set_up(&mut browser);
    (person, browser, app, codes)
}

/// Enters a code on the open page.
fn enter(browser: &mut Browser, code: &str) -> Page {
    browser.post(&browser.page.form("/admin/login/code").with("code", code));
    browser.follow()
}

fn sign_in(email: &str, code: &str) -> (Browser, Page) {
    let mut browser = Browser::new(&shared().url);
    let page = browser.sign_in(email, PASSWORD);
    assert_eq!((page.status, page.heading()), (200, "Enter your code".into()), "{}", page.text);
    let page = enter(&mut browser, code);
    (browser, page)
}

fn is_signed_in(browser: &mut Browser) -> bool {
    browser.open("/admin").heading() == "Overview"
}

#[test]
fn somebody_sets_an_app_up_and_signs_in_by_its_code() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Admin);
    let mut browser = Browser::new(&shared().url);
    let mut other = Browser::new(&shared().url);
    browser.sign_in(&person.email, PASSWORD);
    other.sign_in(&person.email, PASSWORD);
    assert!(browser.open("/admin/account").says("The password alone signs you in."));
    let (app, form) = begin(&mut browser);
    assert_eq!(browser.page.header("cache-control"), Some("no-store"));
    assert!(browser.page.text.contains("role=\"img\"") && browser.page.text.contains("<path fill=\"#000\" d=\"M4 4h7"));
    let stored = format!("SELECT 'x' AS value FROM totp_secrets WHERE administrator_id = '{}'", person.id);
    assert!(texts(&stored).is_empty());
    for wrong in ["", "12345", "abcdef", "000000", "<b>\"&", "\u{0}", &"9".repeat(5_000), "01abc-defgh"] {
        let page = browser.post(&form.clone().with("code", wrong));
        assert!(page.status == 422 && page.says("The code does not fit"), "{wrong}: {}", page.text);
        assert_eq!(App::of(&page).0, app.0);
    }
    assert!(texts(&stored).is_empty());
    let code = app.code(0);
    let before = browser.cookies["sid"].clone();
    let page = browser.post(&form.clone().with("code", &format!(" {} {} ", &code[..3], &code[3..])));
    // Whoever has stolen the cookie has nothing by it any more.
    let mut thief = Browser::new(&shared().url);
    thief.cookies.insert("sid".into(), before.clone());
    assert!(browser.cookies["sid"] != before && !is_signed_in(&mut thief));
    let first = codes(&page);
    assert_eq!(first.iter().collect::<std::collections::HashSet<_>>().len(), 10, "{first:?}");
    // Whoever sends the form twice does not set up another.
    assert_eq!(browser.post(&form.with("code", &code)).heading(), "This form was open too long");
    assert!(
        browser.open("/admin/account").says("Recovery codes left") && browser.page.says("10"),
        "{}",
        browser.page.text
    );
    assert!(!is_signed_in(&mut other));

    // The code that was entered to set it up signs nobody in, nor does one that was used before.
    let (_, page) = sign_in(&person.email, &code);
    assert!(page.status == 422 && page.says("This code is wrong, or was used already."), "{}", page.text);
    let next = app.code(1);
    let mut here = Browser::new(&shared().url);
    here.sign_in(&person.email, PASSWORD);
    let (planted, device) = (here.cookies["sid"].clone(), here.cookies.get("device").cloned());
    assert!(!is_signed_in(&mut here) && device.is_none());
    here.open("/admin/login");
    here.enter(&person.email, PASSWORD);
    assert_eq!(enter(&mut here, &next).heading(), "Overview");
    assert!(here.cookies["sid"] != planted && here.cookies.contains_key("device"));
    assert!(here.open("/admin/account").says("Password and app"));
    assert_eq!(sign_in(&person.email, &next).1.status, 422);

    let audit = tenant.audit();
    let entries: Vec<(&str, String)> = audit
        .iter()
        .filter(|row| row.action.starts_with("second_factor") || row.action == "session.sign_in")
        .map(|row| (row.action.as_str(), row.after.as_ref().map_or_else(String::new, ToString::to_string)))
        .collect();
    let factor = "{\"second_factor\":\"totp\"}".to_owned();
    let plain = ("session.sign_in", String::new());
    assert_eq!(entries, [("session.sign_in", factor.clone()), ("second_factor.set_up", factor), plain.clone(), plain]);
    eventually("the refused codes in the audit log", || {
        let refused = tenant.audit().into_iter().find(|row| row.action == "session.refused")?;
        assert_eq!(refused.target_id, person.id.to_string());
        assert!(refused.detail.unwrap().starts_with("code used already"));
        Some(())
    });
}

#[test]
fn a_recovery_code_signs_in_once_in_any_writing() {
    let tenant = tenant();
    let (person, _, _, codes) = enrolled(&tenant);
    let (mut browser, page) = sign_in(&person.email, &codes[0].to_uppercase().replace('-', " "));
    assert_eq!(page.heading(), "Overview");
    let page = browser.open("/admin/account");
    assert!(page.says("Password and recovery code") && page.says("<dd>9</dd>"), "{}", page.text);
    assert_eq!(tenant.audit()[0].after.as_ref().unwrap().to_string(), "{\"second_factor\":\"recovery_code\"}");
    assert_eq!(sign_in(&person.email, &codes[0]).1.status, 422);
    assert_eq!(sign_in(&person.email, &codes[1]).1.heading(), "Overview");
    // Nor is the code of one person good for another.
    let (other, ..) = enrolled(&tenant);
    assert_eq!(sign_in(&other.email, &codes[2]).1.status, 422);
}

#[test]
fn the_same_code_at_the_same_moment_signs_in_once() {
    let (person, _, app, codes) = enrolled(&tenant());
    for code in [app.code(1), codes[0].clone()] {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (email, code) = (person.email.clone(), code.clone());
                std::thread::spawn(move || is_signed_in(&mut sign_in(&email, &code).0))
            })
            .collect();
        let signed_in: Vec<bool> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(signed_in.iter().filter(|is| **is).count(), 1, "{code}");
    }
}

#[test]
fn codes_are_guessed_slowly_and_the_owner_is_not_held_up_in_a_known_browser() {
    let (person, mut owner, app, codes) = enrolled(&tenant());
    let form = owner.open("/admin/account").form("/admin/logout");
    owner.post(&form);
    let mut stranger = Browser::new(&shared().url);
    stranger.sign_in(&person.email, PASSWORD);
    let pages: Vec<u16> = (0..8).map(|_| enter(&mut stranger, "000000").status).collect();
    assert!(pages[..5] == [422; 5] && pages[7] == 429, "{pages:?}");
    execute(&format!(
        "UPDATE throttles SET failures = 12, last_failed_at = now() WHERE subject = 'code {}'",
        person.id.simple()
    ));
    for right in [app.code(1), codes[0].clone()] {
        let page = enter(&mut stranger, &right);
        assert!(page.status == 429 && page.says("Too many codes were wrong. Try again in 3 minutes."), "{}", page.text);
        assert!(page.header("retry-after").is_some());
    }
    owner.open("/admin/login");
    owner.enter(&person.email, PASSWORD);
    assert_eq!(enter(&mut owner, &app.code(1)).heading(), "Overview");
}

#[test]
fn what_waits_for_the_code_is_of_one_browser_one_password_and_five_minutes() {
    let tenant = tenant();
    let (person, _, app, _) = enrolled(&tenant);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&person.email, PASSWORD);
    let url = browser.page.url.clone();
    let form = browser.page.form("/admin/login/code");
    let begin_again = |page: &Page| page.status == 422 && page.heading() == "Sign in" && page.says("Sign in again.");
    // In another browser the link is nothing.
    let mut other = Browser::new(&shared().url);
    other.open("/admin/login");
    assert!(begin_again(&other.open(&url)));
    let stolen = other.page.form("/admin/login").with("sign_in", form.field("sign_in")).with("code", &app.code(1));
    let page = other.post(&Form { action: "/admin/login/code".into(), ..stolen });
    assert!(begin_again(&page), "{}", page.text);
    for nonsense in ["x", "AAAA", "%00", &"A".repeat(3_000)] {
        assert!(begin_again(&browser.open(&format!("/admin/login/code?sign_in={nonsense}"))));
    }
    assert_eq!(browser.open("/admin/login/code").heading(), "Sign in");
    // Too old.
    let stamped = |minutes| {
        shared().with_backend(|backend| {
            let row = administrators::find(&backend.store, &person.email).unwrap();
            let cookie = Secret::parse(Kind::Session, &browser.cookies["sid"]).unwrap();
            second_factor::stamp_sign_in(&backend.form_key, &cookie, &row, Utc::now() - TimeDelta::minutes(minutes))
        })
    };
    let (old, young) = (stamped(5), stamped(4));
    assert!(begin_again(&browser.open(&format!("/admin/login/code?sign_in={old}"))));
    assert_eq!(browser.open(&format!("/admin/login/code?sign_in={young}")).heading(), "Enter your code");
    // A new password in the meantime.
    shared().with_backend(|backend| {
        let (store, caller) = (&backend.store, operator(tenant.id));
        administrators::set_password(store, &caller, person.id, &person.email, NEXT_PASSWORD, None).unwrap();
    });
    assert!(begin_again(&browser.post(&form.with("code", &app.code(1)))));
    // A disabled account.
    browser.open("/admin/login");
    browser.enter(&person.email, NEXT_PASSWORD);
    let form = browser.page.form("/admin/login/code").with("code", &app.code(1));
    shared().with_backend(|backend| {
        administrators::set_enabled(&backend.store, &operator(tenant.id), person.id, false).unwrap();
    });
    assert!(begin_again(&browser.post(&form)));
    assert!(!is_signed_in(&mut browser));
}

#[test]
fn the_page_that_was_asked_for_and_an_authorization_go_on_through_the_code() {
    let tenant = tenant();
    let (person, mut browser, app, codes) = enrolled(&tenant);
    let form = browser.open("/admin/account").form("/admin/logout");
    browser.post(&form);
    browser.open("/admin/account?x=1");
    browser.enter(&person.email, PASSWORD);
    let page = enter(&mut browser, &app.code(1));
    assert!(page.url.ends_with("/admin/account?x=1"), "{}", page.url);

    let client = registered(ClientRow { redirect_uris: vec![CALLBACK.into()], ..client(tenant.id) });
    let okta = Provider::new(&shared().url, &client.id, "none", AuthType::RequestBody);
    let mut elsewhere = Browser::new(&shared().url);
    elsewhere.open_authorize(okta.authorize(&[]).0.as_str());
    assert_eq!(elsewhere.page.heading(), "Sign in");
    elsewhere.enter(&person.email, PASSWORD);
    assert_eq!(elsewhere.page.heading(), "Enter your code");
    let policy = elsewhere.page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' https://system-admin.okta.com"), "{policy}");
    assert_eq!(enter(&mut elsewhere, "000000").status, 422);
    assert_eq!(enter(&mut elsewhere, &codes[0]).heading(), "Give Acme Okta access?");
    assert!(elsewhere.consent(true).contains("code="));
    assert!(elsewhere.history.iter().all(|url| !url.contains(&codes[0])));
}

#[test]
fn the_password_is_asked_for_before_an_app_is_set_up_unless_it_was_a_moment_ago() {
    let person = somebody(tenant().id, Role::Auditor);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&person.email, PASSWORD);
    assert!(!browser.open("/admin/account/totp").text.contains("name=\"present\""));
    execute(&format!(
        "UPDATE sessions SET created_at = now() - interval '6 minutes' WHERE administrator_id = '{}'",
        person.id
    ));
    let page = browser.open("/admin/account/totp");
    assert!(page.text.contains("name=\"present\""));
    let form = page.form("/admin/account/totp");
    for wrong in ["", "wrong horse battery"] {
        let page = browser.post(&form.clone().with("present", wrong));
        assert!(page.status == 422 && page.says("The present password is wrong."), "{}", page.text);
        assert!(!page.text.contains("id=\"typed\""));
    }
    let page = browser.post(&form.with("present", PASSWORD));
    assert_eq!(page.heading(), "Scan the QR code");
    // What is being set up in one session is nothing in another.
    let foreign = page.form("/admin/account/totp/confirm").field("secret").to_owned();
    let mut other = signed_in(tenant().id, Role::Owner);
    let (_, form) = begin(&mut other);
    let page = other.post(&form.with("secret", &foreign).with("code", &App::of(&page).code(0)));
    assert!(page.status == 422 && page.says("This was open for too long."), "{}", page.text);
}

#[test]
fn new_recovery_codes_and_removing_the_app_take_the_password() {
    let tenant = tenant();
    let (person, mut browser, _, old) = enrolled(&tenant);
    let form = browser.open("/admin/account/totp/codes").form("/admin/account/totp/codes");
    let page = browser.post(&form.clone().with("present", "wrong horse battery"));
    assert!(page.status == 422 && page.says("The present password is wrong."), "{}", page.text);
    let form = form.with("present", PASSWORD);
    let new = codes(&browser.post(&form));
    assert!(new.len() == 10 && new.iter().all(|code| !old.contains(code)));
    // Sent again, it makes no others.
    let page = browser.post(&form);
    assert!(page.status == 422 && page.says("This was done already"), "{}", page.text);
    let page = browser.post(&form.with("revision", "-2147483648"));
    assert_eq!(page.status, 422);
    assert_eq!(sign_in(&person.email, &old[0]).1.status, 422);
    let (mut other, page) = sign_in(&person.email, &new[0]);
    assert_eq!(page.heading(), "Overview");

    let form = browser.open("/admin/account/totp/remove").form("/admin/account/totp/remove");
    assert_eq!(browser.post(&form.clone().with("present", "wrong horse battery")).status, 422);
    assert!(is_signed_in(&mut other));
    assert_eq!(browser.post(&form.clone().with("present", PASSWORD)).location(), Some("/admin/account"));
    assert!(browser.follow().says("Your second factor is removed"));
    assert!(!is_signed_in(&mut other));
    let left = format!("SELECT 'x' AS value FROM recovery_codes WHERE administrator_id = '{}'", person.id);
    assert!(texts(&left).is_empty());
    browser.post(&form.with("present", PASSWORD));
    assert!(browser.follow().says("You have no second factor any more."));
    for path in ["/admin/account/totp/remove", "/admin/account/totp/codes"] {
        assert_eq!(browser.open(path).heading(), "Your account");
    }
    let mut again = Browser::new(&shared().url);
    assert_eq!(again.sign_in(&person.email, PASSWORD).heading(), "Overview");
    let actions: Vec<String> =
        tenant.audit().into_iter().map(|row| row.action).filter(|action| action.starts_with("second")).collect();
    assert_eq!(actions, ["second_factor.remove", "second_factor.renew_codes", "second_factor.set_up"]);
}

#[test]
fn whoever_lost_the_phone_is_helped_at_the_command_line() {
    let tenant = tenant();
    let (person, mut browser, ..) = enrolled(&tenant);
    let output = run(&shared().data_dir, &["admin", "reset-totp", &person.email.to_uppercase()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("removed the second factor of administrator"), "{said}");
    assert!(!is_signed_in(&mut browser));
    assert_eq!(browser.sign_in(&person.email, PASSWORD).heading(), "Overview");
    let row = tenant.audit().into_iter().find(|row| row.action == "second_factor.remove").unwrap();
    assert_eq!((row.actor_kind.as_str(), row.detail.as_deref()), ("operator", Some("reset at the command line")));
    let output = run(&shared().data_dir, &["admin", "reset-totp", &person.email]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("no second factor"));
    let output = run(&shared().data_dir, &["admin", "reset-totp", "nobody@example.com"]);
    assert_eq!(output.status.code(), Some(1));
}

/// A server that wants a second factor of everybody, and an operator on it.
fn strict() -> (TemporaryDirectory, ServerProcess) {
    let data_dir = TemporaryDirectory::new("strict");
    let server = ServerProcess::start(&data_dir);
    let file = data_dir.with_extension("password");
    std::fs::write(&file, PASSWORD).unwrap();
    run_json(&data_dir, &["admin", "create", "ada@example.com", "--password-file", file.to_str().unwrap()]);
    std::fs::remove_file(file).unwrap();
    database::execute(
        &mut database::connect(&data_dir, "provisor"),
        "INSERT INTO installation VALUES (true, 30, 14, true, true)",
    );
    (data_dir, server)
}

#[test]
fn where_it_is_required_nobody_gets_past_setting_it_up() {
    let (data_dir, server) = strict();
    let mut browser = Browser::new(&server.url);
    let page = browser.sign_in("ada@example.com", PASSWORD);
    assert_eq!(page.heading(), "Set up a second factor");
    assert!(page.says("This server wants a second factor") && !page.text.contains("class=\"shell\""), "{}", page.text);
    let token = page.form("/admin/account/totp").field("form_token").to_owned();
    for page in provisor::http::page_routes().filter(|page| page.right.is_some()) {
        let path = format!("/admin{}", page.path.replace(['{', '}'], ""));
        let is_open = path == "/admin/account/totp" || path == "/admin/account/totp/confirm";
        let answer = if page.method == "GET" {
            browser.request(reqwest::Method::GET, &path)
        } else {
            browser.post(&Form { action: path.clone(), fields: vec![("form_token".into(), token.clone())] })
        };
        let location = answer.location().unwrap_or_default();
        assert_eq!(location.starts_with("/admin/account/totp?return_to=%2Fadmin"), !is_open, "{path}: {location}");
    }
    // Nor does anybody consent.
    let created = run_json(&data_dir, &["client", "create", "okta", "--okta-app", "trial7464750_ouraoo_1"]);
    let [id, secret] = ["id", "secret"].map(|name| created[name].as_str().unwrap().to_owned());
    let okta = Provider::new(&server.url, &id, &secret, AuthType::RequestBody);
    let page = browser.open_authorize(okta.authorize(&[]).0.as_str());
    assert_eq!(page.heading(), "Set up a second factor");
    let page = browser.post(&page.form("/admin/account/totp"));
    let app = App::of(&page);
    let page = browser.post(&page.form("/admin/account/totp/confirm").with("code", &app.code(0)));
    assert_eq!(page.heading(), "Your recovery codes");
    let next = page.text.split("class=\"button\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let next = next.replace("&#x2F;", "/").replace("&amp;", "&").replace("&#x3D;", "=");
    assert!(next.starts_with("/oauth/consent?request="), "{next}");
    assert!(browser.open(&next).heading().starts_with("Give "), "{}", browser.page.text);
    assert_eq!(browser.open("/admin").heading(), "Overview");
    // Whoever must may still sign out, and the page that was asked for comes after it.
    let mut other = Browser::new(&server.url);
    run(&data_dir, &["admin", "reset-totp", "ada@example.com"]);
    other.open("/admin/account");
    other.enter("ada@example.com", PASSWORD);
    let page = other.page.clone();
    assert_eq!(page.form("/admin/account/totp").field("return_to"), "/admin/account");
    other.post(&page.form("/admin/logout"));
    assert_eq!(other.follow().heading(), "Sign in");
}

#[test]
fn colours_are_kept_in_the_browser_and_all_other_sessions_end_together() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Auditor);
    let mut sessions: Vec<Browser> = (0..3)
        .map(|_| {
            let mut browser = Browser::new(&shared().url);
            browser.sign_in(&person.email, PASSWORD);
            browser
        })
        .collect();
    let mut browser = sessions.remove(0);
    let form = browser.open("/admin/account").form("/admin/account/theme");
    for (theme, shown) in [("dark", Some("data-theme=\"dark\"")), ("light", Some("data-theme=\"light\"")), ("", None)] {
        let page = browser.post(&form.clone().with("theme", theme));
        let cookie = page.header("set-cookie").unwrap().to_owned();
        assert!(cookie.starts_with(&format!("theme={theme}; Max-Age=")), "{cookie}");
        let page = browser.open("/admin/login");
        let page = if page.text.contains("data-theme") || shown.is_none() { page } else { browser.open("/admin") };
        assert_eq!(page.text.contains("data-theme="), shown.is_some());
        assert!(shown.is_none_or(|shown| page.text.contains(shown)), "{theme}");
    }
    browser.post(&form.with("theme", "\"><script>"));
    assert!(!browser.open("/admin").text.contains("data-theme"));

    let form = browser.open("/admin/account").form("/admin/account/sessions/end-others");
    browser.post(&form);
    assert!(browser.follow().says("Your other sessions have ended."));
    assert!(!browser.page.text.contains("end-others"));
    assert!(sessions.iter_mut().all(|other| !is_signed_in(other)));
    assert!(is_signed_in(&mut browser));
    let row = &tenant.audit()[0];
    assert_eq!((row.action.as_str(), row.detail.as_deref()), ("session.sign_out", Some("all other sessions")));
}

#[test]
fn an_operator_has_a_second_factor_as_well() {
    let person = somebody(TenantId::NONE, Role::Owner);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&person.email, PASSWORD);
    let (app, _) = set_up(&mut browser);
    assert_eq!(sign_in(&person.email, &app.code(1)).1.heading(), "Overview");
}
