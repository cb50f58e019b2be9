//! Header tokens.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::{header_tokens, resources, tenants};
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;
use crate::auth::TenantSettings;
use crate::id::{ResourceId, TenantId};

/// A header token as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = header_tokens)]
pub struct TokenRow {
    /// The public id, part of the token.
    pub id: String,
    /// The tenant it belongs to.
    pub tenant_id: Uuid,
    /// The name that people gave it.
    pub name: String,
    /// The keyed hash of the secret.
    pub secret_hash: Vec<u8>,
    /// Which master key made the hash.
    pub key_version: i16,
    /// Names of the scopes.
    pub scopes: Vec<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// From where.
    pub last_used_address: Option<String>,
    /// The token that replaces it.
    pub rotated_to: Option<String>,
    /// The user that it stands for.
    pub user_id: Option<Uuid>,
}

impl TokenRow {
    /// Whether a call at `now` would be accepted.
    #[must_use]
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires| expires > now)
    }
}

/// What authentication needs of a token and its tenant.
#[derive(Debug, Clone)]
pub struct StoredToken {
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

/// One use of a token.
#[derive(Debug, Clone)]
pub struct TokenUse {
    /// When.
    pub at: DateTime<Utc>,
    /// From where.
    pub address: Option<String>,
}

#[derive(Queryable)]
struct GateRow {
    tenant: Uuid,
    name: String,
    secret_hash: Vec<u8>,
    scopes: Vec<String>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    user_id: Option<Uuid>,
    user: Option<Value>,
    stores_passwords: bool,
    schema_revision: i64,
    suspended_at: Option<DateTime<Utc>>,
    delete_after: Option<DateTime<Utc>>,
}

impl Gate<'_> {
    /// The token with this public id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn header_token(&mut self, id: &str) -> Result<Option<StoredToken>, Error> {
        let user = resources::tenant_id
            .eq(header_tokens::tenant_id)
            .and(resources::resource_type.eq("User"))
            .and(resources::id.nullable().eq(header_tokens::user_id));
        let row: Option<GateRow> = header_tokens::table
            .inner_join(tenants::table)
            .left_join(resources::table.on(user))
            .filter(header_tokens::id.eq(id))
            .select((
                header_tokens::tenant_id,
                header_tokens::name,
                header_tokens::secret_hash,
                header_tokens::scopes,
                header_tokens::expires_at,
                header_tokens::revoked_at,
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
            user: row.user_id.map(|id| TokenUser {
                id: ResourceId(id),
                may_sign_in: row.user.is_some_and(|user| user.get("active") == Some(&Value::Bool(true))),
            }),
        }))
    }

    /// Records when tokens were last used. Not audited: it changes nothing that anybody decided.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn record_token_uses(&mut self, uses: &HashMap<String, TokenUse>) -> Result<(), Error> {
        for (id, token_use) in uses {
            diesel::update(header_tokens::table.find(id))
                .set((
                    header_tokens::last_used_at.eq(token_use.at),
                    header_tokens::last_used_address.eq(&token_use.address),
                ))
                .execute(self.pg)?;
        }
        Ok(())
    }

    /// The tenant that a token belongs to.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn tenant_of_token(&mut self, id: &str) -> Result<Option<TenantId>, Error> {
        let query = header_tokens::table.find(id).select(header_tokens::tenant_id);
        Ok(query.first(self.pg).optional()?.map(TenantId))
    }
}

impl TenantConn<'_> {
    /// Inserts a token.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn insert_header_token(&mut self, row: &TokenRow, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::insert_into(header_tokens::table).values(row).execute(pg)?;
            audit.insert(pg)
        })
    }

    /// One token of the tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn header_token(&mut self, id: &str) -> Result<Option<TokenRow>, Error> {
        let query = header_tokens::table
            .filter(header_tokens::tenant_id.eq(self.tenant().0))
            .filter(header_tokens::id.eq(id))
            .select(TokenRow::as_select());
        let result = query.first(self.pg).optional();
        self.done(result)
    }

    /// The tokens of the tenant, the newest first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn header_tokens(&mut self) -> Result<Vec<TokenRow>, Error> {
        let query = header_tokens::table
            .filter(header_tokens::tenant_id.eq(self.tenant().0))
            .order((header_tokens::created_at.desc(), header_tokens::id))
            .select(TokenRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }

    /// Inserts the successor of a valid token, which itself ends at `end`. `false`, and nothing changed, when the old one was
    /// revoked or rotated meanwhile.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn rotate_header_token(
        &mut self,
        new: &TokenRow,
        old: &str,
        end: DateTime<Utc>,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let valid = header_tokens::table
                .filter(header_tokens::tenant_id.eq(tenant))
                .filter(header_tokens::id.eq(old))
                .filter(header_tokens::revoked_at.is_null())
                .filter(header_tokens::rotated_to.is_null());
            let changes = (header_tokens::expires_at.eq(end), header_tokens::rotated_to.eq(&new.id));
            if diesel::update(valid).set(changes).execute(pg)? == 0 {
                return Ok(false);
            }
            diesel::insert_into(header_tokens::table).values(new).execute(pg)?;
            audit.insert(pg).map(|()| true)
        })
    }

    /// Revokes a token. `false` when there is no such token, or it was revoked before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn revoke_header_token(&mut self, id: &str, event: &AuditEvent) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let valid = header_tokens::table
                .filter(header_tokens::tenant_id.eq(tenant))
                .filter(header_tokens::id.eq(id))
                .filter(header_tokens::revoked_at.is_null());
            if diesel::update(valid).set(header_tokens::revoked_at.eq(Utc::now())).execute(pg)? == 0 {
                return Ok(false);
            }
            audit.insert(pg).map(|()| true)
        })
    }
}
