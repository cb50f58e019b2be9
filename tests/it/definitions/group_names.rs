//! Whether two groups of a tenant may have the same name.

use super::*;
use crate::support::database;

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

fn group(tenant: &Tenant, name: &str) -> Answer {
    tenant.client.post("/Groups", &json!({"schemas": [GROUP], "displayName": name}))
}

fn set(tenant: &Tenant, on: &str) -> Result<Value, String> {
    command(&["tenant", "update", &tenant.name, "--unique-group-names", on, "--json"])
}

fn shown(tenant: &Tenant) -> Value {
    tenant.client.get(&format!("/Schemas/{GROUP}")).json()["attributes"][0]["uniqueness"].clone()
}

/// How many rows of groups hold a unique name.
fn enforced(tenant: &Tenant) -> i64 {
    database::number(&format!(
        "SELECT count(unique_name) AS number FROM resources WHERE tenant_id = '{}' AND resource_type = 'Group'",
        tenant.id
    ))
}

#[test]
fn names_of_groups_are_unique_in_a_tenant_without_regard_to_case() {
    let (one, other) = (tenant(), tenant());
    assert_eq!(shown(&one), "server");
    created(&group(&one, "Engineering"));
    let sales = created(&group(&one, "Sales"));
    created(&group(&other, "engineering"));
    let refused = group(&one, "ENGINEERING");
    assert_error(&refused, 409, Some("uniqueness"));
    assert!(refused.text.contains("displayName"), "{}", refused.text);
    let path = format!("/Groups/{}", sales["id"].as_str().unwrap());
    let rename = json!([{"op": "replace", "path": "displayName", "value": "engineering"}]);
    assert_error(&one.client.modify(&path, &rename), 409, Some("uniqueness"));
    assert_eq!(one.client.get(&path).json(), sales);
    assert_eq!(found(&one, "/Groups", "displayName eq \"ENGINEERING\""), 1);
    assert_eq!(found(&one, "/Groups", "displayName sw \"s\""), 1);
}

#[test]
fn a_tenant_may_let_names_of_groups_repeat_and_change_its_mind() {
    let tenant = tenant();
    let first = created(&group(&tenant, "Straße"));
    assert_eq!(enforced(&tenant), 1);
    assert_eq!(set(&tenant, "off").unwrap()["uniqueGroupNames"], false);
    assert_eq!((shown(&tenant), enforced(&tenant)), (json!("none"), 0));
    created(&group(&tenant, "STRASSE"));
    assert_eq!(found(&tenant, "/Groups", "displayName eq \"strasse\""), 2);
    let refused = set(&tenant, "on").unwrap_err();
    assert!(refused.contains("displayName of resource type 'Group' cannot be unique: two have 'strasse'"), "{refused}");
    assert_eq!((shown(&tenant), enforced(&tenant)), (json!("none"), 0));
    created(&group(&tenant, "STRASSE"));

    let others = tenant.client.query("/Groups", &[("filter", "displayName eq \"strasse\"")]).json();
    for extra in others["Resources"].as_array().unwrap().iter().filter(|group| group["id"] != first["id"]) {
        assert_eq!(tenant.client.delete(&format!("/Groups/{}", extra["id"].as_str().unwrap())).status, 204);
    }
    let long = created(&group(&tenant, &"x".repeat(2_000)));
    let refused = set(&tenant, "on").unwrap_err();
    assert!(refused.contains("or it is longer than 1024 bytes"), "{refused}");
    assert_eq!(tenant.client.delete(&format!("/Groups/{}", long["id"].as_str().unwrap())).status, 204);
    assert_eq!(set(&tenant, "on").unwrap()["uniqueGroupNames"], true);
    assert_eq!((shown(&tenant), enforced(&tenant)), (json!("server"), 1));
    assert_error(&group(&tenant, "strasse"), 409, Some("uniqueness"));
    let events = tenant.audit();
    let settings =
        events.iter().filter(|event| event.action == "tenant.update").map(|event| event.after.clone().unwrap());
    assert_eq!(settings.collect::<Vec<_>>(), [json!({"uniqueGroupNames": true}), json!({"uniqueGroupNames": false})]);
}

#[test]
fn saying_a_setting_again_makes_good_for_what_was_written_by_the_other() {
    let tenant = tenant();
    created(&group(&tenant, "Sales"));
    let write = |name: &str| {
        let mut pg = database::connect(&shared().data_dir, "provisor");
        let update = format!("UPDATE resources SET unique_name = {name} WHERE tenant_id = '{}'", tenant.id);
        database::execute(&mut pg, &update);
    };
    write("NULL");
    set(&tenant, "on").unwrap();
    assert_eq!(enforced(&tenant), 1);
    set(&tenant, "off").unwrap();
    write("'sales'");
    set(&tenant, "off").unwrap();
    assert_eq!(enforced(&tenant), 0);
}

#[test]
fn a_tenant_can_be_created_with_names_that_repeat() {
    let name = format!("repeating-{}", std::process::id());
    let created = command(&["tenant", "create", &name, "--unique-group-names", "off", "--json"]).unwrap();
    assert_eq!(created["uniqueGroupNames"], false);
    let token = command(&["token", "create", "okta", "--tenant", &name, "--json"]).unwrap();
    let client = crate::support::Client::new(&shared().url, token["token"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(client.post("/Groups", &json!({"schemas": [GROUP], "displayName": "Sales"})).status, 201);
    }
}
