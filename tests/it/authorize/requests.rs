//! The request: what is refused on a page, what is sent back to the client, and what is kept as it is.

use chrono::Utc;
use provisor::auth::role::Role;
use provisor::id::TenantId;
use provisor::store::ClientRow;
use reqwest::Method;

use super::{assert_sent_back, authorize_url, browser_of};
use crate::support::browser::parameter;
use crate::support::people::{CALLBACK, client, registered, somebody};
use crate::support::{Browser, shared, tenant};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn any_client() -> ClientRow {
    registered(client(tenant().id))
}

/// Asserts that a URL is answered with a page, and the browser sent nowhere.
fn assert_page(url: &str) {
    let page = Browser::new(&shared().url).request(Method::GET, url);
    assert_eq!((page.status, page.location()), (400, None), "{url}: {}", page.text);
    assert_eq!(page.heading(), "This request cannot be answered", "{url}");
    assert!(!page.text.contains("evil"), "{}", page.text);
}

#[test]
fn a_client_that_is_not_known_enabled_or_allowed_is_not_answered() {
    let known = any_client();
    let tenant = tenant();
    let disabled = registered(ClientRow { disabled_at: Some(Utc::now()), ..client(tenant.id) });
    let machine = registered(ClientRow { grant_types: vec!["client_credentials".into()], ..client(tenant.id) });
    for url in [
        format!("{}/oauth/authorize", shared().url),
        authorize_url(&known, &[("client_id", "")]),
        authorize_url(&known, &[("client_id", "unknown")]),
        authorize_url(&known, &[("client_id", &known.id.to_uppercase())]),
        authorize_url(&known, &[("client_id", "é\u{0}")]),
        authorize_url(&disabled, &[]),
        authorize_url(&machine, &[]),
        format!("{}&client_id={}", authorize_url(&known, &[]), known.id),
        // Whatever else is wrong.
        format!("{}&state=again", authorize_url(&known, &[("client_id", "unknown"), ("response_type", "token")])),
    ] {
        assert_page(&url);
    }
}

#[test]
fn a_redirect_uri_is_compared_byte_for_byte() {
    let client = any_client();
    for uri in [
        "",
        "https://system-admin.okta.com/admin/app/cpc/acme_2/oauth/callback",
        "https://system-admin.okta.com/admin/app/cpc/acme_1/oauth/callback/",
        "https://system-admin.okta.com/admin/app/cpc/ACME_1/oauth/callback",
        "https://SYSTEM-ADMIN.okta.com/admin/app/cpc/acme_1/oauth/callback",
        "https://system-admin.okta.com/admin/app/cpc/acme_1/oauth/callback?x=1",
        "https://system-admin.okta.com/admin/app/cpc/acme_1/oauth/callback#x",
        "https://system-admin.okta.com:443/admin/app/cpc/acme_1/oauth/callback",
        "http://system-admin.okta.com/admin/app/cpc/acme_1/oauth/callback",
        "https://system-admin.okta.com@evil.example/admin/app/cpc/acme_1/oauth/callback",
        "https://system-admin.okta.com.evil.example/admin/app/cpc/acme_1/oauth/callback",
        "https://system-admin.okta.com/admin/app/cpc/acme_1/oauth/../oauth/callback",
        "//evil.example",
        "javascript:alert(1)",
    ] {
        assert_page(&authorize_url(&client, &[("redirect_uri", uri)]));
        // Not even to tell of another error.
        assert_page(&authorize_url(&client, &[("redirect_uri", uri), ("response_type", "token")]));
    }
    assert_page(&format!("{}&redirect_uri={CALLBACK}", authorize_url(&client, &[])));
}

#[test]
fn only_a_public_client_on_the_own_machine_may_come_from_any_port() {
    let local = |confidential| {
        registered(ClientRow { confidential, redirect_uris: vec!["http://127.0.0.1/cb".into()], ..client(tenant().id) })
    };
    let challenge = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let given = [&challenge[..], &[("redirect_uri", "http://127.0.0.1:4711/cb")]].concat();
    let page = Browser::new(&shared().url).open(&authorize_url(&local(false), &given));
    assert_eq!(page.heading(), "Sign in");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' http://127.0.0.1:4711;"), "{policy}");
    assert_page(&authorize_url(&local(true), &given));
}

#[test]
fn all_other_errors_are_sent_to_the_client_in_the_order_of_the_checks() {
    let tenant = tenant();
    let plain = registered(client(tenant.id));
    let reader = registered(ClientRow { scopes: vec!["scim.read".into()], ..client(tenant.id) });
    let strict = registered(ClientRow { pkce_required: true, ..client(tenant.id) });
    let public = registered(ClientRow { confidential: false, ..client(tenant.id) });
    let s256 = ("code_challenge_method", "S256");
    for (client, changes, error) in [
        (&plain, &[("response_type", "")][..], "invalid_request"),
        (&plain, &[("response_type", "token")], "unsupported_response_type"),
        (&plain, &[("response_type", "code token")], "unsupported_response_type"),
        (&plain, &[("response_type", "token"), ("scope", "unknown")], "unsupported_response_type"),
        (&plain, &[("response_mode", "fragment")], "invalid_request"),
        (&plain, &[("response_mode", "form_post"), ("scope", "unknown")], "invalid_request"),
        (&plain, &[("scope", "unknown")], "invalid_scope"),
        (&plain, &[("scope", "scim.read\tscim.write")], "invalid_request"),
        (&plain, &[("scope", "unknown"), s256], "invalid_scope"),
        (&reader, &[("scope", "scim.write")], "invalid_scope"),
        (&plain, &[s256], "invalid_request"),
        (&plain, &[("code_challenge", CHALLENGE)], "invalid_request"),
        (&plain, &[("code_challenge", CHALLENGE), ("code_challenge_method", "plain")], "invalid_request"),
        (&plain, &[("code_challenge", "short"), s256], "invalid_request"),
        (&strict, &[], "invalid_request"),
        (&public, &[], "invalid_request"),
        (&plain, &[("resource", "https://other.example.com/")], "invalid_target"),
        (&plain, &[("resource", "not a URI")], "invalid_target"),
    ] {
        let page = Browser::new(&shared().url).request(Method::GET, &authorize_url(client, changes));
        assert_sent_back(&page, error, Some("Xy/Z="));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
}

#[test]
fn a_repeated_parameter_is_an_error_and_a_repeated_state_is_not_given_back() {
    let client = any_client();
    for name in ["response_type", "response_mode", "scope", "code_challenge", "code_challenge_method"] {
        let url = format!("{}&{name}=code&{name}=code", authorize_url(&client, &[("response_type", "")]));
        assert_sent_back(&Browser::new(&shared().url).request(Method::GET, &url), "invalid_request", Some("Xy/Z="));
    }
    for state in ["&state=b", "&state="] {
        let url = format!("{}{state}", authorize_url(&client, &[]));
        assert_sent_back(&Browser::new(&shared().url).request(Method::GET, &url), "invalid_request", None);
    }
    let long = "a".repeat(4_097);
    for state in ["a\nb", "\u{e9}", &long] {
        let url = authorize_url(&client, &[("state", state)]);
        assert_sent_back(&Browser::new(&shared().url).request(Method::GET, &url), "invalid_request", None);
    }
}

#[test]
fn parameters_without_a_value_count_as_omitted_and_unknown_ones_are_passed_over() {
    let client = any_client();
    let url = format!(
        "{}&scope=&response_mode=&code_challenge=&code_challenge_method=&resource=&prompt=none&nonce=1&nonce=2",
        authorize_url(&client, &[("state", "")])
    );
    assert_eq!(Browser::new(&shared().url).open(&url).heading(), "Sign in");
}

#[test]
fn an_administrator_may_type_a_scope_into_the_url_of_the_endpoint() {
    let tenant = tenant();
    let client = registered(client(tenant.id));
    let person = somebody(tenant.id, Role::Admin);
    let mut browser = browser_of(&person);
    let rest = authorize_url(&client, &[]).split_once('?').unwrap().1.to_owned();
    for (typed, scopes) in [
        ("scope=scim.read", "scim.read"),
        ("scope=scim.read+scim.write+offline_access", "scim.read+scim.write"),
        ("scope=scim.read%20%20scim.write", "scim.read+scim.write"),
        ("scope=", "scim.read+scim.write"),
        ("x=1", "scim.read+scim.write"),
    ] {
        browser.open_authorize(&format!("{}/oauth/authorize?{typed}&{rest}", shared().url));
        let location = browser.consent(true);
        assert!(super::stored(&location).contains(&format!(" {scopes} ")), "{typed}: {}", super::stored(&location));
    }
    let twice = format!("{}/oauth/authorize?scope=scim.read&scope=scim.read&{rest}", shared().url);
    assert_sent_back(&browser.request(Method::GET, &twice), "invalid_request", Some("Xy/Z="));
}

#[test]
fn a_state_of_any_characters_comes_back_as_it_was() {
    let tenant = tenant();
    let client = registered(client(tenant.id));
    let mut browser = browser_of(&somebody(tenant.id, Role::Owner));
    let long = "&=+% ~/?#\"<>\\".repeat(160);
    for state in ["&=+%", "a b+c%20d", "\"><script>alert(1)</script>", &long] {
        let url = authorize_url(&client, &[("state", state)]);
        let page = browser.open_authorize(&url);
        assert!(!page.text.contains("<script>"), "{}", page.text);
        for allow in [true, false] {
            browser.open_authorize(&url);
            assert_eq!(parameter(&browser.consent(allow), "state").as_deref(), Some(state));
        }
    }
    browser.open_authorize(&authorize_url(&client, &[("state", "")]));
    assert_eq!(parameter(&browser.consent(true), "state"), None);
}

#[test]
fn parameters_go_behind_those_of_the_redirect_uri() {
    let tenant = tenant();
    let uri = "https://client.example.com/cb?app=%41&x";
    let client = registered(ClientRow { redirect_uris: vec![CALLBACK.into(), uri.into()], ..client(tenant.id) });
    let mut browser = browser_of(&somebody(tenant.id, Role::Owner));
    browser.open_authorize(&authorize_url(&client, &[("redirect_uri", uri)]));
    let location = browser.consent(true);
    assert!(location.starts_with(&format!("{uri}&code=pvr_c_")), "{location}");
}

#[test]
fn the_endpoint_takes_get_and_is_read_by_no_script_of_other_sites() {
    let client = any_client();
    let url = authorize_url(&client, &[]);
    for method in [Method::POST, Method::PUT, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        let mut browser = Browser::new(&shared().url).sending("origin", "https://evil.example");
        let page = browser.request(method.clone(), &url);
        assert_eq!((page.status, page.header("allow")), (405, Some("GET")), "{method}");
        assert_eq!(page.header("access-control-allow-origin"), None);
    }
}

#[test]
fn the_resource_is_our_api_or_not_named() {
    let client = any_client();
    let api = format!("{}/scim/v2", shared().url);
    let url = authorize_url(&client, &[("resource", &api)]);
    assert_eq!(Browser::new(&shared().url).open(&url).heading(), "Sign in");
    assert_eq!(Browser::new(&shared().url).open(&format!("{url}&resource={api}")).heading(), "Sign in");
    let page = Browser::new(&shared().url).request(Method::GET, &format!("{url}&resource=https://other.example"));
    assert_sent_back(&page, "invalid_target", Some("Xy/Z="));
}

#[test]
fn a_client_of_no_tenant_asks_nobody_for_more_than_it_may_have() {
    let catalogue = registered(ClientRow { scopes: Vec::new(), ..client(TenantId::NONE) });
    let page = Browser::new(&shared().url).request(Method::GET, &authorize_url(&catalogue, &[]));
    assert_sent_back(&page, "invalid_scope", Some("Xy/Z="));
}
