//! What a form sent. Its fields are given out only after all three guards against forms of other sites let it pass: the cookie is not
//! sent along with what other sites cause (`SameSite`), the browser says where the form was, and the form has a token.

use std::fmt;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, ORIGIN};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use url::form_urlencoded;

use super::error::{PageError, Problem};
use super::visitor::Visitor;
use crate::http::AppState;
use crate::http::state::Site;

/// How long a form may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
/// Says where a request was caused, in browsers of today, where the connection is encrypted or local.
const FETCH_SITE: &str = "sec-fetch-site";
/// The field that holds the token.
const TOKEN: &str = "form_token";

/// A form of ours, and who sent it.
pub(in crate::http) struct Form {
    /// Who sent it.
    pub visitor: Visitor,
    fields: Vec<(String, String)>,
}

impl Form {
    /// The values of all fields of this name.
    pub(in crate::http) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// All fields with their values, as they were sent.
    pub(in crate::http) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a box was ticked.
    pub(in crate::http) fn is_set(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// The value of a field; empty where there is none.
    pub(in crate::http) fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }
}

/// Values may be passwords.
impl fmt::Debug for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

impl FromRequest for Form {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        // The middleware of the admin UI has let it pass already.
        let read = request.extensions_mut().remove::<Self>();
        let body = Bytes::from_request(&request, payload);
        let visitor = Visitor::from_request(&request, payload);
        Box::pin(async move {
            if let Some(read) = read {
                return Ok(read);
            }
            let Some(app) = request.app_data::<web::Data<AppState>>() else {
                return Err(PageError::new(Problem::Fault));
            };
            if !is_ours(request.headers(), &app.site) {
                return Err(PageError::new(Problem::Foreign));
            }
            let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
            if !media_type.eq_ignore_ascii_case(MEDIA_TYPE) {
                return Err(PageError::new(Problem::NoForm));
            }
            let body = tokio::time::timeout(BODY_TIMEOUT, body).await.map_err(|_| PageError::new(Problem::TooSlow))?;
            let body = body.map_err(|error| unread(&error))?;
            let fields = form_urlencoded::parse(&body).into_owned().collect();
            let form = Self { visitor: visitor.await?, fields };
            if form.visitor.knows(app, form.get(TOKEN)) { Ok(form) } else { Err(PageError::new(Problem::Stale)) }
        })
    }
}

/// The page of a body that could not be read: actix takes up to 256 KiB.
fn unread(error: &actix_web::Error) -> PageError {
    let too_large = error.as_response_error().status_code() == StatusCode::PAYLOAD_TOO_LARGE;
    PageError::new(if too_large { Problem::TooLarge } else { Problem::NoForm })
}

/// Whether the browser says that the form was on a page of ours, or does not say.
fn is_ours(headers: &HeaderMap, site: &Site) -> bool {
    let given = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match (given(FETCH_SITE), given(ORIGIN.as_str())) {
        (Some(fetch_site), _) => matches!(fetch_site, "same-origin" | "none"),
        // Pages without referrer send this as their origin. In clear text browsers say nothing better.
        (None, Some("null")) => !site.is_encrypted,
        (None, Some(origin)) => origin == site.origin,
        (None, None) => true,
    }
}
