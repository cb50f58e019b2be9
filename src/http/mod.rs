//! The HTTP interface: everything that knows actix.

mod assets;
mod authenticate;
mod authorized;
mod blocking;
mod health;
mod refusals;
pub mod scim;
mod state;
mod welcome;

pub use assets::{AssetsError, find as find_assets, load_templates};
pub use refusals::Refusals;
pub use state::{AppState, Parts};

use actix_web::web::{self, ServiceConfig};

/// Where the SCIM endpoints are, below the public URL.
pub const SCIM_BASE: &str = "/scim/v2";

/// Mounts everything.
pub fn configure(config: &mut ServiceConfig, app: &web::Data<AppState>) {
    config
        .app_data(app.clone())
        .configure(health::routes)
        .service(scim::routes())
        .service(assets::routes(app.assets()))
        .route("/", web::get().to(welcome::welcome));
}
