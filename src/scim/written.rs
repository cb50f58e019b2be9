//! Which attributes a write names. What is `returned: request` is shown in the reply to a write that names it (RFC 7643
//! section 2.2).

use serde_json::{Map, Value};

use super::filter;
use super::json;
use super::path::{self, AttributeRef, Target};
use super::resource_type::ResourceType;
use super::schema::Schema;
use super::urn;

/// The attributes, and the parts of complex ones, that the body of a POST, PUT or PATCH names. What names nothing known is left out;
/// whoever carries the write out has refused or ignored it.
pub(super) fn attributes<'s>(resource_type: &'s ResourceType, body: &Value) -> Vec<AttributeRef<'s>> {
    let mut written = Written { resource_type, found: Vec::new() };
    let Some(body) = body.as_object() else {
        return written.found;
    };
    match json::member(body, "Operations").and_then(Value::as_array) {
        Some(operations) => {
            operations.iter().filter_map(Value::as_object).for_each(|operation| written.operation(operation));
        }
        None => written.members(body),
    }
    written.found
}

struct Written<'s> {
    resource_type: &'s ResourceType,
    found: Vec<AttributeRef<'s>>,
}

impl<'s> Written<'s> {
    fn operation(&mut self, operation: &Map<String, Value>) {
        let value = json::member(operation, "value");
        match (json::member(operation, "path").and_then(Value::as_str), value) {
            (Some(path), _) => self.member(path, value.unwrap_or_default()),
            (None, Some(Value::Object(members))) => self.members(members),
            (None, _) => {}
        }
    }

    fn members(&mut self, members: &Map<String, Value>) {
        for (name, value) in members {
            self.member(name, value);
        }
    }

    fn member(&mut self, name: &str, value: &Value) {
        if let (true, Value::Object(members)) = (urn::same(name, &self.resource_type.schema.id), value) {
            return self.members(members);
        }
        let Ok(path) = filter::parse_path(name) else {
            return;
        };
        match (path::resolve(&path.attribute, self.resource_type), value) {
            (Ok(Target::Extension(schema)), Value::Object(members)) => self.extension(schema, members),
            (Ok(Target::Attribute(attribute)), value) => {
                let part = path.sub_attribute.and_then(|name| attribute.attribute.sub_attribute(&name));
                self.attribute(part.map_or(attribute, |part| attribute.with_sub_attribute(part)), value);
            }
            _ => {}
        }
    }

    fn extension(&mut self, schema: &'s Schema, members: &Map<String, Value>) {
        for (name, value) in members {
            if let Some(attribute) = schema.attributes.find(name) {
                self.attribute(AttributeRef { extension: Some(schema), attribute, sub_attribute: None }, value);
            }
        }
    }

    fn attribute(&mut self, attribute: AttributeRef<'s>, value: &Value) {
        self.found.push(attribute);
        let elements = match value {
            Value::Array(elements) => elements.as_slice(),
            single => std::slice::from_ref(single),
        };
        if attribute.sub_attribute.is_none() {
            let names = elements.iter().filter_map(Value::as_object).flat_map(Map::keys);
            let parts = names.filter_map(|name| attribute.attribute.sub_attribute(name));
            self.found.extend(parts.map(|part| attribute.with_sub_attribute(part)));
        }
    }
}
