//! What people granted to an OAuth client.

use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::administrator::Administrator;
use super::super::mark;
use super::{Found, find, find_to_change, page};
use crate::http::pages::{PageError, show};
use crate::http::{AppState, blocking};
use crate::id::TenantId;
use crate::oauth::clients::{self, COUNTED, ClientError};
use crate::store::GrantRow;

/// `GET /admin/clients/{id}/grants`.
pub(super) async fn look(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let found = find(&app, &administrator, id.into_inner()).await?;
    let before = mark::read(&administrator.query("before"));
    let before = before.and_then(|(at, id)| Some((at, Uuid::try_parse(&id).ok()?)));
    let (caller, client) = (found.caller.clone(), found.row.id.clone());
    let (rows, more) =
        blocking::run(&app, move |app| clients::grants(&app.store, &caller, &client, before).map_err(PageError::from))
            .await?;
    let now = Utc::now();
    let here = format!("{}{}", app.site.base, found.path("/grants"));
    let older = rows.last().filter(|_| more);
    let older = older.map(|row| format!("{here}?before={}", mark::of(row.created_at, row.id)));
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "person": row.administrator_email,
                "tenant": row.tenant_id,
                "path": found.path(&format!("/grants/{}/revoke", row.id)),
                "scopes": row.scopes.join(" "),
                "created": show::time(row.created_at, now),
                "used": show::time_or_none(row.last_used_at, now),
                "revoked": show::time_or_none(row.revoked_at, now),
            })
        })
        .collect();
    let page = page(&administrator, &found, "clients/grants.html", "/grants")
        .with("grants", rows)
        .with("newer", before.is_some().then_some(here))
        .with("older", older);
    administrator.respond(&app, page)
}

/// The grant of this id.
async fn grant(app: &web::Data<AppState>, found: &Found, id: &str) -> Result<GrantRow, PageError> {
    let id = Uuid::try_parse(id).map_err(|_| ClientError::UnknownGrant)?;
    let (caller, client) = (found.caller.clone(), found.row.id.clone());
    blocking::run(app, move |app| clients::grant(&app.store, &caller, &client, id).map_err(PageError::from)).await
}

/// `GET /admin/clients/{id}/grants/{grant}/revoke`.
pub(super) async fn ask_to_revoke(
    app: web::Data<AppState>,
    administrator: Administrator,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, PageError> {
    let (id, grant_id) = path.into_inner();
    let found = find_to_change(&app, &administrator, id).await?;
    let grant = grant(&app, &found, &grant_id).await?;
    let now = Utc::now();
    let page = page(&administrator, &found, "clients/revoke_grant.html", "/grants")
        .with("person", &*grant.administrator_email)
        .with("path", found.path(&format!("/grants/{}/revoke", grant.id)))
        .with("created", show::time(grant.created_at, now))
        .with("used", show::time_or_none(grant.last_used_at, now));
    administrator.respond(&app, page)
}

/// `POST /admin/clients/{id}/grants/{grant}/revoke`.
pub(super) async fn revoke(
    app: web::Data<AppState>,
    administrator: Administrator,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, PageError> {
    let (id, grant_id) = path.into_inner();
    let found = find_to_change(&app, &administrator, id).await?;
    let grant = grant(&app, &found, &grant_id).await?;
    let caller = administrator.caller_for(TenantId(grant.tenant_id));
    blocking::run(&app, move |app| clients::revoke_grant(&app.store, &caller, &grant).map_err(PageError::from)).await?;
    let notice = "The grant is revoked. Its tokens are refused within a second.";
    administrator.done(&app, &found.path("/grants"), notice).await
}

/// `GET /admin/clients/{id}/grants/revoke`.
pub(super) async fn ask_to_revoke_all(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let found = find_to_change(&app, &administrator, id.into_inner()).await?;
    let (caller, client) = (found.caller.clone(), found.row.id.clone());
    let count =
        blocking::run(&app, move |app| clients::living_grants(&app.store, &caller, &client).map_err(PageError::from))
            .await?;
    let count = i64::try_from(count).unwrap_or(COUNTED);
    let more = if count < COUNTED { "" } else { " or more" };
    let page = page(&administrator, &found, "clients/revoke_grants.html", "/grants")
        .with("count", format!("{}{more}", show::number(count)))
        .with("is_one", count == 1);
    administrator.respond(&app, page)
}

/// `POST /admin/clients/{id}/grants/revoke`.
pub(super) async fn revoke_all(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let found = find_to_change(&app, &administrator, id.into_inner()).await?;
    let (caller, client) = (found.caller.clone(), found.row.id.clone());
    let count =
        blocking::run(&app, move |app| clients::revoke_grants(&app.store, &caller, &client).map_err(PageError::from))
            .await?;
    let grants = if count == 1 { "grant is" } else { "grants are" };
    let notice =
        format!("{count} {grants} revoked, and all access tokens of the client. They are refused within a second.");
    administrator.done(&app, &found.path("/grants"), notice).await
}
