//! What ends tokens before their time, and how soon: one by one, with their grant, with their client, with all before a moment.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use provisor::store::AuditRow;

use super::*;
use crate::support::{TemporaryDirectory, operator};

/// How long a revocation may take, with what a busy machine adds.
const PROMPTLY: Duration = Duration::from_secs(3);

/// Asserts that a token works, and no more once the statements have run.
fn assert_ended_by(token: &str, statements: &str) {
    assert_eq!(status(token), 200, "before {statements}");
    forge().execute(statements);
    let begun = Instant::now();
    eventually("the refusal of a token", || (status(token) == 401).then_some(()));
    assert!(begun.elapsed() < PROMPTLY, "{statements}: {:?}", begun.elapsed());
    assert_refused(&forge().bearer(token).get("/Users"), statements);
}

/// Waits until the log of a tenant has a refusal for this reason. Refusals that are alike share an entry, with their number.
fn assert_logged(tenant: TenantId, reason: &str) {
    eventually(reason, || {
        let log = |backend: &provisor::backend::Backend| {
            backend.store.run(&operator(tenant), |tenant| tenant.audit_events(1_000)).unwrap()
        };
        let told = |row: &AuditRow| row.detail.as_deref().is_some_and(|detail| detail.starts_with(reason));
        shared().with_backend(log).iter().any(told).then_some(())
    });
}

#[test]
fn a_revoked_token_ends_alone() {
    let (tenant, client, claims) = connected();
    let jti = claims["jti"].as_str().unwrap();
    let other = forge().token(&forge().claims(tenant.id, &client));
    let token = forge().token(&claims);
    assert_ended_by(
        &token,
        &format!("INSERT INTO revoked_access_tokens (jti, expires_at) VALUES ('{jti}', now() + interval '1 hour')"),
    );
    assert_eq!(status(&other), 200);
    assert_logged(tenant.id, "revoked access token");
}

#[test]
fn every_server_refuses_a_revoked_token_within_a_second() {
    let (data_dir, unused) = (TemporaryDirectory::new("revoked"), TemporaryDirectory::new("revoked-2"));
    let (servers, forge) = super::keys::pair(&data_dir, &unused);
    let tenant = super::keys::default_tenant(&data_dir);
    let claims = forge.claims(tenant, &forge.client(tenant));
    let bearer = format!("Bearer {}", forge.token(&claims));
    let clients = servers.each_ref().map(|server| Client::new(&server.url, &bearer));
    let statuses = || clients.each_ref().map(|client| client.get("/Users?count=0").status);
    assert_eq!(statuses(), [200, 200]);
    let jti = claims["jti"].as_str().unwrap();
    forge.execute(&format!("INSERT INTO revoked_access_tokens VALUES ('{jti}', now() + interval '1 hour')"));
    let begun = Instant::now();
    eventually("the refusal of a token", || (statuses() == [401, 401]).then_some(()));
    assert!(begun.elapsed() < PROMPTLY, "{:?}", begun.elapsed());
    let [one, two] = servers;
    assert!(two.stop() && one.stop());
}

#[test]
fn a_revoked_grant_ends_all_of_its_tokens_and_no_others() {
    let (tenant, client, claims) = connected();
    let [first, second] = [0, 1].map(|_| forge().grant(tenant.id, &client));
    let of = |grant| forge().token(&with(&forge().claims(tenant.id, &client), "grant", json!(grant)));
    let (token, same, other) = (of(first), of(first), of(second));
    assert_ended_by(&token, &format!("UPDATE oauth_grants SET revoked_at = now() WHERE id = '{first}'"));
    assert_logged(tenant.id, "the token's grant is revoked");
    assert_eq!([status(&same), status(&other), status(&forge().token(&claims))], [401, 200, 200]);
    forge().execute(&format!("DELETE FROM oauth_grants WHERE id = '{second}'"));
    eventually("the refusal of a token", || (status(&other) == 401).then_some(()));
}

#[test]
fn a_grant_counts_in_its_tenant_and_for_its_client_only() {
    let (tenant, client, claims) = connected();
    let others =
        [forge().grant(tenant.id, &forge().client(tenant.id)), forge().grant(crate::support::tenant().id, &client)];
    for grant in others {
        let token = forge().token(&with(&claims, "grant", json!(grant)));
        assert_refused(&forge().bearer(&token).get("/Users"), "the grant of another");
    }
}

#[test]
fn a_disabled_client_has_no_tokens_until_it_is_enabled() {
    let (tenant, client, claims) = connected();
    let token = forge().token(&claims);
    assert_ended_by(&token, &format!("UPDATE oauth_clients SET disabled_at = now() WHERE id = '{client}'"));
    assert_logged(tenant.id, "the token's client is disabled");
    forge().execute(&format!("UPDATE oauth_clients SET disabled_at = NULL WHERE id = '{client}'"));
    assert_eq!(status(&token), 200);
    assert_ended_by(&token, &format!("DELETE FROM oauth_clients WHERE id = '{client}'"));
}

#[test]
fn nothing_issued_before_the_mark_passes_it() {
    let (tenant, client, claims) = connected();
    let now = Utc::now().timestamp();
    let mark = DateTime::from_timestamp(now, 500_000_000).unwrap();
    let issued = |at: i64| forge().token(&with(&claims, "iat", json!(at)));
    assert_ended_by(
        &issued(now - 1),
        &format!("UPDATE oauth_clients SET tokens_not_before = '{}' WHERE id = '{client}'", mark.to_rfc3339()),
    );
    // In the second of the mark nobody can tell before from after; the client gets another one a second later.
    for (at, expected) in [(now - 600, 401), (now, 401), (now + 1, 200)] {
        assert_eq!(status(&issued(at)), expected, "{}", at - now);
    }
    assert_logged(tenant.id, "access token from before the client's tokens were revoked");
}

#[test]
fn a_catalogue_client_acts_for_the_tenant_that_consented() {
    let client = forge().client(TenantId::NONE);
    let (one, other) = (tenant(), tenant());
    one.user("ada@example.com");
    for (tenant, users) in [(&one, 1), (&other, 0)] {
        let claims = forge().claims(tenant.id, &client);
        assert_refused(&forge().bearer(&forge().token(&claims)).get("/Users"), "without a consent");
        let claims = with(&claims, "grant", json!(forge().grant(tenant.id, &client)));
        let answer = forge().bearer(&forge().token(&claims)).get("/Users");
        assert_eq!((answer.status, &answer.json()["totalResults"]), (200, &json!(users)));
        for tenant in [TenantId::NONE, TenantId::generate()] {
            let elsewhere = forge().token(&with(&claims, "tenant", json!(tenant.0)));
            assert_refused(&forge().bearer(&elsewhere).get("/Users"), "for another tenant");
        }
    }
}

#[test]
fn the_log_has_why_and_never_the_token() {
    let (tenant, _, claims) = connected();
    for (token, expected) in [
        (forge().sign(&with(&forge().header(), "typ", json!("JWT")), &claims), "token of another type"),
        (forge().token(&with(&claims, "aud", json!("x"))), "token for another audience"),
        (forge().token(&with(&claims, "exp", json!(1))), "expired access token"),
    ] {
        assert_eq!(status(&token), 401);
        assert_logged(TenantId::NONE, expected);
    }
    let wrong = forge().token(&with(&claims, "tenant", json!(crate::support::tenant().id.0)));
    assert_eq!(status(&wrong), 401);
    assert_logged(tenant.id, "the token's tenant is not its client's");
    let refused = forge().bearer(&forge().token(&with(&claims, "scope", json!("scim.read")))).delete("/Users/unknown");
    assert_eq!(refused.status, 403);
    assert_logged(tenant.id, "DELETE answered 403: the token lacks the scope scim.write");
    let log = format!("{:?}", tenant.audit());
    assert!(!log.contains("eyJ") && log.contains("oauth_client"), "{log}");
}
