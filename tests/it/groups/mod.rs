//! Groups (RFC 7643 section 4.2): members as edges, nesting, and what follows for users.

mod large;
mod members;
mod nesting;
mod patch;

use serde_json::{Value, json};

use crate::support::{GROUP, Tenant};

/// Creates a group with these members and returns its path.
fn group(tenant: &Tenant, name: &str, members: &[&str]) -> String {
    format!("/Groups/{}", created(tenant, name, members)["id"].as_str().unwrap())
}

/// Creates a group with these members.
fn created(tenant: &Tenant, name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    let answer = tenant.client.post("/Groups", &json!({"schemas": [GROUP], "displayName": name, "members": members}));
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

/// Creates users and returns their ids.
fn users<const N: usize>(tenant: &Tenant) -> [String; N] {
    std::array::from_fn(|number| id(&tenant.user(&format!("user-{number}"))))
}

fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap().to_owned()
}

/// The id at the end of a path.
fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// The ids of a group's members, sorted.
fn members(tenant: &Tenant, path: &str) -> Vec<String> {
    values(&tenant.client.get(path).json()["members"])
}

/// The `value`s of elements, sorted.
fn values(elements: &Value) -> Vec<String> {
    let elements = elements.as_array().unwrap_or_else(|| panic!("no list: {elements}"));
    let mut values: Vec<String> =
        elements.iter().map(|element| element["value"].as_str().unwrap().to_owned()).collect();
    values.sort();
    values
}

/// The version of a resource.
fn version(tenant: &Tenant, path: &str) -> String {
    tenant.client.get(path).json()["meta"]["version"].as_str().unwrap().to_owned()
}
