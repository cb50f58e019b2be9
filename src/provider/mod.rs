//! The use cases, one file per verb of RFC 7644 section 3, where protocol and storage meet. Synchronous: the HTTP layer runs each
//! on a blocking thread, with one connection.

mod browse;
mod bulk;
mod create;
mod cursor;
pub mod definitions;
mod delete;
mod members;
mod modify;
mod query;
mod replace;
mod retrieve;
mod row;
mod services;
pub mod tenants;
mod update;

pub use browse::{Browse, Browsed, Member, MemberList, browse, has_more_members, members, members_among};
pub use bulk::bulk;
pub use create::create;
pub use delete::delete;
pub use modify::{Modified, modify};
pub use query::query;
pub use replace::replace;
pub use retrieve::retrieve;
pub use services::Services;

use std::sync::Arc;

use crate::auth::Caller;
use crate::auth::stamp::StampKey;
use crate::id::ResourceId;
use crate::scim::error::ScimError;
use crate::scim::membership;
use crate::scim::present::Presentation;
use crate::scim::project::Projection;
use crate::scim::registry::Registry;
use crate::scim::resource::{Meta, Representation};
use crate::scim::resource_type::ResourceType;
use crate::store::{Store, StoredResource};

/// What a tenant is served: its resource types, below one base URL.
#[derive(Debug, Clone)]
pub struct Service {
    /// The resource types and schemas.
    pub registry: Arc<Registry>,
    /// The base URL of the SCIM endpoints, without a slash at the end.
    pub base_url: Arc<str>,
}

impl Service {
    /// The endpoint behind a path segment (`Users`).
    #[must_use]
    pub fn endpoint(&self, segment: &str) -> Option<Endpoint> {
        self.registry.by_endpoint(segment).map(|resource_type| self.endpoint_of(resource_type))
    }

    /// The endpoints of all resource types, in the order of the types' names.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let mut endpoints: Vec<Endpoint> =
            self.registry.resource_types().iter().map(|resource_type| self.endpoint_of(resource_type)).collect();
        endpoints.sort_by(|left, right| left.resource_type.name.cmp(&right.resource_type.name));
        endpoints
    }

    fn endpoint_of(&self, resource_type: &Arc<ResourceType>) -> Endpoint {
        let url = format!("{}/{}", self.base_url, resource_type.endpoint);
        Endpoint { resource_type: Arc::clone(resource_type), url: url.into() }
    }

    /// What the URIs of groups start with.
    fn group_location(&self) -> String {
        self.member_locations().pop().unwrap_or_default()
    }

    /// What the URIs of members of groups start with, for each of the types of members.
    fn member_locations(&self) -> Vec<String> {
        membership::locations(&self.base_url, |name| Some(self.registry.by_name(name)?.endpoint.clone()))
    }
}

/// A type of resource and where it is.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The type of resource.
    pub resource_type: Arc<ResourceType>,
    /// The URL of the collection, without a slash at the end.
    pub url: Arc<str>,
}

impl Endpoint {
    /// The URI of a resource.
    fn location(&self, id: impl std::fmt::Display) -> String {
        format!("{}/{id}", self.url)
    }

    fn meta(&self, stored: &StoredResource) -> Meta {
        Meta {
            resource_type: self.resource_type.name.clone(),
            created: stored.created_at,
            last_modified: stored.last_modified_at,
            location: self.location(stored.id),
            version: stored.version,
        }
    }

    /// A resource without its members, which are read where they are shown.
    fn represent(&self, stored: StoredResource) -> Representation {
        let meta = self.meta(&stored);
        Representation { document: stored.document, meta, groups: stored.groups, members: None }
    }

    /// The id in a URL, or the 404 for text that cannot be one.
    fn id(&self, text: &str) -> Result<ResourceId, ScimError> {
        ResourceId::parse(text).ok_or_else(|| self.not_found(text))
    }

    fn not_found(&self, id: &str) -> ScimError {
        ScimError::no_such_resource(&self.resource_type.name, id)
    }
}

/// A use case's surroundings: the database, who calls, what that caller is served, and the key of the cursors.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The database.
    pub store: &'a Store,
    /// Who calls.
    pub caller: &'a Caller,
    /// What the caller is served.
    pub service: &'a Service,
    /// Authenticates cursors.
    pub cursors: &'a StampKey,
}

impl Context<'_> {
    /// How resources of an endpoint are shown.
    #[must_use]
    pub fn presentation<'e>(&self, endpoint: &'e Endpoint, projection: &Projection) -> Presentation<'e> {
        Presentation::new(projection, &endpoint.resource_type, self.service.member_locations())
    }
}
