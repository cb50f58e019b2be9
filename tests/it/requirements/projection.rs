//! RFC 7644 section 3.9: which attributes a reply contains.

use serde_json::{Value, json};

use super::{ada, read};
use crate::support::{Answer, ENTERPRISE, USER, assert_error, okta_user, path_of, tenant, tenant_with};

/// The names of what a reply contains.
fn members(resource: &Value) -> Vec<&str> {
    resource.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn r7644_3_9_1_every_operation_that_returns_a_resource_takes_the_selection() {
    let tenant = tenant();
    let path = tenant.create_path(&ada());
    let mut bob = ada();
    let mut send = |query: &str, number: u32| -> Vec<Answer> {
        bob["userName"] = json!(format!("bob{number}"));
        let mut changed = ada();
        changed["title"] = json!(query);
        let title = json!([{"op": "replace", "path": "title", "value": format!("{query}!")}]);
        vec![
            tenant.client.get(&format!("{path}?{query}")),
            tenant.client.get(&format!("/Users?{query}")),
            tenant.client.post(&format!("/Users?{query}"), &bob),
            tenant.client.put(&format!("{path}?{query}"), &changed),
            tenant.client.modify(&format!("{path}?{query}"), &title),
            tenant.client.modify(&format!("{path}?{query}"), &title),
        ]
    };
    let resource = |answer: &Answer| {
        assert!(answer.status == 200 || answer.status == 201, "{}", answer.text);
        let body = answer.json();
        body.get("Resources").map_or(body.clone(), |resources| resources[0].clone())
    };
    for answer in send("attributes=displayName", 1) {
        assert_eq!(members(&resource(&answer)), ["displayName", "id", "schemas"]);
    }
    for answer in send("excludedAttributes=displayName,meta,emails", 2) {
        let shown = resource(&answer);
        for gone in ["displayName", "meta", "emails"] {
            assert_eq!(shown.get(gone), None, "{gone}");
        }
        for kept in ["id", "schemas", "userName", "name", "phoneNumbers", ENTERPRISE] {
            assert!(shown.get(kept).is_some(), "{kept}");
        }
    }
    for answer in send("attributes=displayName&excludedAttributes=emails", 3) {
        assert_error(&answer, 400, Some("invalidValue"));
    }
    assert!(tenant.client.found("userName eq \"bob3\"").is_empty(), "a refused selection creates nothing");
    for answer in send("attributes=&excludedAttributes=", 4) {
        assert!(resource(&answer).get("displayName").is_some(), "empty lists select nothing");
    }
}

#[test]
fn r7644_3_9_2_returned_decides_with_the_selection() {
    let tenant = tenant_with(true);
    let path = tenant.create_path(&okta_user("ada@example.com"));
    let shown = |query: &str| read(&tenant.client, &format!("{path}{query}"));
    let everything =
        ["active", "displayName", "emails", "externalId", "id", "locale", "meta", "name", "schemas", "userName"];
    let all_but =
        |gone: &[&str]| -> Vec<&str> { everything.iter().copied().filter(|name| !gone.contains(name)).collect() };
    for (query, expected) in [
        ("", all_but(&[])),
        ("?attributes=userName", vec!["id", "schemas", "userName"]),
        ("?attributes=id", vec!["id", "schemas"]),
        ("?attributes=schemas", vec!["id", "schemas"]),
        ("?attributes=meta", vec!["id", "meta", "schemas"]),
        ("?attributes=password", vec!["id", "schemas"]),
        ("?attributes=password,active", vec!["active", "id", "schemas"]),
        ("?attributes=title", vec!["id", "schemas"]),
        ("?excludedAttributes=id", all_but(&[])),
        ("?excludedAttributes=schemas,id", all_but(&[])),
        ("?excludedAttributes=userName", all_but(&["userName"])),
        ("?excludedAttributes=meta,externalId", all_but(&["meta", "externalId"])),
        ("?excludedAttributes=password", all_but(&[])),
    ] {
        assert_eq!(members(&shown(query)), expected, "{query}");
        let listed = read(&tenant.client, &format!("/Users{query}"));
        assert_eq!(members(&listed["Resources"][0]), expected, "{query}");
    }
    assert_eq!(shown("?attributes=meta"), {
        let mut whole = shown("");
        whole.as_object_mut().unwrap().retain(|name, _| ["id", "meta", "schemas"].contains(&name.as_str()));
        whole
    });
}

#[test]
fn r7644_3_9_3_attribute_lists_are_read_with_blanks_cases_urns_and_parts() {
    let tenant = tenant();
    let path = path_of(&tenant.create(&ada()));
    let shown = |parameter: &str, list: &str| {
        let answer = tenant.client.query(&path, &[(parameter, list)]);
        assert_eq!(answer.status, 200, "{list}: {}", answer.text);
        let mut shown = answer.json();
        for always in ["id", "schemas"] {
            shown.as_object_mut().unwrap().remove(always).unwrap();
        }
        shown
    };
    let extension = json!({"department": "Engines", "manager": {"value": "1", "displayName": "Charles"}});
    for (list, expected) in [
        ("userName,displayName", json!({"userName": "Ada@Example.com", "displayName": "Ada King"})),
        (" userName , displayName ,", json!({"userName": "Ada@Example.com", "displayName": "Ada King"})),
        ("USERNAME,DisplayNAME,username", json!({"userName": "Ada@Example.com", "displayName": "Ada King"})),
        ("name.givenName", json!({"name": {"givenName": "Ada"}})),
        ("NAME.GIVENNAME,name.familyName", json!({"name": {"givenName": "Ada", "familyName": "King"}})),
        ("emails.value", json!({"emails": [{"value": "ada@work.example"}, {"value": "ada@home.example"}]})),
        ("emails.primary", json!({"emails": [{"primary": true}]})),
        ("phoneNumbers", json!({"phoneNumbers": [{"value": "555-0100", "type": "mobile"}]})),
        ("phoneNumbers[type eq \"work\"]", json!({"phoneNumbers": [{"value": "555-0100", "type": "mobile"}]})),
        (&format!("{USER}:userName"), json!({"userName": "Ada@Example.com"})),
        (&format!("{USER}:name.familyName"), json!({"name": {"familyName": "King"}})),
        (ENTERPRISE, json!({ENTERPRISE: extension})),
        (&format!("{ENTERPRISE}:department"), json!({ENTERPRISE: {"department": "Engines"}})),
        (
            &format!("{}:manager.displayName", ENTERPRISE.to_lowercase()),
            json!({ENTERPRISE: {"manager": {"displayName": "Charles"}}}),
        ),
        ("unknown,name.unknown,urn:x:y,1,userName", json!({"userName": "Ada@Example.com"})),
        ("unknown", json!({})),
    ] {
        assert_eq!(shown("attributes", list), expected, "{list}");
    }
    let whole = shown("excludedAttributes", "unknown");
    for (list, changed, expected) in [
        ("name.givenName", "name", json!({"familyName": "King"})),
        ("emails.type,EMAILS.Primary", "emails", json!([{"value": "ada@work.example"}, {"value": "ada@home.example"}])),
        (ENTERPRISE, ENTERPRISE, Value::Null),
        (&format!("{ENTERPRISE}:manager"), ENTERPRISE, json!({"department": "Engines"})),
        (" externalId ", "externalId", Value::Null),
    ] {
        let mut expectation = whole.clone();
        match expected {
            Value::Null => drop(expectation.as_object_mut().unwrap().remove(changed)),
            other => expectation[changed] = other,
        }
        assert_eq!(shown("excludedAttributes", list), expectation, "{list}");
    }
}
