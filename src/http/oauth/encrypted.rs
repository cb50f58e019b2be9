//! Middleware: no code, token or secret crosses a network in clear text (RFC 6749 section 3.1).

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError, web};
use url::{Host, Url};

use crate::http::AppState;
use crate::http::visit::Visit;
use crate::oauth::error::OAuthError;

/// Refuses what is, or would be, sent in clear text.
pub(in crate::http) async fn encrypted<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let clear_text = request.extensions().get::<Visit>().is_some_and(|visit| visit.clear_text);
    let exposed = request.app_data::<web::Data<AppState>>().is_some_and(|app| is_exposed(&app.public_url));
    let problem = if clear_text {
        "this endpoint is reached by https only; the proxy in front of it says that this request came by http"
    } else if exposed {
        "OAuth works by https only; set --public-url (PROVISOR_PUBLIC_URL) to the https URL under which a proxy or load balancer \
         serves this server"
    } else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let response = OAuthError::invalid_request(problem).error_response();
    Ok(request.into_response(response).map_into_right_body())
}

/// Whether a public URL is reached in clear text over a network.
fn is_exposed(public_url: &str) -> bool {
    let Ok(url) = Url::parse(public_url) else {
        return true;
    };
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() != "https" && !here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_text_stays_on_this_machine() {
        for (url, exposed) in [
            ("https://scim.example.com", false),
            ("http://127.0.0.1:8080", false),
            ("http://[::1]:8080", false),
            ("http://localhost:8080", false),
            ("http://scim.example.com", true),
            ("http://10.0.0.1:8080", true),
            ("http://localhost.example.com", true),
        ] {
            assert_eq!(is_exposed(url), exposed, "{url}");
        }
    }
}
