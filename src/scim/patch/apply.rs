//! One edit on a resource, after the table of RFC 7644 section 3.5.2: what add, remove and replace mean for a singular attribute,
//! for a list, and for selected elements of a list.

use serde_json::{Map, Value};

use super::Op;
use super::compile::{Edit, Selection};
use crate::scim::error::ScimError;
use crate::scim::filter::matches_element;
use crate::scim::path::AttributeRef;
use crate::scim::resource::Resource;
use crate::scim::schema::{Attribute, Mutability, PRIMARY, TYPE, Type, VALUE};
use crate::scim::{fold, leniency, limits, validate};

/// Applies the edit. After an error the resource is in no defined state.
pub(super) fn apply(edit: &Edit<'_>, resource: &mut Resource) -> Result<(), ScimError> {
    let attribute = edit.attribute;
    let current = take(resource, attribute);
    let next = if attribute.attribute.multi_valued {
        let elements = match current {
            Some(Value::Array(elements)) => elements,
            other => other.into_iter().collect(),
        };
        let next = List { attribute: attribute.attribute, part: attribute.sub_attribute }.edit(edit, elements)?;
        (!next.is_empty()).then_some(Value::Array(next))
    } else {
        singular(edit, current)?
    };
    match next {
        Some(value) => put(resource, attribute, value),
        None if attribute.attribute.required && attribute.extension.is_none() => {
            return Err(match edit.value {
                None | Some(Value::Null) => {
                    ScimError::mutability(&attribute.to_string(), "is required and cannot be removed")
                }
                Some(_) => validate::missing(attribute.attribute),
            });
        }
        None => {}
    }
    Ok(())
}

/// Takes the attribute's value out; an extension object that becomes empty goes with it.
fn take(resource: &mut Resource, attribute: AttributeRef<'_>) -> Option<Value> {
    let name = &attribute.attribute.name;
    let Some(schema) = attribute.extension else {
        return resource.attributes.remove(name);
    };
    let object = resource.attributes.get_mut(&schema.id)?.as_object_mut()?;
    let taken = object.remove(name);
    if object.is_empty() {
        resource.attributes.remove(&schema.id);
    }
    taken
}

fn put(resource: &mut Resource, attribute: AttributeRef<'_>, value: Value) {
    let name = attribute.attribute.name.clone();
    match attribute.extension {
        None => {
            resource.attributes.insert(name, value);
        }
        Some(schema) => {
            let object = resource.attributes.entry(&schema.id).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(object) = object {
                object.insert(name, value);
            }
        }
    }
}

/// The next value of a singular attribute.
fn singular(edit: &Edit<'_>, current: Option<Value>) -> Result<Option<Value>, ScimError> {
    let AttributeRef { attribute, sub_attribute, .. } = edit.attribute;
    let given = match (edit.op, &edit.value) {
        (Op::Remove, _) | (_, None) => None,
        (_, Some(value)) => Some(value.clone()),
    };
    if !attribute.is_complex() {
        return given.map_or(Ok(None), |given| validate::value(attribute, given));
    }
    let mut object = match current {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    match (sub_attribute, given) {
        (None, None) => return Ok(None),
        (None, Some(given)) => match object_of(attribute, leniency::singular_as_array(given))? {
            Some(given) => merge(attribute, &mut object, given)?,
            None => return Ok(None),
        },
        (Some(part), given) => merge(attribute, &mut object, single(part, given.unwrap_or_default()))?,
    }
    Ok((!object.is_empty()).then_some(Value::Object(object)))
}

fn single(part: &Attribute, value: Value) -> Map<String, Value> {
    Map::from_iter([(part.name.clone(), value)])
}

/// The object that was sent for a complex value. `None` when it means "unassigned".
fn object_of(attribute: &Attribute, given: Value) -> Result<Option<Map<String, Value>>, ScimError> {
    match given {
        Value::Object(object) => Ok(Some(object)),
        Value::String(text) if !text.is_empty() => leniency::complex_as_text(attribute, &text)
            .map(Some)
            .ok_or_else(|| ScimError::invalid_value(&attribute.name, "must be an object")),
        other => match validate::element(attribute, other)? {
            Some(Value::Object(object)) => Ok(Some(object)),
            _ => Ok(None),
        },
    }
}

/// Sets in a complex value the sub-attributes that were sent; those sent as unassigned are removed, others stay. What describes
/// the old `value` (a display name, a reference) goes with it when it changes or ends and no new one was sent, and an element
/// that loses its `value` keeps no mere label.
fn merge(attribute: &Attribute, object: &mut Map<String, Value>, given: Map<String, Value>) -> Result<(), ScimError> {
    let named: Vec<&Attribute> = given.keys().filter_map(|name| attribute.sub_attribute(name)).collect();
    let set = match validate::element(attribute, Value::Object(given))? {
        Some(Value::Object(set)) => set,
        _ => Map::new(),
    };
    let unassigned = |part: &Attribute| !set.contains_key(&part.name) && named.contains(&part);
    let mut loses_value = false;
    for part in &attribute.sub_attributes {
        let old = object.get(&part.name);
        let changes = set.get(&part.name).is_some_and(|new| old.is_some_and(|old| old != new));
        if part.mutability == Mutability::Immutable && changes {
            return Err(ScimError::mutability(
                &format!("{}.{}", attribute.name, part.name),
                "is immutable and already has a value",
            ));
        }
        if part.name == VALUE {
            loses_value = unassigned(part) && old.is_some();
            if changes || loses_value {
                for described in attribute.sub_attributes.iter().filter(|part| describes_value(part)) {
                    object.remove(&described.name);
                }
            }
        }
    }
    for part in attribute.sub_attributes.iter().filter(|part| unassigned(part)) {
        object.remove(&part.name);
    }
    object.extend(set);
    if loses_value && leniency::only_a_label(object) {
        object.clear();
    }
    Ok(())
}

fn describes_value(part: &Attribute) -> bool {
    part.name != VALUE && (part.mutability == Mutability::ReadOnly || part.kind == Type::Reference)
}

/// A multi-valued attribute under edit.
struct List<'s> {
    attribute: &'s Attribute,
    part: Option<&'s Attribute>,
}

impl List<'_> {
    fn edit(&self, edit: &Edit<'_>, elements: Vec<Value>) -> Result<Vec<Value>, ScimError> {
        let next = match (&edit.selection, edit.op, &edit.value) {
            (None, Op::Remove, None) if self.part.is_none() => Vec::new(),
            (None, Op::Remove, Some(listed)) if self.part.is_none() => self.without(elements, listed)?,
            (None, Op::Replace, Some(given)) if self.part.is_none() => self.canonical(given)?,
            (None, Op::Add, Some(given)) if self.part.is_none() => self.with(elements, given)?,
            (None, Op::Remove, _) => self.unassign(elements, |_| true)?,
            (None, _, Some(given)) => {
                if elements.is_empty() {
                    return Err(ScimError::no_target(format!("'{}' has no elements", self.attribute.name)));
                }
                self.set(edit.op, elements, |_| true, &Map::new(), given)?
            }
            (Some(selection), Op::Remove, _) => self.unassign(elements, |element| self.selects(selection, element))?,
            (Some(selection), op, Some(given)) => {
                let selected = |element: &Value| self.selects(selection, element);
                if elements.iter().any(selected) {
                    self.set(op, elements, selected, &selection.equalities, given)?
                } else {
                    self.create(elements, selection, given)?
                }
            }
            (_, _, None) => elements,
        };
        // An edit may have made two elements the same.
        let next = validate::once_each(self.attribute, next);
        validate::check_list(self.attribute, &next)?;
        Ok(next)
    }

    fn selects(&self, selection: &Selection<'_>, element: &Value) -> bool {
        matches_element(&selection.condition, &fold::value(self.attribute, element))
    }

    /// The elements that were sent, in canonical form.
    fn canonical(&self, given: &Value) -> Result<Vec<Value>, ScimError> {
        match validate::value(self.attribute, given.clone())? {
            Some(Value::Array(elements)) => Ok(elements),
            _ => Ok(Vec::new()),
        }
    }

    /// Appends what is not there yet; an element that is there takes over what is new about it.
    fn with(&self, mut elements: Vec<Value>, given: &Value) -> Result<Vec<Value>, ScimError> {
        let mut identities: Vec<_> = elements.iter().map(|known| validate::identity(self.attribute, known)).collect();
        for new in self.canonical(given)? {
            let identity = validate::identity(self.attribute, &new);
            let position = identities.iter().position(|known| *known == identity).unwrap_or(elements.len());
            if position == elements.len() {
                identities.push(identity);
                elements.push(Value::Object(Map::new()));
            }
            match (&mut elements[position], new) {
                (Value::Object(known), Value::Object(new)) => merge(self.attribute, known, new)?,
                (known, new) => *known = new,
            }
            self.keep_one_primary(&mut elements, position);
        }
        Ok(elements)
    }

    /// Removes the listed elements only, as Entra asks for it. An empty list removes nothing.
    fn without(&self, elements: Vec<Value>, listed: &Value) -> Result<Vec<Value>, ScimError> {
        let mut gone = Vec::new();
        let listed = leniency::elements(listed.clone());
        if listed.len() > limits::VALUES_PER_ATTRIBUTE {
            return Err(ScimError::invalid_value(&self.attribute.name, "lists more values than it can have"));
        }
        for listed in listed {
            if let Some(element) = validate::element(self.attribute, listed)? {
                gone.push(fold::value(self.attribute, &element));
            }
        }
        let is_listed = |element: &Value| {
            let element = fold::value(self.attribute, element);
            gone.iter().any(|gone| Self::is_listed(gone, &element))
        };
        Ok(elements.into_iter().filter(|element| !is_listed(element)).collect())
    }

    /// Whether `listed` means `element`, both in comparison form. A `value` says which; `type` only tells apart those that have
    /// one. Without a `value` everything that is listed must be there.
    fn is_listed(listed: &Value, element: &Value) -> bool {
        let (Value::Object(listed), Value::Object(element)) = (listed, element) else {
            return listed == element;
        };
        let same_type = || match (listed.get(TYPE), element.get(TYPE)) {
            (Some(listed), Some(held)) => listed == held,
            _ => true,
        };
        match listed.get(VALUE) {
            Some(value) => element.get(VALUE) == Some(value) && same_type(),
            None => listed.iter().all(|(name, value)| element.get(name) == Some(value)),
        }
    }

    /// Removes the selected elements, or a part of each.
    fn unassign(&self, elements: Vec<Value>, selected: impl Fn(&Value) -> bool) -> Result<Vec<Value>, ScimError> {
        let mut kept = Vec::new();
        for mut element in elements {
            if selected(&element) {
                let (Some(part), Value::Object(object)) = (self.part, &mut element) else {
                    continue;
                };
                merge(self.attribute, object, single(part, Value::Null))?;
                if object.is_empty() {
                    continue;
                }
            }
            kept.push(element);
        }
        Ok(kept)
    }

    /// Sets the selected elements, or a part of each.
    fn set(
        &self,
        op: Op,
        mut elements: Vec<Value>,
        selected: impl Fn(&Value) -> bool,
        equalities: &Map<String, Value>,
        given: &Value,
    ) -> Result<Vec<Value>, ScimError> {
        let positions: Vec<usize> = (0..elements.len()).filter(|position| selected(&elements[*position])).collect();
        for &position in &positions {
            let element = std::mem::take(&mut elements[position]);
            elements[position] = self.next_element(op, element, equalities, given)?;
        }
        if let Some(&first) = positions.iter().find(|position| validate::is_primary(&elements[**position])) {
            self.keep_one_primary_but(&mut elements, first, &positions);
        }
        elements.retain(|element| !element.is_null());
        Ok(elements)
    }

    /// An element after add or replace; `null` when nothing is left of it.
    fn next_element(
        &self,
        op: Op,
        element: Value,
        equalities: &Map<String, Value>,
        given: &Value,
    ) -> Result<Value, ScimError> {
        let Value::Object(mut object) = element else {
            return Ok(validate::element(self.attribute, given.clone())?.unwrap_or_default());
        };
        match self.part {
            Some(part) => merge(self.attribute, &mut object, single(part, given.clone()))?,
            None => match object_of(self.attribute, given.clone())? {
                None if op == Op::Add => {}
                None => return Ok(Value::Null),
                Some(given) if op == Op::Add => merge(self.attribute, &mut object, given)?,
                Some(given) => {
                    object.retain(|name, _| equalities.contains_key(name) || self.is_immutable(name));
                    merge(self.attribute, &mut object, given)?;
                }
            },
        }
        Ok(if object.is_empty() { Value::Null } else { Value::Object(object) })
    }

    fn is_immutable(&self, name: &str) -> bool {
        self.attribute.sub_attribute(name).is_some_and(|part| part.mutability == Mutability::Immutable)
    }

    /// Makes the element that the filter describes, where none matches.
    fn create(
        &self,
        mut elements: Vec<Value>,
        selection: &Selection<'_>,
        given: &Value,
    ) -> Result<Vec<Value>, ScimError> {
        let assigned = validate::element(self.part.unwrap_or(self.attribute), given.clone())?;
        let Some(assigned) = assigned else {
            return Ok(elements);
        };
        if !selection.creates {
            return Err(ScimError::no_target(format!("the filter selects no element of '{}'", self.attribute.name)));
        }
        let mut element = selection.equalities.clone();
        match (self.part, assigned) {
            (Some(part), value) => {
                element.insert(part.name.clone(), value);
            }
            (None, Value::Object(given)) => element.extend(given),
            (None, _) => return Err(ScimError::invalid_value(&self.attribute.name, "must be an object")),
        }
        elements.push(Value::Object(element));
        let last = elements.len() - 1;
        self.keep_one_primary(&mut elements, last);
        Ok(elements)
    }

    /// Where the element at `position` is primary, the others are not (RFC 7644 section 3.5.2).
    fn keep_one_primary(&self, elements: &mut [Value], position: usize) {
        self.keep_one_primary_but(elements, position, &[position]);
    }

    /// As [`List::keep_one_primary`], but elements set by the same edit keep what it gave them, so that two of them are an error.
    fn keep_one_primary_but(&self, elements: &mut [Value], position: usize, set: &[usize]) {
        if self.attribute.sub_attribute(PRIMARY).is_none() || !validate::is_primary(&elements[position]) {
            return;
        }
        for (other, element) in elements.iter_mut().enumerate() {
            if !set.contains(&other) && validate::is_primary(element) {
                element[PRIMARY] = Value::Bool(false);
            }
        }
    }
}
