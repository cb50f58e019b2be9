//! Schemas and attributes (RFC 7643 sections 2 and 7). A schema is a JSON file under `definitions/`, in the RFC's own
//! form; `/Schemas` answers the same document, and everything that depends on an attribute reads it from here.

mod characteristics;
pub mod check;
mod serialize;

use serde::{Deserialize, Serialize};

pub use characteristics::{Mutability, Returned, Type, Uniqueness};

/// The identifier of a resource (RFC 7643 section 3.1).
pub const ID: &str = "id";
/// What the server knows about a resource (RFC 7643 section 3.1).
pub const META: &str = "meta";
/// When a resource was created, within [`META`].
pub const CREATED: &str = "created";
/// The simple value of a complex multi-valued attribute (RFC 7643 section 2.4).
pub const VALUE: &str = "value";
/// Marks the preferred element (RFC 7643 section 2.4).
pub const PRIMARY: &str = "primary";
/// The label that tells elements apart (RFC 7643 section 2.4).
pub const TYPE: &str = "type";
/// The name for people of an element (RFC 7643 section 2.4).
pub const DISPLAY: &str = "display";
/// The URI of what an element refers to (RFC 7643 section 2.4).
pub const REF: &str = "$ref";

/// A schema definition (RFC 7643 section 7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schema {
    /// The URI that names the schema.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Description for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The attributes it defines.
    pub attributes: Attributes,
}

/// An attribute and its characteristics (RFC 7643 sections 2.2 and 7). What a definition leaves out has the default of
/// section 2.2.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    /// The name, in the case that replies use.
    pub name: String,
    /// Data type of a value.
    #[serde(rename = "type", default)]
    pub kind: Type,
    /// Whether the attribute is an array of such values.
    #[serde(default)]
    pub multi_valued: bool,
    /// Description for people.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether every resource has a value.
    #[serde(default)]
    pub required: bool,
    /// Suggested values, never validated (decision: they are suggestions).
    #[serde(default)]
    pub canonical_values: Vec<String>,
    /// Whether string comparison regards case.
    #[serde(default)]
    pub case_exact: bool,
    /// Who may write it, and when.
    #[serde(default)]
    pub mutability: Mutability,
    /// When replies contain it.
    #[serde(default)]
    pub returned: Returned,
    /// Over which set a value is unique.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// What a `reference` may point to.
    #[serde(default)]
    pub reference_types: Vec<String>,
    /// The parts of a `complex` value.
    #[serde(default)]
    pub sub_attributes: Attributes,
}

impl Attribute {
    /// The sub-attribute of this name, in any case.
    #[must_use]
    pub fn sub_attribute(&self, name: &str) -> Option<&Attribute> {
        self.sub_attributes.find(name)
    }

    /// Whether values are objects with sub-attributes.
    #[must_use]
    pub fn is_complex(&self) -> bool {
        self.kind == Type::Complex
    }
}

/// An ordered list of attributes in which names are found without regard to case (RFC 7643 section 2.1).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(Vec<Attribute>);

impl Attributes {
    /// The attribute of this name, in any case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Attribute> {
        self.0.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// As [`Attributes::find`], to be changed.
    pub(super) fn find_mut(&mut self, name: &str) -> Option<&mut Attribute> {
        self.0.iter_mut().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The attributes, in the order of the definition.
    pub fn iter(&self) -> std::slice::Iter<'_, Attribute> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = &'a Attribute;
    type IntoIter = std::slice::Iter<'a, Attribute>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
