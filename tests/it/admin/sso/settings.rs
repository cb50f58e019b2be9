//! The page on which single sign-on is set up, and its test.

use provisor::auth::role::Role;
use provisor::auth::sso::provider::Entered;
use provisor::id::TenantId;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Installation, address, installation};
use crate::admin::signed_in;
use crate::support::browser::{Browser, Form, Page};
use crate::support::openid::{CLIENT_ID, CLIENT_SECRET, Signs, Somebody};

const PAGE: &str = "/admin/settings/sso";

/// The form of the page, filled in.
fn filled(installation: &Installation, browser: &mut Browser) -> Form {
    let form = browser.open(PAGE).form(PAGE);
    [
        ("issuer", installation.provider.issuer.as_str()),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
        ("role_claim", "groups"),
        ("roles", "chiefs = owner"),
        ("default_role", "auditor"),
        ("reach", "tenant"),
        ("tenant", "default"),
        ("email_domains", "example.com"),
        ("enabled", "on"),
    ]
    .into_iter()
    .fold(form, |form, (name, value)| form.with(name, value))
}

fn settings_audit(installation: &Installation) -> Vec<Value> {
    let rows = installation.audit(TenantId::NONE).into_iter().filter(|row| row.action == "sso.update");
    rows.map(|row| json!({"before": row.before, "after": row.after})).collect()
}

#[test]
fn settings_are_kept_and_shown_but_for_the_secret() {
    let installation = installation();
    let mut browser = installation.operator();
    let redirect_uri = format!("{}/admin/login/sso/callback", installation.url);
    assert!(browser.open(PAGE).says(&redirect_uri));
    let form = filled(&installation, &mut browser).with("roles", "CN=chiefs,O=Acme = owner\n\n staff=admin");
    assert_eq!(browser.post(&form).status, 303);
    let page = browser.follow();
    assert!(page.says("Single sign-on is saved, and people may sign in by it."));
    for shown in [&*installation.provider.issuer, "CN=chiefs,O=Acme = owner\nstaff = admin\n", "example.com"] {
        assert!(page.says(shown), "{shown}");
    }
    assert!(!page.says(CLIENT_SECRET) && !page.says("s3cr"));
    let recorded = settings_audit(&installation).remove(0);
    assert_eq!(recorded["after"]["clientSecret"], "(changed)");
    assert!(!recorded.to_string().contains("s3cr"));
    let stored = "SELECT encode(sealed_client_secret, 'escape') AS value FROM sso_provider";
    assert!(!installation.query(stored)[0].contains("s3cr"));
    // Without a new secret the present one stays, and still works.
    assert_eq!(browser.post(&form.with("client_secret", "").with("roles", "")).status, 422);
    let form = filled(&installation, &mut browser).with("client_secret", "");
    assert_eq!(browser.post(&form).status, 303);
    assert_eq!(settings_audit(&installation)[0]["after"]["clientSecret"], Value::Null);
    let email = address();
    let page = installation.sign_in(&mut installation.browser(), &Somebody::new(&email, &email));
    assert_eq!(page.heading(), "Overview");
}

#[test]
fn the_secret_is_not_sent_to_another_issuer() {
    let installation = installation();
    let mut browser = installation.operator();
    let form = filled(&installation, &mut browser).with("issuer", "https://other.example.com");
    let page = browser.post(&form.with("client_secret", ""));
    assert_eq!(page.status, 422);
    assert!(page.says("Enter the secret of the new issuer"));
    // Nor by somebody who writes to the database.
    let other = "http://127.0.0.1:9";
    let statement = format!("UPDATE sso_provider SET issuer = '{other}'");
    crate::support::database::execute(
        &mut crate::support::database::connect(&installation.data_dir, "provisor"),
        &statement,
    );
    let page = installation.browser().open("/admin/login/sso");
    assert_eq!((page.status, &*page.heading()), (502, "You were not signed in"));
    installation.assert_recorded("the client secret was sealed under another master key");
    let mut browser = installation.operator();
    assert!(browser.open("/admin/settings/sso/test").says("enter it anew"));
}

#[test]
fn what_cannot_be_taken_is_told_field_by_field_and_changes_nothing() {
    let installation = installation();
    let mut browser = installation.operator();
    let before = settings_audit(&installation).len();
    let long = "a".repeat(501);
    for (name, value, sentence) in [
        ("issuer", "", "The issuer is a URL"),
        ("issuer", "id.example.com", "The issuer is a URL"),
        ("issuer", "http://id.example.com", "The issuer begins with https://."),
        ("issuer", "https://ada:x@id.example.com", "The issuer has no user name"),
        ("issuer", "javascript:alert(1)", "The issuer begins with https://."),
        ("client_id", "", "Enter the client id"),
        ("client_id", &long, "Enter the client id"),
        ("client_id", "a\u{0}b", "Enter the client id"),
        ("client_secret", "a\nb", "on one line"),
        ("role_claim", "", "Name the claim that these values are from."),
        ("role_claim", "a\u{0}", "on one line"),
        ("roles", "", "Say which value of the claim stands for which role."),
        ("roles", "chiefs = boss", "Line 1 is not “value = role”"),
        ("roles", "chiefs = contact", "Line 1 is not “value = role”"),
        ("roles", "a = owner\na = admin", "Line 2 names a value for the second time."),
        ("default_role", "boss", "Choose one of the roles."),
        ("default_role", "contact", "Choose one of the roles."),
        ("tenant", "nobody's", "There is no tenant of this name."),
        ("tenant", "a\u{1}", "There is no tenant of this name."),
        ("email_domains", "<script>alert(1)</script>", "is no domain"),
        ("email_domains", "example.com ada@example.com", "“ada@example.com” is no domain"),
    ] {
        let form = filled(&installation, &mut browser).with(name, value);
        let page = browser.post(&form);
        assert_eq!(page.status, 422, "{name} {value}");
        assert!(page.says(sentence), "{name} {value}: {}", page.text);
        assert!(!page.text.contains("<script>alert") && !page.says(CLIENT_SECRET), "{name} {value}");
        assert!(page.text.contains(&format!("href=\"#{name}\"")), "{name} {value}");
    }
    assert_eq!(settings_audit(&installation).len(), before);
    // What was entered is shown again, harmlessly.
    let form = filled(&installation, &mut browser).with("issuer", "\"><script>alert(2)</script>\u{202e}\u{1f600}");
    let page = browser.post(&form);
    assert!(page.says("\"><script>alert(2)</script>\u{202e}\u{1f600}") && !page.text.contains("<script>alert"));
}

#[test]
fn a_name_of_a_tenant_with_nul_is_no_fault() {
    let installation = installation();
    let mut browser = installation.operator();
    let form = filled(&installation, &mut browser).with("tenant", "a\u{0}b");
    let page = browser.post(&form);
    assert_eq!(page.status, 422, "{}", page.text);
}

fn tested(installation: &Installation, browser: &mut Browser, somebody: &Somebody) -> Page {
    let back = installation.come_back(browser, "/admin/settings/sso/test", somebody);
    browser.open(&back)
}

#[test]
fn a_test_shows_what_would_happen_and_changes_nothing() {
    let installation = installation();
    installation.set_up(Entered { enabled: false, ..installation.entered() });
    let mut browser = installation.operator();
    let email = address();
    let somebody = Somebody::new(&email, &email).with("groups", json!(["staff", "<script>alert(1)</script>"]));
    let cookie = browser.cookies["sid"].clone();
    let page = tested(&installation, &mut browser, &somebody);
    assert_eq!((page.status, &*page.heading()), (200, "Test of single sign-on"));
    assert!(page.says(&format!("An account {email} would be made, and sign in as admin of the tenant default.")));
    assert!(page.says("[\"staff\",\"<script>alert(1)</script>\"]") && !page.text.contains("<script>alert"));
    assert_eq!(browser.cookies["sid"], cookie);
    let query = format!("SELECT count(*)::text AS value FROM administrators WHERE folded_email = '{email}'");
    assert_eq!(installation.query(&query), ["0"]);
    let known = installation.administrator(TenantId::NONE, Role::Owner);
    let page = tested(&installation, &mut browser, &Somebody::new(&known, &known));
    assert!(page.says("the account is not of the tenant that the identity provider is for"), "{}", page.text);
    let known = installation.administrator(installation.tenant_id("default"), Role::Owner);
    let page = tested(&installation, &mut browser, &Somebody::new(&known, &known));
    assert!(page.says(&format!("The account {known} would be linked to this person")), "{}", page.text);
    for (somebody, reason) in [
        (somebody.clone().with("nonce", json!("x")), "ID token with a wrong nonce"),
        (somebody.clone().signed(Signs::Forged), "ID token with a wrong signature"),
        (somebody.clone().with("email_verified", json!(false)), "the e-mail address is not verified"),
    ] {
        let page = tested(&installation, &mut browser, &somebody);
        assert!(page.says("This person would not be signed in.") && page.says(reason), "{}", page.text);
    }
    // It ends with whoever began it.
    let back = installation.come_back(&mut browser, "/admin/settings/sso/test", &somebody);
    browser.cookies.remove("sid");
    let page = browser.request(Method::GET, &back);
    assert!(page.location().unwrap().starts_with("/admin/login?return_to="), "{}", page.text);
}

#[test]
fn a_test_says_why_the_provider_cannot_be_asked() {
    let installation = installation();
    let mut browser = installation.operator();
    for (issuer, reason) in [
        ("http://127.0.0.1:9", "its discovery document: could not be reached"),
        ("http://127.0.0.1:9/x", "its discovery document: could not be reached"),
        (&*format!("{}/elsewhere", installation.provider.issuer), "its discovery document: answered 404"),
    ] {
        installation.set_up(Entered { issuer, ..installation.entered() });
        let page = browser.open("/admin/settings/sso/test");
        assert!(page.says("This person would not be signed in.") && page.says(reason), "{}", page.text);
    }
}

#[test]
fn a_server_that_asks_no_private_address_does_not_ask_a_provider_there() {
    // The shared server has none set up but this, which is not enabled.
    let mut browser = signed_in(TenantId::NONE, Role::Owner);
    for (issuer, reason) in [
        ("http://127.0.0.1:9", "it does not begin with https"),
        ("https://127.0.0.1:9", "it leads to a private address"),
    ] {
        let form = browser.open(PAGE).form(PAGE);
        let form = form.with("issuer", issuer).with("client_id", "x").with("client_secret", "x").with("reach", "all");
        assert_eq!(browser.post(&form).status, 303);
        let page = browser.open("/admin/settings/sso/test");
        assert!(page.says(reason), "{}", page.text);
    }
}
