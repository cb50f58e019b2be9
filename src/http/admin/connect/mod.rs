//! Connecting an identity provider, step by step: which one and how, the credential with all that its console asks for, and the live
//! test, which ticks off the provider's calls as they come. An IT contact sees this part of the UI and no other.

mod credential;
mod links;
mod live;
mod live_test;
mod look;
mod provider;
mod run;
mod self_test;
mod start;

use actix_web::web;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::administrator::Administrator;
use crate::auth::role::Right;
use crate::http::AppState;
use crate::http::pages::PageRoute;

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/connect", Right::Connect, || web::get().to(start::list)),
    PageRoute::post("/connect", Right::Connect, || web::post().to(start::start)),
    PageRoute::get("/connect/{run}", Right::Connect, || web::get().to(look::look)),
    PageRoute::post("/connect/{run}/credential", Right::Connect, || web::post().to(credential::make)),
    PageRoute::get("/connect/{run}/rotate", Right::Connect, || web::get().to(credential::ask_to_rotate)),
    PageRoute::post("/connect/{run}/rotate", Right::Connect, || web::post().to(credential::rotate)),
    PageRoute::get("/connect/{run}/test", Right::Connect, || web::get().to(live_test::look)),
    PageRoute::post("/connect/{run}/self-test", Right::Connect, || web::post().to(live_test::test_itself)),
];
pub(super) use links::ROUTES as LINKS;

const PAGE: &str = "/admin/connect";

/// An id for what a form will make, so that sending the form twice makes one.
fn new_id(app: &AppState, administrator: &Administrator, purpose: &[u8]) -> String {
    app.forms.stamp(&[purpose, administrator.tenant_id().0.as_bytes()], Uuid::now_v7().as_bytes())
}

/// The id in a form, where it was made for this purpose and tenant.
fn id_in(app: &AppState, administrator: &Administrator, purpose: &[u8], stamped: &str) -> Option<Uuid> {
    let content = app.forms.read(&[purpose, administrator.tenant_id().0.as_bytes()], stamped)?;
    Uuid::from_slice(&content).ok()
}

/// The id behind which the rows of a list begin.
fn before(administrator: &Administrator) -> Option<Uuid> {
    let (_, query) = administrator.page.split_once('?')?;
    let (_, value) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "before")?;
    Uuid::try_parse(&value).ok()
}

/// Cuts the row off that shows that there is more, and gives the id behind which the next page begins.
fn older<T>(rows: &mut Vec<T>, limit: i64, id: impl Fn(&T) -> Uuid) -> Option<Uuid> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    has_more.then(|| rows.last().map(id)).flatten()
}

fn no_problems() -> Map<String, Value> {
    Map::new()
}
