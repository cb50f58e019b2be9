//! The wizard that connects an identity provider, its live test, and set-up links.

use chrono::Utc;
use provisor::auth::role::Role;
use provisor::auth::secret::{Kind, Secret};
use provisor::auth::setup_links::{self, RedeemError};
use provisor::auth::{Caller, Principal};
use provisor::id::TenantId;
use provisor::store::RequestRow;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::signed_in;
use crate::support::browser::{Form, Page};
use crate::support::people::{CALLBACK, PASSWORD, somebody};
use crate::support::process::run_json;
use crate::support::{Browser, Client, Tenant, database, eventually, shared, tenant};

/// Begins a walk, and gives the path of its page, which is then open.
fn begin(browser: &mut Browser, provider: &str, method: &str) -> String {
    browser.open("/admin/connect");
    let form = browser.page.form("/admin/connect").with("provider", provider).with("method", method);
    assert_eq!(browser.post(&form).status, 303, "{}", browser.page.text);
    let path = browser.page.location().unwrap().to_owned();
    browser.open(&path);
    path
}

/// Makes a header token on the open page of a walk.
fn make_token(browser: &mut Browser, path: &str) -> (Page, String) {
    let form = browser.page.form(&format!("{path}/credential")).with("name", "okta").with("life", "365");
    let page = browser.post(&form);
    assert_eq!(page.status, 200, "{}", page.text);
    let token = secret_on(&page, "pvr_t_");
    (page, token)
}

/// The text on a page that begins so.
fn secret_on(page: &Page, prefix: &str) -> String {
    let start = page.text.find(prefix).unwrap_or_else(|| panic!("no {prefix}: {}", page.text));
    page.text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// The audit actions of a tenant, the oldest first.
fn actions(tenant: &Tenant) -> Vec<String> {
    tenant.audit().into_iter().rev().map(|row| row.action).collect()
}

/// A request as the log has it, with what matters here.
fn request(tenant: TenantId, actor: &str, operation: &str, resource_type: &str) -> RequestRow {
    RequestRow {
        tenant_id: tenant.0,
        id: Uuid::now_v7(),
        at: Utc::now(),
        request_id: "test".into(),
        method: "GET".into(),
        path: format!("/{resource_type}s"),
        query: None,
        operation: operation.into(),
        outcome: "ok".into(),
        status: 200,
        scim_type: None,
        detail: None,
        resource_type: Some(resource_type.into()),
        resource_id: None,
        resource_name: None,
        actor_kind: "header_token".into(),
        actor_id: actor.into(),
        actor_name: "okta".into(),
        address: Some("198.51.100.7".into()),
        user_agent: None,
        microseconds: 900,
        request_body: None,
        response_body: None,
        request_headers: None,
        response_headers: None,
    }
}

fn log(row: &RequestRow) {
    shared()
        .with_backend(|backend| backend.store.gate(|gate| gate.insert_requests(std::slice::from_ref(row))))
        .unwrap();
}

/// The id in a header token.
fn id_of(token: &str) -> String {
    Secret::parse(Kind::HeaderToken, token).unwrap().id().to_owned()
}

/// Makes a set-up link, and gives its code.
fn link(browser: &mut Browser, email: &str) -> String {
    browser.open("/admin/connect/links");
    let form =
        browser.page.form("/admin/connect/links").with("email", email).with("label", "Acme Okta").with("days", "7");
    let page = browser.post(&form);
    assert_eq!((page.status, &*page.heading()), (200, "Set-up link made"), "{}", page.text);
    secret_on(&page, "pvr_w_")
}

/// Opens a set-up link in a browser of its own.
fn open_link(code: &str) -> Browser {
    let mut browser = Browser::new(&shared().url);
    browser.open("/admin/link");
    browser.post(&browser.page.form("/admin/link").with("code", code));
    browser
}

#[test]
fn the_wizard_makes_a_token_that_works_and_shows_it_once() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = begin(&mut browser, "okta", "header_token");
    for name in ["SCIM connector base URL", "Unique identifier field for users", "Authentication Mode", "HTTP Header"] {
        assert!(browser.page.says(name), "{name}");
    }
    let form = browser.page.form("/credential").with("name", "okta").with("life", "90");
    let (page, token) = make_token(&mut browser, &path);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let client = Client::new(&shared().url, &format!("Bearer {token}"));
    assert_eq!(client.get("/Users?startIndex=1&count=2").status, 200);
    assert!(!browser.open(&path).text.contains(&token));
    // The form that was open before makes no second one.
    assert_eq!(browser.post(&form).status, 303);
    assert!(browser.follow().says("Nothing was made"));
    let own = ["connect.start", "token.create", "connect.credential"];
    let seen: Vec<String> = actions(&tenant).into_iter().filter(|action| own.contains(&&**action)).collect();
    // The first is the token that the test tenant came with.
    assert_eq!(seen, ["token.create", "connect.start", "token.create", "connect.credential"]);
    assert!(browser.open("/admin/connect").says("Live test"));
}

#[test]
fn the_form_that_begins_a_walk_begins_one_however_often_it_is_sent() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    browser.open("/admin/connect");
    let form = browser.page.form("/admin/connect").with("provider", "entra").with("method", "header_token");
    let first = browser.post(&form).location().unwrap().to_owned();
    assert_eq!(browser.post(&form).location(), Some(&*first));
    let answer = browser.post(&form.clone().with("method", "authorization_code"));
    assert_eq!(answer.status, 422);
    assert!(answer.says("Microsoft Entra ID has no OAuth 2, authorization code for provisioning"), "{}", answer.text);
    for (name, value) in [("provider", ""), ("provider", "okta\u{0}"), ("method", "<b>"), ("run", "x")] {
        assert_eq!(browser.post(&form.clone().with(name, value)).status, 422, "{name}");
    }
}

#[test]
fn an_okta_app_gets_a_client_with_the_redirect_uris_of_its_cells() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = begin(&mut browser, "okta", "authorization_code");
    let form = browser.page.form("/credential").with("name", "Okta");
    let refused = browser.post(&form.clone().with("okta_app", "https://acme-admin.okta.com/admin/apps"));
    assert_eq!(refused.status, 422);
    assert!(refused.says("This field wants the name of the Okta app"), "{}", refused.text);
    let page =
        browser.post(&form.with("okta_app", "https://acme-admin.okta.com/admin/app/acme_1/instance/0oa1/#tab-general"));
    assert_eq!(page.status, 200, "{}", page.text);
    for text in [
        CALLBACK,
        "https://system-admin.okta-emea.com/admin/app/cpc/acme_1/oauth/callback",
        "https://system-admin.oktapreview.com/admin/app/cpc/acme_1/oauth/callback",
        "/oauth/token",
        "/oauth/authorize",
        "Access token endpoint URI",
    ] {
        assert!(page.says(text), "{text}");
    }
    let secret = secret_on(&page, "pvr_s_");
    assert!(!browser.open(&path).text.contains(&secret));
}

#[test]
fn client_credentials_made_here_get_an_access_token_and_can_be_rotated() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = begin(&mut browser, "entra", "client_credentials");
    let page = browser.post(&browser.page.form("/credential").with("name", "Entra"));
    assert!(page.says("aadOptscim062020"));
    let (client, first) = (secret_on(&page, "client_"), secret_on(&page, "pvr_s_"));
    let granted = |secret: &str| {
        let http = reqwest::blocking::Client::new();
        let request = http.post(format!("{}/oauth/token", shared().url)).basic_auth(&client, Some(secret));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.body("grant_type=client_credentials").send().unwrap().status().as_u16()
    };
    assert_eq!(granted(&first), 200);
    browser.open(&format!("{path}/rotate"));
    let form = browser.page.form("/rotate").with("overlap", "0");
    let second = secret_on(&browser.post(&form), "pvr_s_");
    assert_eq!((granted(&first), granted(&second)), (401, 200));
    assert!(browser.post(&form).status == 303 && browser.follow().says("Nothing was made"));
    assert_eq!(granted(&second), 200);
}

#[test]
fn a_rotated_token_goes_on_for_a_while_beside_the_new_one() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = begin(&mut browser, "okta", "header_token");
    let (_, first) = make_token(&mut browser, &path);
    for _ in 0..2 {
        assert_eq!(Client::new(&shared().url, &first).get("/Users").status, 200);
    }
    browser.open(&format!("{path}/rotate"));
    assert_eq!(browser.post(&browser.page.form("/rotate").with("overlap", "9")).status, 422);
    let form = browser.page.form("/rotate").with("overlap", "24");
    let page = browser.post(&form);
    let second = secret_on(&page, "pvr_t_");
    assert!(page.says("The one before ends"));
    // What came before is not counted as coming after.
    let successor = browser.open(&format!("/admin/tokens/{}", &second["pvr_t_".len()..][..12]));
    assert!(successor.says("The old token was not used since the rotation."), "{}", successor.text);
    for token in [&first, &second] {
        assert_eq!(Client::new(&shared().url, token).get("/Users").status, 200);
    }
    assert_eq!(browser.post(&form).status, 303);
}

#[test]
fn a_third_token_is_refused_while_two_overlap_and_the_way_on_is_shown() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = begin(&mut browser, "okta", "header_token");
    let (_, first) = make_token(&mut browser, &path);
    let form = browser.open(&format!("{path}/rotate")).form("/rotate").with("overlap", "24");
    let second = secret_on(&browser.post(&form), "pvr_t_");
    let next = form.with("version", "2");
    for refused in [browser.open(&format!("{path}/rotate")).clone(), browser.post(&next)] {
        assert_eq!((refused.status, refused.says("End that overlap first")), (409, true), "{}", refused.text);
    }
    let end = format!("/admin/tokens/{}/end-overlap", id_of(&first));
    assert!(browser.page.text.contains(&end), "{}", browser.page.text);
    assert_eq!(tenant.audit().iter().filter(|row| row.action == "token.rotate").count(), 1);
    let end = browser.open(&end).form("/end-overlap");
    assert_eq!(browser.post(&end).status, 303);
    // The version that the refused form carried was not used up.
    let third = secret_on(&browser.post(&next), "pvr_t_");
    for token in [&second, &third] {
        assert_eq!(Client::new(&shared().url, token).get("/Users").status, 200);
    }

    // A contact has no page of tokens.
    let code = link(&mut browser, "it@example.com");
    let mut contact = open_link(&code);
    let path = begin(&mut contact, "okta", "header_token");
    make_token(&mut contact, &path);
    let form = contact.open(&format!("{path}/rotate")).form("/rotate").with("overlap", "24");
    assert_eq!(contact.post(&form).status, 200);
    let refused = contact.open(&format!("{path}/rotate"));
    assert_eq!((refused.status, refused.says("Ask whoever sent you here")), (409, true), "{}", refused.text);
    assert!(!refused.text.contains("/admin/tokens"), "{}", refused.text);
}

#[test]
fn a_name_that_cannot_be_is_refused_and_one_with_html_is_shown_as_text() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    begin(&mut browser, "other", "header_token");
    let form = browser.page.form("/credential").with("life", "");
    for name in ["", " ", "a\u{0}b", "a\nb", &"\u{e9}".repeat(101)] {
        assert_eq!(browser.post(&form.clone().with("name", name)).status, 422, "{name:?}");
    }
    assert_eq!(browser.post(&form.clone().with("name", "x").with("life", "12")).status, 422);
    let refused = browser.post(&form.clone().with("name", "<b>\"x\"</b>").with("life", "1"));
    assert!(refused.says("value=\"<b>\"x\"</b>\"") && !refused.text.contains("<b>"), "{}", refused.text);
    assert_eq!(browser.post(&form.with("name", "\u{1f980} <script>")).status, 200);
}

#[test]
fn each_call_that_comes_ticks_its_step() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = begin(&mut browser, "okta", "header_token");
    let (_, token) = make_token(&mut browser, &path);
    let id = id_of(&token);
    let test = format!("{path}/test");
    assert!(browser.open(&test).says("0 of 8 steps"));
    let filter = "filter=userName%20eq%20%22x%22";
    let mut done = 0;
    for (mut row, ticks) in [
        (
            RequestRow {
                query: Some(filter.into()),
                response_body: Some("{\"totalResults\":0,\"Resources\":[]}".into()),
                ..request(tenant.id, &id, "query", "User")
            },
            3,
        ),
        (RequestRow { query: Some("startIndex=1&count=2".into()), ..request(tenant.id, &id, "query", "User") }, 1),
        (request(tenant.id, &id, "create", "User"), 1),
        (request(tenant.id, &id, "replace", "User"), 1),
        (request(tenant.id, &id, "deactivate", "User"), 1),
        (request(tenant.id, &id, "modify", "Group"), 1),
        // Of another credential, and of before.
        (request(tenant.id, "other", "create", "Group"), 0),
    ] {
        row.id = Uuid::now_v7();
        log(&row);
        done += ticks;
        let page = browser.open(&test);
        let text = if done == 8 { "All 8 steps have gone well".into() } else { format!("{done} of 8 steps") };
        assert!(page.says(&text), "{text}: {}", page.text);
    }
    assert!(browser.page.says("from 198.51.100.7"));
    assert!(browser.page.text.contains("<meta http-equiv=\"refresh\" content=\"5\">"));
}

#[test]
fn the_calls_of_a_real_conversation_tick_their_steps() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = begin(&mut browser, "okta", "header_token");
    let (_, token) = make_token(&mut browser, &path);
    let okta = Client::new(&shared().url, &format!("Bearer {token}"));
    okta.get("/Users?startIndex=1&count=2");
    okta.get("/Users?filter=userName%20eq%20%22x%22&startIndex=1&count=100");
    let mut user = okta.post("/Users", &crate::support::okta_user("x@example.com")).json();
    let at = crate::support::path_of(&user);
    user["title"] = json!("Pilot");
    assert_eq!(okta.put(&at, &user).status, 200);
    user["active"] = json!(false);
    assert_eq!(okta.put(&at, &user).status, 200);
    assert_eq!(okta.post("/Groups", &json!({"schemas": [crate::support::GROUP], "displayName": "x"})).status, 201);
    assert_eq!(okta.get("/Users/Users").status, 404);
    let browser = std::cell::RefCell::new(browser);
    let page = eventually("the eighth step", || {
        let page = browser.borrow_mut().open(&format!("{path}/test"));
        (page.says("All 8 steps have gone well") && page.says("Last failure")).then_some(page)
    });
    assert!(page.says("ends with the name of an endpoint"), "{}", page.text);
    assert!(page.says("Okta is connected.") && page.text.contains("href=\"/admin/users\">users</a>"), "{}", page.text);
    // Without Okta somebody on this machine makes its calls; what the command is given is not the secret.
    assert!(page.says("PROVISOR_SIMULATE_TOKEN=$TOKEN provisor simulate okta --base-url http"), "{}", page.text);
    run_json(&shared().data_dir, &["token", "revoke", &id_of(&token)]);
    let page = browser.borrow_mut().open(&format!("{path}/test"));
    assert!(page.says("The token is revoked.") && !page.says("Okta is connected."), "{}", page.text);
    let list = browser.borrow_mut().open("/admin/connect");
    assert!(list.says("The token is revoked."), "{}", list.text);
}

#[test]
fn a_failure_is_told_with_its_cause_and_what_to_do() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = begin(&mut browser, "okta", "header_token");
    let (_, token) = make_token(&mut browser, &path);
    let id = id_of(&token);
    let refused = |status: i16, detail: &str| RequestRow {
        outcome: if status == 401 { "unauthenticated" } else { "refused" }.into(),
        status,
        detail: Some(detail.into()),
        ..request(tenant.id, &id, "create", "User")
    };
    for (row, told) in [
        (refused(401, "revoked token"), "The header token was revoked."),
        (refused(401, "expired token"), "The header token has expired."),
        (RequestRow { scim_type: Some("uniqueness".into()), ..refused(409, "taken") }, "has this name already"),
        (refused(403, "the token lacks the scope scim.write"), "lacks a scope"),
        (
            RequestRow { scim_type: Some("invalidFilter".into()), ..refused(400, "x") },
            "the unique identifier field must be userName",
        ),
        (refused(422, "<i>x</i>"), "<i>x</i>."),
    ] {
        log(&RequestRow { id: Uuid::now_v7(), ..row });
        assert!(browser.open(&format!("{path}/test")).says(told), "{told}: {}", browser.page.text);
    }
    assert!(!browser.page.says("Since then"));
    log(&request(tenant.id, &id, "create", "User"));
    assert!(browser.open(&format!("{path}/test")).says("Since then requests have gone well"));
}

#[test]
fn requests_of_unknown_callers_are_shown_to_operators_and_not_to_one_of_several_tenants() {
    let tenant = tenant();
    let marker = format!("/Marker{}", Uuid::now_v7().simple());
    let mut admin = signed_in(tenant.id, Role::Admin);
    let path = begin(&mut admin, "okta", "header_token");
    make_token(&mut admin, &path);
    log(&RequestRow {
        outcome: "unauthenticated".into(),
        status: 401,
        detail: Some("no credential".into()),
        path: marker.clone(),
        ..request(TenantId::NONE, "", "query", "User")
    });
    assert!(!admin.open(&format!("{path}/test")).says(&marker));
    let mut operator = signed_in(TenantId::NONE, Role::Owner);
    let form = operator.open("/admin").form("/admin/logout");
    let form = crate::support::browser::Form { action: "/admin/tenant".into(), ..form };
    operator.post(&form.with("tenant", &tenant.id.0.to_string()));
    let page = operator.open(&format!("{path}/test"));
    assert!(page.says(&marker) && page.says("The request has no Authorization header"), "{}", page.text);
}

#[test]
fn the_self_test_passes_and_leaves_nothing() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = begin(&mut browser, "entra", "client_credentials");
    browser.post(&browser.page.form("/credential").with("name", "Entra"));
    browser.open(&format!("{path}/test"));
    assert_eq!(browser.post(&browser.page.form("/self-test")).status, 303);
    let page = browser.open(&format!("{path}/test"));
    assert!(page.says("passed") && page.says("Found the OAuth endpoints"), "{}", page.text);
    assert!(page.says("Removed the user") && !page.says("failed."));
    assert_eq!(tenant.client.get("/Users").json()["totalResults"], json!(0));
    assert_eq!(tenant.client.get("/Groups").json()["totalResults"], json!(0));
    let seen = actions(&tenant);
    for action in ["resource.create", "resource.delete", "token.revoke", "connect.self_test"] {
        assert!(seen.iter().any(|seen| seen == action), "{action}");
    }
}

#[test]
fn nothing_of_another_tenant_is_found() {
    let (own, other) = (tenant(), tenant());
    let mut browser = signed_in(other.id, Role::Admin);
    let run = begin(&mut browser, "okta", "header_token");
    link(&mut browser, "grace@example.com");
    browser.open("/admin/connect/links");
    let text = &browser.page.text;
    let at = text.find("/admin/connect/links/").unwrap() + "/admin/connect/links/".len();
    let link = text[at..at + 36].to_owned();
    let mut browser = signed_in(own.id, Role::Admin);
    let form = browser.open("/admin/connect").form("/admin/connect");
    for path in [
        run.clone(),
        format!("{run}/rotate"),
        format!("{run}/test"),
        format!("/admin/connect/links/{link}/revoke"),
        "/admin/connect/x".into(),
        "/admin/connect/links/x/revoke".into(),
    ] {
        assert_eq!(browser.request(Method::GET, &path).status, 404, "{path}");
    }
    for path in [
        format!("{run}/credential"),
        format!("{run}/rotate"),
        format!("{run}/self-test"),
        format!("/admin/connect/links/{link}/revoke"),
    ] {
        let form = crate::support::browser::Form { action: path.clone(), ..form.clone() };
        assert_eq!(browser.post(&form).status, 404, "{path}");
    }
}

#[test]
fn a_contact_comes_by_a_link_and_sees_the_wizard_of_the_tenant_alone() {
    let (own, other) = (tenant(), tenant());
    let mut admin = signed_in(own.id, Role::Admin);
    let code = link(&mut admin, "Grace@Example.com");
    assert!(!admin.open("/admin/connect/links").text.contains(&code));
    let mut contact = open_link(&code);
    assert_eq!(contact.page.location(), Some("/admin/connect"));
    assert!(contact.page.header("set-cookie").unwrap().contains("Max-Age="));
    let page = contact.follow();
    assert!(page.says("Your access to this page ends") && !page.says("/admin/users"), "{}", page.text);
    let path = begin(&mut contact, "okta", "header_token");
    let (_, token) = make_token(&mut contact, &path);
    assert_eq!(Client::new(&shared().url, &token).get("/Users").status, 200);
    assert_eq!(contact.open(&format!("{path}/test")).heading(), "Live test");
    assert_eq!(contact.open("/admin/connect/links").status, 403);
    let mut elsewhere = signed_in(other.id, Role::Admin);
    let foreign = begin(&mut elsewhere, "okta", "header_token");
    assert_eq!(contact.open(&foreign).status, 404);
    // The link works once.
    let again = open_link(&code).page;
    assert!(again.status == 422 && again.says("opened already"), "{}", again.text);
    let seen = actions(&own);
    let at = seen.iter().position(|action| action == "setup_link.create").unwrap();
    assert_eq!(seen[at + 1..at + 4], ["administrator.create", "setup_link.redeem", "session.sign_in"]);
}

#[test]
fn a_contact_sees_and_rotates_what_it_began_itself_and_nothing_else() {
    let tenant = tenant();
    // Even where somebody who may do more has the address of the contact.
    let person = somebody(tenant.id, Role::Owner);
    let mut owner = Browser::new(&shared().url);
    owner.sign_in(&person.email, PASSWORD);
    let token_run = begin(&mut owner, "okta", "header_token");
    let (_, token) = make_token(&mut owner, &token_run);
    let client_run = begin(&mut owner, "entra", "client_credentials");
    owner.post(&owner.page.form("/credential").with("name", "Entra"));
    let code = link(&mut owner, &person.email);
    let mut contact = open_link(&code);
    let other_code = link(&mut owner, "eve@example.com");
    let mut other = open_link(&other_code);
    let other_run = begin(&mut other, "okta", "header_token");
    make_token(&mut other, &other_run);

    let own = begin(&mut contact, "okta", "header_token");
    let (_, first) = make_token(&mut contact, &own);
    let list = contact.open("/admin/connect");
    assert!(list.text.contains(&own), "{}", list.text);
    let form = list.form("/admin/connect");
    for run in [&token_run, &client_run, &other_run] {
        assert!(!list.text.contains(run), "{}", list.text);
        for page in ["", "/rotate", "/test"] {
            assert_eq!(contact.request(Method::GET, &format!("{run}{page}")).status, 404, "{run}{page}");
        }
        for action in ["credential", "rotate", "self-test"] {
            let form = Form { action: format!("{run}/{action}"), ..form.clone() };
            let form = form.with("overlap", "0").with("version", "1").with("name", "evil").with("life", "365");
            assert_eq!(contact.post(&form).status, 404, "{run}/{action}");
        }
    }
    assert_eq!(Client::new(&shared().url, &token).get("/Users").status, 200);

    // Its own it rotates, and so does whoever comes by another link to the same person.
    let again = link(&mut owner, &person.email);
    let mut again = open_link(&again);
    let form = again.open(&format!("{own}/rotate")).form("/rotate").with("overlap", "0");
    assert_eq!(again.post(&form).status, 200, "{}", again.page.text);
    assert_eq!(Client::new(&shared().url, &first).get("/Users").status, 401);
    // Whoever may change credentials sees all.
    let list = owner.open("/admin/connect");
    for run in [&token_run, &client_run, &other_run, &own] {
        assert!(list.text.contains(run), "{}", list.text);
        assert_eq!(owner.open(run).status, 200);
    }
}

#[test]
fn one_person_may_be_the_contact_of_two_tenants_and_an_administrator_besides() {
    let (first, second) = (tenant(), tenant());
    let person = somebody(first.id, Role::Auditor);
    for tenant in [&first, &second] {
        let code = link(&mut signed_in(tenant.id, Role::Admin), &person.email);
        let mut contact = open_link(&code);
        assert!(contact.follow().text.contains(&format!("{} · provisor</title>", tenant.name)));
        assert_eq!(contact.open("/admin/users").status, if contact.page.status == 404 { 404 } else { 403 });
    }
    let mut browser = Browser::new(&shared().url);
    assert_eq!(browser.sign_in(&person.email, PASSWORD).heading(), "Overview");
}

#[test]
fn a_contact_never_signs_in_with_a_password() {
    let tenant = tenant();
    let email = format!("grace{}@example.com", Uuid::now_v7().simple());
    let code = link(&mut signed_in(tenant.id, Role::Admin), &email);
    open_link(&code);
    for entered in [email.clone(), format!("{} {email}", tenant.id.0)] {
        let mut browser = Browser::new(&shared().url);
        assert_eq!(browser.sign_in(&entered, PASSWORD).status, 422);
    }
}

#[test]
fn a_contact_is_made_nothing_else_and_a_link_leads_to_no_other_account() {
    let tenant = tenant();
    let email = format!("grace{}@example.com", Uuid::now_v7().simple());
    let mut owner = signed_in(tenant.id, Role::Owner);
    let code = link(&mut owner, &email);
    let mut contact = open_link(&code);
    let folded = format!("{} {email}", tenant.id.0);
    let query = format!("SELECT id::text AS value FROM administrators WHERE folded_email = '{folded}'");
    let ids = database::texts(&mut database::connect(&shared().data_dir, "provisor"), &query);
    let path = format!("/admin/administrators/{}", ids[0]);
    let page = owner.open(&path);
    assert!(page.says("An IT contact comes by a") && !page.text.contains("/password-link"), "{}", page.text);
    let form = page.form("/admin/logout");
    for (action, field) in [("role", ("role", "owner")), ("password-link", ("x", "y"))] {
        let form = Form { action: format!("{path}/{action}"), ..form.clone() }.with(field.0, field.1);
        let answer = owner.post(&form);
        assert!(answer.status == 422 && answer.says("An IT contact comes by a set-up link"), "{}", answer.text);
    }
    // Even where the account was made more in another way.
    let raise = format!("UPDATE administrators SET role = 'owner' WHERE folded_email = '{folded}'");
    database::execute(&mut database::connect(&shared().data_dir, "provisor"), &raise);
    let again = link(&mut owner, &email);
    let mut stranger = open_link(&again);
    assert_eq!(stranger.page.status, 422, "{}", stranger.page.text);
    assert_eq!(stranger.open("/admin/users").heading(), "Sign in");
    drop(contact.follow());
}

#[test]
fn revoking_a_link_ends_the_session_that_began_by_it() {
    let tenant = tenant();
    let mut admin = signed_in(tenant.id, Role::Admin);
    let code = link(&mut admin, "grace@example.com");
    let mut contact = open_link(&code);
    let other = link(&mut admin, "grace@example.com");
    let mut still = open_link(&other);
    admin.open("/admin/connect/links");
    // The older one stands below.
    let text = &admin.page.text;
    let at = text.rfind("/admin/connect/links/").unwrap();
    let path = text[at..at + "/admin/connect/links/".len() + 36].to_owned() + "/revoke";
    let page = admin.open(&path);
    assert!(page.text.contains("data-question") && page.says("signed out at once"));
    admin.post(&page.form("/revoke"));
    assert!(admin.follow().says("is revoked"));
    let answer = contact.request(Method::GET, "/admin/connect");
    assert!(answer.location().unwrap().starts_with("/admin/login"), "{:?}", answer.location());
    assert_eq!(still.open("/admin/connect").heading(), "Connect a directory");
    let unopened = link(&mut admin, "grace@example.com");
    let mut pg = database::connect(&shared().data_dir, "provisor");
    database::execute(
        &mut pg,
        &format!("UPDATE setup_links SET revoked_at = now() WHERE tenant_id = '{}'", tenant.id.0),
    );
    assert!(open_link(&unopened).page.says("withdrawn"));
}

#[test]
fn the_session_of_a_contact_lasts_as_long_as_the_link_and_no_longer() {
    let tenant = tenant();
    let mut admin = signed_in(tenant.id, Role::Admin);
    let code = link(&mut admin, "grace@example.com");
    let late = link(&mut admin, "grace@example.com");
    let mut contact = open_link(&code);
    let mut pg = database::connect(&shared().data_dir, "provisor");
    let own = format!(
        "administrator_id IN (SELECT id FROM administrators WHERE role = 'contact' AND tenant_id = '{}')",
        tenant.id.0
    );
    let days_ago = "seen_at = now() - interval '2 days', created_at = now() - interval '2 days'";
    database::execute(&mut pg, &format!("UPDATE sessions SET {days_ago} WHERE {own}"));
    assert_eq!(contact.open("/admin/connect").heading(), "Connect a directory");
    // However long it is quiet, an owner sees it.
    database::execute(&mut pg, &format!("UPDATE sessions SET {days_ago} WHERE {own}"));
    let person = format!(
        "SELECT id::text AS value FROM administrators WHERE role = 'contact' AND tenant_id = '{}'",
        tenant.id.0
    );
    let person = format!("/admin/administrators/{}", database::texts(&mut pg, &person)[0]);
    let mut owner = signed_in(tenant.id, Role::Owner);
    let page = owner.open(&person);
    assert!(page.says("Where the person is signed in") && page.says("End sessions"), "{}", page.text);
    database::execute(&mut pg, &format!("UPDATE sessions SET ends_at = now() WHERE {own}"));
    assert!(owner.open(&person).says("The person is not signed in."));
    assert_eq!(contact.request(Method::GET, "/admin/connect").status, 303);
    database::execute(
        &mut pg,
        &format!("UPDATE setup_links SET expires_at = now() WHERE tenant_id = '{}'", tenant.id.0),
    );
    assert!(open_link(&late).page.says("expired"));
}

#[test]
fn no_link_leads_into_a_tenant_that_is_suspended_or_deleted() {
    let tenant = tenant();
    let mut admin = signed_in(tenant.id, Role::Admin);
    let code = link(&mut admin, "grace@example.com");
    let form = admin.open("/admin/connect/links").form("/admin/connect/links");
    let mut pg = database::connect(&shared().data_dir, "provisor");
    let mut change = |changes: &str| {
        database::execute(&mut pg, &format!("UPDATE tenants SET {changes} WHERE id = '{}'", tenant.id));
    };
    let contacts =
        format!("SELECT count(*) AS number FROM administrators WHERE role = 'contact' AND tenant_id = '{}'", tenant.id);
    for state in ["suspended_at = now()", "suspended_at = NULL, delete_after = now() + interval '1 day'"] {
        change(state);
        let page = open_link(&code).page;
        assert_eq!(page.status, 422);
        assert!(page.says("The tenant that this link leads to is suspended, or is to be deleted"), "{}", page.text);
        assert_eq!(database::number(&contacts), 0, "{state}");
        // Nor is one made.
        let form = form.clone().with("email", "eve@example.com").with("label", "Acme Okta").with("days", "7");
        let page = admin.post(&form);
        assert_eq!(page.status, 409, "{}", page.text);
        assert!(page.says("nobody new is let in"), "{}", page.text);
    }
    // The code was not used up.
    change("delete_after = NULL");
    assert_eq!(open_link(&code).follow().heading(), "Connect a directory");
}

#[test]
fn a_link_that_cannot_be_is_not_made() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    assert!(browser.open("/admin/connect/links").says("No links yet"));
    let form = browser.page.form("/admin/connect/links");
    let form = form.with("email", "grace@example.com").with("label", "<b>Acme</b>").with("days", "3");
    for (name, value) in [
        ("email", "grace"),
        ("email", "gr\u{0}ace@example.com"),
        ("label", ""),
        ("label", "a\u{0}"),
        ("label", &*"x".repeat(101)),
        ("days", "30"),
        ("days", "-1"),
        ("days", "x"),
        ("link", "x"),
    ] {
        assert_eq!(browser.post(&form.clone().with(name, value)).status, 422, "{name} {value:?}");
    }
    assert_eq!(browser.post(&form).status, 200);
    let again = browser.post(&form);
    assert!(again.status == 422 && again.says("made already"), "{}", again.text);
    let page = browser.open("/admin/connect/links");
    assert!(page.says("<b>Acme</b>") && !page.text.contains("<b>Acme"));
    assert_eq!(page.text.matches("not opened yet").count(), 1);
}

#[test]
fn guessing_codes_is_held_up_by_address() {
    let guess = Secret::generate(Kind::SetupLink).unwrap();
    let caller = Caller {
        principal: Principal::anonymous(TenantId::NONE, String::new()).into(),
        request_id: "test".into(),
        address: Some("203.0.113.77".into()),
    };
    let redeem = || {
        shared().with_backend(|backend| {
            setup_links::redeem(&backend.store, &backend.token_key, &caller, guess.reveal(), None, None).unwrap_err()
        })
    };
    let mut errors = (0..25).map(|_| redeem());
    assert!(matches!(errors.next(), Some(RedeemError::Unknown)));
    assert!(errors.any(|error| matches!(error, RedeemError::Throttled(_))));
}

#[test]
fn a_self_test_is_held_up_when_it_is_run_again_and_again() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = begin(&mut browser, "entra", "header_token");
    make_token(&mut browser, &path);
    let form = browser.open(&format!("{path}/test")).form("/self-test");
    for _ in 0..5 {
        assert_eq!(browser.post(&form).status, 303);
        browser.follow();
    }
    let held_up = (0..5).any(|_| {
        browser.post(&form);
        browser.follow().says("The self-test was run several times just now.")
    });
    assert!(held_up, "{}", browser.page.text);
    // Another tenant is none the worse for it.
    let other = crate::support::tenant();
    let mut browser = signed_in(other.id, Role::Admin);
    let path = begin(&mut browser, "entra", "header_token");
    make_token(&mut browser, &path);
    let form = browser.open(&format!("{path}/test")).form("/self-test");
    browser.post(&form);
    assert!(browser.follow().says("passed"), "{}", browser.page.text);
}
