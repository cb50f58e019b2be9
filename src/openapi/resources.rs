//! The schemas of RFC 7643 as JSON Schema. The characteristics of an attribute become keywords: what is never returned is
//! `writeOnly`, what clients may not write `readOnly`, and canonical values are examples, because they are suggestions.

use serde_json::{Map, Value, json};

use super::schema;
use crate::scim::limits;
use crate::scim::registry::Registry;
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, Attributes, Mutability, Returned, Schema, Type};
use crate::scim::urn;

/// Schemas of the discovery endpoints, with the names of their components.
pub const DISCOVERED: [(&str, &str); 3] = [
    (urn::SERVICE_PROVIDER_CONFIG, "ServiceProviderConfig"),
    (urn::RESOURCE_TYPE, "ResourceType"),
    (urn::SCHEMA, "Schema"),
];

/// The name of the component for a resource as a client sends it.
pub fn request_name(resource_type: &ResourceType) -> String {
    format!("{}Request", resource_type.name)
}

/// All resource types, as replies show them and as requests must have them, and what discovery shows.
pub fn components(registry: &Registry) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for resource_type in registry.resource_types() {
        all.push((resource_type.name.clone(), resource(resource_type)));
        all.push((request_name(resource_type), request(resource_type)));
        for extension in &resource_type.extensions {
            all.push((extension_name(resource_type, &extension.schema), extension_object(&extension.schema)));
        }
    }
    let discovered =
        DISCOVERED.iter().filter_map(|(uri, name)| Some(((*name).to_owned(), described(registry.schema(uri)?))));
    all.extend(discovered);
    all
}

fn extension_name(resource_type: &ResourceType, extension: &Schema) -> String {
    let words: String = extension.name.split_whitespace().collect();
    if words.ends_with(&resource_type.name) { words } else { format!("{words}{}", resource_type.name) }
}

/// A resource in a reply. Only what is always returned is required, because a client may ask for less than the rest.
fn resource(resource_type: &ResourceType) -> Value {
    let mut properties = properties(resource_type.common_attributes(), &|_| false);
    properties.extend(self::properties(&resource_type.schema.attributes, &|_| false));
    for extension in &resource_type.extensions {
        properties.insert(extension.schema.id.clone(), schema(&extension_name(resource_type, &extension.schema)));
    }
    let known = resource_type.common_attributes().iter().chain(&resource_type.schema.attributes);
    let always: Vec<&str> = known
        .filter(|attribute| attribute.returned == Returned::Always)
        .map(|attribute| attribute.name.as_str())
        .collect();
    json!({
        "type": "object",
        "description": resource_type.schema.description.as_ref().unwrap_or(&resource_type.description),
        "properties": properties,
        "required": always,
    })
}

/// A resource in a request: the same, with all that a client must send.
fn request(resource_type: &ResourceType) -> Value {
    let required: Vec<&str> = required(&resource_type.schema.attributes, &is_demanded);
    json!({"allOf": [schema(&resource_type.name), {"required": required}]})
}

fn is_demanded(attribute: &Attribute) -> bool {
    attribute.required && attribute.mutability != Mutability::ReadOnly
}

fn extension_object(extension: &Schema) -> Value {
    json!({
        "type": "object",
        "title": extension.id,
        "description": extension.description,
        "properties": properties(&extension.attributes, &|_| false),
    })
}

/// What a discovery endpoint shows, all of it always.
fn described(known: &Schema) -> Value {
    let in_full = |attribute: &Attribute| attribute.required;
    json!({
        "type": "object",
        "description": known.description,
        "properties": properties(&known.attributes, &in_full),
        "required": required(&known.attributes, &in_full),
    })
}

fn required<'a>(attributes: &'a Attributes, is_required: &dyn Fn(&Attribute) -> bool) -> Vec<&'a str> {
    attributes.iter().filter(|attribute| is_required(attribute)).map(|attribute| attribute.name.as_str()).collect()
}

fn properties(attributes: &Attributes, is_required: &dyn Fn(&Attribute) -> bool) -> Map<String, Value> {
    attributes.iter().map(|attribute| (attribute.name.clone(), property(attribute, is_required))).collect()
}

fn property(attribute: &Attribute, is_required: &dyn Fn(&Attribute) -> bool) -> Value {
    let single = single(attribute, is_required);
    let mut property = if attribute.multi_valued { list(attribute, &single) } else { single };
    if let Some(description) = &attribute.description {
        property["description"] = description.as_str().into();
    }
    if attribute.mutability == Mutability::ReadOnly {
        property["readOnly"] = true.into();
    }
    if attribute.mutability == Mutability::WriteOnly || attribute.returned == Returned::Never {
        property["writeOnly"] = true.into();
    }
    property
}

/// An array. What the server makes has no limit of its own, and members of a group have that of the body.
fn list(attribute: &Attribute, element: &Value) -> Value {
    let mut list = json!({"type": "array", "items": element});
    if attribute.mutability != Mutability::ReadOnly && !is_edge(attribute) {
        list["maxItems"] = limits::VALUES_PER_ATTRIBUTE.into();
    }
    list
}

/// Whether the values are references that are kept apart from the resource, such as the members of a group.
fn is_edge(attribute: &Attribute) -> bool {
    attribute.is_complex() && attribute.sub_attributes.iter().any(|part| part.mutability == Mutability::Immutable)
}

fn single(attribute: &Attribute, is_required: &dyn Fn(&Attribute) -> bool) -> Value {
    let mut value = match attribute.kind {
        Type::String => json!({"type": "string"}),
        Type::Boolean => json!({"type": "boolean"}),
        Type::Decimal => json!({"type": "number"}),
        Type::Integer => json!({"type": "integer"}),
        Type::DateTime => json!({"type": "string", "format": "date-time"}),
        Type::Binary => json!({"type": "string", "contentEncoding": "base64"}),
        Type::Reference => json!({"type": "string", "format": "uri-reference"}),
        Type::Complex => {
            let mut object =
                json!({"type": "object", "properties": properties(&attribute.sub_attributes, is_required)});
            let required = required(&attribute.sub_attributes, is_required);
            if !required.is_empty() {
                object["required"] = required.into();
            }
            object
        }
    };
    // What clients write is not checked to be a reference.
    if attribute.mutability != Mutability::ReadOnly
        && let Some(keywords) = value.as_object_mut().filter(|_| attribute.kind == Type::Reference)
    {
        keywords.remove("format");
    }
    if !attribute.canonical_values.is_empty() {
        value["examples"] = attribute.canonical_values.clone().into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characteristics_become_keywords() {
        let all: Map<String, Value> = components(&Registry::standard().unwrap()).into_iter().collect();
        let user = &all["User"];
        assert_eq!(user["required"], json!(["schemas", "id"]));
        assert_eq!(user["properties"]["password"]["writeOnly"], true);
        assert_eq!(user["properties"]["groups"]["readOnly"], true);
        assert_eq!(user["properties"]["active"]["type"], "boolean");
        assert_eq!(user["properties"]["emails"]["maxItems"], limits::VALUES_PER_ATTRIBUTE);
        assert_eq!(user["properties"]["meta"]["properties"]["created"]["format"], "date-time");
        assert_eq!(user["properties"][urn::ENTERPRISE_USER], schema("EnterpriseUser"));
        assert_eq!(all["UserRequest"]["allOf"][1], json!({"required": ["userName"]}));
        assert!(all["Group"]["properties"]["members"].get("maxItems").is_none());
        assert!(all["ServiceProviderConfig"]["required"].as_array().unwrap().contains(&json!("patch")));
    }
}
