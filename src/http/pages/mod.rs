//! What all pages for people have in common, and those that need nobody signed in. All of them work without JavaScript.

pub(super) mod code;
mod error;
mod form;
mod frame;
pub(super) mod invitation;
mod page;
pub(super) mod qr;
mod route;
pub(super) mod setup;
pub(super) mod setup_link;
pub(super) mod show;
pub(super) mod sign_in;
mod then;
mod visitor;

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, Resource, web};

use super::AppState;

pub(super) use error::{PageError, Problem, refused};
pub(super) use form::Form;
pub(super) use frame::frame;
pub(super) use page::Page;
pub use route::PageRoute;
pub(super) use sign_in::{add_cookie, query_value, sign_in_page};
pub(super) use then::Then;
pub(super) use visitor::{Visitor, attributes, presented, theme_cookie};

/// Where the pages are that people sign in for.
pub(super) const BASE: &str = "/admin";

/// A page that takes only these methods.
pub(super) fn only(path: &str, methods: impl Into<String>) -> Resource {
    let methods = methods.into();
    web::resource(path).default_service(web::to(move || {
        let methods = methods.clone();
        async move { Err::<HttpResponse, _>(PageError::new(Problem::Method(methods))) }
    }))
}

/// Sends the browser elsewhere, by GET whatever the method was (RFC 9700 section 4.12).
pub(super) fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// Sends the browser to a page of ours.
pub(super) fn see_page(app: &AppState, path: &str) -> HttpResponse {
    see_other(&format!("{}{path}", app.site.base))
}
