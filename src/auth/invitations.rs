//! One-time links by which a person becomes an administrator, or chooses a new password. Whoever makes a link hands it over; this
//! server sends no mail.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::administrators::{self, AdministratorError, NewAdministrator, fold};
use super::principal::{Caller, Principal, TenantSettings};
use super::role::Role;
use super::secret::{Kind, Secret, SecretHash, TokenKey};
use crate::audit::{Action, AuditEvent, Target};
use crate::id::TenantId;
use crate::store::{self, AdministratorRow, InvitationRow, Store};

/// How long a link can be used.
pub const LIFETIME: TimeDelta = TimeDelta::days(3);

/// A link just made, with the code that is shown this once.
#[derive(Debug)]
pub struct IssuedInvitation {
    /// The stored record.
    pub row: InvitationRow,
    /// The code.
    pub code: Secret,
}

/// Why a link was not made or used.
#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    /// Nobody signs in with a password here.
    #[error("people sign in by single sign-on here, and need no password")]
    NoPasswords,
    /// The code is none, was used, was revoked or is too old.
    #[error(
        "this link is not valid: it was used, taken back or replaced, or is older than three days. Ask for a new one"
    )]
    Code,
    /// The address has an account, of this tenant or another.
    #[error(
        "there is an account with the e-mail address of this link already, and an address has one on this server. Sign in with it, or ask \
         for a link to another address"
    )]
    Taken,
    /// What was entered.
    #[error(transparent)]
    Administrator(#[from] AdministratorError),
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Invites somebody to the caller's tenant, or to operate all tenants where the caller has none. A link that the address had there
/// before ends.
///
/// # Errors
/// [`InvitationError`] when the address is none, or an administrator of that tenant has it already. One of another tenant is no error
/// here, so that nobody learns of another tenant's people by inviting them: [`accept`] tells whoever opens the link.
pub fn invite(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    email: &str,
    role: Role,
) -> Result<IssuedInvitation, InvitationError> {
    administrators::check_email(email)?;
    let folded = fold(email);
    let known = store.gate(|gate| gate.administrator_with_email(&folded))?;
    if known.is_some_and(|row| row.tenant_id == caller.principal.tenant().0) {
        return Err(AdministratorError::Exists.into());
    }
    issue(store, key, caller, email.trim(), role.name(), None)
}

/// Makes a link by which an administrator of the caller's tenant chooses a new password. The present one works until then.
///
/// # Errors
/// [`InvitationError`] when the person is disabled.
pub fn invite_again(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    person: &AdministratorRow,
) -> Result<IssuedInvitation, InvitationError> {
    administrators::refuse_contact(person)?;
    if person.disabled_at.is_some() {
        return Err(AdministratorError::Disabled.into());
    }
    issue(store, key, caller, &person.email, &person.role, Some(person.id))
}

/// The links to the caller's tenant that can be used, by address.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn list(store: &Store, caller: &Caller, limit: i64) -> Result<Vec<InvitationRow>, store::Error> {
    store.read(caller, |tenant| tenant.invitations(Utc::now(), limit))
}

/// Takes a link back. `false` when there is none of this id in the caller's tenant.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn revoke(store: &Store, caller: &Caller, row: &InvitationRow) -> Result<bool, store::Error> {
    let event = event(Action::InvitationRevoke, row).after(json!({"email": row.email}));
    store.run(caller, |tenant| tenant.delete_invitation(&row.id, &event))
}

/// Uses a link up: whoever has it becomes the administrator, or gets the new password.
///
/// # Errors
/// [`InvitationError`] when the code is wrong, the password weak, or the address taken by now.
pub fn accept(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    code: &str,
    password: &str,
) -> Result<AdministratorRow, InvitationError> {
    // Before the password is hashed, which is work that a stranger shall not cause.
    let row = find(store, key, code, Utc::now())?.ok_or(InvitationError::Code)?;
    if !store.gate(|gate| gate.installation())?.allows_passwords {
        return Err(InvitationError::NoPasswords);
    }
    // A role that this version does not know may do the least.
    let role = Role::parse(&row.role).unwrap_or(Role::Auditor);
    let new = NewAdministrator { email: &row.email, role, password };
    let person = administrators::prepare(TenantId(row.tenant_id), &new)?;
    let id = row.administrator_id.unwrap_or(person.id);
    let principal = Principal::administrator(TenantId(row.tenant_id), TenantSettings::default(), id, &row.email);
    let caller = Caller { principal: Arc::new(principal), ..caller.clone() };
    let event = AuditEvent::new(Action::InvitationAccept, target(id))
        .after(json!({"invitation": row.id, "email": row.email, "role": row.role, "password": "(changed)"}));
    match store.run(&caller, |tenant| tenant.accept_invitation(&row.id, &person, &event)).map_err(administrators::taken)
    {
        Ok(accepted) => accepted.ok_or(InvitationError::Code),
        Err(AdministratorError::Exists) => Err(InvitationError::Taken),
        Err(error) => Err(error.into()),
    }
}

/// The invitation that a code stands for.
fn find(store: &Store, key: &TokenKey, code: &str, now: DateTime<Utc>) -> Result<Option<InvitationRow>, store::Error> {
    let Some(code) = Secret::parse(Kind::Invitation, code.trim()) else {
        return Ok(None);
    };
    let stored = store.gate(|gate| gate.invitation(code.id()))?;
    let expected = stored.as_ref().and_then(|row| SecretHash::from_bytes(&row.code_hash)).unwrap_or(SecretHash::NONE);
    let matches = code.hash(key).matches(&expected);
    Ok(stored.filter(|row| matches && row.expires_at > now))
}

fn issue(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    email: &str,
    role: &str,
    administrator_id: Option<Uuid>,
) -> Result<IssuedInvitation, InvitationError> {
    let code = Secret::generate(Kind::Invitation)?;
    let now = Utc::now();
    let row = InvitationRow {
        id: code.id().to_owned(),
        tenant_id: caller.principal.tenant().0,
        code_hash: code.hash(key).as_bytes().to_vec(),
        key_version: TokenKey::VERSION,
        email: email.to_owned(),
        folded_email: fold(email),
        role: role.to_owned(),
        administrator_id,
        invited_by: caller.principal.actor().name.clone(),
        created_at: now,
        expires_at: now + LIFETIME,
    };
    let event = event(Action::InvitationCreate, &row)
        .after(json!({"email": row.email, "role": row.role, "expiresAt": row.expires_at}));
    store.run(caller, |tenant| tenant.insert_invitation(&row, &event))?;
    Ok(IssuedInvitation { row, code })
}

/// An event about a person who is known, or about a link to somebody who is not yet.
fn event(action: Action, row: &InvitationRow) -> AuditEvent {
    AuditEvent::new(action, row.administrator_id.map_or_else(|| Target::new("Invitation", &row.id), target))
}

fn target(id: Uuid) -> Target {
    Target::new("Administrator", id)
}
