//! Every deviation of an identity provider that is taken, one function each, always on. Whoever sends it, and where it was
//! seen, stands above the function; `tests/exchanges/` holds a recorded exchange for each.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::schema::{Attribute, DISPLAY, Type, VALUE};
use super::urn;

/// Entra documentation and captures: the enterprise URN without the colon before `User`.
#[must_use]
pub fn schema_uri_misspelt(text: &str) -> Cow<'_, str> {
    const MISSPELT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0User";
    match text.split_at_checked(MISSPELT.len()) {
        Some((head, tail)) if head.eq_ignore_ascii_case(MISSPELT) => {
            Cow::Owned(format!("{}{tail}", urn::ENTERPRISE_USER))
        }
        _ => Cow::Borrowed(text),
    }
}

/// Entra: `"True"` and `"False"` in any case where a boolean is due, in values and in filters.
#[must_use]
pub fn boolean_as_text(value: &Value) -> Option<bool> {
    match value {
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Okta's samples: a number where text is due (`employeeNumber`, `postalCode`); its decimal text is kept.
#[must_use]
pub fn text_as_number(value: &Value) -> Option<String> {
    value.as_number().map(ToString::to_string)
}

/// Entra: a plain string for a complex attribute (`manager`, a role) means its `value`; a string that holds a JSON object
/// (`AppRoleAssignmentsComplex`) means that object.
#[must_use]
pub fn complex_as_text(attribute: &Attribute, text: &str) -> Option<Map<String, Value>> {
    attribute.sub_attribute(VALUE)?;
    if let Ok(Value::Object(object)) = serde_json::from_str(text) {
        return Some(object);
    }
    let mut object = Map::new();
    object.insert(VALUE.into(), json!(text));
    Some(object)
}

/// Entra: `manager` as an array of one.
#[must_use]
pub fn singular_as_array(value: Value) -> Value {
    match value {
        Value::Array(mut elements) if elements.len() == 1 => elements.swap_remove(0),
        other => other,
    }
}

/// Several clients: one element without its array.
#[must_use]
pub fn elements(value: Value) -> Vec<Value> {
    match value {
        Value::Array(elements) => elements,
        single => vec![single],
    }
}

/// Entra: `displayName` in an element whose sub-attribute is called `display`.
#[must_use]
pub fn sub_attribute_alias<'a>(attribute: &'a Attribute, name: &str) -> Option<&'a Attribute> {
    if name.eq_ignore_ascii_case("displayName") { attribute.sub_attribute(DISPLAY) } else { None }
}

/// Okta and Entra: `""` to clear a value. For text the RFC has it a value; no identity provider means it so.
#[must_use]
pub fn cleared_by_empty_text(attribute: &Attribute, value: &Value) -> bool {
    attribute.kind != Type::Complex && value.as_str() == Some("")
}
