//! The messages of RFC 7644: what is sent and answered besides resources.

use serde_json::{Value, json};

use super::resources::DISCOVERED;
use super::schema;
use crate::scim::bulk::METHODS;
use crate::scim::error::ErrorKind;
use crate::scim::limits;
use crate::scim::registry::Registry;
use crate::scim::resource_type::ResourceType;
use crate::scim::sort::Order;
use crate::scim::urn;

/// The media type of every reply (RFC 7644 section 8.1).
pub const MEDIA_TYPE: &str = "application/scim+json";
/// Those that a request may have.
pub const MEDIA_TYPES: [&str; 2] = [MEDIA_TYPE, "application/json"];

/// An error (RFC 7644 section 3.12).
pub const ERROR: &str = "Error";
/// A query by POST (RFC 7644 section 3.4.3).
pub const SEARCH_REQUEST: &str = "SearchRequest";
/// A PATCH (RFC 7644 section 3.5.2).
pub const PATCH: &str = "PatchRequest";
/// Many changes (RFC 7644 section 3.7).
pub const BULK: &str = "BulkRequest";
/// What became of them.
pub const BULK_RESPONSE: &str = "BulkResponse";
/// A list of resources of every type.
pub const RESOURCES: &str = "ResourceList";

/// The name of the list of what has this name.
pub fn list_name(name: &str) -> String {
    format!("{name}List")
}

/// All messages.
pub fn components(registry: &Registry) -> Vec<(String, Value)> {
    let types: Vec<Value> = registry.resource_types().iter().map(|resource_type| schema(&resource_type.name)).collect();
    let mut all = vec![
        (ERROR.to_owned(), error()),
        (SEARCH_REQUEST.to_owned(), search_request()),
        (PATCH.to_owned(), patch()),
        (BULK.to_owned(), bulk_request()),
        (BULK_RESPONSE.to_owned(), bulk_response()),
        (RESOURCES.to_owned(), list(&json!({"anyOf": types}))),
    ];
    let listed = registry.resource_types().iter().map(|resource_type| resource_type.name.as_str());
    // There is one configuration, and no list of them.
    let discovered = DISCOVERED.iter().filter(|(uri, _)| *uri != urn::SERVICE_PROVIDER_CONFIG).map(|(_, name)| *name);
    all.extend(listed.chain(discovered).map(|name| (list_name(name), list(&schema(name)))));
    all
}

/// The `schemas` of a message.
fn schemas(uri: &str) -> Value {
    json!({"type": "array", "items": {"type": "string"}, "contains": {"const": uri}})
}

fn error() -> Value {
    let keywords: Vec<&str> = ErrorKind::ALL.iter().filter_map(|kind| kind.scim_type()).collect();
    json!({
        "type": "object",
        "properties": {
            "schemas": schemas(urn::ERROR),
            "status": {"type": "string", "description": "The HTTP status, as text."},
            "scimType": {"type": "string", "enum": keywords, "description": "What is wrong, for programs."},
            "detail": {"type": "string", "description": "What is wrong, for people."},
        },
        "required": ["schemas", "status", "detail"],
    })
}

fn list(element: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "schemas": schemas(urn::LIST_RESPONSE),
            "totalResults": {"type": "integer", "minimum": 0, "description": "Resources on all pages together."},
            "startIndex": {"type": "integer", "minimum": 1, "description": "The number of the first one here, where pages have numbers."},
            "itemsPerPage": {"type": "integer", "minimum": 0, "description": "Resources on this page."},
            "nextCursor": {"type": "string", "description": "Leads to the next page, where pages have cursors. The last has none."},
            "Resources": {"type": "array", "items": element},
        },
        "required": ["schemas", "totalResults", "itemsPerPage", "Resources"],
    })
}

fn search_request() -> Value {
    let names = json!({"type": "array", "items": {"type": "string"}, "maxItems": limits::PROJECTION_NAMES});
    json!({
        "type": "object",
        "description": "The members mean what the parameters of a query mean.",
        "properties": {
            "schemas": schemas(urn::SEARCH_REQUEST),
            "attributes": names,
            "excludedAttributes": names,
            "filter": {"type": "string", "maxLength": limits::FILTER_BYTES},
            "sortBy": {"type": "string"},
            "sortOrder": {"type": "string", "enum": [Order::Ascending.name(), Order::Descending.name()]},
            "startIndex": {"type": "integer", "default": 1},
            "count": {"type": "integer", "default": limits::DEFAULT_PAGE_SIZE},
            "cursor": {"type": "string"},
        },
        "required": ["schemas"],
    })
}

fn patch() -> Value {
    let operation = json!({
        "type": "object",
        "properties": {
            "op": {"type": "string", "enum": ["add", "remove", "replace"], "description": "In any case."},
            "path": {
                "type": "string",
                "maxLength": limits::PATH_BYTES,
                "description": "What is changed, like `active` or `emails[type eq \"work\"].value`. Without, `value` is an object of \
                    attributes.",
            },
            "value": {"description": "What it becomes, or what is added."},
        },
        "required": ["op"],
    });
    json!({
        "type": "object",
        "properties": {
            "schemas": schemas(urn::PATCH_OP),
            "Operations": {"type": "array", "items": operation, "maxItems": limits::PATCH_OPERATIONS},
        },
        "required": ["schemas", "Operations"],
    })
}

fn bulk_request() -> Value {
    let operation = json!({
        "type": "object",
        "properties": {
            "method": {"type": "string", "enum": METHODS},
            "bulkId": {"type": "string", "description": "By which others name what this creates: `bulkId:` and it."},
            "path": {"type": "string", "description": "Below the base URL, like `/Users` or `/Users/ID`."},
            "version": {"type": "string", "description": "As `If-Match`."},
            "data": {"type": "object", "description": "The body."},
        },
        "required": ["method", "path"],
    });
    json!({
        "type": "object",
        "properties": {
            "schemas": schemas(urn::BULK_REQUEST),
            "failOnErrors": {"type": "integer", "minimum": 1, "description": "After how many failures the rest is left undone."},
            "Operations": {"type": "array", "items": operation, "maxItems": limits::BULK_OPERATIONS},
        },
        "required": ["schemas", "Operations"],
    })
}

fn bulk_response() -> Value {
    let outcome = json!({
        "type": "object",
        "properties": {
            "method": {"type": "string"},
            "bulkId": {"type": "string"},
            "version": {"type": "string"},
            "location": {"type": "string", "format": "uri-reference"},
            "status": {"type": "string"},
            "response": schema(ERROR),
        },
        "required": ["status"],
    });
    json!({
        "type": "object",
        "properties": {
            "schemas": schemas(urn::BULK_RESPONSE),
            "Operations": {"type": "array", "items": outcome},
        },
        "required": ["schemas", "Operations"],
    })
}

/// A resource as somebody would write the first one; it is enough to be taken.
pub fn example(resource_type: &ResourceType) -> Value {
    let mut example = json!({"schemas": [resource_type.schema.id]});
    if urn::same(&resource_type.schema.id, urn::USER) {
        example["userName"] = "ada@example.com".into();
        example["name"] = json!({"givenName": "Ada", "familyName": "King"});
        example["emails"] = json!([{"value": "ada@example.com", "type": "work", "primary": true}]);
        example["active"] = true.into();
    } else {
        example["displayName"] = "Engineering".into();
    }
    example
}

/// Searches for what [`example`] creates.
pub fn search_example() -> Value {
    json!({"schemas": [urn::SEARCH_REQUEST], "filter": "id pr", "count": 10})
}

/// Changes what [`example`] creates.
pub fn patch_example(resource_type: &ResourceType) -> Value {
    let operation = if urn::same(&resource_type.schema.id, urn::USER) {
        json!({"op": "replace", "path": "active", "value": false})
    } else {
        json!({"op": "replace", "path": "displayName", "value": "Research"})
    };
    json!({"schemas": [urn::PATCH_OP], "Operations": [operation]})
}

/// Creates a user and a group that it is a member of.
pub fn bulk_example() -> Value {
    json!({
        "schemas": [urn::BULK_REQUEST],
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "ada", "data": {"schemas": [urn::USER], "userName": "ada.king@example.com"}},
            {
                "method": "POST",
                "path": "/Groups",
                "bulkId": "founders",
                "data": {"schemas": [urn::GROUP], "displayName": "Founders", "members": [{"value": "bulkId:ada"}]},
            },
        ],
    })
}
