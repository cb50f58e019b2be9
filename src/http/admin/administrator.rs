//! Whoever works in the admin UI: a person whose right to the page is established, and the tenant that the person works in.

use std::future::{Ready, ready};

use url::form_urlencoded;
use uuid::Uuid;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::navigation;
use crate::auth::Caller;
use crate::auth::administrators::Person;
use crate::auth::role::Right;
use crate::auth::secret::Secret;
use crate::auth::sessions::{self, Session};
use crate::http::pages::{Form, Page, PageError, Problem, Visitor, see_page};
use crate::http::visit::Visit;
use crate::http::{AppState, blocking};
use crate::id::TenantId;
use crate::provider::Service;
use crate::scim::error::ScimError;
use crate::store::TenantRow;

/// Tenants that the switch at the top offers at most.
const OFFERED_TENANTS: i64 = 100;

/// What the ids of forms are stamped for.
const ONCE: &[u8] = b"once";

/// The extractor of handlers behind [`super::admit`].
#[derive(Debug, Clone)]
pub(super) struct Administrator {
    /// The browser.
    pub visitor: Visitor,
    /// The session of the person.
    pub session: Session,
    /// The tenant at hand.
    pub tenant: TenantRow,
    /// The tenants that the person may choose from.
    tenants: Vec<TenantRow>,
    visit: Visit,
    /// The path and query that were asked for.
    pub page: String,
    notice: Option<String>,
}

impl Administrator {
    /// Looks up the tenant at hand. `is_opened` says that a person looks at the page, which then says what is to be said.
    ///
    /// # Errors
    /// The way to sign in where nobody is, and those of the database.
    pub(super) async fn load(
        app: &web::Data<AppState>,
        visitor: Visitor,
        visit: Visit,
        page: String,
        is_opened: bool,
    ) -> Result<Self, PageError> {
        let mut session = visitor.signed_in(app, &page)?.clone();
        blocking::run(app, move |app| {
            let person = &session.person;
            // By its id, so that a form never means another tenant than it did when it was opened.
            let own = if person.is_operator() { session.chosen.unwrap_or(TenantId::DEFAULT) } else { person.tenant };
            let (tenant, tenants) = app.store.gate(|gate| {
                let at_hand = gate.tenant_with_id(own)?;
                let tenants = if person.is_operator() { gate.tenants(OFFERED_TENANTS)? } else { Vec::new() };
                Ok((at_hand, tenants))
            })?;
            let tenant = tenant.ok_or_else(|| PageError::new(Problem::NotFound).saying("There is no tenant."))?;
            let notice = if is_opened { sessions::take_notice(&app.store, &mut session)? } else { None };
            Ok(Self { visitor, session, tenant, tenants, visit, page, notice })
        })
        .await
    }

    /// Who it is.
    pub(super) fn person(&self) -> &Person {
        &self.session.person
    }

    /// The tenant at hand.
    pub(super) fn tenant_id(&self) -> TenantId {
        TenantId(self.tenant.id)
    }

    /// The person as the caller of what is done in the tenant at hand.
    pub(super) fn caller(&self) -> Caller {
        self.caller_in(&self.tenant)
    }

    /// The person as the caller of what is done in a tenant: an operator changes others than the one at hand.
    pub(super) fn caller_in(&self, tenant: &TenantRow) -> Caller {
        self.visit.caller(self.person().principal_in(TenantId(tenant.id), tenant.settings()))
    }

    /// The same where the settings of the tenant do not matter, or it is still to be made.
    pub(super) fn caller_for(&self, tenant: TenantId) -> Caller {
        self.visit.caller(self.person().principal(tenant))
    }

    /// The person as the caller of what belongs to no tenant.
    pub(super) fn caller_of_installation(&self) -> Caller {
        self.visit.caller(self.person().principal(TenantId::NONE))
    }

    /// The person as the caller of what is done to the own account.
    pub(super) fn own_caller(&self) -> Caller {
        self.visit.caller(self.person().principal(self.person().tenant))
    }

    /// Schemas, resource types and URLs of the tenant at hand. Reads them where they are not known, so it belongs on a blocking thread.
    ///
    /// # Errors
    /// Those of the database, as SCIM errors.
    pub(super) fn service(&self, app: &AppState) -> Result<Service, ScimError> {
        let caller = self.caller();
        match app.services.find(&caller.principal) {
            Some(service) => Ok(service),
            None => app.services.load(&app.store, &caller),
        }
    }

    /// Whether the person has a right, for a page that shows more to some.
    pub(super) fn may(&self, right: Right) -> bool {
        self.person().has(right)
    }

    /// The value of a parameter in the query; empty where there is none.
    pub(super) fn query(&self, name: &str) -> String {
        let query = self.page.split_once('?').map_or("", |(_, query)| query);
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map_or_else(String::new, |(_, value)| value.into_owned())
    }

    /// What a form carries, in its field `once`, that makes something once however often it is sent.
    pub(super) fn once(&self, app: &AppState) -> String {
        app.forms.stamp(&[ONCE, self.session.hash.as_bytes()], Uuid::now_v7().as_bytes())
    }

    /// The id of a form that carries [`Administrator::once`].
    ///
    /// # Errors
    /// The page of a form that is not ours.
    pub(super) fn submission(&self, app: &AppState, form: &Form) -> Result<Uuid, PageError> {
        let id = app.forms.read(&[ONCE, self.session.hash.as_bytes()], form.get("once"));
        let id = id.and_then(|id| Uuid::from_slice(&id).ok());
        id.ok_or_else(|| PageError::new(Problem::Stale))
    }

    /// A page in the frame of the UI: with the navigation, the tenant, and what is to be said of the last change.
    pub(super) fn page(&self, template: &'static str) -> Page {
        let here = self.page.split('?').next().unwrap_or_default();
        let tenants: Vec<Value> = self
            .tenants
            .iter()
            .map(|tenant| json!({"id": tenant.id, "name": tenant.name, "at_hand": tenant.id == self.tenant.id}))
            .collect();
        Page::new(template)
            .with("nav", navigation::shown(self.person(), here))
            .with("tenant", &*self.tenant.name)
            .with("is_suspended", self.tenant.is_suspended())
            .with("tenants", tenants)
            .with("notice", self.notice.clone())
            .with("may_write", self.may(Right::Write))
            .with("may_own", self.may(Right::Own))
            .with("may_operate", self.may(Right::Operate))
            .with("role", self.person().role.name())
            .with("has_account", self.may(Right::Account))
    }

    /// The same person with another cookie, and the session that goes on by that.
    pub(super) fn renewed(self, cookie: Secret, session: Session) -> Self {
        Self { visitor: self.visitor.renewed(cookie, session.clone()), session, ..self }
    }

    /// Renders such a page.
    ///
    /// # Errors
    /// When the template cannot be rendered.
    pub(super) fn respond(&self, app: &AppState, page: Page) -> Result<HttpResponse, PageError> {
        page.respond(app, Some(&self.visitor))
    }

    /// Sends the browser to a page of ours after a change, which that page then tells.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) async fn done(
        &self,
        app: &web::Data<AppState>,
        path: &str,
        notice: impl Into<String>,
    ) -> Result<HttpResponse, PageError> {
        let (session, notice) = (self.session.clone(), notice.into());
        blocking::run(app, move |app| sessions::leave_notice(&app.store, &session, &notice).map_err(PageError::from))
            .await?;
        Ok(see_page(app, path))
    }
}

impl FromRequest for Administrator {
    type Error = PageError;
    type Future = Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let administrator = request.extensions().get::<Self>().cloned();
        ready(administrator.ok_or_else(|| PageError::fault("the page is not in the table")))
    }
}
