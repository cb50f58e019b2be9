//! Revoking a header token.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::super::administrator::Administrator;
use super::look::{details, refuse};
use super::{INVALID, PATH, shown};
use crate::auth::tokens::IN_USE;
use crate::http::pages::{Form, Page, PageError};
use crate::http::{AppState, blocking};
use crate::store::TokenRow;

/// Whether whoever used the token is likely to miss it.
fn is_in_use(row: &TokenRow, now: DateTime<Utc>) -> bool {
    row.last_used_at.is_some_and(|at| at > now - IN_USE)
}

/// `GET /admin/tokens/{id}/revoke`.
pub(super) async fn ask(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let row = details(&app, &administrator, id.into_inner()).await?.row;
    if !row.is_valid(Utc::now()) {
        return refuse(&app, &administrator, row.id, "The token has ended already. Nobody can use it.").await;
    }
    let page = page(&administrator, &row).with("problems", Value::Null);
    administrator.respond(&app, page)
}

/// `POST /admin/tokens/{id}/revoke`.
pub(super) async fn revoke(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let row = details(&app, &administrator, id.into_inner()).await?.row;
    if is_in_use(&row, Utc::now()) && row.is_valid(Utc::now()) && form.get("confirm").trim() != row.name.trim() {
        let problem = serde_json::json!({"confirm": "This is not the name of the token. Type it as it stands above."});
        let page = page(&administrator, &row).status(INVALID).with("problems", problem);
        return administrator.respond(&app, page);
    }
    let (caller, id) = (administrator.caller(), row.id.clone());
    blocking::run(&app, move |app| crate::auth::tokens::revoke(&app.store, &caller, &id).map_err(PageError::from))
        .await?;
    administrator
        .done(&app, &format!("{PATH}/{}", row.id), "The token is revoked. It is refused everywhere within a second.")
        .await
}

fn page(administrator: &Administrator, row: &TokenRow) -> Page {
    let now = Utc::now();
    administrator.page("tokens/revoke.html").with("token", shown(row, &[], now)).with("is_in_use", is_in_use(row, now))
}
