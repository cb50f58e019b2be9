//! The endpoints of the authorization server. Errors below their base are OAuth errors, also for unknown paths and methods.

mod authorize;
mod client;
mod consent;
pub(super) mod discovery;
mod form;
mod introspect;
pub(super) mod pending;
mod response;
mod revoke;
mod token;

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::{Route, web};

use super::encrypted::encrypted;
use super::visit::visit;

/// Where the endpoints are, below the public URL.
const BASE: &str = "/oauth";

/// All routes below the base.
pub(super) fn routes() -> impl HttpServiceFactory {
    web::scope(BASE)
        .wrap(from_fn(visit))
        .service(authorize::resource())
        .service(consent::resource())
        .service(only_post("/token", web::post().to(token::token)))
        .service(only_post("/revoke", web::post().to(revoke::revoke)))
        .service(only_post("/introspect", web::post().to(introspect::introspect)))
        .default_service(web::to(|| async { response::unknown() }))
}

/// An endpoint that takes POST alone: secrets do not belong into URLs (RFC 6749 section 3.2).
fn only_post(path: &'static str, route: Route) -> impl HttpServiceFactory {
    let resource =
        web::resource(path).route(route).default_service(web::to(|| async { response::not_allowed("POST") }));
    resource.wrap(from_fn(encrypted))
}
