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

pub use request::{BODY_TIMEOUT, GROUP_BODY_BYTES, GROUP_BODY_TIMEOUT, LARGE_BODIES};
pub use transfer::{EXPORTS, LARGE_REPLIES, PIECE_TIMEOUT, REPLY_TIMEOUT};

/// Where bulk requests go, below the base URL (RFC 7644 section 3.7).
const BULK: &str = "/Bulk";

/// All routes below the base URL.
pub(super) fn routes() -> impl HttpServiceFactory {
    let discovery = |path| only(path, "GET, HEAD");
    web::scope(SCIM_BASE)
        .wrap(from_fn(authenticate))
        // Replies hold personal data, and nothing on the way may keep or reinterpret them.
        .wrap(DefaultHeaders::new().add((CACHE_CONTROL, "no-store")).add((X_CONTENT_TYPE_OPTIONS, "nosniff")))
        .service(discovery("/ServiceProviderConfig").route(get().to(discovery::service_provider_config)))
        .service(discovery("/ServiceProviderConfigs").route(get().to(discovery::service_provider_config)))
        .service(discovery("/ResourceTypes").route(get().to(discovery::resource_types)))
        .service(discovery("/ResourceTypes/{name}").route(get().to(discovery::resource_type)))
        .service(discovery("/Schemas").route(get().to(discovery::schemas)))
        .service(discovery("/Schemas/{uri}").route(get().to(discovery::schema)))
        .service(
            web::resource(BULK)
                .route(web::post().to(bulk::bulk))
                .default_service(web::to(|| async { response::not_allowed("POST") })),
        )
        .service(resource("/Me").default_service(web::to(resources::me_not_allowed)))
        .service(only("", "GET, HEAD").route(get().to(resources::query_all)))
        .service(only("/.search", "POST").route(web::post().to(resources::search_all)))
        .service(
            web::resource("/{endpoint}")
                .route(get().to(resources::query))
                .route(web::post().to(resources::create))
                .default_service(web::to(resources::collection_not_allowed)),
        )
        .service(
            web::resource("/{endpoint}/.search")
                .route(web::post().to(resources::search))
                .default_service(web::to(resources::search_not_allowed)),
        )
        .service(resource("/{endpoint}/{id}").default_service(web::to(resources::resource_not_allowed)))
        .default_service(web::to(unknown))
}

/// The verbs on one resource.
fn resource(path: &'static str) -> Resource {
    web::resource(path)
        .route(get().to(resources::retrieve))
        .route(web::put().to(resources::replace))
        .route(web::patch().to(resources::modify))
        .route(web::delete().to(resources::delete))
}

/// An endpoint that takes only these methods.
fn only(path: &'static str, methods: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move || async move { response::not_allowed(methods) }))
}

/// GET, and HEAD which is GET without the body.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::fn_guard(|context| context.head().method == Method::HEAD)))
}

async fn unknown() -> Result<HttpResponse, ScimError> {
    Err(ScimError::no_such_endpoint())
}
