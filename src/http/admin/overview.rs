//! The start of the admin UI.

use actix_web::{HttpResponse, web};

use super::administrator::Administrator;
use crate::auth::role::Right;
use crate::http::AppState;
use crate::http::pages::{PageError, PageRoute};

pub(super) const ROUTES: &[PageRoute] = &[PageRoute::get("", Right::Read, || web::get().to(show))];

/// `GET /admin`.
async fn show(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = administrator.page("overview.html").with("scim_url", &*app.services.standard().base_url);
    administrator.respond(&app, page)
}
