//! Okta's authorization-code flow: the administrator presses "Authenticate", signs in, consents, and Okta provisions.

use std::thread;

use oauth2::AuthType;
use oauth2::RequestTokenError;
use oauth2::basic::BasicErrorResponseType;

use super::*;
use provisor::auth::RECENT_LIFETIME;
use provisor::auth::role::Role;

use crate::support::browser::Browser;
use crate::support::oauth::{Endpoints, claims};
use crate::support::people::{PASSWORD, somebody};
use crate::support::process::run_json;
use crate::support::{Answer, Client, ServerProcess, TemporaryDirectory, Tenant, minimal, shared, tenant};

/// A tenant that an administrator connects to Okta.
struct Connection {
    tenant: Tenant,
    browser: Browser,
    email: String,
    client_id: String,
    okta: Provider,
}

fn connection() -> Connection {
    let tenant = tenant();
    let ada = somebody(tenant.id, Role::Admin);
    let created = run_json(
        &shared().data_dir,
        &["client", "create", "okta", "--tenant", &tenant.name, "--okta-app", "trial7464750_ouraoo_1"],
    );
    let (id, secret) = (created["id"].as_str().unwrap(), created["secret"].as_str().unwrap());
    let okta = Provider::new(&shared().url, id, secret, AuthType::RequestBody);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&ada.email, PASSWORD);
    Connection { client_id: id.to_owned(), email: ada.email, okta, browser, tenant }
}

impl Connection {
    /// Presses "Authenticate": the tokens that Okta has in the end.
    fn authenticate(&mut self, scopes: &[&str]) -> Tokens {
        let (url, state) = self.okta.authorize(scopes);
        self.browser.open_authorize(url.as_str());
        let (code, same) = come_back(&self.browser.consent(true));
        assert_eq!(same, state);
        self.okta.exchange(&code).unwrap()
    }
}

fn scim(tokens: &Tokens) -> Client {
    Client::new(&shared().url, &format!("Bearer {}", tokens.access))
}

fn lists_users(tokens: &Tokens) -> Answer {
    scim(tokens).get("/Users?startIndex=1&count=2")
}

/// The answer of the SCIM API once what was revoked is known everywhere.
fn refused_in_the_end(tokens: &Tokens) {
    thread::sleep(RECENT_LIFETIME);
    let answer = lists_users(tokens);
    assert_eq!(answer.status, 401, "{}", answer.text);
    assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
}

fn refresh_token(tokens: &Tokens) -> &str {
    tokens.refresh.as_deref().expect("Okta asks for no scope and must get a refresh token")
}

/// The code of the error that a refused refresh is answered with.
fn refused(connection: &Connection, token: &str) -> BasicErrorResponseType {
    match connection.okta.refresh(token).unwrap_err() {
        RequestTokenError::ServerResponse(error) => error.error().clone(),
        other => panic!("{other}"),
    }
}

#[test]
fn an_administrator_connects_okta_without_a_scope_and_okta_provisions() {
    let mut connection = connection();
    let tokens = connection.authenticate(&[]);
    assert_eq!(tokens.scopes, ["scim.read", "scim.write"]);
    assert_eq!(tokens.seconds, 3_600);
    assert_eq!(lists_users(&tokens).status, 200);
    assert_eq!(scim(&tokens).post("/Users", &minimal("grace@example.com")).status, 201);
    let entry = connection.tenant.audit().into_iter().find(|entry| entry.action == "resource.create").unwrap();
    assert_eq!((entry.actor_kind.as_str(), &entry.actor_id), ("oauth_client", &connection.client_id));
    assert_eq!(entry.actor_name, "okta");
    // The tenant's header token sees what Okta created.
    assert_eq!(connection.tenant.client.get("/Users").json()["totalResults"], 1);
}

#[test]
fn a_connection_with_a_scope_gets_no_more_than_that() {
    let mut connection = connection();
    let tokens = connection.authenticate(&["scim.read"]);
    assert_eq!(tokens.scopes, ["scim.read"]);
    assert_eq!(lists_users(&tokens).status, 200);
    let refused = scim(&tokens).post("/Users", &minimal("grace@example.com"));
    assert_eq!(refused.status, 403);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"scim.write\""),
        "{challenge}"
    );
    let refreshed = connection.okta.refresh(refresh_token(&tokens)).unwrap();
    assert_eq!(refreshed.scopes, ["scim.read"]);
}

#[test]
fn okta_refreshes_by_itself_while_signing_keys_change() {
    let mut connection = connection();
    let mut tokens = connection.authenticate(&[]);
    for _ in 0..3 {
        run_json(&shared().data_dir, &["key", "rotate", "--now"]);
        assert_eq!(lists_users(&tokens).status, 200, "the key before still verifies");
        let next = connection.okta.refresh(refresh_token(&tokens)).unwrap();
        assert_ne!(next.access, tokens.access);
        assert_ne!(next.refresh, tokens.refresh);
        assert_eq!(lists_users(&next).status, 200);
        assert_eq!(lists_users(&tokens).status, 200, "the access token before lives on");
        tokens = next;
    }
}

#[test]
fn two_workers_of_okta_that_refresh_at_once_get_the_same_refresh_token() {
    let mut connection = connection();
    let tokens = connection.authenticate(&[]);
    let refresh = || connection.okta.refresh(refresh_token(&tokens)).unwrap();
    let (one, other) = thread::scope(|scope| {
        let (one, other) = (scope.spawn(refresh), scope.spawn(refresh));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_eq!(one.refresh, other.refresh);
    for tokens in [&one, &other, &connection.okta.refresh(refresh_token(&one)).unwrap()] {
        assert_eq!(lists_users(tokens).status, 200);
    }
}

#[test]
fn a_lost_reply_does_not_cut_okta_off() {
    let mut connection = connection();
    let tokens = connection.authenticate(&[]);
    let lost = connection.okta.refresh(refresh_token(&tokens)).unwrap();
    let again = connection.okta.refresh(refresh_token(&tokens)).unwrap();
    assert_eq!(again.refresh, lost.refresh);
    assert_eq!(lists_users(&again).status, 200);
    assert!(connection.okta.refresh(refresh_token(&again)).is_ok());
}

#[test]
fn a_refresh_token_in_two_hands_ends_the_connection_until_somebody_authenticates_again() {
    let mut connection = connection();
    let stolen = connection.authenticate(&[]);
    let second = connection.okta.refresh(refresh_token(&stolen)).unwrap();
    let third = connection.okta.refresh(refresh_token(&second)).unwrap();
    for token in [&stolen, &third] {
        assert_eq!(refused(&connection, refresh_token(token)), BasicErrorResponseType::InvalidGrant);
    }
    refused_in_the_end(&third);
    assert!(connection.tenant.audit().iter().any(|entry| entry.action == "oauth.reuse"));
    let tokens = connection.authenticate(&[]);
    assert_eq!(lists_users(&tokens).status, 200);
}

#[test]
fn what_okta_revokes_ends_with_all_that_came_of_it() {
    let mut connection = connection();
    let (kept, ended) = (connection.authenticate(&[]), connection.authenticate(&[]));
    assert_eq!(lists_users(&ended).status, 200);
    connection.okta.revoke(refresh_token(&ended)).unwrap();
    refused_in_the_end(&ended);
    assert_eq!(refused(&connection, refresh_token(&ended)), BasicErrorResponseType::InvalidGrant);
    assert_eq!(lists_users(&kept).status, 200);
    let again = connection.authenticate(&[]);
    assert_eq!(lists_users(&again).status, 200);
}

#[test]
fn the_operator_revokes_all_grants_and_the_administrator_connects_anew() {
    let mut connection = connection();
    let tokens = connection.authenticate(&[]);
    run_json(&shared().data_dir, &["client", "revoke-grants", &connection.client_id]);
    refused_in_the_end(&tokens);
    assert_eq!(refused(&connection, refresh_token(&tokens)), BasicErrorResponseType::InvalidGrant);
    // Tokens carry whole seconds.
    let tokens = connection.authenticate(&[]);
    assert_eq!(lists_users(&tokens).status, 200);
}

#[test]
fn a_new_secret_is_taken_over_without_a_gap() {
    let mut connection = connection();
    let tokens = connection.authenticate(&[]);
    let rotated = run_json(&shared().data_dir, &["client", "rotate-secret", &connection.client_id, "--overlap", "1h"]);
    let renewed =
        Provider::new(&shared().url, &connection.client_id, rotated["secret"].as_str().unwrap(), AuthType::RequestBody);
    let tokens = connection.okta.refresh(refresh_token(&tokens)).unwrap();
    let tokens = renewed.refresh(refresh_token(&tokens)).unwrap();
    assert_eq!(lists_users(&tokens).status, 200);
}

#[test]
fn an_access_token_is_for_the_scim_api_and_says_nothing_about_people() {
    let mut connection = connection();
    let tokens = connection.authenticate(&[]);
    let claims = claims(&tokens.access);
    let mut names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "client_id", "exp", "grant", "iat", "iss", "jti", "nbf", "scope", "sub", "tenant"]);
    assert_eq!(claims["iss"], shared().url.as_str());
    assert_eq!(claims["aud"], format!("{}/scim/v2", shared().url));
    assert_eq!(claims["sub"], format!("grant_{}", claims["grant"].as_str().unwrap()));
    assert!(!claims.to_string().contains(&connection.email));
}

#[test]
fn an_address_that_anybody_says_to_stand_for_is_believed_of_a_trusted_proxy_alone() {
    for (proxies, believed) in [("", false), ("127.0.0.0/8", true)] {
        let directory = TemporaryDirectory::new("proxy");
        let server = ServerProcess::start_with(&directory, &["--trusted-proxies", proxies]);
        let created = run_json(&directory, &["client", "create", "script"]);
        let (id, secret) = (created["id"].as_str().unwrap(), created["secret"].as_str().unwrap());
        let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        let request = Endpoints::of(&server.url).form("/token", &form);
        assert_eq!(Client::send(request.header("X-Forwarded-For", "203.0.113.5, 198.51.100.7")).status, 200);
        let entries = run_json(&directory, &["audit", "list"]);
        let issued = entries.as_array().unwrap().iter().find(|entry| entry["action"] == "oauth.issue").unwrap();
        let address = issued["address"].as_str().unwrap();
        assert_eq!(address == "198.51.100.7", believed, "{address}");
        assert_ne!(address, "203.0.113.5", "what the client itself says is never believed");
    }
}
