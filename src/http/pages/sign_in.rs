//! Signing in and out.

use actix_web::http::StatusCode;
use actix_web::http::header::{SET_COOKIE, USER_AGENT};
use actix_web::{HttpRequest, HttpResponse, web};

use super::error::PageError;
use super::form::Form;
use super::page::Page;
use super::then::Then;
use super::visitor::{Visitor, drop_cookie, set_cookie, set_device_cookie};
use super::{PageRoute, code, see_other, see_page, show};
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::device::Device;
use crate::auth::secret::Secret;
use crate::auth::sessions::{self, Attempt, SessionError, SignInRefusal, SignedIn};
use crate::auth::setup;
use crate::http::oauth::pending;
use crate::http::visit::Visit;
use crate::http::{AppState, blocking};
use crate::id::TenantId;

pub(in crate::http) const ROUTES: &[PageRoute] = &[
    PageRoute::open_get("/login", || web::get().to(form)),
    PageRoute::open_post("/login", || web::post().to(sign_in)),
    PageRoute::open_post("/logout", || web::post().to(sign_out)),
];

/// The form, with the ways to sign in that there are.
async fn page(app: &web::Data<AppState>, then: &Then<'_>) -> Result<Page, PageError> {
    let (has_sso, allows_passwords) = blocking::run(app, |app| {
        let offered = app.store.gate(|gate| {
            let has_sso = gate.sso_provider()?.is_some_and(|provider| provider.enabled);
            Ok((has_sso, gate.installation()?.allows_passwords))
        });
        offered.map_err(PageError::from)
    })
    .await?;
    let page = then.carried_by(Page::new("sign_in.html")).with("site", &*app.public_url);
    let page = page.with("sso", has_sso.then(|| format!("/admin/login/sso?{}", then.query())));
    Ok(page.with("allows_passwords", allows_passwords))
}

/// `GET /admin/login`.
async fn form(app: web::Data<AppState>, request: HttpRequest, visitor: Visitor) -> Result<HttpResponse, PageError> {
    let return_to = query_value(&request, "return_to");
    let then = Then::new(&app, "", &return_to);
    if visitor.session.is_some() {
        return Ok(see_other(&then.location(&app)));
    }
    sign_in_or_set_up(&app, &visitor, &then).await
}

/// The form; before the first administrator is there, nobody can sign in.
async fn sign_in_or_set_up(
    app: &web::Data<AppState>,
    visitor: &Visitor,
    then: &Then<'_>,
) -> Result<HttpResponse, PageError> {
    if blocking::run(app, |app| setup::is_open(&app.store).map_err(PageError::from)).await? {
        return Ok(see_page(app, "/admin/setup"));
    }
    page(app, then).await?.respond(app, Some(visitor))
}

/// The form again for somebody whose sign-in took too long, or does not stand any more.
pub(super) async fn begin_again(
    app: &web::Data<AppState>,
    visitor: &Visitor,
    then: &Then<'_>,
) -> Result<HttpResponse, PageError> {
    page(app, then)
        .await?
        .status(StatusCode::UNPROCESSABLE_ENTITY)
        .with(
            "problem",
            "The code was not entered within five minutes, or your account was changed meanwhile. Sign in again.",
        )
        .respond(app, Some(visitor))
}

/// The form in the course of an authorization, in whose place it stands.
pub(in crate::http) async fn sign_in_page(
    app: &web::Data<AppState>,
    visitor: &Visitor,
    request: &str,
) -> Result<HttpResponse, PageError> {
    sign_in_or_set_up(app, visitor, &Then::new(app, request, "")).await
}

/// `POST /admin/login`.
async fn sign_in(
    app: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let user_agent = user_agent(&request);
    // Hashing takes long, and whoever tries much must not take all connections.
    let (form, caller, result) = {
        let caller = visit.nobody(TenantId::NONE, "");
        blocking::run_long(&app, move |app| {
            let attempt = Attempt {
                email: form.get("email"),
                password: form.get("password"),
                user_agent: user_agent.as_deref(),
                before: Some(&form.visitor.cookie),
                device: form.visitor.device(app, form.get("email")),
            };
            let result = sessions::sign_in(&app.store, &app.token_key, &caller, &attempt)?;
            Ok::<_, PageError>((form, caller, result))
        })
        .await?
    };
    let then = Then::new(&app, form.get("request"), form.get("return_to"));
    let refusal = match result {
        Ok(SignedIn::Done(secret)) => {
            return Ok(welcome(&app, &form.visitor, form.get("email"), &secret, &then.location(&app)));
        }
        Ok(SignedIn::CodeWanted(row)) => return Ok(code::ask(&app, &form.visitor, &row, &then)),
        Err(refusal) => refusal,
    };
    let email = form.get("email");
    let (whom, reason) = match refusal {
        // Without the address: a flood of attempts is recorded as one, and must not become many by inventing addresses.
        SignInRefusal::Throttled(_) => ("(not looked at)".into(), "too many attempts"),
        SignInRefusal::NoPasswords => ("(not looked at)".into(), "sign-in with passwords is switched off"),
        SignInRefusal::Wrong(reason) => (masked(email), reason),
    };
    let event = AuditEvent::new(Action::SignInRefused, Target::new("Administrator", whom)).because(reason);
    app.refusals.record(caller, event);
    let page = page(&app, &then).await?.with("email", email);
    let page = match refusal {
        SignInRefusal::Throttled(throttled) => {
            let seconds = throttled.retry_after_seconds;
            let sentence = format!("Too many attempts failed. Try again {}.", show::wait(seconds));
            page.status(StatusCode::TOO_MANY_REQUESTS).retry_after(seconds).with("problem", sentence)
        }
        SignInRefusal::NoPasswords => page
            .status(StatusCode::FORBIDDEN)
            .with("problem", "Nobody signs in with a password here any more. Use single sign-on."),
        SignInRefusal::Wrong(_) => page
            .status(StatusCode::UNPROCESSABLE_ENTITY)
            .with("problem", "The e-mail address or the password is wrong, or the account is disabled."),
    };
    page.respond(&app, Some(&form.visitor))
}

/// `POST /admin/logout`. In the course of an authorization somebody else can then sign in. The browser stays known.
async fn sign_out(app: web::Data<AppState>, visit: Visit, form: Form) -> Result<HttpResponse, PageError> {
    let location = match Then::new(&app, form.get("request"), "").request() {
        Some(request) => pending::consent_url(&app, request),
        None => format!("{}/admin/login", app.site.base),
    };
    if let Some(session) = form.visitor.session {
        let caller = visit.caller(session.person.principal(session.person.tenant));
        blocking::run(&app, move |app| {
            sessions::end(&app.store, &caller, &session.person, session.hash.as_bytes()).map_err(PageError::from)
        })
        .await?;
    }
    let mut response = see_other(&location);
    add_cookie(&mut response, &drop_cookie(&app))?;
    Ok(response)
}

/// Gives the browser of somebody who is now signed in its cookies, and the way on.
pub(in crate::http) fn welcome(
    app: &AppState,
    visitor: &Visitor,
    email: &str,
    secret: &Secret,
    location: &str,
) -> HttpResponse {
    let device = visitor.device(app, email).unwrap_or_else(Device::generate);
    let mut response = see_other(location);
    for cookie in [set_cookie(app, secret), set_device_cookie(app, device, email)] {
        // Secrets and stamps consist of letters, digits, `-` and `_`.
        let _ = add_cookie(&mut response, &cookie);
    }
    response
}

/// Has the browser keep a cookie.
///
/// # Errors
/// When it is no value of a header.
pub(in crate::http) fn add_cookie(response: &mut HttpResponse, cookie: &str) -> Result<(), PageError> {
    let value = cookie.parse().map_err(|_| PageError::fault("a cookie is no header value"))?;
    response.headers_mut().append(SET_COOKIE, value);
    Ok(())
}

/// The browser, as it calls itself.
pub(in crate::http) fn user_agent(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(USER_AGENT)?;
    value.to_str().ok().map(str::to_owned)
}

impl From<SessionError> for PageError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Store(error) => error.into(),
            error @ SessionError::Random(_) => Self::fault(error),
        }
    }
}

/// A value in the query; empty where there is none.
pub(in crate::http) fn query_value(request: &HttpRequest, name: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    pairs.find(|(key, _)| key == name).map_or_else(String::new, |(_, value)| value.into_owned())
}

/// An address as far as it is recorded when it did not lead to an account: people also enter their password in its place.
fn masked(email: &str) -> String {
    let Some((local, domain)) = email.trim().split_once('@') else {
        return "(no address)".into();
    };
    let first: String = local.chars().take(1).collect();
    let domain: String = domain.chars().take(100).collect();
    format!("{first}***@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_recorded_in_part() {
        assert_eq!(masked("ada@example.com"), "a***@example.com");
        assert_eq!(masked("my secret password"), "(no address)");
        assert_eq!(masked("@"), "***@");
    }
}
