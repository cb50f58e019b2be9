//! RFC 7644 section 3.12: errors.

use reqwest::Method;
use serde_json::json;

use super::read;
use crate::support::{Answer, Client, assert_error, minimal, path_of, shared, tenant};

/// Sends a body as it is.
fn send(client: &Client, method: Method, path: &str, body: impl Into<reqwest::blocking::Body>) -> Answer {
    Client::send(client.request(method, path).header("Content-Type", "application/scim+json").body(body))
}

#[test]
fn r7644_3_12_1_every_error_has_a_scim_body() {
    let tenant = tenant();
    let client = &tenant.client;
    let path = path_of(&tenant.user("ada"));
    let stranger = Client::anonymous(&shared().url);
    let reader = tenant.client_with(&[provisor::auth::Scope::Read]);
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let stale = client.request(Method::PUT, &path).header("If-Match", "W/\"99\"").body(minimal("ada").to_string());
    let text = client.request(Method::POST, "/Users").header("Content-Type", "text/plain").body("x");
    let post = |body: &str| send(client, Method::POST, "/Users", body.to_owned());
    for (status, scim_type, answer) in [
        (400, Some("invalidSyntax"), post("")),
        (400, Some("invalidSyntax"), post("{")),
        (400, Some("invalidSyntax"), post("{'userName': 'x'}")),
        (400, Some("invalidSyntax"), post("{\"userName\": \"x\"} trailing")),
        (400, Some("invalidSyntax"), post("{\"userName\": NaN}")),
        (400, Some("invalidSyntax"), post("{\"userName\": \"\\ud800\"}")),
        (400, Some("invalidSyntax"), post(&deep)),
        (400, Some("invalidSyntax"), send(client, Method::PATCH, &path, "{\"Operations\": [{\"op\":\"fly\"}]}")),
        (400, Some("invalidSyntax"), send(client, Method::PUT, &path, "[]")),
        (400, Some("invalidValue"), post("{\"userName\": \"a\\u0000b\"}")),
        (400, Some("invalidValue"), post("{}")),
        (400, Some("invalidValue"), client.get("/Users?count=many")),
        (400, Some("invalidFilter"), client.filter("userName is \"ada\"")),
        (400, Some("invalidPath"), client.modify(&path, &json!([{"op": "add", "path": "a b", "value": 1}]))),
        (400, Some("invalidCursor"), client.get("/Users?cursor=x")),
        (400, Some("noTarget"), client.modify(&path, &json!([{"op": "remove"}]))),
        (400, Some("mutability"), client.modify(&path, &json!([{"op": "remove", "path": "userName"}]))),
        (401, None, stranger.get("/Users")),
        (401, None, stranger.get("/Robots")),
        (403, None, reader.delete(&path)),
        (403, None, stranger.get("/Schemas?filter=id%20pr")),
        (404, None, client.get("/Robots")),
        (404, None, client.post("/Robots", &json!({}))),
        (404, None, client.get("/users")),
        (404, None, client.get("/Users/none")),
        (404, None, client.get(&format!("{path}/emails"))),
        (404, None, client.get("/Schemas/none")),
        (409, Some("uniqueness"), client.post("/Users", &minimal("ADA"))),
        (412, None, Client::send(stale)),
        (413, None, send(client, Method::POST, "/Users", vec![b' '; 2 << 20])),
        (415, None, Client::send(text)),
        (501, None, client.get("/Me")),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_error(&answer, status, scim_type);
        let members = answer.json().as_object().unwrap().len();
        assert_eq!(members, 3 + usize::from(scim_type.is_some()), "{}", answer.text);
    }
    assert_eq!(read(client, "/Users")["totalResults"], 1);
}

#[test]
fn r7644_3_12_1_a_method_that_an_endpoint_lacks_is_told_the_ones_it_has() {
    let tenant = tenant();
    let path = path_of(&tenant.user("ada"));
    for (method, path, allowed) in [
        (Method::PUT, "/Users", "GET, HEAD, POST"),
        (Method::PATCH, "/Users", "GET, HEAD, POST"),
        (Method::DELETE, "/Users", "GET, HEAD, POST"),
        (Method::POST, &*path, "GET, HEAD, PUT, PATCH, DELETE"),
        (Method::OPTIONS, &path, "GET, HEAD, PUT, PATCH, DELETE"),
        (Method::TRACE, &path, "GET, HEAD, PUT, PATCH, DELETE"),
        (Method::GET, "/Users/.search", "POST"),
        (Method::PUT, "", "GET, HEAD"),
        (Method::POST, "/", "GET, HEAD"),
        (Method::GET, "/.search", "POST"),
        (Method::DELETE, "/.search", "POST"),
        (Method::GET, "/Bulk", "POST"),
        (Method::PUT, "/Bulk", "POST"),
        (Method::from_bytes(b"BREW").unwrap(), "/Users", "GET, HEAD, POST"),
    ] {
        let answer = send(&tenant.client, method.clone(), path, "");
        assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
        assert_error(&answer, 405, None);
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[test]
fn r7644_3_12_2_the_detail_names_attribute_and_reason_and_no_more() {
    let tenant = tenant();
    let secret = "t1meMa$heen-secret";
    tenant.create(&json!({"userName": "bob@hidden.example", "externalId": "hidden-id", "title": "hidden-title"}));
    let path = path_of(&tenant.user("ada"));
    let modify = |path_of_attribute: &str, value| {
        tenant.client.modify(&path, &json!([{"op": "replace", "path": path_of_attribute, "value": value}]))
    };
    for (answer, named) in [
        (tenant.client.post("/Users", &json!({"title": "x"})), "userName"),
        (tenant.client.post("/Users", &json!({"userName": "x", "active": secret})), "active"),
        (tenant.client.post("/Users", &json!({"userName": "x", "emails": [{"value": {"x": secret}}]})), "emails"),
        (tenant.client.post("/Users", &json!({"userName": "x", "password": [secret, secret]})), "password"),
        (tenant.client.post("/Users", &json!({"userName": "BOB@hidden.example"})), "userName"),
        (tenant.client.put(&path, &json!({"userName": "Bob@hidden.example", "password": secret})), "userName"),
        (tenant.client.filter(&format!("password eq \"{secret}\"")), "password"),
        (tenant.client.filter("nonsense eq \"x\""), "nonsense"),
        (modify("nonsense", json!(secret)), "nonsense"),
        (modify("meta.created", json!(secret)), "meta.created"),
        (modify("active", json!(secret)), "active"),
        (modify("password", json!({"x": secret})), "password"),
        (modify("emails[value eq \"x\"].display", json!(secret)), "emails"),
        (tenant.client.get("/Users?startIndex=x"), "startIndex"),
        (tenant.client.get("/Users/no-such-id"), "no-such-id"),
    ] {
        assert!((400..500).contains(&answer.status), "{}", answer.text);
        let body = answer.json();
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains(named), "{detail} names {named}");
        assert!(detail.len() > named.len() + 8, "{detail} says why");
        for never in [secret, "hidden-id", "hidden-title", "resources_", "SELECT", "diesel", "panicked", ".rs", "/"] {
            assert!(!detail.contains(never), "{detail} contains {never}");
        }
    }
    let long = tenant.client.filter(&format!("{} eq \"x\"", "a".repeat(3_000)));
    assert!(long.text.len() < 500, "what was sent is not echoed at length");
}

/// Decision: versions are offered, so a stale one is refused.
#[test]
fn r7644_3_14_3_a_stale_if_match_changes_nothing() {
    let tenant = tenant();
    let before = tenant.user("ada");
    let path = path_of(&before);
    let title = json!([{"op": "add", "path": "title", "value": "x"}]);
    let with = |method: Method, tag: &str, body: String| {
        Client::send(tenant.client.request(method, &path).header("If-Match", tag).body(body))
    };
    let patch = crate::support::patch(&title).to_string();
    for stale in ["W/\"0\"", "\"other\", W/\"7\"", "nonsense"] {
        assert_error(&with(Method::PUT, stale, json!({"userName": "b"}).to_string()), 412, None);
        assert_error(&with(Method::PATCH, stale, patch.clone()), 412, None);
        assert_error(&with(Method::DELETE, stale, String::new()), 412, None);
    }
    assert_eq!(read(&tenant.client, &path), before);
    let version = before["meta"]["version"].as_str().unwrap();
    assert_eq!(with(Method::PATCH, version, patch.clone()).status, 200);
    assert_error(&with(Method::PATCH, version, patch), 412, None);
    assert_eq!(with(Method::DELETE, "*", String::new()).status, 204);
}
