//! The tenant that somebody works in.

use provisor::auth::role::Role;
use provisor::id::TenantId;

use super::signed_in;
use crate::support::browser::Form;
use crate::support::tenant;

/// A form that chooses a tenant.
fn choosing(form: Form, tenant: TenantId) -> Form {
    Form { action: "/admin/tenant".into(), ..form }.with("tenant", &tenant.0.to_string())
}

#[test]
fn an_operator_chooses_a_tenant_and_forms_opened_before_change_nothing() {
    let (first, second) = (tenant(), tenant());
    let mut browser = signed_in(TenantId::NONE, Role::Owner);
    let form = browser.open("/admin").form("/admin/logout");
    assert_eq!(browser.post(&choosing(form, first.id)).status, 303);
    let page = browser.follow();
    assert!(page.text.contains(&format!("{} · provisor</title>", first.name)), "{}", page.text);
    let before = page.form("/admin/logout");
    assert_eq!(browser.post(&choosing(before.clone(), second.id)).status, 303);
    assert!(browser.follow().text.contains(&format!("{} · provisor</title>", second.name)));
    assert_eq!(browser.post(&choosing(before, first.id)).heading(), "This form was open too long");
    assert!(browser.open("/admin").text.contains(&format!("{} · provisor</title>", second.name)));
}

#[test]
fn whoever_belongs_to_a_tenant_works_in_no_other() {
    let (own, other) = (tenant(), tenant());
    let mut browser = signed_in(own.id, Role::Owner);
    let page = browser.open("/admin");
    assert!(!page.text.contains("/admin/tenant\""));
    let answer = browser.post(&choosing(page.form("/admin/logout"), other.id));
    assert_eq!(answer.status, 404);
    assert!(browser.open("/admin").text.contains(&format!("{} · provisor</title>", own.name)));
}
