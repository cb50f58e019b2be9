//! Sessions: their beginning, and all the ways in which they end.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use provisor::auth::administrators;
use provisor::auth::role::Role;
use provisor::id::TenantId;

use super::{execute, is_signed_in, texts};
use crate::support::people::{PASSWORD, Somebody, somebody};
use crate::support::{Browser, database, eventually, operator, shared, tenant};

fn signed_in(person: &Somebody) -> Browser {
    let mut browser = Browser::new(&shared().url);
    assert_eq!(browser.sign_in(&person.email, PASSWORD).heading(), "Overview");
    browser
}

#[test]
fn a_person_signs_in_by_any_case_of_the_address_and_sees_the_account() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Admin);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&format!(" {} ", person.email.to_uppercase()), PASSWORD);
    let page = browser.open("/admin/account");
    assert_eq!(page.heading(), "Your account");
    for shown in [person.email.as_str(), "admin", &tenant.name, "This one"] {
        assert!(page.says(shown), "{shown}: {}", page.text);
    }
    let actions: Vec<String> = tenant.audit().into_iter().map(|row| row.action).collect();
    assert_eq!(actions, ["session.sign_in", "administrator.create", "token.create", "tenant.create"]);
}

#[test]
fn an_operator_acts_for_all_tenants() {
    let page = signed_in(&somebody(TenantId::NONE, Role::Owner)).open("/admin/account");
    assert!(page.says("All tenants"));
}

#[test]
fn signing_in_replaces_a_cookie_that_somebody_may_have_planted() {
    let person = somebody(tenant().id, Role::Owner);
    let mut browser = Browser::new(&shared().url);
    browser.open("/admin/login");
    let planted = browser.cookies.clone();
    browser.enter(&person.email, PASSWORD);
    assert_ne!(browser.cookies["sid"], planted["sid"]);
    let mut other = Browser::new(&shared().url);
    other.cookies = planted;
    assert!(!is_signed_in(&mut other));
}

#[test]
fn signing_in_again_ends_the_session_before() {
    let person = somebody(tenant().id, Role::Owner);
    let mut browser = signed_in(&person);
    let mut old = Browser::new(&shared().url);
    old.cookies = browser.cookies.clone();
    let token = browser.page.form("/admin/logout").field("form_token").to_owned();
    let mut form = browser.page.form("/admin/logout");
    form.action = "/admin/login".into();
    let form = form.with("form_token", &token).with("email", &person.email).with("password", PASSWORD);
    assert_eq!(browser.post(&form).status, 303);
    assert_ne!(browser.cookies["sid"], old.cookies["sid"]);
    assert!(is_signed_in(&mut browser));
    assert!(!is_signed_in(&mut old));
}

#[test]
fn the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_only_its_hash_is_stored() {
    let person = somebody(tenant().id, Role::Owner);
    let mut browser = Browser::new(&shared().url);
    browser.open("/admin/login");
    let form = browser.page.form("/admin/login").with("email", &person.email).with("password", PASSWORD);
    let page = browser.post(&form);
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.starts_with("sid=pvr_u_") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let stored = texts(
        &shared().data_dir,
        &format!("SELECT encode(id_hash, 'escape') AS value FROM sessions WHERE administrator_id = '{}'", person.id),
    );
    assert_eq!(stored.len(), 1);
    assert!(!cookie.contains(&stored[0]));
}

#[test]
fn signing_out_ends_the_session_and_drops_the_cookie() {
    let tenant = tenant();
    let mut browser = signed_in(&somebody(tenant.id, Role::Owner));
    let mut copy = Browser::new(&shared().url);
    copy.cookies = browser.cookies.clone();
    let page = browser.post(&browser.page.form("/admin/logout"));
    assert_eq!((page.status, page.location()), (303, Some("/admin/login")));
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["device"]);
    assert!(!is_signed_in(&mut copy));
    assert_eq!(tenant.audit()[0].action, "session.sign_out");
}

#[test]
fn an_idle_session_ends_after_half_an_hour_and_a_busy_one_after_twelve_hours() {
    for (column, minutes, alive) in
        [("seen_at", 29, true), ("seen_at", 31, false), ("created_at", 719, true), ("created_at", 721, false)]
    {
        let person = somebody(tenant().id, Role::Owner);
        let mut browser = signed_in(&person);
        execute(&format!(
            "UPDATE sessions SET {column} = now() - interval '{minutes} minutes' WHERE administrator_id = '{}'",
            person.id
        ));
        assert_eq!(is_signed_in(&mut browser), alive, "{column} {minutes}");
    }
}

#[test]
fn the_last_request_is_written_once_a_minute_and_keeps_the_session() {
    let person = somebody(tenant().id, Role::Owner);
    let mut browser = signed_in(&person);
    let seen = || {
        let query = format!("SELECT seen_at::text AS value FROM sessions WHERE administrator_id = '{}'", person.id);
        texts(&shared().data_dir, &query)
    };
    let first = seen();
    assert!(is_signed_in(&mut browser));
    assert_eq!(seen(), first);
    execute(&format!(
        "UPDATE sessions SET seen_at = seen_at - interval '29 minutes' WHERE administrator_id = '{}'",
        person.id
    ));
    assert!(is_signed_in(&mut browser));
    assert!(seen() > first);
}

#[test]
fn a_disabled_person_loses_all_sessions_at_once_and_cannot_sign_in_until_enabled() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Owner);
    let mut browser = signed_in(&person);
    let set_enabled = |enabled| {
        shared().with_backend(|backend| {
            administrators::set_enabled(&backend.store, &operator(tenant.id), person.id, enabled).unwrap();
        });
    };
    set_enabled(false);
    assert!(!is_signed_in(&mut browser));
    let page = browser.sign_in(&person.email, PASSWORD);
    assert_eq!((page.status, page.heading()), (422, "Sign in".into()));
    set_enabled(true);
    assert!(!is_signed_in(&mut browser));
    assert_eq!(browser.sign_in(&person.email, PASSWORD).heading(), "Overview");
    let updates = tenant.audit().into_iter().filter(|row| row.action == "administrator.update").count();
    assert_eq!(updates, 2);
}

#[test]
fn a_person_ends_another_of_the_own_sessions_and_none_of_others() {
    let tenant = tenant();
    let (ada, other) = (somebody(tenant.id, Role::Owner), somebody(tenant.id, Role::Owner));
    let (mut here, mut there, mut elsewhere) = (signed_in(&ada), signed_in(&ada), signed_in(&other));
    let form = here.open("/admin/account").form("/admin/account/sessions/end");
    // The name of a session does no good in the hands of somebody else.
    let stolen = elsewhere.open("/admin").form("/admin/logout");
    let stolen = crate::support::browser::Form { action: "/admin/account/sessions/end".into(), ..stolen };
    assert_eq!(elsewhere.post(&stolen.with("session", form.field("session"))).status, 303);
    assert!(is_signed_in(&mut there));
    here.post(&form);
    assert!(here.follow().says("The session has ended."));
    assert!(!is_signed_in(&mut there));
    assert!(is_signed_in(&mut here));
    assert!(is_signed_in(&mut elsewhere));
}

#[test]
fn a_new_password_ends_the_other_sessions_and_the_old_password() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Auditor);
    let (mut here, mut there) = (signed_in(&person), signed_in(&person));
    let new = "another horse battery";
    let form = here.open("/admin/account").form("/admin/account/password");
    let page = here.post(&form.clone().with("present", PASSWORD).with("password", "short"));
    assert!(page.status == 422 && page.says("A password has at least 12 characters."), "{}", page.text);
    let page = here.post(&form.clone().with("present", "wrong horse battery").with("password", new));
    assert!(page.status == 422 && page.says("The present password is wrong."), "{}", page.text);
    assert!(is_signed_in(&mut there));
    let page = here.post(&form.with("present", PASSWORD).with("password", new));
    assert_eq!(page.location(), Some("/admin/account"));
    assert!(here.follow().says("Your password is changed."));
    assert!(!is_signed_in(&mut there));
    assert_eq!(there.sign_in(&person.email, PASSWORD).status, 422);
    assert_eq!(there.sign_in(&person.email, new).heading(), "Overview");
    let row = tenant.audit().into_iter().find(|row| row.action == "administrator.update").unwrap();
    assert_eq!(row.after.unwrap().to_string(), "{\"password\":\"(changed)\"}");
}

#[test]
fn a_wrong_password_and_an_unknown_account_look_the_same_and_are_recorded() {
    let person = somebody(tenant().id, Role::Owner);
    let pages = [(person.email.as_str(), "wrong horse battery"), ("nobody.here@example.com", PASSWORD)];
    let [wrong, unknown] = pages.map(|(email, password)| {
        let page = Browser::new(&shared().url).sign_in(email, password);
        assert_eq!(page.status, 422);
        let token = page.form("/admin/login").field("form_token").to_owned();
        page.text.replace(email, "EMAIL").replace(&token, "TOKEN")
    });
    assert_eq!(wrong, unknown);
    eventually("the record of the refusal", || {
        let query = "SELECT detail AS value FROM audit_events WHERE action = 'session.refused' \
                     AND target_id = 'n***@example.com'";
        texts(&shared().data_dir, query).first().map(|detail| assert!(detail.contains("unknown account")))
    });
}

#[test]
fn a_password_that_was_hashed_with_less_work_is_hashed_again() {
    let person = somebody(tenant().id, Role::Owner);
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(4_096, 1, 1, None).unwrap());
    let weak = weak.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    execute(&format!("UPDATE administrators SET password_hash = '{weak}' WHERE id = '{}'", person.id));
    let hash = || {
        let query = format!("SELECT password_hash AS value FROM administrators WHERE id = '{}'", person.id);
        texts(&shared().data_dir, &query).remove(0)
    };
    signed_in(&person);
    let strong = hash();
    assert!(strong.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{strong}");
    signed_in(&person);
    assert_eq!(hash(), strong);
}

/// Somebody's password is changed from elsewhere while that person, or a thief, does something that rests on the old one.
fn while_the_password_changes(person: &Somebody, act: impl FnOnce() -> u16 + Send + 'static) -> u16 {
    let hash = provisor::auth::password::hash("another horse battery").unwrap();
    let data_dir = &shared().data_dir;
    let mut change = database::connect(data_dir, "provisor");
    let id = person.id;
    let statements = format!(
        "BEGIN; UPDATE administrators SET password_hash = '{hash}' WHERE id = '{id}'; \
         DELETE FROM sessions WHERE administrator_id = '{id}'"
    );
    database::execute(&mut change, &statements);
    let actor = std::thread::spawn(act);
    eventually("somebody who waits for the change", || {
        let waits = "SELECT pid::text AS value FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'";
        (!texts(data_dir, waits).is_empty()).then_some(())
    });
    database::execute(&mut change, "COMMIT");
    let status = actor.join().unwrap();
    let stored = format!("SELECT password_hash AS value FROM administrators WHERE id = '{id}'");
    assert_eq!(texts(data_dir, &stored), [hash]);
    let sessions = format!("SELECT 'session' AS value FROM sessions WHERE administrator_id = '{id}'");
    assert!(texts(data_dir, &sessions).is_empty());
    status
}

#[test]
fn no_session_begins_with_a_password_that_is_being_changed() {
    let person = somebody(tenant().id, Role::Owner);
    let email = person.email.clone();
    let status =
        while_the_password_changes(&person, move || Browser::new(&shared().url).sign_in(&email, PASSWORD).status);
    assert_eq!(status, 422);
}

#[test]
fn who_knows_only_the_old_password_does_not_overrule_the_new_one() {
    let person = somebody(tenant().id, Role::Owner);
    let mut browser = signed_in(&person);
    let form = browser.open("/admin/account").form("/admin/account/password").with("present", PASSWORD);
    // The session has ended by then, or the present password is another: either way nothing is changed.
    while_the_password_changes(&person, move || browser.post(&form.with("password", "a third horse battery")).status);
}
