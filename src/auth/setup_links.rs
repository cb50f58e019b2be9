//! Links by which the IT contact of a customer comes to the wizard of one tenant. The code in a link works once, and begins a session
//! that ends with the link. The contact has an account of the role `contact`, and no password: its address is kept in a form that
//! nobody can enter, so the same person may have an account of another kind, or be the contact of another tenant.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::administrators::{self, Person, fold, is_email};
use super::principal::{Caller, Principal, TenantSettings};
use super::role::Role;
use super::secret::{Kind, Secret, TokenKey};
use super::sessions::USER_AGENT_LENGTH;
use super::throttle::{self, Subject, Throttled};
use crate::audit::{Action, AuditEvent, Target};
use crate::id::TenantId;
use crate::store::{self, AdministratorRow, SessionRow, SetupLinkRow, Store};

/// Days for which a link may work.
pub const DAYS: [i64; 3] = [1, 3, 7];
/// Characters of a label at most.
pub const LABEL_LENGTH: usize = 100;

/// What a new link is to be.
#[derive(Debug)]
pub struct NewSetupLink<'a> {
    /// Its id, from the form.
    pub id: Uuid,
    /// For whom it is.
    pub email: &'a str,
    /// What it is for.
    pub label: &'a str,
    /// Days for which it works, one of [`DAYS`].
    pub days: i64,
}

/// Why a link could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NewLinkError {
    /// The address is none.
    #[error("an e-mail address looks like ada@example.com")]
    Email,
    /// The label is none.
    #[error("a label has 1 to {LABEL_LENGTH} characters")]
    Label,
    /// There is no such choice.
    #[error("a link works for 1, 3 or 7 days")]
    Days,
    /// It was made before, and its code was shown then.
    #[error("this link was made already, and its code is shown only once")]
    Made,
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Why a link was not opened.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    /// Too many attempts failed; this one was not looked at.
    #[error("too many attempts failed")]
    Throttled(Throttled),
    /// There is no such link.
    #[error("this is not the code of a link; copy all of it, from pvr_w_ to its end")]
    Unknown,
    /// It was opened before.
    #[error("this link was opened already, and works once; ask whoever sent it for another one")]
    Used(TenantId),
    /// Its time is over.
    #[error("this link has expired; ask whoever sent it for another one")]
    Expired(TenantId),
    /// It was withdrawn, or its contact was.
    #[error("this link was withdrawn; ask whoever sent it for another one")]
    Revoked(TenantId),
    /// Nobody comes into its tenant.
    #[error("the tenant that this link leads to is suspended, or is to be deleted; ask whoever sent it")]
    Closed(TenantId),
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A session that began by a link.
#[derive(Debug)]
pub struct Redeemed {
    /// What the cookie holds.
    pub secret: Secret,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
}

/// What has become of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits to be opened.
    Open,
    /// It was opened, and its session goes on.
    Used,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

/// The state of a link at `now`.
#[must_use]
pub fn state(row: &SetupLinkRow, now: DateTime<Utc>) -> State {
    match (row.revoked_at, row.redeemed_at) {
        (Some(_), _) => State::Revoked,
        _ if row.expires_at <= now => State::Expired,
        (None, Some(_)) => State::Used,
        (None, None) => State::Open,
    }
}

/// Makes a link into the caller's tenant, and gives its code.
///
/// # Errors
/// [`NewLinkError`] when it cannot be as it is to be.
pub fn create(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    new: &NewSetupLink<'_>,
) -> Result<(SetupLinkRow, Secret), NewLinkError> {
    let label = new.label.trim();
    if !is_email(new.email) {
        return Err(NewLinkError::Email);
    }
    if label.is_empty() || label.chars().count() > LABEL_LENGTH || label.chars().any(char::is_control) {
        return Err(NewLinkError::Label);
    }
    if !DAYS.contains(&new.days) {
        return Err(NewLinkError::Days);
    }
    let now = Utc::now();
    let code = Secret::generate(Kind::SetupLink)?;
    let row = SetupLinkRow {
        tenant_id: caller.principal.tenant().0,
        id: new.id,
        code_hash: code.hash(key).as_bytes().to_vec(),
        email: new.email.trim().to_owned(),
        label: label.to_owned(),
        created_at: now,
        created_by: caller.principal.actor().name.clone(),
        expires_at: now + TimeDelta::days(new.days),
        redeemed_at: None,
        redeemed_from: None,
        session_hash: None,
        revoked_at: None,
    };
    let event = AuditEvent::new(Action::SetupLinkCreate, target(row.id)).after(json!({
        "email": row.email, "label": row.label, "expiresAt": row.expires_at,
    }));
    let made = store.run(caller, |tenant| tenant.insert_setup_link(&row, &event))?;
    if made { Ok((row, code)) } else { Err(NewLinkError::Made) }
}

/// Revokes a link, and ends the session that began by it. Doing so again changes nothing.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn revoke(store: &Store, caller: &Caller, id: Uuid) -> Result<(), store::Error> {
    let event = AuditEvent::new(Action::SetupLinkRevoke, target(id));
    store.run(caller, |tenant| tenant.revoke_setup_link(id, Utc::now(), &event)).map(drop)
}

/// Opens a link: begins a session of its contact, in place of the one that the browser has so far.
///
/// # Errors
/// [`RedeemError`] when the code opens nothing.
pub fn redeem(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    code: &str,
    user_agent: Option<&str>,
    before: Option<&Secret>,
) -> Result<Redeemed, RedeemError> {
    let now = Utc::now();
    let subjects = [Subject::links(caller.address.as_deref())];
    throttle::charge(store, &subjects, now)?.map_err(RedeemError::Throttled)?;
    let hash = Secret::parse(Kind::SetupLink, code.trim()).ok_or(RedeemError::Unknown)?.hash(key);
    let link = store.gate(|gate| gate.setup_link(hash.as_bytes()))?.ok_or(RedeemError::Unknown)?;
    let tenant = TenantId(link.tenant_id);
    match state(&link, now) {
        State::Open => {}
        State::Used => return Err(RedeemError::Used(tenant)),
        State::Expired => return Err(RedeemError::Expired(tenant)),
        State::Revoked => return Err(RedeemError::Revoked(tenant)),
    }
    throttle::forgive(store, &subjects, now)?;
    let folded = folded(&link);
    let known = store.gate(|gate| gate.administrator_with_email(&folded))?;
    let is_new = known.is_none();
    let contact = known.unwrap_or_else(|| contact(&link, folded, now));
    let secret = Secret::generate(Kind::Session)?;
    let session = SessionRow {
        id_hash: secret.hash(key).as_bytes().to_vec(),
        administrator_id: contact.id,
        created_at: now,
        seen_at: now,
        address: caller.address.as_deref().map(str::to_owned),
        user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_LENGTH).collect()),
        tenant_id: None,
        notice: None,
        second_factor: None,
        ends_at: Some(link.expires_at),
    };
    let principal = Principal::administrator(tenant, TenantSettings::default(), contact.id, &contact.email);
    let caller = Caller { principal: Arc::new(principal), ..caller.clone() };
    let created = is_new.then(|| administrators::created(&contact));
    let opened = AuditEvent::new(Action::SetupLinkRedeem, target(link.id)).after(json!({"email": contact.email}));
    let signed_in = AuditEvent::new(Action::SignIn, Target::new("Administrator", Person::from(&contact).id));
    let events: Vec<AuditEvent> = created.into_iter().chain([opened, signed_in]).collect();
    let before = before.map(|secret| secret.hash(key).as_bytes().to_vec());
    let begun =
        store.run(&caller, |tenant| tenant.redeem_setup_link(link.id, &contact, &session, before.as_deref(), &events));
    match begun {
        Ok(true) => Ok(Redeemed { secret, ends_at: link.expires_at }),
        Ok(false) => Err(RedeemError::Revoked(tenant)),
        Err(store::Error::Closed) => Err(RedeemError::Closed(tenant)),
        Err(error) => Err(error.into()),
    }
}

/// The address of a contact as it is compared: with the tenant before it, so that it is nobody's who signs in.
fn folded(link: &SetupLinkRow) -> String {
    format!("{} {}", link.tenant_id, fold(&link.email))
}

fn contact(link: &SetupLinkRow, folded_email: String, now: DateTime<Utc>) -> AdministratorRow {
    AdministratorRow {
        id: Uuid::now_v7(),
        tenant_id: link.tenant_id,
        email: link.email.clone(),
        folded_email,
        role: Role::Contact.name().to_owned(),
        password_hash: None,
        created_at: now,
        disabled_at: None,
        last_sign_in_at: None,
    }
}

fn target(id: Uuid) -> Target {
    Target::new("SetupLink", id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> SetupLinkRow {
        let now = Utc::now();
        SetupLinkRow {
            tenant_id: Uuid::now_v7(),
            id: Uuid::now_v7(),
            code_hash: Vec::new(),
            email: "Grace@Example.com".into(),
            label: "Acme".into(),
            created_at: now,
            created_by: "ada@example.com".into(),
            expires_at: now + TimeDelta::days(1),
            redeemed_at: None,
            redeemed_from: None,
            session_hash: None,
            revoked_at: None,
        }
    }

    #[test]
    fn the_address_of_a_contact_is_one_that_nobody_can_sign_in_with() {
        assert!(!is_email(&folded(&link())));
        assert!(folded(&link()).ends_with(" grace@example.com"));
    }

    #[test]
    fn a_link_is_open_once_and_for_a_while_and_revoked_before_anything_else() {
        let now = Utc::now();
        assert_eq!(state(&link(), now), State::Open);
        assert_eq!(state(&SetupLinkRow { redeemed_at: Some(now), ..link() }, now), State::Used);
        assert_eq!(state(&SetupLinkRow { expires_at: now, redeemed_at: Some(now), ..link() }, now), State::Expired);
        assert_eq!(state(&SetupLinkRow { expires_at: now, revoked_at: Some(now), ..link() }, now), State::Revoked);
    }
}
