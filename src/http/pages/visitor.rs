//! Whoever looks at a page: what the cookie holds, and who that is.
//!
//! A browser gets a cookie with its first form, signed in or not, so that the form for signing in is protected as all others are.
//! Signing in replaces it, and leaves a second one by which the browser is known ever after.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{COOKIE, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::error::{PageError, Problem};
use crate::auth::device::{self, Device};
use crate::auth::secret::{Kind, Secret};
use crate::auth::sessions::{self, Session};
use crate::http::{AppState, blocking};

/// What the token of a form is stamped for.
const FORM: &[u8] = b"csrf";
/// What the part of it is stamped for that names a person.
const OWNER: &[u8] = b"form owner";
/// The cookie with the colours that the browser shows pages in.
pub(super) const THEME_COOKIE: &str = "theme";
/// The colours that somebody may choose; without a choice, those of the device.
pub(super) const THEMES: [&str; 2] = ["light", "dark"];

/// A browser, and the person who is signed in by it.
#[derive(Debug, Clone)]
pub(in crate::http) struct Visitor {
    /// What the cookie holds.
    pub cookie: Arc<Secret>,
    /// Whether the browser does not have it yet.
    is_new: bool,
    /// What the other cookie holds.
    device: Option<String>,
    /// The colours that somebody chose in it, one of [`THEMES`].
    pub(in crate::http) theme: Option<&'static str>,
    /// The session, if somebody is signed in.
    pub session: Option<Session>,
}

impl Visitor {
    async fn of(request: &HttpRequest) -> Result<Self, PageError> {
        let Some(app) = request.app_data::<web::Data<AppState>>() else {
            return Err(PageError::new(Problem::Fault));
        };
        let device = presented(request.headers(), app.site.device_cookie).next().map(str::to_owned);
        let theme = theme(request.headers());
        let mut cookies = presented(request.headers(), app.site.cookie);
        let Some(cookie) = cookies.find_map(|value| Secret::parse(Kind::Session, value)) else {
            let cookie = Arc::new(Secret::generate(Kind::Session).map_err(PageError::fault)?);
            return Ok(Self { cookie, is_new: true, device, theme, session: None });
        };
        blocking::run(app, move |app| {
            let session = sessions::find(&app.store, &app.token_key, &cookie)?;
            Ok(Self { cookie: Arc::new(cookie), is_new: false, device, theme, session })
        })
        .await
    }

    /// A token for a form on a page of this visitor, another each time, so that it cannot be guessed from the size of compressed
    /// pages. Behind a dot it says whose form it is, whatever the session.
    pub(super) fn form_token(&self, app: &AppState) -> String {
        let id = Uuid::now_v7();
        let token = app.forms.stamp(&self.purpose(), id.as_bytes());
        match &self.session {
            None => token,
            Some(session) => {
                let owner = app.forms.stamp(&[OWNER, session.person.id.as_bytes()], id.as_bytes());
                format!("{token}.{owner}")
            }
        }
    }

    /// Whether this is the token of a form on a page of this visitor.
    pub(super) fn knows(&self, app: &AppState, form_token: &str) -> bool {
        let token = form_token.split('.').next().unwrap_or_default();
        app.forms.read(&self.purpose(), token).is_some()
    }

    /// Whether this is the token of a form that the person who is signed in opened, be it in another session or while working in
    /// another tenant.
    pub(super) fn opened(&self, app: &AppState, form_token: &str) -> bool {
        let Some((session, (_, owner))) = self.session.as_ref().zip(form_token.split_once('.')) else {
            return false;
        };
        app.forms.read(&[OWNER, session.person.id.as_bytes()], owner).is_some()
    }

    /// What the tokens of its forms are stamped for: this session, in the tenant that it works in. A form that was opened before
    /// another tenant was chosen must not change anything there.
    fn purpose(&self) -> [&[u8]; 3] {
        let chosen = self.session.as_ref().and_then(|session| session.chosen.as_ref());
        [FORM, self.cookie.reveal().as_bytes(), chosen.map_or(&[], |tenant| tenant.0.as_bytes())]
    }

    /// The browser, where somebody has signed in to the account with this address before.
    pub(in crate::http) fn device(&self, app: &AppState, email: &str) -> Option<Device> {
        Device::read(&app.forms, email, self.device.as_deref()?)
    }

    /// The same browser with another cookie, which the next page gives it, and the session that goes on by that.
    pub(in crate::http) fn renewed(self, cookie: Secret, session: Session) -> Self {
        Self { cookie: Arc::new(cookie), is_new: true, session: Some(session), ..self }
    }

    /// The header that gives the browser its cookie, where it has none.
    pub(super) fn new_cookie(&self, app: &AppState) -> Option<String> {
        self.is_new.then(|| set_cookie(app, &self.cookie))
    }

    /// The session.
    ///
    /// # Errors
    /// The way to the form for signing in, when nobody is signed in.
    pub(in crate::http) fn signed_in(&self, app: &AppState, return_to: &str) -> Result<&Session, PageError> {
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
        let known = request.extensions().get::<Self>().cloned();
        Box::pin(async move {
            match known {
                Some(known) => Ok(known),
                None => Self::of(&request).await,
            }
        })
    }
}

/// The header that gives a browser this cookie. It ends with the browser; the session ends by itself.
pub(super) fn set_cookie(app: &AppState, secret: &Secret) -> String {
    format!("{}={}; {}", app.site.cookie, secret.reveal(), attributes(app))
}

/// The same for a session that outlives the browser, and ends after so many seconds.
pub(super) fn set_lasting_cookie(app: &AppState, secret: &Secret, seconds: i64) -> String {
    format!("{}={}; Max-Age={seconds}; {}", app.site.cookie, secret.reveal(), attributes(app))
}

/// The header by which a browser stays known for the account with this address.
pub(super) fn set_device_cookie(app: &AppState, device: Device, email: &str) -> String {
    let (stamped, seconds) = (device.stamp(&app.forms, email), device::LIFETIME.num_seconds());
    format!("{}={stamped}; Max-Age={seconds}; {}", app.site.device_cookie, attributes(app))
}

/// The header by which a browser shows pages in these colours from now on; in those of the device where it is none of [`THEMES`].
pub(in crate::http) fn theme_cookie(app: &AppState, theme: &str) -> String {
    let (value, seconds) = match THEMES.into_iter().find(|own| *own == theme) {
        Some(own) => (own, device::LIFETIME.num_seconds()),
        None => ("", 0),
    };
    format!("{THEME_COOKIE}={value}; Max-Age={seconds}; {}", attributes(app))
}

/// The header that takes the cookie of a session away.
pub(super) fn drop_cookie(app: &AppState) -> String {
    format!("{}=; Max-Age=0; {}", app.site.cookie, attributes(app))
}

/// Not readable by scripts, and not sent with what other sites cause, but for links: a person comes here from an identity provider.
pub(in crate::http) fn attributes(app: &AppState) -> &'static str {
    if app.site.is_encrypted { "Path=/; HttpOnly; SameSite=Lax; Secure" } else { "Path=/; HttpOnly; SameSite=Lax" }
}

/// The colours that somebody chose in this browser.
pub(super) fn theme(headers: &HeaderMap) -> Option<&'static str> {
    presented(headers, THEME_COOKIE).find_map(|value| THEMES.into_iter().find(|own| *own == value))
}

/// What cookies of this name hold.
pub(in crate::http) fn presented<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let cookies = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    cookies.filter_map(move |cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
}
