//! Pages for people: signing in, one's account, the set-up of a fresh installation. All of them work without JavaScript.

mod account;
mod error;
mod form;
mod frame;
mod page;
mod setup;
mod sign_in;
mod visitor;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::header::LOCATION;
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, Resource, web};

use super::AppState;
use super::encrypted::encrypted_page;
use super::visit::visit;

pub(super) use error::{PageError, Problem};
pub(super) use form::Form;
pub(super) use frame::frame;
pub(super) use page::Page;
pub(super) use sign_in::sign_in_page;
pub(super) use visitor::Visitor;

/// Where these pages are.
pub(super) const BASE: &str = "/admin";

/// All of them.
pub(super) fn routes() -> impl HttpServiceFactory {
    web::scope(BASE)
        .wrap(from_fn(encrypted_page))
        .wrap(from_fn(frame))
        .wrap(from_fn(visit))
        .service(only("", "GET").route(web::get().to(account::account)))
        .service(
            only("/login", "GET, POST").route(web::get().to(sign_in::form)).route(web::post().to(sign_in::sign_in)),
        )
        .service(only("/logout", "POST").route(web::post().to(sign_in::sign_out)))
        .service(only("/setup", "GET, POST").route(web::get().to(setup::form)).route(web::post().to(setup::claim)))
        .service(only("/password", "POST").route(web::post().to(account::change_password)))
        .service(only("/sessions/end", "POST").route(web::post().to(account::end_session)))
        .default_service(web::to(|| async { Err::<HttpResponse, _>(PageError::new(Problem::NotFound)) }))
}

/// A page that takes only these methods.
pub(super) fn only(path: &'static str, methods: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move || async move {
        Err::<HttpResponse, _>(PageError::new(Problem::Method(methods)))
    }))
}

/// Sends the browser elsewhere, by GET whatever the method was (RFC 9700 section 4.12).
pub(super) fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// Sends the browser to a page of ours.
fn see_page(app: &AppState, path: &str) -> HttpResponse {
    see_other(&format!("{}{path}", app.site.base))
}
