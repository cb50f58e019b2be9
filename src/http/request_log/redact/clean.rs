//! Text as it may be kept: without credentials, and queries and sentences without what they say of secrets.

use std::borrow::Cow;

use url::form_urlencoded;

use super::Secrets;
use crate::auth::secret;

/// Characters that a token at least has behind the beginning that tells it.
const TOKEN_LENGTH: usize = 20;

/// Text with all credentials in it cut down to what tells their kind, and without what Postgres text cannot hold.
pub(in crate::http::request_log) fn clean(text: &str) -> String {
    without_jwt(&secret::masked(text)).replace('\0', "\u{fffd}")
}

/// JSON Web Tokens always begin like this: `{"` in base64.
fn without_jwt(text: &str) -> Cow<'_, str> {
    const START: &str = "eyJ";
    if !text.contains(START) {
        return Cow::Borrowed(text);
    }
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(START) {
        let (before, token) = rest.split_at(at);
        kept.push_str(before);
        let end = token.bytes().position(|byte| !is_part(byte)).unwrap_or(token.len());
        kept.push_str(if end >= TOKEN_LENGTH { "eyJ…" } else { &token[..end] });
        rest = &token[end..];
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// Whether a query is about something secret.
pub(in crate::http::request_log) fn searches_secret(query: &str, secrets: &Secrets) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, value)| secrets.are_in(&value) || hides_filter(&name, secrets))
}

/// Whether this parameter is a filter of which nobody knows if it is about something secret.
fn hides_filter(name: &str, secrets: &Secrets) -> bool {
    matches!(secrets, Secrets::Unknown) && name.eq_ignore_ascii_case("filter")
}

/// A query as it may be kept: no credential, and no filter on something secret.
pub(in crate::http::request_log) fn clean_query(query: &str, secrets: &Secrets) -> String {
    let parts = query.split('&').map(|part| {
        let decoded = form_urlencoded::parse(part.as_bytes()).next();
        let (name, value) = decoded.unwrap_or_default();
        // It may be written otherwise than it reads.
        let hides = |text: &str| secrets.are_in(text) || clean(text) != text;
        let is_hidden = name.eq_ignore_ascii_case("access_token") || hides_filter(&name, secrets);
        if is_hidden || hides(&name) || hides(&value) {
            format!("{}=…", clean(part.split('=').next().unwrap_or_default()))
        } else {
            part.to_owned()
        }
    });
    clean(&parts.collect::<Vec<_>>().join("&"))
}

/// A sentence about such a query, without what it quotes.
pub(in crate::http::request_log) fn clean_detail(detail: &str, secrets: &Secrets) -> String {
    if !secrets.are_in(detail) {
        return clean(detail);
    }
    let quoted = detail.split('"').enumerate();
    clean(&quoted.map(|(position, part)| if position % 2 == 1 { "…" } else { part }).collect::<Vec<_>>().join("\""))
}
