//! What every request has, whoever sends it: an id, an address, and a line in the log.

use std::error::Error as StdError;
use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, web};
use uuid::Uuid;

use super::AppState;
use crate::auth::{Caller, Principal};
use crate::id::TenantId;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::scim::error::ScimError;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Where proxies say from whom they pass a request on, the nearest last.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Where they say by which scheme it reached them.
const FORWARDED_PROTO: &str = "x-forwarded-proto";
/// Length of a request id that is taken from the client.
const REQUEST_ID_LENGTH: usize = 128;

/// A request, as far as the log and the audit log are concerned.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub request_id: Arc<str>,
    /// The client's address, past the proxies that are trusted.
    pub address: Option<Arc<str>>,
    /// Whether a trusted proxy says that the client sent it in clear text.
    pub clear_text: bool,
    method: Method,
    started: Instant,
}

impl Visit {
    /// Begins with a request.
    pub(super) fn begin(request: &ServiceRequest) -> Self {
        let peer = request.peer_addr().map(|peer| peer.ip());
        let proxies = request.app_data::<web::Data<AppState>>().map(|app| &app.trusted_proxies);
        let trusted = |address: IpAddr| proxies.is_some_and(|proxies| proxies.contain(address));
        let through_proxy = peer.is_some_and(trusted);
        let clear_text = through_proxy && forwarded_scheme(request.headers()).is_some_and(|scheme| scheme != "https");
        Self {
            request_id: request_id(request.headers()),
            address: client_address(peer, request.headers(), trusted).map(|address| address.to_string().into()),
            clear_text,
            method: request.method().clone(),
            started: Instant::now(),
        }
    }

    /// How long it has been under way.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The caller that a principal is in this request.
    pub(super) fn caller(&self, principal: Arc<Principal>) -> Caller {
        Caller { principal, request_id: Arc::clone(&self.request_id), address: self.address.clone() }
    }

    /// Nobody known, for what is recorded of this request.
    pub(super) fn nobody(&self, tenant: TenantId, id: impl Into<String>) -> Caller {
        self.caller(Arc::new(Principal::anonymous(tenant, id.into())))
    }

    /// Gives the reply the request's id, and writes the log line, with the fault behind it if there is one.
    pub(super) fn finish<B>(&self, response: &mut ServiceResponse<B>, actor: &str) {
        let id = HeaderValue::from_str(&self.request_id).unwrap_or(HeaderValue::from_static(""));
        response.headers_mut().insert(REQUEST_ID, id);
        if let Some(fault) = response.response().error().and_then(fault) {
            log_fault(fault, &self.request_id);
        }
        // The path is the route's pattern and the query is left out: filters hold e-mail addresses.
        let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".into());
        log::info!(
            target: "provisor::request",
            method = self.method.as_str(),
            route = route.as_str(),
            status = response.status().as_u16(),
            milliseconds = (self.started.elapsed().as_secs_f64() * 10_000.0).round() / 10.0,
            actor = actor,
            request_id = &*self.request_id;
            "answered"
        );
    }
}

/// The error and its causes, under the id that the client was told.
pub(super) fn log_fault(error: &dyn StdError, request_id: &str) {
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(because) = cause {
        sentence = format!("{sentence}: {because}");
        cause = because.source();
    }
    log::error!(request_id = request_id; "{sentence}");
}

impl FromRequest for Visit {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let visit = request.extensions().get::<Self>().cloned();
        ready(visit.ok_or_else(|| actix_web::error::ErrorInternalServerError("the route is not tracked")))
    }
}

/// Middleware of what is not SCIM: it begins and finishes a [`Visit`].
pub(super) async fn visit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let visit = Visit::begin(&request);
    request.extensions_mut().insert(visit.clone());
    let mut response = next.call(request).await?;
    visit.finish(&mut response, "-");
    Ok(response)
}

/// The error where it is a fault of ours.
fn fault(error: &Error) -> Option<&dyn StdError> {
    if let Some(error) = error.as_error::<ScimError>() {
        return error.is_fault().then_some(error as _);
    }
    let error = error.as_error::<OAuthError>()?;
    let fault = matches!(error.code(), ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable);
    fault.then_some(error as _)
}

fn request_id(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let acceptable = |id: &&str| {
        (1..=REQUEST_ID_LENGTH).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    given.filter(acceptable).map_or_else(|| Uuid::now_v7().to_string().into(), Into::into)
}

/// What the nearest proxy says of the scheme; those before it may have added theirs.
fn forwarded_scheme(headers: &HeaderMap) -> Option<String> {
    let last = headers.get_all(FORWARDED_PROTO).last()?.to_str().unwrap_or_default();
    last.rsplit(',').next().map(|scheme| scheme.trim().to_ascii_lowercase())
}

/// The last address that no trusted proxy stands for: each vouches only for the one before it.
fn client_address(peer: Option<IpAddr>, headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    // An IPv4 address that came as IPv6 is the same one.
    let mut address = peer?.to_canonical();
    let passed_on = headers.get_all(FORWARDED_FOR).filter_map(|value| value.to_str().ok());
    let passed_on: Vec<&str> = passed_on.flat_map(|value| value.split(',')).map(str::trim).collect();
    for before in passed_on.into_iter().rev() {
        match forwarded_address(before) {
            Some(before) if trusted(address) => address = before.to_canonical(),
            _ => break,
        }
    }
    Some(address)
}

/// An address as proxies write it: some add the port, and then brackets around IPv6.
fn forwarded_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_believed_as_far_as_trusted_proxies_vouch_for_it() {
        let trusted = |address: IpAddr| address.to_string().starts_with("10.");
        for (peer, passed_on, seen) in [
            ("192.0.2.1", "203.0.113.5", "192.0.2.1"),
            ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
            ("10.0.0.1", "198.51.100.9, 203.0.113.5", "203.0.113.5"),
            ("10.0.0.1", "203.0.113.5, 10.0.0.2", "203.0.113.5"),
            ("10.0.0.1", "203.0.113.5:49152", "203.0.113.5"),
            ("10.0.0.1", "[2001:db8::1]:49152", "2001:db8::1"),
            ("10.0.0.1", "[2001:db8::1], 10.0.0.2:443", "2001:db8::1"),
            ("10.0.0.1", "nonsense", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("::ffff:192.0.2.1", "203.0.113.5", "192.0.2.1"),
            ("::ffff:10.0.0.1", "::ffff:203.0.113.5", "203.0.113.5"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(FORWARDED_FOR), HeaderValue::from_static(passed_on));
            let address = client_address(Some(peer.parse().unwrap()), &headers, trusted);
            assert_eq!(address.unwrap().to_string(), seen, "{peer} {passed_on}");
        }
    }

    #[test]
    fn of_several_schemes_the_nearest_proxy_s_counts() {
        for (sent, scheme) in [("https", "https"), ("HTTPS", "https"), ("http, https", "https"), ("https,http", "http")]
        {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(FORWARDED_PROTO), HeaderValue::from_static(sent));
            assert_eq!(forwarded_scheme(&headers).as_deref(), Some(scheme), "{sent}");
        }
        assert_eq!(forwarded_scheme(&HeaderMap::new()), None);
    }
}
