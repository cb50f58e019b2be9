//! Whether the process lives and whether it can serve.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use super::{AppState, blocking};
use crate::scim::error::ScimError;

/// `/livez` and `/readyz`.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/livez").route(web::get().to(live)).route(web::head().to(live)))
        .service(web::resource("/readyz").route(web::get().to(ready)).route(web::head().to(ready)));
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("alive\n")
}

async fn ready(app: web::Data<AppState>) -> HttpResponse {
    let answer = blocking::run(&app, |app| app.store.gate(|gate| gate.ping()).map_err(ScimError::from)).await;
    match answer {
        Ok(()) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Err(error) => {
            HttpResponse::ServiceUnavailable().content_type("text/plain").body(format!("{}\n", error.detail()))
        }
    }
}
