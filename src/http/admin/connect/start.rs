//! The start of the wizard: what was begun, and the form that begins something.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::{Map, Value, json};

use super::provider::{self, Method, Provider};
use super::run::Run;
use super::{PAGE, before, id_in, new_id, no_problems, older};
use crate::auth::connect_runs;
use crate::auth::role::Role;
use crate::http::admin::administrator::Administrator;
use crate::http::pages::{Form, Page, PageError, see_page, show};
use crate::http::{AppState, blocking};

/// What the id of a new walk is stamped for.
const RUN: &[u8] = b"connect run";
/// Walks on a page.
const ROWS: i64 = 25;

/// `GET /admin/connect`.
pub(super) async fn list(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = index(&app, &administrator, no_problems(), Provider::Okta.code(), Method::HeaderToken.code()).await?;
    administrator.respond(&app, page)
}

/// `POST /admin/connect`.
pub(super) async fn start(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (provider, method) = (Provider::parse(form.get("provider")), Method::parse(form.get("method")));
    let problem = match (provider, method) {
        (None, _) => Some(("provider", "Choose one of the providers.".to_owned())),
        (_, None) => Some(("method", "Choose one of the ways.".to_owned())),
        (Some(provider), Some(method)) if !provider.takes(method) => Some((
            "method",
            format!("{} has no {} for provisioning. Choose another way.", provider.label(), method.label()),
        )),
        _ => None,
    };
    let id = id_in(&app, &administrator, RUN, form.get("run"));
    let (Some(provider), Some(method), None, Some(id)) = (provider, method, &problem, id) else {
        let (field, sentence) =
            problem.unwrap_or(("provider", "This form was for another tenant. Choose again.".to_owned()));
        let problems = Map::from_iter([(field.to_owned(), sentence.into())]);
        let page = index(&app, &administrator, problems, form.get("provider"), form.get("method")).await?;
        return administrator.respond(&app, page.status(StatusCode::UNPROCESSABLE_ENTITY));
    };
    let (caller, person) = (administrator.caller(), administrator.person().clone());
    blocking::run(&app, move |app| {
        connect_runs::start(&app.store, &caller, &person, id, provider.code(), method.code()).map_err(PageError::from)
    })
    .await?;
    Ok(see_page(&app, &format!("{PAGE}/{id}")))
}

/// The start: what was begun, and the form that begins something.
async fn index(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    problems: Map<String, Value>,
    provider: &str,
    method: &str,
) -> Result<Page, PageError> {
    let (caller, from) = (administrator.caller(), before(administrator));
    let starter = connect_runs::starter(administrator.person());
    let mut rows = blocking::run(app, move |app| {
        app.store.read(&caller, |tenant| tenant.connect_runs(starter, from, ROWS + 1)).map_err(PageError::from)
    })
    .await?;
    let older = older(&mut rows, ROWS, |(row, _)| row.id).map(|id| format!("{}{PAGE}?before={id}", app.site.base));
    let now = Utc::now();
    let runs: Vec<Value> =
        rows.into_iter().filter_map(|(row, credential)| Run::of(row, credential)).map(|run| run.shown(now)).collect();
    let providers: Vec<Value> =
        Provider::ALL.iter().map(|each| json!({"value": each.code(), "label": each.label()})).collect();
    let methods: Vec<Value> = Method::ALL
        .iter()
        .map(|each| json!({"value": each.code(), "label": each.label(), "help": each.help()}))
        .collect();
    Ok(administrator
        .page("connect/index.html")
        .with("runs", runs)
        .with("older", older)
        .with("newest", from.map(|_| format!("{}{PAGE}", app.site.base)))
        .with("new", new_id(app, administrator, RUN))
        .with("problems", problems)
        .with("providers", providers)
        .with("methods", methods)
        .with("provider", provider)
        .with("method", method)
        .with("access_ends", show::time_or_none(administrator.session.ends_at, now))
        .with("is_contact", administrator.person().role == Role::Contact)
        .with("scim_url", &*app.services.standard().base_url)
        .with("warnings", provider::warnings(&app.services.standard().base_url)))
}
