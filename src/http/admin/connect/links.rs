//! Set-up links: an admin makes one for the IT contact of the customer.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{before, id_in, new_id, no_problems};
use crate::auth::role::Right;
use crate::auth::setup_links::{self, DAYS, LABEL_LENGTH, NewLinkError, NewSetupLink, State};
use crate::http::admin::administrator::Administrator;
use crate::http::pages::{BASE, Form, Page, PageError, PageRoute, Problem, show};
use crate::http::{AppState, blocking};
use crate::store::SetupLinkRow;

pub(in crate::http::admin) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/connect/links", Right::Write, || web::get().to(list)),
    PageRoute::post("/connect/links", Right::Write, || web::post().to(create)),
    PageRoute::get("/connect/links/{link}/revoke", Right::Write, || web::get().to(ask)),
    PageRoute::post("/connect/links/{link}/revoke", Right::Write, || web::post().to(revoke)),
];

const PAGE: &str = "/admin/connect/links";
/// What the id of a new link is stamped for.
const LINK: &[u8] = b"setup link";
/// Links on a page.
const ROWS: i64 = 25;
/// Days that are chosen at first.
const DEFAULT_DAYS: &str = "7";

/// `GET /admin/connect/links`.
async fn list(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = page(&app, &administrator, no_problems(), ["", "", DEFAULT_DAYS].map(str::to_owned)).await?;
    administrator.respond(&app, page)
}

/// `POST /admin/connect/links`: makes a link and shows its code, this once.
async fn create(app: web::Data<AppState>, administrator: Administrator, form: Form) -> Result<HttpResponse, PageError> {
    let id = id_in(&app, &administrator, LINK, form.get("link"));
    let caller = administrator.caller();
    let entered = ["email", "label", "days"].map(|name| form.get(name).to_owned());
    let [email, label, days] = entered.clone();
    let made = match id {
        None => Err(NewLinkError::Made),
        Some(id) => {
            blocking::run(&app, move |app| {
                let days = days.parse().unwrap_or_default();
                let new = NewSetupLink { id, email: &email, label: &label, days };
                match setup_links::create(&app.store, &app.token_key, &caller, &new) {
                    Err(NewLinkError::Store(error)) => Err(PageError::from(error)),
                    Err(error @ NewLinkError::Random(_)) => Err(PageError::fault(error)),
                    made => Ok(made),
                }
            })
            .await?
        }
    };
    let (row, code) = match made {
        Ok(made) => made,
        Err(error) => {
            let field = match error {
                NewLinkError::Email => "email",
                NewLinkError::Days => "days",
                _ => "label",
            };
            let problems = Map::from_iter([(field.to_owned(), show::sentence(&error.to_string()).into())]);
            let page = page(&app, &administrator, problems, entered).await?;
            return administrator.respond(&app, page.status(StatusCode::UNPROCESSABLE_ENTITY));
        }
    };
    let page = administrator
        .page("connect/link_made.html")
        .with("link", shown(&row, Utc::now()))
        .with("url", format!("{}{BASE}/link#{}", app.public_url, code.reveal()))
        .with("address", format!("{}{BASE}/link", app.public_url));
    administrator.respond(&app, page)
}

/// `GET /admin/connect/links/{link}/revoke`.
async fn ask(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let row = link(&app, &administrator, &id).await?;
    let page = administrator.page("connect/link_revoke.html").with("link", shown(&row, Utc::now()));
    administrator.respond(&app, page)
}

/// `POST /admin/connect/links/{link}/revoke`.
async fn revoke(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let row = link(&app, &administrator, &id).await?;
    let caller = administrator.caller();
    blocking::run(&app, move |app| setup_links::revoke(&app.store, &caller, row.id).map_err(PageError::from)).await?;
    administrator.done(&app, PAGE, format!("The link for {} is revoked.", row.email)).await
}

/// The link of this id in the tenant at hand.
async fn link(app: &web::Data<AppState>, administrator: &Administrator, id: &str) -> Result<SetupLinkRow, PageError> {
    let missing = || PageError::new(Problem::NotFound).saying("There is no such link in this tenant.");
    let id = uuid::Uuid::try_parse(id).map_err(|_| missing())?;
    let caller = administrator.caller();
    let found = blocking::run(app, move |app| {
        app.store.read(&caller, |tenant| tenant.setup_link_with_id(id)).map_err(PageError::from)
    });
    found.await?.ok_or_else(missing)
}

/// The list with the form; `entered` are address, label and days.
async fn page(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    problems: Map<String, Value>,
    entered: [String; 3],
) -> Result<Page, PageError> {
    let (caller, from) = (administrator.caller(), before(administrator));
    let mut rows = blocking::run(app, move |app| {
        app.store.read(&caller, |tenant| tenant.setup_links(from, ROWS + 1)).map_err(PageError::from)
    })
    .await?;
    let older = super::older(&mut rows, ROWS, |row| row.id).map(|id| format!("{}{PAGE}?before={id}", app.site.base));
    let now = Utc::now();
    let [email, label, days] = entered;
    let choices: Vec<Value> = DAYS
        .iter()
        .map(|days| json!({"value": days.to_string(), "label": format!("{days} day{}", if *days == 1 { "" } else { "s" })}))
        .collect();
    Ok(administrator
        .page("connect/links.html")
        .with("links", rows.iter().map(|row| shown(row, now)).collect::<Vec<_>>())
        .with("older", older)
        .with("newest", from.map(|_| format!("{}{PAGE}", app.site.base)))
        .with("new", new_id(app, administrator, LINK))
        .with("problems", problems)
        .with("email", email)
        .with("label", label)
        .with("days", days)
        .with("choices", choices)
        .with("label_length", LABEL_LENGTH))
}

fn shown(row: &SetupLinkRow, now: DateTime<Utc>) -> Value {
    let state = setup_links::state(row, now);
    let (word, colour) = match state {
        State::Open => ("not opened yet", "blue"),
        State::Used => ("in use", "green"),
        State::Expired => ("expired", ""),
        State::Revoked => ("revoked", ""),
    };
    json!({
        "id": row.id,
        "email": row.email,
        "label": row.label,
        "by": row.created_by,
        "made": show::time(row.created_at, now),
        "ends": show::time(row.expires_at, now),
        "opened": show::time_or_none(row.redeemed_at, now),
        "opened_from": row.redeemed_from,
        "state": word,
        "colour": colour,
        "is_live": matches!(state, State::Open | State::Used),
    })
}
