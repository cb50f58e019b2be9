//! `provisor client`, on the shared server.

use serde_json::{Value, json};

use super::*;
use crate::support::process::{run, run_json};

fn create(tenant: &Tenant, arguments: &[&str]) -> Value {
    run_json(&shared().data_dir, &[&["client", "create", "okta", "--tenant", &tenant.name], arguments].concat())
}

fn of(made: &Value, tenant: &Tenant) -> OAuthClient {
    let member = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
    OAuthClient { id: member("id"), secret: member("secret"), tenant: tenant.id }
}

#[test]
fn a_new_client_works_at_once_with_what_is_printed() {
    let tenant = tenant();
    let made = create(&tenant, &["--public-url", &shared().url]);
    assert_eq!(made["grants"], json!(["client_credentials"]));
    assert_eq!(made["scopes"], json!(["scim.read", "scim.write"]));
    assert_eq!(made["tokenEndpoint"], json!(format!("{}/oauth/token", shared().url)));
    assert_eq!(made["authorizationEndpoint"], json!(null));
    assert_eq!(of(&made, &tenant).ask(&Endpoints::shared()).status, 200);
    assert_eq!(audited(&tenant, "client.create")[0].target_id, made["id"]);
}

#[test]
fn the_name_of_an_okta_app_is_enough_for_its_redirect_uris() {
    let tenant = tenant();
    let made = create(&tenant, &["--okta-app", "trial1_acme_1", "--public-url", "https://scim.example.com"]);
    assert_eq!(made["grants"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(made["authorizationEndpoint"], "https://scim.example.com/oauth/authorize");
    assert_eq!(made["redirectUris"].as_array().unwrap().len(), 5);
    assert!(!made.to_string().contains("okta1.com"));
    let page = "https://acme-admin.okta.com/admin/app/trial1_acme_1/instance/0oa1/";
    let internal = create(&tenant, &["--okta-app", page, "--okta-internal"]);
    let uris = internal["redirectUris"].as_array().unwrap();
    assert_eq!(uris.len(), 6);
    assert_eq!(uris[5], "http://system-admin.okta1.com:1802/admin/app/cpc/trial1_acme_1/oauth/callback");
    let output = run(&shared().data_dir, &["client", "create", "okta", "--tenant", &tenant.name, "--okta-app", "a1"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    for part in ["authorization endpoint", "token endpoint", "client id", "client secret", "shown this once"] {
        assert!(shown.contains(part), "{shown}");
    }
    // What is printed would lead nobody from elsewhere here.
    assert!(shown.contains("--public-url"), "{shown}");
    let elsewhere = ["client", "create", "okta", "--tenant", &tenant.name, "--public-url", "https://scim.example.com"];
    let output = run(&shared().data_dir, &elsewhere);
    assert!(!String::from_utf8(output.stdout).unwrap().contains("--public-url"));
}

#[test]
fn contradictions_are_refused_and_nothing_is_created() {
    let tenant = tenant();
    let code = "authorization_code";
    for (arguments, says) in [
        (&["--redirect-uri", "http://client.example.com/cb"][..], "begins with https"),
        (&["--redirect-uri", "https://client.example.com/cb#x"], "has no fragment"),
        (&["--redirect-uri", "https://*.example.com/cb"], "has no wildcard"),
        (&["--redirect-uri", "https://u@client.example.com/cb"], "has no user name"),
        (&["--okta-app", "a/b"], "wants the name of the Okta app"),
        (&["--grant", code], "redirect URIs and the grant"),
        (&["--grant", "client_credentials", "--redirect-uri", CALLBACK], "redirect URIs and the grant"),
        (&["--grant", "refresh_token"], "goes with authorization_code"),
        (&["--public"], "a public client cannot prove"),
        (&["--access-token-life", "5m"], "10 minutes at least"),
        (&["--access-token-life", "2h"], "1 hour at most"),
        (&["--refresh-idle", "5m"], "1 hour at least"),
        (&["--jwks-uri", "keys.example.com"], "absolute URL"),
        (&["--jwks", "Cargo.toml"], "Cargo.toml"),
    ] {
        let start = ["client", "create", "okta", "--tenant", tenant.name.as_str()];
        let output = run(&shared().data_dir, &[&start[..], arguments].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {said}");
        assert!(said.contains(says), "{arguments:?} {said}");
    }
    let catalogue = run(&shared().data_dir, &["client", "create", "okta", "--catalogue"]);
    assert!(String::from_utf8(catalogue.stderr).unwrap().contains("catalogue client"));
    assert_eq!(run_json(&shared().data_dir, &["client", "list", "--tenant", &tenant.name]), json!([]));
}

#[test]
fn clients_are_listed_by_tenant_and_shown_without_secrets() {
    let (tenant, other) = (tenant(), crate::support::tenant());
    let made = create(&tenant, &[]);
    let catalogue =
        run_json(&shared().data_dir, &["client", "create", "okta", "--catalogue", "--redirect-uri", CALLBACK]);
    let ids = |arguments: &[&str]| {
        let listed = run_json(&shared().data_dir, &[&["client", "list"], arguments].concat());
        listed.as_array().unwrap().iter().map(|row| row["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&["--tenant", &tenant.name]), [made["id"].clone()]);
    assert!(ids(&["--tenant", &other.name]).is_empty());
    assert!(ids(&["--catalogue"]).contains(&catalogue["id"]));
    let id = made["id"].as_str().unwrap();
    let shown = run_json(&shared().data_dir, &["client", "show", id]);
    assert_eq!((&shown["name"], &shown["state"]), (&json!("okta"), &json!("enabled")));
    let plain = run(&shared().data_dir, &["client", "show", id]).stdout;
    let plain = String::from_utf8(plain).unwrap();
    assert!(plain.contains(id) && plain.contains("scim.write"));
    let secret = &made["secret"].as_str().unwrap()[18..];
    assert!(!shown.to_string().contains(secret) && !plain.contains(secret));
    let listed = run(&shared().data_dir, &["client", "list", "--tenant", &tenant.name]).stdout;
    assert!(String::from_utf8(listed).unwrap().starts_with("ID "));
}

#[test]
fn revoking_the_grants_of_a_client_ends_all_that_it_has_and_not_what_it_gets() {
    let Connected { tenant, client, endpoints, access, refresh } = connected();
    let revoked = run_json(&shared().data_dir, &["client", "revoke-grants", &client.id]);
    assert_eq!(revoked, json!({"id": client.id, "grants": 1}));
    assert!(!client.sees(&endpoints, &access) && !client.sees(&endpoints, &refresh));
    assert_oauth_error(&client.refresh(&endpoints, &refresh), 400, "invalid_grant");
    let answer = client.redeem(&endpoints, &code(&client, &consent(tenant.id)));
    assert_eq!(client.refresh(&endpoints, &text(&answer, "refresh_token")).status, 200);
    assert_eq!(audited(&tenant, "oauth.revoke_grant").len(), 1);
    // One that came about at the same moment, and that the revocation did not see.
    let grant = claims(&access)["grant"].as_str().unwrap().to_owned();
    change(&format!("UPDATE oauth_grants SET revoked_at = NULL WHERE id = '{grant}'"));
    assert_oauth_error(&client.refresh(&endpoints, &refresh), 400, "invalid_grant");
}

#[test]
fn a_disabled_client_is_refused_until_it_is_enabled() {
    let Connected { tenant, client, endpoints, refresh, .. } = connected();
    for _ in 0..2 {
        run_json(&shared().data_dir, &["client", "disable", &client.id]);
        assert_oauth_error(&client.refresh(&endpoints, &refresh), 401, "invalid_client");
    }
    run_json(&shared().data_dir, &["client", "enable", &client.id]);
    assert_eq!(client.refresh(&endpoints, &refresh).status, 200);
    assert_eq!(audited(&tenant, "client.update").len(), 2);
    for command in ["disable", "enable", "show", "revoke-grants"] {
        let output = run(&shared().data_dir, &["client", command, "client_nobody"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains("client_nobody"));
    }
}
