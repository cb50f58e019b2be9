//! Middleware of the SCIM endpoints: request id, authentication, the log line, and the record of what was refused. It comes before
//! any extractor, because actix runs those side by side and an anonymous caller must hear 401 whatever else is wrong.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError, web};
use uuid::Uuid;

use super::AppState;
use super::blocking;
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::{Caller, Principal, Refusal};
use crate::id::TenantId;
use crate::provider::Service;
use crate::scim::error::{ErrorKind, ScimError, excerpt};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Length of a request id that is taken from the client.
const REQUEST_ID_LENGTH: usize = 128;
/// Endpoints that answer without a credential (R7643-5-2).
const OPEN: [&str; 4] = ["ServiceProviderConfig", "ServiceProviderConfigs", "ResourceTypes", "Schemas"];

/// The middleware.
pub(super) async fn authenticate<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let started = Instant::now();
    let request_id = request_id(&request);
    let address: Option<Arc<str>> = request.peer_addr().map(|peer| peer.ip().to_string().into());
    let method = request.method().clone();
    let id = HeaderValue::from_str(&request_id).unwrap_or(HeaderValue::from_static(""));
    let (mut response, caller) = match admit(&request, &request_id, address.as_ref()).await {
        Ok((caller, service)) => {
            request.extensions_mut().insert(service);
            if let Some(caller) = &caller {
                request.extensions_mut().insert(caller.clone());
            }
            (next.call(request).await?.map_into_left_body(), caller)
        }
        Err(error) => {
            let response = error.error_response();
            (request.into_response(response).map_into_right_body(), None)
        }
    };
    response.headers_mut().insert(REQUEST_ID, id);
    if let Some(caller) = &caller {
        record_refused_write(&response, &method, caller);
    }
    log_fault(&response, &request_id);
    log_line(&response, &method, &request_id, caller.as_ref(), started);
    Ok(response)
}

fn request_id(request: &ServiceRequest) -> Arc<str> {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let acceptable = |id: &&str| {
        (1..=REQUEST_ID_LENGTH).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    given.filter(acceptable).map_or_else(|| Uuid::now_v7().to_string().into(), Into::into)
}

/// Who calls, and what that caller is served.
async fn admit(
    request: &ServiceRequest,
    request_id: &Arc<str>,
    address: Option<&Arc<str>>,
) -> Result<(Option<Caller>, Service), ScimError> {
    let Some(app) = request.app_data::<web::Data<AppState>>() else {
        return Err(ScimError::new(ErrorKind::Internal, "the server is not set up"));
    };
    let Some(caller) = identify(app, request, request_id, address).await? else {
        return Ok((None, app.services.standard().clone()));
    };
    if let Some(service) = app.services.find(&caller.principal) {
        return Ok((Some(caller), service));
    }
    let own = caller.clone();
    let service = blocking::run(app, move |app| app.services.load(&app.store, &own)).await?;
    Ok((Some(caller), service))
}

async fn identify(
    app: &web::Data<AppState>,
    request: &ServiceRequest,
    request_id: &Arc<str>,
    address: Option<&Arc<str>>,
) -> Result<Option<Caller>, ScimError> {
    let header = request.headers().get(AUTHORIZATION);
    if header.is_none() && is_open(request.path()) {
        return Ok(None);
    }
    let caller = |principal| Caller { principal, request_id: Arc::clone(request_id), address: address.cloned() };
    let refuse = |refusal: Refusal| {
        let event = AuditEvent::new(Action::AuthenticationRefused, Target::new("Credential", &refusal.id))
            .because(refusal.reason);
        app.refusals.record(caller(Arc::new(Principal::anonymous(refusal.tenant, refusal.id))), event);
        ScimError::new(ErrorKind::Unauthorized, "a valid token is required in the Authorization header")
    };
    if request.headers().get_all(AUTHORIZATION).count() > 1 {
        return Err(refuse(Refusal::unknown("several credentials")));
    }
    // A header that is not ASCII holds no token of ours.
    let header = header.map(|value| value.to_str().unwrap_or_default());
    let credential = app.authenticator.credential(header).map_err(refuse)?;
    if let Some(principal) = app.authenticator.recent(&credential) {
        return Ok(Some(caller(principal)));
    }
    let from = address.cloned();
    let verdict = blocking::run(app, move |app| {
        app.authenticator.verify(&app.store, &credential, from.as_deref()).map_err(ScimError::from)
    })
    .await?;
    verdict.map(|principal| Some(caller(principal))).map_err(refuse)
}

fn is_open(path: &str) -> bool {
    let segment = path.strip_prefix(super::SCIM_BASE).and_then(|rest| rest.trim_start_matches('/').split('/').next());
    segment.is_some_and(|segment| OPEN.contains(&segment))
}

fn record_refused_write<B>(response: &ServiceResponse<B>, method: &Method, caller: &Caller) {
    let changes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method);
    let write = changes && !response.request().path().ends_with("/.search");
    if !write || !response.status().is_client_error() || caller.principal.tenant() == TenantId::NONE {
        return;
    }
    let Some(app) = response.request().app_data::<web::Data<AppState>>() else {
        return;
    };
    let parameters = response.request().match_info();
    // A route without parameters has a name of its own, such as `Bulk`.
    let path = response.request().path().trim_start_matches(super::SCIM_BASE).trim_start_matches('/');
    let endpoint = excerpt(parameters.get("endpoint").unwrap_or(path));
    let target = Target::new(endpoint, excerpt(parameters.get("id").unwrap_or_default()));
    let detail = scim_error(response).map(ScimError::detail);
    app.refusals.record_write(caller.clone(), target, method.as_str(), response.status().as_u16(), detail);
}

fn scim_error<B>(response: &ServiceResponse<B>) -> Option<&ScimError> {
    response.response().error().and_then(Error::as_error::<ScimError>)
}

/// What lies behind a fault of ours, under the id that the client was told.
fn log_fault<B>(response: &ServiceResponse<B>, request_id: &str) {
    if let Some(error) = scim_error(response) {
        log_error(error, request_id);
    }
}

/// The error and its causes, where it is a fault of ours.
pub(super) fn log_error(error: &ScimError, request_id: &str) {
    if !error.is_fault() {
        return;
    }
    let mut sentence = error.detail().to_owned();
    for cause in std::iter::successors(std::error::Error::source(error), |cause| cause.source()) {
        sentence = format!("{sentence}: {cause}");
    }
    log::error!("{sentence} request={request_id}");
}

/// One line per request. The path is the route's pattern and the query is left out: filters hold e-mail addresses.
fn log_line<B>(
    response: &ServiceResponse<B>,
    method: &Method,
    request_id: &str,
    caller: Option<&Caller>,
    started: Instant,
) {
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".into());
    let actor = caller.map_or("-", |caller| caller.principal.actor().id.as_str());
    log::info!(
        target: "provisor::request",
        "{method} {route} {} {:.1}ms actor={actor} request={request_id}",
        response.status().as_u16(),
        started.elapsed().as_secs_f64() * 1_000.0,
    );
}
