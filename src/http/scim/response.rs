//! SCIM responses: media type, entity tag, location, and errors (RFC 7644 sections 3.1, 3.12, 3.14).

use std::convert::Infallible;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, ETAG, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use futures_util::stream;
use serde_json::Value;

use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::reply::{Body, Reply};
use crate::scim::resource::Meta;
use crate::store::RETRY_AFTER_SECONDS;

/// The media type of every body, without parameters (RFC 7644 section 8.1).
const MEDIA_TYPE: &str = "application/scim+json";

fn builder(status: StatusCode) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status);
    builder.insert_header((CONTENT_TYPE, MEDIA_TYPE));
    builder
}

/// A message other than a resource.
pub(super) fn message(status: StatusCode, reply: Reply) -> HttpResponse {
    send(builder(status), reply)
}

/// A JSON body.
pub(super) fn json(status: StatusCode, body: &Value) -> HttpResponse {
    builder(status).body(body.to_string())
}

/// A resource.
pub(super) fn resource(status: StatusCode, meta: &Meta, reply: Reply) -> HttpResponse {
    let mut builder = builder(status);
    builder.insert_header((ETAG, meta.entity_tag())).insert_header((LOCATION, meta.location.as_str()));
    send(builder, reply)
}

/// 204 about a resource that is not shown.
pub(super) fn not_shown(meta: &Meta) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((ETAG, meta.entity_tag()))
        .insert_header((LOCATION, meta.location.as_str()))
        .finish()
}

/// A long reply is made while it is sent, no faster than the client reads.
fn send(mut builder: HttpResponseBuilder, reply: Reply) -> HttpResponse {
    match reply.finish() {
        Body::Whole(text) => builder.body(text),
        Body::Chunks(chunks) => {
            builder.streaming(stream::iter(chunks.map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)))))
        }
    }
}

/// 304: the client has this state already.
pub(super) fn not_modified(meta: &Meta) -> HttpResponse {
    HttpResponse::NotModified().insert_header((ETAG, meta.entity_tag())).finish()
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
