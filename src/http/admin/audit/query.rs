//! The filter as it stands in URLs and forms.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use url::form_urlencoded::{Serializer, parse};
use uuid::Uuid;

use crate::audit::{Action, Outcome};
use crate::auth::Caller;
use crate::http::admin::administrator::Administrator;
use crate::http::pages::BASE;
use crate::store::{AuditFilter, AuditStart};

/// Names of the fields. They stand in bookmarks, so they stay.
const FIELDS: [&str; 8] = ["actor", "action", "target", "outcome", "from", "to", "text", "where"];
/// Characters of a field that are looked at.
const LONGEST: usize = 500;
/// The value of `where` for entries of no tenant.
const NO_TENANT: &str = "no-tenant";

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    /// The fields that say something, by their names.
    given: Vec<(&'static str, String)>,
    start: AuditStart,
}

/// A field that says nothing that can be searched for: its name, and why.
pub(super) type Problem = (&'static str, &'static str);

impl Query {
    /// Reads the query of a page.
    pub(super) fn of_page(page: &str) -> Self {
        let query = page.split_once('?').map_or("", |(_, query)| query);
        Self::of(parse(query.as_bytes()))
    }

    /// Reads fields, of a query or a form.
    pub(super) fn of<N: AsRef<str>, V: AsRef<str>>(fields: impl Iterator<Item = (N, V)>) -> Self {
        let mut read = Self::default();
        for (name, value) in fields {
            let (name, value) = (name.as_ref(), value.as_ref().trim());
            match (name, Uuid::try_parse(value)) {
                ("older", Ok(id)) => read.start = AuditStart::OlderThan(id),
                ("newer", Ok(id)) => read.start = AuditStart::NewerThan(id),
                _ => {}
            }
            let known = FIELDS.into_iter().find(|field| *field == name);
            if let Some(field) = known.filter(|_| !value.is_empty()) {
                // Recorded texts have no U+0000 either.
                let value: String =
                    value.chars().take(LONGEST).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect();
                read.given.push((field, value));
            }
        }
        read
    }

    /// Where the page begins.
    pub(super) fn start(&self) -> AuditStart {
        self.start
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str())
    }

    /// What it asks for.
    ///
    /// # Errors
    /// The fields that cannot be understood.
    pub(super) fn filter(&self) -> Result<AuditFilter, Vec<Problem>> {
        let mut problems = Vec::new();
        let text = |name: &str| self.get(name).map(str::to_owned);
        let mut filter =
            AuditFilter { actor: text("actor"), target: text("target"), text: text("text"), ..AuditFilter::default() };
        if let Some(code) = self.get("action") {
            filter.action = Action::parse(code);
            if filter.action.is_none() {
                problems.push(("action", "There is no such action. Choose one of the list."));
            }
        }
        if let Some(name) = self.get("outcome") {
            filter.outcome = Outcome::parse(name);
            if filter.outcome.is_none() {
                problems.push(("outcome", "The outcome is done or refused. Choose one of the list."));
            }
        }
        for (name, is_end) in [("from", false), ("to", true)] {
            let Some(text) = self.get(name) else {
                continue;
            };
            match time(text, is_end) {
                Some(time) if is_end => filter.to = Some(time),
                Some(time) => filter.from = Some(time),
                None => problems.push((name, "This is no time. Write it like 2026-11-26T08:00, in UTC.")),
            }
        }
        if filter.from.zip(filter.to).is_some_and(|(from, to)| from >= to) {
            problems.push(("to", "The end is not after the beginning. Choose a later end."));
        }
        if problems.is_empty() { Ok(filter) } else { Err(problems) }
    }

    /// Whose entries: those of the tenant at hand, or for operators those of none.
    pub(super) fn caller(&self, administrator: &Administrator) -> Caller {
        if self.is_of_no_tenant(administrator) {
            administrator.caller_of_installation()
        } else {
            administrator.caller()
        }
    }

    pub(super) fn is_of_no_tenant(&self, administrator: &Administrator) -> bool {
        administrator.person().is_operator() && self.get("where") == Some(NO_TENANT)
    }

    /// Whether nothing is filtered; where the entries are is no filter.
    pub(super) fn is_plain(&self) -> bool {
        self.given.iter().all(|(name, _)| *name == "where")
    }

    /// The fields for templates, all of them.
    pub(super) fn fields(&self) -> Value {
        FIELDS
            .iter()
            .map(|name| ((*name).to_owned(), json!(self.get(name).unwrap_or_default())))
            .collect::<Map<_, _>>()
            .into()
    }

    /// The fields that say something, for a form that carries them along and for the record of an export.
    pub(super) fn given(&self) -> Value {
        self.given.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>().into()
    }

    /// A page of the log that keeps to where the entries are, and takes nothing else along.
    pub(super) fn elsewhere(&self, path: &str, more: &[(&str, &str)]) -> String {
        let place = self.given.iter().filter(|(name, _)| *name == "where");
        url(path, place.map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()))
    }

    /// The list with the same filter, beginning elsewhere.
    pub(super) fn page(&self, name: &str, id: Option<Uuid>) -> Option<String> {
        let id = id?.to_string();
        let given = self.given.iter().map(|(name, value)| (*name, value.as_str()));
        Some(url("", given.chain([(name, id.as_str())])))
    }
}

/// A page below that of the log, with a query.
fn url<'a>(path: &str, fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let query = Serializer::new(String::new()).extend_pairs(fields).finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{BASE}{}{path}{mark}{query}", super::PATH)
}

/// A time in UTC: as browsers send it, as lists show it, or a day. The end of a span takes in the day that it names.
fn time(text: &str, is_end: bool) -> Option<DateTime<Utc>> {
    let plain = text.trim_end_matches(" UTC").trim_end_matches('Z');
    let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let exact = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(plain, form).ok());
    let day = || {
        let day = NaiveDate::parse_from_str(plain, "%Y-%m-%d").ok()?;
        (if is_end { day.checked_add_signed(TimeDelta::days(1)) } else { Some(day) })?.and_hms_opt(0, 0, 0)
    };
    let offset = || text.parse::<DateTime<Utc>>().ok();
    exact.or_else(day).map(|time| time.and_utc()).or_else(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_browsers_and_people_write_them() {
        for (text, is_end, seconds) in [
            ("2027-01-15T08:00", false, 1_800_000_000),
            ("2027-01-15 08:00:00 UTC", true, 1_800_000_000),
            ("2027-01-15T08:00:00.000Z", true, 1_800_000_000),
            ("2027-01-15T09:00:00+01:00", true, 1_800_000_000),
            ("2027-01-15", false, 1_799_971_200),
            ("2027-01-15", true, 1_800_057_600),
        ] {
            assert_eq!(time(text, is_end).map(|time| time.timestamp()), Some(seconds), "{text}");
        }
        for text in ["", "yesterday", "2027-13-01", "99999-01-01T00:00:00", "2027-01-15T25:00"] {
            assert_eq!(time(text, false), None, "{text}");
        }
    }

    #[test]
    fn a_query_keeps_what_it_knows_and_says_what_it_does_not_understand() {
        let query =
            Query::of_page("/admin/audit?actor=a%00b&nonsense=1&from=x&to=&action=no&outcome=maybe&where=no-tenant");
        assert_eq!(query.given()["actor"], "a\u{fffd}b");
        let names: Vec<_> = query.filter().unwrap_err().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["action", "outcome", "from"]);
        assert_eq!(query.elsewhere("", &[]), "/admin/audit?where=no-tenant");
        let backwards = Query::of_page("?from=2027-01-16&to=2027-01-15");
        assert_eq!(backwards.filter().unwrap_err()[0].0, "to");
    }
}
