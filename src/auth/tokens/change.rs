//! Changing header tokens, and ending them.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::name;
use super::super::principal::{Caller, Scopes};
use super::look::{Details, details};
use super::{TokenError, summary, target};
use crate::audit::{Action, AuditEvent};
use crate::network::Networks;
use crate::store::{Store, TokenChanges, TokenRow, TokenState};

/// How long a token with a successor may go on at most.
pub const LONGEST_OVERLAP: TimeDelta = TimeDelta::days(7);
/// Networks that a token may be bound to.
const NETWORKS: usize = 50;

/// What a person can say of a token: of a new one, and of one that is changed.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The name.
    pub name: String,
    /// What it may do; after a change, no more than before.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// From where it is taken.
    pub allowed_networks: Vec<String>,
}

/// All that is wrong with what a token is to be, as far as it can be told without a look at the others.
#[must_use]
pub fn problems(wanted: &Wanted, now: DateTime<Utc>) -> Vec<TokenError> {
    let networks = &wanted.allowed_networks;
    let are_networks = networks.len() <= NETWORKS && networks.join(",").parse::<Networks>().is_ok();
    let rules = [
        (!name::fits(&wanted.name), TokenError::Name),
        (wanted.scopes == Scopes::default(), TokenError::NoScope),
        (wanted.expires_at.is_some_and(|end| end <= now), TokenError::Past),
        (!are_networks, TokenError::Networks),
    ];
    rules.into_iter().filter(|(broken, _)| *broken).map(|(_, error)| error).collect()
}

pub(super) fn check(wanted: &Wanted, now: DateTime<Utc>) -> Result<(), TokenError> {
    problems(wanted, now).into_iter().next().map_or(Ok(()), Err)
}

/// Changes a token that is taken. Its scopes can only become fewer: whoever holds it was given it for these.
///
/// # Errors
/// [`TokenError`] when there is no such token, or it cannot be as it is asked for.
pub fn update(store: &Store, caller: &Caller, id: &str, wanted: &Wanted) -> Result<(), TokenError> {
    let now = Utc::now();
    let Details { row, former, .. } = details(store, caller, id)?;
    if !row.is_valid(now) {
        return Err(TokenError::Ended(id.to_owned()));
    }
    check(wanted, now)?;
    let scopes: Vec<String> = wanted.scopes.names().map(str::to_owned).collect();
    if scopes.iter().any(|scope| !row.scopes.contains(scope)) {
        return Err(TokenError::Wider);
    }
    let family = [Some(id), former.as_ref().map(|former| &*former.id), row.rotated_to.as_deref()];
    let family: Vec<&str> = family.into_iter().flatten().collect();
    let taken = |name: &str| store.read(caller, |tenant| tenant.has_header_token_named(name, now, &family));
    if wanted.name != row.name && taken(&wanted.name)? {
        return Err(TokenError::Taken);
    }
    let changed = TokenRow {
        name: wanted.name.clone(),
        scopes,
        expires_at: wanted.expires_at,
        allowed_networks: wanted.allowed_networks.clone(),
        ..row.clone()
    };
    set(store, caller, &row, &changed, now)
}

/// Has a token that has a successor end at another time: now, or later than it would.
///
/// # Errors
/// [`TokenError`] when there is no such token, or it has no successor.
pub fn set_overlap(store: &Store, caller: &Caller, id: &str, overlap: TimeDelta) -> Result<(), TokenError> {
    let now = Utc::now();
    let Details { row, .. } = details(store, caller, id)?;
    match row.state(now) {
        TokenState::Rotated => {}
        TokenState::Valid => return Err(TokenError::NotRotated(id.to_owned())),
        TokenState::Expired | TokenState::Revoked => return Err(TokenError::Ended(id.to_owned())),
    }
    let changed = TokenRow { expires_at: Some(now + overlap.min(LONGEST_OVERLAP)), ..row.clone() };
    set(store, caller, &row, &changed, now)
}

/// Writes what differs between two states of a token.
fn set(
    store: &Store,
    caller: &Caller,
    before: &TokenRow,
    after: &TokenRow,
    now: DateTime<Utc>,
) -> Result<(), TokenError> {
    let (mut old, mut new) = (summary(before), summary(after));
    if let (Some(old), Some(new)) = (old.as_object_mut(), new.as_object_mut()) {
        let same: Vec<String> = old.keys().filter(|name| old.get(*name) == new.get(*name)).cloned().collect();
        for name in same {
            old.remove(&name);
            new.remove(&name);
        }
        if old.is_empty() && new.is_empty() {
            return Ok(());
        }
    }
    let changes = TokenChanges {
        name: after.name.clone(),
        scopes: after.scopes.clone(),
        expires_at: after.expires_at,
        allowed_networks: after.allowed_networks.clone(),
    };
    let event = AuditEvent { before: Some(old), ..AuditEvent::new(Action::TokenUpdate, target(&before.id)).after(new) };
    let changed =
        store.run(caller, |tenant| tenant.update_header_token(&before.id, &before.scopes, &changes, now, &event))?;
    if changed { Ok(()) } else { Err(TokenError::Ended(before.id.clone())) }
}

/// Revokes a token. Revoking it again changes nothing.
///
/// # Errors
/// [`TokenError::Unknown`] when there is no such token.
pub fn revoke(store: &Store, caller: &Caller, id: &str) -> Result<(), TokenError> {
    let event = AuditEvent::new(Action::TokenRevoke, target(id));
    if store.run(caller, |tenant| tenant.revoke_header_token(id, &event))? {
        return Ok(());
    }
    match store.run(caller, |tenant| tenant.header_token(id))? {
        Some(_) => Ok(()),
        None => Err(TokenError::Unknown(id.to_owned())),
    }
}
