//! Okta's public SPEC suite, step by step.

use reqwest::Method;

use super::*;
use crate::support::ERROR;

/// On every GET, a type for a body that is not there among them.
const SUITE_HEADERS: [(&str, &str); 4] = [
    ("accept", "application/scim+json"),
    ("accept-charset", "utf-8"),
    ("content-type", "application/scim+json; charset=utf-8"),
    ("user-agent", "OKTA SCIM Integration"),
];

const USER_NAME: &str = "Runscope123Abcdefghi456@atko.com";
const MAIL: &str = "Runscope789Mail@atko.com";

/// Asserts that the members at these places are there and not empty.
fn assert_filled(resource: &Value, pointers: &[&str]) {
    for pointer in pointers {
        let value = resource.pointer(pointer).unwrap_or(&Value::Null);
        assert!(!matches!(value, Value::Null | Value::Bool(false)) && value != "", "{pointer}: {resource}");
    }
}

fn assert_error_body(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let body = answer.json();
    assert_filled(&body, &["/detail"]);
    assert_eq!(body["status"], status.to_string());
    assert_eq!(body["schemas"], json!([ERROR]));
}

/// Asserts a list of this many users.
fn assert_total(answer: &Answer, total: u64) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["schemas"], json!([LIST]));
    assert_eq!(answer.json()["totalResults"].as_u64(), Some(total), "{}", answer.text);
}

#[test]
fn the_spec_suite_passes() {
    for prefix in ["", "Bearer "] {
        let tenant = tenant_with(false);
        // At least one user must exist before the run.
        tenant.create(&okta_user("first.user@okta.local"));
        let authorization = format!("{prefix}{}", token(tenant.id, &Scope::ALL, None));
        let suite = Client::new(&shared().url, &authorization).sending(&SUITE_HEADERS);
        run(&suite);
    }
}

fn run(suite: &Client) {
    const NEEDED: [&str; 6] = ["/id", "/name/familyName", "/name/givenName", "/userName", "/active", "/emails/0/value"];
    let filter = |name: &str| suite.get(&format!("/Users?filter=userName%20eq%20%22{}%22", name.replace('@', "%40")));
    let create = |mail: &str| {
        let body = json!({
            "schemas": [USER], "userName": USER_NAME, "name": {"givenName": "Givenname", "familyName": "Familyname"},
            "emails": [{"primary": true, "value": mail, "type": "work"}], "displayName": "Givenname Familyname", "active": true
        });
        let request = suite.request(Method::POST, "/Users").header("Content-Type", "application/json");
        Client::send(request.header("Accept", "application/scim+json; charset=utf-8").body(body.to_string()))
    };

    // 1
    let answer = suite.get("/Users?count=1&startIndex=1");
    assert_eq!(answer.status, 200, "{}", answer.text);
    let page = answer.json();
    assert_eq!(page["schemas"], json!([LIST]));
    for number in ["itemsPerPage", "startIndex", "totalResults"] {
        assert!(page[number].is_u64(), "{number}: {page}");
    }
    assert_filled(&page["Resources"][0], &NEEDED);
    // 2
    let path = path_of(&page["Resources"][0]);
    let answer = suite.get(&path);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_filled(&answer.json(), &NEEDED);
    assert_eq!(answer.json()["id"], page["Resources"][0]["id"]);
    // 3
    assert_total(&filter("abcdefgh@atko.com"), 0);
    // 4: the id is no UUID
    assert_error_body(&suite.get("/Users/010101001010101011001010101011"), 404);
    // 5
    assert_total(&filter("Runscope5Random@atko.com"), 0);
    // 6
    let answer = create(MAIL);
    assert_eq!(answer.status, 201, "{}", answer.text);
    let created = answer.json();
    assert_filled(&created, &["/id"]);
    assert_eq!(created["active"], true);
    assert_eq!(created["name"], json!({"givenName": "Givenname", "familyName": "Familyname"}));
    assert_eq!(created["schemas"], json!([USER]));
    assert_eq!((&created["userName"], &created["emails"][0]["value"]), (&json!(USER_NAME), &json!(MAIL)));
    // 7
    let answer = suite.get(&path_of(&created));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((&answer.json()["userName"], &answer.json()["name"]), (&created["userName"], &created["name"]));
    // 8
    assert_eq!(create(USER_NAME).status, 409);
    // 9
    let answer = filter(&USER_NAME.to_uppercase());
    assert_total(&answer, 1);
    assert_eq!(answer.json()["Resources"][0], created);
    // 10 is optional and about groups.
    // 11
    let stranger = Client::new(&shared().url, "non-token").sending(&SUITE_HEADERS);
    let query = format!("/Users?filter=userName%20eq%20%22{}%22", USER_NAME.to_uppercase().replace('@', "%40"));
    assert_error_body(&stranger.get(&query), 401);
    // 12
    assert_error_body(&suite.get("/Users/00919288221112222"), 404);
}
