//! The SCIM endpoints (RFC 7644 section 3.2). What is served follows from the registry; errors below the base URL are SCIM errors,
//! also for unknown paths and methods.

mod bulk;
mod discovery;
mod request;
mod resources;
mod response;
pub(in crate::http) mod transfer;

use actix_web::dev::HttpServiceFactory;
use actix_web::guard;
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{HttpResponse, Resource, Route, web};

use super::SCIM_BASE;
use super::authenticate::authenticate;
use crate::scim::error::ScimError;
use request::{Id, Target};

pub(super) use request::has_body;
pub use request::{BODY_TIMEOUT, GROUP_BODY_BYTES, GROUP_BODY_TIMEOUT, LARGE_BODIES};
pub(super) use response::not_allowed as not_allowed_answer;
pub use transfer::{EXPORTS, LARGE_REPLIES, PIECE_TIMEOUT, REPLY_TIMEOUT, TENANT_LARGE_REPLIES};

/// Where bulk requests go, below the base URL (RFC 7644 section 3.7).
const BULK: &str = "/Bulk";

/// What takes GET, and HEAD which is GET without the body.
const READ: &str = "GET, HEAD";

/// An endpoint below the base URL.
struct Endpoint {
    path: &'static str,
    methods: &'static str,
    /// Adds the handlers of these methods.
    handlers: fn(Resource) -> Resource,
    /// Adds the answer to all other methods.
    others: fn(Resource, &'static str) -> Resource,
}

/// All of them. Of several that fit a path the first counts.
const ENDPOINTS: [Endpoint; 13] = [
    Endpoint {
        path: "/ServiceProviderConfig",
        methods: READ,
        handlers: |here| here.route(get().to(discovery::service_provider_config)),
        others: not_allowed,
    },
    Endpoint {
        path: "/ServiceProviderConfigs",
        methods: READ,
        handlers: |here| here.route(get().to(discovery::service_provider_config)),
        others: not_allowed,
    },
    Endpoint {
        path: "/ResourceTypes",
        methods: READ,
        handlers: |here| here.route(get().to(discovery::resource_types)),
        others: not_allowed,
    },
    Endpoint {
        path: "/ResourceTypes/{name}",
        methods: READ,
        handlers: |here| here.route(get().to(discovery::resource_type)),
        others: not_allowed,
    },
    Endpoint {
        path: "/Schemas",
        methods: READ,
        handlers: |here| here.route(get().to(discovery::schemas)),
        others: not_allowed,
    },
    Endpoint {
        path: "/Schemas/{uri}",
        methods: READ,
        handlers: |here| here.route(get().to(discovery::schema)),
        others: not_allowed,
    },
    Endpoint {
        path: BULK,
        methods: "POST",
        handlers: |here| here.route(web::post().to(bulk::bulk)),
        others: not_allowed,
    },
    Endpoint { path: "/Me", methods: VERBS, handlers: verbs, others: not_allowed_on_me },
    Endpoint {
        path: "",
        methods: READ,
        handlers: |here| here.route(get().to(resources::query_all)),
        others: not_allowed,
    },
    Endpoint {
        path: "/.search",
        methods: "POST",
        handlers: |here| here.route(web::post().to(resources::search_all)),
        others: not_allowed,
    },
    Endpoint {
        path: "/{endpoint}",
        methods: "GET, HEAD, POST",
        handlers: |here| here.route(get().to(resources::query)).route(web::post().to(resources::create)),
        others: not_allowed_where_served,
    },
    Endpoint {
        path: "/{endpoint}/.search",
        methods: "POST",
        handlers: |here| here.route(web::post().to(resources::search)),
        others: not_allowed_where_served,
    },
    Endpoint { path: "/{endpoint}/{id}", methods: VERBS, handlers: verbs, others: not_allowed_where_served },
];

/// All routes below the base URL.
pub(super) fn routes() -> impl HttpServiceFactory {
    let scope = web::scope(SCIM_BASE)
        .wrap(from_fn(authenticate))
        // Replies hold personal data, and nothing on the way may keep or reinterpret them.
        .wrap(DefaultHeaders::new().add((CACHE_CONTROL, "no-store")).add((X_CONTENT_TYPE_OPTIONS, "nosniff")));
    let mount =
        |endpoint: &Endpoint| (endpoint.others)((endpoint.handlers)(web::resource(endpoint.path)), endpoint.methods);
    ENDPOINTS.iter().fold(scope, |scope, endpoint| scope.service(mount(endpoint))).default_service(web::to(unknown))
}

/// Where the endpoints are, below the base URL, with the methods that each takes.
pub(super) fn endpoints() -> impl Iterator<Item = (&'static str, &'static str)> {
    ENDPOINTS.iter().map(|endpoint| (endpoint.path, endpoint.methods))
}

/// The methods on one resource.
const VERBS: &str = "GET, HEAD, PUT, PATCH, DELETE";

fn verbs(here: Resource) -> Resource {
    here.route(get().to(resources::retrieve))
        .route(web::put().to(resources::replace))
        .route(web::patch().to(resources::modify))
        .route(web::delete().to(resources::delete))
}

fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::fn_guard(|context| context.head().method == Method::HEAD)))
}

fn not_allowed(here: Resource, methods: &'static str) -> Resource {
    here.default_service(web::to(move || async move { response::not_allowed(methods) }))
}

/// Where nothing is served it is 404, whatever the method.
fn not_allowed_where_served(here: Resource, methods: &'static str) -> Resource {
    here.default_service(web::to(move |_: Target| async move { response::not_allowed(methods) }))
}

/// Nobody creates the user that a credential stands for by it.
fn not_allowed_on_me(here: Resource, methods: &'static str) -> Resource {
    here.default_service(web::to(move |_: Id| async move { response::not_allowed(methods) }))
}

async fn unknown() -> Result<HttpResponse, ScimError> {
    Err(ScimError::no_such_endpoint())
}
