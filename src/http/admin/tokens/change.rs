//! Changing a header token: its name, fewer scopes, another end, other networks.

use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::{Value, json};

use super::super::administrator::Administrator;
use super::look::{details, refuse};
use super::{ENDS, PATH, about_field, again, end, options, read, scope_boxes, stored, ticked};
use crate::auth::tokens;
use crate::auth::{Scopes, TokenError, name};
use crate::http::pages::{Form, Page, PageError};
use crate::http::{AppState, blocking};
use crate::store::{TokenRow, TokenState};

/// What the form sends where the end stays as it is.
const KEEP: &str = "keep";

/// `GET /admin/tokens/{id}/edit`.
pub(super) async fn form(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let row = details(&app, &administrator, id.into_inner()).await?.row;
    if !row.is_valid(Utc::now()) {
        return ended(&app, &administrator, row.id).await;
    }
    let page = page(&administrator, &row, stored(&row))
        .with("name", &*row.name)
        .with("expiry", KEEP)
        .with("expires_on", "")
        .with("networks", row.allowed_networks.join("\n"))
        .with("problems", Value::Null);
    administrator.respond(&app, page)
}

/// `POST /admin/tokens/{id}/edit`.
pub(super) async fn change(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let row = details(&app, &administrator, id.into_inner()).await?.row;
    if !row.is_valid(Utc::now()) {
        return ended(&app, &administrator, row.id).await;
    }
    let now = Utc::now();
    let expires_at = if form.get("expiry") == KEEP { Ok(row.expires_at) } else { end(&form, now) };
    let (wanted, problems) = read(&form, expires_at, now)?;
    if !problems.is_empty() {
        let page = again(page(&administrator, &row, ticked(&form)), &form, problems);
        return administrator.respond(&app, page);
    }
    let (caller, id) = (administrator.caller(), row.id.clone());
    let changed =
        blocking::run(&app, move |app| Ok::<_, PageError>(tokens::update(&app.store, &caller, &id, &wanted))).await?;
    match changed {
        Ok(()) => administrator.done(&app, &format!("{PATH}/{}", row.id), "The token is changed.").await,
        Err(TokenError::Ended(id)) => ended(&app, &administrator, id).await,
        Err(error) => {
            let page = again(page(&administrator, &row, ticked(&form)), &form, about_field(error)?);
            administrator.respond(&app, page)
        }
    }
}

async fn ended(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: String,
) -> Result<HttpResponse, PageError> {
    refuse(app, administrator, id, "The token has ended, so there is nothing to change. Create a new one.").await
}

fn page(administrator: &Administrator, row: &TokenRow, scopes: Scopes) -> Page {
    let now = Utc::now();
    let keep = match row.expires_at {
        Some(end) => format!("As it is: {}", end.format("%Y-%m-%d %H:%M UTC")),
        None => "As it is: never".to_owned(),
    };
    let mut ends = vec![json!({"value": KEEP, "label": keep})];
    // The end of one that was rotated is the end of the overlap, which has a form of its own.
    if row.state(now) != TokenState::Rotated {
        ends.extend(options(&ENDS));
    }
    administrator
        .page("tokens/edit.html")
        .with("id", &*row.id)
        .with("title", &*row.name)
        .with("ends", ends)
        .with("longest", name::LENGTH)
        .with("scopes", scope_boxes(scopes, stored(row)))
}
