//! Connecting an identity provider, step by step: which one and how, the credential with all that its console asks for, and the live
//! test, which ticks off the provider's calls as they come. An IT contact sees this part of the UI and no other.

mod links;
mod live;
mod provider;
mod self_test;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use self::provider::{Facts, Method, Provider};
use super::administrator::Administrator;
use crate::auth::role::{Right, Role};
use crate::auth::{self, NewToken, Scope, TokenError, connect_runs};
use crate::http::pages::{Form, Page, PageError, PageRoute, Problem, see_page, show};
use crate::http::{AppState, blocking};
use crate::oauth::clients::{self, ClientError, Former, NewClient};
use crate::oauth::grant_type::GrantType;
use crate::oauth::redirect_uri;
use crate::scim::error::ScimError;
use crate::store::{ConnectRunRow, CredentialState};

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/connect", Right::Connect, || web::get().to(list)),
    PageRoute::post("/connect", Right::Connect, || web::post().to(start)),
    PageRoute::get("/connect/{run}", Right::Connect, || web::get().to(look)),
    PageRoute::post("/connect/{run}/credential", Right::Connect, || web::post().to(make)),
    PageRoute::get("/connect/{run}/rotate", Right::Connect, || web::get().to(ask_to_rotate)),
    PageRoute::post("/connect/{run}/rotate", Right::Connect, || web::post().to(rotate)),
    PageRoute::get("/connect/{run}/test", Right::Connect, || web::get().to(test)),
    PageRoute::post("/connect/{run}/self-test", Right::Connect, || web::post().to(test_itself)),
];
pub(super) use links::ROUTES as LINKS;

const PAGE: &str = "/admin/connect";
/// What the id of a new walk is stamped for.
const RUN: &[u8] = b"connect run";
/// Walks on a page.
const ROWS: i64 = 25;
/// Characters of a credential's name at most.
const NAME_LENGTH: usize = 100;
/// How long a header token may live: value and label. Okta cannot rotate by itself, so the default is long.
const LIVES: [(&str, &str); 4] =
    [("365", "A year"), ("180", "180 days"), ("90", "90 days"), ("", "Without end (not recommended)")];
/// How long the old secret goes on beside a new one: hours and label.
const OVERLAPS: [(&str, &str); 5] =
    [("24", "In 24 hours"), ("0", "Now"), ("1", "In an hour"), ("72", "In 3 days"), ("168", "In 7 days")];

/// A walk through the wizard.
#[derive(Debug, Clone)]
struct Run {
    row: ConnectRunRow,
    credential: CredentialState,
    provider: Provider,
    method: Method,
}

impl Run {
    fn page(&self) -> String {
        format!("{PAGE}/{}", self.row.id)
    }

    /// What keeps its credential from working, if anything does.
    fn trouble(&self, now: DateTime<Utc>) -> Option<&'static str> {
        let credential = &self.credential;
        self.row.credential_id.as_ref()?;
        if credential.token_name.is_none() && credential.client_name.is_none() {
            Some("The credential is not there any more.")
        } else if credential.revoked_at.is_some() {
            Some("The token is revoked.")
        } else if credential.disabled_at.is_some() {
            Some("The client is disabled. Enable it, or make a new one.")
        } else if credential.rotated_to.is_some() {
            Some("The token was rotated elsewhere; its successor was shown there.")
        } else if credential.expires_at.is_some_and(|end| end <= now) {
            Some("The token has expired.")
        } else {
            None
        }
    }

    /// Whether a credential can be made.
    fn wants_credential(&self, now: DateTime<Utc>) -> bool {
        self.row.credential_id.is_none() || self.trouble(now).is_some()
    }
}

/// What somebody entered to have a credential made.
#[derive(Debug, Clone)]
struct Entered {
    name: String,
    life: String,
    okta_app: String,
    redirect_uris: String,
    version: String,
}

impl Entered {
    fn nothing(run: &Run) -> Self {
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

/// `GET /admin/connect`.
async fn list(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = index(&app, &administrator, no_problems(), Provider::Okta.code(), Method::HeaderToken.code()).await?;
    administrator.respond(&app, page)
}

/// `POST /admin/connect`.
async fn start(app: web::Data<AppState>, administrator: Administrator, form: Form) -> Result<HttpResponse, PageError> {
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

/// `GET /admin/connect/{run}`.
async fn look(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let run = run(&app, &administrator, &id).await?;
    let entered = Entered::nothing(&run);
    let page = run_page(&app, &administrator, &run, &entered, no_problems());
    administrator.respond(&app, page)
}

/// `POST /admin/connect/{run}/credential`: makes the credential, and shows its secret this once.
async fn make(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let run = run(&app, &administrator, &id).await?;
    if !run.wants_credential(Utc::now()) {
        return made_already(&app, &administrator, &run).await;
    }
    let entered = Entered::read(&form);
    let mut problems = no_problems();
    let length = entered.name.chars().count();
    if length == 0 || length > NAME_LENGTH || entered.name.chars().any(char::is_control) {
        problems.insert("name".into(), format!("A name has 1 to {NAME_LENGTH} characters.").into());
    }
    if !run.method.is_oauth() && LIVES.iter().all(|(days, _)| *days != entered.life) {
        problems.insert("life".into(), "Choose how long the token lives.".into());
    }
    let redirect_uris = entered.redirect_uris(&run, &mut problems);
    if !problems.is_empty() {
        let page = run_page(&app, &administrator, &run, &entered, problems);
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
            let made = auth::create(&app.store, &caller, &app.token_key, &new).map_err(token_fault)?;
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
async fn ask_to_rotate(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let run = run(&app, &administrator, &id).await?;
    if run.wants_credential(Utc::now()) {
        return Ok(see_page(&app, &run.page()));
    }
    let page = rotate_page(&app, &administrator, &run, no_problems());
    administrator.respond(&app, page)
}

/// `POST /admin/connect/{run}/rotate`: replaces the secret, and shows the new one this once.
async fn rotate(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let run = run(&app, &administrator, &id).await?;
    let (Some(credential), false) = (run.row.credential_id.clone(), run.wants_credential(Utc::now())) else {
        return made_already(&app, &administrator, &run).await;
    };
    let overlap = OVERLAPS.iter().find(|(hours, _)| *hours == form.get("overlap"));
    let Some(hours) = overlap.and_then(|(hours, _)| hours.parse().ok()) else {
        let problems = Map::from_iter([("overlap".to_owned(), "Choose when the old one ends.".into())]);
        let page = rotate_page(&app, &administrator, &run, problems);
        return administrator.respond(&app, page.status(StatusCode::UNPROCESSABLE_ENTITY));
    };
    let overlap = TimeDelta::hours(hours);
    let version = form.get("version").parse().unwrap_or(-1);
    let (caller, run_id, is_oauth) = (administrator.caller(), run.row.id, run.method.is_oauth());
    let secret = blocking::run(&app, move |app| {
        connect_runs::issue(&app.store, &caller, run_id, version, || {
            if is_oauth {
                let (row, _) = clients::show(&app.store, &credential).map_err(client_fault)?;
                let made =
                    clients::rotate_secret(&app.store, &caller, &app.token_key, &row, Former::EndsAfter(overlap), None);
                let made = made.map_err(client_fault)?;
                return Ok::<_, PageError>((made.row.id, made.secret));
            }
            let made = auth::rotate(&app.store, &caller, &app.token_key, &credential, overlap).map_err(token_fault)?;
            Ok((made.row.id, Some(made.secret)))
        })
    })
    .await?;
    match secret.flatten() {
        Some(secret) => {
            let ends = show::time(Utc::now() + overlap, Utc::now());
            shown_once(&app, &administrator, &id, secret.reveal(), Some(ends)).await
        }
        None => made_already(&app, &administrator, &run).await,
    }
}

/// `GET /admin/connect/{run}/test`, which its page asks for again and again.
async fn test(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let run = run(&app, &administrator, &id).await?;
    let (Some(credential), Some(made_at)) = (run.row.credential_id.clone(), run.row.made_at) else {
        return Ok(see_page(&app, &run.page()));
    };
    // The successor that was made elsewhere is what the provider has now.
    let credential = run.credential.rotated_to.clone().unwrap_or(credential);
    let (caller, all_unknown) = (administrator.caller(), administrator.may(Right::Operate));
    let (provider, is_encrypted, now) = (run.provider, app.site.is_encrypted, Utc::now());
    let (told, rows) = blocking::run(&app, move |app| {
        app.store.read(&caller, |tenant| {
            let seen = tenant.connect_requests(&credential, made_at, all_unknown)?;
            let told = live::tell(provider, seen, is_encrypted, now);
            let ids: Vec<Uuid> = told.failures.iter().map(|request| request.id).collect();
            let rows = if ids.is_empty() { Vec::new() } else { tenant.connect_failures(&ids)? };
            Ok::<_, PageError>((told, rows))
        })
    })
    .await?;
    let failures: Vec<Value> = told
        .failures
        .iter()
        .map(|request| live::failure(request, rows.iter().find(|row| row.id == request.id), now))
        .collect();
    let self_test = run.row.self_test.as_ref().map(|found| {
        let at = found["at"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
        json!({"ok": found["ok"], "steps": found["steps"], "at": show::time_or_none(at, now)})
    });
    let page = administrator
        .page("connect/test.html")
        .with("run", shown(&run, now))
        .with("provider", run.provider.subject())
        .with("then", run.provider.then())
        .with("trouble", run.trouble(now))
        .with("warnings", provider::warnings(&app.services.standard().base_url))
        .with("steps", told.steps)
        .with("done", told.done.0)
        .with("all", told.done.1)
        .with("failures", failures)
        .with("is_mended", told.is_mended)
        .with("self_test", self_test)
        .with("may_read", administrator.may(Right::Read));
    administrator.respond(&app, page)
}

/// `POST /admin/connect/{run}/self-test`.
async fn test_itself(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let run = run(&app, &administrator, &id).await?;
    let (caller, own) = (administrator.caller(), administrator.clone());
    let by = caller.clone();
    let service = blocking::run(&app, move |app| {
        let service = own.service(app).map_err(scim_fault)?;
        Ok::<_, PageError>(connect_runs::begin_self_test(&app.store, &by)?.map(|()| service))
    })
    .await?;
    let path = format!("{}/test#self-test", run.page());
    let service = match service {
        Ok(service) => service,
        Err(throttled) => {
            let seconds = throttled.retry_after_seconds;
            let notice = format!("The self-test was run several times just now. Run it again in {seconds} seconds.");
            return administrator.done(&app, &path, notice).await;
        }
    };
    // On its own: whoever asks may hang up, and what the test made must be removed all the same.
    let (shared, run_id, with_oauth) = (app.clone(), run.row.id, run.method.is_oauth());
    let tested = actix_web::rt::spawn(async move {
        let found = self_test::run(&shared, caller.clone(), service, with_oauth).await?;
        blocking::run(&shared, move |app| {
            connect_runs::record_self_test(&app.store, &caller, run_id, &found).map_err(PageError::from)
        })
        .await
    });
    tested.await.map_err(PageError::fault)??;
    Ok(see_page(&app, &path))
}

/// The walk of this id in the tenant at hand, if it is one of those that the person goes on with.
async fn run(app: &web::Data<AppState>, administrator: &Administrator, id: &str) -> Result<Run, PageError> {
    let missing = || PageError::new(Problem::NotFound).saying("Nothing of this kind was begun in this tenant.");
    let id = Uuid::try_parse(id).map_err(|_| missing())?;
    let (caller, starter) = (administrator.caller(), connect_runs::starter(administrator.person()));
    let found = blocking::run(app, move |app| {
        app.store.read(&caller, |tenant| tenant.connect_run(starter, id)).map_err(PageError::from)
    });
    let (row, credential) = found.await?.ok_or_else(missing)?;
    let (Some(provider), Some(method)) = (Provider::parse(&row.provider), Method::parse(&row.method)) else {
        return Err(missing());
    };
    Ok(Run { row, credential, provider, method })
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
    let older = older(&mut rows, ROWS, |row| row.id).map(|id| format!("{}{PAGE}?before={id}", app.site.base));
    let now = Utc::now();
    let runs: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "id": row.id,
                "provider": Provider::parse(&row.provider).map_or("", Provider::label),
                "method": Method::parse(&row.method).map_or("", Method::label),
                "started": show::time(row.started_at, now),
                "by": row.started_by,
                "made": show::time_or_none(row.made_at, now),
            })
        })
        .collect();
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

/// The second step, without a secret.
fn run_page(
    app: &AppState,
    administrator: &Administrator,
    run: &Run,
    entered: &Entered,
    problems: Map<String, Value>,
) -> Page {
    let now = Utc::now();
    let base_url = &*app.services.standard().base_url;
    let facts = Facts { base_url, public_url: &app.public_url, credential_id: run.row.credential_id.as_deref() };
    let fields: Vec<Value> = run
        .provider
        .fields(run.method, &facts)
        .iter()
        .enumerate()
        .map(|(at, field)| json!({"id": format!("field-{at}"), "label": field.label, "value": field.value}))
        .collect();
    let is_okta = run.provider == Provider::Okta;
    let sends_people = run.method == Method::AuthorizationCode;
    let lives: Vec<Value> = LIVES.iter().map(|(value, label)| json!({"value": value, "label": label})).collect();
    administrator
        .page("connect/run.html")
        .with("run", shown(run, now))
        .with("fields", fields)
        .with("place", run.provider.place())
        .with("remark", run.provider.remark(run.method))
        .with("boxes", run.provider.boxes())
        .with("then", run.provider.then())
        .with("warnings", provider::warnings(base_url))
        .with("wants", run.wants_credential(now))
        .with("trouble", run.trouble(now))
        .with("secret", Value::Null)
        .with("former_ends", Value::Null)
        .with("curl", curl(run, app))
        .with("problems", problems)
        .with("name", &*entered.name)
        .with("life", &*entered.life)
        .with("okta_app", &*entered.okta_app)
        .with("redirect_uris", &*entered.redirect_uris)
        .with("lives", lives)
        .with("name_length", NAME_LENGTH)
        .with("asks_okta_app", sends_people && is_okta)
        .with("asks_redirect_uris", sends_people && !is_okta)
}

/// How the credential is tried from any machine, without the secret.
fn curl(run: &Run, app: &AppState) -> String {
    let base_url = &*app.services.standard().base_url;
    match run.method {
        Method::HeaderToken => format!("curl -i -H \"Authorization: Bearer $TOKEN\" \"{base_url}/Users?count=1\""),
        Method::ClientCredentials => format!(
            "curl -i -u \"{}:$SECRET\" -d grant_type=client_credentials \"{}{}\"",
            run.row.credential_id.as_deref().unwrap_or("$CLIENT_ID"),
            app.public_url,
            crate::oauth::metadata::TOKEN
        ),
        Method::AuthorizationCode => {
            format!("curl -i \"{}{}\"", app.public_url, crate::oauth::metadata::AUTHORIZATION_SERVER)
        }
    }
}

/// The second step with a secret that was just made. `ends` says when the one before ends.
async fn shown_once(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    id: &str,
    secret: &str,
    ends: Option<Value>,
) -> Result<HttpResponse, PageError> {
    let run = run(app, administrator, id).await?;
    let entered = Entered::nothing(&run);
    let page = run_page(app, administrator, &run, &entered, no_problems())
        .with("secret", secret)
        .with("former_ends", ends.unwrap_or_default());
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
    let overlaps: Vec<Value> = OVERLAPS.iter().map(|(value, label)| json!({"value": value, "label": label})).collect();
    administrator
        .page("connect/rotate.html")
        .with("run", shown(run, Utc::now()))
        .with("provider", run.provider.subject())
        .with("problems", problems)
        .with("overlap", OVERLAPS[0].0)
        .with("overlaps", overlaps)
        .with("scim_url", &*app.services.standard().base_url)
}

fn shown(run: &Run, now: DateTime<Utc>) -> Value {
    let credential = &run.credential;
    json!({
        "id": run.row.id,
        "provider": run.provider.label(),
        "subject": run.provider.subject(),
        "method": run.method.label(),
        "is_oauth": run.method.is_oauth(),
        "version": run.row.version,
        "started": show::time(run.row.started_at, now),
        "by": run.row.started_by,
        "credential": run.row.credential_id,
        "name": credential.token_name.as_ref().or(credential.client_name.as_ref()),
        "made": show::time_or_none(run.row.made_at, now),
        "expires": show::time_or_none(credential.expires_at, now),
        "redirect_uris": credential.redirect_uris.as_deref().unwrap_or_default(),
    })
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
        error @ TokenError::Suspended => PageError::from(error),
        error => PageError::fault(error),
    }
}

fn scim_fault(error: ScimError) -> PageError {
    PageError::fault(error)
}

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
