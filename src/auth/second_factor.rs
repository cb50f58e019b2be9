//! What people prove besides their password: setting it up, asking for it, and what becomes of a lost phone.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::administrators::{self, AdministratorError};
use super::device::Device;
use super::principal::Caller;
use super::seal::{Reseal, SealKey};
use super::secret::{Kind, Secret, TokenKey};
use super::sessions::{self, Arrival, Session, SessionError};
use super::stamp::StampKey;
use super::throttle::{self, Subject, Throttled};
use super::totp::{Code, RECOVERY_CODES, RecoveryCode, TotpSecret};
use crate::audit::{Action, AuditEvent, Target};
use crate::store::{self, AdministratorRow, SecondFactor, Store, TotpRow};

/// How long somebody may take from the password to the code.
pub const PENDING: TimeDelta = TimeDelta::minutes(5);
/// How long somebody may take to set an app up.
const SETTING_UP: TimeDelta = TimeDelta::minutes(30);
/// How long after signing in nobody is asked for the password again before setting an app up.
const FRESH: TimeDelta = TimeDelta::minutes(5);
/// What a sign-in that waits for the code is stamped for; and the password that it rests on.
const SIGN_IN: &[u8] = b"second factor";
const PASSWORD: &[u8] = b"verified password";
/// What a secret that is being set up is stamped for.
const SET_UP: &[u8] = b"totp secret";

/// A second factor that was set up just now.
#[derive(Debug)]
pub struct SetUp {
    /// The recovery codes, which are shown once.
    pub codes: Vec<RecoveryCode>,
    /// What the cookie is to hold from now on.
    pub cookie: Secret,
    /// The session, which goes on by that.
    pub session: Session,
}

/// The keys that second factors are kept under.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'k> {
    /// Seals the secrets of apps.
    pub seal: &'k SealKey,
    /// Hashes recovery codes.
    pub hash: &'k TokenKey,
}

/// Why a second factor was not set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum SecondFactorError {
    /// The code does not fit the secret.
    #[error(
        "the code does not fit: look whether the clock of your phone is right, and enter the code that the app shows now"
    )]
    Code,
    /// There is one already.
    #[error("a second factor is set up already")]
    Exists,
    /// There is none, or it was changed meanwhile.
    #[error("this was done already, or the second factor was changed meanwhile")]
    Changed,
    /// The password, which was asked for.
    #[error(transparent)]
    Password(#[from] AdministratorError),
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Why a code did not sign somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRefusal {
    /// Too many attempts failed; this one was not looked at.
    Throttled(Throttled),
    /// The code is wrong or used up. The reason is for the audit log.
    Wrong(&'static str),
    /// The password was changed meanwhile, or the account disabled, or the second factor removed.
    Over,
}

/// Why nobody can be signed in by a code.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The stored secret does not open.
    #[error(
        "the authenticator app of administrator {0} was sealed under another master key: bring that one back, or run \
         'provisor admin reset-totp' for the person"
    )]
    Sealed(Uuid),
    /// As with any session.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl From<store::Error> for CodeError {
    fn from(error: store::Error) -> Self {
        Self::Session(error.into())
    }
}

/// The second factor of a person, as the account page shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Since when it is asked for.
    pub since: DateTime<Utc>,
    /// Recovery codes that were not used yet.
    pub codes_left: i64,
    /// How often codes were made.
    pub codes_revision: i32,
}

/// The second factor of a person, if there is one.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn state(store: &Store, person: Uuid) -> Result<Option<State>, store::Error> {
    let found = store.gate(|gate| gate.totp_with_codes_left(person))?;
    Ok(found.map(|(row, codes_left)| State { since: row.created_at, codes_left, codes_revision: row.codes_revision }))
}

/// Whether the password is asked for before an app is set up: whoever finds a session open must not lock the owner out.
#[must_use]
pub fn asks_password(session: &Session, now: DateTime<Utc>) -> bool {
    session.created_at + FRESH <= now
}

/// What the form carries while somebody sets an app up: nothing is stored until the app has proven to have the secret. Good in this
/// session only.
#[must_use]
pub fn stamp_secret(forms: &StampKey, session: &Session, secret: &TotpSecret, now: DateTime<Utc>) -> String {
    let content = [&now.timestamp().to_be_bytes(), secret.as_bytes()].concat();
    forms.stamp(&[SET_UP, session.hash.as_bytes()], &content)
}

/// The secret in such a text. `None` when it is too old, or none of this session.
#[must_use]
pub fn read_secret(forms: &StampKey, session: &Session, text: &str, now: DateTime<Utc>) -> Option<TotpSecret> {
    let content = forms.read(&[SET_UP, session.hash.as_bytes()], text)?;
    let (at, secret) = content.split_first_chunk()?;
    if is_over(*at, SETTING_UP, now) { None } else { TotpSecret::from_bytes(secret) }
}

/// Has the person of a session prove more than the password from now on. All other sessions end, and this one goes on under a new secret:
/// whoever knew the one before is left with nothing.
///
/// # Errors
/// [`SecondFactorError`] when the code does not fit the secret, or there is a second factor already.
pub fn set_up(
    store: &Store,
    keys: Keys<'_>,
    caller: &Caller,
    session: &Session,
    secret: &TotpSecret,
    code: &str,
) -> Result<SetUp, SecondFactorError> {
    let (now, person) = (Utc::now(), session.person.id);
    let Some(Code::Totp(digits)) = Code::parse(code) else {
        return Err(SecondFactorError::Code);
    };
    let last_step = secret.step_of(&digits, now.timestamp()).ok_or(SecondFactorError::Code)?;
    let codes = recovery_codes()?;
    let row = TotpRow {
        administrator_id: person,
        sealed_secret: keys.seal.seal(&context(person), secret.as_bytes())?,
        key_version: SealKey::VERSION,
        created_at: now,
        // The code that was entered here signs nobody in.
        last_step,
        codes_revision: 1,
    };
    let event = event(Action::SecondFactorSetUp, person).after(json!({"second_factor": "totp"}));
    let hashes = hashes(keys.hash, person, &codes);
    let cookie = Secret::generate(Kind::Session)?;
    let renewed = Session { hash: cookie.hash(keys.hash), ..session.clone() };
    let (before, after) = (session.hash.as_bytes(), renewed.hash.as_bytes());
    let done = store.run(caller, |tenant| tenant.insert_totp(&row, &hashes, before, after, &event))?;
    if done { Ok(SetUp { codes, cookie, session: renewed }) } else { Err(SecondFactorError::Exists) }
}

/// Takes the second factor away from the person of a session, who knows the password. All other sessions end.
///
/// # Errors
/// [`SecondFactorError`] when the password is wrong or was guessed at too often, or there is no second factor.
pub fn remove(
    store: &Store,
    caller: &Caller,
    session: &Session,
    device: Option<Device>,
    password: &str,
) -> Result<(), SecondFactorError> {
    administrators::confirm_password(store, caller, &session.person, device, password)?;
    let event = event(Action::SecondFactorRemove, session.person.id);
    let keep = Some(session.hash.as_bytes());
    let done = store.run(caller, |tenant| tenant.delete_totp(session.person.id, keep, &event))?;
    if done { Ok(()) } else { Err(SecondFactorError::Changed) }
}

/// Makes new recovery codes for the person of a session, who knows the password; those before end. `revision` says which ones are
/// meant, so that a form that is sent twice makes them once.
///
/// # Errors
/// [`SecondFactorError`] when the password is wrong or was guessed at too often, or new codes were made already.
pub fn renew_codes(
    store: &Store,
    keys: Keys<'_>,
    caller: &Caller,
    session: &Session,
    device: Option<Device>,
    password: &str,
    revision: i32,
) -> Result<Vec<RecoveryCode>, SecondFactorError> {
    administrators::confirm_password(store, caller, &session.person, device, password)?;
    let (codes, person) = (recovery_codes()?, session.person.id);
    let (hashes, event) = (hashes(keys.hash, person, &codes), event(Action::RecoveryCodesRenew, person));
    let done = store.run(caller, |tenant| tenant.replace_recovery_codes(person, revision, &hashes, &event))?;
    if done { Ok(codes) } else { Err(SecondFactorError::Changed) }
}

/// Takes the second factor away from somebody who has lost it, and ends all sessions of the person. `false` when there was none.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn reset(store: &Store, caller: &Caller, person: Uuid) -> Result<bool, store::Error> {
    let event = event(Action::SecondFactorRemove, person).because("reset at the command line");
    store.run(caller, |tenant| tenant.delete_totp(person, None, &event))
}

/// What the browser carries from the password to the code. It is good with the cookie of this browser only, as long as the password
/// stays the same, and signs nobody in by itself.
#[must_use]
pub fn stamp_sign_in(forms: &StampKey, cookie: &Secret, row: &AdministratorRow, now: DateTime<Utc>) -> String {
    let password =
        forms.stamp(&[PASSWORD, row.password_hash.as_deref().unwrap_or_default().as_bytes()], row.id.as_bytes());
    let content = [&now.timestamp().to_be_bytes(), row.id.as_bytes().as_slice(), password.as_bytes()].concat();
    forms.stamp(&[SIGN_IN, cookie.reveal().as_bytes()], &content)
}

/// Whose sign-in waits for the code, from such a text. `None` when it is too old, of another browser, or does not stand any more.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn read_sign_in(
    store: &Store,
    forms: &StampKey,
    cookie: &Secret,
    text: &str,
    now: DateTime<Utc>,
) -> Result<Option<AdministratorRow>, store::Error> {
    let Some(content) = forms.read(&[SIGN_IN, cookie.reveal().as_bytes()], text) else {
        return Ok(None);
    };
    let Some((at, rest)) = content.split_first_chunk() else {
        return Ok(None);
    };
    let Some((id, password)) = rest.split_first_chunk() else {
        return Ok(None);
    };
    if is_over(*at, PENDING, now) {
        return Ok(None);
    }
    let found = store.gate(|gate| gate.administrator(Uuid::from_bytes(*id)))?;
    let stands = |row: &AdministratorRow| {
        let stamped = std::str::from_utf8(password).unwrap_or_default();
        row.disabled_at.is_none()
            && forms.read(&[PASSWORD, row.password_hash.as_deref().unwrap_or_default().as_bytes()], stamped).is_some()
    };
    Ok(found.filter(stands))
}

/// Signs somebody in whose password was right, by a code: gives the secret for the cookie. The attempt is counted before the code is
/// looked at; each code is taken once.
///
/// # Errors
/// The inner error when the code is refused; the outer one without database or randomness.
pub fn sign_in(
    store: &Store,
    keys: Keys<'_>,
    caller: &Caller,
    row: &AdministratorRow,
    code: &str,
    device: Option<Device>,
    arrival: Arrival<'_>,
) -> Result<Result<Secret, CodeRefusal>, CodeError> {
    let now = Utc::now();
    let subjects = [Subject::code(row.id, device)];
    if let Err(throttled) = throttle::charge(store, &subjects, now)? {
        return Ok(Err(CodeRefusal::Throttled(throttled)));
    }
    let Some(totp) = store.gate(|gate| gate.totp(row.id))? else {
        return Ok(Err(CodeRefusal::Over));
    };
    let recovery;
    let factor = match Code::parse(code) {
        None => return Ok(Err(CodeRefusal::Wrong("no code"))),
        Some(Code::Totp(digits)) => {
            let secret = keys.seal.open(&context(row.id), &totp.sealed_secret);
            let secret = secret.and_then(|bytes| TotpSecret::from_bytes(&bytes)).ok_or(CodeError::Sealed(row.id))?;
            match secret.step_of(&digits, now.timestamp()) {
                None => return Ok(Err(CodeRefusal::Wrong("wrong code"))),
                Some(step) if step <= totp.last_step => return Ok(Err(CodeRefusal::Wrong("code used already"))),
                Some(step) => SecondFactor::Totp(step),
            }
        }
        Some(Code::Recovery(code)) => {
            recovery = code.hash(keys.hash, row.id);
            if !store.gate(|gate| gate.has_recovery_code(row.id, recovery.as_bytes()))? {
                return Ok(Err(CodeRefusal::Wrong("recovery code wrong or used already")));
            }
            SecondFactor::RecoveryCode(recovery.as_bytes())
        }
    };
    // Somebody else may use the same code at this moment, or change the password.
    let Some(secret) = sessions::begin_with(store, keys.hash, caller, row, arrival, factor)? else {
        return Ok(Err(CodeRefusal::Over));
    };
    throttle::forgive(store, &subjects, now)?;
    Ok(Ok(secret))
}

/// The secret of a person's app, encrypted anew. `None` where it does not open under the former key.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn resealed(row: &TotpRow, reseal: &Reseal) -> Result<Option<Vec<u8>>, getrandom::Error> {
    reseal.apply(&context(row.administrator_id), &row.sealed_secret)
}

/// With what the secret of a person's app is encrypted: another person's row does not open.
fn context(person: Uuid) -> [u8; 16] {
    person.into_bytes()
}

fn is_over(stamped_at: [u8; 8], lifetime: TimeDelta, now: DateTime<Utc>) -> bool {
    DateTime::from_timestamp(i64::from_be_bytes(stamped_at), 0).is_none_or(|at| at + lifetime <= now)
}

fn recovery_codes() -> Result<Vec<RecoveryCode>, getrandom::Error> {
    (0..RECOVERY_CODES).map(|_| RecoveryCode::generate()).collect()
}

fn hashes(key: &TokenKey, person: Uuid, codes: &[RecoveryCode]) -> Vec<Vec<u8>> {
    codes.iter().map(|code| code.hash(key, person).as_bytes().to_vec()).collect()
}

fn event(action: Action, person: Uuid) -> AuditEvent {
    AuditEvent::new(action, Target::new("Administrator", person))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::administrators::Person;
    use crate::auth::master_key::MasterKey;
    use crate::auth::role::Role;
    use crate::auth::secret::SecretHash;
    use crate::id::TenantId;

    fn session(byte: u8, created_at: DateTime<Utc>) -> Session {
        Session {
            person: Person { id: Uuid::nil(), tenant: TenantId::NONE, email: String::new(), role: Role::Owner },
            hash: SecretHash::from_bytes(&[byte; 32]).unwrap(),
            created_at,
            chosen: None,
            ends_at: None,
            notice: None,
            must_set_up: false,
        }
    }

    #[test]
    fn a_secret_that_is_being_set_up_is_of_one_session_and_half_an_hour() {
        let forms = StampKey::for_forms(&MasterKey::from_bytes([1; 32]));
        let (now, secret) = (Utc::now(), TotpSecret::generate().unwrap());
        let (own, other) = (session(1, now), session(2, now));
        let stamped = stamp_secret(&forms, &own, &secret, now);
        let read = |session, minutes| read_secret(&forms, session, &stamped, now + TimeDelta::minutes(minutes));
        assert_eq!(read(&own, 29).unwrap().as_bytes(), secret.as_bytes());
        assert!(read(&own, 30).is_none() && read(&other, 0).is_none());
        assert!(read_secret(&forms, &own, "", now).is_none());
    }

    #[test]
    fn the_password_is_asked_for_five_minutes_after_signing_in() {
        let now = Utc::now();
        let ago = |minutes| asks_password(&session(1, now - TimeDelta::minutes(minutes)), now);
        assert_eq!([0, 4, 5, 600].map(ago), [false, false, true, true]);
    }
}
