//! What a client may know of a token (RFC 7662).

use chrono::{DateTime, Utc};

use super::access_token::Claims;
use super::authenticate_client::AuthenticatedClient;
use super::error::OAuthError;
use super::parameters::Parameters;
use super::scope;
use super::server::{AuthorizationServer, grant_stands};
use super::token_response::{BEARER, Introspection};
use crate::auth;
use crate::auth::secret::{Kind, Secret};
use crate::id::TenantId;

/// What is known of a token: of any token of the client's own tenant, or for a client without a tenant of its own tokens only. For
/// everything else it is as if there were no such token.
///
/// # Errors
/// `invalid_client` for a public client, because anybody can ask in its name; `invalid_request` without a token.
pub fn introspect(
    server: &AuthorizationServer<'_>,
    client: &AuthenticatedClient,
    form: &Parameters,
    now: DateTime<Utc>,
) -> Result<Introspection, OAuthError> {
    // RFC 7662 section 2.1: against scanning for tokens.
    if !client.row.confidential {
        return Err(OAuthError::invalid_client());
    }
    let token = form.require("token")?;
    form.get("token_type_hint")?;
    match Secret::parse(Kind::RefreshToken, token) {
        Some(secret) => refresh_token(server, client, &secret, now),
        None => access_token(server, client, token, now),
    }
}

fn access_token(
    server: &AuthorizationServer<'_>,
    client: &AuthenticatedClient,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Introspection, OAuthError> {
    let verified = server.keys.verify(server.store, token, server.parties, now)?;
    let visible = |claims: &Claims| {
        // The leeway is for clocks of others.
        claims.exp > now.timestamp() && is_visible(client, &claims.client_id, TenantId(claims.tenant))
    };
    match verified.ok().map(|(claims, _)| claims).filter(visible) {
        Some(claims) if auth::stands(server.store, &claims)?.is_ok_and(|(principal, _)| !principal.is_suspended()) => {
            Ok(Introspection::AccessToken { active: true, token_type: BEARER, claims: Box::new(claims) })
        }
        _ => Ok(Introspection::INACTIVE),
    }
}

fn refresh_token(
    server: &AuthorizationServer<'_>,
    client: &AuthenticatedClient,
    secret: &Secret,
    now: DateTime<Utc>,
) -> Result<Introspection, OAuthError> {
    let stored = server.find_refresh_token(secret)?.filter(|(token, grant)| {
        token.used_at.is_none()
            && token.expires_at > now
            && is_visible(client, &grant.client_id, TenantId(grant.tenant_id))
    });
    let Some((token, grant)) = stored else {
        return Ok(Introspection::INACTIVE);
    };
    let owner = server.store.gate(|gate| gate.client(&grant.client_id))?;
    if !owner.is_some_and(|owner| grant_stands(&owner, &grant)) {
        return Ok(Introspection::INACTIVE);
    }
    Ok(Introspection::RefreshToken {
        active: true,
        scope: scope::text(scope::stored(&grant.scopes)),
        client_id: grant.client_id,
        exp: token.expires_at.timestamp(),
        iat: token.created_at.timestamp(),
    })
}

fn is_visible(client: &AuthenticatedClient, owner: &str, tenant: TenantId) -> bool {
    let own = TenantId(client.row.tenant_id);
    client.row.id == owner || own != TenantId::NONE && own == tenant
}
