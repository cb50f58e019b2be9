//! DELETE (RFC 7644 section 3.6).

use chrono::{SubsecRound, Utc};

use super::{Context, Endpoint};
use crate::audit::{Action, AuditEvent, Target};
use crate::scim::error::ScimError;
use crate::scim::precondition::Preconditions;
use crate::store::Wanted;

/// Deletes a resource, and with it its memberships. Its name is free at once; the audit log keeps its last state.
///
/// # Errors
/// 404 when the tenant has no such resource, 412 by `preconditions`.
pub fn delete(
    context: &Context<'_>,
    endpoint: &Endpoint,
    id: &str,
    preconditions: &Preconditions,
) -> Result<(), ScimError> {
    let found = endpoint.id(id)?;
    let name = endpoint.resource_type.name.as_str();
    let event = AuditEvent::new(Action::Delete, Target::new(name, found));
    let wanted = Wanted { resource_type: name, id: found, groups: None };
    context.store.run(context.caller, |tenant| {
        tenant.with_locked_resource(&wanted, |tenant, stored| {
            let stored = stored.ok_or_else(|| endpoint.not_found(id))?;
            preconditions.check(stored.version)?;
            tenant.delete_resource(name, found, Utc::now().trunc_subsecs(3), &event)?;
            Ok(())
        })
    })
}
