//! The endpoints of the authorization server. Errors below their base are OAuth errors, also for unknown paths and methods.

mod authorize;
mod client;
mod consent;
pub(super) mod discovery;
mod encrypted;
mod form;
mod introspect;
pub(super) mod pending;
mod response;
mod revoke;
mod token;

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::{Resource, web};

use super::visit::visit;
use encrypted::encrypted;

/// Where the endpoints are, below the public URL.
const BASE: &str = "/oauth";

/// All routes below the base.
pub(super) fn routes() -> impl HttpServiceFactory {
    web::scope(BASE)
        .wrap(from_fn(encrypted))
        .wrap(from_fn(visit))
        .service(authorize::resource())
        .service(consent::resource())
        .service(only_post("/token").route(web::post().to(token::token)))
        .service(only_post("/revoke").route(web::post().to(revoke::revoke)))
        .service(only_post("/introspect").route(web::post().to(introspect::introspect)))
        .default_service(web::to(|| async { response::unknown() }))
}

/// An endpoint that takes POST alone: secrets do not belong into URLs (RFC 6749 section 3.2).
fn only_post(path: &'static str) -> Resource {
    web::resource(path).default_service(web::to(|| async { response::not_allowed("POST") }))
}
