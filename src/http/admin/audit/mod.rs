//! The audit log: a list by filters, single entries, exports, and whether its chain is whole.

mod entry;
mod export;
mod list;
mod query;
mod verify;

use actix_web::web;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::audit::{Action, Outcome};
use crate::auth::role::Right;
use crate::chain::{Fault, to_hex};
use crate::http::pages::{BASE, PageRoute, show};
use crate::store::{AuditRow, ChainRow, NamedEntry};

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get(PATH, Right::Read, || web::get().to(list::show)),
    PageRoute::get("/audit/{id}", Right::Read, || web::get().to(entry::show)),
    PageRoute::post("/audit/export.csv", Right::Read, || web::post().to(export::csv)),
    PageRoute::post("/audit/export.jsonl", Right::Read, || web::post().to(export::json_lines)),
    PageRoute::get(VERIFY, Right::Read, || web::get().to(verify::show)),
    PageRoute::post(VERIFY, Right::Read, || web::post().to(verify::ask)),
];

const PATH: &str = "/audit";
const VERIFY: &str = "/audit/verify";
/// How old the verification of the whole chain may be before it is said to be old.
const FRESH: TimeDelta = TimeDelta::hours(24);

/// Kinds of actors: the code, what they are called, and where what they do comes from.
const ACTORS: [(&str, &str, &str); 6] = [
    ("header_token", "Header token", "the SCIM API"),
    ("oauth_client", "OAuth client", "the SCIM API or the OAuth endpoints"),
    ("administrator", "Administrator", "this UI"),
    ("operator", "Operator", "the command line"),
    ("system", "Server", "the server itself"),
    ("anonymous", "Unknown caller", "somebody who was not authenticated"),
];

/// Kinds of things, and the pages of single ones.
const PAGES: [(&str, &str); 8] = [
    ("User", "/users"),
    ("Group", "/groups"),
    ("HeaderToken", "/tokens"),
    ("header_token", "/tokens"),
    ("OAuthClient", "/clients"),
    ("oauth_client", "/clients"),
    ("Administrator", "/administrators"),
    ("administrator", "/administrators"),
];

/// The page of a thing, below the public URL, where there is one.
fn page_of(kind: &str, id: &str) -> Option<String> {
    let (_, path) = PAGES.iter().find(|(known, _)| *known == kind)?;
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    is_id.then(|| format!("{BASE}{path}/{id}"))
}

/// What lists and entries say of an entry alike.
fn shown(entry: &NamedEntry, now: DateTime<Utc>) -> Value {
    let row = &entry.row;
    let action = Action::parse(&row.action);
    let kind = ACTORS.iter().find(|(code, _, _)| *code == row.actor_kind);
    let refused = action.is_some_and(|action| action.outcome() == Outcome::Refused);
    let (kind, origin) = kind.map_or((&*row.actor_kind, "an unknown way"), |(_, label, origin)| (label, origin));
    let name = [&row.actor_name, &row.actor_id].into_iter().find(|name| !name.is_empty());
    json!({
        "id": row.id,
        "at": show::time(row.occurred_at, now),
        "action": label(row),
        "code": row.action,
        "deed": action.map_or(&*row.action, |action| action.deed()),
        "outcome": if refused { Outcome::Refused } else { Outcome::Done }.name(),
        "colour": if refused { "amber" } else { "green" },
        "actor": {
            "kind": kind,
            "origin": origin,
            "id": row.actor_id,
            "name": name.map_or_else(|| kind.to_lowercase(), |name| name.to_owned()),
            "page": page_of(&row.actor_kind, &row.actor_id),
        },
        "target": {
            "kind": row.target_type,
            "id": row.target_id,
            "name": entry.name.as_ref().unwrap_or(&row.target_id),
            "page": page_of(&row.target_type, &row.target_id),
        },
        "detail": row.detail,
        "request": row.request_id,
        "address": row.address,
    })
}

/// What was done, in a list. What is done to resources names their type.
fn label(row: &AuditRow) -> String {
    match Action::parse(&row.action) {
        Some(action @ (Action::Create | Action::Replace | Action::Modify | Action::Delete)) => {
            action.label().replacen("Resource", &row.target_type, 1)
        }
        Some(action) => action.label().to_owned(),
        None => row.action.clone(),
    }
}

/// The state of the chain, as a badge and what stands beside it.
pub(super) fn chain_shown(chain: Option<&ChainRow>, now: DateTime<Utc>) -> Value {
    let Some(chain) = chain else {
        return Value::Null;
    };
    let broken = (chain.breaks > 0).then(|| {
        let place = chain.broken_seq.map(|seq| format!(" at #{}", show::number(seq))).unwrap_or_default();
        let fault = chain.broken_how.as_deref().and_then(Fault::parse);
        let sentence = fault.map(|fault| show::sentence(fault.sentence()));
        json!({"place": place, "event": chain.broken_event, "sentence": sentence, "breaks": chain.breaks})
    });
    let is_old = now - chain.complete_at > FRESH;
    let cannot_be = !chain.can_be(now);
    let (colour, text) = match &broken {
        Some(broken) => ("red", format!("Chain broken{}", broken["place"].as_str().unwrap_or_default())),
        None if cannot_be => ("red", "Chain not verified: its state was changed".to_owned()),
        None if is_old => ("amber", "Chain not verified for 24 hours".to_owned()),
        None => ("green", "Chain verified".to_owned()),
    };
    json!({
        "colour": colour,
        "text": text,
        "broken": broken,
        "cannot_be": cannot_be,
        "is_old": is_old,
        "count": show::number(chain.seq),
        "seq": chain.seq,
        "head": to_hex(&chain.hash),
        "complete": show::time(chain.complete_at, now),
        "checked": show::time(chain.checked_at, now),
        "checked_count": show::number(chain.checked_seq),
        "is_asked": chain.asked_at.is_some() || chain.scanned_at.is_some(),
        "is_scanned": chain.scanned_at.is_some(),
        "scanned": chain.scanned_seq,
        "scanned_count": show::number(chain.scanned_seq),
    })
}
