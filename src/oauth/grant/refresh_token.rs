//! Refresh tokens become new ones (RFC 6749 section 6, RFC 9700 section 4.14.2).

use chrono::{DateTime, TimeDelta, Utc};

use super::super::authenticate_client::AuthenticatedClient;
use super::super::error::OAuthError;
use super::super::scope;
use super::super::server::{AuthorizationServer, grant_stands};
use super::super::token_response::TokenResponse;
use super::authorization_code::reused;
use crate::audit::Action;
use crate::auth::secret::{Kind, Secret};
use crate::id::TenantId;
use crate::store::{Exchange, Exchanged};

/// How long a refresh token may be exchanged again: replies get lost, and the workers of an identity provider refresh side by
/// side. It gives the same successor, and no longer than until that one is used.
const GRACE: TimeDelta = TimeDelta::seconds(60);

/// Exchanges a refresh token for an access token and the next refresh token. The access token may have fewer scopes; the refresh
/// token keeps those that were consented to.
///
/// # Errors
/// `invalid_grant`, and the grant is revoked when the token had been used up; `invalid_scope`.
pub(super) fn exchange(
    server: &AuthorizationServer<'_>,
    client: &AuthenticatedClient,
    presented: &str,
    asked: Option<&str>,
    now: DateTime<Utc>,
) -> Result<TokenResponse, OAuthError> {
    let row = &client.row;
    let secret = Secret::parse(Kind::RefreshToken, presented).ok_or_else(OAuthError::invalid_grant)?;
    let stored = server.find_refresh_token(&secret)?;
    let own = stored.filter(|(_, grant)| grant_stands(row, grant));
    let (_, grant) = own.ok_or_else(OAuthError::invalid_grant)?;
    let scopes = scope::choose(asked, scope::stored(&grant.scopes))?;
    let tenant = TenantId(grant.tenant_id);
    let successor = secret.successor(server.token_key);
    let successor_row = server.refresh_token_row(&successor, row, tenant, grant.id, now);
    let token = server.access_token(row, tenant, Some(grant.id), scopes, now)?;
    let exchange = Exchange {
        id: secret.id(),
        grant_id: grant.id,
        client_id: &row.id,
        secret_id: client.secret_id.as_deref(),
        successor: &successor_row,
        grace: GRACE,
        now,
    };
    let event = token.event(Action::AccessTokenRefresh);
    let reuse = reused(&row.id, "refresh token", Some(grant.id));
    let caller = client.caller(tenant);
    match server.store.run(&caller, |tenant| tenant.exchange_refresh_token(&exchange, &event, &reuse))? {
        Exchanged::Granted => Ok(token.response(Some(&successor))),
        Exchanged::Ended | Exchanged::Reused => Err(OAuthError::invalid_grant()),
    }
}
