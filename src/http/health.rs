//! Whether the process lives and whether it can serve.

use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web::{self, ServiceConfig};
use tokio::sync::Mutex;

use super::scim::not_allowed_answer;
use super::{AppState, Handled, blocking, read_only};
use crate::scim::error::ScimError;
use crate::store::RETRY_AFTER_SECONDS;

/// How long an answer of the database counts.
const FRESH: Duration = Duration::from_millis(250);

/// What the database answered last.
#[derive(Debug, Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Result<(), String>)>>);

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
    let mut last = app.readiness.0.lock().await;
    let answer = match last.take().filter(|(at, _)| at.elapsed() < FRESH) {
        Some(fresh) => fresh,
        None => {
            let asked = blocking::run(&app, |app| app.store.gate(|gate| gate.ping()).map_err(ScimError::from)).await;
            (Instant::now(), asked.map_err(|error| error.detail().to_owned()))
        }
    };
    match &last.insert(answer).1 {
        Ok(()) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Err(detail) => not_ready(detail),
    }
}

fn not_ready(reason: &str) -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .content_type("text/plain")
        .insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS.to_string()))
        .body(format!("{reason}\n"))
}
