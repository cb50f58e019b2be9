//! The page at `/`: that the server runs, and what to do next.

use actix_web::{HttpResponse, web};

use super::AppState;

/// Renders the page.
pub(super) async fn welcome(app: web::Data<AppState>) -> HttpResponse {
    let mut context = tera::Context::new();
    context.insert("scim_url", &*app.services.standard().base_url);
    context.insert("version", env!("CARGO_PKG_VERSION"));
    match app.templates.render("welcome.html", &context) {
        Ok(page) => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .insert_header((
                "Content-Security-Policy",
                "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
            ))
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .insert_header(("Referrer-Policy", "no-referrer"))
            .insert_header(("Cache-Control", "no-store"))
            .body(page),
        Err(error) => {
            log::error!("welcome page: {error}");
            HttpResponse::InternalServerError().content_type("text/plain").body("the page could not be rendered\n")
        }
    }
}
