//! Which attributes a reply contains: `attributes`, `excludedAttributes` and `returned` (RFC 7644 section 3.9).

use serde_json::{Map, Value};

use super::error::{ErrorKind, ScimError};
use super::path::{self, AttributeRef, Target};
use super::resource_type::ResourceType;
use super::schema::{Attribute, Attributes, Returned, Schema};
use super::{limits, parameters, urn, written};

/// What the client asked for, as written. Unknown names are ignored when it is applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Projection {
    /// Everything that is returned by default.
    #[default]
    Default,
    /// Only these, and what is always returned.
    Only(Vec<String>),
    /// The default without these.
    Except(Vec<String>),
}

impl Projection {
    /// Reads them from URL parameters, whose names are taken in any case.
    ///
    /// # Errors
    /// As [`Projection::parse`].
    pub fn from_parameters(parameters: &[(String, String)]) -> Result<Self, ScimError> {
        let find = |name| parameters::find(parameters, name);
        Self::parse(find("attributes"), find("excludedAttributes"))
    }

    /// Reads the two parameters, each a comma-separated list. Empty ones count as absent.
    ///
    /// # Errors
    /// `invalidValue` when both are given: they exclude each other; also for too many names.
    pub fn parse(attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, ScimError> {
        let split = |list: Option<&str>| list.map(split).unwrap_or_default();
        Self::from_lists(split(attributes), split(excluded))
    }

    /// The same from the lists of a search request (RFC 7644 section 3.4.3).
    ///
    /// # Errors
    /// `invalidValue` when both have names, or one has more than [`limits::PROJECTION_NAMES`].
    pub fn from_lists(attributes: Vec<String>, excluded: Vec<String>) -> Result<Self, ScimError> {
        if attributes.len().max(excluded.len()) > limits::PROJECTION_NAMES {
            return Err(ScimError::new(
                ErrorKind::InvalidValue,
                format!("more than {} attribute names", limits::PROJECTION_NAMES),
            ));
        }
        match (attributes.is_empty(), excluded.is_empty()) {
            (true, true) => Ok(Self::Default),
            (false, true) => Ok(Self::Only(attributes)),
            (true, false) => Ok(Self::Except(excluded)),
            (false, false) => {
                Err(ScimError::new(ErrorKind::InvalidValue, "'attributes' and 'excludedAttributes' exclude each other"))
            }
        }
    }

    /// Whether a stored document can be returned as it is.
    #[must_use]
    pub fn is_default(&self, resource_type: &ResourceType) -> bool {
        // What is never returned is not stored.
        let plain = |known: &Attributes| {
            known.iter().all(|attribute| {
                let parts = attribute.sub_attributes.iter();
                std::iter::once(attribute).chain(parts).all(|known| known.returned != Returned::Request)
            })
        };
        *self == Self::Default
            && plain(&resource_type.schema.attributes)
            && resource_type.extensions.iter().all(|extension| plain(&extension.schema.attributes))
    }

    /// Applies the selection to a complete representation.
    #[must_use]
    pub fn apply(&self, resource_type: &ResourceType, resource: Map<String, Value>) -> Map<String, Value> {
        Selection::new(self, resource_type).apply(resource)
    }
}

/// Splits a list of attribute names; a value filter in brackets, which Entra's test collection sends, is dropped.
fn split(list: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut depth = 0_usize;
    for character in list.chars() {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => names.push(String::new()),
            _ if depth > 0 => {}
            other => {
                if let Some(name) = names.last_mut() {
                    name.push(other);
                }
            }
        }
    }
    names.into_iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// A projection resolved against a resource type.
#[derive(Debug)]
pub(super) struct Selection<'s> {
    resource_type: &'s ResourceType,
    only: bool,
    named: Vec<Target<'s>>,
    /// What the write that is answered names.
    written: Vec<AttributeRef<'s>>,
}

/// How a selection names an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Not,
    Whole,
    Parts,
}

impl<'s> Selection<'s> {
    pub(super) fn new(projection: &Projection, resource_type: &'s ResourceType) -> Self {
        let (only, names) = match projection {
            Projection::Default => (false, [].as_slice()),
            Projection::Only(names) => (true, names.as_slice()),
            Projection::Except(names) => (false, names.as_slice()),
        };
        let named = names.iter().flat_map(|name| Self::targets(name, resource_type)).collect();
        Self { resource_type, only, named, written: Vec::new() }
    }

    /// The selection for the reply to a write with this body.
    pub(super) fn of_write(self, body: &Value) -> Self {
        // Who names what to return gets that and no more.
        let written = if self.only { Vec::new() } else { written::attributes(self.resource_type, body) };
        Self { written, ..self }
    }

    /// Whether the write that is answered names an attribute, or a part of it.
    fn is_written(&self, extension: Option<&Schema>, attribute: &Attribute, part: Option<&Attribute>) -> bool {
        self.written.iter().any(|written| {
            written.extension == extension
                && written.attribute == attribute
                && (part.is_none() || written.sub_attribute == part)
        })
    }

    /// What a name stands for: an attribute, an extension, or with the URI of the base schema all that it defines.
    fn targets(name: &str, resource_type: &'s ResourceType) -> Vec<Target<'s>> {
        if urn::same(name, &resource_type.schema.id) {
            let whole = |attribute| AttributeRef { extension: None, attribute, sub_attribute: None };
            return resource_type.schema.attributes.iter().map(|known| Target::Attribute(whole(known))).collect();
        }
        path::resolve(name, resource_type).into_iter().collect()
    }

    fn named(&self, extension: Option<&Schema>, attribute: &Attribute, part: Option<&Attribute>) -> Named {
        let mut result = Named::Not;
        for target in &self.named {
            match target {
                Target::Extension(schema) if extension == Some(*schema) => return Named::Whole,
                Target::Attribute(AttributeRef { extension: holder, attribute: known, sub_attribute })
                    if *holder == extension && *known == attribute =>
                {
                    match sub_attribute {
                        None => return Named::Whole,
                        Some(named) if part == Some(*named) => return Named::Whole,
                        Some(_) => result = Named::Parts,
                    }
                }
                _ => {}
            }
        }
        result
    }

    fn shows(&self, returned: Returned, named: Named, written: impl FnOnce() -> bool) -> bool {
        match returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Default if self.only => named != Named::Not,
            Returned::Default => named != Named::Whole,
            Returned::Request if self.only => named != Named::Not,
            Returned::Request => named != Named::Whole && written(),
        }
    }

    /// The attributes of a complete representation that are shown.
    pub(super) fn apply(&self, resource: Map<String, Value>) -> Map<String, Value> {
        let resource_type = self.resource_type;
        let mut shown = Map::new();
        for (name, value) in resource {
            if let Some(attribute) = resource_type.core_attribute(&name) {
                if let Some(value) = self.show(None, attribute, value) {
                    shown.insert(name, value);
                }
            } else if let (Some(extension), Value::Object(object)) = (resource_type.extension(&name), value) {
                let schema = extension.schema.as_ref();
                let object: Map<String, Value> = object
                    .into_iter()
                    .filter_map(|(name, value)| {
                        let attribute = schema.attributes.find(&name)?;
                        Some((name, self.show(Some(schema), attribute, value)?))
                    })
                    .collect();
                if !object.is_empty() {
                    shown.insert(name, Value::Object(object));
                }
            }
        }
        shown
    }

    /// What is shown of an attribute's value.
    pub(super) fn show(&self, extension: Option<&Schema>, attribute: &Attribute, value: Value) -> Option<Value> {
        let named = self.named(extension, attribute, None);
        if !self.shows(attribute.returned, named, || self.is_written(extension, attribute, None)) {
            return None;
        }
        let plain = |part: &Attribute| matches!(part.returned, Returned::Default | Returned::Always);
        if named == Named::Parts || !attribute.sub_attributes.iter().all(plain) {
            return self.parts(extension, attribute, value);
        }
        Some(value)
    }

    fn parts(&self, extension: Option<&Schema>, attribute: &Attribute, value: Value) -> Option<Value> {
        match value {
            Value::Array(elements) => {
                let elements: Vec<Value> =
                    elements.into_iter().filter_map(|element| self.parts(extension, attribute, element)).collect();
                (!elements.is_empty()).then_some(Value::Array(elements))
            }
            Value::Object(object) => {
                let object: Map<String, Value> = object
                    .into_iter()
                    .filter(|(name, _)| {
                        attribute.sub_attribute(name).is_some_and(|part| {
                            let named = match self.named(extension, attribute, Some(part)) {
                                Named::Whole => Named::Whole,
                                _ => Named::Not,
                            };
                            self.shows(part.returned, named, || self.is_written(extension, attribute, Some(part)))
                        })
                    })
                    .collect();
                (!object.is_empty()).then_some(Value::Object(object))
            }
            other => Some(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::registry;

    fn show(attributes: Option<&str>, excluded: Option<&str>) -> Value {
        let user = registry::user().unwrap();
        let resource = json!({
            "schemas": ["s"], "id": "1", "userName": "a", "name": {"givenName": "g", "familyName": "f"},
            "emails": [{"value": "a@x", "type": "work"}], "password": "secret", "meta": {"version": "1"},
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "d", "division": "v"}
        });
        let Value::Object(resource) = resource else { unreachable!() };
        Value::Object(Projection::parse(attributes, excluded).unwrap().apply(&user, resource))
    }

    #[test]
    fn a_selection_shows_what_it_names_and_what_is_always_returned() {
        assert_eq!(
            show(Some("USERNAME, name.givenName,unknown"), None),
            json!({"schemas": ["s"], "id": "1", "userName": "a", "name": {"givenName": "g"}})
        );
        assert_eq!(
            show(Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"), None),
            json!({"schemas": ["s"], "id": "1",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "d"}})
        );
    }

    #[test]
    fn password_is_never_shown_and_id_never_hidden() {
        assert_eq!(show(Some("password"), None), json!({"schemas": ["s"], "id": "1"}));
        let shown = show(None, Some("id,schemas,emails.value,meta"));
        assert_eq!(shown["id"], "1");
        assert_eq!(shown["schemas"], json!(["s"]));
        assert_eq!(shown["emails"], json!([{"type": "work"}]));
        assert_eq!(shown.get("meta"), None);
        assert_eq!(shown.get("password"), None);
    }

    #[test]
    fn a_value_filter_in_the_list_counts_as_the_attribute() {
        assert_eq!(show(Some("emails[type eq \"work\"],id"), None)["emails"][0]["value"], "a@x");
    }

    #[test]
    fn the_uri_of_the_base_schema_stands_for_all_that_it_defines() {
        let shown = show(Some("urn:ietf:params:scim:schemas:core:2.0:USER"), None);
        assert_eq!(shown["userName"], "a");
        assert_eq!(shown.get("meta"), None);
        assert_eq!(shown.get("password"), None);
        assert_eq!(shown.get("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"), None);
    }

    #[test]
    fn both_parameters_exclude_each_other() {
        assert!(Projection::parse(Some("a"), Some("b")).is_err());
        assert!(Projection::parse(Some(""), Some("b")).is_ok());
    }
}
