//! Codes become tokens (contract sections 3.3 and 10).

use std::sync::Barrier;

use chrono::{TimeDelta, Utc};
use provisor::auth::Scope;
use provisor::id::TenantId;
use provisor::oauth::clients::NewClient;
use provisor::oauth::grant_type::GrantType;
use provisor::oauth::pkce;
use serde_json::json;

use super::*;

/// Redeems a code with these parameters.
fn redeem(endpoints: &Endpoints, client: &OAuthClient, code: &str, others: &[(&str, &str)]) -> Answer {
    endpoints.token(&client.with(&[&[("grant_type", "authorization_code"), ("code", code)], others].concat()))
}

#[test]
fn a_code_becomes_an_access_token_and_a_refresh_token() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let consent = consent(tenant.id);
    let answer = client.redeem(&Endpoints::shared(), &code(&client, &consent));
    assert_not_kept(&answer);
    let body = answer.json();
    let names: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["access_token", "expires_in", "refresh_token", "scope", "token_type"]);
    let claims = claims(body["access_token"].as_str().unwrap());
    let grant = claims["grant"].as_str().unwrap();
    assert_eq!(claims["sub"], json!(format!("grant_{grant}")));
    assert_eq!(claims["tenant"], json!(tenant.id.to_string()));
    let row = &audited(&tenant, "oauth.issue")[0];
    let after = row.after.as_ref().unwrap();
    assert_eq!((&after["grant"], &after["jti"]), (&claims["grant"], &claims["jti"]));
    let stored = database::number(&format!(
        "SELECT count(*) AS number FROM oauth_grants WHERE id = '{grant}' AND administrator_id = '{}'",
        consent.administrator
    ));
    assert_eq!(stored, 1);
}

#[test]
fn a_client_without_the_refresh_grant_gets_no_refresh_token() {
    let tenant = tenant();
    let new = NewClient { grant_types: vec![GrantType::AuthorizationCode], ..provider() };
    let client = client(tenant.id, &new);
    let answer = client.redeem(&Endpoints::shared(), &code(&client, &consent(tenant.id)));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json().get("refresh_token"), None);
}

#[test]
fn the_tokens_have_the_scopes_that_were_consented_to() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let read = Consent { scopes: vec![Scope::Read], ..consent(tenant.id) };
    assert_eq!(text(&client.redeem(&Endpoints::shared(), &code(&client, &read)), "scope"), "scim.read");
}

#[test]
fn a_catalogue_client_gets_tokens_for_the_tenant_that_was_consented_for() {
    let (one, other) = (tenant(), tenant());
    let client = client(TenantId::NONE, &provider());
    let endpoints = Endpoints::shared();
    for tenant in [&one, &other] {
        let answer = client.redeem(&endpoints, &code(&client, &consent(tenant.id)));
        assert_eq!(claims(&text(&answer, "access_token"))["tenant"], json!(tenant.id.to_string()));
        let refreshed = client.refresh(&endpoints, &text(&answer, "refresh_token"));
        assert_eq!(claims(&text(&refreshed, "access_token"))["tenant"], json!(tenant.id.to_string()));
        assert_eq!(audited(tenant, "oauth.issue").len(), 1);
    }
}

#[test]
fn a_code_that_is_missing_unknown_or_expired_is_refused() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    let uri = ("redirect_uri", CALLBACK);
    assert_oauth_error(
        &endpoints.token(&client.with(&[("grant_type", "authorization_code"), uri])),
        400,
        "invalid_request",
    );
    let mine = code(&client, &consent(tenant.id));
    let expired = code(&client, &Consent { expires_at: Utc::now() - TimeDelta::seconds(1), ..consent(tenant.id) });
    let unknown = provisor::auth::secret::Secret::generate(provisor::auth::secret::Kind::AuthorizationCode).unwrap();
    let refresh = provisor::auth::secret::Secret::generate(provisor::auth::secret::Kind::RefreshToken).unwrap();
    for wrong in [&expired, unknown.reveal(), refresh.reveal(), "x", &mine[..66], &mine.to_lowercase()] {
        assert_oauth_error(&redeem(&endpoints, &client, wrong, &[uri]), 400, "invalid_grant");
    }
    assert_eq!(redeem(&endpoints, &client, &mine, &[uri]).status, 200);
}

#[test]
fn another_client_cannot_use_a_code_and_does_not_burn_it() {
    let tenant = tenant();
    let (own, other) = (client(tenant.id, &provider()), client(tenant.id, &provider()));
    let endpoints = Endpoints::shared();
    let code = code(&own, &consent(tenant.id));
    assert_oauth_error(&other.redeem(&endpoints, &code), 400, "invalid_grant");
    let answer = own.redeem(&endpoints, &code);
    assert_eq!(answer.status, 200, "{}", answer.text);
    // Nor does it end what came of it.
    assert_oauth_error(&other.redeem(&endpoints, &code), 400, "invalid_grant");
    assert!(own.sees(&endpoints, &text(&answer, "access_token")));
}

#[test]
fn the_wrong_redirect_uri_burns_the_code() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    for others in [
        &[][..],
        &[("redirect_uri", "")],
        &[("redirect_uri", "https://client.example.com/callback/")],
        &[("redirect_uri", "https://client.example.com/Callback")],
        &[("redirect_uri", "https://other.example.com/callback")],
    ] {
        let code = code(&client, &consent(tenant.id));
        assert_oauth_error(&redeem(&endpoints, &client, &code, others), 400, "invalid_grant");
        assert_oauth_error(&client.redeem(&endpoints, &code), 400, "invalid_grant");
    }
    assert_eq!(audited(&tenant, "oauth.issue").len(), 0);
}

#[test]
fn the_verifier_must_be_the_one_behind_the_challenge() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let bound = Consent { code_challenge: Some(pkce::challenge(verifier)), ..consent(tenant.id) };
    let uri = ("redirect_uri", CALLBACK);
    let code_of = |consent: &Consent| code(&client, consent);
    assert_eq!(redeem(&endpoints, &client, &code_of(&bound), &[uri, ("code_verifier", verifier)]).status, 200);
    let other = "a".repeat(43);
    for wrong in [
        &[uri][..],
        &[uri, ("code_verifier", "")],
        &[uri, ("code_verifier", &other)],
        &[uri, ("code_verifier", &pkce::challenge(verifier))],
    ] {
        let code = code_of(&bound);
        assert_oauth_error(&redeem(&endpoints, &client, &code, wrong), 400, "invalid_grant");
        // It is burnt.
        let right = redeem(&endpoints, &client, &code, &[uri, ("code_verifier", verifier)]);
        assert_oauth_error(&right, 400, "invalid_grant");
    }
    // A verifier without a challenge: somebody took the challenge out of the authorization request.
    let unbound = code_of(&consent(tenant.id));
    let answer = redeem(&endpoints, &client, &unbound, &[uri, ("code_verifier", verifier)]);
    assert_oauth_error(&answer, 400, "invalid_grant");
}

#[test]
fn a_code_is_redeemed_once_and_a_second_use_ends_what_came_of_it() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    let code = code(&client, &consent(tenant.id));
    let answer = client.redeem(&endpoints, &code);
    let (access, refresh) = (text(&answer, "access_token"), text(&answer, "refresh_token"));
    assert!(client.sees(&endpoints, &access) && client.sees(&endpoints, &refresh));
    assert_oauth_error(&client.redeem(&endpoints, &code), 400, "invalid_grant");
    assert!(!client.sees(&endpoints, &access) && !client.sees(&endpoints, &refresh));
    assert_oauth_error(&client.refresh(&endpoints, &refresh), 400, "invalid_grant");
    let rows = audited(&tenant, "oauth.reuse");
    let [alarm] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(alarm.after.as_ref().unwrap()["revokedGrant"], claims(&access)["grant"]);
    assert_eq!(alarm.detail.as_deref(), Some("authorization code was used again"));
}

#[test]
fn a_code_that_was_used_is_recognised_after_it_has_expired() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    let code = code(&client, &consent(tenant.id));
    let access = text(&client.redeem(&endpoints, &code), "access_token");
    let aged = "created_at = created_at - interval '2 minutes', expires_at = expires_at - interval '2 minutes'";
    change(&format!("UPDATE authorization_codes SET {aged} WHERE id = '{}'", public_id(&code)));
    assert_oauth_error(&client.redeem(&endpoints, &code), 400, "invalid_grant");
    assert!(!client.sees(&endpoints, &access));
}

#[test]
fn of_many_redemptions_at_once_exactly_one_wins() {
    const ATTEMPTS: usize = 8;
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    for _ in 0..5 {
        let code = code(&client, &consent(tenant.id));
        let start = Barrier::new(ATTEMPTS);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let attempt = || {
                start.wait();
                client.redeem(&endpoints, &code)
            };
            let attempts: Vec<_> = (0..ATTEMPTS).map(|_| scope.spawn(attempt)).collect();
            attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_oauth_error(answer, 400, "invalid_grant");
        }
        let grants = format!("SELECT count(*) AS number FROM oauth_grants WHERE client_id = '{}'", client.id);
        assert_eq!(database::number(&format!("{grants} AND revoked_at IS NULL")), 0);
    }
    assert_eq!(audited(&tenant, "oauth.issue").len(), 5);
}

#[test]
fn a_code_of_somebody_who_may_no_longer_consent_is_refused() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    let consent = consent(tenant.id);
    let code_of = || code(&client, &consent);
    let withdrawn = code_of();
    change(&format!("UPDATE administrators SET disabled_at = now() WHERE id = '{}'", consent.administrator));
    assert_oauth_error(&client.redeem(&endpoints, &withdrawn), 400, "invalid_grant");
    change(&format!("UPDATE administrators SET disabled_at = NULL WHERE id = '{}'", consent.administrator));
    assert_oauth_error(&client.redeem(&endpoints, &withdrawn), 400, "invalid_grant");
    // All that a client had was revoked, also what it had not fetched yet.
    let before = code_of();
    change(&format!("UPDATE oauth_clients SET tokens_not_before = now() WHERE id = '{}'", client.id));
    assert_oauth_error(&client.redeem(&endpoints, &before), 400, "invalid_grant");
    assert_eq!(client.redeem(&endpoints, &code_of()).status, 200);
    // The tenant is gone.
    let orphan = code_of();
    change(&format!(
        "UPDATE authorization_codes SET tenant_id = gen_random_uuid() WHERE id = '{}'",
        public_id(&orphan)
    ));
    assert_oauth_error(&client.redeem(&endpoints, &orphan), 400, "invalid_grant");
}

#[test]
fn a_resource_that_is_not_our_api_leaves_the_code_as_it_is() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    let code = code(&client, &consent(tenant.id));
    let others = [("redirect_uri", CALLBACK), ("resource", "https://other.example.com")];
    assert_oauth_error(&redeem(&endpoints, &client, &code, &others), 400, "invalid_target");
    let api = format!("{}/scim/v2", shared().url);
    assert_eq!(redeem(&endpoints, &client, &code, &[("redirect_uri", CALLBACK), ("resource", &api)]).status, 200);
}

#[test]
fn no_grant_comes_of_a_code_while_all_of_its_client_is_revoked() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let code = code(&client, &consent(tenant.id));
    let mut revocation = database::connect(&shared().data_dir, "provisor");
    // As `revoke-grants` does: first the mark, then the grants that there are.
    let mark = "BEGIN; UPDATE oauth_clients SET tokens_not_before = clock_timestamp()";
    database::execute(&mut revocation, &format!("{mark} WHERE id = '{}'", client.id));
    let answer = std::thread::scope(|scope| {
        let redeeming = scope.spawn(|| client.redeem(&Endpoints::shared(), &code));
        eventually("somebody who waits for the revocation", || {
            let waits = "SELECT count(*) AS number FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'";
            (database::number(waits) > 0).then_some(())
        });
        database::execute(&mut revocation, "COMMIT");
        redeeming.join().unwrap()
    });
    assert_oauth_error(&answer, 400, "invalid_grant");
    let grants = format!("SELECT count(*) AS number FROM oauth_grants WHERE client_id = '{}'", client.id);
    assert_eq!(database::number(&grants), 0);
}
