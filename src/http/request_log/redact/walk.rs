//! A walk through the beginning of a body, which notes what is to be replaced and what the log wants to know.

use std::ops::Range;

use super::clean::{clean, clean_detail};
use super::secrets::condition;
use super::{Redacted, Secrets};

/// What stands in the place of what is not kept.
const MASK: &str = "…";
/// Deeper nesting is not read. The server refuses it earlier.
const DEPTH: usize = 64;
/// Where the resource itself stands in a message: at the top, or as the value of a PATCH operation.
const RESOURCE_DEPTHS: [usize; 2] = [1, 4];

/// The text is not JSON.
pub(super) struct NotJson;

/// Walks through a text, which is a whole body unless it `is_cut`. What is kept of it, and what the log learns from it.
///
/// # Errors
/// [`NotJson`].
pub(super) fn read(text: &str, is_cut: bool, secrets: &Secrets) -> Result<(String, Redacted), NotJson> {
    let mut walk = Walk { text, at: 0, is_cut, secrets, masks: Vec::new(), found: Redacted::default() };
    walk.document()?;
    Ok((walk.masked(), walk.found))
}

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
                self.replace(span, MASK);
            }
            return self.end(None);
        }
        let decoded: String = serde_json::from_str(&self.text[span.clone()]).map_err(|_| NotJson)?;
        let kept = clean(&decoded);
        if kept != decoded {
            self.replace(span, &kept);
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
                let kept = sentence.map_or_else(|| MASK.to_owned(), |sentence| clean_detail(sentence, self.secrets));
                self.replace(part.span.clone(), &kept);
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

    /// Puts a string in the place of a value and of what was replaced within it.
    fn replace(&mut self, span: Range<usize>, text: &str) {
        self.masks.retain(|(inner, _)| !span.contains(&inner.start));
        self.masks.push((span, serde_json::Value::from(text).to_string()));
    }

    /// The text with all replacements.
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
