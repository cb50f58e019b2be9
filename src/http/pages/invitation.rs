//! Where a one-time link leads to: whoever has it chooses a password, and is signed in.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::error::{PageError, refused};
use super::form::Form;
use super::page::Page;
use super::sign_in::{user_agent, welcome};
use super::visitor::Visitor;
use super::{PageRoute, see_page, show};
use crate::auth::invitations::{self, InvitationError};
use crate::auth::password::SHORTEST;
use crate::auth::sessions;
use crate::http::visit::Visit;
use crate::http::{AppState, blocking};
use crate::id::TenantId;

pub(in crate::http) const ROUTES: &[PageRoute] = &[
    PageRoute::open_get("/invitation", || web::get().to(form)),
    PageRoute::open_post("/invitation", || web::post().to(accept)),
];

/// `GET /admin/invitation`.
async fn form(app: web::Data<AppState>, visitor: Visitor) -> Result<HttpResponse, PageError> {
    page().respond(&app, Some(&visitor))
}

/// `POST /admin/invitation`.
async fn accept(
    app: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let caller = visit.nobody(TenantId::NONE, "");
    let user_agent = user_agent(&request);
    let (form, result) = blocking::run_long(&app, move |app| {
        let accepted = invitations::accept(&app.store, &app.token_key, &caller, form.get("code"), form.get("password"));
        let result = match accepted {
            Ok(row) => {
                let before = Some(&*form.visitor.cookie);
                let begun = sessions::begin(&app.store, &app.token_key, &caller, &row, user_agent.as_deref(), before)?;
                Ok(begun.map(|secret| (row.email, secret)))
            }
            Err(error) => Err(error),
        };
        Ok::<_, PageError>((form, result))
    })
    .await?;
    let (status, field, sentence) = match result {
        Ok(Some((email, secret))) => {
            return Ok(welcome(&app, &form.visitor, &email, &secret, &format!("{}/admin", app.site.base)));
        }
        // The password is set, but signing in takes a second factor, or the account was disabled meanwhile.
        Ok(None) => return Ok(see_page(&app, "/admin/login")),
        Err(error @ InvitationError::NoPasswords) => {
            (StatusCode::FORBIDDEN, "code", show::sentence(&error.to_string()))
        }
        Err(error @ InvitationError::Code) => (StatusCode::FORBIDDEN, "code", show::sentence(&error.to_string())),
        Err(error @ InvitationError::Taken) => (StatusCode::CONFLICT, "code", show::sentence(&error.to_string())),
        Err(InvitationError::Administrator(error)) => {
            let (status, sentence) = refused(error)?;
            (status, "password", sentence)
        }
        Err(InvitationError::Store(error)) => return Err(error.into()),
        Err(error @ InvitationError::Random(_)) => return Err(PageError::fault(error)),
    };
    // The link is in the hands of whoever sent this, and it goes on: it is needed for the next attempt.
    let code = if field == "password" { form.get("code") } else { "" };
    let page = page().status(status).with("problems", serde_json::json!({ field: sentence })).with("code", code);
    page.respond(&app, Some(&form.visitor))
}

fn page() -> Page {
    Page::new("invitation.html").with("shortest", SHORTEST).with("problems", serde_json::Value::Null).with("code", "")
}
