//! What handlers read of a request: the endpoint, the body, the parameters, the preconditions.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::web::{Bytes, BytesMut, Data, Query};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout_at;

use super::BULK;
use crate::auth::{Caller, RECENT_LIFETIME};
use crate::http::authenticate::admit_again;
use crate::http::traffic::{Room, too_many_large_requests};
use crate::http::{AppState, SCIM_BASE};
use crate::id::TenantId;
use crate::provider::{Endpoint, Service};
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::limits::BODY_BYTES;
use crate::scim::precondition::Preconditions;
use crate::scim::project::Projection;
use crate::scim::search::SearchRequest;
use crate::scim::{json, limits};

/// Time in which a body must have arrived. actix limits only the head.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the body of a request on a group at most: some 150,000 members with their names.
pub const GROUP_BODY_BYTES: usize = 16 << 20;
/// Time in which such a body must have arrived, including the wait for others.
pub const GROUP_BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bodies of more than [`BODY_BYTES`] that are worked on at once: parsed they take many times their bytes.
pub const LARGE_BODIES: usize = 2;

/// Whether requests with this method come with a body, and wait for a place of their tenant when it has arrived.
pub(in crate::http) fn has_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

/// What a request and its reply take of the server, and whose share of it. All who show no credential share one.
pub(super) struct Exchange {
    pub app: Data<AppState>,
    pub tenant: TenantId,
}

impl FromRequest for Exchange {
    type Error = ScimError;
    type Future = Ready<Result<Self, ScimError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let app = request.app_data::<Data<AppState>>().cloned();
        let tenant = request.extensions().get::<Caller>().map_or(TenantId::NONE, |caller| caller.principal.tenant());
        ready(app.map(|app| Self { app, tenant }).ok_or_else(not_set_up))
    }
}

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
    service.ok_or_else(not_set_up)
}

fn not_set_up() -> ScimError {
    ScimError::new(ErrorKind::Internal, "the server is not set up")
}

/// The endpoint behind `/Me` (RFC 7644 section 3.11).
const ME_ENDPOINT: &str = "Users";

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
        let segment = request.match_info().get("endpoint").unwrap_or(ME_ENDPOINT);
        ready(service(request).and_then(|service| {
            let endpoint = service.endpoint(segment).ok_or_else(ScimError::no_such_endpoint)?;
            Ok(Self { endpoint, service })
        }))
    }
}

/// The id of the resource: the one in the path, or at `/Me` that of the user whom the credential stands for.
pub(super) struct Id(pub String);

impl FromRequest for Id {
    type Error = ScimError;
    type Future = Ready<Result<Self, ScimError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let named = request.match_info().get("id").map(str::to_owned);
        let own = || request.extensions().get::<Caller>().and_then(|caller| caller.principal.user());
        let id = named.or_else(|| own().map(|id| id.to_string()));
        let nobody =
            || ScimError::new(ErrorKind::NotImplemented, "this credential stands for no user, so there is no /Me");
        ready(id.map(Self).ok_or_else(nobody))
    }
}

/// A JSON body, complete but not parsed yet.
pub(super) struct Body {
    bytes: Bytes,
    nodes: usize,
    /// Kept while the work goes on, also where the client has gone.
    _room: Room,
    _share: Option<OwnedSemaphorePermit>,
    _place: Arc<Place>,
}

/// A tenant's right to have a request carried out. The request holds it until it is answered.
struct Place(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Body {
    /// The body parsed.
    ///
    /// # Errors
    /// `invalidSyntax` and `invalidValue` as [`json::parse_within`].
    pub(super) fn json(&self) -> Result<Value, ScimError> {
        json::parse_within(&self.bytes, self.nodes)
    }
}

/// What a body may take.
#[derive(Clone, Copy)]
struct Allowance {
    bytes: usize,
    nodes: usize,
    time: Duration,
    /// The name under which clients are told the number of bytes.
    published: Option<&'static str>,
}

impl Allowance {
    /// A group may come with all its members, and a bulk request consists of many small bodies; anything else is small.
    fn of(request: &HttpRequest) -> Self {
        let small = Self { bytes: BODY_BYTES, nodes: limits::JSON_NODES, time: BODY_TIMEOUT, published: None };
        if request.path().strip_prefix(SCIM_BASE) == Some(BULK) {
            return Self { nodes: limits::BULK_JSON_NODES, published: Some("maxPayloadSize"), ..small };
        }
        let segment = request.match_info().get("endpoint").unwrap_or_default();
        let service = request.extensions().get::<Service>().cloned();
        let resource_type = service.as_ref().and_then(|service| service.registry.by_endpoint(segment));
        if resource_type.is_some_and(|resource_type| resource_type.members().is_some()) {
            let (bytes, nodes, time) = (GROUP_BODY_BYTES, limits::GROUP_JSON_NODES, GROUP_BODY_TIMEOUT);
            return Self { bytes, nodes, time, published: None };
        }
        small
    }

    fn exceeded(self) -> ScimError {
        let published = self.published.map(|name| format!(" ({name})")).unwrap_or_default();
        ScimError::new(ErrorKind::PayloadTooLarge, format!("the body must not exceed {} bytes{published}", self.bytes))
    }
}

impl FromRequest for Body {
    type Error = ScimError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ScimError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let acceptable = check_media_type(request);
        let announced = announced_length(request);
        let allowance = Allowance::of(request);
        let app = request.app_data::<Data<AppState>>().cloned();
        let caller = request.extensions().get::<Caller>().cloned();
        let begun = Instant::now();
        let payload = payload.take();
        let request = request.clone();
        Box::pin(async move {
            acceptable?;
            if announced.is_some_and(|length| length > allowance.bytes) {
                return Err(allowance.exceeded());
            }
            let (app, caller) =
                app.zip(caller).ok_or_else(|| ScimError::new(ErrorKind::Internal, "a body of nobody has arrived"))?;
            let tenant = caller.principal.tenant();
            let mut room = app.traffic.room(tenant);
            let deadline = begun + allowance.time;
            let late = |_| {
                let detail = format!("the body did not arrive within {} seconds", allowance.time.as_secs());
                ScimError::new(ErrorKind::RequestTimeout, detail)
            };
            let arrived = timeout_at(deadline.into(), collect(payload, allowance, &mut room));
            let bytes = arrived.await.map_err(late)??;
            // What arrives slowly keeps nothing but memory from others: a place and a share are for what is there. The place first, because all
            // tenants wait for a share.
            let place = Arc::new(Place(app.traffic.enter(tenant).await?));
            request.extensions_mut().insert(Arc::clone(&place));
            let share = if bytes.len() > BODY_BYTES { Some(share(&app, deadline).await?) } else { None };
            if begun.elapsed() > RECENT_LIFETIME {
                admit_again(&app, &request, &caller).await?;
            }
            Ok(Self { bytes, nodes: allowance.nodes, _room: room, _share: share, _place: place })
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

/// Waits for one of the [`LARGE_BODIES`].
async fn share(app: &AppState, deadline: Instant) -> Result<OwnedSemaphorePermit, ScimError> {
    let share = timeout_at(deadline.into(), Arc::clone(&app.large_bodies).acquire_owned()).await;
    share.ok().and_then(Result::ok).ok_or_else(too_many_large_requests)
}

/// Collects a body, for which the room grows as it arrives.
async fn collect(mut payload: Payload, allowance: Allowance, room: &mut Room) -> Result<Bytes, ScimError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|error| ScimError::invalid_syntax("the body could not be read").caused_by(error.to_string()))?;
        if body.len() + chunk.len() > allowance.bytes {
            return Err(allowance.exceeded());
        }
        room.hold(body.len() + chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
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
