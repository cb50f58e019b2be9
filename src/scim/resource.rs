//! A resource in canonical form, its stored document, and its representation with `meta` (RFC 7643 section 3).

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::membership::Members;
use super::resource_type::ResourceType;
use super::schema::{Attributes, Returned};

/// A resource's attributes in canonical form: names in the schema's case, no nulls, extensions under their URI.
/// `id`, `schemas` and `meta` are not among them; `externalId` is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resource {
    /// The attributes.
    pub attributes: Map<String, Value>,
}

impl Resource {
    /// Reads a document that [`Resource::document`] has written.
    ///
    /// # Errors
    /// When the text is no such document.
    pub fn from_document(document: &str) -> Result<Self, serde_json::Error> {
        let mut attributes: Map<String, Value> = serde_json::from_str(document)?;
        attributes.remove("id");
        attributes.remove("schemas");
        Ok(Self { attributes })
    }

    /// The JSON text that is stored and returned: `schemas`, `id`, `externalId`, then the attributes in the order of the
    /// schemas. Only `meta` and what is derived from other resources is missing; see [`Representation`].
    #[must_use]
    pub fn document(&self, resource_type: &ResourceType, id: &str) -> String {
        to_text(&Document { resource: self, resource_type, id })
    }

    /// The schemas that have data, the base schema first (R7643-3-1).
    #[must_use]
    pub fn schemas<'t>(&self, resource_type: &'t ResourceType) -> Vec<&'t str> {
        let extensions = resource_type.extensions.iter().map(|extension| extension.schema.id.as_str());
        let extensions = extensions.filter(|uri| self.attributes.contains_key(*uri));
        std::iter::once(resource_type.schema.id.as_str()).chain(extensions).collect()
    }

    /// Drops the values that no reply may contain (`returned: never`). They are checked like others and then kept nowhere, neither
    /// in the database nor in the audit log; of a password, where the tenant wants it, a hash is made before.
    pub fn forget_unreadable(&mut self, resource_type: &ResourceType) {
        forget(&resource_type.schema.attributes, &mut self.attributes);
        for extension in &resource_type.extensions {
            let uri = &extension.schema.id;
            if let Some(Value::Object(object)) = self.attributes.get_mut(uri) {
                forget(&extension.schema.attributes, object);
                if object.is_empty() {
                    self.attributes.remove(uri);
                }
            }
        }
    }

    /// The text of a singular attribute, where it has one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }
}

fn forget(known: &Attributes, object: &mut Map<String, Value>) {
    for attribute in known {
        if attribute.returned == Returned::Never {
            object.remove(&attribute.name);
        } else if attribute.sub_attributes.iter().any(|part| part.returned == Returned::Never)
            && let Some(value) = object.get_mut(&attribute.name)
        {
            let nothing = |value: &Value| value.as_object().is_some_and(Map::is_empty);
            let empty = match value {
                Value::Array(elements) => {
                    elements
                        .iter_mut()
                        .filter_map(Value::as_object_mut)
                        .for_each(|held| forget(&attribute.sub_attributes, held));
                    elements.retain(|element| !nothing(element));
                    elements.is_empty()
                }
                Value::Object(held) => {
                    forget(&attribute.sub_attributes, held);
                    held.is_empty()
                }
                _ => false,
            };
            if empty {
                object.remove(&attribute.name);
            }
        }
    }
}

/// A resource with its members in the order that [`Resource::document`] says.
struct Document<'a> {
    resource: &'a Resource,
    resource_type: &'a ResourceType,
    id: &'a str,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let resource_type = self.resource_type;
        let names = resource_type
            .common_attributes()
            .iter()
            .chain(&resource_type.schema.attributes)
            .map(|attribute| attribute.name.as_str())
            .chain(resource_type.extensions.iter().map(|extension| extension.schema.id.as_str()));
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("schemas", &self.resource.schemas(resource_type))?;
        members.serialize_entry("id", self.id)?;
        for name in names {
            if let Some(value) = self.resource.attributes.get(name) {
                members.serialize_entry(name, value)?;
            }
        }
        members.end()
    }
}

fn to_text(value: &impl Serialize) -> String {
    // Values with text as keys, written to memory, always succeed.
    serde_json::to_string(value).unwrap_or_default()
}

/// What the server knows about a resource (RFC 7643 section 3.1), and as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Name of the resource type.
    pub resource_type: String,
    /// When it was created.
    #[serde(serialize_with = "show_time")]
    pub created: DateTime<Utc>,
    /// When it was last changed.
    #[serde(serialize_with = "show_time")]
    pub last_modified: DateTime<Utc>,
    /// Its URI.
    pub location: String,
    /// Number of its state, counted from 1; shown as its entity tag.
    #[serde(serialize_with = "show_version")]
    pub version: i64,
}

impl Meta {
    /// The weak entity tag of this state, as `meta.version` and the `ETag` header show it (RFC 7644 section 3.14).
    #[must_use]
    pub fn entity_tag(&self) -> String {
        entity_tag(self.version)
    }
}

// serde hands over references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn show_version<S: Serializer>(version: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&entity_tag(*version))
}

fn show_time<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&timestamp(*time))
}

/// The weak entity tag of a version.
#[must_use]
pub fn entity_tag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// An instant as `meta` shows it: milliseconds, UTC, `Z`.
#[must_use]
pub fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A stored document together with what is not stored in it: what a client sees.
#[derive(Debug, Clone)]
pub struct Representation {
    /// The text of [`Resource::document`].
    pub document: String,
    /// The `meta` that belongs to it.
    pub meta: Meta,
    /// The JSON text of `User.groups`, where there are any.
    pub groups: Option<String>,
    /// `Group.members`, where they were read.
    pub members: Option<Members>,
}

impl Representation {
    /// Appends the JSON text without the members and without the closing brace; the document is not parsed.
    pub(super) fn push_open(&self, text: &mut String) {
        text.push_str(self.document.strip_suffix('}').unwrap_or(&self.document));
        if let Some(groups) = &self.groups {
            text.push_str(",\"groups\":");
            text.push_str(groups);
        }
        text.push_str(",\"meta\":");
        text.push_str(&to_text(&self.meta));
    }

    /// The object without the members.
    ///
    /// # Errors
    /// When the stored document is not JSON.
    pub fn to_json(&self) -> Result<Map<String, Value>, serde_json::Error> {
        let mut object: Map<String, Value> = serde_json::from_str(&self.document)?;
        if let Some(groups) = &self.groups {
            object.insert("groups".into(), serde_json::from_str(groups)?);
        }
        object.insert("meta".into(), serde_json::to_value(&self.meta)?);
        Ok(object)
    }
}
