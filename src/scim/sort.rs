//! Sorting (RFC 7644 section 3.4.2.3): what a list is sorted by, and which of two resources comes first. Postgres sorts by the same
//! rules; a property test holds the two together.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::error::{ErrorKind, ScimError, excerpt};
use super::filter;
use super::path::{self, AttributeRef, Target, Unresolved};
use super::resource_type::ResourceType;
use super::schema::{PRIMARY, Returned, Type, VALUE};
use super::{limits, schema};

/// The direction of a sorted list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The least first, and those without a value last.
    #[default]
    Ascending,
    /// Those without a value first, then the greatest.
    Descending,
}

impl Order {
    /// Reads `sortOrder`, in any case. Absent or empty means ascending.
    ///
    /// # Errors
    /// `invalidValue` for any other word.
    pub fn parse(text: Option<&str>) -> Result<Self, ScimError> {
        match text.unwrap_or_default() {
            "" => Ok(Self::Ascending),
            word if word.eq_ignore_ascii_case(Self::Ascending.name()) => Ok(Self::Ascending),
            word if word.eq_ignore_ascii_case(Self::Descending.name()) => Ok(Self::Descending),
            other => Err(invalid(format!("'sortOrder' is ascending or descending, not '{}'", excerpt(other)))),
        }
    }

    /// The word on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
        }
    }
}

/// `sortBy` and `sortOrder` as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortRequest {
    /// The attribute path.
    pub by: String,
    /// The direction.
    pub order: Order,
}

impl SortRequest {
    /// Reads the two parameters. Without an attribute there is nothing to sort by, whatever the order.
    ///
    /// # Errors
    /// `invalidValue` for an order that is none.
    pub fn parse(by: Option<&str>, order: Option<&str>) -> Result<Option<Self>, ScimError> {
        match by.map(str::trim).filter(|by| !by.is_empty()) {
            Some(by) => Ok(Some(Self { by: by.to_owned(), order: Order::parse(order)? })),
            None => Ok(None),
        }
    }
}

fn invalid(detail: String) -> ScimError {
    ScimError::new(ErrorKind::InvalidValue, detail)
}

/// Finds what `sortBy` names in each of these resource types; `None` for a type that has no such attribute, whose resources all
/// count as having no value.
///
/// # Errors
/// `invalidValue` for a path that names nothing in any of them or has no order: a complex attribute without `value`, one that is
/// never returned, one whose values stand for other resources, or one that is a number here and text there.
pub fn resolve<'s>(by: &str, resource_types: &[&'s ResourceType]) -> Result<Vec<Option<AttributeRef<'s>>>, ScimError> {
    let refuse = |reason: &str| invalid(format!("'sortBy': '{}' {reason}", excerpt(by)));
    let mut found = Vec::new();
    for resource_type in resource_types {
        found.push(match path::resolve(by, resource_type) {
            Ok(Target::Attribute(attribute)) => Some(sortable(attribute, resource_type).map_err(refuse)?),
            Ok(Target::Extension(_)) => return Err(refuse("names a schema, which has no order")),
            Err(Unresolved::Unknown) => None,
            Err(Unresolved::Malformed) => return Err(refuse("is not an attribute path")),
        });
    }
    let mut numeric = found.iter().flatten().map(|attribute| is_number(*attribute));
    match numeric.next() {
        None => Err(refuse("names no attribute of this resource type")),
        Some(first) if numeric.any(|other| other != first) => Err(refuse("is a number in one resource type only")),
        Some(_) => Ok(found),
    }
}

/// Whether the values are numbers; all others are compared as text, `false` before `true` as well.
#[must_use]
pub fn is_number(attribute: AttributeRef<'_>) -> bool {
    matches!(attribute.leaf().kind, Type::Integer | Type::Decimal)
}

/// Whether one element of the multi-valued attribute may be marked as primary.
#[must_use]
pub fn has_primary(attribute: AttributeRef<'_>) -> bool {
    attribute.attribute.sub_attribute(PRIMARY).is_some_and(|primary| primary.kind == Type::Boolean)
}

/// The attribute that decides where this one is asked for.
fn sortable<'s>(
    attribute: AttributeRef<'s>,
    resource_type: &'s ResourceType,
) -> Result<AttributeRef<'s>, &'static str> {
    let holder = attribute.attribute;
    if holder.returned == Returned::Never || attribute.leaf().returned == Returned::Never {
        return Err("cannot be sorted by");
    }
    let edges = [resource_type.members(), resource_type.groups()];
    if attribute.extension.is_none() && edges.contains(&Some(holder)) {
        return Err("stands for other resources, which have no order here");
    }
    let attribute = if attribute.leaf().is_complex() {
        let value = holder.sub_attribute(VALUE).map(|value| attribute.with_sub_attribute(value));
        value.ok_or("has no value of its own; name one of its sub-attributes")?
    } else {
        attribute
    };
    // Ids are made in the order of creation, and the primary key has them in this order.
    match (holder.name.as_str(), attribute.sub_attribute, resource_type.core_attribute(schema::ID)) {
        (schema::META, Some(part), Some(id)) if attribute.extension.is_none() && part.name == schema::CREATED => {
            Ok(AttributeRef { extension: None, attribute: id, sub_attribute: None })
        }
        _ => Ok(attribute),
    }
}

/// The value by which a resource is sorted: of several elements the primary one, else the first. `folded` is the resource as
/// `scim::fold` writes it, with `id` and `meta`. Of a text only the first [`limits::SORT_CHARACTERS`] count.
#[must_use]
pub fn key(attribute: AttributeRef<'_>, folded: &Map<String, Value>) -> Option<Value> {
    let holder = match attribute.extension {
        Some(schema) => folded.get(&schema.id).and_then(Value::as_object)?,
        None => folded,
    };
    let held = match holder.get(&attribute.attribute.name)? {
        Value::Array(elements) => {
            let is_primary = |element: &&Value| element.get(PRIMARY) == Some(&Value::Bool(true));
            let primary = elements.iter().find(|element| has_primary(attribute) && is_primary(element));
            primary.or_else(|| elements.first())?
        }
        single => single,
    };
    let value = match attribute.sub_attribute {
        Some(part) => held.get(&part.name)?,
        None => held,
    };
    match (is_number(attribute), value) {
        (true, Value::Number(_)) => Some(value.clone()),
        // A value of another type, written under another definition of the attribute, is none.
        (true, _) => None,
        (false, Value::String(text)) => Some(text.chars().take(limits::SORT_CHARACTERS).collect::<String>().into()),
        (false, Value::Number(number)) => Some(number.to_string().into()),
        (false, other) => Some(other.clone()),
    }
}

/// Which of two resources with these values comes first. Where neither does, the older one does.
#[must_use]
pub fn compare(order: Order, left: Option<&Value>, right: Option<&Value>) -> Ordering {
    let ascending = match (left, right) {
        (Some(left), Some(right)) => compare_values(left, right),
        (left, right) => right.is_some().cmp(&left.is_some()),
    };
    match order {
        Order::Ascending => ascending,
        Order::Descending => ascending.reverse(),
    }
}

fn compare_values(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => filter::compare_numbers(left, right).unwrap_or(Ordering::Equal),
        // Values of one attribute have one type.
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::registry;

    fn by(path: &str, folded: &Value) -> Option<Value> {
        let user = registry::user().unwrap();
        let found = resolve(path, &[&user]).unwrap();
        key(found[0].unwrap(), folded.as_object().unwrap())
    }

    #[test]
    fn the_primary_element_decides_else_the_first() {
        let work = json!({"value": "w", "type": "work"});
        let home = json!({"value": "h", "primary": true});
        assert_eq!(by("emails", &json!({"emails": [work, home]})), Some(json!("h")));
        assert_eq!(by("emails.value", &json!({"emails": [work]})), Some(json!("w")));
        assert_eq!(by("emails.type", &json!({"emails": [work, home]})), None);
        assert_eq!(by("emails", &json!({"emails": []})), None);
    }

    #[test]
    fn what_has_no_order_is_refused() {
        let (user, group) = (registry::user().unwrap(), registry::group().unwrap());
        for path in ["nope", "name", "meta", "password", "groups", "emails[type eq \"work\"]", "a b", "urn:x:y"] {
            let error = resolve(path, &[&user, &group]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidValue, "{path}");
            assert!(error.detail().contains(path), "{}", error.detail());
        }
        assert!(resolve("members", &[&group]).is_err());
        let found = resolve("userName", &[&group, &user]).unwrap();
        assert!(found[0].is_none() && found[1].is_some());
    }

    #[test]
    fn what_has_no_value_is_last_ascending_and_first_descending() {
        let one = json!(1);
        assert_eq!(compare(Order::Ascending, Some(&one), None), Ordering::Less);
        assert_eq!(compare(Order::Descending, Some(&one), None), Ordering::Greater);
        assert_eq!(compare(Order::Descending, None, None), Ordering::Equal);
    }

    #[test]
    fn an_order_is_one_of_two_words() {
        assert_eq!(Order::parse(Some("DEScending")).unwrap(), Order::Descending);
        assert_eq!(Order::parse(Some("")).unwrap(), Order::Ascending);
        assert_eq!(Order::parse(Some("desc")).unwrap_err().kind(), ErrorKind::InvalidValue);
        assert_eq!(SortRequest::parse(Some(" "), Some("desc")).unwrap(), None);
    }
}
