//! What a tenant is served beside the standard resource types, as its operator wrote it: schemas in the form of RFC 7643 section 7,
//! resource types in that of section 6. `Registry::extended` makes of it what requests read.

mod change;
mod check;
mod read;

pub use change::{Breaking, breaking, unique_attributes};
pub use read::{okta_resource_types, read_resource_type, read_schema};

use serde::{Deserialize, Serialize};

use super::registry::Registry;
use super::schema::Schema;
use super::schema::check::DefinitionError;
use super::urn;

/// All that a tenant has defined.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definitions {
    /// Schemas, whether a resource type has them or not.
    pub schemas: Vec<Schema>,
    /// Resource types beside `User` and `Group`.
    pub resource_types: Vec<TypeDefinition>,
    /// Which extensions resource types have, `User` and `Group` among them, beside those of the standard.
    pub extensions: Vec<Extension>,
}

/// A resource type of a tenant, but for its extensions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeDefinition {
    /// Name, which is also the id.
    pub name: String,
    /// Description for people.
    pub description: String,
    /// The path segment behind the base URL, without a slash.
    pub endpoint: String,
    /// URI of the base schema.
    pub schema: String,
}

/// An extension of a resource type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Extension {
    /// Name of the resource type.
    pub resource_type: String,
    /// URI of the extension's schema.
    pub schema: String,
    /// Whether every resource has it.
    pub required: bool,
}

impl Definitions {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The schema with this URI, in any case.
    #[must_use]
    pub fn schema(&self, uri: &str) -> Option<&Schema> {
        self.schemas.iter().find(|schema| urn::same(&schema.id, uri))
    }

    /// The resource type of this name, in any case.
    #[must_use]
    pub fn resource_type(&self, name: &str) -> Option<&TypeDefinition> {
        self.resource_types.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }

    /// The extensions of a resource type.
    pub fn extensions_of<'d>(&'d self, resource_type: &str) -> impl Iterator<Item = &'d Extension> {
        self.extensions.iter().filter(move |extension| extension.resource_type.eq_ignore_ascii_case(resource_type))
    }

    /// Puts a schema in place of the one with its URI, or beside the others.
    pub fn put_schema(&mut self, schema: Schema) {
        match self.schemas.iter_mut().find(|known| known.id == schema.id) {
            Some(known) => *known = schema,
            None => self.schemas.push(schema),
        }
    }

    /// Makes a schema an extension of a resource type, or says anew whether it is required.
    pub fn put_extension(&mut self, extension: Extension) {
        let same = |known: &&mut Extension| {
            known.resource_type == extension.resource_type && urn::same(&known.schema, &extension.schema)
        };
        match self.extensions.iter_mut().find(same) {
            Some(known) => *known = extension,
            None => self.extensions.push(extension),
        }
    }

    /// Puts a resource type with its extensions in place of the one of its name, or beside the others.
    pub fn put_resource_type(&mut self, resource_type: TypeDefinition, extensions: Vec<Extension>) {
        self.extensions.retain(|extension| extension.resource_type != resource_type.name);
        self.extensions.extend(extensions);
        match self.resource_types.iter_mut().find(|known| known.name == resource_type.name) {
            Some(known) => *known = resource_type,
            None => self.resource_types.push(resource_type),
        }
    }

    /// Takes a schema away, also as an extension.
    ///
    /// # Errors
    /// [`DefinitionError`] when there is none, or a resource type is based on it.
    pub fn remove_schema(&mut self, uri: &str) -> Result<Schema, DefinitionError> {
        let position = self.schemas.iter().position(|schema| urn::same(&schema.id, uri)).ok_or_else(|| {
            DefinitionError::new(format_args!("no schema '{uri}' in this tenant; 'provisor schema list' shows them"))
        })?;
        if let Some(based) = self.resource_types.iter().find(|known| urn::same(&known.schema, uri)) {
            return Err(DefinitionError::new(format_args!(
                "the resource type '{}' is based on schema '{uri}'; remove the resource type first",
                based.name
            )));
        }
        self.extensions.retain(|extension| !urn::same(&extension.schema, uri));
        Ok(self.schemas.remove(position))
    }

    /// Takes a resource type away.
    ///
    /// # Errors
    /// [`DefinitionError`] when there is none.
    pub fn remove_resource_type(&mut self, name: &str) -> Result<TypeDefinition, DefinitionError> {
        let position =
            self.resource_types.iter().position(|known| known.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
                DefinitionError::new(format_args!(
                    "no resource type '{name}' in this tenant; 'provisor resource-type list' shows them"
                ))
            })?;
        self.extensions.retain(|extension| !extension.resource_type.eq_ignore_ascii_case(name));
        Ok(self.resource_types.remove(position))
    }

    /// Checks the definitions together and against what is served anyway, and makes the registry of them.
    ///
    /// # Errors
    /// [`DefinitionError`] for the first thing that is wrong.
    pub fn registry(&self, standard: &Registry, unique_group_names: bool) -> Result<Registry, DefinitionError> {
        check::names(self, standard)?;
        let registry = standard.extended(self, unique_group_names)?;
        check::resource_types(self, &registry)?;
        Ok(registry)
    }
}

#[cfg(test)]
mod tests;
