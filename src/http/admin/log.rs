//! The provisioning log: what the identity provider asked for, what it was answered, and why.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::administrator::Administrator;
use super::why::why;
use crate::auth::role::Right;
use crate::http::pages::{BASE, PageError, PageRoute, Problem, show};
use crate::http::{AppState, blocking};
use crate::store::{RequestFilter, RequestPlace, RequestRow};

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get(PATH, Right::Read, || web::get().to(list)),
    PageRoute::get("/log/{id}", Right::Read, || web::get().to(look)),
];

const PATH: &str = "/log";
/// Rows of a page.
const ROWS: usize = 50;
/// Tokens, and clients, of a tenant that pages look at.
pub(super) const CREDENTIALS: i64 = 500;
/// How long ago a credential was used at most that has ended and is looked at all the same.
pub(super) const USED_WITHIN: TimeDelta = TimeDelta::days(30);
/// Characters of a filter; longer ones find nothing.
const LONGEST: usize = 200;
/// The fields of the filter form, as they are in the query string.
const FIELDS: [&str; 7] = ["credential", "outcome", "operation", "resource", "text", "from", "to"];
/// Selections that are often wanted.
const PRESETS: [(&str, &str); 4] = [
    ("All", ""),
    ("Failures", "outcome=failures"),
    ("Slow > 500 ms", "slow=1"),
    ("Deactivations", "operation=deactivate"),
];
/// Outcomes in the query string, their label and the colour of their badge.
const OUTCOMES: [(&str, &str, &str); 4] = [
    ("ok", "OK", "green"),
    ("refused", "Refused", "amber"),
    ("unauthenticated", "Not authenticated", "red"),
    ("failed", "Failed", "red"),
];
/// The outcome that stands for all but `ok`.
const FAILURES: &str = "failures";
/// Operations with their labels.
const OPERATIONS: [(&str, &str); 10] = [
    ("create", "Create"),
    ("replace", "Replace"),
    ("modify", "Modify"),
    ("deactivate", "Deactivate"),
    ("delete", "Delete"),
    ("retrieve", "Read one"),
    ("query", "Search"),
    ("bulk", "Bulk"),
    ("discovery", "Discovery"),
    ("other", "Other"),
];

/// What the query string asks for.
#[derive(Debug, Default)]
struct Asked {
    given: BTreeMap<String, String>,
    problems: BTreeMap<&'static str, String>,
    /// Times as the fields of the form take them.
    times: BTreeMap<&'static str, String>,
}

impl Asked {
    fn of(page: &str) -> Self {
        let query = page.split_once('?').map_or("", |(_, query)| query);
        let given = form_urlencoded::parse(query.as_bytes()).into_owned();
        Self {
            given: given.filter(|(_, value)| !value.trim().is_empty()).collect(),
            problems: BTreeMap::new(),
            times: BTreeMap::new(),
        }
    }

    fn get(&self, name: &str) -> Option<String> {
        self.given.get(name).map(|value| value.trim().replace('\0', "\u{fffd}"))
    }

    /// What a field of the form shows.
    fn shown(&self, name: &str) -> String {
        self.times.get(name).cloned().or_else(|| self.get(name)).unwrap_or_default()
    }

    /// A time as browsers send it, and as people write it. It is in UTC.
    fn time(&mut self, name: &'static str) -> Option<DateTime<Utc>> {
        const FORMATS: [&str; 4] = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"];
        let text = self.get(name)?;
        let day = || NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
        let time = FORMATS.iter().find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok()).or_else(day);
        if time.is_none() {
            let sentence =
                "This is not a time. Write it like 2026-11-26T18:30, in UTC; everything is shown until then.";
            self.problems.insert(name, sentence.into());
        }
        self.times.insert(name, time.map_or_else(String::new, |time| time.format("%Y-%m-%dT%H:%M").to_string()));
        time.map(|time| time.and_utc())
    }

    fn filter(&mut self, with_unknown: bool) -> RequestFilter {
        let outcome = self.get("outcome");
        let text = |text: Option<String>| text.map(|text| text.chars().take(LONGEST).collect::<String>());
        RequestFilter {
            credential: text(self.get("credential")),
            failures: outcome.as_deref() == Some(FAILURES),
            outcome: text(outcome.filter(|outcome| outcome != FAILURES)),
            slow: self.get("slow").is_some(),
            operation: text(self.get("operation")),
            resource: text(self.get("resource")),
            text: text(self.get("text")),
            from: self.time("from"),
            to: self.time("to"),
            with_unknown,
        }
    }

    fn place(&self) -> RequestPlace {
        let id = |name| self.get(name).and_then(|id| Uuid::try_parse(&id).ok());
        match (id("older"), id("newer")) {
            (Some(id), _) => RequestPlace::OlderThan(id),
            (None, Some(id)) => RequestPlace::NewerThan(id),
            (None, None) => RequestPlace::Newest,
        }
    }

    fn is_live(&self) -> bool {
        self.get("live").is_some() && self.place() == RequestPlace::Newest
    }

    /// The query string of the same filter with something more.
    fn query(&self, more: &[(&str, &str)]) -> String {
        let own = FIELDS.iter().chain(&["slow"]).filter_map(|name| Some((*name, self.given.get(*name)?.as_str())));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(own).extend_pairs(more).finish()
    }
}

/// Whether somebody sees the requests of unknown callers, which may concern any tenant: operators do, and everybody where there is one
/// tenant.
pub(super) fn sees_unknown(app: &AppState, administrator: &Administrator) -> Result<bool, PageError> {
    Ok(administrator.person().is_operator() || app.store.gate(|gate| gate.tenants(2))?.len() == 1)
}

/// `GET /admin/log`.
async fn list(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let mut asked = Asked::of(&administrator.page);
    let own = administrator.clone();
    let (asked, rows, credentials) = blocking::run(&app, move |app| {
        let filter = asked.filter(sees_unknown(app, &own)?);
        let place = asked.place();
        let (rows, credentials) = app.store.read(&own.caller(), |tenant| {
            let now = Utc::now();
            let tokens = tenant
                .header_tokens_at_work(now, now - USED_WITHIN, CREDENTIALS)?
                .into_iter()
                .map(|token| (token.id, token.name));
            let clients = tenant
                .clients_at_work(now - USED_WITHIN, CREDENTIALS)?
                .into_iter()
                .map(|client| (client.id, client.name));
            Ok::<_, PageError>((tenant.requests(&filter, place, ROWS + 1)?, tokens.chain(clients).collect::<Vec<_>>()))
        })?;
        Ok::<_, PageError>((asked, rows, credentials))
    })
    .await?;
    let (rows, older, newer) = page_of(rows, asked.place());
    let link =
        |query: String| format!("{}{BASE}{PATH}{}{query}", app.site.base, if query.is_empty() { "" } else { "?" });
    let now = Utc::now();
    let is_filtered = FIELDS.iter().chain(&["slow"]).any(|name| asked.given.contains_key(*name));
    let here = asked.query(&[]);
    let presets: Vec<Value> = PRESETS
        .iter()
        .map(|(label, query)| json!({"label": label, "href": link((*query).to_owned()), "is_here": here == *query}))
        .collect();
    let fields: serde_json::Map<String, Value> =
        FIELDS.iter().map(|name| ((*name).to_owned(), asked.shown(name).into())).collect();
    let any = json!({"value": "", "label": "Any"});
    let mut outcomes = vec![any.clone(), json!({"value": FAILURES, "label": "All failures"})];
    outcomes.extend(OUTCOMES.iter().map(|(value, label, _)| json!({"value": value, "label": label})));
    let mut operations = vec![any.clone()];
    operations.extend(OPERATIONS.iter().map(|(value, label)| json!({"value": value, "label": label})));
    let mut names = vec![any];
    names.extend(credentials.iter().map(|(id, name)| json!({"value": id, "label": name})));
    let live = asked.is_live();
    let problems: serde_json::Map<String, Value> =
        asked.problems.iter().map(|(name, sentence)| ((*name).to_owned(), sentence.as_str().into())).collect();
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = administrator
        .page("log/list.html")
        .status(status)
        .with("rows", rows.iter().map(|row| line(&app, row, now)).collect::<Vec<_>>())
        .with("presets", presets)
        .with("fields", fields)
        .with("slow", asked.get("slow").is_some())
        .with("problems", if problems.is_empty() { Value::Null } else { problems.into() })
        .with("outcomes", outcomes)
        .with("operations", operations)
        .with("credentials", names)
        .with("is_filtered", is_filtered)
        .with("is_first", asked.place() == RequestPlace::Newest)
        .with("live", live)
        .with("live_href", link(asked.query(&[("live", "1")])))
        .with("still_href", link(asked.query(&[])))
        .with("clear_href", link(String::new()))
        .with("newer", newer.map(|id| link(asked.query(&[("newer", &id.to_string())]))))
        .with("older", older.map(|id| link(asked.query(&[("older", &id.to_string())]))))
        .with("dropped", Some(app.request_log.dropped()).filter(|dropped| *dropped > 0).map(count_shown));
    administrator.respond(&app, page)
}

pub(super) fn count_shown(count: u64) -> String {
    show::number(i64::try_from(count).unwrap_or(i64::MAX))
}

/// The rows of a page, of which one more was read, and the ids behind which there is more on either side.
fn page_of(mut rows: Vec<RequestRow>, place: RequestPlace) -> (Vec<RequestRow>, Option<Uuid>, Option<Uuid>) {
    let is_more = rows.len() > ROWS;
    if is_more {
        match place {
            RequestPlace::NewerThan(_) => drop(rows.remove(0)),
            _ => rows.truncate(ROWS),
        }
    }
    let (first, last) = (rows.first().map(|row| row.id), rows.last().map(|row| row.id));
    match place {
        RequestPlace::Newest => (rows, last.filter(|_| is_more), None),
        RequestPlace::OlderThan(id) => (rows, last.filter(|_| is_more), first.or(Some(id))),
        RequestPlace::NewerThan(id) => (rows, last.or(Some(id)), first.filter(|_| is_more)),
    }
}

/// The label of an outcome and its colour.
fn outcome_shown(outcome: &str) -> Value {
    let (_, label, colour) = OUTCOMES.iter().find(|(code, ..)| *code == outcome).unwrap_or(&OUTCOMES[3]);
    json!({"label": label, "colour": colour})
}

fn operation_shown(operation: &str) -> &'static str {
    OPERATIONS.iter().find(|(code, _)| *code == operation).map_or("Other", |(_, label)| label)
}

/// How long a request took.
fn duration_shown(microseconds: i64) -> String {
    match microseconds {
        ..1_000 => "< 1 ms".into(),
        1_000..10_000_000 => format!("{} ms", show::number(microseconds / 1_000)),
        _ => format!("{} s", show::number(microseconds / 1_000_000)),
    }
}

/// Who called, where that is known.
fn caller_shown(row: &RequestRow) -> Value {
    let (kind, page) = match row.actor_kind.as_str() {
        "header_token" => ("Header token", Some("/tokens")),
        "oauth_client" => ("OAuth client", Some("/clients")),
        _ => ("", None),
    };
    let name =
        [row.actor_name.as_str(), row.actor_id.as_str(), "Unknown caller"].into_iter().find(|name| !name.is_empty());
    json!({"name": name, "kind": kind, "id": row.actor_id, "path": page.map(|page| format!("{BASE}{page}/{}", row.actor_id))})
}

/// The page of the resource, where there is one.
fn resource_path(row: &RequestRow) -> Option<String> {
    let path = match row.resource_type.as_deref()? {
        "User" => "/users",
        "Group" => "/groups",
        _ => return None,
    };
    // Whatever else stands in the place of an id leads nowhere.
    let id = Uuid::try_parse(row.resource_id.as_deref()?).ok()?;
    Some(format!("{BASE}{path}/{id}"))
}

fn line(app: &AppState, row: &RequestRow, now: DateTime<Utc>) -> Value {
    json!({
        "href": format!("{}{BASE}{PATH}/{}", app.site.base, row.id),
        "at": show::time(row.at, now),
        "operation": operation_shown(&row.operation),
        "request": format!("{} {}", row.method, row.path),
        "name": row.resource_name,
        "outcome": outcome_shown(&row.outcome),
        "status": row.status,
        "scim_type": row.scim_type,
        "detail": row.detail,
        "duration": duration_shown(row.microseconds),
        "is_slow": row.microseconds > 500_000,
        "caller": caller_shown(row),
    })
}

/// `GET /admin/log/{id}`.
async fn look(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let not_found = || PageError::new(Problem::NotFound).saying("This request is not in the log, or not any more.");
    let id = Uuid::try_parse(&id).map_err(|_| not_found())?;
    let own = administrator.clone();
    let (row, settings) = blocking::run(&app, move |app| {
        let with_unknown = sees_unknown(app, &own)?;
        let settings = app.store.gate(|gate| gate.installation())?;
        let row = app.store.read(&own.caller(), |tenant| tenant.request(id, with_unknown))?;
        Ok::<_, PageError>((row, settings))
    })
    .await?;
    let row = row.ok_or_else(not_found)?;
    let why = why(&row).map(|why| json!({"cause": why.cause, "fix": why.fix, "then": why.then}));
    let query = row.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
    let text = form_urlencoded::Serializer::new(String::new()).append_pair("text", &row.request_id).finish();
    let page = administrator
        .page("log/request.html")
        .with("line", line(&app, &row, Utc::now()))
        .with("request", format!("{} {}{query}", row.method, row.path))
        .with("request_id", &*row.request_id)
        .with("resource_type", row.resource_type.clone())
        .with("resource_id", row.resource_id.clone())
        .with("resource_path", resource_path(&row))
        .with("address", row.address.clone())
        .with("user_agent", row.user_agent.clone())
        .with("is_unknown", row.tenant_id.is_nil())
        .with("request_headers", row.request_headers.clone())
        .with("response_headers", row.response_headers.clone())
        .with("request_body", row.request_body.as_deref().map(pretty))
        .with("response_body", row.response_body.as_deref().map(pretty))
        .with("keeps_bodies", settings.body_days > 0)
        .with("body_days", settings.body_days)
        .with("curl", curl(&app, &row))
        .with(
            "same_resource",
            row.resource_id.as_ref().map(|id| {
                let query = form_urlencoded::Serializer::new(String::new()).append_pair("resource", id).finish();
                format!("{BASE}{PATH}?{query}")
            }),
        )
        .with("audit", format!("{BASE}/audit?{text}"))
        .with("why", why)
        .with("list", format!("{BASE}{PATH}"));
    administrator.respond(&app, page)
}

/// A body in lines; what is cut stays as it is.
fn pretty(body: &str) -> String {
    // Without going through a map, which would change the order of the names.
    let Ok(raw) = serde_json::from_str::<&serde_json::value::RawValue>(body) else {
        return body.to_owned();
    };
    let (mut shown, mut depth, mut in_text, mut escaped) =
        (String::with_capacity(body.len() * 2), 0_usize, false, false);
    let mut characters = raw.get().chars().peekable();
    let line = |shown: &mut String, depth: usize| {
        shown.push('\n');
        shown.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(character) = characters.next() {
        if in_text {
            shown.push(character);
            in_text = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                shown.push(character);
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    shown.push(end);
                } else {
                    depth += 1;
                    line(&mut shown, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut shown, depth);
                shown.push(character);
            }
            ',' => {
                shown.push(character);
                line(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            _ => {
                in_text = character == '"';
                shown.push(character);
            }
        }
    }
    shown
}

/// The request as a command, without its credential.
fn curl(app: &AppState, row: &RequestRow) -> String {
    let base =
        if row.operation == "other" && row.detail.as_deref().is_some_and(|detail| detail.contains("served below")) {
            &*app.public_url
        } else {
            &*app.services.standard().base_url
        };
    let query = row.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
    let method = if row.method == "HEAD" { "-I".to_owned() } else { format!("-X {}", row.method) };
    let mut command =
        format!("curl {method} {} -H \"Authorization: Bearer $TOKEN\"", quoted(&format!("{base}{}{query}", row.path)));
    if let Some(body) = &row.request_body {
        let whole = serde_json::from_str::<&serde_json::value::RawValue>(body).is_ok();
        let data = if whole { quoted(body) } else { "@body.json".into() };
        command = format!("{command} -H 'Content-Type: application/scim+json' --data {data}");
    }
    command
}

/// A word of a command for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_in_lines_with_its_names_in_order() {
        assert_eq!(
            pretty("{\"b\":1, \"a\" : [ ],\"c\":[{\"x\":\"{,}:\\\"\"}]}"),
            "{\n  \"b\": 1,\n  \"a\": [],\n  \"c\": [\n    {\n      \"x\": \"{,}:\\\"\"\n    }\n  ]\n}"
        );
        assert_eq!(pretty("{\"a\":\n… (5 of 9 bytes)"), "{\"a\":\n… (5 of 9 bytes)");
    }

    #[test]
    fn a_word_for_a_shell_cannot_end_itself() {
        assert_eq!(quoted("a'b; rm"), "'a'\\''b; rm'");
    }

    #[test]
    fn a_duration_has_the_unit_that_fits() {
        assert_eq!([10, 1_500, 12_000_000].map(duration_shown), ["< 1 ms", "1 ms", "12 s"]);
    }
}
