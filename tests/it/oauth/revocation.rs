//! Tokens end when their client says so (contract section 4).

use super::*;

fn revoke(endpoints: &Endpoints, client: &OAuthClient, token: &str, others: &[(&str, &str)]) -> Answer {
    endpoints.post("/revoke", &client.with(&[&[("token", token)], others].concat()))
}

fn assert_done(answer: &Answer) {
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_not_kept(answer);
}

#[test]
fn revoking_a_refresh_token_ends_the_whole_grant() {
    let Connected { tenant, client, endpoints, access, refresh } = connected();
    assert_done(&revoke(&endpoints, &client, &refresh, &[]));
    assert!(!client.sees(&endpoints, &access) && !client.sees(&endpoints, &refresh));
    assert_oauth_error(&client.refresh(&endpoints, &refresh), 400, "invalid_grant");
    let rows = audited(&tenant, "oauth.revoke_grant");
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row.after.as_ref().unwrap()["revokedGrant"], claims(&access)["grant"]);
    // Again: the same answer, and nothing more to record.
    assert_done(&revoke(&endpoints, &client, &refresh, &[]));
    assert_eq!(audited(&tenant, "oauth.revoke_grant").len(), 1);
}

#[test]
fn a_refresh_token_that_was_exchanged_ends_its_grant_as_well() {
    let Connected { client, endpoints, refresh, .. } = connected();
    let next = client.refresh(&endpoints, &refresh);
    assert_done(&revoke(&endpoints, &client, &refresh, &[]));
    assert_oauth_error(&client.refresh(&endpoints, &text(&next, "refresh_token")), 400, "invalid_grant");
}

#[test]
fn revoking_an_access_token_leaves_the_refresh_token() {
    let Connected { tenant, client, endpoints, access, refresh } = connected();
    assert_done(&revoke(&endpoints, &client, &access, &[]));
    assert!(!client.sees(&endpoints, &access) && client.sees(&endpoints, &refresh));
    assert_eq!(client.refresh(&endpoints, &refresh).status, 200);
    let rows = audited(&tenant, "oauth.revoke_token");
    assert_eq!(rows[0].after.as_ref().unwrap()["jti"], claims(&access)["jti"]);
    assert_done(&revoke(&endpoints, &client, &access, &[]));
    assert_eq!(audited(&tenant, "oauth.revoke_token").len(), 1);
}

#[test]
fn the_hint_does_not_matter() {
    for hint in ["access_token", "refresh_token", "nonsense", ""] {
        let Connected { client, endpoints, access, refresh, .. } = connected();
        assert_done(&revoke(&endpoints, &client, &access, &[("token_type_hint", hint)]));
        assert!(!client.sees(&endpoints, &access));
        assert_done(&revoke(&endpoints, &client, &refresh, &[("token_type_hint", hint)]));
        assert!(!client.sees(&endpoints, &refresh));
    }
}

#[test]
fn a_token_that_is_unknown_or_of_another_client_is_answered_the_same_and_stays() {
    let Connected { tenant, client, endpoints, access, refresh } = connected();
    let other = super::client(tenant.id, &provider());
    let script = super::client(tenant.id, &script());
    let unknown = provisor::auth::secret::Secret::generate(provisor::auth::secret::Kind::RefreshToken).unwrap();
    for token in [&access, &refresh, "x", unknown.reveal(), &access[..access.len() - 2], &other.secret] {
        assert_done(&revoke(&endpoints, &other, token, &[]));
        assert_done(&revoke(&endpoints, &script, token, &[]));
    }
    assert!(client.sees(&endpoints, &access) && client.sees(&endpoints, &refresh));
    assert_eq!(audited(&tenant, "oauth.revoke_grant").len() + audited(&tenant, "oauth.revoke_token").len(), 0);
}

#[test]
fn revocation_wants_a_client_and_a_token() {
    let Connected { client, endpoints, access, refresh, .. } = connected();
    assert_oauth_error(&endpoints.post("/revoke", &client.with(&[])), 400, "invalid_request");
    assert_oauth_error(&revoke(&endpoints, &client, &refresh, &[("token", &access)]), 400, "invalid_request");
    assert_oauth_error(&endpoints.post("/revoke", &[("token", &refresh)]), 401, "invalid_client");
    let anonymous = endpoints.post("/revoke", &[("token", &refresh), ("client_id", &client.id)]);
    assert_oauth_error(&anonymous, 401, "invalid_client");
    assert!(client.sees(&endpoints, &refresh));
}
