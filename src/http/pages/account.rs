//! The account of whoever is signed in: who it is, the own sessions, and a new password.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::error::PageError;
use super::form::Form;
use super::page::Page;
use super::sign_in::wait;
use super::visitor::Visitor;
use super::{BASE, see_page};
use crate::auth::administrators::{self, AdministratorError};
use crate::auth::password::SHORTEST;
use crate::auth::sessions::{self, Session};
use crate::http::visit::Visit;
use crate::http::{AppState, blocking};
use crate::store::SessionRow;

/// What the name of a session is stamped for.
const SESSION: &[u8] = b"session";
/// What a page says that follows on a change, by the word in its query.
const DONE: [(&str, &str); 2] = [
    ("done=password", "Your password is changed. Your other sessions have ended."),
    ("done=session", "The session has ended."),
];
/// What browsers call themselves, the more special first: all of them claim to be others as well.
const BROWSERS: [(&str, &str); 7] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("", "Another program"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("Windows", " on Windows"),
    ("Android", " on Android"),
    ("iPhone", " on an iPhone"),
    ("iPad", " on an iPad"),
    ("Mac OS X", " on macOS"),
    ("Linux", " on Linux"),
    ("", ""),
];

/// `GET /admin`.
pub(super) async fn account(
    app: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let session = visitor.signed_in(&app, BASE)?.clone();
    let done = DONE.iter().find(|(query, _)| *query == request.query_string()).map(|(_, sentence)| *sentence);
    page(&app, &session).await?.with("done", done).respond(&app, Some(&visitor))
}

/// `POST /admin/password`.
pub(super) async fn change_password(
    app: web::Data<AppState>,
    visit: Visit,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let session = form.visitor.signed_in(&app, BASE)?.clone();
    let caller = visit.caller(session.person.principal(session.person.tenant));
    let own = session.clone();
    let (form, result) = blocking::run_long(&app, move |app| {
        let (present, new) = (form.get("present"), form.get("password"));
        let device = form.visitor.device(app, &own.person.email);
        let result = administrators::change_password(&app.store, &caller, &own, device, present, new);
        Ok::<_, PageError>((form, result))
    })
    .await?;
    let (status, sentence) = match result {
        Ok(()) => return Ok(see_page(&app, "/admin?done=password")),
        Err(AdministratorError::Throttled(throttled)) => {
            let sentence = format!("Too many attempts failed. Try again {}.", wait(throttled.retry_after_seconds));
            let page = page(&app, &session).await?.retry_after(throttled.retry_after_seconds);
            let page = page.status(StatusCode::TOO_MANY_REQUESTS).with("problem", sentence);
            return page.respond(&app, Some(&form.visitor));
        }
        Err(error) => refused(error)?,
    };
    page(&app, &session).await?.status(status).with("problem", sentence).respond(&app, Some(&form.visitor))
}

/// `POST /admin/sessions/end`.
pub(super) async fn end_session(app: web::Data<AppState>, visit: Visit, form: Form) -> Result<HttpResponse, PageError> {
    let person = form.visitor.signed_in(&app, BASE)?.person.clone();
    if let Some(hash) = app.forms.read(&[SESSION], form.get("session")) {
        let caller = visit.caller(person.principal(person.tenant));
        blocking::run(&app, move |app| sessions::end(&app.store, &caller, &person, &hash).map_err(PageError::from))
            .await?;
    }
    Ok(see_page(&app, "/admin?done=session"))
}

/// The page, with what it shows of this session's person.
async fn page(app: &web::Data<AppState>, session: &Session) -> Result<Page, PageError> {
    let own = session.clone();
    let (tenant, rows) = blocking::run(app, move |app| {
        let tenant = app.store.gate(|gate| gate.tenant_with_id(own.person.tenant))?;
        Ok::<_, PageError>((tenant, sessions::list(&app.store, &own.person)?))
    })
    .await?;
    let rows: Vec<Value> = rows.iter().map(|row| row_shown(app, row, session)).collect();
    Ok(Page::new("account.html")
        .with("role", session.person.role.name())
        .with("tenant", tenant.map(|tenant| tenant.name))
        .with("since", time_shown(session.created_at))
        .with("shortest", SHORTEST)
        .with("sessions", rows))
}

fn row_shown(app: &AppState, row: &SessionRow, session: &Session) -> Value {
    json!({
        "name": app.forms.stamp(&[SESSION], &row.id_hash),
        "browser": browser(row.user_agent.as_deref().unwrap_or_default()),
        "address": row.address,
        "begun": time_shown(row.created_at),
        "seen": time_shown(row.seen_at),
        "is_this": row.id_hash == session.hash.as_bytes(),
    })
}

/// A time for machines and for people.
fn time_shown(time: DateTime<Utc>) -> Value {
    json!({
        "exact": time.to_rfc3339_opts(SecondsFormat::Secs, true),
        "text": time.format("%Y-%m-%d %H:%M UTC").to_string(),
    })
}

fn browser(user_agent: &str) -> String {
    let first = |table: &[(&str, &'static str)]| {
        table.iter().find(|(sign, _)| user_agent.contains(sign)).map_or("", |(_, name)| name)
    };
    format!("{}{}", first(&BROWSERS), first(&SYSTEMS))
}

/// What to say of an error that whoever filled in the form can mend.
///
/// # Errors
/// The page of any other.
pub(super) fn refused(error: AdministratorError) -> Result<(StatusCode, String), PageError> {
    match error {
        AdministratorError::Store(error) => Err(error.into()),
        AdministratorError::Hash(_) | AdministratorError::Random(_) | AdministratorError::Unknown(_) => {
            Err(PageError::fault(error))
        }
        sentence => Ok((StatusCode::UNPROCESSABLE_ENTITY, sentence_of(&sentence.to_string()))),
    }
}

/// An error's text as a sentence.
pub(super) fn sentence_of(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    format!("{}{}.", first.into_iter().flatten().collect::<String>(), characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_apart() {
        for (user_agent, shown) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on macOS",
            ),
            ("curl/8.5.0", "curl"),
            ("", "Another program"),
        ] {
            assert_eq!(browser(user_agent), shown);
        }
    }
}
