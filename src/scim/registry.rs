//! The resource types and schemas that a service provider serves, built once and shared.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::definitions::{Definitions, Extension};
use super::resource_type::{ResourceType, SchemaExtension};
use super::schema::check::DefinitionError;
use super::schema::{Attributes, Returned, Schema, Uniqueness};
use super::urn;

const COMMON: &str = include_str!("schema/definitions/common.json");
const USER: &str = include_str!("schema/definitions/user.json");
const GROUP: &str = include_str!("schema/definitions/group.json");
const ENTERPRISE_USER: &str = include_str!("schema/definitions/enterprise_user.json");
const SERVICE_PROVIDER_CONFIG: &str = include_str!("schema/definitions/service_provider_config.json");
const RESOURCE_TYPE: &str = include_str!("schema/definitions/resource_type.json");
const SCHEMA: &str = include_str!("schema/definitions/schema.json");
const OKTA_ROLE: &str = include_str!("schema/definitions/okta_role.json");
const OKTA_ENTITLEMENT: &str = include_str!("schema/definitions/okta_entitlement.json");

/// The schemas that are part of the program, whether they are served or not. A resource type of a tenant may name them.
pub(super) const EMBEDDED: [(&str, &str); 8] = [
    (urn::USER, USER),
    (urn::GROUP, GROUP),
    (urn::ENTERPRISE_USER, ENTERPRISE_USER),
    (urn::SERVICE_PROVIDER_CONFIG, SERVICE_PROVIDER_CONFIG),
    (urn::RESOURCE_TYPE, RESOURCE_TYPE),
    (urn::SCHEMA, SCHEMA),
    (urn::OKTA_ROLE, OKTA_ROLE),
    (urn::OKTA_ENTITLEMENT, OKTA_ENTITLEMENT),
];

/// What is served: resource types, and the schemas that `/Schemas` lists.
#[derive(Debug, Clone)]
pub struct Registry {
    resource_types: Vec<Arc<ResourceType>>,
    schemas: Vec<Arc<Schema>>,
    /// What every resource has (RFC 7643 section 3.1).
    common: Arc<Attributes>,
    /// Those of discovery itself.
    discovery: Vec<Arc<Schema>>,
    never_returned: Arc<BTreeSet<String>>,
}

impl Registry {
    /// The resource types of RFC 7643: `User` with its enterprise extension, and `Group`, whose names are unique.
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
        let discovery = [SERVICE_PROVIDER_CONFIG, RESOURCE_TYPE, SCHEMA].map(serde_json::from_str);
        let discovery = discovery.into_iter().map(|schema| schema.map(Arc::new)).collect::<Result<_, _>>()?;
        Ok(Self::assemble(resource_types.into_iter().map(Arc::new).collect(), common()?, discovery))
    }

    fn assemble(resource_types: Vec<Arc<ResourceType>>, common: Arc<Attributes>, discovery: Vec<Arc<Schema>>) -> Self {
        let mut schemas: Vec<Arc<Schema>> = Vec::new();
        for resource_type in &resource_types {
            let extensions = resource_type.extensions.iter().map(|extension| &extension.schema);
            for schema in std::iter::once(&resource_type.schema).chain(extensions) {
                // Several types may have one schema.
                if schemas.iter().all(|known| known.id != schema.id) {
                    schemas.push(Arc::clone(schema));
                }
            }
        }
        schemas.extend(discovery.iter().map(Arc::clone));
        let never_returned = Arc::new(schemas.iter().flat_map(|schema| never_returned(&schema.attributes)).collect());
        Self { resource_types, schemas, common, discovery, never_returned }
    }

    /// This registry with what a tenant defines; whether the names of groups are unique is up to the tenant. Shares with this one
    /// all that stays the same. Schemas that no resource type has are not served.
    ///
    /// # Errors
    /// [`DefinitionError`] when a definition names a schema or a resource type that there is not.
    pub fn extended(&self, definitions: &Definitions, unique_group_names: bool) -> Result<Self, DefinitionError> {
        let own: Vec<Arc<Schema>> = definitions.schemas.iter().cloned().map(Arc::new).collect();
        let find = |uri: &str| {
            let known = own.iter().chain(&self.schemas).find(|schema| urn::same(&schema.id, uri)).map(Arc::clone);
            known
                .or_else(|| embedded(uri))
                .ok_or_else(|| DefinitionError::new(format_args!("there is no schema '{uri}'")))
        };
        let mut resource_types = Vec::new();
        for standard in &self.resource_types {
            let mut standard = standard.as_ref().clone();
            if !unique_group_names && urn::same(&standard.schema.id, urn::GROUP) {
                standard.schema = Arc::new(with_repeatable_names(&standard.schema));
            }
            resource_types.push(standard);
        }
        for own in &definitions.resource_types {
            resource_types.push(ResourceType {
                name: own.name.clone(),
                description: own.description.clone(),
                endpoint: own.endpoint.clone(),
                schema: find(&own.schema)?,
                extensions: Vec::new(),
                common: Arc::clone(&self.common),
            });
        }
        for extension in &definitions.extensions {
            let Extension { resource_type: name, schema, required } = extension;
            let extended = resource_types.iter_mut().find(|known| known.name.eq_ignore_ascii_case(name));
            let extended = extended
                .ok_or_else(|| DefinitionError::new(format_args!("there is no resource type '{name}' to extend")))?;
            extended.extensions.push(SchemaExtension { schema: find(schema)?, required: *required });
        }
        let resource_types = resource_types.into_iter().map(Arc::new).collect();
        Ok(Self::assemble(resource_types, Arc::clone(&self.common), self.discovery.clone()))
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

    /// The names, in lower case, of all attributes and sub-attributes that no reply may contain, and that nothing is kept of.
    #[must_use]
    pub fn never_returned(&self) -> &Arc<BTreeSet<String>> {
        &self.never_returned
    }
}

/// The names, in lower case, of those attributes and sub-attributes that no reply may contain.
fn never_returned(attributes: &Attributes) -> Vec<String> {
    let parts = attributes.iter().flat_map(|attribute| attribute.sub_attributes.iter());
    let all = attributes.iter().chain(parts).filter(|attribute| attribute.returned == Returned::Never);
    all.map(|attribute| attribute.name.to_lowercase()).collect()
}

/// The representation of a schema at `/Schemas`, below the base URL given (RFC 7643 section 7).
#[must_use]
pub fn schema_to_json(schema: &Schema, base_url: &str) -> Value {
    let mut shown = json!({
        "schemas": [urn::SCHEMA],
        "id": schema.id,
        "name": schema.name,
        "attributes": schema.attributes,
        "meta": {"resourceType": "Schema", "location": format!("{base_url}/Schemas/{}", schema.id)},
    });
    if let Some(description) = &schema.description {
        shown["description"] = description.as_str().into();
    }
    shown
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

/// `Group`. Its definition has unique names; [`Registry::extended`] may give them up.
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

fn with_repeatable_names(group: &Schema) -> Schema {
    let mut schema = group.clone();
    if let Some(name) = schema.attributes.find_mut("displayName") {
        name.uniqueness = Uniqueness::None;
    }
    schema
}

/// One of [`EMBEDDED`].
fn embedded(uri: &str) -> Option<Arc<Schema>> {
    let (_, text) = EMBEDDED.iter().find(|(known, _)| urn::same(known, uri))?;
    serde_json::from_str(text).ok().map(Arc::new)
}

fn common() -> Result<Arc<Attributes>, serde_json::Error> {
    serde_json::from_str(COMMON).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_definition_reads_and_writes_as_the_same_document() {
        for (uri, text) in EMBEDDED {
            let written: Value = serde_json::from_str(text).unwrap();
            let schema: Schema = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_value(&schema).unwrap(), written);
            assert_eq!(schema.id, uri);
        }
        let common: Attributes = serde_json::from_str(COMMON).unwrap();
        assert_eq!(common.iter().count(), 4);
    }
}
