//! What may be kept of a body: the text as it was sent, with passwords and credentials in it replaced. It is read token by token, not
//! parsed as a whole, because of a large body only the beginning is there.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use url::form_urlencoded;

use crate::auth::secret;

/// What stands in the place of what is not kept.
const MASK: &str = "\"…\"";
/// Deeper nesting is not read. The server refuses it earlier.
const DEPTH: usize = 64;
/// Where the resource itself stands in a message: at the top, or as the value of a PATCH operation.
const RESOURCE_DEPTHS: [usize; 2] = [1, 4];
/// Characters that a token at least has behind the beginning that tells it.
const TOKEN_LENGTH: usize = 20;
/// What the name of a password has in it, in lower case.
const PASSWORDS: [&str; 5] = ["password", "passwd", "passphrase", "pwd", "secret"];
/// What begins like one of them and is none: a secretary.
const NO_SECRET: &str = "secretar";

/// What the log keeps of a body, and what it learns from it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Redacted {
    /// The text; `None` where there was no body.
    pub text: Option<String>,
    /// `id` of the resource.
    pub id: Option<String>,
    /// `userName` or `displayName` of the resource.
    pub name: Option<String>,
    /// `scimType` of an error.
    pub scim_type: Option<String>,
    /// `detail` of an error.
    pub detail: Option<String>,
    /// Whether `active` is set to false.
    pub deactivates: bool,
    /// Whether it searches by what is not kept, so that what is said of the search must not be kept either.
    pub searches_secret: bool,
}

/// What names something that is not kept, besides passwords.
#[derive(Debug)]
pub(super) enum Secrets {
    /// The attributes of these names, in lower case: those that the tenant's schemas never return.
    Named(Arc<BTreeSet<String>>),
    /// Nobody knows whose schemas count, so that no filter is kept.
    Unknown,
}

impl Default for Secrets {
    fn default() -> Self {
        Self::Named(Arc::default())
    }
}

impl Secrets {
    /// Whether text, such as a filter, names something secret anywhere.
    fn are_in(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        is_password(&lower) || self.has_word(&lower)
    }

    /// Whether the name of a member or an attribute path leads to something secret: by its names, not by those in the URI of its
    /// schema or in the filter in its brackets.
    fn are_at(&self, path: &str) -> bool {
        let lower = path.to_lowercase();
        let (head, rest) = lower.split_once('[').unwrap_or((&lower, ""));
        let head = head.rsplit(':').next().unwrap_or_default();
        is_password(&lower) || self.has_word(head) || self.has_word(rest.rsplit(']').next().unwrap_or_default())
    }

    fn has_word(&self, lower: &str) -> bool {
        match self {
            Self::Named(names) => lower.split(|c| !is_of_name(c)).any(|word| names.contains(word)),
            Self::Unknown => false,
        }
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '$')
}

/// What stands in an attribute path besides names: the filter in its brackets, or all of what is no path.
fn condition(path: &str) -> &str {
    let is_plain = |c: char| is_of_name(c) || matches!(c, ':' | '.');
    let rest = path.trim_start_matches(is_plain);
    match rest.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) {
        _ if rest.is_empty() => "",
        Some((filter, tail)) if tail.chars().all(is_plain) => filter,
        _ => path,
    }
}

/// Reads the beginning of a body of this length.
pub(super) fn redact(start: &[u8], length: usize, secrets: &Secrets) -> Redacted {
    if length == 0 {
        return Redacted::default();
    }
    let is_cut = length > start.len();
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The cut may go through a character.
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return opaque(length),
    };
    let mut walk = Walk { text, at: 0, is_cut, secrets, masks: Vec::new(), found: Redacted::default() };
    if walk.document().is_err() {
        return opaque(length);
    }
    let mut kept = walk.masked();
    if is_cut {
        kept.extend(["\n… (", &start.len().to_string(), " of ", &length.to_string(), " bytes)"]);
    }
    Redacted { text: Some(kept), ..walk.found }
}

/// Nobody knows what is secret in something that is not JSON, so nothing is kept of it.
fn opaque(length: usize) -> Redacted {
    Redacted { text: Some(format!("(not JSON: {length} bytes)")), ..Redacted::default() }
}

/// Text with all credentials in it cut down to what tells their kind, and without what Postgres text cannot hold.
pub(super) fn clean(text: &str) -> String {
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
pub(super) fn searches_secret(query: &str, secrets: &Secrets) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, value)| secrets.are_in(&value) || hides_filter(&name, secrets))
}

/// Whether this parameter is a filter of which nobody knows if it is about something secret.
fn hides_filter(name: &str, secrets: &Secrets) -> bool {
    matches!(secrets, Secrets::Unknown) && name.eq_ignore_ascii_case("filter")
}

/// A query as it may be kept: no credential, and no filter on something secret.
pub(super) fn clean_query(query: &str, secrets: &Secrets) -> String {
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
pub(super) fn clean_detail(detail: &str, secrets: &Secrets) -> String {
    if !secrets.are_in(detail) {
        return clean(detail);
    }
    let quoted = detail.split('"').enumerate();
    clean(&quoted.map(|(position, part)| if position % 2 == 1 { "…" } else { part }).collect::<Vec<_>>().join("\""))
}

/// Whether this, in lower case, names or holds a password.
fn is_password(lower: &str) -> bool {
    let holds = |part: &str| lower.match_indices(part).any(|(at, _)| !lower[at..].starts_with(NO_SECRET));
    PASSWORDS.into_iter().any(holds)
}

/// The text is not JSON.
struct NotJson;

/// A value: where it stands, and what it is as far as that matters.
struct Part {
    span: Range<usize>,
    text: Option<String>,
}

struct Walk<'t> {
    text: &'t str,
    at: usize,
    is_cut: bool,
    secrets: &'t Secrets,
    /// What is replaced, by what.
    masks: Vec<(Range<usize>, String)>,
    found: Redacted,
}

impl Walk<'_> {
    fn document(&mut self) -> Result<(), NotJson> {
        self.value(0)?;
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(NotJson) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// The end of what is there; only of a body that was cut it may come anywhere.
    fn end<T>(&self, value: T) -> Result<T, NotJson> {
        if self.is_cut { Ok(value) } else { Err(NotJson) }
    }

    fn value(&mut self, depth: usize) -> Result<Part, NotJson> {
        if depth > DEPTH {
            return Err(NotJson);
        }
        self.space();
        let start = self.at;
        let text = match self.peek() {
            None => self.end(None)?,
            Some(b'"') => self.string()?,
            Some(b'{') => {
                self.object(depth + 1)?;
                None
            }
            Some(b'[') => {
                self.array(depth + 1)?;
                None
            }
            Some(_) => Some(self.literal()?),
        };
        Ok(Part { span: start..self.at, text })
    }

    /// `true`, `null`, a number.
    fn literal(&mut self) -> Result<String, NotJson> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(|byte| !byte.is_ascii_alphanumeric() && !b"+-.".contains(&byte));
        let literal = &rest[..length.unwrap_or(rest.len())];
        self.at += literal.len();
        let is_whole = serde_json::from_str::<serde_json::Value>(literal).is_ok();
        if is_whole || length.is_none() && self.is_cut { Ok(literal.to_owned()) } else { Err(NotJson) }
    }

    /// A string, decoded; `None` when it is cut off.
    fn string(&mut self) -> Result<Option<String>, NotJson> {
        let start = self.at;
        let mut escaped = false;
        let mut closed = false;
        for byte in self.text.as_bytes()[start + 1..].iter().copied() {
            self.at += 1;
            match byte {
                b'"' if !escaped => {
                    closed = true;
                    break;
                }
                b'\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        self.at += 1;
        let span = start..self.at.min(self.text.len());
        if !closed {
            self.at = self.text.len();
            // What it would have been cannot be told from its beginning.
            let there = &self.text[span.clone()];
            if there.contains('\\') || self.secrets.are_in(there) || clean(there) != there {
                self.mask(span);
            }
            return self.end(None);
        }
        let decoded: String = serde_json::from_str(&self.text[span.clone()]).map_err(|_| NotJson)?;
        let kept = clean(&decoded);
        if kept != decoded {
            self.masks.push((span, serde_json::Value::String(kept).to_string()));
        }
        Ok(Some(decoded))
    }

    fn array(&mut self, depth: usize) -> Result<(), NotJson> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                None => return self.end(()),
                Some(_) => return Err(NotJson),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), NotJson> {
        self.at += 1;
        let mut members: Vec<(String, Part)> = Vec::new();
        self.space();
        let is_whole = match self.peek() {
            Some(b'}') => true,
            _ => self.members(depth, &mut members)?,
        };
        if is_whole {
            self.at += 1;
        }
        self.judge(depth, &members, is_whole);
        Ok(())
    }

    /// The members of an object, with their names in lower case; whether its end was there.
    fn members(&mut self, depth: usize, members: &mut Vec<(String, Part)>) -> Result<bool, NotJson> {
        loop {
            self.space();
            let name = match self.peek() {
                Some(b'"') => self.string()?,
                None => return self.end(false),
                Some(_) => return Err(NotJson),
            };
            self.space();
            match self.peek() {
                Some(b':') => self.at += 1,
                None => return self.end(false),
                Some(_) => return Err(NotJson),
            }
            let part = self.value(depth)?;
            members.push((name.unwrap_or_default().to_lowercase(), part));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return Ok(true),
                None => return self.end(false),
                Some(_) => return Err(NotJson),
            }
        }
    }

    /// Masks what is secret in an object, and notes what the log wants to know of it.
    fn judge(&mut self, depth: usize, members: &[(String, Part)], is_whole: bool) {
        let text =
            |name: &str| members.iter().filter(|(member, _)| member == name).find_map(|(_, part)| part.text.as_deref());
        let path = text("path").map(str::to_lowercase);
        let targets_secret = match &path {
            Some(path) => self.secrets.are_at(path),
            // The path may have stood behind the cut.
            None => !is_whole,
        };
        for (name, part) in members {
            let searches = part.text.as_deref().is_some_and(|text| match name.as_str() {
                "filter" => self.secrets.are_in(text),
                "path" => self.secrets.are_in(condition(text)),
                _ => false,
            });
            self.found.searches_secret |= searches;
            let sentence = part.text.as_deref().filter(|text| name == "detail" && self.secrets.are_in(text));
            let is_masked =
                searches || sentence.is_some() || self.secrets.are_at(name) || name == "value" && targets_secret;
            if is_masked && part.text.as_deref() != Some("null") {
                // A sentence is kept but for what it quotes.
                match sentence {
                    Some(sentence) => self.replace(part.span.clone(), &clean_detail(sentence, self.secrets)),
                    None => self.mask(part.span.clone()),
                }
            }
        }
        let is_false = |text: &str| text.eq_ignore_ascii_case("false");
        if path.as_deref() == Some("active") && text("value").is_some_and(is_false) {
            self.found.deactivates = true;
        }
        if RESOURCE_DEPTHS.contains(&depth) {
            self.found.deactivates |= text("active").is_some_and(is_false);
            let secrets = self.secrets;
            let kept = |name: &str| text(name).filter(|_| !secrets.are_at(name)).map(clean);
            if depth == 1 {
                self.found.id = kept("id");
                self.found.scim_type = kept("scimtype");
                self.found.detail = text("detail").map(|detail| clean_detail(detail, secrets));
            }
            if let Some(name) = kept("username").or_else(|| kept("displayname")) {
                self.found.name = Some(name);
            }
        }
    }

    fn mask(&mut self, span: Range<usize>) {
        self.masks.retain(|(inner, _)| !span.contains(&inner.start));
        self.masks.push((span, MASK.to_owned()));
    }

    fn replace(&mut self, span: Range<usize>, text: &str) {
        self.masks.retain(|(inner, _)| !span.contains(&inner.start));
        self.masks.push((span, serde_json::Value::from(text).to_string()));
    }

    fn masked(&mut self) -> String {
        self.masks.sort_by_key(|(span, _)| span.start);
        let mut kept = String::with_capacity(self.text.len());
        let mut from = 0;
        for (span, instead) in &self.masks {
            kept.push_str(&self.text[from..span.start]);
            kept.push_str(instead);
            from = span.end;
        }
        kept.push_str(&self.text[from..]);
        kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::auth::secret::{Kind, Secret};

    fn read(start: &[u8], length: usize) -> Redacted {
        redact(start, length, &Secrets::default())
    }

    fn whole(body: &Value) -> Redacted {
        let text = body.to_string();
        read(text.as_bytes(), text.len())
    }

    const CANARY: &str = "c4n4ry";

    /// Bodies with a secret, in each place that one may be sent in.
    fn bodies() -> Vec<Value> {
        let user = json!({"schemas": ["x"], "userName": "ada@example.com", "Password": CANARY, "active": true});
        let with_path = json!({"Operations": [{"op": "add", "value": CANARY, "path": "urn:x:User:password"}]});
        let without_path = json!({"Operations": [{"op": "add", "value": {"name": {"a": 1}, "password": CANARY}}]});
        let bulk =
            |method: &str, data: &Value| json!({"Operations": [{"method": method, "path": "/Users", "data": data}]});
        vec![
            bulk("POST", &user),
            bulk("PATCH", &with_path),
            bulk("PATCH", &without_path),
            user,
            with_path,
            without_path,
            json!({"Operations": [{"op": "replace", "path": "password", "value": {"value": [CANARY]}}]}),
            json!({"filter": format!("password eq \"{CANARY}\"")}),
            json!({"detail": format!("password eq \"{CANARY}\" is no filter")}),
            json!({"x": {"passwordHint": {"deep": [[{"y": CANARY}]]}}}),
        ]
    }

    /// The same as text, and what has its members in another order.
    fn texts() -> Vec<String> {
        let backwards = "{\"Operations\":[{\"value\":\"c4n4ry\",\"path\":\"password\",\"op\":\"add\"}]}";
        let unquoted = "{\"filter\":\"password eq c4n4ry\"}";
        bodies().iter().map(Value::to_string).chain([backwards.into(), unquoted.into()]).collect()
    }

    #[test]
    fn no_password_is_kept_wherever_it_stands_and_wherever_the_body_is_cut() {
        for text in texts() {
            let kept = read(text.as_bytes(), text.len()).text.unwrap();
            assert!(!kept.contains(CANARY) && kept.contains('…'), "{kept}");
            assert!(serde_json::from_str::<Value>(&kept).is_ok(), "{kept}");
            for end in 1..text.len() {
                let kept = read(&text.as_bytes()[..end], text.len()).text.unwrap();
                for length in 2..=CANARY.len() {
                    assert!(!kept.contains(&CANARY[..length]), "{kept}");
                }
            }
        }
    }

    /// A schema that never returns an attribute `pin` and a sub-attribute `place.key`.
    fn own() -> Secrets {
        Secrets::Named(Arc::new(["pin", "key"].map(str::to_owned).into()))
    }

    #[test]
    fn what_the_schemas_of_a_tenant_never_return_is_not_kept_wherever_it_stands() {
        const HR: &str = "urn:example:1.0:User";
        let patch = |path: &str, value: Value| json!({"Operations": [{"op": "add", "value": value, "path": path}]});
        for body in [
            json!({"userName": "ada", HR: {"Pin": CANARY, "place": {"room": "1", "KEY": [CANARY]}}}),
            json!({"Operations": [{"op": "add", "value": {format!("{HR}:pin"): CANARY, "place.key": CANARY}}]}),
            patch(&format!("{HR}:PIN"), json!(CANARY)),
            patch("place.key", json!({"value": CANARY})),
            patch("places[type eq \"a\"].key", json!(CANARY)),
            patch(&format!("{HR}:places[key eq {CANARY}].room"), json!("1")),
            patch(&format!("pin eq {CANARY}"), json!("1")),
            json!({"filter": format!("not (place[key eq \"{CANARY}\"])")}),
            json!({"detail": format!("pin eq \"{CANARY}\" is no filter")}),
        ] {
            let text = body.to_string();
            let kept = redact(text.as_bytes(), text.len(), &own()).text.unwrap();
            assert!(!kept.contains(CANARY) && kept.contains('…'), "{kept}");
            for end in 1..text.len() {
                let kept = redact(&text.as_bytes()[..end], text.len(), &own()).text.unwrap();
                assert!(!kept.contains(&CANARY[..2]), "{kept}");
            }
        }
        let query = format!("filter=pin+eq+%22{CANARY}%22&count=1");
        assert_eq!(clean_query(&query, &own()), "filter=…&count=1");
        assert!(searches_secret(&query, &own()));
    }

    #[test]
    fn what_only_sounds_like_a_secret_is_kept() {
        let body = json!({
            "spin": "a", "urn:key:pin:1.0:User": {"nick": "b"}, "displayName": "pin",
            "Operations": [{"path": "urn:pin:1.0:User:keys[type eq \"c\"].room", "value": "d"}],
        });
        let text = body.to_string();
        let kept = redact(text.as_bytes(), text.len(), &own());
        assert_eq!((kept.text.as_deref(), kept.searches_secret), (Some(text.as_str()), false));
    }

    #[test]
    fn what_is_named_like_a_password_is_not_kept_and_a_secretary_is() {
        for name in [
            "secret",
            "clientSecret",
            "SECRET_KEY",
            "pwd",
            "user_pwd",
            "Passphrase",
            "secretaryPwd",
            "secretary_secret",
        ] {
            let patch = json!({"Operations": [{"op": "add", "path": format!("urn:x:User:{name}"), "value": CANARY}]});
            let filter = json!({"filter": format!("{name} eq \"{CANARY}\"")});
            for body in [json!({name: CANARY}), json!({"x": [{name: {"y": [CANARY]}}]}), patch, filter] {
                let kept = whole(&body).text.unwrap();
                assert!(!kept.contains(CANARY) && kept.contains('…'), "{kept}");
            }
            let query = format!("filter={name}+eq+%22{CANARY}%22&{name}={CANARY}");
            assert_eq!(clean_query(&query, &Secrets::default()), format!("filter=…&{name}=…"));
        }
        for name in ["secretary", "Secretariat", "executiveSecretaries"] {
            let body = json!({name: "kept", "filter": format!("{name} eq \"kept\"")}).to_string();
            assert_eq!(read(body.as_bytes(), body.len()).text.unwrap(), body);
        }
    }

    #[test]
    fn without_the_schemas_no_filter_is_kept() {
        let query = "filter=userName+eq+%22ada%22&count=1";
        assert_eq!(clean_query(query, &Secrets::Unknown), "filter=…&count=1");
        assert!(searches_secret(query, &Secrets::Unknown) && !searches_secret(query, &own()));
    }

    #[test]
    fn what_is_no_secret_is_kept_as_it_was_sent() {
        let text =
            "{ \"schemas\" : [ \"x\" ],\r\n \"n\": -1.5e3, \"t\": [true, null, {}, []], \"s\": \"\\u00e9 \\\"q\\\"\" }";
        assert_eq!(read(text.as_bytes(), text.len()).text.unwrap(), text);
        assert_eq!(read(b"", 0), Redacted::default());
    }

    #[test]
    fn of_what_is_not_json_nothing_is_kept() {
        for body in
            ["password=x", "{\"a\":1,}", "{\"passw\\u006frd\" \"x\"}", "<xml/>", "{} {}", "nul", "{\"a\":", "[1"]
        {
            assert_eq!(read(body.as_bytes(), body.len()).text.unwrap(), format!("(not JSON: {} bytes)", body.len()));
        }
        assert_eq!(read(&[0xff, 0xfe], 2).text.unwrap(), "(not JSON: 2 bytes)");
    }

    #[test]
    fn a_name_that_is_escaped_is_no_way_around() {
        let text = "{\"p\\u0061ssword\": \"c4n4ry\"}";
        assert!(!read(text.as_bytes(), text.len()).text.unwrap().contains(CANARY));
    }

    #[test]
    fn credentials_are_masked_in_any_text() {
        let secret = Secret::generate(Kind::HeaderToken).unwrap();
        let jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
        let shown = whole(&json!({"displayName": secret.reveal(), "x": {jwt: [format!("Bearer {jwt}")]}}));
        let text = shown.text.unwrap();
        assert!(
            !text.contains(&secret.reveal()[18..]) && !text.contains("c2lnbmF0") && text.contains(secret.id()),
            "{text}"
        );
        assert!(!shown.name.unwrap().contains(&secret.reveal()[18..]));
        let query = format!("access_token=abc&p%61ssword=c4n4ry&filter=p%61ssword+eq+%22c4n4ry%22&x={jwt}&count=1");
        assert_eq!(clean_query(&query, &Secrets::default()), "access_token=…&p%61ssword=…&filter=…&x=…&count=1");
        assert_eq!(clean("a\0b eyJ short"), "a\u{fffd}b eyJ short");
    }

    #[test]
    fn the_log_learns_whom_a_message_is_about_and_what_it_does() {
        let seen = |body: Value| whole(&body);
        let user = seen(json!({"id": "1", "userName": "ada", "displayName": "Ada", "active": false}));
        assert_eq!((user.id.as_deref(), user.name.as_deref(), user.deactivates), (Some("1"), Some("ada"), true));
        for operation in [
            json!({"op": "replace", "path": "active", "value": "False"}),
            json!({"op": "replace", "value": {"active": false}}),
        ] {
            assert!(seen(json!({"schemas": [], "Operations": [operation]})).deactivates);
        }
        assert!(!seen(json!({"Operations": [{"op": "replace", "path": "active", "value": true}]})).deactivates);
        assert!(!seen(json!({"userName": "ada", "x": [{"active": false}]})).deactivates);
        let error = seen(json!({"status": "409", "scimType": "uniqueness", "detail": "taken"}));
        assert_eq!((error.scim_type.as_deref(), error.detail.as_deref()), (Some("uniqueness"), Some("taken")));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic_and_valid_json_stays_valid(text in "\\PC{0,60}", cut in 0_usize..60) {
            let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= cut).last().unwrap_or(0);
            read(&text.as_bytes()[..end], text.len());
            clean_query(&text, &Secrets::Unknown);
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let kept = whole(&value).text.unwrap();
                prop_assert!(serde_json::from_str::<Value>(&kept).is_ok(), "{}", kept);
            }
        }
    }
}
