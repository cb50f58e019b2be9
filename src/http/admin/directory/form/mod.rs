//! The form for a resource of any type, made from its schemas: [`fields`] shows values, [`read`] makes a resource of what was sent, and
//! [`operations`] says what is to change.
//!
//! The field of an attribute is called by its path (RFC 7644 section 3.10) behind `a:`, an element of a list by its number:
//! `a:name.givenName`, `a:emails.0.value`. A value that comes back as it was shown is kept as it was stored, whatever its text cannot say,
//! so that sending a form changes nothing but what was changed in it.

mod fields;
mod read;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(super) use fields::{Shown, fields, label};
pub(super) use read::{operations, read};

use crate::http::pages::Form;
use crate::scim::error::ScimError;
use crate::scim::path::{self, Target};
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, Mutability, Returned, Schema};
use crate::scim::validate;

/// What the names of all fields of attributes begin with.
const PREFIX: &str = "a:";
/// What stands behind the name of an element that is to go.
const REMOVED: &str = ":remove";
/// Elements of one list that a form may have, a few more than a resource may.
const ROWS: usize = 120;

/// What is wrong with a form: sentences by the names of fields.
pub(super) type Problems = BTreeMap<String, String>;

/// An attribute with a place in the form.
#[derive(Clone, Copy)]
struct Placed<'s> {
    extension: Option<&'s Schema>,
    attribute: &'s Attribute,
}

impl Placed<'_> {
    /// The path by which a PATCH names it.
    fn path(self) -> String {
        match self.extension {
            Some(schema) => format!("{}:{}", schema.id, self.attribute.name),
            None => self.attribute.name.clone(),
        }
    }

    fn field(self) -> String {
        format!("{PREFIX}{}", self.path())
    }

    /// Its value among those of a resource.
    fn value(self, attributes: &Map<String, Value>) -> Option<&Value> {
        match self.extension {
            Some(schema) => attributes.get(&schema.id)?.get(&self.attribute.name),
            None => attributes.get(&self.attribute.name),
        }
    }
}

/// The attributes that a form has fields for: all that somebody may write, but for the members of a group, which have a page of their
/// own, and for a password that the tenant would not keep.
fn placed(resource_type: &ResourceType, keeps_passwords: bool) -> impl Iterator<Item = Placed<'_>> {
    let core = resource_type.schema.attributes.iter().map(|attribute| (None, attribute));
    let common = resource_type.common_attributes().iter().filter(|attribute| attribute.name != "schemas");
    let extensions = resource_type.extensions.iter().map(|extension| extension.schema.as_ref());
    let extended =
        extensions.flat_map(|schema| schema.attributes.iter().map(move |attribute| (Some(schema), attribute)));
    let members = resource_type.members().map(|members| members.name.as_str());
    core.chain(common.map(|attribute| (None, attribute)))
        .chain(extended)
        .map(|(extension, attribute)| Placed { extension, attribute })
        .filter(|placed| validate::is_writable(placed.attribute))
        .filter(move |placed| placed.extension.is_some() || Some(placed.attribute.name.as_str()) != members)
        .filter(move |placed| keeps_passwords || placed.extension.is_some() || placed.attribute.name != "password")
}

/// Whether nobody ever reads the value, so that a field can only set it.
fn is_secret(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::WriteOnly || attribute.returned == Returned::Never
}

/// The texts of a form's fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Values(BTreeMap<String, String>);

impl Values {
    /// Those that were sent.
    pub(super) fn sent(form: &Form) -> Self {
        let own = form.fields().filter(|(name, _)| name.starts_with(PREFIX));
        let mut values = BTreeMap::new();
        for (name, value) in own {
            values.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        Self(values)
    }

    /// Those that show a resource.
    pub(super) fn of(resource_type: &ResourceType, attributes: &Map<String, Value>) -> Self {
        let mut values = Self::default();
        for placed in placed(resource_type, false) {
            if let Some(value) = placed.value(attributes) {
                values.add(placed.attribute, &placed.field(), value);
            }
        }
        values
    }

    fn add(&mut self, attribute: &Attribute, name: &str, value: &Value) {
        match value {
            Value::Array(elements) if attribute.multi_valued => {
                for (position, element) in elements.iter().enumerate() {
                    self.add_element(attribute, &format!("{name}.{position}"), element);
                }
            }
            value if attribute.multi_valued => self.add_element(attribute, &format!("{name}.0"), value),
            value => self.add_element(attribute, name, value),
        }
    }

    fn add_element(&mut self, attribute: &Attribute, name: &str, value: &Value) {
        match value {
            Value::Object(object) if attribute.is_complex() => {
                for part in &attribute.sub_attributes {
                    if let Some(value) = object.get(&part.name) {
                        self.add(part, &format!("{name}.{}", part.name), value);
                    }
                }
            }
            value => {
                self.0.insert(name.to_owned(), text(value));
            }
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn is_removed(&self, element: &str) -> bool {
        self.0.contains_key(&format!("{element}{REMOVED}"))
    }

    /// Whether any field of this name or below it has a text.
    fn any_below(&self, name: &str) -> bool {
        self.below(name).any(|(_, value)| !value.is_empty())
    }

    fn below<'v>(&'v self, name: &'v str) -> impl Iterator<Item = (&'v str, &'v str)> {
        let own = self.0.range(name.to_owned()..).take_while(move |(field, _)| field.starts_with(name));
        own.map(move |(field, value)| (&field[name.len()..], value.as_str()))
            .filter(|(rest, _)| rest.is_empty() || rest.starts_with('.'))
    }

    /// How many elements of a list there are fields for.
    fn rows(&self, name: &str) -> usize {
        let number = |rest: &str| rest.strip_prefix('.')?.split(['.', ':']).next()?.parse::<usize>().ok();
        let last = self.below(name).filter_map(|(rest, _)| number(rest)).max();
        last.map_or(0, |last| last.saturating_add(1).min(ROWS))
    }

    /// All of them, for a form that sends them again. No secret is shown again.
    pub(super) fn again(&self, resource_type: &ResourceType) -> Vec<Value> {
        let shown = self.0.iter().filter(|(name, _)| !holds_secret(resource_type, name));
        shown.map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect()
    }
}

/// Whether what a field holds is a secret, or a part of one.
fn holds_secret(resource_type: &ResourceType, name: &str) -> bool {
    let within = |placed: Placed<'_>| {
        let field = placed.field();
        let rest = name.strip_prefix(field.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('.'))?;
        let parts = rest.split('.').filter_map(|part| placed.attribute.sub_attribute(part));
        Some(std::iter::once(placed.attribute).chain(parts).any(is_secret))
    };
    placed(resource_type, true).filter_map(within).any(|secret| secret)
}

/// A simple value as a field shows it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What an error of SCIM says, at the field that it is about; at the top (an empty name) where that is none.
pub(super) fn problem(resource_type: &ResourceType, error: &ScimError) -> (String, String) {
    let named = error.attribute().and_then(|text| path::resolve(text, resource_type).ok());
    let Some(Target::Attribute(found)) = named else {
        return (String::new(), crate::http::pages::show::sentence(error.detail()));
    };
    let placed = Placed { extension: found.extension, attribute: found.attribute };
    let field = match found.sub_attribute.filter(|_| !found.attribute.multi_valued) {
        Some(part) => format!("{}.{}", placed.field(), part.name),
        None => placed.field(),
    };
    (field, sentence(&label(&found.leaf().name), error.detail()))
}

/// A refusal of an attribute's value, with the name that the form has for it.
fn sentence(label: &str, detail: &str) -> String {
    let reason = detail.strip_prefix("attribute '").and_then(|rest| rest.split_once('\''));
    match reason {
        Some((_, reason)) => format!("{label} {}.", reason.trim_start_matches(':').trim_start()),
        None => crate::http::pages::show::sentence(detail),
    }
}
