//! Whether a schema that somebody wrote can be served: what RFC 7643 sections 2 and 7 ask of a definition, and what this server
//! could not keep. Each refusal is a sentence for the author.

use std::fmt::Display;

use super::{Attribute, Attributes, Mutability, Returned, Schema, Type, Uniqueness};
use crate::scim::{limits, path};

/// Why a definition is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DefinitionError(String);

impl DefinitionError {
    /// A refusal in one sentence.
    pub fn new(sentence: impl Display) -> Self {
        Self(sentence.to_string())
    }
}

/// What every resource has already (RFC 7643 section 3.1), so that a schema cannot define it.
const COMMON: [&str; 4] = ["id", "externalId", "meta", "schemas"];
/// The URIs that IANA keeps. Below [`OPEN_TO_ALL`] identity providers let customers name extensions of their own (Entra ID asks
/// for it), so those are taken.
const REGISTERED: &str = "urn:ietf:params:scim:";
const OPEN_TO_ALL: &str = "urn:ietf:params:scim:schemas:extension:";
/// What a reference may point to besides resource types (RFC 7643 section 7).
const REFERENCE_KEYWORDS: [&str; 2] = ["external", "uri"];

/// Checks a schema by itself.
///
/// # Errors
/// [`DefinitionError`] for the first thing that is wrong.
pub fn schema(schema: &Schema) -> Result<(), DefinitionError> {
    uri(&schema.id)?;
    let refuse = |problem: DefinitionError| DefinitionError::new(format_args!("schema '{}': {problem}", schema.id));
    if schema.name.trim().is_empty() {
        return Err(refuse(DefinitionError::new("'name' is empty")));
    }
    label("name", &schema.name).map_err(refuse)?;
    label("description", schema.description.as_deref().unwrap_or_default()).map_err(refuse)?;
    level("attributes", &schema.attributes).map_err(refuse)?;
    for attribute in &schema.attributes {
        top(attribute).map_err(|problem| {
            DefinitionError::new(format_args!("schema '{}': attribute '{}' {problem}", schema.id, attribute.name))
        })?;
    }
    Ok(())
}

/// Checks the URI of a schema: a URN (RFC 8141) in which paths and URLs can be read without doubt.
///
/// # Errors
/// [`DefinitionError`] when it is none, is too long, or belongs to IANA's registry.
pub fn uri(uri: &str) -> Result<(), DefinitionError> {
    let shown = crate::scim::error::excerpt(uri);
    if !is_urn(uri) {
        return Err(DefinitionError::new(format_args!(
            "'{shown}' is no URN like urn:example:scim:schemas:extension:hr:1.0:User (letters, digits, and : . _ - ~)"
        )));
    }
    if uri.len() > limits::SCHEMA_URI_BYTES {
        return Err(DefinitionError::new(format_args!("'{shown}' is longer than {} bytes", limits::SCHEMA_URI_BYTES)));
    }
    let below = |prefix: &str| uri.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if below(REGISTERED) && !below(OPEN_TO_ALL) {
        return Err(DefinitionError::new(format_args!(
            "'{shown}' is in the part of {REGISTERED} that IANA keeps; use a URN of your own, or one below {OPEN_TO_ALL}"
        )));
    }
    Ok(())
}

fn is_urn(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    let Some((namespace, name)) = rest.split_once(':') else {
        return false;
    };
    let hyphenated = |c: char| c.is_ascii_alphanumeric() || c == '-';
    scheme.eq_ignore_ascii_case("urn")
        && (2..=32).contains(&namespace.len())
        && namespace.chars().all(hyphenated)
        && !namespace.starts_with('-')
        && !namespace.ends_with('-')
        && name.split(':').all(|part| !part.is_empty())
        && name.chars().all(|c| hyphenated(c) || matches!(c, ':' | '.' | '_' | '~'))
        && name.ends_with(|last: char| last.is_ascii_alphanumeric())
}

/// Checks a text for people.
///
/// # Errors
/// [`DefinitionError`] when it is too long or moves the cursor.
pub fn label(what: &str, text: &str) -> Result<(), DefinitionError> {
    if text.len() > limits::DESCRIPTION_BYTES || text.chars().any(char::is_control) {
        return Err(DefinitionError::new(format_args!(
            "'{what}' is longer than {} bytes or has control characters",
            limits::DESCRIPTION_BYTES
        )));
    }
    Ok(())
}

/// Checks a name by the grammar of attribute names (RFC 7643 section 2.1).
///
/// # Errors
/// [`DefinitionError`] with the grammar.
pub fn name(what: &str, name: &str) -> Result<(), DefinitionError> {
    if path::is_name(name) && !name.starts_with('$') && name.len() <= limits::NAME_BYTES {
        return Ok(());
    }
    Err(DefinitionError::new(format_args!(
        "{what} '{}' is no name: a letter, then letters, digits, '-' or '_', {} bytes at most",
        crate::scim::error::excerpt(name),
        limits::NAME_BYTES
    )))
}

/// What holds for attributes side by side: names, their number, and what each is by itself.
fn level(what: &str, attributes: &Attributes) -> Result<(), DefinitionError> {
    if attributes.is_empty() || attributes.len() > limits::ATTRIBUTES_PER_LEVEL {
        return Err(DefinitionError::new(format_args!("'{what}' must list 1 to {}", limits::ATTRIBUTES_PER_LEVEL)));
    }
    let mut seen: Vec<&str> = Vec::new();
    for attribute in attributes {
        let part_of_reference = attribute.name == "$ref" && attribute.kind == Type::Reference;
        if !(part_of_reference && what == PARTS) {
            name("attribute", &attribute.name)?;
        }
        if let Some(known) = seen.iter().find(|known| known.eq_ignore_ascii_case(&attribute.name)) {
            return Err(DefinitionError::new(format_args!("attribute '{known}' is defined twice")));
        }
        seen.push(&attribute.name);
    }
    Ok(())
}

const PARTS: &str = "subAttributes";

/// An attribute of the schema itself.
fn top(attribute: &Attribute) -> Result<(), DefinitionError> {
    if COMMON.iter().any(|common| common.eq_ignore_ascii_case(&attribute.name)) {
        return Err(DefinitionError::new("is common to all resources and cannot be defined"));
    }
    // Passwords are taken out of every resource before it is stored.
    if attribute.name.eq_ignore_ascii_case("password") && attribute.returned != Returned::Never {
        return Err(DefinitionError::new("must have \"returned\": \"never\""));
    }
    single(attribute)?;
    if attribute.kind == Type::Complex {
        level(PARTS, &attribute.sub_attributes)?;
        for part in &attribute.sub_attributes {
            let inside =
                |problem| DefinitionError::new(format_args!("has the sub-attribute '{}', which {problem}", part.name));
            if part.kind == Type::Complex {
                return Err(inside(DefinitionError::new("is complex itself; complex values do not nest")));
            }
            if part.uniqueness != Uniqueness::None {
                return Err(inside(DefinitionError::new(
                    "cannot be unique; only an attribute of the schema itself can",
                )));
            }
            single(part).map_err(inside)?;
        }
    }
    Ok(())
}

/// What characteristics go together (RFC 7643 section 2.2).
fn single(attribute: &Attribute) -> Result<(), DefinitionError> {
    let Attribute { kind, mutability, returned, uniqueness, required, .. } = attribute;
    let simple_text = *kind == Type::String && !attribute.multi_valued;
    let held = *returned != Returned::Never;
    let refusals = [
        (*kind != Type::Complex && !attribute.sub_attributes.is_empty(), "has sub-attributes without being complex"),
        (*kind != Type::String && !attribute.canonical_values.is_empty(), "has canonicalValues without being a string"),
        (
            *kind != Type::Reference && !attribute.reference_types.is_empty(),
            "has referenceTypes without being a reference",
        ),
        (*kind == Type::Reference && attribute.reference_types.is_empty(), "is a reference and needs referenceTypes"),
        (*uniqueness == Uniqueness::Global, "cannot be unique everywhere; use \"uniqueness\": \"server\""),
        (*uniqueness == Uniqueness::Server && !simple_text, "can be unique only as a string with one value"),
        (*mutability == Mutability::WriteOnly && held, "is writeOnly and needs \"returned\": \"never\""),
        // What nobody may read is not kept, so nothing that compares with the value kept can hold.
        (!held && *uniqueness != Uniqueness::None, "is never returned, so it is not kept and cannot be unique"),
        (!held && *required, "is never returned, so it is not kept and cannot be required"),
        (!held && *mutability == Mutability::Immutable, "is never returned, so it is not kept and cannot be immutable"),
        (*mutability == Mutability::ReadOnly && *required, "is readOnly and required: nobody could give it a value"),
    ];
    if let Some((_, sentence)) = refusals.iter().find(|(applies, _)| *applies) {
        return Err(DefinitionError::new(sentence));
    }
    label("description", attribute.description.as_deref().unwrap_or_default())?;
    values("canonicalValues", &attribute.canonical_values)?;
    values("referenceTypes", &attribute.reference_types)?;
    for target in &attribute.reference_types {
        if !REFERENCE_KEYWORDS.contains(&target.as_str()) {
            name("has a reference type, but", target)?;
        }
    }
    Ok(())
}

fn values(what: &str, values: &[String]) -> Result<(), DefinitionError> {
    if values.len() > limits::CANONICAL_VALUES {
        return Err(DefinitionError::new(format_args!("has more than {} '{what}'", limits::CANONICAL_VALUES)));
    }
    if values.iter().any(|value| value.is_empty()) {
        return Err(DefinitionError::new(format_args!("has an empty text among '{what}'")));
    }
    values.iter().try_for_each(|value| label(what, value))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(id: &str, attributes: &Value) -> Result<(), String> {
        let schema = json!({"id": id, "name": "Badge", "attributes": attributes});
        let schema = serde_json::from_value(schema).map_err(|error| error.to_string())?;
        super::schema(&schema).map_err(|error| error.to_string())
    }

    #[test]
    fn a_uri_is_a_urn_outside_of_the_registry() {
        let attributes = json!([{"name": "code"}]);
        for good in [
            "urn:example:badge",
            "URN:Example:scim:schemas:extension:hr:1.0:User",
            "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User",
            "urn:okta:app_1:1.0:user:custom",
        ] {
            assert_eq!(checked(good, &attributes), Ok(()), "{good}");
        }
        for bad in [
            "",
            "badge",
            "urn:badge",
            "urn:x:y",
            "urn:-x:y",
            "urn:example:",
            "urn:example:a b",
            "urn:example:a::b",
            "urn:example:a/b",
            "urn:example:ä",
            "urn:example:a[1]",
            "urn:example:a.",
            "https://example.com/badge",
            "urn:ietf:params:scim:schemas:core:2.0:Badge",
            "URN:IETF:PARAMS:SCIM:api:messages:2.0:Badge",
            &format!("urn:example:{}", "x".repeat(limits::SCHEMA_URI_BYTES)),
        ] {
            assert!(checked(bad, &attributes).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_wrong_attribute_is_refused_with_its_reason() {
        let complex = |parts: Value| json!([{"name": "a", "type": "complex", "subAttributes": parts}]);
        let rows = [
            (json!([]), "'attributes' must list 1 to"),
            (json!([{"name": "1st"}]), "attribute '1st' is no name"),
            (json!([{"name": "$ref", "type": "reference", "referenceTypes": ["uri"]}]), "attribute '$ref' is no name"),
            (json!([{"name": "a.b"}]), "attribute 'a.b' is no name"),
            (json!([{"name": "a".repeat(65)}]), "is no name"),
            (json!([{"name": "code"}, {"name": "CODE"}]), "attribute 'code' is defined twice"),
            (json!([{"name": "ID"}]), "attribute 'ID' is common to all resources"),
            (json!([{"name": "externalid"}]), "is common to all resources"),
            (json!([{"name": "meta"}]), "is common to all resources"),
            (json!([{"name": "schemas"}]), "is common to all resources"),
            (json!([{"name": "Password"}]), "must have \"returned\": \"never\""),
            (json!([{"name": "a", "type": "complex"}]), "'subAttributes' must list 1 to"),
            (complex(json!([])), "'subAttributes' must list 1 to"),
            (complex(json!([{"name": "b", "type": "complex", "subAttributes": [{"name": "c"}]}])), "do not nest"),
            (complex(json!([{"name": "b"}, {"name": "B"}])), "attribute 'b' is defined twice"),
            (complex(json!([{"name": "b", "uniqueness": "server"}])), "sub-attribute 'b', which cannot be unique"),
            (complex(json!([{"name": "b", "mutability": "writeOnly"}])), "sub-attribute 'b', which is writeOnly"),
            (json!([{"name": "a", "subAttributes": [{"name": "b"}]}]), "has sub-attributes without being complex"),
            (json!([{"name": "a", "type": "integer", "canonicalValues": ["1"]}]), "without being a string"),
            (json!([{"name": "a", "canonicalValues": [""]}]), "has an empty text among 'canonicalValues'"),
            (json!([{"name": "a", "referenceTypes": ["User"]}]), "has referenceTypes without being a reference"),
            (json!([{"name": "a", "type": "reference"}]), "needs referenceTypes"),
            (json!([{"name": "a", "type": "reference", "referenceTypes": ["a b"]}]), "'a b' is no name"),
            (json!([{"name": "a", "uniqueness": "global"}]), "cannot be unique everywhere"),
            (json!([{"name": "a", "type": "integer", "uniqueness": "server"}]), "only as a string with one value"),
            (json!([{"name": "a", "multiValued": true, "uniqueness": "server"}]), "only as a string with one value"),
            (json!([{"name": "a", "mutability": "writeOnly"}]), "is writeOnly and needs \"returned\": \"never\""),
            (json!([{"name": "a", "returned": "never", "required": true}]), "cannot be required"),
            (json!([{"name": "a", "returned": "never", "uniqueness": "server"}]), "cannot be unique"),
            (json!([{"name": "a", "returned": "never", "mutability": "immutable"}]), "cannot be immutable"),
            (json!([{"name": "a", "mutability": "readOnly", "required": true}]), "nobody could give it a value"),
            (json!([{"name": "a", "description": "x\ny"}]), "'description' is longer than"),
            (json!([{"name": "a", "type": "text"}]), "unknown variant `text`"),
            (json!([{"name": "a", "canonicalValues": [1]}]), "invalid type: integer `1`"),
            (json!([{"name": "a", "multivalued": true}]), "unknown field `multivalued`"),
        ];
        for (attributes, says) in rows {
            let refused = checked("urn:example:badge", &attributes).unwrap_err();
            assert!(refused.contains(says), "{attributes}: {refused}");
        }
        let many: Vec<Value> = (0..=limits::ATTRIBUTES_PER_LEVEL).map(|n| json!({"name": format!("a{n}")})).collect();
        assert!(checked("urn:example:badge", &json!(many)).is_err());
        let reference = json!({"name": "$ref", "type": "reference", "referenceTypes": ["User", "external", "uri"]});
        assert_eq!(checked("urn:example:badge", &complex(json!([{"name": "value"}, reference]))), Ok(()));
    }
}
