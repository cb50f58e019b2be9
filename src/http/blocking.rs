//! The one way from async to the database. A request first waits for a permit, one per connection, and only then takes a blocking
//! thread: requests that wait occupy nothing, and those that run never wait for a connection.

use std::sync::Arc;

use actix_web::web;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::AppState;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::scim::error::{ErrorKind, ScimError};
use crate::store::CHECKOUT_TIMEOUT;

/// Why work was not done.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(super) enum Overload {
    /// No connection came free in time.
    #[error("the server is at its capacity; try again")]
    AtCapacity,
    /// The thread broke off.
    #[error("the request was cut off")]
    CutOff,
}

impl From<Overload> for ScimError {
    fn from(overload: Overload) -> Self {
        let kind = match overload {
            Overload::AtCapacity => ErrorKind::Unavailable,
            Overload::CutOff => ErrorKind::Internal,
        };
        Self::new(kind, overload.to_string())
    }
}

impl From<Overload> for OAuthError {
    fn from(overload: Overload) -> Self {
        let code = match overload {
            Overload::AtCapacity => ErrorCode::TemporarilyUnavailable,
            Overload::CutOff => ErrorCode::ServerError,
        };
        Self::new(code, overload.to_string())
    }
}

/// Runs `work` on a blocking thread while holding the right to one connection.
///
/// # Errors
/// Those of `work`; 503 when no connection comes free in time.
pub(super) async fn run<T: Send + 'static, E: From<Overload> + Send + 'static>(
    app: &web::Data<AppState>,
    work: impl FnOnce(&AppState) -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let waiting = app.metrics.waiting.enter();
    let permit = permit(&app.connections).await?;
    drop(waiting);
    let app = app.clone();
    web::block(move || {
        let _permit = permit;
        work(&app)
    })
    .await
    .unwrap_or_else(|_| Err(Overload::CutOff.into()))
}

/// Runs `work` that may take many times as long as a common request. Half of the connections are kept from it, so that whoever
/// sends much at once does not shut out the others.
///
/// # Errors
/// As [`run`].
pub(super) async fn run_long<T: Send + 'static, E: From<Overload> + Send + 'static>(
    app: &web::Data<AppState>,
    work: impl FnOnce(&AppState) -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
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
pub(super) async fn permit(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Overload> {
    match tokio::time::timeout(CHECKOUT_TIMEOUT, Arc::clone(permits).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Overload::AtCapacity),
    }
}
