//! Tokens for clients themselves (RFC 6749 section 4.4).

use chrono::{DateTime, Utc};

use super::super::authenticate_client::AuthenticatedClient;
use super::super::error::{ErrorCode, OAuthError};
use super::super::scope;
use super::super::server::AuthorizationServer;
use super::super::token_response::TokenResponse;
use crate::audit::Action;
use crate::id::TenantId;

/// Issues an access token to a client for its own tenant. There is no refresh token: the client just asks again (RFC 6749 section
/// 4.4.3).
///
/// # Errors
/// `unauthorized_client` for a client that is public or without a tenant; `invalid_scope`.
pub(super) fn issue(
    server: &AuthorizationServer<'_>,
    client: &AuthenticatedClient,
    asked: Option<&str>,
    now: DateTime<Utc>,
) -> Result<TokenResponse, OAuthError> {
    let row = &client.row;
    let tenant = TenantId(row.tenant_id);
    if !row.confidential || tenant == TenantId::NONE {
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, "this client cannot act for itself"));
    }
    let scopes = scope::choose(asked, scope::stored(&row.scopes))?;
    let token = server.access_token(row, tenant, None, scopes, now)?;
    let event = token.event(Action::AccessTokenIssue);
    let secret_id = client.secret_id.as_deref();
    server.store.run(&client.caller(tenant), |tenant| tenant.record_issue(&row.id, secret_id, now, &event))?;
    Ok(token.response(None))
}
