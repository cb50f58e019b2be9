//! The provisioning log: what is captured, what is kept of it, and its pages.

use chrono::{TimeDelta, Utc};
use provisor::auth::Scope;
use provisor::auth::role::Role;
use provisor::id::TenantId;
use provisor::store::{RequestFilter, RequestPlace, RequestRow};
use reqwest::Method;
use serde_json::{Value, json};

use super::signed_in;
use crate::definitions::imported;
use crate::support::{
    Client, GROUP, Tenant, USER, database, eventually, minimal, okta_user, operator, patch, shared, tenant,
    tenant_with, token,
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
        // Of a method that the endpoint does not take, nobody reads the body.
        assert_eq!(row.request_body.is_some(), body.is_some() && status != 405, "{method} {path}");
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
fn what_a_schema_never_returns_does_not_reach_the_log() {
    const HR: &str = "urn:example:scim:schemas:extension:hr:1.0:User";
    let tenant = tenant();
    let schema = json!({"id": HR, "name": "HR", "description": "Human resources", "attributes": [
        {"name": "nick", "type": "string"},
        {"name": "pin", "type": "string", "mutability": "writeOnly", "returned": "never"},
    ]});
    imported(&tenant, "schema", &schema, &["--extends", "user"]);
    let canary = "c4n4ry";
    let user = json!({"schemas": [USER, HR], "userName": "ada@example.com", HR: {"nick": "lovelace", "pin": canary}});
    let created = send(&tenant, &tenant.client, "POST", "/Users", Some(&user));
    assert_eq!(created.status, 201);
    let path = format!("/Users/{}", created.resource_id.as_deref().unwrap());
    let change = patch(&json!([{"op": "replace", "path": format!("{HR}:pin"), "value": canary}]));
    let changed = send(&tenant, &tenant.client, "PATCH", &path, Some(&change));
    assert_eq!(changed.status, 200);
    assert!(created.request_body.as_deref().unwrap().contains("lovelace"), "{created:?}");
    let filter = format!("/Users?filter={HR}:pin+eq+%22{canary}%22");
    let searched = send(&tenant, &tenant.client, "GET", &filter, None);
    assert_eq!(searched.query.as_deref(), Some("filter=…"));
    // Whoever is not known has no schemas.
    let expired = token(tenant.id, &Scope::ALL, Some(Utc::now() - TimeDelta::hours(1)));
    let expired = Client::new(&shared().url, &format!("Bearer {expired}"));
    let refused = send(&tenant, &expired, "GET", &filter, None);
    assert_eq!((refused.status, refused.query.as_deref()), (401, Some("filter=…")));
    for row in [created, changed, searched, refused] {
        assert!(!format!("{row:?}").contains(canary), "{row:?}");
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

/// A row as the background thread would write it, of so long ago.
fn row(tenant: TenantId, ago: TimeDelta, name: &str) -> RequestRow {
    let at = Utc::now() - ago;
    let time = uuid::Timestamp::from_unix(uuid::NoContext, at.timestamp().unsigned_abs(), at.timestamp_subsec_nanos());
    RequestRow {
        tenant_id: tenant.0,
        id: uuid::Uuid::new_v7(time),
        at,
        request_id: uuid::Uuid::now_v7().to_string(),
        method: "POST".into(),
        path: "/Users".into(),
        query: None,
        operation: "create".into(),
        outcome: "ok".into(),
        status: 201,
        scim_type: None,
        detail: None,
        resource_type: Some("User".into()),
        resource_id: Some(format!("id-of-{name}")),
        resource_name: Some(name.into()),
        actor_kind: "header_token".into(),
        actor_id: "abc".into(),
        actor_name: "okta".into(),
        address: None,
        user_agent: None,
        microseconds: 1_000,
        request_body: Some("{\"userName\":\"x\"}".into()),
        response_body: None,
        request_headers: None,
        response_headers: None,
    }
}

fn insert(rows: &[RequestRow]) {
    shared().with_backend(|backend| backend.store.gate(|gate| gate.insert_requests(rows))).unwrap();
}

/// The names on a page of the log, from top to bottom.
fn names(text: &str) -> Vec<&str> {
    text.split("<td data-label=\"User or group\">").skip(1).map(|rest| rest.split('<').next().unwrap()).collect()
}

#[test]
fn rows_and_bodies_go_when_their_time_has_come() {
    let tenant = tenant();
    let rows: Vec<RequestRow> =
        (0..3).map(|days| row(tenant.id, TimeDelta::days(days * 10), &format!("u{days}"))).collect();
    insert(&rows);
    let ago = |days| Utc::now() - TimeDelta::days(days);
    shared().with_backend(|backend| {
        let gate = &backend.store;
        assert!(!gate.gate(|gate| gate.delete_requests(tenant.id, ago(15))).unwrap());
        assert!(!gate.gate(|gate| gate.erase_request_bodies(tenant.id, ago(5))).unwrap());
    });
    let left = logged(tenant.id, &RequestFilter::default());
    assert_eq!(left.iter().map(|row| row.resource_name.as_deref().unwrap()).collect::<Vec<_>>(), ["u0", "u1"]);
    let with_bodies = |id| {
        shared().with_backend(|backend| {
            backend.store.run(&operator(tenant.id), |tenant| tenant.request(id, false)).unwrap().unwrap().request_body
        })
    };
    assert!(with_bodies(rows[0].id).is_some());
    assert_eq!(with_bodies(rows[1].id), None);
    let many: Vec<RequestRow> = (0..600).map(|_| row(tenant.id, TimeDelta::days(40), "old")).collect();
    insert(&many);
    shared().with_backend(|backend| {
        assert!(backend.store.gate(|gate| gate.delete_requests(tenant.id, ago(15))).unwrap());
        assert!(!backend.store.gate(|gate| gate.delete_requests(tenant.id, ago(15))).unwrap());
    });
}

#[test]
fn the_log_is_filtered_by_what_stands_in_the_url() {
    let tenant = tenant();
    let minutes = |minutes| TimeDelta::minutes(minutes);
    let mut rows = vec![
        row(tenant.id, minutes(1), "ada@example.com"),
        RequestRow { outcome: "refused".into(), status: 409, ..row(tenant.id, minutes(2), "Grace@example.com") },
        RequestRow { microseconds: 700_000, ..row(tenant.id, minutes(3), "slow") },
        RequestRow { operation: "deactivate".into(), actor_id: "other".into(), ..row(tenant.id, minutes(4), "gone") },
        RequestRow {
            outcome: "failed".into(),
            status: 500,
            resource_type: Some("Group".into()),
            ..row(tenant.id, minutes(300), "staff")
        },
    ];
    rows.rotate_left(2);
    insert(&rows);
    let request_id = rows.iter().find(|row| row.resource_name.as_deref() == Some("slow")).unwrap().request_id.clone();
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let hour_ago = (Utc::now() - TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M").to_string();
    for (query, found) in [
        ("", vec!["ada@example.com", "Grace@example.com", "slow", "gone", "staff"]),
        ("outcome=failures", vec!["Grace@example.com", "staff"]),
        ("outcome=refused", vec!["Grace@example.com"]),
        ("slow=1", vec!["slow"]),
        ("operation=deactivate", vec!["gone"]),
        ("credential=other", vec!["gone"]),
        ("resource=Group", vec!["staff"]),
        ("resource=id-of-slow", vec!["slow"]),
        ("text=gra", vec!["Grace@example.com"]),
        ("text=GRACE%40", vec!["Grace@example.com"]),
        (&format!("text={request_id}"), vec!["slow"]),
        (&format!("from={hour_ago}&outcome=failures"), vec!["Grace@example.com"]),
        (&format!("to={hour_ago}"), vec!["staff"]),
    ] {
        let page = browser.open(&format!("/admin/log?{query}"));
        assert_eq!((page.status, names(&page.text)), (200, found), "{query}");
    }
    for query in [
        "text=nobody",
        "text=%00",
        "credential=%F0%9F%A6%80",
        "operation=x&outcome=%3Cb%3E",
        &format!("text={}", "x".repeat(5_000)),
    ] {
        let page = browser.open(&format!("/admin/log?{query}"));
        assert!(page.status == 200 && page.says("Nothing matches") && page.says("Clear filters"), "{query}");
        assert!(!page.text.contains("<b>"));
    }
    let page = browser.open("/admin/log?from=yesterday");
    assert!(page.status == 422 && page.says("This is not a time"));
}

#[test]
fn the_log_is_read_page_by_page_in_both_directions() {
    let tenant = tenant();
    let rows: Vec<RequestRow> =
        (0..120).map(|number| row(tenant.id, TimeDelta::seconds(number), &format!("u{number}"))).collect();
    insert(&rows);
    let expected: Vec<String> = (0..120).map(|number| format!("u{number}")).collect();
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let linked = |text: &str, rel: &str| {
        let start = text.find(&format!("rel=\"{rel}\" href=\""))? + rel.len() + 13;
        Some(text[start..start + text[start..].find('"')?].replace("&amp;", "&").replace("&#x2F;", "/"))
    };
    let first = browser.open("/admin/log?operation=create");
    assert_eq!(names(&first.text), expected[..50]);
    assert_eq!(linked(&first.text, "prev"), None);
    let second = browser.open(&linked(&first.text, "next").unwrap());
    assert_eq!(names(&second.text), expected[50..100]);
    let third = browser.open(&linked(&second.text, "next").unwrap());
    assert_eq!(names(&third.text), expected[100..]);
    assert_eq!(linked(&third.text, "next"), None);
    let back = browser.open(&linked(&third.text, "prev").unwrap());
    assert_eq!(names(&back.text), expected[50..100]);
    let start = browser.open(&linked(&back.text, "prev").unwrap());
    assert_eq!(names(&start.text), expected[..50]);
}

#[test]
fn a_failing_call_is_explained_with_what_was_sent_and_how_to_send_it_again() {
    let tenant = tenant();
    tenant.user("ada@example.com");
    let body = json!({"schemas": [USER], "userName": "ada@example.com", "displayName": "<script>alert('x')</script>"});
    let failed = send(&tenant, &tenant.client, "POST", "/Users", Some(&body));
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let page = browser.open(&format!("/admin/log/{}", failed.id));
    assert_eq!(page.heading(), "Create ada@example.com");
    for text in [
        "has this name already",
        "409 uniqueness",
        "Retry selected",
        &failed.request_id,
        "content-type: application/scim+json",
        "-X POST",
    ] {
        assert!(page.says(text), "{text}: {}", page.text);
    }
    assert!(page.says("-H \"Authorization: Bearer $TOKEN\"") && page.says("'\\''x'\\''"));
    assert!(!page.text.contains("<script>alert"));
    let token = tenant.client.authorization().unwrap().trim_start_matches("Bearer ");
    assert!(!page.text.contains(token));
}

#[test]
fn requests_of_another_tenant_are_not_there_and_those_of_strangers_are_for_operators() {
    let (own, other) = (tenant(), tenant());
    let theirs = send(&other, &other.client, "GET", "/Users", None);
    let stranger = Tenant { id: TenantId::NONE, name: String::new(), client: Client::anonymous(&shared().url) };
    let unknown = send(&stranger, &stranger.client, "GET", "/Users", None);
    let mut owner = signed_in(own.id, Role::Owner);
    for id in [theirs.id.to_string(), unknown.id.to_string(), "nonsense".into(), "%00".into()] {
        assert_eq!(owner.open(&format!("/admin/log/{id}")).status, 404, "{id}");
    }
    let search = format!("/admin/log?text={}", unknown.request_id);
    assert!(owner.open(&search).says("Nothing matches"));
    let mut operator = signed_in(TenantId::NONE, Role::Owner);
    assert!(operator.open(&search).says("no credential"));
    let page = operator.open(&format!("/admin/log/{}", unknown.id));
    assert!(page.status == 200 && page.says("no Authorization header"), "{}", page.text);
}

#[test]
fn the_overview_of_a_fresh_tenant_leads_on_and_later_shows_what_happened() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Owner);
    let page = browser.open("/admin");
    assert_eq!(page.heading(), "Overview");
    assert!(page.says("First steps") && page.says("no call yet"), "{}", page.text);
    // The tenant has a token, so the test is next; it is the only step with a button.
    let steps = page.text.split("<ol class=\"steps\">").nth(1).unwrap().split("</ol>").next().unwrap();
    assert_eq!(steps.matches("class=\"button\"").count(), 1);
    assert!(steps.contains("Connect Okta"), "{steps}");
    tenant.user("ada@example.com");
    for _ in 0..3 {
        assert_eq!(tenant.client.post("/Users", &minimal("ada@example.com")).status, 409);
    }
    let browser = std::cell::RefCell::new(browser);
    let page = eventually("the counts", || {
        let page = browser.borrow_mut().open("/admin");
        (page.says("3 × Somebody") && page.says("1 changes, 0 reads, 3 refused")).then_some(page)
    });
    let mut browser = browser.into_inner();
    assert!(page.says("1 active · 0 inactive"), "{}", page.text);
    assert!(page.says("Push the first group") && page.says("of okta"));
    for range in ["7d", "30d", "x"] {
        let page = browser.open(&format!("/admin?range={range}"));
        assert!(page.status == 200 && page.says("1 changes, 0 reads, 3 refused"), "{range}");
    }
    let group = json!({"schemas": [GROUP], "displayName": "Staff"});
    assert_eq!(tenant.client.post("/Groups", &group).status, 201);
    assert!(!browser.open("/admin").says("First steps"));
}

#[test]
fn credentials_that_end_soon_need_attention() {
    let tenant = tenant();
    token(tenant.id, &Scope::ALL, Some(Utc::now() + TimeDelta::days(6)));
    let mut browser = signed_in(tenant.id, Role::Auditor);
    assert!(browser.open("/admin").says("The token okta expires in 5 days"));
    shared().with_backend(|backend| {
        backend.store.gate(|gate| gate.count_users(tenant.id, Utc::now() - TimeDelta::minutes(1))).unwrap();
    });
    assert!(browser.open("/admin").says("Active users in the last 24 hours: from 0 to 0"));
}

#[test]
fn credentials_that_ended_long_ago_are_not_offered() {
    let tenant = tenant();
    let statement = format!(
        "INSERT INTO header_tokens (id, tenant_id, name, secret_hash, key_version, scopes, created_at, revoked_at, created_by, allowed_networks) \
         SELECT substr(md5('{0}' || n), 1, 12), '{0}', 'self-test', sha256(('{0}' || n)::bytea), 1, '{{}}', now() - interval '60 days', \
         now() - interval '60 days', '', '{{}}' FROM generate_series(1, 600) n",
        tenant.id.0
    );
    database::execute(&mut database::connect(&shared().data_dir, "provisor"), &statement);
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let page = browser.open("/admin/log");
    assert_eq!(page.status, 200);
    assert_eq!(page.text.matches("self-test").count(), 0);
    // The one that the tenant came with is.
    let own =
        format!("SELECT id AS value FROM header_tokens WHERE tenant_id = '{}' AND revoked_at IS NULL", tenant.id.0);
    let own = database::texts(&mut database::connect(&shared().data_dir, "provisor"), &own);
    assert_eq!(own.len(), 1);
    assert!(page.text.contains(&format!("value=\"{}\"", own[0])), "{}", page.text);
    assert!(browser.open("/admin").says("Credentials"));
}
