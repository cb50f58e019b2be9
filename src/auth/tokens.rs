//! Header tokens as an operator manages them: create, list, rotate with an overlap, revoke.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::principal::{Caller, Scope, Scopes};
use super::secret::{Kind, Secret, TokenKey};
use crate::audit::{Action, AuditEvent, Target};
use crate::id::ResourceId;
use crate::store::{self, Store, TokenRow};

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The name that says who holds it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends; never, without.
    pub expires_at: Option<DateTime<Utc>>,
    /// The user that it stands for; none, for an identity provider's token.
    pub user: Option<ResourceId>,
}

/// A token just made, with the secret that is shown this once.
#[derive(Debug)]
pub struct IssuedToken {
    /// The stored record.
    pub row: TokenRow,
    /// The secret.
    pub secret: Secret,
}

/// Why a token could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is no such token in the tenant.
    #[error("no token '{0}' in this tenant")]
    Unknown(String),
    /// It is revoked or expired already.
    #[error("token '{0}' is no longer valid; create a new one")]
    Ended(String),
    /// It has a successor already.
    #[error("token '{id}' is rotated already; rotate its successor '{successor}', or revoke both and create a new one")]
    Rotated {
        /// The token.
        id: String,
        /// The token that replaces it.
        successor: String,
    },
    /// The tenant is served nothing.
    #[error("the tenant is suspended; resume it first")]
    Suspended,
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Creates a token in the caller's tenant.
///
/// # Errors
/// [`TokenError`] without randomness or database.
pub fn create(store: &Store, caller: &Caller, key: &TokenKey, new: &NewToken) -> Result<IssuedToken, TokenError> {
    refuse_suspended(store, caller)?;
    let (row, secret) = issue(caller, key, new, Utc::now())?;
    let event = AuditEvent::new(Action::TokenCreate, Target::new("HeaderToken", &row.id)).after(summary(&row));
    store.run(caller, |tenant| tenant.insert_header_token(&row, &event))?;
    Ok(IssuedToken { row, secret })
}

/// The tokens of the caller's tenant, the newest first.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn list(store: &Store, caller: &Caller) -> Result<Vec<TokenRow>, store::Error> {
    store.run(caller, |tenant| tenant.header_tokens())
}

/// Makes a successor of a token with the same name, scopes and length of life. The old one goes on for `overlap`, so that the
/// identity provider can be changed over without a gap.
///
/// # Errors
/// [`TokenError`] when there is no such valid token, or it has a successor.
pub fn rotate(
    store: &Store,
    caller: &Caller,
    key: &TokenKey,
    id: &str,
    overlap: TimeDelta,
) -> Result<IssuedToken, TokenError> {
    refuse_suspended(store, caller)?;
    let now = Utc::now();
    let old = store.run(caller, |tenant| tenant.header_token(id))?;
    let old = old.ok_or_else(|| TokenError::Unknown(id.to_owned()))?;
    if !old.is_valid(now) {
        return Err(TokenError::Ended(id.to_owned()));
    }
    if let Some(successor) = old.rotated_to {
        return Err(TokenError::Rotated { id: id.to_owned(), successor });
    }
    let new = NewToken {
        name: old.name.clone(),
        scopes: old.scopes.iter().filter_map(|name| Scope::parse(name)).collect(),
        expires_at: old.expires_at.map(|expires| now + (expires - old.created_at)),
        user: old.user_id.map(ResourceId),
    };
    let (row, secret) = issue(caller, key, &new, now)?;
    let end = old.expires_at.map_or(now + overlap, |expires| expires.min(now + overlap));
    let event = AuditEvent::new(Action::TokenRotate, Target::new("HeaderToken", id))
        .after(json!({"rotatedTo": row.id, "expiresAt": end}));
    if !store.run(caller, |tenant| tenant.rotate_header_token(&row, id, end, &event))? {
        return Err(TokenError::Ended(id.to_owned()));
    }
    Ok(IssuedToken { row, secret })
}

/// Revokes a token. Revoking it again changes nothing.
///
/// # Errors
/// [`TokenError::Unknown`] when there is no such token.
pub fn revoke(store: &Store, caller: &Caller, id: &str) -> Result<(), TokenError> {
    let event = AuditEvent::new(Action::TokenRevoke, Target::new("HeaderToken", id));
    if store.run(caller, |tenant| tenant.revoke_header_token(id, &event))? {
        return Ok(());
    }
    match store.run(caller, |tenant| tenant.header_token(id))? {
        Some(_) => Ok(()),
        None => Err(TokenError::Unknown(id.to_owned())),
    }
}

fn refuse_suspended(store: &Store, caller: &Caller) -> Result<(), TokenError> {
    let tenant = store.gate(|gate| gate.tenant_with_id(caller.principal.tenant()))?;
    if tenant.is_some_and(|tenant| tenant.is_suspended()) { Err(TokenError::Suspended) } else { Ok(()) }
}

fn issue(
    caller: &Caller,
    key: &TokenKey,
    new: &NewToken,
    now: DateTime<Utc>,
) -> Result<(TokenRow, Secret), getrandom::Error> {
    let secret = Secret::generate(Kind::HeaderToken)?;
    let row = TokenRow {
        id: secret.id().to_owned(),
        tenant_id: caller.principal.tenant().0,
        name: new.name.clone(),
        secret_hash: secret.hash(key).as_bytes().to_vec(),
        key_version: TokenKey::VERSION,
        scopes: new.scopes.names().map(str::to_owned).collect(),
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
        last_used_address: None,
        rotated_to: None,
        user_id: new.user.map(|ResourceId(id)| id),
    };
    Ok((row, secret))
}

fn summary(row: &TokenRow) -> serde_json::Value {
    let mut summary = json!({"name": row.name, "scopes": row.scopes, "expiresAt": row.expires_at});
    if let Some(user) = row.user_id {
        summary["user"] = user.to_string().into();
    }
    summary
}
