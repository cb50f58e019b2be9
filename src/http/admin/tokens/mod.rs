//! Header tokens: list, create, look at, change, rotate, revoke.

mod change;
mod create;
mod list;
mod look;
mod revoke;
mod rotate;

use actix_web::http::StatusCode;
use actix_web::web;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use crate::auth::role::Right;
use crate::auth::tokens::{self, Wanted, Warning};
use crate::auth::{Scope, Scopes, TokenError};
use crate::http::pages::{Form, Page, PageError, PageRoute, Problem, show};
use crate::store::{TokenRow, TokenState};

pub(super) use rotate::make_successor;

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/tokens", Right::Read, || web::get().to(list::list)),
    PageRoute::get("/tokens/new", Right::Write, || web::get().to(create::form)),
    PageRoute::post("/tokens/new", Right::Write, || web::post().to(create::create)),
    PageRoute::get("/tokens/{id}", Right::Read, || web::get().to(look::look)),
    PageRoute::get("/tokens/{id}/edit", Right::Write, || web::get().to(change::form)),
    PageRoute::post("/tokens/{id}/edit", Right::Write, || web::post().to(change::change)),
    PageRoute::get("/tokens/{id}/rotate", Right::Write, || web::get().to(rotate::form)),
    PageRoute::post("/tokens/{id}/rotate", Right::Write, || web::post().to(rotate::rotate)),
    PageRoute::post("/tokens/{id}/extend", Right::Write, || web::post().to(rotate::extend)),
    PageRoute::get("/tokens/{id}/end-overlap", Right::Write, || web::get().to(rotate::ask_to_end)),
    PageRoute::post("/tokens/{id}/end-overlap", Right::Write, || web::post().to(rotate::end)),
    PageRoute::get("/tokens/{id}/revoke", Right::Write, || web::get().to(revoke::ask)),
    PageRoute::post("/tokens/{id}/revoke", Right::Write, || web::post().to(revoke::revoke)),
];

const PATH: &str = "/admin/tokens";

/// How long the former of two credentials may go on: what forms send, in hours, and what they say.
pub(super) const OVERLAPS: [(&str, &str); 5] =
    [("0", "It ends now"), ("1", "1 hour"), ("24", "24 hours"), ("72", "3 days"), ("168", "7 days")];
pub(super) const USUAL_OVERLAP: &str = "24";

/// The overlap that a form chose.
pub(super) fn overlap(form: &Form) -> Option<TimeDelta> {
    let (hours, _) = OVERLAPS.iter().find(|(hours, _)| *hours == form.get("overlap"))?;
    hours.parse().ok().map(TimeDelta::hours)
}

/// The choices of a select, from a table of values and labels.
pub(super) fn options(table: &[(&str, &str)]) -> Vec<Value> {
    table.iter().map(|(value, label)| json!({"value": value, "label": label})).collect()
}

/// All scopes as boxes to be ticked, of which some are ticked, and some can be.
pub(super) fn scope_boxes(ticked: Scopes, offered: Scopes) -> Vec<Value> {
    let shown = |scope: Scope| {
        json!({
            "name": scope.name(),
            "meaning": show::scope(scope),
            "ticked": ticked.contains(scope),
            "offered": offered.contains(scope),
        })
    };
    Scope::ALL.into_iter().map(shown).collect()
}

/// The scopes that a form ticked.
pub(super) fn ticked(form: &Form) -> Scopes {
    form.all("scopes").filter_map(Scope::parse).collect()
}

/// The scopes that stored names stand for.
fn stored(row: &TokenRow) -> Scopes {
    row.scopes.iter().filter_map(|name| Scope::parse(name)).collect()
}

/// The addresses and networks that a form has, one a line or separated by commas.
fn networks(form: &Form) -> Vec<String> {
    let parts = form.get("networks").split([',', '\n', '\r', ' ']);
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// When tokens may end: what forms send, and what they say.
const ENDS: [(&str, &str); 6] = [
    ("30", "In 30 days"),
    ("90", "In 90 days"),
    ("180", "In 180 days"),
    ("365", "In 365 days"),
    ("date", "On the date below"),
    ("never", "Never"),
];
const USUAL_END: &str = "365";
/// Beyond this a date is a slip of the hand.
const LATEST_END: TimeDelta = TimeDelta::days(3_650);

/// When a form says that a token ends; `None` is never.
///
/// # Errors
/// What is wrong with it, as a sentence.
fn end(form: &Form, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, &'static str> {
    match form.get("expiry") {
        "never" => Ok(None),
        "date" => {
            // The whole day, wherever on earth it is: an end in the middle of it surprises somebody.
            let day = form.get("expires_on").parse::<chrono::NaiveDate>().ok();
            let end = day.and_then(|day| day.and_hms_opt(23, 59, 59)).map(|end| end.and_utc());
            match end {
                None => Err("Give a date as year-month-day, like 2027-01-31."),
                Some(end) if end <= now => Err("The date is in the past. Choose a later one."),
                Some(end) if end > now + LATEST_END => {
                    Err("The date is more than ten years away. Choose an earlier one.")
                }
                end => Ok(end),
            }
        }
        days => {
            let known = ENDS.iter().any(|(value, _)| *value == days);
            let days = days.parse().ok().filter(|_| known).map(TimeDelta::days);
            days.map(|days| Some(now + days)).ok_or("Choose when the token ends.")
        }
    }
}

/// What a form asks of a token, which ends as said, and what is wrong with it.
///
/// # Errors
/// The page of what is about no field.
fn read(
    form: &Form,
    expires_at: Result<Option<DateTime<Utc>>, &'static str>,
    now: DateTime<Utc>,
) -> Result<(Wanted, Map<String, Value>), PageError> {
    let mut problems = Map::new();
    let expires_at = expires_at.unwrap_or_else(|sentence| {
        let field = if form.get("expiry") == "date" { "expires_on" } else { "expiry" };
        problems.insert(field.to_owned(), sentence.into());
        None
    });
    let wanted = Wanted {
        name: form.get("name").trim().to_owned(),
        scopes: ticked(form),
        expires_at,
        allowed_networks: networks(form),
    };
    for error in tokens::problems(&wanted, now) {
        problems.extend(about_field(error)?);
    }
    Ok((wanted, problems))
}

/// The field that an error is about, and what to say under it.
///
/// # Errors
/// The page of an error that is about no field.
fn about_field(error: TokenError) -> Result<Map<String, Value>, PageError> {
    let field = match error {
        TokenError::Name | TokenError::Taken => "name",
        TokenError::NoScope | TokenError::Wider => "scopes",
        TokenError::Past => "expiry",
        TokenError::Networks => "networks",
        error => return Err(error.into()),
    };
    let sentence = show::sentence(&error.to_string());
    Ok(Map::from_iter([(field.to_owned(), sentence.into())]))
}

/// The status of a form that comes back.
const INVALID: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// The page of a form that comes back, with what was filled in and what is wrong.
fn again(page: Page, form: &Form, problems: Map<String, Value>) -> Page {
    let fields = ["name", "expiry", "expires_on", "networks"];
    let page = fields.into_iter().fold(page.status(INVALID), |page, field| page.with(field, form.get(field)));
    page.with("problems", problems)
}

impl From<TokenError> for PageError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Store(error) => error.into(),
            TokenError::Unknown(_) => Self::new(Problem::NotFound)
                .saying("There is no such token in this tenant. It may belong to another one."),
            error @ (TokenError::Suspended | TokenError::Overlapping) => {
                Self::new(Problem::Conflict).saying(show::sentence(&error.to_string()))
            }
            error => Self::fault(error),
        }
    }
}

/// What people see of a token without its secret.
fn shown(row: &TokenRow, warnings: &[Warning], now: DateTime<Utc>) -> Value {
    let state = row.state(now);
    let (text, colour) = match state {
        TokenState::Valid => ("Active", "green"),
        TokenState::Rotated => ("Being replaced", "blue"),
        TokenState::Expired => ("Expired", ""),
        TokenState::Revoked => ("Revoked", "red"),
    };
    let networks = &row.allowed_networks;
    json!({
        "id": row.id,
        "path": format!("{PATH}/{}", row.id),
        "name": row.name,
        "masked": format!("pvr_t_{}…", row.id),
        "state": text,
        "colour": colour,
        "is_taken": row.is_valid(now),
        "is_rotated": state == TokenState::Rotated,
        "scopes": row.scopes.join(" "),
        "meanings": Scope::ALL.into_iter().filter(|scope| stored(row).contains(*scope)).map(show::scope).collect::<Vec<_>>(),
        "created": show::time(row.created_at, now),
        "created_by": row.created_by,
        "expires": show::time_or_none(row.expires_at, now),
        "revoked": show::time_or_none(row.revoked_at, now),
        "used": show::time_or_none(row.last_used_at, now),
        "address": row.last_used_address,
        "networks": networks,
        "warnings": warnings.iter().map(|warning| warning_shown(*warning, row)).collect::<Vec<_>>(),
    })
}

/// A warning: a word for the list, a sentence, and what to do.
fn warning_shown(warning: Warning, row: &TokenRow) -> Value {
    let path = format!("{PATH}/{}", row.id);
    let (word, sentence, label, action) = match warning {
        Warning::EndsSoon => (
            "Expires soon",
            "It ends within 14 days. Whoever holds it is refused from then on.",
            "Rotate it",
            format!("{path}/rotate"),
        ),
        Warning::NeverEnds => (
            "Never expires",
            "It never ends, so a copy of it works for as long as nobody revokes it.",
            "Give it an end",
            format!("{path}/edit"),
        ),
        Warning::Unused => (
            "Unused",
            "It was not used for 30 days. A credential that nobody needs is only a risk.",
            "Revoke it",
            format!("{path}/revoke"),
        ),
        Warning::NewAddress => (
            "New address",
            "In the last 24 hours it came from an address that it never came from before. See the addresses below.",
            "Bind it to addresses",
            format!("{path}/edit"),
        ),
    };
    json!({"word": word, "sentence": sentence, "label": label, "path": action})
}
