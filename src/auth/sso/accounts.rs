//! From somebody whom the identity provider vouches for to an account here, and to a session.

use chrono::Utc;
use serde_json::json;
use uuid::Uuid;

use super::id_token::Claims;
use super::provider::Provider;
use super::refusal::Refusal;
use super::terms::{Applicant, UNVERIFIED};
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::administrators::{self, Person, fold};
use crate::auth::principal::Caller;
use crate::auth::role::Role;
use crate::auth::secret::{Secret, TokenKey};
use crate::auth::sessions::{self, SessionError};
use crate::id::TenantId;
use crate::store::{self, AdministratorRow, Arrival, ArrivalEvents, SecondFactor, Store};

/// What an account is to an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its own.
    Linked,
    /// One with the same address, which is to be linked.
    Found,
    /// One that is to be made.
    New,
}

/// The account that somebody gets.
#[derive(Debug, Clone)]
pub struct Account {
    /// The account, as it is or will be.
    pub row: AdministratorRow,
    /// What it is to the identity.
    pub standing: Standing,
    /// The role that it has from now on.
    pub role: Role,
}

/// Somebody who is signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// What the cookie holds.
    pub secret: Secret,
    /// The address of the account.
    pub email: String,
}

/// The browser that somebody comes with.
#[derive(Debug, Clone, Copy)]
pub struct Browser<'a> {
    /// As it calls itself.
    pub user_agent: Option<&'a str>,
    /// The session that it has so far, which ends.
    pub before: Option<&'a Secret>,
}

/// The account that somebody gets; nothing is changed.
///
/// # Errors
/// The inner error when there is none for this person; the outer one from the database.
pub fn find(store: &Store, provider: &Provider, claims: &Claims) -> Result<Result<Account, Refusal>, store::Error> {
    match provider.terms.judge(claims) {
        Ok(applicant) => account_of(store, provider, &applicant),
        Err(refusal) => Ok(Err(refusal)),
    }
}

fn account_of(
    store: &Store,
    provider: &Provider,
    applicant: &Applicant,
) -> Result<Result<Account, Refusal>, store::Error> {
    let folded = applicant.email.as_deref().map(fold);
    let (linked, found) = store.gate(|gate| {
        let linked = gate.administrator_with_identity(&provider.issuer, &applicant.subject)?;
        let found = match (&linked, &folded) {
            (None, Some(folded)) => gate.administrator_with_email(folded)?,
            _ => None,
        };
        let found = match found {
            Some(row) => Some((gate.has_identity(row.id, &provider.issuer)?, row)),
            None => None,
        };
        Ok((linked, found))
    })?;
    let known = linked.as_ref().or(found.as_ref().map(|(_, row)| row));
    if known.is_some_and(|row| !provider.answers_for(TenantId(row.tenant_id))) {
        return Ok(Err(Refusal::OtherTenant));
    }
    let (row, standing) = match (linked, found) {
        (Some(row), _) => (row, Standing::Linked),
        // An address goes from one person to the next; a subject never does.
        (None, Some((true, _))) => return Ok(Err(Refusal::Taken("the account is linked to another identity"))),
        (None, Some(_)) if !applicant.is_verified => {
            let reason = "the identity provider does not say that the e-mail address of this account is verified";
            return Ok(Err(Refusal::Taken(reason)));
        }
        (None, Some((false, row))) => (row, Standing::Found),
        (None, None) => match new_row(provider.people, applicant) {
            Ok(row) => (row, Standing::New),
            Err(refusal) => return Ok(Err(refusal)),
        },
    };
    if row.disabled_at.is_some() {
        return Ok(Err(Refusal::Disabled));
    }
    if !store.gate(|gate| gate.is_open(TenantId(row.tenant_id)))? {
        return Ok(Err(Refusal::Closed));
    }
    let present = Person::from(&row).role;
    let role = if applicant.is_mapped { applicant.role.unwrap_or(present) } else { present };
    Ok(Ok(Account { row, standing, role }))
}

fn new_row(tenant: TenantId, applicant: &Applicant) -> Result<AdministratorRow, Refusal> {
    let email = applicant.email.clone().ok_or(Refusal::Email("no e-mail address"))?;
    // It would keep the address from whomever it belongs to.
    if !applicant.is_verified {
        return Err(Refusal::Email(UNVERIFIED));
    }
    let role = applicant.role.ok_or(Refusal::Role)?;
    Ok(AdministratorRow {
        id: Uuid::now_v7(),
        tenant_id: tenant.0,
        folded_email: fold(&email),
        email,
        role: role.name().to_owned(),
        password_hash: None,
        created_at: Utc::now(),
        disabled_at: None,
        last_sign_in_at: None,
    })
}

/// Signs somebody in whom the provider vouches for. Whoever had an account, and has no role any more, loses all sessions.
///
/// # Errors
/// The inner error when the person is refused; the outer one without database or randomness.
pub fn sign_in(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    provider: &Provider,
    claims: &Claims,
    browser: Browser<'_>,
) -> Result<Result<SignedIn, Refusal>, SessionError> {
    let Account { row, standing, role } = match find(store, provider, claims)? {
        Ok(account) => account,
        Err(refusal) => {
            if refusal == Refusal::Role {
                end_sessions(store, caller, provider, &claims.subject)?;
            }
            return Ok(Err(refusal));
        }
    };
    let person = Person::from(&row);
    let (secret, session) = sessions::new(key, caller, &person, browser.user_agent, SecondFactor::Elsewhere)?;
    let before = browser.before.map(|secret| secret.hash(key).as_bytes().to_vec());
    let target = || Target::new("Administrator", row.id);
    let link = json!({"issuer": provider.issuer, "subject": claims.subject});
    let events = ArrivalEvents {
        created: (standing == Standing::New).then(|| administrators::created(&row)),
        linked: (standing != Standing::Linked)
            .then(|| AuditEvent::new(Action::AdministratorLink, target()).after(link)),
        role_changed: AuditEvent::new(Action::AdministratorUpdate, target())
            .before(json!({"role": row.role}))
            .after(json!({"role": role.name()}))
            .because("by the identity provider"),
        signed_in: AuditEvent::new(Action::SignIn, target()).after(json!({"by": provider.issuer})),
    };
    let arrival = Arrival {
        issuer: &provider.issuer,
        subject: &claims.subject,
        person: &row,
        role: role.name(),
        session: &session,
        before: before.as_deref(),
    };
    let caller = Caller { principal: person.principal(person.tenant), ..caller.clone() };
    match store.run(&caller, |tenant| tenant.insert_arrival(&arrival, &events)) {
        Ok(true) => Ok(Ok(SignedIn { secret, email: person.email })),
        Ok(false) => Ok(Err(Refusal::Disabled)),
        Err(store::Error::Closed) => Ok(Err(Refusal::Closed)),
        Err(store::Error::Conflict { .. }) => Ok(Err(Refusal::Taken("somebody else was quicker"))),
        Err(error) => Err(error.into()),
    }
}

fn end_sessions(store: &Store, caller: &Caller, provider: &Provider, subject: &str) -> Result<(), store::Error> {
    let Some(row) = store.gate(|gate| gate.administrator_with_identity(&provider.issuer, subject))? else {
        return Ok(());
    };
    let person = Person::from(&row);
    if !provider.answers_for(person.tenant) {
        return Ok(());
    }
    let caller = Caller { principal: person.principal(person.tenant), ..caller.clone() };
    let event = AuditEvent::new(Action::SignOut, Target::new("Administrator", row.id))
        .because("all sessions: no role by the identity provider");
    store.run(&caller, |tenant| tenant.delete_sessions_of(row.id, &event)).map(drop)
}
