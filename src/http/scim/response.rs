//! SCIM responses: media type, entity tag, location, and errors (RFC 7644 sections 3.1, 3.12, 3.14).

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, ETAG, LOCATION, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::Value;

use super::request::Exchange;
use super::transfer::{self, LARGE_REPLY_BYTES, PATIENCE, PIECE_BYTES};
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
///
/// # Errors
/// As [`send`].
pub(super) async fn message(exchange: &Exchange, status: StatusCode, reply: Reply) -> Result<HttpResponse, ScimError> {
    send(exchange, builder(status), reply).await
}

/// A JSON body.
pub(super) fn json(status: StatusCode, body: &Value) -> HttpResponse {
    builder(status).body(body.to_string())
}

/// A resource.
///
/// # Errors
/// As [`send`].
pub(super) async fn resource(
    exchange: &Exchange,
    status: StatusCode,
    meta: &Meta,
    reply: Reply,
) -> Result<HttpResponse, ScimError> {
    let mut builder = builder(status);
    builder.insert_header((ETAG, meta.entity_tag())).insert_header((LOCATION, meta.location.as_str()));
    send(exchange, builder, reply).await
}

/// A resource as it has been written. Where it cannot be sent it is not shown: what has been done is never answered with 503, after
/// which the client would do it again.
pub(super) async fn written(exchange: &Exchange, status: StatusCode, meta: &Meta, reply: Reply) -> HttpResponse {
    resource(exchange, status, meta, reply).await.unwrap_or_else(|_| not_shown(status, meta))
}

/// 201 or else 204 about a resource that is not shown.
pub(super) fn not_shown(status: StatusCode, meta: &Meta) -> HttpResponse {
    HttpResponse::build(if status == StatusCode::CREATED { status } else { StatusCode::NO_CONTENT })
        .insert_header((ETAG, meta.entity_tag()))
        .insert_header((LOCATION, meta.location.as_str()))
        .finish()
}

/// A long reply is made while it is sent, no faster than the client reads, and a large one is sent while there is a permit for it.
///
/// # Errors
/// 429 or 503 when too many large replies are under way, of the tenant or of all.
async fn send(exchange: &Exchange, mut builder: HttpResponseBuilder, reply: Reply) -> Result<HttpResponse, ScimError> {
    let large = match reply.finish() {
        Body::Whole(text) if text.len() < LARGE_REPLY_BYTES => return Ok(builder.body(text)),
        large => large,
    };
    let permit = exchange.app.traffic.send_large_reply(exchange.tenant).await?;
    Ok(match large {
        Body::Whole(text) => {
            let (length, text) = (text.len(), Bytes::from(text));
            let pieces =
                (0..length).step_by(PIECE_BYTES).map(move |from| text.slice(from..length.min(from + PIECE_BYTES)));
            builder.body(SizedStream::new(length as u64, transfer::stream(transfer::whole(pieces), permit, PATIENCE)))
        }
        Body::Chunks(chunks) => {
            builder.streaming(transfer::stream(transfer::whole(chunks.map(Bytes::from)), permit, PATIENCE))
        }
    })
}

/// 304: the client has this state already.
pub(super) fn not_modified(meta: &Meta) -> HttpResponse {
    HttpResponse::NotModified().insert_header((ETAG, meta.entity_tag())).finish()
}

/// 405 with the methods that the endpoint knows.
pub(in crate::http) fn not_allowed(allow: &'static str) -> HttpResponse {
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
        let unavailable = (self.kind() == ErrorKind::Unavailable).then_some(RETRY_AFTER_SECONDS);
        if let Some(seconds) = self.retry_after_seconds().or(unavailable) {
            builder.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        builder.body(self.to_json().to_string())
    }
}
