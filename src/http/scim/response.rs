//! SCIM responses: media type, entity tag, location, and errors (RFC 7644 sections 3.1, 3.12, 3.14).

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, ETAG, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::Value;

use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::project::Projection;
use crate::scim::resource::Representation;
use crate::scim::resource_type::ResourceType;
use crate::store::RETRY_AFTER_SECONDS;

/// The media type of every body, without parameters (RFC 7644 section 8.1).
const MEDIA_TYPE: &str = "application/scim+json";

fn builder(status: StatusCode) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status);
    builder.insert_header((CONTENT_TYPE, MEDIA_TYPE));
    builder
}

/// A body that is JSON text already.
pub(super) fn text(status: StatusCode, body: String) -> HttpResponse {
    builder(status).body(body)
}

/// A JSON body.
pub(super) fn json(status: StatusCode, body: &Value) -> HttpResponse {
    text(status, body.to_string())
}

/// A resource, as far as the projection shows it.
///
/// # Errors
/// 500 when the stored document is damaged.
pub(super) fn resource(
    status: StatusCode,
    resource_type: &ResourceType,
    representation: &Representation,
    projection: &Projection,
) -> Result<HttpResponse, ScimError> {
    let mut body = String::new();
    if projection.is_default(resource_type) {
        body.reserve(representation.document.len() + 256);
        representation.push_to(&mut body);
    } else {
        let whole = representation
            .to_json()
            .map_err(|error| ScimError::new(ErrorKind::Internal, "a stored resource is damaged").caused_by(error))?;
        body = Value::Object(projection.apply(resource_type, whole)).to_string();
    }
    Ok(builder(status)
        .insert_header((ETAG, representation.meta.entity_tag()))
        .insert_header((LOCATION, representation.meta.location.as_str()))
        .body(body))
}

/// 304: the client has this state already.
pub(super) fn not_modified(representation: &Representation) -> HttpResponse {
    HttpResponse::NotModified().insert_header((ETAG, representation.meta.entity_tag())).finish()
}

/// 405 with the methods that the endpoint knows.
pub(super) fn not_allowed(allow: &'static str) -> HttpResponse {
    let error = ScimError::new(ErrorKind::MethodNotAllowed, format!("this endpoint takes {allow}"));
    let mut response = error.error_response();
    response.headers_mut().insert(ALLOW, actix_web::http::header::HeaderValue::from_static(allow));
    response
}

impl ResponseError for ScimError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut builder = builder(self.status_code());
        match self.kind() {
            ErrorKind::Unauthorized => {
                builder.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"scim\""));
            }
            ErrorKind::Unavailable => {
                builder.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS.to_string()));
            }
            _ => {}
        }
        builder.body(self.to_json().to_string())
    }
}
