//! Definitions side by side: what must not collide, and what a resource type can be made of.

use super::Definitions;
use crate::scim::registry::{self, Registry};
use crate::scim::schema::check::{self, DefinitionError};
use crate::scim::schema::{Schema, Uniqueness};
use crate::scim::{limits, urn};

/// Path segments that RFC 7644 gives another meaning (section 3.2).
const RESERVED_ENDPOINTS: [&str; 6] =
    ["Me", "Bulk", "Schemas", "ResourceTypes", "ServiceProviderConfig", "ServiceProviderConfigs"];
/// Names that `meta.resourceType` has for the server's own resources.
const RESERVED_NAMES: [&str; 3] = ["Schema", "ResourceType", "ServiceProviderConfig"];

/// Checks URIs, names and endpoints, and how many there are.
pub(super) fn names(definitions: &Definitions, standard: &Registry) -> Result<(), DefinitionError> {
    at_most(definitions.schemas.len(), limits::SCHEMAS_PER_TENANT, "schemas in a tenant")?;
    at_most(definitions.resource_types.len(), limits::RESOURCE_TYPES_PER_TENANT, "resource types in a tenant")?;
    let mut uris: Vec<&str> = registry::EMBEDDED.iter().map(|(uri, _)| *uri).collect();
    for schema in &definitions.schemas {
        if let Some(other) = uris.iter().find(|other| overlap(other, &schema.id)) {
            return Err(DefinitionError::new(format_args!(
                "schema '{}' cannot be told apart from '{other}', which there is already",
                schema.id
            )));
        }
        uris.push(&schema.id);
    }
    let mut taken: Vec<(&str, &str)> =
        standard.resource_types().iter().map(|known| (known.name.as_str(), known.endpoint.as_str())).collect();
    for own in &definitions.resource_types {
        check::name("the resource type's name", &own.name)?;
        let refuse =
            |problem: String| Err(DefinitionError::new(format_args!("resource type '{}': {problem}", own.name)));
        check::name("the endpoint", &own.endpoint).or_else(|problem| refuse(problem.to_string()))?;
        check::label("description", &own.description).or_else(|problem| refuse(problem.to_string()))?;
        let reserved = |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if reserved(&RESERVED_NAMES, &own.name) || taken.iter().any(|(known, _)| known.eq_ignore_ascii_case(&own.name))
        {
            return refuse("there is a resource type of this name already".into());
        }
        if reserved(&RESERVED_ENDPOINTS, &own.endpoint)
            || taken.iter().any(|(_, known)| known.eq_ignore_ascii_case(&own.endpoint))
        {
            return refuse(format!("the endpoint '/{}' is taken", own.endpoint));
        }
        taken.push((&own.name, &own.endpoint));
    }
    Ok(())
}

/// Whether one URI is the other, or a path that starts with one could start with the other.
fn overlap(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let (start, rest) = long.split_at(short.len());
    urn::same(start, short) && (rest.is_empty() || rest.starts_with([':', '.']))
}

/// Checks what the resource types are made of: the base, which has the unique attribute, and the extensions, which have none.
pub(super) fn resource_types(definitions: &Definitions, registry: &Registry) -> Result<(), DefinitionError> {
    for resource_type in registry.resource_types() {
        let refuse = |problem: String| {
            Err(DefinitionError::new(format_args!("resource type '{}': {problem}", resource_type.name)))
        };
        let own = definitions.resource_type(&resource_type.name).is_some();
        let base = resource_type.schema.as_ref();
        if own && belongs_to_the_standard(&base.id) {
            return refuse(format!("schema '{}' belongs to its own resource type", base.id));
        }
        let unique = unique_names(base);
        if unique.len() > 1 {
            return refuse(format!(
                "schema '{}' has several unique attributes, {}; one can be",
                base.id,
                unique.join(", ")
            ));
        }
        let extensions = &resource_type.extensions;
        at_most(extensions.len(), limits::EXTENSIONS_PER_TYPE, "extensions of a resource type")?;
        for (position, extension) in extensions.iter().enumerate() {
            let schema = extension.schema.as_ref();
            let repeated = extensions[..position].iter().any(|other| other.schema.id == schema.id);
            if repeated || schema.id == base.id {
                return refuse(format!("schema '{}' is named twice", schema.id));
            }
            if belongs_to_the_standard(&schema.id) {
                return refuse(format!("schema '{}' belongs to its own resource type", schema.id));
            }
            if let Some(unique) = unique_names(schema).first() {
                return refuse(format!(
                    "attribute '{unique}' of extension '{}' is unique; only an attribute of the base schema can be",
                    schema.id
                ));
            }
        }
    }
    Ok(())
}

/// Whether a schema is part of the standard resource types and discovery, and so cannot be part of another type. The enterprise
/// extension can.
fn belongs_to_the_standard(uri: &str) -> bool {
    [urn::USER, urn::GROUP, urn::SERVICE_PROVIDER_CONFIG, urn::RESOURCE_TYPE, urn::SCHEMA].contains(&uri)
}

fn unique_names(schema: &Schema) -> Vec<&str> {
    let unique = schema.attributes.iter().filter(|attribute| attribute.uniqueness != Uniqueness::None);
    unique.map(|attribute| attribute.name.as_str()).collect()
}

fn at_most(number: usize, limit: usize, what: &str) -> Result<(), DefinitionError> {
    if number <= limit {
        return Ok(());
    }
    Err(DefinitionError::new(format_args!("more than {limit} {what}")))
}
