//! RFC 7644 section 3.7: bulk operations.

use provisor::auth::Scope;
use provisor::scim::limits;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ada, read};
use crate::support::{
    BULK_REQUEST, BULK_RESPONSE, Client, ENTERPRISE, GROUP, Tenant, USER, assert_error, minimal, patch, path_of, tenant,
};

/// A bulk message with these operations.
fn message(operations: &Value) -> Value {
    json!({"schemas": [BULK_REQUEST], "Operations": operations})
}

/// The replies to a bulk message.
#[track_caller]
fn replies(client: &Client, message: &Value) -> Vec<Value> {
    let answer = client.post("/Bulk", message);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["schemas"], json!([BULK_RESPONSE]));
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    body["Operations"].as_array().unwrap().clone()
}

/// The replies to these operations.
#[track_caller]
fn bulk(client: &Client, operations: &Value) -> Vec<Value> {
    replies(client, &message(operations))
}

fn statuses(replies: &[Value]) -> Vec<&str> {
    replies.iter().map(|reply| reply["status"].as_str().unwrap()).collect()
}

fn post(bulk_id: &str, data: &Value) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data})
}

/// A user with a manager, for whom a reference may stand.
fn managed(user_name: &str, manager: &str) -> Value {
    json!({"schemas": [USER, ENTERPRISE], "userName": user_name, ENTERPRISE: {"manager": {"value": manager}}})
}

/// The user of this name.
#[track_caller]
fn named(tenant: &Tenant, user_name: &str) -> Value {
    let list = tenant.client.filter(&format!("userName eq \"{user_name}\"")).json();
    assert_eq!(list["totalResults"], 1, "{user_name}");
    list["Resources"][0].clone()
}

fn manager(user: &Value) -> &Value {
    &user[ENTERPRISE]["manager"]["value"]
}

fn total(tenant: &Tenant) -> Value {
    read(&tenant.client, "/Users?count=0")["totalResults"].clone()
}

#[track_caller]
fn assert_failed(reply: &Value, status: u16, scim_type: Option<&str>) {
    assert_eq!(reply["status"], status.to_string(), "{reply}");
    let error = &reply["response"];
    assert_eq!(error["schemas"], json!([crate::support::ERROR]), "{reply}");
    assert_eq!(error["status"], status.to_string(), "{reply}");
    assert_eq!(error.get("scimType").and_then(Value::as_str), scim_type, "{reply}");
    assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{reply}");
    assert_eq!(reply.get("version"), None, "{reply}");
}

#[test]
fn r7644_3_7_1_post_put_patch_and_delete_are_carried_out_in_one_request() {
    let tenant = tenant();
    let [replaced, modified, deleted] = ["replaced", "modified", "deleted"].map(|name| path_of(&tenant.user(name)));
    let title = patch(&json!([{"op": "add", "path": "title", "value": "Countess"}]));
    let done = bulk(
        &tenant.client,
        &json!([
            post("new", &ada()),
            {"method": "PUT", "path": replaced, "data": ada_named("other")},
            {"method": "patch", "path": &modified[1..], "data": title},
            {"Method": "Delete", "PATH": format!("{}{deleted}", tenant.client.base())},
        ]),
    );
    assert_eq!(statuses(&done), ["201", "200", "200", "204"]);
    let mut created = named(&tenant, "ada@example.com");
    assert_eq!(created[ENTERPRISE], ada()[ENTERPRISE]);
    assert_eq!(read(&tenant.client, &replaced)["userName"], "other");
    assert_eq!(read(&tenant.client, &modified)["title"], "Countess");
    assert_error(&tenant.client.get(&deleted), 404, None);
    // What a single POST makes is the same.
    assert_eq!(bulk(&tenant.client, &json!([{"method": "DELETE", "path": path_of(&created)}]))[0]["status"], "204");
    let mut single = tenant.create(&ada());
    for name in ["id", "meta"] {
        created[name] = json!(null);
        single[name] = json!(null);
    }
    assert_eq!(created, single);
}

fn ada_named(user_name: &str) -> Value {
    let mut body = ada();
    body["userName"] = json!(user_name);
    body
}

#[test]
fn r7644_3_7_1_other_methods_and_other_paths_are_refused_one_by_one() {
    let tenant = tenant();
    let user = tenant.user("ada");
    let path = path_of(&user);
    let refused = [
        (json!({"method": "GET", "path": path}), 400, Some("invalidSyntax")),
        (json!({"method": "HEAD", "path": path}), 400, Some("invalidSyntax")),
        (json!({"path": path}), 400, Some("invalidSyntax")),
        (json!({"method": "DELETE"}), 400, Some("invalidSyntax")),
        (json!({"method": "DELETE", "path": "/Users"}), 400, Some("invalidSyntax")),
        (json!({"method": "POST", "path": path, "bulkId": "a", "data": minimal("x")}), 400, Some("invalidSyntax")),
        (json!({"method": "DELETE", "path": "/Robots/1"}), 404, None),
        (json!({"method": "DELETE", "path": "/Bulk/1"}), 404, None),
        (json!({"method": "POST", "path": "/Me", "bulkId": "b", "data": minimal("x")}), 404, None),
        (json!({"method": "DELETE", "path": format!("{path}/emails")}), 404, None),
        (json!({"method": "DELETE", "path": format!("{path}?x=1")}), 404, None),
        (json!({"method": "DELETE", "path": format!("https://elsewhere.example{path}")}), 404, None),
    ];
    let operations: Value = refused.iter().map(|(operation, ..)| operation.clone()).collect();
    let replies = bulk(&tenant.client, &operations);
    assert_eq!(replies.len(), refused.len());
    for (reply, (operation, status, scim_type)) in replies.iter().zip(&refused) {
        assert_failed(reply, *status, *scim_type);
        assert_eq!(reply.get("method"), operation.get("method"));
    }
    assert_eq!(read(&tenant.client, &path), user);
    assert_eq!(total(&tenant), 1);
}

#[test]
fn r7644_3_7_1_what_is_no_bulk_request_is_refused_whole() {
    let tenant = tenant();
    let creation = post("a", &minimal("ada"));
    for (body, scim_type) in [
        (json!([]), "invalidSyntax"),
        (json!({}), "invalidSyntax"),
        (json!({"schemas": [BULK_REQUEST]}), "invalidSyntax"),
        (json!({"Operations": creation}), "invalidSyntax"),
        (json!({"Operations": [creation, "DELETE /Users/1"]}), "invalidSyntax"),
        (json!({"Operations": [creation], "failOnErrors": 0}), "invalidValue"),
        (json!({"Operations": [creation], "failOnErrors": "never"}), "invalidValue"),
        (json!({"Operations": [creation, post("b", &minimal("a\u{0}"))]}), "invalidValue"),
    ] {
        assert_error(&tenant.client.post("/Bulk", &body), 400, Some(scim_type));
    }
    assert_eq!(total(&tenant), 0);
    assert_eq!(bulk(&tenant.client, &json!([])), Vec::<Value>::new());
}

#[test]
fn r7644_3_7_2_a_creation_needs_a_bulk_id_of_its_own_and_hears_it_again() {
    let tenant = tenant();
    let without = json!({"method": "POST", "path": "/Users", "data": minimal("without")});
    let operations = json!([
        post("good", &minimal("good")),
        without,
        post("", &minimal("empty")),
        post("twice", &minimal("first")),
        post("twice", &minimal("second")),
        post("refers", &managed("refers", "bulkId:twice")),
        post("GOOD", &minimal("other")),
    ]);
    let replies = bulk(&tenant.client, &operations);
    assert_eq!(statuses(&replies), ["201", "400", "400", "400", "400", "409", "201"]);
    for reply in &replies[1..5] {
        assert_failed(reply, 400, Some("invalidSyntax"));
        assert!(reply["response"]["detail"].as_str().unwrap().contains("bulkId"));
    }
    for (reply, operation) in replies.iter().zip(operations.as_array().unwrap()) {
        assert_eq!(reply.get("bulkId"), operation.get("bulkId"));
    }
    assert_eq!(total(&tenant), 2);
    // Others may have one, and it is repeated too.
    let path = path_of(&named(&tenant, "good"));
    let deleted = bulk(&tenant.client, &json!([{"method": "DELETE", "path": path, "bulkId": "x"}]));
    assert_eq!(deleted[0]["bulkId"], "x");
}

#[test]
fn r7644_3_7_3_data_is_needed_and_a_patch_is_a_whole_message() {
    let tenant = tenant();
    let user = tenant.user("ada");
    let path = path_of(&user);
    let operations = json!([{"op": "add", "path": "title", "value": "x"}]);
    let replies = bulk(
        &tenant.client,
        &json!([
            {"method": "POST", "path": "/Users", "bulkId": "a"},
            {"method": "PUT", "path": path},
            {"method": "PATCH", "path": path, "data": null},
            {"method": "POST", "path": "/Users", "bulkId": "b", "data": "x"},
            {"method": "PATCH", "path": path, "data": operations},
            {"method": "PATCH", "path": path, "data": {"title": "x"}},
        ]),
    );
    for reply in &replies {
        assert_failed(reply, 400, Some("invalidSyntax"));
    }
    assert_eq!(replies.len(), 6);
    assert_eq!(read(&tenant.client, &path), user);
    let replies = bulk(&tenant.client, &json!([{"method": "PATCH", "path": path, "data": patch(&operations)}]));
    assert_eq!(statuses(&replies), ["200"]);
    assert_eq!(read(&tenant.client, &path)["title"], "x");
}

#[test]
fn r7644_3_7_4_each_reply_has_method_location_version_and_the_status_as_text() {
    let tenant = tenant();
    let path = path_of(&tenant.user("ada"));
    let unknown = "/Users/00000000-0000-7000-8000-000000000000";
    let replies = bulk(
        &tenant.client,
        &json!([
            post("a", &minimal("bob")),
            {"method": "PUT", "path": path, "data": minimal("eve")},
            {"method": "PATCH", "path": path, "data": patch(&json!([]))},
            {"method": "DELETE", "path": path},
            post("b", &minimal("BOB")),
            {"method": "PUT", "path": unknown, "data": minimal("x")},
        ]),
    );
    let bob = named(&tenant, "bob");
    let location = |path: &str| format!("{}{path}", tenant.client.base());
    assert_eq!(
        replies[..4],
        [
            json!({
                "method": "POST", "bulkId": "a", "version": "W/\"1\"", "location": bob["meta"]["location"], "status": "201"
            }),
            json!({"method": "PUT", "version": "W/\"2\"", "location": location(&path), "status": "200"}),
            json!({"method": "PATCH", "version": "W/\"2\"", "location": location(&path), "status": "200"}),
            json!({"method": "DELETE", "location": location(&path), "status": "204"}),
        ]
    );
    assert_failed(&replies[4], 409, Some("uniqueness"));
    assert_eq!(replies[4].get("location"), None);
    assert_failed(&replies[5], 404, None);
    assert_eq!(replies[5]["location"], location(unknown));
}

#[test]
fn r7644_3_7_5_each_operation_stands_alone() {
    let tenant = tenant();
    tenant.user("taken");
    let replies = bulk(
        &tenant.client,
        &json!([
            post("a", &minimal("first")),
            post("b", &minimal("taken")),
            {"method": "DELETE", "path": "/Users/unknown"},
            post("c", &json!({"displayName": "nameless"})),
            post("d", &minimal("last")),
        ]),
    );
    assert_eq!(statuses(&replies), ["201", "409", "404", "400", "201"]);
    assert_eq!(total(&tenant), 3);
    // One change, one entry.
    let log = tenant.audit();
    let created: Vec<_> = log.iter().filter(|row| row.action == "resource.create").collect();
    assert_eq!(created.len(), 3);
    assert_eq!(created[0].request_id, created[1].request_id);
    assert_ne!(created[1].request_id, created[2].request_id);
}

#[test]
fn r7644_3_7_5_after_so_many_errors_the_rest_is_left_undone_and_has_no_reply() {
    for (most, expected) in [
        (json!(1), &["201", "404"][..]),
        (json!(2), &["201", "404", "201", "404"]),
        (json!(3), &["201", "404", "201", "404", "201"]),
        (json!(u64::MAX), &["201", "404", "201", "404", "201"]),
        (json!(null), &["201", "404", "201", "404", "201"]),
    ] {
        let tenant = tenant();
        let unknown = json!({"method": "DELETE", "path": "/Users/unknown"});
        let [first, second, third] = ["a", "b", "c"].map(|name| post(name, &minimal(name)));
        let mut message = message(&json!([first, unknown, second, unknown, third]));
        message["failOnErrors"] = most;
        let replies = replies(&tenant.client, &message);
        assert_eq!(statuses(&replies), expected);
        assert_eq!(total(&tenant), expected.iter().filter(|status| **status == "201").count());
    }
}

#[test]
fn r7644_3_7_6_references_become_ids_in_data_in_patch_values_and_in_paths() {
    let tenant = tenant();
    let old = path_of(&tenant.create(&json!({"userName": "old", "roles": [{"value": "x"}]})));
    let replies = bulk(
        &tenant.client,
        &json!([
            post("boss", &minimal("boss")),
            post("ada", &json!({
                "userName": "ada", "nickName": "bulkId:boss", "displayName": "about bulkId:boss",
                "roles": [{"value": "bulkId:boss", "display": "x"}],
                ENTERPRISE: {"manager": {
                    "value": "bulkId:boss", "$ref": format!("{}/Users/bulkId:boss", tenant.client.base())
                }}
            })),
            {"method": "PATCH", "path": old, "data": patch(&json!([
                {"op": "add", "value": {ENTERPRISE: {"manager": {"value": "bulkId:boss"}}}},
                {"op": "add", "path": "roles", "value": [{"value": "bulkId:ada"}]},
            ]))},
            {"method": "PUT", "path": "/Users/bulkId:boss", "data": {"userName": "chief", "title": "bulkId:ada"}},
            {"method": "PATCH", "path": "/Users/bulkId:ada", "data": patch(&json!([
                {"op": "replace", "path": "roles[value eq \"bulkId:boss\"].display", "value": "Chief"},
            ]))},
            post("gone", &minimal("gone")),
            {"method": "DELETE", "path": "/Users/bulkId:gone"},
        ]),
    );
    assert_eq!(statuses(&replies), ["201", "201", "200", "200", "200", "201", "204"]);
    let (boss, ada, old) = (named(&tenant, "chief"), named(&tenant, "ada"), named(&tenant, "old"));
    assert_eq!(boss["title"], ada["id"]);
    assert_eq!(ada["nickName"], boss["id"]);
    assert_eq!(ada["displayName"], "about bulkId:boss");
    assert_eq!(ada["roles"], json!([{"value": boss["id"], "display": "Chief"}]));
    assert_eq!(ada[ENTERPRISE]["manager"], json!({"value": boss["id"], "$ref": boss["meta"]["location"]}));
    assert_eq!(manager(&old), &boss["id"]);
    assert_eq!(old["roles"], json!([{"value": "x"}, {"value": ada["id"]}]));
    assert_eq!(replies[3]["location"], boss["meta"]["location"]);
    assert_eq!(replies[6]["location"], replies[5]["location"]);
    assert_eq!(total(&tenant), 3);
}

#[test]
fn r7644_3_7_6_a_reference_to_what_failed_or_is_unknown_fails_its_operation() {
    let tenant = tenant();
    let subject = tenant.user("taken");
    let path = path_of(&subject);
    let refer = |name: &str| patch(&json!([{"op": "add", "path": "title", "value": format!("bulkId:{name}")}]));
    let filter = patch(&json!([{"op": "remove", "path": "emails[value eq \"bulkId:unknown\"]"}]));
    let operations = json!([
        post("failed", &minimal("taken")),
        post("second", &managed("second", "bulkId:failed")),
        post("third", &managed("third", "bulkId:second")),
        {"method": "PATCH", "path": path, "data": refer("third")},
        {"method": "DELETE", "path": "/Users/bulkId:third"},
        {"method": "PATCH", "path": path, "data": refer("unknown")},
        {"method": "PATCH", "path": path, "data": filter},
        {"method": "DELETE", "path": "/Users/bulkId:unknown"},
        post("fourth", &managed("fourth", "bulkId:Failed")),
        post("sound", &minimal("sound")),
    ]);
    let replies = bulk(&tenant.client, &operations);
    assert_failed(&replies[0], 409, Some("uniqueness"));
    for (reply, named) in replies[1..5].iter().zip(["failed", "second", "third", "third"]) {
        assert_failed(reply, 409, None);
        assert!(reply["response"]["detail"].as_str().unwrap().contains(&format!("'{named}'")), "{reply}");
    }
    for reply in &replies[5..9] {
        assert_failed(reply, 400, Some("invalidValue"));
    }
    assert_eq!(replies[9]["status"], "201");
    assert_eq!(read(&tenant.client, &path), subject);
    assert_eq!(total(&tenant), 2);
}

#[test]
fn r7644_3_7_7_bulk_needs_the_right_to_write() {
    let tenant = tenant();
    let operations = message(&json!([post("a", &minimal("ada"))]));
    for scopes in [&[Scope::Read][..], &[]] {
        assert_error(&tenant.client_with(scopes).post("/Bulk", &operations), 403, None);
    }
    assert_error(&Client::anonymous(&crate::support::shared().url).post("/Bulk", &operations), 401, None);
    assert_eq!(total(&tenant), 0);
    assert_eq!(statuses(&replies(&tenant.client_with(&[Scope::Write]), &operations)), ["201"]);
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = Client::send(tenant.client.request(method, "/Bulk").body(operations.to_string()));
        assert_error(&answer, 405, None);
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    assert_eq!(total(&tenant), 1);
}

#[test]
fn r7644_3_7_8_a_version_must_be_the_current_one() {
    let tenant = tenant();
    let user = tenant.user("ada");
    let path = path_of(&user);
    let title = |value: &str| patch(&json!([{"op": "replace", "path": "title", "value": value}]));
    let replies = bulk(
        &tenant.client,
        &json!([
            {"method": "PUT", "path": path, "version": "W/\"9\"", "data": minimal("eve")},
            {"method": "PATCH", "path": path, "version": "W/\"9\"", "data": title("x")},
            {"method": "DELETE", "path": path, "version": "W/\"9\""},
            {"method": "PATCH", "path": path, "version": "W/\"1\"", "data": title("y")},
            {"method": "PATCH", "path": path, "version": "W/\"1\"", "data": title("z")},
            {"method": "PATCH", "path": path, "version": "\"2\"", "data": title("w")},
        ]),
    );
    assert_eq!(statuses(&replies), ["412", "412", "412", "200", "412", "200"]);
    for failed in [0, 1, 2, 4] {
        assert_failed(&replies[failed], 412, None);
        assert_eq!(replies[failed]["location"], user["meta"]["location"]);
    }
    assert_eq!(read(&tenant.client, &path)["title"], "w");
    let deleted = bulk(&tenant.client, &json!([{"method": "DELETE", "path": path, "version": replies[5]["version"]}]));
    assert_eq!(statuses(&deleted), ["204"]);
}

#[test]
fn r7644_3_7_1_1_users_who_manage_each_other_are_created_together() {
    let tenant = tenant();
    let mut boss = ada();
    boss["userName"] = json!("boss");
    boss["roles"] = json!([{"value": "first"}, {"value": "bulkId:ada"}]);
    boss[ENTERPRISE]["manager"] = json!({"value": "bulkId:ada"});
    let replies = bulk(
        &tenant.client,
        &json!([
            {"method": "PATCH", "path": "/Users/bulkId:boss", "data": patch(&json!([
                {"op": "add", "path": "title", "value": "bulkId:self"}
            ]))},
            post("boss", &boss),
            post("self", &managed("self", "bulkId:self")),
            post("ada", &managed("ada", "bulkId:bob")),
            post("bob", &managed("bob", "bulkId:boss")),
        ]),
    );
    assert_eq!(statuses(&replies), ["200", "201", "201", "201", "201"]);
    let [boss, ada, bob, own] = ["boss", "ada", "bob", "self"].map(|name| named(&tenant, name));
    assert_eq!([manager(&boss), manager(&ada), manager(&bob)], [&ada["id"], &bob["id"], &boss["id"]]);
    assert_eq!(manager(&own), &own["id"]);
    assert_eq!(boss[ENTERPRISE]["department"], "Engines");
    assert_eq!(boss["roles"], json!([{"value": "first"}, {"value": ada["id"]}]));
    assert_eq!(boss["title"], own["id"]);
    for (reply, user) in replies[2..].iter().zip([&own, &ada, &bob]) {
        assert_eq!(reply["location"], user["meta"]["location"]);
        assert_eq!(reply["version"], user["meta"]["version"]);
    }
    assert_eq!(replies[0]["version"], boss["meta"]["version"]);
}

#[test]
fn r7644_3_7_1_1_of_a_circle_in_which_one_fails_nothing_is_left() {
    let tenant = tenant();
    tenant.user("taken");
    let too_many: Value = (0..=limits::VALUES_PER_ATTRIBUTE)
        .map(|number| json!({"value": if number == 0 { "bulkId:c".into() } else { format!("{number}@example.com") }}))
        .collect();
    let before = read(&tenant.client, "/Users")["Resources"].clone();
    for (failing, status, scim_type) in [
        (managed("taken", "bulkId:a"), 409, Some("uniqueness")),
        (json!({"displayName": "nameless", "title": "bulkId:a"}), 400, Some("invalidValue")),
        // Sound until the last address, which the first creation has to leave out.
        (json!({"userName": "many", "title": "bulkId:a", "emails": too_many}), 400, Some("invalidValue")),
    ] {
        let replies = bulk(
            &tenant.client,
            &json!([
                post("a", &managed("a", "bulkId:b")),
                post("b", &failing),
                post("c", &managed("c", "bulkId:a")),
                post("d", &managed("d", "bulkId:c")),
            ]),
        );
        assert_failed(&replies[1], status, scim_type);
        for position in [0, 2, 3] {
            assert_failed(&replies[position], 409, None);
            assert_eq!(replies[position].get("location"), None);
        }
        assert!(replies[0]["response"]["detail"].as_str().unwrap().contains("'b'"));
        assert_eq!(read(&tenant.client, "/Users")["Resources"], before);
    }
    // What was there for a moment is in the log, as made and as deleted.
    let log = tenant.audit();
    let of = |action: &str| -> Vec<&str> {
        let mut ids: Vec<_> = log.iter().filter(|row| row.action == action).map(|row| row.target_id.as_str()).collect();
        ids.sort_unstable();
        ids
    };
    let mut created = of("resource.create");
    created.retain(|id| before[0]["id"] != *id);
    assert!(created.len() >= 3, "{created:?}");
    assert_eq!(created, of("resource.delete"));
}

#[test]
fn r7644_3_7_2_1_what_is_referred_to_is_done_first_and_replies_keep_the_order() {
    let tenant = tenant();
    let path = path_of(&tenant.user("old"));
    let title = |value: &str| patch(&json!([{"op": "replace", "path": "title", "value": value}]));
    let replies = bulk(
        &tenant.client,
        &json!([
            {"method": "PATCH", "path": path, "data": title("bulkId:last")},
            post("first", &managed("first", "bulkId:second")),
            {"method": "PATCH", "path": path, "data": title("final")},
            post("second", &managed("second", "bulkId:last")),
            post("last", &minimal("last")),
        ]),
    );
    assert_eq!(statuses(&replies), ["200", "201", "200", "201", "201"]);
    let bulk_ids: Vec<_> = replies.iter().map(|reply| reply["bulkId"].as_str()).collect();
    assert_eq!(bulk_ids, [None, Some("first"), None, Some("second"), Some("last")]);
    let [first, second, last] = ["first", "second", "last"].map(|name| named(&tenant, name));
    assert_eq!([manager(&first), manager(&second)], [&second["id"], &last["id"]]);
    assert!(last["id"].as_str() < second["id"].as_str() && second["id"].as_str() < first["id"].as_str());
    // Changes of what was there before keep their order among each other.
    let old = read(&tenant.client, &path);
    assert_eq!([&old["title"], &old["meta"]["version"]], [&json!("final"), &json!("W/\"3\"")]);
}

#[test]
fn r7644_3_7_4_1_both_limits_are_published_and_named_when_exceeded() {
    let tenant = tenant();
    let offered = read(&tenant.client, "/ServiceProviderConfig")["bulk"].clone();
    assert_eq!(offered["supported"], true);
    let most = usize::try_from(offered["maxOperations"].as_u64().unwrap()).unwrap();
    let bytes = usize::try_from(offered["maxPayloadSize"].as_u64().unwrap()).unwrap();

    let creations =
        |count: usize| -> Value { (0..count).map(|n| post(&n.to_string(), &minimal(&format!("u{n}")))).collect() };
    let answer = tenant.client.post("/Bulk", &message(&creations(most + 1)));
    assert_error(&answer, 413, None);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("maxOperations") && detail.contains(&most.to_string()), "{detail}");

    // Too long by one byte, of which the first alone would already be no JSON.
    let answer = Client::send(tenant.client.request(Method::POST, "/Bulk").body(format!("}}{}", " ".repeat(bytes))));
    assert_error(&answer, 413, None);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("maxPayloadSize") && detail.contains(&bytes.to_string()), "{detail}");
    assert_eq!(total(&tenant), 0);

    // As long as may be.
    let short = message(&creations(2)).to_string();
    let whole = format!("{short}{}", " ".repeat(bytes - short.len()));
    let answer = Client::send(tenant.client.request(Method::POST, "/Bulk").body(whole));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(total(&tenant), 2);
}

/// A group whose members are these ids or references.
fn group(bulk_id: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|value| json!({"value": value})).collect();
    let data = json!({"schemas": [GROUP], "displayName": bulk_id, "members": members});
    json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data})
}

/// The resource that a reply names, and the ids of its members.
#[track_caller]
fn group_of(tenant: &Tenant, reply: &Value) -> (Value, Vec<String>) {
    let location = reply["location"].as_str().unwrap();
    let group = read(&tenant.client, location.strip_prefix(tenant.client.base()).unwrap());
    let values = group["members"].as_array().unwrap().iter();
    let mut members: Vec<String> = values.map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    members.sort_unstable();
    (group, members)
}

#[test]
fn r7644_3_7_6_groups_have_users_of_the_same_request_as_members() {
    let tenant = tenant();
    let old = tenant.user("old");
    let add = patch(&json!([{"op": "add", "path": "members", "value": [{"value": "bulkId:bob"}]}]));
    let remove = patch(&json!([{"op": "remove", "path": "members[value eq \"bulkId:ada\"]"}]));
    let replies = bulk(
        &tenant.client,
        &json!([
            // The first refers to what comes after it.
            group("all", &["bulkId:ada", "bulkId:bob", old["id"].as_str().unwrap(), "bulkId:some"]),
            post("ada", &minimal("ada")),
            group("some", &["bulkId:ada"]),
            post("bob", &minimal("bob")),
            {"method": "PATCH", "path": "/Groups/bulkId:some", "data": add},
            {"method": "PATCH", "path": "/Groups/bulkId:some", "data": remove},
        ]),
    );
    assert_eq!(statuses(&replies), ["201", "201", "201", "201", "200", "200"]);
    let [ada, bob] = ["ada", "bob"].map(|name| named(&tenant, name));
    let (some, members) = group_of(&tenant, &replies[2]);
    assert_eq!(members, [bob["id"].as_str().unwrap()]);
    let (_, members) = group_of(&tenant, &replies[0]);
    let mut expected = [&ada, &bob, &old, &some].map(|member| member["id"].as_str().unwrap());
    expected.sort_unstable();
    assert_eq!(members, expected);
    let groups: Vec<_> = bob["groups"].as_array().unwrap().iter().map(|group| group["display"].clone()).collect();
    assert_eq!(groups, ["some", "all"], "in the order in which they were made");
    assert_eq!(replies[5]["version"], some["meta"]["version"]);
}

#[test]
fn r7644_3_7_1_1_groups_that_contain_each_other_are_created_together() {
    let tenant = tenant();
    let replies = bulk(
        &tenant.client,
        &json!([
            group("first", &["bulkId:second", "bulkId:ada"]),
            group("second", &["bulkId:ada", "bulkId:first"]),
            post("ada", &minimal("ada")),
        ]),
    );
    assert_eq!(statuses(&replies), ["201", "201", "201"]);
    let ada = named(&tenant, "ada");
    let (first, members_of_first) = group_of(&tenant, &replies[0]);
    let (second, members_of_second) = group_of(&tenant, &replies[1]);
    let ids = |members: [&Value; 2]| {
        let mut ids = members.map(|member| member["id"].as_str().unwrap().to_owned());
        ids.sort_unstable();
        ids
    };
    assert_eq!(members_of_first, ids([&second, &ada]));
    assert_eq!(members_of_second, ids([&first, &ada]));
    for (reply, group) in replies.iter().zip([&first, &second]) {
        assert_eq!(reply["version"], group["meta"]["version"]);
    }

    // None of them stays when one cannot be made.
    let nameless =
        json!({"method": "POST", "path": "/Groups", "bulkId": "x", "data": {"members": [{"value": "bulkId:y"}]}});
    let replies = bulk(&tenant.client, &json!([group("y", &["bulkId:x"]), nameless]));
    assert_failed(&replies[0], 409, None);
    assert_failed(&replies[1], 400, Some("invalidValue"));
    assert_eq!(read(&tenant.client, "/Groups?count=0")["totalResults"], 2);
}
