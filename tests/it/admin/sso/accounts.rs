//! Which account somebody gets, with which role.

use provisor::auth::administrators::{self, find};
use provisor::auth::role::Role;
use provisor::auth::sso::provider::{self, Entered};
use provisor::id::TenantId;
use provisor::store::ClientRow;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Installation, address, assert_refused, installation};
use crate::support::openid::{Signs, Somebody};
use crate::support::people::{self, CALLBACK, PASSWORD};
use crate::support::{Browser, database, operator};

#[test]
fn somebody_new_gets_an_account_and_the_page_that_was_wanted() {
    let installation = installation();
    let email = address();
    let somebody = Somebody::new(&email, &email).with("groups", json!(["others", "staff"]));
    let mut browser = installation.browser();
    let page = browser.open("/admin/account?x=1");
    let link = page.text.split("href=\"").find(|link| link.starts_with("/admin/login/sso?")).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&").replace("&#x2F;", "/");
    assert!(page.text.find("Sign in with SSO").unwrap() < page.text.find("Password").unwrap());
    let back = installation.come_back(&mut browser, &link, &somebody);
    assert!(browser.cookies.contains_key("sso"));
    let before = browser.cookies["sid"].clone();
    let page = browser.open(&back);
    assert_eq!(page.heading(), "Your account");
    assert_eq!(browser.history.last().unwrap(), &format!("{}/admin/account?x=1", installation.url));
    assert!(!browser.cookies.contains_key("sso") && browser.cookies["sid"] != before);
    assert_eq!(installation.account(&email), ("admin".into(), installation.tenant_id("default"), false));
    let expected = ["administrator.create", "administrator.link", "session.sign_in"];
    assert_eq!(installation.history(&email), expected);
    // Nothing of ours is left at the provider's, and no second factor is asked for.
    assert!(page.says("You sign in by single sign-on, and have no password here."));
    browser.post(&page.form("/admin/logout"));
    assert_eq!(browser.follow().heading(), "Sign in");
}

#[test]
fn a_token_signed_by_rsa_is_taken_as_well() {
    let installation = installation();
    let email = address();
    let somebody = Somebody::new(&email, &email).signed(Signs::Rs256);
    assert_eq!(installation.sign_in(&mut installation.browser(), &somebody).heading(), "Overview");
}

#[test]
fn what_the_id_token_leaves_out_is_asked_of_user_info() {
    let installation = installation();
    let email = address();
    let mut somebody = Somebody::new(&email, &email).with("email", Value::Null).with("email_verified", Value::Null);
    let information = json!({"sub": email, "email": email, "email_verified": true, "groups": "staff"});
    somebody.information = Some(information);
    assert_eq!(installation.sign_in(&mut installation.browser(), &somebody).heading(), "Overview");
    assert_eq!(installation.account(&email).0, "admin");
    somebody.information = Some(json!({"sub": "somebody else", "email": email}));
    let mut browser = installation.browser();
    let page = installation.sign_in(&mut browser, &somebody);
    assert_refused(&mut browser, &page, 403);
    installation.assert_recorded("UserInfo of somebody else");
}

#[test]
fn an_account_is_linked_by_its_verified_address_and_stays_where_it_is() {
    let installation = installation();
    let tenant = installation.new_tenant();
    let email = installation.administrator(tenant, Role::Owner);
    let subject = format!("subject of {email}");
    installation.set_up(Entered { role_claim: "", roles: "", is_for_tenant: false, ..installation.entered() });
    // Of an address that may be anybody's nobody gets the account.
    let unverified = Somebody::new(&subject, &email).with("email_verified", Value::Null);
    let mut browser = installation.browser();
    let page = installation.sign_in(&mut browser, &unverified);
    assert_refused(&mut browser, &page, 403);
    installation.assert_recorded("does not say that the e-mail address of this account is verified");
    let somebody = Somebody::new(&subject, &email.to_uppercase());
    assert_eq!(installation.sign_in(&mut browser, &somebody).heading(), "Overview");
    assert_eq!(installation.account(&email), ("owner".into(), tenant, true));
    assert_eq!(installation.history(&email), ["administrator.create", "administrator.link", "session.sign_in"]);
    // From now on the subject counts, whatever the address.
    let moved = Somebody::new(&subject, &address());
    assert_eq!(installation.sign_in(&mut installation.browser(), &moved).heading(), "Overview");
    assert_eq!(installation.history(&email).last().unwrap(), "session.sign_in");
    // Nobody else takes the account over with its address.
    let other = Somebody::new("somebody else", &email);
    let mut browser = installation.browser();
    let page = installation.sign_in(&mut browser, &other);
    assert_refused(&mut browser, &page, 403);
    installation.assert_recorded("the account is linked to another identity");
}

#[test]
fn an_address_counts_as_verified_where_the_operator_says_so() {
    let installation = installation();
    installation.set_up(Entered { assumes_verified_email: true, ..installation.entered() });
    let email = installation.administrator(installation.tenant_id("default"), Role::Admin);
    let silent = Somebody::new(&email, &email).with("email_verified", Value::Null);
    assert_eq!(installation.sign_in(&mut installation.browser(), &silent).heading(), "Overview");
    let other = address();
    let denied = Somebody::new(&other, &other).with("email_verified", json!("false"));
    let mut browser = installation.browser();
    let page = installation.sign_in(&mut browser, &denied);
    assert_refused(&mut browser, &page, 403);
}

#[test]
fn the_role_follows_the_claim_at_each_sign_in_and_whoever_has_none_loses_the_sessions() {
    let installation = installation();
    installation.set_up(Entered { default_role: "", ..installation.entered() });
    let email = address();
    let as_group = |groups: Value| Somebody::new(&email, &email).with("groups", groups);
    let mut browser = installation.browser();
    assert_eq!(installation.sign_in(&mut browser, &as_group(json!(["staff"]))).heading(), "Overview");
    assert_eq!(installation.account(&email).0, "admin");
    let mut risen = installation.browser();
    installation.sign_in(&mut risen, &as_group(json!(["chiefs", "staff"])));
    assert_eq!(installation.account(&email).0, "owner");
    assert_eq!(installation.history(&email)[3..], ["administrator.update", "session.sign_in"]);
    // What began with another role does not go on with this one.
    assert_eq!(browser.request(Method::GET, "/admin").status, 303);
    assert_eq!(risen.request(Method::GET, "/admin").status, 200);
    let mut other = installation.browser();
    let page = installation.sign_in(&mut other, &as_group(json!([])));
    assert_refused(&mut other, &page, 403);
    installation.assert_recorded("no role by the identity provider");
    assert_eq!(risen.request(Method::GET, "/admin").status, 303);
}

#[test]
fn the_last_owner_of_a_tenant_stays_one() {
    let installation = installation();
    let tenant = installation.new_tenant();
    installation.set_up(Entered { tenant: &tenant.to_string(), ..installation.entered() });
    let email = installation.administrator(tenant, Role::Owner);
    let somebody = Somebody::new(&email, &email).with("groups", json!(["staff"]));
    assert_eq!(installation.sign_in(&mut installation.browser(), &somebody).heading(), "Overview");
    assert_eq!(installation.account(&email).0, "owner");
    installation.administrator(tenant, Role::Owner);
    installation.sign_in(&mut installation.browser(), &somebody);
    assert_eq!(installation.account(&email).0, "admin");
}

#[test]
fn the_provider_of_one_tenant_neither_signs_in_nor_changes_anybody_of_another_or_an_operator() {
    let installation = installation();
    for place in [TenantId::NONE, installation.new_tenant()] {
        installation.set_up(installation.entered());
        let email = installation.administrator(place, Role::Auditor);
        let as_group = |groups: Value| Somebody::new(&email, &email).with("groups", groups);
        let refused = |somebody: &Somebody| {
            let mut browser = installation.browser();
            let page = installation.sign_in(&mut browser, somebody);
            assert_refused(&mut browser, &page, 403);
            page
        };
        let page = refused(&as_group(json!("chiefs")));
        assert!(page.says("Your account here is not of the tenant whose people sign in"), "{}", page.text);
        installation.assert_recorded("the account is not of the tenant that the identity provider is for");
        assert_eq!(installation.account(&email), ("auditor".into(), place, true));
        assert_eq!(installation.history(&email), ["administrator.create"]);
        // Nor somebody who was linked while it was for everybody.
        installation.set_up(Entered { is_for_tenant: false, ..installation.entered() });
        let mut browser = installation.browser();
        assert_eq!(installation.sign_in(&mut browser, &as_group(json!("staff"))).heading(), "Overview");
        installation.set_up(Entered { default_role: "", ..installation.entered() });
        refused(&as_group(json!("chiefs")));
        assert_eq!(installation.account(&email).0, "admin");
        // Having no role there ends no sessions here.
        refused(&as_group(json!([])));
        assert_eq!(browser.request(Method::GET, "/admin").status, 200);
    }
}

#[test]
fn nobody_signs_in_to_a_tenant_that_is_suspended_or_deleted() {
    let installation = installation();
    let tenant = installation.new_tenant();
    let name = tenant.to_string();
    installation.set_up(Entered { tenant: &name, ..installation.entered() });
    let email = address();
    let linked = Somebody::new(&email, &email);
    assert_eq!(installation.sign_in(&mut installation.browser(), &linked).heading(), "Overview");
    let change = |changes: &str| {
        let mut pg = database::connect(&installation.data_dir, "provisor");
        database::execute(&mut pg, &format!("UPDATE tenants SET {changes} WHERE id = '{tenant}'"));
    };
    for state in [
        "suspended_at = now()",
        "suspended_at = NULL, delete_after = now() + interval '1 day'",
        "delete_after = now(), deleted_at = now()",
    ] {
        change(state);
        let other = address();
        for somebody in [&linked, &Somebody::new(&other, &other)] {
            let mut browser = installation.browser();
            let page = installation.sign_in(&mut browser, somebody);
            assert_refused(&mut browser, &page, 403);
            assert!(page.says("The tenant that you come to is suspended, or is to be deleted."), "{}", page.text);
        }
        let query = format!("SELECT folded_email AS value FROM administrators WHERE tenant_id = '{tenant}'");
        assert_eq!(installation.query(&query), [email.as_str()], "{state}");
    }
    installation.assert_recorded("the tenant is suspended, or is to be deleted");
    // Nor is it set up for such a one.
    let caller = operator(TenantId::NONE);
    let entered = Entered { tenant: &name, ..installation.entered() };
    assert!(provider::save(&installation.backend.store, &installation.backend.sso_key, &caller, &entered).is_err());
    change("delete_after = NULL, deleted_at = NULL");
    assert_eq!(installation.sign_in(&mut installation.browser(), &linked).heading(), "Overview");
}

#[test]
fn a_disabled_account_is_not_signed_in() {
    let installation = installation();
    let email = address();
    let somebody = Somebody::new(&email, &email);
    installation.sign_in(&mut installation.browser(), &somebody);
    let row = find(&installation.backend.store, &email).unwrap();
    let caller = operator(TenantId(row.tenant_id));
    administrators::set_enabled(&installation.backend.store, &caller, row.id, false).unwrap();
    let mut browser = installation.browser();
    let page = installation.sign_in(&mut browser, &somebody);
    assert_refused(&mut browser, &page, 403);
    assert!(page.says("Your account here is disabled."));
    installation.assert_recorded("disabled account");
}

#[test]
fn two_who_arrive_at_the_same_moment_get_one_account() {
    let installation = installation();
    let email = address();
    let somebody = Somebody::new(&email, &email);
    let mut browsers: Vec<(Browser, String)> = Vec::new();
    for _ in 0..4 {
        let mut browser = installation.browser();
        let back = installation.come_back(&mut browser, "/admin/login/sso", &somebody);
        browsers.push((browser, back));
    }
    let threads: Vec<_> = browsers
        .into_iter()
        .map(|(mut browser, back)| std::thread::spawn(move || browser.open(&back).status))
        .collect();
    let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(statuses.contains(&200) && statuses.iter().all(|status| [200, 403].contains(status)), "{statuses:?}");
    let query = format!("SELECT count(*)::text AS value FROM administrators WHERE folded_email = '{email}'");
    assert_eq!(installation.query(&query), ["1"]);
}

#[test]
fn operators_are_made_where_accounts_are_for_all_tenants() {
    let installation = installation();
    installation.set_up(Entered { is_for_tenant: false, ..installation.entered() });
    let email = address();
    let somebody = Somebody::new(&email, &email).with("groups", json!("chiefs"));
    let mut browser = installation.browser();
    installation.sign_in(&mut browser, &somebody);
    assert_eq!(installation.account(&email), ("owner".into(), TenantId::NONE, false));
    assert_eq!(browser.open("/admin/settings/sso").heading(), "Single sign-on");
}

#[test]
fn an_authorization_goes_on_after_single_sign_on() {
    let installation = installation();
    let tenant = installation.tenant_id("default");
    let client = registered(&installation, people::client(tenant));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", &client.id)
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("state", &"long".repeat(100))
        .finish();
    let email = address();
    let mut browser = installation.browser();
    let page = browser.open(&format!("/oauth/authorize?{query}"));
    assert_eq!(page.heading(), "Sign in");
    let link = page.text.split("href=\"").find(|link| link.starts_with("/admin/login/sso?request=")).unwrap();
    let link = link.split('"').next().unwrap().to_owned();
    // Whoever is refused goes back into the authorization.
    let denied = Somebody::new(&email, &email).with("email_verified", json!(false));
    let back = installation.come_back(&mut browser, &link, &denied);
    let page = browser.open(&back);
    assert!(page.text.contains("/oauth/consent?request="), "{}", page.text);
    let somebody = Somebody::new(&email, &email).with("groups", json!("staff"));
    let back = installation.come_back(&mut browser, &link, &somebody);
    let page = browser.open(&back);
    assert!(page.text.contains("Acme Okta"), "{}", page.text);
    let location = browser.consent(true);
    assert!(location.starts_with(&format!("{CALLBACK}?code=")), "{location}");
}

#[test]
fn a_request_that_is_too_long_for_a_cookie_is_refused_with_a_sentence() {
    let installation = installation();
    let client = registered(&installation, people::client(installation.tenant_id("default")));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", &client.id)
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("state", &"a".repeat(4_000))
        .finish();
    let mut browser = installation.browser();
    let page = browser.open(&format!("/oauth/authorize?{query}"));
    let link = page.text.split("href=\"").find(|link| link.starts_with("/admin/login/sso?request=")).unwrap();
    let page = browser.open(link.split('"').next().unwrap());
    assert_eq!((page.status, &*page.heading()), (400, "This request cannot be answered"));
}

fn registered(installation: &Installation, client: ClientRow) -> ClientRow {
    use provisor::audit::{Action, AuditEvent, Target};
    let event = AuditEvent::new(Action::ClientCreate, Target::new("OAuthClient", &client.id));
    let caller = operator(TenantId(client.tenant_id));
    installation.backend.store.run(&caller, |tenant| tenant.insert_client(&client, &[], None, &event)).unwrap();
    client
}

#[test]
fn whoever_has_no_password_can_neither_sign_in_with_one_nor_set_one() {
    let installation = installation();
    let email = address();
    let mut browser = installation.browser();
    let page = installation.sign_in(&mut browser, &Somebody::new(&email, &email));
    let form = page.form("/admin/logout");
    for present in ["", "x", PASSWORD] {
        let form = crate::support::browser::Form { action: "/admin/account/password".into(), ..form.clone() };
        let page = browser.post(&form.with("present", present).with("password", "another horse battery"));
        assert_eq!(page.status, 422, "{}", page.text);
    }
    assert!(!installation.account(&email).2);
    for password in ["", "x", "another horse battery"] {
        let mut other = installation.browser();
        assert_eq!(other.sign_in(&email, password).heading(), "Sign in");
    }
}
