//! `GET /admin/audit`

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::{Map, Value, json};

use super::query::Query;
use super::{chain_shown, shown};
use crate::audit::{Action, Outcome};
use crate::http::admin::administrator::Administrator;
use crate::http::pages::PageError;
use crate::http::{AppState, blocking};
use crate::store::{self, AuditFilter, AuditPage, AuditStart, ChainRow, NamedEntry, TenantConn};

/// Entries on a page.
const ROWS: i64 = 50;

/// What is on the page, or that too much had to be looked at.
type Found = (Option<ChainRow>, Option<AuditPage<NamedEntry>>);

pub(super) async fn show(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let query = Query::of_page(&administrator.page);
    let (filter, problems) = match query.filter() {
        Ok(filter) => (Some(filter), Vec::new()),
        Err(problems) => (None, problems),
    };
    let (caller, start) = (query.caller(&administrator), query.start());
    let work = move |app: &AppState| {
        app.store.read(&caller, |tenant| {
            let chain = tenant.audit_chain()?;
            let page = filter.as_ref().map(|filter| find(tenant, filter, start)).transpose()?;
            Ok::<_, PageError>((chain, page.flatten()))
        })
    };
    let (chain, found): Found = blocking::run(&app, work).await?;
    let now = Utc::now();
    let is_understood = problems.is_empty();
    let is_cut_off = is_understood && found.is_none();
    let (rows, newer, older) = match &found {
        Some(page) => (page.rows.iter().map(|entry| shown(entry, now)).collect(), page.newer, page.older),
        None => (Vec::new(), None, None),
    };
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|mut row| {
            let id = row["id"].as_str().unwrap_or_default().to_owned();
            row["href"] = query.elsewhere(&format!("/{id}"), &[]).into();
            row
        })
        .collect();
    let problems: Map<String, Value> =
        problems.into_iter().map(|(name, sentence)| (name.to_owned(), sentence.into())).collect();
    let options = |first: &str, rest: Vec<(&str, &str)>| -> Value {
        let rest = rest.into_iter().map(|(value, label)| json!({"value": value, "label": label}));
        std::iter::once(json!({"value": "", "label": first})).chain(rest).collect()
    };
    let mut actions: Vec<_> = Action::ALL.iter().map(|action| (action.code(), action.label())).collect();
    actions.sort_by_key(|(_, label)| *label);
    let page = administrator
        .page("audit/list.html")
        .with("chain", chain_shown(chain.as_ref(), now))
        .with("verify", query.elsewhere("/verify", &[]))
        .with("export", query.given())
        .with("fields", query.fields())
        .with("actions", options("Any", actions))
        .with("outcomes", options("Any", Outcome::ALL.iter().map(|outcome| (outcome.name(), outcome.name())).collect()))
        .with("places", options("This tenant", vec![("no-tenant", "No tenant")]))
        .with("is_operator", administrator.person().is_operator())
        .with("of_no_tenant", query.is_of_no_tenant(&administrator))
        .with("is_plain", query.is_plain())
        .with("is_cut_off", is_cut_off)
        .with("clear", query.elsewhere("", &[]))
        .with("rows", rows)
        .with("newer", query.page("newer", newer))
        .with("older", query.page("older", older))
        .with("problems", problems)
        .status(if is_understood { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY });
    administrator.respond(&app, page)
}

/// A page of entries. The actor is first taken for an id, which an index leads to, and then for a name. `None` where too many
/// entries had to be looked at.
fn find(
    tenant: &mut TenantConn<'_>,
    filter: &AuditFilter,
    start: AuditStart,
) -> Result<Option<AuditPage<NamedEntry>>, store::Error> {
    let mut by_name = filter.clone();
    by_name.actor_name = by_name.actor.take();
    let search = tenant.audit_list(filter, start, ROWS).and_then(|page| {
        if page.rows.is_empty() && filter.actor.is_some() { tenant.audit_list(&by_name, start, ROWS) } else { Ok(page) }
    });
    match search {
        Err(store::Error::Timeout) => Ok(None),
        found => found.map(Some),
    }
}
