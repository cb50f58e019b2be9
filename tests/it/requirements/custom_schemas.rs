//! Requirements that show only with schemas of a tenant's own.

use serde_json::{Value, json};

use crate::definitions::{created, found, imported};
use crate::support::{Tenant, USER, assert_error, path_of, tenant};

const OWN: &str = "urn:example:scim:schemas:extension:own:1.0:User";

/// A tenant whose users have these attributes too.
fn with(attributes: &Value) -> Tenant {
    let tenant = tenant();
    imported(&tenant, "schema", &json!({"id": OWN, "name": "Own", "attributes": attributes}), &["--extends", "User"]);
    tenant
}

fn user(extension: &Value) -> Value {
    json!({"schemas": [USER, OWN], "userName": "ada", OWN: extension})
}

#[test]
fn r7643_2_2_1_characteristics_that_a_schema_leaves_out_have_their_defaults() {
    let tenant = with(&json!([{"name": "plain"}]));
    let shown = tenant.client.get(&format!("/Schemas/{OWN}")).json();
    assert_eq!(
        shown["attributes"],
        json!([{
            "name": "plain", "type": "string", "multiValued": false, "required": false, "caseExact": false,
            "mutability": "readWrite", "returned": "default", "uniqueness": "none"
        }])
    );
    created(&tenant.client.post("/Users", &user(&json!({"plain": "Text"}))));
    assert_eq!(found(&tenant, "/Users", &format!("{OWN}:plain eq \"TEXT\"")), 1);
}

#[test]
fn r7643_2_3_3_1_decimals_are_numbers_and_compared_as_such() {
    let tenant = with(&json!([{"name": "share", "type": "decimal"}]));
    let answer = tenant.client.post("/Users", &user(&json!({"share": 10.25})));
    assert_eq!(created(&answer)[OWN]["share"], json!(10.25));
    for (filter, number) in
        [("share gt 9", 1), ("share lt 10.2500001", 1), ("share eq 10.250", 1), ("share gt 10.25", 0)]
    {
        assert_eq!(found(&tenant, "/Users", filter), number, "{filter}");
    }
    assert_error(&tenant.client.post("/Users", &user(&json!({"share": "ten"}))), 400, Some("invalidValue"));
}

#[test]
fn r7643_2_3_4_1_integers_have_no_fraction() {
    let tenant = with(&json!([{"name": "level", "type": "integer"}]));
    for wrong in [json!(1.5), json!(1.0), json!("1"), json!(true)] {
        assert_error(&tenant.client.post("/Users", &user(&json!({"level": wrong}))), 400, Some("invalidValue"));
    }
    let level = i64::MAX;
    assert_eq!(created(&tenant.client.post("/Users", &user(&json!({"level": level}))))[OWN]["level"], json!(level));
    assert_eq!(found(&tenant, "/Users", &format!("level eq {level}")), 1);
    assert_eq!(found(&tenant, "/Users", &format!("level lt {level}")), 0);
}

#[test]
fn r7643_2_3_6_1_binary_is_base64_and_has_no_order() {
    let tenant = with(&json!([{"name": "photo", "type": "binary"}]));
    for wrong in ["aGk", "a-_=", "no base64"] {
        assert_error(&tenant.client.post("/Users", &user(&json!({"photo": wrong}))), 400, Some("invalidValue"));
    }
    created(&tenant.client.post("/Users", &user(&json!({"photo": "aGk="}))));
    assert_eq!(found(&tenant, "/Users", "photo eq \"aGk=\""), 1);
    assert_eq!(found(&tenant, "/Users", "photo eq \"AGk=\""), 0);
    assert_error(&tenant.client.filter("photo gt \"aGk=\""), 400, Some("invalidFilter"));
}

#[test]
fn r7643_2_3_7_1_references_are_absolute_or_relative_and_come_back_as_sent() {
    let reference =
        json!({"name": "links", "type": "reference", "multiValued": true, "referenceTypes": ["User", "external"]});
    let tenant = with(&json!([reference]));
    let links = json!(["../Users/2819", "https://example.com/a?b#c"]);
    let path = path_of(&created(&tenant.client.post("/Users", &user(&json!({"links": links})))));
    assert_eq!(tenant.client.get(&path).json()[OWN]["links"], links);
    assert_error(&tenant.client.post("/Users", &user(&json!({"links": [{}]}))), 400, Some("invalidValue"));
}

#[test]
fn r7643_3_1_4_resources_of_every_type_have_the_common_attributes() {
    let tenant = tenant();
    let robot = "urn:example:scim:schemas:1.0:Robot";
    imported(&tenant, "schema", &json!({"id": robot, "name": "Robot", "attributes": [{"name": "model"}]}), &[]);
    imported(&tenant, "resource-type", &json!({"name": "Robot", "endpoint": "/Robots", "schema": robot}), &[]);
    let body = json!({"schemas": [robot], "id": "mine", "externalId": "R2", "model": "D2", "meta": {"version": "x"}});
    let shown = created(&tenant.client.post("/Robots", &body));
    assert_eq!(
        (&shown["schemas"], &shown["externalId"], &shown["model"]),
        (&body["schemas"], &json!("R2"), &json!("D2"))
    );
    assert_ne!(shown["id"], "mine");
    let location = format!("{}/Robots/{}", tenant.client.base(), shown["id"].as_str().unwrap());
    assert_eq!((&shown["meta"]["resourceType"], &shown["meta"]["location"]), (&json!("Robot"), &json!(location)));
    assert_eq!(
        (&shown["meta"]["created"], &shown["meta"]["version"]),
        (&shown["meta"]["lastModified"], &json!("W/\"1\""))
    );
    assert_eq!(found(&tenant, "/Robots", "externalId eq \"R2\" and meta.created pr"), 1);
}

#[test]
fn r7644_3_5_1_5_an_immutable_value_is_not_replaced() {
    let tenant = with(&json!([{"name": "serial", "mutability": "immutable"}]));
    let path = path_of(&created(&tenant.client.post("/Users", &user(&json!({"serial": "s1"})))));
    assert_eq!(tenant.client.put(&path, &user(&json!({"serial": "s1"}))).status, 200);
    assert_error(&tenant.client.put(&path, &user(&json!({"serial": "s2"}))), 400, Some("mutability"));
    // What is not sent need not match.
    for kept in [user(&json!({})), user(&json!({"serial": null})), json!({"schemas": [USER, OWN], "userName": "ada"})] {
        let answer = tenant.client.put(&path, &kept);
        assert_eq!((answer.status, answer.json()[OWN]["serial"].as_str()), (200, Some("s1")), "{}", answer.text);
    }
    assert_eq!(tenant.client.get(&path).json()[OWN]["serial"], "s1");
}

#[test]
fn r7644_3_5_2_8_an_immutable_value_is_set_once() {
    let tenant = with(&json!([{"name": "serial", "mutability": "immutable"}]));
    let path = path_of(&created(&tenant.client.post("/Users", &json!({"schemas": [USER], "userName": "ada"}))));
    let set = |op: &str, value: &str| {
        let operation = json!({"op": op, "path": format!("{OWN}:serial"), "value": value});
        tenant.client.modify(&path, &json!([operation]))
    };
    assert_eq!(set("add", "s1").status, 200);
    assert_eq!(set("replace", "s1").status, 200);
    assert_error(&set("replace", "s2"), 400, Some("mutability"));
    let remove = json!([{"op": "remove", "path": format!("{OWN}:serial")}]);
    assert_error(&tenant.client.modify(&path, &remove), 400, Some("mutability"));
    assert_eq!(tenant.client.get(&path).json()[OWN]["serial"], "s1");
}
