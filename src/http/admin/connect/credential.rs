//! The credential that a walk ends in: making it, and replacing its secret.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::provider::{Method, Provider};
use super::run::Run;
use super::{look, no_problems};
use crate::auth::role::Right;
use crate::auth::{self, NewToken, Scope, TokenError, connect_runs, name};
use crate::http::admin::administrator::Administrator;
use crate::http::admin::tokens::{OVERLAPS, USUAL_OVERLAP, make_successor, options, overlap};
use crate::http::pages::{Form, Page, PageError, Problem, see_page, show};
use crate::http::{AppState, blocking};
use crate::oauth::clients::{self, ClientError, Former, NewClient};
use crate::oauth::grant_type::GrantType;
use crate::oauth::redirect_uri;

/// How long a header token may live: value and label. Okta cannot rotate by itself, so the default is long.
pub(super) const LIVES: [(&str, &str); 4] =
    [("365", "A year"), ("180", "180 days"), ("90", "90 days"), ("", "Without end (not recommended)")];

/// What somebody entered to have a credential made.
#[derive(Debug, Clone)]
pub(super) struct Entered {
    pub name: String,
    pub life: String,
    pub okta_app: String,
    pub redirect_uris: String,
    version: String,
}

impl Entered {
    /// What the form begins with.
    pub(super) fn nothing(run: &Run) -> Self {
        let name = match run.provider {
            Provider::Other => String::new(),
            provider => provider.label().to_owned(),
        };
        let (okta_app, redirect_uris) = (String::new(), String::new());
        Self { name, life: LIVES[0].0.into(), okta_app, redirect_uris, version: run.row.version.to_string() }
    }

    fn read(form: &Form) -> Self {
        let field = |name| form.get(name).to_owned();
        Self {
            name: field("name").trim().to_owned(),
            life: field("life"),
            okta_app: field("okta_app").trim().to_owned(),
            redirect_uris: field("redirect_uris"),
            version: field("version"),
        }
    }

    /// Where people are taken back, for a client that sends them.
    fn redirect_uris(&self, run: &Run, problems: &mut Map<String, Value>) -> Vec<String> {
        if run.method != Method::AuthorizationCode {
            return Vec::new();
        }
        if run.provider == Provider::Okta {
            return redirect_uri::okta(&self.okta_app, false).unwrap_or_else(|problem| {
                problems.insert("okta_app".into(), format!("This field {problem}.").into());
                Vec::new()
            });
        }
        let uris: Vec<String> =
            self.redirect_uris.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
        let wrong = uris.iter().find_map(|uri| redirect_uri::check(uri).err());
        let problem = match wrong {
            Some(problem) => Some(format!("A redirect URI {problem}.")),
            None if uris.is_empty() => Some("Enter at least one redirect URI, as the provider shows it.".into()),
            None => None,
        };
        if let Some(problem) = problem {
            problems.insert("redirect_uris".into(), problem.into());
        }
        uris
    }
}

/// `POST /admin/connect/{run}/credential`: makes the credential, and shows its secret this once.
pub(super) async fn make(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let run = Run::find(&app, &administrator, &id).await?;
    if !run.wants_credential(Utc::now()) {
        return made_already(&app, &administrator, &run).await;
    }
    let entered = Entered::read(&form);
    let mut problems = no_problems();
    if !name::fits(&entered.name) {
        problems.insert("name".into(), format!("A name has 1 to {} characters.", name::LENGTH).into());
    }
    if !run.method.is_oauth() && LIVES.iter().all(|(days, _)| *days != entered.life) {
        problems.insert("life".into(), "Choose how long the token lives.".into());
    }
    let redirect_uris = entered.redirect_uris(&run, &mut problems);
    if !problems.is_empty() {
        let page = look::page(&app, &administrator, &run, &entered, problems);
        return administrator.respond(&app, page.status(StatusCode::UNPROCESSABLE_ENTITY));
    }
    let version = entered.version.parse().unwrap_or(-1);
    let (caller, subject, name) = (administrator.caller(), run.clone(), entered.name.clone());
    let days: Option<i64> = entered.life.parse().ok();
    let secret = blocking::run(&app, move |app| {
        connect_runs::issue(&app.store, &caller, subject.row.id, version, || {
            if subject.method.is_oauth() {
                let new = new_client(name, subject.method, redirect_uris);
                let made = clients::create(&app.store, &caller, &app.token_key, &new).map_err(client_fault)?;
                return Ok::<_, PageError>((made.row.id, made.secret));
            }
            let new = NewToken {
                name,
                scopes: Scope::ALL.into_iter().collect(),
                expires_at: days.map(|days| Utc::now() + TimeDelta::days(days)),
                allowed_networks: Vec::new(),
                user: None,
            };
            let made = auth::tokens::create(&app.store, &caller, &app.token_key, &new).map_err(token_fault)?;
            Ok((made.row.id, Some(made.secret)))
        })
    })
    .await?;
    match secret.flatten() {
        Some(secret) => shown_once(&app, &administrator, &id, secret.reveal(), None).await,
        None => made_already(&app, &administrator, &run).await,
    }
}

/// `GET /admin/connect/{run}/rotate`.
pub(super) async fn ask_to_rotate(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let run = Run::find(&app, &administrator, &id).await?;
    if run.wants_credential(Utc::now()) {
        return Ok(see_page(&app, &run.page()));
    }
    if let Some(refused) = refuse_third(&app, &administrator, &run).await? {
        return Ok(refused);
    }
    let page = rotate_page(&app, &administrator, &run, no_problems());
    administrator.respond(&app, page)
}

/// The page that refuses another token while two overlap, where they do.
async fn refuse_third(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    run: &Run,
) -> Result<Option<HttpResponse>, PageError> {
    let Some(credential) = run.row.credential_id.clone().filter(|_| !run.method.is_oauth()) else {
        return Ok(None);
    };
    let caller = administrator.caller();
    let details =
        blocking::run(app, move |app| auth::tokens::details(&app.store, &caller, &credential).map_err(token_fault));
    let details = details.await?;
    let now = Utc::now();
    let (Err(error), Some(former)) = (details.refuse_third(now), &details.former) else {
        return Ok(None);
    };
    let page = administrator
        .page("connect/overlapping.html")
        .status(StatusCode::CONFLICT)
        .with("run", run.shown(now))
        .with("provider", run.provider.subject())
        .with("problem", show::sentence(&error.to_string()))
        .with("former", &*former.id)
        .with("former_ends", show::time_or_none(former.expires_at, now))
        .with("may_end", administrator.may(Right::Write));
    administrator.respond(app, page).map(Some)
}

/// `POST /admin/connect/{run}/rotate`: replaces the secret, and shows the new one this once.
pub(super) async fn rotate(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let run = Run::find(&app, &administrator, &id).await?;
    let (Some(credential), false) = (run.row.credential_id.clone(), run.wants_credential(Utc::now())) else {
        return made_already(&app, &administrator, &run).await;
    };
    let Some(overlap) = overlap(&form) else {
        let problems = Map::from_iter([("overlap".to_owned(), "Choose how long the old one still works.".into())]);
        let page = rotate_page(&app, &administrator, &run, problems);
        return administrator.respond(&app, page.status(StatusCode::UNPROCESSABLE_ENTITY));
    };
    let version = form.get("version").parse().unwrap_or(-1);
    if version != run.row.version {
        return made_already(&app, &administrator, &run).await;
    }
    if let Some(refused) = refuse_third(&app, &administrator, &run).await? {
        return Ok(refused);
    }
    let (caller, run_id, is_oauth) = (administrator.caller(), run.row.id, run.method.is_oauth());
    let made = blocking::run(&app, move |app| {
        connect_runs::issue(&app.store, &caller, run_id, version, || {
            if is_oauth {
                let (row, _) = clients::show(&app.store, &credential).map_err(client_fault)?;
                let former = Former::EndsAfter(overlap);
                let made = clients::rotate_secret(&app.store, &caller, &app.token_key, &row, former, None);
                let made = made.map_err(client_fault)?;
                return Ok::<_, PageError>((made.row.id, (made.secret, made.former_ends_at)));
            }
            let made = make_successor(app, &caller, &credential, overlap).map_err(token_fault)?;
            Ok((made.row.id, (Some(made.secret), made.former_ends_at)))
        })
    })
    .await?;
    match made {
        Some((Some(secret), former_ends_at)) => {
            shown_once(&app, &administrator, &id, secret.reveal(), former_ends_at).await
        }
        _ => made_already(&app, &administrator, &run).await,
    }
}

/// The second step with a secret that was just made.
async fn shown_once(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: &str,
    secret: &str,
    former_ends_at: Option<DateTime<Utc>>,
) -> Result<HttpResponse, PageError> {
    let run = Run::find(app, administrator, id).await?;
    let entered = Entered::nothing(&run);
    let page = look::page(app, administrator, &run, &entered, no_problems())
        .with("secret", secret)
        .with("former_ends", show::time_or_none(former_ends_at, Utc::now()));
    administrator.respond(app, page)
}

/// To whoever sends a form again.
async fn made_already(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    run: &Run,
) -> Result<HttpResponse, PageError> {
    let notice = "Nothing was made: the secret was made already, and is shown only once. If it is lost, rotate it.";
    administrator.done(app, &run.page(), notice).await
}

fn rotate_page(app: &AppState, administrator: &Administrator, run: &Run, problems: Map<String, Value>) -> Page {
    administrator
        .page("connect/rotate.html")
        .with("run", run.shown(Utc::now()))
        .with("provider", run.provider.subject())
        .with("problems", problems)
        .with("overlap", USUAL_OVERLAP)
        .with("overlaps", options(&OVERLAPS))
        .with("scim_url", &*app.services.standard().base_url)
}

fn new_client(name: String, method: Method, redirect_uris: Vec<String>) -> NewClient {
    let grant_types = match method {
        Method::AuthorizationCode => vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        _ => vec![GrantType::ClientCredentials],
    };
    NewClient {
        name,
        grant_types,
        scopes: Scope::ALL.into_iter().collect(),
        redirect_uris,
        unchecked_redirect_uris: Vec::new(),
        confidential: true,
        pkce_required: false,
        keys: None,
        access_token_life: TimeDelta::hours(1),
        refresh_idle: TimeDelta::days(365),
    }
}

/// What was entered is checked before, so all else is a fault, or came from somebody who changed the credential at this moment.
fn client_fault(error: ClientError) -> PageError {
    match error {
        ClientError::Store(error) => error.into(),
        ClientError::Unknown(_) => PageError::new(Problem::NotFound).saying("The client is not there any more."),
        error @ ClientError::Suspended => PageError::from(error),
        other => PageError::fault(other),
    }
}

fn token_fault(error: TokenError) -> PageError {
    match error {
        TokenError::Store(error) => error.into(),
        error @ TokenError::Random(_) => PageError::fault(error),
        TokenError::Unknown(_) | TokenError::Ended(_) | TokenError::Rotated { .. } => {
            PageError::new(Problem::NotFound).saying("The token was revoked or rotated meanwhile. Nothing was changed.")
        }
        error @ (TokenError::Suspended | TokenError::Overlapping) => PageError::from(error),
        error => PageError::fault(error),
    }
}
