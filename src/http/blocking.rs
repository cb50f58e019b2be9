//! The one way from async to the database. A request first waits for a permit, one per connection, and only then takes a blocking
//! thread: requests that wait occupy nothing, and those that run never wait for a connection.

use std::sync::Arc;

use actix_web::web;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::AppState;
use crate::scim::error::{ErrorKind, ScimError};
use crate::store::CHECKOUT_TIMEOUT;

/// Runs `work` on a blocking thread while holding the right to one connection.
///
/// # Errors
/// Those of `work`; 503 when no connection comes free in time.
pub(super) async fn run<T: Send + 'static>(
    app: &web::Data<AppState>,
    work: impl FnOnce(&AppState) -> Result<T, ScimError> + Send + 'static,
) -> Result<T, ScimError> {
    let permit = permit(&app.connections).await?;
    let app = app.clone();
    web::block(move || {
        let _permit = permit;
        work(&app)
    })
    .await
    .unwrap_or_else(|error| Err(ScimError::new(ErrorKind::Internal, "the request was cut off").caused_by(error)))
}

/// Runs `work` that may take many times as long as a common request. Half of the connections are kept from it, so that whoever
/// sends much at once does not shut out the others.
///
/// # Errors
/// As [`run`].
pub(super) async fn run_long<T: Send + 'static>(
    app: &web::Data<AppState>,
    work: impl FnOnce(&AppState) -> Result<T, ScimError> + Send + 'static,
) -> Result<T, ScimError> {
    let permit = permit(&app.long_work).await?;
    run(app, move |app| {
        let _permit = permit;
        work(app)
    })
    .await
}

/// Waits for a permit as long as for a connection.
///
/// # Errors
/// 503 when none comes free in time.
pub(super) async fn permit(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ScimError> {
    match tokio::time::timeout(CHECKOUT_TIMEOUT, Arc::clone(permits).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(ScimError::new(ErrorKind::Unavailable, "the server is at its capacity; try again")),
    }
}
