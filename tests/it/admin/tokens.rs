//! Header tokens.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};

use provisor::auth::Scope;
use provisor::auth::role::Role;
use provisor::provider::tenants;
use reqwest::Method;

use super::signed_in;
use crate::support::browser::{Form, Page};
use crate::support::{Browser, Client, Tenant, database, eventually, operator, shared, tenant};

/// The form for a new token, filled in.
fn form(browser: &mut Browser, name: &str, scopes: &[&str]) -> Form {
    let form = browser.open("/admin/tokens/new").form("/admin/tokens/new").with("name", name).with("expiry", "90");
    with_scopes(form, scopes)
}

fn with_scopes(mut form: Form, scopes: &[&str]) -> Form {
    form.fields.extend(scopes.iter().map(|scope| ("scopes".to_owned(), (*scope).to_owned())));
    form
}

/// The token on the page that shows it once.
fn secret(page: &Page) -> String {
    let start = page.text.find("<code id=\"secret\">").unwrap_or_else(|| panic!("no secret: {}", page.text)) + 18;
    page.text[start..start + 67].to_owned()
}

/// Makes a token by the form; the token, and the path of its page.
fn made(browser: &mut Browser, name: &str) -> (String, String) {
    let form = form(browser, name, &["scim.read", "scim.write"]);
    let page = browser.post(&form);
    assert_eq!(page.status, 201, "{}", page.text);
    let secret = secret(&page);
    let path = format!("/admin/tokens/{}", &secret[6..18]);
    (secret, path)
}

fn status(token: &str) -> u16 {
    Client::new(&shared().url, &format!("Bearer {token}")).get("/Users?count=1").status
}

fn actions(tenant: &Tenant, action: &str) -> usize {
    tenant.audit().iter().filter(|entry| entry.action == action && entry.actor_kind == "administrator").count()
}

#[test]
fn a_token_is_shown_once_and_works() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let form = form(&mut browser, "okta-production", &["scim.read", "scim.write"]);
    let page = browser.post(&form);
    assert_eq!((page.status, page.header("cache-control")), (201, Some("no-store")));
    let secret = secret(&page);
    assert_eq!(status(&secret), 200);
    for path in ["/admin/tokens".to_owned(), format!("/admin/tokens/{}", &secret[6..18])] {
        let page = browser.open(&path);
        assert!(page.says("okta-production") && !page.text.contains(&secret[18..]), "{path}");
    }
    assert_eq!(browser.post(&form).status, 303);
    assert!(browser.follow().says("This form was sent before"));
    let elsewhere = Form { fields: form.fields.clone(), ..form.clone() }.with("name", "another");
    assert_eq!(browser.post(&elsewhere).status, 303);
    assert_eq!(browser.open("/admin/tokens").text.matches("<th scope=\"row\">").count(), 2);
    assert_eq!(actions(&tenant, "token.create"), 1);
    assert!(
        !serde_json::to_string(&tenant.audit().iter().map(|row| &row.after).collect::<Vec<_>>())
            .unwrap()
            .contains(&secret[18..])
    );
}

#[test]
fn what_cannot_be_a_token_is_said_under_its_field() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Owner);
    let long = "x".repeat(101);
    for (field, value, sentence) in [
        ("name", "", "A name has 1 to 100 characters"),
        ("name", &*long, "A name has 1 to 100 characters"),
        ("name", "a\0b", "A name has 1 to 100 characters"),
        ("name", "okta", "Another token that is in use has this name"),
        ("scopes", "", "choose at least one scope"),
        ("scopes", "admin", "choose at least one scope"),
        ("expiry", "", "Choose when the token ends"),
        ("expiry", "999999999999999", "Choose when the token ends"),
        ("expiry", "date", "Give a date as year-month-day"),
        ("networks", "10.0.0.0/8, office", "wants up to 50 addresses or networks"),
        ("networks", "10.0.0.0/99", "wants up to 50 addresses or networks"),
    ] {
        let form = form(&mut browser, "<b>new</b>", &["scim.read"]).with(field, value);
        let page = browser.post(&form);
        assert_eq!(page.status, 422, "{field} {value:?}");
        assert!(page.says(sentence), "{field} {value:?}: {}", page.text);
        assert!(page.text.contains("aria-invalid=\"true\"") || field == "scopes", "{field}");
        assert!(!page.text.contains("<b>new"), "{field}");
    }
    for (day, sentence) in [("2020-01-01", "in the past"), ("2999-01-01", "ten years"), ("31.1.2027", "year-month-day")]
    {
        let form = form(&mut browser, "new", &["scim.read"]).with("expiry", "date").with("expires_on", day);
        assert!(browser.post(&form).says(sentence), "{day}");
    }
    assert_eq!(actions(&tenant, "token.create"), 0);
    let page = browser.request(Method::POST, "/admin/tokens/new");
    assert_eq!(page.status, 415);
}

#[test]
fn a_name_is_free_again_when_its_token_is_revoked() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let (token, path) = made(&mut browser, "unused one");
    let form = browser.open(&format!("{path}/revoke")).form("/revoke");
    assert_eq!(browser.post(&form).status, 303);
    assert!(browser.follow().says("The token is revoked"));
    eventually("the refusal", || (status(&token) == 401).then_some(()));
    made(&mut browser, "unused one");
    assert_eq!(browser.open(&format!("{path}/edit")).status, 409);
    assert_eq!(browser.open(&format!("{path}/rotate")).status, 409);
}

#[test]
fn both_tokens_work_until_the_overlap_ends() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let (old, path) = made(&mut browser, "okta-eu");
    for _ in 0..3 {
        assert_eq!(status(&old), 200);
    }
    let form = browser.open(&format!("{path}/rotate")).form("/rotate").with("overlap", "72");
    let page = browser.post(&form);
    assert_eq!(page.status, 201);
    let new = secret(&page);
    assert_eq!((browser.post(&form).status, browser.page.says("has a successor already")), (409, true));
    let successor = format!("/admin/tokens/{}", &new[6..18]);
    assert!(browser.open(&successor).says("The old token was not used since the rotation."));
    assert_eq!([status(&old), status(&old), status(&new)], [200; 3]);
    for page in [&path, &successor] {
        let page = browser.open(page);
        assert!(page.says("Still used: 2 calls with the old token since the rotation"), "{}", page.text);
        assert!(page.says("in 2 days") || page.says("in 3 days"));
    }
    let page = browser.open(&format!("{successor}/rotate"));
    assert_eq!((page.status, page.says("End that overlap first")), (409, true));
    let form = browser.open(&path).form("/extend").with("overlap", "168");
    assert_eq!(browser.post(&form).status, 303);
    assert!(browser.follow().says("in 6 days") || browser.page.says("in 7 days"));
    let form = browser.open(&format!("{path}/end-overlap")).form("/end-overlap");
    assert!(browser.page.says("was called 2 times since the rotation"));
    assert_eq!(browser.post(&form).status, 303);
    assert!(browser.follow().says("Only the new token works"));
    eventually("the refusal of the old one", || (status(&old) == 401).then_some(()));
    assert_eq!(status(&new), 200);
    assert_eq!(browser.post(&form).status, 409);
    assert_eq!([actions(&tenant, "token.rotate"), actions(&tenant, "token.update")], [1, 2]);
    let form = browser.open(&successor).form("/logout");
    let extend = Form { action: format!("{successor}/extend"), ..form };
    assert_eq!(browser.post(&extend).status, 409);
}

#[test]
fn a_token_in_use_is_revoked_by_whoever_types_its_name() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let (token, path) = made(&mut browser, "in use <i>");
    assert_eq!(status(&token), 200);
    let page = browser.open(&format!("{path}/revoke"));
    assert!(page.says("last used") && page.says("127.0.0.1"), "{}", page.text);
    let form = page.form("/revoke");
    for wrong in ["", "in use", "IN USE <i>"] {
        let page = browser.post(&form.clone().with("confirm", wrong));
        assert_eq!((page.status, page.text.contains("<i>")), (422, false));
    }
    assert_eq!(status(&token), 200);
    assert_eq!(browser.post(&form.with("confirm", "in use <i>")).status, 303);
    eventually("the refusal", || (status(&token) == 401).then_some(()));
    assert_eq!(actions(&tenant, "token.revoke"), 1);
}

#[test]
fn a_token_loses_scopes_but_gains_none() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let (_, path) = made(&mut browser, "narrow");
    let edit = |browser: &mut Browser, scopes: &[&str]| {
        let form = browser.open(&format!("{path}/edit")).form("/edit").with("name", "narrower").with("expiry", "never");
        browser.post(&with_scopes(form, scopes))
    };
    assert_eq!(edit(&mut browser, &["scim.read"]).status, 303);
    let page = browser.follow();
    assert!(
        page.says("narrower") && !page.says("Create, change, deactivate") && page.says("It never ends"),
        "{}",
        page.text
    );
    let page = edit(&mut browser, &["scim.read", "scim.write"]);
    assert_eq!((page.status, page.says("cannot be given more than it had")), (422, true));
    let changes: Vec<_> = tenant.audit().into_iter().filter(|entry| entry.action == "token.update").collect();
    assert_eq!(changes.len(), 1);
    let (before, after) = (changes[0].before.as_ref().unwrap(), changes[0].after.as_ref().unwrap());
    assert_eq!((&before["name"], &after["name"]), (&"narrow".into(), &"narrower".into()));
    assert_eq!(after["scopes"], serde_json::json!(["scim.read"]));
    assert!(before.get("allowedNetworks").is_none());
}

#[test]
fn a_token_is_taken_from_its_networks_alone() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let form = form(&mut browser, "bound", &["scim.read"]).with("networks", "127.0.0.9\r\n2001:db8::/32");
    let token = secret(&browser.post(&form));
    let from = |last: u8| {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        let http = reqwest::blocking::Client::builder().local_address(address).build().unwrap();
        let request = http.get(format!("{}/scim/v2/Users?count=1", shared().url)).bearer_auth(&token);
        request.send().unwrap().status().as_u16()
    };
    // Also while it is remembered that it is right.
    assert_eq!([from(9), from(8), from(9), from(1)], [200, 401, 200, 401]);
    let reason = "the token is not taken from this address";
    eventually("the entry", || {
        tenant
            .audit()
            .iter()
            .any(|entry| entry.detail.as_ref().is_some_and(|detail| detail.starts_with(reason)))
            .then_some(())
    });
    let page = browser.open(&format!("/admin/tokens/{}", &token[6..18]));
    assert!(page.says("127.0.0.9") && page.says("2001:db8::/32"));
}

#[test]
fn a_token_of_another_tenant_is_not_there() {
    let (own, other) = (tenant(), tenant());
    let (_, path) = made(&mut signed_in(other.id, Role::Admin), "theirs");
    let mut browser = signed_in(own.id, Role::Owner);
    let logout = browser.open("/admin/tokens").form("/logout");
    for below in ["", "/edit", "/rotate", "/end-overlap", "/revoke"] {
        assert_eq!(browser.open(&format!("{path}{below}")).status, 404, "{below}");
    }
    for below in ["/edit", "/rotate", "/extend", "/end-overlap", "/revoke"] {
        let form = Form { action: format!("{path}{below}"), ..logout.clone() }.with("overlap", "0");
        assert_eq!(browser.post(&form).status, 404, "{below}");
    }
    assert!(!browser.open("/admin/tokens").says("theirs"));
    let changes = ["token.update", "token.rotate", "token.revoke"];
    assert!(!other.audit().iter().any(|entry| changes.contains(&&*entry.action)));
}

#[test]
fn an_auditor_sees_tokens_and_why_nothing_can_be_changed() {
    let tenant = tenant();
    let (_, path) = made(&mut signed_in(tenant.id, Role::Admin), "seen");
    let mut browser = signed_in(tenant.id, Role::Auditor);
    for page in ["/admin/tokens", &path] {
        let page = browser.open(page);
        assert!(page.says("seen") && page.says("Needs the role admin or owner."), "{}", page.text);
        assert!(!page.text.contains("/revoke") && !page.text.contains("/tokens/new"));
    }
}

#[test]
fn the_list_is_narrowed_and_searched() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    for name in ["alpha_1", "alphaX1", "per%cent"] {
        made(&mut browser, name);
    }
    let (_, path) = made(&mut browser, "gone");
    let form = browser.open(&format!("{path}/revoke")).form("/revoke");
    browser.post(&form);
    let names = |browser: &mut Browser, query: &str| {
        let page = browser.open(&format!("/admin/tokens?{query}"));
        assert_eq!(page.status, 200, "{query}");
        let all = ["alpha_1", "alphaX1", "per%cent", "gone", "okta"];
        all.into_iter().filter(|name| page.text.contains(&format!(">{name}</a>"))).collect::<Vec<_>>()
    };
    for (query, found) in [
        ("", &["alpha_1", "alphaX1", "per%cent", "gone", "okta"][..]),
        ("state=active", &["alpha_1", "alphaX1", "per%cent", "okta"]),
        ("state=revoked", &["gone"]),
        ("state=expiring", &[]),
        ("state=unused", &[]),
        ("state=nonsense", &["alpha_1", "alphaX1", "per%cent", "gone", "okta"]),
        ("name=ALPHA_", &["alpha_1"]),
        ("name=%25", &["per%cent"]),
        ("name=%5C", &[]),
        ("name=%00", &[]),
        ("name=alpha&state=revoked", &[]),
        ("before=nonsense", &["alpha_1", "alphaX1", "per%cent", "gone", "okta"]),
        ("before=1.a", &[]),
    ] {
        assert_eq!(names(&mut browser, query), found, "{query}");
    }
    assert!(browser.open("/admin/tokens?name=nobody").says("No token matches"));
    assert_eq!(browser.open("/admin/tokens/%00").status, 404);
}

#[test]
fn a_long_list_comes_in_pages() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let mut pg = database::connect(&shared().data_dir, "provisor");
    database::execute(
        &mut pg,
        &format!(
            "INSERT INTO header_tokens (id, tenant_id, name, secret_hash, key_version, scopes, created_at)
             SELECT left(md5('{0}' || number), 12), '{0}', 'many ' || number, '', 1, '{{scim.read}}', now() - interval '1 hour'
             FROM generate_series(1, 60) AS number",
            tenant.id
        ),
    );
    let first = browser.open("/admin/tokens?name=many");
    assert_eq!(first.text.matches("<th scope=\"row\">").count(), 50);
    let start = first.text.find("rel=\"next\" href=\"").unwrap() + 17;
    let next = first.text[start..].split('"').next().unwrap().replace("&amp;", "&").replace("&#x2F;", "/");
    let second = browser.open(&next);
    assert_eq!(second.text.matches("<th scope=\"row\">").count(), 10, "{next}");
    assert!(second.says("Newest"));
}

#[test]
fn uses_are_written_with_their_addresses() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let (token, path) = made(&mut browser, "counted");
    let (other, other_path) = made(&mut browser, "rotated");
    for _ in 0..5 {
        assert_eq!(status(&token), 200);
    }
    assert_eq!(status(&other), 200);
    // Another test may have them written at this moment.
    let cell = RefCell::new(&mut browser);
    eventually("the count of all uses", || cell.borrow_mut().open(&path).says("<dd>5</dd>").then_some(()));
    // A rotation has all uses written.
    let form = browser.open(&format!("{other_path}/rotate")).form("/rotate");
    assert_eq!(browser.post(&form).status, 201);
    let page = browser.open(&path);
    assert!(page.says("<dd>5</dd>") && page.says("The last addresses that it came from"), "{}", page.text);
    assert_eq!(tenant.client_with(&[Scope::Read]).get("/Users").status, 200);
}

#[test]
fn a_suspended_tenant_gets_no_credential_from_any_page() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let (_, token) = made(&mut browser, "before");
    let new_token = form(&mut browser, "meanwhile", &["scim.read"]);
    let rotate = browser.open(&format!("{token}/rotate")).form("/rotate");
    let mut new_client =
        browser.open("/admin/clients/new?kind=service").form("/admin/clients/new").with("name", "script");
    new_client.fields.push(("scopes".to_owned(), "scim.read".to_owned()));
    let page = browser.post(&new_client);
    assert_eq!(page.status, 201, "{}", page.text);
    let start = page.text.find("client_").unwrap();
    let client: String = page.text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let secret = browser.open(&format!("/admin/clients/{client}/secrets")).form("/secrets").with("overlap", "24");
    let mut another = browser.open("/admin/clients/new?kind=service").form("/admin/clients/new").with("name", "other");
    another.fields.push(("scopes".to_owned(), "scim.read".to_owned()));
    let walk = |browser: &mut Browser, method: &str| {
        let form = browser.open("/admin/connect").form("/admin/connect");
        browser.post(&form.with("provider", "entra").with("method", method));
        let path = browser.page.location().unwrap().to_owned();
        (browser.open(&path).form("/credential").with("name", "entra").with("life", "90"), path)
    };
    let (walk_token, _) = walk(&mut browser, "header_token");
    let (walk_client, path) = walk(&mut browser, "client_credentials");
    let (used, used_path) = walk(&mut browser, "header_token");
    assert_eq!(browser.post(&used).status, 200);
    let self_test = browser.open(&format!("{used_path}/test")).form("/self-test");
    let before = (actions(&tenant, "token.create"), actions(&tenant, "client.create"));
    shared().with_backend(|backend| tenants::set_suspended(&backend.store, &operator(tenant.id), true).unwrap());
    for form in [new_token, rotate, another, secret, walk_token, walk_client, self_test] {
        let page = browser.post(&form);
        assert_eq!(page.status, 409, "{}: {}", form.action, page.text);
        assert!(page.says("The tenant is suspended; resume it first."), "{}: {}", form.action, page.text);
    }
    assert!(!browser.open(&path).text.contains("pvr_s_"));
    assert_eq!((actions(&tenant, "token.create"), actions(&tenant, "client.create")), before);
}
