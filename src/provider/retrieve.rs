//! GET of one resource (RFC 7644 section 3.4.1).

use super::{Context, Endpoint};
use crate::scim::error::ScimError;
use crate::scim::resource::Representation;

/// Reads a resource.
///
/// # Errors
/// 404 when the tenant has no such resource, whatever the text in the URL is.
pub fn retrieve(context: &Context<'_>, endpoint: &Endpoint, id: &str) -> Result<Representation, ScimError> {
    let found = endpoint.id(id)?;
    let stored = context.store.read(context.caller, |tenant| tenant.resource(&endpoint.resource_type.name, found))?;
    stored.map(|stored| endpoint.representation(stored)).ok_or_else(|| endpoint.not_found(id))
}
