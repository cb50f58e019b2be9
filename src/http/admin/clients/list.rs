//! The list of OAuth clients.

use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::Value;

use super::super::administrator::Administrator;
use super::super::mark;
use super::{PATH, shown};
use crate::http::pages::PageError;
use crate::http::{AppState, blocking};
use crate::oauth::clients;

/// `GET /admin/clients`: those of the tenant, or of the catalogue for whoever operates all tenants.
pub(super) async fn list(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let has_catalogue = administrator.person().is_operator();
    let is_catalogue = has_catalogue && administrator.query("of") == "catalogue";
    let before = mark::read(&administrator.query("before"));
    let is_first = before.is_none();
    let caller = if is_catalogue { administrator.caller_of_installation() } else { administrator.caller() };
    let (rows, more) =
        blocking::run(&app, move |app| clients::page(&app.store, &caller, before.as_ref()).map_err(PageError::from))
            .await?;
    let now = Utc::now();
    let here = format!("{}{PATH}?of={}", app.site.base, if is_catalogue { "catalogue" } else { "tenant" });
    let older = rows.last().filter(|_| more);
    let older = older.map(|(row, _)| format!("{here}&before={}", mark::of(row.created_at, &row.id)));
    let rows: Vec<Value> = rows
        .iter()
        .map(|(row, secrets)| {
            let mut client = shown(row, now);
            client["secrets"] = (*secrets).into();
            client
        })
        .collect();
    let page = administrator
        .page("clients/list.html")
        .with("clients", rows)
        .with("has_catalogue", has_catalogue)
        .with("is_catalogue", is_catalogue)
        .with("newer", (!is_first).then_some(here))
        .with("older", older);
    administrator.respond(&app, page)
}
