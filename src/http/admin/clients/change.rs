//! Changing an OAuth client: name, PKCE, keys, redirect URIs; disabling and enabling it.

use actix_web::{HttpResponse, web};
use serde_json::Value;

use super::super::administrator::Administrator;
use super::create::{key_source, of_okta};
use super::{Found, INVALID, Problems, about_field, find, find_to_change, lines, page, problem};
use crate::auth::name;
use crate::http::pages::{Form, Page, PageError};
use crate::http::{AppState, blocking};
use crate::oauth::authenticate_client::KeySource;
use crate::oauth::clients::{self, ClientError};
use crate::store::ClientChanges;

/// `GET /admin/clients/{id}/edit`.
pub(super) async fn form(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let found = find_to_change(&app, &administrator, id.into_inner()).await?;
    let keys = match KeySource::of(&found.row) {
        Some(KeySource::Published(uri)) => uri,
        Some(KeySource::Given(set)) => format!("{set:#}"),
        None => String::new(),
    };
    let page = edit_page(&administrator, &found)
        .with("name", &*found.row.name)
        .with("pkce", found.row.pkce_required)
        .with("keys", keys)
        .with("problems", Value::Null);
    administrator.respond(&app, page)
}

fn edit_page(administrator: &Administrator, found: &Found) -> Page {
    page(administrator, found, "clients/edit.html", "").with("longest", name::LENGTH)
}

/// `POST /admin/clients/{id}/edit`.
pub(super) async fn change(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let found = find_to_change(&app, &administrator, id.into_inner()).await?;
    let again = |problems: Problems| {
        let page = edit_page(&administrator, &found)
            .status(INVALID)
            .with("name", form.get("name"))
            .with("pkce", form.is_set("pkce"))
            .with("keys", form.get("keys"))
            .with("problems", problems);
        administrator.respond(&app, page)
    };
    let mut changes = ClientChanges {
        name: form.get("name").trim().to_owned(),
        pkce_required: form.is_set("pkce"),
        ..ClientChanges::none(&found.row)
    };
    if KeySource::of(&found.row).is_some() {
        (changes.jwks, changes.jwks_uri) = match key_source(form.get("keys").trim()) {
            Ok(KeySource::Given(set)) => (Some(set), None),
            Ok(KeySource::Published(uri)) => (None, Some(uri)),
            Err(sentence) => return again(problem("keys", sentence)),
        };
    }
    match update(&app, &found, changes).await? {
        Ok(()) => administrator.done(&app, &found.path(""), "The client is changed.").await,
        Err(error) => again(about_field(error, "name")?),
    }
}

async fn update(
    app: &web::Data<AppState>,
    found: &Found,
    changes: ClientChanges,
) -> Result<Result<(), ClientError>, PageError> {
    let (caller, row) = (found.caller.clone(), found.row.clone());
    blocking::run(app, move |app| Ok::<_, PageError>(clients::update(&app.store, &caller, &row, &changes))).await
}

/// `GET /admin/clients/{id}/redirect-uris`.
pub(super) async fn redirect_uris(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let found = find(&app, &administrator, id.into_inner()).await?;
    let page = page(&administrator, &found, "clients/redirect_uris.html", "/redirect-uris")
        .with("redirect_uris", found.row.redirect_uris.join("\n"))
        .with("okta_app", "")
        .with("problems", Value::Null);
    administrator.respond(&app, page)
}

/// `POST /admin/clients/{id}/redirect-uris`.
pub(super) async fn set_redirect_uris(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let found = find_to_change(&app, &administrator, id.into_inner()).await?;
    let again = |problems: Problems| {
        let page = page(&administrator, &found, "clients/redirect_uris.html", "/redirect-uris")
            .status(INVALID)
            .with("redirect_uris", form.get("redirect_uris"))
            .with("okta_app", form.get("okta_app"))
            .with("problems", problems);
        administrator.respond(&app, page)
    };
    let mut uris = form.get("redirect_uris").to_owned();
    let okta_app = form.get("okta_app").trim();
    if !okta_app.is_empty() {
        match of_okta(okta_app) {
            Ok(of_okta) => uris = format!("{uris}\n{}", of_okta.join("\n")),
            Err(problems) => return again(problems),
        }
    }
    let changes = ClientChanges { redirect_uris: lines(&uris), ..ClientChanges::none(&found.row) };
    match update(&app, &found, changes).await? {
        Ok(()) => administrator.done(&app, &found.path("/redirect-uris"), "The redirect URIs are changed.").await,
        Err(error) => again(about_field(error, "redirect_uris")?),
    }
}

/// `GET /admin/clients/{id}/disable`.
pub(super) async fn ask_to_disable(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let found = find_to_change(&app, &administrator, id.into_inner()).await?;
    administrator.respond(&app, page(&administrator, &found, "clients/disable.html", ""))
}

/// `POST /admin/clients/{id}/disable`.
pub(super) async fn disable(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let notice = "The client is disabled. It and its tokens are refused within a second.";
    set_disabled(&app, &administrator, id.into_inner(), true, notice).await
}

/// `POST /admin/clients/{id}/enable`.
pub(super) async fn enable(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    set_disabled(&app, &administrator, id.into_inner(), false, "The client is enabled again.").await
}

async fn set_disabled(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: String,
    disabled: bool,
    notice: &str,
) -> Result<HttpResponse, PageError> {
    let found = find_to_change(app, administrator, id).await?;
    let (caller, id) = (found.caller.clone(), found.row.id.clone());
    blocking::run(app, move |app| clients::set_disabled(&app.store, &caller, &id, disabled).map_err(PageError::from))
        .await?;
    administrator.done(app, &found.path(""), notice).await
}
