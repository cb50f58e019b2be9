//! What the audit log says of a change or a refusal. Plain data; the store writes it in the transaction of the change.

use serde_json::{Map, Value};

use crate::scim::resource::Resource;

/// What was done. The text is a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A resource was created.
    Create,
    /// A resource was replaced (PUT).
    Replace,
    /// A resource was modified (PATCH).
    Modify,
    /// A resource was deleted.
    Delete,
    /// A tenant was created.
    TenantCreate,
    /// A tenant's settings were changed.
    TenantUpdate,
    /// A schema was imported into a tenant.
    SchemaImport,
    /// A schema was removed from a tenant.
    SchemaRemove,
    /// A resource type was imported into a tenant.
    ResourceTypeImport,
    /// A resource type was removed from a tenant.
    ResourceTypeRemove,
    /// A header token was created.
    TokenCreate,
    /// A header token was replaced by a new one.
    TokenRotate,
    /// A header token was revoked.
    TokenRevoke,
    /// An administrator was created.
    AdministratorCreate,
    /// An administrator's password was changed, or the person was disabled or enabled.
    AdministratorUpdate,
    /// An administrator signed in.
    SignIn,
    /// An administrator signed out.
    SignOut,
    /// An attempt to sign in was refused.
    SignInRefused,
    /// An OAuth client was created.
    ClientCreate,
    /// An OAuth client was disabled or enabled.
    ClientUpdate,
    /// An OAuth client got a new secret.
    ClientSecretRotate,
    /// The authentication of an OAuth client was refused.
    ClientRefused,
    /// An administrator consented to what an OAuth client asked for.
    Consent,
    /// An administrator did not consent.
    ConsentDenied,
    /// An access token was issued, for a code or for a client itself.
    AccessTokenIssue,
    /// An access token was issued for a refresh token.
    AccessTokenRefresh,
    /// A code or refresh token was used again; what came of it was revoked.
    Reuse,
    /// A grant was revoked, and with it all of its tokens.
    GrantRevoke,
    /// An access token was revoked.
    AccessTokenRevoke,
    /// A signing key was made.
    KeyCreate,
    /// The next signing key took over.
    KeyRotate,
    /// A signing key was removed, and all of its tokens are refused.
    KeyRemove,
    /// A credential was refused.
    AuthenticationRefused,
    /// An authenticated write was refused.
    WriteRefused,
}

impl Action {
    /// The code in the log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Create => "resource.create",
            Self::Replace => "resource.replace",
            Self::Modify => "resource.modify",
            Self::Delete => "resource.delete",
            Self::TenantCreate => "tenant.create",
            Self::TenantUpdate => "tenant.update",
            Self::SchemaImport => "schema.import",
            Self::SchemaRemove => "schema.remove",
            Self::ResourceTypeImport => "resource_type.import",
            Self::ResourceTypeRemove => "resource_type.remove",
            Self::TokenCreate => "token.create",
            Self::TokenRotate => "token.rotate",
            Self::TokenRevoke => "token.revoke",
            Self::AdministratorCreate => "administrator.create",
            Self::AdministratorUpdate => "administrator.update",
            Self::SignIn => "session.sign_in",
            Self::SignOut => "session.sign_out",
            Self::SignInRefused => "session.refused",
            Self::ClientCreate => "client.create",
            Self::ClientUpdate => "client.update",
            Self::ClientSecretRotate => "client.rotate_secret",
            Self::ClientRefused => "client.refused",
            Self::Consent => "oauth.consent",
            Self::ConsentDenied => "oauth.deny",
            Self::AccessTokenIssue => "oauth.issue",
            Self::AccessTokenRefresh => "oauth.refresh",
            Self::Reuse => "oauth.reuse",
            Self::GrantRevoke => "oauth.revoke_grant",
            Self::AccessTokenRevoke => "oauth.revoke_token",
            Self::KeyCreate => "key.create",
            Self::KeyRotate => "key.rotate",
            Self::KeyRemove => "key.remove",
            Self::AuthenticationRefused => "authentication.refused",
            Self::WriteRefused => "write.refused",
        }
    }
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// `User`, `HeaderToken`, …
    pub kind: String,
    /// Its id, or what stood in its place.
    pub id: String,
}

impl Target {
    /// A target of this kind.
    pub fn new(kind: impl Into<String>, id: impl std::fmt::Display) -> Self {
        Self { kind: kind.into(), id: id.to_string() }
    }
}

/// One entry of the audit log. Who did it, when and from where is added by the store from the caller.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// What was done.
    pub action: Action,
    /// To what.
    pub target: Target,
    /// The touched attributes as they were.
    pub before: Option<Value>,
    /// The touched attributes as they are now.
    pub after: Option<Value>,
    /// Why, for a refusal.
    pub detail: Option<String>,
}

impl AuditEvent {
    /// An event without attributes.
    #[must_use]
    pub fn new(action: Action, target: Target) -> Self {
        Self { action, target, before: None, after: None, detail: None }
    }

    /// Adds the state after.
    #[must_use]
    pub fn after(mut self, after: Value) -> Self {
        self.after = Some(after);
        self
    }

    /// Adds the reason of a refusal.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the attributes in which two states of a resource differ. A new password shows only that there is one.
    #[must_use]
    pub fn difference(mut self, before: &Resource, after: &Resource, password_changed: bool) -> Self {
        let changed = |these: &Map<String, Value>, those: &Map<String, Value>| -> Map<String, Value> {
            let differs = |name: &str, value: &Value| those.get(name) != Some(value);
            these.iter().filter(|(name, value)| differs(name, value)).map(|(n, v)| (n.clone(), v.clone())).collect()
        };
        let mut now = changed(&after.attributes, &before.attributes);
        if password_changed {
            now.insert("password".into(), Value::String("(changed)".into()));
        }
        self.before = Some(Value::Object(changed(&before.attributes, &after.attributes)));
        self.after = Some(Value::Object(now));
        self
    }
}
