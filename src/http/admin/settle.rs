//! What a change of what a tenant is served leaves to do, and how its refusals are told.

use std::time::Duration;

use actix_web::web;

use crate::auth::{Caller, RECENT_LIFETIME};
use crate::http::pages::{PageError, show};
use crate::http::{AppState, blocking};
use crate::provider::definitions::{self, ChangeError, Changed};
use crate::provider::tenants::TenantError;

/// What requests under way may still take that were let in by the former settings.
const UNDER_WAY: Duration = Duration::from_millis(500);

/// Does what is left to do, once every server goes by the change. Goes on when the browser does not wait for it.
///
/// # Errors
/// The inner sentence when a name was given twice meanwhile; the outer error from the database.
pub(super) async fn settle(
    app: &web::Data<AppState>,
    caller: Caller,
    changed: Changed,
) -> Result<Result<(), String>, PageError> {
    if !changed.unique_names {
        return Ok(Ok(()));
    }
    let app = app.clone();
    let settled = actix_web::rt::spawn(async move {
        tokio::time::sleep(RECENT_LIFETIME + UNDER_WAY).await;
        blocking::run(&app, move |app| Ok::<_, PageError>(definitions::settle_unique_names(&app.store, &caller))).await
    });
    match settled.await.map_err(PageError::fault)?? {
        Ok(()) => Ok(Ok(())),
        Err(error) => refused_change(error).map(Err),
    }
}

/// What to say of a change that was refused.
///
/// # Errors
/// The page of a fault.
pub(super) fn refused_change(error: ChangeError) -> Result<String, PageError> {
    match error {
        ChangeError::Store(error) => Err(error.into()),
        error @ ChangeError::BuiltIn(_) => Err(PageError::fault(error)),
        sentence => Ok(show::sentence(&sentence.to_string())),
    }
}

/// The same of a tenant.
///
/// # Errors
/// The page of a fault.
pub(super) fn refused_tenant(error: TenantError) -> Result<String, PageError> {
    match error {
        TenantError::Store(error) => Err(error.into()),
        TenantError::Change(error) => refused_change(error),
        sentence => Ok(show::sentence(&sentence.to_string())),
    }
}
