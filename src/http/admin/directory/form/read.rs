//! From what was sent to a resource, and to the PATCH that makes it of the one before.

use serde_json::{Map, Number, Value, json};

use super::{Placed, Problems, Values, is_secret, label, placed, sentence, text};
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, Mutability, Type, VALUE};
use crate::scim::{leniency, validate};

/// Makes of what was sent the attributes of a resource that had `before`. What the form has no field for stays.
pub(in super::super) fn read(
    resource_type: &ResourceType,
    sent: &Values,
    before: &Map<String, Value>,
    keeps_passwords: bool,
) -> Result<Map<String, Value>, Problems> {
    let mut reader = Reader { sent, problems: Problems::new() };
    let mut after = before.clone();
    for placed in placed(resource_type, keeps_passwords) {
        let value = reader.value(placed.attribute, &placed.field(), placed.value(before));
        put(&mut after, placed, value);
    }
    if reader.problems.is_empty() { Ok(after) } else { Err(reader.problems) }
}

fn put(attributes: &mut Map<String, Value>, placed: Placed<'_>, value: Option<Value>) {
    let name = &placed.attribute.name;
    let Some(schema) = placed.extension else {
        match value {
            Some(value) => attributes.insert(name.clone(), value),
            None => attributes.remove(name),
        };
        return;
    };
    let mut object = match attributes.remove(&schema.id) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    match value {
        Some(value) => object.insert(name.clone(), value),
        None => object.remove(name),
    };
    if !object.is_empty() {
        attributes.insert(schema.id.clone(), Value::Object(object));
    }
}

struct Reader<'v> {
    sent: &'v Values,
    problems: Problems,
}

impl Reader<'_> {
    fn value(&mut self, attribute: &Attribute, name: &str, old: Option<&Value>) -> Option<Value> {
        if !attribute.multi_valued {
            return self.element(attribute, name, old);
        }
        let rows = self.sent.rows(name);
        let olds = match old {
            Some(Value::Array(elements)) => elements.as_slice(),
            Some(other) => std::slice::from_ref(other),
            None => &[],
        };
        if rows == 0 {
            return old.cloned();
        }
        let mut elements = Vec::new();
        // What is stored beyond the rows of a form stays.
        for position in 0..rows.max(olds.len()) {
            let element = format!("{name}.{position}");
            if !self.sent.is_removed(&element) {
                elements.extend(self.element(attribute, &element, olds.get(position)));
            }
        }
        if elements == olds {
            return old.cloned();
        }
        (!elements.is_empty()).then_some(Value::Array(elements))
    }

    fn element(&mut self, attribute: &Attribute, name: &str, old: Option<&Value>) -> Option<Value> {
        if !attribute.is_complex() {
            return self.leaf(attribute, name, old);
        }
        let held = old.and_then(Value::as_object);
        let mut object = held.cloned().unwrap_or_default();
        for part in attribute.sub_attributes.iter().filter(|part| validate::is_writable(part)) {
            match self.value(part, &format!("{name}.{}", part.name), held.and_then(|held| held.get(&part.name))) {
                Some(value) => object.insert(part.name.clone(), value),
                None => object.remove(&part.name),
            };
        }
        if held == Some(&object) {
            return old.cloned();
        }
        // What only the server or the identity provider says of the old value, does not hold for another.
        if held.and_then(|held| held.get(VALUE)) != object.get(VALUE) {
            for part in attribute.sub_attributes.iter().filter(|part| part.mutability == Mutability::ReadOnly) {
                object.remove(&part.name);
            }
        }
        let is_label = attribute.sub_attribute(VALUE).is_some() && leniency::only_a_label(&object);
        (!object.is_empty() && !is_label).then_some(Value::Object(object))
    }

    fn leaf(&mut self, attribute: &Attribute, name: &str, old: Option<&Value>) -> Option<Value> {
        let Some(sent) = self.sent.get(name) else {
            return old.cloned();
        };
        if let Some(old) = old
            && as_sent(sent) == as_sent(&text(old))
        {
            return Some(old.clone());
        }
        let sent = if is_secret(attribute) { sent } else { sent.trim() };
        if sent.is_empty() {
            return None;
        }
        let value = match attribute.kind {
            Type::Boolean => sent.parse().map(Value::Bool).ok(),
            Type::Integer | Type::Decimal => serde_json::from_str::<Number>(sent).map(Value::Number).ok(),
            _ => None,
        };
        let value = value.unwrap_or_else(|| as_sent(sent).into());
        let checked = if sent.contains('\0') {
            Err(format!("{} must not contain the character U+0000.", label(&attribute.name)))
        } else {
            validate::element(attribute, value).map_err(|error| sentence(&label(&attribute.name), error.detail()))
        };
        checked.unwrap_or_else(|problem| {
            self.problems.insert(name.to_owned(), problem);
            None
        })
    }
}

/// Browsers send each end of a line as two characters, whichever the text had.
fn as_sent(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The operations of a PATCH that makes one state of the other, attribute by attribute, so that what nobody touched cannot change.
pub(in super::super) fn operations(
    resource_type: &ResourceType,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Vec<Value> {
    let mut operations = Vec::new();
    for placed in placed(resource_type, true) {
        let (path, old, new) = (placed.path(), placed.value(before), placed.value(after));
        match (old, new) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                for part in placed.attribute.sub_attributes.iter().filter(|part| validate::is_writable(part)) {
                    let part_path = format!("{path}.{}", part.name);
                    operations.extend(operation(&part_path, old.get(&part.name), new.get(&part.name)));
                }
            }
            _ => operations.extend(operation(&path, old, new)),
        }
    }
    operations
}

fn operation(path: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Value> {
    match (old, new) {
        (old, new) if old == new => None,
        (_, Some(new)) => Some(json!({"op": "replace", "path": path, "value": new})),
        (_, None) => Some(json!({"op": "remove", "path": path})),
    }
}
