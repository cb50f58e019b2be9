//! Who may do what: every route with every state of a credential, and what the audit log says of changes and refusals.

mod audit;
mod credentials;
mod published;
mod routes;

use provisor::auth::secret::{Kind, Secret};
use provisor::auth::{self, Scope};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Tenant, assert_error, minimal, operator, shared, tenant, token};

/// The public id within a token.
fn id_of(token: &str) -> &str {
    &token[6..18]
}

/// The checksum with which a token ends.
fn checksum(text: &str) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    String::from_utf8(digits.to_vec()).unwrap()
}

/// The reasons of refusals after which the client is asked for a credential, and told of no error (RFC 6750 section 3.1).
const WANTED: [&str; 2] = ["no credential", "unsupported scheme"];

/// `Authorization` headers that must be refused, each with the reason that the audit log gives. The last two are known to the
/// tenant.
fn refused(tenant: &Tenant) -> Vec<(Option<String>, &'static str)> {
    let unknown = Secret::generate(Kind::HeaderToken).unwrap().reveal().to_owned();
    let valid = token(tenant.id, &Scope::ALL, None);
    let wrong_secret = format!("{}{}", &valid[..18], &unknown[18..61]);
    let wrong_secret = format!("{wrong_secret}{}", checksum(&wrong_secret));
    let expired = token(tenant.id, &Scope::ALL, Some(chrono::Utc::now() - chrono::TimeDelta::seconds(1)));
    let revoked = token(tenant.id, &Scope::ALL, None);
    shared()
        .with_backend(|backend| auth::tokens::revoke(&backend.store, &operator(tenant.id), id_of(&revoked)).unwrap());
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    vec![
        (None, "no credential"),
        (Some(String::new()), "no credential"),
        (Some("non-token".into()), "malformed token"),
        (bearer("non-token"), "malformed token"),
        (bearer(&valid[..66]), "a part of a token"),
        (bearer(&valid.to_lowercase()), "malformed token"),
        (bearer(&format!("{valid} {valid}")), "malformed token"),
        (Some(format!("Basic {valid}")), "unsupported scheme"),
        (Some(format!("Token {valid}")), "unsupported scheme"),
        (bearer(&unknown), "unknown token"),
        (Some(unknown), "unknown token"),
        (bearer(&wrong_secret), "unknown token"),
        (bearer(&expired), "expired token"),
        (bearer(&revoked), "revoked token"),
    ]
}

/// A client with this `Authorization` header, or none.
fn client(authorization: Option<&str>) -> Client {
    authorization.map_or_else(|| Client::anonymous(&shared().url), |value| Client::new(&shared().url, value))
}

/// A request with a body that fits the method.
fn send(client: &Client, method: &Method, path: &str, body: Option<&Value>) -> Answer {
    let request = client.request(method.clone(), path);
    Client::send(match body {
        Some(body) => request.header("Content-Type", "application/scim+json").body(body.to_string()),
        None => request,
    })
}
