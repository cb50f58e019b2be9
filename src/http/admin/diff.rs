//! What differs between two states, attribute by attribute: what the component `ui.diff` shows.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use crate::http::pages::show;

/// Values of a list that are shown as removed, and as added. A group may have changed by a hundred thousand members.
const SHOWN: usize = 200;

/// The attributes that differ, each with what was removed and what was added, as text. It takes a while where the states are
/// large, so it is made where a request may block.
pub(super) fn diff(before: Option<&Value>, after: Option<&Value>) -> Value {
    let (before, after) = (flat(before), flat(after));
    let mut names: Vec<&String> =
        before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))).collect();
    names.sort();
    let change = |name: &String| {
        let (removed, added) = match (before.get(name), after.get(name)) {
            (Some(Value::Array(these)), Some(Value::Array(those))) => (without(these, those), without(those, these)),
            (old, new) if old == new => (Vec::new(), Vec::new()),
            (old, new) => (elements(old.copied()), elements(new.copied())),
        };
        let differs = !removed.is_empty() || !added.is_empty();
        differs.then(|| {
            json!({
                "attribute": name,
                "removed": texts(&removed),
                "removed_more": more(&removed),
                "added": texts(&added),
                "added_more": more(&added),
            })
        })
    };
    names.into_iter().filter_map(change).collect()
}

/// The attributes of a state. Those of a complex attribute or an extension stand by themselves, behind its name.
fn flat(state: Option<&Value>) -> BTreeMap<String, &Value> {
    let mut found = BTreeMap::new();
    match state {
        None | Some(Value::Null) => {}
        Some(Value::Object(attributes)) => {
            for (name, value) in attributes {
                match value {
                    Value::Object(parts) if !parts.is_empty() => {
                        let separator = if name.contains(':') { ':' } else { '.' };
                        found.extend(parts.iter().map(|(part, value)| (format!("{name}{separator}{part}"), value)));
                    }
                    _ => {
                        found.insert(name.clone(), value);
                    }
                }
            }
        }
        Some(other) => {
            found.insert("value".into(), other);
        }
    }
    found
}

/// The elements of a list that are not in the other.
fn without<'a>(these: &'a [Value], those: &[Value]) -> Vec<&'a Value> {
    let those: HashSet<String> = those.iter().map(Value::to_string).collect();
    these.iter().filter(|value| !those.contains(&value.to_string())).collect()
}

/// What a value consists of.
fn elements(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(values)) if !values.is_empty() => values.iter().collect(),
        Some(value) => vec![value],
    }
}

fn texts(values: &[&Value]) -> Vec<String> {
    values.iter().take(SHOWN).map(|value| text(value)).collect()
}

/// How many values there are that are not shown.
fn more(values: &[&Value]) -> Option<String> {
    let more = values.len().saturating_sub(SHOWN);
    (more > 0).then(|| show::number(i64::try_from(more).unwrap_or(i64::MAX)))
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
        let change = |attribute: &str, removed: &[&str], added: &[&str]| json!({"attribute": attribute, "removed": removed, "removed_more": null, "added": added, "added_more": null});
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

    #[test]
    fn long_lists_are_compared_at_once_and_cut_off() {
        let members = |from: u32| -> Value { (from..from + 100_000).map(|number| json!({"value": number})).collect() };
        let begun = std::time::Instant::now();
        let changes = diff(Some(&json!({"members": members(0)})), Some(&json!({"members": members(99_000)})));
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
        let change = &changes[0];
        assert_eq!(
            (&change["removed"][0], &change["added"][0]),
            (&json!("{\"value\":0}"), &json!("{\"value\":100000}"))
        );
        for side in ["removed", "added"] {
            assert_eq!(change[side].as_array().unwrap().len(), SHOWN);
            assert_eq!(change[format!("{side}_more")], show::number(98_800));
        }
    }
}
