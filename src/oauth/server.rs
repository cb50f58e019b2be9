//! What the authorization server works with, and the tokens that it makes.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::access_token::{Claims, Parties};
use super::error::{ErrorCode, OAuthError};
use super::scope;
use super::token_response::{BEARER, TokenResponse};
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::Scopes;
use crate::auth::keys::{KeyError, KeyRing};
use crate::auth::secret::{Secret, SecretHash, TokenKey};
use crate::id::TenantId;
use crate::store::{self, ClientRow, GrantRow, RefreshTokenRow, Store};

/// The authorization server in one request.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationServer<'a> {
    /// The database.
    pub store: &'a Store,
    /// The keys that sign access tokens.
    pub keys: &'a KeyRing,
    /// Hashes secrets.
    pub token_key: &'a TokenKey,
    /// Whom access tokens come from, and whom they are for.
    pub parties: Parties<'a>,
}

/// An access token that is signed, and not handed out before its issue is recorded.
pub struct AccessToken {
    token: String,
    /// What it says.
    pub claims: Claims,
}

impl AuthorizationServer<'_> {
    /// Makes an access token for a client: for a grant, or for the client itself.
    ///
    /// # Errors
    /// `unauthorized_client` while the tenant is suspended; `server_error` and `temporarily_unavailable` from the keys.
    pub fn access_token(
        &self,
        client: &ClientRow,
        tenant: TenantId,
        grant: Option<Uuid>,
        scopes: Scopes,
        now: DateTime<Utc>,
    ) -> Result<AccessToken, OAuthError> {
        let served = self.store.gate(|gate| gate.tenant_with_id(tenant))?;
        if served.is_some_and(|tenant| tenant.is_suspended()) {
            return Err(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "the tenant is suspended; nothing is issued for it",
            ));
        }
        let issued_at = now.timestamp();
        let claims = Claims {
            iss: self.parties.issuer.to_owned(),
            sub: grant.map_or_else(|| client.id.clone(), |grant| format!("grant_{grant}")),
            aud: self.parties.audience.to_owned(),
            exp: issued_at + i64::from(client.access_token_seconds),
            iat: issued_at,
            nbf: issued_at,
            jti: Uuid::now_v7(),
            client_id: client.id.clone(),
            scope: scope::text(scopes),
            tenant: tenant.0,
            grant,
        };
        let token = self.keys.keys(self.store)?.sign(&claims)?;
        Ok(AccessToken { token, claims })
    }

    /// A refresh token that is presented, and its grant, if there is such a token.
    ///
    /// # Errors
    /// Those of the database.
    pub fn find_refresh_token(&self, secret: &Secret) -> Result<Option<(RefreshTokenRow, GrantRow)>, OAuthError> {
        let stored = self.store.gate(|gate| gate.refresh_token(secret.id()))?;
        let expected = stored.as_ref().and_then(|(token, _)| SecretHash::from_bytes(&token.token_hash));
        let matches = secret.hash(self.token_key).matches(&expected.unwrap_or(SecretHash::NONE));
        Ok(stored.filter(|_| matches))
    }

    /// What is stored of a refresh token of a client.
    #[must_use]
    pub fn refresh_token_row(
        &self,
        secret: &Secret,
        client: &ClientRow,
        tenant: TenantId,
        grant: Uuid,
        now: DateTime<Utc>,
    ) -> RefreshTokenRow {
        RefreshTokenRow {
            id: secret.id().to_owned(),
            tenant_id: tenant.0,
            grant_id: grant,
            token_hash: secret.hash(self.token_key).as_bytes().to_vec(),
            key_version: TokenKey::VERSION,
            created_at: now,
            expires_at: now + TimeDelta::seconds(client.refresh_idle_seconds),
            used_at: None,
            successor: None,
        }
    }
}

impl AccessToken {
    /// What the audit log says of its issue: all but the token.
    #[must_use]
    pub fn event(&self, action: Action) -> AuditEvent {
        let claims = &self.claims;
        AuditEvent::new(action, target(&claims.client_id)).after(json!({
            "jti": claims.jti,
            "subject": claims.sub,
            "scope": claims.scope,
            "grant": claims.grant,
            "expiresAt": DateTime::from_timestamp(claims.exp, 0),
        }))
    }

    /// What the client is answered.
    #[must_use]
    pub fn response(self, refresh_token: Option<&Secret>) -> TokenResponse {
        TokenResponse {
            access_token: self.token,
            token_type: BEARER,
            expires_in: self.claims.exp - self.claims.iat,
            refresh_token: refresh_token.map(|secret| secret.reveal().to_owned()),
            scope: self.claims.scope,
        }
    }
}

/// Whether a grant is this client's, and its refresh tokens can be exchanged.
#[must_use]
pub fn grant_stands(client: &ClientRow, grant: &GrantRow) -> bool {
    // A grant that came about while all of the client's were revoked is one of them.
    let withdrawn = client.tokens_not_before.is_some_and(|mark| grant.created_at <= mark);
    grant.client_id == client.id && client.disabled_at.is_none() && grant.revoked_at.is_none() && !withdrawn
}

/// A client as the target of an audit event.
#[must_use]
pub fn target(client_id: &str) -> Target {
    Target::new("OAuthClient", client_id)
}

impl From<store::Error> for OAuthError {
    fn from(error: store::Error) -> Self {
        let (code, description) = match &error {
            store::Error::Conflict { .. } | store::Error::Closed | store::Error::Database(_) => {
                (ErrorCode::ServerError, "the server failed to carry out the request")
            }
            store::Error::Unavailable(_) => {
                (ErrorCode::TemporarilyUnavailable, "the database is not available; try again")
            }
            store::Error::Timeout | store::Error::Busy(_) | store::Error::RolledBack(_) => {
                (ErrorCode::TemporarilyUnavailable, "the database is busy; try again")
            }
        };
        Self::new(code, description).caused_by(error)
    }
}

impl From<KeyError> for OAuthError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            other => Self::new(ErrorCode::ServerError, "the server failed to carry out the request").caused_by(other),
        }
    }
}

impl From<getrandom::Error> for OAuthError {
    fn from(error: getrandom::Error) -> Self {
        Self::new(ErrorCode::ServerError, "the server failed to carry out the request").caused_by(error)
    }
}
