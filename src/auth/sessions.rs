//! People who are signed in: a secret in a cookie, and what is stored of it.

use chrono::{DateTime, TimeDelta, Utc};

use super::administrators::{Person, fold, is_email};
use super::device::Device;
use super::password;
use super::principal::Caller;
use super::secret::{Kind, Secret, SecretHash, TokenKey};
use super::throttle::{self, Subject, Throttled};
use crate::audit::{Action, AuditEvent, Target};
use crate::id::TenantId;
use crate::store::{self, AdministratorRow, SessionRow, Store};

/// A session ends when nothing was asked for so long.
pub const IDLE: TimeDelta = TimeDelta::minutes(30);
/// It ends in any case after so long.
pub const LIFETIME: TimeDelta = TimeDelta::hours(12);
/// How old the record of the last request may become.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Characters of a `User-Agent` that are kept.
const USER_AGENT_LENGTH: usize = 300;

/// A session that is valid.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who is signed in.
    pub person: Person,
    /// What is stored of the secret, by which the session is named.
    pub hash: SecretHash,
    /// When the person signed in.
    pub created_at: DateTime<Utc>,
    /// The tenant that the person chose to work in, if any: only an operator has a choice.
    pub chosen: Option<TenantId>,
    /// What the next page says of the last change. [`take_notice`] has it said once.
    pub notice: Option<String>,
}

/// What somebody enters to sign in.
pub struct Attempt<'a> {
    /// The e-mail address.
    pub email: &'a str,
    /// The password.
    pub password: &'a str,
    /// The browser, as it calls itself.
    pub user_agent: Option<&'a str>,
    /// The session that the browser has so far, which ends.
    pub before: Option<&'a Secret>,
    /// The browser, where it is known for this account.
    pub device: Option<Device>,
}

/// Why somebody was not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInRefusal {
    /// Too many attempts failed; this one was not looked at.
    Throttled(Throttled),
    /// The address or the password is wrong, or the account disabled. The reason is for the audit log: all of them look the same to
    /// whoever tries.
    Wrong(&'static str),
}

/// Why nobody can be signed in.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Signs somebody in: gives the secret for the cookie. The attempt is counted before the password is looked at.
///
/// # Errors
/// The inner error when the attempt is refused; the outer one without database or randomness.
pub fn sign_in(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    attempt: &Attempt<'_>,
) -> Result<Result<Secret, SignInRefusal>, SessionError> {
    let now = Utc::now();
    let folded = Some(fold(attempt.email)).filter(|folded| is_email(folded));
    let subjects = Subject::password(folded.as_deref(), attempt.device, caller.address.as_deref());
    if let Err(throttled) = throttle::charge(store, &subjects, now)? {
        return Ok(Err(SignInRefusal::Throttled(throttled)));
    }
    let found = match &folded {
        Some(folded) => store.gate(|gate| gate.administrator_with_email(folded))?,
        None => None,
    };
    let known = password::verify(attempt.password, found.as_ref().map(|row| row.password_hash.as_str()));
    let row = match found {
        None => return Ok(Err(SignInRefusal::Wrong("unknown account"))),
        Some(_) if !known => return Ok(Err(SignInRefusal::Wrong("wrong password"))),
        Some(row) if row.disabled_at.is_some() => return Ok(Err(SignInRefusal::Wrong("disabled account"))),
        Some(row) => row,
    };
    throttle::forgive(store, &subjects, now)?;
    let Some(secret) = begin(store, key, caller, &row, attempt.user_agent, attempt.before)? else {
        return Ok(Err(SignInRefusal::Wrong("password changed or account disabled meanwhile")));
    };
    if password::is_outdated(&row.password_hash)
        && let Ok(hash) = password::hash(attempt.password)
    {
        store.gate(|gate| gate.rehash_administrator_password(row.id, &row.password_hash, &hash))?;
    }
    Ok(Ok(secret))
}

/// Begins a session of a person who has proven to be that person. It always has a new secret, so that nobody knows it beforehand.
/// `None` when the person is disabled or has another password by now.
///
/// # Errors
/// [`SessionError`] without database or randomness.
pub fn begin(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    row: &AdministratorRow,
    user_agent: Option<&str>,
    before: Option<&Secret>,
) -> Result<Option<Secret>, SessionError> {
    let now = Utc::now();
    let person = Person::from(row);
    let secret = Secret::generate(Kind::Session)?;
    let session = SessionRow {
        id_hash: secret.hash(key).as_bytes().to_vec(),
        administrator_id: person.id,
        created_at: now,
        seen_at: now,
        address: caller.address.as_deref().map(str::to_owned),
        user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_LENGTH).collect()),
        tenant_id: None,
        notice: None,
    };
    let caller = Caller { principal: person.principal(person.tenant), ..caller.clone() };
    let event = AuditEvent::new(Action::SignIn, Target::new("Administrator", person.id));
    let before = before.map(|secret| secret.hash(key).as_bytes().to_vec());
    let hash = &row.password_hash;
    let begun = store.run(&caller, |tenant| tenant.insert_session(&session, hash, before.as_deref(), &event))?;
    Ok(begun.then_some(secret))
}

/// The session that a cookie holds, where it is valid and its person enabled.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn find(store: &Store, key: &TokenKey, secret: &Secret) -> Result<Option<Session>, store::Error> {
    let now = Utc::now();
    let hash = secret.hash(key);
    let Some((session, row)) = store.gate(|gate| gate.session(hash.as_bytes()))? else {
        return Ok(None);
    };
    let ended = session.seen_at + IDLE <= now || session.created_at + LIFETIME <= now;
    if ended || row.disabled_at.is_some() {
        return Ok(None);
    }
    if session.seen_at + SEEN_EVERY <= now {
        store.gate(|gate| gate.touch_session(hash.as_bytes(), now))?;
    }
    Ok(Some(Session {
        person: Person::from(&row),
        hash,
        created_at: session.created_at,
        chosen: session.tenant_id.map(TenantId),
        notice: session.notice,
    }))
}

/// Has the next page that the person opens say this.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn leave_notice(store: &Store, session: &Session, notice: &str) -> Result<(), store::Error> {
    store.gate(|gate| gate.set_notice(session.hash.as_bytes(), Some(notice)))
}

/// What the page that is about to be shown has to say; no other page says it again.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn take_notice(store: &Store, session: &mut Session) -> Result<Option<String>, store::Error> {
    let notice = session.notice.take();
    if notice.is_some() {
        store.gate(|gate| gate.set_notice(session.hash.as_bytes(), None))?;
    }
    Ok(notice)
}

/// Has an operator's session work in this tenant from now on.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn choose_tenant(store: &Store, session: &Session, tenant: TenantId) -> Result<(), store::Error> {
    store.gate(|gate| gate.set_session_tenant(session.hash.as_bytes(), tenant))
}

/// The valid sessions of a person, the newest first.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn list(store: &Store, person: &Person) -> Result<Vec<SessionRow>, store::Error> {
    let now = Utc::now();
    store.gate(|gate| gate.sessions(person.id, now - IDLE, now - LIFETIME))
}

/// Ends a session of a person. Ending it again changes nothing.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn end(store: &Store, caller: &Caller, person: &Person, hash: &[u8]) -> Result<(), store::Error> {
    let event = AuditEvent::new(Action::SignOut, Target::new("Administrator", person.id));
    store.run(caller, |tenant| tenant.delete_session(person.id, hash, &event))
}
