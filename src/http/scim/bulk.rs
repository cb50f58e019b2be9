//! `POST /Bulk` (RFC 7644 section 3.7).

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::request::{Body, Exchange, Served};
use super::response;
use crate::audit::Target;
use crate::auth::Caller;
use crate::http::authorized::{Authorized, Write};
use crate::http::visit::log_fault;
use crate::http::{AppState, blocking};
use crate::provider::{self, Context};
use crate::scim::bulk::{self, BulkRequest, Outcome};
use crate::scim::error::{ScimError, excerpt};

/// `POST /Bulk`. The right to write is that to every operation.
pub(super) async fn bulk(
    exchange: Exchange,
    authorized: Authorized<Write>,
    served: Served,
    body: Body,
) -> Result<HttpResponse, ScimError> {
    let (caller, service) = (authorized.caller, served.0);
    let answer = blocking::run_long_for(&exchange.app, exchange.tenant, move |app| {
        let request = BulkRequest::from_json(body.json()?, &service.base_url)?;
        let outcomes = provider::bulk(
            &Context { store: &app.store, caller: &caller, service: &service, cursors: &app.cursors },
            request,
        );
        // Here, because a client that has gone away ends the request but not what this thread does.
        for outcome in &outcomes {
            record(app, &caller, outcome);
        }
        log_faults(&outcomes, &caller);
        Ok::<_, ScimError>(bulk::to_json(&outcomes, &service.base_url))
    })
    .await?;
    Ok(response::json(StatusCode::OK, &answer))
}

/// What lies behind the faults of ours, once for all operations that were told the same.
fn log_faults(outcomes: &[Outcome], caller: &Caller) {
    let mut told = BTreeSet::new();
    for error in outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err()) {
        if error.is_fault() && told.insert(error.detail()) {
            log_fault(error, &caller.request_id);
        }
    }
}

/// Records a refused operation like a refused request of its own.
fn record(app: &AppState, caller: &Caller, outcome: &Outcome) {
    let Err(error) = &outcome.result else {
        return;
    };
    let status = error.kind().status();
    if (400..500).contains(&status) {
        let path = outcome.head.path.as_deref().unwrap_or_default();
        let (endpoint, id) = path.split_once('/').unwrap_or((path, ""));
        let target = Target::new(excerpt(endpoint), excerpt(id));
        let method = outcome.head.method.as_deref().unwrap_or_default();
        app.refusals.record_write(caller.clone(), target, method, status, Some(error.detail()));
    }
}
