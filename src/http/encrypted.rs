//! Middleware: no code, token or secret crosses a network in clear text (RFC 6749 section 3.1).

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};

use super::AppState;
use super::pages::{PageError, Problem};
use super::visit::Visit;
use crate::config::PublicUrl;
use crate::oauth::error::OAuthError;

/// Refuses what is, or would be, sent in clear text, with an OAuth error.
pub(super) async fn encrypted<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    match problem(&request) {
        None => Ok(next.call(request).await?.map_into_left_body()),
        Some(problem) => Ok(request.error_response(OAuthError::invalid_request(problem)).map_into_right_body()),
    }
}

/// The same for a page, which the middleware `frame` around it renders.
pub(super) async fn encrypted_page<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    match problem(&request) {
        None => Ok(next.call(request).await?.map_into_left_body()),
        Some(problem) => {
            Ok(request.error_response(PageError::new(Problem::ClearText).saying(problem)).map_into_right_body())
        }
    }
}

/// What is wrong with the way on which a request came.
fn problem(request: &ServiceRequest) -> Option<&'static str> {
    if request.extensions().get::<Visit>().is_some_and(|visit| visit.clear_text) {
        return Some("this is reached by https only; the proxy in front of it says that this request came by http");
    }
    let exposed = request.app_data::<web::Data<AppState>>().is_some_and(|app| PublicUrl::is_exposed(&app.public_url));
    exposed.then_some(
        "this works by https only; set --public-url (PROVISOR_PUBLIC_URL) to the https URL under which a proxy or load balancer \
         serves this server",
    )
}
