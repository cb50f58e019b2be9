//! Access tokens at the SCIM API: which are taken, which are not, and how soon; the keys that sign them; what the server says of
//! itself.

mod expired;
mod keys;
mod metadata;
mod revoked;
mod scopes;
mod verification;

use provisor::id::TenantId;
use serde_json::{Value, json};

use crate::support::access::{Forge, encode, forge, sign_with};
use crate::support::{Answer, Client, Tenant, assert_error, eventually, shared, tenant};

/// The status of a read with a token.
fn status(token: &str) -> u16 {
    forge().bearer(token).get("/Users?count=0").status
}

/// Asserts that an answer is the refusal of a token, and says no more than that.
fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    assert_error(answer, 401, None);
    assert_eq!(answer.json()["detail"], "a valid token is required in the Authorization header", "{what}");
    assert_eq!(
        answer.header("www-authenticate").unwrap(),
        format!(
            "Bearer realm=\"scim\", error=\"invalid_token\", error_description=\"a valid token is required in the \
             Authorization header\", resource_metadata=\"{}/.well-known/oauth-protected-resource/scim/v2\"",
            shared().url
        ),
        "{what}"
    );
}

/// The claims with one of them changed, or taken out by `null`.
fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    let object = claims.as_object_mut().unwrap();
    match value {
        Value::Null => object.remove(name),
        value => object.insert(name.into(), value),
    };
    claims
}

/// A tenant with a client, and what a token of it says.
fn connected() -> (Tenant, String, Value) {
    let tenant = tenant();
    let client = forge().client(tenant.id);
    let claims = forge().claims(tenant.id, &client);
    (tenant, client, claims)
}
