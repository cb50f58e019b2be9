//! The people who sign in: those of the tenant at hand, and for operators those who operate all tenants.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::administrator::Administrator;
use super::question::Question;
use super::tenants::read_query;
use crate::auth::Caller;
use crate::auth::administrators::{self, AdministratorError};
use crate::auth::invitations::{self, InvitationError, IssuedInvitation, LIFETIME};
use crate::auth::role::{Right, Role};
use crate::auth::sessions;
use crate::http::pages::{Form, Page, PageError, PageRoute, Problem, refused, show};
use crate::http::{AppState, blocking};
use crate::id::TenantId;
use crate::store::{AdministratorRow, InvitationRow, SessionRow};

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/administrators", Right::Read, || web::get().to(list)),
    PageRoute::get("/administrators/invite", Right::Own, || web::get().to(invite_form)),
    PageRoute::post("/administrators/invite", Right::Own, || web::post().to(invite)),
    PageRoute::get("/administrators/invitations/{id}/revoke", Right::Own, || web::get().to(ask_revoke)),
    PageRoute::post("/administrators/invitations/{id}/revoke", Right::Own, || web::post().to(revoke)),
    PageRoute::get("/administrators/{id}", Right::Read, || web::get().to(detail)),
    PageRoute::post("/administrators/{id}/role", Right::Own, || web::post().to(set_role)),
    PageRoute::get("/administrators/{id}/disable", Right::Own, || web::get().to(ask_disable)),
    PageRoute::post("/administrators/{id}/disable", Right::Own, || web::post().to(disable)),
    PageRoute::post("/administrators/{id}/enable", Right::Own, || web::post().to(enable)),
    PageRoute::get("/administrators/{id}/sign-out", Right::Own, || web::get().to(ask_sign_out)),
    PageRoute::post("/administrators/{id}/sign-out", Right::Own, || web::post().to(sign_out)),
    PageRoute::post("/administrators/{id}/password-link", Right::Own, || web::post().to(password_link)),
];

const LIST: &str = "/admin/administrators";
const SECTION: (&str, &str) = ("Administrators", LIST);
/// The value of `of` that stands for those who operate all tenants.
const OPERATORS: &str = "operators";
/// People on a page, and invitations at most.
const ROWS: usize = 100;
/// The roles that people are invited to, with what they may do. A contact comes by a set-up link.
const ROLES: [(Role, &str); 3] = [
    (Role::Admin, "Admin: credentials, users and groups"),
    (Role::Owner, "Owner: everything, administrators included"),
    (Role::Auditor, "Auditor: looks at everything, changes nothing"),
];

/// Whose administrators are meant: the tenant at hand's, or the operators.
fn group(administrator: &Administrator, of: &str) -> Result<Caller, PageError> {
    match of {
        OPERATORS if administrator.person().is_operator() => Ok(administrator.caller_of_installation()),
        OPERATORS => Err(PageError::new(Problem::NotAllowed).saying("Only operators see who operates all tenants.")),
        _ => Ok(administrator.caller()),
    }
}

/// Whether the person may change these administrators.
fn may_change(administrator: &Administrator, of: &Caller) -> bool {
    let right = if of.principal.tenant() == TenantId::NONE { Right::Operate } else { Right::Own };
    administrator.may(right)
}

/// Whose they are, as a query says it.
fn of_name(tenant: TenantId) -> &'static str {
    if tenant == TenantId::NONE { OPERATORS } else { "" }
}

fn list_path(tenant: TenantId) -> String {
    if tenant == TenantId::NONE { format!("{LIST}?of={OPERATORS}") } else { LIST.into() }
}

/// `GET /admin/administrators`.
async fn list(
    app: web::Data<AppState>,
    administrator: Administrator,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let query = read_query(&request);
    let given = |name: &str| query.get(name).map_or("", String::as_str);
    let of = group(&administrator, given("of"))?;
    let after = Some(given("after").replace('\0', "")).filter(|after| !after.is_empty());
    let (caller, behind) = (of.clone(), after.clone());
    let (mut rows, open) = blocking::run(&app, move |app| {
        let limit = i64::try_from(ROWS).unwrap_or(i64::MAX);
        let rows = administrators::page(&app.store, &caller, behind.as_deref(), limit + 1)?;
        let open = if behind.is_none() { invitations::list(&app.store, &caller, limit)? } else { Vec::new() };
        Ok::<_, PageError>((rows, open))
    })
    .await?;
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let tenant = of.principal.tenant();
    let next = rows.last().filter(|_| more).map(|row| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("of", of_name(tenant)), ("after", row.folded_email.as_str())])
            .finish();
        format!("{}{LIST}?{query}", app.site.base)
    });
    let first = after.is_some().then(|| format!("{}{}", app.site.base, list_path(tenant)));
    let now = Utc::now();
    let rows: Vec<Value> = rows.iter().map(|row| shown(&administrator, row, now)).collect();
    let open: Vec<Value> = open.iter().map(|row| invitation_shown(row, now)).collect();
    let page = administrator
        .page("administrators/list.html")
        .with("rows", rows)
        .with("invitations", open)
        .with("of", of_name(tenant))
        .with("is_operator", administrator.person().is_operator())
        .with("may_change", may_change(&administrator, &of))
        .with("first", first)
        .with("next", next);
    administrator.respond(&app, page)
}

/// `GET /admin/administrators/invite`.
async fn invite_form(
    app: web::Data<AppState>,
    administrator: Administrator,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let query = read_query(&request);
    let of = changeable_group(&administrator, query.get("of").map_or("", String::as_str))?;
    let page = invite_page(&administrator, &of, "", Role::Admin.name(), Value::Null);
    administrator.respond(&app, page)
}

/// `POST /admin/administrators/invite`: shows the link, this once. A form that is sent twice replaces its first link.
async fn invite(app: web::Data<AppState>, administrator: Administrator, form: Form) -> Result<HttpResponse, PageError> {
    let of = changeable_group(&administrator, form.get("of"))?;
    let role = ROLES.iter().map(|(role, _)| *role).find(|role| role.name() == form.get("role"));
    let Some(role) = role else {
        let problems = json!({"role": "Choose one of the roles."});
        let page = invite_page(&administrator, &of, form.get("email"), Role::Admin.name(), problems);
        return administrator.respond(&app, page.status(StatusCode::UNPROCESSABLE_ENTITY));
    };
    let caller = of.clone();
    let (form, result) = blocking::run(&app, move |app| {
        let result = invitations::invite(&app.store, &app.token_key, &caller, form.get("email"), role);
        Ok::<_, PageError>((form, result))
    })
    .await?;
    match result {
        Ok(issued) => issued_page(&app, &administrator, &issued),
        Err(error) => {
            let problems = json!({"email": refused_invitation(error)?.1});
            let page = invite_page(&administrator, &of, form.get("email"), role.name(), problems);
            administrator.respond(&app, page.status(StatusCode::UNPROCESSABLE_ENTITY))
        }
    }
}

/// `POST /admin/administrators/{id}/password-link`: shows a link by which the person chooses a new password.
async fn password_link(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (row, of) = find_changeable(&app, &administrator, &id).await?;
    let result = blocking::run(&app, move |app| {
        Ok::<_, PageError>(invitations::invite_again(&app.store, &app.token_key, &of, &row))
    })
    .await?;
    match result {
        Ok(issued) => issued_page(&app, &administrator, &issued),
        Err(error) => {
            let (status, sentence) = refused_invitation(error)?;
            detail_page(&app, &administrator, &id, Some(sentence))
                .await
                .and_then(|page| administrator.respond(&app, page.status(status)))
        }
    }
}

/// The one page with the link.
fn issued_page(
    app: &AppState,
    administrator: &Administrator,
    issued: &IssuedInvitation,
) -> Result<HttpResponse, PageError> {
    // Behind the #, where browsers keep it to themselves: it stands in no log.
    let link = format!("{}/admin/invitation#{}", app.public_url, issued.code.reveal());
    let row = &issued.row;
    let page = administrator
        .page("administrators/link.html")
        .status(StatusCode::CREATED)
        .with("link", link)
        .with("email", &*row.email)
        .with("role_of", &*row.role)
        .with("is_reset", row.administrator_id.is_some())
        .with("days", LIFETIME.num_days())
        .with("expires", show::time(row.expires_at, Utc::now()))
        .with("back", list_path(TenantId(row.tenant_id)));
    administrator.respond(app, page)
}

/// `GET /admin/administrators/invitations/{id}/revoke`.
async fn ask_revoke(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (row, _) = find_invitation(&app, &administrator, &id).await?;
    let question = Question {
        section: SECTION,
        heading: format!("Take back the link for {}?", row.email),
        sentences: vec!["The link stops working at once. You can make another one at any time.".into()],
        action: format!("{LIST}/invitations/{}/revoke", row.id),
        fields: Vec::new(),
        typed: None,
        button: "Take back link",
        back: list_path(TenantId(row.tenant_id)),
    };
    administrator.respond(&app, question.page(&administrator))
}

/// `POST /admin/administrators/invitations/{id}/revoke`.
async fn revoke(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (row, of) = find_invitation(&app, &administrator, &id).await?;
    let back = list_path(of.principal.tenant());
    blocking::run(&app, move |app| invitations::revoke(&app.store, &of, &row).map_err(PageError::from)).await?;
    administrator.done(&app, &back, "The link is taken back.").await
}

/// `GET /admin/administrators/{id}`.
async fn detail(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let page = detail_page(&app, &administrator, &id, None).await?;
    administrator.respond(&app, page)
}

/// `POST /admin/administrators/{id}/role`.
async fn set_role(
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
async fn ask_disable(
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
async fn disable(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    set_enabled(&app, &administrator, &id, false, "The account is disabled, and its sessions have ended.").await
}

/// `POST /admin/administrators/{id}/enable`.
async fn enable(
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
async fn ask_sign_out(
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
async fn sign_out(
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

fn refused_invitation(error: InvitationError) -> Result<(StatusCode, String), PageError> {
    match error {
        InvitationError::Administrator(error) => refused(error),
        InvitationError::Store(error) => Err(error.into()),
        error @ InvitationError::Random(_) => Err(PageError::fault(error)),
        error @ (InvitationError::Code | InvitationError::NoPasswords | InvitationError::Taken) => {
            Ok((StatusCode::FORBIDDEN, show::sentence(&error.to_string())))
        }
    }
}

fn changeable_group(administrator: &Administrator, of: &str) -> Result<Caller, PageError> {
    let of = group(administrator, of)?;
    if may_change(administrator, &of) { Ok(of) } else { Err(not_yours()) }
}

fn not_yours() -> PageError {
    PageError::new(Problem::NotAllowed)
        .saying("Only an owner over all tenants changes who operates them. Nothing was changed.")
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

async fn find_changeable(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: &str,
) -> Result<(AdministratorRow, Caller), PageError> {
    let (row, of) = find(app, administrator, id).await?;
    if may_change(administrator, &of) { Ok((row, of)) } else { Err(not_yours()) }
}

async fn find_invitation(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: &str,
) -> Result<(InvitationRow, Caller), PageError> {
    let absent = || PageError::new(Problem::NotFound).saying("There is no such link: it was used or taken back.");
    // No id of ours has others, and no text of Postgres holds them all.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(absent());
    }
    let id = id.to_owned();
    let row = blocking::run(app, move |app| app.store.gate(|gate| gate.invitation(&id)).map_err(PageError::from));
    let row = row.await?.ok_or_else(absent)?;
    let of = match TenantId(row.tenant_id) {
        TenantId::NONE if administrator.may(Right::Operate) => administrator.caller_of_installation(),
        tenant if tenant == administrator.tenant_id() => administrator.caller(),
        _ => return Err(absent()),
    };
    Ok((row, of))
}

fn invite_page(administrator: &Administrator, of: &Caller, email: &str, role: &str, problems: Value) -> Page {
    let tenant = of.principal.tenant();
    administrator
        .page("administrators/invite.html")
        .with("of", of_name(tenant))
        .with("back", list_path(tenant))
        .with("email", email)
        .with("chosen", role)
        .with("roles", roles())
        .with("days", LIFETIME.num_days())
        .with("problems", problems)
}

fn roles() -> Vec<Value> {
    ROLES.iter().map(|(role, meaning)| json!({"value": role.name(), "label": meaning})).collect()
}

async fn detail_page(
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

fn shown(administrator: &Administrator, row: &AdministratorRow, now: DateTime<Utc>) -> Value {
    json!({
        "id": row.id,
        "path": format!("{LIST}/{}", row.id),
        "email": row.email,
        "role": row.role,
        "is_disabled": row.disabled_at.is_some(),
        "disabled": show::time_or_none(row.disabled_at, now),
        "created": show::time(row.created_at, now),
        "last_sign_in": show::time_or_none(row.last_sign_in_at, now),
        "is_own": row.id == administrator.person().id,
        "is_contact": row.role == Role::Contact.name(),
    })
}

fn invitation_shown(row: &InvitationRow, now: DateTime<Utc>) -> Value {
    json!({
        "email": row.email,
        "role": row.role,
        "what": if row.administrator_id.is_some() { "New password" } else { "Invitation" },
        "by": row.invited_by,
        "expires": show::time(row.expires_at, now),
        "revoke": format!("{LIST}/invitations/{}/revoke", row.id),
    })
}

fn session_shown(row: &SessionRow, now: DateTime<Utc>) -> Value {
    json!({
        "browser": show::browser(row.user_agent.as_deref().unwrap_or_default()),
        "address": row.address,
        "begun": show::time(row.created_at, now),
        "seen": show::time(row.seen_at, now),
    })
}
