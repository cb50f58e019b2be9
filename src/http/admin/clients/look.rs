//! An OAuth client.

use actix_web::{HttpResponse, web};

use super::super::administrator::Administrator;
use super::{Found, find, page};
use crate::auth::Scope;
use crate::http::AppState;
use crate::http::pages::{Page, PageError, show};
use crate::oauth::metadata::{AUTHORIZE, INTROSPECT, REVOKE, TOKEN};
use crate::oauth::scope;

/// `GET /admin/clients/{id}`.
pub(super) async fn look(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let found = find(&app, &administrator, id.into_inner()).await?;
    administrator.respond(&app, overview(&app, &administrator, &found))
}

/// The first tab.
pub(super) fn overview(app: &AppState, administrator: &Administrator, found: &Found) -> Page {
    let at = |path: &str| format!("{}{path}", app.public_url);
    let scopes = scope::stored(&found.row.scopes);
    let meanings: Vec<&str> = Scope::ALL.into_iter().filter(|scope| scopes.contains(*scope)).map(show::scope).collect();
    page(administrator, found, "clients/client.html", "")
        .with("meanings", meanings)
        .with("scim_url", &*app.services.standard().base_url)
        .with("authorize_url", at(AUTHORIZE))
        .with("token_url", at(TOKEN))
        .with("revoke_url", at(REVOKE))
        .with("introspect_url", at(INTROSPECT))
}
