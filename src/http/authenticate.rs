//! Middleware of the SCIM endpoints: authentication, the log line, and the record of what was refused. It comes before
//! any extractor, because actix runs those side by side and an anonymous caller must hear 401 whatever else is wrong.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, ResponseError, web};
use tokio::sync::OwnedSemaphorePermit;

use super::AppState;
use super::blocking;
use super::challenge::{self, Challenge};
use super::request_log::{Capture, Recorded, is_astray};
use super::scim::has_body;
use super::visit::Visit;
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::keys::KeyError;
use crate::auth::{Caller, Principal, Refusal};
use crate::id::TenantId;
use crate::provider::Service;
use crate::scim::error::{ErrorKind, ScimError, excerpt};

/// Endpoints that answer without a credential (R7643-5-2).
const OPEN: [&str; 4] = ["ServiceProviderConfig", "ServiceProviderConfigs", "ResourceTypes", "Schemas"];

/// What is answered for a tenant that is served nothing.
const SUSPENDED: &str =
    "this tenant is suspended: nothing is read or changed until whoever runs this server resumes it";

/// The middleware.
pub(super) async fn authenticate<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Recorded>, Error> {
    let visit = Visit::begin(&request);
    let capture = Capture::begin(&mut request);
    let method = request.method().clone();
    let (mut response, caller) = match admit(&request, &visit).await {
        Ok(Admitted { caller, service, _place }) => {
            request.extensions_mut().insert(service);
            if let Some(caller) = &caller {
                request.extensions_mut().insert(caller.clone());
            }
            (next.call(request).await?.map_into_left_body(), caller)
        }
        Err(error) => {
            let response = error.error_response();
            (request.into_response(response).map_into_right_body(), None)
        }
    };
    if let Some(caller) = &caller {
        record_refused_write(&response, &method, caller);
    }
    if let Some(app) = response.request().app_data::<web::Data<AppState>>().cloned() {
        challenge::add_header(&mut response, &app.public_url);
    }
    visit.finish(&mut response, caller.as_ref().map_or("-", |caller| caller.principal.actor().id.as_str()));
    Ok(match capture {
        Some(capture) => capture.finish(response, &visit, caller.as_ref()),
        None => response.map_body(|_, body| Recorded::not(body)),
    })
}

/// Middleware of what is nowhere. Whoever looks for SCIM beside the base URL is logged, as the tenant that the credential belongs to,
/// so that the administrator sees what is wrong.
pub(super) async fn astray<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Recorded>, Error> {
    if !is_astray(request.request()) {
        return Ok(next.call(request).await?.map_body(|_, body| Recorded::not(body)));
    }
    let visit = Visit::begin(&request);
    let Some(capture) = Capture::begin(&mut request) else {
        return Ok(next.call(request).await?.map_body(|_, body| Recorded::not(body)));
    };
    let caller = match request.app_data::<web::Data<AppState>>() {
        Some(app) if request.headers().contains_key(AUTHORIZATION) => {
            identify(app, &request, &visit).await.ok().flatten()
        }
        _ => None,
    };
    // What is wrong is the path, whoever comes by it.
    request.extensions_mut().remove::<Refusal>();
    let mut response = next.call(request).await?;
    visit.finish(&mut response, caller.as_ref().map_or("-", |caller| caller.principal.actor().id.as_str()));
    Ok(capture.finish(response, &visit, caller.as_ref()))
}

/// A request that is let in.
struct Admitted {
    /// Who calls, where the endpoint asks.
    caller: Option<Caller>,
    /// What that caller is served.
    service: Service,
    /// The tenant's right to have it carried out, where it comes without a body.
    _place: Option<OwnedSemaphorePermit>,
}

async fn admit(request: &ServiceRequest, visit: &Visit) -> Result<Admitted, ScimError> {
    let Some(app) = request.app_data::<web::Data<AppState>>() else {
        return Err(ScimError::new(ErrorKind::Internal, "the server is not set up"));
    };
    let stranger = || app.traffic.count_stranger(visit.address.as_deref());
    let caller = match identify(app, request, visit).await {
        Ok(Some(caller)) => caller,
        Ok(None) => {
            stranger()?;
            return Ok(Admitted { caller: None, service: app.services.standard().clone(), _place: None });
        }
        Err(error) if error.kind() == ErrorKind::Unauthorized => {
            stranger()?;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    app.traffic.count(&caller.principal.actor().id)?;
    if caller.principal.is_suspended() {
        return Err(ScimError::new(ErrorKind::Forbidden, SUSPENDED));
    }
    // Whoever sends a body waits for a place when it is there.
    let place =
        if has_body(request.method()) { None } else { Some(app.traffic.enter(caller.principal.tenant()).await?) };
    let service = match app.services.find(&caller.principal) {
        Some(service) => service,
        None => {
            let own = caller.clone();
            blocking::run(app, move |app| app.services.load(&app.store, &own)).await?
        }
    };
    Ok(Admitted { caller: Some(caller), service, _place: place })
}

async fn identify(
    app: &web::Data<AppState>,
    request: &ServiceRequest,
    visit: &Visit,
) -> Result<Option<Caller>, ScimError> {
    let header = request.headers().get(AUTHORIZATION);
    if header.is_none() && is_open(request.path()) {
        return Ok(None);
    }
    let record = |refusal: &Refusal| {
        let event = AuditEvent::new(Action::AuthenticationRefused, Target::new("Credential", &refusal.id))
            .because(refusal.reason);
        app.refusals.record(visit.nobody(refusal.tenant, refusal.id.as_str()), event);
        request.extensions_mut().insert(refusal.clone());
    };
    let refuse = |refusal: Refusal| {
        record(&refusal);
        Challenge::Refused(refusal.told).raise(request)
    };
    if request.headers().get_all(AUTHORIZATION).count() > 1 {
        return Err(refuse(Refusal::unknown("several credentials")));
    }
    if header.is_some() && names_token(request.query_string()) {
        record(&Refusal::unknown("a token in the URL beside the header"));
        return Err(Challenge::SeveralMethods.raise(request));
    }
    let principal = principal(app, header, visit.address.clone()).await?;
    principal.map(|principal| Some(visit.caller(principal))).map_err(refuse)
}

/// Looks once more at the credential of a request whose body took its time: what was revoked meanwhile changes nothing any more.
///
/// # Errors
/// Those that the request would be answered with if it came now.
pub(super) async fn admit_again(
    app: &web::Data<AppState>,
    request: &HttpRequest,
    caller: &Caller,
) -> Result<(), ScimError> {
    let header = request.headers().get(AUTHORIZATION);
    match principal(app, header, caller.address.clone()).await? {
        Ok(principal) if principal.is_suspended() => Err(ScimError::new(ErrorKind::Forbidden, SUSPENDED)),
        Ok(_) => Ok(()),
        Err(refusal) => {
            let event = AuditEvent::new(Action::AuthenticationRefused, Target::new("Credential", &refusal.id))
                .because(refusal.reason);
            let nobody = Principal::anonymous(refusal.tenant, refusal.id.clone());
            app.refusals.record(Caller { principal: Arc::new(nobody), ..caller.clone() }, event);
            let told = refusal.told;
            request.extensions_mut().insert(refusal);
            Err(Challenge::Refused(told).raise(request))
        }
    }
}

/// Whose credential a header holds, as is known from the last second or as the database says now.
async fn principal(
    app: &web::Data<AppState>,
    header: Option<&HeaderValue>,
    address: Option<Arc<str>>,
) -> Result<Result<Arc<Principal>, Refusal>, ScimError> {
    // A header that is not ASCII holds no token of ours.
    let header = header.map(|value| value.to_str().unwrap_or_default());
    let credential = match app.authenticator.credential(header) {
        Ok(credential) => credential,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(principal) = app.authenticator.recent(&credential, address.as_deref()) {
        return Ok(Ok(principal));
    }
    let _permit = blocking::permit(&app.verifications).await?;
    blocking::run(app, move |app| app.authenticator.verify(&app.store, &credential, address.as_deref()).map_err(failed))
        .await
}

fn failed(error: KeyError) -> ScimError {
    match error {
        KeyError::Store(error) => error.into(),
        error => ScimError::new(ErrorKind::Internal, "the server failed to verify the token").caused_by(error),
    }
}

/// Whether a query has the parameter by which a token could be sent (RFC 6750 section 2.3), which is not taken here: URLs are logged.
fn names_token(query: &str) -> bool {
    query.split('&').any(|parameter| parameter.split('=').next() == Some("access_token"))
}

fn is_open(path: &str) -> bool {
    let segment = path.strip_prefix(super::SCIM_BASE).and_then(|rest| rest.trim_start_matches('/').split('/').next());
    segment.is_some_and(|segment| OPEN.contains(&segment))
}

fn record_refused_write<B>(response: &ServiceResponse<B>, method: &Method, caller: &Caller) {
    let changes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method);
    let write = changes && !response.request().path().ends_with("/.search");
    // That there were too many says nothing of this one.
    let refused = response.status().is_client_error() && response.status() != StatusCode::TOO_MANY_REQUESTS;
    if !write || !refused || caller.principal.tenant() == TenantId::NONE {
        return;
    }
    let Some(app) = response.request().app_data::<web::Data<AppState>>() else {
        return;
    };
    let parameters = response.request().match_info();
    // A route without parameters has a name of its own, such as `Bulk`.
    let path = response.request().path().trim_start_matches(super::SCIM_BASE).trim_start_matches('/');
    let endpoint = excerpt(parameters.get("endpoint").unwrap_or(path));
    let target = Target::new(endpoint, excerpt(parameters.get("id").unwrap_or_default()));
    let detail = scim_error(response).map(ScimError::detail);
    app.refusals.record_write(caller.clone(), target, method.as_str(), response.status().as_u16(), detail);
}

fn scim_error<B>(response: &ServiceResponse<B>) -> Option<&ScimError> {
    response.response().error().and_then(Error::as_error::<ScimError>)
}
