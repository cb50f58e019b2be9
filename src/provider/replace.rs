//! PUT (RFC 7644 section 3.5.1).

use serde_json::{Map, Value};

use super::update::{Change, update};
use super::{Context, Endpoint, members};
use crate::audit::Action;
use crate::scim::error::ScimError;
use crate::scim::membership::MembersChange;
use crate::scim::precondition::Preconditions;
use crate::scim::present::Presentation;
use crate::scim::resource::{Representation, Resource};
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attributes, Mutability};
use crate::scim::{json, leniency, membership, validate};

/// Attributes that a PUT does not clear by leaving them out (R7644-3.5.1-3): a leaver must not come back because a client forgot
/// `active`, and `externalId` is the link to the directory.
const KEPT: [&str; 2] = ["active", "externalId"];

/// Replaces a resource. What the body leaves out is cleared, but for `active`, `externalId`, the password, and extensions of
/// which the body knows nothing, immutable values, and members that the body does not mention.
///
/// # Errors
/// 404, 412 by `preconditions`, `invalidSyntax` or `invalidValue` for the body, `mutability` for an immutable value that differs,
/// `uniqueness` when the name is taken.
pub fn replace(
    context: &Context<'_>,
    endpoint: &Endpoint,
    id: &str,
    preconditions: &Preconditions,
    view: &Presentation<'_>,
    mut body: Value,
) -> Result<Representation, ScimError> {
    let resource_type = &endpoint.resource_type;
    let mentioned = Mentioned::read(&body);
    let members = membership::take(resource_type, &mut body)?.map(MembersChange::to).unwrap_or_default();
    let replacement = validate::resource(resource_type, body)?;
    let change = Change {
        action: Action::Replace,
        detail: None,
        edits_attributes: true,
        next: |before: &Resource| Ok(mentioned.keep(resource_type, before, &replacement)),
        members: &members,
    };
    let stored = update(context, endpoint, id, preconditions, view, &change)?;
    let group = stored.id;
    let mut representation = endpoint.represent(stored);
    if view.shows_members() {
        representation.members = context.store.read(context.caller, |tenant| members::read(tenant, view, group))?;
    }
    Ok(representation)
}

/// The names that occur in a body, also those that unassign, and the schemas that it lists.
struct Mentioned(Vec<String>);

impl Mentioned {
    fn read(body: &Value) -> Self {
        let members = body.as_object();
        let listed = members.and_then(|members| json::member(members, "schemas")).and_then(Value::as_array);
        // `"active": null` or `""` says nothing of whether the person may come in, so it must not change that either.
        let empty = |value: &Value| value.is_null() || value.as_str() == Some("");
        let says = |(name, value): &(&String, &Value)| !empty(value) || !name.eq_ignore_ascii_case("active");
        let names = members.into_iter().flatten().filter(says).map(|(name, _)| name.as_str());
        let names = names.chain(listed.into_iter().flatten().filter_map(Value::as_str));
        Self(names.map(|name| leniency::schema_uri_misspelt(name).into_owned()).collect())
    }

    fn names(&self, name: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn keep(&self, resource_type: &ResourceType, before: &Resource, replacement: &Resource) -> Resource {
        let mut after = replacement.clone();
        let extensions = resource_type.extensions.iter().map(|extension| extension.schema.id.as_str());
        for name in KEPT.into_iter().chain(extensions).filter(|name| !self.names(name)) {
            if let Some(value) = before.attributes.get(name) {
                after.attributes.entry(name).or_insert_with(|| value.clone());
            }
        }
        keep_immutable(&resource_type.schema.attributes, &before.attributes, &mut after.attributes);
        for extension in &resource_type.extensions {
            let uri = extension.schema.id.as_str();
            if let Some(Value::Object(before)) = before.attributes.get(uri) {
                let mut object = match after.attributes.remove(uri) {
                    Some(Value::Object(object)) => object,
                    _ => Map::new(),
                };
                keep_immutable(&extension.schema.attributes, before, &mut object);
                if !object.is_empty() {
                    after.attributes.insert(uri.into(), Value::Object(object));
                }
            }
        }
        after
    }
}

/// An immutable value that the body leaves out stays: only one that is sent must match (RFC 7644 section 3.5.1).
fn keep_immutable(known: &Attributes, before: &Map<String, Value>, after: &mut Map<String, Value>) {
    for attribute in known.iter().filter(|attribute| attribute.mutability == Mutability::Immutable) {
        if let Some(value) = before.get(&attribute.name) {
            after.entry(&attribute.name).or_insert_with(|| value.clone());
        }
    }
}
