//! The provisioning log: what is captured, what is kept of it, and its pages.

use chrono::{TimeDelta, Utc};
use provisor::auth::Scope;
use provisor::id::TenantId;
use provisor::store::{RequestFilter, RequestPlace, RequestRow};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Client, GROUP, Tenant, USER, eventually, minimal, okta_user, operator, patch, shared, tenant, tenant_with, token,
};

/// The requests of a tenant that a filter finds, the newest first.
fn logged(tenant: TenantId, filter: &RequestFilter) -> Vec<RequestRow> {
    shared()
        .with_backend(|backend| {
            backend.store.run(&operator(tenant), |tenant| tenant.requests(filter, RequestPlace::Newest, 200))
        })
        .unwrap()
}

/// The request with this id as it is logged, with its bodies.
fn logged_as(tenant: TenantId, request_id: &str) -> RequestRow {
    let filter = RequestFilter { text: Some(request_id.to_owned()), ..RequestFilter::default() };
    eventually("the logged request", || {
        let row = logged(tenant, &filter).pop()?;
        shared()
            .with_backend(|backend| backend.store.run(&operator(tenant), |tenant| tenant.request(row.id, false)))
            .unwrap()
    })
}

/// Sends a request, and gives it as it is logged.
fn send(tenant: &Tenant, client: &Client, method: &str, path: &str, body: Option<&Value>) -> RequestRow {
    let request_id = uuid::Uuid::now_v7().to_string();
    let request =
        client.request(Method::from_bytes(method.as_bytes()).unwrap(), path).header("x-request-id", &request_id);
    let request = match body {
        Some(body) => request.header("content-type", "application/scim+json").body(body.to_string()),
        None => request,
    };
    Client::send(request);
    logged_as(tenant.id, &request_id)
}

#[test]
fn each_kind_of_request_is_logged_with_what_came_of_it() {
    let tenant = tenant();
    let user = tenant.user("ada@example.com");
    let id = user["id"].as_str().unwrap();
    let path = format!("/Users/{id}");
    let active = |value: Value| patch(&json!([{"op": "replace", "path": "active", "value": value}]));
    let bulk = json!({"schemas": [crate::support::BULK_REQUEST], "Operations": []});
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 0});
    let same = minimal("ada@example.com");
    let bad = json!({"schemas": [crate::support::USER]});
    for (method, path, body, operation, outcome, status) in [
        ("GET", "/ServiceProviderConfig", None, "discovery", "ok", 200),
        ("GET", "/Schemas/urn:x", None, "discovery", "refused", 404),
        ("GET", "/Users?count=1", None, "query", "ok", 200),
        ("GET", "/Users?filter=userName+eq", None, "query", "refused", 400),
        ("POST", "/Users/.search", Some(&search), "query", "ok", 200),
        ("POST", "/Users", Some(&minimal("grace@example.com")), "create", "ok", 201),
        ("POST", "/Users", Some(&same), "create", "refused", 409),
        ("POST", "/Users", Some(&bad), "create", "refused", 400),
        ("GET", &path, None, "retrieve", "ok", 200),
        ("HEAD", &path, None, "retrieve", "ok", 200),
        ("PUT", &path, Some(&same), "replace", "ok", 200),
        ("PATCH", &path, Some(&active(json!(true))), "modify", "ok", 200),
        ("PATCH", &path, Some(&active(json!(false))), "deactivate", "ok", 200),
        ("POST", "/Bulk", Some(&bulk), "bulk", "ok", 200),
        ("DELETE", &path, None, "delete", "ok", 204),
        ("DELETE", &path, None, "delete", "refused", 404),
        ("GET", "/Nonsense", None, "query", "refused", 404),
        ("GET", "/Nonsense/1/2", None, "other", "refused", 404),
        ("PUT", "/Users", Some(&same), "other", "refused", 405),
        ("GET", "/Me", None, "retrieve", "failed", 501),
    ] {
        let row = send(&tenant, &tenant.client, method, path, body);
        let seen = (row.operation.as_str(), row.outcome.as_str(), row.status);
        assert_eq!(seen, (operation, outcome, status), "{method} {path}");
        assert_eq!((row.method.as_str(), row.path.as_str()), (method, path.split('?').next().unwrap()));
        assert_eq!((row.actor_kind.as_str(), row.actor_name.as_str()), ("header_token", "okta"));
        assert_eq!(row.request_body.is_some(), body.is_some(), "{method} {path}");
        assert_eq!(row.response_body.is_some(), status != 204 && method != "HEAD", "{method} {path}");
        assert_eq!(row.detail.is_some(), outcome != "ok", "{method} {path}");
        assert!(row.microseconds > 0 && row.address.is_some());
    }
}

#[test]
fn a_row_names_the_resource_and_the_client() {
    let tenant = tenant();
    let client = tenant.client.clone().sending(&[("user-agent", "Okta SCIM Client 1.0.0"), ("cookie", "sid=c4n4ry")]);
    let created = send(&tenant, &client, "POST", "/Users", Some(&okta_user("ada@example.com")));
    let user = tenant.client.found("userName eq \"ada@example.com\"");
    assert_eq!(user, ["ada@example.com"]);
    assert_eq!(created.resource_type.as_deref(), Some("User"));
    assert_eq!(created.resource_name.as_deref(), Some("ada@example.com"));
    assert_eq!(created.resource_id.as_deref().map(str::len), Some(36));
    assert_eq!(created.user_agent.as_deref(), Some("Okta SCIM Client 1.0.0"));
    let headers = created.request_headers.as_deref().unwrap();
    assert!(headers.contains("content-type: application/scim+json") && !headers.contains("c4n4ry"), "{headers}");
    assert!(!headers.to_lowercase().contains("authorization"), "{headers}");
    assert!(created.response_headers.unwrap().contains("location: "));
    let looked_up = send(&tenant, &client, "GET", "/Users?filter=userName+eq+%22none%40example.com%22", None);
    assert_eq!(looked_up.resource_name.as_deref(), Some("none@example.com"));
    let group = json!({"schemas": [crate::support::GROUP], "displayName": "Staff"});
    let group = send(&tenant, &client, "POST", "/Groups", Some(&group));
    assert_eq!((group.resource_type.as_deref(), group.resource_name.as_deref()), (Some("Group"), Some("Staff")));
}

#[test]
fn refused_callers_are_logged_where_their_credential_belongs() {
    let tenant = tenant();
    let valid = tenant.client.authorization().unwrap().trim_start_matches("Bearer ").to_owned();
    let with = |authorization: &str| Client::new(&shared().url, authorization);
    let expired = token(tenant.id, &Scope::ALL, Some(Utc::now() - TimeDelta::hours(1)));
    let stranger = Tenant { id: TenantId::NONE, name: String::new(), client: Client::anonymous(&shared().url) };
    for (client, log, reason) in [
        (with(&format!("Bearer {expired}")), &tenant, "expired token"),
        (Client::anonymous(&shared().url), &stranger, "no credential"),
        (with(&format!("Bearer Bearer {valid}")), &stranger, "the word Bearer twice"),
        (with(&format!("Bearer \"{valid}\"")), &stranger, "quotes around the token"),
        (with(&format!("Bearer {}", &valid[..60])), &stranger, "a part of a token"),
        (with("Basic YTpi"), &stranger, "unsupported scheme"),
    ] {
        let row = send(log, &client, "POST", "/Users", Some(&json!({"password": "c4n4ry"})));
        assert_eq!((row.outcome.as_str(), row.status), ("unauthenticated", 401));
        assert_eq!(row.detail.as_deref(), Some(reason));
        assert_eq!((row.operation.as_str(), row.actor_kind.as_str()), ("create", "anonymous"));
        // Nobody reads the body of whoever is not known.
        assert_eq!(row.request_body, None);
        assert!(!format!("{row:?}").contains(&valid[18..40]));
    }
}

#[test]
fn requests_beside_the_base_url_are_logged_too() {
    let tenant = tenant();
    let http = reqwest::blocking::Client::new();
    for path in ["/Users?count=1", "/scim/Users", "/scim/v1/Users"] {
        let request_id = uuid::Uuid::now_v7().to_string();
        let request = http.get(format!("{}{path}", shared().url)).header("x-request-id", &request_id);
        request.header("authorization", tenant.client.authorization().unwrap()).send().unwrap();
        let row = logged_as(tenant.id, &request_id);
        assert_eq!((row.operation.as_str(), row.outcome.as_str(), row.status), ("other", "refused", 404));
        assert_eq!(row.path, path.split('?').next().unwrap());
        assert!(row.detail.unwrap().contains("/scim/v2"));
    }
}

#[test]
fn no_secret_reaches_the_log() {
    let tenant = tenant_with(true);
    let token = tenant.client.authorization().unwrap().trim_start_matches("Bearer ").to_owned();
    let canary = "c4n4ryPassw0rd";
    let create = json!({"schemas": [USER], "userName": "ada@example.com", "password": canary, "displayName": token});
    let rows = [
        send(&tenant, &tenant.client, "POST", "/Users", Some(&create)),
        send(
            &tenant,
            &tenant.client,
            "POST",
            "/Bulk",
            Some(&json!({
                "schemas": [crate::support::BULK_REQUEST],
                "Operations": [
                    {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "b@example.com", "PASSWORD": canary}},
                    {"method": "PATCH", "path": "/Users/bulkId:1",
                        "data": patch(&json!([{"op": "replace", "path": "password", "value": canary}]))},
                ],
            })),
        ),
        send(&tenant, &tenant.client, "GET", &format!("/Users?filter=password+eq+%22{canary}%22"), None),
        send(&tenant, &tenant.client, "GET", &format!("/Users?filter=password+zz+{canary}"), None),
        send(
            &tenant,
            &tenant.client,
            "POST",
            "/Users/.search",
            Some(
                &json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": format!("password zz {canary}")}),
            ),
        ),
        send(&tenant, &tenant.client, "GET", &format!("/Users/{token}"), None),
        send(&tenant, &tenant.client, "GET", &format!("/Users?attributes={token}"), None),
    ];
    for row in rows {
        let text = format!("{row:?}");
        assert!(!text.contains(canary), "{text}");
        assert!(!text.contains(&token[18..]), "{text}");
    }
}

#[test]
fn of_large_bodies_the_beginning_is_logged() {
    let tenant = tenant();
    let members: Vec<Value> = (0..3_000).map(|_| json!({"value": uuid::Uuid::now_v7()})).collect();
    let group = json!({"displayName": "Everybody", "schemas": [GROUP], "zMembers": members});
    let row = send(&tenant, &tenant.client, "POST", "/Groups", Some(&group));
    let kept = row.request_body.unwrap();
    assert!(kept.len() < 17_000 && kept.ends_with(" bytes)"), "{}", &kept[kept.len() - 50..]);
    assert_eq!(row.resource_name.as_deref(), Some("Everybody"));
    for number in 0..60 {
        tenant.create(&json!({"schemas": [USER], "userName": format!("u{number}"), "title": "x".repeat(500)}));
    }
    let list = send(&tenant, &tenant.client, "GET", "/Users", None);
    assert!(list.response_body.unwrap().ends_with(" bytes)"));
    let large = json!({"userName": "x".repeat(2 << 20)});
    let row = send(&tenant, &tenant.client, "POST", "/Users", Some(&large));
    assert_eq!((row.outcome.as_str(), row.status), ("refused", 413));
}
