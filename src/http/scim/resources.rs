//! Resources of every type: one handler a verb, generic over the resource type that the path names.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};

use super::request::{Body, Conditions, Parameters, Target, View};
use super::response;
use crate::auth::Caller;
use crate::http::authorized::{Authorized, Read, Write};
use crate::http::{AppState, blocking};
use crate::provider::{self, Context, Endpoint};
use crate::scim::error::ScimError;
use crate::scim::json;
use crate::scim::search::SearchRequest;

type Answer = Result<HttpResponse, ScimError>;

/// Runs a use case on a blocking thread.
async fn provide<T: Send + 'static>(
    app: &Data<AppState>,
    caller: Caller,
    target: &Target,
    work: impl FnOnce(&Context<'_>, &Endpoint) -> Result<T, ScimError> + Send + 'static,
) -> Result<T, ScimError> {
    let Target { endpoint, service } = target.clone();
    blocking::run(app, move |app| work(&Context { store: &app.store, caller: &caller, service: &service }, &endpoint))
        .await
}

/// `GET /Users`
pub(super) async fn query(
    app: Data<AppState>,
    authorized: Authorized<Read>,
    target: Target,
    parameters: Parameters,
) -> Answer {
    let work = move |context: &Context<'_>, endpoint: &Endpoint| provider::query(context, endpoint, &parameters.0);
    Ok(response::text(StatusCode::OK, provide(&app, authorized.caller, &target, work).await?))
}

/// `POST /Users/.search`
pub(super) async fn search(app: Data<AppState>, authorized: Authorized<Read>, target: Target, body: Body) -> Answer {
    let work = move |context: &Context<'_>, endpoint: &Endpoint| {
        provider::query(context, endpoint, &SearchRequest::from_json(&json::parse(&body.0)?)?)
    };
    Ok(response::text(StatusCode::OK, provide(&app, authorized.caller, &target, work).await?))
}

/// `POST /Users`
pub(super) async fn create(
    app: Data<AppState>,
    authorized: Authorized<Write>,
    target: Target,
    view: View,
    body: Body,
) -> Answer {
    let work =
        move |context: &Context<'_>, endpoint: &Endpoint| provider::create(context, endpoint, json::parse(&body.0)?);
    let created = provide(&app, authorized.caller, &target, work).await?;
    response::resource(StatusCode::CREATED, &target.endpoint.resource_type, &created, &view.0)
}

/// `GET /Users/{id}`
pub(super) async fn retrieve(
    app: Data<AppState>,
    authorized: Authorized<Read>,
    target: Target,
    path: Path<(String, String)>,
    view: View,
    conditions: Conditions,
) -> Answer {
    let (_, id) = path.into_inner();
    let found =
        provide(&app, authorized.caller, &target, move |context, endpoint| provider::retrieve(context, endpoint, &id))
            .await?;
    if conditions.0.not_modified(found.meta.version) {
        return Ok(response::not_modified(&found));
    }
    response::resource(StatusCode::OK, &target.endpoint.resource_type, &found, &view.0)
}

/// `PUT /Users/{id}`
pub(super) async fn replace(
    app: Data<AppState>,
    authorized: Authorized<Write>,
    target: Target,
    path: Path<(String, String)>,
    view: View,
    conditions: Conditions,
    body: Body,
) -> Answer {
    let (_, id) = path.into_inner();
    let work = move |context: &Context<'_>, endpoint: &Endpoint| {
        provider::replace(context, endpoint, &id, &conditions.0, json::parse(&body.0)?)
    };
    let replaced = provide(&app, authorized.caller, &target, work).await?;
    response::resource(StatusCode::OK, &target.endpoint.resource_type, &replaced, &view.0)
}

/// `PATCH /Users/{id}`
pub(super) async fn modify(
    app: Data<AppState>,
    authorized: Authorized<Write>,
    target: Target,
    path: Path<(String, String)>,
    view: View,
    conditions: Conditions,
    body: Body,
) -> Answer {
    let (_, id) = path.into_inner();
    let work = move |context: &Context<'_>, endpoint: &Endpoint| {
        provider::modify(context, endpoint, &id, &conditions.0, json::parse(&body.0)?)
    };
    let modified = provide(&app, authorized.caller, &target, work).await?;
    response::resource(StatusCode::OK, &target.endpoint.resource_type, &modified, &view.0)
}

/// `DELETE /Users/{id}`
pub(super) async fn delete(
    app: Data<AppState>,
    authorized: Authorized<Write>,
    target: Target,
    path: Path<(String, String)>,
    conditions: Conditions,
) -> Answer {
    let (_, id) = path.into_inner();
    provide(&app, authorized.caller, &target, move |context, endpoint| {
        provider::delete(context, endpoint, &id, &conditions.0)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Another method on a collection.
pub(super) async fn collection_not_allowed(target: Target) -> HttpResponse {
    let _ = target;
    response::not_allowed("GET, HEAD, POST")
}

/// Another method on `.search`.
pub(super) async fn search_not_allowed(target: Target) -> HttpResponse {
    let _ = target;
    response::not_allowed("POST")
}

/// Another method on a resource.
pub(super) async fn resource_not_allowed(target: Target) -> HttpResponse {
    let _ = target;
    response::not_allowed("GET, HEAD, PUT, PATCH, DELETE")
}
