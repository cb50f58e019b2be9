//! Replies of the token endpoint and its like: JSON that nobody may keep (RFC 6749 section 5).

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::json;

use crate::oauth::error::{ErrorCode, OAuthError};
use crate::store::RETRY_AFTER_SECONDS;

/// A reply with this status, not to be kept.
pub(super) fn builder(status: StatusCode) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status);
    builder.insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache"));
    builder.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    builder
}

/// 404.
pub(super) fn unknown() -> HttpResponse {
    let error = OAuthError::invalid_request("there is no such endpoint");
    builder(StatusCode::NOT_FOUND).json(body(&error))
}

/// 405 with the methods that the endpoint knows.
pub(super) fn not_allowed(allow: &'static str) -> HttpResponse {
    let error = OAuthError::invalid_request(format!("this endpoint takes {allow}"));
    builder(StatusCode::METHOD_NOT_ALLOWED).insert_header((ALLOW, allow)).json(body(&error))
}

/// RFC 6749 section 5.2.
fn body(error: &OAuthError) -> serde_json::Value {
    json!({"error": error.code().name(), "error_description": error.description()})
}

impl ResponseError for OAuthError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut builder = builder(self.status_code());
        if self.code() == ErrorCode::InvalidClient {
            builder.insert_header((WWW_AUTHENTICATE, "Basic realm=\"oauth\""));
        }
        let unavailable = (self.code() == ErrorCode::TemporarilyUnavailable).then_some(RETRY_AFTER_SECONDS);
        if let Some(seconds) = self.retry_after_seconds().or(unavailable) {
            builder.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        builder.json(body(self))
    }
}
