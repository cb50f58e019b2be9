//! GET of one resource (RFC 7644 section 3.4.1).

use super::{Context, Endpoint, members};
use crate::scim::error::ScimError;
use crate::scim::precondition::Preconditions;
use crate::scim::present::Presentation;
use crate::scim::resource::Representation;
use crate::store::Wanted;

/// Reads a resource; without its members where the client has this state already.
///
/// # Errors
/// 404 when the tenant has no such resource, whatever the text in the URL is.
pub fn retrieve(
    context: &Context<'_>,
    endpoint: &Endpoint,
    id: &str,
    preconditions: &Preconditions,
    view: &Presentation<'_>,
) -> Result<Representation, ScimError> {
    let found = endpoint.id(id)?;
    let groups = view.shows_groups().then(|| context.service.group_location());
    let wanted = Wanted { resource_type: &endpoint.resource_type.name, id: found, groups: groups.as_deref() };
    context.store.read(context.caller, |tenant| {
        let stored = tenant.resource(&wanted)?.ok_or_else(|| endpoint.not_found(id))?;
        let mut representation = endpoint.represent(stored);
        if !preconditions.not_modified(representation.meta.version) {
            representation.members = members::read(tenant, view, found.0)?;
        }
        Ok(representation)
    })
}
