//! Sign-in without passwords, and the way back.

use provisor::auth::administrators::{self, AdministratorError};
use provisor::auth::role::Role;
use provisor::auth::sso::provider::Entered;
use provisor::id::TenantId;
use serde_json::json;

use super::{Installation, installation};
use crate::support::browser::Form;
use crate::support::openid::Somebody;
use crate::support::people::PASSWORD;
use crate::support::totp::set_up;
use crate::support::{Browser, operator, process};

const PAGE: &str = "/admin/settings/sso";

fn switch(browser: &mut Browser, on: bool) {
    let form = browser.open(PAGE).form("/admin/logout");
    let form = Form { action: format!("{PAGE}/passwords"), ..form };
    assert_eq!(browser.post(&if on { form.with("allow", "on") } else { form }).status, 303);
}

/// An operator who has signed in by the provider, which is for everybody from now on.
fn proven(installation: &Installation) -> Browser {
    installation.set_up(Entered { is_for_tenant: false, ..installation.entered() });
    let email = installation.administrator(TenantId::NONE, Role::Owner);
    let somebody = Somebody::new(&email, &email).with("groups", json!("chiefs"));
    let mut browser = installation.browser();
    installation.sign_in(&mut browser, &somebody);
    browser
}

#[test]
fn passwords_are_switched_off_once_an_owner_came_by_the_provider_and_brought_back_at_the_server() {
    let installation = installation();
    installation.query_execute("DELETE FROM administrator_identities");
    installation.set_up(Entered { is_for_tenant: false, ..installation.entered() });
    let mut browser = installation.operator();
    assert!(browser.open(PAGE).says("No owner over all tenants has signed in by the identity provider yet."));
    assert_eq!(browser.open("/admin/settings/sso/passwords").heading(), "Single sign-on");
    switch(&mut browser, false);
    assert!(browser.open(PAGE).says("Nothing was changed: no owner over all tenants has signed in"));
    // An owner of one tenant could not look after the installation.
    let email = installation.administrator(installation.new_tenant(), Role::Owner);
    installation.sign_in(&mut installation.browser(), &Somebody::new(&email, &email).with("groups", json!("chiefs")));
    assert!(browser.open(PAGE).says("No owner over all tenants"));

    let mut owner = proven(&installation);
    let page = owner.open("/admin/settings/sso/passwords");
    assert_eq!(page.heading(), "Switch off sign-in with passwords?");
    assert_eq!(owner.post(&page.form("/admin/settings/sso/passwords")).status, 303);
    assert!(owner.follow().says("People sign in by single sign-on alone now."));
    let page = owner.open(PAGE);
    assert!(page.says("single sign-on is the only way in"));

    // A form from before does not help, and nothing is said of the account.
    let email = installation.administrator(TenantId::NONE, Role::Owner);
    let mut other = installation.browser();
    let page = other.open("/admin/login");
    assert!(page.says("Sign in with SSO") && !page.says("E-mail"));
    let token = other.request(reqwest::Method::GET, "/admin/login");
    assert!(!token.text.contains("form_token"));
    installation.assert_password_refused(&email);

    // What would leave nobody a way in is refused.
    let page = owner.open(PAGE);
    let form = filled(&installation, page.form(PAGE)).without("enabled");
    let answer = owner.post(&form);
    assert_eq!(answer.status, 422);
    assert!(answer.says("People sign in by it alone at the moment. Allow passwords first."));
    let form = filled(&installation, page.form(PAGE)).with("reach", "tenant");
    let answer = owner.post(&form);
    assert_eq!(answer.status, 422);
    assert!(answer.says("Operators sign in by it alone at the moment. Allow passwords first."));
    let form = filled(&installation, page.form(PAGE)).with("issuer", "https://other.example.com");
    assert!(owner.post(&form.with("client_secret", "x")).says("People sign in by the present issuer alone."));

    let output = process::run(&installation.data_dir, &["admin", "allow-passwords"]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "people may sign in with their passwords\n");
    assert_eq!(other.sign_in(&email, PASSWORD).heading(), "Overview");
    let mut recorded = installation.audit(TenantId::NONE);
    recorded.retain(|row| row.target_id == "passwords");
    let seen = |row: usize| (&*recorded[row].actor_kind, recorded[row].after.clone().unwrap());
    assert_eq!(seen(0), ("operator", json!({"allowsPasswords": true})));
    // Before that this test itself switched them on and off again.
    assert_eq!(seen(3), ("administrator", json!({"allowsPasswords": false})));
}

#[test]
fn passwords_are_allowed_again_on_the_page() {
    let installation = installation();
    let mut owner = proven(&installation);
    switch(&mut owner, false);
    let page = owner.open(PAGE);
    assert_eq!(owner.post(&page.form("/admin/settings/sso/passwords")).status, 303);
    assert!(owner.follow().says("People may sign in with passwords again."));
    assert!(installation.browser().open("/admin/login").says("Password"));
}

#[test]
fn passwords_stay_while_single_sign_on_is_not_enabled() {
    let installation = installation();
    let mut owner = proven(&installation);
    installation.set_up(Entered { enabled: false, ..installation.entered() });
    switch(&mut owner, false);
    assert!(owner.open(PAGE).says("Single sign-on is not enabled."));
    assert!(installation.browser().open("/admin/login").says("Password"));
}

#[test]
fn passwords_stay_while_operators_cannot_sign_in_by_the_provider() {
    let installation = installation();
    let mut owner = proven(&installation);
    installation.set_up(installation.entered());
    switch(&mut owner, false);
    assert!(owner.open(PAGE).says("Nothing was changed: the identity provider is for the people of one tenant"));
    assert!(installation.browser().open("/admin/login").says("Password"));
}

/// The form with what is set up.
fn filled(installation: &Installation, form: Form) -> Form {
    let entered = installation.entered();
    form.with("issuer", entered.issuer)
        .with("client_id", entered.client_id)
        .with("role_claim", entered.role_claim)
        .with("roles", entered.roles)
        .with("default_role", entered.default_role)
        .with("reach", "all")
        .with("tenant", entered.tenant)
        .with("enabled", "on")
}

impl Installation {
    fn query_execute(&self, statement: &str) {
        use crate::support::database;
        database::execute(&mut database::connect(&self.data_dir, "provisor"), statement);
    }

    /// Tries a password with a form that was opened while there was one.
    fn assert_password_refused(&self, email: &str) {
        let mut browser = self.browser();
        self.allow_passwords(true);
        let form = browser.open("/admin/login").form("/admin/login");
        self.allow_passwords(false);
        for password in [PASSWORD, "wrong horse battery"] {
            let page = browser.post(&form.clone().with("email", email).with("password", password));
            assert_eq!((page.status, &*page.heading()), (403, "Sign in"));
            assert!(page.says("Nobody signs in with a password here any more."));
        }
        self.assert_recorded("sign-in with passwords is switched off");
    }
}

#[test]
fn switching_passwords_off_ends_what_began_by_one() {
    let installation = installation();
    let mut owner = proven(&installation);
    let mut by_password = installation.operator();
    switch(&mut owner, false);
    assert!(by_password.open("/admin").heading() == "Sign in");
    assert_eq!(owner.open("/admin").heading(), "Overview");
}

#[test]
fn whoever_waits_for_the_code_is_not_let_in_when_passwords_are_switched_off_meanwhile() {
    let installation = installation();
    let mut owner = proven(&installation);
    let email = installation.administrator(TenantId::NONE, Role::Owner);
    let mut browser = installation.browser();
    browser.sign_in(&email, PASSWORD);
    let (_, codes) = set_up(&mut browser);
    let mut browser = installation.browser();
    assert_eq!(browser.sign_in(&email, PASSWORD).heading(), "Enter your code");
    let form = browser.page.form("/admin/login/code").with("code", &codes[0]);
    switch(&mut owner, false);
    browser.post(&form);
    assert!(browser.open("/admin").heading() == "Sign in");
}

#[test]
fn without_passwords_the_last_owner_with_an_identity_stays() {
    let installation = installation();
    installation.set_up(Entered { is_for_tenant: false, ..installation.entered() });
    installation.query_execute("DELETE FROM administrator_identities");
    let email = installation.administrator(TenantId::NONE, Role::Owner);
    let somebody = Somebody::new(&email, &email).with("groups", json!("chiefs"));
    installation.sign_in(&mut installation.browser(), &somebody);
    // An owner who has a password alone, and could not come.
    installation.administrator(TenantId::NONE, Role::Owner);
    let store = &installation.backend.store;
    let row = administrators::find(store, &email).unwrap();
    let disable = || administrators::set_enabled(store, &operator(TenantId::NONE), row.id, false);
    let demote = || administrators::set_role(store, &operator(TenantId::NONE), &row, Role::Auditor);
    installation.allow_passwords(false);
    assert!(matches!(disable(), Err(AdministratorError::LastOwner)));
    assert!(matches!(demote(), Err(AdministratorError::LastOwner)));
    // Nor does the provider take it away.
    installation.sign_in(&mut installation.browser(), &Somebody::new(&email, &email).with("groups", json!("staff")));
    assert_eq!(administrators::find(store, &email).unwrap().role, "owner");
    installation.allow_passwords(true);
    demote().unwrap();
}
