//! The introspection endpoint (RFC 7662).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use chrono::Utc;

use super::client::as_client;
use super::form::Form;
use super::response;
use crate::http::AppState;
use crate::http::visit::Visit;
use crate::oauth::error::OAuthError;
use crate::oauth::introspect;

/// POST: what is known of a token.
pub(super) async fn introspect(app: Data<AppState>, visit: Visit, form: Form) -> Result<HttpResponse, OAuthError> {
    let known = as_client(&app, &visit, form, |server, client, form| {
        introspect::introspect(server, client, &form.body, Utc::now())
    });
    Ok(response::builder(StatusCode::OK).json(known.await?))
}
