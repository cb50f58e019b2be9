//! One value against one attribute (RFC 7643 section 2.3): what comes out is canonical, or the reason why not.
//! Canonical means: names in the schema's case, no `null`, no empty array or object, an array exactly where the attribute
//! is multi-valued. The value itself is kept as sent; canonical values and formats that identity providers break in
//! practice (countries, time zones, profile URLs) are not checked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::scim::error::{ErrorKind, ScimError, excerpt};
use crate::scim::schema::{Attribute, Mutability, PRIMARY, TYPE, Type, VALUE};
use crate::scim::{fold, leniency, limits};

/// The canonical value of an attribute: an array for a multi-valued one. `None` when the input means "unassigned"
/// (RFC 7643 section 2.5).
///
/// # Errors
/// `invalidValue` naming the attribute.
pub fn value(attribute: &Attribute, input: Value) -> Result<Option<Value>, ScimError> {
    if attribute.multi_valued { list(attribute, input) } else { element(attribute, leniency::singular_as_array(input)) }
}

fn list(attribute: &Attribute, input: Value) -> Result<Option<Value>, ScimError> {
    if input.is_null() {
        return Ok(None);
    }
    let mut values: Vec<Value> = Vec::new();
    for input in leniency::elements(input) {
        if let Some(value) = element(attribute, input)? {
            values.push(value);
            // At once, because a list is only cheap to look through while it is short.
            check_length(attribute, &values)?;
        }
    }
    let values = once_each(attribute, values);
    check_list(attribute, &values)?;
    Ok(if values.is_empty() { None } else { Some(Value::Array(values)) })
}

/// Each element once (R7643-2.4-3): of those that are the same the last, at the place of the first.
#[must_use]
pub fn once_each(attribute: &Attribute, values: Vec<Value>) -> Vec<Value> {
    let mut identities: Vec<(Value, Value)> = Vec::with_capacity(values.len());
    let mut different: Vec<Value> = Vec::with_capacity(values.len());
    for value in values {
        let identity = identity(attribute, &value);
        match identities.iter().position(|known| *known == identity) {
            Some(position) => different[position] = value,
            None => {
                identities.push(identity);
                different.push(value);
            }
        }
    }
    different
}

/// What makes two elements of a list the same: `type` and `value` where there is a value, else everything.
#[must_use]
pub fn identity(attribute: &Attribute, element: &Value) -> (Value, Value) {
    let folded = fold::value(attribute, element);
    match folded.get(VALUE) {
        Some(value) => (value.clone(), folded.get(TYPE).cloned().unwrap_or_default()),
        None => (folded, Value::Null),
    }
}

/// Checks what holds for the elements together: their number, and at most one primary (RFC 7643 section 2.4).
///
/// # Errors
/// `invalidValue` naming the attribute.
pub fn check_list(attribute: &Attribute, values: &[Value]) -> Result<(), ScimError> {
    check_length(attribute, values)?;
    if values.iter().filter(|value| is_primary(value)).count() > 1 {
        return Err(ScimError::invalid_value(&attribute.name, "has more than one primary value"));
    }
    Ok(())
}

fn check_length(attribute: &Attribute, values: &[Value]) -> Result<(), ScimError> {
    if values.len() > limits::VALUES_PER_ATTRIBUTE {
        return Err(ScimError::invalid_value(
            &attribute.name,
            format_args!("has more than {} values", limits::VALUES_PER_ATTRIBUTE),
        ));
    }
    Ok(())
}

/// Whether an element says `"primary": true`.
#[must_use]
pub fn is_primary(element: &Value) -> bool {
    element.get(PRIMARY) == Some(&Value::Bool(true))
}

/// The canonical form of one element, or of the value of a singular attribute. `None` when unassigned.
///
/// # Errors
/// `invalidValue` naming the attribute.
pub fn element(attribute: &Attribute, input: Value) -> Result<Option<Value>, ScimError> {
    if input.is_null() || leniency::cleared_by_empty_text(attribute, &input) {
        return Ok(None);
    }
    let wrong = |expected: &str| ScimError::invalid_value(&attribute.name, format_args!("must be {expected}"));
    let value = match (attribute.kind, input) {
        (Type::Complex, Value::Object(object)) => return complex(attribute, object),
        (Type::Complex, Value::String(text)) if text.is_empty() => return Ok(None),
        (Type::Complex, Value::String(text)) => {
            let object = leniency::complex_as_text(attribute, &text).ok_or_else(|| wrong("an object"))?;
            return complex(attribute, object);
        }
        (Type::Complex, _) => return Err(wrong("an object")),
        (Type::Boolean, Value::Bool(flag)) => Value::Bool(flag),
        (Type::Boolean, other) => Value::Bool(leniency::boolean_as_text(&other).ok_or_else(|| wrong("true or false"))?),
        (Type::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => Value::Number(number),
        (Type::Integer, _) => return Err(wrong("a whole number")),
        (Type::Decimal, Value::Number(number)) => Value::Number(number),
        (Type::Decimal, _) => return Err(wrong("a number")),
        (Type::DateTime, Value::String(text)) if fold::date_time(&text).is_some() => Value::String(text),
        (Type::DateTime, _) => return Err(wrong("a date and time like 2026-01-02T03:04:05Z")),
        (Type::Binary, Value::String(text)) if STANDARD.decode(&text).is_ok() => Value::String(text),
        (Type::Binary, _) => return Err(wrong("base64 text with padding")),
        (Type::String | Type::Reference, Value::String(text)) => Value::String(text),
        (Type::String | Type::Reference, other) => {
            Value::String(leniency::text_as_number(&other).ok_or_else(|| wrong("text"))?)
        }
    };
    Ok(Some(value))
}

/// A complex value. Unknown sub-attributes are ignored. Those that are readOnly inside a writable attribute
/// (`manager.displayName`, a member's `display`) are kept as the client last sent them (R7643-4.3-1).
fn complex(attribute: &Attribute, input: Map<String, Value>) -> Result<Option<Value>, ScimError> {
    let mut object = Map::new();
    let mut without_value = false;
    for (name, input) in input {
        let known = attribute.sub_attribute(&name);
        let Some(sub_attribute) = known.or_else(|| leniency::sub_attribute_alias(attribute, &name)) else {
            continue;
        };
        let value = value(sub_attribute, input).map_err(|error| {
            ScimError::new(ErrorKind::InvalidValue, format!("in '{}': {}", attribute.name, error.detail()))
                .about(&attribute.name)
        })?;
        match value {
            None => without_value |= sub_attribute.name == VALUE,
            Some(value) if known.is_some() || !object.contains_key(&sub_attribute.name) => {
                object.insert(sub_attribute.name.clone(), value);
            }
            Some(_) => {}
        }
    }
    let nothing = object.is_empty() || (without_value && leniency::only_a_label(&object));
    Ok(if nothing { None } else { Some(Value::Object(object)) })
}

/// Whether clients may write the attribute.
#[must_use]
pub fn is_writable(attribute: &Attribute) -> bool {
    attribute.mutability != Mutability::ReadOnly
}

/// The error for a required attribute without a value.
#[must_use]
pub fn missing(attribute: &Attribute) -> ScimError {
    ScimError::invalid_value(&excerpt(&attribute.name), "is required")
}
