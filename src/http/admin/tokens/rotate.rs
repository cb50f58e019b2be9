//! Rotating a header token, and the time in which the old and the new one both work.

use actix_web::{HttpResponse, web};
use chrono::{TimeDelta, Utc};

use super::super::administrator::Administrator;
use super::create::made_page;
use super::look::{details, refuse};
use super::{OVERLAPS, PATH, USUAL_OVERLAP, options, overlap, shown};
use crate::auth::tokens;
use crate::auth::{Caller, IssuedToken, TokenError};
use crate::http::pages::{Form, PageError, show};
use crate::http::{AppState, blocking};
use crate::store::TokenState;

/// `GET /admin/tokens/{id}/rotate`.
pub(super) async fn form(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let found = details(&app, &administrator, id.into_inner()).await?;
    let third = found.refuse_third(Utc::now());
    let row = found.row;
    match (row.state(Utc::now()), third) {
        (TokenState::Valid, Ok(())) => {}
        (TokenState::Valid, Err(error)) => return overlapping(&app, &administrator, row.id, &error).await,
        (TokenState::Rotated, _) => return rotated(&app, &administrator, row.id).await,
        (TokenState::Expired | TokenState::Revoked, _) => return ended(&app, &administrator, row.id).await,
    }
    let page = administrator
        .page("tokens/rotate.html")
        .with("token", shown(&row, &[], Utc::now()))
        .with("overlaps", options(&OVERLAPS))
        .with("overlap", USUAL_OVERLAP);
    administrator.respond(&app, page)
}

/// `POST /admin/tokens/{id}/rotate`. A token is rotated once, so a form that is sent twice makes one successor.
pub(super) async fn rotate(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let id = id.into_inner();
    let overlap = overlap(&form).unwrap_or(TimeDelta::hours(24));
    let (caller, old) = (administrator.caller(), id.clone());
    let made = blocking::run(&app, move |app| Ok::<_, PageError>(make_successor(app, &caller, &old, overlap))).await?;
    match made {
        Ok(issued) => made_page(&app, &administrator, &issued),
        Err(error @ TokenError::Overlapping) => overlapping(&app, &administrator, id, &error).await,
        Err(TokenError::Rotated { .. }) => rotated(&app, &administrator, id).await,
        Err(TokenError::Ended(_)) => ended(&app, &administrator, id).await,
        Err(error) => Err(error.into()),
    }
}

/// Makes the successor of a token, for any page.
///
/// # Errors
/// [`TokenError`] when there is no such valid token, it has a successor, or the one before it is still taken.
pub(in crate::http::admin) fn make_successor(
    app: &AppState,
    caller: &Caller,
    id: &str,
    overlap: TimeDelta,
) -> Result<IssuedToken, TokenError> {
    // First the token, so that nothing is written for one of another tenant; then its uses, so that those before are not counted as uses
    // after.
    let known = tokens::details(&app.store, caller, id)?;
    known.refuse_third(Utc::now())?;
    app.authenticator.record_uses(&app.store)?;
    tokens::rotate(&app.store, caller, &app.token_key, &known.row.id, overlap)
}

async fn overlapping(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: String,
    error: &TokenError,
) -> Result<HttpResponse, PageError> {
    refuse(app, administrator, id, &show::sentence(&error.to_string())).await
}

async fn rotated(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: String,
) -> Result<HttpResponse, PageError> {
    let sentence = "The token has a successor already, which was shown once. If nobody kept it, rotate the successor.";
    refuse(app, administrator, id, sentence).await
}

async fn ended(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: String,
) -> Result<HttpResponse, PageError> {
    refuse(app, administrator, id, "The token has ended, so nothing can overlap with it. Create a new one.").await
}

/// `POST /admin/tokens/{id}/extend`.
pub(super) async fn extend(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let overlap = overlap(&form).filter(|overlap| !overlap.is_zero()).unwrap_or(TimeDelta::hours(24));
    set(&app, &administrator, id.into_inner(), overlap, "The old token goes on for longer.").await
}

/// `GET /admin/tokens/{id}/end-overlap`.
pub(super) async fn ask_to_end(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let row = details(&app, &administrator, id.into_inner()).await?.row;
    if row.state(Utc::now()) != TokenState::Rotated {
        return refuse(&app, &administrator, row.id, "The token is not being replaced, so there is no overlap.").await;
    }
    let calls = row.calls - row.calls_at_rotation;
    let page = administrator
        .page("tokens/end_overlap.html")
        .with("token", shown(&row, &[], Utc::now()))
        .with("is_used", calls > 0)
        .with("calls", show::number(calls));
    administrator.respond(&app, page)
}

/// `POST /admin/tokens/{id}/end-overlap`.
pub(super) async fn end(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    set(&app, &administrator, id.into_inner(), TimeDelta::zero(), "The overlap has ended. Only the new token works.")
        .await
}

async fn set(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: String,
    overlap: TimeDelta,
    notice: &str,
) -> Result<HttpResponse, PageError> {
    let (caller, own) = (administrator.caller(), id.clone());
    let result =
        blocking::run(app, move |app| Ok::<_, PageError>(tokens::set_overlap(&app.store, &caller, &own, overlap)))
            .await?;
    match result {
        Ok(()) => administrator.done(app, &format!("{PATH}/{id}"), notice).await,
        Err(TokenError::NotRotated(_) | TokenError::Ended(_)) => {
            refuse(app, administrator, id, "The token is not being replaced, or it has ended. Nothing was changed.")
                .await
        }
        Err(error) => Err(error.into()),
    }
}
