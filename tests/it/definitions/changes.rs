//! Changing and removing what resources depend on.

use super::resource_type::{badge, badge_type};
use super::*;
use crate::support::{database, minimal, path_of};

const HR: &str = "urn:example:scim:schemas:extension:hr:1.0:User";

fn hr(attributes: &Value) -> Value {
    json!({"id": HR, "name": "HR", "attributes": attributes})
}

fn with(extension: &Value) -> Value {
    json!({"schemas": [USER, HR], "userName": "ada", HR: extension})
}

fn remove(tenant: &Tenant, what: &str, name: &str) -> Result<Value, String> {
    command(&[what, "remove", name, "--tenant", &tenant.name, "--json"])
}

#[test]
fn a_new_version_of_a_schema_takes_effect_within_a_second() {
    let tenant = tenant();
    imported(&tenant, "schema", &hr(&json!([{"name": "level", "type": "integer"}])), &["--extends", "User"]);
    let path = path_of(&created(&tenant.client.post("/Users", &with(&json!({"level": 1, "site": "N"})))));
    imported(&tenant, "schema", &hr(&json!([{"name": "level", "type": "integer"}, {"name": "site"}])), &[]);
    let operations = json!([{"op": "add", "value": {HR: {"site": "N"}}}]);
    eventually("the new attribute", || {
        let answer = tenant.client.modify(&path, &operations);
        assert_eq!(answer.status, 200, "{}", answer.text);
        (answer.json()[HR]["site"] == "N").then_some(())
    });
    assert_eq!(found(&tenant, "/Users", "site eq \"n\""), 1);
    let events = tenant.audit();
    let event = events.iter().find(|event| event.action == "schema.import").unwrap();
    assert_eq!((event.target_type.as_str(), event.target_id.as_str()), ("Schema", HR));
    let names = |state: &Option<Value>| state.as_ref().unwrap()["schema"]["attributes"].as_array().unwrap().len();
    assert_eq!((names(&event.before), names(&event.after)), (1, 2));
}

#[test]
fn what_resources_depend_on_is_not_narrowed_and_the_refusal_says_how_many() {
    let tenant = tenant();
    let attributes = json!([{"name": "level", "type": "integer"}, {"name": "site"}]);
    imported(&tenant, "schema", &hr(&attributes), &["--extends", "User"]);
    let path = path_of(&created(&tenant.client.post("/Users", &with(&json!({"level": 1})))));
    created(&tenant.client.post("/Users", &minimal("bob")));
    let shown = || tenant.client.get(&format!("/Schemas/{HR}")).json();
    let before = shown();
    for (attributes, says) in [
        (json!([{"name": "site"}]), "attribute 'level' cannot be removed"),
        (json!([{"name": "level"}, {"name": "site"}]), "attribute 'level' cannot change its type"),
        (
            json!([{"name": "level", "type": "integer", "multiValued": true}, {"name": "site"}]),
            "between one value and several",
        ),
        (json!([{"name": "level", "type": "integer"}, {"name": "site", "caseExact": true}]), "its case rule"),
        (json!([{"name": "level", "type": "integer"}, {"name": "site", "required": true}]), "cannot become required"),
        (
            json!([{"name": "level", "type": "integer"}, {"name": "site"}, {"name": "new", "required": true}]),
            "attribute 'new', which is required, cannot be added",
        ),
    ] {
        let refused = import(&tenant, "schema", &hr(&attributes), &[]).unwrap_err();
        assert!(refused.contains(says), "{refused}");
        assert!(refused.contains("while 1 resources of type 'User' depend on it"), "{refused}");
    }
    let refused = remove(&tenant, "schema", HR).unwrap_err();
    assert!(refused.contains("cannot be removed while 1 resources of type 'User'"), "{refused}");
    let refused = import(&tenant, "schema", &hr(&attributes), &["--extends", "User", "--required"]).unwrap_err();
    assert!(refused.contains("cannot become required while 2 resources of type 'User'"), "{refused}");
    assert_eq!(shown(), before);
    // Once nobody has data of it, all of that may be done.
    assert_eq!(tenant.client.modify(&path, &json!([{"op": "remove", "path": HR}])).status, 200);
    imported(&tenant, "schema", &hr(&json!([{"name": "level"}])), &[]);
    assert_eq!(remove(&tenant, "schema", HR).unwrap(), json!({"uri": HR, "removed": true}));
    eventually("the end of the extension", || (!served(&tenant).contains(&HR.to_owned())).then_some(()));
    assert_error(&tenant.client.filter(&format!("{HR}:level pr")), 400, Some("invalidFilter"));
    let refused = remove(&tenant, "schema", HR).unwrap_err();
    assert!(refused.contains(&format!("no schema '{HR}' in this tenant")), "{refused}");
}

#[test]
fn a_resource_type_is_removed_only_without_resources_and_its_base_only_after_it() {
    let tenant = tenant();
    imported(&tenant, "schema", &badge(), &[]);
    imported(&tenant, "resource-type", &badge_type(), &[]);
    let uri = badge()["id"].as_str().unwrap().to_owned();
    let body = created(&tenant.client.post("/Badges", &json!({"schemas": [uri], "code": "B-1"})));
    let refused = remove(&tenant, "schema", &uri).unwrap_err();
    assert!(refused.contains("the resource type 'Badge' is based on schema"), "{refused}");
    for (wrong, says) in [
        (json!({"endpoint": "/Passes"}), "cannot move to another endpoint"),
        (json!({"schema": "urn:okta:scim:schemas:core:1.0:Role"}), "cannot have another base schema"),
    ] {
        let mut changed = badge_type();
        changed.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let refused = import(&tenant, "resource-type", &changed, &[]).unwrap_err();
        assert!(refused.contains(says) && refused.contains("while 1 resources of type 'Badge'"), "{refused}");
    }
    let refused = remove(&tenant, "resource-type", "badge").unwrap_err();
    assert!(refused.contains("'Badge' cannot be removed while 1 resources of type 'Badge'"), "{refused}");
    assert_eq!(tenant.client.delete(&format!("/Badges/{}", body["id"].as_str().unwrap())).status, 204);
    remove(&tenant, "resource-type", "badge").unwrap();
    eventually("the end of the type", || (tenant.client.get("/Badges").status == 404).then_some(()));
    remove(&tenant, "schema", &uri).unwrap();
    // Nothing is left, so that the tenant is served the standard again.
    assert_eq!(served(&tenant).len(), 6);
    let refused = remove(&tenant, "resource-type", "Badge").unwrap_err();
    assert!(refused.contains("no resource type 'Badge' in this tenant"), "{refused}");
}

#[test]
fn an_attribute_becomes_unique_only_where_values_are_and_from_then_on() {
    let tenant = tenant();
    let mut plain = badge();
    plain["attributes"][0].as_object_mut().unwrap().remove("uniqueness");
    imported(&tenant, "schema", &plain, &[]);
    imported(&tenant, "resource-type", &badge_type(), &[]);
    let uri = badge()["id"].as_str().unwrap().to_owned();
    let create = |code: &str| tenant.client.post("/Badges", &json!({"schemas": [uri], "code": code}));
    created(&create("A"));
    let twice = created(&create("a"));
    let refused = import(&tenant, "schema", &badge(), &[]).unwrap_err();
    assert!(refused.contains("code of resource type 'Badge' cannot be unique: two have 'a'"), "{refused}");
    assert_eq!(create("A").status, 201);
    let list = tenant.client.query("/Badges", &[("filter", "code eq \"A\"")]).json();
    assert_eq!(list["totalResults"], 3);
    for extra in list["Resources"].as_array().unwrap().iter().filter(|badge| badge["id"] != twice["id"]) {
        assert_eq!(tenant.client.delete(&format!("/Badges/{}", extra["id"].as_str().unwrap())).status, 204);
    }
    imported(&tenant, "schema", &badge(), &[]);
    // The command has waited until every server knows.
    assert_error(&create("A"), 409, Some("uniqueness"));
    imported(&tenant, "schema", &plain, &[]);
    created(&create("A"));
}

/// A server that has not heard of a change yet writes by the former definition, for a second.
#[test]
fn values_of_a_former_definition_break_no_query_and_go_when_they_are_replaced() {
    let tenant = tenant();
    let attributes = json!([
        {"name": "level"}, {"name": "grade"}, {"name": "gone"},
        {"name": "list", "type": "complex", "subAttributes": [{"name": "value"}]}
    ]);
    imported(&tenant, "schema", &hr(&attributes), &["--extends", "User"]);
    let former = json!({"level": "high", "grade": "x", "gone": "y", "list": {"value": "z"}});
    let path = path_of(&created(&tenant.client.post("/Users", &with(&former))));
    let changed = json!([
        {"name": "level", "type": "integer"}, {"name": "grade", "type": "string", "multiValued": true},
        {"name": "list", "type": "complex", "multiValued": true, "subAttributes": [{"name": "value"}, {"name": "size", "type": "decimal"}]}
    ]);
    let definitions = json!({
        "schemas": [hr(&changed)], "resourceTypes": [],
        "extensions": [{"resourceType": "User", "schema": HR, "required": false}]
    });
    let mut pg = database::connect(&shared().data_dir, "provisor");
    database::execute(
        &mut pg,
        &format!(
            "UPDATE tenants SET definitions = '{definitions}', schema_revision = schema_revision + 1 WHERE name = '{}'",
            tenant.name
        ),
    );
    eventually("the new definition", || {
        let shown = tenant.client.get(&format!("/Schemas/{HR}")).json();
        (shown["attributes"][0]["type"] == "integer").then_some(())
    });
    for filter in [
        "level gt 3",
        "level eq 3",
        "not (level lt 3)",
        "grade eq \"q\"",
        "grade co \"q\"",
        "list[value sw \"q\"]",
        "list[size gt 1]",
        "list.size le 1",
        "list[not (size gt 1)] or level ne 4",
    ] {
        let answer = tenant.client.filter(filter);
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
    }
    assert_eq!(tenant.client.get(&path).status, 200);
    let operations = json!([{"op": "replace", "path": format!("{HR}:level"), "value": 4}]);
    let modified = tenant.client.modify(&path, &operations);
    assert_eq!((modified.status, &modified.json()[HR]["level"]), (200, &json!(4)), "{}", modified.text);
    let replaced = tenant.client.put(&path, &with(&json!({"level": 5, "gone": "y"})));
    assert_eq!((replaced.status, &replaced.json()[HR]), (200, &json!({"level": 5})), "{}", replaced.text);
    assert_eq!(found(&tenant, "/Users", "level gt 3"), 1);
}

#[test]
fn imports_at_the_same_time_lose_nothing() {
    let tenant = tenant();
    let uri = |number: usize| format!("urn:example:scim:schemas:extension:n{number}:1.0:User");
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (tenant, uri) = (&tenant, uri(number));
            scope.spawn(move || {
                let schema = json!({"id": uri, "name": "N", "attributes": [{"name": format!("a{number}")}]});
                imported(tenant, "schema", &schema, &["--extends", "User"]);
            });
        }
    });
    let served = served(&tenant);
    assert!((0..4).all(|number| served.contains(&uri(number))), "{served:?}");
}

#[test]
fn the_definitions_of_a_tenant_have_a_size() {
    let tenant = tenant();
    let attributes: Vec<Value> =
        (0..200).map(|number| json!({"name": format!("a{number}"), "description": "x".repeat(1_024)})).collect();
    let refused = (0..6).find_map(|number| {
        let uri = format!("urn:example:scim:schemas:large:1.0:N{number}");
        import(&tenant, "schema", &json!({"id": uri, "name": "Large", "attributes": attributes}), &[]).err()
    });
    let refused = refused.unwrap();
    assert!(refused.contains("would be larger than 1048576 bytes together"), "{refused}");
    assert_eq!(tenant.client.get("/Users").status, 200);
}
