//! What authentication reads of header tokens.

use chrono::{DateTime, Utc};
use diesel::define_sql_function;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use serde_json::Value;
use uuid::Uuid;

use super::super::Gate;
use super::super::error::Error;
use super::super::schema::{header_tokens, resources, tenants};
use super::super::time::Clamped;
use crate::auth::TenantSettings;
use crate::id::{ResourceId, TenantId};

/// What authentication needs of a token and its tenant.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// The public id.
    pub id: String,
    /// The tenant.
    pub tenant: TenantId,
    /// What every request needs of the tenant's settings.
    pub settings: TenantSettings,
    /// The token's name.
    pub name: String,
    /// The keyed hash of the secret.
    pub secret_hash: Vec<u8>,
    /// Names of the scopes.
    pub scopes: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// From where it is taken.
    pub allowed_networks: Vec<String>,
    /// The user that it stands for.
    pub user: Option<TokenUser>,
}

/// The user that a token stands for.
#[derive(Debug, Clone, Copy)]
pub struct TokenUser {
    /// The user's id.
    pub id: ResourceId,
    /// Whether the user is there and active; one whose `active` was removed is not known to be.
    pub may_sign_in: bool,
}

diesel::alias!(header_tokens as any_token: AnyToken);

define_sql_function! {
    /// The first one, or the second where the first is none.
    fn coalesce(first: Nullable<Text>, second: Nullable<Text>) -> Nullable<Text>;
}

#[derive(Queryable)]
struct GateRow {
    id: String,
    tenant: Uuid,
    name: String,
    secret_hash: Vec<u8>,
    scopes: Vec<String>,
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    expires_at: Option<DateTime<Utc>>,
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    revoked_at: Option<DateTime<Utc>>,
    allowed_networks: Vec<String>,
    user_id: Option<Uuid>,
    user: Option<Value>,
    stores_passwords: bool,
    schema_revision: i64,
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    suspended_at: Option<DateTime<Utc>>,
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    delete_after: Option<DateTime<Utc>>,
}

impl Gate<'_> {
    /// The token with this public id, or another one where there is none, so that the time tells nobody which ids there are. `None` where
    /// there is no token at all.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn nearest_header_token(&mut self, id: &str) -> Result<Option<StoredToken>, Error> {
        let own = any_token.field(header_tokens::id);
        let first = any_token.select(own).order(own);
        let next = first.filter(own.ge(id));
        let user = resources::tenant_id
            .eq(header_tokens::tenant_id)
            .and(resources::resource_type.eq("User"))
            .and(resources::id.nullable().eq(header_tokens::user_id));
        let row: Option<GateRow> = header_tokens::table
            .inner_join(tenants::table)
            .left_join(resources::table.on(user))
            .filter(header_tokens::id.nullable().eq(coalesce(next.single_value(), first.single_value())))
            .select((
                header_tokens::id,
                header_tokens::tenant_id,
                header_tokens::name,
                header_tokens::secret_hash,
                header_tokens::scopes,
                header_tokens::expires_at,
                header_tokens::revoked_at,
                header_tokens::allowed_networks,
                header_tokens::user_id,
                resources::comparable.nullable(),
                tenants::stores_passwords,
                tenants::schema_revision,
                tenants::suspended_at,
                tenants::delete_after,
            ))
            .first(self.pg)
            .optional()?;
        Ok(row.map(|row| StoredToken {
            id: row.id,
            tenant: TenantId(row.tenant),
            settings: TenantSettings {
                stores_passwords: row.stores_passwords,
                schema_revision: row.schema_revision,
                is_suspended: row.suspended_at.is_some() || row.delete_after.is_some(),
            },
            name: row.name,
            secret_hash: row.secret_hash,
            scopes: row.scopes,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            allowed_networks: row.allowed_networks,
            user: row.user_id.map(|id| TokenUser {
                id: ResourceId(id),
                may_sign_in: row.user.is_some_and(|user| user.get("active") == Some(&Value::Bool(true))),
            }),
        }))
    }
}
