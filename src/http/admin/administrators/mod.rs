//! The people who sign in: those of the tenant at hand, and for operators those who operate all tenants.

mod invitations;
mod list;
mod person;

use actix_web::web;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::administrator::Administrator;
use crate::auth::Caller;
use crate::auth::role::{Right, Role};
use crate::http::pages::{PageError, PageRoute, Problem, show};
use crate::id::TenantId;
use crate::store::AdministratorRow;

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/administrators", Right::Read, || web::get().to(list::list)),
    PageRoute::get("/administrators/invite", Right::Own, || web::get().to(invitations::invite_form)),
    PageRoute::post("/administrators/invite", Right::Own, || web::post().to(invitations::invite)),
    PageRoute::get("/administrators/invitations/{id}/revoke", Right::Own, || web::get().to(invitations::ask_revoke)),
    PageRoute::post("/administrators/invitations/{id}/revoke", Right::Own, || web::post().to(invitations::revoke)),
    PageRoute::get("/administrators/{id}", Right::Read, || web::get().to(person::detail)),
    PageRoute::post("/administrators/{id}/role", Right::Own, || web::post().to(person::set_role)),
    PageRoute::get("/administrators/{id}/disable", Right::Own, || web::get().to(person::ask_disable)),
    PageRoute::post("/administrators/{id}/disable", Right::Own, || web::post().to(person::disable)),
    PageRoute::post("/administrators/{id}/enable", Right::Own, || web::post().to(person::enable)),
    PageRoute::get("/administrators/{id}/sign-out", Right::Own, || web::get().to(person::ask_sign_out)),
    PageRoute::post("/administrators/{id}/sign-out", Right::Own, || web::post().to(person::sign_out)),
    PageRoute::post("/administrators/{id}/password-link", Right::Own, || web::post().to(invitations::password_link)),
];

const LIST: &str = "/admin/administrators";
const SECTION: (&str, &str) = ("Administrators", LIST);

/// The value of `of` that stands for those who operate all tenants.
const OPERATORS: &str = "operators";

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

fn not_yours() -> PageError {
    PageError::new(Problem::NotAllowed)
        .saying("Only an owner over all tenants changes who operates them. Nothing was changed.")
}

fn roles() -> Vec<Value> {
    ROLES.iter().map(|(role, meaning)| json!({"value": role.name(), "label": meaning})).collect()
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
