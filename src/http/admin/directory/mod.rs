//! Users, groups and whatever else a tenant is served: search, what is known of a resource, and changes to it. All of it goes by the
//! schemas, and every change through the use cases of the API, so that identity providers see it as they see their own.

mod detail;
mod edit;
mod form;
mod list;
mod members;
mod remove;
mod shown;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde_json::{Map, Value, json};

use super::administrator::Administrator;
use crate::auth::role::Right;
use crate::http::pages::{BASE, Page, PageError, PageRoute, Problem};
use crate::http::{AppState, blocking};
use crate::provider::{self, Context, Endpoint};
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::precondition::Preconditions;
use crate::scim::project::Projection;
use crate::scim::resource::{Meta, Representation, Resource};

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/users", Right::Read, || web::get().to(list::list)),
    PageRoute::get("/users/new", Right::Write, || web::get().to(edit::new)),
    PageRoute::post("/users/new", Right::Write, || web::post().to(edit::create)),
    PageRoute::get("/users/{id}", Right::Read, || web::get().to(detail::profile)),
    PageRoute::get("/users/{id}/json", Right::Read, || web::get().to(detail::json)),
    PageRoute::get("/users/{id}/groups", Right::Read, || web::get().to(detail::groups)),
    PageRoute::get("/users/{id}/history", Right::Read, || web::get().to(detail::history)),
    PageRoute::get("/users/{id}/edit", Right::Write, || web::get().to(edit::edit)),
    PageRoute::post("/users/{id}/edit", Right::Write, || web::post().to(edit::save)),
    PageRoute::get("/users/{id}/activate", Right::Write, || web::get().to(remove::ask)),
    PageRoute::post("/users/{id}/activate", Right::Write, || web::post().to(remove::perform)),
    PageRoute::get("/users/{id}/deactivate", Right::Write, || web::get().to(remove::ask)),
    PageRoute::post("/users/{id}/deactivate", Right::Write, || web::post().to(remove::perform)),
    PageRoute::get("/users/{id}/delete", Right::Write, || web::get().to(remove::ask)),
    PageRoute::post("/users/{id}/delete", Right::Write, || web::post().to(remove::perform)),
    PageRoute::get("/groups", Right::Read, || web::get().to(list::list)),
    PageRoute::get("/groups/new", Right::Write, || web::get().to(edit::new)),
    PageRoute::post("/groups/new", Right::Write, || web::post().to(edit::create)),
    PageRoute::get("/groups/{id}", Right::Read, || web::get().to(detail::profile)),
    PageRoute::get("/groups/{id}/json", Right::Read, || web::get().to(detail::json)),
    PageRoute::get("/groups/{id}/members", Right::Read, || web::get().to(members::list)),
    PageRoute::get("/groups/{id}/members/add", Right::Write, || web::get().to(members::find_candidates)),
    PageRoute::post("/groups/{id}/members/add", Right::Write, || web::post().to(members::add)),
    PageRoute::post("/groups/{id}/members/remove", Right::Write, || web::post().to(members::remove)),
    PageRoute::get("/groups/{id}/history", Right::Read, || web::get().to(detail::history)),
    PageRoute::get("/groups/{id}/edit", Right::Write, || web::get().to(edit::edit)),
    PageRoute::post("/groups/{id}/edit", Right::Write, || web::post().to(edit::save)),
    PageRoute::get("/groups/{id}/delete", Right::Write, || web::get().to(remove::ask)),
    PageRoute::post("/groups/{id}/delete", Right::Write, || web::post().to(remove::perform)),
    PageRoute::get("/resources/{endpoint}", Right::Read, || web::get().to(list::list)),
    PageRoute::get("/resources/{endpoint}/{id}", Right::Read, || web::get().to(detail::profile)),
    PageRoute::get("/resources/{endpoint}/{id}/json", Right::Read, || web::get().to(detail::json)),
    PageRoute::get("/resources/{endpoint}/{id}/history", Right::Read, || web::get().to(detail::history)),
];

/// The collections that pages change; those of other types are only looked at.
const OWN: [(&str, &str); 2] = [("users", "Users"), ("groups", "Groups")];

/// The collection of resources that a page is about.
#[derive(Debug, Clone)]
pub(super) struct Collection {
    /// The path segment of its endpoint.
    endpoint: String,
    /// The path of its list, without what stands before the paths of pages.
    path: String,
    /// Whether it may be changed here.
    is_own: bool,
}

impl FromRequest for Collection {
    type Error = PageError;
    type Future = Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let below = request.path().strip_prefix(BASE).unwrap_or_default().trim_start_matches('/');
        let first = below.split('/').next().unwrap_or_default();
        let own = OWN.iter().find(|(segment, _)| *segment == first);
        let collection = match (own, request.match_info().get("endpoint")) {
            (Some((segment, endpoint)), _) => {
                Self { endpoint: (*endpoint).to_owned(), path: format!("{BASE}/{segment}"), is_own: true }
            }
            (None, Some(endpoint)) => {
                Self { endpoint: endpoint.to_owned(), path: format!("{BASE}/resources/{endpoint}"), is_own: false }
            }
            (None, None) => return ready(Err(PageError::new(Problem::NotFound))),
        };
        ready(Ok(collection))
    }
}

impl Collection {
    /// The page of a resource.
    fn page_of(&self, id: &str) -> String {
        format!("{}/{id}", self.path)
    }
}

/// The id in the path of a page.
pub(super) struct Id(String);

impl FromRequest for Id {
    type Error = PageError;
    type Future = Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.match_info().get("id").unwrap_or_default().to_owned())))
    }
}

/// Runs use cases on the collection of a page, on a blocking thread.
async fn provide<T: Send + 'static>(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    collection: &Collection,
    work: impl FnOnce(&Context<'_>, &Endpoint) -> Result<T, PageError> + Send + 'static,
) -> Result<T, PageError> {
    let (administrator, name) = (administrator.clone(), collection.endpoint.clone());
    blocking::run(app, move |app| {
        let caller = administrator.caller();
        let service = administrator.service(app).map_err(refused)?;
        let endpoint = service.endpoint(&name).ok_or_else(|| PageError::new(Problem::NotFound))?;
        work(&Context { store: &app.store, caller: &caller, service: &service, cursors: &app.cursors }, &endpoint)
    })
    .await
}

/// The page of an error that nobody can mend in a form.
fn refused(error: ScimError) -> PageError {
    match error.kind() {
        ErrorKind::NotFound => PageError::new(Problem::NotFound)
            .saying("There is no such resource in this tenant. It may have been deleted."),
        ErrorKind::Unavailable => PageError::new(Problem::Unavailable),
        _ => PageError::fault(error),
    }
}

/// A resource without what belongs to others: members and groups.
struct Found {
    endpoint: Endpoint,
    meta: Meta,
    attributes: Map<String, Value>,
}

impl Found {
    fn new(endpoint: &Endpoint, representation: &Representation) -> Result<Self, PageError> {
        let resource = Resource::from_document(&representation.document).map_err(PageError::fault)?;
        Ok(Self { endpoint: endpoint.clone(), meta: representation.meta.clone(), attributes: resource.attributes })
    }

    fn id(&self) -> &str {
        id_of(&self.meta)
    }

    /// What people call it.
    fn title(&self) -> String {
        shown::title(&self.attributes, self.id())
    }

    fn is_inactive(&self) -> bool {
        self.attributes.get("active") == Some(&Value::Bool(false))
    }

    /// Values that the head of each of its pages shows.
    fn head(&self, page: Page, collection: &Collection, tab: &str) -> Page {
        let has = |name: &str| self.endpoint.resource_type.core_attribute(name).is_some();
        let tabs = [
            ("", "Profile", true),
            ("members", "Members", self.endpoint.resource_type.members().is_some() && collection.is_own),
            ("groups", "Groups", self.endpoint.resource_type.groups().is_some() && collection.is_own),
            ("json", "JSON", true),
            ("history", "History", true),
        ];
        let tabs: Vec<Value> = tabs
            .into_iter()
            .filter(|(.., there)| *there)
            .map(|(path, label, _)| json!({"path": path, "label": label, "is_here": path == tab}))
            .collect();
        page.with("path", collection.page_of(self.id()))
            .with("list_path", &*collection.path)
            .with("list_label", &*self.endpoint.resource_type.endpoint)
            .with("noun", noun(&self.endpoint))
            .with("title", self.title())
            .with("id", self.id())
            .with("tabs", tabs)
            .with("tab", tabs_label(tab))
            .with("is_own", collection.is_own)
            .with("has_active", has("active"))
            .with("inactive", self.is_inactive())
    }
}

fn tabs_label(tab: &str) -> &'static str {
    match tab {
        "members" => "Members",
        "groups" => "Groups",
        "json" => "JSON",
        "history" => "History",
        _ => "Profile",
    }
}

fn id_of(meta: &Meta) -> &str {
    meta.location.rsplit('/').next().unwrap_or_default()
}

/// The type of resource as a word within a sentence.
fn noun(endpoint: &Endpoint) -> String {
    endpoint.resource_type.name.to_lowercase()
}

/// A projection without what belongs to other resources.
fn alone() -> Projection {
    Projection::Except(vec!["members".into(), "groups".into()])
}

/// Reads a resource without its members and groups.
fn find(context: &Context<'_>, endpoint: &Endpoint, id: &str) -> Result<Found, PageError> {
    let view = context.presentation(endpoint, &alone());
    let found = provider::retrieve(context, endpoint, id, &Preconditions::default(), &view).map_err(refused)?;
    Found::new(endpoint, &found)
}
