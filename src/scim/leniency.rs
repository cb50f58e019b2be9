//! Every deviation of an identity provider that is taken, one function each, always on. Whoever sends it stands above the
//! function, with the exchange under `tests/exchanges` that needs it.
//!
//! What the RFC leaves open, or what is a matter of grammar, is no function here but a part of the grammar:
//!
//! | taken | where | exchange |
//! | --- | --- | --- |
//! | `op` and the names of members in any case | [`super::patch`] | `entra/update.json`, `entra/names_with_capitals.json` |
//! | names in a value that are paths | [`super::patch`] | `entra/update_optscim.json` |
//! | a path that selects an element that is not there yet | [`super::patch`] | `entra/missing_element.json` |
//! | `remove` with a list of what goes | [`super::patch`] | `entra/roles_removed_by_listing.json` |
//! | an empty list of operations | [`super::patch`] | `entra/validator_traps.json` |
//! | a word without quotes in a filter | [`super::filter`] | `authentik/users.json` |
//! | a value path with a tail, `emails[type eq "work"].value eq "x"` | [`super::filter`] | `entra/look_up.json` |
//! | the name of an extension's attribute without the URN | [`super::path`] | `entra/manager.json` |
//! | URNs of other drafts in `schemas` | [`super::validate`] | `onelogin/update.json`, `google/schemas_of_two_versions.json` |
//! | empty and unknown parameters | [`super::parameters`] | `onelogin/look_up.json`, `entra/connection_test_optscim.json` |
//! | slashes at the end of the base URL and of a path | the HTTP interface | `others/base_url_with_a_slash.json` |
//! | `application/json` | the HTTP interface | `google/content_type.json` |

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::schema::{Attribute, DISPLAY, PRIMARY, TYPE, Type, VALUE};
use super::{json, urn};

/// Entra documentation and captures: the enterprise URN without the colon before `User`.
///
/// Exchange: `entra/misspelt_enterprise_urn.json`.
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
///
/// Exchange: `entra/deactivation.json`, `entra/role_of_one_assignment.json`.
#[must_use]
pub fn boolean_as_text(value: &Value) -> Option<bool> {
    match value {
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Okta's samples: a number where text is due (`employeeNumber`, `postalCode`); its decimal text is kept. Only whole numbers: of
/// others the text that was sent is not known any more.
///
/// Exchange: `okta/sloppy_types.json`.
#[must_use]
pub fn text_as_number(value: &Value) -> Option<String> {
    value.as_number().filter(|number| !number.is_f64()).map(ToString::to_string)
}

/// Several clients: a quoted number in a filter on a number. One without quotes whose digits the filter must not lose, `10.250`,
/// comes as text too.
///
/// Exchange: `others/numbers_in_filters.json`.
#[must_use]
pub fn number_as_text(text: &str) -> Option<Number> {
    serde_json::from_str(text).ok()
}

/// Entra: a plain string for a complex attribute (`manager`, a role) means its `value`; a string that holds a JSON object
/// (`AppRoleAssignmentsComplex`) means that object.
///
/// Exchange: `entra/manager.json`, `entra/roles_as_json_in_text.json`.
#[must_use]
pub fn complex_as_text(attribute: &Attribute, text: &str) -> Option<Map<String, Value>> {
    attribute.sub_attribute(VALUE)?;
    if let Ok(Value::Object(object)) = json::parse(text.as_bytes()) {
        return Some(object);
    }
    let mut object = Map::new();
    object.insert(VALUE.into(), Value::String(text.to_owned()));
    Some(object)
}

/// Entra: `manager` as an array of one, or of none where there is no manager.
///
/// Exchange: `entra/manager.json`.
#[must_use]
pub fn singular_as_array(value: Value) -> Value {
    match value {
        Value::Array(mut elements) if elements.len() <= 1 => elements.pop().unwrap_or_default(),
        other => other,
    }
}

/// Several clients: one element without its array.
///
/// Exchange: `others/one_element_without_its_array.json`, `others/one_member_without_its_array.json`.
#[must_use]
pub fn elements(value: Value) -> Vec<Value> {
    match value {
        Value::Array(elements) => elements,
        single => vec![single],
    }
}

/// Entra: `displayName` in an element whose sub-attribute is called `display`.
pub const DISPLAY_ALIAS: &str = "displayName";

/// The sub-attribute that [`DISPLAY_ALIAS`] means.
///
/// Exchange: `entra/roles_as_json_in_text.json`.
#[must_use]
pub fn sub_attribute_alias<'a>(attribute: &'a Attribute, name: &str) -> Option<&'a Attribute> {
    if name.eq_ignore_ascii_case(DISPLAY_ALIAS) { attribute.sub_attribute(DISPLAY) } else { None }
}

/// Okta and Entra: an element of which nothing is left but its label, because its `value` was sent as `""` or `null`. The client
/// means that there is no such value.
///
/// Exchange: `entra/cleared_values.json`.
#[must_use]
pub fn only_a_label(element: &Map<String, Value>) -> bool {
    element.keys().all(|name| name == TYPE || name == PRIMARY)
}

/// Entra: a path behind the URN of a schema that this server does not know, or of an attribute that a served schema lacks, as
/// mappings of custom attributes send it beside others in one PATCH. It is left out like an unknown attribute in a body, so that the
/// deactivation beside it is not lost.
///
/// Exchange: `entra/unknown_extension.json`.
#[must_use]
pub fn unknown_behind_a_urn(path: &str) -> bool {
    path.contains(':')
}

/// Okta and Entra: `""` to clear a value. For text the RFC has it a value; no identity provider means it so.
///
/// Exchange: `entra/cleared_values.json`, `okta/profile_by_patch.json`.
#[must_use]
pub fn cleared_by_empty_text(attribute: &Attribute, value: &Value) -> bool {
    attribute.kind != Type::Complex && value.as_str() == Some("")
}

/// As a precaution, seen from no client yet: the path of a bulk operation without the slash before it, or the whole URL as
/// `location` gave it. In the RFC it begins with a slash, below the base URL (RFC 7644 section 3.7).
///
/// Exchange: `others/bulk_paths.json`.
#[must_use]
pub fn path_below<'p>(base_url: &str, path: &'p str) -> &'p str {
    let below = path.strip_prefix(base_url).filter(|rest| rest.starts_with('/'));
    below.unwrap_or(path).trim_matches('/')
}
