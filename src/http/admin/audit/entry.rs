//! `GET /admin/audit/{id}`

use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::Value;
use uuid::Uuid;

use super::query::Query;
use super::shown;
use crate::chain::to_hex;
use crate::http::admin::administrator::Administrator;
use crate::http::admin::diff::diff;
use crate::http::pages::{BASE, PageError, Problem, show};
use crate::http::{AppState, blocking};

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
    let (row, (seal, previous)) = blocking::run(&app, move |app| {
        app.store.read(&caller, |tenant| {
            let row = tenant.audit_event(id)?.ok_or_else(unknown)?;
            Ok::<_, PageError>((row, tenant.seal_and_previous(id)?))
        })
    })
    .await?;
    let raw = |state: &Option<Value>| state.as_ref().map(|state| format!("{state:#}"));
    let request = url::form_urlencoded::Serializer::new(String::new()).append_pair("text", &row.request_id).finish();
    let page = administrator
        .page("audit/entry.html")
        .with("entry", shown(&row, Utc::now()))
        .with("changes", diff(row.before.as_ref(), row.after.as_ref()))
        .with("before", raw(&row.before))
        .with("after", raw(&row.after))
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
