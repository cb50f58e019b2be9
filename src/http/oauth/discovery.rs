//! What clients find out by themselves: metadata (RFC 8414, RFC 9728) and the signing keys (RFC 7517).

use actix_web::dev::HttpServiceFactory;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, EntityTag, Header, IfNoneMatch, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse, Resource};
use serde_json::Value;

use super::response;
use crate::http::visit::visit;
use crate::http::{AppState, SCIM_BASE, blocking, elsewhere};
use crate::oauth::access_token::Parties;
use crate::oauth::error::OAuthError;
use crate::oauth::metadata::{self, AUTHORIZATION_SERVER, KEY_SET, PROTECTED_RESOURCE};

/// Nothing here is personal. A key is published for much longer than this before it signs.
const KEEP: &str = "public, max-age=300";
/// What all paths here begin with.
const WELL_KNOWN: &str = "/.well-known";

/// All routes, for a server that clients reach under this URL. Where it has a path, metadata are found before it, as the RFCs want, and
/// behind it, where proxies leave the path out. Any other issuer or resource is none of ours.
pub(in crate::http) fn routes(public_url: &str) -> impl HttpServiceFactory + use<> {
    let path = metadata::path(public_url);
    let mut scope = web::scope(WELL_KNOWN)
        .wrap(from_fn(visit))
        .wrap(DefaultHeaders::new().add((X_CONTENT_TYPE_OPTIONS, "nosniff")))
        .service(get(KEY_SET).route(web::get().to(key_set)).route(web::head().to(key_set)))
        .default_service(web::to(elsewhere));
    let mut before = vec![""];
    before.extend((!path.is_empty()).then_some(path));
    for path in before {
        let server = get(&format!("{AUTHORIZATION_SERVER}{path}"));
        let resource = get(&format!("{PROTECTED_RESOURCE}{path}{SCIM_BASE}"));
        scope = scope
            .service(server.route(web::get().to(authorization_server)).route(web::head().to(authorization_server)))
            .service(resource.route(web::get().to(protected_resource)).route(web::head().to(protected_resource)));
    }
    scope
}

/// An endpoint that is only read.
fn get(path: &str) -> Resource {
    web::resource(path.trim_start_matches(WELL_KNOWN))
        .default_service(web::to(|| async { response::not_allowed("GET, HEAD") }))
}

async fn authorization_server(app: Data<AppState>) -> HttpResponse {
    document(&app, metadata::authorization_server)
}

async fn protected_resource(app: Data<AppState>) -> HttpResponse {
    document(&app, metadata::protected_resource)
}

fn document(app: &AppState, make: fn(Parties<'_>) -> Value) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, KEEP)).json(make(app.parties()))
}

/// `GET /.well-known/jwks.json`
async fn key_set(app: Data<AppState>, request: HttpRequest) -> Result<HttpResponse, OAuthError> {
    let keys = blocking::run(&app, |app| app.keys.keys(&app.store).map_err(OAuthError::from)).await?;
    let tag = EntityTag::new_strong(keys.fingerprint());
    let known = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
        Err(_) => false,
    };
    let mut reply = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    reply.insert_header((CACHE_CONTROL, KEEP)).insert_header((ETAG, tag.to_string()));
    Ok(if known {
        reply.finish()
    } else {
        reply.insert_header((CONTENT_TYPE, "application/jwk-set+json")).body(keys.jwks().to_string())
    })
}
