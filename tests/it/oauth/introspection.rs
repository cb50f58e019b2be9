//! What clients may know of tokens (contract section 5).

use serde_json::json;

use super::*;

fn introspect(endpoints: &Endpoints, client: &OAuthClient, token: &str) -> Answer {
    endpoints.post("/introspect", &client.with(&[("token", token), ("token_type_hint", "nonsense")]))
}

#[test]
fn a_client_knows_the_tokens_of_its_tenant() {
    let Connected { tenant, client, endpoints, access, refresh } = connected();
    let script = super::client(tenant.id, &script());
    for asking in [&client, &script] {
        let answer = introspect(&endpoints, asking, &access);
        assert_not_kept(&answer);
        let mut expected = claims(&access);
        expected["active"] = json!(true);
        expected["token_type"] = json!("Bearer");
        assert_eq!(answer.json(), expected);
        let body = introspect(&endpoints, asking, &refresh).json();
        assert_eq!((&body["active"], &body["client_id"]), (&json!(true), &json!(client.id)));
        assert_eq!(body["scope"], "scim.read scim.write");
    }
}

#[test]
fn of_any_other_token_it_knows_nothing() {
    let Connected { tenant, client, endpoints, access, refresh } = connected();
    let foreign = super::client(crate::support::tenant().id, &script());
    let catalogue = super::client(provisor::id::TenantId::NONE, &provider());
    let unknown = provisor::auth::secret::Secret::generate(provisor::auth::secret::Kind::RefreshToken).unwrap();
    let inactive = |asking: &OAuthClient, token: &str| {
        let answer = introspect(&endpoints, asking, token);
        assert_eq!((answer.status, answer.json()), (200, json!({"active": false})), "{token}");
    };
    for token in [&access, &refresh] {
        inactive(&foreign, token);
        inactive(&catalogue, token);
    }
    for token in ["x", unknown.reveal(), &access[..access.len() - 2], &client.secret] {
        inactive(&client, token);
    }
    // The header token of the tenant is none of these.
    inactive(&client, &crate::support::token(tenant.id, &provisor::auth::Scope::ALL, None));
    let next = client.refresh(&endpoints, &refresh);
    inactive(&client, &refresh);
    change(&format!(
        "UPDATE refresh_tokens SET expires_at = now() WHERE id = '{}'",
        public_id(&text(&next, "refresh_token"))
    ));
    inactive(&client, &text(&next, "refresh_token"));
    change(&format!("UPDATE oauth_clients SET tokens_not_before = now() WHERE id = '{}'", client.id));
    inactive(&client, &access);
}

#[test]
fn introspection_wants_a_client_and_a_token() {
    let Connected { client, endpoints, access, .. } = connected();
    assert_oauth_error(&endpoints.post("/introspect", &client.with(&[])), 400, "invalid_request");
    assert_oauth_error(&endpoints.post("/introspect", &[("token", &access)]), 401, "invalid_client");
    let anonymous = endpoints.post("/introspect", &[("token", &access), ("client_id", &client.id)]);
    assert_oauth_error(&anonymous, 401, "invalid_client");
}

#[test]
fn the_tokens_of_a_disabled_client_are_inactive_as_long_as_it_is() {
    let Connected { tenant, client, endpoints, access, refresh } = connected();
    let asking = super::client(tenant.id, &script());
    let active = |token: &str| introspect(&endpoints, &asking, token).json()["active"].clone();
    change(&format!("UPDATE oauth_clients SET disabled_at = now() WHERE id = '{}'", client.id));
    assert_eq!([active(&refresh), active(&access)], [json!(false), json!(false)]);
    change(&format!("UPDATE oauth_clients SET disabled_at = NULL WHERE id = '{}'", client.id));
    assert_eq!([active(&refresh), active(&access)], [json!(true), json!(true)]);
    // As a grant that came about while all of the client's were revoked.
    change(&format!("UPDATE oauth_clients SET tokens_not_before = now() WHERE id = '{}'", client.id));
    assert_eq!(active(&refresh), json!(false));
}
