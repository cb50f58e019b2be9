//! Counting requests, and `GET /metrics`, which is served by a listener of its own: a proxy in front of the other one never shows it, and it
//! is answered while the server is at its capacity.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Error, HttpResponse};
use chrono::Utc;

use super::AppState;
use crate::metrics::{Kind, Text};
use crate::store::{self, Inspection, SealState};

/// How long an answer of the database counts, however often it is asked for.
const FRESH: Duration = Duration::from_secs(1);
/// How long whoever asks waits for another one's answer of the database, and how often to look.
const PATIENCE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(5);
/// The label of requests to which no route leads.
const UNMATCHED: &str = "unmatched";

/// Middleware around everything: counts the request by the pattern of its route, which no client chooses.
///
/// # Errors
/// Those of what it is around.
pub async fn count<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let Some(metrics) = request.app_data::<Data<AppState>>().map(|app| Arc::clone(&app.metrics)) else {
        return next.call(request).await;
    };
    let _under_way = metrics.in_flight.enter();
    let (started, method) = (Instant::now(), request.method().clone());
    let result = next.call(request).await;
    let (route, status) = match &result {
        Ok(response) => (response.request().match_pattern(), response.status()),
        Err(error) => (None, error.as_response_error().status_code()),
    };
    let route = route.as_deref().unwrap_or(UNMATCHED);
    metrics.requests.count(method.as_str(), route, status.as_u16(), started.elapsed());
    result
}

/// What the metrics are made of.
#[derive(Debug)]
pub struct Watch {
    app: Data<AppState>,
    database: Mutex<Database>,
}

/// What the database answered last, by a connection besides those of requests.
#[derive(Default)]
struct Database {
    connection: Option<Inspection>,
    answer: Option<(Instant, Option<SealState>)>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Database").field("answer", &self.answer).finish_non_exhaustive()
    }
}

impl Watch {
    /// Watches this server.
    #[must_use]
    pub fn new(app: Data<AppState>) -> Self {
        Self { app, database: Mutex::default() }
    }
}

/// Mounts `/metrics`, and nothing else.
pub fn configure_metrics(config: &mut ServiceConfig, watch: &Data<Watch>) {
    config.app_data(watch.clone()).service(web::resource("/metrics").route(web::get().to(metrics)));
}

async fn metrics(watch: Data<Watch>) -> HttpResponse {
    match web::block(move || watch.text()).await {
        Ok(text) => HttpResponse::Ok().content_type(Text::MEDIA_TYPE).body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

impl Watch {
    fn text(&self) -> String {
        let mut text = Text::default();
        self.app.metrics.write(&mut text);
        self.certificate(&mut text);
        self.pool(&mut text);
        self.dropped(&mut text);
        let answer = self.database().and_then(|mut database| database.ask(&self.app.store));
        database(answer.as_ref(), &mut text);
        text.into_string()
    }

    /// `None` where somebody waits for an answer that does not come.
    fn database(&self) -> Option<MutexGuard<'_, Database>> {
        let begun = Instant::now();
        loop {
            match self.database.try_lock() {
                Ok(database) => return Some(database),
                Err(TryLockError::Poisoned(database)) => return Some(database.into_inner()),
                Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => return None,
                Err(TryLockError::WouldBlock) => std::thread::sleep(POLL),
            }
        }
    }

    fn certificate(&self, text: &mut Text) {
        if let Some(until) = self.app.certificate.as_ref().and_then(|certificate| certificate.valid_until()) {
            text.one(
                "provisor_tls_certificate_expiry_timestamp_seconds",
                Kind::Gauge,
                "When the certificate ends that the server shows.",
                until.timestamp(),
            );
        }
    }

    fn pool(&self, text: &mut Text) {
        let pool = self.app.store.pool_state();
        let busy = pool.open.saturating_sub(pool.idle);
        for (name, help, value) in [
            ("provisor_database_connections_max", "Connections that requests may have.", pool.most),
            ("provisor_database_connections_open", "Connections that are open.", pool.open),
            ("provisor_database_connections_idle", "Connections that wait for a request.", pool.idle),
            ("provisor_database_connections_busy", "Connections that requests use.", busy),
        ] {
            text.one(name, Kind::Gauge, help, value);
        }
        text.one(
            "provisor_database_checkout_failures_total",
            Kind::Counter,
            "How often no connection could be had.",
            pool.failures,
        );
        text.one(
            "provisor_database_circuit_open",
            Kind::Gauge,
            "Whether requests are answered 503 at once because the database is away.",
            u8::from(pool.is_away),
        );
    }

    fn dropped(&self, text: &mut Text) {
        text.one(
            "provisor_provisioning_log_dropped_total",
            Kind::Counter,
            "Requests that are missing in the provisioning log.",
            self.app.request_log.dropped(),
        );
        text.one(
            "provisor_audit_refusals_dropped_total",
            Kind::Counter,
            "Refusals that are missing in the audit log. A change never is.",
            self.app.refusals.dropped(),
        );
    }
}

impl Database {
    /// How the audit log is doing; `None` when the database does not answer.
    fn ask(&mut self, store: &store::Store) -> Option<SealState> {
        if let Some((at, answer)) = &self.answer
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = self.ask_anew(store);
        self.answer = Some((Instant::now(), answer.clone()));
        answer
    }

    fn ask_anew(&mut self, store: &store::Store) -> Option<SealState> {
        // A connection that has rested may be dead.
        for _ in 0..2 {
            let connection = match self.connection.take() {
                Some(connection) => Ok(connection),
                None => store.inspect(),
            };
            let mut connection = connection.ok()?;
            if let Ok(state) = connection.seals() {
                self.connection = Some(connection);
                return Some(state);
            }
        }
        None
    }
}

fn database(answer: Option<&SealState>, text: &mut Text) {
    text.one("provisor_database_up", Kind::Gauge, "Whether the database answers.", u8::from(answer.is_some()));
    let Some(state) = answer else {
        return;
    };
    let lag = state.waiting_since.map_or(0, |since| (Utc::now() - since).num_milliseconds().max(0));
    let verified = state.verified_at.map_or(0, |at| at.timestamp());
    text.one("provisor_audit_unsealed_entries", Kind::Gauge, "Entries that wait for their seal.", state.waiting);
    text.one(
        "provisor_audit_seal_lag_seconds",
        Kind::Gauge,
        "For how long the oldest of them has waited.",
        format_args!("{}.{:03}", lag / 1_000, lag % 1_000),
    );
    text.one("provisor_audit_chains", Kind::Gauge, "Hash chains: one for each tenant.", state.chains);
    text.one("provisor_audit_broken_chains", Kind::Gauge, "Those in which a break was found.", state.broken);
    text.one(
        "provisor_audit_verified_timestamp_seconds",
        Kind::Gauge,
        "When that of them was verified whole that was verified longest ago; 0 for never.",
        verified,
    );
}
