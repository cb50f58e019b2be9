//! RFC 7644 section 3.5.1: PUT.

use serde_json::{Value, json};

use super::{ada, read, without_common};
use crate::support::{ENTERPRISE, USER, assert_error, database, minimal, path_of, tenant, tenant_with};

#[test]
fn r7644_3_5_1_1_put_never_creates() {
    let tenant = tenant();
    let id = tenant.user("gone")["id"].as_str().unwrap().to_owned();
    let path = format!("/Users/{id}");
    assert_eq!(tenant.client.delete(&path).status, 204);
    for path in [&path, "/Users/2819c223-7f76-453a-919d-413861904646", "/Users/ada"] {
        assert_error(&tenant.client.put(path, &minimal("ada")), 404, None);
    }
    assert_error(&tenant.client.put("/Users", &minimal("ada")), 405, None);
    assert_eq!(read(&tenant.client, "/Users")["totalResults"], 0);
}

#[test]
fn r7644_3_5_1_2_what_is_sent_replaces_what_was_there() {
    let tenant = tenant();
    let path = tenant.create_path(&ada());
    let sent = json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "ada.byron@example.com",
        "externalId": "00uByron",
        "name": {"familyName": "Byron"},
        "title": "Countess",
        "active": false,
        "emails": [{"value": "new@example.com", "type": "other"}],
        ENTERPRISE: {"division": "North"}
    });
    let mut expected = sent.clone();
    expected.as_object_mut().unwrap().remove("schemas");
    let replaced = tenant.client.put(&path, &sent).json();
    assert_eq!(without_common(replaced.clone()), expected, "lists and complex values are replaced whole");
    assert_eq!(read(&tenant.client, &path), replaced);
    assert_eq!(tenant.client.found("emails.value eq \"new@example.com\""), ["ada.byron@example.com"]);
    assert!(tenant.client.found("emails.value eq \"ada@work.example\"").is_empty());
    assert!(tenant.client.found("userName eq \"ada@example.com\"").is_empty());
}

/// Decision: what is left out is cleared, but for what a client cannot have meant to clear.
#[test]
fn r7644_3_5_1_3_what_is_left_out_is_cleared_but_for_the_links() {
    let tenant = tenant_with(true);
    let mut body = ada();
    body["active"] = json!(false);
    body["password"] = json!("t1meMa$heen");
    let created = tenant.create(&body);
    let path = path_of(&created);
    let password = database::password_hash(created["id"].as_str().unwrap());
    assert!(password.is_some());
    let replaced = tenant.client.put(&path, &minimal("ada")).json();
    let kept = json!({
        "userName": "ada", "externalId": "00uAda", "active": false, ENTERPRISE: ada()[ENTERPRISE].clone()
    });
    assert_eq!(without_common(replaced.clone()), kept);
    assert_eq!(replaced["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(without_common(read(&tenant.client, &path)), kept);
    assert_eq!(database::password_hash(created["id"].as_str().unwrap()), password);
    // `null` says no more of `active` than its absence.
    let mut silent = minimal("ada");
    silent["active"] = json!(null);
    assert_eq!(without_common(tenant.client.put(&path, &silent).json()), kept);
    // A client that names the extension in `schemas`, here as Entra misspells it, knows it and means to clear it.
    let mut knowing = minimal("ada");
    knowing["schemas"] = json!([USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"]);
    let cleared = tenant.client.put(&path, &knowing).json();
    assert_eq!(without_common(cleared.clone()), json!({"userName": "ada", "externalId": "00uAda", "active": false}));
    assert_eq!(cleared["schemas"], json!([USER]));
}

#[test]
fn r7644_3_5_1_4_null_and_empty_lists_clear() {
    let tenant = tenant();
    let path = tenant.create_path(&ada());
    let body = json!({
        "userName": "ada", "externalId": null, "displayName": null, "name": null, "emails": [], "phoneNumbers": null,
        ENTERPRISE: null
    });
    let replaced = tenant.client.put(&path, &body).json();
    assert_eq!(without_common(replaced.clone()), json!({"userName": "ada", "active": true}));
    assert_eq!(replaced["schemas"], json!([USER]));
    assert_eq!(read(&tenant.client, &path), replaced);
    for filter in ["externalId pr", "emails pr", "name pr", &format!("{ENTERPRISE} pr")] {
        assert!(tenant.client.found(filter).is_empty(), "{filter}");
    }
}

/// The rule has nothing to act on here. When an attribute becomes immutable this fails and asks for its test.
#[test]
fn r7644_3_5_1_5_no_attribute_of_a_user_is_immutable() {
    assert_eq!(immutable_attributes(), Vec::<String>::new());
}

/// The immutable attributes and sub-attributes that the schemas of users have.
pub(super) fn immutable_attributes() -> Vec<String> {
    fn collect(attributes: &Value, found: &mut Vec<String>) {
        for attribute in attributes.as_array().into_iter().flatten() {
            if attribute["mutability"] == "immutable" {
                found.push(attribute["name"].to_string());
            }
            collect(&attribute["subAttributes"], found);
        }
    }
    let tenant = tenant();
    let mut found = Vec::new();
    for uri in [USER, ENTERPRISE] {
        let schema = read(&tenant.client, &format!("/Schemas/{uri}"));
        assert!(!schema["attributes"].as_array().unwrap().is_empty());
        collect(&schema["attributes"], &mut found);
    }
    found
}

#[test]
fn r7644_3_5_1_6_read_only_values_in_the_body_are_ignored() {
    let tenant = tenant();
    let created = tenant.create(&ada());
    let path = path_of(&created);
    let mut echoed = created.clone();
    echoed["id"] = json!("00000000-0000-0000-0000-000000000000");
    echoed["meta"] = json!({"resourceType": "Robot", "version": "W/\"0\"", "lastModified": 5});
    echoed["groups"] = json!([{"value": "g1"}]);
    let answer = tenant.client.put(&path, &echoed);
    assert_eq!((answer.status, answer.json()), (200, created.clone()), "nothing that may change has changed");
    assert_eq!(read(&tenant.client, &path), created);
}

#[test]
fn r7644_3_5_1_7_a_required_attribute_must_be_sent() {
    let tenant = tenant();
    let created = tenant.create(&ada());
    let path = path_of(&created);
    for body in [json!({"schemas": [USER]}), json!({"userName": null}), json!({"userName": ""}), json!({"title": "x"})]
    {
        let answer = tenant.client.put(&path, &body);
        assert_error(&answer, 400, Some("invalidValue"));
        assert!(answer.json()["detail"].as_str().unwrap().contains("userName"));
    }
    assert_eq!(read(&tenant.client, &path), created);
}

#[test]
fn r7644_3_5_1_8_the_whole_resource_comes_back_and_a_put_that_changes_nothing_leaves_no_trace() {
    let tenant = tenant();
    let created = tenant.create(&ada());
    let path = path_of(&created);
    for body in [ada(), created.clone()] {
        let answer = tenant.client.put(&path, &body);
        assert_eq!((answer.status, answer.json()), (200, created.clone()), "version and lastModified stay");
        assert_eq!(answer.header("etag"), created["meta"]["version"].as_str());
        assert_eq!(answer.header("location"), created["meta"]["location"].as_str());
    }
    let mut body = ada();
    body["displayName"] = json!("Ada Byron");
    let answer = tenant.client.put(&path, &body);
    let replaced = answer.json();
    assert_eq!(answer.status, 200);
    assert_ne!(replaced["meta"]["version"], created["meta"]["version"]);
    assert_eq!(answer.header("etag"), replaced["meta"]["version"].as_str());
    assert_eq!(replaced["id"], created["id"]);
    assert_eq!(replaced["meta"]["created"], created["meta"]["created"]);
    assert_eq!(read(&tenant.client, &path), replaced);
    body["userName"] = json!("ADA@EXAMPLE.COM");
    assert_eq!(tenant.client.put(&path, &body).json()["userName"], "ADA@EXAMPLE.COM", "a change of case is a change");
}

#[test]
fn r7644_3_5_1_9_a_taken_user_name_is_a_conflict_and_an_old_one_is_free() {
    let tenant = tenant();
    tenant.user("bob");
    let created = tenant.user("ada");
    let path = path_of(&created);
    assert_error(&tenant.client.put(&path, &minimal("BOB")), 409, Some("uniqueness"));
    assert_eq!(read(&tenant.client, &path), created);
    let renamed = tenant.client.put(&path, &minimal("cyd"));
    assert_eq!((renamed.status, &renamed.json()["id"]), (200, &created["id"]));
    assert_eq!(tenant.client.found("userName eq \"cyd\""), ["cyd"]);
    tenant.user("ada");
    assert_error(&tenant.client.put(&path, &minimal("ada")), 409, Some("uniqueness"));
}

#[test]
fn r7644_3_5_1_3_an_active_without_a_value_changes_nothing() {
    let tenant = tenant();
    let path = tenant.create_path(&json!({"userName": "leaver", "active": false}));
    for silent in [json!(null), json!("")] {
        let answer = tenant.client.put(&path, &json!({"userName": "leaver", "active": silent}));
        assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(false)), "{silent}");
    }
}
