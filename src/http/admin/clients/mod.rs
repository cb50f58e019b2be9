//! OAuth clients: list, create, look at, change, their secrets, and what people granted them.

mod change;
mod create;
mod grants;
mod list;
mod look;
mod secrets;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::administrator::Administrator;
use crate::auth::Caller;
use crate::auth::role::Right;
use crate::http::pages::{Page, PageError, PageRoute, Problem, show};
use crate::http::{AppState, blocking};
use crate::id::TenantId;
use crate::oauth::authenticate_client::KeySource;
use crate::oauth::clients::{self, ClientError};
use crate::oauth::grant_type::GrantType;
use crate::scim::error::excerpt;
use crate::store::{ClientRow, ClientSecretRow};

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/clients", Right::Read, || web::get().to(list::list)),
    PageRoute::get("/clients/new", Right::Write, || web::get().to(create::form)),
    PageRoute::post("/clients/new", Right::Write, || web::post().to(create::create)),
    PageRoute::get("/clients/{id}", Right::Read, || web::get().to(look::look)),
    PageRoute::get("/clients/{id}/edit", Right::Write, || web::get().to(change::form)),
    PageRoute::post("/clients/{id}/edit", Right::Write, || web::post().to(change::change)),
    PageRoute::get("/clients/{id}/disable", Right::Write, || web::get().to(change::ask_to_disable)),
    PageRoute::post("/clients/{id}/disable", Right::Write, || web::post().to(change::disable)),
    PageRoute::post("/clients/{id}/enable", Right::Write, || web::post().to(change::enable)),
    PageRoute::get("/clients/{id}/secrets", Right::Read, || web::get().to(secrets::look)),
    PageRoute::post("/clients/{id}/secrets", Right::Write, || web::post().to(secrets::add)),
    PageRoute::get("/clients/{id}/secrets/{secret}/retire", Right::Write, || web::get().to(secrets::ask_to_retire)),
    PageRoute::post("/clients/{id}/secrets/{secret}/retire", Right::Write, || web::post().to(secrets::retire)),
    PageRoute::get("/clients/{id}/redirect-uris", Right::Read, || web::get().to(change::redirect_uris)),
    PageRoute::post("/clients/{id}/redirect-uris", Right::Write, || web::post().to(change::set_redirect_uris)),
    PageRoute::get("/clients/{id}/grants", Right::Read, || web::get().to(grants::look)),
    PageRoute::get("/clients/{id}/grants/revoke", Right::Write, || web::get().to(grants::ask_to_revoke_all)),
    PageRoute::post("/clients/{id}/grants/revoke", Right::Write, || web::post().to(grants::revoke_all)),
    PageRoute::get("/clients/{id}/grants/{grant}/revoke", Right::Write, || web::get().to(grants::ask_to_revoke)),
    PageRoute::post("/clients/{id}/grants/{grant}/revoke", Right::Write, || web::post().to(grants::revoke)),
];

const PATH: &str = "/admin/clients";

/// A client that the administrator may see, and whoever acts on it: in the tenant at hand, or for one of the catalogue in no tenant.
struct Found {
    row: ClientRow,
    secrets: Vec<ClientSecretRow>,
    caller: Caller,
}

impl Found {
    fn is_of_catalogue(&self) -> bool {
        self.row.tenant_id == TenantId::NONE.0
    }

    /// The path of a page of this client.
    fn path(&self, below: &str) -> String {
        format!("{PATH}/{}{below}", self.row.id)
    }
}

/// The client of this id, to be looked at.
///
/// # Errors
/// That there is none in the tenant at hand, or in the catalogue, which operators see.
async fn find(app: &web::Data<AppState>, administrator: &Administrator, id: String) -> Result<Found, PageError> {
    let catalogue = administrator.person().is_operator().then(|| administrator.caller_of_installation());
    let callers = [Some(administrator.caller()), catalogue];
    blocking::run(app, move |app| {
        for caller in callers.into_iter().flatten() {
            match clients::find(&app.store, &caller, &id) {
                Ok((row, secrets)) => return Ok(Found { row, secrets, caller }),
                Err(ClientError::Unknown(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ClientError::Unknown(id).into())
    })
    .await
}

/// The client of this id, to be changed.
///
/// # Errors
/// Also that what belongs to all tenants is changed by owners over all of them alone.
async fn find_to_change(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: String,
) -> Result<Found, PageError> {
    let found = find(app, administrator, id).await?;
    if found.is_of_catalogue() && !administrator.may(Right::Operate) {
        let sentence = "A client of the catalogue belongs to all tenants, and needs an owner over all of them. Nothing was changed.";
        return Err(PageError::new(Problem::NotAllowed).saying(sentence));
    }
    Ok(found)
}

/// A page of a client, under its tabs.
fn page(administrator: &Administrator, found: &Found, template: &'static str, tab: &str) -> Page {
    let has_codes = uses(&found.row, GrantType::AuthorizationCode);
    let has_secrets = found.row.confidential && KeySource::of(&found.row).is_none();
    let tabs = [
        ("", "Overview", true),
        ("/secrets", "Secrets", has_secrets),
        ("/redirect-uris", "Redirect URIs", has_codes),
        ("/grants", "Grants", true),
    ];
    let tabs: Vec<Value> = tabs
        .into_iter()
        .filter(|(.., applies)| *applies)
        .map(|(below, label, _)| json!({"path": found.path(below), "label": label, "is_here": below == tab}))
        .collect();
    let (right, needed) = if found.is_of_catalogue() {
        (Right::Operate, "Needs an owner over all tenants.")
    } else {
        (Right::Write, "Needs the role admin or owner.")
    };
    administrator
        .page(template)
        .with("client", shown(&found.row, Utc::now()))
        .with("tabs", tabs)
        .with("may_change", administrator.may(right))
        .with("needed", needed)
        .with("problem", Value::Null)
}

/// Whether a client may use a grant.
fn uses(row: &ClientRow, grant_type: GrantType) -> bool {
    row.grant_types.iter().any(|name| name == grant_type.name())
}

/// What people see of a client.
fn shown(row: &ClientRow, now: DateTime<Utc>) -> Value {
    let source = KeySource::of(row);
    let authenticates = match (row.confidential, &source) {
        (false, _) => "Not at all: it is public, and proves by PKCE that it asked",
        (true, None) => "By a secret",
        (true, Some(KeySource::Given(_))) => "By assertions that it signs; its keys are stored here",
        (true, Some(KeySource::Published(_))) => "By assertions that it signs; it publishes its keys",
    };
    json!({
        "id": row.id,
        "path": format!("{PATH}/{}", row.id),
        "name": row.name,
        "kind": if row.confidential { "confidential" } else { "public" },
        "authenticates": authenticates,
        "has_secrets": row.confidential && source.is_none(),
        "has_keys": source.is_some(),
        "is_disabled": row.disabled_at.is_some(),
        "disabled": show::time_or_none(row.disabled_at, now),
        "is_of_catalogue": row.tenant_id == TenantId::NONE.0,
        "has_codes": uses(row, GrantType::AuthorizationCode),
        "grant_types": row.grant_types,
        "scopes": row.scopes,
        "redirect_uris": row.redirect_uris,
        "pkce_required": row.pkce_required,
        "jwks_uri": row.jwks_uri,
        "access_token_life": show::length(TimeDelta::seconds(row.access_token_seconds.into())),
        "refresh_idle": show::length(TimeDelta::seconds(row.refresh_idle_seconds)),
        "created": show::time(row.created_at, now),
        "used": show::time_or_none(row.last_used_at, now),
    })
}

/// The values of a field that has several, one a line; each once.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !lines.iter().any(|known| known == line) {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// What is wrong with a form: the names of fields, and a sentence for each.
type Problems = Map<String, Value>;

fn problem(field: &str, sentence: impl Into<Value>) -> Problems {
    Map::from_iter([(field.to_owned(), sentence.into())])
}

/// The field that an error is about, and what to say under it. `general` is the field for what concerns several.
///
/// # Errors
/// The page of an error that is about no field.
fn about_field(error: ClientError, general: &str) -> Result<Problems, PageError> {
    let (field, sentence) = match error {
        ClientError::Name => ("name", show::sentence(&error.to_string())),
        ClientError::RedirectUri { uri, problem } => {
            ("redirect_uris", format!("A redirect URI {problem}. This one does not fit: {}", excerpt(&uri)))
        }
        ClientError::Keys(problem) => ("keys", format!("The key set {problem}.")),
        ClientError::Contradiction(sentence) => (general, show::sentence(sentence)),
        error => return Err(error.into()),
    };
    Ok(problem(field, sentence))
}

/// The status of a form that comes back.
const INVALID: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

impl From<ClientError> for PageError {
    fn from(error: ClientError) -> Self {
        let missing = |sentence: &'static str| Self::new(Problem::NotFound).saying(sentence);
        match error {
            ClientError::Store(error) => error.into(),
            ClientError::Unknown(_) => missing("There is no such client in this tenant. It may belong to another one."),
            ClientError::UnknownSecret => missing("The client has no such secret, or it has ended already."),
            ClientError::UnknownGrant => missing("The client has no such grant."),
            error @ ClientError::Suspended => Self::new(Problem::Conflict).saying(show::sentence(&error.to_string())),
            error => Self::fault(error),
        }
    }
}

/// Answers that a form was sent twice.
async fn sent_twice(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    path: &str,
) -> Result<HttpResponse, PageError> {
    let notice =
        "This form was sent before: the secret was made then, and shown once. If you did not keep it, add another one.";
    administrator.done(app, path, notice).await
}
