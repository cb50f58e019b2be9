//! Times without end, which only somebody writes who writes into the database by hand: they are taken for what they say, and break no page.

use chrono::TimeDelta;
use provisor::auth::role::Role;
use provisor::auth::tokens;
use provisor::oauth::clients::{self, Former};

use crate::support::browser::Browser;
use crate::support::oauth::{Endpoints, client, code, consent, provider, script, text};
use crate::support::people::{PASSWORD, somebody};
use crate::support::process::run_json;
use crate::support::{Client, Tenant, database, eventually, operator, shared, tenant};

/// The tables with times that decide who is let in, and which of their rows are a tenant's.
const TABLES: [(&str, &str); 13] = [
    ("tenants", "id = $"),
    ("header_tokens", "tenant_id = $"),
    ("header_token_callers", "token_id IN (SELECT id FROM header_tokens WHERE tenant_id = $)"),
    ("oauth_clients", "tenant_id = $"),
    ("client_secrets", "client_id IN (SELECT id FROM oauth_clients WHERE tenant_id = $)"),
    ("oauth_grants", "tenant_id = $"),
    ("refresh_tokens", "tenant_id = $"),
    ("authorization_codes", "tenant_id = $"),
    ("administrators", "tenant_id = $"),
    ("sessions", "administrator_id IN (SELECT id FROM administrators WHERE tenant_id = $)"),
    ("invitations", "tenant_id = $"),
    ("setup_links", "tenant_id = $"),
    ("connect_runs", "tenant_id = $"),
];

/// Sets times of a tenant: those in the columns that `is_meant` names.
fn set(tenant: &Tenant, time: &str, is_meant: impl Fn(&str, &str) -> bool) -> usize {
    let mut pg = database::connect(&shared().data_dir, "provisor");
    let mut changed = 0;
    for (table, own) in TABLES {
        let columns = format!(
            "SELECT column_name::text AS value FROM information_schema.columns WHERE table_name = '{table}' AND udt_name = 'timestamptz'"
        );
        for column in database::texts(&mut pg, &columns).iter().filter(|column| is_meant(table, column)) {
            let own = own.replace('$', &format!("'{}'", tenant.id));
            database::execute(&mut pg, &format!("UPDATE {table} SET {column} = '{time}' WHERE {own}"));
            changed += 1;
        }
    }
    changed
}

/// Whether a bearer of this is let in.
fn status(token: &str) -> u16 {
    Client::new(&shared().url, &format!("Bearer {token}")).get("/Users?count=1").status
}

#[test]
fn what_ends_at_infinity_does_not_end() {
    let tenant = tenant();
    let endpoints = Endpoints::shared();
    let made = run_json(&shared().data_dir, &["token", "create", "okta", "--tenant", &tenant.name]);
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let own = client(tenant.id, &script());
    let connected = client(tenant.id, &provider());
    let granted = connected.redeem(&endpoints, &code(&connected, &consent(tenant.id)));
    let unredeemed = code(&connected, &consent(tenant.id));
    assert_eq!(set(&tenant, "infinity", |_, column| column == "expires_at"), 6);
    assert_eq!(status(token), 200);
    assert_eq!(own.ask(&endpoints).status, 200);
    let refreshed = connected.refresh(&endpoints, &text(&granted, "refresh_token"));
    assert_eq!(status(&text(&refreshed, "access_token")), 200);
    assert_eq!(connected.redeem(&endpoints, &unredeemed).status, 200);

    let listed = run_json(&shared().data_dir, &["token", "list", "--tenant", &tenant.name]);
    assert_eq!((&listed[0]["state"], &listed[0]["expiresAt"]), (&"valid".into(), &"9999-12-31T23:59:59Z".into()));
    let rotated = run_json(&shared().data_dir, &["token", "rotate", id]);
    assert_eq!([status(token), status(rotated["token"].as_str().unwrap())], [200; 2]);
    let later = shared().with_backend(|backend| {
        let caller = operator(tenant.id);
        let (row, _) = clients::show(&backend.store, &own.id).unwrap();
        let former = Former::EndsAfter(TimeDelta::hours(1));
        clients::rotate_secret(&backend.store, &caller, &backend.token_key, &row, former, None).unwrap()
    });
    assert!(later.former_ends_at.is_some());
    assert_eq!(own.ask(&endpoints).status, 200);
}

#[test]
fn what_ended_at_the_beginning_of_time_has_ended() {
    let tenant = tenant();
    let endpoints = Endpoints::shared();
    let made = run_json(&shared().data_dir, &["token", "create", "okta", "--tenant", &tenant.name]);
    let own = client(tenant.id, &script());
    let connected = client(tenant.id, &provider());
    let granted = connected.redeem(&endpoints, &code(&connected, &consent(tenant.id)));
    set(&tenant, "-infinity", |_, column| column == "expires_at");
    assert_eq!(status(made["token"].as_str().unwrap()), 401);
    assert_eq!(own.ask(&endpoints).status, 401);
    let refused = connected.refresh(&endpoints, &text(&granted, "refresh_token"));
    assert!(matches!(refused.status, 400 | 401), "{}", refused.text);
}

#[test]
fn no_page_breaks_by_a_time_without_end() {
    let tenant = tenant();
    let endpoints = Endpoints::shared();
    let person = somebody(tenant.id, Role::Owner);
    let sign_in = || {
        let mut browser = Browser::new(&shared().url);
        browser.sign_in(&person.email, PASSWORD);
        browser
    };
    let mut browser = sign_in();
    let made = run_json(&shared().data_dir, &["token", "create", "okta", "--tenant", &tenant.name]);
    let token = made["id"].as_str().unwrap();
    assert_eq!(status(made["token"].as_str().unwrap()), 200);
    let connected = client(tenant.id, &provider());
    connected.redeem(&endpoints, &code(&connected, &consent(tenant.id)));
    let form = browser.open("/admin/administrators/invite").form("/invite");
    let invited = format!("eve.{}@example.com", tenant.name);
    assert_eq!(browser.post(&form.with("email", &invited).with("role", "admin")).status, 201);
    let form = browser.open("/admin/connect/links").form("/admin/connect/links");
    let contact = format!("it.{}@example.com", tenant.name);
    assert_eq!(browser.post(&form.with("email", &contact).with("label", "Okta").with("days", "7")).status, 200);
    let form = browser.open("/admin/connect").form("/admin/connect").with("provider", "okta");
    assert_eq!(browser.post(&form.with("method", "header_token")).status, 303);
    let run = browser.page.location().unwrap().to_owned();

    let client_page = format!("/admin/clients/{}", connected.id);
    let (token, person_page) = (format!("/admin/tokens/{token}"), format!("/admin/administrators/{}", person.id));
    for time in ["infinity", "-infinity"] {
        // Somebody who is disabled, or in a tenant that is gone, sees no page at all.
        let changed = set(&tenant, time, |table, column| match table {
            "tenants" => column == "created_at",
            "administrators" => column != "disabled_at",
            _ => true,
        });
        assert!(changed > 25, "{changed}");
        let mut browser = sign_in();
        for page in [
            "/admin",
            "/admin/tokens",
            &token,
            &format!("{token}/edit"),
            &format!("{token}/rotate"),
            "/admin/clients",
            &client_page,
            &format!("{client_page}/secrets"),
            &format!("{client_page}/grants"),
            "/admin/administrators",
            &person_page,
            "/admin/account",
            "/admin/connect",
            "/admin/connect/links",
            &run,
            "/admin/log",
        ] {
            let page_status = browser.open(page).status;
            let is_shown = browser.page.text.contains("aria-label=\"Main\"");
            assert!(is_shown && matches!(page_status, 200 | 409), "{time} {page}: {page_status} {}", browser.page.text);
        }
        eventually("the refusal", || (status(made["token"].as_str().unwrap()) == 401).then_some(()));
        run_json(&shared().data_dir, &["token", "list", "--tenant", &tenant.name]);
        run_json(&shared().data_dir, &["client", "list", "--tenant", &tenant.name]);
        run_json(&shared().data_dir, &["tenant", "list"]);
        shared().with_backend(|backend| tokens::list(&backend.store, &operator(tenant.id)).unwrap());
    }
}
