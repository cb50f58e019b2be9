//! The HTTP interface: everything that knows actix.

mod admin;
mod assets;
mod authenticate;
mod authorized;
mod blocking;
mod challenge;
mod encrypted;
mod health;
mod identity_provider;
mod oauth;
mod outbound;
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
pub use pages::PageRoute;
pub use refusals::Refusals;
pub use request_log::RequestLog;
pub use state::{AppState, Parts};

use actix_web::HttpResponse;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};

use crate::scim::error::{ErrorKind, ScimError};

/// Where the SCIM endpoints are, below the public URL.
pub const SCIM_BASE: &str = "/scim/v2";

/// Mounts everything.
pub fn configure(config: &mut ServiceConfig, app: &web::Data<AppState>) {
    config
        .app_data(app.clone())
        .configure(health::routes)
        .service(scim::routes())
        .service(oauth::discovery::routes(&app.public_url))
        .service(oauth::routes())
        .service(assets::routes(app.assets()))
        .service(admin::mount())
        .service(welcome::routes())
        .default_service(web::to(elsewhere).wrap(from_fn(authenticate::astray)));
}

/// Whoever misses the base URL is most likely an identity provider whose administrator left out a part of it, and reads SCIM
/// errors.
async fn elsewhere() -> Result<HttpResponse, ScimError> {
    Err(ScimError::new(ErrorKind::NotFound, format!("there is nothing at this path; SCIM is served below {SCIM_BASE}")))
}
