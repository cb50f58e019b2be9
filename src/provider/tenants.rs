//! Tenants as an operator manages them: create, change, suspend and resume, delete and restore.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::definitions::{self, ChangeError, Changed};
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::{Caller, Principal};
use crate::id::TenantId;
use crate::store::{self, NewTenant, Store, TenantRow};

/// Characters of a name at most.
pub const NAME_LENGTH: usize = 63;
/// How long a tenant that is to be deleted can be restored.
pub const GRACE: TimeDelta = TimeDelta::days(7);

/// A tenant whose time is over, by its name, and whether nothing of it is left now.
pub type Erasure = (String, Result<bool, store::Error>);

/// Why a tenant was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The name cannot be one.
    #[error(
        "a name has small letters, digits and hyphens, begins and ends with a letter or digit, and is not longer than {NAME_LENGTH}"
    )]
    Name,
    /// The name is taken.
    #[error("there is a tenant '{0}' already")]
    Exists(String),
    /// It is the last one, or to be deleted already.
    #[error("the last tenant stays; create another one first")]
    Last,
    /// What was typed is not the name.
    #[error("this is not the name of the tenant")]
    Unconfirmed,
    /// Its time is over.
    #[error("the tenant cannot be restored any more")]
    Gone,
    /// What it is served cannot change so.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Creates the caller's own tenant, which does not exist yet.
///
/// # Errors
/// [`TenantError`] when the name cannot be one, or is taken.
pub fn create(store: &Store, caller: &Caller, new: &NewTenant<'_>) -> Result<TenantRow, TenantError> {
    let NewTenant { name, stores_passwords, unique_group_names } = *new;
    if !is_name(name) {
        return Err(TenantError::Name);
    }
    let event = event(Action::TenantCreate, caller)
        .after(json!({"name": name, "storesPasswords": stores_passwords, "uniqueGroupNames": unique_group_names}));
    store.run(caller, |tenant| tenant.insert_tenant(new, &event)).map_err(|error| match error {
        store::Error::Conflict { .. } => TenantError::Exists(name.to_owned()),
        other => TenantError::Store(other),
    })
}

/// Changes the caller's tenant, as far as something is given. What is left to do then is up to
/// [`definitions::settle_unique_names`].
///
/// # Errors
/// [`TenantError`] when it is to be deleted, or two groups have a name that is to be unique.
pub fn update(
    store: &Store,
    caller: &Caller,
    stores_passwords: Option<bool>,
    unique_group_names: Option<bool>,
) -> Result<Changed, TenantError> {
    let mut changed = Changed { unique_names: false };
    // First what may be refused.
    if let Some(on) = unique_group_names {
        changed = definitions::set_unique_group_names(store, caller, on)?;
    }
    if let Some(on) = stores_passwords {
        let event = event(Action::TenantUpdate, caller).after(json!({"storesPasswords": on}));
        store.run(caller, |tenant| tenant.set_stores_passwords(on, &event))?;
    }
    Ok(changed)
}

/// Suspends the caller's tenant, or resumes it. Every server goes by that within a second. Doing so twice changes nothing.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn set_suspended(store: &Store, caller: &Caller, suspended: bool) -> Result<(), store::Error> {
    let at = suspended.then(Utc::now);
    let event = event(if suspended { Action::TenantSuspend } else { Action::TenantResume }, caller);
    store.run(caller, |tenant| tenant.set_suspended(at, &event)).map(drop)
}

/// Has the caller's tenant deleted after [`GRACE`], in which it is suspended. `typed` is its name, once more.
///
/// # Errors
/// [`TenantError::Unconfirmed`], and [`TenantError::Last`] when no other tenant would be left.
pub fn delete(store: &Store, caller: &Caller, row: &TenantRow, typed: &str) -> Result<DateTime<Utc>, TenantError> {
    if typed.trim() != row.name {
        return Err(TenantError::Unconfirmed);
    }
    if let Some(at) = row.delete_after {
        return Ok(at);
    }
    let at = Utc::now() + GRACE;
    let event = event(Action::TenantDelete, caller).after(json!({"name": row.name, "deleteAfter": at}));
    if store.run(caller, |tenant| tenant.delete_tenant_after(at, &event))? { Ok(at) } else { Err(TenantError::Last) }
}

/// Keeps the caller's tenant, which was to be deleted.
///
/// # Errors
/// [`TenantError::Gone`] when it is not to be deleted, or its time is over.
pub fn restore(store: &Store, caller: &Caller) -> Result<(), TenantError> {
    let event = event(Action::TenantRestore, caller);
    if store.run(caller, |tenant| tenant.restore_tenant(Utc::now(), &event))? { Ok(()) } else { Err(TenantError::Gone) }
}

/// Deletes what tenants have whose time is over, in steps, as long as `goes_on` says so: for each, whether nothing is left now. One that
/// fails is for the next time, and holds up no other.
///
/// # Errors
/// [`store::Error`] from the database, where it does not say which tenants these are.
pub fn erase_due(store: &Store, now: DateTime<Utc>, goes_on: impl Fn() -> bool) -> Result<Vec<Erasure>, store::Error> {
    let due = store.gate(|gate| gate.tenants_to_erase(now))?;
    Ok(due.into_iter().map(|row| (row.name.clone(), erase(store, &row, now, &goes_on))).collect())
}

fn erase(
    store: &Store,
    row: &TenantRow,
    now: DateTime<Utc>,
    goes_on: &impl Fn() -> bool,
) -> Result<bool, store::Error> {
    let caller = Caller {
        principal: Principal::system(TenantId(row.id)).into(),
        request_id: Uuid::now_v7().to_string().into(),
        address: None,
    };
    loop {
        if !goes_on() {
            return Ok(false);
        }
        if !store.run(&caller, |tenant| tenant.erase_some())? {
            break;
        }
    }
    // No name that anybody gives has these characters, so the old one is free.
    let id = row.id.simple().to_string();
    let name = format!("{} (deleted {}, {})", row.name, now.format("%Y-%m-%d"), &id[id.len() - 6..]);
    let event = event(Action::TenantErase, &caller).after(json!({"name": name}));
    store.run(&caller, |tenant| tenant.finish_erasure(&name, now, &event))
}

fn event(action: Action, caller: &Caller) -> AuditEvent {
    AuditEvent::new(action, Target::new("Tenant", caller.principal.tenant()))
}

/// Whether a text can be a tenant's name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_LENGTH).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_small_and_plain() {
        for name in ["a", "acme", "acme-2", "0"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-", "-a", "a-", "Acme", "a b", "a_b", "é", "a\0", &"a".repeat(64)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
