//! The HTTP interface: everything that knows actix.

mod admin;
mod assets;
mod authenticate;
mod authorized;
mod blocking;
mod challenge;
mod encrypted;
mod health;
mod healthcheck;
mod identity_provider;
mod metrics;
mod oauth;
mod openapi;
mod outbound;
mod outside;
mod pages;
mod published;
mod refusals;
mod request_log;
pub mod scim;
mod state;
mod traffic;
mod visit;
mod welcome;

pub use admin::page_routes;
pub use assets::{AssetsError, find as find_assets, load_templates};
pub use healthcheck::check as check_health;
pub use metrics::{Watch, configure_metrics, count as count_request};
pub use outside::{Seen, look as look_from_outside};
pub use pages::PageRoute;
pub use refusals::Refusals;
pub use request_log::RequestLog;
pub use state::{AppState, Parts};

use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource, Route};

use crate::oauth::metadata::AUTHORIZE;
use crate::openapi::PATH;
use crate::scim::error::{ErrorKind, ScimError};

/// Where the SCIM endpoints are, below the public URL.
pub const SCIM_BASE: &str = "/scim/v2";

/// Mounts everything.
pub fn configure(config: &mut ServiceConfig, app: &web::Data<AppState>) {
    config
        .app_data(app.clone())
        .configure(health::routes)
        .service(read_only(PATH, |method| method.to(openapi::document), scim::not_allowed_answer))
        .service(scim::routes())
        .service(oauth::discovery::routes(&app.public_url))
        .service(oauth::routes())
        .service(assets::routes(app.assets()))
        .service(admin::mount())
        .service(welcome::routes())
        .default_service(web::to(elsewhere).wrap(from_fn(authenticate::astray)));
}

/// An endpoint of the API: the pages are none.
#[derive(Debug)]
pub struct ApiEndpoint {
    /// Where it is, below the public URL, with parameters in braces.
    pub path: String,
    /// The methods that it takes, as `Allow` names them.
    pub methods: &'static str,
}

/// All endpoints of the API, as [`configure`] mounts them, for a server whose public URL has no path. `GET /oauth/authorize` is a page,
/// and belongs to it all the same.
#[must_use]
pub fn api_endpoints() -> Vec<ApiEndpoint> {
    let scim = scim::endpoints().map(|(path, methods)| (format!("{SCIM_BASE}{path}"), methods));
    let posted = oauth::posted().map(|path| (path, "POST"));
    let authorize = (AUTHORIZE.to_owned(), "GET");
    let read = oauth::discovery::paths("").chain(health::paths().map(str::to_owned)).chain([PATH.to_owned()]);
    let all = scim.chain(posted).chain([authorize]).chain(read.map(|path| (path, READ)));
    all.map(|(path, methods)| ApiEndpoint { path, methods }).collect()
}

/// What an endpoint that is only read takes.
const READ: &str = "GET, HEAD";

/// Adds a handler to the route of a method.
type Handled = fn(Route) -> Route;

/// An endpoint that is only read, and answers other methods in the form of its protocol.
fn read_only(path: &str, handled: Handled, not_allowed: fn(&'static str) -> HttpResponse) -> Resource {
    web::resource(path)
        .route(handled(web::get()))
        .route(handled(web::head()))
        .default_service(web::to(move || async move { not_allowed(READ) }))
}

/// Whoever misses the base URL is most likely an identity provider whose administrator left out a part of it, and reads SCIM
/// errors.
async fn elsewhere() -> Result<HttpResponse, ScimError> {
    Err(ScimError::new(ErrorKind::NotFound, format!("there is nothing at this path; SCIM is served below {SCIM_BASE}")))
}
