//! Changing clients, and letting them in or not.

use chrono::Utc;
use serde_json::json;

use super::super::authenticate_client::KeySource;
use super::super::server::target;
use super::{ClientError, check_keys, check_uris, find, summary};
use crate::audit::{Action, AuditEvent};
use crate::auth::{Caller, name};
use crate::store::{ClientChanges, ClientRow, Store};

/// Changes a client. Redirect URIs that it has already are not checked again.
///
/// # Errors
/// [`ClientError`] when there is no such client, or its properties would not go together.
pub fn update(store: &Store, caller: &Caller, row: &ClientRow, changes: &ClientChanges) -> Result<(), ClientError> {
    if !name::fits(&changes.name) {
        return Err(ClientError::Name);
    }
    let keys = |row: &ClientRow| KeySource::of(row);
    let after = ClientRow {
        name: changes.name.clone(),
        redirect_uris: changes.redirect_uris.clone(),
        pkce_required: changes.pkce_required || !row.confidential,
        jwks: changes.jwks.clone(),
        jwks_uri: changes.jwks_uri.clone(),
        ..row.clone()
    };
    if keys(row).is_some() != keys(&after).is_some() {
        return Err(ClientError::Contradiction("a client has either secrets or keys, from its beginning"));
    }
    if row.redirect_uris.is_empty() != after.redirect_uris.is_empty() {
        return Err(ClientError::Contradiction("redirect URIs and the grant authorization_code go together"));
    }
    check_uris(after.redirect_uris.iter().filter(|uri| !row.redirect_uris.contains(uri)))?;
    if let Some(source) = keys(&after) {
        check_keys(&source)?;
    }
    let changes = ClientChanges::none(&after);
    if changes == ClientChanges::none(row) {
        return Ok(());
    }
    let (mut before, mut now) = (summary(row), summary(&after));
    if let (Some(before), Some(now)) = (before.as_object_mut(), now.as_object_mut()) {
        let same: Vec<String> = before.keys().filter(|name| before[*name] == now[*name]).cloned().collect();
        for name in same {
            before.remove(&name);
            now.remove(&name);
        }
    }
    let event =
        AuditEvent { before: Some(before), ..AuditEvent::new(Action::ClientUpdate, target(&row.id)).after(now) };
    let changed = store.run(caller, |tenant| tenant.update_client(&row.id, &changes, &event))?;
    if changed { Ok(()) } else { Err(ClientError::Unknown(row.id.clone())) }
}

/// Disables a client, so that neither it nor its tokens are let in, or enables it. Doing so again changes nothing.
///
/// # Errors
/// [`ClientError::Unknown`] when there is no such client in the caller's tenant.
pub fn set_disabled(store: &Store, caller: &Caller, id: &str, disabled: bool) -> Result<(), ClientError> {
    let disabled_at = disabled.then(Utc::now);
    let event = AuditEvent::new(Action::ClientUpdate, target(id)).after(json!({"disabled": disabled}));
    if store.run(caller, |tenant| tenant.set_client_disabled(id, disabled_at, &event))? {
        return Ok(());
    }
    find(store, caller, id).map(drop)
}
