//! The first administrator. While there is none, a code on the server's console is what tells its operator from a stranger.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use uuid::Uuid;

use super::administrators::{self, AdministratorError, NewAdministrator};
use super::principal::{Caller, Principal, TenantSettings};
use super::secret::{Kind, Secret, SecretHash, TokenKey};
use crate::id::TenantId;
use crate::store::{self, AdministratorRow, Store};

/// How long a code is valid.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(60);

/// Why there is no first administrator yet.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There is one already.
    #[error("there is an administrator already")]
    Done,
    /// The code is none, or too old.
    #[error("this code is not valid: it is the one that the server printed when it started, for sixty minutes")]
    Code,
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

/// Whether the first administrator is still to come.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn is_open(store: &Store) -> Result<bool, store::Error> {
    store.gate(|gate| gate.has_administrators()).map(|some| !some)
}

/// A new code, while there is no administrator. Those that other servers printed go on.
///
/// # Errors
/// [`SetupError`] without database or randomness.
pub fn open(store: &Store, key: &TokenKey) -> Result<Option<Secret>, SetupError> {
    if !is_open(store)? {
        return Ok(None);
    }
    let code = Secret::generate(Kind::SetupCode)?;
    let (hash, now) = (code.hash(key), Utc::now());
    store.gate(|gate| gate.insert_setup_code(hash.as_bytes(), now))?;
    Ok(Some(code))
}

/// Creates the first administrator, an operator over all tenants, for whoever has the code. All codes end.
///
/// # Errors
/// [`SetupError`] when there is an administrator already, the code is wrong, or what was entered cannot be taken.
pub fn claim(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    code: &str,
    new: &NewAdministrator<'_>,
) -> Result<AdministratorRow, SetupError> {
    if !is_open(store)? {
        return Err(SetupError::Done);
    }
    let since = Utc::now() - LIFETIME;
    let hash = Secret::parse(Kind::SetupCode, code.trim()).ok_or(SetupError::Code)?.hash(key);
    // Before the password is hashed, which is work that a stranger shall not cause.
    if !store.gate(|gate| gate.has_setup_code(hash.as_bytes(), since))? {
        return Err(SetupError::Code);
    }
    let row = administrators::prepare(TenantId::NONE, new)?;
    let caller = Caller {
        principal: Arc::new(Principal::administrator(TenantId::NONE, TenantSettings::default(), row.id, &row.email)),
        ..caller.clone()
    };
    insert(store, &caller, &hash, row)
}

/// Creates the first administrator from the settings of the server, while there is none. `None` when there is one already.
///
/// # Errors
/// [`SetupError`] when what the settings say cannot be taken.
pub fn provide(
    store: &Store,
    key: &TokenKey,
    new: &NewAdministrator<'_>,
) -> Result<Option<AdministratorRow>, SetupError> {
    if !is_open(store)? {
        return Ok(None);
    }
    let row = administrators::prepare(TenantId::NONE, new)?;
    let Some(code) = open(store, key)? else {
        return Ok(None);
    };
    let principal = Arc::new(Principal::system(TenantId::NONE));
    let caller = Caller { principal, request_id: Uuid::now_v7().to_string().into(), address: None };
    match insert(store, &caller, &code.hash(key), row) {
        // Another server was quicker.
        Err(SetupError::Done) => Ok(None),
        result => result.map(Some),
    }
}

/// Inserts the first administrator for whoever has a code with this hash.
fn insert(
    store: &Store,
    caller: &Caller,
    code_hash: &SecretHash,
    row: AdministratorRow,
) -> Result<AdministratorRow, SetupError> {
    let event = administrators::created(&row);
    let inserted = store.run(caller, |tenant| {
        tenant.insert_first_administrator(&row, code_hash.as_bytes(), &event).map_err(administrators::taken)
    })?;
    if inserted { Ok(row) } else { Err(SetupError::Done) }
}
