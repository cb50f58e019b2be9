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

/// Checks that every required attribute has a value, and every value its required parts; also that a required extension is there
/// (RFC 7643 section 6).
///
/// # Errors
/// `invalidValue` naming the one that has none.
pub fn required(resource_type: &ResourceType, resource: &Resource) -> Result<(), ScimError> {
    for attribute in &resource_type.schema.attributes {
        required_value(attribute, resource.attributes.get(&attribute.name))?;
    }
    for extension in &resource_type.extensions {
        let held = resource.attributes.get(&extension.schema.id).and_then(Value::as_object);
        if held.is_none() && extension.required {
            return Err(ScimError::invalid_value(&extension.schema.id, "is required"));
        }
        for attribute in held.into_iter().flat_map(|_| &extension.schema.attributes) {
            required_value(attribute, held.and_then(|object| object.get(&attribute.name)))?;
        }
    }
    Ok(())
}

fn required_value(attribute: &Attribute, held: Option<&Value>) -> Result<(), ScimError> {
    let Some(held) = held else {
        return if attribute.required && is_writable(attribute) { Err(missing(attribute)) } else { Ok(()) };
    };
    let elements = match held {
        Value::Array(elements) => elements.as_slice(),
        single => std::slice::from_ref(single),
    };
    for part in attribute.sub_attributes.iter().filter(|part| part.required && is_writable(part)) {
        if elements.iter().any(|element| element.get(&part.name).is_none()) {
            return Err(ScimError::invalid_value(&format!("{}.{}", attribute.name, part.name), "is required"));
        }
    }
    Ok(())
}

/// Checks that no immutable attribute changes once it has a value, nor an immutable part of a complex one (R7643-2.2,
/// R7644-3.5.1-5). Elements of a list come and go whole.
///
/// # Errors
/// `mutability` naming the attribute.
pub fn immutables(resource_type: &ResourceType, before: &Resource, after: &Resource) -> Result<(), ScimError> {
    unchanged(&resource_type.schema.attributes, Some(&before.attributes), Some(&after.attributes), "")?;
    for extension in &resource_type.extensions {
        let [before, after] =
            [before, after].map(|resource| resource.attributes.get(&extension.schema.id).and_then(Value::as_object));
        unchanged(&extension.schema.attributes, before, after, "")?;
    }
    Ok(())
}

fn unchanged(
    known: &Attributes,
    before: Option<&Map<String, Value>>,
    after: Option<&Map<String, Value>>,
    inside: &str,
) -> Result<(), ScimError> {
    for attribute in known {
        let [old, new] = [before, after].map(|object| object.and_then(|object| object.get(&attribute.name)));
        if attribute.mutability == Mutability::Immutable && old.is_some() && old != new {
            return Err(ScimError::mutability(
                &format!("{inside}{}", attribute.name),
                "is immutable and already has a value",
            ));
        }
        if let (Some(Value::Object(old)), Some(Value::Object(new))) = (old, new) {
            unchanged(&attribute.sub_attributes, Some(old), Some(new), &format!("{}.", attribute.name))?;
        }
    }
    Ok(())
}
