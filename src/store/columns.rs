//! Which attributes have a column of their own in `resources`; all others are read from `comparable`.

use crate::scim::path::AttributeRef;
use crate::scim::resource_type::ResourceType;

/// Where the value of an attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// `id`.
    Id,
    /// A column of text in comparison form, with an index.
    Text(&'static str),
    /// `version`, which is shown as an entity tag.
    Version,
    /// The name of the type, the same for all resources of a list.
    ResourceType,
    /// The URI, which ends with the id.
    Location,
    /// A column of instants.
    Time(&'static str),
}

/// A version as its entity tag.
pub(super) const ENTITY_TAG: &str = "('W/\"' || version || '\"')";

impl Column {
    /// The column of an attribute that has one.
    pub(super) fn of(attribute: AttributeRef<'_>, resource_type: &ResourceType) -> Option<Self> {
        if attribute.extension.is_some() {
            return None;
        }
        if resource_type.promoted_attribute().is_some_and(|unique| unique == attribute.attribute) {
            return Some(Self::Text("unique_name"));
        }
        match (attribute.attribute.name.as_str(), attribute.sub_attribute.map(|part| part.name.as_str())) {
            ("id", None) => Some(Self::Id),
            ("externalId", None) => Some(Self::Text("external_id")),
            ("meta", None | Some("resourceType")) => Some(Self::ResourceType),
            ("meta", Some("version")) => Some(Self::Version),
            ("meta", Some("location")) => Some(Self::Location),
            ("meta", Some("created")) => Some(Self::Time("created_at")),
            ("meta", Some("lastModified")) => Some(Self::Time("last_modified_at")),
            _ => None,
        }
    }
}
