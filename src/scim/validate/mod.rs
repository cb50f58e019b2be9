//! A request body against the schemas of its resource type (RFC 7643 sections 2 and 3, RFC 7644 sections 3.3 and 3.5.1).
//!
//! | characteristic | Create | Replace |
//! | --- | --- | --- |
//! | readOnly | dropped | dropped |
//! | immutable | accepted | must equal the stored value, where there is one |
//! | writeOnly | accepted | accepted |
//! | required | must be present | must be present |

mod value;

pub use value::{check_list, element, identity, is_primary, is_writable, missing, once_each, value};

use serde_json::{Map, Value};

use super::error::ScimError;
use super::leniency;
use super::resource::Resource;
use super::resource_type::ResourceType;
use super::schema::{Attribute, Attributes, Mutability};

/// Reads the body of a POST or PUT into a resource in canonical form. Unknown attributes and schema URIs are ignored,
/// readOnly ones dropped, extension content is taken whether or not `schemas` lists it (R7643-3-2).
///
/// # Errors
/// `invalidSyntax` when the body is no object, `invalidValue` when a value does not fit or a required one is missing.
pub fn resource(resource_type: &ResourceType, body: Value) -> Result<Resource, ScimError> {
    let Value::Object(body) = body else {
        return Err(ScimError::invalid_syntax("the body must be a JSON object"));
    };
    let mut attributes = Map::new();
    for (name, input) in body {
        let name = leniency::schema_uri_misspelt(&name);
        if let Some(extension) = resource_type.extension(&name) {
            if let Value::Object(input) = input {
                let object = object(&extension.schema.attributes, input)?;
                if !object.is_empty() {
                    attributes.insert(extension.schema.id.clone(), Value::Object(object));
                }
            } else if !input.is_null() {
                return Err(ScimError::invalid_value(&name, "must be an object"));
            }
        } else if let Some(attribute) = resource_type.core_attribute(&name) {
            insert(&mut attributes, attribute, input)?;
        }
    }
    let resource = Resource { attributes };
    required(resource_type, &resource)?;
    Ok(resource)
}

fn object(known: &Attributes, input: Map<String, Value>) -> Result<Map<String, Value>, ScimError> {
    let mut object = Map::new();
    for (name, input) in input {
        if let Some(attribute) = known.find(&name) {
            insert(&mut object, attribute, input)?;
        }
    }
    Ok(object)
}

fn insert(object: &mut Map<String, Value>, attribute: &Attribute, input: Value) -> Result<(), ScimError> {
    // `schemas` follows from the content (R7643-3-1).
    if is_writable(attribute)
        && attribute.name != "schemas"
        && let Some(value) = value(attribute, input)?
    {
        object.insert(attribute.name.clone(), value);
    }
    Ok(())
}

/// Checks that every required attribute has a value.
///
/// # Errors
/// `invalidValue` naming the one that has none.
pub fn required(resource_type: &ResourceType, resource: &Resource) -> Result<(), ScimError> {
    for attribute in &resource_type.schema.attributes {
        if attribute.required && is_writable(attribute) && !resource.attributes.contains_key(&attribute.name) {
            return Err(missing(attribute));
        }
    }
    for extension in &resource_type.extensions {
        let held = resource.attributes.get(&extension.schema.id).and_then(Value::as_object);
        for attribute in &extension.schema.attributes {
            let absent = held.is_none_or(|object| !object.contains_key(&attribute.name));
            if absent && attribute.required && (extension.required || held.is_some()) {
                return Err(missing(attribute));
            }
        }
    }
    Ok(())
}

/// Checks that no immutable attribute changes once it has a value (R7643-2.2, R7644-3.5.1-5).
///
/// # Errors
/// `mutability` naming the attribute.
pub fn immutables(resource_type: &ResourceType, before: &Resource, after: &Resource) -> Result<(), ScimError> {
    let unchanged = |known: &Attributes, before: Option<&Map<String, Value>>, after: Option<&Map<String, Value>>| {
        for attribute in known.iter().filter(|known| known.mutability == Mutability::Immutable) {
            let old = before.and_then(|object| object.get(&attribute.name));
            if old.is_some() && old != after.and_then(|object| object.get(&attribute.name)) {
                return Err(ScimError::mutability(&attribute.name, "is immutable and already has a value"));
            }
        }
        Ok(())
    };
    unchanged(&resource_type.schema.attributes, Some(&before.attributes), Some(&after.attributes))?;
    for extension in &resource_type.extensions {
        let held =
            |resource: &'_ Resource| resource.attributes.get(&extension.schema.id).and_then(Value::as_object).cloned();
        unchanged(&extension.schema.attributes, held(before).as_ref(), held(after).as_ref())?;
    }
    Ok(())
}
