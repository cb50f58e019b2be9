//! The secrets of clients: giving a new one, and ending one.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::super::authenticate_client::KeySource;
use super::super::server::target;
use super::{ClientError, IssuedClient, refuse_suspended};
use crate::audit::{Action, AuditEvent};
use crate::auth::Caller;
use crate::auth::secret::{Kind, Secret, TokenKey};
use crate::store::{ClientRow, ClientSecretRow, SecretRotated, Store};

/// What is to become of the secret that a client has when it gets another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Former {
    /// It ends after this time.
    EndsAfter(TimeDelta),
    /// It goes on until somebody ends it.
    GoesOn,
}

/// Gives a client a new secret. The one before goes on, so that the client can be changed over without a gap; there are never more
/// than two. A form that asks for it, if one does, gets one.
///
/// # Errors
/// [`ClientError`] when there is no such client in the caller's tenant, or it has no secrets.
pub fn rotate_secret(
    store: &Store,
    caller: &Caller,
    key: &TokenKey,
    row: &ClientRow,
    former: Former,
    form: Option<Uuid>,
) -> Result<IssuedClient, ClientError> {
    if !row.confidential || KeySource::of(row).is_some() {
        return Err(ClientError::NoSecret(row.id.clone()));
    }
    refuse_suspended(store, caller)?;
    let now = Utc::now();
    let secret = Secret::generate(Kind::ClientSecret)?;
    let new = secret_row(&secret, key, &row.id, now);
    let end = match former {
        Former::EndsAfter(overlap) => Some(now + overlap),
        Former::GoesOn => None,
    };
    let event = AuditEvent::new(Action::ClientSecretRotate, target(&row.id))
        .after(json!({"secret": new.id, "formerEndsAt": end}));
    match store.run(caller, |tenant| tenant.rotate_client_secret(&new, end, form, &event))? {
        SecretRotated::NoClient => Err(ClientError::Unknown(row.id.clone())),
        SecretRotated::Done(former_ends_at) => {
            Ok(IssuedClient { row: row.clone(), secret: Some(secret), former_ends_at })
        }
    }
}

/// Ends a secret of a client at once.
///
/// # Errors
/// [`ClientError::UnknownSecret`] when it has none of this id that has not ended.
pub fn retire_secret(store: &Store, caller: &Caller, client: &str, secret: &str) -> Result<(), ClientError> {
    let event = AuditEvent::new(Action::ClientSecretRetire, target(client)).after(json!({"secret": secret}));
    let retired = store.run(caller, |tenant| tenant.retire_client_secret(client, secret, Utc::now(), &event))?;
    if retired { Ok(()) } else { Err(ClientError::UnknownSecret) }
}

pub(super) fn secret_row(secret: &Secret, key: &TokenKey, client_id: &str, now: DateTime<Utc>) -> ClientSecretRow {
    ClientSecretRow {
        id: secret.id().to_owned(),
        client_id: client_id.to_owned(),
        secret_hash: secret.hash(key).as_bytes().to_vec(),
        key_version: TokenKey::VERSION,
        created_at: now,
        expires_at: None,
        last_used_at: None,
    }
}
