//! From a resource to the row that stores it.

use chrono::{SubsecRound, Utc};
use serde_json::Value;

use super::Context;
use crate::auth::password;
use crate::id::ResourceId;
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::resource::Resource;
use crate::scim::resource_type::ResourceType;
use crate::scim::{fold, limits};
use crate::store::ResourceRow;

/// The attribute whose value is kept as a hash at most.
const PASSWORD: &str = "password";

/// Takes the password out of a resource and hashes it where the tenant keeps passwords. Where it does not, the value is
/// dropped at no cost.
pub(super) fn take_password(context: &Context<'_>, resource: &mut Resource) -> Result<Option<String>, ScimError> {
    let taken = resource.attributes.remove(PASSWORD);
    match taken {
        Some(Value::String(clear)) if context.caller.principal.stores_passwords() => {
            password::hash(&clear).map(Some).map_err(|error| {
                ScimError::new(ErrorKind::Internal, "the password could not be kept").caused_by(error.to_string())
            })
        }
        _ => Ok(None),
    }
}

/// The row of a resource without its password.
///
/// # Errors
/// `invalidValue` for a value that is longer than an index takes, 413 for a resource that is larger than one may be.
pub(super) fn row(
    resource_type: &ResourceType,
    id: ResourceId,
    resource: &Resource,
    password_hash: Option<String>,
) -> Result<ResourceRow, ScimError> {
    let mut comparable = fold::attributes(resource_type, &resource.attributes);
    let text = |name: &str, value: Option<Value>| match value {
        Some(Value::String(text)) if text.len() > limits::INDEXED_BYTES => {
            Err(ScimError::invalid_value(name, format_args!("is longer than {} bytes", limits::INDEXED_BYTES)))
        }
        Some(Value::String(text)) => Ok(Some(text)),
        _ => Ok(None),
    };
    let external_id = text("externalId", comparable.remove("externalId"))?;
    let unique_name = match (resource_type.promoted_attribute(), resource_type.unique_attribute()) {
        (Some(promoted), _) => text(&promoted.name, comparable.remove(&promoted.name))?,
        // Filters read `comparable`, so that they find the same while servers do not agree yet on what is unique.
        (None, Some(attribute)) => text(&attribute.name, comparable.get(&attribute.name).cloned())?,
        (None, None) => None,
    };
    comparable.insert("schemas".into(), resource.schemas(resource_type).into());
    let document = resource.document(resource_type, &id.to_string());
    if document.len() > limits::RESOURCE_BYTES {
        return Err(ScimError::new(
            ErrorKind::PayloadTooLarge,
            format!("the resource would be larger than {} bytes", limits::RESOURCE_BYTES),
        ));
    }
    Ok(ResourceRow {
        unique_name,
        external_id,
        document,
        comparable: Value::Object(comparable),
        password_hash,
        // What replies show has milliseconds; what filters compare must be the same instant.
        at: Utc::now().trunc_subsecs(3),
    })
}

/// Names the attribute in a uniqueness error. The error itself comes from the unique index, never from a look before.
pub(super) fn name_conflict(resource_type: &ResourceType, resource: &Resource, error: ScimError) -> ScimError {
    let unique = resource_type.unique_attribute();
    match unique.and_then(|attribute| Some((attribute, resource.text(&attribute.name)?))) {
        Some((attribute, value)) if error.kind() == ErrorKind::Uniqueness => ScimError::new(
            ErrorKind::Uniqueness,
            format!(
                "a {} with this {} already exists: {}",
                resource_type.name,
                attribute.name,
                crate::scim::error::excerpt(value)
            ),
        )
        .about(&attribute.name),
        _ => error,
    }
}
