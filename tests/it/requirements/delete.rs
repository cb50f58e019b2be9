//! RFC 7644 section 3.6: DELETE.

use serde_json::json;

use super::{ada, read};
use crate::support::{assert_error, minimal, path_of, tenant};

#[test]
fn r7644_3_6_1_a_deletion_answers_204_without_a_body() {
    let tenant = tenant();
    let answer = tenant.client.delete(&tenant.create_path(&ada()));
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(answer.header("content-type"), None);
}

#[test]
fn r7644_3_6_2_what_is_deleted_is_not_found_by_any_method() {
    let tenant = tenant();
    let path = tenant.create_path(&ada());
    assert_eq!(tenant.client.delete(&path).status, 204);
    for answer in [
        tenant.client.get(&path),
        tenant.client.put(&path, &ada()),
        tenant.client.modify(&path, &json!([{"op": "replace", "path": "active", "value": true}])),
        tenant.client.delete(&path),
        tenant.client.delete(&path),
        tenant.client.get(&path),
    ] {
        assert_error(&answer, 404, None);
    }
}

#[test]
fn r7644_3_6_3_what_is_deleted_is_in_no_list() {
    let tenant = tenant();
    tenant.user("bob");
    let created = tenant.create(&ada());
    tenant.user("cyd");
    let id = format!("id eq \"{}\"", created["id"].as_str().unwrap());
    let filters = [
        &*id,
        "userName eq \"ada@example.com\"",
        "externalId eq \"00uAda\"",
        "emails.value eq \"ada@work.example\"",
        "name.familyName sw \"k\"",
    ];
    for filter in filters {
        assert_eq!(tenant.client.found(filter), ["Ada@Example.com"], "{filter}");
    }
    assert_eq!(tenant.client.delete(&path_of(&created)).status, 204);
    for filter in filters {
        assert!(tenant.client.found(filter).is_empty(), "{filter}");
        assert_eq!(tenant.client.filter(filter).json()["totalResults"], 0, "{filter}");
    }
    assert_eq!(tenant.client.found("userName pr"), ["bob", "cyd"]);
    for query in ["/Users", "/Users?count=1", "/Users?count=0", "/Users?startIndex=2&count=5"] {
        assert_eq!(read(&tenant.client, query)["totalResults"], 2, "{query}");
    }
}

#[test]
fn r7644_3_6_4_the_name_of_a_deleted_user_is_free() {
    let tenant = tenant();
    let first = tenant.create(&ada());
    assert_error(&tenant.client.post("/Users", &minimal("ADA@example.com")), 409, Some("uniqueness"));
    assert_eq!(tenant.client.delete(&path_of(&first)).status, 204);
    let second = tenant.create(&ada());
    assert_ne!(second["id"], first["id"]);
    assert_eq!(read(&tenant.client, &path_of(&second)), second);
    assert_error(&tenant.client.get(&path_of(&first)), 404, None);
    assert_eq!(tenant.client.delete(&path_of(&second)).status, 204);
    let bob = path_of(&tenant.user("bob"));
    assert_eq!(tenant.client.put(&bob, &minimal("ada@example.com")).status, 200, "a rename may take it too");
}
