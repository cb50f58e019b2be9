//! The second factor of whoever is signed in: setting up an authenticator app, new recovery codes, and removing both.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use super::{Administrator, PAGE, Refusal};
use crate::auth::administrators;
use crate::auth::role::Right;
use crate::auth::second_factor::{self, SecondFactorError, SetUp};
use crate::auth::totp::{RecoveryCode, TotpSecret};
use crate::http::pages::qr::qr;
use crate::http::pages::{Form, Page, PageError, PageRoute, Then, query_value};
use crate::http::{AppState, blocking};

pub(in crate::http::admin) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/account/totp", Right::Account, || web::get().to(start)),
    PageRoute::post("/account/totp", Right::Account, || web::post().to(show_secret)),
    PageRoute::post("/account/totp/confirm", Right::Account, || web::post().to(confirm)),
    PageRoute::get("/account/totp/codes", Right::Account, || web::get().to(ask_for_codes)),
    PageRoute::post("/account/totp/codes", Right::Account, || web::post().to(renew_codes)),
    PageRoute::get("/account/totp/remove", Right::Account, || web::get().to(ask_to_remove)),
    PageRoute::post("/account/totp/remove", Right::Account, || web::post().to(remove)),
];

/// Where an app is set up.
const SET_UP: &str = "/admin/account/totp";

/// Whether a page belongs to setting up an app, and is open to whoever must do that first.
pub(in crate::http) fn sets_up(path: &str) -> bool {
    path.strip_prefix(SET_UP).is_some_and(|rest| rest.is_empty() || rest == "/confirm")
}

/// Where somebody sets up an app who must, and then goes on: `name` is what carries the way on.
pub(in crate::http) fn set_up_url(app: &AppState, name: &str, value: &str) -> String {
    let query = Serializer::new(String::new()).append_pair(name, value).finish();
    format!("{}{SET_UP}?{query}", app.site.base)
}

/// `GET /admin/account/totp`.
async fn start(
    app: web::Data<AppState>,
    administrator: Administrator,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let [pending, return_to] = ["request", "return_to"].map(|name| query_value(&request, name));
    let page = start_page(&app, &administrator, &way_on(&app, &pending, &return_to));
    administrator.respond(&app, page)
}

/// `POST /admin/account/totp`: makes a secret and shows it. Nothing is stored.
async fn show_secret(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let now = Utc::now();
    let (caller, own) = (administrator.own_caller(), administrator.session.clone());
    let (form, confirmed, state) = blocking::run_long(&app, move |app| {
        let state = second_factor::state(&app.store, own.person.id)?;
        let confirmed = if state.is_none() && second_factor::asks_password(&own, now) {
            let device = form.visitor.device(app, &own.person.email);
            let given = form.get("present");
            administrators::confirm_password(&app.store, &caller, &own.person, device, given).map(drop)
        } else {
            Ok(())
        };
        Ok::<_, PageError>((form, confirmed, state))
    })
    .await?;
    if state.is_some() {
        return administrator.done(&app, PAGE, "Your second factor is set up already.").await;
    }
    let then = way_on(&app, form.get("request"), form.get("return_to"));
    if let Err(error) = confirmed {
        let page = Refusal::of(error)?.told_by(start_page(&app, &administrator, &then), "present");
        return administrator.respond(&app, page);
    }
    let secret = TotpSecret::generate().map_err(PageError::fault)?;
    let stamped = second_factor::stamp_secret(&app.forms, &administrator.session, &secret, now);
    let page = secret_page(&app, &administrator, &then, &secret, &stamped)?;
    administrator.respond(&app, page)
}

/// `POST /admin/account/totp/confirm`: the app has proven to have the secret.
async fn confirm(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let then = way_on(&app, form.get("request"), form.get("return_to"));
    let stamped = form.get("secret").to_owned();
    let Some(secret) = second_factor::read_secret(&app.forms, &administrator.session, &stamped, Utc::now()) else {
        let page = start_page(&app, &administrator, &then)
            .status(StatusCode::UNPROCESSABLE_ENTITY)
            .with("problem", "This was open for too long. Nothing was changed; begin again, and scan the new code.");
        return administrator.respond(&app, page);
    };
    let (caller, own, code) = (administrator.own_caller(), administrator.session.clone(), form.get("code").to_owned());
    let (secret, result) = blocking::run(&app, move |app| {
        let keys = app.second_factor_keys();
        let result = second_factor::set_up(&app.store, keys, &caller, &own, &secret, &code);
        Ok::<_, PageError>((secret, result))
    })
    .await?;
    match result {
        Ok(SetUp { codes, cookie, session }) => {
            codes_page(&app, &administrator.renewed(cookie, session), &then, &codes, true)
        }
        Err(error @ SecondFactorError::Code) => {
            let page = secret_page(&app, &administrator, &then, &secret, &stamped)?;
            administrator.respond(&app, Refusal::saying(&error).told_by(page, "code"))
        }
        Err(SecondFactorError::Exists | SecondFactorError::Changed) => {
            let notice =
                "Your second factor is set up already. Its recovery codes were shown once; you can make new ones.";
            administrator.done(&app, PAGE, notice).await
        }
        Err(error) => Err(fault(error)),
    }
}

/// `GET /admin/account/totp/codes`.
async fn ask_for_codes(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    ask(&app, &administrator, "account/recovery_codes_ask.html").await
}

/// `POST /admin/account/totp/codes`.
async fn renew_codes(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (caller, own) = (administrator.own_caller(), administrator.session.clone());
    let result = blocking::run_long(&app, move |app| {
        let revision = form.get("revision").parse().unwrap_or_default();
        let device = form.visitor.device(app, &own.person.email);
        let (keys, given) = (app.second_factor_keys(), form.get("present"));
        Ok::<_, PageError>(second_factor::renew_codes(&app.store, keys, &caller, &own, device, given, revision))
    })
    .await?;
    match result {
        Ok(codes) => codes_page(&app, &administrator, &Then::new(&app, "", PAGE), &codes, false),
        Err(error) => refuse(&app, &administrator, "account/recovery_codes_ask.html", error).await,
    }
}

/// `GET /admin/account/totp/remove`.
async fn ask_to_remove(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    ask(&app, &administrator, "account/totp_remove.html").await
}

/// `POST /admin/account/totp/remove`.
async fn remove(app: web::Data<AppState>, administrator: Administrator, form: Form) -> Result<HttpResponse, PageError> {
    let (caller, own) = (administrator.own_caller(), administrator.session.clone());
    let result = blocking::run_long(&app, move |app| {
        let device = form.visitor.device(app, &own.person.email);
        Ok::<_, PageError>(second_factor::remove(&app.store, &caller, &own, device, form.get("present")))
    })
    .await?;
    match result {
        Ok(()) => {
            let notice =
                "Your second factor is removed: the password alone signs you in. Your other sessions have ended.";
            administrator.done(&app, PAGE, notice).await
        }
        Err(error) => refuse(&app, &administrator, "account/totp_remove.html", error).await,
    }
}

/// A question about the second factor; whoever has none has nothing to be asked.
async fn ask(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    template: &'static str,
) -> Result<HttpResponse, PageError> {
    match question(app, administrator, template).await? {
        Some(page) => administrator.respond(app, page),
        None => administrator.done(app, PAGE, "You have no second factor. Nothing was changed.").await,
    }
}

/// The question again, with what was wrong.
async fn refuse(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    template: &'static str,
    error: SecondFactorError,
) -> Result<HttpResponse, PageError> {
    let refusal = match error {
        SecondFactorError::Password(error) => Refusal::of(error)?,
        error @ (SecondFactorError::Code | SecondFactorError::Exists | SecondFactorError::Changed) => {
            Refusal::saying(&error)
        }
        error => return Err(fault(error)),
    };
    match question(app, administrator, template).await? {
        Some(page) => administrator.respond(app, refusal.told_by(page, "present")),
        None => administrator.done(app, PAGE, "You have no second factor any more. Nothing was changed.").await,
    }
}

async fn question(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    template: &'static str,
) -> Result<Option<Page>, PageError> {
    let person = administrator.person().id;
    let state = blocking::run(app, move |app| second_factor::state(&app.store, person).map_err(PageError::from));
    let page = |state: second_factor::State| {
        administrator
            .page(template)
            .with("revision", state.codes_revision)
            .with("codes_left", state.codes_left)
            .with("problems", Value::Null)
    };
    Ok(state.await?.map(page))
}

/// Where somebody goes on after setting up an app: to the account, who comes from nowhere else.
fn way_on<'a>(app: &AppState, request: &'a str, return_to: &'a str) -> Then<'a> {
    Then::new(app, request, if return_to.is_empty() { PAGE } else { return_to })
}

/// A page on the way to a second factor. Whoever must take that way sees no other.
fn step(administrator: &Administrator, then: &Then<'_>, template: &'static str) -> Page {
    let must = administrator.session.must_set_up;
    let page = if must { Page::new(template) } else { administrator.page(template) };
    then.carried_by(page).with("must", must).with("problems", Value::Null)
}

fn start_page(app: &AppState, administrator: &Administrator, then: &Then<'_>) -> Page {
    step(administrator, then, "account/totp.html")
        .with("asks_password", second_factor::asks_password(&administrator.session, Utc::now()))
        .with("back", format!("{}{PAGE}", app.site.base))
}

fn secret_page(
    app: &AppState,
    administrator: &Administrator,
    then: &Then<'_>,
    secret: &TotpSecret,
    stamped: &str,
) -> Result<Page, PageError> {
    let uri = secret.uri(&issuer(&app.public_url), &administrator.person().email);
    Ok(step(administrator, then, "account/totp_secret.html")
        .with("qr", qr(&uri)?)
        .with("typed", secret.typed())
        .with("secret", stamped))
}

/// The one page that shows recovery codes.
fn codes_page(
    app: &AppState,
    administrator: &Administrator,
    then: &Then<'_>,
    codes: &[RecoveryCode],
    is_new: bool,
) -> Result<HttpResponse, PageError> {
    let codes: Vec<String> = codes.iter().map(RecoveryCode::shown).collect();
    let page = step(administrator, then, "account/recovery_codes.html")
        .with("codes", json!(codes))
        .with("is_new", is_new)
        .with("next", then.location(app));
    administrator.respond(app, page)
}

/// What apps show the secret by: one person may have accounts on several servers.
fn issuer(public_url: &str) -> String {
    let url = Url::parse(public_url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    format!("provisor {host}").trim_end().to_owned()
}

/// The page of an error that nobody can mend who fills in the form.
fn fault(error: SecondFactorError) -> PageError {
    match error {
        SecondFactorError::Store(error) => error.into(),
        error => PageError::fault(error),
    }
}
