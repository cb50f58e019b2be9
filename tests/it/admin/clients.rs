//! OAuth clients.

use provisor::auth::role::Role;
use provisor::id::TenantId;
use reqwest::Method;

use super::signed_in;
use crate::support::browser::{Form, Page};
use crate::support::oauth::{Endpoints, OAuthClient, client, code, consent, provider, script, text};
use crate::support::{Browser, Client, eventually, shared, tenant};

fn form(browser: &mut Browser, kind: &str, fields: &[(&str, &str)]) -> Form {
    let mut form = browser.open(&format!("/admin/clients/new?kind={kind}")).form("/admin/clients/new");
    form.fields.extend([("scopes".to_owned(), "scim.read".to_owned()), ("scopes".to_owned(), "scim.write".to_owned())]);
    fields.iter().fold(form, |form, (name, value)| form.with(name, value))
}

fn shown(page: &Page, id: &str) -> String {
    let start = format!("<code id=\"{id}\">");
    let start = page.text.find(&start).unwrap_or_else(|| panic!("no {id}: {}", page.text)) + start.len();
    page.text[start..].split('<').next().unwrap().to_owned()
}

/// Where the grants on a page are revoked, one by one.
fn grants_on(page: &Page) -> Vec<String> {
    let links = page.text.split("href=\"").map(|rest| rest.split('"').next().unwrap().replace("&#x2F;", "/"));
    links
        .filter(|link| link.contains("/grants/") && link.ends_with("/revoke") && !link.ends_with("/grants/revoke"))
        .collect()
}

/// Whether an access token is let in.
fn status(token: &str) -> u16 {
    Client::new(&shared().url, &format!("Bearer {token}")).get("/Users?count=1").status
}

#[test]
fn a_client_for_okta_is_made_once() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    assert!(browser.open("/admin/clients/new").says("Who is going to get access tokens?"));
    let page = "https://acme-admin.okta.com/admin/app/trial1_acme_1/instance/0oa1/";
    let form = form(&mut browser, "okta", &[("name", "Acme Okta"), ("okta_app", page)]);
    let page = browser.post(&form);
    assert_eq!((page.status, page.header("cache-control")), (201, Some("no-store")), "{}", page.text);
    let (id, secret) = (shown(&page, "client-id"), shown(&page, "secret"));
    assert_eq!(secret.len(), 67);
    let uris = browser.open(&format!("/admin/clients/{id}/redirect-uris"));
    assert!(uris.says("https://system-admin.okta-emea.com/admin/app/cpc/trial1_acme_1/oauth/callback"));
    for path in ["", "/secrets", "/grants", "/edit"] {
        let page = browser.open(&format!("/admin/clients/{id}{path}"));
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(page.says("Acme Okta") && !page.text.contains(&secret[18..]), "{path}");
    }
    assert_eq!(browser.post(&form).status, 303);
    assert!(browser.follow().says("This form was sent before"));
    assert_eq!(browser.page.text.matches("<th scope=\"row\">").count(), 1);
    let entries: Vec<_> = tenant.audit().into_iter().filter(|entry| entry.action == "client.create").collect();
    assert_eq!((entries.len(), &*entries[0].actor_kind), (1, "administrator"));
}

#[test]
fn a_client_that_acts_for_itself_gets_tokens() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Owner);
    let form = form(&mut browser, "service", &[("name", "entra")]);
    let page = browser.post(&form);
    let own = OAuthClient { id: shown(&page, "client-id"), secret: shown(&page, "secret"), tenant: tenant.id };
    let token = text(&own.ask(&Endpoints::shared()), "access_token");
    assert_eq!(status(&token), 200);
    let path = format!("/admin/clients/{}", own.id);
    let form = browser.open(&format!("{path}/grants/revoke")).form("/grants/revoke");
    assert_eq!(browser.post(&form).status, 303);
    eventually("the refusal", || (status(&token) == 401).then_some(()));
    let form = browser.open(&format!("{path}/disable")).form("/disable");
    assert_eq!(browser.post(&form).status, 303);
    assert!(browser.follow().says("The client is disabled since"));
    assert_eq!(own.ask(&Endpoints::shared()).status, 401);
    let form = browser.open(&path).form("/enable");
    assert_eq!(browser.post(&form).status, 303);
    eventually("the token", || (own.ask(&Endpoints::shared()).status == 200).then_some(()));
}

#[test]
fn what_cannot_be_a_client_is_said_under_its_field() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    for (kind, fields, sentence) in [
        ("okta", &[("name", "x")][..], "wants the name of the Okta app"),
        ("okta", &[("name", "x"), ("okta_app", "a b")], "wants the name of the Okta app"),
        ("web", &[("name", ""), ("redirect_uris", "https://a.example/cb")], "A name has 1 to 100 characters"),
        ("web", &[("name", "x")], "redirect URIs and the grant authorization_code go together"),
        ("web", &[("name", "x"), ("redirect_uris", "http://a.example/cb")], "begins with https"),
        ("web", &[("name", "x"), ("redirect_uris", "https://*.a.example/cb")], "has no wildcard"),
        ("web", &[("name", "x"), ("redirect_uris", "https://a.example/<b>")], "only those of a URI"),
        ("web", &[("name", "x"), ("scopes", ""), ("redirect_uris", "https://a.example/cb")], "at least one scope"),
        ("service", &[("name", "x"), ("keys", "nonsense")], "neither the URL of a key set nor"),
        ("service", &[("name", "x"), ("keys", "{\"keys\": []}")], "The key set"),
        ("service", &[("name", "a\0b")], "A name has 1 to 100 characters"),
    ] {
        let form = form(&mut browser, kind, fields);
        let page = browser.post(&form);
        assert_eq!(page.status, 422, "{kind} {fields:?}");
        assert!(page.says(sentence) || page.says(&sentence.replacen('r', "R", 1)), "{kind} {fields:?}: {}", page.text);
        assert!(!page.text.contains("<b>"));
    }
    assert!(!browser.open("/admin/clients").text.contains("<th scope=\"row\">"));
}

#[test]
fn a_client_has_two_secrets_while_it_is_changed_over() {
    let tenant = tenant();
    let own = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = format!("/admin/clients/{}/secrets", own.id);
    let form = browser.open(&path).form("/secrets").with("overlap", "open");
    let page = browser.post(&form);
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
    let new = OAuthClient { secret: shown(&page, "secret"), ..own.clone() };
    assert_eq!([own.ask(&endpoints).status, new.ask(&endpoints).status], [200, 200]);
    assert_eq!(browser.post(&form).status, 303);
    assert!(browser.follow().says("There are two already"));
    let retire = format!("{path}/{}/retire", &own.secret[6..18]);
    let page = browser.open(&retire);
    assert!(!page.says("It is the only one"));
    let form = page.form("/retire");
    assert_eq!(browser.post(&form).status, 303);
    assert_eq!([own.ask(&endpoints).status, new.ask(&endpoints).status], [401, 200]);
    assert_eq!(browser.post(&form).status, 404);
    let last = format!("{path}/{}/retire", &new.secret[6..18]);
    assert!(browser.open(&last).says("It is the only one"));
    let count = |action| tenant.audit().iter().filter(|entry| entry.action == action).count();
    assert_eq!([count("client.rotate_secret"), count("client.retire_secret")], [1, 1]);
    let public = client(tenant.id, &provisor::oauth::clients::NewClient { confidential: false, ..provider() });
    let form = browser.open(&path).form("/secrets");
    let form = Form { action: format!("/admin/clients/{}/secrets", public.id), ..form };
    assert_eq!(browser.post(&form).status, 409);
}

#[test]
fn a_client_is_changed_and_the_log_has_what_differs() {
    let tenant = tenant();
    let own = client(tenant.id, &provider());
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = format!("/admin/clients/{}", own.id);
    let form = browser.open(&format!("{path}/edit")).form("/edit").with("name", "Okta <EU>").with("pkce", "yes");
    assert_eq!(browser.post(&form).status, 303);
    let page = browser.follow();
    assert!(page.says("<h1>Okta <EU></h1>") && !page.text.contains("<EU>") && page.says("<dd>required</dd>"));
    let uris = format!("{path}/redirect-uris");
    let form = browser.open(&uris).form("/redirect-uris");
    for (given, sentence) in
        [("", "go together"), ("https://a.example/cb#x", "has no fragment"), ("a\0", "only those of a URI")]
    {
        let page = browser.post(&form.clone().with("redirect_uris", given));
        assert_eq!((page.status, page.says(sentence)), (422, true), "{given}: {}", page.text);
    }
    let new = "https://a.example/cb\r\nhttps://a.example/cb\r\n http://127.0.0.1:4711/cb ";
    assert_eq!(browser.post(&form.with("redirect_uris", new).with("okta_app", "acme_1")).status, 303);
    let entries: Vec<_> = tenant.audit().into_iter().filter(|entry| entry.action == "client.update").collect();
    assert_eq!(entries.len(), 2);
    let after = entries[0].after.as_ref().unwrap();
    assert_eq!(after.as_object().unwrap().len(), 1);
    assert_eq!(after["redirectUris"].as_array().unwrap().len(), 7);
    assert_eq!(entries[1].before.as_ref().unwrap()["name"], "okta");
}

#[test]
fn a_grant_is_seen_and_revoked_with_its_tokens() {
    let tenant = tenant();
    let own = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = format!("/admin/clients/{}/grants", own.id);
    assert!(browser.open(&path).says("Nobody has consented yet"));
    let access = |consent| text(&own.redeem(&endpoints, &code(&own, consent)), "access_token");
    let (first, second) = (consent(tenant.id), consent(tenant.id));
    let (one, two) = (access(&first), access(&second));
    assert_eq!([status(&one), status(&two)], [200, 200]);
    let page = browser.open(&path);
    assert_eq!(page.text.matches("Revoke the grant of").count(), 2);
    let rows = grants_on(&page);
    assert_eq!(rows.len(), 2, "{}", page.text);
    let form = browser.open(&rows[1]).form("/revoke");
    assert_eq!(browser.post(&form).status, 303);
    assert!(browser.follow().says("The grant is revoked"));
    eventually("the refusal of the first", || (status(&one) == 401).then_some(()));
    assert_eq!(status(&two), 200);
    let page = browser.open(&format!("{path}/revoke"));
    assert!(page.says("1 grant is revoked"), "{}", page.text);
    assert_eq!(browser.post(&page.form("/grants/revoke")).status, 303);
    eventually("the refusal of the second", || (status(&two) == 401).then_some(()));
    let entries: Vec<_> = tenant.audit().into_iter().filter(|entry| entry.action == "oauth.revoke_grant").collect();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry.actor_kind == "administrator"));
}

#[test]
fn clients_of_the_catalogue_are_for_operators() {
    let tenant = tenant();
    let own = client(TenantId::NONE, &provider());
    let path = format!("/admin/clients/{}", own.id);
    assert_eq!(signed_in(tenant.id, Role::Owner).open(&path).status, 404);
    let mut auditor = signed_in(TenantId::NONE, Role::Auditor);
    assert!(auditor.open(&path).says("Needs an owner over all tenants."));
    let mut admin = signed_in(TenantId::NONE, Role::Admin);
    let form = Form { action: format!("{path}/disable"), ..admin.open(&path).form("/logout") };
    assert_eq!(admin.post(&form).status, 403);
    let mut owner = signed_in(TenantId::NONE, Role::Owner);
    assert!(owner.open("/admin/clients?of=catalogue").says(&own.id));
    assert!(!owner.open("/admin/clients").says(&own.id));
    let endpoints = Endpoints::shared();
    let token = text(&own.redeem(&endpoints, &code(&own, &consent(tenant.id))), "access_token");
    let page = owner.open(&format!("{path}/grants"));
    assert!(page.says(&tenant.id.to_string()));
    let link = grants_on(&page).remove(0);
    let form = owner.open(&link).form("/revoke");
    assert_eq!(owner.post(&form).status, 303);
    eventually("the refusal", || (status(&token) == 401).then_some(()));
    let form = form_of_catalogue(&mut owner);
    let id = shown(&owner.post(&form), "client-id");
    assert!(owner.open("/admin/clients?of=catalogue").says(&id));
}

fn form_of_catalogue(owner: &mut Browser) -> Form {
    form(owner, "okta", &[("name", "for all"), ("okta_app", "acme_1"), ("catalogue", "yes")])
}

#[test]
fn a_client_of_another_tenant_is_not_there() {
    let (mine, other) = (tenant(), tenant());
    let theirs = client(other.id, &provider());
    let grant = text(&theirs.redeem(&Endpoints::shared(), &code(&theirs, &consent(other.id))), "access_token");
    let mut browser = signed_in(mine.id, Role::Owner);
    let logout = browser.open("/admin/clients").form("/logout");
    let path = format!("/admin/clients/{}", theirs.id);
    let retire = format!("/secrets/{}/retire", &theirs.secret[6..18]);
    for below in ["", "/edit", "/disable", "/secrets", &retire, "/redirect-uris", "/grants", "/grants/revoke"] {
        assert_eq!(browser.open(&format!("{path}{below}")).status, 404, "{below}");
    }
    for below in ["/edit", "/disable", "/enable", "/secrets", &retire, "/redirect-uris", "/grants/revoke"] {
        let answer = browser.post(&Form { action: format!("{path}{below}"), ..logout.clone() });
        assert_eq!(answer.status, 404, "{below}");
    }
    assert_eq!(status(&grant), 200);
    for path in ["/admin/clients/%00", "/admin/clients/%FF/edit", "/admin/clients/x/grants/y/revoke"] {
        assert_eq!(browser.request(Method::GET, path).status, 404, "{path}");
    }
}
