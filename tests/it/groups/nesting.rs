//! Groups in groups, and the groups of users that follow from them.

use serde_json::{Value, json};

use super::{group, id, id_of, members, users};
use crate::support::{Tenant, tenant};

fn groups_of(tenant: &Tenant, user: &str) -> Vec<(String, String)> {
    let body = tenant.client.get(&format!("/Users/{user}")).json();
    let groups = body["groups"].as_array().cloned().unwrap_or_default();
    let text = |group: &Value, name| group[name].as_str().unwrap().to_owned();
    groups.iter().map(|group| (text(group, "display"), text(group, "type"))).collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

#[test]
fn a_user_shows_direct_and_indirect_groups() {
    let tenant = tenant();
    let [ada, bob] = users(&tenant);
    let inner = group(&tenant, "Inner", &[&ada]);
    let outer = group(&tenant, "Outer", &[id_of(&inner), &bob]);
    group(&tenant, "Outermost", &[id_of(&outer), &ada]);
    assert_eq!(groups_of(&tenant, &ada), pairs([("Inner", "direct"), ("Outer", "indirect"), ("Outermost", "direct")]));
    assert_eq!(groups_of(&tenant, &bob), pairs([("Outer", "direct"), ("Outermost", "indirect")]));
    let shown = tenant.client.get(&format!("/Users/{bob}")).json();
    assert_eq!(shown["groups"][0]["$ref"], format!("{}{outer}", tenant.client.base()));
    assert_eq!(shown["groups"][0]["value"], id_of(&outer));
    let listed = tenant.client.get("/Users").json();
    assert_eq!(listed["Resources"][1], shown);
    let answer = tenant.client.modify(&format!("/Users/{bob}"), &json!([{"op": "add", "path": "title", "value": "x"}]));
    assert_eq!(answer.json()["groups"], shown["groups"]);
    let narrow = tenant.client.get(&format!("/Users/{bob}?attributes=groups.value")).json();
    assert_eq!(narrow["groups"][0], json!({"value": id_of(&outer)}));
    assert_eq!(tenant.client.get(&format!("/Users/{bob}?excludedAttributes=groups")).json().get("groups"), None);
}

#[test]
fn a_rename_of_a_group_shows_in_its_users() {
    let tenant = tenant();
    let [ada] = users(&tenant);
    let path = group(&tenant, "Old", &[&ada]);
    tenant.client.modify(&path, &json!([{"op": "replace", "value": {"displayName": "New"}}]));
    assert_eq!(groups_of(&tenant, &ada), pairs([("New", "direct")]));
}

#[test]
fn a_cycle_of_groups_is_no_loop() {
    let tenant = tenant();
    let [ada] = users(&tenant);
    let first = group(&tenant, "First", &[&ada]);
    let second = group(&tenant, "Second", &[id_of(&first)]);
    let close = json!([{"op": "add", "path": "members", "value": [{"value": id_of(&second), "type": "Group"}]}]);
    assert_eq!(tenant.client.modify(&first, &close).status, 200);
    let itself = json!([{"op": "add", "path": "members", "value": [{"value": id_of(&second)}]}]);
    assert_eq!(tenant.client.modify(&second, &itself).status, 200);
    assert_eq!(groups_of(&tenant, &ada), pairs([("First", "direct"), ("Second", "indirect")]));
    let found = |group: &str| tenant.client.found(&format!("groups.value eq \"{}\"", id_of(group)));
    assert_eq!(found(&first), ["user-0"]);
    assert_eq!(found(&second), ["user-0"]);
    assert_eq!(tenant.client.found("groups[display eq \"second\" and type eq \"indirect\"]"), ["user-0"]);
    assert_eq!(tenant.client.delete(&second).status, 204);
    assert_eq!(members(&tenant, &first), std::slice::from_ref(&ada));
    assert_eq!(groups_of(&tenant, &ada), pairs([("First", "direct")]));
}

#[test]
fn users_are_found_by_their_groups() {
    let tenant = tenant();
    let [ada, bob, _] = users(&tenant);
    let inner = group(&tenant, "Straße", &[&ada]);
    let outer = group(&tenant, "Outer", &[id_of(&inner), &bob]);
    let found = |filter: &str| tenant.client.found(filter);
    assert_eq!(found(&format!("groups.value eq \"{}\"", id_of(&outer))), ["user-0", "user-1"]);
    assert_eq!(found(&format!("groups[value eq \"{}\"]", id_of(&inner))), ["user-0"]);
    assert_eq!(found(&format!("groups eq \"{}\"", id_of(&inner))), ["user-0"]);
    assert_eq!(found("groups.display eq \"STRASSE\""), ["user-0"]);
    assert_eq!(found("groups.display sw \"out\""), ["user-0", "user-1"]);
    assert_eq!(found("groups[display eq \"outer\" and type eq \"direct\"]"), ["user-1"]);
    assert_eq!(found("groups pr"), ["user-0", "user-1"]);
    assert_eq!(found("not (groups pr)"), ["user-2"]);
    assert_eq!(found(&format!("groups.$ref eq \"{}{outer}\"", tenant.client.base())), ["user-0", "user-1"]);
}

#[test]
fn what_a_client_says_of_a_users_groups_is_ignored() {
    let tenant = tenant();
    let path = group(&tenant, "A", &[]);
    let made = tenant.create(&json!({"userName": "ada", "groups": [{"value": id_of(&path)}]}));
    assert_eq!(made.get("groups"), None);
    assert_eq!(members(&tenant, &path), [""; 0]);
    let user = format!("/Users/{}", id(&made));
    let answer =
        tenant.client.modify(&user, &json!([{"op": "add", "path": "groups", "value": [{"value": id_of(&path)}]}]));
    crate::support::assert_error(&answer, 400, Some("mutability"));
}
