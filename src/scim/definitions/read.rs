//! Definitions as files hold them: the representations of RFC 7643 sections 6 and 7, also as another server's `/Schemas` and
//! `/ResourceTypes` show them, with `schemas` and `meta`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Extension, TypeDefinition};
use crate::scim::error::excerpt;
use crate::scim::schema::check::{self, DefinitionError};
use crate::scim::schema::{Attribute, Schema};

/// Reads a schema (RFC 7643 section 7) and checks it by itself.
///
/// # Errors
/// [`DefinitionError`] when it is none, or cannot be served.
pub fn read_schema(definition: Value) -> Result<Schema, DefinitionError> {
    let written = definition.clone();
    let schema: Schema = from_object(definition, "schema").map_err(|error| at_attribute(&written, error))?;
    check::schema(&schema)?;
    Ok(schema)
}

/// Reads a resource type (RFC 7643 section 6) with its extensions. Whether they can be served is checked with all others.
///
/// # Errors
/// [`DefinitionError`] when it is none.
pub fn read_resource_type(definition: Value) -> Result<(TypeDefinition, Vec<Extension>), DefinitionError> {
    let file: ResourceTypeFile = from_object(definition, "resource type")?;
    if file.id.as_ref().is_some_and(|id| *id != file.name) {
        return Err(DefinitionError::new(format_args!("'id' must be the name, '{}'", file.name)));
    }
    let extension = |named: ExtensionFile| Extension {
        resource_type: file.name.clone(),
        schema: named.schema,
        required: named.required,
    };
    let extensions = file.schema_extensions.into_iter().map(extension).collect();
    let resource_type = TypeDefinition {
        description: file.description,
        endpoint: file.endpoint.strip_prefix('/').unwrap_or(&file.endpoint).to_owned(),
        schema: file.schema,
        name: file.name,
    };
    Ok((resource_type, extensions))
}

/// The resource types of Okta Identity Governance, as files hold them.
///
/// # Errors
/// When the embedded file is no JSON; a test reads it.
pub fn okta_resource_types() -> Result<Vec<Value>, serde_json::Error> {
    serde_json::from_str(include_str!("../schema/definitions/okta_resource_types.json"))
}

/// The error with the attribute that it is in, if it is in one: a message that names a wrong word is of little use among 200
/// attributes.
fn at_attribute(definition: &Value, error: DefinitionError) -> DefinitionError {
    let attributes = |of: &Value, member: &str| of.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
    let read = |attribute: &Value| serde_json::from_value::<Attribute>(without_null(attribute.clone())).err();
    let name = |attribute: &Value, position: usize| match attribute.get("name").and_then(Value::as_str) {
        Some(name) => format!("'{}'", excerpt(name)),
        None => format!("number {}, which has no name", position + 1),
    };
    for (position, attribute) in attributes(definition, "attributes").iter().enumerate() {
        let Some(problem) = read(attribute) else {
            continue;
        };
        let outer = name(attribute, position);
        for (position, part) in attributes(attribute, "subAttributes").iter().enumerate() {
            if let Some(problem) = read(part) {
                let inner = name(part, position);
                return DefinitionError::new(format_args!("attribute {outer}, sub-attribute {inner}: {problem}"));
            }
        }
        return DefinitionError::new(format_args!("attribute {outer}: {problem}"));
    }
    error
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceTypeFile {
    id: Option<String>,
    name: String,
    #[serde(default)]
    description: String,
    endpoint: String,
    schema: String,
    #[serde(default)]
    schema_extensions: Vec<ExtensionFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExtensionFile {
    schema: String,
    required: bool,
}

fn from_object<T: for<'de> Deserialize<'de>>(definition: Value, what: &str) -> Result<T, DefinitionError> {
    let Value::Object(mut members) = definition else {
        return Err(DefinitionError::new(format_args!("a {what} is a JSON object")));
    };
    members.remove("schemas");
    members.remove("meta");
    let members = assigned(members);
    serde_json::from_value(Value::Object(members))
        .map_err(|error| DefinitionError::new(format_args!("this is no {what}: {error}")))
}

/// Without the members that are `null`, which means unassigned (RFC 7643 section 2.5).
fn assigned(members: Map<String, Value>) -> Map<String, Value> {
    let value = |value| match value {
        Value::Array(elements) => elements.into_iter().map(without_null).collect(),
        other => without_null(other),
    };
    members.into_iter().filter(|(_, held)| !held.is_null()).map(|(name, held)| (name, value(held))).collect()
}

fn without_null(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(assigned(members)),
        other => other,
    }
}
