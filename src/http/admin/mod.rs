//! The admin UI. [`routes::all`] is the table of its pages and of what each asks of whoever uses it; the middleware [`admit`] holds
//! requests to it, so no page has to.

mod account;
mod address;
mod administrator;
mod administrators;
mod admit;
mod audit;
mod chart;
mod clients;
mod connect;
mod diff;
mod directory;
mod keys;
mod log;
mod mark;
mod navigation;
mod overview;
mod question;
mod routes;
mod schemas;
mod settings;
mod settle;
mod sso;
mod tenant;
mod tenants;
mod tokens;
mod why;

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};

use super::AppState;
use super::encrypted::encrypted_page;
use super::pages::{BASE, Page, PageError, Problem, Visitor, frame};
use super::visit::{Visit, visit};
use administrator::Administrator;

pub(super) use account::set_up_url;
pub use routes::all as page_routes;
pub(super) use routes::nearest_page;

/// All pages below [`BASE`].
pub(super) fn mount() -> impl HttpServiceFactory {
    let scope = web::scope(BASE)
        .wrap(from_fn(encrypted_page))
        .wrap(from_fn(frame))
        .wrap(from_fn(visit))
        .default_service(web::to(|| async { Err::<HttpResponse, _>(PageError::new(Problem::NotFound)) }));
    routes::resources().into_iter().fold(scope, |scope, resource| scope.service(resource))
}

/// A page outside of the table, such as that of an error, in the frame of the UI: where somebody is signed in, as far as that is known
/// already or `may_ask` the database. `None` for a bare page.
pub(super) async fn framed(
    app: &web::Data<AppState>,
    request: &HttpRequest,
    template: &'static str,
    may_ask: bool,
) -> Option<(Page, Visitor)> {
    let known = request.extensions().get::<Administrator>().cloned();
    let administrator = match known {
        Some(known) => known,
        None if may_ask && (request.path() == BASE || request.path().starts_with("/admin/")) => {
            let visitor = Visitor::extract(request).await.ok()?;
            let visit = request.extensions().get::<Visit>().cloned()?;
            Administrator::load(app, visitor, visit, request.path().to_owned(), false).await.ok()?
        }
        None => return None,
    };
    let page = administrator.page(template);
    Some((page, administrator.visitor))
}
