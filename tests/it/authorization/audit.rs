//! The audit log: one entry for each change, in its transaction, and one for each refusal, soon after.

use provisor::store::AuditRow;

use super::*;
use crate::support::database::password_hash;
use crate::support::{ENTERPRISE, eventually, okta_user, patch, path_of, tenant_with};

/// A tenant whose client's token is known.
fn tenant_and_token(stores_passwords: bool) -> (Tenant, String) {
    let tenant = tenant_with(stores_passwords);
    let token = token(tenant.id, &Scope::ALL, None);
    (Tenant { client: client(Some(&token)), ..tenant }, token)
}

/// The entries of changes, the oldest first.
fn changes(tenant: &Tenant) -> Vec<AuditRow> {
    tenant.audit().into_iter().rev().filter(|row| row.action.starts_with("resource.")).collect()
}

/// The refusal that the log has for the request of this answer.
fn refusal(tenant: &Tenant, answer: &Answer) -> AuditRow {
    let request_id = answer.header("x-request-id").unwrap();
    eventually("the entry of a refusal", || tenant.audit().into_iter().find(|row| row.request_id == request_id))
}

fn without(resource: &Value, name: &str) -> Value {
    let mut resource = resource.clone();
    resource.as_object_mut().unwrap().remove(name);
    resource
}

#[test]
fn every_change_has_one_entry_with_actor_target_and_difference() {
    let (tenant, token) = tenant_and_token(false);
    let client = &tenant.client;
    let mut body = okta_user("ada@example.com");
    body[ENTERPRISE] = json!({"department": "IT"});

    let created = client.post("/Users", &body);
    let user = created.json();
    let path = path_of(&user);
    let mut replacement = without(&user, "title");
    replacement["displayName"] = json!("Ada");
    replacement["nickName"] = json!("A");
    let replaced = client.put(&path, &replacement);
    let operations = json!([
        {"op": "remove", "path": "nickName"},
        {"op": "replace", "path": "name.givenName", "value": "Ada"},
        {"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Maths"},
    ]);
    let modified = client.modify(&path, &operations);
    let last = without(&modified.json(), "meta");
    let deleted = client.delete(&path);
    assert_eq!([created.status, replaced.status, modified.status, deleted.status], [201, 200, 200, 204]);

    let expected = [
        (created, "resource.create", json!(null), without(&user, "meta")),
        (
            replaced,
            "resource.replace",
            json!({"displayName": "Test User"}),
            json!({"displayName": "Ada", "nickName": "A"}),
        ),
        (
            modified,
            "resource.modify",
            json!({"nickName": "A", "name": user["name"], ENTERPRISE: {"department": "IT"}}),
            json!({"name": {"givenName": "Ada", "familyName": "User"}, ENTERPRISE: {"department": "Maths"}}),
        ),
        (deleted, "resource.delete", last, json!(null)),
    ];
    let rows = changes(&tenant);
    assert_eq!(rows.len(), expected.len());
    for (row, (answer, action, before, after)) in rows.iter().zip(expected) {
        assert_eq!(row.action, action);
        assert_eq!(row.tenant_id, tenant.id.0);
        assert_eq!((row.before.clone().unwrap_or_default(), row.after.clone().unwrap_or_default()), (before, after));
        let actor = [row.actor_kind.as_str(), &row.actor_id, &row.actor_name];
        assert_eq!(actor, ["header_token", id_of(&token), "okta"]);
        assert_eq!([row.target_type.as_str(), &row.target_id], ["User", user["id"].as_str().unwrap()]);
        assert_eq!(row.request_id, answer.header("x-request-id").unwrap());
        assert_eq!(row.address.as_deref(), Some("127.0.0.1"));
        assert_eq!(row.detail, None);
    }
}

#[test]
fn a_change_that_changes_nothing_or_fails_has_no_entry_of_a_change() {
    let (tenant, _) = tenant_and_token(false);
    let client = &tenant.client;
    let user = tenant.create(&okta_user("ada@example.com"));
    tenant.user("taken");
    let path = path_of(&user);
    let before = changes(&tenant).len();
    let replace = |value: Value| patch(&json!([{"op": "replace", "value": value}]));
    for unchanged in [
        client.put(&path, &user),
        client.put(&path, &okta_user("ada@example.com")),
        client.patch(&path, &replace(json!({"active": true}))),
        client.patch(&path, &replace(json!({"password": "dropped"}))),
        client.modify(&path, &json!([{"op": "remove", "path": "title"}])),
    ] {
        assert_eq!(unchanged.status, 200, "{}", unchanged.text);
        assert_eq!(unchanged.json(), user);
    }
    for (answer, status) in [
        (client.post("/Users", &minimal("taken")), 409),
        (client.put(&path, &minimal("taken")), 409),
        (client.patch(&path, &replace(json!({"userName": "taken"}))), 409),
        (client.delete("/Users/unknown"), 404),
        (Client::send(client.request(Method::DELETE, &path).header("If-Match", "W/\"9\"")), 412),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    assert_eq!(changes(&tenant).len(), before);
}

#[test]
fn the_request_id_of_the_client_is_taken_where_it_is_one() {
    let (tenant, _) = tenant_and_token(false);
    let create = |name: &str, request_id: &str| {
        let request = tenant.client.request(Method::POST, "/Users").header("X-Request-Id", request_id);
        let answer = Client::send(request.body(minimal(name).to_string()));
        assert_eq!(answer.status, 201, "{}", answer.text);
        let shown = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!(changes(&tenant).last().unwrap().request_id, shown);
        shown
    };
    let longest = "x".repeat(128);
    for (number, own) in ["Req-1.2_3", longest.as_str()].into_iter().enumerate() {
        assert_eq!(create(&format!("own-{number}"), own), own);
    }
    for (number, wrong) in ["", "a b", "<script>", &format!("{longest}x")].into_iter().enumerate() {
        let made = create(&format!("made-{number}"), wrong);
        assert!(uuid::Uuid::parse_str(&made).is_ok(), "{made}");
    }
}

#[test]
fn refused_credentials_of_the_tenant_are_in_its_log() {
    let tenant = tenant();
    for (authorization, reason) in refused(&tenant) {
        if !["expired token", "revoked token"].contains(&reason) {
            continue;
        }
        let authorization = authorization.unwrap();
        let token = authorization.strip_prefix("Bearer ").unwrap();
        let answer = client(Some(&authorization)).get("/Users");
        let row = refusal(&tenant, &answer);
        assert_eq!(row.action, "authentication.refused");
        assert_eq!([row.actor_kind.as_str(), &row.actor_id], ["anonymous", id_of(token)]);
        assert_eq!([row.target_type.as_str(), &row.target_id], ["Credential", id_of(token)]);
        assert_eq!(row.detail.as_deref(), Some(reason));
        assert_eq!(row.address.as_deref(), Some("127.0.0.1"));
        assert_eq!((&row.before, &row.after), (&None, &None));
        assert!(!format!("{row:?}").contains(&token[18..]), "{row:?}");
    }
}

#[test]
fn refused_writes_are_in_the_log_and_refused_reads_are_not() {
    let (tenant, token_text) = tenant_and_token(false);
    let user = tenant.user("subject");
    let id = user["id"].as_str().unwrap();
    let path = path_of(&user);
    let reader_token = token(tenant.id, &[Scope::Read], None);
    let reader = client(Some(&reader_token));
    let any = &tenant.client;
    let body = json!({"schemas": [crate::support::USER], "userName": "", "password": "hunter2"});
    let conditional = any.request(Method::DELETE, &path).header("If-Match", "W/\"9\"");
    let reads = [
        any.get("/Users/unknown"),
        any.filter("nonsense"),
        any.post("/Users/.search", &json!({"filter": "nonsense"})),
        tenant.client_with(&[Scope::Write]).get(&path),
    ];
    let lacks = "answered 403: the token lacks the scope scim.write";
    let rows = [
        (reader.post("/Users", &minimal("new")), &reader_token, "", format!("POST {lacks}")),
        (reader.put(&path, &minimal("new")), &reader_token, id, format!("PUT {lacks}")),
        (reader.modify(&path, &json!([])), &reader_token, id, format!("PATCH {lacks}")),
        (reader.delete(&path), &reader_token, id, format!("DELETE {lacks}")),
        (any.post("/Users", &body), &token_text, "", "POST answered 400: attribute 'userName': is required".into()),
        (
            any.post("/Users", &minimal("subject")),
            &token_text,
            "",
            "POST answered 409: a User with this userName already exists: subject".into(),
        ),
        (
            any.put("/Users/unknown", &minimal("x")),
            &token_text,
            "unknown",
            "PUT answered 404: User 'unknown' not found".into(),
        ),
        (Client::send(conditional), &token_text, id, "DELETE answered 412: the resource is at version W/\"1\"".into()),
    ];
    for (answer, token, target, detail) in &rows {
        let row = refusal(&tenant, answer);
        assert_eq!(row.action, "write.refused");
        assert_eq!([row.actor_kind.as_str(), &row.actor_id, &row.actor_name], ["header_token", id_of(token), "okta"]);
        assert_eq!([row.target_type.as_str(), &row.target_id], ["Users", target]);
        assert_eq!(row.detail.as_deref(), Some(detail.as_str()));
        assert_eq!(row.address.as_deref(), Some("127.0.0.1"));
        assert_eq!((&row.before, &row.after), (&None, &None));
    }
    let log = tenant.audit();
    assert_eq!(log.iter().filter(|row| row.action == "write.refused").count(), rows.len());
    for read in &reads {
        let request_id = read.header("x-request-id").unwrap();
        assert!(read.status >= 400 && log.iter().all(|row| row.request_id != request_id), "{}", read.text);
    }
    let log = format!("{log:?}");
    for secret in [&token_text[18..], &reader_token[18..], "hunter2"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn refused_operations_of_a_bulk_request_are_in_the_log_like_requests_of_their_own() {
    let (tenant, token) = tenant_and_token(false);
    let user = tenant.user("subject");
    let id = user["id"].as_str().unwrap();
    let post = |name: &str, data: Value| json!({"method": "POST", "path": "/Users", "bulkId": name, "data": data});
    let secret = json!({"userName": "", "password": "hunter2"});
    let operations = json!([
        post("a", minimal("new")),
        post("b", minimal("SUBJECT")),
        post("c", secret),
        {"method": "PUT", "path": "/Users/bulkId:b", "data": minimal("x")},
        {"method": "DELETE", "path": path_of(&user), "version": "W/\"9\""},
        {"method": "GET", "path": path_of(&user)},
        {"method": "DELETE"},
    ]);
    let answer =
        tenant.client.post("/Bulk", &json!({"schemas": [crate::support::BULK_REQUEST], "Operations": operations}));
    assert_eq!(answer.status, 200, "{}", answer.text);
    let request_id = answer.header("x-request-id").unwrap();
    let rows = eventually("the entries of the refusals", || {
        let log = tenant.audit();
        let of_request = |row: &AuditRow| row.request_id == request_id && row.action == "write.refused";
        let rows: Vec<_> = log.into_iter().rev().filter(of_request).collect();
        (rows.len() == 6).then_some(rows)
    });
    let mut found: Vec<[&str; 3]> = rows
        .iter()
        .map(|row| [row.target_type.as_str(), row.target_id.as_str(), row.detail.as_deref().unwrap()])
        .collect();
    let mut expected = [
        ["Users", "", "POST answered 409: a User with this userName already exists: SUBJECT"],
        ["Users", "", "POST answered 400: attribute 'userName': is required"],
        ["Users", "bulkId:b", "PUT answered 409: refers to the operation with bulkId 'b', which failed"],
        ["Users", id, "DELETE answered 412: the resource is at version W/\"1\""],
        ["Users", id, "GET answered 400: method 'GET' is none of POST, PUT, PATCH, DELETE"],
        ["", "", "DELETE answered 400: an operation needs a 'path' of at most 512 bytes"],
    ];
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    for row in &rows {
        assert_eq!([row.actor_kind.as_str(), &row.actor_id, &row.actor_name], ["header_token", id_of(&token), "okta"]);
        assert_eq!(row.address.as_deref(), Some("127.0.0.1"));
    }
    let created: Vec<_> = changes(&tenant).into_iter().filter(|row| row.request_id == request_id).collect();
    assert_eq!(created.len(), 1);
    assert!(!format!("{:?}", tenant.audit()).contains("hunter2"));

    // Refused as a whole it is one entry.
    let whole = refusal(&tenant, &tenant.client.post("/Bulk", &json!({})));
    assert_eq!([whole.target_type.as_str(), &whole.target_id], ["Bulk", ""]);
    assert!(whole.detail.unwrap().starts_with("POST answered 400: a bulk request"));
}

#[test]
fn refusals_that_differ_only_in_the_request_share_an_entry() {
    const TIMES: usize = 30;
    let tenant = tenant();
    let reader = tenant.client_with(&[Scope::Read]);
    for _ in 0..TIMES {
        assert_eq!(reader.post("/Users", &minimal("new")).status, 403);
    }
    let counted = || {
        let rows = tenant.audit().into_iter().filter(|row| row.action == "write.refused");
        let times = |row: AuditRow| {
            let detail = row.detail.unwrap();
            let number = detail.rsplit_once(" (").and_then(|(_, times)| times.strip_suffix(" times)")?.parse().ok());
            number.unwrap_or(1)
        };
        let each: Vec<usize> = rows.map(times).collect();
        (each.iter().sum::<usize>() == TIMES).then_some(each.len())
    };
    assert!(eventually("the entry of every refusal", counted) < TIMES);
}

#[test]
fn entries_follow_the_time_although_refusals_are_written_later() {
    let tenant = tenant();
    for number in 0..20 {
        let refused = tenant.client.delete(&format!("/Users/none{number}"));
        tenant.user(&format!("user{number}"));
        if number == 19 {
            refusal(&tenant, &refused);
        }
    }
    let times: Vec<_> = tenant.audit().into_iter().map(|row| row.occurred_at).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
}

#[test]
fn passwords_are_in_no_entry_neither_clear_nor_hashed() {
    let (tenant, _) = tenant_and_token(true);
    let client = &tenant.client;
    let user = tenant.create(&okta_user("ada@example.com"));
    let (path, id) = (path_of(&user), user["id"].as_str().unwrap());
    let mut secrets = vec!["1mz050nq".to_owned(), password_hash(id).unwrap()];
    let mut body = user.clone();
    body["password"] = json!("by-put");
    assert_eq!(client.put(&path, &body).status, 200);
    secrets.extend(["by-put".into(), password_hash(id).unwrap()]);
    let operations = json!([{"op": "replace", "path": "password", "value": "by-patch"}]);
    assert_eq!(client.modify(&path, &operations).status, 200);
    secrets.extend(["by-patch".into(), password_hash(id).unwrap()]);
    assert_eq!(client.delete(&path).status, 204);

    let rows = changes(&tenant);
    assert_eq!(rows.len(), 4);
    for changed in &rows[1..3] {
        assert_eq!(changed.before, Some(json!({})));
        assert_eq!(changed.after, Some(json!({"password": "(changed)"})));
    }
    let log = format!("{:?}", tenant.audit());
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret}: {log}");
    }
}
