//! Whoever looks at a page: what the cookie holds, and who that is.
//!
//! A browser gets a cookie with its first form, signed in or not, so that the form for signing in is protected as all others are.
//! Signing in replaces it.

use actix_web::dev::Payload;
use actix_web::http::header::{COOKIE, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::error::{PageError, Problem};
use crate::auth::secret::{Kind, Secret};
use crate::auth::sessions::{self, Session};
use crate::http::{AppState, blocking};

/// What the token of a form is stamped for.
const FORM: &[u8] = b"csrf";

/// A browser, and the person who is signed in by it.
pub(in crate::http) struct Visitor {
    /// What the cookie holds.
    pub cookie: Secret,
    /// Whether the browser does not have it yet.
    is_new: bool,
    /// The session, if somebody is signed in.
    pub session: Option<Session>,
}

impl Visitor {
    async fn of(request: &HttpRequest) -> Result<Self, PageError> {
        let Some(app) = request.app_data::<web::Data<AppState>>() else {
            return Err(PageError::new(Problem::Fault));
        };
        let Some(cookie) = presented(request.headers(), app.site.cookie) else {
            let cookie = Secret::generate(Kind::Session).map_err(PageError::fault)?;
            return Ok(Self { cookie, is_new: true, session: None });
        };
        blocking::run(app, move |app| {
            let session = sessions::find(&app.store, &app.token_key, &cookie)?;
            Ok(Self { cookie, is_new: false, session })
        })
        .await
    }

    /// A token for a form on a page of this visitor, another each time, so that it cannot be guessed from the size of compressed
    /// pages.
    pub(super) fn form_token(&self, app: &AppState) -> String {
        app.forms.stamp(&[FORM, self.cookie.reveal().as_bytes()], Uuid::now_v7().as_bytes())
    }

    /// Whether this is the token of a form on a page of this visitor.
    pub(super) fn knows(&self, app: &AppState, form_token: &str) -> bool {
        app.forms.read(&[FORM, self.cookie.reveal().as_bytes()], form_token).is_some()
    }

    /// The header that gives the browser its cookie, where it has none.
    pub(super) fn new_cookie(&self, app: &AppState) -> Option<String> {
        self.is_new.then(|| set_cookie(app, &self.cookie))
    }

    /// The session.
    ///
    /// # Errors
    /// The way to the form for signing in, when nobody is signed in.
    pub(super) fn signed_in(&self, app: &AppState, return_to: &str) -> Result<&Session, PageError> {
        let sign_in = || {
            let query =
                url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", return_to).finish();
            PageError::new(Problem::SignIn(format!("{}/admin/login?{query}", app.site.base)))
        };
        self.session.as_ref().ok_or_else(sign_in)
    }
}

impl FromRequest for Visitor {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::of(&request).await })
    }
}

/// The header that gives a browser this cookie. It ends with the browser; the session ends by itself.
pub(super) fn set_cookie(app: &AppState, secret: &Secret) -> String {
    format!("{}={}; {}", app.site.cookie, secret.reveal(), attributes(app))
}

/// The header that takes it away.
pub(super) fn drop_cookie(app: &AppState) -> String {
    format!("{}=; Max-Age=0; {}", app.site.cookie, attributes(app))
}

/// Not readable by scripts, and not sent with what other sites cause, but for links: a person comes here from an identity provider.
fn attributes(app: &AppState) -> &'static str {
    if app.site.is_encrypted { "Path=/; HttpOnly; SameSite=Lax; Secure" } else { "Path=/; HttpOnly; SameSite=Lax" }
}

fn presented(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let cookies = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let mut values = cookies.filter_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='));
    values.find_map(|value| Secret::parse(Kind::Session, value))
}
