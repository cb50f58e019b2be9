//! Members of groups.

use std::sync::Barrier;

use serde_json::json;

use super::*;
use crate::support::groups::{group, group_body, listed, members, users, values};
use crate::support::{GROUP, assert_error, tenant};

/// An id that nobody has.
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

fn remove(ids: &[&str]) -> Value {
    json!([{"op": "Remove", "path": "members", "value": listed(ids)}])
}

fn add(ids: &[&str]) -> Value {
    json!([{"op": "Add", "path": "members", "value": listed(ids)}])
}

/// Sends operations that must succeed and returns the members that a GET then shows.
fn after(tenant: &Tenant, path: &str, operations: &Value) -> Vec<String> {
    let answer = tenant.client.modify(path, operations);
    assert_eq!(answer.status, 200, "{operations}: {}", answer.text);
    let shown = members(tenant, path);
    assert_eq!(values(&answer.json()["members"]), shown);
    shown
}

#[test]
fn row_02_remove_with_a_list_removes_exactly_those() {
    let tenant = tenant();
    let ids = users(&tenant, 3);
    let [a, b, c] = [&*ids[0], &*ids[1], &*ids[2]];
    let path = group(&tenant, "g", &[a, b, c]);
    assert_eq!(after(&tenant, &path, &remove(&[b])), [a, c]);
    // Who is no member, and a list of none, change nothing.
    let version = |path: &str| tenant.client.get(path).json()["meta"]["version"].clone();
    let before = version(&path);
    assert_eq!(after(&tenant, &path, &remove(&[b])), [a, c]);
    assert_eq!(after(&tenant, &path, &remove(&[])), [a, c]);
    assert_eq!(version(&path), before);
    assert_eq!(after(&tenant, &path, &json!([{"op": "remove", "path": "members"}])), [""; 0]);
}

#[test]
fn row_03_remove_by_a_filter_removes_one_and_again_changes_nothing() {
    let tenant = tenant();
    let ids = users(&tenant, 2);
    let path = group(&tenant, "g", &[&ids[0], &ids[1]]);
    let operations = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", ids[0])}]);
    for _ in 0..2 {
        assert_eq!(after(&tenant, &path, &operations), [ids[1].as_str()]);
    }
    assert_eq!(tenant.client.get(&path).json()["meta"]["version"], "W/\"2\"");
}

#[test]
fn row_04_members_added_at_once_are_all_there() {
    const THREADS: usize = 8;
    let tenant = tenant();
    let ids = users(&tenant, THREADS * 2);
    let path = group(&tenant, "g", &[]);
    let start = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for mine in ids.chunks(2) {
            let (start, tenant, path) = (&start, &tenant, &path);
            scope.spawn(move || {
                start.wait();
                for id in mine {
                    let answer = tenant.client.modify(path, &add(&[id]));
                    assert_eq!(answer.status, 200, "{}", answer.text);
                }
            });
        }
    });
    assert_eq!(members(&tenant, &path), ids);
}

#[test]
fn row_05_a_change_to_a_large_group_is_not_answered_with_the_group() {
    let tenant = tenant();
    let ids = users(&tenant, 202);
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let path = group(&tenant, "g", &all[..200]);
    let answer = tenant.client.modify(&path, &add(&all[200..201]));
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let without = tenant.client.modify(&format!("{path}?excludedAttributes=members"), &add(&all[201..]));
    assert_eq!(without.status, 200, "{}", without.text);
    assert_eq!((without.json().get("members"), &without.json()["displayName"]), (None, &json!("g")));
    assert_eq!(members(&tenant, &path), ids);
    // Small again, the answer is the group.
    assert_eq!(after(&tenant, &path, &remove(&all[..2])).len(), 200);
}

#[test]
fn row_06_unknown_members_are_skipped_and_audited_unless_a_replacement_knows_none() {
    let (tenant, other) = (tenant(), tenant());
    let ids = users(&tenant, 2);
    let foreign = users(&other, 1);
    let path = group(&tenant, "g", &[&ids[0]]);
    for unknown in [NOBODY, foreign[0].as_str(), "no-uuid"] {
        assert_eq!(after(&tenant, &path, &add(&[unknown, &ids[1]])), ids);
        let entry = tenant.audit().into_iter().next().unwrap();
        assert_eq!(entry.action, "resource.modify");
        assert!(entry.detail.is_some_and(|detail| detail.contains(unknown)), "{unknown}");
        assert_eq!(after(&tenant, &path, &remove(&[&ids[1]])), [ids[0].as_str()]);
    }
    let replace = |ids: &[&str]| json!([{"op": "replace", "path": "members", "value": listed(ids)}]);
    assert_eq!(after(&tenant, &path, &replace(&[NOBODY, &ids[1]])), [ids[1].as_str()]);
    let before = tenant.client.get(&path).json();
    assert_error(&tenant.client.modify(&path, &replace(&[NOBODY])), 400, Some("invalidValue"));
    assert_error(&tenant.client.put(&path, &group_body("g", &[NOBODY, "no-uuid"])), 400, Some("invalidValue"));
    assert_eq!(tenant.client.get(&path).json(), before);
    assert_eq!(members(&other, &group(&other, "g", &[&ids[0]])), [""; 0]);
}

#[test]
fn row_07_an_empty_list_empties_the_group_and_an_id_in_the_value_is_passed_over() {
    let tenant = tenant();
    let ids = users(&tenant, 2);
    let path = group(&tenant, "g", &[&ids[0], &ids[1]]);
    let own = &path["/Groups/".len()..];
    for operation in [
        json!({"op": "replace", "value": {"id": own, "displayName": "g", "members": []}}),
        json!({"op": "replace", "path": "members", "value": []}),
        json!({"op": "replace", "value": {"id": NOBODY, "members": []}}),
    ] {
        assert_eq!(after(&tenant, &path, &json!([operation])), [""; 0], "{operation}");
        assert_eq!(tenant.client.get(&path).json()["id"], own);
        assert_eq!(after(&tenant, &path, &add(&[&ids[0], &ids[1]])), ids);
    }
}

#[test]
fn row_08_a_replacement_without_members_does_not_touch_them() {
    let tenant = tenant();
    let ids = users(&tenant, 2);
    let path = group(&tenant, "g", &[&ids[0], &ids[1]]);
    for operation in [
        json!({"op": "replace", "value": {"displayName": "renamed"}}),
        json!({"op": "Replace", "path": "displayName", "value": "again"}),
        json!({"op": "replace", "value": {"externalId": "e1"}}),
    ] {
        assert_eq!(after(&tenant, &path, &json!([operation])), ids, "{operation}");
    }
    let group = tenant.client.get(&path).json();
    assert_eq!((&group["displayName"], &group["externalId"]), (&json!("again"), &json!("e1")));
    for (path_in_patch, scim_type) in
        [("users", "invalidPath"), ("members.", "invalidPath"), ("member s", "invalidPath")]
    {
        let operations = json!([{"op": "replace", "path": path_in_patch, "value": []}]);
        assert_error(&tenant.client.modify(&path, &operations), 400, Some(scim_type));
    }
    assert_eq!(tenant.client.get(&path).json(), group);
}

#[test]
fn row_09_members_count_in_creation_and_in_both_replacements() {
    let tenant = tenant();
    let ids = users(&tenant, 3);
    let path = group(&tenant, "g", &[&ids[0], &ids[1]]);
    assert_eq!(members(&tenant, &path), ids[..2]);
    let put = tenant.client.put(&path, &group_body("g", &[&ids[1], &ids[2]]));
    assert_eq!((put.status, values(&put.json()["members"])), (200, ids[1..].to_vec()));
    let replace = json!([{"op": "replace", "path": "members", "value": listed(&[&ids[0]])}]);
    assert_eq!(after(&tenant, &path, &replace), ids[..1]);
    let replace = json!([{"op": "replace", "value": {"members": listed(&[&ids[1], &ids[2]])}}]);
    assert_eq!(after(&tenant, &path, &replace), ids[1..]);
}

#[test]
fn row_10_a_member_without_type_is_found_among_users_and_groups() {
    let tenant = tenant();
    let ids = users(&tenant, 1);
    let inner = group(&tenant, "inner", &[&ids[0]]);
    let inner_id = &inner["/Groups/".len()..];
    let outer = group(&tenant, "outer", &[]);
    assert_eq!(after(&tenant, &outer, &add(&[&ids[0], inner_id])).len(), 2);
    let shown = tenant.client.get(&outer).json();
    for (value, kind, below) in [(ids[0].as_str(), "User", "/Users/"), (inner_id, "Group", "/Groups/")] {
        let members = shown["members"].as_array().unwrap();
        let member = members.iter().find(|member| member["value"] == value).unwrap();
        assert_eq!(member["type"], kind);
        assert_eq!(member["$ref"], format!("{}{below}{value}", tenant.client.base()));
    }
    assert_eq!(tenant.client.get("/Users").json()["totalResults"], 1);
}

#[test]
fn row_22_members_are_not_read_where_they_are_not_shown() {
    let tenant = tenant();
    let ids = users(&tenant, 60);
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let path = group(&tenant, "g", &all);
    for query in ["?excludedAttributes=members", "?attributes=displayName", "?excludedAttributes=Members"] {
        let shown = tenant.client.get(&format!("{path}{query}"));
        assert_eq!((shown.status, shown.json().get("members")), (200, None), "{query}");
        let list = tenant.client.get(&format!("/Groups{query}")).json();
        assert_eq!((&list["totalResults"], list["Resources"][0].get("members")), (&json!(1), None), "{query}");
    }
    let list = tenant.client.get("/Users?count=100");
    for user in list.json()["Resources"].as_array().unwrap() {
        let own: Vec<&Value> = user["groups"].as_array().unwrap().iter().map(|group| &group["value"]).collect();
        assert_eq!(own, [&path["/Groups/".len()..]]);
        assert!(!user["groups"].to_string().contains("members"), "{user}");
    }
}

#[test]
fn row_30_a_put_with_its_own_name_is_no_conflict_and_a_name_that_is_taken_can_be_found() {
    let tenant = tenant();
    let path = group(&tenant, "Engineers", &[]);
    let other = group(&tenant, "Managers", &[]);
    for name in ["Engineers", "ENGINEERS"] {
        let answer = tenant.client.put(&path, &group_body(name, &[]));
        assert_eq!((answer.status, &answer.json()["displayName"]), (200, &json!(name)), "{}", answer.text);
    }
    let body = json!({"schemas": [GROUP], "displayName": "managers"});
    assert_error(&tenant.client.post("/Groups", &body), 409, Some("uniqueness"));
    assert_error(&tenant.client.put(&path, &body), 409, Some("uniqueness"));
    let rename = json!([{"op": "replace", "value": {"displayName": "managers"}}]);
    assert_error(&tenant.client.modify(&path, &rename), 409, Some("uniqueness"));
    let found = tenant.client.query("/Groups", &[("filter", "displayName eq \"managers\"")]).json();
    assert_eq!(found["Resources"][0]["id"], other["/Groups/".len()..]);
    assert_eq!(tenant.client.delete(&other).status, 204);
    assert_eq!(tenant.client.put(&path, &body).status, 200);
}
