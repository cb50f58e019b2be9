//! Invitations, and links by which somebody chooses a new password: made, shown once, and taken back.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;
use serde_json::{Value, json};

use super::super::administrator::Administrator;
use super::super::question::Question;
use super::super::tenants::read_query;
use super::person::{detail_page, find_changeable};
use super::{LIST, ROLES, SECTION, group, list_path, may_change, not_yours, of_name, roles};
use crate::auth::Caller;
use crate::auth::invitations::{self, InvitationError, IssuedInvitation, LIFETIME};
use crate::auth::role::{Right, Role};
use crate::http::pages::{Form, Page, PageError, Problem, refused, show};
use crate::http::{AppState, blocking};
use crate::id::TenantId;
use crate::store::InvitationRow;

/// `GET /admin/administrators/invite`.
pub(super) async fn invite_form(
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
pub(super) async fn invite(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
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
pub(super) async fn password_link(
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
pub(super) async fn ask_revoke(
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
pub(super) async fn revoke(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (row, of) = find_invitation(&app, &administrator, &id).await?;
    let back = list_path(of.principal.tenant());
    blocking::run(&app, move |app| invitations::revoke(&app.store, &of, &row).map_err(PageError::from)).await?;
    administrator.done(&app, &back, "The link is taken back.").await
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
