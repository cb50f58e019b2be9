//! The table of RFC 7644 section 3.5.2, row by row, as `scim-requirements` section 7.2 orders it.

// A case reads best with its operation written in place.
#![allow(clippy::needless_pass_by_value)]

use serde_json::{Value, json};

use super::*;
use crate::scim::{registry, validate};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The user that every case starts from.
fn ada() -> Value {
    json!({
        "userName": "ada",
        "displayName": "Ada",
        "name": {"givenName": "Ada", "familyName": "King"},
        "active": true,
        "emails": [
            {"value": "ada@work.example", "type": "work", "primary": true},
            {"value": "ada@home.example", "type": "home"}
        ],
        "roles": [{"value": "reader"}],
        ENTERPRISE: {"department": "Engines", "manager": {"value": "1", "displayName": "Charles"}}
    })
}

/// The attributes after these operations.
fn patched(operations: &Value) -> Result<Value, ScimError> {
    let user = registry::user().unwrap();
    let before = validate::resource(&user, ada()).unwrap();
    let request = PatchRequest::from_json(json!({"Operations": operations}))?;
    request.compile(&user)?.apply(&before).map(|after| Value::Object(after.attributes))
}

/// Asserts what one operation makes of one attribute. `null` stands for "unassigned".
#[track_caller]
fn becomes(operation: Value, attribute: &str, expected: &Value) {
    let shown = operation.to_string();
    let after = patched(&json!([operation])).unwrap_or_else(|error| panic!("{shown}: {}", error.detail()));
    assert_eq!(after.get(attribute).unwrap_or(&Value::Null), expected, "{shown}");
}

#[track_caller]
fn unchanged(operation: Value) {
    let user = registry::user().unwrap();
    let before = validate::resource(&user, ada()).unwrap();
    let shown = operation.to_string();
    assert_eq!(patched(&json!([operation])).unwrap(), Value::Object(before.attributes), "{shown}");
}

#[track_caller]
fn refused(operation: Value, kind: ErrorKind) {
    let shown = operation.to_string();
    assert_eq!(patched(&json!([operation])).unwrap_err().kind(), kind, "{shown}");
}

fn work() -> Value {
    json!({"value": "ada@work.example", "type": "work", "primary": true})
}

fn home() -> Value {
    json!({"value": "ada@home.example", "type": "home"})
}

#[test]
fn the_message_is_checked_before_anything_is_applied() {
    let kind = |body: Value| PatchRequest::from_json(body).unwrap_err().kind();
    assert_eq!(kind(json!([])), ErrorKind::InvalidSyntax);
    assert_eq!(kind(json!({})), ErrorKind::InvalidSyntax);
    assert_eq!(kind(json!({"Operations": {}})), ErrorKind::InvalidSyntax);
    assert_eq!(kind(json!({"Operations": ["add"]})), ErrorKind::InvalidSyntax);
    assert_eq!(kind(json!({"Operations": [{"op": "move", "path": "title"}]})), ErrorKind::InvalidSyntax);
    assert_eq!(kind(json!({"Operations": [{"path": "title", "value": "x"}]})), ErrorKind::InvalidSyntax);
    assert_eq!(kind(json!({"Operations": [{"op": "add", "path": 5, "value": "x"}]})), ErrorKind::InvalidSyntax);
    let many = vec![json!({"op": "remove", "path": "title"}); limits::PATCH_OPERATIONS + 1];
    assert_eq!(kind(json!({"Operations": many})), ErrorKind::PayloadTooLarge);
    assert!(PatchRequest::from_json(json!({"operations": [], "id": "1"})).is_ok(), "an empty list changes nothing");
}

#[test]
fn members_and_op_are_taken_in_any_case() {
    becomes(json!({"OP": "Replace", "Path": "TITLE", "Value": "Countess", "name": "x"}), "title", &json!("Countess"));
}

#[test]
fn operations_see_the_result_of_those_before() {
    let after = patched(&json!([
        {"op": "remove", "path": "emails"},
        {"op": "add", "path": "emails", "value": [{"value": "new@x.example", "type": "work"}]},
        {"op": "replace", "path": "emails[type eq \"work\"].display", "value": "New"}
    ]));
    assert_eq!(after.unwrap()["emails"], json!([{"value": "new@x.example", "display": "New", "type": "work"}]));
}

#[test]
fn add_and_replace_need_a_value() {
    for op in ["add", "replace"] {
        refused(json!({"op": op, "path": "title"}), ErrorKind::InvalidValue);
        refused(json!({"op": op}), ErrorKind::InvalidValue);
        refused(json!({"op": op, "value": "text"}), ErrorKind::InvalidValue);
    }
    becomes(json!({"op": "replace", "path": "displayName", "value": null}), "displayName", &Value::Null);
}

#[test]
fn without_a_path_each_member_is_an_operation_of_its_own() {
    let after = patched(&json!([{"op": "add", "value": {
        "id": "ignored", "meta": {"version": "9"}, "groups": [], "unknown": 1,
        "NickName": "A",
        "name.givenName": "Augusta",
        "emails[type eq \"home\"].value": "augusta@home.example",
        ENTERPRISE: {"costCenter": "7"},
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division": "Maths",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value": "2"
    }}]))
    .unwrap();
    assert_eq!(after["nickName"], "A");
    assert_eq!(after["name"], json!({"givenName": "Augusta", "familyName": "King"}));
    assert_eq!(after["emails"], json!([work(), {"value": "augusta@home.example", "type": "home"}]));
    assert_eq!(after[ENTERPRISE]["costCenter"], "7");
    assert_eq!(after[ENTERPRISE]["division"], "Maths");
    assert_eq!(after[ENTERPRISE]["department"], "Engines");
    assert_eq!(after[ENTERPRISE]["manager"], json!({"value": "2"}), "the name belonged to the former manager");
    assert_eq!(after.get("unknown"), None);
}

#[test]
fn add_sets_a_simple_value_and_merges_a_complex_one() {
    becomes(json!({"op": "add", "path": "title", "value": "Countess"}), "title", &json!("Countess"));
    unchanged(json!({"op": "add", "path": "displayName", "value": "Ada"}));
    becomes(
        json!({"op": "add", "path": "name", "value": {"middleName": "Byron"}}),
        "name",
        &json!({"givenName": "Ada", "familyName": "King", "middleName": "Byron"}),
    );
    becomes(
        json!({"op": "add", "path": "name.honorificPrefix", "value": "Lady"}),
        "name",
        &json!({"givenName": "Ada", "familyName": "King", "honorificPrefix": "Lady"}),
    );
    becomes(
        json!({"op": "add", "path": "addresses", "value": {"locality": "London"}}),
        "addresses",
        &json!([{"locality": "London"}]),
    );
}

#[test]
fn add_appends_what_a_list_lacks() {
    let other = json!({"value": "x@y.example", "type": "other"});
    becomes(json!({"op": "add", "path": "emails", "value": [other]}), "emails", &json!([work(), home(), other]));
    becomes(json!({"op": "add", "path": "emails", "value": other}), "emails", &json!([work(), home(), other]));
    unchanged(json!({"op": "add", "path": "emails", "value": [home()]}));
    becomes(
        json!({"op": "add", "path": "emails", "value": [{"value": "x@y.example", "primary": true}]}),
        "emails",
        &json!([
            {"value": "ada@work.example", "type": "work", "primary": false},
            home(),
            {"value": "x@y.example", "primary": true}
        ]),
    );
}

#[test]
fn a_sub_attribute_without_a_filter_is_that_of_every_element() {
    let named = |mut element: Value| {
        element["display"] = json!("Ada");
        element
    };
    for op in ["add", "replace"] {
        let after = patched(&json!([{"op": op, "path": "emails.display", "value": "Ada"}])).unwrap();
        assert_eq!(after["emails"], json!([named(work()), named(home())]));
        refused(json!({"op": op, "path": "phoneNumbers.display", "value": "x"}), ErrorKind::NoTarget);
    }
}

#[test]
fn add_and_replace_on_selected_elements() {
    let value = json!("new@home.example");
    for op in ["add", "replace"] {
        becomes(
            json!({"op": op, "path": "emails[type eq \"home\"].value", "value": value}),
            "emails",
            &json!([work(), {"value": value, "type": "home"}]),
        );
    }
    // add merges, replace replaces but for what the filter says of the element.
    becomes(
        json!({"op": "add", "path": "emails[type eq \"work\"]", "value": {"display": "Work"}}),
        "emails",
        &json!([{"value": "ada@work.example", "display": "Work", "type": "work", "primary": true}, home()]),
    );
    becomes(
        json!({"op": "replace", "path": "emails[type eq \"work\"]", "value": {"value": value}}),
        "emails",
        &json!([{"value": value, "type": "work"}, home()]),
    );
}

#[test]
fn an_element_that_is_missing_is_made_from_a_filter_on_a_canonical_value() {
    for op in ["add", "replace"] {
        becomes(
            json!({"op": op, "path": "phoneNumbers[type eq \"mobile\"].value", "value": "1"}),
            "phoneNumbers",
            &json!([{"value": "1", "type": "mobile"}]),
        );
        becomes(
            json!({"op": op, "path": "phoneNumbers[type eq \"work\"]", "value": {"value": "2"}}),
            "phoneNumbers",
            &json!([{"value": "2", "type": "work"}]),
        );
        for unassigned in [json!(null), json!("")] {
            unchanged(json!({"op": op, "path": "phoneNumbers[type eq \"work\"].value", "value": unassigned}));
        }
        for filter in [
            "type eq \"private\"",
            "value eq \"1\"",
            "type eq \"work\" and value eq \"1\"",
            "type co \"work\"",
            "not (type eq \"home\")",
        ] {
            refused(
                json!({"op": op, "path": format!("phoneNumbers[{filter}].value"), "value": "1"}),
                ErrorKind::NoTarget,
            );
        }
    }
}

#[test]
fn replace_sets_what_is_sent_and_leaves_the_rest() {
    becomes(json!({"op": "replace", "path": "title", "value": "Countess"}), "title", &json!("Countess"));
    becomes(
        json!({"op": "replace", "path": "name", "value": {"givenName": "Augusta"}}),
        "name",
        &json!({"givenName": "Augusta", "familyName": "King"}),
    );
    becomes(
        json!({"op": "replace", "path": "name", "value": {"givenName": null}}),
        "name",
        &json!({"familyName": "King"}),
    );
    becomes(json!({"op": "replace", "value": {"active": false}}), "emails", &json!([work(), home()]));
    becomes(
        json!({"op": "replace", "path": "emails", "value": [{"value": "only@x.example"}]}),
        "emails",
        &json!([{"value": "only@x.example"}]),
    );
    becomes(json!({"op": "replace", "path": "emails", "value": []}), "emails", &Value::Null);
}

#[test]
fn remove_unassigns() {
    refused(json!({"op": "remove"}), ErrorKind::NoTarget);
    becomes(json!({"op": "remove", "path": "displayName"}), "displayName", &Value::Null);
    unchanged(json!({"op": "remove", "path": "title"}));
    becomes(json!({"op": "remove", "path": "name.givenName"}), "name", &json!({"familyName": "King"}));
    becomes(json!({"op": "remove", "path": "name"}), "name", &Value::Null);
    becomes(json!({"op": "remove", "path": "emails"}), "emails", &Value::Null);
    let after = patched(&json!([
        {"op": "remove", "path": "name.givenName"}, {"op": "remove", "path": "name.familyName"}
    ]));
    assert_eq!(after.unwrap().get("name"), None, "a complex value without parts is unassigned");
}

#[test]
fn remove_takes_listed_or_selected_elements_only() {
    becomes(
        json!({"op": "remove", "path": "emails", "value": [{"value": "ada@home.example"}]}),
        "emails",
        &json!([work()]),
    );
    unchanged(json!({"op": "remove", "path": "emails", "value": []}));
    unchanged(json!({"op": "remove", "path": "emails", "value": [{"value": "nobody@x.example"}]}));
    becomes(json!({"op": "remove", "path": "emails[type eq \"work\"]"}), "emails", &json!([home()]));
    becomes(
        json!({"op": "remove", "path": "emails[type eq \"work\" and value ew \"work.example\"]"}),
        "emails",
        &json!([home()]),
    );
    unchanged(json!({"op": "remove", "path": "emails[type eq \"other\"]"}));
    becomes(json!({"op": "remove", "path": "emails[value co \"ada\"]"}), "emails", &Value::Null);
    becomes(
        json!({"op": "remove", "path": "emails[type eq \"work\"].primary"}),
        "emails",
        &json!([{"value": "ada@work.example", "type": "work"}, home()]),
    );
}

#[test]
fn what_clients_may_not_write_is_refused_by_path_and_ignored_in_a_value() {
    for path in ["id", "meta", "meta.version", "groups", "groups[value eq \"1\"]"] {
        refused(json!({"op": "replace", "path": path, "value": "x"}), ErrorKind::Mutability);
        refused(json!({"op": "remove", "path": path}), ErrorKind::Mutability);
    }
    refused(json!({"op": "remove", "path": "userName"}), ErrorKind::Mutability);
    refused(json!({"op": "replace", "path": "userName", "value": null}), ErrorKind::Mutability);
    refused(json!({"op": "replace", "path": "userName", "value": ""}), ErrorKind::InvalidValue);
    unchanged(json!({"op": "replace", "value": {"id": "x", "meta": {}, "groups": [{"value": "1"}]}}));
}

#[test]
fn paths_that_name_nothing_are_refused() {
    for path in ["unknown", "name.unknown", "emails[type eq \"work\"].unknown", "urn:x:y:1", "a b", "name[x", "1a"] {
        let error = patched(&json!([{"op": "replace", "path": path, "value": "x"}])).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidPath | ErrorKind::InvalidFilter), "{path}: {error:?}");
    }
    refused(json!({"op": "add", "path": "unknown", "value": 1}), ErrorKind::InvalidPath);
    refused(json!({"op": "remove", "path": "urn:x:y:attr"}), ErrorKind::InvalidPath);
    refused(json!({"op": "add", "path": "emails[", "value": "x"}), ErrorKind::InvalidFilter);
    refused(json!({"op": "add", "path": "emails[type eq \"work].value", "value": "x"}), ErrorKind::InvalidFilter);
    refused(json!({"op": "add", "path": "emails[unknown eq \"x\"].value", "value": "x"}), ErrorKind::InvalidFilter);
    refused(json!({"op": "add", "path": "name[givenName eq \"x\"].familyName", "value": "x"}), ErrorKind::InvalidPath);
}

#[test]
fn a_path_below_an_unknown_schema_is_left_out_and_the_rest_carried_out() {
    let operations = json!([
        {"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:Example:2.0:User:tag", "value": "x"},
        {"op": "Replace", "path": "active", "value": "False"}
    ]);
    assert_eq!(patched(&operations).unwrap()["active"], false);
    let request = PatchRequest::from_json(json!({"Operations": operations})).unwrap();
    let user = registry::user().unwrap();
    assert_eq!(
        request.compile(&user).unwrap().ignored,
        ["urn:ietf:params:scim:schemas:extension:Example:2.0:User:tag"]
    );
}

#[test]
fn a_listed_element_is_told_by_its_value() {
    let listed =
        json!([{"primary": false, "type": "WindowsAzureActiveDirectoryRole", "display": "Reader", "value": "READER"}]);
    becomes(json!({"op": "Remove", "path": "roles", "value": listed}), "roles", &Value::Null);
    unchanged(json!({"op": "remove", "path": "emails", "value": [{"value": "ada@home.example", "type": "work"}]}));
}

#[test]
fn what_loses_its_value_leaves_no_remnant() {
    for operation in [
        json!({"op": "replace", "path": "manager", "value": {"value": ""}}),
        json!({"op": "replace", "path": "manager.value", "value": ""}),
        json!({"op": "remove", "path": "manager.value"}),
        json!({"op": "replace", "path": "manager", "value": []}),
    ] {
        becomes(operation, ENTERPRISE, &json!({"department": "Engines"}));
    }
    for operation in [
        json!({"op": "remove", "path": "emails[type eq \"home\"].value"}),
        json!({"op": "replace", "path": "emails[type eq \"home\"].value", "value": ""}),
        json!({"op": "replace", "path": "emails", "value": [work(), {"value": "", "type": "home"}]}),
    ] {
        becomes(operation, "emails", &json!([work()]));
    }
}

#[test]
fn a_replaced_element_keeps_what_the_filter_fixes_as_it_was_stored() {
    becomes(
        json!({"op": "replace", "path": "emails[value eq \"ADA@HOME.EXAMPLE\"]", "value": {"display": "Ada"}}),
        "emails",
        &json!([work(), {"value": "ada@home.example", "display": "Ada"}]),
    );
}

#[test]
fn one_value_at_most_is_primary() {
    becomes(
        json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}),
        "emails",
        &json!([
            {"value": "ada@work.example", "type": "work", "primary": false},
            {"value": "ada@home.example", "type": "home", "primary": true}
        ]),
    );
    let two = json!([{"value": "a", "primary": true}, {"value": "b", "primary": true}]);
    refused(json!({"op": "replace", "path": "emails", "value": two}), ErrorKind::InvalidValue);
    refused(json!({"op": "add", "path": "emails", "value": two}), ErrorKind::InvalidValue);
    refused(json!({"op": "replace", "path": "emails.primary", "value": true}), ErrorKind::InvalidValue);
}

#[test]
fn values_are_checked_as_in_a_creation() {
    refused(json!({"op": "replace", "path": "active", "value": "maybe"}), ErrorKind::InvalidValue);
    refused(json!({"op": "replace", "path": "displayName", "value": {"a": 1}}), ErrorKind::InvalidValue);
    refused(json!({"op": "replace", "path": "name", "value": "Ada"}), ErrorKind::InvalidValue);
    refused(json!({"op": "add", "path": "emails", "value": [5]}), ErrorKind::InvalidValue);
    becomes(json!({"op": "Replace", "path": "active", "value": "False"}), "active", &json!(false));
    becomes(json!({"op": "replace", "path": "title", "value": 7}), "title", &json!("7"));
}

#[test]
fn extensions_come_and_go_with_their_attributes() {
    let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    let after = patched(&json!([{"op": "replace", "path": department, "value": "Looms"}])).unwrap();
    assert_eq!(after[ENTERPRISE]["department"], "Looms");
    let after = patched(&json!([{"op": "remove", "path": department}, {"op": "remove", "path": manager}])).unwrap();
    assert_eq!(after.get(ENTERPRISE), None);
    let after = patched(&json!([{"op": "remove", "path": ENTERPRISE}])).unwrap();
    assert_eq!(after.get(ENTERPRISE), None);
    let after = patched(&json!([{"op": "add", "path": ENTERPRISE, "value": {"division": "Maths"}}])).unwrap();
    assert_eq!(after[ENTERPRISE]["division"], "Maths");
    assert_eq!(after[ENTERPRISE]["department"], "Engines");
}

#[test]
fn a_manager_comes_as_an_object_in_an_array_or_as_text() {
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    for value in [json!("2"), json!([{"value": "2"}]), json!({"value": "2"})] {
        let after = patched(&json!([{"op": "add", "path": manager, "value": value}])).unwrap();
        assert_eq!(after[ENTERPRISE]["manager"]["value"], "2");
    }
}

#[test]
fn roles_are_addressed_by_primary_and_may_be_json_in_text() {
    becomes(
        json!({"op": "add", "path": "roles[primary eq \"True\"].value", "value": "admin"}),
        "roles",
        &json!([{"value": "reader"}, {"value": "admin", "primary": true}]),
    );
    becomes(
        json!({"op": "replace", "path": "roles", "value": ["{\"value\":\"admin\",\"displayName\":\"Admin\"}"]}),
        "roles",
        &json!([{"value": "admin", "display": "Admin"}]),
    );
}

#[test]
fn lists_have_a_limit() {
    let many: Vec<Value> = (0..=limits::VALUES_PER_ATTRIBUTE).map(|n| json!({"value": n.to_string()})).collect();
    refused(json!({"op": "add", "path": "roles", "value": many}), ErrorKind::InvalidValue);
}

#[test]
fn repeating_a_replacement_changes_nothing_more() {
    let user = registry::user().unwrap();
    let before = validate::resource(&user, ada()).unwrap();
    let operations = json!({"Operations": [
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x@x.example"},
        {"op": "replace", "value": {"name": {"givenName": "B"}, "active": false}},
        {"op": "add", "path": "roles", "value": [{"value": "writer"}]}
    ]});
    let request = PatchRequest::from_json(operations).unwrap();
    let patch = request.compile(&user).unwrap();
    let once = patch.apply(&before).unwrap();
    assert_eq!(patch.apply(&once).unwrap(), once);
}
