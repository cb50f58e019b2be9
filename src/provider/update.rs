//! What PUT and PATCH share: read a state, make the next one, and write it over that state only.
//!
//! The first try takes no lock: two round trips, and it loses only to a change that came in between. The second holds the row, so
//! it loses to nobody. `next` is a pure function of the state, so running it twice does no harm.

use std::cell::OnceCell;

use chrono::TimeDelta;

use super::row::{PASSWORD, name_conflict, row, take_password};
use super::{Context, Endpoint};
use crate::audit::{Action, AuditEvent, Target};
use crate::id::ResourceId;
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::precondition::Preconditions;
use crate::scim::resource::{Representation, Resource};
use crate::scim::validate;
use crate::store::{Error, ResourceRow, StoredResource, TenantConn};

/// The resolution of `meta.lastModified`.
const TICK: TimeDelta = TimeDelta::milliseconds(1);

/// A change to a resource.
pub(super) struct Change<F> {
    /// What the audit log calls it.
    pub action: Action,
    /// What the audit log says of it besides.
    pub detail: Option<String>,
    /// The state that follows a state.
    pub next: F,
}

/// The next state, ready to be written.
struct Next {
    row: ResourceRow,
    event: AuditEvent,
    resource: Resource,
}

/// Changes a resource. A change that changes nothing writes nothing: version and `lastModified` stay (R7644-3.5.2-12).
pub(super) fn update(
    context: &Context<'_>,
    endpoint: &Endpoint,
    id: &str,
    preconditions: &Preconditions,
    change: &Change<impl Fn(&Resource) -> Result<Resource, ScimError>>,
) -> Result<Representation, ScimError> {
    let found = endpoint.id(id)?;
    let name = endpoint.resource_type.name.as_str();
    let password_hash = OnceCell::new();
    let prepare = |stored: &StoredResource| -> Result<Option<Next>, ScimError> {
        preconditions.check(stored.version)?;
        prepare(context, endpoint, found, stored, change, &password_hash)
    };

    let stored = context.store.read(context.caller, |tenant| tenant.resource(name, found))?;
    let stored = stored.ok_or_else(|| endpoint.not_found(id))?;
    let Some(state) = prepare(&stored)? else {
        return Ok(endpoint.representation(stored));
    };
    if let Some(changed) =
        context.store.run(context.caller, |tenant| write(endpoint, tenant, found, &stored, &state))?
    {
        return Ok(changed);
    }
    context.store.run(context.caller, |tenant| {
        tenant.with_locked_resource(name, found, |tenant, stored| {
            let stored = stored.ok_or_else(|| endpoint.not_found(id))?;
            let Some(state) = prepare(&stored)? else {
                return Ok(endpoint.representation(stored));
            };
            write(endpoint, tenant, found, &stored, &state)?
                .ok_or_else(|| ScimError::new(ErrorKind::Internal, "the resource changed although it was locked"))
        })
    })
}

fn prepare(
    context: &Context<'_>,
    endpoint: &Endpoint,
    id: ResourceId,
    stored: &StoredResource,
    change: &Change<impl Fn(&Resource) -> Result<Resource, ScimError>>,
    password_hash: &OnceCell<Option<String>>,
) -> Result<Option<Next>, ScimError> {
    let resource_type = &endpoint.resource_type;
    let before = Resource::from_document(&stored.document)
        .map_err(|error| ScimError::new(ErrorKind::Internal, "a stored resource is damaged").caused_by(error))?;
    let mut after = (change.next)(&before)?;
    validate::immutables(resource_type, &before, &after)?;
    // Hashing is slow: once, before any lock is held.
    if password_hash.get().is_none() {
        let _ = password_hash.set(take_password(context, &mut after)?);
    }
    after.attributes.remove(PASSWORD);
    let hash = password_hash.get().cloned().flatten();
    if after == before && hash.is_none() {
        return Ok(None);
    }
    let event = AuditEvent::new(change.action, Target::new(resource_type.name.as_str(), id));
    let event = AuditEvent { detail: change.detail.clone(), ..event }.difference(&before, &after, hash.is_some());
    let mut row = row(resource_type, id, &after, hash)?;
    // Each state is later than the one before, also within a millisecond and by the clock of another instance: whoever asks for
    // what changed since the last look misses nothing.
    row.at = row.at.max(stored.last_modified_at + TICK);
    Ok(Some(Next { row, event, resource: after }))
}

/// Writes the state over the one it was made from. `None` when that one is no longer current.
fn write(
    endpoint: &Endpoint,
    tenant: &mut TenantConn<'_>,
    id: ResourceId,
    stored: &StoredResource,
    next: &Next,
) -> Result<Option<Representation>, ScimError> {
    let written = tenant
        .update_resource(&endpoint.resource_type.name, id, stored.version, &next.row, &next.event)
        .map_err(|error: Error| name_conflict(&endpoint.resource_type, &next.resource, error.into()))?;
    if !written {
        return Ok(None);
    }
    let changed = StoredResource {
        version: stored.version + 1,
        last_modified_at: next.row.at,
        document: next.row.document.clone(),
        ..stored.clone()
    };
    Ok(Some(endpoint.representation(changed)))
}
