//! Groups and membership (RFC 7643 section 4.2); `tests/it/groups` goes further.

use serde_json::{Value, json};

use super::read;
use crate::support::{GROUP, assert_error, tenant};

#[test]
fn r7643_4_1_5_a_users_groups_follow_from_the_groups_and_cannot_be_written() {
    let tenant = tenant();
    let user = tenant.create_path(&json!({"userName": "ada", "groups": [{"value": "x"}]}));
    let id = user.rsplit('/').next().unwrap();
    assert_eq!(read(&tenant.client, &user).get("groups"), None);
    let group = tenant.client.post("/Groups", &json!({"displayName": "Engineers", "members": [{"value": id}]})).json();
    let uri = group["meta"]["location"].as_str().unwrap();
    let expected = json!([{"value": group["id"], "$ref": uri, "display": "Engineers", "type": "direct"}]);
    assert_eq!(read(&tenant.client, &user)["groups"], expected);
    let refused = tenant.client.modify(&user, &json!([{"op": "remove", "path": "groups"}]));
    assert_error(&refused, 400, Some("mutability"));
    let put = tenant.client.put(&user, &json!({"userName": "ada", "groups": []})).json();
    assert_eq!(put["groups"], expected);
}

#[test]
fn r7643_4_2_1_a_group_needs_a_name_and_its_members_are_users_or_groups() {
    let tenant = tenant();
    assert_error(&tenant.client.post("/Groups", &json!({"schemas": [GROUP]})), 400, Some("invalidValue"));
    let user = tenant.user("ada");
    let inner = tenant.client.post("/Groups", &json!({"schemas": [GROUP], "displayName": "Inner"})).json();
    // Without a type, and with a wrong one: what the id names decides.
    let members = json!([{"value": user["id"]}, {"value": inner["id"], "type": "User"}]);
    let outer = tenant.client.post("/Groups", &json!({"displayName": "Outer", "members": members})).json();
    let kinds: Vec<&Value> = outer["members"].as_array().unwrap().iter().map(|member| &member["type"]).collect();
    assert_eq!(kinds, ["User", "Group"]);
    assert_eq!(outer["members"][1]["$ref"], inner["meta"]["location"]);
}

#[test]
fn r7644_3_5_1_10_a_put_without_members_keeps_them_and_an_empty_list_clears() {
    let tenant = tenant();
    let id = tenant.user("ada")["id"].clone();
    let group = tenant.client.post("/Groups", &json!({"displayName": "A", "members": [{"value": id}]})).json();
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let put = |body: Value| tenant.client.put(&path, &body).json()["members"].clone();
    assert_eq!(put(json!({"displayName": "B"})), group["members"]);
    assert_eq!(put(json!({"displayName": "B", "members": []})), json!([]));
}

#[test]
fn r7644_3_6_5_a_deleted_user_leaves_its_groups_which_become_new_states() {
    let tenant = tenant();
    let id = tenant.user("ada")["id"].as_str().unwrap().to_owned();
    let group = tenant.client.post("/Groups", &json!({"displayName": "A", "members": [{"value": id}]})).json();
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    assert_eq!(tenant.client.delete(&format!("/Users/{id}")).status, 204);
    let now = read(&tenant.client, &path);
    assert_eq!(now["members"], json!([]));
    assert_ne!(now["meta"]["version"], group["meta"]["version"]);
    assert!(now["meta"]["lastModified"].as_str() > group["meta"]["lastModified"].as_str());
}

#[test]
fn r7643_4_2_1_members_that_do_not_exist_are_left_out_but_never_empty_a_group() {
    let tenant = tenant();
    let id = tenant.user("ada")["id"].clone();
    let stale = json!([{"value": id}, {"value": "01900000-0000-7000-8000-000000000000"}, {"value": "stale"}]);
    let group = tenant.client.post("/Groups", &json!({"displayName": "A", "members": stale})).json();
    assert_eq!(group["members"].as_array().unwrap().len(), 1);
    assert!(tenant.audit()[0].detail.as_ref().unwrap().contains("stale"));
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let replace = json!([{"op": "replace", "path": "members", "value": [{"value": "stale"}]}]);
    assert_error(&tenant.client.modify(&path, &replace), 400, Some("invalidValue"));
    assert_eq!(read(&tenant.client, &path), group);
}

#[test]
fn r7643_2_5_1_a_group_without_members_shows_an_empty_list() {
    let tenant = tenant();
    let group = tenant.client.post("/Groups", &json!({"displayName": "A"})).json();
    assert_eq!(group["members"], json!([]));
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    assert_eq!(read(&tenant.client, &path), group);
}
