//! The settings of the installation, on a server of their own where they are changed.

use provisor::auth::role::Role;
use provisor::id::TenantId;
use provisor::store::newest_version;

use super::signed_in;
use crate::support::{database, shared, tenant};

#[test]
fn settings_are_changed_checked_and_recorded() {
    let mut browser = signed_in(TenantId::NONE, Role::Owner);
    let page = browser.open("/admin/settings");
    assert!(page.text.contains("value=\"30\"") && page.text.contains("value=\"14\""), "{}", page.text);
    let form = page.form("/admin/settings").with("request_days", "30").with("body_days", "14");
    for (field, value, says) in [
        ("request_days", "0", "kept for 1 to 400 days"),
        ("request_days", "401", "kept for 1 to 400 days"),
        ("request_days", "soon<b>", "kept for 1 to 400 days"),
        ("request_days", "99999999999999999999", "kept for 1 to 400 days"),
        ("body_days", "-1", "kept for 0 to 90 days"),
        ("body_days", "31", "no longer than the log"),
        ("body_days", "", "kept for 0 to 90 days"),
    ] {
        let page = browser.post(&form.clone().with(field, value));
        assert_eq!(page.status, 422, "{field} {value}");
        assert!(page.says(says) && !page.text.contains("<b>"), "{}", page.text);
    }
    browser.post(&form.clone().with("body_days", "13"));
    let page = browser.follow();
    assert!(page.says("The settings are saved.") && page.text.contains("value=\"13\""), "{}", page.text);
    // The form was opened with the settings from before.
    let page = browser.post(&form.with("body_days", "12"));
    assert_eq!(page.status, 409);
    assert!(page.says("Somebody else has changed the settings") && page.says("bodies for 13 days"), "{}", page.text);
    browser.post(&page.form("/admin/settings").with("request_days", "30").with("body_days", "14"));
    assert!(browser.follow().text.contains("value=\"14\""));
    let audited = "SELECT count(*) AS number FROM audit_events WHERE action = 'settings.update'
        AND tenant_id = '00000000-0000-0000-0000-000000000000' AND after ->> 'bodyDays' = '13' AND before ->> 'bodyDays' = '14'";
    assert_eq!(database::number(audited), 1);
}

#[test]
fn about_names_what_a_report_needs_and_no_secret() {
    let mut browser = signed_in(TenantId::NONE, Role::Owner);
    let page = browser.open("/admin/settings");
    let data_dir = shared().data_dir.display().to_string();
    let schema = newest_version().unwrap();
    for shown in
        [env!("CARGO_PKG_VERSION"), &schema, "a socket of this machine", &data_dir, &shared().url, "https alone"]
    {
        assert!(page.says(shown), "{shown}: {}", page.text);
    }
    assert!(browser.open("/admin/settings/dependencies").says("actix-web"));
}

#[test]
fn an_owner_of_a_tenant_changes_no_settings() {
    let page = signed_in(tenant().id, Role::Owner).open("/admin/settings");
    assert_eq!(page.status, 403);
    assert!(page.says("needs an owner over all of them"), "{}", page.text);
}
