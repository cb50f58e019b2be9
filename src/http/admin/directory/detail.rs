//! The pages of one resource: profile, JSON, groups and history.

use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Collection, Found, Id, find, provide, refused, shown};
use crate::audit::Action;
use crate::http::AppState;
use crate::http::admin::administrator::Administrator;
use crate::http::admin::diff::diff;
use crate::http::pages::{PageError, show};
use crate::provider;
use crate::scim::limits;
use crate::scim::precondition::Preconditions;
use crate::scim::project::Projection;
use crate::scim::reply::{Body, Reply};
use crate::store::{AuditFilter, AuditPage, AuditRow, AuditStart, NamedEntry};

/// Changes on a page of the history, fewer where they are large.
const CHANGES: i64 = 25;
/// Groups that a page shows.
const GROUPS: usize = 500;

/// `GET /admin/users/{id}`.
pub(super) async fn profile(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
) -> Result<HttpResponse, PageError> {
    let (found, last) = provide(&app, &administrator, &collection, move |context, endpoint| {
        let found = find(context, endpoint, &id.0)?;
        let filter = AuditFilter::of_target(&id.0);
        let last = context.store.read(context.caller, |tenant| tenant.audit_list(&filter, AuditStart::Newest, 1))?;
        Ok((found, last.rows.into_iter().next().map(|last| last.row)))
    })
    .await?;
    let now = Utc::now();
    let external_id = found.attributes.get("externalId").cloned();
    let by_credential = last.as_ref().filter(|last| is_credential(last));
    let is_foreign = external_id.is_some() || by_credential.is_some();
    let page = administrator
        .page("directory/profile.html")
        .with("sections", shown::profile(&found.endpoint.resource_type, &found.attributes))
        .with("foreign", is_foreign)
        .with("provider", by_credential.map_or(Value::Null, |last| last.actor_name.clone().into()))
        .with("created", show::time(found.meta.created, now))
        .with("modified", show::time(found.meta.last_modified, now))
        .with("state", found.meta.entity_tag())
        .with("location", &*found.meta.location)
        .with("last", last.map_or(Value::Null, |last| json!({"actor": last.actor_name, "action": said(&last)})));
    administrator.respond(&app, found.head(page, &collection, ""))
}

/// Whether an identity provider did it: by a header token or as an OAuth client.
fn is_credential(row: &AuditRow) -> bool {
    matches!(&*row.actor_kind, "header_token" | "oauth_client")
}

fn said(row: &AuditRow) -> String {
    Action::parse(&row.action).map_or_else(|| row.action.clone(), |action| action.label().to_owned())
}

/// `GET /admin/users/{id}/json`.
pub(super) async fn json(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
) -> Result<HttpResponse, PageError> {
    let (found, text, left_out) = provide(&app, &administrator, &collection, move |context, endpoint| {
        let most = limits::MEMBERS_IN_PATCH_REPLY;
        let is_group = endpoint.resource_type.members().is_some();
        let left_out = is_group && provider::has_more_members(context, endpoint, &id.0, most).map_err(refused)?;
        let projection = if left_out { Projection::Except(vec!["members".into()]) } else { Projection::Default };
        let view = context.presentation(endpoint, &projection);
        let resource =
            provider::retrieve(context, endpoint, &id.0, &Preconditions::default(), &view).map_err(refused)?;
        let found = Found::new(endpoint, &resource)?;
        let mut reply = Reply::default();
        view.push(resource, &mut reply).map_err(PageError::fault)?;
        let text = match reply.finish() {
            Body::Whole(text) => text,
            Body::Chunks(chunks) => chunks.collect(),
        };
        Ok((found, shown::indented(&text), left_out))
    })
    .await?;
    let page = administrator
        .page("directory/json.html")
        .with("json", text)
        .with("location", &*found.meta.location)
        .with("left_out", left_out)
        .with("most", limits::MEMBERS_IN_PATCH_REPLY);
    administrator.respond(&app, found.head(page, &collection, "json"))
}

/// `GET /admin/users/{id}/groups`.
pub(super) async fn groups(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
) -> Result<HttpResponse, PageError> {
    let (found, groups) = provide(&app, &administrator, &collection, move |context, endpoint| {
        let view = context.presentation(endpoint, &Projection::Except(vec!["members".into()]));
        let resource =
            provider::retrieve(context, endpoint, &id.0, &Preconditions::default(), &view).map_err(refused)?;
        let groups: Vec<Value> = match &resource.groups {
            Some(groups) => serde_json::from_str(groups).map_err(PageError::fault)?,
            None => Vec::new(),
        };
        Ok((Found::new(endpoint, &resource)?, groups))
    })
    .await?;
    let rows: Vec<Value> = groups
        .iter()
        .take(GROUPS)
        .map(|group| {
            json!({
                "id": group["value"],
                "name": group.get("display").and_then(Value::as_str).or_else(|| group["value"].as_str()),
                "direct": group["type"] == "direct",
            })
        })
        .collect();
    let page = administrator
        .page("directory/groups.html")
        .with("total", show::number(i64::try_from(groups.len()).unwrap_or(i64::MAX)))
        .with("cut", groups.len() > GROUPS)
        .with("rows", rows);
    administrator.respond(&app, found.head(page, &collection, "groups"))
}

/// Where the page of a history begins, by the query of its URL.
fn start_of(page: &str) -> AuditStart {
    let query = page.split_once('?').map_or("", |(_, query)| query);
    let start = |(name, value): (_, _)| {
        let id = Uuid::try_parse(value).ok()?;
        match name {
            "older" => Some(AuditStart::OlderThan(id)),
            "newer" => Some(AuditStart::NewerThan(id)),
            _ => None,
        }
    };
    query.split('&').filter_map(|pair| pair.split_once('=')).find_map(start).unwrap_or_default()
}

/// `GET /admin/users/{id}/history`.
pub(super) async fn history(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
) -> Result<HttpResponse, PageError> {
    let start = start_of(&administrator.page);
    let (found, shown, newer, older) = provide(&app, &administrator, &collection, move |context, endpoint| {
        let found = find(context, endpoint, &id.0)?;
        let filter = AuditFilter::of_target(&id.0);
        let entries = context.store.read(context.caller, |tenant| tenant.audit_history(&filter, start, CHANGES))?;
        let AuditPage { rows, newer, older } = entries;
        let now = Utc::now();
        let shown: Vec<Value> = rows
            .iter()
            .map(|NamedEntry { row, is_heavy, .. }| {
                json!({
                    "id": row.id,
                    "is_heavy": is_heavy,
                    "what": said(row),
                    "actor": row.actor_name,
                    "actor_kind": row.actor_kind.replace('_', " "),
                    "at": show::time(row.occurred_at, now),
                    "detail": row.detail,
                    "changes": diff(row.before.as_ref(), row.after.as_ref()),
                })
            })
            .collect();
        Ok((found, shown, newer, older))
    })
    .await?;
    let link = |name: &str, id: Option<Uuid>| id.map_or(Value::Null, |id| format!("?{name}={id}").into());
    let page = administrator
        .page("directory/history.html")
        .with("newer", link("newer", newer))
        .with("older", link("older", older))
        .with("rows", shown);
    administrator.respond(&app, found.head(page, &collection, "history"))
}
