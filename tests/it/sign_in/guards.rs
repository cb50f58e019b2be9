//! The three guards against forms of other sites, and against being sent elsewhere.

use provisor::auth::role::Role;
use reqwest::Method;

use super::is_signed_in;
use crate::support::people::{PASSWORD, somebody};
use crate::support::{Browser, shared, tenant};

fn signed_in() -> Browser {
    let person = somebody(tenant().id, Role::Owner);
    let mut browser = Browser::new(&shared().url);
    assert_eq!(browser.sign_in(&person.email, PASSWORD).heading(), "Overview");
    browser
}

#[test]
fn a_form_without_its_token_or_with_that_of_somebody_else_is_stale() {
    let other = signed_in().page.form("/admin/logout").field("form_token").to_owned();
    let mut browser = signed_in();
    for (path, fields) in [
        ("/admin/logout", vec![]),
        ("/admin/account/password", vec![("present", PASSWORD), ("password", "another horse battery")]),
        ("/admin/account/sessions/end", vec![("session", "x")]),
        ("/admin/login", vec![("email", "ada@example.com"), ("password", PASSWORD)]),
        ("/admin/setup", vec![("code", "x"), ("email", "ada@example.com"), ("password", PASSWORD)]),
        ("/oauth/consent", vec![("request", "x"), ("decision", "allow")]),
    ] {
        for token in [None, Some(""), Some("AAAA"), Some(other.as_str())] {
            let mut form = browser.open("/admin").form("/admin/logout").without("form_token");
            form.action = path.into();
            let form = fields.iter().fold(form, |form, (name, value)| form.with(name, value));
            let form = token.map_or(form.clone(), |token| form.with("form_token", token));
            let page = browser.post(&form);
            assert_eq!((page.status, page.heading()), (403, "This form was open too long".into()), "{path} {token:?}");
            // Whoever is on the way of an authorization gets back there by no page of ours.
            assert!(page.text.contains("Go back, load the page anew"), "{}", page.text);
        }
    }
    assert!(is_signed_in(&mut browser));
}

#[test]
fn the_form_for_signing_in_is_bound_to_a_cookie_as_well() {
    let person = somebody(tenant().id, Role::Owner);
    let mut browser = Browser::new(&shared().url);
    browser.open("/admin/login");
    let form = browser.page.form("/admin/login").with("email", &person.email).with("password", PASSWORD);
    browser.cookies.clear();
    assert_eq!(browser.post(&form).status, 403);
    assert!(!is_signed_in(&mut browser));
}

#[test]
fn a_form_that_a_browser_says_is_from_elsewhere_is_refused() {
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "SAME-ORIGIN"),
        ("origin", "https://evil.example"),
        ("origin", "http://127.0.0.1"),
    ];
    let own = shared().url.as_str();
    let ours = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"), ("origin", own), ("origin", "null")];
    let browser = signed_in();
    for ((name, value), status) in
        foreign.map(|header| (header, 403)).into_iter().chain(ours.map(|header| (header, 303)))
    {
        let mut sender = Browser::new(own).sending(name, value);
        sender.cookies = browser.cookies.clone();
        let mut form = browser.page.form("/admin/logout").with("session", "of nobody");
        form.action = "/admin/account/sessions/end".into();
        let page = sender.post(&form);
        assert_eq!(page.status, status, "{name}: {value}");
        if status == 403 {
            assert_eq!(page.heading(), "This form came from another site");
        }
    }
}

#[test]
fn what_the_browser_says_of_the_site_counts_more_than_the_origin() {
    let mut browser = signed_in().sending("sec-fetch-site", "cross-site");
    let url = browser.url.clone();
    browser = browser.sending("origin", &url);
    assert_eq!(browser.post(&browser.page.form("/admin/logout")).status, 403);
}

#[test]
fn each_form_has_another_token() {
    let mut browser = signed_in();
    let mut token = || browser.open("/admin").form("/admin/logout").field("form_token").to_owned();
    assert_ne!(token(), token());
}

#[test]
fn only_a_form_is_taken_for_one() {
    let mut browser = signed_in();
    let page = browser.request(Method::POST, "/admin/logout");
    assert_eq!((page.status, page.heading()), (415, "This is not a form".into()));
    let large = browser.open("/admin").form("/admin/logout").with("more", &"a".repeat(300_000));
    assert_eq!(browser.post(&large).status, 413);
    let page = browser.request(Method::PUT, "/admin/logout");
    assert_eq!((page.status, page.header("allow")), (405, Some("POST")));
    assert_eq!(browser.request(Method::DELETE, "/admin").header("allow"), Some("GET"));
    assert!(is_signed_in(&mut browser));
}

#[test]
fn nobody_is_sent_to_another_site_after_signing_in() {
    let person = somebody(tenant().id, Role::Owner);
    for (return_to, location) in [
        ("/admin?x=1", "/admin?x=1"),
        ("/admin/sessions", "/admin/sessions"),
        ("//evil.example", "/admin"),
        ("https://evil.example/admin", "/admin"),
        ("https://good@evil.example", "/admin"),
        ("/\\evil.example", "/admin"),
        ("/admin\\..\\..\\evil.example", "/admin"),
        ("/admin@evil.example", "/admin"),
        ("/administrator", "/admin"),
        ("\t//evil.example", "/admin"),
        ("javascript:alert(1)", "/admin"),
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", return_to).finish();
        let mut browser = Browser::new(&shared().url);
        browser.open(&format!("/admin/login?{query}"));
        // Neither from the query, nor from a field that was changed.
        for form in [browser.page.form("/admin/login"), browser.page.form("/admin/login").with("return_to", return_to)]
        {
            let form = form.with("email", &person.email).with("password", PASSWORD);
            let mut sender = Browser::new(&shared().url);
            sender.cookies.clone_from(&browser.cookies);
            assert_eq!(sender.post(&form).location(), Some(location), "{return_to}");
            // Nor when signed in already.
            let page = sender.request(Method::GET, &format!("/admin/login?{query}"));
            assert_eq!(page.location(), Some(location), "{return_to}");
        }
    }
}

#[test]
fn whoever_is_not_signed_in_goes_back_to_the_page_after_signing_in() {
    let mut browser = Browser::new(&shared().url);
    let page = browser.request(Method::GET, "/admin");
    assert_eq!((page.status, page.location()), (303, Some("/admin/login?return_to=%2Fadmin")));
    for path in ["/admin/account/password", "/admin/account/sessions/end"] {
        browser.open("/admin/login");
        let mut form = browser.page.form("/admin/login");
        form.action = path.into();
        // The page that the form was on.
        assert_eq!(browser.post(&form).location(), Some("/admin/login?return_to=%2Fadmin%2Faccount"), "{path}");
    }
}
