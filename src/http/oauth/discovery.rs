//! What clients find out by themselves: metadata (RFC 8414, RFC 9728) and the signing keys (RFC 7517).

use std::collections::BTreeSet;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, EntityTag, Header, IfNoneMatch, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::response;
use crate::http::visit::visit;
use crate::http::{AppState, Handled, SCIM_BASE, blocking, elsewhere, read_only};
use crate::oauth::access_token::Parties;
use crate::oauth::error::OAuthError;
use crate::oauth::metadata::{self, AUTHORIZATION_SERVER, KEY_SET, PROTECTED_RESOURCE};

/// Nothing here is personal. A key is published for much longer than this before it signs.
const KEEP: &str = "public, max-age=300";
/// What all paths here begin with.
const WELL_KNOWN: &str = "/.well-known";

/// Where the documents are for a server whose public URL has this path, and what answers there.
fn documents(path: &str) -> [(String, Handled); 3] {
    [
        (KEY_SET.to_owned(), |method| method.to(key_set)),
        (format!("{AUTHORIZATION_SERVER}{path}"), |method| method.to(authorization_server)),
        (format!("{PROTECTED_RESOURCE}{path}{SCIM_BASE}"), |method| method.to(protected_resource)),
    ]
}

/// Where the documents are for a server whose public URL has this path.
pub(in crate::http) fn paths(path: &str) -> impl Iterator<Item = String> + use<> {
    documents(path).into_iter().map(|(path, _)| path)
}

/// All routes, for a server that clients reach under this URL. Where it has a path, metadata are found before it, as the RFCs want, and
/// behind it, where proxies leave the path out. Any other issuer or resource is none of ours.
pub(in crate::http) fn routes(public_url: &str) -> impl HttpServiceFactory + use<> {
    let mut all: Vec<(String, Handled)> = documents("").into();
    all.extend(documents(metadata::path(public_url)));
    let mut seen = BTreeSet::new();
    all.retain(|(path, _)| seen.insert(path.clone()));
    let scope = web::scope(WELL_KNOWN)
        .wrap(from_fn(visit))
        .wrap(DefaultHeaders::new().add((X_CONTENT_TYPE_OPTIONS, "nosniff")))
        .default_service(web::to(elsewhere));
    let here = |path: &str, handled| read_only(path.trim_start_matches(WELL_KNOWN), handled, response::not_allowed);
    all.iter().fold(scope, |scope, (path, handled)| scope.service(here(path, *handled)))
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
