//! Resources of every type: one handler a verb, generic over the resource type that the path names.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::Utc;

use super::request::{Body, Conditions, Exchange, Id, Parameters, Served, Target, View};
use super::response;
use crate::auth::Caller;
use crate::http::authorized::{Authorized, Read, Write};
use crate::http::blocking;
use crate::provider::{self, Context, Endpoint, Modified, Service};
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::present::Presentation;
use crate::scim::reply::Reply;
use crate::scim::resource::{Meta, Representation};
use crate::scim::search::SearchRequest;

type Answer = Result<HttpResponse, ScimError>;

/// Runs a use case on a blocking thread.
async fn provide<T: Send + 'static>(
    exchange: &Exchange,
    caller: Caller,
    target: &Target,
    work: impl FnOnce(&Context<'_>, &Endpoint) -> Result<T, ScimError> + Send + 'static,
) -> Result<T, ScimError> {
    let Target { endpoint, service } = target.clone();
    provide_service(exchange, caller, service, move |context| work(context, &endpoint)).await
}

/// Runs a use case that concerns no endpoint in particular.
async fn provide_service<T: Send + 'static>(
    exchange: &Exchange,
    caller: Caller,
    service: Service,
    work: impl FnOnce(&Context<'_>) -> Result<T, ScimError> + Send + 'static,
) -> Result<T, ScimError> {
    blocking::run_for(&exchange.app, exchange.tenant, move |app| {
        work(&Context { store: &app.store, caller: &caller, service: &service, cursors: &app.cursors })
    })
    .await
}

/// Reads the body of a `.search`.
fn search_request(body: &Body) -> Result<SearchRequest, ScimError> {
    SearchRequest::from_json(&body.json()?)
}

/// `GET /` below the base URL: all resources, of whatever type
pub(super) async fn query_all(
    exchange: Exchange,
    authorized: Authorized<Read>,
    served: Served,
    parameters: Parameters,
) -> Answer {
    let work =
        move |context: &Context<'_>| provider::query(context, &context.service.endpoints(), &parameters.0, Utc::now());
    response::message(&exchange, StatusCode::OK, provide_service(&exchange, authorized.caller, served.0, work).await?)
        .await
}

/// `POST /.search`
pub(super) async fn search_all(exchange: Exchange, authorized: Authorized<Read>, served: Served, body: Body) -> Answer {
    let work = move |context: &Context<'_>| {
        provider::query(context, &context.service.endpoints(), &search_request(&body)?, Utc::now())
    };
    response::message(&exchange, StatusCode::OK, provide_service(&exchange, authorized.caller, served.0, work).await?)
        .await
}

/// A resource as the client wants it.
fn shown(view: &Presentation<'_>, resource: Representation) -> Result<(Meta, Reply), ScimError> {
    let (meta, mut reply) = (resource.meta.clone(), Reply::default());
    view.push(resource, &mut reply)
        .map_err(|error| ScimError::new(ErrorKind::Internal, "a stored resource is damaged").caused_by(error))?;
    Ok((meta, reply))
}

/// `GET /Users`
pub(super) async fn query(
    exchange: Exchange,
    authorized: Authorized<Read>,
    target: Target,
    parameters: Parameters,
) -> Answer {
    let work = move |context: &Context<'_>, endpoint: &Endpoint| {
        provider::query(context, std::slice::from_ref(endpoint), &parameters.0, Utc::now())
    };
    response::message(&exchange, StatusCode::OK, provide(&exchange, authorized.caller, &target, work).await?).await
}

/// `POST /Users/.search`
pub(super) async fn search(exchange: Exchange, authorized: Authorized<Read>, target: Target, body: Body) -> Answer {
    let work = move |context: &Context<'_>, endpoint: &Endpoint| {
        provider::query(context, std::slice::from_ref(endpoint), &search_request(&body)?, Utc::now())
    };
    response::message(&exchange, StatusCode::OK, provide(&exchange, authorized.caller, &target, work).await?).await
}

/// `POST /Users`
pub(super) async fn create(
    exchange: Exchange,
    authorized: Authorized<Write>,
    target: Target,
    view: View,
    body: Body,
) -> Answer {
    let work = move |context: &Context<'_>, endpoint: &Endpoint| {
        let body = body.json()?;
        let view = context.presentation(endpoint, &view.0).of_write(&body);
        shown(&view, provider::create(context, endpoint, &view, body)?)
    };
    let (meta, reply) = provide(&exchange, authorized.caller, &target, work).await?;
    Ok(response::written(&exchange, StatusCode::CREATED, &meta, reply).await)
}

/// `GET /Users/{id}`
pub(super) async fn retrieve(
    exchange: Exchange,
    authorized: Authorized<Read>,
    target: Target,
    id: Id,
    view: View,
    conditions: Conditions,
) -> Answer {
    let work = move |context: &Context<'_>, endpoint: &Endpoint| {
        let view = context.presentation(endpoint, &view.0);
        let found = provider::retrieve(context, endpoint, &id.0, &conditions.0, &view)?;
        let known = conditions.0.not_modified(found.meta.version);
        Ok((known, shown(&view, found)?))
    };
    let (known, (meta, reply)) = provide(&exchange, authorized.caller, &target, work).await?;
    if known {
        Ok(response::not_modified(&meta))
    } else {
        response::resource(&exchange, StatusCode::OK, &meta, reply).await
    }
}

/// `PUT /Users/{id}`
pub(super) async fn replace(
    exchange: Exchange,
    authorized: Authorized<Write>,
    target: Target,
    id: Id,
    view: View,
    conditions: Conditions,
    body: Body,
) -> Answer {
    let work = move |context: &Context<'_>, endpoint: &Endpoint| {
        let body = body.json()?;
        let view = context.presentation(endpoint, &view.0).of_write(&body);
        shown(&view, provider::replace(context, endpoint, &id.0, &conditions.0, &view, body)?)
    };
    let (meta, reply) = provide(&exchange, authorized.caller, &target, work).await?;
    Ok(response::written(&exchange, StatusCode::OK, &meta, reply).await)
}

/// `PATCH /Users/{id}`
pub(super) async fn modify(
    exchange: Exchange,
    authorized: Authorized<Write>,
    target: Target,
    id: Id,
    view: View,
    conditions: Conditions,
    body: Body,
) -> Answer {
    let work = move |context: &Context<'_>, endpoint: &Endpoint| {
        let body = body.json()?;
        let view = context.presentation(endpoint, &view.0).of_write(&body);
        Ok(match provider::modify(context, endpoint, &id.0, &conditions.0, &view, body)? {
            Modified::Shown(resource) => {
                let (meta, reply) = shown(&view, resource)?;
                (meta, Some(reply))
            }
            Modified::TooLarge(meta) => (meta, None),
        })
    };
    Ok(match provide(&exchange, authorized.caller, &target, work).await? {
        (meta, Some(reply)) => response::written(&exchange, StatusCode::OK, &meta, reply).await,
        (meta, None) => response::not_shown(StatusCode::OK, &meta),
    })
}

/// `DELETE /Users/{id}`
pub(super) async fn delete(
    exchange: Exchange,
    authorized: Authorized<Write>,
    target: Target,
    id: Id,
    conditions: Conditions,
) -> Answer {
    provide(&exchange, authorized.caller, &target, move |context, endpoint| {
        provider::delete(context, endpoint, &id.0, &conditions.0)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
