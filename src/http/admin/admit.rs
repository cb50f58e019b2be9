//! Middleware of each page: the form is ours, somebody is signed in, and the role allows it.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};

use super::account;
use super::administrator::Administrator;
use super::routes::nearest_page;
use crate::auth::role::Right;
use crate::http::AppState;
use crate::http::pages::{BASE, Form, PageError, Problem, Visitor};
use crate::http::visit::Visit;

/// Lets a request pass that has the right, and gives handlers the [`Form`] and the [`Administrator`].
pub(super) async fn admit<B: MessageBody + 'static>(
    right: Option<Right>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    match admitted(right, &mut request).await {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(error) => Ok(request.error_response(error).map_into_right_body()),
    }
}

async fn admitted(right: Option<Right>, request: &mut ServiceRequest) -> Result<(), PageError> {
    let visitor = request.extract::<Visitor>().await?;
    request.extensions_mut().insert(visitor.clone());
    if request.method() != Method::GET {
        let form = request.extract::<Form>().await?;
        request.extensions_mut().insert(form);
    }
    let Some(right) = right else {
        return Ok(());
    };
    let (Some(app), Some(visit)) =
        (request.app_data::<web::Data<AppState>>().cloned(), request.extensions().get::<Visit>().cloned())
    else {
        return Err(PageError::new(Problem::Fault));
    };
    // Whoever signs in anew comes back to the page; a form that was sent is not sent again, and the page that it was on is opened.
    let page = request.uri().path_and_query().map_or(BASE, |page| page.as_str());
    let return_to = if request.method() == Method::GET { page.to_owned() } else { nearest_page(request.path()) };
    let session = visitor.signed_in(&app, &return_to)?;
    let person = &session.person;
    if session.must_set_up && !account::sets_up(request.path()) {
        return Err(PageError::new(Problem::Elsewhere(account::set_up_url(&app, "return_to", &return_to))));
    }
    if request.path() == BASE && !person.has(right) && person.has(Right::Connect) {
        return Err(PageError::new(Problem::Elsewhere(format!("{}{BASE}/connect", app.site.base))));
    }
    if !person.has(right) {
        return Err(PageError::new(Problem::NotAllowed).saying(refusal(right, person.role.name())));
    }
    let is_opened = request.method() == Method::GET && !request.headers().contains_key("x-requested-with");
    let administrator = Administrator::load(&app, visitor, visit, page.to_owned(), is_opened).await?;
    let is_gone = administrator.tenant.deleted_at.is_some();
    request.extensions_mut().insert(administrator);
    let changes_tenant = request.method() != Method::GET && matches!(right, Right::Connect | Right::Write | Right::Own);
    if is_gone && changes_tenant {
        let sentence = "The tenant that you work in is deleted: its audit log can be read, and nothing can be changed. Choose another.";
        return Err(PageError::new(Problem::Conflict).saying(sentence));
    }
    Ok(())
}

fn refusal(right: Right, role: &str) -> String {
    let needed = match right {
        Right::Account | Right::Connect | Right::Read => "This page is not among those of your role",
        Right::Write => "Changing this needs the role admin or owner",
        Right::Own => "Changing this needs the role owner",
        Right::Operate => "This belongs to all tenants, and needs an owner over all of them",
    };
    format!("{needed}; yours is {role}. Nothing was changed.")
}
