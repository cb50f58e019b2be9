//! The people who sign in, as an operator manages them.

use std::sync::Arc;

use chrono::Utc;
use serde_json::json;
use uuid::Uuid;

use super::device::Device;
use super::password::{self, Weakness};
use super::principal::{ActorKind, Caller, Principal, TenantSettings};
use super::role::{Right, Role};
use super::sessions::Session;
use super::throttle::{self, Subject, Throttled};
use crate::audit::{Action, AuditEvent, Target};
use crate::id::TenantId;
use crate::store::{self, AdministratorRow, RoleChanged, Store};

/// The constraint that keeps addresses apart.
const UNIQUE_EMAIL: &str = "administrators_unique_email";
/// Bytes of an e-mail address at most (RFC 5321 section 4.5.3.1.3).
const EMAIL_LENGTH: usize = 254;

/// A person who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's id.
    pub id: Uuid,
    /// The tenant; [`TenantId::NONE`] for an operator over all tenants.
    pub tenant: TenantId,
    /// The e-mail address, as the person writes it.
    pub email: String,
    /// What the person may do.
    pub role: Role,
}

impl Person {
    /// Whether the person acts for any tenant.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.tenant == TenantId::NONE
    }

    /// Whether the person may let a client provision this tenant.
    #[must_use]
    pub fn may_consent_for(&self, tenant: TenantId) -> bool {
        self.role.may_consent() && tenant != TenantId::NONE && (self.is_operator() || self.tenant == tenant)
    }

    /// Whether the person has this right.
    #[must_use]
    pub fn has(&self, right: Right) -> bool {
        self.role.has(right) && (right != Right::Operate || self.is_operator())
    }

    /// The principal that the person is when acting for a tenant.
    #[must_use]
    pub fn principal(&self, tenant: TenantId) -> Arc<Principal> {
        self.principal_in(tenant, TenantSettings::default())
    }

    /// The same, for changing users and groups of a tenant with these settings.
    #[must_use]
    pub fn principal_in(&self, tenant: TenantId, settings: TenantSettings) -> Arc<Principal> {
        Arc::new(Principal::administrator(tenant, settings, self.id, &self.email))
    }
}

impl From<&AdministratorRow> for Person {
    fn from(row: &AdministratorRow) -> Self {
        Self {
            id: row.id,
            tenant: TenantId(row.tenant_id),
            email: row.email.clone(),
            // A role that this version does not know may do the least.
            role: Role::parse(&row.role).unwrap_or(Role::Auditor),
        }
    }
}

/// What a new administrator is to be.
pub struct NewAdministrator<'a> {
    /// The e-mail address.
    pub email: &'a str,
    /// What the person may do.
    pub role: Role,
    /// The password.
    pub password: &'a str,
}

/// Why an administrator could not be created or changed.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// The person is an IT contact, who comes by a set-up link and has nothing else.
    #[error(
        "an IT contact comes by a set-up link, and has no other role and no password; invite the person as an administrator instead"
    )]
    Contact,
    /// There is none with this address.
    #[error("no administrator '{0}'; 'provisor admin list' shows them")]
    Unknown(String),
    /// The address is taken.
    #[error("there is an administrator with this e-mail address already")]
    Exists,
    /// The address is none.
    #[error("an e-mail address looks like ada@example.com")]
    Email,
    /// The password is too weak.
    #[error(transparent)]
    Password(#[from] Weakness),
    /// The present password, which was asked for, is another.
    #[error("the present password is wrong")]
    Wrong,
    /// Nobody would be left to run the installation.
    #[error("this is the last enabled owner over all tenants; make somebody else one first")]
    LastOwner,
    /// Nobody changes what the own account may do.
    #[error("nobody changes the own role or disables the own account; another owner can")]
    Own,
    /// The account is disabled.
    #[error("the account is disabled; enable it first")]
    Disabled,
    /// Too many attempts failed; this one was not looked at.
    #[error("too many attempts failed; try again in {} seconds", .0.retry_after_seconds)]
    Throttled(Throttled),
    /// The password could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// An e-mail address as it is compared.
#[must_use]
pub fn fold(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Creates an administrator in the caller's tenant, or an operator where the caller has none.
///
/// # Errors
/// [`AdministratorError`] when the address is none or taken, or the password weak.
pub fn create(
    store: &Store,
    caller: &Caller,
    new: &NewAdministrator<'_>,
) -> Result<AdministratorRow, AdministratorError> {
    let row = prepare(caller.principal.tenant(), new)?;
    store.run(caller, |tenant| tenant.insert_administrator(&row, &created(&row))).map_err(taken)?;
    Ok(row)
}

/// The row that a new administrator will be; nothing is stored.
pub(super) fn prepare(tenant: TenantId, new: &NewAdministrator<'_>) -> Result<AdministratorRow, AdministratorError> {
    check_email(new.email)?;
    Ok(AdministratorRow {
        id: Uuid::now_v7(),
        tenant_id: tenant.0,
        email: new.email.trim().to_owned(),
        folded_email: fold(new.email),
        role: new.role.name().to_owned(),
        password_hash: Some(checked_hash(new.password, new.email)?),
        created_at: Utc::now(),
        disabled_at: None,
        last_sign_in_at: None,
    })
}

/// The event of a new administrator.
pub(super) fn created(row: &AdministratorRow) -> AuditEvent {
    AuditEvent::new(Action::AdministratorCreate, Target::new("Administrator", row.id))
        .after(json!({"email": row.email, "role": row.role}))
}

/// Tells a taken address from other trouble.
pub(super) fn taken(error: store::Error) -> AdministratorError {
    match error {
        store::Error::Conflict { constraint } if constraint == UNIQUE_EMAIL => AdministratorError::Exists,
        other => AdministratorError::Store(other),
    }
}

/// The administrator with this address.
///
/// # Errors
/// [`AdministratorError::Unknown`] when there is none.
pub fn find(store: &Store, email: &str) -> Result<AdministratorRow, AdministratorError> {
    let folded = fold(email);
    let found = store.gate(|gate| gate.administrator_with_email(&folded))?;
    found.ok_or_else(|| AdministratorError::Unknown(email.trim().to_owned()))
}

/// All administrators, by address.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn list(store: &Store) -> Result<Vec<AdministratorRow>, store::Error> {
    store.gate(|gate| gate.administrators())
}

/// Gives a person a new password. All sessions of the person end, but for the one whose hash is `keep`.
///
/// # Errors
/// [`AdministratorError`] when the password is weak, or the person gone.
pub fn set_password(
    store: &Store,
    caller: &Caller,
    id: Uuid,
    email: &str,
    password: &str,
    keep: Option<&[u8]>,
) -> Result<(), AdministratorError> {
    let done = replace_password(store, caller, id, email, password, None, keep)?;
    if done { Ok(()) } else { Err(AdministratorError::Unknown(email.to_owned())) }
}

/// The same, where `present` is given only while that is the hash of the password.
fn replace_password(
    store: &Store,
    caller: &Caller,
    id: Uuid,
    email: &str,
    password: &str,
    present: Option<&str>,
    keep: Option<&[u8]>,
) -> Result<bool, AdministratorError> {
    let hash = checked_hash(password, email)?;
    let event = updated(id).after(json!({"password": "(changed)"}));
    Ok(store.run(caller, |tenant| tenant.set_administrator_password(id, &hash, present, keep, &event))?)
}

/// Gives a person who is signed in, and knows the present password, a new one. All other sessions end. `device` is the browser, where
/// it is known for the account.
///
/// # Errors
/// [`AdministratorError`] when the present password is wrong or was guessed at too often, or the new one is weak.
pub fn change_password(
    store: &Store,
    caller: &Caller,
    session: &Session,
    device: Option<Device>,
    present: &str,
    new: &str,
) -> Result<(), AdministratorError> {
    let person = &session.person;
    password::check(new, &person.email)?;
    let hash = confirm_password(store, caller, person, device, present)?;
    // Hashing takes long; who replaced a stolen password meanwhile shall not be overruled by the thief.
    let keep = Some(session.hash.as_bytes());
    let done = replace_password(store, caller, person.id, &person.email, new, Some(&hash), keep)?;
    if done { Ok(()) } else { Err(AdministratorError::Wrong) }
}

/// Has a person who is signed in prove to know the password, before what a thief of the session must not do. Gives its hash.
///
/// # Errors
/// [`AdministratorError`] when it is wrong or was guessed at too often.
pub fn confirm_password(
    store: &Store,
    caller: &Caller,
    person: &Person,
    device: Option<Device>,
    password: &str,
) -> Result<String, AdministratorError> {
    let now = Utc::now();
    let subjects = Subject::password(Some(&fold(&person.email)), device, caller.address.as_deref());
    throttle::charge(store, &subjects, now)?.map_err(AdministratorError::Throttled)?;
    let hash = store.gate(|gate| gate.administrator(person.id))?.and_then(|row| row.password_hash);
    match hash {
        Some(hash) if password::verify(password, Some(&hash)) => {
            throttle::forgive(store, &subjects, now)?;
            Ok(hash)
        }
        _ => Err(AdministratorError::Wrong),
    }
}

/// Disables a person of the caller's tenant, whose sessions end, or enables the person again. Doing so twice changes nothing.
///
/// # Errors
/// [`AdministratorError`] when it is the caller, or the last enabled owner over all tenants.
pub fn set_enabled(store: &Store, caller: &Caller, id: Uuid, enabled: bool) -> Result<(), AdministratorError> {
    refuse_own(caller, id)?;
    let event = updated(id).after(json!({"disabled": !enabled}));
    let disabled_at = (!enabled).then(Utc::now);
    allowed(store.run(caller, |tenant| tenant.set_administrator_disabled(id, disabled_at, &event))?)
}

/// Gives a person of the caller's tenant another role. Giving it twice changes nothing.
///
/// # Errors
/// [`AdministratorError`] when it is the caller, or the last enabled owner over all tenants.
pub fn set_role(store: &Store, caller: &Caller, row: &AdministratorRow, role: Role) -> Result<(), AdministratorError> {
    refuse_own(caller, row.id)?;
    refuse_contact(row)?;
    let event = AuditEvent { before: Some(json!({"role": row.role})), ..updated(row.id) };
    let event = event.after(json!({"role": role.name()}));
    let takes_ownership = role != Role::Owner;
    allowed(store.run(caller, |tenant| tenant.set_administrator_role(row.id, role.name(), takes_ownership, &event))?)
}

/// Refuses an IT contact: whoever has a set-up link for the address would have whatever the account is given.
///
/// # Errors
/// [`AdministratorError::Contact`].
pub(super) fn refuse_contact(row: &AdministratorRow) -> Result<(), AdministratorError> {
    if row.role == Role::Contact.name() { Err(AdministratorError::Contact) } else { Ok(()) }
}

/// Ends all sessions of a person of the caller's tenant; how many there were.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn end_sessions(store: &Store, caller: &Caller, id: Uuid) -> Result<usize, store::Error> {
    let event = AuditEvent::new(Action::SignOut, Target::new("Administrator", id)).because("all sessions");
    store.run(caller, |tenant| tenant.end_administrator_sessions(id, &event))
}

/// A page of the administrators of the caller's tenant, or of the operators where the caller has none: by address, those behind
/// `after`.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn page(
    store: &Store,
    caller: &Caller,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<AdministratorRow>, store::Error> {
    store.read(caller, |tenant| tenant.administrators_of_tenant(after, limit))
}

fn refuse_own(caller: &Caller, id: Uuid) -> Result<(), AdministratorError> {
    let actor = caller.principal.actor();
    let own = actor.kind == ActorKind::Administrator && actor.id == id.to_string();
    if own { Err(AdministratorError::Own) } else { Ok(()) }
}

fn allowed(changed: RoleChanged) -> Result<(), AdministratorError> {
    match changed {
        RoleChanged::Done | RoleChanged::Unchanged => Ok(()),
        RoleChanged::LastOwner => Err(AdministratorError::LastOwner),
    }
}

fn updated(id: Uuid) -> AuditEvent {
    AuditEvent::new(Action::AdministratorUpdate, Target::new("Administrator", id))
}

fn checked_hash(password: &str, email: &str) -> Result<String, AdministratorError> {
    password::check(password, email)?;
    password::hash(password).map_err(AdministratorError::Hash)
}

/// Checks that a text can be an address.
pub(super) fn check_email(email: &str) -> Result<(), AdministratorError> {
    if is_email(email) { Ok(()) } else { Err(AdministratorError::Email) }
}

/// A light check: only a message that arrives proves an address.
pub(super) fn is_email(email: &str) -> bool {
    let email = email.trim();
    let plain = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    email.len() <= EMAIL_LENGTH
        && email.split_once('@').is_some_and(|(local, domain)| {
            plain(local) && plain(domain) && !domain.contains('@') && !domain.starts_with('.') && !domain.ends_with('.')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_at_sign_and_no_blanks() {
        for email in ["ada@example.com", " ada@example.com ", "a+b@localhost", "\u{e9}@example.com"] {
            assert!(check_email(email).is_ok(), "{email}");
        }
        for email in ["", "ada", "@example.com", "ada@", "a@b@c", "a b@example.com", "a@.com", "a@b.", "a\u{0}@b"] {
            assert!(check_email(email).is_err(), "{email}");
        }
        assert!(check_email(&format!("{}@example.com", "a".repeat(250))).is_err());
        assert_eq!(fold(" Ada@Example.COM "), "ada@example.com");
    }

    #[test]
    fn a_person_consents_for_the_own_tenant_and_an_operator_for_any() {
        let person = |tenant, role| Person { id: Uuid::nil(), tenant, email: String::new(), role };
        let (own, other) = (TenantId::generate(), TenantId::generate());
        assert!(person(own, Role::Admin).may_consent_for(own));
        assert!(!person(own, Role::Admin).may_consent_for(other));
        assert!(!person(own, Role::Auditor).may_consent_for(own));
        assert!(person(TenantId::NONE, Role::Owner).may_consent_for(other));
        assert!(!person(TenantId::NONE, Role::Owner).may_consent_for(TenantId::NONE));
    }
}
