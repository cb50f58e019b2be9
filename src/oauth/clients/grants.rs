//! What people consented to for clients, and revoking it.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::super::server::target;
use super::{ClientError, PAGE};
use crate::audit::{Action, AuditEvent};
use crate::auth::Caller;
use crate::store::{self, GrantRow, Store};

/// Grants that are counted at most.
pub const COUNTED: i64 = 1_000;

/// A page of what people consented to, the newest first, after one that was made at some time and has some id; and whether there is
/// more.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn grants(
    store: &Store,
    caller: &Caller,
    client: &str,
    before: Option<(DateTime<Utc>, Uuid)>,
) -> Result<(Vec<GrantRow>, bool), store::Error> {
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let mut rows = store.read(caller, |tenant| tenant.client_grants(client, before, limit))?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    Ok((rows, more))
}

/// How many grants of a client are not revoked, counting no further than [`COUNTED`].
///
/// # Errors
/// [`store::Error`] from the database.
pub fn living_grants(store: &Store, caller: &Caller, client: &str) -> Result<usize, store::Error> {
    store.read(caller, |tenant| tenant.living_grants(client, COUNTED))
}

/// A grant of a client.
///
/// # Errors
/// [`ClientError::UnknownGrant`].
pub fn grant(store: &Store, caller: &Caller, client: &str, id: Uuid) -> Result<GrantRow, ClientError> {
    let found = store.read(caller, |tenant| tenant.client_grant(client, id))?;
    found.ok_or(ClientError::UnknownGrant)
}

/// Revokes a grant, and with it all of its tokens. Doing so again changes nothing. The caller is one in the tenant of the grant.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn revoke_grant(store: &Store, caller: &Caller, grant: &GrantRow) -> Result<(), store::Error> {
    let event = AuditEvent::new(Action::GrantRevoke, target(&grant.client_id)).after(json!({"revokedGrant": grant.id}));
    store.run(caller, |tenant| tenant.revoke_grant(grant.id, Utc::now(), &event)).map(drop)
}

/// Revokes all grants of a client and all access tokens that it has. The number of grants.
///
/// # Errors
/// [`ClientError::Unknown`] when there is no such client in the caller's tenant.
pub fn revoke_grants(store: &Store, caller: &Caller, id: &str) -> Result<usize, ClientError> {
    let now = Utc::now();
    let event = AuditEvent::new(Action::GrantRevoke, target(id)).after(json!({"tokensNotBefore": now}));
    let revoked = store.run(caller, |tenant| tenant.revoke_client_grants(id, now, &event))?;
    revoked.ok_or_else(|| ClientError::Unknown(id.to_owned()))
}
