//! The conversations of Okta with a SCIM server, as far as they concern users.

mod aiw_sequence;
mod assignment;
mod attributes;
mod connecting;
mod import;
mod passwords;
mod spec_suite;
mod updates;

use provisor::auth::Scope;
use serde_json::{Value, json};

use crate::support::{Answer, Client, ENTERPRISE, LIST, Tenant, USER, okta_user, path_of, shared, tenant_with, token};

/// What Okta's SCIM client sends with every request. `Content-Type` comes with a body only.
const HEADERS: [(&str, &str); 4] = [
    ("user-agent", "Okta SCIM Client 1.0.0"),
    ("accept", "application/scim+json"),
    ("accept-charset", "utf-8"),
    ("accept-encoding", "gzip,deflate"),
];

/// Okta with a token in the way that the prefix makes, provisioning a tenant of its own.
fn okta(prefix: &str, stores_passwords: bool) -> Tenant {
    let tenant = tenant_with(stores_passwords);
    let authorization = format!("{prefix}{}", token(tenant.id, &Scope::ALL, None));
    Tenant { client: Client::new(&shared().url, &authorization).sending(&HEADERS), ..tenant }
}

/// Runs a conversation with the token sent alone and behind `Bearer` in either case.
fn both_ways(conversation: impl Fn(&Tenant)) {
    for prefix in ["", "Bearer ", "bearer "] {
        conversation(&okta(prefix, false));
    }
}

/// Looks a user up as Okta does before an assignment.
fn look_up(okta: &Tenant, user_name: &str) -> Value {
    let filter = format!("userName eq \"{user_name}\"");
    let answer = okta.client.query("/Users", &[("filter", &filter), ("startIndex", "1"), ("count", "100")]);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Asserts that a change succeeded, and returns the resource, which a later GET shows as well.
fn changed(okta: &Tenant, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let resource = answer.json();
    assert_eq!(okta.client.get(&path_of(&resource)).json(), resource);
    resource
}

/// The resource without what only the server knows.
fn attributes(resource: &Value) -> Value {
    let mut attributes = resource.clone();
    for name in ["id", "meta", "schemas"] {
        attributes.as_object_mut().unwrap().remove(name).unwrap();
    }
    attributes
}
