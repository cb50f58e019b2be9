//! What the server says of itself (RFC 8414, RFC 9728).

use reqwest::Method;

use super::*;
use crate::support::{ServerProcess, TemporaryDirectory};

fn fetch(url: &str, method: Method, path: &str) -> reqwest::blocking::Response {
    reqwest::blocking::Client::new().request(method, format!("{url}{path}")).send().unwrap()
}

const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource/scim/v2";

#[test]
fn the_authorization_server_says_what_it_offers() {
    let url = &shared().url;
    let answer = fetch(url, Method::GET, AUTHORIZATION_SERVER);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "public, max-age=300");
    assert!(answer.headers().contains_key("x-request-id"));
    let all = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];
    let algorithms = ["ES256", "RS256", "PS256", "EdDSA"];
    assert_eq!(
        answer.json::<Value>().unwrap(),
        json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/oauth/authorize"),
            "token_endpoint": format!("{url}/oauth/token"),
            "token_endpoint_auth_methods_supported": all,
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "revocation_endpoint": format!("{url}/oauth/revoke"),
            "revocation_endpoint_auth_methods_supported": all,
            "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
            "introspection_endpoint": format!("{url}/oauth/introspect"),
            "introspection_endpoint_auth_methods_supported": all[..3],
            "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
            "jwks_uri": format!("{url}/.well-known/jwks.json"),
            "scopes_supported": ["scim.read", "scim.write", "scim"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "protected_resources": [format!("{url}/scim/v2")],
        })
    );
}

#[test]
fn the_api_says_who_issues_its_tokens_and_every_refusal_says_where() {
    let url = &shared().url;
    let refused = Client::anonymous(url).get("/Users");
    let challenge = refused.header("www-authenticate").unwrap();
    let named = challenge.split_once("resource_metadata=\"").unwrap().1.trim_end_matches('"');
    assert_eq!(named, format!("{url}{PROTECTED_RESOURCE}"));
    let answer = reqwest::blocking::get(named).unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let metadata: Value = answer.json().unwrap();
    assert_eq!(
        metadata,
        json!({
            "resource": format!("{url}/scim/v2"),
            "authorization_servers": [url],
            "scopes_supported": ["scim.read", "scim.write", "scim"],
            "bearer_methods_supported": ["header"],
            "resource_name": "SCIM 2.0",
        })
    );
}

#[test]
fn metadata_are_only_read_and_only_of_what_is_here() {
    let url = &shared().url;
    for path in [AUTHORIZATION_SERVER, PROTECTED_RESOURCE, "/.well-known/jwks.json"] {
        let head = fetch(url, Method::HEAD, path);
        assert_eq!((head.status().as_u16(), head.text().unwrap().len()), (200, 0), "{path}");
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let answer = fetch(url, method.clone(), path);
            assert_eq!(answer.status().as_u16(), 405, "{method} {path}");
            assert_eq!(answer.headers()["allow"], "GET, HEAD");
        }
        let origin = reqwest::blocking::Client::new().get(format!("{url}{path}")).header("Origin", "https://a.example");
        assert!(!origin.send().unwrap().headers().contains_key("access-control-allow-origin"));
    }
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/t",
        "/.well-known/oauth-authorization-server/scim/v2",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/scim",
        "/.well-known/oauth-protected-resource/t/scim/v2",
        "/.well-known/jwks",
        "/.well-known",
    ] {
        assert_eq!(fetch(url, Method::GET, path).status().as_u16(), 404, "{path}");
    }
}

#[test]
fn behind_a_path_the_metadata_are_found_before_it_and_below_it() {
    let data_dir = TemporaryDirectory::new("path");
    let public = "https://scim.example.com/eu/one";
    let server = ServerProcess::start_with(&data_dir, &["--public-url", public]);
    for path in [AUTHORIZATION_SERVER, "/.well-known/oauth-authorization-server/eu/one"] {
        let metadata: Value = fetch(&server.url, Method::GET, path).json().unwrap();
        assert_eq!(metadata["issuer"], public, "{path}");
        assert_eq!(metadata["token_endpoint"], format!("{public}/oauth/token"));
    }
    for path in [PROTECTED_RESOURCE, "/.well-known/oauth-protected-resource/eu/one/scim/v2"] {
        let metadata: Value = fetch(&server.url, Method::GET, path).json().unwrap();
        assert_eq!(metadata["resource"], format!("{public}/scim/v2"), "{path}");
        assert_eq!(metadata["authorization_servers"], json!([public]));
    }
    for path in ["/.well-known/oauth-authorization-server/eu", "/.well-known/oauth-authorization-server/eu/one/two"] {
        assert_eq!(fetch(&server.url, Method::GET, path).status().as_u16(), 404, "{path}");
    }
    assert!(server.stop());
}

#[test]
fn the_service_provider_config_names_both_kinds_of_token_and_no_passwords() {
    let config = Client::anonymous(&shared().url).get("/ServiceProviderConfig").json();
    let schemes = config["authenticationSchemes"].as_array().unwrap();
    let kinds: Vec<_> = schemes.iter().map(|scheme| [&scheme["type"], &scheme["primary"]]).collect();
    assert_eq!(kinds, [[&json!("oauthbearertoken"), &json!(true)], [&json!("oauth2"), &json!(false)]]);
    let basic = Client::new(&shared().url, "Basic b2t0YTpva3Rh").get("/Users");
    assert_eq!(basic.status, 401);
    assert!(!basic.header("www-authenticate").unwrap().contains("Basic"));
}
