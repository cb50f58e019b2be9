//! `GET /oauth/authorize` (RFC 6749 section 3.1): a client sends somebody here.

use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::{consent, pending};
use crate::http::encrypted::encrypted_page;
use crate::http::pages::{self, PageError, Visitor, frame, see_other};
use crate::http::visit::Visit;
use crate::http::{AppState, SCIM_BASE, blocking};
use crate::oauth::authorization_request::{self, addressee, failure};
use crate::oauth::consent::{client, terms};
use crate::oauth::parameters::Parameters;

/// The endpoint.
pub(super) fn resource() -> impl actix_web::dev::HttpServiceFactory {
    let resource: Resource = pages::only("/authorize", "GET");
    resource.route(web::get().to(authorize)).wrap(from_fn(encrypted_page)).wrap(from_fn(frame))
}

async fn authorize(
    app: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    // The endpoint's own query, such as a scope that an administrator appended to the URL, is among them (RFC 6749 section 3.1).
    let parameters = Parameters::parse(request.query_string());
    let (client_id, redirect_uri) = addressee(&parameters)?;
    let (id, uri) = (client_id.to_owned(), redirect_uri.to_owned());
    let client = blocking::run(&app, move |app| client(&app.store, &id, &uri).map_err(PageError::from)).await?;
    // From here on the client can be told.
    match authorization_request::read(&parameters, &terms(&client), &format!("{}{SCIM_BASE}", app.public_url)) {
        Ok(request) => {
            let stamped = pending::stamp(&app, &request)?;
            consent::present(&app, &visit, &visitor, &stamped, request).await
        }
        Err(error) => {
            let state = authorization_request::state(&parameters);
            Ok(see_other(&failure(redirect_uri, &error, state, &app.public_url)))
        }
    }
}
