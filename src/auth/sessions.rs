//! People who are signed in: a secret in a cookie, and what is stored of it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::administrators::{Person, fold, is_email};
use super::device::Device;
use super::password;
use super::principal::Caller;
use super::role::Right;
use super::secret::{Kind, Secret, SecretHash, TokenKey};
use super::throttle::{self, Subject, Throttled};
use crate::audit::{Action, AuditEvent, Target};
use crate::id::TenantId;
use crate::store::{self, AdministratorRow, FoundSession, SecondFactor, SessionRow, Store};

/// A session ends when nothing was asked for so long.
pub const IDLE: TimeDelta = TimeDelta::minutes(30);
/// It ends in any case after so long.
pub const LIFETIME: TimeDelta = TimeDelta::hours(12);
/// How old the record of the last request may become.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Characters of a `User-Agent` that are kept.
pub(super) const USER_AGENT_LENGTH: usize = 300;

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
    /// When it ends, idle or not, where it began by a setup link.
    pub ends_at: Option<DateTime<Utc>>,
    /// What the next page says of the last change. [`take_notice`] has it said once.
    pub notice: Option<String>,
    /// Whether the person must set up a second factor before anything else.
    pub must_set_up: bool,
}

/// How somebody comes.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The browser, as it calls itself.
    pub user_agent: Option<&'a str>,
    /// The session that the browser has so far, which ends.
    pub before: Option<&'a Secret>,
}

/// What came of an attempt that was right.
#[derive(Debug)]
pub enum SignedIn {
    /// The person is signed in; the secret is for the cookie.
    Done(Secret),
    /// The person has a second factor, which is still to be proven.
    CodeWanted(Box<AdministratorRow>),
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
    /// Nobody signs in with a password here, only by the identity provider.
    NoPasswords,
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

/// Signs somebody in by the password, as far as that does. The attempt is counted before the password is looked at.
///
/// # Errors
/// The inner error when the attempt is refused; the outer one without database or randomness.
pub fn sign_in(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    attempt: &Attempt<'_>,
) -> Result<Result<SignedIn, SignInRefusal>, SessionError> {
    if !store.gate(|gate| gate.installation())?.allows_passwords {
        return Ok(Err(SignInRefusal::NoPasswords));
    }
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
    let known = password::verify(attempt.password, found.as_ref().and_then(|row| row.password_hash.as_deref()));
    let mut row = match found {
        None => return Ok(Err(SignInRefusal::Wrong("unknown account"))),
        Some(_) if !known => return Ok(Err(SignInRefusal::Wrong("wrong password"))),
        Some(row) if row.disabled_at.is_some() => return Ok(Err(SignInRefusal::Wrong("disabled account"))),
        Some(row) => row,
    };
    throttle::forgive(store, &subjects, now)?;
    if let Some(before) = row.password_hash.as_deref().filter(|hash| password::is_outdated(hash))
        && let Ok(hash) = password::hash(attempt.password)
    {
        store.gate(|gate| gate.rehash_administrator_password(row.id, before, &hash))?;
        row.password_hash = Some(hash);
    }
    if store.gate(|gate| gate.totp(row.id))?.is_some() {
        return Ok(Ok(SignedIn::CodeWanted(Box::new(row))));
    }
    let begun = begin(store, key, caller, &row, attempt.user_agent, attempt.before)?;
    let refusal = SignInRefusal::Wrong("password changed or account disabled meanwhile");
    Ok(begun.map(SignedIn::Done).ok_or(refusal))
}

/// Begins a session of a person who has proven to be that person. It always has a new secret, so that nobody knows it beforehand.
/// `None` when the person is disabled or has another password by now, or a second factor, which is not asked for here.
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
    begin_with(store, key, caller, row, Arrival { user_agent, before }, SecondFactor::Absent)
}

/// The same with what was proven besides the password, which is used up. `None` also when it proves nothing any more.
///
/// # Errors
/// [`SessionError`] without database or randomness.
pub fn begin_with(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    row: &AdministratorRow,
    arrival: Arrival<'_>,
    factor: SecondFactor<'_>,
) -> Result<Option<Secret>, SessionError> {
    let person = Person::from(row);
    let (secret, session) = new(key, caller, &person, arrival.user_agent, factor)?;
    let caller = Caller { principal: person.principal(person.tenant), ..caller.clone() };
    let event = AuditEvent::new(Action::SignIn, Target::new("Administrator", person.id));
    let event = match factor.name() {
        Some(name) => event.after(json!({"second_factor": name})),
        None => event,
    };
    let before = arrival.before.map(|secret| secret.hash(key).as_bytes().to_vec());
    let hash = row.password_hash.as_deref();
    let begun =
        store.run(&caller, |tenant| tenant.insert_session(&session, hash, before.as_deref(), factor, &event))?;
    Ok(begun.then_some(secret))
}

/// A session to be, with the secret that nobody knows yet.
///
/// # Errors
/// Without randomness.
pub(super) fn new(
    key: &TokenKey,
    caller: &Caller,
    person: &Person,
    user_agent: Option<&str>,
    factor: SecondFactor<'_>,
) -> Result<(Secret, SessionRow), getrandom::Error> {
    let now = Utc::now();
    let secret = Secret::generate(Kind::Session)?;
    let row = SessionRow {
        id_hash: secret.hash(key).as_bytes().to_vec(),
        administrator_id: person.id,
        created_at: now,
        seen_at: now,
        address: caller.address.as_deref().map(str::to_owned),
        user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_LENGTH).collect()),
        tenant_id: None,
        notice: None,
        second_factor: factor.name().map(str::to_owned),
        ends_at: None,
    };
    Ok((secret, row))
}

/// The session that a cookie holds, where it is valid and its person enabled.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn find(store: &Store, key: &TokenKey, secret: &Secret) -> Result<Option<Session>, store::Error> {
    let now = Utc::now();
    let hash = secret.hash(key);
    let Some(found) = store.gate(|gate| gate.session(hash.as_bytes()))? else {
        return Ok(None);
    };
    let FoundSession { session, person: row, requires_totp, has_totp } = found;
    let ended = match session.ends_at {
        Some(end) => end <= now,
        None => session.seen_at + IDLE <= now || session.created_at + LIFETIME <= now,
    };
    if ended || row.disabled_at.is_some() {
        return Ok(None);
    }
    if session.seen_at + SEEN_EVERY <= now {
        store.gate(|gate| gate.touch_session(hash.as_bytes(), now))?;
    }
    let person = Person::from(&row);
    // Who has no account of the own to look after came by a link, not by a password.
    let must_set_up = requires_totp && !has_totp && session.second_factor.is_none() && person.has(Right::Account);
    Ok(Some(Session {
        person,
        must_set_up,
        hash,
        created_at: session.created_at,
        chosen: session.tenant_id.map(TenantId),
        ends_at: session.ends_at,
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
    store.gate(|gate| gate.sessions(person.id, now, now - IDLE, now - LIFETIME))
}

/// Ends a session of a person. Ending it again changes nothing.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn end(store: &Store, caller: &Caller, person: &Person, hash: &[u8]) -> Result<(), store::Error> {
    let event = AuditEvent::new(Action::SignOut, Target::new("Administrator", person.id));
    store.run(caller, |tenant| tenant.delete_session(person.id, hash, &event))
}

/// Ends all sessions of a person but this one, and says how many.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn end_others(store: &Store, caller: &Caller, session: &Session) -> Result<usize, store::Error> {
    let person = session.person.id;
    let event = AuditEvent::new(Action::SignOut, Target::new("Administrator", person)).because("all other sessions");
    store.run(caller, |tenant| tenant.delete_other_sessions(person, session.hash.as_bytes(), &event))
}
