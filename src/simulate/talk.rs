//! One request and its answer: sent through a [`Transport`], and held against what its [`Step`] expects.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;

use super::Watcher;
use super::check;
use super::ledger::{Ledger, Sent};
use super::step::{ERROR, Form, Kind, LIST, Step};

/// Requests in a row that nothing answers, after which the server is taken for gone.
const LOST_AFTER: usize = 5;
/// Characters that are shown of what came.
const SHOWN: usize = 200;

/// A request, below the base URL.
#[derive(Debug)]
pub struct Request {
    /// The kind.
    pub step: &'static Step,
    /// Path and query.
    pub path: String,
    /// The body, where there is one.
    pub body: Option<Value>,
}

/// What was answered.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header `Content-Type`.
    pub media_type: Option<String>,
    /// The header `Location`.
    pub location: Option<String>,
    /// The body.
    pub text: String,
    /// The headers `Retry-After` of the answers 429 that came before this one.
    pub waits: Vec<Option<String>>,
    /// How long the last try took.
    pub took: Duration,
}

/// Nothing was answered; the reason, as half a sentence without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// The way to the server.
pub trait Transport: Sync {
    /// Sends a request, again where the server asks for it.
    ///
    /// # Errors
    /// [`Unanswered`] when nothing came back.
    fn send(&self, request: &Request) -> Result<Answer, Unanswered>;

    /// Whether it has access tokens, which end; a header token stays.
    fn has_access_tokens(&self) -> bool;

    /// Gets another access token. There is nothing where it has none.
    fn renew(&self) -> Option<Renewed>;
}

/// What came of asking for another access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// Whether the first tokens came with one for renewing; nothing where none is due.
    pub refresh_token: Option<bool>,
    /// Whether they came with the length of their life.
    pub expires_in: bool,
    /// Why there is no other access token.
    pub failed: Option<String>,
}

/// A request that was answered with what can be read.
#[derive(Debug)]
pub(super) struct Exchange {
    pub sent: Sent,
    pub status: u16,
    /// The body; null where there is none.
    pub body: Value,
}

impl Exchange {
    /// The id of the resource that came.
    pub(super) fn id(&self) -> Option<&str> {
        self.body["id"].as_str().filter(|id| !id.is_empty())
    }

    /// The resources that came.
    pub(super) fn resources(&self) -> &[Value] {
        self.body["Resources"].as_array().map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_success(&self) -> bool {
        is_success(self.status)
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// All that is said to a server.
pub(super) struct Talk<'a> {
    pub transport: &'a dyn Transport,
    pub watcher: &'a dyn Watcher,
    pub ledger: Ledger,
    lost: AtomicUsize,
}

impl<'a> Talk<'a> {
    pub(super) fn new(transport: &'a dyn Transport, watcher: &'a dyn Watcher) -> Self {
        Self { transport, watcher, ledger: Ledger::default(), lost: AtomicUsize::new(0) }
    }

    /// Whether nothing comes back any more.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed) >= LOST_AFTER
    }

    /// Sends a request without judging the answer.
    pub(super) fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        let answer = self.transport.send(request)?;
        self.ledger.took(request.step, answer.took);
        Ok(answer)
    }

    /// Sends a request and judges the answer. There is nothing when no answer came, or none that can be read.
    pub(super) fn ask(&self, step: &'static Step, path: String, body: Option<Value>) -> Option<Exchange> {
        if self.is_lost() {
            return None;
        }
        let request = Request { step, path, body };
        let answer = self.send(&request);
        self.judge(&request, answer)
    }

    /// Holds an answer against its step.
    pub(super) fn judge(&self, request: &Request, answer: Result<Answer, Unanswered>) -> Option<Exchange> {
        let step = request.step;
        let sent = Sent { method: step.method, path: request.path.clone() };
        let expect = |check, held, came: &dyn Fn() -> String| self.ledger.expect(check, &sent, held, came);
        let answer = match answer {
            Ok(answer) => answer,
            Err(Unanswered(reason)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                expect(&check::ANSWER_COMES, false, &|| reason.clone());
                return None;
            }
        };
        self.lost.store(0, Ordering::Relaxed);
        expect(&check::ANSWER_COMES, true, &String::new);
        for wait in &answer.waits {
            let whole =
                wait.as_deref().is_some_and(|wait| !wait.is_empty() && wait.bytes().all(|b| b.is_ascii_digit()));
            expect(&check::RETRY_AFTER, whole, &|| match wait {
                Some(wait) => format!("429 with Retry-After: {}", shown(wait)),
                None => "429 without Retry-After".into(),
            });
        }
        let right = step.statuses.contains(&answer.status);
        expect(step.status, right, &|| describe(&answer));
        let is_read = right || is_success(answer.status);
        let is_empty = answer.text.trim().is_empty();
        let may_be_empty = answer.status == 204 || step.form == Form::Nothing;
        if !is_read || is_empty && may_be_empty {
            return is_read.then_some(Exchange { sent, status: answer.status, body: Value::Null });
        }
        let body: Option<Value> = serde_json::from_str(&answer.text).ok().filter(Value::is_object);
        if !expect(&check::ANSWER_JSON, body.is_some(), &|| describe(&answer)) {
            return None;
        }
        let body = body?;
        let media_type = answer.media_type.as_deref().unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let is_scim = essence.eq_ignore_ascii_case("application/scim+json");
        expect(&check::ANSWER_MEDIA_TYPE, is_scim, &|| format!("Content-Type: {}", shown(media_type)));
        if right {
            let judged = Judged { ledger: &self.ledger, sent: &sent, answer: &answer, body: &body };
            judged.form(step.form);
        }
        Some(Exchange { sent, status: answer.status, body })
    }

    /// Notes whether an expectation of an exchange held.
    pub(super) fn expect(
        &self,
        check: &'static check::Check,
        sent: &Sent,
        held: bool,
        came: impl FnOnce() -> String,
    ) -> bool {
        self.ledger.expect(check, sent, held, came)
    }
}

/// An answer whose form is looked at.
struct Judged<'a> {
    ledger: &'a Ledger,
    sent: &'a Sent,
    answer: &'a Answer,
    body: &'a Value,
}

impl Judged<'_> {
    fn expect(&self, check: &'static check::Check, held: bool, came: impl FnOnce() -> String) -> bool {
        self.ledger.expect(check, self.sent, held, came)
    }

    fn form(&self, form: Form) {
        match form {
            Form::List => self.list(),
            Form::User => self.resource(Kind::User),
            Form::Group => self.resource(Kind::Group),
            Form::Error => self.error(),
            Form::Nothing => {}
        }
    }

    fn has_schema(&self, check: &'static check::Check, schema: &str) {
        let schemas = &self.body["schemas"];
        let named = schemas.as_array().is_some_and(|schemas| schemas.iter().any(|one| *one == schema));
        self.expect(check, named, || format!("schemas: {}", shown(&schemas.to_string())));
    }

    fn error(&self) {
        let (status, detail) = (&self.body["status"], &self.body["detail"]);
        self.has_schema(&check::ERROR_SCHEMAS, ERROR);
        let same = *status == self.answer.status.to_string().as_str();
        self.expect(&check::ERROR_STATUS, same, || format!("status: {}", shown(&status.to_string())));
        let said = detail.as_str().is_some_and(|detail| !detail.is_empty());
        self.expect(&check::ERROR_DETAIL, said, || format!("detail: {}", shown(&detail.to_string())));
    }

    fn list(&self) {
        self.has_schema(&check::LIST_SCHEMAS, LIST);
        let [total, start, items] = ["totalResults", "startIndex", "itemsPerPage"].map(|name| &self.body[name]);
        let are_numbers = [total, start, items].iter().all(|number| number.is_u64());
        self.expect(&check::LIST_NUMBERS, are_numbers, || {
            format!("totalResults: {total}, startIndex: {start}, itemsPerPage: {items}")
        });
        let resources = &self.body["Resources"];
        let asked = |name: &str| asked(&self.sent.path, name);
        let none_due = *total == 0 || asked("count") == Some(0) || asked("startIndex") > total.as_u64();
        let fits = resources.is_array() || resources.is_null() && none_due;
        self.expect(&check::LIST_RESOURCES, fits, || format!("Resources: {}", shown(&resources.to_string())));
        // Where it is no number, or there is no list, that has been said.
        if let (true, Some(items)) = (fits, items.as_u64()) {
            let came = resources.as_array().map_or(0, Vec::len);
            let same = items == came as u64;
            self.expect(&check::LIST_ITEMS, same, || format!("itemsPerPage: {items}, with {came} resources"));
        }
        if let (Some(start), Some(asked)) = (start.as_u64(), asked("startIndex")) {
            self.expect(&check::LIST_START, start == asked, || format!("startIndex: {start}"));
        }
    }

    fn resource(&self, kind: Kind) {
        self.has_schema(&check::RESOURCE_SCHEMAS, kind.schema());
        let (id, meta) = (&self.body["id"], &self.body["meta"]);
        let has_id = id.as_str().is_some_and(|id| !id.is_empty());
        self.expect(&check::RESOURCE_ID, has_id, || format!("id: {id}"));
        let kind_named = meta["resourceType"] == kind.name();
        self.expect(&check::RESOURCE_TYPE, kind_named, || format!("meta.resourceType: {}", meta["resourceType"]));
        let location = meta["location"].as_str().unwrap_or_default();
        let leads_there = id.as_str().is_none_or(|id| {
            let last = location.rsplit('/').next().unwrap_or_default();
            location.contains("://") && (last == id || kind.path(id).ends_with(&format!("/{last}")))
        });
        self.expect(&check::RESOURCE_LOCATION, leads_there, || {
            format!("meta.location: {}", shown(&meta["location"].to_string()))
        });
        for name in ["created", "lastModified"] {
            let date = &meta[name];
            // They may be left out.
            let is_date =
                date.is_null() || date.as_str().is_some_and(|date| DateTime::parse_from_rfc3339(date).is_ok());
            self.expect(&check::RESOURCE_DATES, is_date, || format!("meta.{name}: {}", shown(&date.to_string())));
        }
        if self.answer.status == 201 {
            let header = self.answer.location.as_deref();
            let same = header.is_some_and(|header| location.is_empty() || header == location);
            self.expect(&check::CREATE_LOCATION, same, || match header {
                Some(header) => format!("Location: {}, with meta.location {}", shown(header), shown(location)),
                None => "no Location".into(),
            });
        }
    }
}

/// A number in the query of a path.
fn asked(path: &str, name: &str) -> Option<u64> {
    let (_, query) = path.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name)?.1.parse().ok()
}

/// An answer in a few words.
pub(super) fn describe(answer: &Answer) -> String {
    let status = answer.status;
    let text = answer.text.trim();
    if text.is_empty() {
        return format!("{status} without a body");
    }
    match serde_json::from_str::<Value>(text) {
        Ok(body) if body["detail"].is_string() => format!("{status}: {}", shown(&body["detail"].to_string())),
        Ok(_) => format!("{status}: {}", shown(text)),
        Err(_) => {
            let media_type = answer.media_type.as_deref().unwrap_or("no media type");
            format!("{status}, {}: {}", shown(media_type), shown(text))
        }
    }
}

/// The beginning of what came, on one line. It is foreign: what would move the cursor is left out.
pub(super) fn shown(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() { format!("{plain}…") } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_short_and_on_one_line() {
        assert_eq!(shown("a\r\nb\u{1b}[31m"), "a  b [31m");
        assert_eq!(shown(&"x".repeat(SHOWN + 1)), format!("{}…", "x".repeat(SHOWN)));
        assert_eq!(asked("/Users?filter=a&startIndex=101&count=0", "startIndex"), Some(101));
        assert_eq!(asked("/Users", "count"), None);
    }
}
