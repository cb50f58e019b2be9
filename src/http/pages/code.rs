//! The second step of signing in, for people with a second factor: a code. Nobody is signed in before it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;

use super::error::PageError;
use super::form::Form;
use super::page::Page;
use super::sign_in::{begin_again, query_value, user_agent, welcome};
use super::then::Then;
use super::visitor::Visitor;
use super::{PageRoute, show};
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::second_factor::{self, CodeError, CodeRefusal};
use crate::auth::sessions::Arrival;
use crate::http::visit::Visit;
use crate::http::{AppState, blocking};
use crate::id::TenantId;
use crate::store::AdministratorRow;

pub(in crate::http) const ROUTES: &[PageRoute] =
    &[PageRoute::open_get(PATH, || web::get().to(form)), PageRoute::open_post(PATH, || web::post().to(sign_in))];

const PATH: &str = "/login/code";

/// Sends the browser of somebody whose password was right to the form.
pub(super) fn ask(app: &AppState, visitor: &Visitor, row: &AdministratorRow, then: &Then<'_>) -> HttpResponse {
    let stamped = second_factor::stamp_sign_in(&app.forms, &visitor.cookie, row, Utc::now());
    then.by(app, "/admin/login/code", &[("sign_in", &stamped)])
}

/// `GET /admin/login/code`.
async fn form(app: web::Data<AppState>, request: HttpRequest, visitor: Visitor) -> Result<HttpResponse, PageError> {
    let [stamped, pending, return_to] = ["sign_in", "request", "return_to"].map(|name| query_value(&request, name));
    let then = Then::new(&app, &pending, &return_to);
    if stamped.is_empty() {
        return Ok(then.by(&app, "/admin/login", &[]));
    }
    match whose(&app, &visitor, &stamped).await? {
        Some(row) => page(&app, &then, &row, &stamped).respond(&app, Some(&visitor)),
        None => begin_again(&app, &visitor, &then).await,
    }
}

/// `POST /admin/login/code`.
async fn sign_in(
    app: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let stamped = form.get("sign_in").to_owned();
    let Some(row) = whose(&app, &form.visitor, &stamped).await? else {
        let then = Then::new(&app, form.get("request"), form.get("return_to"));
        return begin_again(&app, &form.visitor, &then).await;
    };
    let caller = visit.nobody(TenantId(row.tenant_id), "");
    let user_agent = user_agent(&request);
    let (form, row, caller, result) = blocking::run(&app, move |app| {
        let arrival = Arrival { user_agent: user_agent.as_deref(), before: Some(&form.visitor.cookie) };
        let device = form.visitor.device(app, &row.email);
        let keys = app.second_factor_keys();
        let result = second_factor::sign_in(&app.store, keys, &caller, &row, form.get("code"), device, arrival)?;
        Ok::<_, PageError>((form, row, caller, result))
    })
    .await?;
    let then = Then::new(&app, form.get("request"), form.get("return_to"));
    let refusal = match result {
        Ok(secret) => return Ok(welcome(&app, &form.visitor, &row.email, &secret, &then.location(&app))),
        Err(refusal) => refusal,
    };
    let reason = match refusal {
        CodeRefusal::Throttled(_) => "too many codes tried",
        CodeRefusal::Wrong(reason) => reason,
        CodeRefusal::Over => "password or second factor changed, account disabled or code used meanwhile",
    };
    let event = AuditEvent::new(Action::SignInRefused, Target::new("Administrator", row.id)).because(reason);
    app.refusals.record(caller, event);
    let page = page(&app, &then, &row, &stamped);
    let page = match refusal {
        CodeRefusal::Over => return begin_again(&app, &form.visitor, &then).await,
        CodeRefusal::Throttled(throttled) => {
            let seconds = throttled.retry_after_seconds;
            let sentence = format!("Too many codes were wrong. Try again {}.", show::wait(seconds));
            page.status(StatusCode::TOO_MANY_REQUESTS).retry_after(seconds).with("problem", sentence)
        }
        CodeRefusal::Wrong(_) => page
            .status(StatusCode::UNPROCESSABLE_ENTITY)
            .with("problem", "This code is wrong, or was used already. Enter the one that the app shows now."),
    };
    page.respond(&app, Some(&form.visitor))
}

/// Whose sign-in waits for the code.
async fn whose(
    app: &web::Data<AppState>,
    visitor: &Visitor,
    stamped: &str,
) -> Result<Option<AdministratorRow>, PageError> {
    let (visitor, stamped) = (visitor.clone(), stamped.to_owned());
    blocking::run(app, move |app| {
        let found = second_factor::read_sign_in(&app.store, &app.forms, &visitor.cookie, &stamped, Utc::now());
        found.map_err(PageError::from)
    })
    .await
}

fn page(app: &AppState, then: &Then<'_>, row: &AdministratorRow, stamped: &str) -> Page {
    then.carried_by(Page::new("sign_in_code.html"))
        .with("email", &*row.email)
        .with("sign_in", stamped)
        // Nobody is signed in, so the way on leads past the first form again.
        .with("again", then.location(app))
}

impl From<CodeError> for PageError {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::Session(error) => error.into(),
            error @ CodeError::Sealed(_) => Self::fault(error),
        }
    }
}
