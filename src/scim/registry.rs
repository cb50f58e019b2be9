//! The resource types and schemas that a service provider serves, built once and shared.

use std::sync::Arc;

use serde_json::{Value, json};

use super::resource_type::{ResourceType, SchemaExtension};
use super::schema::{Attributes, Schema};
use super::urn;

const COMMON: &str = include_str!("schema/definitions/common.json");
const USER: &str = include_str!("schema/definitions/user.json");
const GROUP: &str = include_str!("schema/definitions/group.json");
const ENTERPRISE_USER: &str = include_str!("schema/definitions/enterprise_user.json");
const SERVICE_PROVIDER_CONFIG: &str = include_str!("schema/definitions/service_provider_config.json");
const RESOURCE_TYPE: &str = include_str!("schema/definitions/resource_type.json");
const SCHEMA: &str = include_str!("schema/definitions/schema.json");

/// What is served: resource types, and the schemas that `/Schemas` lists.
#[derive(Debug, Clone)]
pub struct Registry {
    resource_types: Vec<Arc<ResourceType>>,
    schemas: Vec<Arc<Schema>>,
}

impl Registry {
    /// The resource types of RFC 7643: `User` with its enterprise extension, and `Group`.
    ///
    /// # Errors
    /// When a definition file is not a schema; a test reads them all.
    pub fn standard() -> Result<Self, serde_json::Error> {
        Self::new(vec![user()?, group()?])
    }

    /// A registry of these resource types.
    ///
    /// # Errors
    /// When a definition file is not a schema; a test reads them all.
    pub fn new(resource_types: Vec<ResourceType>) -> Result<Self, serde_json::Error> {
        let mut schemas = Vec::new();
        for resource_type in &resource_types {
            schemas.push(Arc::clone(&resource_type.schema));
            schemas.extend(resource_type.extensions.iter().map(|extension| Arc::clone(&extension.schema)));
        }
        for definition in [SERVICE_PROVIDER_CONFIG, RESOURCE_TYPE, SCHEMA] {
            schemas.push(Arc::new(serde_json::from_str(definition)?));
        }
        Ok(Self { resource_types: resource_types.into_iter().map(Arc::new).collect(), schemas })
    }

    /// The resource type behind an endpoint's path segment (`Users`).
    #[must_use]
    pub fn by_endpoint(&self, endpoint: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.endpoint == endpoint)
    }

    /// The resource type of this name (`User`), in any case.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.name.eq_ignore_ascii_case(name))
    }

    /// All resource types.
    #[must_use]
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.resource_types
    }

    /// The schema with this URI, in any case.
    #[must_use]
    pub fn schema(&self, uri: &str) -> Option<&Schema> {
        self.schemas.iter().map(Arc::as_ref).find(|schema| urn::same(&schema.id, uri))
    }

    /// All schemas. Those of protocol messages are not among them (RFC 7644 section 3.1).
    pub fn schemas(&self) -> impl Iterator<Item = &Schema> {
        self.schemas.iter().map(Arc::as_ref)
    }
}

/// The representation of a schema at `/Schemas`, below the base URL given (RFC 7643 section 7).
#[must_use]
pub fn schema_to_json(schema: &Schema, base_url: &str) -> Value {
    json!({
        "schemas": [urn::SCHEMA],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description.as_deref().unwrap_or_default(),
        "attributes": schema.attributes,
        "meta": {"resourceType": "Schema", "location": format!("{base_url}/Schemas/{}", schema.id)},
    })
}

/// `User` with the enterprise extension.
///
/// # Errors
/// When a definition file is not a schema.
pub fn user() -> Result<ResourceType, serde_json::Error> {
    Ok(ResourceType {
        name: "User".into(),
        description: "User Account".into(),
        endpoint: "Users".into(),
        schema: Arc::new(serde_json::from_str(USER)?),
        extensions: vec![SchemaExtension { schema: Arc::new(serde_json::from_str(ENTERPRISE_USER)?), required: false }],
        common: common()?,
    })
}

/// `Group`.
///
/// # Errors
/// When a definition file is not a schema.
pub fn group() -> Result<ResourceType, serde_json::Error> {
    Ok(ResourceType {
        name: "Group".into(),
        description: "Group".into(),
        endpoint: "Groups".into(),
        schema: Arc::new(serde_json::from_str(GROUP)?),
        extensions: Vec::new(),
        common: common()?,
    })
}

fn common() -> Result<Arc<Attributes>, serde_json::Error> {
    serde_json::from_str(COMMON).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_definition_reads_and_writes_as_the_same_document() {
        for text in [USER, GROUP, ENTERPRISE_USER, SERVICE_PROVIDER_CONFIG, RESOURCE_TYPE, SCHEMA] {
            let written: Value = serde_json::from_str(text).unwrap();
            let schema: Schema = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_value(&schema).unwrap(), written);
        }
        let common: Attributes = serde_json::from_str(COMMON).unwrap();
        assert_eq!(common.iter().count(), 4);
    }
}
