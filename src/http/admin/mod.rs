//! The admin UI. [`routes::all`] is the table of its pages and of what each asks of whoever uses it; the middleware [`admit`] holds
//! requests to it, so no page has to.

mod account;
mod address;
mod administrator;
mod admit;
mod audit;
mod connect;
mod diff;
mod navigation;
mod overview;
mod routes;
mod tenant;

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, web};

use super::encrypted::encrypted_page;
use super::pages::{BASE, PageError, Problem, frame};
use super::visit::visit;

pub(super) use account::set_up_url;
pub use routes::all as page_routes;

/// All pages below [`BASE`].
pub(super) fn mount() -> impl HttpServiceFactory {
    let scope = web::scope(BASE)
        .wrap(from_fn(encrypted_page))
        .wrap(from_fn(frame))
        .wrap(from_fn(visit))
        .default_service(web::to(|| async { Err::<HttpResponse, _>(PageError::new(Problem::NotFound)) }));
    routes::resources().into_iter().fold(scope, |scope, resource| scope.service(resource))
}
