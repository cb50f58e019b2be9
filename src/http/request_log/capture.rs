//! What is seen of a request while it is served: the beginnings of both bodies as they pass by, and at the end the rest.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH, LOCATION,
    RETRY_AFTER, USER_AGENT,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage, HttpRequest, web};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use uuid::Uuid;

use super::redact::Secrets;
use super::writer::may_deactivate;
use super::{BODY_BYTES, Entry, RequestLog, STRANGER_BODY_BYTES, Seen};
use crate::auth::{Actor, Caller, Refusal};
use crate::http::scim::has_body;
use crate::http::visit::Visit;
use crate::http::{AppState, SCIM_BASE};
use crate::id::TenantId;
use crate::provider::Service;
use crate::scim::error::ScimError;
use crate::store::RequestRow;

/// Headers of a request that are kept. None of them holds a credential.
const REQUEST_HEADERS: [HeaderName; 9] = [
    HOST,
    ACCEPT,
    CONTENT_TYPE,
    CONTENT_LENGTH,
    IF_MATCH,
    IF_NONE_MATCH,
    USER_AGENT,
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-host"),
];
/// Headers of an answer that are kept.
const RESPONSE_HEADERS: [HeaderName; 4] = [CONTENT_TYPE, ETAG, LOCATION, RETRY_AFTER];
/// Characters that are kept of a path, a query, a header.
const LONGEST: usize = 2_000;
/// The same of a stranger's request, who may send anything as often as they like.
const LONGEST_OF_STRANGERS: usize = 300;

/// A request that is being served.
pub(in crate::http) struct Capture {
    log: RequestLog,
    id: Uuid,
    at: DateTime<Utc>,
    request: Option<Rc<RefCell<Seen>>>,
}

impl Capture {
    /// Begins with a request, whose body it looks at as it passes by. `None` outside of the application.
    pub(in crate::http) fn begin(request: &mut ServiceRequest) -> Option<Self> {
        let log = request.app_data::<web::Data<AppState>>()?.request_log.clone();
        let seen = has_body(request.method()).then(|| watch(request));
        Some(Self { log, id: Uuid::now_v7(), at: Utc::now(), request: seen })
    }

    /// Takes down the answer. The row is written when all of the answer has been handed over.
    pub(in crate::http) fn finish<B: MessageBody + 'static>(
        self,
        response: ServiceResponse<B>,
        visit: &Visit,
        caller: Option<&Caller>,
    ) -> ServiceResponse<Recorded> {
        let is_strangers = caller.is_none();
        let is_written = self.log.admits(is_strangers);
        let counted = self.counted(&response, visit, caller);
        let row = if is_written { row(counted, &response, visit, caller) } else { counted };
        let secrets = secrets(response.request(), caller);
        let seen = if is_strangers { STRANGER_BODY_BYTES } else { BODY_BYTES };
        let most = if is_written { seen } else { 0 };
        response.map_body(|_, body| {
            let sent = self.request.map(|seen| seen.take()).unwrap_or_default();
            // Whether somebody is switched off is counted too.
            let request = sent.limited(if may_deactivate(&row.operation) { seen } else { most });
            let response = Seen::default().limited(most);
            let entry = Entry { row, is_written, is_strangers, secrets, request, response };
            Recorded { body: body.boxed(), recording: Some((self.log, entry)) }
        })
    }

    /// What is counted of a request.
    fn counted<B>(&self, response: &ServiceResponse<B>, visit: &Visit, caller: Option<&Caller>) -> RequestRow {
        let request = response.request();
        let (tenant, actor_id) = match caller {
            Some(caller) => (Some(caller.principal.tenant()), caller.principal.actor().id.clone()),
            None => match request.extensions().get::<Refusal>() {
                Some(refusal) => (Some(refusal.tenant), refusal.id.clone()),
                None => (None, String::new()),
            },
        };
        RequestRow {
            tenant_id: tenant.unwrap_or(TenantId::NONE).0,
            id: self.id,
            at: self.at,
            operation: asked(request).0.to_owned(),
            outcome: outcome(response.status()).to_owned(),
            actor_id,
            microseconds: i64::try_from(visit.elapsed().as_micros()).unwrap_or(i64::MAX),
            ..RequestRow::default()
        }
    }
}

/// The row of a request, of which what is counted is there already.
fn row<B>(counted: RequestRow, response: &ServiceResponse<B>, visit: &Visit, caller: Option<&Caller>) -> RequestRow {
    let request = response.request();
    let longest = if caller.is_some() { LONGEST } else { LONGEST_OF_STRANGERS };
    let kept = |text: &str| shortened(text, longest);
    let extensions = request.extensions();
    let refusal = extensions.get::<Refusal>();
    let service = extensions.get::<Service>();
    let (_, endpoint, id) = asked(request);
    let resource_type = endpoint.and_then(|endpoint| {
        let standard = || request.app_data::<web::Data<AppState>>().map(|app| app.services.standard());
        Some(service.or_else(standard)?.registry.by_endpoint(endpoint)?.name.clone())
    });
    let error = response.response().error().and_then(Error::as_error::<ScimError>);
    let (actor_kind, actor_name) = match caller.map(|caller| caller.principal.actor()) {
        Some(Actor { kind, name, .. }) => (kind.code().to_owned(), name.clone()),
        None => ("anonymous".to_owned(), String::new()),
    };
    RequestRow {
        request_id: visit.request_id.to_string(),
        method: request.method().as_str().chars().take(20).collect(),
        path: kept(below(request).unwrap_or(request.path())),
        query: Some(request.query_string()).filter(|query| !query.is_empty()).map(kept),
        status: i16::try_from(response.status().as_u16()).unwrap_or_default(),
        scim_type: error.and_then(|error| error.kind().scim_type()).map(str::to_owned),
        // What the caller is not told.
        detail: refusal.map(|refusal| refusal.reason).or(error.map(ScimError::detail)).map(kept),
        resource_type,
        resource_id: id.map(kept),
        actor_kind,
        actor_name,
        address: visit.address.as_deref().map(str::to_owned),
        user_agent: header(request.headers(), &USER_AGENT, longest),
        request_headers: headers(request.headers(), &REQUEST_HEADERS, longest),
        response_headers: headers(response.headers(), &RESPONSE_HEADERS, longest),
        ..counted
    }
}

/// The path below the base URL.
fn below(request: &HttpRequest) -> Option<&str> {
    request.path().strip_prefix(SCIM_BASE)
}

/// What a request asks for, as [`operation`] tells it.
fn asked(request: &HttpRequest) -> (&'static str, Option<&str>, Option<&str>) {
    below(request).map_or(("other", None, None), |path| operation(request.method(), path))
}

/// What is secret in a request, by the schemas of the tenant that it is sent to.
fn secrets(request: &HttpRequest, caller: Option<&Caller>) -> Secrets {
    let named = |service: &Service| Secrets::Named(Arc::clone(service.registry.never_returned()));
    if let Some(service) = request.extensions().get::<Service>() {
        return named(service);
    }
    // Of whoever came no further than to be recognized.
    let app = request.app_data::<web::Data<AppState>>();
    let service = app.zip(caller).and_then(|(app, caller)| app.services.find(&caller.principal));
    service.as_ref().map_or(Secrets::Unknown, named)
}

/// Puts something into the way of the body that sees its beginning.
fn watch(request: &mut ServiceRequest) -> Rc<RefCell<Seen>> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let passing = Rc::clone(&seen);
    let payload = request.take_payload().inspect(move |piece| {
        if let (Ok(piece), Ok(mut seen)) = (piece, passing.try_borrow_mut()) {
            seen.take(piece);
        }
    });
    request.set_payload(Payload::Stream { payload: Box::pin(payload) });
    seen
}

/// Whether a path outside of the base URL looks as if SCIM was meant.
pub(in crate::http) fn is_astray(request: &HttpRequest) -> bool {
    const ENDPOINTS: [&str; 7] =
        ["users", "groups", "serviceproviderconfig", "serviceproviderconfigs", "schemas", "resourcetypes", "scim"];
    request.path().split('/').any(|segment| ENDPOINTS.contains(&segment.to_ascii_lowercase().as_str()))
}

/// What a request asks for, of which endpoint and of which resource, by its method and its path below the base URL.
fn operation<'p>(method: &Method, path: &'p str) -> (&'static str, Option<&'p str>, Option<&'p str>) {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let path = (segments.next(), segments.next(), segments.next());
    let by_method = |get, post| match method.as_str() {
        "GET" | "HEAD" => get,
        "POST" => post,
        _ => "other",
    };
    let on_resource = match method.as_str() {
        "GET" | "HEAD" => "retrieve",
        "PUT" => "replace",
        "PATCH" => "modify",
        "DELETE" => "delete",
        _ => "other",
    };
    match path {
        (None, ..) => (by_method("query", "other"), None, None),
        (Some(".search"), None, _) => (by_method("other", "query"), None, None),
        (Some("Bulk"), None, _) => (by_method("other", "bulk"), None, None),
        (Some("Me"), None, _) => (on_resource, Some("Users"), None),
        (Some("ServiceProviderConfig" | "ServiceProviderConfigs" | "ResourceTypes" | "Schemas"), _, None) => {
            (by_method("discovery", "other"), None, None)
        }
        (Some(endpoint), None, _) => (by_method("query", "create"), Some(endpoint), None),
        (Some(endpoint), Some(".search"), None) => (by_method("other", "query"), Some(endpoint), None),
        (Some(endpoint), Some(id), None) => (on_resource, Some(endpoint), Some(id)),
        _ => ("other", None, None),
    }
}

fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "unauthenticated",
        400..=499 => "refused",
        500.. => "failed",
        _ => "ok",
    }
}

fn header(headers: &HeaderMap, name: &HeaderName, longest: usize) -> Option<String> {
    headers.get(name).map(|value| shortened(&String::from_utf8_lossy(value.as_bytes()), longest))
}

fn headers(headers: &HeaderMap, names: &[HeaderName], longest: usize) -> Option<String> {
    let lines: Vec<String> =
        names.iter().filter_map(|name| Some(format!("{name}: {}", header(headers, name, longest)?))).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The writer masks it.
fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The body of an answer, whose beginning is seen as it passes by. At its end, however it comes about, the request goes to the log.
pub(in crate::http) struct Recorded {
    body: BoxBody,
    recording: Option<(RequestLog, Entry)>,
}

impl Recorded {
    /// A body of what is not logged.
    pub(in crate::http) fn not(body: impl MessageBody + 'static) -> Self {
        Self { body: body.boxed(), recording: None }
    }
}

impl MessageBody for Recorded {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let polled = self.body.as_pin_mut().poll_next(context);
        if let (Poll::Ready(Some(Ok(piece))), Some((_, entry))) = (&polled, &mut self.recording) {
            // The answer to HEAD is made with a body, and sent without.
            if entry.row.method != "HEAD" {
                entry.response.take(piece);
            }
        }
        polled
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if let Some((log, entry)) = self.recording.take() {
            log.record(entry);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use actix_web::HttpResponse;
    use actix_web::test::TestRequest;

    use super::*;
    use crate::auth::Principal;

    /// A row of nothing in particular.
    pub(in crate::http::request_log) fn row() -> RequestRow {
        RequestRow {
            id: Uuid::now_v7(),
            at: Utc::now(),
            request_id: "1".into(),
            method: "GET".into(),
            path: "/Users".into(),
            operation: "query".into(),
            outcome: "ok".into(),
            status: 200,
            actor_kind: "anonymous".into(),
            microseconds: 1,
            ..RequestRow::default()
        }
    }

    #[test]
    fn each_request_is_called_by_what_it_asks_for() {
        for (method, path, called, endpoint, id) in [
            ("GET", "", "query", None, None),
            ("POST", "/.search", "query", None, None),
            ("POST", "/Bulk", "bulk", None, None),
            ("GET", "/Bulk", "other", None, None),
            ("GET", "/Me", "retrieve", Some("Users"), None),
            ("GET", "/Schemas/urn:x", "discovery", None, None),
            ("HEAD", "/ServiceProviderConfig", "discovery", None, None),
            ("DELETE", "/Schemas", "other", None, None),
            ("GET", "/Users", "query", Some("Users"), None),
            ("POST", "/Users", "create", Some("Users"), None),
            ("POST", "/Users/.search", "query", Some("Users"), None),
            ("PUT", "/Users", "other", Some("Users"), None),
            ("GET", "/Users/1", "retrieve", Some("Users"), Some("1")),
            ("PUT", "/Users/1", "replace", Some("Users"), Some("1")),
            ("PATCH", "/Groups/1", "modify", Some("Groups"), Some("1")),
            ("DELETE", "/Users/1", "delete", Some("Users"), Some("1")),
            ("POST", "/Users/1", "other", Some("Users"), Some("1")),
            ("GET", "/Users/1/2", "other", None, None),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(operation(&method, path), (called, endpoint, id), "{method} {path}");
        }
    }

    /// What is seen of a request with long everything, and what of it is kept.
    fn long(caller: Option<&Caller>) -> RequestRow {
        let long = "x".repeat(LONGEST * 2);
        let mut request = TestRequest::get().uri(&format!("/scim/v2/Users/{long}?filter={long}"));
        for name in REQUEST_HEADERS {
            request = request.insert_header((name, long.as_str()));
        }
        let request = request.to_srv_request();
        let (visit, log) = (Visit::begin(&request), RequestLog::to_nowhere());
        let capture = Capture { log, id: Uuid::now_v7(), at: Utc::now(), request: None };
        let response = request.into_response(HttpResponse::Ok().insert_header((LOCATION, long)).finish());
        super::row(capture.counted(&response, &visit, caller), &response, &visit, caller)
    }

    #[test]
    fn of_strangers_little_is_kept_whatever_they_send() {
        let caller = Caller {
            principal: Arc::new(Principal::operator(TenantId::generate())),
            request_id: "1".into(),
            address: None,
        };
        let size = |row: &RequestRow| format!("{row:?}").len();
        let (known, stranger) = (long(Some(&caller)), long(None));
        assert!(size(&known) > 12 * LONGEST, "{}", size(&known));
        assert!(size(&stranger) < 20 * LONGEST_OF_STRANGERS, "{}", size(&stranger));
        let texts = [Some(stranger.path), stranger.query, stranger.resource_id, stranger.user_agent];
        for text in texts.into_iter().flatten() {
            assert_eq!(text.chars().count(), LONGEST_OF_STRANGERS + 1, "{text}");
        }
    }

    #[test]
    fn of_what_is_only_counted_nothing_else_is_kept() {
        let caller = Caller {
            principal: Arc::new(Principal::operator(TenantId::generate())),
            request_id: "1".into(),
            address: None,
        };
        let log = RequestLog::to_nowhere();
        while log.admits(false) {}
        for (method, body) in [(Method::POST, 0), (Method::PATCH, 8)] {
            let request = TestRequest::with_uri("/scim/v2/Users/1?filter=x").method(method).to_srv_request();
            let visit = Visit::begin(&request);
            let mut sent = Seen::default();
            sent.take(b"{\"a\": 1}");
            let capture =
                Capture { log: log.clone(), id: Uuid::now_v7(), at: Utc::now(), request: Some(Rc::new(sent.into())) };
            let response = request.into_response(HttpResponse::Ok().insert_header((LOCATION, "/")).finish());
            let finished = capture.finish(response, &visit, Some(&caller));
            let (_, entry) = finished.response().body().recording.as_ref().unwrap();
            assert!(!entry.is_written);
            assert_eq!(entry.bytes(), body, "of a change it is looked at whether it switches somebody off");
            let RequestRow { tenant_id, id, at, operation, outcome, actor_id, microseconds, .. } = entry.row.clone();
            assert_eq!((tenant_id, outcome.as_str()), (caller.principal.tenant().0, "ok"));
            let counted =
                RequestRow { tenant_id, id, at, operation, outcome, actor_id, microseconds, ..RequestRow::default() };
            assert_eq!(entry.row, counted);
        }
    }

    #[test]
    fn the_outcome_follows_from_the_status() {
        for (status, expected) in
            [(200, "ok"), (304, "ok"), (401, "unauthenticated"), (403, "refused"), (413, "refused"), (503, "failed")]
        {
            assert_eq!(outcome(StatusCode::from_u16(status).unwrap()), expected);
        }
    }
}
