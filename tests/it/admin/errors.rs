//! What goes wrong on a page: where somebody is signed in, the way on is beside it.

use std::fs;

use provisor::auth::role::Role;
use provisor::id::TenantId;
use reqwest::Method;

use super::signed_in;
use crate::support::browser::Form;
use crate::support::people::{PASSWORD, somebody};
use crate::support::process::{Signal, lives, run, run_json, signal};
use crate::support::{Browser, ServerProcess, TemporaryDirectory, database, eventually, shared, tenant};

/// The browser of an operator of a server of its own.
fn operator_of(server: &ServerProcess) -> Browser {
    let password = server.data_dir.join("password");
    fs::write(&password, PASSWORD).unwrap();
    let arguments = ["admin", "create", "ada@example.com", "--password-file", password.to_str().unwrap()];
    assert!(run(&server.data_dir, &arguments).status.success());
    let mut browser = Browser::new(&server.url);
    assert_eq!(browser.sign_in("ada@example.com", PASSWORD).heading(), "Overview");
    browser
}

/// On a server of its own, where a tenant can have another name.
#[test]
fn a_form_means_the_tenant_that_it_was_opened_in_whatever_tenants_are_called_meanwhile() {
    let data_dir = TemporaryDirectory::new("names");
    let server = ServerProcess::start(&data_dir);
    let mut browser = operator_of(&server);
    let form = browser.open("/admin/administrators/invite").form("/invite");
    let mut pg = database::connect(&data_dir, "provisor");
    let rename = format!("UPDATE tenants SET name = 'renamed' WHERE id = '{}'", TenantId::DEFAULT);
    database::execute(&mut pg, &rename);
    for name in ["default", "another"] {
        run_json(&data_dir, &["tenant", "create", name]);
    }
    let page = browser.post(&form.with("email", "eve@example.com").with("role", "admin"));
    assert_eq!(page.status, 201, "{}", page.text);
    let invited = database::texts(&mut pg, "SELECT tenant_id::text AS value FROM invitations");
    assert_eq!(invited, [TenantId::DEFAULT.to_string()]);
    assert!(browser.open("/admin").says(" · renamed · provisor</title>"), "{}", browser.page.text);
}

#[test]
fn while_the_database_is_away_a_page_says_so_and_tries_again_by_itself() {
    let data_dir = TemporaryDirectory::new("away");
    let server = ServerProcess::start(&data_dir);
    let mut browser = operator_of(&server);
    let form = browser.open("/admin/administrators/invite").form("/invite");
    // Without this file it cannot start again, so that there is time to look.
    let (control, away) = (data_dir.join("postgres/global/pg_control"), data_dir.join("pg_control"));
    let processes = "SELECT pid::text AS value FROM pg_stat_activity";
    let processes = database::texts(&mut database::connect(&data_dir, "provisor"), processes);
    fs::rename(&control, &away).unwrap();
    signal(server.postgres_pid(), Signal::SIGKILL);
    eventually("end", || processes.iter().all(|pid| !lives(pid.parse().unwrap())).then_some(()));
    for path in ["/admin", "/admin/login", "/admin/audit"] {
        let page = browser.request(Method::GET, path);
        assert_eq!((page.status, page.heading().as_str()), (503, "The server is busy"), "{path}");
        let seconds: u32 = page.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert!(page.says("This page tries again by itself."), "{}", page.text);
        assert_eq!(page.header("refresh"), page.header("retry-after"));
        assert!(page.text.contains("href=\"/admin\">Go to the start"), "{}", page.text);
        assert!(!page.says("postgres") && page.header("cache-control") == Some("no-store"), "{}", page.text);
    }
    // Nothing is sent twice by itself.
    let form = form.with("email", "eve@example.com").with("role", "admin");
    let page = browser.post(&form);
    assert_eq!(page.status, 503, "{}", page.text);
    assert!(page.header("retry-after").unwrap().parse::<u32>().is_ok());
    assert!(page.header("refresh").is_none() && !page.says("tries again by itself"), "{}", page.text);

    fs::rename(&away, &control).unwrap();
    eventually("service", || {
        let answer = reqwest::blocking::get(format!("{}/readyz", server.url)).unwrap();
        (answer.status() == 200).then_some(())
    });
    assert_eq!(browser.open("/admin").heading(), "Overview");
    assert_eq!(browser.post(&form).status, 201);
    assert!(server.stop());
}

#[test]
fn an_error_stands_beside_the_navigation_with_the_id_of_its_request() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Auditor).sending("x-request-id", "request-1");
    for (method, path, status) in [
        (Method::GET, "/admin/nowhere", 404),
        (Method::GET, "/admin/settings", 403),
        (Method::GET, "/admin/administrators/x", 404),
        (Method::DELETE, "/admin/schemas", 405),
        (Method::POST, "/admin/account/password", 415),
    ] {
        let page = browser.request(method, path);
        assert_eq!(page.status, status, "{path}");
        assert!(page.text.contains("aria-label=\"Main\"") && page.says("request-1"), "{path}: {}", page.text);
        assert!(page.says(&format!(" · {} · provisor</title>", tenant.name)), "{path}: {}", page.text);
        assert_eq!(page.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn an_error_of_a_stranger_is_bare() {
    let page = Browser::new(&shared().url).open("/admin/nowhere");
    assert_eq!(page.status, 404);
    assert!(!page.text.contains("aria-label=\"Main\""), "{}", page.text);
}

#[test]
fn a_form_of_an_earlier_session_keeps_what_was_entered_and_is_sent_again() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Owner);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&person.email, PASSWORD);
    let email = format!("kept.{}@example.com", tenant.name);
    let form = browser.open("/admin/administrators/invite").form("/invite");
    let form = form.with("email", &email).with("role", "auditor");
    // In another tab: out, and in again.
    let out = browser.page.form("/admin/logout");
    browser.post(&out);
    browser.sign_in(&person.email, PASSWORD);
    let page = browser.post(&form);
    assert_eq!((page.status, page.heading().as_str()), (403, "This form was open too long"));
    assert!(page.says(&email) && page.says("what you entered is kept"), "{}", page.text);
    let again = page.form("/admin/administrators/invite");
    assert_eq!((again.field("email"), again.field("role")), (email.as_str(), "auditor"));
    assert_eq!(browser.post(&again).status, 201);
}

#[test]
fn a_form_of_another_tenant_says_where_it_would_go() {
    let (first, second) = (tenant(), tenant());
    let mut browser = signed_in(TenantId::NONE, Role::Owner);
    let choose =
        |form: Form, id: TenantId| Form { action: "/admin/tenant".into(), ..form }.with("tenant", &id.to_string());
    let form = browser.open("/admin").form("/admin/logout");
    browser.post(&choose(form, first.id));
    let form = browser.open("/admin/schemas/upload").form("/upload").with("definition", "<i>{\r\n}");
    let token = browser.page.form("/admin/logout");
    browser.post(&choose(token, second.id));
    let page = browser.post(&form);
    assert_eq!(page.status, 403);
    assert!(page.says(&format!("You work in <strong>{}</strong> now", second.name)), "{}", page.text);
    assert!(!page.text.contains("<i>"), "{}", page.text);
    assert_eq!(page.form("/upload").field("definition"), "<i>{\r\n}");
}

#[test]
fn secrets_and_large_forms_are_not_kept() {
    let person = somebody(tenant().id, Role::Owner);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&person.email, PASSWORD);
    let form = browser.open("/admin/account").form("/account/password");
    let upload = browser.open("/admin/schemas/upload").form("/upload");
    let out = browser.page.form("/admin/logout");
    browser.post(&out);
    browser.sign_in(&person.email, PASSWORD);
    let page = browser.post(&form.with("present", PASSWORD).with("password", "a new secret of mine"));
    assert_eq!(page.status, 403);
    assert!(page.says("Passwords, codes and large files are not kept"), "{}", page.text);
    assert!(!page.text.contains(PASSWORD) && !page.text.contains("a new secret"), "{}", page.text);
    assert!(page.text.contains("href=\"/admin/account\">Open the form again"), "{}", page.text);
    let page = browser.post(&upload.with("definition", &"x".repeat(70_000)));
    assert!(page.text.len() < 20_000 && page.says("are not kept"), "{}", page.text.len());
}

#[test]
fn the_form_of_somebody_else_is_not_shown() {
    let tenant = tenant();
    let mut other = signed_in(tenant.id, Role::Owner);
    let form = other.open("/admin/administrators/invite").form("/invite").with("email", "planted@example.com");
    let page = signed_in(tenant.id, Role::Owner).post(&form);
    assert_eq!(page.status, 403);
    assert!(!page.says("planted@example.com"), "{}", page.text);
    // Neither is one whose owner somebody made up.
    let token = form.field("form_token").to_owned();
    let own = token.split('.').next().unwrap();
    for token in [own.to_owned(), format!("{own}.{own}"), format!(".{}", token.split('.').nth(1).unwrap())] {
        let page = signed_in(tenant.id, Role::Owner).post(&form.clone().with("form_token", &token));
        assert!(!page.says("planted@example.com"), "{}", page.text);
    }
}

#[test]
fn whose_session_ended_comes_back_to_the_page_of_the_form() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Owner);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&person.email, PASSWORD);
    let form = browser.open("/admin/administrators/invite").form("/invite").with("email", "x@example.com");
    let enable = Form { action: format!("/admin/administrators/{}/enable", person.id), ..form.clone() };
    database::execute(
        &mut database::connect(&shared().data_dir, "provisor"),
        &format!("DELETE FROM sessions WHERE administrator_id = '{}'", person.id),
    );
    let back = format!("/admin/login?return_to=%2Fadmin%2Fadministrators%2F{}", person.id);
    assert_eq!(browser.post(&enable).location(), Some(back.as_str()));
    let page = browser.post(&form);
    assert_eq!(page.location(), Some("/admin/login?return_to=%2Fadmin%2Fadministrators%2Finvite"));
    browser.follow();
    let page = browser.enter(&person.email, PASSWORD);
    assert!(page.heading().starts_with("Invite an administrator"), "{}", page.text);
}
