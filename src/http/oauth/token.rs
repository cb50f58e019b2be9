//! The token endpoint (RFC 6749 section 3.2).

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
use crate::oauth::grant;

/// POST: a code, a refresh token or the client's own authentication becomes an access token.
pub(super) async fn token(app: Data<AppState>, visit: Visit, form: Form) -> Result<HttpResponse, OAuthError> {
    let tokens = as_client(&app, &visit, form, |server, client, form| {
        grant::answer(server, client, &form.body, &form.query, Utc::now())
    });
    Ok(response::builder(StatusCode::OK).json(tokens.await?))
}
