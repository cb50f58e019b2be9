//! PATCH (RFC 7644 section 3.5.2).

use serde_json::Value;

use super::update::{Change, update};
use super::{Context, Endpoint, members};
use crate::audit::Action;
use crate::scim::error::{ScimError, excerpt};
use crate::scim::limits;
use crate::scim::membership::Members;
use crate::scim::patch::PatchRequest;
use crate::scim::precondition::Preconditions;
use crate::scim::present::Presentation;
use crate::scim::resource::{Meta, Representation, Resource};

/// What a PATCH is answered with.
#[derive(Debug)]
pub enum Modified {
    /// The resource.
    Shown(Representation),
    /// Nothing but its `meta`: a group so large that showing it would cost more than the change.
    TooLarge(Meta),
}

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
    view: &Presentation<'_>,
    body: Value,
) -> Result<Modified, ScimError> {
    let resource_type = &endpoint.resource_type;
    let patch = PatchRequest::from_json(body)?.compile(resource_type)?;
    let change = Change {
        action: Action::Modify,
        detail: (!patch.ignored.is_empty()).then(|| format!("ignored: {}", excerpt(&patch.ignored.join(", ")))),
        edits_attributes: patch.edits_attributes(),
        next: |before: &Resource| patch.apply(before),
        members: &patch.members,
    };
    let stored = update(context, endpoint, id, preconditions, view, &change)?;
    let group = stored.id;
    let mut representation = endpoint.represent(stored);
    if !view.shows_members() {
        return Ok(Modified::Shown(representation));
    }
    if view.is_selected() {
        representation.members = context.store.read(context.caller, |tenant| members::read(tenant, view, group))?;
        return Ok(Modified::Shown(representation));
    }
    let limit = i64::try_from(limits::MEMBERS_IN_PATCH_REPLY).unwrap_or(i64::MAX).saturating_add(1);
    let mut members = context.store.read(context.caller, |tenant| tenant.members_up_to(&[group], limit))?;
    if members.values().map(Members::len).sum::<usize>() > limits::MEMBERS_IN_PATCH_REPLY {
        return Ok(Modified::TooLarge(representation.meta));
    }
    members::attach(&mut representation, view, group, &mut members);
    Ok(Modified::Shown(representation))
}
