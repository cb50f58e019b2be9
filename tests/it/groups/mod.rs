//! Groups (RFC 7643 section 4.2): members as edges, nesting, and what follows for users.

mod large;
mod members;
mod nesting;
mod patch;
mod together;

use serde_json::Value;

use crate::support::Tenant;
use crate::support::groups::{group, group_body, members, values};

/// Creates a group with these members.
fn created(tenant: &Tenant, name: &str, members: &[&str]) -> Value {
    let answer = tenant.client.post("/Groups", &group_body(name, members));
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

/// The version of a resource.
fn version(tenant: &Tenant, path: &str) -> String {
    tenant.client.get(path).json()["meta"]["version"].as_str().unwrap().to_owned()
}
