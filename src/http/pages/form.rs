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
/// What the names of fields have in them whose values are never shown again.
const SECRET: [&str; 6] = ["password", "present", "secret", "code", "token", "key"];
/// The field that holds the names of others whose values are never shown again, where no name says so.
const SECRETS: &str = "never_shown";
/// Bytes of a form that are kept when it was open too long.
const KEPT_BYTES: usize = 64 * 1_024;

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
            if form.visitor.knows(app, form.get(TOKEN)) {
                return Ok(form);
            }
            if form.visitor.opened(app, form.get(TOKEN)) {
                request.extensions_mut().insert(Kept::of(form));
            }
            Err(PageError::new(Problem::Stale))
        })
    }
}

/// What a form held that was open too long, for its person to send again.
pub(super) struct Kept {
    /// The fields with their values.
    pub fields: Vec<(String, String)>,
    /// Whether all are there: nothing that was entered was secret or too large.
    pub is_whole: bool,
}

impl Kept {
    fn of(form: Form) -> Self {
        let named: Vec<String> = form.all(SECRETS).map(str::to_owned).collect();
        let is_secret =
            |name: &str| SECRET.iter().any(|part| name.contains(part)) || named.iter().any(|own| own == name);
        let entered = form.fields.into_iter().filter(|(name, _)| name != TOKEN && name != SECRETS);
        let (secret, fields): (Vec<_>, Vec<_>) = entered.partition(|(name, _)| is_secret(name));
        let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > KEPT_BYTES {
            return Self { fields: Vec::new(), is_whole: false };
        }
        Self { fields, is_whole: secret.iter().all(|(_, value)| value.is_empty()) }
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
