//! PUT (RFC 7644 section 3.5.1).

use serde_json::{Map, Value};

use super::Context;
use super::update::update;
use crate::audit::Action;
use crate::scim::error::ScimError;
use crate::scim::precondition::Preconditions;
use crate::scim::resource::{Representation, Resource};
use crate::scim::resource_type::ResourceType;
use crate::scim::{json, validate};

/// Attributes that a PUT does not clear by leaving them out (R7644-3.5.1-3): a leaver must not come back because a client forgot
/// `active`, and `externalId` is the link to the directory.
const KEPT: [&str; 2] = ["active", "externalId"];

/// Replaces a resource. What the body leaves out is cleared, but for [`KEPT`], the password, and extensions of which the body
/// knows nothing.
///
/// # Errors
/// 404, 412 by `preconditions`, `invalidSyntax` or `invalidValue` for the body, `mutability` for an immutable value that differs,
/// `uniqueness` when the name is taken.
pub fn replace(
    context: &Context<'_>,
    id: &str,
    preconditions: &Preconditions,
    body: Value,
) -> Result<Representation, ScimError> {
    let resource_type = &context.endpoint.resource_type;
    let mentioned = Mentioned::read(&body);
    let replacement = validate::resource(resource_type, body)?;
    update(context, id, preconditions, Action::Replace, |before| {
        Ok(mentioned.keep(resource_type, before, &replacement))
    })
}

/// The names that occur in a body, also those that unassign.
struct Mentioned {
    names: Map<String, Value>,
    schemas: Vec<String>,
}

impl Mentioned {
    fn read(body: &Value) -> Self {
        let names = body.as_object().cloned().unwrap_or_default();
        let schemas = json::member(&names, "schemas")
            .and_then(Value::as_array)
            .map(|uris| uris.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default();
        Self { names, schemas }
    }

    fn names(&self, name: &str) -> bool {
        json::member(&self.names, name).is_some() || self.schemas.iter().any(|uri| crate::scim::urn::same(uri, name))
    }

    fn keep(&self, resource_type: &ResourceType, before: &Resource, replacement: &Resource) -> Resource {
        let mut after = replacement.clone();
        let extensions = resource_type.extensions.iter().map(|extension| extension.schema.id.as_str());
        for name in KEPT.into_iter().chain(extensions).filter(|name| !self.names(name)) {
            if let Some(value) = before.attributes.get(name) {
                after.attributes.entry(name).or_insert_with(|| value.clone());
            }
        }
        after
    }
}
