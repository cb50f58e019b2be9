//! The list of header tokens.

use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::super::administrator::Administrator;
use super::super::mark;
use super::look::add_pending;
use super::{PATH, shown};
use crate::auth::tokens::{self, Shown};
use crate::http::pages::PageError;
use crate::http::{AppState, blocking};

/// What the list can be narrowed to: what URLs say, and what the page says.
const FILTERS: [(&str, &str, Shown); 5] = [
    ("", "All", Shown::All),
    ("active", "Active", Shown::Active),
    ("expiring", "Expiring within 14 days", Shown::Expiring),
    ("unused", "Unused for 30 days", Shown::Unused),
    ("revoked", "Revoked or expired", Shown::Revoked),
];

/// `GET /admin/tokens`.
pub(super) async fn list(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let asked = administrator.query("state");
    let (state, _, filter) = FILTERS.into_iter().find(|(state, ..)| *state == asked).unwrap_or(FILTERS[0]);
    let name = administrator.query("name");
    let before = mark::read(&administrator.query("before"));
    let is_first = before.is_none();
    let (caller, part) = (administrator.caller(), name.trim().to_owned());
    let (mut rows, more) = blocking::run(&app, move |app| {
        tokens::page(&app.store, &caller, filter, &part, before).map_err(PageError::from)
    })
    .await?;
    for row in &mut rows {
        add_pending(&app, row);
    }
    let now = Utc::now();
    let rows_shown: Vec<Value> = rows.iter().map(|row| shown(row, &tokens::warnings(row, now), now)).collect();
    let link = |before: Option<String>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let parts = [("state", Some(state.to_owned())), ("name", Some(name.clone())), ("before", before)];
        for (key, value) in parts {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                query.append_pair(key, &value);
            }
        }
        format!("{}{PATH}?{}", app.site.base, query.finish())
    };
    let older = rows.last().filter(|_| more).map(|row| link(Some(mark::of(row.created_at, &row.id))));
    let filters: Vec<Value> = FILTERS.iter().map(|(value, label, _)| json!({"value": value, "label": label})).collect();
    let page = administrator
        .page("tokens/list.html")
        .with("tokens", rows_shown)
        .with("filters", filters)
        .with("state", state)
        .with("name", &*name)
        .with("is_filtered", !state.is_empty() || !name.is_empty() || !is_first)
        .with("newer", (!is_first).then(|| link(None)))
        .with("older", older);
    administrator.respond(&app, page)
}
