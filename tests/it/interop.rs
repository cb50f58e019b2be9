//! What the SCIM Interoperability Profile and the IPSIE profile for account lifecycle (its levels AL1 and AL2) ask of a service
//! provider, as far as it serves every client. The profile's two rules that refuse what Okta and Entra send are not kept, and where it
//! has `replace` clear the parts of a complex value that are not sent, RFC 7644 section 3.5.2.3 has them stay.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::groups::{group, group_body, id, listed, members, users};
use crate::support::{Client, ENTERPRISE, Tenant, USER, assert_error, minimal, path_of, shared, tenant};

/// A user with a value for every attribute that clients may write, made from the schemas that the server shows.
fn full_user(schemas: &Value) -> Value {
    let mut user = json!({"schemas": [USER, ENTERPRISE]});
    for (uri, into) in [(USER, None), (ENTERPRISE, Some(ENTERPRISE))] {
        let schema = schemas["Resources"].as_array().unwrap().iter().find(|schema| schema["id"] == uri).unwrap();
        for attribute in schema["attributes"].as_array().unwrap() {
            if attribute["mutability"] == "readOnly" {
                continue;
            }
            let name = attribute["name"].as_str().unwrap();
            match into {
                None => user[name] = value_of(attribute),
                Some(uri) => user[uri][name] = value_of(attribute),
            }
        }
    }
    user
}

fn value_of(attribute: &Value) -> Value {
    let one = match attribute["type"].as_str().unwrap() {
        "boolean" => json!(true),
        "binary" => json!("YWJj"),
        "complex" => {
            let parts = attribute["subAttributes"].as_array().unwrap();
            parts.iter().map(|part| (part["name"].as_str().unwrap().to_owned(), value_of(part))).collect()
        }
        _ => json!(format!("a-{}", attribute["name"].as_str().unwrap())),
    };
    if attribute["multiValued"] == true { json!([one]) } else { one }
}

/// The paths of everything in a resource, extensions by their URIs.
fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                paths(value, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(elements) if elements.iter().any(Value::is_object) => {
            for element in elements {
                paths(element, at, found);
            }
        }
        _ => drop(found.insert(at.to_owned())),
    }
}

/// The paths that the schemas declare for resources of these schemas, the first of which is the base.
fn declared(schemas: &Value, uris: &[&str]) -> BTreeSet<String> {
    let common = ["schemas", "id", "externalId", "meta/resourceType", "meta/created", "meta/lastModified"];
    let mut declared: BTreeSet<String> =
        common.into_iter().chain(["meta/location", "meta/version"]).map(|name| format!("/{name}")).collect();
    for (number, uri) in uris.iter().enumerate() {
        let schema = schemas["Resources"].as_array().unwrap().iter().find(|schema| schema["id"] == *uri).unwrap();
        let holder = if number == 0 { String::new() } else { format!("/{uri}") };
        for attribute in schema["attributes"].as_array().unwrap() {
            let name = format!("{holder}/{}", attribute["name"].as_str().unwrap());
            match attribute["subAttributes"].as_array() {
                Some(parts) => {
                    declared.extend(parts.iter().map(|part| format!("{name}/{}", part["name"].as_str().unwrap())));
                }
                None => drop(declared.insert(name)),
            }
        }
    }
    declared
}

#[test]
fn the_schemas_are_exact_for_what_is_taken_and_what_is_shown() {
    let tenant = tenant();
    let schemas = tenant.client.get("/Schemas").json();
    let sent = full_user(&schemas);
    let created = tenant.create(&sent);
    let membership = group(&tenant, "Engineers", &[id(&created)]);
    let user = tenant.client.get(&path_of(&created)).json();
    let mut shown = BTreeSet::new();
    paths(&user, "", &mut shown);
    let mut declared_for_users = declared(&schemas, &[USER, ENTERPRISE]);
    let foreign: Vec<&String> = shown.difference(&declared_for_users).collect();
    assert!(foreign.is_empty(), "shown and not declared: {foreign:?}");
    // All that was sent is shown, but for the password.
    declared_for_users.remove("/password");
    declared_for_users.remove("/externalId");
    let lost: Vec<&String> = declared_for_users.difference(&shown).collect();
    assert!(lost.is_empty(), "declared and not shown: {lost:?}");

    let mut shown = BTreeSet::new();
    paths(&tenant.client.get(&membership).json(), "", &mut shown);
    let declared = declared(&schemas, &["urn:ietf:params:scim:schemas:core:2.0:Group"]);
    assert!(shown.is_subset(&declared), "{shown:?}");
}

#[test]
fn the_id_of_a_resource_type_is_its_name() {
    let types = Client::anonymous(&shared().url).get("/ResourceTypes").json();
    let types = types["Resources"].as_array().unwrap();
    let names: BTreeSet<&str> = types.iter().map(|known| known["name"].as_str().unwrap()).collect();
    assert!(names.is_superset(&["Group", "User"].into()), "{names:?}");
    for known in types {
        assert_eq!(known["id"], known["name"]);
    }
}

#[test]
fn the_configuration_claims_neither_the_profile_nor_basic_authentication() {
    let config = Client::anonymous(&shared().url).get("/ServiceProviderConfig").json();
    assert_ne!(config.get("interopProfileConformant"), Some(&json!(true)));
    let schemes = config["authenticationSchemes"].as_array().unwrap();
    assert!(!schemes.is_empty() && schemes.iter().all(|scheme| scheme["type"] != "httpbasic"), "{schemes:?}");
    assert_eq!((&config["patch"]["supported"], &config["filter"]["supported"]), (&json!(true), &json!(true)));
    assert!(config["filter"]["maxResults"].as_u64().is_some_and(|most| most >= 100));
}

#[test]
fn the_same_case_rule_holds_in_filters_and_for_uniqueness() {
    let tenant = tenant();
    let user = tenant.create(&json!({"userName": "Jane@Example.com", "externalId": "Ext-1"}));
    let id = id(&user).to_owned();
    let found = |filter: String| tenant.client.found(&filter).len();
    assert_eq!(found("userName eq \"JANE@example.COM\"".into()), 1);
    assert_eq!(found(format!("id eq \"{id}\"")), 1);
    assert_eq!(found(format!("id eq \"{}\"", id.to_uppercase())), 0);
    assert_eq!(found("externalId eq \"Ext-1\"".into()), 1);
    assert_eq!(found("externalId eq \"EXT-1\"".into()), 0);
    assert_error(&tenant.client.get(&format!("/Users/{}", id.to_uppercase())), 404, None);
    assert_error(&tenant.client.post("/Users", &minimal("jane@EXAMPLE.com")), 409, Some("uniqueness"));
    tenant.create(&json!({"userName": "another", "externalId": "EXT-1"}));
    assert_eq!(found("externalId eq \"EXT-1\"".into()), 1);
    group(&tenant, "Engineers", &[]);
    assert_eq!(groups_found(&tenant, "displayName eq \"ENGINEERS\"").len(), 1);
    assert_error(&tenant.client.post("/Groups", &group_body("engineers", &[])), 409, Some("uniqueness"));
}

/// The ids of the groups that a filter finds.
fn groups_found(tenant: &Tenant, filter: &str) -> Vec<String> {
    let answer = tenant.client.query("/Groups", &[("filter", filter)]);
    assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
    let found = answer.json();
    found["Resources"].as_array().unwrap().iter().map(|group| id(group).to_owned()).collect()
}

#[test]
fn accounts_are_found_by_eq_and_and_on_what_the_profiles_name() {
    let tenant = tenant();
    tenant.create(&json!({
        "userName": "jane", "externalId": "e1", "active": true,
        "emails": [{"value": "jane@work.example", "type": "work"}, {"value": "jane@home.example", "type": "home"}]
    }));
    tenant.create(&json!({
        "userName": "june", "externalId": "e2", "active": true,
        "emails": [{"value": "jane@work.example", "type": "home"}]
    }));
    for (filter, expected) in [
        ("userName eq \"jane\"", &["jane"][..]),
        ("externalId eq \"e2\"", &["june"]),
        ("emails[value eq \"jane@work.example\"]", &["jane", "june"]),
        ("emails[type eq \"work\" and value eq \"jane@work.example\"]", &["jane"]),
        ("emails[type eq \"work\" and value eq \"jane@home.example\"]", &[]),
        ("active eq true and externalId eq \"e1\"", &["jane"]),
        ("userName eq \"jane\" and externalId eq \"e2\"", &[]),
    ] {
        assert_eq!(tenant.client.found(filter), expected, "{filter}");
    }
    for unknown in ["department2 eq \"x\"", "emails[colour eq \"red\"]", "urn:acme:1.0:User:x eq \"y\""] {
        assert_error(&tenant.client.filter(unknown), 400, Some("invalidFilter"));
    }
}

#[test]
fn groups_are_found_by_name_external_id_and_member() {
    let tenant = tenant();
    let ids = users(&tenant, 2);
    let body = json!({"displayName": "Engineers", "externalId": "g1", "members": listed(&[&ids[0], &ids[1]])});
    let engineers = id(&tenant.client.post("/Groups", &body).json()).to_owned();
    let managers = group(&tenant, "Managers", &[&ids[1]])["/Groups/".len()..].to_owned();
    let empty = group(&tenant, "Nobody", &[]);
    assert_eq!(tenant.client.get(&empty).json()["members"], json!([]));
    let of_member = |id: &str| groups_found(&tenant, &format!("members[value eq \"{id}\"]"));
    assert_eq!(groups_found(&tenant, "displayName eq \"engineers\""), [engineers.as_str()]);
    assert_eq!(groups_found(&tenant, "externalId eq \"g1\""), [engineers.as_str()]);
    assert_eq!(groups_found(&tenant, "externalId eq \"G1\""), [""; 0]);
    assert_eq!(of_member(&ids[0]), [engineers.as_str()]);
    assert_eq!(of_member(&ids[1]), [engineers.as_str(), managers.as_str()]);
    assert_eq!(of_member("00000000-0000-7000-8000-000000000000"), [""; 0]);
    let both = format!("displayName eq \"Managers\" and members[value eq \"{}\"]", ids[1]);
    assert_eq!(groups_found(&tenant, &both), [managers.as_str()]);
}

#[test]
fn a_page_has_as_many_as_asked_for_up_to_a_thousand() {
    let tenant = tenant();
    users(&tenant, 120);
    for (count, items) in [("100", 100), ("120", 120), ("1000", 120), ("5000", 120)] {
        let page = tenant.client.query("/Users", &[("count", count)]).json();
        assert_eq!((&page["totalResults"], &page["itemsPerPage"]), (&json!(120), &json!(items)), "{count}");
    }
}

#[test]
fn add_and_replace_are_the_same_on_a_single_value_and_differ_on_a_selected_element() {
    let tenant = tenant();
    let user = json!({
        "userName": "jane", "title": "Old", "name": {"givenName": "Jane", "familyName": "Doe"},
        "emails": [{"value": "jane@work.example", "type": "work", "display": "Jane"}]
    });
    let work = "emails[type eq \"work\"]";
    for (number, (op, display)) in [("add", json!("Jane")), ("replace", json!(null))].into_iter().enumerate() {
        let mut body = user.clone();
        body["userName"] = json!(format!("jane-{number}"));
        let path = tenant.create_path(&body);
        let operations = json!([
            {"op": op, "path": "title", "value": "New"},
            {"op": op, "path": "name.givenName", "value": "June"},
            {"op": op, "path": work, "value": {"value": "june@work.example", "type": "work"}},
        ]);
        let answer = tenant.client.modify(&path, &operations);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let changed = answer.json();
        assert_eq!(changed["title"], "New");
        assert_eq!(changed["name"], json!({"givenName": "June", "familyName": "Doe"}));
        assert_eq!(changed["emails"][0]["value"], "june@work.example");
        assert_eq!(changed["emails"][0].get("display").unwrap_or(&Value::Null), &display, "{op}");
    }
}

#[test]
fn an_account_is_deactivated_reactivated_and_its_name_reused_after_deletion() {
    let tenant = tenant();
    let created = tenant.user("jane");
    let path = path_of(&created);
    for active in [false, true, false] {
        let answer = tenant.client.modify(&path, &json!([{"op": "replace", "path": "active", "value": active}]));
        assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(active)));
        // A PATCH never deletes.
        assert_eq!(tenant.client.get(&path).json()["active"], active);
        assert_eq!(tenant.client.found("userName eq \"jane\""), ["jane"]);
    }
    assert_error(&tenant.client.post("/Users", &minimal("jane")), 409, Some("uniqueness"));
    let membership = group(&tenant, "Engineers", &[id(&created)]);
    assert_eq!(tenant.client.delete(&path).status, 204);
    assert_error(&tenant.client.get(&path), 404, None);
    assert_error(&tenant.client.delete(&path), 404, None);
    assert_eq!(tenant.client.found("userName eq \"jane\""), [""; 0]);
    assert_eq!(tenant.client.get("/Users").json()["totalResults"], 0);
    assert_eq!(members(&tenant, &membership), [""; 0]);
    assert_ne!(tenant.user("jane")["id"], created["id"]);
}

#[test]
fn one_patch_may_have_many_operations_on_members() {
    const MEMBERS: usize = 60;
    let tenant = tenant();
    let ids = users(&tenant, MEMBERS);
    let path = group(&tenant, "Engineers", &[]);
    let each = |operation: &dyn Fn(&str) -> Value| ids.iter().map(|id| operation(id)).collect::<Value>();
    let added = each(&|id| json!({"op": "add", "path": "members", "value": [{"value": id}]}));
    assert_eq!(tenant.client.modify(&path, &added).status, 200);
    assert_eq!(members(&tenant, &path), ids);
    let removed = each(&|id| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")}));
    assert_eq!(tenant.client.modify(&path, &removed).status, 200);
    assert_eq!(members(&tenant, &path), [""; 0]);
    assert_eq!(tenant.client.get(&path).json()["meta"]["version"], "W/\"3\"");
}

#[test]
fn every_change_of_an_account_and_a_group_is_in_the_audit_log() {
    let tenant = tenant();
    let user = tenant.user("jane");
    let path = path_of(&user);
    let membership = group(&tenant, "Engineers", &[]);
    let group_id = &membership["/Groups/".len()..];
    tenant.client.modify(&path, &json!([{"op": "replace", "path": "active", "value": false}]));
    tenant.client.put(&path, &minimal("june"));
    tenant.client.modify(&membership, &json!([{"op": "add", "path": "members", "value": listed(&[id(&user)])}]));
    tenant.client.modify(&membership, &json!([{"op": "remove", "path": "members"}]));
    tenant.client.put(&membership, &group_body("Builders", &[]));
    tenant.client.delete(&membership);
    tenant.client.delete(&path);
    let mut seen: Vec<(String, String)> = tenant
        .audit()
        .into_iter()
        .map(|row| (row.action, row.target_id))
        .filter(|(action, _)| action.starts_with("resource."))
        .collect();
    seen.reverse();
    let expected = [
        ("resource.create", id(&user)),
        ("resource.create", group_id),
        ("resource.modify", id(&user)),
        ("resource.replace", id(&user)),
        ("resource.modify", group_id),
        ("resource.modify", group_id),
        ("resource.replace", group_id),
        ("resource.delete", group_id),
        ("resource.delete", id(&user)),
    ];
    let expected = expected.map(|(action, id)| (action.to_owned(), id.to_owned()));
    assert_eq!(seen, expected);
}

#[test]
fn a_hundred_requests_in_a_row_are_never_put_off() {
    let tenant = tenant();
    tenant.user("jane");
    for _ in 0..100 {
        assert_eq!(tenant.client.found("userName eq \"jane\""), ["jane"]);
    }
}
