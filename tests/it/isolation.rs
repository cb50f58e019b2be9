//! Two tenants on one server: neither sees, changes, or learns of the other's users, by whatever request.

use provisor::auth::{self, Scope, TokenError};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Answer, BULK_REQUEST, Client, ENTERPRISE, Tenant, USER, assert_error, eventually, minimal, operator, patch,
    path_of, shared, tenant,
};

/// What occurs in the other tenant's users and nowhere else. Ids are not among it: who asks for one hears it again.
const MARK: &str = "Zanzibar";

/// A user every value of which has the mark.
fn marked(number: usize) -> Value {
    let mark = |text: &str| format!("{text}-{MARK}-{number}");
    json!({
        "schemas": [USER], "userName": mark("name"), "externalId": mark("external"), "displayName": mark("display"),
        "name": {"givenName": mark("given"), "familyName": mark("family")}, "title": mark("title"), "active": false,
        "emails": [{"value": mark("mail"), "type": "work", "primary": true}],
        ENTERPRISE: {"department": mark("department"), "manager": {"value": mark("manager")}}
    })
}

/// Everything that a tenant has, as text that can be compared.
fn everything(tenant: &Tenant) -> String {
    format!("{}\n{:?}", tenant.client.get("/Users?count=1000").text, tenant.audit())
}

/// The other tenant with users, one's own tenant with one user, and their paths.
fn two_tenants() -> (Tenant, Vec<Value>, Tenant, String) {
    let (other, own) = (tenant(), tenant());
    let users = (0..3).map(|number| other.create(&marked(number))).collect();
    let own_path = own.create_path(&minimal("own"));
    (other, users, own, own_path)
}

fn assert_silent(answer: &Answer, what: &str) {
    assert!(!answer.text.contains(MARK), "{what}: {}", answer.text);
    assert!(
        !answer.headers.values().any(|value| value.to_str().unwrap().contains(MARK)),
        "{what}: {:?}",
        answer.headers
    );
}

#[test]
fn an_id_of_another_tenant_names_nothing_for_any_method_and_condition() {
    let (other, users, own, _) = two_tenants();
    let before = everything(&other);
    let path = path_of(&users[0]);
    let tag = users[0]["meta"]["version"].as_str().unwrap();
    let replace = patch(&json!([{"op": "replace", "value": {"title": "Mine"}}]));
    let guarded = patch(&json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "mine"}]));
    let bodies = [
        (Method::GET, None),
        (Method::HEAD, None),
        (Method::PUT, Some(minimal("mine"))),
        (Method::PUT, Some(users[0].clone())),
        (Method::PATCH, Some(replace)),
        (Method::PATCH, Some(guarded)),
        (Method::DELETE, None),
    ];
    let conditions = [None, Some(("If-Match", tag)), Some(("If-Match", "*")), Some(("If-Match", "W/\"9\""))];
    let conditions = conditions.into_iter().chain([Some(("If-None-Match", tag)), Some(("If-None-Match", "*"))]);
    for condition in conditions {
        for (method, body) in &bodies {
            for query in ["", "?attributes=userName", "?excludedAttributes=emails"] {
                let what = format!("{method} {query} {condition:?}");
                // What one hears of an id that nobody has.
                let ask = |path: &str| {
                    let mut request = own.client.request(method.clone(), &format!("{path}{query}"));
                    if let Some((name, value)) = condition {
                        request = request.header(name, value);
                    }
                    if let Some(body) = body {
                        request = request.header("Content-Type", "application/scim+json").body(body.to_string());
                    }
                    Client::send(request)
                };
                let unknown = "/Users/00000000-0000-7000-8000-000000000000";
                let (answer, nobody) = (ask(&path), ask(unknown));
                assert_eq!(answer.status, 404, "{what}: {}", answer.text);
                assert_silent(&answer, &what);
                assert_eq!(answer.text.replace(&path[7..], &unknown[7..]), nobody.text, "{what}");
            }
        }
    }
    // The refusals are written in order, and into the log of who was refused.
    let last = own.client.delete("/Users/last");
    let request_id = last.header("x-request-id").unwrap();
    let log = eventually("the last refusal", || {
        let log = own.audit();
        log.iter().any(|row| row.request_id == request_id).then_some(log)
    });
    assert!(log.iter().any(|row| row.target_id == path[7..]));
    assert!(!format!("{log:?}").contains(MARK), "{log:?}");
    assert_eq!(everything(&other), before);
}

#[test]
fn no_filter_finds_what_another_tenant_has() {
    let (other, users, own, _) = two_tenants();
    let before = everything(&other);
    let user = &users[0];
    let text = |pointer: &str| user.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let location = text("/meta/location");
    let filters = [
        format!("id eq \"{}\"", text("/id")),
        format!("externalId eq \"{}\"", text("/externalId")),
        format!("meta.location eq \"{location}\""),
        format!("meta.location sw \"{}\"", &location[..location.len() - 4]),
        format!("meta.created eq \"{}\"", text("/meta/created")),
        format!("meta.lastModified le \"{}\"", text("/meta/lastModified")),
        format!("userName eq \"{}\"", text("/userName")),
        format!("userName eq \"{}\" or id eq \"{}\"", text("/userName"), text("/id")),
        format!("emails[type eq \"work\"].value eq \"{}\"", text("/emails/0/value")),
        format!("{ENTERPRISE}:manager.value eq \"{}\"", text(&format!("/{ENTERPRISE}/manager/value"))),
        format!("name.familyName co \"{MARK}\""),
        "active eq false".into(),
        "externalId pr".into(),
        "not (userName eq \"own\")".into(),
        "userName ne \"own\" and id pr".into(),
    ];
    for filter in &filters {
        for _ in 0..2 {
            assert!(!other.client.found(filter).is_empty(), "{filter}");
            // One's own user may be older than the other's, never what is sought.
            assert!(own.client.found(filter).iter().all(|name| name == "own"), "{filter}");
        }
        let search = |client: &Client, request: &Value| client.post("/Users/.search", request);
        for request in [json!({"filter": filter}), json!({"filter": filter, "attributes": ["userName"], "count": 0})] {
            let answer = search(&own.client, &request);
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_silent(&answer, filter);
            assert!(answer.json()["totalResults"].as_u64().unwrap() <= 1, "{}", answer.text);
            assert!(search(&other.client, &request).json()["totalResults"].as_u64().unwrap() >= 1);
        }
    }
    let all = own.client.get("/Users?count=1000");
    assert_silent(&all, "all");
    assert_eq!(all.json()["totalResults"], 1);
    for query in ["?count=1000", "?filter=id%20pr", "?sortBy=userName&sortOrder=descending", "?cursor&sortBy=title"] {
        let everything = own.client.get(query);
        assert_silent(&everything, query);
        assert_eq!(everything.json()["totalResults"], 1, "{query}");
    }
    assert_eq!(everything(&other), before);
}

#[test]
fn what_one_writes_may_name_the_other_but_never_reaches_it() {
    let (other, users, own, own_path) = two_tenants();
    let before = everything(&other);
    let stolen = users[0]["id"].clone();
    let own_id = own_path[7..].to_owned();

    // The other's id and meta in a body are ignored.
    let mut body = minimal("created");
    body["id"] = stolen.clone();
    body["meta"] = users[0]["meta"].clone();
    let created = own.create(&body);
    assert_ne!(created["id"], stolen);
    assert_ne!(created["meta"]["location"], users[0]["meta"]["location"]);
    body["userName"] = json!("own");
    assert_eq!(own.client.put(&own_path, &body).json()["id"], own_id);
    for path in ["id", "meta.location"] {
        let operations = json!([{"op": "replace", "path": path, "value": stolen}]);
        assert_error(&own.client.modify(&own_path, &operations), 400, Some("mutability"));
    }

    // A manager of the other tenant is a text like any other.
    let operations = json!([{"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": {"value": stolen}}]);
    let answer = own.client.modify(&own_path, &operations);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_silent(&answer, "manager");
    assert_eq!(answer.json()[ENTERPRISE]["manager"], json!({"value": stolen}));
    assert_eq!(everything(&other), before);
}

#[test]
fn bulk_operations_reach_no_other_tenant() {
    let (other, users, own, own_path) = two_tenants();
    let before = everything(&other);
    let path = path_of(&users[0]);
    let tag = users[0]["meta"]["version"].clone();
    let title = patch(&json!([{"op": "replace", "path": "title", "value": "Mine"}]));
    let operations = json!([
        {"method": "PUT", "path": path, "data": minimal("mine")},
        {"method": "PATCH", "path": path, "data": title},
        {"method": "PATCH", "path": path, "version": tag, "data": title},
        {"method": "PATCH", "path": users[0]["meta"]["location"], "data": title},
        {"method": "DELETE", "path": path},
        {"method": "DELETE", "path": path, "version": "W/\"9\""},
        {"method": "POST", "path": "/Users", "bulkId": "same", "data": {"userName": users[0]["userName"]}},
        {"method": "PATCH", "path": own_path, "data": title},
    ]);
    // The other has the same bulkId at the same time.
    let message = |operations: &Value| json!({"schemas": [BULK_REQUEST], "Operations": operations});
    let refers = json!([{"method": "DELETE", "path": "/Users/bulkId:same"}]);
    assert_eq!(other.client.post("/Bulk", &message(&refers)).json()["Operations"][0]["status"], "400");
    let answer = own.client.post("/Bulk", &message(&operations));
    assert_silent(&answer, "bulk");
    let replies = answer.json()["Operations"].take();
    let statuses: Vec<_> = replies.as_array().unwrap().iter().map(|reply| reply["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["404", "404", "404", "404", "404", "404", "201", "200"]);
    assert_eq!(other.client.post("/Bulk", &message(&refers)).json()["Operations"][0]["status"], "400");
    assert_eq!(everything_but_refusals(&other), before);
}

/// What [`everything`] shows, without refused writes.
fn everything_but_refusals(tenant: &Tenant) -> String {
    let log: Vec<_> = tenant.audit().into_iter().filter(|row| row.action != "write.refused").collect();
    format!("{}\n{log:?}", tenant.client.get("/Users?count=1000").text)
}

#[test]
fn names_are_taken_in_one_tenant_only() {
    let (one, other) = (tenant(), tenant());
    let body = marked(0);
    let (mine, theirs) = (one.create(&body), other.create(&body));
    assert_ne!(mine["id"], theirs["id"]);
    for tenant in [&one, &other] {
        assert_error(&tenant.client.post("/Users", &body), 409, Some("uniqueness"));
        assert_eq!(tenant.client.get("/Users").json()["totalResults"], 1);
    }
    // Renamed, deleted and made again here, nothing changes there.
    let before = everything(&other);
    let path = path_of(&mine);
    let rename = json!([{"op": "replace", "path": "userName", "value": "renamed"}]);
    assert_eq!(one.client.modify(&path, &rename).status, 200);
    assert_eq!(
        one.client.modify(&path, &json!([{"op": "replace", "value": {"userName": mine["userName"]}}])).status,
        200
    );
    assert_eq!(one.client.delete(&path).status, 204);
    assert_eq!(one.client.get("/Users").json()["totalResults"], 0);
    one.create(&body);
    assert_eq!(everything(&other), before);
}

#[test]
fn a_token_of_another_tenant_is_neither_listed_nor_changed() {
    let (own, other) = (tenant(), tenant());
    shared().with_backend(|backend| {
        let (own, other) = (operator(own.id), operator(other.id));
        let ids = |caller| -> Vec<String> {
            let rows = auth::tokens::list(&backend.store, caller).unwrap();
            rows.into_iter().map(|row| row.id).collect()
        };
        let (mine, theirs) = (ids(&own), ids(&other));
        assert_eq!((mine.len(), theirs.len()), (1, 1));
        assert_ne!(mine, theirs);
        let refused = auth::tokens::revoke(&backend.store, &own, &theirs[0]);
        assert!(matches!(refused, Err(TokenError::Unknown(_))), "{refused:?}");
        let refused =
            auth::tokens::rotate(&backend.store, &own, &backend.token_key, &theirs[0], chrono::TimeDelta::zero());
        assert!(matches!(refused, Err(TokenError::Unknown(_))), "{refused:?}");
        assert_eq!((ids(&own), ids(&other)), (mine, theirs));
    });
    assert_eq!(other.client.get("/Users").status, 200);
}

/// Four walks at once, two of them of one tenant by different tokens, at the same positions and with the same filters.
#[test]
fn walks_over_pages_do_not_mix() {
    const USERS: usize = 25;
    let tenants = [tenant(), tenant()];
    // All ids of the one precede those of the other: to go on behind an id of the other would skip or repeat.
    let create = |tenant: &Tenant| -> Vec<Value> {
        (0..USERS).map(|number| tenant.user(&format!("user-{number}"))["id"].clone()).collect()
    };
    let expected = [create(&tenants[0]), create(&tenants[1])];
    for filter in [None, Some("userName sw \"user\"")] {
        let clients = tenants.iter().zip(&expected).flat_map(|(tenant, ids)| {
            let second = tenant.client_with(&[Scope::Read]);
            [(tenant.client.clone(), ids), (second, ids)]
        });
        let mut walks: Vec<_> = clients.map(|(client, ids)| (client, ids, Vec::new())).collect();
        for start in (1..=USERS).step_by(7) {
            let start = start.to_string();
            for (client, _, seen) in &mut walks {
                let mut parameters = vec![("startIndex", start.as_str()), ("count", "7")];
                parameters.extend(filter.map(|filter| ("filter", filter)));
                let page = client.query("/Users", &parameters).json();
                assert_eq!(page["totalResults"], USERS);
                seen.extend(page["Resources"].as_array().unwrap().iter().map(|user| user["id"].clone()));
            }
        }
        for (_, ids, seen) in &walks {
            assert_eq!(seen, *ids);
        }
    }
}
