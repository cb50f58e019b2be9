//! The replies to what goes wrong, from the two tables of errors: one component for each status of each protocol.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::messages::ERROR;
use super::oauth::OAUTH_ERROR;
use super::schema;
use crate::oauth::error::ErrorCode;
use crate::scim::error::ErrorKind;

/// Errors of SCIM that no operation answers with: they are about methods that are not described.
const UNDESCRIBED: [ErrorKind; 1] = [ErrorKind::MethodNotAllowed];

/// The name of the reply with this status at the SCIM endpoints.
pub fn scim_name(status: u16) -> String {
    format!("Scim{status}")
}

/// The name of the reply with this status at the endpoints of the authorization server.
pub fn oauth_name(status: u16) -> String {
    format!("OAuth{status}")
}

/// All of them.
pub fn components() -> Map<String, Value> {
    let mut all = Map::new();
    let scim: BTreeSet<u16> =
        ErrorKind::ALL.iter().filter(|kind| !UNDESCRIBED.contains(kind)).map(|kind| kind.status()).collect();
    all.extend(scim.into_iter().map(|status| (scim_name(status), scim_response(status))));
    let oauth: BTreeSet<u16> =
        ErrorCode::ALL.iter().filter(|code| is_an_answer(**code)).map(|code| code.status()).collect();
    all.extend(oauth.into_iter().map(|status| (oauth_name(status), oauth_response(status))));
    all
}

/// Whether a client hears it in a reply. It hears the others at its redirection URI.
fn is_an_answer(code: ErrorCode) -> bool {
    !matches!(code, ErrorCode::UnsupportedResponseType | ErrorCode::AccessDenied)
}

fn scim_response(status: u16) -> Value {
    let kinds: Vec<ErrorKind> = ErrorKind::ALL.into_iter().filter(|kind| kind.status() == status).collect();
    let sentence = |kind: &ErrorKind| match kind.scim_type() {
        Some(keyword) => format!("`{keyword}`: {}", scim_meaning(*kind)),
        None => scim_meaning(*kind).to_owned(),
    };
    let keywords: Vec<&str> = kinds.iter().filter_map(|kind| kind.scim_type()).collect();
    let own = if keywords.is_empty() { Value::Bool(false) } else { json!({"enum": keywords}) };
    let shape = json!({"properties": {"status": {"const": status.to_string()}, "scimType": own}});
    let mut response = json!({
        "description": kinds.iter().map(sentence).collect::<Vec<_>>().join("\n\n"),
        "content": {super::messages::MEDIA_TYPE: {"schema": {"allOf": [schema(ERROR), shape]}}},
    });
    match status {
        401 => response["headers"] = json!({"WWW-Authenticate": challenge()}),
        429 | 503 => response["headers"] = json!({"Retry-After": retry_after()}),
        _ => {}
    }
    response
}

fn oauth_response(status: u16) -> Value {
    let codes: Vec<ErrorCode> =
        ErrorCode::ALL.into_iter().filter(|code| code.status() == status && is_an_answer(*code)).collect();
    let sentence = |code: &ErrorCode| format!("`{}`: {}", code.name(), oauth_meaning(*code));
    let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
    let shape = json!({"properties": {"error": {"enum": names}}});
    let mut response = json!({
        "description": codes.iter().map(sentence).collect::<Vec<_>>().join("\n\n"),
        "content": {"application/json": {"schema": {"allOf": [schema(OAUTH_ERROR), shape]}}},
    });
    match status {
        401 => response["headers"] = json!({"WWW-Authenticate": challenge()}),
        429 | 503 => response["headers"] = json!({"Retry-After": retry_after()}),
        _ => {}
    }
    response
}

fn challenge() -> Value {
    json!({"description": "How to authenticate, and why the credential was refused.", "schema": {"type": "string"}})
}

fn retry_after() -> Value {
    json!({"description": "Seconds after which another attempt may do better.", "schema": {"type": "integer"}})
}

/// What a client is to make of it.
fn scim_meaning(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidFilter => "the filter is malformed, or names an attribute that there is not.",
        ErrorKind::TooMany => "the query would touch more than the server is willing to.",
        ErrorKind::Uniqueness => "a value that must be unique is taken.",
        ErrorKind::Conflict => "an operation in a bulk request refers to one that has failed.",
        ErrorKind::Mutability => "the change is to what is read-only, immutable or required.",
        ErrorKind::InvalidSyntax => "the body, or the structure of the message, is malformed.",
        ErrorKind::InvalidPath => "a path of a PATCH is malformed or names nothing known.",
        ErrorKind::NoTarget => "a path of a PATCH selects nothing.",
        ErrorKind::InvalidValue => "a value is missing or does not fit.",
        ErrorKind::InvalidCursor => "the cursor was not given out for this query.",
        ErrorKind::ExpiredCursor => "the cursor is too old; begin again.",
        ErrorKind::InvalidCount => "the cursor was given out for another page size.",
        ErrorKind::Sensitive => "personal data in a URL that is refused there; use `.search`.",
        ErrorKind::Unauthorized => "There is no valid token.",
        ErrorKind::Forbidden => {
            "The token does not allow this, or its tenant is suspended, or a discovery endpoint was given a filter."
        }
        ErrorKind::NotFound => "There is no such resource.",
        ErrorKind::MethodNotAllowed => "The endpoint does not take this method.",
        ErrorKind::RequestTimeout => "The body took too long to arrive.",
        ErrorKind::PreconditionFailed => {
            "`If-Match` or `If-None-Match` does not hold: somebody else changed the resource."
        }
        ErrorKind::PayloadTooLarge => "The body, or a list in it, is larger than the limit.",
        ErrorKind::UnsupportedMediaType => "The body is not JSON.",
        ErrorKind::TooManyRequests => "The credential, the tenant or the address sends more requests than it may.",
        ErrorKind::Internal => "A fault of the server.",
        ErrorKind::NotImplemented => "The token stands for no user, so there is no `/Me`.",
        ErrorKind::Unavailable => "No capacity, or no database, right now.",
    }
}

fn oauth_meaning(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidRequest => "a parameter is missing, repeated or malformed.",
        ErrorCode::InvalidClient => "the client did not authenticate.",
        ErrorCode::InvalidGrant => "the code or token is not valid, was used already, or belongs to another client.",
        ErrorCode::UnauthorizedClient => "the client may not use this grant.",
        ErrorCode::UnsupportedGrantType => "there is no such grant.",
        ErrorCode::UnsupportedResponseType => "the response type is not `code`.",
        ErrorCode::InvalidScope => "the scope is not known, or not the client's.",
        ErrorCode::InvalidTarget => "the `resource` is not the SCIM API.",
        ErrorCode::AccessDenied => "the person did not consent, or may not.",
        ErrorCode::ServerError => "a fault of the server.",
        ErrorCode::TemporarilyUnavailable => "no capacity, or no database, right now.",
        ErrorCode::TooManyRequests => "too many attempts failed, or the client sends more than it may.",
    }
}
