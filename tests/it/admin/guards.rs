//! Each page of the table, against whoever must not use it.

use provisor::auth::role::{Right, Role};
use provisor::http::{PageRoute, page_routes};
use provisor::id::TenantId;
use reqwest::Method;

use super::signed_in;
use crate::support::browser::{Form, Page};
use crate::support::{Browser, shared, tenant};

/// A path of a page, with something in the place of each parameter.
fn path(page: &PageRoute) -> String {
    let segments = page
        .path
        .split('/')
        .map(|segment| if segment.starts_with('{') { "00000000-0000-7000-8000-000000000000" } else { segment });
    format!("/admin{}", segments.collect::<Vec<_>>().join("/"))
}

/// What changes something.
fn changes() -> Vec<&'static PageRoute> {
    let changes: Vec<_> = page_routes().filter(|page| page.method != "GET").collect();
    assert!(changes.len() > 5);
    changes
}

/// Sends what a form would, with the token of a form on a page of this browser.
fn send(browser: &mut Browser, page: &PageRoute, token: Option<&str>) -> Page {
    let fields = token.map(|token| ("form_token".to_owned(), token.to_owned())).into_iter().collect();
    browser.post(&Form { action: path(page), fields })
}

/// Opens a page, or sends what its form would.
fn ask(browser: &mut Browser, page: &PageRoute, token: &str) -> Page {
    if page.method == "GET" { browser.request(Method::GET, &path(page)) } else { send(browser, page, Some(token)) }
}

fn token(browser: &mut Browser) -> String {
    let page = browser.open("/admin/login");
    let form = if page.text.contains("/admin/logout") { "/admin/logout" } else { "/admin/login" };
    page.form(form).field("form_token").to_owned()
}

#[test]
fn no_change_without_the_token_of_a_form() {
    let mut browser = signed_in(TenantId::NONE, Role::Owner);
    let foreign = token(&mut signed_in(TenantId::NONE, Role::Owner));
    for page in changes() {
        for token in [None, Some(""), Some("x"), Some(foreign.as_str())] {
            let answer = send(&mut browser, page, token);
            assert_eq!((answer.status, &*answer.heading()), (403, "This form was open too long"), "{}", page.path);
        }
    }
}

#[test]
fn no_change_by_a_form_that_was_opened_in_another_tenant() {
    let (first, second) = (tenant(), tenant());
    let mut browser = signed_in(TenantId::NONE, Role::Owner);
    let choose = |browser: &mut Browser, tenant: TenantId| {
        let form = browser.open("/admin").form("/admin/logout");
        let form = Form { action: "/admin/tenant".into(), ..form }.with("tenant", &tenant.to_string());
        assert_eq!(browser.post(&form).status, 303);
    };
    let before = token(&mut browser);
    choose(&mut browser, first.id);
    let in_first = token(&mut browser);
    choose(&mut browser, second.id);
    for page in changes() {
        for token in [&before, &in_first] {
            let answer = send(&mut browser, page, Some(token));
            assert_eq!((answer.status, &*answer.heading()), (403, "This form was open too long"), "{}", page.path);
        }
    }
}

#[test]
fn no_change_from_another_site() {
    let mut browser = signed_in(TenantId::NONE, Role::Owner);
    let token = token(&mut browser);
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "http://127.0.0.1:1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let mut elsewhere = Browser::new(&shared().url).sending(name, value);
        elsewhere.cookies = browser.cookies.clone();
        for page in changes() {
            let answer = send(&mut elsewhere, page, Some(&token));
            assert_eq!((answer.status, &*answer.heading()), (403, "This form came from another site"), "{}", page.path);
        }
    }
}

#[test]
fn no_page_for_a_role_without_the_right() {
    let tenant = tenant();
    for role in Role::ALL {
        let mut browser = signed_in(tenant.id, role);
        let token = token(&mut browser);
        for page in page_routes() {
            // Whoever belongs to a tenant operates nothing.
            let may = page.right.is_none_or(|right| role.has(right) && right != Right::Operate);
            if may {
                continue;
            }
            let answer = ask(&mut browser, page, &token);
            // The start of whoever may only connect is elsewhere.
            if page.path.is_empty() && role == Role::Contact {
                assert_eq!(answer.location(), Some("/admin/connect"));
                continue;
            }
            let seen = (answer.status, &*answer.heading());
            assert_eq!(seen, (403, "Your role does not allow this"), "{} {}", role.name(), page.path);
        }
    }
}

#[test]
fn each_page_that_is_looked_at_is_open_to_a_role_with_the_right() {
    let tenant = tenant();
    for role in Role::ALL {
        let mut browser = signed_in(tenant.id, role);
        let may = |right: Right| role.has(right) && right != Right::Operate;
        for page in page_routes().filter(|page| page.method == "GET" && page.right.is_some_and(may)) {
            let answer = browser.request(Method::GET, &path(page));
            assert!(answer.status < 500 && answer.status != 403, "{} {}: {}", role.name(), page.path, answer.status);
            assert!(!answer.location().is_some_and(|location| location.starts_with("/admin/login")), "{}", page.path);
        }
    }
}

#[test]
fn no_page_for_whoever_is_not_signed_in() {
    let mut browser = Browser::new(&shared().url);
    let token = token(&mut browser);
    for page in page_routes().filter(|page| page.right.is_some()) {
        let answer = ask(&mut browser, page, &token);
        assert_eq!(answer.status, 303, "{}", page.path);
        let location = answer.location().unwrap();
        assert!(location.starts_with("/admin/login?return_to=%2Fadmin"), "{location}");
    }
}

#[test]
fn each_page_of_the_table_takes_its_methods_alone() {
    let mut browser = signed_in(TenantId::NONE, Role::Owner);
    for page in page_routes() {
        let answer = browser.request(Method::DELETE, &path(page));
        assert_eq!(answer.status, 405, "{}", page.path);
        assert!(answer.header("allow").unwrap().split(", ").any(|method| method == page.method), "{}", page.path);
    }
}
