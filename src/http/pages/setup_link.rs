//! Where a setup link leads. Its code stands behind the `#` of the address, which browsers send nowhere, and comes here by a form; so
//! no log, and no program that only looks at links in messages, uses it up.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;

use super::error::PageError;
use super::form::Form;
use super::page::Page;
use super::sign_in::user_agent;
use super::visitor::{Visitor, set_lasting_cookie};
use super::{PageRoute, see_page, show};
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::setup_links::{self, RedeemError};
use crate::http::visit::Visit;
use crate::http::{AppState, blocking};
use crate::id::TenantId;

pub(in crate::http) const ROUTES: &[PageRoute] =
    &[PageRoute::open_get("/link", || web::get().to(form)), PageRoute::open_post("/link", || web::post().to(open))];

/// `GET /admin/link`.
async fn form(app: web::Data<AppState>, visitor: Visitor) -> Result<HttpResponse, PageError> {
    page(&app).respond(&app, Some(&visitor))
}

/// `POST /admin/link`: begins the session of the contact.
async fn open(
    app: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let caller = visit.nobody(TenantId::NONE, "");
    let user_agent = user_agent(&request);
    let (form, result) = blocking::run(&app, move |app| {
        let before = Some(&*form.visitor.cookie);
        let code = form.get("code");
        let result = setup_links::redeem(&app.store, &app.token_key, &caller, code, user_agent.as_deref(), before);
        Ok::<_, PageError>((form, result))
    })
    .await?;
    let (tenant, error) = match result {
        Ok(begun) => {
            let seconds = (begun.ends_at - Utc::now()).num_seconds().max(0);
            let mut response = see_page(&app, "/admin/connect");
            let cookie = set_lasting_cookie(&app, &begun.secret, seconds).parse();
            response.headers_mut().append(SET_COOKIE, cookie.map_err(PageError::fault)?);
            return Ok(response);
        }
        Err(RedeemError::Store(error)) => return Err(error.into()),
        Err(error @ RedeemError::Random(_)) => return Err(PageError::fault(error)),
        Err(
            error @ (RedeemError::Used(tenant)
            | RedeemError::Expired(tenant)
            | RedeemError::Revoked(tenant)
            | RedeemError::Closed(tenant)),
        ) => (tenant, error),
        Err(error) => (TenantId::NONE, error),
    };
    let event = AuditEvent::new(Action::SetupLinkRefused, Target::new("SetupLink", "")).because(error.to_string());
    app.refusals.record(visit.nobody(tenant, ""), event);
    let page = match error {
        RedeemError::Throttled(throttled) => {
            let seconds = throttled.retry_after_seconds;
            let sentence = format!("Too many attempts failed. Try again {}.", show::wait(seconds));
            page(&app).status(StatusCode::TOO_MANY_REQUESTS).retry_after(seconds).with("problem", sentence)
        }
        error => {
            page(&app).status(StatusCode::UNPROCESSABLE_ENTITY).with("problem", show::sentence(&error.to_string()))
        }
    };
    page.respond(&app, Some(&form.visitor))
}

fn page(app: &AppState) -> Page {
    Page::new("setup_link.html").with("site", &*app.public_url)
}
