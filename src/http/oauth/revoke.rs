//! The revocation endpoint (RFC 7009).

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
use crate::oauth::revoke;

/// POST: a token ends. The answer is the same whether there was one (RFC 7009 section 2.2).
pub(super) async fn revoke(app: Data<AppState>, visit: Visit, form: Form) -> Result<HttpResponse, OAuthError> {
    as_client(&app, &visit, form, |server, client, form| revoke::revoke(server, client, &form.body, Utc::now()))
        .await?;
    Ok(response::builder(StatusCode::OK).finish())
}
