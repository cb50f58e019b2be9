//! Client credentials as Entra ID, Ping and scripts use them: no person, no refresh token, a new token when the old one runs out.

use oauth2::AuthType;

use super::*;
use crate::support::process::run_json;
use crate::support::{Client, Tenant, minimal, patch, shared, tenant};

use provisor::auth::RECENT_LIFETIME;
use serde_json::json;

fn entra(tenant: &Tenant, authenticates: AuthType) -> (String, Provider) {
    let created = run_json(&shared().data_dir, &["client", "create", "entra", "--tenant", &tenant.name]);
    let (id, secret) = (created["id"].as_str().unwrap(), created["secret"].as_str().unwrap());
    (id.to_owned(), Provider::new(&shared().url, id, secret, authenticates))
}

#[test]
fn entra_gets_a_token_and_provisions_whichever_way_it_authenticates() {
    for authenticates in [AuthType::RequestBody, AuthType::BasicAuth] {
        let tenant = tenant();
        let (_, entra) = entra(&tenant, authenticates);
        let tokens = entra.client_credentials(&[]).unwrap();
        assert_eq!(tokens.refresh, None);
        assert_eq!(tokens.scopes, ["scim.read", "scim.write"]);
        let scim = Client::new(&shared().url, &format!("Bearer {}", tokens.access));
        // Test Connection.
        let probe = scim.get("/Users?filter=userName+eq+%223d2f6a4e-7c9a-4f2e-9b1d-1f2e3d4c5b6a%22");
        assert_eq!((probe.status, probe.json()["totalResults"].clone()), (200, json!(0)));
        let created = scim.post("/Users", &minimal("ada@example.com"));
        assert_eq!(created.status, 201);
        let user = format!("/Users/{}", created.json()["id"].as_str().unwrap());
        let leaves = patch(&json!([{"op": "Replace", "path": "active", "value": "False"}]));
        assert_eq!(scim.patch(&user, &leaves).status, 200);
        // The token runs out, and Entra asks for another one.
        let next = entra.client_credentials(&[]).unwrap();
        assert_ne!(next.access, tokens.access);
        let scim = Client::new(&shared().url, &format!("Bearer {}", next.access));
        assert_eq!(scim.get(&user).json()["active"], json!(false));
    }
}

#[test]
fn a_client_gets_the_scopes_that_it_asks_for() {
    let tenant = tenant();
    let (_, client) = entra(&tenant, AuthType::BasicAuth);
    for (asked, given) in [
        (&["scim.read"][..], &["scim.read"][..]),
        (&["scim"], &["scim.read", "scim.write"]),
        (&["scim.write", "scim.read"], &["scim.read", "scim.write"]),
    ] {
        assert_eq!(client.client_credentials(asked).unwrap().scopes, given, "{asked:?}");
    }
    assert!(client.client_credentials(&["scim.admin"]).is_err());
}

#[test]
fn a_disabled_client_is_refused_within_a_second_and_works_again_when_enabled() {
    let tenant = tenant();
    let (id, client) = entra(&tenant, AuthType::BasicAuth);
    let tokens = client.client_credentials(&[]).unwrap();
    let scim = Client::new(&shared().url, &format!("Bearer {}", tokens.access));
    assert_eq!(scim.get("/Users").status, 200);
    run_json(&shared().data_dir, &["client", "disable", &id]);
    std::thread::sleep(RECENT_LIFETIME);
    assert_eq!(scim.get("/Users").status, 401);
    assert!(client.client_credentials(&[]).is_err());
    run_json(&shared().data_dir, &["client", "enable", &id]);
    assert!(client.client_credentials(&[]).is_ok());
}
