//! Finding clients.

use chrono::{DateTime, Utc};

use super::{ClientError, PAGE};
use crate::auth::Caller;
use crate::id::TenantId;
use crate::store::{self, ClientRow, ClientSecretRow, Store};

/// A page of clients with the number of secrets that each has, and whether there are more.
pub type ClientPage = (Vec<(ClientRow, usize)>, bool);

/// The clients of the caller's tenant, or without a tenant those of the catalogue, the newest first.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn list(store: &Store, caller: &Caller) -> Result<Vec<ClientRow>, store::Error> {
    store.run(caller, |tenant| tenant.clients())
}

/// A page of those, after one that was created at some time and has some id.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn page(
    store: &Store,
    caller: &Caller,
    before: Option<&(DateTime<Utc>, String)>,
) -> Result<ClientPage, store::Error> {
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let mut rows = store.read(caller, |tenant| tenant.find_clients(before, limit, Utc::now()))?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    Ok((rows, more))
}

/// A client of the caller's tenant, or of the catalogue without a tenant, with its secrets.
///
/// # Errors
/// [`ClientError::Unknown`].
pub fn find(store: &Store, caller: &Caller, id: &str) -> Result<(ClientRow, Vec<ClientSecretRow>), ClientError> {
    if id.contains('\0') {
        return Err(ClientError::Unknown(id.to_owned()));
    }
    let found = show(store, id)?;
    if TenantId(found.0.tenant_id) == caller.principal.tenant() {
        Ok(found)
    } else {
        Err(ClientError::Unknown(id.to_owned()))
    }
}

/// A client with its secrets, whatever its tenant.
///
/// # Errors
/// [`ClientError::Unknown`].
pub fn show(store: &Store, id: &str) -> Result<(ClientRow, Vec<ClientSecretRow>), ClientError> {
    let found = store.gate(|gate| gate.client_with_secrets(id))?;
    found.ok_or_else(|| ClientError::Unknown(id.to_owned()))
}
