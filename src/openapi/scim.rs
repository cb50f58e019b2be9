//! The SCIM endpoints (RFC 7644 section 3.2): the verbs on each resource type, what concerns all types, and discovery.

use serde_json::{Value, json};

use super::messages::{self, MEDIA_TYPE, MEDIA_TYPES};
use super::operation::{Access, Operation};
use super::parameters::{CONDITIONS, ID, QUERY, SELECTION};
use super::{resources, schema};
use crate::auth::Scope;
use crate::scim::error::ErrorKind;
use crate::scim::registry::Registry;
use crate::scim::resource_type::ResourceType;
use crate::scim::urn;

/// The group of what a credential that stands for a user may do with it.
pub const ME: &str = "Me";
/// The group of what concerns resources of all types.
pub const ALL_TYPES: &str = "All resources";
/// The group of the discovery endpoints.
pub const DISCOVERY: &str = "Discovery";

/// Every endpoint that knows a credential: it may be wrong in itself, be used too often, and the server may be wrong.
const ANY: [ErrorKind; 5] = [
    ErrorKind::InvalidSyntax,
    ErrorKind::Unauthorized,
    ErrorKind::Forbidden,
    ErrorKind::TooManyRequests,
    ErrorKind::Internal,
];
const BUSY: [ErrorKind; 1] = [ErrorKind::Unavailable];
const BODY: [ErrorKind; 3] = [ErrorKind::RequestTimeout, ErrorKind::PayloadTooLarge, ErrorKind::UnsupportedMediaType];
const ONE: [ErrorKind; 2] = [ErrorKind::NotFound, ErrorKind::PreconditionFailed];
const TAKEN: [ErrorKind; 1] = [ErrorKind::Uniqueness];
const MINE: [ErrorKind; 1] = [ErrorKind::NotImplemented];

/// All of them, below the base URL.
pub fn operations(base: &str, registry: &Registry) -> Vec<Operation> {
    let mut all = Vec::new();
    for resource_type in registry.resource_types() {
        all.extend(of_type(base, resource_type));
    }
    if let Some(user) = registry.resource_types().iter().find(|known| urn::same(&known.schema.id, urn::USER)) {
        all.extend(
            on_one(&format!("{base}/Me"), "Me", ME, "the user whom the token stands for", user)
                .map(|operation| operation.refusing(&MINE)),
        );
    }
    all.extend(of_all_types(base));
    all.extend(discovery(base));
    all
}

/// What an operation of SCIM may always answer.
fn refusing(operation: Operation, kinds: &[&[ErrorKind]]) -> Operation {
    operation.refusing(&[&ANY[..], &BUSY, &kinds.concat()].concat())
}

fn of_type(base: &str, resource_type: &ResourceType) -> Vec<Operation> {
    let ResourceType { name, endpoint, .. } = resource_type;
    let collection = format!("{base}/{endpoint}");
    let list = schema(&messages::list_name(name));
    let described = format!("the {name} with this id");
    let create = Operation::new("post", &collection, format!("create{name}"), endpoint, format!("Create a {name}"))
        .needing(Access::Scope(Scope::Write))
        .taking(&SELECTION)
        .taking_body(&MEDIA_TYPES, &resource_body(resource_type))
        .answering_body(201, "What was created.", &stated(), MEDIA_TYPE, schema(name));
    let mut all = vec![
        query(
            &collection,
            &format!("list{endpoint}"),
            endpoint,
            &format!("List {endpoint}, or search among them"),
            &list,
        ),
        refusing(create, &[&BODY, &TAKEN]),
        search(
            &format!("{collection}/.search"),
            &format!("search{endpoint}"),
            endpoint,
            &format!("Search {endpoint} without a filter in the URL"),
            &list,
        ),
    ];
    let one = on_one(&format!("{collection}/{{{ID}}}"), name, endpoint, &described, resource_type);
    all.extend(one.map(|operation| operation.taking(&[ID])));
    all
}

/// GET on a list (RFC 7644 section 3.4.2).
fn query(path: &str, id: &str, tag: &str, summary: &str, list: &Value) -> Operation {
    let operation = Operation::new("get", path, id, tag, summary)
        .needing(Access::Scope(Scope::Read))
        .taking(&QUERY)
        .answering_body(200, "A page of the list.", &json!({}), MEDIA_TYPE, list.clone());
    refusing(operation, &[])
}

/// POST on `.search` (RFC 7644 section 3.4.3).
fn search(path: &str, id: &str, tag: &str, summary: &str, list: &Value) -> Operation {
    let body = json!({"schema": schema(messages::SEARCH_REQUEST), "example": messages::search_example()});
    let operation = Operation::new("post", path, id, tag, summary)
        .needing(Access::Scope(Scope::Read))
        .taking_body(&MEDIA_TYPES, &body)
        .answering_body(200, "A page of the list.", &json!({}), MEDIA_TYPE, list.clone());
    refusing(operation, &[&BODY])
}

/// The verbs on one resource (RFC 7644 sections 3.4.1, 3.5.1, 3.5.2, 3.6).
fn on_one(
    path: &str,
    name: &str,
    tag: &str,
    described: &str,
    resource_type: &ResourceType,
) -> impl Iterator<Item = Operation> + use<> {
    let shown = schema(&resource_type.name);
    let new = |method, verb: &str, summary: &str, scope| {
        Operation::new(method, path, format!("{verb}{name}"), tag, format!("{summary} {described}"))
            .needing(Access::Scope(scope))
            .taking(&CONDITIONS)
    };
    let get = new("get", "get", "Read", Scope::Read)
        .taking(&SELECTION)
        .answering_body(200, "The resource.", &stated(), MEDIA_TYPE, shown.clone())
        .answering(304, "It still has the version that `If-None-Match` names.", &tagged());
    let put = new("put", "replace", "Replace", Scope::Write)
        .saying("What the body leaves out loses its value.")
        .taking(&SELECTION)
        .taking_body(&MEDIA_TYPES, &resource_body(resource_type))
        .answering_body(200, "What it has become.", &stated(), MEDIA_TYPE, shown.clone())
        .answering(204, "It was replaced, and is too large to be shown now.", &stated());
    let patch_body = json!({"schema": schema(messages::PATCH), "example": messages::patch_example(resource_type)});
    let patch = new("patch", "modify", "Change", Scope::Write)
        .taking(&SELECTION)
        .taking_body(&MEDIA_TYPES, &patch_body)
        .answering_body(200, "What it has become.", &stated(), MEDIA_TYPE, shown)
        .answering(204, "It was changed, and is too large to be shown: a group with many members.", &stated());
    let delete = new("delete", "delete", "Delete", Scope::Write).answering(204, "It is gone.", &json!({}));
    [
        refusing(get, &[&ONE]),
        refusing(put, &[&ONE, &BODY, &TAKEN]),
        refusing(patch, &[&ONE, &BODY, &TAKEN]),
        refusing(delete, &[&ONE]),
    ]
    .into_iter()
}

fn of_all_types(base: &str) -> Vec<Operation> {
    let list = schema(messages::RESOURCES);
    let bulk = Operation::new("post", format!("{base}/Bulk"), "bulk", ALL_TYPES, "Make many changes at once")
        .saying("The answer is 200 whatever became of them; each has a status of its own.")
        .needing(Access::Scope(Scope::Write))
        .taking_body(&MEDIA_TYPES, &json!({"schema": schema(messages::BULK), "example": messages::bulk_example()}))
        .answering_body(200, "What became of each.", &json!({}), MEDIA_TYPE, schema(messages::BULK_RESPONSE));
    vec![
        query(base, "listAll", ALL_TYPES, "List resources of every type", &list),
        search(&format!("{base}/.search"), "searchAll", ALL_TYPES, "Search resources of every type", &list),
        refusing(bulk, &[&BODY]),
    ]
}

/// RFC 7644 section 4.
fn discovery(base: &str) -> Vec<Operation> {
    let get = |path: &str, id: &str, summary: &str, shown: &str| {
        let operation = Operation::new("get", format!("{base}{path}"), id, DISCOVERY, summary)
            .needing(Access::Optional)
            .answering_body(200, summary, &json!({}), MEDIA_TYPE, schema(shown));
        refusing(operation, &[])
    };
    let named = |name: &str, description: &str, example: &str| {
        [json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": description,
            "schema": {"type": "string"},
            "example": example,
        })]
    };
    let absent = [ErrorKind::NotFound];
    vec![
        get("/ServiceProviderConfig", "getServiceProviderConfig", "What the server can do.", "ServiceProviderConfig"),
        get(
            "/ServiceProviderConfigs",
            "getServiceProviderConfigs",
            "The same, for clients that write it with an s.",
            "ServiceProviderConfig",
        )
        .deprecated(),
        get("/ResourceTypes", "listResourceTypes", "The types of resources.", &messages::list_name("ResourceType")),
        get("/ResourceTypes/{name}", "getResourceType", "One type of resources.", "ResourceType")
            .taking_own(named("name", "Its name, in any case.", "User"))
            .refusing(&absent),
        get("/Schemas", "listSchemas", "The schemas of resources.", &messages::list_name("Schema")),
        get("/Schemas/{uri}", "getSchema", "One schema.", "Schema")
            .taking_own(named("uri", "Its URI, in any case.", urn::USER))
            .refusing(&absent),
    ]
}

fn resource_body(resource_type: &ResourceType) -> Value {
    json!({"schema": schema(&resources::request_name(resource_type)), "example": messages::example(resource_type)})
}

/// Where a resource is, and its state.
fn stated() -> Value {
    let mut headers = tagged();
    headers["Location"] =
        json!({"description": "Its URL, as `meta.location` says.", "schema": {"type": "string", "format": "uri"}});
    headers
}

fn tagged() -> Value {
    json!({"ETag": {"description": "Its version, as `meta.version` says.", "schema": {"type": "string"}}})
}
