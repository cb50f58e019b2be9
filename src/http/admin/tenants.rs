//! Tenants: the customers whose directories are provisioned. Only who operates all of them sees these pages.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::administrator::Administrator;
use super::question::Question;
use super::settle::{refused_change, refused_tenant, settle};
use crate::auth::Caller;
use crate::auth::role::Right;
use crate::http::pages::{Form, Page, PageError, PageRoute, Problem, show};
use crate::http::{AppState, blocking};
use crate::id::TenantId;
use crate::provider::definitions;
use crate::provider::tenants::{self, GRACE, NAME_LENGTH, TenantError};
use crate::scim::definitions::Definitions;
use crate::store::{NewTenant, TenantCounts, TenantPage, TenantRow, TenantState};

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/tenants", Right::Operate, || web::get().to(list)),
    PageRoute::get("/tenants/new", Right::Operate, || web::get().to(new)),
    PageRoute::post("/tenants/new", Right::Operate, || web::post().to(create)),
    PageRoute::get("/tenants/{id}", Right::Operate, || web::get().to(detail)),
    PageRoute::post("/tenants/{id}", Right::Operate, || web::post().to(update)),
    PageRoute::post("/tenants/{id}/okta", Right::Operate, || web::post().to(okta)),
    PageRoute::get("/tenants/{id}/suspend", Right::Operate, || web::get().to(ask_suspend)),
    PageRoute::post("/tenants/{id}/suspend", Right::Operate, || web::post().to(suspend)),
    PageRoute::post("/tenants/{id}/resume", Right::Operate, || web::post().to(resume)),
    PageRoute::get("/tenants/{id}/delete", Right::Operate, || web::get().to(ask_delete)),
    PageRoute::post("/tenants/{id}/delete", Right::Operate, || web::post().to(delete)),
    PageRoute::post("/tenants/{id}/restore", Right::Operate, || web::post().to(restore)),
];

const LIST: &str = "/admin/tenants";
const SECTION: (&str, &str) = ("Tenants", LIST);
/// Tenants on a page.
const ROWS: usize = 50;
/// Which tenants are shown, as the URL and the page name it.
const STATES: [(&str, &str, TenantState); 3] = [
    ("", "Not deleted", TenantState::Present),
    ("suspended", "Suspended", TenantState::Suspended),
    ("deleted", "Deleted", TenantState::Deleted),
];

/// `GET /admin/tenants`.
async fn list(
    app: web::Data<AppState>,
    administrator: Administrator,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let query = read_query(&request);
    let given = |name: &str| query.get(name).map_or("", String::as_str);
    let (state_name, _, state) = STATES.into_iter().find(|(name, ..)| *name == given("state")).unwrap_or(STATES[0]);
    // Longer than any name, or with U+0000, nothing begins so.
    let prefix: String = given("q").trim().chars().filter(|c| *c != '\0').take(100).collect();
    let bound = |name: &str| Some(given(name).replace('\0', "")).filter(|name| !name.is_empty());
    let (after, before) = (bound("after"), bound("before"));
    let now = Utc::now();
    let wanted = (prefix.clone(), after.clone(), before.clone());
    let (mut rows, counts) = blocking::run(&app, move |app| {
        let (prefix, after, before) = &wanted;
        let page = TenantPage {
            prefix,
            state,
            after: after.as_deref(),
            before: before.as_deref(),
            limit: i64::try_from(ROWS + 1).unwrap_or(i64::MAX),
        };
        app.store
            .gate(|gate| {
                let rows = gate.tenant_page(&page)?;
                let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
                let counts = gate.tenant_counts(&ids, now)?;
                Ok((rows, counts))
            })
            .map_err(PageError::from)
    })
    .await?;
    let more = rows.len() > ROWS;
    let backwards = before.is_some() && after.is_none();
    if more {
        rows.remove(if backwards { 0 } else { ROWS });
    }
    let link = |name: &str, row: Option<&TenantRow>| {
        let row = row?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("q", prefix.as_str()), ("state", state_name)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        Some(format!("{}{LIST}?{}", app.site.base, query.append_pair(name, &row.name).finish()))
    };
    let earlier = if backwards { more } else { after.is_some() };
    let later = backwards || more;
    let states: Vec<Value> = STATES.iter().map(|(name, label, _)| json!({"value": name, "label": label})).collect();
    let shown: Vec<Value> =
        rows.iter().map(|row| shown(row, counts.get(&row.id).copied().unwrap_or_default(), now)).collect();
    let page = administrator
        .page("tenants/list.html")
        .with("rows", shown)
        .with("q", prefix.as_str())
        .with("state", state_name)
        .with("states", states)
        .with("is_filtered", !prefix.is_empty() || state != TenantState::Present)
        .with("newer", link("before", rows.first().filter(|_| earlier)))
        .with("older", link("after", rows.last().filter(|_| later)));
    administrator.respond(&app, page)
}

/// `GET /admin/tenants/new`.
async fn new(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = new_page(&administrator, "", false, true);
    administrator.respond(&app, page)
}

/// `POST /admin/tenants/new`. The name is unique, so a form that is sent twice makes one tenant.
async fn create(app: web::Data<AppState>, administrator: Administrator, form: Form) -> Result<HttpResponse, PageError> {
    let caller = administrator.caller_for(TenantId::generate());
    let (form, result) = blocking::run(&app, move |app| {
        let new = NewTenant {
            name: form.get("name").trim(),
            stores_passwords: form.is_set("stores_passwords"),
            unique_group_names: form.is_set("unique_group_names"),
        };
        let result = tenants::create(&app.store, &caller, &new);
        Ok::<_, PageError>((form, result))
    })
    .await?;
    match result {
        Ok(row) => {
            let notice = format!("The tenant {} is created. Work in it to connect a directory.", row.name);
            administrator.done(&app, &path(&row), notice).await
        }
        Err(error) => {
            let sentence = refused_tenant(error)?;
            let (passwords, names) = (form.is_set("stores_passwords"), form.is_set("unique_group_names"));
            let page = new_page(&administrator, form.get("name"), passwords, names)
                .status(StatusCode::UNPROCESSABLE_ENTITY)
                .with("problems", json!({"name": sentence}));
            administrator.respond(&app, page)
        }
    }
}

/// `GET /admin/tenants/{id}`.
async fn detail(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let page = detail_page(&app, &administrator, &id, None).await?;
    administrator.respond(&app, page)
}

/// `POST /admin/tenants/{id}`: its switches.
async fn update(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let row = find_changeable(&app, &id).await?;
    let passwords = Some(form.is_set("stores_passwords")).filter(|on| *on != row.stores_passwords);
    let names = Some(form.is_set("unique_group_names")).filter(|on| *on != row.unique_group_names);
    if passwords == Some(false) && !form.is_set("confirmed") {
        let unique = if form.is_set("unique_group_names") { "on" } else { "" };
        let question = Question {
            section: SECTION,
            heading: format!("Erase the passwords kept in {}?", row.name),
            sentences: vec![
                "The hashes of all passwords that this tenant keeps are erased at once, and passwords sent from now on are \
                 discarded. Whoever signs in with them by your product can no longer."
                    .into(),
            ],
            action: path(&row),
            fields: vec![("confirmed", "on"), ("unique_group_names", unique)],
            typed: None,
            button: "Erase passwords",
            back: path(&row),
        };
        return administrator.respond(&app, question.page(&administrator));
    }
    let caller = administrator.caller_in(&row);
    let own = caller.clone();
    let result =
        blocking::run(&app, move |app| Ok::<_, PageError>(tenants::update(&app.store, &own, passwords, names))).await?;
    let settled = match result {
        Ok(changed) => settle(&app, caller, changed).await?,
        Err(error) => Err(refused_tenant(error)?),
    };
    match settled {
        Ok(()) => administrator.done(&app, &path(&row), "The settings of the tenant are saved.").await,
        Err(sentence) => {
            let page = detail_page(&app, &administrator, &id, Some(("unique_group_names", sentence))).await?;
            administrator.respond(&app, page)
        }
    }
}

/// `POST /admin/tenants/{id}/okta`: adds Okta's resource types, or takes them away.
async fn okta(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let row = find_changeable(&app, &id).await?;
    let caller = administrator.caller_in(&row);
    match switch_okta(&app, caller, form.is_set("on")).await? {
        Ok(notice) => administrator.done(&app, &path(&row), notice).await,
        Err(sentence) => {
            let page = detail_page(&app, &administrator, &id, Some(("okta", sentence))).await?;
            administrator.respond(&app, page)
        }
    }
}

/// Adds Okta's resource types to the caller's tenant, or takes them away: what to say of it, or what stands against it.
pub(super) async fn switch_okta(
    app: &web::Data<AppState>,
    caller: Caller,
    on: bool,
) -> Result<Result<String, String>, PageError> {
    let own = caller.clone();
    let result = blocking::run(app, move |app| {
        Ok::<_, PageError>(if on {
            definitions::import_okta_resource_types(&app.store, &own).map(|(_, changed)| changed)
        } else {
            definitions::remove_okta_resource_types(&app.store, &own)
        })
    })
    .await?;
    match result {
        Err(error) => refused_change(error).map(Err),
        Ok(changed) => {
            let served = if on { "now" } else { "no longer" };
            Ok(settle(app, caller, changed).await?.map(|()| format!("Roles and entitlements are served {served}.")))
        }
    }
}

/// `GET /admin/tenants/{id}/suspend`.
async fn ask_suspend(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let row = find_changeable(&app, &id).await?;
    let question = Question {
        section: SECTION,
        heading: format!("Suspend {}?", row.name),
        sentences: vec![
            "Within a second every SCIM request of this tenant is answered 403, and no token is issued for it. Nothing is \
             deleted."
                .into(),
            "Identity providers report errors until you resume it, and then go on with the same credentials.".into(),
        ],
        action: format!("{}/suspend", path(&row)),
        fields: Vec::new(),
        typed: None,
        button: "Suspend tenant",
        back: path(&row),
    };
    administrator.respond(&app, question.page(&administrator))
}

/// `POST /admin/tenants/{id}/suspend`.
async fn suspend(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    set_suspended(&app, &administrator, &id, true, "The tenant is suspended: SCIM answers 403.").await
}

/// `POST /admin/tenants/{id}/resume`.
async fn resume(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    set_suspended(&app, &administrator, &id, false, "The tenant is served again.").await
}

async fn set_suspended(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: &str,
    suspended: bool,
    notice: &str,
) -> Result<HttpResponse, PageError> {
    let row = find_changeable(app, id).await?;
    let caller = administrator.caller_in(&row);
    blocking::run(app, move |app| tenants::set_suspended(&app.store, &caller, suspended).map_err(PageError::from))
        .await?;
    administrator.done(app, &path(&row), notice).await
}

/// `GET /admin/tenants/{id}/delete`.
async fn ask_delete(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let row = find_changeable(&app, &id).await?;
    let page = delete_question(&row).page(&administrator);
    administrator.respond(&app, page)
}

/// `POST /admin/tenants/{id}/delete`.
async fn delete(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let row = find_changeable(&app, &id).await?;
    let (caller, own) = (administrator.caller_in(&row), row.clone());
    let result = blocking::run(&app, move |app| {
        Ok::<_, PageError>(tenants::delete(&app.store, &caller, &own, form.get("typed")))
    })
    .await?;
    match result {
        Ok(at) => {
            let notice = format!("{} is suspended, and deleted {}.", row.name, at.format("on %Y-%m-%d at %H:%M UTC"));
            administrator.done(&app, &path(&row), notice).await
        }
        Err(error) => {
            let page = delete_question(&row).refused(&administrator, &refused_tenant(error)?);
            administrator.respond(&app, page)
        }
    }
}

fn delete_question(row: &TenantRow) -> Question<'_> {
    Question {
        section: SECTION,
        heading: format!("Delete {}?", row.name),
        sentences: vec![format!(
            "From now on SCIM is answered 403. In {} days all users, groups, tokens, clients and administrators of this tenant \
                 are deleted; until then you can restore it. The audit log stays.",
            GRACE.num_days()
        )],
        action: format!("{}/delete", path(row)),
        fields: Vec::new(),
        typed: Some(&row.name),
        button: "Delete tenant",
        back: path(row),
    }
}

/// `POST /admin/tenants/{id}/restore`.
async fn restore(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let row = find(&app, &id).await?;
    let caller = administrator.caller_in(&row);
    let result = blocking::run(&app, move |app| Ok::<_, PageError>(tenants::restore(&app.store, &caller))).await?;
    match result {
        Ok(()) if row.suspended_at.is_some() => {
            let notice = "The tenant is kept. It is still suspended, as it was before.";
            administrator.done(&app, &path(&row), notice).await
        }
        Ok(()) => administrator.done(&app, &path(&row), "The tenant is kept, and served again.").await,
        Err(error @ TenantError::Gone) => {
            Err(PageError::new(Problem::Conflict).saying(show::sentence(&error.to_string())))
        }
        Err(error) => Err(PageError::new(Problem::Conflict).saying(refused_tenant(error)?)),
    }
}

/// The values of a query, by name.
pub(super) fn read_query(request: &HttpRequest) -> HashMap<String, String> {
    form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect()
}

fn path(row: &TenantRow) -> String {
    format!("{LIST}/{}", row.id)
}

async fn find(app: &web::Data<AppState>, id: &str) -> Result<TenantRow, PageError> {
    let absent = || PageError::new(Problem::NotFound).saying("There is no such tenant.");
    let id = TenantId(Uuid::try_parse(id).map_err(|_| absent())?);
    let found = blocking::run(app, move |app| app.store.gate(|gate| gate.tenant_with_id(id)).map_err(PageError::from));
    found.await?.ok_or_else(absent)
}

/// The tenant, where it is not to be deleted.
async fn find_changeable(app: &web::Data<AppState>, id: &str) -> Result<TenantRow, PageError> {
    let row = find(app, id).await?;
    if row.delete_after.is_some() {
        let sentence = "The tenant is deleted, or to be deleted. Nothing was changed; restore it first.";
        return Err(PageError::new(Problem::Conflict).saying(sentence));
    }
    Ok(row)
}

fn new_page(administrator: &Administrator, name: &str, stores_passwords: bool, unique_group_names: bool) -> Page {
    administrator
        .page("tenants/new.html")
        .with("name", name)
        .with("longest", NAME_LENGTH)
        .with("stores_passwords", stores_passwords)
        .with("unique_group_names", unique_group_names)
        .with("problems", Value::Null)
}

async fn detail_page(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: &str,
    problem: Option<(&str, String)>,
) -> Result<Page, PageError> {
    let row = find(app, id).await?;
    let now = Utc::now();
    let (own, caller) = (row.clone(), administrator.caller_in(&row));
    let (counts, definitions) = blocking::run(app, move |app| {
        let counts = app.store.gate(|gate| gate.tenant_counts(&[own.id], now))?;
        let stored = app.store.read(&caller, |tenant| tenant.definitions())?;
        Ok::<_, PageError>((counts.get(&own.id).copied().unwrap_or_default(), stored.definitions))
    })
    .await?;
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let problems = problem.map_or(Value::Null, |(field, sentence)| json!({ field: sentence }));
    Ok(administrator
        .page("tenants/tenant.html")
        .status(status)
        .with("row", shown(&row, counts, now))
        .with("is_at_hand", row.id == administrator.tenant.id)
        .with("has_okta", has_okta(&definitions)?)
        .with("problems", problems))
}

/// Whether a tenant is served all of Okta's resource types.
pub(super) fn has_okta(definitions: &Definitions) -> Result<bool, PageError> {
    let names = definitions::okta_names().map_err(PageError::fault)?;
    Ok(names.iter().all(|name| definitions.resource_type(name).is_some()))
}

fn shown(row: &TenantRow, counts: TenantCounts, now: DateTime<Utc>) -> Value {
    let (state, colour) = match (row.deleted_at, row.delete_after, row.suspended_at) {
        (Some(_), ..) => ("deleted", ""),
        (_, Some(_), _) => ("to be deleted", "red"),
        (_, _, Some(_)) => ("suspended", "amber"),
        _ => ("active", "green"),
    };
    json!({
        "id": row.id,
        "name": row.name,
        "path": path(row),
        "state": state,
        "colour": colour,
        "users": show::number(counts.users),
        "groups": show::number(counts.groups),
        "tokens": show::number(counts.tokens),
        "clients": show::number(counts.clients),
        "credentials": show::number(counts.tokens + counts.clients),
        "created": show::time(row.created_at, now),
        "suspended": show::time_or_none(row.suspended_at, now),
        "delete_after": show::time_or_none(row.delete_after, now),
        "deleted": show::time_or_none(row.deleted_at, now),
        "can_restore": row.deleted_at.is_none() && row.delete_after.is_some_and(|at| at > now),
        "is_changeable": row.delete_after.is_none(),
        "stores_passwords": row.stores_passwords,
        "unique_group_names": row.unique_group_names,
    })
}
