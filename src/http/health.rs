//! Whether the process lives and whether it can serve.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use super::{AppState, blocking};
use crate::scim::error::ScimError;

/// `/livez` and `/readyz`.
pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/livez", web::get().to(live)).route("/readyz", web::get().to(ready));
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("alive\n")
}

async fn ready(app: web::Data<AppState>) -> HttpResponse {
    let answer = blocking::run(&app, |app| app.store.gate(|gate| gate.tenants()).map_err(ScimError::from)).await;
    match answer {
        Ok(_) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Err(_) => HttpResponse::ServiceUnavailable().content_type("text/plain").body("the database is not available\n"),
    }
}
