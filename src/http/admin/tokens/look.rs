//! A header token.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::administrator::Administrator;
use super::{OVERLAPS, PATH, options, shown};
use crate::auth::tokens::{self, Details};
use crate::http::pages::{Page, PageError, show};
use crate::http::{AppState, blocking};
use crate::store::TokenRow;

/// `GET /admin/tokens/{id}`.
pub(super) async fn look(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let page = page(&app, &administrator, id.into_inner()).await?;
    administrator.respond(&app, page)
}

/// The page with what speaks against what was to be done.
pub(super) async fn refuse(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: String,
    sentence: &str,
) -> Result<HttpResponse, PageError> {
    let page = page(app, administrator, id).await?.status(StatusCode::CONFLICT).with("problem", sentence);
    administrator.respond(app, page)
}

/// A token with its surroundings, and the uses of it and of the one before that are not written yet.
pub(super) async fn details(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: String,
) -> Result<Details, PageError> {
    let caller = administrator.caller();
    let mut details =
        blocking::run(app, move |app| tokens::details(&app.store, &caller, &id).map_err(PageError::from)).await?;
    for row in [Some(&mut details.row), details.former.as_mut()].into_iter().flatten() {
        add_pending(app, row);
    }
    Ok(details)
}

/// Adds the uses of a token that are not written yet.
pub(super) fn add_pending(app: &AppState, row: &mut TokenRow) {
    if let Some(pending) = app.authenticator.pending_uses(&row.id) {
        row.calls += pending.calls;
        row.last_used_at = row.last_used_at.max(Some(pending.at));
        row.last_used_address = pending.address;
    }
}

async fn page(app: &web::Data<AppState>, administrator: &Administrator, id: String) -> Result<Page, PageError> {
    let details = details(app, administrator, id).await?;
    let now = Utc::now();
    let Details { row, former, callers } = &details;
    let old = if row.rotated_to.is_some() { Some(row) } else { former.as_ref() };
    let callers: Vec<Value> = callers
        .iter()
        .map(|caller| {
            json!({
                "address": caller.address,
                "first": show::time(caller.first_at, now),
                "last": show::time(caller.last_at, now),
            })
        })
        .collect();
    Ok(administrator
        .page("tokens/token.html")
        .with("problem", Value::Null)
        .with("token", shown(row, &details.warnings(now), now))
        .with("is_overlapping", details.is_overlapping(now))
        .with("calls", show::number(row.calls))
        .with("user", row.user_id.map(|id| id.to_string()))
        .with("callers", callers)
        .with("overlaps", options(&OVERLAPS[1..]))
        .with("overlap", old.map(|old| overlap(old, row, now))))
}

/// What there is to say of a token that was replaced, on its own page and on that of its successor.
fn overlap(old: &TokenRow, here: &TokenRow, now: DateTime<Utc>) -> Value {
    let path = |id: &str| format!("{PATH}/{id}");
    let calls = old.calls - old.calls_at_rotation;
    // The last use is known to the second, and may seem to be from before the rotation.
    let last = old.last_used_at.max(old.rotated_at);
    let uses = match (calls, last) {
        (1.., Some(at)) => {
            let (count, ago) = (show::number(calls), &show::time(at, now)["ago"]);
            let from = old.last_used_address.as_ref().map_or_else(String::new, |address| format!(" from {address}"));
            let calls = if calls == 1 { "call" } else { "calls" };
            format!(
                "Still used: {count} {calls} with the old token since the rotation, last {}{from}.",
                ago.as_str().unwrap_or_default()
            )
        }
        _ => "The old token was not used since the rotation.".to_owned(),
    };
    json!({
        "is_here": old.id == here.id,
        "is_over": !old.is_valid(now),
        "old": path(&old.id),
        "new": old.rotated_to.as_deref().map(path),
        "rotated": show::time_or_none(old.rotated_at, now),
        "ends": show::time_or_none(old.expires_at, now),
        "is_used": calls > 0,
        "uses": uses,
    })
}
