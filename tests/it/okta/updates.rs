//! Profile updates: Okta reads, overlays its own values and sends everything back.

use super::*;
use crate::support::assert_error;

const NAME: &str = "test.user@okta.local";

#[test]
fn an_update_sends_back_what_was_read() {
    both_ways(|okta| {
        let created = okta.create(&okta_user(NAME));
        let path = path_of(&created);
        let mut user = okta.client.get(&path).json();
        user["name"] = json!({"givenName": "Another", "familyName": "User", "formatted": "Test User"});
        user["groups"] = json!([]);
        let updated = changed(okta, &okta.client.put(&path, &user));
        let mut expected = attributes(&created);
        expected["name"] = user["name"].clone();
        assert_eq!(attributes(&updated), expected);
        assert_eq!(updated["id"], created["id"]);
        assert_eq!(updated["meta"]["location"], created["meta"]["location"]);
        assert_eq!(updated["meta"]["created"], created["meta"]["created"]);
        assert_eq!(updated["meta"]["version"], "W/\"2\"");

        // Sent again, with what the first answer showed: nothing happens.
        assert_eq!(changed(okta, &okta.client.put(&path, &updated)), updated);
    });
}

/// Each row: what the PUT sends in place of what was read, and what the resource then has (`null` where it must have nothing).
#[test]
fn the_traps_of_put_are_survived() {
    let manager = |display: &str| json!({"manager": {"value": "m1", "displayName": display}});
    let nothing = Value::Null;
    let rows = [
        ("id", json!("00000000-0000-0000-0000-000000000000"), "/externalId", json!("00ujl29u0le5T6Aj10h7")),
        (
            "meta",
            json!({"resourceType": "Group", "location": "x", "version": "W/\"9\""}),
            "/meta/resourceType",
            json!("User"),
        ),
        ("groups", json!([{"value": "g1", "display": "Stale"}]), "/groups", nothing.clone()),
        (ENTERPRISE, manager("Stale"), &format!("/{ENTERPRISE}/manager/value"), json!("m1")),
        ("title", json!(""), "/title", nothing.clone()),
        ("title", json!(null), "/title", nothing.clone()),
        ("name", json!({"givenName": "Test", "familyName": ""}), "/name", json!({"givenName": "Test"})),
        ("name", json!({"givenName": null, "familyName": "User"}), "/name", json!({"familyName": "User"})),
        ("phoneNumbers", json!([]), "/phoneNumbers", nothing.clone()),
        (
            "emails",
            json!([{"value": "new@okta.local", "type": "work", "primary": true}]),
            "/emails",
            json!([{"value": "new@okta.local", "type": "work", "primary": true}]),
        ),
        ("externalId", json!("00uanother"), "/externalId", json!("00uanother")),
        ("schemas", json!([USER]), &format!("/{ENTERPRISE}/department"), json!("IT")),
    ];
    both_ways(|okta| {
        for (number, (member, sent, shown, expected)) in rows.iter().enumerate() {
            let mut user = okta_user(&format!("{number}.{NAME}"));
            user["title"] = json!("Engineer");
            user["phoneNumbers"] = json!([{"value": "415.123.4567", "type": "work"}]);
            user["emails"].as_array_mut().unwrap().push(json!({"value": "home@okta.local", "type": "home"}));
            user[ENTERPRISE] = json!({"department": "IT"});
            let created = okta.create(&user);
            let mut body = created.clone();
            body[*member] = sent.clone();
            let updated = changed(okta, &okta.client.put(&path_of(&created), &body));
            assert_eq!(updated.pointer(shown).unwrap_or(&Value::Null), expected, "{member}: {updated}");
            assert_eq!(updated["id"], created["id"]);
            assert_eq!(updated["meta"]["location"], created["meta"]["location"]);
        }
    });
}

#[test]
fn what_a_put_leaves_out_is_cleared_but_for_status_link_and_foreign_extensions() {
    both_ways(|okta| {
        let mut user = okta_user(NAME);
        user["title"] = json!("Engineer");
        user["active"] = json!(false);
        user[ENTERPRISE] = json!({"department": "IT"});
        let path = okta.create_path(&user);
        let updated = changed(okta, &okta.client.put(&path, &json!({"schemas": [USER], "userName": NAME})));
        let kept = json!({
            "userName": NAME, "active": false, "externalId": "00ujl29u0le5T6Aj10h7", ENTERPRISE: {"department": "IT"},
        });
        assert_eq!(attributes(&updated), kept);
        assert_eq!(updated["schemas"], json!([USER, ENTERPRISE]));
    });
}

#[test]
fn a_rename_is_refused_only_where_another_user_has_the_name() {
    both_ways(|okta| {
        let created = okta.create(&okta_user(NAME));
        okta.user("taken@okta.local");
        let path = path_of(&created);
        let rename = |name: &str| {
            let mut body = created.clone();
            body["userName"] = json!(name);
            okta.client.put(&path, &body)
        };
        assert_error(&rename("TAKEN@okta.local"), 409, Some("uniqueness"));
        let operations = json!([{"op": "replace", "value": {"userName": "Taken@okta.local"}}]);
        assert_error(&okta.client.modify(&path, &operations), 409, Some("uniqueness"));
        assert_eq!(okta.client.get(&path).json(), created);
        for name in ["TEST.user@okta.local", "renamed@okta.local"] {
            assert_eq!(changed(okta, &rename(name))["userName"], name);
            assert_eq!(look_up(okta, name)["totalResults"], 1);
        }
        assert_eq!(look_up(okta, NAME)["totalResults"], 0);
        okta.user(NAME);
    });
}

#[test]
fn changed_attributes_arrive_as_replace_without_a_path() {
    both_ways(|okta| {
        let created = okta.create(&okta_user(NAME));
        let enterprise_path = format!("{ENTERPRISE}:department");
        let operations = json!([
            {"op": "replace", "value": {"title": "Engineer", "name": {"givenName": "Another"}}},
            {"op": "Replace", "value": {"name.familyName": "Name", enterprise_path: "IT"}},
            {"op": "replace", "value": {"emails": [{"value": "new@okta.local", "type": "work", "primary": true}]}},
        ]);
        let updated = changed(okta, &okta.client.modify(&path_of(&created), &operations));
        let mut expected = attributes(&created);
        expected["title"] = json!("Engineer");
        expected["name"] = json!({"givenName": "Another", "familyName": "Name"});
        expected["emails"] = json!([{"value": "new@okta.local", "type": "work", "primary": true}]);
        expected[ENTERPRISE] = json!({"department": "IT"});
        assert_eq!(attributes(&updated), expected);
        assert_eq!(updated["meta"]["version"], "W/\"2\"");
        assert_eq!(changed(okta, &okta.client.modify(&path_of(&created), &operations)), updated);
    });
}
