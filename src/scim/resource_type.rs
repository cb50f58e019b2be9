//! Resource types (RFC 7643 section 6): an endpoint, its base schema and its extensions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::schema::{Attribute, Attributes, Schema, Uniqueness};
use super::urn;

/// An extension of a resource type.
#[derive(Debug, Clone)]
pub struct SchemaExtension {
    /// The extension's schema.
    pub schema: Arc<Schema>,
    /// Whether every resource has it.
    pub required: bool,
}

/// A type of resource. Its `id` is its `name`.
#[derive(Debug, Clone)]
pub struct ResourceType {
    /// Name, as `meta.resourceType` gives it.
    pub name: String,
    /// Description for people.
    pub description: String,
    /// The path segment behind the base URL, without a slash: `Users`.
    pub endpoint: String,
    /// The base schema.
    pub schema: Arc<Schema>,
    /// The extensions.
    pub extensions: Vec<SchemaExtension>,
    /// What every resource has (RFC 7643 section 3.1).
    pub(super) common: Arc<Attributes>,
}

impl ResourceType {
    /// The attribute of this name among the common ones and those of the base schema.
    #[must_use]
    pub fn core_attribute(&self, name: &str) -> Option<&Attribute> {
        self.common.find(name).or_else(|| self.schema.attributes.find(name))
    }

    /// The attribute of the base schema that is unique in the tenant (`userName`).
    #[must_use]
    pub fn unique_attribute(&self) -> Option<&Attribute> {
        self.schema.attributes.iter().find(|attribute| attribute.uniqueness != Uniqueness::None)
    }

    /// The unique attribute of `User`, `userName`: no setting and no import can change that it is unique, so the store keeps its
    /// comparison form in a column alone. Of any other unique attribute the column is a copy that only enforces.
    #[must_use]
    pub fn promoted_attribute(&self) -> Option<&Attribute> {
        self.unique_attribute().filter(|_| self.schema.id == urn::USER)
    }

    /// `Group.members` (RFC 7643 section 4.2), which is kept as edges and not with the other attributes.
    #[must_use]
    pub fn members(&self) -> Option<&Attribute> {
        urn::same(&self.schema.id, urn::GROUP).then(|| self.schema.attributes.find("members")).flatten()
    }

    /// `User.groups` (RFC 7643 section 4.1.2), which follows from the members of groups.
    #[must_use]
    pub fn groups(&self) -> Option<&Attribute> {
        urn::same(&self.schema.id, urn::USER).then(|| self.schema.attributes.find("groups")).flatten()
    }

    /// The extension with this URI.
    #[must_use]
    pub fn extension(&self, uri: &str) -> Option<&SchemaExtension> {
        self.extensions.iter().find(|extension| urn::same(&extension.schema.id, uri))
    }

    /// Whether the URI names the base schema or an extension.
    #[must_use]
    pub fn knows_schema(&self, uri: &str) -> bool {
        urn::same(&self.schema.id, uri) || self.extension(uri).is_some()
    }

    /// The common attributes: `schemas`, `id`, `externalId`, `meta`.
    #[must_use]
    pub fn common_attributes(&self) -> &Attributes {
        &self.common
    }

    /// The representation at `/ResourceTypes`, below the base URL given.
    #[must_use]
    pub fn to_json(&self, base_url: &str) -> Value {
        let extensions: Vec<Value> = self
            .extensions
            .iter()
            .map(|extension| json!({"schema": extension.schema.id, "required": extension.required}))
            .collect();
        json!({
            "schemas": [urn::RESOURCE_TYPE],
            "id": self.name,
            "name": self.name,
            "description": self.description,
            "endpoint": format!("/{}", self.endpoint),
            "schema": self.schema.id,
            "schemaExtensions": extensions,
            "meta": {
                "resourceType": "ResourceType",
                "location": format!("{base_url}/ResourceTypes/{}", self.name),
            },
        })
    }
}
