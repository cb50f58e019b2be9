//! The account of whoever is signed in: who it is, the own sessions, and a new password.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::administrator::Administrator;
use crate::auth::administrators::{self, AdministratorError};
use crate::auth::password::SHORTEST;
use crate::auth::role::Right;
use crate::auth::sessions;
use crate::http::pages::{Form, Page, PageError, PageRoute, refused, show};
use crate::http::{AppState, blocking};
use crate::store::SessionRow;

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get(PATH, Right::Account, || web::get().to(account)),
    PageRoute::post("/account/password", Right::Account, || web::post().to(change_password)),
    PageRoute::post("/account/sessions/end", Right::Account, || web::post().to(end_session)),
];

const PATH: &str = "/account";
/// The same below the public URL.
const PAGE: &str = "/admin/account";
/// What the name of a session is stamped for.
const SESSION: &[u8] = b"session";

/// `GET /admin/account`.
async fn account(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = page(&app, &administrator).await?;
    administrator.respond(&app, page)
}

/// `POST /admin/account/password`.
async fn change_password(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (caller, own) = (administrator.own_caller(), administrator.session.clone());
    let result = blocking::run_long(&app, move |app| {
        let (present, new) = (form.get("present"), form.get("password"));
        let device = form.visitor.device(app, &own.person.email);
        Ok::<_, PageError>(administrators::change_password(&app.store, &caller, &own, device, present, new))
    })
    .await?;
    let (status, sentence, retry_after) = match result {
        Ok(()) => {
            let notice = "Your password is changed. Your other sessions have ended.";
            return administrator.done(&app, PAGE, notice).await;
        }
        Err(AdministratorError::Throttled(throttled)) => {
            let seconds = throttled.retry_after_seconds;
            let sentence = format!("Too many attempts failed. Try again {}.", show::wait(seconds));
            (StatusCode::TOO_MANY_REQUESTS, sentence, Some(seconds))
        }
        Err(error) => {
            let (status, sentence) = refused(error)?;
            (status, sentence, None)
        }
    };
    let page = page(&app, &administrator).await?.status(status).with("problem", sentence);
    administrator.respond(
        &app,
        match retry_after {
            Some(seconds) => page.retry_after(seconds),
            None => page,
        },
    )
}

/// `POST /admin/account/sessions/end`.
async fn end_session(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    if let Some(hash) = app.forms.read(&[SESSION], form.get("session")) {
        let (caller, person) = (administrator.own_caller(), administrator.person().clone());
        blocking::run(&app, move |app| sessions::end(&app.store, &caller, &person, &hash).map_err(PageError::from))
            .await?;
    }
    administrator.done(&app, PAGE, "The session has ended.").await
}

/// The page, with what it shows of this session's person.
async fn page(app: &web::Data<AppState>, administrator: &Administrator) -> Result<Page, PageError> {
    let session = &administrator.session;
    let own = session.clone();
    let (tenant, rows) = blocking::run(app, move |app| {
        let tenant = app.store.gate(|gate| gate.tenant_with_id(own.person.tenant))?;
        Ok::<_, PageError>((tenant, sessions::list(&app.store, &own.person)?))
    })
    .await?;
    let now = Utc::now();
    let rows: Vec<Value> = rows.iter().map(|row| row_shown(app, row, session.hash.as_bytes(), now)).collect();
    Ok(administrator
        .page("account.html")
        .with("own_tenant", tenant.map(|tenant| tenant.name))
        .with("since", show::time(session.created_at, now))
        .with("shortest", SHORTEST)
        .with("problem", Value::Null)
        .with("sessions", rows))
}

fn row_shown(app: &AppState, row: &SessionRow, this: &[u8], now: DateTime<Utc>) -> Value {
    json!({
        "name": app.forms.stamp(&[SESSION], &row.id_hash),
        "browser": show::browser(row.user_agent.as_deref().unwrap_or_default()),
        "address": row.address,
        "begun": show::time(row.created_at, now),
        "seen": show::time(row.seen_at, now),
        "is_this": row.id_hash == this,
    })
}
