//! The tenant that an operator works in.

use actix_web::{HttpResponse, web};
use uuid::Uuid;

use super::administrator::Administrator;
use crate::auth::role::Right;
use crate::auth::sessions;
use crate::http::pages::{BASE, Form, PageError, PageRoute, Problem, see_page};
use crate::http::{AppState, blocking};
use crate::id::TenantId;

pub(super) const ROUTES: &[PageRoute] = &[PageRoute::post("/tenant", Right::Read, || web::post().to(choose))];

/// `POST /admin/tenant`.
async fn choose(app: web::Data<AppState>, administrator: Administrator, form: Form) -> Result<HttpResponse, PageError> {
    let id = Uuid::try_parse(form.get("tenant")).unwrap_or_default();
    blocking::run(&app, move |app| {
        let known =
            administrator.person().is_operator() && app.store.gate(|gate| gate.tenant_with_id(TenantId(id)))?.is_some();
        if !known {
            return Err(PageError::new(Problem::NotFound).saying("There is no such tenant among yours."));
        }
        sessions::choose_tenant(&app.store, &administrator.session, TenantId(id)).map_err(PageError::from)
    })
    .await?;
    Ok(see_page(&app, BASE))
}
