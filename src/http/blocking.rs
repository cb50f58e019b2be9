//! The one way from async to the database. A request first waits for a permit, one per connection, and only then takes a blocking
//! thread: requests that wait occupy nothing, and those that run never wait for a connection.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::AppState;
use crate::id::TenantId;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::scim::error::{ErrorKind, ScimError};
use crate::store::CHECKOUT_TIMEOUT;

/// How long work is waited for, of which each statement has five seconds: only a database that hangs takes so long.
const WORK_TIMEOUT: Duration = Duration::from_secs(30);
/// How long work is waited for that may write large groups: longer than identity providers wait for an answer, so that none is told to try again
/// what is done a moment later.
const TENANT_WORK_TIMEOUT: Duration = Duration::from_secs(75);

/// Why work was not done.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(super) enum Overload {
    /// No connection came free in time.
    #[error("the server is at its capacity; try again")]
    AtCapacity,
    /// The database hangs. What was asked for may be done yet.
    #[error("the database does not answer, and may have done what was asked for; try again")]
    NoAnswer,
    /// The thread broke off.
    #[error("the request was cut off")]
    CutOff,
}

impl From<Overload> for ScimError {
    fn from(overload: Overload) -> Self {
        let kind = match overload {
            Overload::AtCapacity | Overload::NoAnswer => ErrorKind::Unavailable,
            Overload::CutOff => ErrorKind::Internal,
        };
        Self::new(kind, overload.to_string())
    }
}

impl From<Overload> for OAuthError {
    fn from(overload: Overload) -> Self {
        let code = match overload {
            Overload::AtCapacity | Overload::NoAnswer => ErrorCode::TemporarilyUnavailable,
            Overload::CutOff => ErrorCode::ServerError,
        };
        Self::new(code, overload.to_string())
    }
}

/// Runs `work` on a blocking thread while holding the right to one connection.
///
/// # Errors
/// Those of `work`; 503 when no connection comes free in time, or the database hangs.
pub(super) async fn run<T: Send + 'static, E: From<Overload> + Send + 'static>(
    app: &web::Data<AppState>,
    work: impl FnOnce(&AppState) -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    run_within(WORK_TIMEOUT, app, work).await
}

async fn run_within<T: Send + 'static, E: From<Overload> + Send + 'static>(
    time: Duration,
    app: &web::Data<AppState>,
    work: impl FnOnce(&AppState) -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let waiting = app.metrics.waiting.enter();
    let permit = permit(&app.connections).await?;
    drop(waiting);
    let app = app.clone();
    // The thread goes on behind the timeout, and keeps its permit.
    let work = web::block(move || {
        let _permit = permit;
        work(&app)
    });
    match timeout(time, work).await {
        Ok(done) => done.unwrap_or_else(|_| Err(Overload::CutOff.into())),
        Err(_) => Err(Overload::NoAnswer.into()),
    }
}

/// Runs `work` for a tenant, which has most of the connections at most, so that its dear requests do not let those of others wait.
///
/// # Errors
/// As [`run`].
pub(super) async fn run_for<T: Send + 'static, E: From<Overload> + Send + 'static>(
    app: &web::Data<AppState>,
    tenant: TenantId,
    work: impl FnOnce(&AppState) -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let waiting = app.metrics.waiting.enter();
    let permit = permit(&app.traffic.connections(tenant)).await?;
    drop(waiting);
    run_within(TENANT_WORK_TIMEOUT, app, move |app| {
        let _permit = permit;
        work(app)
    })
    .await
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

/// Runs such `work` for a tenant, as [`run_for`] does.
///
/// # Errors
/// As [`run`].
pub(super) async fn run_long_for<T: Send + 'static, E: From<Overload> + Send + 'static>(
    app: &web::Data<AppState>,
    tenant: TenantId,
    work: impl FnOnce(&AppState) -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let permit = permit(&app.long_work).await?;
    run_for(app, tenant, move |app| {
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
    match timeout(CHECKOUT_TIMEOUT, Arc::clone(permits).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Overload::AtCapacity),
    }
}
