//! One person: role, account and sessions.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::administrator::Administrator;
use super::super::question::Question;
use super::{LIST, ROLES, SECTION, list_path, may_change, not_yours, roles, shown};
use crate::auth::administrators::{self, AdministratorError};
use crate::auth::{Caller, sessions};
use crate::http::pages::{Form, Page, PageError, Problem, refused, show};
use crate::http::{AppState, blocking};
use crate::id::TenantId;
use crate::store::{AdministratorRow, SessionRow};

/// `GET /admin/administrators/{id}`.
pub(super) async fn detail(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let page = detail_page(&app, &administrator, &id, None).await?;
    administrator.respond(&app, page)
}

/// `POST /admin/administrators/{id}/role`.
pub(super) async fn set_role(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (row, of) = find_changeable(&app, &administrator, &id).await?;
    let role = ROLES.iter().map(|(role, _)| *role).find(|role| role.name() == form.get("role"));
    let role = role.ok_or_else(|| PageError::new(Problem::NotFound).saying("There is no such role."))?;
    let notice = format!("{} has the role {} now. The person's sessions have ended.", row.email, role.name());
    let result =
        blocking::run(&app, move |app| Ok::<_, PageError>(administrators::set_role(&app.store, &of, &row, role)));
    finish(&app, &administrator, &id, result.await?, notice).await
}

/// `GET /admin/administrators/{id}/disable`.
pub(super) async fn ask_disable(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (row, _) = find_changeable(&app, &administrator, &id).await?;
    let question = Question {
        section: SECTION,
        heading: format!("Disable {}?", row.email),
        sentences: vec![
            "All sessions of this person end at once, and nobody can sign in with the account until it is enabled again.".into(),
            "Invitations, password links and set-up links that the person made and nobody has opened are taken back.".into(),
            "What else the person made or consented to goes on: tokens, clients and grants are revoked on their own pages.".into(),
        ],
        action: format!("{LIST}/{}/disable", row.id),
        fields: Vec::new(),
        typed: None,
        button: "Disable account",
        back: format!("{LIST}/{}", row.id),
    };
    administrator.respond(&app, question.page(&administrator))
}

/// `POST /admin/administrators/{id}/disable`.
pub(super) async fn disable(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    set_enabled(&app, &administrator, &id, false, "The account is disabled, and its sessions have ended.").await
}

/// `POST /admin/administrators/{id}/enable`.
pub(super) async fn enable(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    set_enabled(&app, &administrator, &id, true, "The account is enabled.").await
}

async fn set_enabled(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: &str,
    enabled: bool,
    notice: &str,
) -> Result<HttpResponse, PageError> {
    let (row, of) = find_changeable(app, administrator, id).await?;
    let result = blocking::run(app, move |app| {
        Ok::<_, PageError>(administrators::set_enabled(&app.store, &of, row.id, enabled))
    });
    finish(app, administrator, id, result.await?, notice.into()).await
}

/// `GET /admin/administrators/{id}/sign-out`.
pub(super) async fn ask_sign_out(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (row, _) = find_changeable(&app, &administrator, &id).await?;
    let question = Question {
        section: SECTION,
        heading: format!("End all sessions of {}?", row.email),
        sentences: vec!["The person is signed out in every browser, and can sign in again.".into()],
        action: format!("{LIST}/{}/sign-out", row.id),
        fields: Vec::new(),
        typed: None,
        button: "End sessions",
        back: format!("{LIST}/{}", row.id),
    };
    administrator.respond(&app, question.page(&administrator))
}

/// `POST /admin/administrators/{id}/sign-out`.
pub(super) async fn sign_out(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (row, of) = find_changeable(&app, &administrator, &id).await?;
    blocking::run(&app, move |app| administrators::end_sessions(&app.store, &of, row.id).map_err(PageError::from))
        .await?;
    administrator.done(&app, &format!("{LIST}/{id}"), "All sessions of this person have ended.").await
}

/// Back to the person's page after a change, or the page with what stands against it.
async fn finish(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: &str,
    result: Result<(), AdministratorError>,
    notice: String,
) -> Result<HttpResponse, PageError> {
    let Err(error) = result else {
        return administrator.done(app, &format!("{LIST}/{id}"), notice).await;
    };
    let (status, sentence) = refused(error)?;
    let page = detail_page(app, administrator, id, Some(sentence)).await?;
    administrator.respond(app, page.status(status))
}

/// A person of the tenant at hand, or one who operates all tenants, where an operator asks; and as whom changes are made.
async fn find(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: &str,
) -> Result<(AdministratorRow, Caller), PageError> {
    let absent = || PageError::new(Problem::NotFound).saying("There is no such administrator here.");
    let id = Uuid::try_parse(id).map_err(|_| absent())?;
    let row = blocking::run(app, move |app| app.store.gate(|gate| gate.administrator(id)).map_err(PageError::from));
    let row = row.await?.ok_or_else(absent)?;
    match TenantId(row.tenant_id) {
        TenantId::NONE if administrator.person().is_operator() => Ok((row, administrator.caller_of_installation())),
        tenant if tenant == administrator.tenant_id() => Ok((row, administrator.caller())),
        _ => Err(absent()),
    }
}

pub(super) async fn find_changeable(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: &str,
) -> Result<(AdministratorRow, Caller), PageError> {
    let (row, of) = find(app, administrator, id).await?;
    if may_change(administrator, &of) { Ok((row, of)) } else { Err(not_yours()) }
}

pub(super) async fn detail_page(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: &str,
    problem: Option<String>,
) -> Result<Page, PageError> {
    let (row, of) = find(app, administrator, id).await?;
    let person = administrators::Person::from(&row);
    let sessions = blocking::run(app, move |app| sessions::list(&app.store, &person).map_err(PageError::from)).await?;
    let now = Utc::now();
    let sessions: Vec<Value> = sessions.iter().map(|session| session_shown(session, now)).collect();
    let names: HashMap<&str, &str> = ROLES.iter().map(|(role, meaning)| (role.name(), *meaning)).collect();
    Ok(administrator
        .page("administrators/administrator.html")
        .with("row", shown(administrator, &row, now))
        .with("meaning", names.get(row.role.as_str()).copied())
        .with("is_operator_row", TenantId(row.tenant_id) == TenantId::NONE)
        .with("sessions", sessions)
        .with("may_change", may_change(administrator, &of))
        .with("roles", roles())
        .with("back", list_path(TenantId(row.tenant_id)))
        .with("problem", problem))
}

fn session_shown(row: &SessionRow, now: DateTime<Utc>) -> Value {
    json!({
        "browser": show::browser(row.user_agent.as_deref().unwrap_or_default()),
        "address": row.address,
        "begun": show::time(row.created_at, now),
        "seen": show::time(row.seen_at, now),
    })
}
