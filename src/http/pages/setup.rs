//! The first administrator of a fresh installation.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::error::{PageError, Problem, refused};
use super::form::Form;
use super::page::Page;
use super::sign_in::{user_agent, welcome};
use super::visitor::Visitor;
use super::{PageRoute, see_page, show};
use crate::auth::administrators::NewAdministrator;
use crate::auth::password::SHORTEST;
use crate::auth::role::Role;
use crate::auth::sessions;
use crate::auth::setup::{self, SetupError};
use crate::http::visit::Visit;
use crate::http::{AppState, blocking};
use crate::id::TenantId;

pub(in crate::http) const ROUTES: &[PageRoute] =
    &[PageRoute::open_get("/setup", || web::get().to(form)), PageRoute::open_post("/setup", || web::post().to(claim))];

/// `GET /admin/setup`.
async fn form(app: web::Data<AppState>, visitor: Visitor) -> Result<HttpResponse, PageError> {
    if !blocking::run(&app, |app| setup::is_open(&app.store).map_err(PageError::from)).await? {
        return Ok(see_page(&app, "/admin/login"));
    }
    page().respond(&app, Some(&visitor))
}

/// `POST /admin/setup`: creates the administrator and signs in.
async fn claim(
    app: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let caller = visit.nobody(TenantId::NONE, "");
    let user_agent = user_agent(&request);
    let (form, result) = blocking::run_long(&app, move |app| {
        let new = NewAdministrator { email: form.get("email"), role: Role::Owner, password: form.get("password") };
        let result = match setup::claim(&app.store, &app.token_key, &caller, form.get("code"), &new) {
            Ok(row) => sessions::begin(
                &app.store,
                &app.token_key,
                &caller,
                &row,
                user_agent.as_deref(),
                Some(&form.visitor.cookie),
            )?
            // Somebody changed the account already: it is there, to sign in with.
            .ok_or(SetupError::Done),
            Err(error) => Err(error),
        };
        Ok::<_, PageError>((form, result))
    })
    .await?;
    let (status, sentence) = match result {
        Ok(secret) => {
            let next = format!("{}/admin/setup/address", app.site.base);
            return Ok(welcome(&app, &form.visitor, form.get("email"), &secret, &next));
        }
        Err(SetupError::Done) => return Err(PageError::new(Problem::SetUp)),
        Err(error @ SetupError::Code) => (StatusCode::FORBIDDEN, show::sentence(&error.to_string())),
        Err(SetupError::Administrator(error)) => refused(error)?,
        Err(SetupError::Store(error)) => return Err(error.into()),
        Err(error @ SetupError::Random(_)) => return Err(PageError::fault(error)),
    };
    page().status(status).with("problem", sentence).with("email", form.get("email")).respond(&app, Some(&form.visitor))
}

fn page() -> Page {
    Page::new("setup.html").with("shortest", SHORTEST)
}
