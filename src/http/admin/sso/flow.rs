//! The way to the identity provider and back. What must come back is in a cookie of this browser, stamped, for ten minutes; the state in
//! it is taken once.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{PAGE, redirect_uri};
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::role::Right;
use crate::auth::sso::Refusal;
use crate::auth::sso::accounts::{self, Account, Browser, Standing};
use crate::auth::sso::id_token::Claims;
use crate::auth::sso::provider::{self, Provider, ProviderError};
use crate::auth::throttle::{self, Subject, Throttled};
use crate::http::admin::administrator::Administrator;
use crate::http::identity_provider::{Begun, SentBack};
use crate::http::pages::sign_in::{add_cookie, query_value, user_agent, welcome};
use crate::http::pages::{Page, PageError, Problem, Then, Visitor, attributes, presented, see_other, show};
use crate::http::visit::Visit;
use crate::http::{AppState, blocking};
use crate::id::TenantId;

/// What the cookie is stamped for.
const PURPOSE: &[u8] = b"sso";
/// How long somebody may be away.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// Bytes of a cookie at most (RFC 6265 section 6.1), with its name and attributes.
const COOKIE_LENGTH: usize = 4_000;
/// Bytes of an authorization code at most.
const CODE_LENGTH: usize = 4_096;

/// A sign-in on its way.
#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    /// When it was begun, in seconds since 1970.
    at: i64,
    begun: Begun,
    /// The stamped authorization request that goes on afterwards; empty for none.
    request: String,
    /// The page that somebody wanted.
    return_to: String,
    /// Whether an operator only looks at what would happen.
    is_test: bool,
}

impl Pending {
    fn then<'a>(&'a self, app: &AppState) -> Then<'a> {
        Then::new(app, &self.request, &self.return_to)
    }

    fn expires_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.at, 0).map(|at| at + LIFETIME)
    }
}

/// `GET /admin/login/sso`: sends somebody to the provider. Only the browser keeps something of it, and the count of attempts.
pub(super) async fn begin(
    app: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let [stamped, return_to] = ["request", "return_to"].map(|name| query_value(&request, name));
    let then = Then::new(&app, &stamped, &return_to);
    if visitor.session.is_some() {
        return Ok(see_other(&then.location(&app)));
    }
    let provider = match load(&app).await? {
        Ok(provider) => provider.filter(|provider| provider.enabled).ok_or_else(nobody)?,
        Err(refusal) => return refused(&app, &visit, &visitor, &then, &refusal, None),
    };
    if let Err(throttled) = charge(&app, Subject::departures(visit.address.as_deref())).await? {
        return held_up(&app, &visit, &visitor, &then, throttled);
    }
    match app.identity_provider.begin(&provider, &redirect_uri(&app)).await {
        Ok((url, begun)) => {
            let at = Utc::now().timestamp();
            depart(&app, url.as_str(), &Pending { at, begun, request: stamped, return_to, is_test: false })
        }
        Err(refusal) => refused(&app, &visit, &visitor, &then, &refusal, None),
    }
}

/// `GET /admin/settings/sso/test`: the same for an operator who wants to see what would happen, also before it is enabled.
pub(super) async fn test(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let provider = match load(&app).await? {
        Ok(provider) => provider.ok_or_else(nobody)?,
        Err(refusal) => return tested(&app, &administrator, None, &Err(refusal)),
    };
    // Whoever tests has changed something a moment ago, here or there.
    app.identity_provider.forget(&provider.issuer);
    match app.identity_provider.begin(&provider, &redirect_uri(&app)).await {
        Ok((url, begun)) => {
            let (at, request, return_to) = (Utc::now().timestamp(), String::new(), PAGE.to_owned());
            depart(&app, url.as_str(), &Pending { at, begun, request, return_to, is_test: true })
        }
        Err(refusal) => tested(&app, &administrator, None, &Err(refusal)),
    }
}

/// `GET /admin/login/sso/callback`: somebody comes back.
pub(super) async fn come_back(
    app: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let mut response = arrive(&app, visit, &request, visitor).await?;
    // However it went: it does not come back again.
    add_cookie(&mut response, &format!("{}=; Max-Age=0; {}", app.site.sso_cookie, attributes(&app)))?;
    Ok(response)
}

async fn arrive(
    app: &web::Data<AppState>,
    visit: Visit,
    request: &HttpRequest,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let mut held = presented(request.headers(), app.site.sso_cookie);
    let content = held.find_map(|held| app.forms.read(&[PURPOSE], held));
    let pending = content.and_then(|content| serde_json::from_slice::<Pending>(&content).ok());
    if let Err(throttled) = charge(app, Subject::arrivals(visit.address.as_deref())).await? {
        let then = pending.as_ref().map_or_else(|| Then::new(app, "", ""), |pending| pending.then(app));
        return held_up(app, &visit, &visitor, &then, throttled);
    }
    let Some(pending) = pending else {
        let refusal = Refusal::State("a sign-in that was not begun in this browser");
        return refused(app, &visit, &visitor, &Then::new(app, "", ""), &refusal, None);
    };
    let expires_at = pending.expires_at().unwrap_or_default();
    if query_value(request, "state") != pending.begun.state {
        let refusal = Refusal::State("a sign-in with a wrong state");
        return refused(app, &visit, &visitor, &pending.then(app), &refusal, None);
    }
    let state = pending.begun.state.clone();
    let is_first = blocking::run(app, move |app| {
        app.store.gate(|gate| gate.use_sso_state(&state, expires_at)).map_err(PageError::from)
    })
    .await?;
    if expires_at <= Utc::now() || !is_first {
        let reason = if is_first { "a sign-in that took too long" } else { "a sign-in that came back before" };
        return refused(app, &visit, &visitor, &pending.then(app), &Refusal::State(reason), None);
    }
    let vouched = vouched(app, request, &pending).await?;
    if vouched.is_ok() {
        forgive(app, &visit).await?;
    }
    if pending.is_test {
        let administrator = Administrator::load(app, visitor, visit, PAGE.to_owned(), false).await?;
        if !administrator.may(Right::Operate) {
            return Err(PageError::new(Problem::NotAllowed));
        }
        return match vouched {
            Ok((provider, claims)) => foresee(app, &administrator, provider, claims).await,
            Err(refusal) => tested(app, &administrator, None, &Err(refusal)),
        };
    }
    let (provider, claims) = match vouched {
        Ok((provider, _)) if !provider.enabled => return Err(nobody()),
        Ok(vouched) => vouched,
        Err(refusal) => return refused(app, &visit, &visitor, &pending.then(app), &refusal, None),
    };
    let (caller, user_agent, cookie) =
        (visit.nobody(TenantId::NONE, ""), user_agent(request), std::sync::Arc::clone(&visitor.cookie));
    let (claims, result) = blocking::run(app, move |app| {
        let browser = Browser { user_agent: user_agent.as_deref(), before: Some(&cookie) };
        let result = accounts::sign_in(&app.store, &app.token_key, &caller, &provider, &claims, browser)?;
        Ok::<_, PageError>((claims, result))
    })
    .await?;
    let then = pending.then(app);
    match result {
        Ok(somebody) => Ok(welcome(app, &visitor, &somebody.email, &somebody.secret, &then.location(app))),
        Err(refusal) => refused(app, &visit, &visitor, &then, &refusal, claims.email()),
    }
}

/// Whom the provider vouches for in this request.
async fn vouched(
    app: &web::Data<AppState>,
    request: &HttpRequest,
    pending: &Pending,
) -> Result<Result<(Provider, Claims), Refusal>, PageError> {
    let provider = match load(app).await? {
        Ok(provider) => provider.ok_or_else(nobody)?,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let [error, code, issuer] = ["error", "code", "iss"].map(|name| query_value(request, name));
    if !error.is_empty() {
        return Ok(Err(Refusal::denied(&error)));
    }
    if code.is_empty() || code.len() > CODE_LENGTH {
        return Ok(Err(Refusal::Token("an answer without a code")));
    }
    let sent_back = SentBack { code: &code, issuer: Some(issuer.as_str()).filter(|issuer| !issuer.is_empty()) };
    let (redirect_uri, begun) = (redirect_uri(app), pending.begun.clone());
    let claims = app.identity_provider.redeem(&app.published_keys, &provider, &redirect_uri, begun, sent_back).await;
    Ok(claims.map(|claims| (provider, claims)))
}

/// Counts an attempt.
async fn charge(app: &web::Data<AppState>, subject: Subject) -> Result<Result<(), Throttled>, PageError> {
    blocking::run(app, move |app| throttle::charge(&app.store, &[subject], Utc::now()).map_err(PageError::from)).await
}

/// Takes the attempts back that came from where somebody comes whom the provider vouches for.
async fn forgive(app: &web::Data<AppState>, visit: &Visit) -> Result<(), PageError> {
    let address = visit.address.clone();
    blocking::run(app, move |app| {
        for subject in [Subject::departures(address.as_deref()), Subject::arrivals(address.as_deref())] {
            throttle::forgive(&app.store, &[subject], Utc::now())?;
        }
        Ok::<_, PageError>(())
    })
    .await
}

fn nobody() -> PageError {
    PageError::new(Problem::NotFound).saying("Nobody signs in by an identity provider here.")
}

/// The provider; the inner error says that it is there and cannot be asked.
async fn load(app: &web::Data<AppState>) -> Result<Result<Option<Provider>, Refusal>, PageError> {
    blocking::run(app, |app| match provider::load(&app.store, &app.sso_key) {
        Ok(provider) => Ok(Ok(provider)),
        Err(error @ ProviderError::Sealed) => Ok(Err(Refusal::Unanswered(error.to_string()))),
        Err(ProviderError::Store(error)) => Err(error.into()),
    })
    .await
}

/// Sends the browser to the provider, with what it has to bring back.
fn depart(app: &AppState, url: &str, pending: &Pending) -> Result<HttpResponse, PageError> {
    let content = serde_json::to_vec(pending).map_err(PageError::fault)?;
    let cookie = format!("{}={}", app.site.sso_cookie, app.forms.stamp(&[PURPOSE], &content));
    if cookie.len() > COOKIE_LENGTH {
        let sentence =
            "The application sent you here with a request that is too long to go on with after single sign-on.";
        return Err(PageError::new(Problem::Authorization).saying(sentence));
    }
    let mut response = see_other(url);
    add_cookie(&mut response, &format!("{cookie}; Max-Age={}; {}", LIFETIME.num_seconds(), attributes(app)))?;
    Ok(response)
}

/// The page of a sign-in that ends here; the audit log has the reason.
fn refused(
    app: &AppState,
    visit: &Visit,
    visitor: &Visitor,
    then: &Then<'_>,
    refusal: &Refusal,
    email: Option<&str>,
) -> Result<HttpResponse, PageError> {
    record(app, visit, email.unwrap_or("(not known)"), &refusal.reason());
    let status = match refusal {
        Refusal::State(_) => StatusCode::BAD_REQUEST,
        Refusal::Unanswered(_) => StatusCode::BAD_GATEWAY,
        _ => StatusCode::FORBIDDEN,
    };
    over(app, visit, then, status, refusal.sentence()).respond(app, Some(visitor))
}

/// The same for an attempt that is not looked at, because too many have failed.
fn held_up(
    app: &AppState,
    visit: &Visit,
    visitor: &Visitor,
    then: &Then<'_>,
    throttled: Throttled,
) -> Result<HttpResponse, PageError> {
    record(app, visit, "(not looked at)", "too many attempts");
    let seconds = throttled.retry_after_seconds;
    let sentence = format!("Too many attempts failed. Try again {}.", show::wait(seconds));
    over(app, visit, then, StatusCode::TOO_MANY_REQUESTS, &sentence).retry_after(seconds).respond(app, Some(visitor))
}

fn record(app: &AppState, visit: &Visit, whom: &str, reason: &str) {
    let whom: String = whom.chars().take(100).collect();
    let event = AuditEvent::new(Action::SignInRefused, Target::new("Administrator", whom))
        .because(format!("single sign-on: {reason}"));
    app.refusals.record(visit.nobody(TenantId::NONE, ""), event);
}

fn over(app: &AppState, visit: &Visit, then: &Then<'_>, status: StatusCode, sentence: &str) -> Page {
    let back = match then.redirect_uri() {
        Some(_) => then.location(app),
        None => format!("{}/admin/login?{}", app.site.base, then.query()),
    };
    Page::new("sso/refused.html")
        .toward(then.redirect_uri())
        .status(status)
        .with("sentence", sentence)
        .with("back", back)
        .with("request_id", &*visit.request_id)
}

/// What would happen, for the operator who tests it.
async fn foresee(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    provider: Provider,
    claims: Claims,
) -> Result<HttpResponse, PageError> {
    let (claims, outcome) = blocking::run(app, move |app| {
        let found = accounts::find(&app.store, &provider, &claims)?;
        let tenant = match &found {
            Ok(account) => app.store.gate(|gate| gate.tenant_with_id(TenantId(account.row.tenant_id)))?,
            Err(_) => None,
        };
        let tenant = tenant.map(|tenant| tenant.name);
        Ok::<_, PageError>((claims, found.map(|account| in_words(&account, tenant.as_deref()))))
    })
    .await?;
    tested(app, administrator, Some(&claims), &outcome)
}

fn in_words(account: &Account, tenant: Option<&str>) -> String {
    let (email, role) = (&account.row.email, account.role.name());
    let place = tenant.map_or_else(|| "all tenants".to_owned(), |tenant| format!("the tenant {tenant}"));
    match account.standing {
        Standing::Linked => format!("This person would sign in to the linked account {email} as {role} of {place}."),
        Standing::Found => {
            format!("The account {email} would be linked to this person, who would sign in as {role} of {place}.")
        }
        Standing::New => format!("An account {email} would be made, and sign in as {role} of {place}."),
    }
}

/// The page of a test.
fn tested(
    app: &AppState,
    administrator: &Administrator,
    claims: Option<&Claims>,
    outcome: &Result<String, Refusal>,
) -> Result<HttpResponse, PageError> {
    let row = |(name, value): (&String, &Value)| {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        json!({"name": name, "value": shown})
    };
    let claims: Vec<Value> = claims.map(|claims| claims.all.iter().map(row).collect()).unwrap_or_default();
    let page = administrator.page("sso/test.html").with("claims", claims);
    let page = match outcome {
        Ok(sentence) => page.with("sentence", &**sentence).with("reason", Value::Null),
        Err(refusal) => page.with("sentence", refusal.sentence()).with("reason", &*refusal.reason()),
    };
    administrator.respond(app, page)
}
