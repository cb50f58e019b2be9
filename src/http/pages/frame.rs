//! Middleware of all pages: it renders errors, and gives every reply the headers that keep a page to itself.

use std::sync::Arc;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::BASE;
use super::error::{PageError, Problem};
use super::form::Kept;
use super::page::{Page, content_security_policy};
use super::visitor::theme;
use crate::http::visit::{Visit, log_fault};
use crate::http::{AppState, admin};

/// Whether a window that opened the page keeps its hold on it.
pub(super) const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Has a browser ask again, where it shows the page still.
const REFRESH: HeaderName = HeaderName::from_static("refresh");

/// Headers of every page, where it does not bring its own.
const HEADERS: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), fullscreen=(), geolocation=(), gyroscope=(), magnetometer=(), \
         microphone=(), midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=(), \
         xr-spatial-tracking=()",
    ),
];
/// Where everything is encrypted, browsers shall never again ask in clear text.
const TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The middleware. It stands inside of `visit`.
pub(in crate::http) async fn frame<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let app = request.app_data::<web::Data<AppState>>().cloned();
    let id = request.extensions().get::<Visit>().map(|visit| Arc::clone(&visit.request_id));
    let response = next.call(request).await?;
    let Some(app) = app else {
        return Ok(response.map_into_left_body());
    };
    let error = response.response().error().and_then(Error::as_error::<PageError>);
    let rendered = match error {
        Some(error) if !matches!(error.problem(), Problem::SignIn(_) | Problem::Elsewhere(_)) => {
            if error.is_fault() {
                log_fault(error, id.as_deref().unwrap_or("-"));
            }
            Some(error_page(&app, response.request(), error, id.as_deref().unwrap_or("-")).await)
        }
        _ => None,
    };
    let mut response = match rendered {
        Some(page) => response.into_response(page).map_into_right_body(),
        None => response.map_into_left_body(),
    };
    let is_page = !response.status().is_redirection();
    guard(&app, is_page, response.headers_mut());
    Ok(response)
}

/// The page of an error: in the frame of the UI where somebody is signed in, and without a query where the database is in trouble.
async fn error_page(app: &web::Data<AppState>, request: &HttpRequest, error: &PageError, id: &str) -> HttpResponse {
    let (page, visitor) = match admin::framed(app, request, "error.html", !error.is_fault()).await {
        Some((page, visitor)) => (page, Some(visitor)),
        None => (Page::new("error.html").with("theme", theme(request.headers())), None),
    };
    let is_stale = *error.problem() == Problem::Stale;
    let (label, path) = match error.next() {
        // Whoever is on the way of an authorization gets back there by no page of ours.
        _ if is_stale && request.path().starts_with(BASE) => {
            ("Open the form again", admin::nearest_page(request.path()))
        }
        (label, path) => (label, path.to_owned()),
    };
    let retries = error.retry_after_seconds().filter(|_| request.method() == Method::GET);
    let extensions = request.extensions();
    let kept = extensions.get::<Kept>().filter(|_| visitor.is_some());
    let fields: Vec<Value> = kept
        .into_iter()
        .flat_map(|kept| &kept.fields)
        .map(|(name, value)| json!({"name": name, "label": name.replace('_', " "), "value": value}))
        .collect();
    let page = page
        .status(actix_web::ResponseError::status_code(error))
        .with("title", error.title())
        .with("sentence", error.sentence())
        .with("next_label", label)
        .with("next_path", path)
        .with("retries", retries.is_some())
        .with("is_kept", kept.is_some())
        .with("is_whole", kept.is_some_and(|kept| kept.is_whole))
        .with("fields", fields)
        .with("action", request.uri().path_and_query().map(|path| path.as_str()))
        .with("request_id", id)
        .respond(app, visitor.as_ref());
    let mut response = page.unwrap_or_else(|_| HttpResponse::InternalServerError().finish());
    if let Problem::Method(methods) = error.problem() {
        response.headers_mut().insert(ALLOW, HeaderValue::from_str(methods).unwrap_or(HeaderValue::from_static("")));
    }
    if let Some(seconds) = error.retry_after_seconds() {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    if let Some(seconds) = retries {
        response.headers_mut().insert(REFRESH, seconds.into());
    }
    response
}

fn guard(app: &AppState, is_page: bool, headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    // A step on the way of an authorization must not cut the window off from the one that opened it.
    if is_page && !headers.contains_key(OPENER_POLICY) {
        headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY)
        && let Ok(value) = HeaderValue::from_str(&content_security_policy(None))
    {
        headers.insert(CONTENT_SECURITY_POLICY, value);
    }
    if app.site.is_encrypted {
        headers.insert(STRICT_TRANSPORT_SECURITY, TRANSPORT_SECURITY);
    }
}
