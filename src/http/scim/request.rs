//! What handlers read of a request: the endpoint, the body, the parameters, the preconditions.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::web::{Bytes, BytesMut, Query};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;

use crate::provider::{Endpoint, Service};
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::precondition::Preconditions;
use crate::scim::project::Projection;
use crate::scim::search::SearchRequest;

/// Bytes of a body at most.
pub const BODY_BYTES: usize = 1 << 20;
/// Time in which a body must have arrived. actix limits only the head.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What the caller is served; the middleware has put it there.
pub(super) struct Served(pub Service);

impl FromRequest for Served {
    type Error = ScimError;
    type Future = Ready<Result<Self, ScimError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(service(request).map(Self))
    }
}

fn service(request: &HttpRequest) -> Result<Service, ScimError> {
    let service = request.extensions().get::<Service>().cloned();
    service.ok_or_else(|| ScimError::new(ErrorKind::Internal, "the server is not set up"))
}

/// The endpoint that the path names, among those that the caller is served.
#[derive(Clone)]
pub(super) struct Target {
    pub endpoint: Endpoint,
    pub service: Service,
}

impl FromRequest for Target {
    type Error = ScimError;
    type Future = Ready<Result<Self, ScimError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let segment = request.match_info().get("endpoint").unwrap_or_default();
        let unknown = || ScimError::new(ErrorKind::NotFound, "there is no such endpoint");
        ready(service(request).and_then(|service| {
            let endpoint = service.endpoint(segment).ok_or_else(unknown)?;
            Ok(Self { endpoint, service })
        }))
    }
}

/// A JSON body, complete but not parsed yet.
pub(super) struct Body(pub Bytes);

impl FromRequest for Body {
    type Error = ScimError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ScimError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let acceptable = check_media_type(request);
        let announced = announced_length(request);
        let payload = payload.take();
        Box::pin(async move {
            acceptable?;
            if announced.is_some_and(|length| length > BODY_BYTES) {
                return Err(too_large());
            }
            match tokio::time::timeout(BODY_TIMEOUT, collect(payload)).await {
                Ok(body) => body.map(Self),
                Err(_) => Err(ScimError::new(
                    ErrorKind::RequestTimeout,
                    format!("the body did not arrive within {} seconds", BODY_TIMEOUT.as_secs()),
                )),
            }
        })
    }
}

/// JSON under either name, with any parameters; without a type it is taken for JSON (R7644-3.8-3).
fn check_media_type(request: &HttpRequest) -> Result<(), ScimError> {
    let given = request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let essence = given.map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match essence.as_deref() {
        None | Some("" | "application/scim+json" | "application/json") => Ok(()),
        Some(_) => Err(ScimError::new(
            ErrorKind::UnsupportedMediaType,
            "the body must be application/scim+json or application/json",
        )),
    }
}

fn announced_length(request: &HttpRequest) -> Option<usize> {
    let value = request.headers().get(actix_web::http::header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

async fn collect(mut payload: Payload) -> Result<Bytes, ScimError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|error| ScimError::invalid_syntax("the body could not be read").caused_by(error.to_string()))?;
        if body.len() + chunk.len() > BODY_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn too_large() -> ScimError {
    ScimError::new(ErrorKind::PayloadTooLarge, format!("the body must not exceed {BODY_BYTES} bytes"))
}

/// The URL parameters, decoded. Text in another encoding than UTF-8 is refused: a filter with a name that was misread finds
/// nobody, and the client would create the person again.
fn parameters(request: &HttpRequest) -> Result<Vec<(String, String)>, ScimError> {
    let refused = || ScimError::new(ErrorKind::InvalidValue, "the query must be percent-encoded UTF-8");
    let parameters =
        Query::<Vec<(String, String)>>::from_query(request.query_string()).map_err(|_| refused())?.into_inner();
    let misread = |(name, value): &(String, String)| name.contains('\u{fffd}') || value.contains('\u{fffd}');
    if parameters.iter().any(misread) { Err(refused()) } else { Ok(parameters) }
}

/// A query in the URL.
pub(super) struct Parameters(pub SearchRequest);

impl FromRequest for Parameters {
    type Error = ScimError;
    type Future = Ready<Result<Self, ScimError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parameters(request).and_then(|parameters| SearchRequest::from_parameters(&parameters)).map(Self))
    }
}

/// Which attributes the reply shows.
pub(super) struct View(pub Projection);

impl FromRequest for View {
    type Error = ScimError;
    type Future = Ready<Result<Self, ScimError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        if request.query_string().is_empty() {
            return ready(Ok(Self(Projection::Default)));
        }
        ready(parameters(request).and_then(|parameters| Projection::from_parameters(&parameters)).map(Self))
    }
}

/// The conditions in the headers.
pub(super) struct Conditions(pub Preconditions);

impl FromRequest for Conditions {
    type Error = ScimError;
    type Future = Ready<Result<Self, ScimError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Several lines are one list. What is no text names no version, so an If-Match with it does not hold.
        let header = |name: HeaderName| {
            let lines = request.headers().get_all(name).map(|value| value.to_str().unwrap_or_default());
            lines.map(str::to_owned).reduce(|list, line| format!("{list},{line}"))
        };
        ready(Ok(Self(Preconditions { if_match: header(IF_MATCH), if_none_match: header(IF_NONE_MATCH) })))
    }
}
