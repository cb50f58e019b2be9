//! The caller once known: tenant, actor and scopes.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::id::{ResourceId, TenantId};

/// What a credential may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Read resources.
    Read,
    /// Create, change and delete resources.
    Write,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// The scope's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "scim.read",
            Self::Write => "scim.write",
        }
    }

    /// The scope of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Whether the scope is in the set.
    #[must_use]
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// The names of the scopes in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope)).map(Scope::name)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u8))
    }
}

/// What kind of caller it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActorKind {
    /// The holder of a header token.
    HeaderToken,
    /// An OAuth client, by an access token or by its own authentication.
    OauthClient,
    /// A person who is signed in.
    Administrator,
    /// The person at the command line of the server.
    Operator,
    /// The server by itself.
    System,
    /// Nobody known.
    Anonymous,
}

impl ActorKind {
    /// The code in the audit log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::HeaderToken => "header_token",
            Self::OauthClient => "oauth_client",
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }
}

/// Who acts, as the audit log names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Actor {
    /// What kind of caller.
    pub kind: ActorKind,
    /// The credential's id.
    pub id: String,
    /// The name that people gave it.
    pub name: String,
}

/// What every request needs of the settings of the caller's tenant. As old as the look at the credential: a second at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantSettings {
    /// Whether the tenant keeps passwords.
    pub stores_passwords: bool,
    /// Counts the changes of what the tenant is served; 0 is the standard.
    pub schema_revision: i64,
    /// Whether the tenant is served nothing at present.
    pub is_suspended: bool,
}

/// An authenticated caller. Only this module's callers inside `auth` make one, so whoever has a `Principal` has proven
/// something; the command line uses [`Principal::operator`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    tenant: TenantId,
    settings: TenantSettings,
    actor: Actor,
    scopes: Scopes,
    user: Option<ResourceId>,
}

impl Principal {
    pub(super) fn new(tenant: TenantId, settings: TenantSettings, actor: Actor, scopes: Scopes) -> Self {
        Self { tenant, settings, actor, scopes, user: None }
    }

    /// The same, standing for a user of the tenant.
    pub(super) fn for_user(self, user: Option<ResourceId>) -> Self {
        Self { user, ..self }
    }

    /// The operator at the command line, who may act for any tenant.
    #[must_use]
    pub fn operator(tenant: TenantId) -> Self {
        let actor = Actor { kind: ActorKind::Operator, id: "cli".into(), name: "command line".into() };
        Self::new(tenant, TenantSettings::default(), actor, Scope::ALL.into_iter().collect())
    }

    /// An OAuth client.
    pub(crate) fn oauth_client(
        tenant: TenantId,
        settings: TenantSettings,
        id: &str,
        name: &str,
        scopes: Scopes,
    ) -> Self {
        let actor = Actor { kind: ActorKind::OauthClient, id: id.to_owned(), name: name.to_owned() };
        Self::new(tenant, settings, actor, scopes)
    }

    /// A person who is signed in, acting for this tenant. The rights of people are their role's; they call no SCIM endpoint.
    pub(crate) fn administrator(tenant: TenantId, settings: TenantSettings, id: Uuid, email: &str) -> Self {
        let actor = Actor { kind: ActorKind::Administrator, id: id.to_string(), name: email.to_owned() };
        Self::new(tenant, settings, actor, Scopes::default())
    }

    /// The server, doing something by itself: in a tenant, or what belongs to none.
    pub(crate) fn system(tenant: TenantId) -> Self {
        let actor = Actor { kind: ActorKind::System, id: "server".into(), name: "server".into() };
        Self::new(tenant, TenantSettings::default(), actor, Scopes::default())
    }

    /// Nobody known, as whom refused callers are recorded. May do nothing.
    #[must_use]
    pub fn anonymous(tenant: TenantId, id: String) -> Self {
        let actor = Actor { kind: ActorKind::Anonymous, id, name: String::new() };
        Self::new(tenant, TenantSettings::default(), actor, Scopes::default())
    }

    /// The tenant whose data the caller may touch.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Whether the tenant keeps passwords.
    #[must_use]
    pub fn stores_passwords(&self) -> bool {
        self.settings.stores_passwords
    }

    /// Which state of what the tenant is served; see [`TenantSettings::schema_revision`].
    #[must_use]
    pub fn schema_revision(&self) -> i64 {
        self.settings.schema_revision
    }

    /// Whether the tenant is suspended, so that the caller is served nothing.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.settings.is_suspended
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The user that the credential stands for: `/Me` (RFC 7644 section 3.11).
    #[must_use]
    pub fn user(&self) -> Option<ResourceId> {
        self.user
    }

    /// Whether the credential has the scope.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }
}

/// A principal in one request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Arc<Principal>,
    /// The request's id, as the log and the reply have it.
    pub request_id: Arc<str>,
    /// The address the request came from.
    pub address: Option<Arc<str>>,
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
