//! The pages about the people who sign in, and the links by which they come.

use std::io::Write;

use provisor::auth::administrators;
use provisor::auth::role::Role;
use provisor::id::TenantId;

use super::signed_in;
use crate::support::browser::Page;
use crate::support::people::{PASSWORD, Somebody, somebody};
use crate::support::process::{program, run};
use crate::support::{Browser, TemporaryDirectory, Tenant, database, operator, shared, tenant};

const NEW: &str = "another horse battery";

/// The code in the link that a page shows.
fn code(page: &Page) -> String {
    assert_eq!(page.status, 201, "{}", page.text);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let start = page.text.find("pvr_i_").unwrap();
    page.text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Invites somebody, and gives the page with the link.
fn invite(browser: &mut Browser, of: &str, email: &str, role: &str) -> Page {
    let page = browser.open(&format!("/admin/administrators/invite{of}"));
    browser.post(&page.form("/invite").with("email", email).with("role", role))
}

/// Uses a link.
fn accept(browser: &mut Browser, code: &str, password: &str) -> Page {
    let form = browser.open("/admin/invitation").form("/admin/invitation");
    browser.post(&form.with("code", code).with("password", password));
    browser.follow()
}

fn fresh_email(tenant: &Tenant) -> String {
    format!("Eve.{}@example.com", tenant.name)
}

fn path(person: &Somebody) -> String {
    format!("/admin/administrators/{}", person.id)
}

fn actions(tenant: &Tenant) -> Vec<String> {
    tenant.audit().into_iter().map(|row| row.action).collect()
}

#[test]
fn a_link_makes_somebody_an_administrator_once() {
    let tenant = tenant();
    let mut owner = signed_in(tenant.id, Role::Owner);
    let email = fresh_email(&tenant);
    let link = invite(&mut owner, "", &email, "admin");
    let code = code(&link);
    assert!(link.says(&format!("{}/admin/invitation#{code}", shared().url)), "{}", link.text);
    let list = owner.open("/admin/administrators");
    assert!(list.says(&email) && !list.text.contains("pvr_i_"), "{}", list.text);

    let mut browser = Browser::new(&shared().url);
    let form = browser.open("/admin/invitation").form("/admin/invitation");
    let weak = browser.post(&form.clone().with("code", &code).with("password", "short"));
    assert_eq!(weak.status, 422);
    assert!(weak.says("A password has at least 12 characters"), "{}", weak.text);
    assert_eq!(accept(&mut browser, &code, NEW).heading(), "Overview");
    assert!(browser.open("/admin/account").says(&email));
    // It is used up.
    let again = accept(&mut Browser::new(&shared().url), &code, "a third horse battery");
    assert_eq!(again.status, 403);
    assert!(again.says("This link is not valid"), "{}", again.text);
    assert_eq!(Browser::new(&shared().url).sign_in(&email, NEW).heading(), "Overview");
    let done = actions(&tenant);
    for action in ["invitation.create", "invitation.accept"] {
        assert!(done.iter().any(|known| known == action), "{done:?}");
    }
    let secret = format!("SELECT count(*) AS number FROM audit_events WHERE after::text LIKE '%{code}%'");
    assert_eq!(database::number(&secret), 0);
}

#[test]
fn a_link_is_replaced_by_the_next_and_can_be_taken_back() {
    let tenant = tenant();
    let mut owner = signed_in(tenant.id, Role::Owner);
    let email = fresh_email(&tenant);
    let first = code(&invite(&mut owner, "", &email, "auditor"));
    let second = code(&invite(&mut owner, "", &email.to_uppercase(), "auditor"));
    let mut browser = Browser::new(&shared().url);
    assert_eq!(accept(&mut browser, &first, NEW).status, 403);
    let list = owner.open("/admin/administrators");
    assert_eq!(list.text.matches("Take back</a>").count(), 1, "{}", list.text);
    let revoke = format!("/admin/administrators/invitations/{}/revoke", &second[6..18]);
    let form = owner.open(&revoke).form("/revoke");
    owner.post(&form);
    assert!(owner.follow().says("The link is taken back."));
    assert_eq!(owner.post(&form).status, 404);
    assert_eq!(accept(&mut browser, &second, NEW).status, 403);
    assert!(actions(&tenant).iter().any(|action| action == "invitation.revoke"));
}

#[test]
fn no_invitation_leads_into_a_tenant_that_is_suspended_or_deleted() {
    let tenant = tenant();
    let mut owner = signed_in(tenant.id, Role::Owner);
    let email = fresh_email(&tenant);
    let code = code(&invite(&mut owner, "", &email, "admin"));
    let mut pg = database::connect(&shared().data_dir, "provisor");
    let mut change = |changes: &str| {
        database::execute(&mut pg, &format!("UPDATE tenants SET {changes} WHERE id = '{}'", tenant.id));
    };
    let accounts = format!("SELECT count(*) AS number FROM administrators WHERE email = '{email}'");
    for state in ["suspended_at = now()", "suspended_at = NULL, delete_after = now() + interval '1 day'"] {
        change(state);
        let page = accept(&mut Browser::new(&shared().url), &code, NEW);
        assert_eq!(page.status, 409, "{}", page.text);
        assert!(page.says("The tenant is suspended, or is to be deleted"), "{}", page.text);
        assert_eq!(database::number(&accounts), 0, "{state}");
        // Nor is one made.
        assert_eq!(invite(&mut owner, "", "eve@example.com", "admin").status, 409);
    }
    // The code was not used up.
    change("delete_after = NULL");
    assert_eq!(accept(&mut Browser::new(&shared().url), &code, NEW).heading(), "Overview");
}

#[test]
fn a_link_ends_after_three_days() {
    let tenant = tenant();
    let code = code(&invite(&mut signed_in(tenant.id, Role::Owner), "", &fresh_email(&tenant), "admin"));
    database::execute(
        &mut database::connect(&shared().data_dir, "provisor"),
        &format!("UPDATE invitations SET expires_at = now() - interval '1 second' WHERE id = '{}'", &code[6..18]),
    );
    assert_eq!(accept(&mut Browser::new(&shared().url), &code, NEW).status, 403);
}

#[test]
fn a_code_that_is_none_is_refused() {
    let mut browser = Browser::new(&shared().url);
    let long = "x".repeat(10_000);
    let other = "pvr_i_000000000000000000000000000000000000000000000000000000000000";
    for code in ["", "x", "a\u{0}b", "<b>", other, &long] {
        let page = accept(&mut browser, code, NEW);
        assert_eq!(page.status, 403, "{code}");
        assert!(!page.text.contains("<b>"), "{}", page.text);
    }
}

#[test]
fn an_address_that_is_taken_or_none_is_refused() {
    let tenant = tenant();
    let known = somebody(tenant.id, Role::Admin);
    let mut owner = signed_in(tenant.id, Role::Owner);
    let page = invite(&mut owner, "", &known.email.to_uppercase(), "admin");
    assert_eq!(page.status, 422);
    assert!(page.says("There is an administrator with this e-mail address already."), "{}", page.text);
    for email in ["", "ada", "a b@example.com", "<script>alert(1) </script>@example.com", "a\u{0}@example.com"] {
        let page = invite(&mut owner, "", email, "admin");
        assert_eq!(page.status, 422, "{email}");
        assert!(!page.text.contains("<script>alert"), "{}", page.text);
    }
    for role in ["", "king", "contact"] {
        let page = invite(&mut owner, "", "fresh@example.com", role);
        assert_eq!(page.status, 422, "{role}");
        assert!(page.says("Choose one of the roles."), "{}", page.text);
    }
}

#[test]
fn whether_an_address_has_an_account_in_another_tenant_is_told_to_whoever_opens_the_link() {
    let (own, other) = (tenant(), tenant());
    let (theirs, chief) = (somebody(other.id, Role::Admin), somebody(TenantId::NONE, Role::Admin));
    let mut owner = signed_in(own.id, Role::Owner);
    let fresh = fresh_email(&own);
    // But for the address, the code and what tells one request from another, the pages are the same.
    let page_for = |owner: &mut Browser, email: &str| {
        let page = invite(owner, "", email, "admin");
        let secret = code(&page);
        let differs = |line: &&str| !line.contains("form_token") && !line.contains("<dt>Expires</dt>");
        let lines: Vec<&str> = page.text.lines().filter(differs).collect();
        (lines.join("\n").replace(&secret, "CODE").replace(email, "EMAIL"), secret)
    };
    let (expected, _) = page_for(&mut owner, &fresh);
    for person in [&theirs, &chief] {
        let (page, secret) = page_for(&mut owner, &person.email);
        assert_eq!(page, expected);
        let answer = accept(&mut Browser::new(&shared().url), &secret, NEW);
        assert_eq!(answer.status, 409, "{}", answer.text);
        assert!(answer.says("There is an account with the e-mail address of this link already"), "{}", answer.text);
        assert!(!answer.says(&other.name) && !answer.text.contains(&secret), "{}", answer.text);
        // The account stays what it was, and its tenant's.
        assert_eq!(Browser::new(&shared().url).sign_in(&person.email, NEW).status, 422);
        assert_eq!(Browser::new(&shared().url).sign_in(&person.email, PASSWORD).heading(), "Overview");
        assert!(!actions(&own).iter().any(|action| action == "invitation.accept"));
    }
}

#[test]
fn a_password_link_replaces_the_password_and_ends_sessions() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Admin);
    let mut theirs = Browser::new(&shared().url);
    theirs.sign_in(&person.email, PASSWORD);
    let mut owner = signed_in(tenant.id, Role::Owner);
    let form = owner.open(&path(&person)).form("/password-link");
    let code = code(&owner.post(&form));
    // Until it is used, everything is as it was.
    assert_eq!(theirs.open("/admin").heading(), "Overview");
    let mut browser = Browser::new(&shared().url);
    assert_eq!(accept(&mut browser, &code, NEW).heading(), "Overview");
    assert_eq!(theirs.open("/admin").heading(), "Sign in");
    assert_eq!(Browser::new(&shared().url).sign_in(&person.email, PASSWORD).status, 422);
    assert_eq!(Browser::new(&shared().url).sign_in(&person.email, NEW).heading(), "Overview");
}

#[test]
fn a_person_is_given_another_role_signed_out_disabled_and_enabled() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Admin);
    let mut theirs = Browser::new(&shared().url);
    theirs.sign_in(&person.email, PASSWORD);
    let mut owner = signed_in(tenant.id, Role::Owner);
    let page = owner.open(&path(&person));
    owner.post(&page.form("/role").with("role", "auditor"));
    assert!(owner.follow().says("has the role auditor now."));
    // Nobody goes on with a session that began with other rights.
    assert_eq!(theirs.open("/admin").heading(), "Sign in");
    theirs.enter(&person.email, PASSWORD);
    assert_eq!(theirs.open("/admin/schemas/upload").status, 403);
    assert_eq!(owner.post(&page.form("/role").with("role", "king")).status, 404);

    let sign_out = format!("{}/sign-out", path(&person));
    let form = owner.open(&sign_out).form("/sign-out");
    owner.post(&form);
    assert_eq!(theirs.open("/admin").heading(), "Sign in");
    theirs.enter(&person.email, PASSWORD);

    let form = owner.open(&format!("{}/disable", path(&person))).form("/disable");
    owner.post(&form);
    let page = owner.follow();
    assert!(page.says("The account is disabled") && page.says("Enable account"), "{}", page.text);
    assert_eq!(theirs.open("/admin").heading(), "Sign in");
    assert_eq!(theirs.enter(&person.email, PASSWORD).status, 422);
    let refused = page.form("/enable");
    let link = crate::support::browser::Form { action: format!("{}/password-link", path(&person)), ..refused.clone() };
    let page = owner.post(&link);
    assert_eq!(page.status, 422);
    assert!(page.says("The account is disabled; enable it first."), "{}", page.text);
    owner.post(&refused);
    assert!(owner.follow().says("The account is enabled."));
    assert_eq!(theirs.sign_in(&person.email, PASSWORD).heading(), "Overview");
    let rows = tenant.audit();
    let role = rows.iter().find(|row| row.after.as_ref().is_some_and(|after| after["role"] == "auditor")).unwrap();
    assert_eq!(role.before.as_ref().unwrap()["role"], "admin");
}

#[test]
fn nobody_changes_the_own_role_or_disables_the_own_account() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Owner);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&person.email, PASSWORD);
    let page = browser.open(&path(&person));
    assert!(page.says("This is you.") && !page.text.contains("/role\""), "{}", page.text);
    let form = page.form("/admin/logout");
    for action in ["role", "disable"] {
        let form = crate::support::browser::Form { action: format!("{}/{action}", path(&person)), ..form.clone() };
        let page = browser.post(&form.with("role", "admin"));
        assert_eq!(page.status, 422, "{action}");
        assert!(page.says("Nobody changes the own role"), "{}", page.text);
    }
    assert_eq!(browser.open("/admin").heading(), "Overview");
}

#[test]
fn whoever_does_not_own_sees_administrators_and_why_they_stay_as_they_are() {
    let tenant = tenant();
    let person = somebody(tenant.id, Role::Owner);
    for role in [Role::Admin, Role::Auditor] {
        let mut browser = signed_in(tenant.id, role);
        let page = browser.open("/admin/administrators");
        assert!(page.says(&person.email) && page.says("Only an owner invites people."), "{}", page.text);
        assert!(browser.open(&path(&person)).says("Only an owner changes administrators."));
    }
}

#[test]
fn administrators_of_another_tenant_and_operators_are_out_of_reach() {
    let (tenant, other) = (tenant(), tenant());
    let (theirs, operator_) = (somebody(other.id, Role::Admin), somebody(TenantId::NONE, Role::Admin));
    let mut theirs_owner = signed_in(other.id, Role::Owner);
    let theirs_code = code(&invite(&mut theirs_owner, "", &fresh_email(&other), "admin"));
    let mut owner = signed_in(tenant.id, Role::Owner);
    let form = owner.open("/admin/administrators").form("/admin/logout");
    for person in [&theirs, &operator_] {
        assert_eq!(owner.open(&path(person)).status, 404);
        for action in ["role", "disable", "enable", "sign-out", "password-link"] {
            let form = crate::support::browser::Form { action: format!("{}/{action}", path(person)), ..form.clone() };
            assert_eq!(owner.post(&form.with("role", "auditor")).status, 404, "{action}");
        }
    }
    let revoke = format!("/admin/administrators/invitations/{}/revoke", &theirs_code[6..18]);
    assert_eq!(owner.open(&revoke).status, 404);
    assert_eq!(owner.open("/admin/administrators?of=operators").status, 403);
    assert_eq!(owner.open("/admin/administrators/invite?of=operators").status, 403);
    // An operator who is no owner sees the operators, and changes none.
    let mut admin = signed_in(TenantId::NONE, Role::Admin);
    assert!(admin.open("/admin/administrators?of=operators").says(&operator_.email));
}

#[test]
fn an_operator_invites_operators_and_administrators_of_the_tenant_at_hand() {
    let tenant = tenant();
    let mut browser = signed_in(TenantId::NONE, Role::Owner);
    let email = fresh_email(&tenant);
    let code = code(&invite(&mut browser, "?of=operators", &email, "owner"));
    let mut theirs = Browser::new(&shared().url);
    accept(&mut theirs, &code, NEW);
    assert!(theirs.open("/admin/account").says("All tenants"));
    assert_eq!(theirs.open("/admin/tenants").status, 200);
}

/// On an installation of its own: the shared one has many owners.
#[test]
fn the_last_enabled_owner_of_the_installation_stays() {
    let data_dir = TemporaryDirectory::new("owners");
    assert!(run(&data_dir, &["migrate"]).status.success());
    let create = |email: &str| {
        let mut command = program();
        command.args(["admin", "create", email, "--data-dir"]).arg(&*data_dir);
        let mut child =
            command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    };
    create("ada@example.com");
    create("eve@example.com");
    let ok = |arguments: &[&str]| run(&data_dir, arguments);
    assert!(ok(&["admin", "disable", "ada@example.com"]).status.success());
    let refused = ok(&["admin", "disable", "eve@example.com"]);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("this is the last enabled owner over all tenants"), "{said}");
    assert!(ok(&["admin", "enable", "ada@example.com"]).status.success());
    assert!(ok(&["admin", "disable", "eve@example.com"]).status.success());
}

#[test]
fn the_owners_of_a_tenant_are_not_those_of_the_installation() {
    let tenant = tenant();
    let only = somebody(tenant.id, Role::Owner);
    shared().with_backend(|backend| {
        let row = backend.store.gate(|gate| gate.administrator(only.id)).unwrap().unwrap();
        administrators::set_role(&backend.store, &operator(tenant.id), &row, Role::Auditor).unwrap();
    });
    assert_eq!(tenant.audit()[0].action, "administrator.update");
}

/// Makes a set-up link, and gives its code.
fn set_up_link(browser: &mut Browser) -> String {
    let form = browser.open("/admin/connect/links").form("/admin/connect/links");
    let page = browser.post(&form.with("email", "grace@example.com").with("label", "Acme").with("days", "7"));
    let start = page.text.find("pvr_w_").unwrap_or_else(|| panic!("{}", page.text));
    page.text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

fn opens(code: &str) -> bool {
    let mut browser = Browser::new(&shared().url);
    let form = browser.open("/admin/link").form("/admin/link");
    browser.post(&form.with("code", code)).status == 303
}

#[test]
fn what_somebody_made_and_nobody_opened_goes_with_the_right_to_make_it() {
    let tenant = tenant();
    let mut owner = signed_in(tenant.id, Role::Owner);
    let colleague = somebody(tenant.id, Role::Admin);
    let leaver = somebody(tenant.id, Role::Owner);
    let mut theirs = Browser::new(&shared().url);
    let email = |name: &str| format!("{name}.{}@example.com", tenant.name);
    let kept = code(&invite(&mut owner, "", &email("kept"), "admin"));
    let kept_link = set_up_link(&mut owner);

    theirs.sign_in(&leaver.email, PASSWORD);
    let invitation = code(&invite(&mut theirs, "", &email("evil"), "owner"));
    let form = theirs.open(&path(&colleague)).form("/password-link");
    let password = code(&theirs.post(&form));
    let link = set_up_link(&mut theirs);
    let opened = set_up_link(&mut theirs);
    assert!(opens(&opened));

    // An admin invites nobody, and makes set-up links.
    let set_role = |owner: &mut Browser, role: &str| {
        let page = owner.open(&path(&leaver));
        owner.post(&page.form("/role").with("role", role));
        assert!(owner.follow().says(&format!("has the role {role} now.")), "{}", owner.page.text);
        tenant.audit()[0].after.as_ref().unwrap()["withdrawnLinks"].clone()
    };
    assert_eq!(set_role(&mut owner, "admin"), 2);
    for code in [&invitation, &password] {
        assert_eq!(accept(&mut Browser::new(&shared().url), code, NEW).status, 403);
    }
    theirs.sign_in(&leaver.email, PASSWORD);
    let another = set_up_link(&mut theirs);
    assert!(opens(&link));
    assert_eq!(set_role(&mut owner, "auditor"), 1);
    assert!(!opens(&another));

    assert!(set_role(&mut owner, "owner").is_null());
    theirs.sign_in(&leaver.email, PASSWORD);
    let invitation = code(&invite(&mut theirs, "", &email("evil"), "owner"));
    let link = set_up_link(&mut theirs);
    let form = owner.open(&format!("{}/disable", path(&leaver))).form("/disable");
    owner.post(&form);
    assert_eq!(accept(&mut Browser::new(&shared().url), &invitation, NEW).status, 403);
    assert!(!opens(&link));

    // Those of others stay.
    assert!(opens(&kept_link));
    assert_eq!(accept(&mut Browser::new(&shared().url), &kept, NEW).heading(), "Overview");
}
