//! From a filter as written to one that the schema has accepted.

use std::sync::Arc;

use serde_json::Value;

use super::condition::{Comparison, Condition, Literal, Test};
use super::parser::parse_with_places;
use super::{Filter, Operator};
use crate::scim::error::{ScimError, excerpt};
use crate::scim::path::{self, AttributeRef, Target, Unresolved};
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, PRIMARY, Returned, Type, VALUE};
use crate::scim::{fold, leniency};

/// Resolves a filter on resources of this type.
///
/// # Errors
/// `invalidFilter` for an attribute that no schema knows, an operator that the attribute's type does not have, or a literal of
/// another type. An unknown attribute is refused because an empty answer would say "there is no such user" (decision 9).
pub fn resolve<'s>(filter: &Filter, resource_type: &'s ResourceType) -> Result<Condition<'s>, ScimError> {
    resolve_among(filter, resource_type, &[])
}

/// Resolves a filter on resources of this type in a query over several: an attribute that only others of them have counts as
/// having no value here (RFC 7644 section 3.4.2.1).
///
/// # Errors
/// As [`resolve`], for an attribute that none of them has.
pub fn resolve_among<'s>(
    filter: &Filter,
    resource_type: &'s ResourceType,
    queried: &'s [Arc<ResourceType>],
) -> Result<Condition<'s>, ScimError> {
    condition(filter, Scope::Resource(resource_type, queried))
}

/// Reads and resolves a filter that somebody has typed: as [`parse`](super::parse) and [`resolve`], but each error knows the character
/// where it is.
///
/// # Errors
/// `invalidFilter`.
pub fn check(text: &str, resource_type: &ResourceType) -> Result<Filter, ScimError> {
    let (filter, places) = parse_with_places(text)?;
    resolve(&filter, resource_type).map_err(|error| {
        let place = failing(&filter, Scope::Resource(resource_type, &[]), &mut 0);
        match place.and_then(|place| text.get(..*places.get(place)?)) {
            Some(before) => error.at(before.chars().count()),
            None => error,
        }
    })?;
    Ok(filter)
}

/// The number of the first expression that does not resolve. `next` is the number of the next expression.
fn failing(filter: &Filter, scope: Scope<'_>, next: &mut usize) -> Option<usize> {
    let this = *next;
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().find_map(|part| failing(part, scope, next)),
        Filter::Not(inner) => failing(inner, scope, next),
        Filter::Present(_) | Filter::Compare(..) => {
            *next += 1;
            condition(filter, scope).is_err().then_some(this)
        }
        Filter::ValuePath(path, inner) => {
            *next += 1;
            let within = match scope.find(path) {
                Ok(Some(Target::Attribute(attribute))) => failing(inner, Scope::Element(attribute), next),
                _ => None,
            };
            condition(filter, scope).is_err().then_some(within.unwrap_or(this))
        }
    }
}

/// Resolves a filter on the elements of an attribute, as it stands between the brackets of a value path.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_element<'s>(filter: &Filter, attribute: AttributeRef<'s>) -> Result<Condition<'s>, ScimError> {
    condition(filter, Scope::Element(attribute))
}

/// What a name in a filter is looked up in.
#[derive(Clone, Copy)]
enum Scope<'s> {
    /// A resource of the first type, in a query over all the others too.
    Resource(&'s ResourceType, &'s [Arc<ResourceType>]),
    Element(AttributeRef<'s>),
}

impl<'s> Scope<'s> {
    /// What the name denotes; `None` where only another of the types queried has it.
    fn find(self, text: &str) -> Result<Option<Target<'s>>, ScimError> {
        match self {
            Self::Resource(resource_type, queried) => match path::resolve(text, resource_type) {
                Ok(target) => Ok(Some(target)),
                Err(Unresolved::Unknown) if queried.iter().any(|other| path::resolve(text, other).is_ok()) => Ok(None),
                Err(reason) => Err(ScimError::invalid_filter(format!("'{}' {reason}", excerpt(text)))),
            },
            Self::Element(attribute) => match attribute.attribute.sub_attribute(text) {
                Some(part) => Ok(Some(Target::Attribute(attribute.with_sub_attribute(part)))),
                // An array of simple values: its elements are called `value` (erratum 7122).
                None if !attribute.attribute.is_complex() && text.eq_ignore_ascii_case(VALUE) => {
                    Ok(Some(Target::Attribute(attribute)))
                }
                None => Err(ScimError::invalid_filter(format!(
                    "'{}' is no sub-attribute of '{}'",
                    excerpt(text),
                    attribute.attribute.name
                ))),
            },
        }
    }
}

fn condition<'s>(filter: &Filter, scope: Scope<'s>) -> Result<Condition<'s>, ScimError> {
    let all = |parts: &[Filter]| parts.iter().map(|part| condition(part, scope)).collect::<Result<Vec<_>, _>>();
    match filter {
        Filter::And(parts) => all(parts).map(Condition::And),
        Filter::Or(parts) => all(parts).map(Condition::Or),
        Filter::Not(inner) => Ok(not(condition(inner, scope)?)),
        Filter::Present(path) => match scope.find(path)? {
            None => Ok(Condition::Never),
            Some(Target::Extension(schema)) => Ok(Condition::ExtensionPresent(schema)),
            Some(Target::Attribute(attribute)) => {
                readable(attribute)?;
                Ok(test(attribute, Comparison::Present))
            }
        },
        Filter::Compare(path, operator, value) => match scope.find(path)? {
            None => Ok(match (operator, value) {
                // Without a value, it equals null and differs from every other literal.
                (Operator::Ne, Value::Null) => Condition::Never,
                (Operator::Ne, _) | (Operator::Eq, Value::Null) => not(Condition::Never),
                _ => Condition::Never,
            }),
            Some(Target::Extension(_)) => {
                Err(ScimError::invalid_filter(format!("'{}' names a schema; only 'pr' applies to it", excerpt(path))))
            }
            Some(Target::Attribute(attribute)) => compare(scope, attribute, *operator, value),
        },
        Filter::ValuePath(path, inner) => {
            let attribute = match (scope, scope.find(path)?) {
                (Scope::Resource(..), None) => return Ok(Condition::Never),
                (Scope::Resource(..), Some(Target::Attribute(attribute))) => attribute,
                _ => return Err(ScimError::invalid_filter(format!("'{}' cannot have brackets here", excerpt(path)))),
            };
            readable(attribute)?;
            let simple = !attribute.attribute.is_complex() && !attribute.attribute.multi_valued;
            if simple || attribute.sub_attribute.is_some() {
                return Err(ScimError::invalid_filter(format!("'{attribute}' has no elements to select from")));
            }
            let inner = condition(inner, Scope::Element(attribute))?;
            if attribute.attribute.multi_valued {
                return Ok(Condition::Element(attribute, Box::new(inner)));
            }
            // A singular attribute has one element: what is asked of its parts can be asked of the resource.
            Ok(Condition::And(vec![test(attribute, Comparison::Present), inner]))
        }
    }
}

fn not(condition: Condition<'_>) -> Condition<'_> {
    Condition::Not(Box::new(condition))
}

fn test(attribute: AttributeRef<'_>, comparison: Comparison) -> Condition<'_> {
    Condition::Test(Test { attribute, comparison })
}

/// A value that no reply may contain cannot be asked for either (R7644-3.4.2.2-7).
fn readable(attribute: AttributeRef<'_>) -> Result<(), ScimError> {
    if attribute.attribute.returned == Returned::Never || attribute.leaf().returned == Returned::Never {
        return Err(ScimError::invalid_filter(format!("'{attribute}' cannot be filtered on")));
    }
    Ok(())
}

fn compare<'s>(
    scope: Scope<'s>,
    attribute: AttributeRef<'s>,
    operator: Operator,
    value: &Value,
) -> Result<Condition<'s>, ScimError> {
    readable(attribute)?;
    match (operator, value) {
        (Operator::Eq, Value::Null) => return Ok(not(test(attribute, Comparison::Present))),
        (Operator::Ne, Value::Null) => return Ok(test(attribute, Comparison::Present)),
        _ => {}
    }
    let whole = attribute;
    let attribute = narrow(attribute)?;
    let leaf = attribute.leaf();
    let illegal =
        || ScimError::invalid_filter(format!("operator '{}' does not apply to '{attribute}'", operator.name()));
    let literal = literal(leaf, value).ok_or_else(|| {
        ScimError::invalid_filter(format!(
            "'{attribute}' cannot be compared with {}: {}",
            value_kind(value),
            wanted(leaf)
        ))
    })?;
    if let (Some(false), true) = (literal.as_boolean(), is_primary(attribute)) {
        return not_primary(scope, attribute, operator).ok_or_else(illegal);
    }
    let comparison = match operator {
        Operator::Eq => Comparison::Equals(literal),
        Operator::Ne => {
            let equals = test(attribute, Comparison::Equals(literal));
            // RFC 7644 section 3.4.2.2: some element differs. Nothing at all differs too.
            if matches!(scope, Scope::Resource(..)) && attribute.attribute.multi_valued {
                let list = AttributeRef { sub_attribute: None, ..whole };
                return Ok(Condition::Or(vec![
                    not(test(list, Comparison::Present)),
                    Condition::Element(list, Box::new(not(equals))),
                ]));
            }
            return Ok(not(equals));
        }
        Operator::Co | Operator::Sw | Operator::Ew => match (leaf.kind, literal) {
            (Type::String | Type::Reference, Literal::Text(text)) => match operator {
                Operator::Co => Comparison::Contains(text),
                Operator::Sw => Comparison::StartsWith(text),
                _ => Comparison::EndsWith(text),
            },
            _ => return Err(illegal()),
        },
        Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le => {
            if matches!(leaf.kind, Type::Boolean | Type::Binary) {
                return Err(illegal());
            }
            match operator {
                Operator::Gt => Comparison::Greater(literal),
                Operator::Ge => Comparison::GreaterOrEqual(literal),
                Operator::Lt => Comparison::Less(literal),
                _ => Comparison::LessOrEqual(literal),
            }
        }
    };
    Ok(test(attribute, comparison))
}

/// Whether this is the mark of the preferred element, whose absence says `false` (RFC 7643 section 2.4).
fn is_primary(attribute: AttributeRef<'_>) -> bool {
    attribute.attribute.multi_valued
        && attribute.sub_attribute.is_some_and(|part| part.name == PRIMARY && part.kind == Type::Boolean)
}

/// `primary eq false` and `primary ne false`, asked by what an element can have: `true`.
fn not_primary<'s>(scope: Scope<'s>, attribute: AttributeRef<'s>, operator: Operator) -> Option<Condition<'s>> {
    let marked = test(attribute, Comparison::Equals(Literal::Boolean(true)));
    let list = AttributeRef { sub_attribute: None, ..attribute };
    match (operator, scope) {
        (Operator::Eq, Scope::Element(_)) => Some(not(marked)),
        (Operator::Eq, Scope::Resource(..)) => Some(Condition::Element(list, Box::new(not(marked)))),
        (Operator::Ne, Scope::Element(_)) => Some(marked),
        // Nothing at all differs too.
        (Operator::Ne, Scope::Resource(..)) => Some(Condition::Or(vec![not(test(list, Comparison::Present)), marked])),
        _ => None,
    }
}

/// A complex attribute is compared by its `value`.
fn narrow(attribute: AttributeRef<'_>) -> Result<AttributeRef<'_>, ScimError> {
    if !attribute.leaf().is_complex() {
        return Ok(attribute);
    }
    let value = attribute.attribute.sub_attribute(VALUE);
    value.map(|value| attribute.with_sub_attribute(value)).ok_or_else(|| {
        ScimError::invalid_filter(format!("'{attribute}' has no value of its own; name one of its sub-attributes"))
    })
}

fn literal(attribute: &Attribute, value: &Value) -> Option<Literal> {
    match (attribute.kind, value) {
        (Type::Boolean, Value::Bool(flag)) => Some(Literal::Boolean(*flag)),
        (Type::Boolean, other) => leniency::boolean_as_text(other).map(Literal::Boolean),
        (Type::Integer | Type::Decimal, Value::Number(number)) => Some(Literal::Number(number.clone())),
        (Type::Integer | Type::Decimal, Value::String(text)) => leniency::number_as_text(text).map(Literal::Number),
        (Type::Integer | Type::Decimal | Type::Complex, _) => None,
        (Type::DateTime, Value::String(text)) => fold::date_time(text).map(|time| Literal::Text(fold::instant(time))),
        (Type::DateTime, _) => None,
        (Type::Binary, Value::String(text)) => fold::binary(text).map(Literal::Text),
        (Type::Binary, _) => None,
        (Type::String | Type::Reference, Value::String(text)) => Some(Literal::Text(fold::text(attribute, text))),
        (Type::String | Type::Reference, other) => {
            leniency::text_as_number(other).map(|text| Literal::Text(fold::text(attribute, &text)))
        }
    }
}

fn value_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        _ => "this text",
    }
}

fn wanted(attribute: &Attribute) -> &'static str {
    match attribute.kind {
        Type::Boolean => "it is true or false",
        Type::Integer | Type::Decimal => "it is a number",
        Type::DateTime => "it is a date and time like \"2026-01-02T03:04:05Z\"",
        Type::Binary => "it is base64 text",
        Type::String | Type::Reference | Type::Complex => "it is text",
    }
}
