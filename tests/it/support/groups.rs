//! Groups and their members in tests.

use serde_json::{Value, json};

use super::{GROUP, Tenant, minimal};

/// The id of a resource.
pub fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

/// Members with these ids, as a client sends them.
pub fn listed(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({"value": id})).collect()
}

/// The body of a group with these members.
pub fn group_body(name: &str, members: &[&str]) -> Value {
    json!({"schemas": [GROUP], "displayName": name, "members": listed(members)})
}

/// Creates a group with these members and returns its path.
pub fn group(tenant: &Tenant, name: &str, members: &[&str]) -> String {
    let answer = tenant.client.post("/Groups", &group_body(name, members));
    assert_eq!(answer.status, 201, "{}", answer.text);
    format!("/Groups/{}", id(&answer.json()))
}

/// The ids of the members that a GET of the group shows, sorted.
pub fn members(tenant: &Tenant, path: &str) -> Vec<String> {
    let answer = tenant.client.get(path);
    assert_eq!(answer.status, 200, "{}", answer.text);
    values(&answer.json()["members"])
}

/// The `value`s of elements, sorted.
pub fn values(elements: &Value) -> Vec<String> {
    let elements = elements.as_array().unwrap_or_else(|| panic!("no list: {elements}"));
    let mut values: Vec<String> =
        elements.iter().map(|element| element["value"].as_str().unwrap().to_owned()).collect();
    values.sort();
    values
}

/// The ids of this many new users, sorted.
pub fn users(tenant: &Tenant, count: usize) -> Vec<String> {
    let mut ids: Vec<String> =
        (0..count).map(|number| id(&tenant.create(&minimal(&format!("member-{number}")))).to_owned()).collect();
    ids.sort();
    ids
}
