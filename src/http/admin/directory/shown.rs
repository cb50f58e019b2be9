//! Resources as pages show them.

use serde_json::{Map, Value, json};

use super::form::label;
use crate::http::pages::BASE;
use crate::id::ResourceId;
use crate::scim::membership::MEMBER_TYPES;
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, Attributes, DISPLAY, PRIMARY, REF, TYPE, Type, VALUE};

/// Characters of a value that a profile shows.
const LONGEST: usize = 500;

/// What people call a resource.
pub(super) fn title(attributes: &Map<String, Value>, id: &str) -> String {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str);
    text("userName").or_else(|| text("displayName")).unwrap_or(id).to_owned()
}

/// A row of a list.
pub(super) fn row(attributes: &Map<String, Value>, id: &str, path: &str) -> Value {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str);
    let name = attributes.get("name").and_then(Value::as_object);
    let part = |part: &str| name.and_then(|name| name.get(part)).and_then(Value::as_str);
    let parts: Vec<&str> = [part("givenName"), part("familyName")].into_iter().flatten().collect();
    let spoken = text("displayName").or_else(|| part("formatted")).map(str::to_owned);
    let spoken = spoken.or_else(|| (!parts.is_empty()).then(|| parts.join(" ")));
    let emails = attributes.get("emails").and_then(Value::as_array);
    let email = emails.and_then(|emails| {
        let preferred = emails.iter().find(|email| email.get(PRIMARY) == Some(&Value::Bool(true)));
        preferred.or_else(|| emails.first())?.get(VALUE)?.as_str()
    });
    let title = title(attributes, id);
    json!({
        "path": format!("{path}/{id}"),
        "name": spoken.filter(|spoken| *spoken != title),
        "title": title,
        "email": email,
        "external_id": text("externalId"),
        "active": attributes.get("active").and_then(Value::as_bool),
    })
}

/// The profile: its sections, each with the attributes that have a value.
pub(super) fn profile(resource_type: &ResourceType, attributes: &Map<String, Value>) -> Vec<Value> {
    let mut own = rows(&resource_type.schema.attributes, attributes);
    own.extend(rows(resource_type.common_attributes(), attributes));
    let mut sections = vec![json!({"title": resource_type.schema.name, "uri": resource_type.schema.id, "rows": own})];
    for extension in &resource_type.extensions {
        let schema = &extension.schema;
        if let Some(object) = attributes.get(&schema.id).and_then(Value::as_object) {
            sections.push(json!({"title": schema.name, "uri": schema.id, "rows": rows(&schema.attributes, object)}));
        }
    }
    sections
}

fn rows(known: &Attributes, object: &Map<String, Value>) -> Vec<Value> {
    let held = known.iter().filter_map(|attribute| Some((attribute, object.get(&attribute.name)?)));
    held.map(|(attribute, value)| {
        let elements = match value {
            Value::Array(elements) => elements.as_slice(),
            single => std::slice::from_ref(single),
        };
        let lines: Vec<Value> = elements.iter().flat_map(|element| lines(attribute, element)).collect();
        json!({"label": label(&attribute.name), "attribute": attribute.name, "lines": lines})
    })
    .collect()
}

/// An element in lines: its `value` with what is said of it, or else each of its parts.
fn lines(attribute: &Attribute, element: &Value) -> Vec<Value> {
    let Some(object) = element.as_object() else {
        return vec![json!({"text": excerpt(attribute, element), "small": Value::Null, "path": Value::Null})];
    };
    let parts = || attribute.sub_attributes.iter().filter_map(|part| Some((part, object.get(&part.name)?)));
    let Some(value) = object.get(VALUE) else {
        return parts()
            .map(|(part, value)| json!({"text": excerpt(part, value), "small": label(&part.name), "path": Value::Null}))
            .collect();
    };
    let said = parts().filter(|(part, _)| part.name != VALUE).filter_map(|(part, value)| match part.name.as_str() {
        PRIMARY => (value == &Value::Bool(true)).then(|| "primary".to_owned()),
        TYPE | DISPLAY => Some(excerpt(part, value)),
        _ => Some(format!("{}: {}", label(&part.name), excerpt(part, value))),
    });
    let said: Vec<String> = said.collect();
    let small = if said.is_empty() { Value::Null } else { said.join(" · ").into() };
    vec![json!({"text": excerpt(attribute, value), "small": small, "path": page_of(attribute, value)})]
}

/// The page of the user that an element names by its id, as a manager is named.
fn page_of(attribute: &Attribute, value: &Value) -> Option<String> {
    let reference = attribute.sub_attribute(REF)?;
    let is_user = reference.reference_types.iter().any(|name| name == MEMBER_TYPES[0]);
    let id = value.as_str().and_then(ResourceId::parse).filter(|_| is_user)?;
    Some(format!("{BASE}/users/{id}"))
}

fn excerpt(attribute: &Attribute, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) if attribute.kind == Type::Boolean => "Yes".into(),
        Value::Bool(false) if attribute.kind == Type::Boolean => "No".into(),
        Value::Array(elements) => {
            elements.iter().map(|element| excerpt(attribute, element)).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A value of any attribute on one line, for two states side by side.
pub(super) fn one_line(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// JSON text with an indented line for each member and element. The order of members stays, as no reading into a map would keep it.
pub(super) fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        if quoted {
            text.push(character);
            quoted = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '"' => {
                quoted = true;
                text.push(character);
            }
            '{' | '[' => {
                text.push(character);
                if !matches!(characters.peek(), Some('}' | ']')) {
                    depth += 1;
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                if !text.ends_with(['{', '[']) {
                    depth = depth.saturating_sub(1);
                    line(&mut text, depth);
                }
                text.push(character);
            }
            ',' => {
                text.push(character);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            space if space.is_whitespace() => {}
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indented_json_says_the_same_in_the_same_order() {
        let json = r#"{"b":[],"a":{"x":"{,:}\"","y":[1,{"z":null}]},"c":{}}"#;
        let text = indented(json);
        assert!(text.starts_with("{\n  \"b\": [],\n  \"a\": {\n    \"x\": \"{,:}"), "{text}");
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(&text), read(json));
    }
}
