//! DELETE (RFC 7644 section 3.6).

use super::{Context, Endpoint};
use crate::audit::{Action, AuditEvent, Target};
use crate::scim::error::ScimError;
use crate::scim::precondition::Preconditions;

/// Deletes a resource. Its name is free at once; the audit log keeps its last state.
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
    if preconditions.is_empty() {
        let gone = context.store.run(context.caller, |tenant| tenant.delete_resource(name, found, None, &event))?;
        return if gone { Ok(()) } else { Err(endpoint.not_found(id)) };
    }
    context.store.run(context.caller, |tenant| {
        tenant.with_locked_resource(name, found, |tenant, stored| {
            let stored = stored.ok_or_else(|| endpoint.not_found(id))?;
            preconditions.check(stored.version)?;
            tenant.delete_resource(name, found, Some(stored.version), &event)?;
            Ok(())
        })
    })
}
