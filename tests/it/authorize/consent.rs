//! The decision: after signing in, by somebody who may, for the right tenant.

use provisor::auth::role::Role;
use provisor::id::TenantId;
use provisor::store::ClientRow;
use reqwest::Method;

use super::{assert_sent_back, authorize_url, browser_of, stored};
use crate::support::browser::{Page, parameter};
use crate::support::people::{CALLBACK, PASSWORD, client, registered, somebody};
use crate::support::{Browser, database, eventually, shared, tenant};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn execute(statement: &str) {
    database::execute(&mut database::connect(&shared().data_dir, "provisor"), statement);
}

fn decided(browser: &mut Browser, page: &Page, decision: &str) -> Page {
    browser.post(&page.form("/oauth/consent").with("decision", decision))
}

#[test]
fn whoever_is_not_signed_in_signs_in_and_goes_on_with_the_same_request() {
    let tenant = tenant();
    let client = registered(client(tenant.id));
    let person = somebody(tenant.id, Role::Admin);
    let mut browser = Browser::new(&shared().url);
    let changes = [("scope", "scim.read"), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let page = browser.open_authorize(&authorize_url(&client, &changes));
    assert_eq!((page.status, page.heading()), (200, "Sign in".into()));
    // A window that Okta opened stays in its hands, and the form may lead on to the client.
    assert_eq!(page.header("cross-origin-opener-policy"), Some("unsafe-none"));
    assert!(
        page.header("content-security-policy").unwrap().contains("form-action 'self' https://system-admin.okta.com;")
    );
    let page = browser.enter(&person.email, "wrong horse battery");
    assert_eq!((page.status, page.heading()), (422, "Sign in".into()));
    assert_eq!(page.header("cross-origin-opener-policy"), Some("unsafe-none"));
    let page = browser.enter(&person.email, PASSWORD);
    assert_eq!(page.heading(), "Give Acme Okta access?");
    let location = browser.consent(true);
    assert!(location.starts_with(&format!("{CALLBACK}?code=pvr_c_")), "{location}");
    assert_eq!(parameter(&location, "state").as_deref(), Some("Xy/Z="));
    assert_eq!(parameter(&location, "iss").as_deref(), Some(shared().url.as_str()));
    assert_eq!(
        stored(&location),
        format!("{} {} {} {CALLBACK} scim.read {CHALLENGE} 60", client.id, tenant.id, person.id)
    );
    let rows = tenant.audit();
    let consent = rows.iter().find(|row| row.action == "oauth.consent").unwrap();
    assert_eq!((consent.actor_name.as_str(), consent.target_id.as_str()), (person.email.as_str(), client.id.as_str()));
    assert!(rows.iter().all(|row| !format!("{row:?}").contains(&parameter(&location, "code").unwrap())));
    let secrets = browser.history.iter().filter(|url| !url.starts_with(CALLBACK));
    assert!(secrets.into_iter().all(|url| !url.contains("pvr_") && !url.contains("horse")), "{:?}", browser.history);
}

#[test]
fn the_page_says_who_asks_for_what_for_whom_and_where_it_leads() {
    let tenant = tenant();
    let name = "<script>alert('x')</script> & \"Okta\"";
    let client = registered(ClientRow { name: name.into(), ..client(tenant.id) });
    let person = somebody(tenant.id, Role::Owner);
    let page = browser_of(&person).open_authorize(&authorize_url(&client, &[]));
    for shown in [
        name,
        "Read all users and groups",
        "Create, change, deactivate and delete users and groups",
        &tenant.name,
        &person.email,
        "system-admin.okta.com",
        "Use another account",
    ] {
        assert!(page.says(shown), "{shown}: {}", page.text);
    }
    assert!(!page.text.contains("<script>"), "{}", page.text);
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "unsafe-none"),
    ] {
        assert_eq!(page.header(name), Some(value));
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' https://system-admin.okta.com;"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    let page = browser_of(&person).open_authorize(&authorize_url(&client, &[("scope", "scim.read")]));
    assert!(!page.says("Create, change"), "{}", page.text);
}

#[test]
fn whoever_denies_sends_the_client_an_error_and_no_code_is_made() {
    let tenant = tenant();
    let client = registered(client(tenant.id));
    let mut browser = browser_of(&somebody(tenant.id, Role::Admin));
    let page = browser.open_authorize(&authorize_url(&client, &[]));
    assert_sent_back(&decided(&mut browser, &page, "deny"), "access_denied", Some("Xy/Z="));
    let codes = format!("SELECT count(*) AS number FROM authorization_codes WHERE client_id = '{}'", client.id);
    assert_eq!(database::number(&codes), 0);
    eventually("the record of the denial", || {
        tenant.audit().iter().find(|row| row.action == "oauth.deny").map(|row| assert_eq!(row.target_id, client.id))
    });
}

#[test]
fn consent_is_asked_for_each_time() {
    let tenant = tenant();
    let client = registered(client(tenant.id));
    let mut browser = browser_of(&somebody(tenant.id, Role::Admin));
    let mut codes = Vec::new();
    for _ in 0..2 {
        assert_eq!(browser.open_authorize(&authorize_url(&client, &[])).heading(), "Give Acme Okta access?");
        codes.push(parameter(&browser.consent(true), "code").unwrap());
    }
    assert_ne!(codes[0], codes[1]);
}

#[test]
fn who_may_not_decide_uses_another_account_or_goes_back() {
    let own = tenant();
    let client = registered(client(own.id));
    for (person, may) in [
        (somebody(own.id, Role::Owner), true),
        (somebody(own.id, Role::Admin), true),
        (somebody(own.id, Role::Auditor), false),
        (somebody(tenant().id, Role::Owner), false),
        (somebody(TenantId::NONE, Role::Admin), true),
        (somebody(TenantId::NONE, Role::Auditor), false),
    ] {
        let mut browser = browser_of(&person);
        let page = browser.open_authorize(&authorize_url(&client, &[]));
        if may {
            assert_eq!(page.heading(), "Give Acme Okta access?");
            assert!(stored(&browser.consent(true)).contains(&own.id.to_string()));
        } else {
            assert_eq!(page.heading(), "Your account may not give access");
            assert!(page.says(&person.email) && page.says("system-admin.okta.com"));
            // Whatever is made of the form.
            for decision in ["allow", "deny"] {
                assert_sent_back(&decided(&mut browser, &page, decision), "access_denied", Some("Xy/Z="));
            }
            browser.post(&page.form("/admin/logout"));
            assert_eq!(browser.follow().heading(), "Sign in");
        }
    }
}

#[test]
fn the_tenant_of_a_catalogue_client_is_that_of_the_person() {
    let catalogue = registered(client(TenantId::NONE));
    let (one, other) = (tenant(), tenant());
    for tenant in [&one, &other] {
        let mut browser = browser_of(&somebody(tenant.id, Role::Admin));
        let page = browser.open_authorize(&authorize_url(&catalogue, &[]));
        assert!(page.says(&tenant.name), "{}", page.text);
        assert!(stored(&browser.consent(true)).contains(&tenant.id.to_string()));
    }
    // Another tenant cannot be put into the form.
    let mut browser = browser_of(&somebody(one.id, Role::Owner));
    let page = browser.open_authorize(&authorize_url(&catalogue, &[]));
    let form = page.form("/oauth/consent").with("decision", "allow").with("tenant", &other.id.to_string());
    assert_sent_back(&browser.post(&form), "access_denied", Some("Xy/Z="));
}

#[test]
fn an_operator_chooses_the_tenant_of_a_catalogue_client() {
    let catalogue = registered(client(TenantId::NONE));
    let tenant = tenant();
    let mut browser = browser_of(&somebody(TenantId::NONE, Role::Owner));
    let page = browser.open_authorize(&authorize_url(&catalogue, &[]));
    assert!(page.text.contains(&format!("<option value=\"{}\">{}</option>", tenant.id, tenant.name)), "{}", page.text);
    let form = page.form("/oauth/consent").with("decision", "allow");
    let page = browser.post(&form.clone().with("tenant", &tenant.id.to_string()));
    assert!(stored(page.location().unwrap()).contains(&tenant.id.to_string()));
    // None, or one that is not there, gives no access to anything.
    for tenant in ["", "00000000-0000-0000-0000-000000000000", "x", "0199aaaa-0000-7000-8000-000000000000"] {
        assert_sent_back(&browser.post(&form.clone().with("tenant", tenant)), "access_denied", Some("Xy/Z="));
    }
}

#[test]
fn a_client_that_changed_while_the_page_was_open_is_looked_at_again() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Owner);
    for (change, error) in [
        ("disabled_at = now()", None),
        ("redirect_uris = ARRAY['https://client.example.com/']", None),
        ("grant_types = ARRAY['client_credentials']", None),
        ("scopes = ARRAY['scim.read']", Some("invalid_scope")),
        ("pkce_required = true", Some("invalid_request")),
    ] {
        let client = registered(client(tenant.id));
        let mut browser = browser_of(&person);
        let page = browser.open_authorize(&authorize_url(&client, &[]));
        execute(&format!("UPDATE oauth_clients SET {change} WHERE id = '{}'", client.id));
        for decision in ["allow", "deny"] {
            let answer = decided(&mut browser, &page, decision);
            match error {
                Some(error) => assert_sent_back(&answer, error, Some("Xy/Z=")),
                None => {
                    assert_eq!((answer.status, answer.location()), (400, None), "{change}");
                    assert_eq!(answer.heading(), "This request cannot be answered");
                }
            }
        }
        let codes = format!("SELECT count(*) AS number FROM authorization_codes WHERE client_id = '{}'", client.id);
        assert_eq!(database::number(&codes), 0, "{change}");
    }
}

#[test]
fn a_person_who_lost_the_right_while_the_page_was_open_gives_nothing() {
    let tenant = tenant();
    let client = registered(client(tenant.id));
    let person = somebody(tenant.id, Role::Owner);
    let mut browser = browser_of(&person);
    let page = browser.open_authorize(&authorize_url(&client, &[]));
    execute(&format!("UPDATE administrators SET role = 'auditor' WHERE id = '{}'", person.id));
    assert_sent_back(&decided(&mut browser, &page, "allow"), "access_denied", Some("Xy/Z="));
    execute(&format!("UPDATE administrators SET role = 'owner', disabled_at = now() WHERE id = '{}'", person.id));
    let answer = decided(&mut browser, &page, "allow");
    assert_eq!((answer.status, answer.heading()), (200, "Sign in".into()));
}

#[test]
fn the_request_is_taken_only_as_it_was_checked() {
    let tenant = tenant();
    let client = registered(client(tenant.id));
    let mut browser = browser_of(&somebody(tenant.id, Role::Owner));
    let page = browser.open_authorize(&authorize_url(&client, &[("scope", "scim.read")]));
    let form = page.form("/oauth/consent").with("decision", "allow");
    let stamped = form.field("request").to_owned();
    let cursor_like = "A".repeat(80);
    for changed in ["", "x", &format!("{stamped}A"), &format!("A{}", &stamped[1..]), &cursor_like] {
        let answer = browser.post(&form.clone().with("request", changed));
        assert_eq!((answer.status, answer.heading()), (400, "This request is over".into()));
        let answer = browser.request(Method::GET, &format!("/oauth/consent?request={changed}"));
        assert_eq!(answer.status, 400);
    }
    // Parameters beside it count for nothing.
    let form = form.with("scope", "scim.write").with("redirect_uri", "https://evil.example").with("client_id", "x");
    let answer = browser.post(&form);
    assert!(stored(answer.location().unwrap()).contains(" scim.read "));
    assert!(answer.location().unwrap().starts_with(CALLBACK));
    // Nor is a form taken that says neither.
    let answer = browser.post(&page.form("/oauth/consent"));
    assert_eq!((answer.status, answer.location()), (400, None));
}

#[test]
fn the_consent_needs_the_token_of_the_form() {
    let tenant = tenant();
    let client = registered(client(tenant.id));
    let mut browser = browser_of(&somebody(tenant.id, Role::Owner));
    let page = browser.open_authorize(&authorize_url(&client, &[]));
    let form = page.form("/oauth/consent").with("decision", "allow");
    for form in [form.clone().without("form_token"), form.clone().with("form_token", "x")] {
        let answer = browser.post(&form);
        assert_eq!((answer.status, answer.location()), (403, None));
    }
    let mut foreign = Browser::new(&shared().url).sending("sec-fetch-site", "cross-site");
    foreign.cookies = browser.cookies.clone();
    assert_eq!(foreign.post(&form).status, 403);
    // The same person in another browser is another session.
    let mut other = browser_of(&somebody(tenant.id, Role::Owner));
    assert_eq!(other.post(&form).status, 403);
    assert_eq!(browser.post(&form).status, 303);
}

#[test]
fn another_account_can_be_used_for_the_same_request() {
    let tenant = tenant();
    let client = registered(client(tenant.id));
    let (auditor, owner) = (somebody(tenant.id, Role::Admin), somebody(tenant.id, Role::Owner));
    let mut browser = browser_of(&auditor);
    let page = browser.open_authorize(&authorize_url(&client, &[]));
    let form = page.text.rfind("<form").map(|start| Page { text: page.text[start..].to_owned(), ..Page::default() });
    browser.post(&form.unwrap().form("/admin/logout"));
    let page = browser.follow();
    assert_eq!(page.heading(), "Sign in");
    let page = browser.enter(&owner.email, PASSWORD);
    assert!(page.heading() == "Give Acme Okta access?" && page.says(&owner.email), "{}", page.text);
    assert!(stored(&browser.consent(true)).contains(&owner.id.to_string()));
}
