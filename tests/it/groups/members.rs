//! Members in POST, PUT, GET, lists and DELETE.

use serde_json::json;

use super::{created, group, id, members, users, values, version};
use crate::support::{self, GROUP, assert_error, tenant};

#[test]
fn a_group_shows_its_members_with_type_and_uri_and_an_empty_list_where_there_are_none() {
    let tenant = tenant();
    let [ada] = users(&tenant);
    let made = created(&tenant, "Engineers", &[&ada]);
    let uri = format!("{}/Users/{ada}", tenant.client.base());
    assert_eq!(made["members"], json!([{"value": ada, "$ref": uri, "type": "User"}]));
    assert_eq!(tenant.client.get(&format!("/Groups/{}", id(&made))).json(), made);
    assert_eq!(created(&tenant, "Empty", &[])["members"], json!([]));
    let listed = tenant.client.get("/Groups").json();
    assert_eq!(listed["totalResults"], 2);
    assert_eq!(listed["Resources"][0], made);
    assert_eq!(listed["Resources"][1]["members"], json!([]));
}

#[test]
fn the_name_that_a_client_gives_a_member_is_kept_and_a_later_one_takes_its_place() {
    let tenant = tenant();
    let [ada] = users(&tenant);
    let body = json!({"displayName": "A", "members": [{"value": ada, "display": "Ada \"K\"", "type": "User"}]});
    let made = tenant.client.post("/Groups", &body).json();
    let path = format!("/Groups/{}", id(&made));
    assert_eq!(made["members"][0]["display"], "Ada \"K\"");
    let again = |element| tenant.client.modify(&path, &json!([{"op": "add", "path": "members", "value": [element]}]));
    assert_eq!(again(json!({"value": ada})).json()["meta"]["version"], "W/\"1\"");
    let renamed = again(json!({"value": ada, "display": "Countess"})).json();
    assert_eq!(renamed["members"][0]["display"], "Countess");
    assert_eq!(renamed["meta"]["version"], "W/\"2\"");
}

#[test]
fn a_put_replaces_the_members_that_it_lists_and_keeps_those_that_it_does_not_mention() {
    let tenant = tenant();
    let [ada, bob, eve] = users(&tenant);
    let path = group(&tenant, "A", &[&ada, &bob]);
    let put = |body| {
        let answer = tenant.client.put(&path, &body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    };
    let replaced = put(json!({"schemas": [GROUP], "displayName": "A", "members": [{"value": bob}, {"value": eve}]}));
    assert_eq!(values(&replaced["members"]), [bob.clone(), eve.clone()]);
    assert_eq!(replaced["meta"]["version"], "W/\"2\"");
    let renamed = put(json!({"schemas": [GROUP], "displayName": "B"}));
    assert_eq!(values(&renamed["members"]), [bob.clone(), eve.clone()]);
    assert_eq!(renamed["meta"]["version"], "W/\"3\"");
    assert_eq!(put(renamed.clone()), renamed, "what was read is sent back");
    assert_eq!(put(json!({"displayName": "B", "members": []}))["members"], json!([]));
    put(json!({"displayName": "B", "members": [{"value": ada}]}));
    assert_eq!(put(json!({"displayName": "B", "MEMBERS": null}))["members"], json!([]));
    let modified = tenant.audit().into_iter().find(|entry| entry.action == "resource.replace").unwrap();
    assert_eq!(modified.before, Some(json!({"members": [{"type": "User", "value": ada}]})));
    assert_eq!(modified.after, Some(json!({})));
}

#[test]
fn members_that_do_not_exist_are_skipped_and_recorded() {
    let tenant = tenant();
    let stranger = support::tenant();
    let [ada, bob] = users(&tenant);
    let [foreign] = users::<1>(&stranger);
    let gone = "01900000-0000-7000-8000-000000000000";
    let made = created(&tenant, "A", &[&ada, gone, "nonsense", &foreign]);
    assert_eq!(values(&made["members"]), std::slice::from_ref(&ada));
    let detail = || tenant.audit()[0].detail.clone().unwrap();
    for unknown in [gone, "nonsense", &foreign] {
        assert!(detail().contains(unknown), "{}", detail());
    }
    let path = format!("/Groups/{}", id(&made));
    let operations = json!([{"op": "add", "path": "members", "value": [{"value": gone}, {"value": bob}]}]);
    let answer = tenant.client.modify(&path, &operations);
    assert_eq!(values(&answer.json()["members"]), [ada.clone(), bob.clone()]);
    assert_eq!(detail(), format!("no such members: {gone}"));
    // Nothing changes, but somebody ought to know.
    let answer = tenant.client.modify(&path, &json!([{"op": "add", "path": "members", "value": [{"value": gone}]}]));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["meta"]["version"], "W/\"2\"");
    assert_eq!(detail(), format!("no such members: {gone}"));
}

#[test]
fn a_replacement_of_whom_nobody_exists_does_not_empty_the_group() {
    let tenant = tenant();
    let [ada] = users(&tenant);
    let path = group(&tenant, "A", &[&ada]);
    let gone = json!([{"value": "01900000-0000-7000-8000-000000000000"}, {"value": "nonsense"}]);
    let patched = tenant.client.modify(&path, &json!([{"op": "replace", "path": "members", "value": gone}]));
    assert_error(&patched, 400, Some("invalidValue"));
    assert!(patched.text.contains("nonsense"), "{}", patched.text);
    let put = tenant.client.put(&path, &json!({"displayName": "B", "members": gone}));
    assert_error(&put, 400, Some("invalidValue"));
    let now = tenant.client.get(&path).json();
    assert_eq!((values(&now["members"]), &now["displayName"]), (vec![ada], &json!("A")));
}

#[test]
fn excluded_members_are_not_shown_and_selected_parts_are() {
    let tenant = tenant();
    let [ada] = users(&tenant);
    let path = group(&tenant, "A", &[&ada]);
    let shown = |query: &str| tenant.client.get(&format!("{path}?{query}")).json();
    assert_eq!(shown("excludedAttributes=members").get("members"), None);
    assert_eq!(shown("attributes=displayName").get("members"), None);
    assert_eq!(shown("attributes=members.value")["members"], json!([{"value": ada}]));
    assert_eq!(shown("attributes=MEMBERS")["members"][0]["type"], "User");
    assert_eq!(shown("excludedAttributes=members.$ref,members.type")["members"], json!([{"value": ada}]));
    let listed = tenant.client.get("/Groups?excludedAttributes=members").json();
    assert_eq!(listed["Resources"][0].get("members"), None);
}

#[test]
fn a_deleted_user_leaves_the_groups_and_these_are_new_states() {
    let tenant = tenant();
    let [ada, bob] = users(&tenant);
    let path = group(&tenant, "A", &[&ada, &bob]);
    let other = group(&tenant, "B", &[&bob]);
    assert_eq!(tenant.client.delete(&format!("/Users/{ada}")).status, 204);
    assert_eq!(members(&tenant, &path), [bob]);
    assert_eq!(version(&tenant, &path), "W/\"2\"");
    assert_eq!(version(&tenant, &other), "W/\"1\"");
    let before = tenant.audit()[0].before.clone().unwrap();
    assert_eq!(before["groups"], json!([{"value": super::id_of(&path)}]));
}

#[test]
fn a_deleted_group_leaves_its_users_and_its_name_is_free() {
    let tenant = tenant();
    let [ada] = users(&tenant);
    let path = group(&tenant, "A", &[&ada]);
    assert_eq!(tenant.client.delete(&path).status, 204);
    assert_error(&tenant.client.get(&path), 404, None);
    let user = tenant.client.get(&format!("/Users/{ada}")).json();
    assert_eq!(user.get("groups"), None);
    let before = tenant.audit()[0].before.clone().unwrap();
    assert_eq!(before["members"], json!([{"value": ada, "type": "User"}]));
    group(&tenant, "A", &[]);
}

#[test]
fn display_names_are_unique_without_regard_to_case() {
    let tenant = tenant();
    let path = group(&tenant, "Engineers", &[]);
    let other = group(&tenant, "Sales", &[]);
    let clash = tenant.client.post("/Groups", &json!({"displayName": "ENGINEERS"}));
    assert_error(&clash, 409, Some("uniqueness"));
    assert_error(&tenant.client.put(&other, &json!({"displayName": "engineers"})), 409, Some("uniqueness"));
    let rename = json!([{"op": "replace", "value": {"displayName": "eNgineers"}}]);
    assert_error(&tenant.client.modify(&other, &rename), 409, Some("uniqueness"));
    assert_eq!(tenant.client.modify(&path, &rename).json()["displayName"], "eNgineers");
}

#[test]
fn a_group_without_a_name_or_with_members_that_are_none_is_refused() {
    let tenant = tenant();
    for body in [
        json!({"members": []}),
        json!({"displayName": ""}),
        json!({"displayName": "A", "members": [{"display": "Ada"}]}),
        json!({"displayName": "A", "members": [7]}),
        json!({"displayName": "A", "members": [{"value": ["x"]}]}),
        json!({"displayName": "A", "members": true}),
    ] {
        assert_error(&tenant.client.post("/Groups", &body), 400, Some("invalidValue"));
    }
    assert_eq!(tenant.client.get("/Groups").json()["totalResults"], 0);
}

#[test]
fn groups_are_found_by_their_members() {
    let tenant = tenant();
    let [ada, bob] = users(&tenant);
    let path = group(&tenant, "A", &[&ada]);
    let both = group(&tenant, "B", &[&ada, &bob, super::id_of(&path)]);
    let empty = group(&tenant, "C", &[]);
    let found = |filter: &str| {
        let answer = tenant.client.query("/Groups", &[("filter", filter), ("excludedAttributes", "members")]);
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
        let body = answer.json();
        body["Resources"].as_array().unwrap().iter().map(|group| format!("/Groups/{}", id(group))).collect::<Vec<_>>()
    };
    assert_eq!(found(&format!("members.value eq \"{ada}\"")), [path.clone(), both.clone()]);
    assert_eq!(found(&format!("members[value eq \"{bob}\"]")), std::slice::from_ref(&both));
    assert_eq!(found(&format!("members eq \"{bob}\" and displayName eq \"b\"")), std::slice::from_ref(&both));
    assert_eq!(found("members[type eq \"Group\"]"), std::slice::from_ref(&both));
    assert_eq!(found("members pr"), [path.clone(), both.clone()]);
    assert_eq!(found("not (members pr)"), [empty]);
    assert_eq!(found(&format!("members.$ref eq \"{}{path}\"", tenant.client.base())), [both]);
    assert_eq!(found("members.value eq \"nonsense\""), [""; 0]);
}

#[test]
fn a_member_named_twice_is_one() {
    let tenant = tenant();
    let [ada] = users(&tenant);
    let body = json!({"displayName": "A", "members": [{"value": ada, "display": "x"}, {"value": ada}]});
    let made = tenant.client.post("/Groups", &body);
    assert_eq!((made.status, values(&made.json()["members"])), (201, vec![ada.clone()]));
    assert_eq!(made.json()["members"][0]["display"], "x");
    let path = format!("/Groups/{}", id(&made.json()));
    assert_eq!(tenant.client.put(&path, &body).json()["members"], made.json()["members"]);
    assert_eq!(
        tenant.client.get(&format!("{path}?attributes=members.display")).json()["members"],
        json!([{"display": "x"}])
    );
    let nameless = json!([{"op": "replace", "path": "members", "value": [{"value": ada}]}]);
    tenant.client.modify(&path, &json!([{"op": "remove", "path": "members"}]));
    tenant.client.modify(&path, &nameless);
    assert_eq!(tenant.client.get(&format!("{path}?attributes=members.display")).json()["members"], json!([]));
}
