//! `/admin/audit/verify`

use actix_web::{HttpResponse, web};
use chrono::Utc;

use super::chain_shown;
use super::query::Query;
use crate::audit::{Action, AuditEvent, Target};
use crate::http::admin::administrator::Administrator;
use crate::http::pages::{Form, PageError};
use crate::http::{AppState, blocking};

/// `GET /admin/audit/verify`
pub(super) async fn show(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let query = Query::of_page(&administrator.page);
    let caller = query.caller(&administrator);
    let chain =
        blocking::run(&app, move |app| app.store.read(&caller, |tenant| tenant.audit_chain()).map_err(PageError::from))
            .await?;
    let page = administrator
        .page("audit/verify.html")
        .with("chain", chain_shown(chain.as_ref(), Utc::now()))
        .with("export", query.given())
        .with("here", query.elsewhere("/verify", &[]))
        .with("list", query.elsewhere("", &[]))
        .with(
            "broken_entry",
            chain.and_then(|chain| chain.broken_event).map(|id| query.elsewhere(&format!("/{id}"), &[])),
        );
    administrator.respond(&app, page)
}

/// `POST /admin/audit/verify`
pub(super) async fn ask(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let query = Query::of(form.fields());
    let caller = query.caller(&administrator);
    let asked = blocking::run(&app, move |app| {
        let event = AuditEvent::new(Action::AuditVerify, Target::new("AuditLog", caller.principal.tenant()));
        app.store.run(&caller, |tenant| tenant.ask_verification(Utc::now(), &event)).map_err(PageError::from)
    })
    .await?;
    let notice = if asked {
        "The whole chain is being verified. This page says how far it is."
    } else {
        "The chain is being verified already, or has no entries yet."
    };
    administrator.done(&app, &query.elsewhere("/verify", &[]), notice).await
}
