//! Revocation by the client that a token was issued to (RFC 7009).

use chrono::{DateTime, Utc};
use serde_json::json;

use super::access_token::LEEWAY_SECONDS;
use super::authenticate_client::AuthenticatedClient;
use super::error::OAuthError;
use super::parameters::Parameters;
use super::server::{AuthorizationServer, target};
use crate::audit::{Action, AuditEvent};
use crate::auth::secret::{Kind, Secret};
use crate::id::TenantId;

/// Revokes a token: a refresh token with its whole grant, an access token alone. What is no token of this client is passed
/// over, and the client is not told (RFC 7009 section 2.2). `token_type_hint` is not needed: the kinds look different.
///
/// # Errors
/// `invalid_request` without a token.
pub fn revoke(
    server: &AuthorizationServer<'_>,
    client: &AuthenticatedClient,
    form: &Parameters,
    now: DateTime<Utc>,
) -> Result<(), OAuthError> {
    let token = form.require("token")?;
    form.get("token_type_hint")?;
    match Secret::parse(Kind::RefreshToken, token) {
        Some(secret) => revoke_grant(server, client, &secret, now),
        None => revoke_access_token(server, client, token, now),
    }
}

fn revoke_grant(
    server: &AuthorizationServer<'_>,
    client: &AuthenticatedClient,
    secret: &Secret,
    now: DateTime<Utc>,
) -> Result<(), OAuthError> {
    let stored = server.find_refresh_token(secret)?;
    let Some((_, grant)) = stored.filter(|(_, grant)| grant.client_id == client.row.id) else {
        return Ok(());
    };
    let event = AuditEvent::new(Action::GrantRevoke, target(&client.row.id)).after(json!({"revokedGrant": grant.id}));
    let caller = client.caller(TenantId(grant.tenant_id));
    server.store.run(&caller, |tenant| tenant.revoke_grant(grant.id, now, &event))?;
    Ok(())
}

fn revoke_access_token(
    server: &AuthorizationServer<'_>,
    client: &AuthenticatedClient,
    token: &str,
    now: DateTime<Utc>,
) -> Result<(), OAuthError> {
    let verified = server.keys.verify(server.store, token, server.parties, now)?;
    let Some(claims) = verified.ok().map(|(claims, _)| claims).filter(|claims| claims.client_id == client.row.id)
    else {
        return Ok(());
    };
    let event = AuditEvent::new(Action::AccessTokenRevoke, target(&client.row.id)).after(json!({"jti": claims.jti}));
    let caller = client.caller(TenantId(claims.tenant));
    // As long as any server might still take it.
    let until = DateTime::from_timestamp(claims.exp + LEEWAY_SECONDS, 0).unwrap_or(now);
    let jti = claims.jti.to_string();
    server.store.run(&caller, |tenant| tenant.revoke_access_token(&jti, until, &event))?;
    Ok(())
}
