//! The account of whoever is signed in: who it is, the second factor, a new password, the colours, and the own sessions.

mod second_factor;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::administrator::Administrator;
use crate::auth::administrators::{self, AdministratorError};
use crate::auth::password::SHORTEST;
use crate::auth::role::Right;
use crate::auth::second_factor::{self as factor, State};
use crate::auth::sessions;
use crate::http::pages::{Form, Page, PageError, PageRoute, add_cookie, refused, show, theme_cookie};
use crate::http::{AppState, blocking};
use crate::store::SessionRow;

pub(super) use second_factor::ROUTES as SECOND_FACTOR_ROUTES;
pub(in crate::http) use second_factor::{set_up_url, sets_up};

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get(PATH, Right::Account, || web::get().to(account)),
    PageRoute::post("/account/password", Right::Account, || web::post().to(change_password)),
    PageRoute::post("/account/theme", Right::Account, || web::post().to(choose_theme)),
    PageRoute::post("/account/sessions/end", Right::Account, || web::post().to(end_session)),
    PageRoute::post("/account/sessions/end-others", Right::Account, || web::post().to(end_others)),
];

const PATH: &str = "/account";
/// The same below the public URL.
const PAGE: &str = "/admin/account";
/// What the name of a session is stamped for.
const SESSION: &[u8] = b"session";
/// Recovery codes below which new ones are advised.
const FEW_CODES: i64 = 3;
/// How a session began, by the code of its second factor.
const BEGINNINGS: [(&str, &str); 4] = [
    ("totp", "Password and app"),
    ("recovery_code", "Password and recovery code"),
    ("sso", "Identity provider"),
    ("", "Password"),
];
/// The colours to choose from, with what they are called.
const THEMES: [(&str, &str); 3] = [("", "As the device"), ("light", "Light"), ("dark", "Dark")];

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
    let Err(error) = result else {
        return administrator.done(&app, PAGE, "Your password is changed. Your other sessions have ended.").await;
    };
    let field = if matches!(error, AdministratorError::Password(_)) { "password" } else { "present" };
    let refusal = Refusal::of(error)?;
    let page = refusal.told_by(page(&app, &administrator).await?, field);
    administrator.respond(&app, page)
}

/// `POST /admin/account/theme`.
async fn choose_theme(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let mut response = administrator.done(&app, PAGE, "The colours are changed in this browser.").await?;
    add_cookie(&mut response, &theme_cookie(&app, form.get("theme")))?;
    Ok(response)
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

/// `POST /admin/account/sessions/end-others`.
async fn end_others(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let (caller, session) = (administrator.own_caller(), administrator.session.clone());
    blocking::run(&app, move |app| sessions::end_others(&app.store, &caller, &session).map_err(PageError::from))
        .await?;
    administrator.done(&app, PAGE, "Your other sessions have ended. This one goes on.").await
}

/// The page, with what it shows of this session's person.
async fn page(app: &web::Data<AppState>, administrator: &Administrator) -> Result<Page, PageError> {
    let session = &administrator.session;
    let person = session.person.clone();
    let (rows, state, has_password) = blocking::run(app, move |app| {
        let row = app.store.gate(|gate| gate.administrator(person.id))?;
        let has_password = row.is_some_and(|row| row.password_hash.is_some());
        Ok::<_, PageError>((sessions::list(&app.store, &person)?, factor::state(&app.store, person.id)?, has_password))
    })
    .await?;
    let now = Utc::now();
    let rows: Vec<Value> = rows.iter().map(|row| row_shown(app, row, session.hash.as_bytes(), now)).collect();
    let own_tenant = (!session.person.is_operator()).then_some(&*administrator.tenant.name);
    let themes: Vec<Value> = THEMES.iter().map(|(value, label)| json!({"value": value, "label": label})).collect();
    Ok(administrator
        .page("account/account.html")
        .with("own_tenant", own_tenant)
        .with("since", show::time(session.created_at, now))
        .with("has_password", has_password)
        .with("shortest", SHORTEST)
        .with("problems", Value::Null)
        .with("factor", state.map_or(Value::Null, |state| factor_shown(state, now)))
        .with("themes", themes)
        .with("chosen_theme", administrator.visitor.theme.unwrap_or_default())
        .with("sessions", rows))
}

fn factor_shown(state: State, now: DateTime<Utc>) -> Value {
    json!({
        "since": show::time(state.since, now),
        "codes_left": state.codes_left,
        "few": state.codes_left < FEW_CODES,
    })
}

fn row_shown(app: &AppState, row: &SessionRow, this: &[u8], now: DateTime<Utc>) -> Value {
    let factor = row.second_factor.as_deref().unwrap_or_default();
    json!({
        "name": app.forms.stamp(&[SESSION], &row.id_hash),
        "browser": show::browser(row.user_agent.as_deref().unwrap_or_default()),
        "address": row.address,
        "begun": show::time(row.created_at, now),
        "seen": show::time(row.seen_at, now),
        "how": BEGINNINGS.iter().find(|(code, _)| *code == factor).map_or(factor, |(_, text)| text),
        "is_this": row.id_hash == this,
    })
}

/// What to say to somebody who is asked for the own password, and does not pass.
struct Refusal {
    status: StatusCode,
    sentence: String,
    retry_after: Option<u32>,
}

impl Refusal {
    /// What is wrong with the password.
    ///
    /// # Errors
    /// The page of an error that nobody can mend who fills in the form.
    fn of(error: AdministratorError) -> Result<Self, PageError> {
        if let AdministratorError::Throttled(throttled) = error {
            let seconds = throttled.retry_after_seconds;
            let sentence = format!("Too many attempts failed. Try again {}.", show::wait(seconds));
            return Ok(Self { status: StatusCode::TOO_MANY_REQUESTS, sentence, retry_after: Some(seconds) });
        }
        let (status, sentence) = refused(error)?;
        Ok(Self { status, sentence, retry_after: None })
    }

    /// What is wrong with something else than the password.
    fn saying(error: &dyn std::error::Error) -> Self {
        let sentence = show::sentence(&error.to_string());
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, sentence, retry_after: None }
    }

    /// The page with the sentence at this field.
    fn told_by(self, page: Page, field: &str) -> Page {
        let page = page.status(self.status).with("problems", json!({field: self.sentence}));
        match self.retry_after {
            Some(seconds) => page.retry_after(seconds),
            None => page,
        }
    }
}
