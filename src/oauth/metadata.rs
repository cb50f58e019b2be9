//! What the authorization server and the SCIM API say of themselves (RFC 8414, RFC 9728).

use serde_json::{Value, json};

use super::access_token::Parties;
use super::scope;
use crate::auth::Scope;

/// The authorization endpoint, below the public URL.
pub const AUTHORIZE: &str = "/oauth/authorize";
/// The token endpoint.
pub const TOKEN: &str = "/oauth/token";
/// The revocation endpoint (RFC 7009).
pub const REVOKE: &str = "/oauth/revoke";
/// The introspection endpoint (RFC 7662).
pub const INTROSPECT: &str = "/oauth/introspect";
/// The signing keys.
pub const KEY_SET: &str = "/.well-known/jwks.json";
/// The metadata of the authorization server (RFC 8414 section 3).
pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// The metadata of a protected resource (RFC 9728 section 3).
pub const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// How clients authenticate. Public clients do not.
const CONFIDENTIAL: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
const ALL: [&str; 4] = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];
/// Algorithms of the assertions by which clients authenticate.
const ASSERTIONS: [&str; 4] = ["ES256", "RS256", "PS256", "EdDSA"];

fn scopes() -> Vec<&'static str> {
    Scope::ALL.into_iter().map(Scope::name).chain([scope::ALL]).collect()
}

/// The metadata of the authorization server (RFC 8414 section 2).
#[must_use]
pub fn authorization_server(parties: Parties<'_>) -> Value {
    let issuer = parties.issuer;
    let at = |path: &str| format!("{issuer}{path}");
    json!({
        "issuer": issuer,
        "authorization_endpoint": at(AUTHORIZE),
        "token_endpoint": at(TOKEN),
        "token_endpoint_auth_methods_supported": ALL,
        "token_endpoint_auth_signing_alg_values_supported": ASSERTIONS,
        "revocation_endpoint": at(REVOKE),
        "revocation_endpoint_auth_methods_supported": ALL,
        "revocation_endpoint_auth_signing_alg_values_supported": ASSERTIONS,
        "introspection_endpoint": at(INTROSPECT),
        "introspection_endpoint_auth_methods_supported": CONFIDENTIAL,
        "introspection_endpoint_auth_signing_alg_values_supported": ASSERTIONS,
        "jwks_uri": at(KEY_SET),
        "scopes_supported": scopes(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        // By it clients know that PKCE is offered (RFC 9700 section 2.1.1).
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "protected_resources": [parties.audience],
    })
}

/// The metadata of the SCIM API (RFC 9728 section 2).
#[must_use]
pub fn protected_resource(parties: Parties<'_>) -> Value {
    json!({
        "resource": parties.audience,
        "authorization_servers": [parties.issuer],
        "scopes_supported": scopes(),
        "bearer_methods_supported": ["header"],
        "resource_name": "SCIM 2.0",
    })
}

/// The path of a URL, without a slash at its end. Well-known paths come before it (RFC 8414 section 3.1, RFC 9728 section 3.1).
#[must_use]
pub fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |start| rest[start..].trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_url_is_what_comes_after_the_host() {
        for (url, expected) in [
            ("https://scim.example.com", ""),
            ("https://scim.example.com/", ""),
            ("http://[::1]:8080/a/b", "/a/b"),
            ("https://scim.example.com/a/", "/a"),
        ] {
            assert_eq!(path(url), expected, "{url}");
        }
    }

    #[test]
    fn nothing_in_the_metadata_is_empty_or_null() {
        let parties = Parties { issuer: "https://a.example/t", audience: "https://a.example/t/scim/v2" };
        for metadata in [authorization_server(parties), protected_resource(parties)] {
            for (name, value) in metadata.as_object().unwrap() {
                assert!(!value.is_null() && value != &json!([]) && value != "", "{name}");
            }
        }
        assert_eq!(authorization_server(parties)["token_endpoint"], "https://a.example/t/oauth/token");
    }
}
