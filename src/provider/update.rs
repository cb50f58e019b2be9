//! What PUT and PATCH share: read a state, make the next one, and write it over that state only.
//!
//! The first try takes no lock: two round trips, and it loses only to a change that came in between. The second holds the row, so
//! it loses to nobody. `next` is a pure function of the state, so running it twice does no harm. A change that only names
//! members who come and go does not depend on the state at all: it is written at once, over whatever state there is.

use std::cell::OnceCell;

use chrono::{SubsecRound, TimeDelta, Utc};

use super::members;
use super::row::{name_conflict, row, take_password};
use super::{Context, Endpoint};
use crate::audit::{Action, AuditEvent, Target};
use crate::id::ResourceId;
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::membership::MembersChange;
use crate::scim::precondition::Preconditions;
use crate::scim::present::Presentation;
use crate::scim::resource::Resource;
use crate::scim::validate;
use crate::store::{
    Error, GroupChange, GroupChanged, Joining, Leaving, ResourceRow, StoredResource, TenantConn, Wanted,
};

/// The resolution of `meta.lastModified`.
const TICK: TimeDelta = TimeDelta::milliseconds(1);

/// A change to a resource.
pub(super) struct Change<'c, F> {
    /// What the audit log calls it.
    pub action: Action,
    /// What the audit log says of it besides.
    pub detail: Option<String>,
    /// Whether `next` may differ from the state before.
    pub edits_attributes: bool,
    /// The state that follows a state, but for the members of a group.
    pub next: F,
    /// What happens to the members of a group.
    pub members: &'c MembersChange<'c>,
}

/// The next state of the attributes, ready to be written.
struct Next {
    row: ResourceRow,
    resource: Resource,
    event: AuditEvent,
}

/// What follows from a state.
enum Step {
    /// Nothing changes.
    Nothing,
    /// These attributes are written, or members alone.
    Write(Option<Box<Next>>),
}

/// A change of one resource under way.
struct Update<'a, F> {
    context: &'a Context<'a>,
    endpoint: &'a Endpoint,
    id: ResourceId,
    preconditions: &'a Preconditions,
    change: &'a Change<'a, F>,
    /// Who joins and who leaves, where the members of a group change.
    edges: Option<(Joining, Leaving)>,
    /// Hashing is slow: once, before any lock is held.
    password_hash: OnceCell<Option<String>>,
}

/// Changes a resource. A change that changes nothing writes nothing: version and `lastModified` stay (R7644-3.5.2-12).
pub(super) fn update(
    context: &Context<'_>,
    endpoint: &Endpoint,
    id: &str,
    preconditions: &Preconditions,
    view: &Presentation<'_>,
    change: &Change<'_, impl Fn(&Resource) -> Result<Resource, ScimError>>,
) -> Result<StoredResource, ScimError> {
    let resource_type = &endpoint.resource_type;
    let edges = resource_type.members().filter(|_| !change.members.is_empty()).map(|attribute| {
        let locations = context.service.member_locations();
        let leaving = members::leaving(resource_type, change.members, &locations);
        (members::joining(attribute, change.members.added.values()), leaving)
    });
    let found = endpoint.id(id)?;
    let update = Update { context, endpoint, id: found, preconditions, change, edges, password_hash: OnceCell::new() };
    let groups = view.shows_groups().then(|| context.service.group_location());
    let wanted = Wanted { resource_type: &resource_type.name, id: found, groups: groups.as_deref() };
    let gone = || endpoint.not_found(id);
    let anyhow = !change.edits_attributes && preconditions.is_empty() && change.members.names_all();
    if update.edges.is_some() && anyhow {
        return context.store.run(context.caller, |tenant| update.write(tenant, None, None))?.ok_or_else(gone);
    }
    let stored = context.store.read(context.caller, |tenant| tenant.resource(&wanted))?.ok_or_else(gone)?;
    let Step::Write(next) = update.prepare(&stored)? else {
        return Ok(stored);
    };
    let written = context.store.run(context.caller, |tenant| update.write(tenant, Some(&stored), next.as_deref()))?;
    if let Some(changed) = written {
        return Ok(changed);
    }
    context.store.run(context.caller, |tenant| {
        tenant.with_locked_resource(&wanted, |tenant, stored| {
            let stored = stored.ok_or_else(gone)?;
            let Step::Write(next) = update.prepare(&stored)? else {
                return Ok(stored);
            };
            update
                .write(tenant, Some(&stored), next.as_deref())?
                .ok_or_else(|| ScimError::new(ErrorKind::Internal, "the resource changed although it was locked"))
        })
    })
}

impl<F: Fn(&Resource) -> Result<Resource, ScimError>> Update<'_, F> {
    /// What is to be written over a state.
    fn prepare(&self, stored: &StoredResource) -> Result<Step, ScimError> {
        let resource_type = &self.endpoint.resource_type;
        self.preconditions.check(stored.version)?;
        let before = Resource::from_document(&stored.document)
            .map_err(|error| ScimError::new(ErrorKind::Internal, "a stored resource is damaged").caused_by(error))?;
        let mut after = (self.change.next)(&before)?;
        validate::immutables(resource_type, &before, &after)?;
        if self.password_hash.get().is_none() {
            let _ = self.password_hash.set(take_password(self.context, &mut after)?);
        }
        after.forget_unreadable(resource_type);
        let hash = self.password_hash.get().cloned().flatten();
        if after == before && hash.is_none() {
            return Ok(if self.edges.is_some() { Step::Write(None) } else { Step::Nothing });
        }
        let event = self.event().difference(&before, &after, hash.is_some());
        let mut row = row(resource_type, self.id, &after, hash)?;
        // Each state is later than the one before, also within a millisecond and by the clock of another instance: whoever asks
        // for what changed since the last look misses nothing.
        row.at = row.at.max(stored.last_modified_at + TICK);
        Ok(Step::Write(Some(Box::new(Next { row, resource: after, event }))))
    }

    /// Writes the next state over the one it was made from. `None` when that one is no longer current.
    fn write(
        &self,
        tenant: &mut TenantConn<'_>,
        stored: Option<&StoredResource>,
        next: Option<&Next>,
    ) -> Result<Option<StoredResource>, ScimError> {
        let conflict = |error: Error| match next {
            Some(next) => name_conflict(&self.endpoint.resource_type, &next.resource, error.into()),
            None => error.into(),
        };
        let (joining, leaving) = match (&self.edges, stored, next) {
            (Some((joining, leaving)), ..) => (joining, leaving),
            (None, Some(stored), Some(Next { row, event, .. })) => {
                let name = &self.endpoint.resource_type.name;
                let written = tenant.update_resource(name, self.id, stored.version, row, event).map_err(conflict)?;
                return Ok(written.then(|| StoredResource {
                    version: stored.version + 1,
                    last_modified_at: row.at,
                    document: row.document.clone(),
                    ..stored.clone()
                }));
            }
            (None, ..) => return Ok(stored.cloned()),
        };
        // Who is named comes and goes in any state. What depends on the state, or on who else is there, is written over that state
        // alone: a statement that had to wait sees the members as they were before it waited.
        let decided = next.is_some() || !self.preconditions.is_empty() || !self.change.members.names_all();
        let change = GroupChange {
            version: stored.map(|stored| stored.version).filter(|_| decided),
            row: next.map(|next| &next.row),
            at: next.map_or_else(|| Utc::now().trunc_subsecs(3), |next| next.row.at),
            joining,
            leaving,
        };
        let event = next.map_or_else(|| self.event(), |next| next.event.clone());
        match tenant.change_group(self.id, &change, &event).map_err(conflict)? {
            GroupChanged::Done(stored) => Ok(Some(stored)),
            GroupChanged::NobodyKnown => {
                let wanted = Wanted { resource_type: &self.endpoint.resource_type.name, id: self.id, groups: None };
                let there = tenant.resource(&wanted)?.is_some();
                if there { Err(members::nobody_known(self.change.members)) } else { Ok(None) }
            }
            GroupChanged::NotFound => Ok(None),
        }
    }

    fn event(&self) -> AuditEvent {
        let event =
            AuditEvent::new(self.change.action, Target::new(self.endpoint.resource_type.name.as_str(), self.id));
        AuditEvent { detail: self.change.detail.clone(), ..event }
    }
}
