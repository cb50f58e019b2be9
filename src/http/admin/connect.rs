//! Connecting an identity provider, step by step.

use actix_web::{HttpResponse, web};

use super::administrator::Administrator;
use crate::auth::role::Right;
use crate::http::AppState;
use crate::http::pages::{PageError, PageRoute};

pub(super) const ROUTES: &[PageRoute] = &[PageRoute::get("/connect", Right::Connect, || web::get().to(show))];

/// `GET /admin/connect`.
async fn show(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = administrator.page("connect.html").with("scim_url", &*app.services.standard().base_url);
    administrator.respond(&app, page)
}
