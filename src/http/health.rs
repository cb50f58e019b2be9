//! Whether the process lives and whether it can serve.

use std::fmt;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web::{self, ServiceConfig};
use tokio::time::timeout;

use super::scim::not_allowed_answer;
use super::{AppState, Handled, read_only};
use crate::scim::error::ScimError;
use crate::store::{self, Inspection, RETRY_AFTER_SECONDS, Store};

/// How long an answer of the database counts.
const FRESH: Duration = Duration::from_millis(250);

/// How long an answer of the database is waited for: less than the second that a probe of Kubernetes waits.
const PATIENCE: Duration = Duration::from_millis(800);
/// What is said of a database that takes longer.
const NO_ANSWER: &str = "the database does not answer";

/// What the database answered last, by a connection besides those of requests: a server that has all hands full serves.
#[derive(Default)]
pub(super) struct Readiness {
    last: tokio::sync::Mutex<Option<(Instant, Result<(), String>)>>,
    connection: Arc<Mutex<Option<Inspection>>>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Readiness").field("last", &self.last).finish_non_exhaustive()
    }
}

/// Where the server says whether it can serve.
pub(super) const READY: &str = "/readyz";
/// Why a server that was told to stop is not ready.
const STOPPING: &str = "stopping";
/// Where they are, and what answers there.
const ENDPOINTS: [(&str, Handled); 2] = [("/livez", |method| method.to(live)), (READY, |method| method.to(ready))];

/// `/livez` and `/readyz`.
pub(super) fn routes(config: &mut ServiceConfig) {
    for (path, handled) in ENDPOINTS {
        config.service(read_only(path, handled, not_allowed_answer));
    }
}

/// Where they are.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    ENDPOINTS.iter().map(|(path, _)| *path)
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("alive\n")
}

/// A server that stops is not ready, though it answers whoever comes yet: so proxies send nobody else.
///
/// Anybody may ask, and any number, so the database is asked by one at a time and no more often than its answer is [`FRESH`].
async fn ready(app: web::Data<AppState>) -> HttpResponse {
    if app.shutdown.is_requested() {
        return not_ready(STOPPING);
    }
    let mut last = app.readiness.last.lock().await;
    let answer = match last.take().filter(|(at, _)| at.elapsed() < FRESH) {
        Some(fresh) => fresh,
        None => (Instant::now(), ask(&app).await),
    };
    match &last.insert(answer).1 {
        Ok(()) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Err(detail) => not_ready(detail),
    }
}

/// Whether the database answers, and if not, why.
async fn ask(app: &web::Data<AppState>) -> Result<(), String> {
    let (store, connection) = (Arc::clone(&app.store), Arc::clone(&app.readiness.connection));
    let asked = timeout(PATIENCE, web::block(move || ping(&store, &connection))).await;
    asked.ok().and_then(Result::ok).unwrap_or_else(|| Err(NO_ANSWER.into()))
}

fn ping(store: &Store, connection: &Mutex<Option<Inspection>>) -> Result<(), String> {
    let detail = |error: store::Error| ScimError::from(error).detail().to_owned();
    // While requests are answered 503 at once because the database was away, whoever gets one of their connections ends that.
    if store.pool_state().is_away {
        store.gate(|gate| gate.ping()).map_err(detail)?;
    }
    // One that still waits for its answer says enough.
    let mut connection = match connection.try_lock() {
        Ok(connection) => connection,
        Err(TryLockError::Poisoned(connection)) => connection.into_inner(),
        Err(TryLockError::WouldBlock) => return Err(NO_ANSWER.into()),
    };
    let alive = connection.take().and_then(|mut kept| kept.ping().is_ok().then_some(kept));
    let alive = alive.map_or_else(|| store.inspect(), Ok);
    *connection = Some(alive.map_err(detail)?);
    Ok(())
}

fn not_ready(reason: &str) -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .content_type("text/plain")
        .insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS.to_string()))
        .body(format!("{reason}\n"))
}
