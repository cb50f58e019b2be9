//! Creating a header token.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::Value;

use super::super::administrator::Administrator;
use super::{ENDS, PATH, USUAL_END, about_field, again, end, options, read, scope_boxes, ticked};
use crate::auth::tokens;
use crate::auth::{IssuedToken, Scope, Scopes, TokenError, name};
use crate::http::pages::{Form, Page, PageError, show};
use crate::http::{AppState, blocking};

/// `GET /admin/tokens/new`.
pub(super) async fn form(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = page(&app, &administrator, Scope::ALL.into_iter().collect())
        .with("name", administrator.query("name"))
        .with("expiry", USUAL_END)
        .with("expires_on", "")
        .with("networks", "")
        .with("problems", Value::Null);
    administrator.respond(&app, page)
}

/// `POST /admin/tokens/new`.
pub(super) async fn create(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let submission = administrator.submission(&app, &form)?;
    let now = Utc::now();
    let (wanted, problems) = read(&form, end(&form, now), now)?;
    if !problems.is_empty() {
        let page = again(page(&app, &administrator, ticked(&form)), &form, problems);
        return administrator.respond(&app, page);
    }
    let caller = administrator.caller();
    let made = blocking::run(&app, move |app| {
        Ok::<_, PageError>(tokens::create_by_form(&app.store, &caller, &app.token_key, &wanted, submission))
    })
    .await?;
    match made {
        Ok(issued) => made_page(&app, &administrator, &issued),
        Err(TokenError::Twice) => {
            let notice = "This form was sent before: the token was made then, and shown once. If you did not keep it, rotate it.";
            administrator.done(&app, PATH, notice).await
        }
        Err(error) => {
            let page = again(page(&app, &administrator, ticked(&form)), &form, about_field(error)?);
            administrator.respond(&app, page)
        }
    }
}

/// The page that shows a new token this once, with the end of the one that it replaces.
pub(super) fn made_page(
    app: &AppState,
    administrator: &Administrator,
    issued: &IssuedToken,
) -> Result<HttpResponse, PageError> {
    let base_url = &app.services.standard().base_url;
    let secret = issued.secret.reveal();
    let curl = format!("curl -H \"Authorization: Bearer {secret}\" \"{base_url}/Users?count=1\"");
    let page = administrator
        .page("tokens/made.html")
        .status(StatusCode::CREATED)
        .with("id", &*issued.row.id)
        .with("name", &*issued.row.name)
        .with("secret", secret)
        .with("scim_url", &**base_url)
        .with("curl", curl)
        .with("former_ends", show::time_or_none(issued.former_ends_at, Utc::now()));
    administrator.respond(app, page)
}

fn page(app: &AppState, administrator: &Administrator, scopes: Scopes) -> Page {
    administrator
        .page("tokens/new.html")
        .with("once", administrator.once(app))
        .with("ends", options(&ENDS))
        .with("longest", name::LENGTH)
        .with("scopes", scope_boxes(scopes, Scope::ALL.into_iter().collect()))
}
