//! From an operation to edits of single attributes: an operation without a path becomes one edit for each attribute in its value,
//! paths are resolved against the schemas, and what clients may not write is refused.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Op, Operation};
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::filter::{self, Condition, Filter, Operator, PatchPath};
use crate::scim::path::{self, AttributeRef, Target, Unresolved};
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, Schema, Type};
use crate::scim::{leniency, urn, validate};

/// One operation on one attribute.
#[derive(Debug)]
pub(super) struct Edit<'s> {
    pub op: Op,
    /// The attribute, with the sub-attribute that the path names.
    pub attribute: AttributeRef<'s>,
    /// Which elements of a multi-valued attribute; all, without.
    pub selection: Option<Selection<'s>>,
    /// The value as sent; `None` for a removal without one.
    pub value: Option<Value>,
}

/// The filter of a value path.
#[derive(Debug)]
pub(super) struct Selection<'s> {
    pub condition: Condition<'s>,
    /// What every selected element has, by the `eq` terms of the filter.
    pub equalities: Map<String, Value>,
    /// Whether an element may be made from the equalities where none matches (decision 17).
    pub creates: bool,
}

/// The edits of an operation.
pub(super) fn edits(operation: Operation, resource_type: &ResourceType) -> Result<Vec<Edit<'_>>, ScimError> {
    let op = operation.op;
    let missing = || ScimError::new(ErrorKind::InvalidValue, "add and replace need a 'value'");
    let value = match (op, operation.value) {
        (Op::Remove, None | Some(Value::Null)) => None,
        (_, Some(value)) => Some(value),
        (_, None) => return Err(missing()),
    };
    match (&operation.path, value) {
        (None, _) if op == Op::Remove => Err(ScimError::no_target("remove needs a 'path'")),
        (None, Some(Value::Object(values))) => Compiler { op, resource_type }.attributes(values),
        (None, _) => Err(ScimError::new(ErrorKind::InvalidValue, "without a 'path' the value must be an object")),
        (Some(path), value) => Compiler { op, resource_type }.path(path, value),
    }
}

struct Compiler<'s> {
    op: Op,
    resource_type: &'s ResourceType,
}

impl<'s> Compiler<'s> {
    /// An operation with a path. What it names must be there and writable.
    fn path(&self, path: &PatchPath, value: Option<Value>) -> Result<Vec<Edit<'s>>, ScimError> {
        let target = match path::resolve(&path.attribute, self.resource_type) {
            Ok(target) => target,
            Err(Unresolved::Unknown) if is_ignored(self.op, path) => return Ok(Vec::new()),
            Err(reason) => return Err(ScimError::invalid_path(&path.attribute, reason)),
        };
        match target {
            Target::Extension(schema) => self.extension(path, schema, value),
            // `schemas` follows from the content (R7643-3-1).
            Target::Attribute(attribute) if attribute.attribute.name == "schemas" => Ok(Vec::new()),
            Target::Attribute(attribute) => {
                let (attribute, selection) = select(path, attribute)?;
                if !validate::is_writable(attribute.attribute) || !validate::is_writable(attribute.leaf()) {
                    return Err(ScimError::mutability(&attribute.to_string(), "is read-only"));
                }
                Ok(vec![Edit { op: self.op, attribute, selection, value }])
            }
        }
    }

    /// An operation on the whole object of an extension.
    fn extension(
        &self,
        path: &PatchPath,
        schema: &'s Schema,
        value: Option<Value>,
    ) -> Result<Vec<Edit<'s>>, ScimError> {
        if path.filter.is_some() {
            return Err(ScimError::invalid_path(&path.attribute, "names a schema, which has no elements"));
        }
        match value {
            Some(Value::Object(values)) if self.op != Op::Remove => Ok(self.extension_attributes(schema, values)),
            None | Some(Value::Null) => Ok(remove_all(schema)),
            Some(_) if self.op == Op::Remove => Ok(remove_all(schema)),
            Some(_) => Err(ScimError::invalid_value(&schema.id, "must be an object")),
        }
    }

    /// An operation without a path: each member of its value is one, with the member's name as path. Names that no schema knows
    /// and what is read-only are ignored; Okta and Entra send both.
    fn attributes(&self, values: Map<String, Value>) -> Result<Vec<Edit<'s>>, ScimError> {
        let mut edits = Vec::new();
        for (name, value) in values {
            let name: Cow<'_, str> = leniency::schema_uri_misspelt(&name);
            if let Some(extension) = self.resource_type.extension(&name) {
                match value {
                    Value::Object(values) => edits.extend(self.extension_attributes(&extension.schema, values)),
                    Value::Null => edits.extend(remove_all(&extension.schema)),
                    _ => return Err(ScimError::invalid_value(&name, "must be an object")),
                }
            } else if urn::same(&name, &self.resource_type.schema.id) {
                if let Value::Object(values) = value {
                    edits.extend(self.attributes(values)?);
                }
            } else if let Some((attribute, selection)) = self.member(&name)? {
                edits.push(Edit { op: self.op, attribute, selection, value: Some(value) });
            }
        }
        Ok(edits)
    }

    /// The attribute that a member's name denotes, unless it is to be ignored.
    fn member(&self, name: &str) -> Result<Option<(AttributeRef<'s>, Option<Selection<'s>>)>, ScimError> {
        let path = match filter::parse_path(name) {
            Ok(path) => path,
            Err(error) if name.contains('[') => return Err(error),
            Err(_) => return Ok(None),
        };
        let Ok(Target::Attribute(attribute)) = path::resolve(&path.attribute, self.resource_type) else {
            return Ok(None);
        };
        if !validate::is_writable(attribute.attribute) || attribute.attribute.name == "schemas" {
            return Ok(None);
        }
        select(&path, attribute).map(Some)
    }

    fn extension_attributes(&self, schema: &'s Schema, values: Map<String, Value>) -> Vec<Edit<'s>> {
        values
            .into_iter()
            .filter_map(|(name, value)| {
                let (name, part) =
                    name.split_once('.').map_or((name.as_str(), None), |(name, part)| (name, Some(part)));
                let attribute = schema.attributes.find(name).filter(|known| validate::is_writable(known))?;
                let sub_attribute = match part {
                    Some(part) => Some(attribute.sub_attribute(part)?),
                    None => None,
                };
                let attribute = AttributeRef { extension: Some(schema), attribute, sub_attribute };
                Some(Edit { op: self.op, attribute, selection: None, value: Some(value) })
            })
            .collect()
    }
}

fn remove_all(schema: &Schema) -> Vec<Edit<'_>> {
    let writable = schema.attributes.iter().filter(|attribute| validate::is_writable(attribute));
    writable
        .map(|attribute| Edit {
            op: Op::Remove,
            attribute: AttributeRef { extension: Some(schema), attribute, sub_attribute: None },
            selection: None,
            value: None,
        })
        .collect()
}

/// Whether a path that names nothing known is left out.
fn is_ignored(op: Op, path: &PatchPath) -> bool {
    op != Op::Remove && leniency::unknown_behind_a_urn(&path.attribute)
}

/// The path of an operation that has no effect because no schema knows it.
pub(super) fn ignored_path<'o>(operation: &'o Operation, resource_type: &ResourceType) -> Option<&'o str> {
    let path = operation.path.as_ref().filter(|path| is_ignored(operation.op, path))?;
    let unknown = path::resolve(&path.attribute, resource_type) == Err(Unresolved::Unknown);
    unknown.then_some(path.attribute.as_str())
}

/// The attribute with the sub-attribute behind the bracket, and what the bracket selects.
fn select<'s>(
    path: &PatchPath,
    attribute: AttributeRef<'s>,
) -> Result<(AttributeRef<'s>, Option<Selection<'s>>), ScimError> {
    let Some(filter) = &path.filter else {
        return Ok((attribute, None));
    };
    if !attribute.attribute.multi_valued || attribute.sub_attribute.is_some() {
        return Err(ScimError::invalid_path(&path.attribute, "has no elements to select from"));
    }
    let condition = filter::resolve_element(filter, attribute)?;
    let (equalities, creates) = equalities(filter, attribute.attribute);
    let attribute = match &path.sub_attribute {
        None => attribute,
        Some(name) => {
            let part = attribute.attribute.sub_attribute(name);
            let part = part.ok_or_else(|| ScimError::invalid_path(name, "is no sub-attribute"))?;
            attribute.with_sub_attribute(part)
        }
    };
    Ok((attribute, Some(Selection { condition, equalities, creates })))
}

/// The sub-attributes that the filter fixes, and whether it is a single `eq` with a canonical value, from which an element can be
/// made. `primary eq true` counts as one: Entra addresses a first role so.
fn equalities(filter: &Filter, attribute: &Attribute) -> (Map<String, Value>, bool) {
    let terms = match filter {
        Filter::And(parts) => parts.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut found = Map::new();
    let mut canonical = terms.len() == 1;
    for term in terms {
        let equality = match term {
            Filter::Compare(name, Operator::Eq, literal) => {
                attribute.sub_attribute(name).and_then(|part| Some((part, equal_value(part, literal)?)))
            }
            _ => None,
        };
        let Some((part, value)) = equality else {
            canonical = false;
            continue;
        };
        canonical &= part.kind == Type::Boolean || is_canonical(part, &value);
        found.insert(part.name.clone(), value);
    }
    (found, canonical)
}

fn equal_value(part: &Attribute, literal: &Value) -> Option<Value> {
    validate::element(part, literal.clone()).ok().flatten()
}

fn is_canonical(part: &Attribute, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    part.canonical_values.iter().any(|canonical| canonical.eq_ignore_ascii_case(text))
}
