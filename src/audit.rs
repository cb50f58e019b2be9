//! What the audit log says of a change or a refusal. Plain data; the store writes it in the transaction of the change.

use serde_json::{Map, Value};

use crate::scim::resource::Resource;

/// How it came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused, or was what nobody should try.
    Refused,
}

impl Outcome {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Done, Self::Refused];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// The outcome of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// Makes the enumeration of a table of actions: name, code, outcome, label, and the words between actor and target.
macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $outcome:ident, $label:literal, $deed:literal;)*) => {
        /// What was done. The code is stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// All actions.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            const fn row(self) -> (&'static str, Outcome, &'static str, &'static str) {
                match self {
                    $(Self::$name => ($code, Outcome::$outcome, $label, $deed),)*
                }
            }
        }
    };
}

actions! {
    /// A resource was created.
    Create = "resource.create", Done, "Resource created", "created";
    /// A resource was replaced (PUT).
    Replace = "resource.replace", Done, "Resource replaced", "replaced";
    /// A resource was modified (PATCH).
    Modify = "resource.modify", Done, "Resource modified", "modified";
    /// A resource was deleted.
    Delete = "resource.delete", Done, "Resource deleted", "deleted";
    /// A tenant was created.
    TenantCreate = "tenant.create", Done, "Tenant created", "created";
    /// A tenant's settings were changed.
    TenantUpdate = "tenant.update", Done, "Tenant changed", "changed the settings of";
    /// A schema was imported into a tenant.
    SchemaImport = "schema.import", Done, "Schema imported", "imported";
    /// A schema was removed from a tenant.
    SchemaRemove = "schema.remove", Done, "Schema removed", "removed";
    /// A resource type was imported into a tenant.
    ResourceTypeImport = "resource_type.import", Done, "Resource type imported", "imported";
    /// A resource type was removed from a tenant.
    ResourceTypeRemove = "resource_type.remove", Done, "Resource type removed", "removed";
    /// A header token was created.
    TokenCreate = "token.create", Done, "Header token created", "created";
    /// A header token was replaced by a new one.
    TokenRotate = "token.rotate", Done, "Header token rotated", "rotated";
    /// A header token was revoked.
    TokenRevoke = "token.revoke", Done, "Header token revoked", "revoked";
    /// An administrator was created.
    AdministratorCreate = "administrator.create", Done, "Administrator created", "created";
    /// An administrator's password was changed, or the person was disabled or enabled.
    AdministratorUpdate = "administrator.update", Done, "Administrator changed", "changed";
    /// An administrator signed in.
    SignIn = "session.sign_in", Done, "Signed in", "signed in as";
    /// An administrator signed out.
    SignOut = "session.sign_out", Done, "Signed out", "signed out as";
    /// An attempt to sign in was refused.
    SignInRefused = "session.refused", Refused, "Sign-in refused", "was not let in as";
    /// An OAuth client was created.
    ClientCreate = "client.create", Done, "OAuth client created", "created";
    /// An OAuth client was disabled or enabled.
    ClientUpdate = "client.update", Done, "OAuth client changed", "changed";
    /// An OAuth client got a new secret.
    ClientSecretRotate = "client.rotate_secret", Done, "Client secret rotated", "made a new secret for";
    /// The authentication of an OAuth client was refused.
    ClientRefused = "client.refused", Refused, "Client refused", "could not authenticate as";
    /// An administrator consented to what an OAuth client asked for.
    Consent = "oauth.consent", Done, "Consent given", "consented to";
    /// An administrator did not consent.
    ConsentDenied = "oauth.deny", Refused, "Consent denied", "did not consent to";
    /// An access token was issued, for a code or for a client itself.
    AccessTokenIssue = "oauth.issue", Done, "Access token issued", "got an access token of";
    /// An access token was issued for a refresh token.
    AccessTokenRefresh = "oauth.refresh", Done, "Access token refreshed", "refreshed an access token of";
    /// A code or refresh token was used again; what came of it was revoked.
    Reuse = "oauth.reuse", Refused, "Code or token reused", "used a code or token again, which revoked";
    /// A grant was revoked, and with it all of its tokens.
    GrantRevoke = "oauth.revoke_grant", Done, "Grant revoked", "revoked";
    /// An access token was revoked.
    AccessTokenRevoke = "oauth.revoke_token", Done, "Access token revoked", "revoked";
    /// A signing key was made.
    KeyCreate = "key.create", Done, "Signing key made", "made";
    /// The next signing key took over.
    KeyRotate = "key.rotate", Done, "Signing key rotated", "rotated to";
    /// A signing key was removed, and all of its tokens are refused.
    KeyRemove = "key.remove", Done, "Signing key removed", "removed";
    /// The master key was replaced, and what was kept as a keyed hash under it ended.
    MasterKeyReplace = "master_key.replace", Done, "Master key replaced", "replaced";
    /// The audit log, or a part of it, was exported.
    AuditExport = "audit.export", Done, "Audit log exported", "exported";
    /// Somebody asked for the whole audit log to be verified.
    AuditVerify = "audit.verify", Done, "Audit log verified", "asked to verify";
    /// An administrator set a second factor up.
    SecondFactorSetUp = "second_factor.set_up", Done, "Second factor set up", "set up a second factor for";
    /// An administrator's second factor was removed.
    SecondFactorRemove = "second_factor.remove", Done, "Second factor removed", "removed the second factor of";
    /// An administrator made new recovery codes.
    RecoveryCodesRenew = "second_factor.renew_codes", Done, "Recovery codes renewed", "made new recovery codes for";
    /// A tenant was suspended.
    TenantSuspend = "tenant.suspend", Done, "Tenant suspended", "suspended";
    /// A suspended tenant was resumed.
    TenantResume = "tenant.resume", Done, "Tenant resumed", "resumed";
    /// A tenant is to be deleted.
    TenantDelete = "tenant.delete", Done, "Tenant marked for deletion", "marked for deletion";
    /// A tenant that was to be deleted is kept.
    TenantRestore = "tenant.restore", Done, "Tenant restored", "restored";
    /// The data of a tenant was deleted.
    TenantErase = "tenant.erase", Done, "Tenant erased", "erased the data of";
    /// The settings of the installation were changed.
    SettingsUpdate = "settings.update", Done, "Settings changed", "changed";
    /// Somebody was invited to become an administrator, or to choose a new password.
    InvitationCreate = "invitation.create", Done, "Invitation made", "invited by";
    /// An invitation was revoked.
    InvitationRevoke = "invitation.revoke", Done, "Invitation revoked", "revoked";
    /// An invitation was accepted.
    InvitationAccept = "invitation.accept", Done, "Invitation accepted", "accepted";
    /// The name, the scopes, the end or the networks of a header token were changed.
    TokenUpdate = "token.update", Done, "Header token changed", "changed";
    /// A secret of an OAuth client was ended.
    ClientSecretRetire = "client.retire_secret", Done, "Client secret retired", "retired a secret of";
    /// The wizard that connects an identity provider was begun.
    ConnectStart = "connect.start", Done, "Wizard begun", "began the wizard";
    /// A credential was made in the wizard.
    ConnectCredential = "connect.credential", Done, "Credential made in the wizard", "made a credential in the wizard,";
    /// The server called itself, to see whether an identity provider could.
    ConnectSelfTest = "connect.self_test", Done, "Self-test run", "ran the self-test for";
    /// A setup link was made.
    SetupLinkCreate = "setup_link.create", Done, "Set-up link made", "made";
    /// A setup link was opened, and a session began.
    SetupLinkRedeem = "setup_link.redeem", Done, "Set-up link used", "used";
    /// A setup link was revoked, and the session that began by it ended.
    SetupLinkRevoke = "setup_link.revoke", Done, "Set-up link revoked", "revoked";
    /// A setup link, or what should be one, was refused.
    SetupLinkRefused = "setup_link.refused", Refused, "Set-up link refused", "could not use";
    /// An administrator is from now on known by an identity provider.
    AdministratorLink = "administrator.link", Done, "Account linked", "linked";
    /// Sign-in by an identity provider was set up or changed, or with passwords switched on or off.
    SsoUpdate = "sso.update", Done, "Single sign-on changed", "changed";
    /// A credential was refused.
    AuthenticationRefused = "authentication.refused", Refused, "Credential refused", "was refused with";
    /// An authenticated write was refused.
    WriteRefused = "write.refused", Refused, "Write refused", "was refused a change of";
}

impl Action {
    /// The code in the log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().0
    }

    /// How it came out.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        self.row().1
    }

    /// What it is called in lists.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.row().2
    }

    /// What stands between who did it and what it was done to, in a sentence.
    #[must_use]
    pub const fn deed(self) -> &'static str {
        self.row().3
    }

    /// The action of this code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.code() == code)
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

    /// Adds the state before.
    #[must_use]
    pub fn before(mut self, before: Value) -> Self {
        self.before = Some(before);
        self
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn actions_are_told_apart_by_code_and_label() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.code()), Some(*action));
        }
        let labels: HashSet<_> = Action::ALL.iter().map(|action| action.label()).collect();
        assert_eq!(labels.len(), Action::ALL.len());
        assert_eq!(Action::parse("Resource.create"), None);
    }
}
