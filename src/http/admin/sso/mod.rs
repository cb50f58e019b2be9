//! Single sign-on: people sign in by the identity provider of the installation, which its operators set up here.

mod flow;
mod settings;

use actix_web::web;

use crate::auth::role::Right;
use crate::http::AppState;
use crate::http::pages::PageRoute;

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::open_get("/login/sso", || web::get().to(flow::begin)),
    PageRoute::open_get(CALLBACK, || web::get().to(flow::come_back)),
    PageRoute::get("/settings/sso", Right::Operate, || web::get().to(settings::show)),
    PageRoute::post("/settings/sso", Right::Operate, || web::post().to(settings::save)),
    PageRoute::get("/settings/sso/test", Right::Operate, || web::get().to(flow::test)),
    PageRoute::get("/settings/sso/passwords", Right::Operate, || web::get().to(settings::ask)),
    PageRoute::post("/settings/sso/passwords", Right::Operate, || web::post().to(settings::set_allows_passwords)),
];

/// Where the provider sends people back to.
const CALLBACK: &str = "/login/sso/callback";
/// The page of the settings, below the public URL.
const PAGE: &str = "/admin/settings/sso";

/// The whole URL of [`CALLBACK`], as the provider has to know it.
fn redirect_uri(app: &AppState) -> String {
    format!("{}/admin{CALLBACK}", app.public_url)
}
