//! What stands behind an access token: the client, the tenant, the grant, and whether the token was revoked. All in one query.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::Gate;
use super::error::Error;
use super::schema::{oauth_clients, oauth_grants, revoked_access_tokens, tenants};
use super::time::Clamped;
use crate::auth::TenantSettings;
use crate::id::TenantId;

/// What is asked about: the claims of a token of ours.
#[derive(Debug, Clone, Copy)]
pub struct AccessQuestion<'a> {
    /// The client.
    pub client_id: &'a str,
    /// The tenant.
    pub tenant: TenantId,
    /// The grant, where the token came of one.
    pub grant: Option<Uuid>,
    /// The token's own id.
    pub jti: Uuid,
}

/// What there is of it. All is as of one moment.
#[derive(Debug, Clone)]
pub struct Access {
    /// The client's name.
    pub client_name: String,
    /// The tenant that the client provisions; [`TenantId::NONE`] for a catalogue client.
    pub client_tenant: TenantId,
    /// When the client was disabled.
    pub client_disabled_at: Option<DateTime<Utc>>,
    /// Access tokens issued before are refused.
    pub tokens_not_before: Option<DateTime<Utc>>,
    /// The settings of the tenant, if there is one of this id.
    pub settings: Option<TenantSettings>,
    /// The grant, if there is one of this id in this tenant, to this client.
    pub grant: Option<GrantState>,
    /// Whether the token itself was revoked.
    pub token_revoked: bool,
}

/// What a grant is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantState {
    /// Its tokens are valid.
    Valid,
    /// It was revoked, and with it all of its tokens.
    Revoked,
}

#[derive(Queryable)]
struct Row {
    client_name: String,
    client_tenant: Uuid,
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    client_disabled_at: Option<DateTime<Utc>>,
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    tokens_not_before: Option<DateTime<Utc>>,
    stores_passwords: Option<bool>,
    schema_revision: Option<i64>,
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    suspended_at: Option<DateTime<Utc>>,
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    delete_after: Option<DateTime<Utc>>,
    grant: Option<Uuid>,
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    grant_revoked_at: Option<DateTime<Utc>>,
    revoked_jti: Option<String>,
}

impl Gate<'_> {
    /// What stands behind an access token; `None` when there is no such client.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn access(&mut self, question: AccessQuestion<'_>) -> Result<Option<Access>, Error> {
        let TenantId(tenant) = question.tenant;
        let grant = oauth_grants::tenant_id
            .eq(tenant)
            .and(oauth_grants::id.nullable().eq(question.grant))
            .and(oauth_grants::client_id.eq(oauth_clients::id));
        let row: Option<Row> = oauth_clients::table
            .left_join(tenants::table.on(tenants::id.eq(tenant)))
            .left_join(oauth_grants::table.on(grant))
            .left_join(revoked_access_tokens::table.on(revoked_access_tokens::jti.eq(question.jti.to_string())))
            .filter(oauth_clients::id.eq(question.client_id))
            .select((
                oauth_clients::name,
                oauth_clients::tenant_id,
                oauth_clients::disabled_at,
                oauth_clients::tokens_not_before,
                tenants::stores_passwords.nullable(),
                tenants::schema_revision.nullable(),
                tenants::suspended_at.nullable(),
                tenants::delete_after.nullable(),
                oauth_grants::id.nullable(),
                oauth_grants::revoked_at.nullable(),
                revoked_access_tokens::jti.nullable(),
            ))
            .first(self.pg)
            .optional()?;
        Ok(row.map(|row| Access {
            client_name: row.client_name,
            client_tenant: TenantId(row.client_tenant),
            client_disabled_at: row.client_disabled_at,
            tokens_not_before: row.tokens_not_before,
            settings: row.stores_passwords.zip(row.schema_revision).map(|(stores_passwords, schema_revision)| {
                let is_suspended = row.suspended_at.is_some() || row.delete_after.is_some();
                TenantSettings { stores_passwords, schema_revision, is_suspended }
            }),
            grant: row.grant.map(|_| match row.grant_revoked_at {
                None => GrantState::Valid,
                Some(_) => GrantState::Revoked,
            }),
            token_revoked: row.revoked_jti.is_some(),
        }))
    }
}
