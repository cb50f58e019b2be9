//! What clients post to the authorization server.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;

use crate::http::scim::BODY_TIMEOUT;
use crate::oauth::error::OAuthError;
use crate::oauth::parameters::Parameters;

/// The one type of bodies (RFC 6749 appendix B).
const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
/// Bytes of a body at most.
const BODY_BYTES: usize = 64 << 10;

/// A posted form.
pub(super) struct Form {
    /// The parameters in the body.
    pub body: Parameters,
    /// Those in the URL.
    pub query: Parameters,
    /// The values of the `Authorization` headers; `None` for one that is no text.
    pub authorization: Vec<Option<String>>,
}

impl FromRequest for Form {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, OAuthError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let acceptable = check_media_type(request);
        let query = Parameters::parse(request.query_string());
        let headers = request.headers().get_all(AUTHORIZATION);
        let authorization: Vec<Option<String>> = headers.map(|value| value.to_str().ok().map(str::to_owned)).collect();
        let payload = payload.take();
        Box::pin(async move {
            acceptable?;
            let late = |_| {
                let seconds = BODY_TIMEOUT.as_secs();
                OAuthError::invalid_request(format!("the body did not arrive within {seconds} seconds"))
            };
            let body = tokio::time::timeout(BODY_TIMEOUT, collect(payload)).await.map_err(late)??;
            Ok(Self { body, query, authorization })
        })
    }
}

fn check_media_type(request: &HttpRequest) -> Result<(), OAuthError> {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(MEDIA_TYPE) {
        Ok(())
    } else {
        Err(OAuthError::invalid_request(format!("the body must be {MEDIA_TYPE}")))
    }
}

async fn collect(mut payload: Payload) -> Result<Parameters, OAuthError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let unreadable = |error: actix_web::error::PayloadError| {
            OAuthError::invalid_request("the body could not be read").caused_by(error.to_string())
        };
        let chunk = chunk.map_err(unreadable)?;
        if body.len() + chunk.len() > BODY_BYTES {
            return Err(OAuthError::invalid_request(format!("the body must not exceed {BODY_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    let text = std::str::from_utf8(&body).map_err(|_| OAuthError::invalid_request("the body must be UTF-8"))?;
    Ok(Parameters::parse(text))
}
