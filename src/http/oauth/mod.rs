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

use super::Handled;
use super::encrypted::encrypted;
use super::visit::visit;

/// Where the endpoints are, below the public URL.
const BASE: &str = "/oauth";
/// Those that clients post to, below the base.
const POSTED: [(&str, Handled); 3] = [
    ("/token", |post| post.to(token::token)),
    ("/revoke", |post| post.to(revoke::revoke)),
    ("/introspect", |post| post.to(introspect::introspect)),
];

/// All routes below the base.
pub(super) fn routes() -> impl HttpServiceFactory {
    let scope = web::scope(BASE).wrap(from_fn(visit)).service(authorize::resource()).service(consent::resource());
    let posted =
        POSTED.iter().fold(scope, |scope, (path, handled)| scope.service(only_post(path, handled(web::post()))));
    posted.default_service(web::to(|| async { response::unknown() }))
}

/// Where clients post to, below the public URL.
pub(super) fn posted() -> impl Iterator<Item = String> {
    POSTED.iter().map(|(path, _)| format!("{BASE}{path}"))
}

/// An endpoint that takes POST alone: secrets do not belong into URLs (RFC 6749 section 3.2).
fn only_post(path: &'static str, route: Route) -> impl HttpServiceFactory {
    let resource =
        web::resource(path).route(route).default_service(web::to(|| async { response::not_allowed("POST") }));
    resource.wrap(from_fn(encrypted))
}
