//! `/Me` (RFC 7644 section 3.11).

use serde_json::json;

use super::read;
use crate::support::{Client, assert_error, eventually, path_of, shared, tenant, user_token};

#[test]
fn r7644_3_11_1_me_is_the_user_that_the_token_stands_for_and_501_without_one() {
    let tenant = tenant();
    assert_error(&tenant.client.get("/Me"), 501, None);
    assert_error(&tenant.client.post("/Me", &json!({"userName": "x"})), 501, None);
    let ada = tenant.user("ada");
    let path = path_of(&ada);
    let own = Client::new(&shared().url, &format!("Bearer {}", user_token(&tenant, &ada)));
    let answer = own.get("/Me");
    assert_eq!((answer.status, answer.header("location")), (200, ada["meta"]["location"].as_str()));
    assert_eq!(answer.json(), ada);
    let patched = own.modify("/Me", &json!([{"op": "add", "path": "title", "value": "Countess"}]));
    assert_eq!(patched.json(), read(&tenant.client, &path));
    let put = own.put("/Me", &json!({"userName": "ada", "title": "x"}));
    assert_eq!((put.status, &put.json()["id"]), (200, &ada["id"]));
    let answer = own.post("/Me", &json!({"userName": "x"}));
    assert_error(&answer, 405, None);
    assert_eq!(answer.header("allow"), Some("GET, HEAD, PUT, PATCH, DELETE"));
    assert_eq!(own.get("/Me?attributes=title").json()["title"], "x");
}

#[test]
fn r7644_3_11_1_a_token_ends_with_the_account_of_its_user() {
    let tenant = tenant();
    let ada = tenant.user("ada");
    let own = Client::new(&shared().url, &format!("Bearer {}", user_token(&tenant, &ada)));
    assert_eq!(own.get("/Users").status, 200);
    let active = |active: bool| {
        let answer = tenant.client.modify(&path_of(&ada), &json!([{"op": "replace", "value": {"active": active}}]));
        assert_eq!(answer.status, 200);
    };
    let becomes = |status| eventually("the verdict", || (own.get("/Me").status == status).then_some(()));
    active(false);
    becomes(401);
    active(true);
    becomes(200);
    // Without `active` nobody knows.
    tenant.client.modify(&path_of(&ada), &json!([{"op": "remove", "path": "active"}]));
    becomes(401);
    active(true);
    becomes(200);
    assert_eq!(own.delete("/Me").status, 204);
    becomes(401);
    let refused = Some("the token's user is deleted or inactive");
    eventually("the record", || {
        let recorded = tenant.audit().into_iter().any(|entry| entry.detail.as_deref() == refused);
        recorded.then_some(())
    });
}
