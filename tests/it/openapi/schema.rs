//! As much of JSON Schema (2020-12) as the document uses. A keyword that is not known here is an error, so that nothing passes
//! because it was not looked at.

use serde_json::Value;

use super::document;

/// Keywords that say something to people or to generators of code.
const ANNOTATIONS: [&str; 9] =
    ["title", "description", "default", "examples", "format", "contentEncoding", "readOnly", "writeOnly", "$comment"];

/// Where a value comes from: what is read-only is not sent, and what is write-only not answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Request,
    Reply,
}

/// What is wrong with a value, each with its place.
pub fn problems(schema: &Value, value: &Value, direction: Direction) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "", direction, &mut found);
    found
}

fn check(schema: &Value, value: &Value, at: &str, direction: Direction, found: &mut Vec<String>) {
    let keywords = match schema {
        Value::Bool(true) => return,
        Value::Bool(false) => return found.push(format!("{at} must not be there")),
        schema => schema.as_object().unwrap_or_else(|| panic!("{at}: no schema: {schema}")),
    };
    for (keyword, given) in keywords {
        let mut expect = |holds: bool| {
            if !holds {
                found.push(format!("{at} against {keyword} {given}: {value}"));
            }
        };
        match keyword.as_str() {
            "type" => expect(is_of_type(value, given.as_str().unwrap())),
            "const" => expect(value == given),
            "enum" => expect(given.as_array().unwrap().contains(value)),
            "minimum" => expect(value.as_i64().is_none_or(|value| value >= given.as_i64().unwrap())),
            "maxLength" => {
                expect(value.as_str().is_none_or(|text| text.chars().count() as u64 <= given.as_u64().unwrap()));
            }
            "maxItems" => {
                expect(value.as_array().is_none_or(|elements| elements.len() as u64 <= given.as_u64().unwrap()));
            }
            "contains" => {
                let fits = |element: &Value| problems(given, element, direction).is_empty();
                expect(value.as_array().is_none_or(|elements| elements.iter().any(fits)));
            }
            "anyOf" => {
                let fits = |one: &Value| problems(one, value, direction).is_empty();
                expect(given.as_array().unwrap().iter().any(fits));
            }
            "required" => {
                let present = |name: &Value| value.get(name.as_str().unwrap()).is_some();
                let excused = |name: &Value| {
                    let read_only =
                        &keywords.get("properties").unwrap_or(&Value::Null)[name.as_str().unwrap()]["readOnly"];
                    direction == Direction::Request && *read_only == Value::Bool(true)
                };
                let missing = |name: &&Value| !present(name) && !excused(name);
                expect(!value.is_object() || given.as_array().unwrap().iter().find(missing).is_none());
            }
            "allOf" => given.as_array().unwrap().iter().for_each(|one| check(one, value, at, direction, found)),
            "$ref" => check(resolve(given.as_str().unwrap()), value, at, direction, found),
            "items" => {
                for (position, element) in value.as_array().into_iter().flatten().enumerate() {
                    check(given, element, &format!("{at}/{position}"), direction, found);
                }
            }
            "properties" => {
                for (name, schema) in given.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        let hidden = direction == Direction::Reply && schema["writeOnly"] == Value::Bool(true);
                        let place = format!("{at}/{name}");
                        if hidden {
                            found.push(format!("{place} is never answered"));
                        }
                        check(schema, member, &place, direction, found);
                    }
                }
            }
            keyword => assert!(ANNOTATIONS.contains(&keyword), "{at}: the keyword '{keyword}' is not known here"),
        }
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        name => panic!("no type '{name}'"),
    }
}

/// What a reference within the document leads to.
pub fn resolve(reference: &str) -> &'static Value {
    let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference}"));
    document().pointer(pointer).unwrap_or_else(|| panic!("nothing is at {reference}"))
}

#[test]
fn the_check_finds_what_is_wrong() {
    use serde_json::json;

    let schema = json!({
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"type": "string", "enum": ["x"]},
            "b": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 2, "contains": {"const": 3}},
            "c": {"writeOnly": true},
            "d": false,
        },
    });
    for (right, value) in [
        (true, json!({"a": "x"})),
        (true, json!({"a": "x", "b": [3], "e": null})),
        (false, json!([])),
        (false, json!({})),
        (false, json!({"a": "y"})),
        (false, json!({"a": 1})),
        (false, json!({"a": "x", "b": [3, 0]})),
        (false, json!({"a": "x", "b": [1]})),
        (false, json!({"a": "x", "b": [3, 3, 3]})),
        (false, json!({"a": "x", "c": 1})),
        (false, json!({"a": "x", "d": 1})),
    ] {
        let found = problems(&schema, &value, Direction::Reply);
        assert_eq!(found.is_empty(), right, "{value}: {found:?}");
    }
    assert!(problems(&schema, &json!({"a": "x", "c": 1}), Direction::Request).is_empty());
}
