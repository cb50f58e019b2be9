//! A condition against JSON in comparison form. PATCH selects elements by it, and it is what the SQL must agree with.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::condition::{Comparison, Condition, Literal, Test};
use crate::scim::path::AttributeRef;

/// Whether a resource satisfies the condition. `folded` is the resource as `scim::fold` writes it, with `id` and `meta`.
#[must_use]
pub fn matches(condition: &Condition<'_>, folded: &Map<String, Value>) -> bool {
    match condition {
        Condition::And(parts) => parts.iter().all(|part| matches(part, folded)),
        Condition::Or(parts) => parts.iter().any(|part| matches(part, folded)),
        Condition::Not(inner) => !matches(inner, folded),
        Condition::Test(test) => elements(test.attribute, folded).any(|element| holds(test, element)),
        Condition::Never => false,
        Condition::ExtensionPresent(schema) => folded.contains_key(&schema.id),
        Condition::Element(attribute, inner) => {
            elements(*attribute, folded).any(|element| matches_element(inner, element))
        }
    }
}

/// Whether one element of an attribute satisfies a condition on its sub-attributes.
#[must_use]
pub fn matches_element(condition: &Condition<'_>, element: &Value) -> bool {
    match condition {
        Condition::And(parts) => parts.iter().all(|part| matches_element(part, element)),
        Condition::Or(parts) => parts.iter().any(|part| matches_element(part, element)),
        Condition::Not(inner) => !matches_element(inner, element),
        Condition::Test(test) => holds(test, element),
        // Elements contain neither extensions nor elements.
        Condition::Never | Condition::ExtensionPresent(_) | Condition::Element(..) => false,
    }
}

/// The elements of a multi-valued attribute, or the one value of a singular one.
fn elements<'v>(attribute: AttributeRef<'_>, folded: &'v Map<String, Value>) -> impl Iterator<Item = &'v Value> {
    let holder = match attribute.extension {
        Some(schema) => folded.get(&schema.id).and_then(Value::as_object),
        None => Some(folded),
    };
    let held = holder.and_then(|holder| holder.get(&attribute.attribute.name));
    match held {
        Some(Value::Array(elements)) => elements.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    }
    .iter()
}

fn holds(test: &Test<'_>, element: &Value) -> bool {
    let value = match test.attribute.sub_attribute {
        Some(part) => element.get(&part.name),
        None => Some(element),
    };
    value.is_some_and(|value| satisfies(&test.comparison, value))
}

/// Whether one value in comparison form satisfies a comparison.
#[must_use]
pub fn satisfies(comparison: &Comparison, value: &Value) -> bool {
    let text = value.as_str();
    match comparison {
        Comparison::Present => true,
        Comparison::Equals(literal) => compare(value, literal).is_some_and(Ordering::is_eq),
        Comparison::Contains(part) => text.is_some_and(|text| text.contains(part)),
        Comparison::StartsWith(part) => text.is_some_and(|text| text.starts_with(part)),
        Comparison::EndsWith(part) => text.is_some_and(|text| text.ends_with(part)),
        Comparison::Greater(literal) => compare(value, literal).is_some_and(Ordering::is_gt),
        Comparison::GreaterOrEqual(literal) => compare(value, literal).is_some_and(Ordering::is_ge),
        Comparison::Less(literal) => compare(value, literal).is_some_and(Ordering::is_lt),
        Comparison::LessOrEqual(literal) => compare(value, literal).is_some_and(Ordering::is_le),
    }
}

fn compare(value: &Value, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Value::String(value), Literal::Text(literal)) => Some(value.as_str().cmp(literal)),
        (Value::Bool(value), Literal::Boolean(literal)) => Some(value.cmp(literal)),
        (Value::Number(value), Literal::Number(literal)) => compare_numbers(value, literal),
        _ => None,
    }
}

/// Whole numbers exactly, also those that need all 64 bits.
pub(in crate::scim) fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}
