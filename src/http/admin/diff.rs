//! What differs between two states, attribute by attribute: what the component `ui.diff` shows.

use serde_json::{Map, Value, json};

/// The attributes that differ, each with what was removed and what was added, as text.
pub(super) fn diff(before: Option<&Value>, after: Option<&Value>) -> Value {
    let (before, after) = (flat(before), flat(after));
    let mut names: Vec<&String> =
        before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))).collect();
    names.sort();
    let change = |name: &String| {
        let (removed, added) = match (before.get(name), after.get(name)) {
            (Some(Value::Array(these)), Some(Value::Array(those))) => (without(these, those), without(those, these)),
            (old, new) if old == new => (Vec::new(), Vec::new()),
            (old, new) => (texts(old), texts(new)),
        };
        let differs = !removed.is_empty() || !added.is_empty();
        differs.then(|| json!({"attribute": name, "removed": removed, "added": added}))
    };
    names.into_iter().filter_map(change).collect()
}

/// The attributes of a state. Those of a complex attribute or an extension stand by themselves, behind its name.
fn flat(state: Option<&Value>) -> Map<String, Value> {
    let mut found = Map::new();
    match state {
        None | Some(Value::Null) => {}
        Some(Value::Object(attributes)) => {
            for (name, value) in attributes {
                match value {
                    Value::Object(parts) if !parts.is_empty() => {
                        let separator = if name.contains(':') { ':' } else { '.' };
                        found.extend(
                            parts.iter().map(|(part, value)| (format!("{name}{separator}{part}"), value.clone())),
                        );
                    }
                    _ => {
                        found.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        Some(other) => {
            found.insert("value".into(), other.clone());
        }
    }
    found
}

/// The elements of a list that are not in the other.
fn without(these: &[Value], those: &[Value]) -> Vec<String> {
    these.iter().filter(|value| !those.contains(value)).map(text).collect()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(Value::Array(values)) if !values.is_empty() => values.iter().map(text).collect(),
        Some(value) => vec![text(value)],
    }
}

/// A text as it is, anything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_that_differ_are_told_with_what_went_and_what_came() {
        let before = json!({"a": 1, "same": true, "name": {"x": "old", "y": "y"}, "list": ["p", "q"], "gone": "g"});
        let after =
            json!({"a": 2, "same": true, "name": {"x": "new", "y": "y"}, "list": ["q", "r"], "urn:x": {"d": "IT"}});
        let change = |attribute: &str, removed: &[&str], added: &[&str]| json!({"attribute": attribute, "removed": removed, "added": added});
        assert_eq!(
            diff(Some(&before), Some(&after)),
            json!([
                change("a", &["1"], &["2"]),
                change("gone", &["g"], &[]),
                change("list", &["p"], &["r"]),
                change("name.x", &["old"], &["new"]),
                change("urn:x:d", &[], &["IT"]),
            ])
        );
        assert_eq!(diff(None, None), json!([]));
        assert_eq!(
            diff(None, Some(&json!({"emails": [{"value": "a"}]}))),
            json!([change("emails", &[], &["{\"value\":\"a\"}"])])
        );
    }
}
