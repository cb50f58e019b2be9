//! Making header tokens, and successors of them.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::super::principal::{Caller, Scope, Scopes};
use super::super::secret::{Kind, Secret, TokenKey};
use super::change::{Wanted, check};
use super::{TokenError, summary, target};
use crate::audit::{Action, AuditEvent};
use crate::id::ResourceId;
use crate::store::{Store, TokenRow};

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The name that says who holds it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends; never, without.
    pub expires_at: Option<DateTime<Utc>>,
    /// From where it is taken, as addresses and networks; from everywhere, without.
    pub allowed_networks: Vec<String>,
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
    /// When the token that it replaces ends, where it replaces one.
    pub former_ends_at: Option<DateTime<Utc>>,
}

/// Creates a token in the caller's tenant.
///
/// # Errors
/// [`TokenError`] without randomness or database.
pub fn create(store: &Store, caller: &Caller, key: &TokenKey, new: &NewToken) -> Result<IssuedToken, TokenError> {
    refuse_suspended(store, caller)?;
    let (row, secret) = issue(caller, key, new, Utc::now())?;
    let event = AuditEvent::new(Action::TokenCreate, target(&row.id)).after(summary(&row));
    store.run(caller, |tenant| tenant.insert_header_token(&row, None, &event))?;
    Ok(IssuedToken { row, secret, former_ends_at: None })
}

/// Creates a token that a person asked for by a form, once for each form. Unlike a script, a person is not to make a second token of
/// the same name: nobody could tell them apart.
///
/// # Errors
/// [`TokenError`] when it cannot be as it is asked for, or was made before.
pub fn create_by_form(
    store: &Store,
    caller: &Caller,
    key: &TokenKey,
    wanted: &Wanted,
    form: Uuid,
) -> Result<IssuedToken, TokenError> {
    refuse_suspended(store, caller)?;
    let now = Utc::now();
    check(wanted, now)?;
    let Wanted { name, scopes, expires_at, allowed_networks } = wanted.clone();
    let new = NewToken { name, scopes, expires_at, allowed_networks, user: None };
    let (row, secret) = issue(caller, key, &new, now)?;
    let event = AuditEvent::new(Action::TokenCreate, target(&row.id)).after(summary(&row));
    store.run(caller, |tenant| {
        // Before the name: sent twice, the form would find its own token in the way.
        if tenant.is_submitted(form)? {
            return Err(TokenError::Twice);
        }
        if tenant.has_header_token_named(&row.name, now, &[])? {
            return Err(TokenError::Taken);
        }
        Ok(tenant.insert_header_token(&row, Some(form), &event)?)
    })?;
    Ok(IssuedToken { row, secret, former_ends_at: None })
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
        allowed_networks: old.allowed_networks.clone(),
        user: old.user_id.map(ResourceId),
    };
    let (row, secret) = issue(caller, key, &new, now)?;
    let end = old.expires_at.map_or(now + overlap, |expires| expires.min(now + overlap));
    let event = AuditEvent::new(Action::TokenRotate, target(id)).after(json!({"rotatedTo": row.id, "expiresAt": end}));
    if !store.run(caller, |tenant| tenant.rotate_header_token(&row, id, end, &event))? {
        return Err(TokenError::Ended(id.to_owned()));
    }
    Ok(IssuedToken { row, secret, former_ends_at: Some(end) })
}

fn refuse_suspended(store: &Store, caller: &Caller) -> Result<(), TokenError> {
    let is_open = store.gate(|gate| gate.is_open(caller.principal.tenant()))?;
    if is_open { Ok(()) } else { Err(TokenError::Suspended) }
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
        created_by: caller.principal.actor().name.clone(),
        allowed_networks: new.allowed_networks.clone(),
        calls: 0,
        rotated_at: None,
        calls_at_rotation: 0,
    };
    Ok((row, secret))
}
