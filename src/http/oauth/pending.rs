//! An authorization request on its way through the browser, while its sender signs in and decides. It passed all checks before it was
//! stamped, and is never put together again from what the browser sends.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::http::AppState;
use crate::http::pages::{PageError, Problem};
use crate::oauth::authorization_request::AuthorizationRequest;

/// What it is stamped for.
const PURPOSE: &[u8] = b"authorization";
/// How long a person may take.
const LIFETIME: TimeDelta = TimeDelta::hours(1);

/// The request as a text for a form or a query.
///
/// # Errors
/// When it is no JSON, which does not happen.
pub(in crate::http) fn stamp(app: &AppState, request: &AuthorizationRequest) -> Result<String, PageError> {
    let content =
        json!({"at": Utc::now().timestamp(), "request": serde_json::to_value(request).map_err(PageError::fault)?});
    Ok(app.forms.stamp(&[PURPOSE], content.to_string().as_bytes()))
}

/// The request in such a text.
///
/// # Errors
/// The page that says so when it is too old, or none of ours.
pub(in crate::http) fn read(app: &AppState, text: &str) -> Result<AuthorizationRequest, PageError> {
    let expired = || PageError::new(Problem::Expired);
    let content = app.forms.read(&[PURPOSE], text).ok_or_else(expired)?;
    let content: Value = serde_json::from_slice(&content).map_err(PageError::fault)?;
    let at = content["at"].as_i64().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    if at.is_none_or(|at| at + LIFETIME <= Utc::now()) {
        return Err(expired());
    }
    serde_json::from_value(content["request"].clone()).map_err(PageError::fault)
}

/// Where the request is decided on.
pub(in crate::http) fn consent_url(app: &AppState, text: &str) -> String {
    format!("{}/oauth/consent?request={text}", app.site.base)
}
