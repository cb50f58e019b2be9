//! Paths, values and types in PATCH, and values that mean "nothing" in any body.

use serde_json::json;

use super::*;
use crate::support::{ENTERPRISE, assert_error, minimal, path_of, tenant};

#[test]
fn row_01_op_in_any_case_and_booleans_as_text() {
    let tenant = tenant();
    let path = tenant.create_path(&minimal("ada"));
    for (op, sent, active) in [
        ("Replace", json!("False"), false),
        ("ADD", json!("TRUE"), true),
        ("rePLace", json!("false"), false),
        ("replace", json!("True"), true),
        ("Add", json!(false), false),
    ] {
        let answer = tenant.client.modify(&path, &json!([{"op": op, "path": "active", "value": sent}]));
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["active"], active, "{op} {sent}");
    }
    for wrong in [json!("no"), json!("1"), json!(0)] {
        let answer = tenant.client.modify(&path, &json!([{"op": "Replace", "path": "active", "value": wrong}]));
        assert_error(&answer, 400, Some("invalidValue"));
    }
}

#[test]
fn row_11_an_email_that_is_missing_is_made_from_a_plain_filter() {
    let tenant = tenant();
    let set =
        |filter: &str| json!([{"op": "Replace", "path": format!("emails[{filter}].value"), "value": "a@x.example"}]);
    let shown = patched(&tenant, &minimal("ada"), &set("type eq \"work\""));
    assert_eq!(shown["emails"], json!([{"type": "work", "value": "a@x.example"}]));
    // Beside another e-mail, which stays.
    let mut user = minimal("bob");
    user["emails"] = json!([{"type": "home", "value": "b@home.example", "primary": true}]);
    let shown = patched(&tenant, &user, &set("type eq \"work\""));
    assert_eq!(
        shown["emails"],
        json!([{"type": "home", "value": "b@home.example", "primary": true}, {"type": "work", "value": "a@x.example"}])
    );
    let path = tenant.create_path(&minimal("eve"));
    for filter in ["type co \"work\"", "type eq \"work\" and primary eq true", "not (type eq \"home\")", "value pr"] {
        assert_error(&tenant.client.modify(&path, &set(filter)), 400, Some("noTarget"));
    }
    assert_eq!(tenant.client.get(&path).json().get("emails"), None);
}

#[test]
fn row_12_a_filter_compares_booleans_that_come_as_text() {
    let tenant = tenant();
    let user = json!({
        "userName": "ada",
        "addresses": [{"type": "home", "locality": "London"}, {"type": "work", "locality": "Paris", "primary": true}],
        "roles": [{"value": "reader", "primary": true}, {"value": "writer"}]
    });
    let shown = patched(
        &tenant,
        &user,
        &json!([
            {"op": "replace", "path": "addresses[primary eq \"True\"].locality", "value": "Rome"},
            {"op": "replace", "path": "roles[primary eq \"true\"].value", "value": "admin"}
        ]),
    );
    assert_eq!(shown["addresses"][0]["locality"], "London");
    assert_eq!(shown["addresses"][1]["locality"], "Rome");
    assert_eq!(shown["roles"], json!([{"value": "admin", "primary": true}, {"value": "writer"}]));
    assert_eq!(tenant.client.found("active eq \"True\" and roles[primary eq \"TRUE\"].value eq \"admin\""), ["ada"]);
}

#[test]
fn row_13_a_manager_comes_in_any_form_and_the_longest_urn_wins() {
    let tenant = tenant();
    let manager = format!("{ENTERPRISE}:manager");
    for (number, (path, value)) in [
        (manager.as_str(), json!("m1")),
        (manager.as_str(), json!([{"value": "m1"}])),
        (manager.as_str(), json!({"value": "m1"})),
        ("manager", json!("m1")),
        ("manager", json!([{"$ref": "https://x.example/Users/m1", "value": "m1"}])),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager", json!("m1")),
        ("manager.value", json!("m1")),
    ]
    .into_iter()
    .enumerate()
    {
        let shown = patched(
            &tenant,
            &minimal(&format!("user-{number}")),
            &json!([{"op": "add", "path": path, "value": value}]),
        );
        assert_eq!(shown[ENTERPRISE]["manager"]["value"], "m1", "{path} {value}");
    }
    let employee = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.employeeNumber";
    let shown = patched(&tenant, &minimal("ada"), &json!([{"op": "add", "path": employee, "value": "7"}]));
    assert_eq!(shown[ENTERPRISE], json!({"employeeNumber": "7"}));
    let core = "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName";
    let shown = patched(&tenant, &minimal("bob"), &json!([{"op": "add", "path": core, "value": "B"}]));
    assert_eq!(shown["name"], json!({"familyName": "B"}));
}

#[test]
fn row_14_keys_of_a_value_without_path_are_paths() {
    let department = format!("{ENTERPRISE}:department");
    let value =
        json!({department.as_str(): "X", "name.givenName": "Y", "emails[type eq \"work\"].value": "y@x.example"});
    for op in ["add", "replace"] {
        let shown = patched(&tenant(), &minimal("ada"), &json!([{"op": op, "value": value}]));
        assert_eq!(shown[ENTERPRISE], json!({"department": "X"}));
        assert_eq!(shown["name"], json!({"givenName": "Y"}));
        assert_eq!(shown["emails"], json!([{"type": "work", "value": "y@x.example"}]));
        for name in [department.as_str(), "name.givenName"] {
            assert_eq!(shown.get(name), None, "{name}");
        }
    }
}

#[test]
fn row_15_value_filters_have_a_grammar_and_apply_to_every_match() {
    let tenant = tenant();
    let user = json!({
        "userName": "ada",
        "roles": [{"value": "urn:a:b.c", "type": "x"}, {"value": "plain", "type": "x"}, {"value": "a]b \"c\"", "type": "y"}]
    });
    let shown = patched(
        &tenant,
        &user,
        &json!([
            {"op": "replace", "path": "roles[type eq \"x\"].display", "value": "X"},
            {"op": "replace", "path": "roles[value eq \"urn:a:b.c\"].display", "value": "Dots: and colons"},
            {"op": "replace", "path": "roles[value eq \"a]b \\\"c\\\"\"].display", "value": "Brackets"}
        ]),
    );
    let displays: Vec<&Value> = shown["roles"].as_array().unwrap().iter().map(|role| &role["display"]).collect();
    assert_eq!(displays, ["Dots: and colons", "X", "Brackets"]);
    let path = path_of(&shown);
    let answer = tenant.client.modify(&path, &json!([{"op": "remove", "path": "roles[type eq \"x\"]"}]));
    assert_eq!(answer.json()["roles"].as_array().unwrap().len(), 1, "{}", answer.text);
}

#[test]
fn row_32_null_and_empty_lists_mean_unassigned_and_are_never_answered() {
    let tenant = tenant();
    let sent = json!({
        "userName": "ada", "externalId": null, "name": {"givenName": null}, "phoneNumbers": [],
        "emails": [{"value": "a@x.example", "type": null, "display": null}, null]
    });
    let path = tenant.create_path(&sent);
    let plain = json!([{"value": "a@x.example"}]);
    let created = tenant.client.get(&path).json();
    assert_eq!(created["emails"], plain);
    for operations in [
        json!([{"op": "replace", "path": "emails", "value": []}]),
        json!([{"op": "replace", "value": {"emails": null, "externalId": null}}]),
    ] {
        let answer = tenant.client.modify(&path, &operations);
        assert_eq!((answer.status, answer.json().get("emails")), (200, None), "{}", answer.text);
        let back = json!([{"op": "add", "path": "emails", "value": [{"value": "a@x.example", "type": null}]}]);
        assert_eq!(tenant.client.modify(&path, &back).json()["emails"], plain);
    }
    let answer = tenant.client.put(&path, &sent);
    assert!(answer.status == 200 && !answer.text.contains("null"), "{}", answer.text);
    for body in [json!({"userName": null}), json!({"userName": ""}), json!({})] {
        assert_error(&tenant.client.put(&path, &body), 400, Some("invalidValue"));
        assert_error(&tenant.client.post("/Users", &body), 400, Some("invalidValue"));
    }
}

#[test]
fn row_33_a_patch_that_changes_nothing_succeeds_without_version_and_event() {
    let tenant = tenant();
    let user = json!({"userName": "ada", "title": "Countess", "emails": [{"value": "a@x.example", "type": "work"}]});
    let created = tenant.create(&user);
    let path = path_of(&created);
    let entries = tenant.audit().len();
    for operations in [
        json!([]),
        json!([{"op": "replace", "path": "title", "value": "Countess"}]),
        json!([{"op": "add", "path": "emails", "value": [{"value": "a@x.example", "type": "work"}]}]),
        json!([{"op": "remove", "path": "nickName"}]),
        json!([{"op": "replace", "value": {"active": true, "id": created["id"], "unknown": 1}}]),
        json!([{"op": "replace", "path": "title", "value": "X"}, {"op": "replace", "path": "title", "value": "Countess"}]),
    ] {
        let answer = tenant.client.modify(&path, &operations);
        assert_eq!((answer.status, answer.json()), (200, created.clone()), "{operations}");
    }
    assert_eq!(tenant.audit().len(), entries);
    assert_error(&tenant.client.modify(&path, &json!([{"op": "remove"}])), 400, Some("noTarget"));
    assert_error(
        &tenant.client.modify(&path, &json!([{"op": "remove", "value": {"title": 1}}])),
        400,
        Some("noTarget"),
    );
    assert_eq!(tenant.client.get(&path).json(), created);
}
