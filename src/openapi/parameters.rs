//! What requests have in common: the parameters of a query, the selection of attributes, and the conditions.

use serde_json::{Value, json};

use crate::scim::limits;
use crate::scim::sort::Order;

/// Parameters of a query (RFC 7644 section 3.4.2, RFC 9865).
pub const QUERY: [&str; 8] =
    ["filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes"];
/// Those of a reply that shows a resource (RFC 7644 section 3.9).
pub const SELECTION: [&str; 2] = ["attributes", "excludedAttributes"];
/// Conditions on the state of a resource (RFC 7644 section 3.14).
pub const CONDITIONS: [&str; 2] = ["If-Match", "If-None-Match"];
/// The id of a resource.
pub const ID: &str = "id";

/// All of them, by their names.
pub fn components() -> Value {
    let text = || json!({"type": "string"});
    let names = || json!({"type": "array", "items": {"type": "string"}, "maxItems": limits::PROJECTION_NAMES});
    let filter = json!({"type": "string", "maxLength": limits::FILTER_BYTES});
    let order = json!({"type": "string", "enum": [Order::Ascending.name(), Order::Descending.name()]});
    let query = |name: &str, schema: Value, description: &str| json!({"name": name, "in": "query", "description": description, "schema": schema});
    let listed = |name: &str, description: &str| {
        let mut parameter = query(name, names(), description);
        parameter["explode"] = false.into();
        parameter
    };
    let header = |name: &str, description: &str| json!({"name": name, "in": "header", "description": description, "schema": text()});
    let all = [
        query(
            "filter",
            filter,
            "Only resources that match (RFC 7644 section 3.4.2.2), like `userName eq \"ada@example.com\"`.",
        ),
        query("sortBy", text(), "The attribute by which the list is sorted."),
        query("sortOrder", order, "The direction; ascending where nothing is said."),
        query(
            "startIndex",
            json!({"type": "integer", "default": 1}),
            "The number of the first resource on the page, counted from 1; less is 1. Not together with `cursor`.",
        ),
        query(
            "count",
            json!({"type": "integer", "default": limits::DEFAULT_PAGE_SIZE}),
            &format!(
                "Resources on the page at most; more than {} is that many, less than 0 is none.",
                limits::MAX_PAGE_SIZE
            ),
        ),
        query(
            "cursor",
            text(),
            &format!(
                "Pages by cursor (RFC 9865): empty for the first page, then `nextCursor` of the page before, within {} seconds.",
                limits::CURSOR_SECONDS
            ),
        ),
        listed("attributes", "Show only these attributes, and those that are always shown."),
        listed("excludedAttributes", "Show all but these attributes. Not together with `attributes`."),
        header("If-Match", "Only if the resource has one of these versions, as `ETag` and `meta.version` say it."),
        header("If-None-Match", "Only if the resource has none of these versions."),
        json!({"name": ID, "in": "path", "required": true, "description": "The resource's `id`.", "schema": text()}),
    ];
    all.into_iter().map(|parameter| (parameter["name"].as_str().unwrap_or_default().to_owned(), parameter)).collect()
}
