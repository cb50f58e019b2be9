//! The page at `/`: that the server runs, and what to do next.

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, web};

use super::pages::{Page, PageError, Problem, Visitor, frame};
use super::visit::visit;
use super::{AppState, blocking};
use crate::auth::setup;

/// The page.
pub(super) fn routes() -> impl HttpServiceFactory {
    web::resource("/")
        .wrap(from_fn(frame))
        .wrap(from_fn(visit))
        .route(web::get().to(welcome))
        .route(web::head().to(welcome))
        .default_service(web::to(|| async {
            Err::<HttpResponse, _>(PageError::new(Problem::Method("GET, HEAD".into())))
        }))
}

async fn welcome(app: web::Data<AppState>) -> Result<HttpResponse, PageError> {
    let fresh = blocking::run(&app, |app| setup::is_open(&app.store).map_err(PageError::from)).await;
    Page::new("welcome.html")
        .with("scim_url", &*app.services.standard().base_url)
        // Without its database the server shows the page all the same.
        .with("is_fresh", fresh.unwrap_or(false))
        .respond(&app, None::<&Visitor>)
}
