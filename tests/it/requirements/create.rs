//! RFC 7644 section 3.3: POST.

use std::sync::Barrier;
use std::thread;

use serde_json::json;

use super::{ada, read, without_common};
use crate::support::{ENTERPRISE, USER, assert_error, minimal, okta_user, path_of, tenant};

#[test]
fn r7644_3_3_1_read_only_attributes_in_the_body_are_ignored() {
    let tenant = tenant();
    let mut body = ada();
    let expected = body.clone();
    body["id"] = json!("mine");
    body["meta"] = json!({"resourceType": "Robot", "version": "W/\"7\"", "created": "not even a date"});
    body["groups"] = json!([{"value": "g1", "display": "Admins"}]);
    let created = tenant.create(&body);
    assert_ne!(created["id"], "mine");
    assert_eq!(created["meta"]["resourceType"], "User");
    let mut shown = without_common(created);
    shown["schemas"] = json!([USER, ENTERPRISE]);
    assert_eq!(shown, expected);
    assert!(tenant.client.found("userName eq \"ada@example.com\" and groups pr").is_empty());
}

#[test]
fn r7644_3_3_2_an_omitted_active_is_true() {
    let tenant = tenant();
    assert_eq!(tenant.user("ada")["active"], true);
    assert_eq!(tenant.create(&json!({"userName": "bob", "active": false}))["active"], false);
    assert_eq!(tenant.client.found("active eq true"), ["ada"]);
    assert_eq!(tenant.client.found("active eq false"), ["bob"]);
}

#[test]
fn r7644_3_3_3_a_created_resource_comes_back_whole_with_its_location() {
    let tenant = tenant();
    let sent = okta_user("test.user@example.com");
    let answer = tenant.client.post("/Users", &sent);
    assert_eq!(answer.status, 201);
    let created = answer.json();
    let path = path_of(&created);
    assert_eq!(answer.header("location"), created["meta"]["location"].as_str());
    assert_eq!(answer.header("location").unwrap(), format!("{}{path}", tenant.client.base()));
    assert_eq!(answer.header("etag"), created["meta"]["version"].as_str());
    assert_eq!(created["schemas"], json!([USER]));
    let mut expected = sent;
    for name in ["schemas", "groups", "password"] {
        expected.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(without_common(created.clone()), expected);
    assert_eq!(read(&tenant.client, &path), created, "GET answers the same");
}

#[test]
fn r7644_3_3_4_a_taken_user_name_is_a_conflict() {
    let tenant = tenant();
    let first = tenant.create(&ada());
    let answer = tenant.client.post("/Users", &minimal("ADA@EXAMPLE.COM"));
    assert_error(&answer, 409, Some("uniqueness"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("userName"));
    assert_eq!(answer.header("location"), None);
    assert_eq!(read(&tenant.client, &path_of(&first)), first, "the first is as it was");
    assert_eq!(read(&tenant.client, "/Users")["totalResults"], 1);
}

#[test]
fn r7644_3_3_5_a_missing_required_attribute_is_named() {
    let tenant = tenant();
    for body in [
        json!({}),
        json!({"schemas": [USER]}),
        json!({"userName": null}),
        json!({"userName": ""}),
        json!({"userName": []}),
        json!({"displayName": "Ada", "emails": [{"value": "ada@example.com"}]}),
    ] {
        let answer = tenant.client.post("/Users", &body);
        assert_error(&answer, 400, Some("invalidValue"));
        assert!(answer.json()["detail"].as_str().unwrap().contains("userName"), "{}", answer.text);
    }
    assert_eq!(read(&tenant.client, "/Users")["totalResults"], 0);
}

#[test]
fn r7644_3_3_1_1_the_endpoint_decides_the_resource_type() {
    let tenant = tenant();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "userName": "ada", "meta": {"resourceType": "Group"}
    });
    let created = tenant.create(&body);
    assert_eq!(created["meta"]["resourceType"], "User");
    assert_eq!(created["schemas"], json!([USER]));
    assert_eq!(tenant.client.found("meta.resourceType eq \"User\""), ["ada"]);
}

#[test]
fn r7644_3_3_7_of_simultaneous_creations_of_one_name_one_succeeds() {
    const CLIENTS: usize = 8;
    let tenant = tenant();
    for round in 0..5 {
        let barrier = Barrier::new(CLIENTS);
        let answers: Vec<_> = thread::scope(|scope| {
            let post = |number: usize| {
                let name = format!("Racer{round}@example.com");
                let name = if number.is_multiple_of(2) { name } else { name.to_uppercase() };
                barrier.wait();
                tenant.client.post("/Users", &minimal(&name))
            };
            let threads: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || post(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        answers
            .iter()
            .filter(|answer| answer.status != 201)
            .for_each(|answer| assert_error(answer, 409, Some("uniqueness")));
        assert_eq!(read(&tenant.client, "/Users")["totalResults"], round + 1);
    }
}

#[test]
fn r7644_3_3_6_the_reply_to_a_creation_shows_what_was_asked_for() {
    let tenant = tenant();
    let made = tenant.client.post("/Users?attributes=userName", &ada());
    assert_eq!(made.status, 201);
    let mut names: Vec<String> = made.json().as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["id", "schemas", "userName"]);
    let made =
        tenant.client.post("/Users?excludedAttributes=emails,name", &json!({"userName": "bob", "emails": ["b"]}));
    assert_eq!((made.status, made.json().get("emails")), (201, None));
    let both = tenant.client.post("/Users?attributes=id&excludedAttributes=name", &json!({"userName": "cyd"}));
    assert_error(&both, 400, Some("invalidValue"));
    assert_eq!(tenant.client.get("/Users").json()["totalResults"], 2, "what is refused creates nobody");
}
