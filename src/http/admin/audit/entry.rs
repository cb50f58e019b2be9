//! `GET /admin/audit/{id}`

use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::query::Query;
use super::shown;
use crate::chain::to_hex;
use crate::http::admin::administrator::Administrator;
use crate::http::admin::diff::diff;
use crate::http::pages::{BASE, PageError, Problem, show};
use crate::http::{AppState, blocking};

/// Bytes of a state that are shown as JSON.
const RAW_BYTES: usize = 64 << 10;

/// `GET /admin/audit/{id}`
pub(super) async fn show(
    app: web::Data<AppState>,
    administrator: Administrator,
    path: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let unknown =
        || PageError::new(Problem::NotFound).saying("There is no such entry in the audit log of this tenant.");
    let id = Uuid::try_parse(&path).map_err(|_| unknown())?;
    let query = Query::of_page(&administrator.page);
    let caller = query.caller(&administrator);
    let (entry, states, (seal, previous)) = blocking::run(&app, move |app| {
        let (mut entry, seals) = app.store.read(&caller, |tenant| {
            let entry = tenant.audit_event(id)?.ok_or_else(unknown)?;
            Ok::<_, PageError>((entry, tenant.seal_and_previous(id)?))
        })?;
        // Large states are dropped here too.
        let states = States::of(entry.row.before.take(), entry.row.after.take());
        Ok::<_, PageError>((entry, states, seals))
    })
    .await?;
    let row = &entry.row;
    let request = url::form_urlencoded::Serializer::new(String::new()).append_pair("text", &row.request_id).finish();
    let page = administrator
        .page("audit/entry.html")
        .with("entry", shown(&entry, Utc::now()))
        .with("is_heavy", entry.is_heavy)
        .with("changes", states.changes)
        .with("before", states.before)
        .with("after", states.after)
        .with("log", format!("{BASE}/log?{request}"))
        .with("seq", seal.as_ref().map(|seal| show::number(seal.seq)))
        .with("hash", seal.as_ref().map(|seal| to_hex(&seal.hash)))
        .with("previous", previous.as_ref().map(|previous| to_hex(&previous.hash)))
        .with("is_first", seal.as_ref().is_some_and(|seal| seal.seq == 1))
        .with("list", query.elsewhere("", &[]))
        .with("verify", query.elsewhere("/verify", &[]))
        .with("of_actor", query.elsewhere("", &[("actor", &row.actor_id)]))
        .with("of_target", query.elsewhere("", &[("target", &row.target_id)]));
    administrator.respond(&app, page)
}

/// The states of an entry as the page shows them. They may be of many megabytes, so this is made where a request may block.
struct States {
    changes: Value,
    before: Value,
    after: Value,
}

impl States {
    fn of(before: Option<Value>, after: Option<Value>) -> Self {
        Self { changes: diff(before.as_ref(), after.as_ref()), before: raw(before), after: raw(after) }
    }
}

/// A state as JSON, or the beginning of it.
fn raw(state: Option<Value>) -> Value {
    let Some(state) = state else {
        return Value::Null;
    };
    let text = format!("{state:#}");
    let beginning = text.floor_char_boundary(RAW_BYTES);
    json!({"text": &text[..beginning], "is_cut": beginning < text.len()})
}
