//! Codes become tokens, once (RFC 6749 section 4.1.3).

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::super::authenticate_client::AuthenticatedClient;
use super::super::error::OAuthError;
use super::super::grant_type::GrantType;
use super::super::server::{AuthorizationServer, target};
use super::super::token_response::TokenResponse;
use super::super::{pkce, scope};
use super::may_use;
use crate::audit::{Action, AuditEvent};
use crate::auth::secret::{Kind, Secret, SecretHash};
use crate::id::TenantId;
use crate::store::{AuthorizationCodeRow, Redeemed, Redemption};

/// What the client presents.
pub(super) struct Presented<'a> {
    pub code: &'a str,
    pub redirect_uri: Option<&'a str>,
    pub code_verifier: Option<&'a str>,
}

/// Redeems a code. Another client than its own leaves it as it is; its own client uses it up, rightly or wrongly.
///
/// # Errors
/// `invalid_grant`. When the code was used before, what came of it is revoked (RFC 6749 section 4.1.2).
pub(super) fn redeem(
    server: &AuthorizationServer<'_>,
    client: &AuthenticatedClient,
    presented: &Presented<'_>,
    now: DateTime<Utc>,
) -> Result<TokenResponse, OAuthError> {
    let row = &client.row;
    let code = find(server, &row.id, presented.code)?;
    let tenant = TenantId(code.tenant_id);
    let caller = client.caller(tenant);
    let reuse = |grant: Option<Uuid>| reused(&row.id, "authorization code", grant);
    if code.redeemed_at.is_some() {
        if let Some(grant) = code.grant_id {
            server.store.run(&caller, |tenant| tenant.revoke_grant(grant, now, &reuse(Some(grant))))?;
        }
        return Err(OAuthError::invalid_grant());
    }
    if code.expires_at <= now {
        return Err(OAuthError::invalid_grant());
    }
    let withdrawn = row.tokens_not_before.is_some_and(|mark| code.created_at <= mark);
    if withdrawn || !belongs(&code, presented) {
        server.store.run(&caller, |tenant| tenant.burn_authorization_code(&code.id, now))?;
        return Err(OAuthError::invalid_grant());
    }
    let grant_id = Uuid::now_v7();
    let token = server.access_token(row, tenant, Some(grant_id), scope::stored(&code.scopes), now)?;
    let refresh_token = may_use(client, GrantType::RefreshToken).then(|| Secret::generate(Kind::RefreshToken));
    let refresh_token = refresh_token.transpose()?;
    let refresh_row = refresh_token.as_ref().map(|secret| server.refresh_token_row(secret, row, tenant, grant_id, now));
    let redemption = Redemption {
        code_id: &code.id,
        client_id: &row.id,
        secret_id: client.secret_id.as_deref(),
        administrator_id: code.administrator_id,
        consented_at: code.created_at,
        grant_id,
        scopes: &code.scopes,
        refresh_token: refresh_row.as_ref(),
        now,
    };
    let event = token.event(Action::AccessTokenIssue);
    match server.store.run(&caller, |tenant| tenant.redeem_authorization_code(&redemption, &event, reuse))? {
        Redeemed::Granted => Ok(token.response(refresh_token.as_ref())),
        Redeemed::UsedBefore | Redeemed::Withdrawn => Err(OAuthError::invalid_grant()),
    }
}

/// The code, if it is one and was issued to this client.
fn find(
    server: &AuthorizationServer<'_>,
    client_id: &str,
    presented: &str,
) -> Result<AuthorizationCodeRow, OAuthError> {
    let secret = Secret::parse(Kind::AuthorizationCode, presented).ok_or_else(OAuthError::invalid_grant)?;
    let stored = server.store.gate(|gate| gate.authorization_code(secret.id()))?;
    let expected = stored.as_ref().and_then(|code| SecretHash::from_bytes(&code.code_hash));
    let matches = secret.hash(server.token_key).matches(&expected.unwrap_or(SecretHash::NONE));
    stored.filter(|code| matches && code.client_id == client_id).ok_or_else(OAuthError::invalid_grant)
}

/// Whether the request is the continuation of the one that the code came of.
fn belongs(code: &AuthorizationCodeRow, presented: &Presented<'_>) -> bool {
    // RFC 6749 section 4.1.3.
    if presented.redirect_uri != Some(code.redirect_uri.as_str()) {
        return false;
    }
    match (&code.code_challenge, presented.code_verifier) {
        // RFC 7636 section 4.6.
        (Some(challenge), Some(verifier)) => pkce::verifies(challenge, verifier),
        (None, None) => true,
        // RFC 9700 section 2.1.1: a verifier without a challenge means that somebody took the challenge away.
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The alarm that something was used twice.
pub(super) fn reused(client_id: &str, what: &str, grant: Option<Uuid>) -> AuditEvent {
    AuditEvent::new(Action::Reuse, target(client_id))
        .after(json!({"revokedGrant": grant}))
        .because(format!("{what} was used again"))
}
