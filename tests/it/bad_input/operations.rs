//! PATCH messages that are JSON and yet cannot be carried out.

use provisor::scim::limits;

use super::*;

const SYNTAX: Option<&str> = Some("invalidSyntax");
const PATH: Option<&str> = Some("invalidPath");
const FILTER: Option<&str> = Some("invalidFilter");
const VALUE: Option<&str> = Some("invalidValue");
const TARGET: Option<&str> = Some("noTarget");
const MUTABILITY: Option<&str> = Some("mutability");

/// Messages that are wrong for any type of resource.
fn messages() -> Vec<(Value, u16, Option<&'static str>)> {
    let operations = |operations: Value| json!({"Operations": operations});
    let one = |operation: Value| json!({"Operations": [operation]});
    let many = vec![json!({"op": "remove", "path": "displayName"}); limits::PATCH_OPERATIONS + 1];
    vec![
        (json!({}), 400, SYNTAX),
        (json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}), 400, SYNTAX),
        (operations(Value::Null), 400, SYNTAX),
        (operations(json!({"op": "add", "path": "displayName", "value": "x"})), 400, SYNTAX),
        (operations(json!("add")), 400, SYNTAX),
        (operations(json!([[]])), 400, SYNTAX),
        (operations(json!([null])), 400, SYNTAX),
        (operations(json!(["add"])), 400, SYNTAX),
        (operations(json!(many)), 413, None),
        (one(json!({})), 400, SYNTAX),
        (one(json!({"path": "displayName", "value": "x"})), 400, SYNTAX),
        (one(json!({"op": null, "path": "displayName", "value": "x"})), 400, SYNTAX),
        (one(json!({"op": 1, "path": "displayName", "value": "x"})), 400, SYNTAX),
        (one(json!({"op": ["add"], "path": "displayName", "value": "x"})), 400, SYNTAX),
        (one(json!({"op": "", "path": "displayName", "value": "x"})), 400, SYNTAX),
        (one(json!({"op": " add", "path": "displayName", "value": "x"})), 400, SYNTAX),
        (one(json!({"op": "move", "path": "displayName", "value": "x"})), 400, SYNTAX),
        (one(json!({"op": "test", "path": "displayName", "value": "x"})), 400, SYNTAX),
        (one(json!({"op": "add", "path": 7, "value": "x"})), 400, SYNTAX),
        (one(json!({"op": "add", "path": ["displayName"], "value": "x"})), 400, SYNTAX),
        (one(json!({"op": "add", "path": {"a": 1}, "value": "x"})), 400, SYNTAX),
        (one(json!({"op": "add", "path": "displayName"})), 400, VALUE),
        (one(json!({"op": "replace", "path": "displayName"})), 400, VALUE),
        (one(json!({"op": "add", "value": "x"})), 400, VALUE),
        (one(json!({"op": "add", "value": ["x"]})), 400, VALUE),
        (one(json!({"op": "replace", "value": null})), 400, VALUE),
        (one(json!({"op": "remove"})), 400, TARGET),
        (one(json!({"op": "remove", "path": ""})), 400, TARGET),
        (one(json!({"op": "remove", "path": null})), 400, TARGET),
        (one(json!({"op": "replace", "path": "id", "value": "x"})), 400, MUTABILITY),
        (one(json!({"op": "remove", "path": "id"})), 400, MUTABILITY),
        (one(json!({"op": "replace", "path": "meta.created", "value": "x"})), 400, MUTABILITY),
        (one(json!({"op": "remove", "path": "meta"})), 400, MUTABILITY),
        (one(json!({"op": "add", "path": "unknown", "value": "x"})), 400, PATH),
        (one(json!({"op": "remove", "path": "unknown"})), 400, PATH),
        (one(json!({"op": "add", "path": "display name", "value": "x"})), 400, PATH),
        (one(json!({"op": "add", "path": ".displayName", "value": "x"})), 400, PATH),
        (one(json!({"op": "add", "path": "displayName.", "value": "x"})), 400, PATH),
        (one(json!({"op": "add", "path": "displayName.x", "value": "x"})), 400, PATH),
        (one(json!({"op": "add", "path": "/displayName", "value": "x"})), 400, PATH),
        (one(json!({"op": "add", "path": "1name", "value": "x"})), 400, PATH),
        (one(json!({"op": "add", "path": "(", "value": "x"})), 400, PATH),
        (one(json!({"op": "add", "path": "displayName'", "value": "x"})), 400, PATH),
        (one(json!({"op": "add", "path": "displayName[value eq \"x\"]", "value": "x"})), 400, PATH),
        (one(json!({"op": "remove", "path": "urn:acme:1.0:User:x"})), 400, PATH),
        (one(json!({"op": "add", "path": "n".repeat(limits::PATH_BYTES + 1), "value": "x"})), 400, PATH),
    ]
}

/// Operations that are wrong for a user.
fn on_users() -> Vec<(Value, Option<&'static str>)> {
    let set = |path: &str| json!({"op": "replace", "path": path, "value": "x"});
    let deep = format!("emails[{}value pr{}].value", "(".repeat(40), ")".repeat(40));
    let wide = format!("emails[{}].value", vec!["value pr"; limits::FILTER_NODES].join(" or "));
    vec![
        (json!({"op": "remove", "path": "userName"}), MUTABILITY),
        (json!({"op": "replace", "path": "userName", "value": null}), MUTABILITY),
        (json!({"op": "replace", "path": "userName", "value": ""}), VALUE),
        (json!({"op": "replace", "value": {"userName": ""}}), VALUE),
        (set("groups"), MUTABILITY),
        (set("groups[value eq \"x\"]"), MUTABILITY),
        (json!({"op": "add", "path": "groups", "value": [{"value": "x"}]}), MUTABILITY),
        (set("emails[type eq \"none\"].value"), TARGET),
        (set("emails[value eq \"nobody\"].value"), TARGET),
        (set("phoneNumbers.value"), TARGET),
        (set("emails[type eq \"work\"].unknown"), PATH),
        (set("emails[type eq \"work\"]value"), PATH),
        (set("emails[type eq \"work\"].value.x"), PATH),
        (set("emails[type eq \"work\"][type eq \"work\"]"), PATH),
        (set("name[givenName eq \"x\"]"), PATH),
        (set(&format!("{ENTERPRISE}[department eq \"x\"]")), PATH),
        (json!({"op": "replace", "path": ENTERPRISE, "value": "x"}), VALUE),
        (set("emails["), FILTER),
        (set("emails[]"), FILTER),
        (set("emails[type]"), FILTER),
        (set("emails[type eq]"), FILTER),
        (set("emails[type eq \"work]"), FILTER),
        (set("emails[type is \"work\"].value"), FILTER),
        (set("emails[unknown eq \"x\"].value"), FILTER),
        (set("emails[primary gt true].value"), FILTER),
        (set("emails[primary eq \"maybe\"].value"), FILTER),
        (set("emails[type eq \"work\" and].value"), FILTER),
        (set("emails[type[value eq \"x\"]].value"), FILTER),
        (set(&deep), FILTER),
        (set(&wide), FILTER),
        (set(&format!("emails[value eq \"{}\"]", "x".repeat(limits::FILTER_BYTES))), FILTER),
        (json!({"op": "add", "value": {"emails[": "x"}}), FILTER),
    ]
}

/// Operations that are wrong for a group.
fn on_groups() -> Vec<(Value, Option<&'static str>)> {
    vec![
        (json!({"op": "remove", "path": "displayName"}), MUTABILITY),
        (json!({"op": "replace", "path": "displayName", "value": ""}), VALUE),
        (json!({"op": "replace", "path": "userName", "value": "x"}), PATH),
        (json!({"op": "add", "path": "members", "value": 7}), VALUE),
        (json!({"op": "add", "path": "members", "value": [7]}), VALUE),
        (json!({"op": "add", "path": "members", "value": [{}]}), VALUE),
        (json!({"op": "replace", "path": "members", "value": [{"value": "nobody"}]}), VALUE),
        (json!({"op": "replace", "value": {"members": [{"value": "nobody"}]}}), VALUE),
        (json!({"op": "remove", "path": "members", "value": [{"display": "x"}]}), VALUE),
        (json!({"op": "remove", "path": "members["}), FILTER),
        (json!({"op": "remove", "path": "members[unknown eq \"x\"]"}), FILTER),
        (json!({"op": "remove", "path": "members[value is \"x\"]"}), FILTER),
        (json!({"op": "remove", "path": "members.unknown"}), PATH),
        (json!({"op": "replace", "path": "members[value eq \"x\"].value", "value": "y"}), MUTABILITY),
        (json!({"op": "replace", "path": "members.type", "value": "Group"}), MUTABILITY),
    ]
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(120).collect()
}

#[test]
fn a_patch_that_cannot_be_carried_out_says_why() {
    let scene = Scene::new();
    let client = &scene.tenant.client;
    let mut rows = Vec::new();
    for (_, resource) in scene.endpoints() {
        for (message, status, scim_type) in messages() {
            rows.push((format!("{resource} {}", shown(&message)), client.patch(resource, &message), status, scim_type));
        }
    }
    for (resource, table) in [(&scene.user, on_users()), (&scene.group, on_groups())] {
        for (operation, scim_type) in table {
            let answer = client.modify(resource, &json!([operation]));
            rows.push((format!("{resource} {}", shown(&operation)), answer, 400, scim_type));
        }
    }
    let taken = json!([{"op": "replace", "path": "userName", "value": "MEMBER-0"}]);
    rows.push(("a name that is taken".to_owned(), client.modify(&scene.user, &taken), 409, Some("uniqueness")));
    assert_errors(&rows);
    scene.assert_unchanged();
}

#[test]
fn one_bad_operation_spoils_the_whole_patch() {
    let scene = Scene::new();
    let good = json!({"op": "replace", "path": "displayName", "value": "changed"});
    let mut rows = Vec::new();
    for (_, resource) in scene.endpoints() {
        for (bad, scim_type) in [
            (json!({"op": "replace", "path": "unknown", "value": 1}), PATH),
            (json!({"op": "replace", "path": "id", "value": "x"}), MUTABILITY),
            (json!({"op": "remove"}), TARGET),
            (json!({"op": "fly"}), SYNTAX),
            (json!(7), SYNTAX),
        ] {
            for operations in [json!([good, bad]), json!([bad, good]), json!([good, bad, good])] {
                let answer = scene.tenant.client.modify(resource, &operations);
                rows.push((format!("{resource} {operations}"), answer, 400, scim_type));
            }
        }
    }
    assert_errors(&rows);
    scene.assert_unchanged();
}
