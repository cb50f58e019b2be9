//! `/oauth/consent`: a person who is signed in decides on what a client asks for.

use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::pending;
use crate::auth::Scope;
use crate::auth::administrators::Person;
use crate::http::admin::set_up_url;
use crate::http::encrypted::encrypted_page;
use crate::http::pages::{self, Form, Page, PageError, Visitor, frame, see_other, show, sign_in_page};
use crate::http::visit::{Visit, log_fault};
use crate::http::{AppState, blocking};
use crate::id::TenantId;
use crate::oauth::authorization_request::AuthorizationRequest;
use crate::oauth::consent::{self, ConsentError, Proposal};
use crate::oauth::error::{ErrorCode, OAuthError};

/// The page and the decision.
pub(super) fn resource() -> impl actix_web::dev::HttpServiceFactory {
    pages::only("/consent", "GET, POST")
        .route(web::get().to(begin))
        .route(web::post().to(decide))
        .wrap(from_fn(encrypted_page))
        .wrap(from_fn(frame))
}

/// `GET /oauth/consent`: goes on with a request after signing in.
async fn begin(
    app: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let mut pairs = form_urlencoded::parse(request.query_string().as_bytes());
    let stamped = pairs.find(|(name, _)| name == "request").map_or_else(String::new, |(_, value)| value.into_owned());
    let request = pending::read(&app, &stamped)?;
    present(&app, &visit, &visitor, &stamped, request).await
}

/// Puts a request before whoever is signed in, after signing in. It is asked each time: who sends somebody here wants a new
/// authorization.
///
/// # Errors
/// The page of what is wrong with the request.
pub(super) async fn present(
    app: &web::Data<AppState>,
    visit: &Visit,
    visitor: &Visitor,
    stamped: &str,
    request: AuthorizationRequest,
) -> Result<HttpResponse, PageError> {
    let Some(session) = &visitor.session else {
        return sign_in_page(app, visitor, stamped).await;
    };
    if session.must_set_up {
        return Ok(see_other(&set_up_url(app, "request", stamped)));
    }
    let person = session.person.clone();
    let (request, person, proposal) = blocking::run(app, move |app| {
        let proposal = consent::propose(&app.store, &person, &request);
        Ok::<_, PageError>((request, person, proposal))
    })
    .await?;
    match proposal {
        Ok(proposal) => page(&request, &person, &proposal, stamped).respond(app, Some(visitor)),
        // Not sent back at once: a browser in which the wrong account is signed in would be sent back each time.
        Err(ConsentError::Client(error)) if error.code() == ErrorCode::AccessDenied => {
            about("not_allowed.html", &request, &person, stamped).respond(app, Some(visitor))
        }
        Err(error) => refuse(app, visit, &person, &request, error),
    }
}

/// `POST /oauth/consent`.
async fn decide(app: web::Data<AppState>, visit: Visit, form: Form) -> Result<HttpResponse, PageError> {
    let stamped = form.get("request");
    let request = pending::read(&app, stamped)?;
    let Some(session) = &form.visitor.session else {
        return sign_in_page(&app, &form.visitor, stamped).await;
    };
    if session.must_set_up {
        return Ok(see_other(&set_up_url(&app, "request", stamped)));
    }
    let person = session.person.clone();
    match form.get("decision") {
        "allow" => {}
        "deny" => {
            let error = ConsentError::Client(consent::access_denied("the person did not consent"));
            // What is sent to the client depends on who it is, so that is looked at as well.
            let (request, person, proposal) = blocking::run(&app, move |app| {
                let proposal = consent::propose(&app.store, &person, &request);
                Ok::<_, PageError>((request, person, proposal))
            })
            .await?;
            return refuse(&app, &visit, &person, &request, proposal.err().unwrap_or(error));
        }
        _ => return Err(OAuthError::invalid_request("'decision' must be 'allow' or 'deny'").into()),
    }
    let tenant = match form.get("tenant") {
        "" => None,
        text => Some(TenantId(Uuid::try_parse(text).unwrap_or_default())),
    };
    let caller = visit.nobody(TenantId::NONE, "");
    let (request, person, code) = blocking::run(&app, move |app| {
        let code = consent::give(&app.store, &app.token_key, &caller, &person, &request, tenant);
        Ok::<_, PageError>((request, person, code))
    })
    .await?;
    match code {
        Ok(code) => Ok(see_other(&request.success(code.reveal(), &app.public_url))),
        Err(error) => refuse(&app, &visit, &person, &request, error),
    }
}

/// Tells the client, where it can be told, or else the person.
fn refuse(
    app: &AppState,
    visit: &Visit,
    person: &Person,
    request: &AuthorizationRequest,
    error: ConsentError,
) -> Result<HttpResponse, PageError> {
    let ConsentError::Client(error) = error else {
        return Err(error.into());
    };
    match error.code() {
        ErrorCode::AccessDenied => {
            let caller = visit.caller(person.principal(person.tenant));
            app.refusals.record(caller, consent::denied(request, error.description()));
        }
        ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable => log_fault(&error, &visit.request_id),
        _ => {}
    }
    Ok(see_other(&request.failure(&error, &app.public_url)))
}

fn page(request: &AuthorizationRequest, person: &Person, proposal: &Proposal, stamped: &str) -> Page {
    let scopes = request.scopes();
    let meanings: Vec<&str> = Scope::ALL.into_iter().filter(|scope| scopes.contains(*scope)).map(show::scope).collect();
    let tenants: Vec<Value> =
        proposal.tenants.iter().map(|tenant| json!({"id": tenant.id, "name": tenant.name})).collect();
    about("consent.html", request, person, stamped)
        .with("client", &*proposal.client.name)
        .with("scopes", meanings)
        .with("tenants", tenants)
}

/// A page about a request, with the account that is signed in and the way back to the client.
fn about(template: &'static str, request: &AuthorizationRequest, person: &Person, stamped: &str) -> Page {
    let host = Url::parse(&request.redirect_uri).ok().and_then(|uri| uri.host_str().map(str::to_owned));
    Page::new(template)
        .toward(Some(&request.redirect_uri))
        .with("host", host)
        .with("email", &*person.email)
        .with("role", person.role.name())
        .with("request", stamped)
}

impl From<ConsentError> for PageError {
    fn from(error: ConsentError) -> Self {
        match error {
            ConsentError::Page(error) | ConsentError::Client(error) => error.into(),
            ConsentError::Store(error) => error.into(),
        }
    }
}
