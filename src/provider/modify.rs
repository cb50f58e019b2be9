//! PATCH (RFC 7644 section 3.5.2).

use serde_json::Value;

use super::update::{Change, update};
use super::{Context, Endpoint};
use crate::audit::Action;
use crate::scim::error::{ScimError, excerpt};
use crate::scim::patch::PatchRequest;
use crate::scim::precondition::Preconditions;
use crate::scim::resource::{Representation, Resource};

/// Modifies a resource by the operations of a `PatchOp` message, all or none of them.
///
/// # Errors
/// 404, 412 by `preconditions`, `invalidSyntax`, `invalidPath`, `invalidFilter`, `invalidValue`, `noTarget` or `mutability` for
/// an operation, `uniqueness` when the name is taken.
pub fn modify(
    context: &Context<'_>,
    endpoint: &Endpoint,
    id: &str,
    preconditions: &Preconditions,
    body: Value,
) -> Result<Representation, ScimError> {
    let resource_type = &endpoint.resource_type;
    let patch = PatchRequest::from_json(body)?;
    let ignored = patch.ignored_paths(resource_type);
    let change = Change {
        action: Action::Modify,
        detail: (!ignored.is_empty()).then(|| format!("ignored: {}", excerpt(&ignored.join(", ")))),
        next: |before: &Resource| patch.apply(resource_type, before),
    };
    update(context, endpoint, id, preconditions, &change)
}
