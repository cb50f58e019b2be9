//! The secrets of an OAuth client.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::administrator::Administrator;
use super::super::tokens::{OVERLAPS, USUAL_OVERLAP, options, overlap};
use super::create::made_page;
use super::{Found, find, find_to_change, page, sent_twice};
use crate::http::pages::{Form, PageError, show};
use crate::http::{AppState, blocking};
use crate::oauth::clients::{self, ClientError, Former};
use crate::store::ClientSecretRow;

/// What the form sends where the former secret goes on until somebody ends it.
const OPEN: &str = "open";

/// `GET /admin/clients/{id}/secrets`.
pub(super) async fn look(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let found = find(&app, &administrator, id.into_inner()).await?;
    let now = Utc::now();
    let mut secrets = live(&found, now);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.created_at));
    let secrets: Vec<Value> = secrets.into_iter().map(|secret| shown(&found, secret, now)).collect();
    let mut overlaps = options(&OVERLAPS);
    overlaps.push(json!({"value": OPEN, "label": "Until I retire it"}));
    let page = page(&administrator, &found, "clients/secrets.html", "/secrets")
        .with("once", administrator.once(&app))
        .with("has_two", secrets.len() > 1)
        .with("secrets", secrets)
        .with("overlaps", overlaps)
        .with("overlap", USUAL_OVERLAP);
    administrator.respond(&app, page)
}

fn live(found: &Found, now: DateTime<Utc>) -> Vec<&ClientSecretRow> {
    found.secrets.iter().filter(|secret| secret.is_live(now)).collect()
}

fn shown(found: &Found, secret: &ClientSecretRow, now: DateTime<Utc>) -> Value {
    json!({
        "masked": format!("pvr_s_{}…", secret.id),
        "path": found.path(&format!("/secrets/{}/retire", secret.id)),
        "created": show::time(secret.created_at, now),
        "ends": show::time_or_none(secret.expires_at, now),
        "used": show::time_or_none(secret.last_used_at, now),
    })
}

/// `POST /admin/clients/{id}/secrets`.
pub(super) async fn add(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let found = find_to_change(&app, &administrator, id.into_inner()).await?;
    let submission = administrator.submission(&app, &form)?;
    let former = match form.get("overlap") {
        OPEN => Former::GoesOn,
        _ => Former::EndsAfter(overlap(&form).unwrap_or(TimeDelta::hours(24))),
    };
    let (caller, row) = (found.caller.clone(), found.row.clone());
    let made = blocking::run(&app, move |app| {
        Ok::<_, PageError>(clients::rotate_secret(&app.store, &caller, &app.token_key, &row, former, Some(submission)))
    })
    .await?;
    match made {
        Ok(made) => made_page(&app, &administrator, &made, StatusCode::OK),
        Err(ClientError::Twice) => sent_twice(&app, &administrator, &found.path("/secrets")).await,
        Err(ClientError::NoSecret(_)) => {
            let page = super::look::overview(&app, &administrator, &found)
                .status(StatusCode::CONFLICT)
                .with("problem", "The client has no secrets: it is public, or signs assertions. Nothing was changed.");
            administrator.respond(&app, page)
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /admin/clients/{id}/secrets/{secret}/retire`.
pub(super) async fn ask_to_retire(
    app: web::Data<AppState>,
    administrator: Administrator,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, PageError> {
    let (id, secret) = path.into_inner();
    let found = find_to_change(&app, &administrator, id).await?;
    let now = Utc::now();
    let secrets = live(&found, now);
    let own = secrets.iter().find(|own| own.id == secret).ok_or(ClientError::UnknownSecret)?;
    let page = page(&administrator, &found, "clients/retire_secret.html", "/secrets")
        .with("secret", shown(&found, own, now))
        .with("is_last", secrets.len() == 1);
    administrator.respond(&app, page)
}

/// `POST /admin/clients/{id}/secrets/{secret}/retire`.
pub(super) async fn retire(
    app: web::Data<AppState>,
    administrator: Administrator,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, PageError> {
    let (id, secret) = path.into_inner();
    let found = find_to_change(&app, &administrator, id).await?;
    if !found.secrets.iter().any(|own| own.id == secret) {
        return Err(ClientError::UnknownSecret.into());
    }
    let (caller, client) = (found.caller.clone(), found.row.id.clone());
    blocking::run(&app, move |app| {
        clients::retire_secret(&app.store, &caller, &client, &secret).map_err(PageError::from)
    })
    .await?;
    administrator.done(&app, &found.path("/secrets"), "The secret is retired. It is refused from now on.").await
}
