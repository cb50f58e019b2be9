//! Which attributes Okta maps, and with which types.

use super::*;
use crate::support::minimal;

#[test]
fn every_mapped_attribute_comes_back_as_it_was_sent() {
    let mapped = json!({
        "userName": "Test.User@Okta.local", "externalId": "00ujl29u0le5T6Aj10h7", "active": true,
        "name": {
            "givenName": "Test", "familyName": "User", "middleName": "M.", "honorificPrefix": "Dr.",
            "honorificSuffix": "III", "formatted": "Dr. Test M. User III"
        },
        "displayName": "Test User", "nickName": "T", "title": "Engineer", "userType": "Employee", "locale": "en-US",
        "profileUrl": "https://okta.local/test", "preferredLanguage": "en", "timezone": "America/Los_Angeles",
        "emails": [
            {"primary": true, "value": "test.user@okta.local", "type": "work"},
            {"value": "test@home.local", "type": "home"}
        ],
        "phoneNumbers": [
            {"value": "415.123.4567", "type": "work", "primary": true},
            {"value": "415.123.4568", "type": "mobile"}
        ],
        "addresses": [{
            "type": "work", "streetAddress": "1 Main St", "locality": "San Francisco", "region": "CA", "postalCode": "94105",
            "country": "United States", "formatted": "1 Main St\nSan Francisco", "primary": true
        }],
        "roles": [{"value": "role-1", "display": "Auditor", "type": "base"}],
        "entitlements": [{"value": "profile-123", "display": "Profile 123", "type": "Profile"}],
        ENTERPRISE: {
            "employeeNumber": "701984", "costCenter": "4130", "organization": "Okta", "division": "Theme", "department": "Ops",
            "manager": {"value": "00umanager", "displayName": "The Manager"}
        }
    });
    let mut body = mapped.clone();
    // Okta does not always list an extension that it fills.
    body["schemas"] = json!([USER]);
    both_ways(|okta| {
        let created = okta.create(&body);
        assert_eq!(attributes(&created), mapped);
        assert_eq!(created["schemas"], json!([USER, ENTERPRISE]));
        let replaced = changed(okta, &okta.client.put(&path_of(&created), &created));
        assert_eq!(replaced, created);
        assert_eq!(okta.client.found("roles[type eq \"base\"].value eq \"role-1\""), ["Test.User@Okta.local"]);
    });
}

#[test]
fn sloppy_types_are_taken_as_they_are_meant() {
    let manager = |sent: &Value| json!({"manager": sent});
    let rows = [
        (json!({"externalId": 4711}), "/externalId", json!("4711")),
        (json!({"name": null}), "/name", json!(null)),
        (json!({"name": {}}), "/name", json!(null)),
        (json!({"addresses": [{"type": "work", "postalCode": 94105}]}), "/addresses/0/postalCode", json!("94105")),
        (json!({ENTERPRISE: {"employeeNumber": 701_984}}), "/enterprise/employeeNumber", json!("701984")),
        (json!({ENTERPRISE: manager(&json!("boss"))}), "/enterprise/manager/value", json!("boss")),
        (json!({ENTERPRISE: manager(&json!({"value": 7}))}), "/enterprise/manager/value", json!("7")),
        (json!({ENTERPRISE: manager(&json!({"value": "nobody"}))}), "/enterprise/manager/value", json!("nobody")),
        (json!({ENTERPRISE: null}), "/enterprise", json!(null)),
        (json!({"active": "True"}), "/active", json!(true)),
        (json!({"active": "false"}), "/active", json!(false)),
        (json!({"emails": {"value": "x@okta.local", "type": "work"}}), "/emails/0/value", json!("x@okta.local")),
        (json!({"urn:acme:scim:schemas:extension:app:1.0:User": {"badge": true}}), "/badge", json!(null)),
        (json!({"favouriteColour": "blue"}), "/favouriteColour", json!(null)),
    ];
    both_ways(|okta| {
        for (number, (sent, shown, expected)) in rows.iter().enumerate() {
            let mut body = minimal(&format!("Sloppy.{number}@okta.local"));
            body.as_object_mut().unwrap().extend(sent.as_object().unwrap().clone());
            let created = okta.create(&body);
            let shown = shown.replacen("enterprise", ENTERPRISE, 1);
            assert_eq!(created.pointer(&shown).unwrap_or(&Value::Null), expected, "{sent}: {created}");
            assert_eq!(created["userName"], body["userName"]);
            assert!(created["active"].is_boolean(), "{created}");
            let replaced = changed(okta, &okta.client.put(&path_of(&created), &body));
            assert_eq!(replaced, created);
        }
    });
}
