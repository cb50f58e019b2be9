//! PATCH (RFC 7644 section 3.5.2).

use serde_json::Value;

use super::Context;
use super::update::update;
use crate::audit::Action;
use crate::scim::error::ScimError;
use crate::scim::patch::PatchRequest;
use crate::scim::precondition::Preconditions;
use crate::scim::resource::Representation;

/// Modifies a resource by the operations of a `PatchOp` message, all or none of them.
///
/// # Errors
/// 404, 412 by `preconditions`, `invalidSyntax`, `invalidPath`, `invalidFilter`, `invalidValue`, `noTarget` or `mutability` for
/// an operation, `uniqueness` when the name is taken.
pub fn modify(
    context: &Context<'_>,
    id: &str,
    preconditions: &Preconditions,
    body: Value,
) -> Result<Representation, ScimError> {
    let patch = PatchRequest::from_json(body)?;
    update(context, id, preconditions, Action::Modify, |before| patch.apply(&context.endpoint.resource_type, before))
}
