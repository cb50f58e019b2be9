//! PATCH of members (RFC 7644 section 3.5.2), row by row as `scim-requirements` section 7.2 orders it.

use serde_json::{Value, json};

use super::{group, id_of, members, users, version};
use crate::support::{Tenant, assert_error, tenant};

fn operation(op: &str, path: &str, value: &Value) -> Value {
    json!([{"op": op, "path": path, "value": value}])
}

/// A group with the first of three users, and what an operation makes of its members.
struct Case {
    tenant: Tenant,
    path: String,
    users: [String; 3],
}

fn case() -> Case {
    let tenant = tenant();
    let users = users(&tenant);
    let path = group(&tenant, "A", &[&users[0], &users[1]]);
    Case { tenant, path, users }
}

impl Case {
    #[track_caller]
    fn becomes(&self, operations: &Value, expected: &[usize]) {
        let answer = self.tenant.client.modify(&self.path, operations);
        assert_eq!(answer.status, 200, "{operations}: {}", answer.text);
        let mut expected: Vec<String> = expected.iter().map(|user| self.users[*user].clone()).collect();
        expected.sort();
        assert_eq!(super::values(&answer.json()["members"]), expected, "{operations}");
        assert_eq!(members(&self.tenant, &self.path), expected, "{operations}");
    }

    fn selecting(&self, user: usize) -> String {
        format!("members[value eq \"{}\"]", self.users[user])
    }
}

#[test]
fn add_appends_who_is_not_there_yet() {
    let case = case();
    case.becomes(
        &operation("add", "members", &json!([{"value": case.users[2]}, {"value": case.users[0]}])),
        &[0, 1, 2],
    );
    assert_eq!(version(&case.tenant, &case.path), "W/\"2\"");
    case.becomes(&operation("Add", "members", &json!({"value": case.users[0]})), &[0, 1, 2]);
    case.becomes(&operation("add", "members", &json!([])), &[0, 1, 2]);
    assert_eq!(version(&case.tenant, &case.path), "W/\"2\"");
    let without_path = json!([{"op": "add", "value": {"members": [{"value": case.users[2], "$ref": null}]}}]);
    case.becomes(&without_path, &[0, 1, 2]);
}

#[test]
fn remove_takes_one_some_or_all() {
    let case = case();
    case.becomes(&json!([{"op": "remove", "path": case.selecting(0)}]), &[1]);
    case.becomes(&json!([{"op": "remove", "path": case.selecting(0)}]), &[1]);
    assert_eq!(version(&case.tenant, &case.path), "W/\"2\"");
    let listed = json!([{"$ref": null, "value": case.users[1]}, {"value": "nobody"}]);
    case.becomes(&operation("Remove", "members", &json!([])), &[1]);
    case.becomes(&operation("Remove", "members", &listed), &[]);
    case.becomes(&operation("add", "members", &json!([{"value": case.users[2]}])), &[2]);
    case.becomes(&json!([{"op": "remove", "path": "members"}]), &[]);
    case.becomes(&json!([{"op": "remove", "path": "members"}]), &[]);
    assert_eq!(version(&case.tenant, &case.path), "W/\"5\"");
}

#[test]
fn remove_takes_whom_a_filter_selects() {
    let case = case();
    let nested = group(&case.tenant, "B", &[]);
    let add = json!([
        {"value": id_of(&nested), "type": "Group"},
        {"value": case.users[2], "display": "Straße 7"}
    ]);
    case.tenant.client.modify(&case.path, &operation("add", "members", &add));
    case.becomes(&json!([{"op": "remove", "path": "members[type eq \"GROUP\"]"}]), &[0, 1, 2]);
    case.becomes(&json!([{"op": "remove", "path": "members[display sw \"STRASSE\"]"}]), &[0, 1]);
    let one = format!("members[type eq \"User\" and value eq \"{}\"]", case.users[0]);
    case.becomes(&json!([{"op": "remove", "path": one}]), &[1]);
    case.becomes(&json!([{"op": "remove", "path": format!("{}.value", case.selecting(1))}]), &[]);
    // By the URI that replies show; whoever does not have it stays.
    let all = json!([{"value": case.users[0]}, {"value": case.users[1]}]);
    case.becomes(&operation("add", "members", &all), &[0, 1]);
    let uri = format!("{}/Users/{}", case.tenant.client.base(), case.users[0]);
    case.becomes(&json!([{"op": "remove", "path": format!("members[not ($ref eq \"{uri}\")]")}]), &[0]);
    case.becomes(&json!([{"op": "remove", "path": format!("members[$ref eq \"{uri}\"]")}]), &[]);
    // Who joins by an operation before is selected as well, who joins by one behind is not.
    let user = |user: usize| json!([{"value": case.users[user]}]);
    let order = json!([
        {"op": "add", "path": "members", "value": user(0)},
        {"op": "remove", "path": "members[type eq \"User\"]"},
        {"op": "add", "path": "members", "value": user(1)}
    ]);
    case.becomes(&order, &[1]);
}

#[test]
fn replace_sets_the_whole_list() {
    let case = case();
    case.becomes(
        &operation("replace", "members", &json!([{"value": case.users[1]}, {"value": case.users[2]}])),
        &[1, 2],
    );
    assert_eq!(version(&case.tenant, &case.path), "W/\"2\"");
    case.becomes(
        &operation("replace", "members", &json!([{"value": case.users[2]}, {"value": case.users[1]}])),
        &[1, 2],
    );
    assert_eq!(version(&case.tenant, &case.path), "W/\"2\"", "the order is of no account");
    case.becomes(&operation("replace", "members", &json!([])), &[]);
    case.becomes(
        &json!([{"op": "replace", "value": {"members": [{"value": case.users[0]}], "displayName": "A"}}]),
        &[0],
    );
    let empty = json!([{"op": "replace", "value": {"id": id_of(&case.path), "displayName": "A", "members": []}}]);
    case.becomes(&empty, &[]);
    case.becomes(&operation("add", "members", &json!([{"value": case.users[0]}])), &[0]);
    case.becomes(&operation("replace", "members", &Value::Null), &[]);
}

#[test]
fn a_replacement_that_does_not_name_the_members_leaves_them() {
    let case = case();
    case.becomes(&json!([{"op": "replace", "value": {"id": id_of(&case.path), "displayName": "Renamed"}}]), &[0, 1]);
    case.becomes(&json!([{"op": "Replace", "path": "displayName", "value": "Again"}]), &[0, 1]);
    case.becomes(&json!([{"op": "replace", "value": {"externalId": "x"}}]), &[0, 1]);
}

#[test]
fn operations_are_carried_out_in_order() {
    let case = case();
    let user = |user: usize| json!([{"value": case.users[user]}]);
    let okta = json!([
        {"op": "replace", "value": {"id": id_of(&case.path), "displayName": "Renamed"}},
        {"op": "remove", "path": case.selecting(0)},
        {"op": "add", "path": "members", "value": user(2)}
    ]);
    case.becomes(&okta, &[1, 2]);
    assert_eq!(version(&case.tenant, &case.path), "W/\"2\"");
    let there_and_away = json!([
        {"op": "add", "path": "members", "value": user(0)},
        {"op": "remove", "path": case.selecting(0)}
    ]);
    case.becomes(&there_and_away, &[1, 2]);
    let away_and_there = json!([
        {"op": "remove", "path": case.selecting(1)},
        {"op": "add", "path": "members", "value": user(1)}
    ]);
    case.becomes(&away_and_there, &[1, 2]);
    assert_eq!(version(&case.tenant, &case.path), "W/\"2\"", "nothing has changed");
    let all_and_one = json!([{"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": user(0)}]);
    case.becomes(&all_and_one, &[0]);
}

#[test]
fn the_parts_of_a_member_are_immutable() {
    let case = case();
    for (op, path, value) in [
        ("replace", case.selecting(0), json!({"value": case.users[2]})),
        ("replace", format!("{}.value", case.selecting(0)), json!(case.users[2])),
        ("add", format!("{}.type", case.selecting(0)), json!("Group")),
        ("remove", format!("{}.type", case.selecting(0)), Value::Null),
        ("replace", "members.value".into(), json!(case.users[2])),
        ("replace", format!("{}.display", case.selecting(0)), json!("x")),
    ] {
        assert_error(&case.tenant.client.modify(&case.path, &operation(op, &path, &value)), 400, Some("mutability"));
    }
    case.becomes(&json!([]), &[0, 1]);
    assert_eq!(version(&case.tenant, &case.path), "W/\"1\"");
}

#[test]
fn a_failing_operation_leaves_the_members_as_they_were() {
    let case = case();
    let operations = json!([
        {"op": "add", "path": "members", "value": [{"value": case.users[2]}]},
        {"op": "remove", "path": "displayName"}
    ]);
    assert_error(&case.tenant.client.modify(&case.path, &operations), 400, Some("mutability"));
    for bad in [json!([{"display": "x"}]), json!(true), json!([[1]])] {
        let answer = case.tenant.client.modify(&case.path, &operation("add", "members", &bad));
        assert_error(&answer, 400, Some("invalidValue"));
    }
    let malformed = case.tenant.client.modify(&case.path, &json!([{"op": "remove", "path": "members[value eq"}]));
    assert_error(&malformed, 400, Some("invalidFilter"));
    case.becomes(&json!([]), &[0, 1]);
}

#[test]
fn a_change_of_members_is_recorded_by_who_came_and_who_went() {
    let case = case();
    let operations = json!([
        {"op": "remove", "path": case.selecting(0)},
        {"op": "add", "path": "members", "value": [{"value": case.users[2], "display": "Eve"}, {"value": case.users[1]}]},
        {"op": "replace", "path": "displayName", "value": "B"}
    ]);
    case.becomes(&operations, &[1, 2]);
    let entry = &case.tenant.audit()[0];
    assert_eq!(entry.action, "resource.modify");
    let before = json!({"displayName": "A", "members": [{"type": "User", "value": case.users[0]}]});
    let after = json!({"displayName": "B", "members": [{"type": "User", "value": case.users[2], "display": "Eve"}]});
    assert_eq!((entry.before.as_ref(), entry.after.as_ref()), (Some(&before), Some(&after)));
}

#[test]
fn preconditions_hold_for_members_too() {
    let case = case();
    let send = |tag: &str, user: usize| {
        let body = crate::support::patch(&operation("add", "members", &json!([{"value": case.users[user]}])));
        let request = case.tenant.client.request(reqwest::Method::PATCH, &case.path).header("If-Match", tag);
        crate::support::Client::send(request.body(body.to_string()))
    };
    assert_error(&send("W/\"7\"", 2), 412, None);
    assert_eq!(members(&case.tenant, &case.path).len(), 2);
    let answer = send("W/\"1\"", 2);
    assert_eq!((answer.status, answer.header("etag")), (200, Some("W/\"2\"")));
    assert_error(&send("W/\"1\"", 2), 412, None);
    let unchanged = case.tenant.client.request(reqwest::Method::GET, &case.path).header("If-None-Match", "W/\"2\"");
    assert_eq!(crate::support::Client::send(unchanged).status, 304);
}

#[test]
fn a_patch_of_a_group_that_is_not_there_is_404() {
    let tenant = tenant();
    let [ada] = users(&tenant);
    for path in
        ["/Groups/01900000-0000-7000-8000-000000000000".to_owned(), format!("/Groups/{ada}"), "/Groups/x".into()]
    {
        let answer = tenant.client.modify(&path, &operation("add", "members", &json!([{"value": ada}])));
        assert_error(&answer, 404, None);
        let answer = tenant.client.modify(&path, &operation("replace", "members", &json!([{"value": "nobody"}])));
        assert_error(&answer, 404, None);
    }
}
