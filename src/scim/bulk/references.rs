//! References between operations (RFC 7644 section 3.7.2): `bulkId:NAME` stands for the id that the operation with this `bulkId`
//! will have created. It may be the id in the path, any text in the data, the end of a `$ref`, or a value in the filter of a PATCH
//! path, as in `members[value eq "bulkId:NAME"]`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Action, Operation};
use crate::scim::error::ScimError;
use crate::scim::filter;
use crate::scim::precondition::Preconditions;
use crate::scim::urn;

const PREFIX: &str = "bulkId:";

/// Is asked for each name that is referred to; answers with the id to put in its place, or with none to leave it.
type Resolve<'f> = dyn FnMut(&str) -> Result<Option<String>, ScimError> + 'f;

impl Operation {
    /// The names that the operation refers to.
    pub(super) fn references(&mut self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut note = |name: &str| {
            names.insert(name.to_owned());
            Ok(None)
        };
        // To note a name cannot fail.
        let _ = self.each_reference(&mut note);
        names
    }

    /// Puts ids in the place of references.
    ///
    /// # Errors
    /// The first of `id_of`.
    pub fn resolve(&mut self, id_of: impl Fn(&str) -> Result<String, ScimError>) -> Result<(), ScimError> {
        self.each_reference(&mut |name| id_of(name).map(Some))
    }

    /// Takes out of a creation what refers to resources that are `missing`: elements of a list, else whole attributes. What is
    /// taken is added again by the operation that this returns, a PATCH of what `name` will have created.
    pub fn split_off(&mut self, name: &str, missing: impl Fn(&str) -> bool) -> Option<Operation> {
        let Action::Create(Value::Object(resource)) = &mut self.action else {
            return None;
        };
        let taken = take_attributes(resource, &missing);
        let patch = json!({"schemas": [urn::PATCH_OP], "Operations": [{"op": "add", "value": taken}]});
        (!taken.is_empty()).then(|| Operation {
            endpoint: self.endpoint.clone(),
            action: Action::Modify(format!("{PREFIX}{name}"), patch),
            preconditions: Preconditions::default(),
        })
    }

    /// The deletion of what a creation with this `name` will have created.
    #[must_use]
    pub fn undo(&self, name: &str) -> Operation {
        Operation {
            endpoint: self.endpoint.clone(),
            action: Action::Delete(format!("{PREFIX}{name}")),
            preconditions: Preconditions::default(),
        }
    }

    fn each_reference(&mut self, resolve: &mut Resolve<'_>) -> Result<(), ScimError> {
        match &mut self.action {
            Action::Create(data) => in_value("", data, resolve),
            Action::Replace(id, data) => {
                in_text("", id, resolve)?;
                in_value("", data, resolve)
            }
            Action::Modify(id, data) => {
                in_text("", id, resolve)?;
                in_patch(data, resolve)
            }
            Action::Delete(id) => in_text("", id, resolve),
        }
    }
}

fn in_patch(message: &mut Value, resolve: &mut Resolve<'_>) -> Result<(), ScimError> {
    let members = message.as_object_mut().into_iter().flatten();
    let operations = members.filter(|(name, _)| name.eq_ignore_ascii_case("Operations"));
    for operation in operations.filter_map(|(_, list)| list.as_array_mut()).flatten() {
        for (name, value) in operation.as_object_mut().into_iter().flatten() {
            match value {
                Value::String(path) if name.eq_ignore_ascii_case("path") => in_path(path, resolve)?,
                value => in_value("", value, resolve)?,
            }
        }
    }
    Ok(())
}

/// A malformed path stays as it is, for PATCH to say what is wrong with it.
fn in_path(text: &mut String, resolve: &mut Resolve<'_>) -> Result<(), ScimError> {
    if !text.contains(PREFIX) {
        return Ok(());
    }
    if let Ok(mut path) = filter::parse_path(text)
        && let Some(filter) = &mut path.filter
    {
        filter.each_literal(&mut |literal| in_value("", literal, resolve))?;
        *text = path.to_string();
    }
    Ok(())
}

/// `name` is that of the member that holds the value.
fn in_value(name: &str, value: &mut Value, resolve: &mut Resolve<'_>) -> Result<(), ScimError> {
    match value {
        Value::String(text) => in_text(name, text, resolve),
        Value::Array(elements) => elements.iter_mut().try_for_each(|element| in_value(name, element, resolve)),
        Value::Object(members) => members.iter_mut().try_for_each(|(name, member)| in_value(name, member, resolve)),
        _ => Ok(()),
    }
}

fn in_text(name: &str, text: &mut String, resolve: &mut Resolve<'_>) -> Result<(), ScimError> {
    let start = match text.rfind('/') {
        _ if text.starts_with(PREFIX) => 0,
        Some(slash) if name.eq_ignore_ascii_case("$ref") => slash + 1,
        _ => return Ok(()),
    };
    let Some(referred) = text[start..].strip_prefix(PREFIX) else {
        return Ok(());
    };
    if let Some(id) = resolve(referred)? {
        text.replace_range(start.., &id);
    }
    Ok(())
}

fn take_attributes(resource: &mut Map<String, Value>, missing: &impl Fn(&str) -> bool) -> Map<String, Value> {
    let mut taken = Map::new();
    for (name, value) in resource {
        let part = match value {
            // An extension, of which only attributes are taken.
            Value::Object(attributes) if name.contains(':') => Value::Object(take_attributes(attributes, missing)),
            Value::Array(elements) => elements.extract_if(.., |element| refers(name, element, missing)).collect(),
            value => {
                if !refers(name, value, missing) {
                    continue;
                }
                value.take()
            }
        };
        if part != json!({}) && part != json!([]) {
            taken.insert(name.clone(), part);
        }
    }
    taken
}

fn refers(name: &str, value: &mut Value, missing: &impl Fn(&str) -> bool) -> bool {
    let mut found = false;
    let mut look = |referred: &str| {
        found |= missing(referred);
        Ok(None)
    };
    // To look cannot fail.
    let _ = in_value(name, value, &mut look);
    found
}
