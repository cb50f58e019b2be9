//! Media types, proxies, credentials, odd URLs, and what the server says of itself.

use provisor::auth::Scope;
use reqwest::Method;
use serde_json::json;

use super::*;
use crate::support::{Client, USER, assert_error, minimal, path_of, shared, tenant, token};

#[test]
fn row_23_json_is_taken_under_either_name_or_none_and_answered_as_scim() {
    let tenant = tenant();
    let types = [
        None,
        Some("application/json"),
        Some("application/scim+json"),
        Some("application/scim+json; charset=utf-8"),
        Some("application/json;charset=UTF-8"),
        Some("Application/SCIM+JSON"),
    ];
    for (number, media_type) in types.into_iter().enumerate() {
        let send = |method: Method, path: &str, body: &Value| {
            let mut request = tenant.client.request(method, path);
            if let Some(media_type) = media_type {
                request = request.header("Content-Type", media_type);
            }
            Client::send(request.body(body.to_string()))
        };
        let created = send(Method::POST, "/Users", &minimal(&format!("u{number}")));
        assert_eq!(created.status, 201, "{media_type:?}: {}", created.text);
        let path = path_of(&created.json());
        let replaced = send(Method::PUT, &path, &minimal(&format!("v{number}")));
        let patch = json!({"Operations": [{"op": "add", "path": "title", "value": "x"}]});
        let modified = send(Method::PATCH, &path, &patch);
        let refused = send(Method::PATCH, &path, &json!({"Operations": 1}));
        for (answer, status) in [(&created, 201), (&replaced, 200), (&modified, 200), (&refused, 400)] {
            assert_eq!(answer.status, status, "{media_type:?}: {}", answer.text);
            assert_eq!(answer.header("content-type"), Some("application/scim+json"), "{media_type:?}");
        }
    }
}

#[test]
fn row_24_a_location_never_follows_what_a_request_says_of_the_host() {
    let tenant = tenant();
    let headers = [
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "host=evil.example;proto=https"),
        ("X-Original-URL", "https://evil.example/"),
    ];
    for (number, (name, value)) in headers.into_iter().enumerate() {
        let body = minimal(&format!("u{number}")).to_string();
        let request = tenant.client.request(Method::POST, "/Users").header(name, value).body(body);
        let answer = Client::send(request.header("Content-Type", "application/scim+json"));
        assert_eq!(answer.status, 201, "{}", answer.text);
        let location = format!("{}{}", tenant.client.base(), path_of(&answer.json()));
        assert_eq!(answer.header("location"), Some(location.as_str()));
        assert_eq!(answer.json()["meta"]["location"], location);
        let listed = Client::send(tenant.client.request(Method::GET, "/Users").header(name, value));
        assert!(!listed.text.contains("evil"), "{}", listed.text);
    }
}

#[test]
fn row_25_two_tokens_of_a_tenant_live_side_by_side_and_each_ends_alone() {
    let tenant = tenant();
    let ends = chrono::Utc::now() - chrono::TimeDelta::seconds(1);
    let client =
        |expires_at| Client::new(&shared().url, &format!("Bearer {}", token(tenant.id, &Scope::ALL, expires_at)));
    let (first, second) = (client(None), client(None));
    let created = first.post("/Users", &minimal("ada"));
    assert_eq!(created.status, 201);
    assert_eq!(second.get(&path_of(&created.json())).json(), created.json());
    assert_error(&client(Some(ends)).get("/Users"), 401, None);
    for client in [&first, &second] {
        assert_eq!(client.get("/Users").json()["totalResults"], 1);
    }
}

#[test]
fn row_26_empty_parameters_and_urns_of_older_drafts_are_passed_over() {
    let tenant = tenant();
    let old = json!({
        "schemas": ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"],
        "userName": "one", "externalId": "x"
    });
    let google = json!({"schemas": ["urn:scim:schemas:core:1.0", USER], "userName": "two"});
    for body in [old, google] {
        let created = tenant.create(&body);
        assert_eq!(created["schemas"], json!([USER]));
        let name = body["userName"].as_str().unwrap();
        let found = tenant.client.get(&format!("/Users?filter=userName+eq+%22{name}%22&"));
        assert_found(&found, &[&created]);
        assert_found(&tenant.client.get(&format!("/Users?&&filter=userName+eq+%22{name}%22&=&x=")), &[&created]);
        let replaced = tenant.client.put(&format!("{}?", path_of(&created)), &body);
        assert_eq!((replaced.status, replaced.json()), (200, created));
    }
}

#[test]
fn row_28_the_configuration_has_every_number_also_of_what_is_off() {
    let config = Client::anonymous(&shared().url).get("/ServiceProviderConfig").json();
    for pointer in ["/bulk/maxOperations", "/bulk/maxPayloadSize", "/filter/maxResults"] {
        assert!(config.pointer(pointer).is_some_and(Value::is_u64), "{pointer}: {config}");
    }
    for pointer in ["/patch", "/bulk", "/filter", "/changePassword", "/sort", "/etag"] {
        assert!(config.pointer(pointer).unwrap()["supported"].is_boolean(), "{pointer}: {config}");
    }
    assert_eq!((&config["patch"]["supported"], &config["filter"]["supported"]), (&json!(true), &json!(true)));
    assert!(config["authenticationSchemes"].as_array().is_some_and(|schemes| !schemes.is_empty()));
}
