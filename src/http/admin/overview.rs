//! The start of the admin UI: what happened, what needs attention, and on a fresh server what to do next.

use std::collections::BTreeMap;
use std::time::Instant;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::administrator::Administrator;
use super::chart::{self, Bucket};
use super::log::{CREDENTIALS, USED_WITHIN, sees_unknown};
use super::why::why;
use crate::auth::role::Right;
use crate::http::pages::{BASE, PageError, PageRoute, show};
use crate::http::{AppState, blocking};
use crate::store::{
    ChainRow, ClientRow, RequestFilter, RequestPlace, RequestRow, RequestsInStep, RequestsOfCredential, SigningKeyRow,
    Step, TokenRow, UserCountRow,
};

pub(super) const ROUTES: &[PageRoute] = &[PageRoute::get("", Right::Read, || web::get().to(show))];

/// Users that are counted while somebody waits. Of more than these, the last count of the housekeeping is shown.
const COUNTED_AT_ONCE: i64 = 2_000;
/// Failures that are looked at for what needs attention.
const FAILURES: usize = 300;
/// Causes that are shown.
const CAUSES: usize = 8;
/// Days before its end in which a credential needs attention.
const EXPIRES_SOON: TimeDelta = TimeDelta::days(14);
/// How long a credential may be silent that was used every day.
const SILENT: TimeDelta = TimeDelta::hours(48);
/// Days before that in which it had at least one call a day.
const USED_BEFORE: i64 = 7;
/// Age at which a signing key should have been exchanged by itself.
const OLD_KEY: TimeDelta = TimeDelta::days(95);

/// The ranges to choose from: name in the query, label, step, its length in hours, number of steps.
const RANGES: [(&str, &str, Step, i64, usize); 3] = [
    ("24h", "24 hours", Step::Hour, 1, 24),
    ("7d", "7 days", Step::QuarterDay, 6, 28),
    ("30d", "30 days", Step::Day, 24, 30),
];

/// What the page shows, as the database has it.
struct Found {
    over_time: Vec<RequestsInStep>,
    users_over_time: Vec<UserCountRow>,
    today: Vec<RequestsOfCredential>,
    before: Vec<RequestsOfCredential>,
    failures: Vec<RequestRow>,
    tokens: Vec<TokenRow>,
    clients: Vec<ClientRow>,
    users: i64,
    groups: i64,
    /// The active users, and when they were counted where that was not now.
    active: Option<(i64, Option<DateTime<Utc>>)>,
    chain: Option<ChainRow>,
    keys: Vec<SigningKeyRow>,
    database_milliseconds: f64,
}

/// `GET /admin`.
async fn show(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let query = administrator.page.split_once('?').map_or("", |(_, query)| query);
    let wanted = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "range").map(|(_, value)| value);
    let range = RANGES.into_iter().find(|range| Some(range.0) == wanted.as_deref()).unwrap_or(RANGES[0]);
    let (_, _, step, hours, number) = range;
    let now = Utc::now();
    let starts = chart::starts(now, TimeDelta::hours(hours), number);
    let from = starts.first().copied().unwrap_or(now);
    let own = administrator.clone();
    let found = blocking::run(&app, move |app| find(app, &own, from, step, now)).await?;
    let mut buckets = chart::buckets(&starts, TimeDelta::hours(hours), &found.over_time, &found.users_over_time);
    if let (Some((active, None)), Some(present)) = (found.active, buckets.last_mut()) {
        present.count_active(active);
    }
    let ranges: Vec<Value> = RANGES
        .iter()
        .map(|(name, label, ..)| json!({"href": format!("?range={name}"), "label": label, "is_here": *name == range.0}))
        .collect();
    let sum = |pick: fn(&Bucket) -> i64| buckets.iter().map(pick).sum::<i64>();
    let (all, failed) = (sum(Bucket::all), sum(Bucket::failures));
    let is_used = all > 0 || !found.before.is_empty() || found.tokens.iter().any(|token| token.last_used_at.is_some());
    let steps = steps(&found, is_used);
    let users_shown = found.active.map(|(active, at)| {
        json!({
            "active": show::number(active),
            "inactive": show::number((found.users - active).max(0)),
            "at": at.map(|at| show::time(at, now)),
        })
    });
    let page = administrator
        .page("overview.html")
        .with("scim_url", &*app.services.standard().base_url)
        .with("ranges", ranges)
        .with("range_label", range.1)
        .with("steps", steps)
        .with("is_used", is_used)
        .with("requests_chart", chart::requests(&buckets, range.1))
        .with("error_chart", chart::error_rate(&buckets, range.1))
        .with("users_chart", chart::active_users(&buckets, range.1))
        .with("all", show::number(all))
        .with("failed", show::number(failed))
        .with("attention", attention(&app, &found, now))
        .with("credentials", credentials(&found, now))
        .with("health", health(&app, &found, now))
        .with("users", show::number(found.users))
        .with("groups", show::number(found.groups))
        .with("active", users_shown);
    administrator.respond(&app, page)
}

fn find(
    app: &AppState,
    administrator: &Administrator,
    from: DateTime<Utc>,
    step: Step,
    now: DateTime<Utc>,
) -> Result<Found, PageError> {
    let asked = Instant::now();
    app.store.gate(|gate| gate.ping())?;
    let database_milliseconds = asked.elapsed().as_secs_f64() * 1_000.0;
    let with_unknown = sees_unknown(app, administrator)?;
    let keys = app.store.gate(|gate| gate.signing_keys())?;
    let filter = RequestFilter {
        failures: true,
        from: Some(now - TimeDelta::days(1)),
        with_unknown,
        ..RequestFilter::default()
    };
    app.store.read(&administrator.caller(), |tenant| {
        let (users, groups) = tenant.resource_totals()?;
        let users_over_time = tenant.users_over_time(from.min(now - TimeDelta::days(1)))?;
        let active = if users <= COUNTED_AT_ONCE {
            Some((tenant.active_users()?, None))
        } else {
            users_over_time.last().map(|counted| (counted.active, Some(counted.hour)))
        };
        Ok(Found {
            over_time: tenant.requests_over_time(from, step, with_unknown)?,
            users_over_time,
            today: tenant.requests_by_credential(now - TimeDelta::days(1), now)?,
            before: tenant.requests_by_credential(now - SILENT - TimeDelta::days(USED_BEFORE), now - SILENT)?,
            failures: tenant.requests(&filter, RequestPlace::Newest, FAILURES)?,
            tokens: tenant.header_tokens_at_work(now, now - USED_WITHIN, CREDENTIALS)?,
            clients: tenant.clients_at_work(now - USED_WITHIN, CREDENTIALS)?,
            users,
            groups,
            active,
            chain: tenant.audit_chain()?,
            keys: keys.clone(),
            database_milliseconds,
        })
    })
}

/// The first steps on a fresh server; `Null` when all are done. Only the next one is a button.
fn steps(found: &Found, is_used: bool) -> Value {
    let has_credential = !found.tokens.is_empty() || !found.clients.is_empty();
    let all = [
        (has_credential, "Create a credential for your identity provider", "Create a token", "/tokens/new"),
        (is_used, "Let Okta test the connection", "Connect Okta", "/connect"),
        (found.users > 0, "Assign the first person to the app", "See how", "/connect"),
        (found.groups > 0, "Push the first group", "See how", "/connect"),
    ];
    if all.iter().all(|(is_done, ..)| *is_done) {
        return Value::Null;
    }
    let next = all.iter().position(|(is_done, ..)| !is_done);
    let shown = all.iter().enumerate().map(|(position, (is_done, sentence, label, path))| {
        json!({
            "is_done": is_done,
            "is_next": next == Some(position),
            "sentence": sentence,
            "label": label,
            "path": format!("{BASE}{path}"),
        })
    });
    shown.collect()
}

/// What somebody should look at: each a sentence, what is behind it, and where to go.
fn attention(app: &AppState, found: &Found, now: DateTime<Utc>) -> Vec<Value> {
    let token_path = |id: &str| format!("{BASE}/tokens/{id}");
    let entry = |colour: &str, sentence: String, more: Value, label: &str, path: String| json!({"colour": colour, "sentence": sentence, "more": more, "label": label, "path": path});
    let mut shown = Vec::new();
    for token in found.tokens.iter().filter(|token| token.is_valid(now) && token.rotated_to.is_none()) {
        if let Some(end) = token.expires_at.filter(|end| *end - now <= EXPIRES_SOON) {
            let sentence = format!("The token {} expires in {}", token.name, show::length(end - now));
            shown.push(entry(
                "amber",
                sentence,
                "Rotate it, and paste the new one into the identity provider.".into(),
                "Open",
                token_path(&token.id),
            ));
        }
    }
    for (id, name, used) in valid_credentials(found, now) {
        let before: i64 = found.before.iter().filter(|(actor, ..)| actor == id).map(|(.., number)| number).sum();
        let silent = used.filter(|used| now - *used >= SILENT && before >= USED_BEFORE);
        if let Some(used) = silent {
            let sentence = format!("{name} has been silent for {}", show::length(now - used));
            let more =
                "It called every day before. Okta pauses a connection after errors: look at Dashboard › Tasks there.";
            shown.push(entry("amber", sentence, more.into(), "Open", log_of(id)));
        }
    }
    // The latest request of each cause, and how many there were.
    let mut causes: BTreeMap<(&str, &str), (usize, &RequestRow)> = BTreeMap::new();
    for row in &found.failures {
        let cause = why(row).map_or("The request was refused.", |why| why.cause);
        causes.entry((cause, &row.actor_id)).or_insert((0, row)).0 += 1;
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, (number, row))| (std::cmp::Reverse(*number), std::cmp::Reverse(row.id)));
    for ((cause, _), (number, row)) in causes.into_iter().take(CAUSES) {
        let whose = if row.actor_name.is_empty() { "an unknown caller" } else { &row.actor_name };
        let about = row.resource_name.as_deref().map(|name| format!(" · {name}")).unwrap_or_default();
        let more = format!("Last {} by {whose}{about}", show::time(row.at, now)["ago"].as_str().unwrap_or_default());
        let colour = if row.outcome == "refused" { "amber" } else { "red" };
        let times = if number == 1 { String::new() } else { format!("{number} × ") };
        shown.push(entry(colour, format!("{times}{cause}"), more.into(), "Open", format!("{BASE}/log/{}", row.id)));
    }
    if app.request_log.dropped() > 0 {
        let sentence = "Requests are missing in the provisioning log".to_owned();
        let more = "There were too many at once to log all of them. None of them was held up.";
        shown.push(entry("amber", sentence, more.into(), "Open", format!("{BASE}/log")));
    }
    shown
}

fn log_of(credential: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("credential", credential).finish();
    format!("{BASE}/log?{query}")
}

/// Credentials that work: id, name, last use.
fn valid_credentials(found: &Found, now: DateTime<Utc>) -> Vec<(&str, &str, Option<DateTime<Utc>>)> {
    let tokens = found.tokens.iter().filter(|token| token.is_valid(now));
    let clients = found.clients.iter().filter(|client| client.disabled_at.is_none());
    let tokens = tokens.map(|token| (&*token.id, &*token.name, token.last_used_at));
    tokens.chain(clients.map(|client| (&*client.id, &*client.name, client.last_used_at))).collect()
}

fn credentials(found: &Found, now: DateTime<Utc>) -> Vec<Value> {
    let ends: BTreeMap<&str, DateTime<Utc>> =
        found.tokens.iter().filter_map(|token| Some((&*token.id, token.expires_at?))).collect();
    let is_client = |id: &str| found.clients.iter().any(|client| client.id == id);
    let row = |(id, name, used): (&str, &str, Option<DateTime<Utc>>)| {
        let of = |ok: bool| {
            let own = found.today.iter().filter(|(actor, outcome, _)| actor == id && (!ok || outcome != "ok"));
            own.map(|(.., number)| number).sum::<i64>()
        };
        let (kind, page) = if is_client(id) { ("OAuth client", "/clients") } else { ("Header token", "/tokens") };
        let end = ends.get(id);
        json!({
            "name": name,
            "kind": kind,
            "path": format!("{BASE}{page}/{id}"),
            "log": log_of(id),
            "used": show::time_or_none(used, now),
            "calls": show::number(of(false)),
            "failed": show::number(of(true)),
            "has_failed": of(true) > 0,
            "expires": end.map(|end| show::time(*end, now)),
            "expires_soon": end.is_some_and(|end| *end - now <= EXPIRES_SOON),
            "is_client": is_client(id),
        })
    };
    valid_credentials(found, now).into_iter().map(row).collect()
}

/// The state of the server, one line each: whether it is well, what it is, and how it stands.
fn health(app: &AppState, found: &Found, now: DateTime<Utc>) -> Vec<Value> {
    let line = |is_well: bool, what: &str, how: String| json!({"is_well": is_well, "what": what, "how": how});
    let milliseconds = found.database_milliseconds;
    let mut lines = vec![line(milliseconds < 100.0, "Database", format!("answers in {milliseconds:.1} ms"))];
    let current = found.keys.iter().find(|key| key.activated_at.is_some() && key.retired_at.is_none());
    lines.push(match current.and_then(|key| key.activated_at) {
        Some(at) => line(now - at < OLD_KEY, "Signing key", format!("in use for {}", show::length(now - at))),
        None => line(false, "Signing key", "there is none".into()),
    });
    let chain = super::audit::chain_shown(found.chain.as_ref(), now);
    if let (Some(text), Some(colour)) = (chain["text"].as_str(), chain["colour"].as_str()) {
        lines.push(line(colour == "green", "Audit log", text.to_lowercase()));
    }
    let dropped = app.request_log.dropped();
    let missing = if dropped == 0 {
        "complete".into()
    } else {
        format!("{} requests are missing", super::log::count_shown(dropped))
    };
    lines.push(line(dropped == 0, "Provisioning log", missing));
    lines
}
