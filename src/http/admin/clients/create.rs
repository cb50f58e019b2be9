//! Creating an OAuth client.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::administrator::Administrator;
use super::super::tokens::{scope_boxes, ticked};
use super::{INVALID, PATH, Problems, about_field, lines, problem, sent_twice, shown};
use crate::auth::role::Right;
use crate::auth::{Scope, Scopes, name};
use crate::http::pages::{Form, Page, PageError, show};
use crate::http::{AppState, blocking};
use crate::oauth::authenticate_client::KeySource;
use crate::oauth::clients::{self, ClientError, IssuedClient, NewClient};
use crate::oauth::grant_type::GrantType;
use crate::oauth::metadata::{AUTHORIZE, TOKEN};
use crate::oauth::redirect_uri;
use crate::scim::json as strict;

/// A kind of client, as people know it.
struct Kind {
    /// What URLs say.
    code: &'static str,
    /// What pages say.
    label: &'static str,
    sentence: &'static str,
    grant_types: &'static [GrantType],
    confidential: bool,
}

const OKTA: &str = "okta";
const SERVICE: &str = "service";
const CODES: &[GrantType] = &[GrantType::AuthorizationCode, GrantType::RefreshToken];
const KINDS: [Kind; 4] = [
    Kind {
        code: OKTA,
        label: "Okta",
        sentence: "An administrator consents once, from Okta; then Okta provisions by itself. Its redirect URIs are filled in for you.",
        grant_types: CODES,
        confidential: true,
    },
    Kind {
        code: SERVICE,
        label: "Entra ID or a script",
        sentence: "It acts for itself with a client id and a secret, or keys of its own (client credentials). Nobody consents.",
        grant_types: &[GrantType::ClientCredentials],
        confidential: true,
    },
    Kind {
        code: "web",
        label: "Another application with a server",
        sentence: "Administrators consent in their browser; the application keeps a secret (authorization code).",
        grant_types: CODES,
        confidential: true,
    },
    Kind {
        code: "public",
        label: "An application on people’s own machines",
        sentence: "It cannot keep a secret, so it has none, and proves by PKCE that it asked (authorization code).",
        grant_types: CODES,
        confidential: false,
    },
];

impl Kind {
    fn of(code: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.code == code)
    }

    fn has_codes(&self) -> bool {
        self.grant_types.contains(&GrantType::AuthorizationCode)
    }
}

/// `GET /admin/clients/new`: first the kind, then what it needs.
pub(super) async fn form(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let Some(kind) = Kind::of(&administrator.query("kind")) else {
        let kinds: Vec<Value> = KINDS
            .iter()
            .map(|kind| json!({"code": kind.code, "label": kind.label, "sentence": kind.sentence}))
            .collect();
        return administrator.respond(&app, administrator.page("clients/kinds.html").with("kinds", kinds));
    };
    let page = page(&app, &administrator, kind, Scope::ALL.into_iter().collect())
        .with("name", "")
        .with("okta_app", "")
        .with("redirect_uris", "")
        .with("keys", "")
        // Okta sends no challenge.
        .with("pkce", kind.code != OKTA)
        .with("catalogue", false)
        .with("problems", Value::Null);
    administrator.respond(&app, page)
}

/// `POST /admin/clients/new`.
pub(super) async fn create(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let submission = administrator.submission(&app, &form)?;
    let kind = Kind::of(form.get("kind")).unwrap_or(&KINDS[0]);
    let new = match read(kind, &form) {
        Ok(new) => new,
        Err(problems) => return again(&app, &administrator, kind, &form, problems),
    };
    let for_all = form.is_set("catalogue") && administrator.may(Right::Operate) && kind.has_codes();
    let caller = if for_all { administrator.caller_of_installation() } else { administrator.caller() };
    let made = blocking::run(&app, move |app| {
        Ok::<_, PageError>(clients::create_by_form(&app.store, &caller, &app.token_key, &new, submission))
    })
    .await?;
    match made {
        Ok(made) => made_page(&app, &administrator, &made, StatusCode::CREATED),
        Err(ClientError::Twice) => sent_twice(&app, &administrator, PATH).await,
        Err(error) => {
            let has_scopes = ticked(&form) != Scopes::default();
            let general = if has_scopes && kind.has_codes() { "redirect_uris" } else { "scopes" };
            again(&app, &administrator, kind, &form, about_field(error, general)?)
        }
    }
}

/// What a form asks for.
fn read(kind: &Kind, form: &Form) -> Result<NewClient, Problems> {
    let mut redirect_uris = if kind.has_codes() { lines(form.get("redirect_uris")) } else { Vec::new() };
    let app = form.get("okta_app").trim();
    if kind.code == OKTA && (!app.is_empty() || redirect_uris.is_empty()) {
        redirect_uris.extend(of_okta(app)?);
    }
    let keys = form.get("keys").trim();
    let keys = match kind.code {
        SERVICE if !keys.is_empty() => Some(key_source(keys).map_err(|sentence| problem("keys", sentence))?),
        _ => None,
    };
    Ok(NewClient {
        name: form.get("name").trim().to_owned(),
        grant_types: kind.grant_types.to_vec(),
        scopes: ticked(form),
        redirect_uris,
        unchecked_redirect_uris: Vec::new(),
        confidential: kind.confidential,
        pkce_required: form.is_set("pkce"),
        keys,
        access_token_life: TimeDelta::hours(1),
        refresh_idle: TimeDelta::days(365),
    })
}

/// The redirect URIs of the Okta app that a form names.
pub(super) fn of_okta(app: &str) -> Result<Vec<String>, Problems> {
    redirect_uri::okta(app, false).map_err(|wanted| problem("okta_app", format!("This field {wanted}.")))
}

/// Keys as people give them: the URL where they are published, or the set itself.
///
/// # Errors
/// That it is neither, as a sentence.
pub(super) fn key_source(text: &str) -> Result<KeySource, &'static str> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(KeySource::Published(text.to_owned()));
    }
    let set = strict::parse(text.as_bytes());
    set.map(KeySource::Given).map_err(|_| "This is neither the URL of a key set nor a JSON Web Key Set.")
}

/// The page that shows the secret of a client this once.
pub(super) fn made_page(
    app: &AppState,
    administrator: &Administrator,
    made: &IssuedClient,
    status: StatusCode,
) -> Result<HttpResponse, PageError> {
    let now = Utc::now();
    let page = administrator
        .page("clients/made.html")
        .status(status)
        .with("client", shown(&made.row, now))
        .with("is_new", status == StatusCode::CREATED)
        .with("secret", made.secret.as_ref().map(|secret| secret.reveal()))
        .with("former_ends", show::time_or_none(made.former_ends_at, now))
        .with("scim_url", &*app.services.standard().base_url)
        .with("authorize_url", format!("{}{AUTHORIZE}", app.public_url))
        .with("token_url", format!("{}{TOKEN}", app.public_url));
    administrator.respond(app, page)
}

fn again(
    app: &AppState,
    administrator: &Administrator,
    kind: &Kind,
    form: &Form,
    problems: Problems,
) -> Result<HttpResponse, PageError> {
    let page = page(app, administrator, kind, ticked(form))
        .status(INVALID)
        .with("name", form.get("name"))
        .with("okta_app", form.get("okta_app"))
        .with("redirect_uris", form.get("redirect_uris"))
        .with("keys", form.get("keys"))
        .with("pkce", form.is_set("pkce"))
        .with("catalogue", form.is_set("catalogue"))
        .with("problems", problems);
    administrator.respond(app, page)
}

fn page(app: &AppState, administrator: &Administrator, kind: &Kind, scopes: Scopes) -> Page {
    administrator
        .page("clients/new.html")
        .with("once", administrator.once(app))
        .with("kind", kind.code)
        .with("label", kind.label)
        .with("sentence", kind.sentence)
        .with("has_codes", kind.has_codes())
        .with("is_okta", kind.code == OKTA)
        .with("takes_keys", kind.code == SERVICE)
        .with("is_public", !kind.confidential)
        .with("longest", name::LENGTH)
        .with("scopes", scope_boxes(scopes, Scope::ALL.into_iter().collect()))
}
