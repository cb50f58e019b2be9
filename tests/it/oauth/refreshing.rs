//! Refresh tokens become new ones (contract section 3.4).

use std::sync::Barrier;

use provisor::auth::Scope;

use super::*;

/// Makes it so long ago that a refresh token was used.
fn age_use(token: &str, seconds: u32) {
    let id = public_id(token);
    change(&format!("UPDATE refresh_tokens SET used_at = used_at - interval '{seconds} seconds' WHERE id = '{id}'"));
}

fn successor(answer: &Answer) -> String {
    text(answer, "refresh_token")
}

#[test]
fn a_refresh_token_gives_an_access_token_and_the_next_refresh_token() {
    let Connected { tenant, client, endpoints, access, refresh } = connected();
    let answer = client.refresh(&endpoints, &refresh);
    assert_not_kept(&answer);
    assert_ne!(successor(&answer), refresh);
    let (old, new) = (claims(&access), claims(&text(&answer, "access_token")));
    assert_ne!(new["jti"], old["jti"]);
    for same in ["sub", "grant", "client_id", "tenant", "scope"] {
        assert_eq!(new[same], old[same]);
    }
    let rows = audited(&tenant, "oauth.refresh");
    assert_eq!(rows[0].after.as_ref().unwrap()["jti"], new["jti"]);
    assert!(!format!("{:?}", tenant.audit()).contains(&refresh[18..]));
    // And so on.
    assert_eq!(client.refresh(&endpoints, &successor(&answer)).status, 200);
}

#[test]
fn the_scope_may_be_narrowed_for_one_access_token_and_not_widened() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    let refresh = successor(&client.redeem(&endpoints, &code(&client, &consent(tenant.id))));
    let with_scope = |token: &str, scope: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        endpoints.token(&client.with(&form))
    };
    let narrowed = with_scope(&refresh, "scim.read");
    assert_eq!(text(&narrowed, "scope"), "scim.read");
    assert_eq!(text(&client.refresh(&endpoints, &successor(&narrowed)), "scope"), "scim.read scim.write");
    let read = Consent { scopes: vec![Scope::Read], ..consent(tenant.id) };
    let refresh = successor(&client.redeem(&endpoints, &code(&client, &read)));
    for wider in ["scim.write", "scim", "scim.read nothing"] {
        assert_oauth_error(&with_scope(&refresh, wider), 400, "invalid_scope");
    }
    // Which did not use it up.
    let answer = client.refresh(&endpoints, &refresh);
    assert_eq!(text(&answer, "scope"), "scim.read");
}

#[test]
fn a_refresh_token_that_is_unknown_or_of_another_client_is_refused() {
    let Connected { tenant, client, endpoints, access, refresh } = connected();
    let other = super::client(tenant.id, &provider());
    let unknown = provisor::auth::secret::Secret::generate(provisor::auth::secret::Kind::RefreshToken).unwrap();
    assert_oauth_error(&other.refresh(&endpoints, &refresh), 400, "invalid_grant");
    for wrong in [unknown.reveal(), "x", &access, &refresh[..66], &refresh.to_uppercase()] {
        assert_oauth_error(&client.refresh(&endpoints, wrong), 400, "invalid_grant");
    }
    let missing = endpoints.token(&client.with(&[("grant_type", "refresh_token")]));
    assert_oauth_error(&missing, 400, "invalid_request");
    let answer = client.refresh(&endpoints, &refresh);
    assert_eq!(answer.status, 200);
    // Another client does not raise the alarm by a token that was used.
    age_use(&refresh, 120);
    assert_oauth_error(&other.refresh(&endpoints, &refresh), 400, "invalid_grant");
    assert_eq!(client.refresh(&endpoints, &successor(&answer)).status, 200);
}

#[test]
fn a_lost_reply_is_given_again_within_the_grace() {
    let Connected { tenant, client, endpoints, refresh, .. } = connected();
    let first = client.refresh(&endpoints, &refresh);
    age_use(&refresh, 50);
    let again = client.refresh(&endpoints, &refresh);
    assert_eq!(successor(&again), successor(&first));
    let jti = |answer: &Answer| claims(&text(answer, "access_token"))["jti"].clone();
    assert_ne!(jti(&again), jti(&first));
    assert_eq!(client.refresh(&endpoints, &successor(&first)).status, 200);
    assert_eq!(audited(&tenant, "oauth.reuse").len(), 0);
}

#[test]
fn many_refreshes_at_once_get_the_same_successor() {
    const WORKERS: usize = 8;
    let Connected { tenant, client, endpoints, refresh, .. } = connected();
    let start = Barrier::new(WORKERS);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let attempt = || {
            start.wait();
            client.refresh(&endpoints, &refresh)
        };
        let attempts: Vec<_> = (0..WORKERS).map(|_| scope.spawn(attempt)).collect();
        attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
    });
    let next = successor(&answers[0]);
    for answer in &answers {
        assert_eq!(successor(answer), next);
        assert!(client.sees(&endpoints, &text(answer, "access_token")));
    }
    assert_eq!(client.refresh(&endpoints, &next).status, 200);
    assert_eq!(audited(&tenant, "oauth.reuse").len(), 0);
}

#[test]
fn reuse_after_the_grace_ends_the_whole_family() {
    let Connected { tenant, client, endpoints, access, refresh } = connected();
    let next = client.refresh(&endpoints, &refresh);
    age_use(&refresh, 61);
    assert_oauth_error(&client.refresh(&endpoints, &refresh), 400, "invalid_grant");
    assert_oauth_error(&client.refresh(&endpoints, &successor(&next)), 400, "invalid_grant");
    assert!(!client.sees(&endpoints, &access) && !client.sees(&endpoints, &text(&next, "access_token")));
    let rows = audited(&tenant, "oauth.reuse");
    let [alarm] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(alarm.after.as_ref().unwrap()["revokedGrant"], claims(&access)["grant"]);
    assert_eq!(alarm.detail.as_deref(), Some("refresh token was used again"));
}

#[test]
fn reuse_within_the_grace_but_after_the_successor_was_used_ends_it_too() {
    let Connected { client, endpoints, refresh, access, .. } = connected();
    let second = client.refresh(&endpoints, &refresh);
    let third = client.refresh(&endpoints, &successor(&second));
    assert_eq!(third.status, 200);
    assert_oauth_error(&client.refresh(&endpoints, &refresh), 400, "invalid_grant");
    assert_oauth_error(&client.refresh(&endpoints, &successor(&third)), 400, "invalid_grant");
    assert!(!client.sees(&endpoints, &access));
}

#[test]
fn one_family_does_not_end_another() {
    let Connected { tenant, client, endpoints, refresh, .. } = connected();
    let other = client.redeem(&endpoints, &code(&client, &consent(tenant.id)));
    assert_eq!(client.refresh(&endpoints, &refresh).status, 200);
    age_use(&refresh, 61);
    assert_oauth_error(&client.refresh(&endpoints, &refresh), 400, "invalid_grant");
    assert!(client.sees(&endpoints, &text(&other, "access_token")));
    assert_eq!(client.refresh(&endpoints, &successor(&other)).status, 200);
}

#[test]
fn a_refresh_token_that_was_not_used_for_long_ends_and_each_use_begins_anew() {
    let tenant = tenant();
    let idle = provisor::oauth::clients::NewClient { refresh_idle: chrono::TimeDelta::days(90), ..provider() };
    let client = client(tenant.id, &idle);
    let endpoints = Endpoints::shared();
    let refresh = successor(&client.redeem(&endpoints, &code(&client, &consent(tenant.id))));
    let age = |token: &str, days: u32| {
        change(&format!(
            "UPDATE refresh_tokens SET expires_at = expires_at - interval '{days} days', \
             created_at = created_at - interval '{days} days' WHERE id = '{}'",
            public_id(token)
        ));
    };
    age(&refresh, 89);
    let next = successor(&client.refresh(&endpoints, &refresh));
    age(&next, 89);
    let last = successor(&client.refresh(&endpoints, &next));
    age(&last, 91);
    assert_oauth_error(&client.refresh(&endpoints, &last), 400, "invalid_grant");
    // That is no reuse.
    assert_eq!(audited(&tenant, "oauth.reuse").len(), 0);
}

#[test]
fn provisioning_goes_on_when_whoever_consented_is_gone() {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    let consent = consent(tenant.id);
    let refresh = successor(&client.redeem(&endpoints, &code(&client, &consent)));
    change(&format!("DELETE FROM administrators WHERE id = '{}'", consent.administrator));
    assert_eq!(client.refresh(&endpoints, &refresh).status, 200);
}

#[test]
fn a_disabled_client_cannot_refresh() {
    let Connected { client, endpoints, refresh, .. } = connected();
    change(&format!("UPDATE oauth_clients SET disabled_at = now() WHERE id = '{}'", client.id));
    assert_oauth_error(&client.refresh(&endpoints, &refresh), 401, "invalid_client");
    change(&format!("UPDATE oauth_clients SET disabled_at = NULL WHERE id = '{}'", client.id));
    assert_eq!(client.refresh(&endpoints, &refresh).status, 200);
}

#[test]
fn refresh_tokens_and_codes_are_stored_as_hashes_only() {
    let Connected { client, endpoints, refresh, .. } = connected();
    let next = successor(&client.refresh(&endpoints, &refresh));
    let mut pg = database::connect(&shared().data_dir, "provisor");
    let rows = database::texts(
        &mut pg,
        "SELECT row_to_json(r)::text || encode(token_hash, 'escape') AS value FROM refresh_tokens r \
         UNION ALL SELECT row_to_json(c)::text AS value FROM authorization_codes c \
         UNION ALL SELECT row_to_json(s)::text AS value FROM client_secrets s",
    );
    let all = rows.concat();
    assert!(all.contains(public_id(&next)) && all.contains(public_id(&client.secret)));
    for secret in [&refresh, &next, &client.secret] {
        assert!(!all.contains(&secret[18..61]));
    }
}
