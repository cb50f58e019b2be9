//! Attribute paths (RFC 7644 section 3.10): `userName`, `name.familyName`,
//! `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value`, or a schema's URI alone.

use super::resource_type::ResourceType;
use super::schema::{Attribute, Schema};
use super::{leniency, limits};

/// An attribute of a resource type: which container, which attribute, which part of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttributeRef<'s> {
    /// The extension whose object holds the attribute; `None` for core and common attributes.
    pub extension: Option<&'s Schema>,
    /// The attribute.
    pub attribute: &'s Attribute,
    /// The part of a complex attribute, where the path names one.
    pub sub_attribute: Option<&'s Attribute>,
}

impl<'s> AttributeRef<'s> {
    /// The attribute whose value the path denotes: the sub-attribute where there is one.
    #[must_use]
    pub fn leaf(&self) -> &'s Attribute {
        self.sub_attribute.unwrap_or(self.attribute)
    }

    /// The same attribute with a part of it.
    #[must_use]
    pub fn with_sub_attribute(self, sub_attribute: &'s Attribute) -> Self {
        Self { sub_attribute: Some(sub_attribute), ..self }
    }
}

impl std::fmt::Display for AttributeRef<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(extension) = self.extension {
            write!(formatter, "{}:", extension.id)?;
        }
        formatter.write_str(&self.attribute.name)?;
        match self.sub_attribute {
            Some(part) => write!(formatter, ".{}", part.name),
            None => Ok(()),
        }
    }
}

/// What a path denotes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'s> {
    /// The whole object of an extension.
    Extension(&'s Schema),
    /// An attribute.
    Attribute(AttributeRef<'s>),
}

/// Why a path denotes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// The text is not an attribute path.
    #[error("is not an attribute path")]
    Malformed,
    /// No schema of the resource type has such an attribute.
    #[error("names no attribute of this resource type")]
    Unknown,
}

/// Finds what a path denotes in a resource type. Names and URNs are compared without regard to case; a name
/// without URN that the core schema lacks is looked for in the extensions and taken where exactly one has it.
///
/// # Errors
/// [`Unresolved`] when the text is no path or names nothing known.
pub fn resolve<'s>(text: &str, resource_type: &'s ResourceType) -> Result<Target<'s>, Unresolved> {
    if text.len() > limits::PATH_BYTES {
        return Err(Unresolved::Malformed);
    }
    let text = leniency::schema_uri_misspelt(text);
    if let Some(rest) = after_uri(&text, &resource_type.schema.id) {
        let (name, part) = split(rest)?;
        let attribute = resource_type.core_attribute(name).ok_or(Unresolved::Unknown)?;
        return attribute_ref(None, attribute, part).map(Target::Attribute);
    }
    for extension in &resource_type.extensions {
        let schema = extension.schema.as_ref();
        if text.eq_ignore_ascii_case(&schema.id) {
            return Ok(Target::Extension(schema));
        }
        if let Some(rest) = after_uri(&text, &schema.id) {
            let (name, part) = split(rest)?;
            let attribute = schema.attributes.find(name).ok_or(Unresolved::Unknown)?;
            return attribute_ref(Some(schema), attribute, part).map(Target::Attribute);
        }
    }
    if text.contains(':') {
        let name = text.rsplit(':').next().unwrap_or_default();
        return Err(split(name).err().unwrap_or(Unresolved::Unknown));
    }
    let (name, part) = split(&text)?;
    if let Some(attribute) = resource_type.core_attribute(name) {
        return attribute_ref(None, attribute, part).map(Target::Attribute);
    }
    let mut found = resource_type.extensions.iter().filter_map(|extension| {
        let schema = extension.schema.as_ref();
        schema.attributes.find(name).map(|attribute| (schema, attribute))
    });
    match (found.next(), found.next()) {
        (Some((schema, attribute)), None) => attribute_ref(Some(schema), attribute, part).map(Target::Attribute),
        _ => Err(Unresolved::Unknown),
    }
}

/// What follows `uri` and its separator at the start of `text`.
fn after_uri<'t>(text: &'t str, uri: &str) -> Option<&'t str> {
    let (head, tail) = text.split_at_checked(uri.len())?;
    if !head.eq_ignore_ascii_case(uri) {
        return None;
    }
    tail.strip_prefix(':').or_else(|| tail.strip_prefix('.'))
}

/// `name` or `name.part`, each after the grammar of RFC 7643 section 2.1.
fn split(text: &str) -> Result<(&str, Option<&str>), Unresolved> {
    let (name, part) = match text.split_once('.') {
        Some((name, part)) => (name, Some(part)),
        None => (text, None),
    };
    if is_name(name) && part.is_none_or(is_name) { Ok((name, part)) } else { Err(Unresolved::Malformed) }
}

/// Whether the text is an attribute name: a letter, then letters, digits, `-`, `_`; or `$ref`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    if text.eq_ignore_ascii_case("$ref") {
        return true;
    }
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn attribute_ref<'s>(
    extension: Option<&'s Schema>,
    attribute: &'s Attribute,
    part: Option<&str>,
) -> Result<AttributeRef<'s>, Unresolved> {
    let sub_attribute = match part {
        Some(name) => Some(attribute.sub_attribute(name).ok_or(Unresolved::Unknown)?),
        None => None,
    };
    Ok(AttributeRef { extension, attribute, sub_attribute })
}
