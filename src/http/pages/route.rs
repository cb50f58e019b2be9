//! One row of the table of pages.

use actix_web::Route;
use actix_web::http::Method;

use crate::auth::role::Right;

/// A page, or what a form on one is sent to.
#[derive(Clone)]
pub struct PageRoute {
    /// The path below `/admin`.
    pub path: &'static str,
    /// GET for what is looked at, POST for what changes something.
    pub method: Method,
    /// What it asks of whoever uses it; `None` where nobody needs to be signed in.
    pub right: Option<Right>,
    handler: fn() -> Route,
}

impl PageRoute {
    /// A page that is looked at.
    pub(in crate::http) const fn get(path: &'static str, right: Right, handler: fn() -> Route) -> Self {
        Self { path, method: Method::GET, right: Some(right), handler }
    }

    /// What a form is sent to.
    pub(in crate::http) const fn post(path: &'static str, right: Right, handler: fn() -> Route) -> Self {
        Self { path, method: Method::POST, right: Some(right), handler }
    }

    /// The page as actix takes it.
    pub(in crate::http) fn route(&self) -> Route {
        (self.handler)()
    }

    /// A page for everybody, signed in or not.
    pub(in crate::http) const fn open_get(path: &'static str, handler: fn() -> Route) -> Self {
        Self { path, method: Method::GET, right: None, handler }
    }

    /// What a form is sent to that everybody has.
    pub(in crate::http) const fn open_post(path: &'static str, handler: fn() -> Route) -> Self {
        Self { path, method: Method::POST, right: None, handler }
    }
}
