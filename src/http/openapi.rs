//! `GET /openapi.json`: the description of the API.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::Data;

use super::AppState;
use crate::openapi;

/// It changes with the program alone.
const KEEP: &str = "public, max-age=300";

/// The document, the same for everybody: it says nothing of any tenant.
pub(super) async fn document(app: Data<AppState>) -> HttpResponse {
    let document = openapi::document(app.parties(), &app.services.standard().registry);
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, KEEP))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .json(document)
}
