//! Access tokens that were revoked one by one.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::{oauth_clients, oauth_grants, revoked_access_tokens};
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;
use crate::id::TenantId;

impl Gate<'_> {
    /// Whether nothing that an access token depends on was withdrawn: its client is enabled, and neither the token itself, nor its
    /// grant, nor all tokens of the client up to then were revoked.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn access_token_holds(
        &mut self,
        client_id: &str,
        tenant: TenantId,
        grant: Option<Uuid>,
        jti: &str,
        issued_at: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let of_token = oauth_grants::tenant_id
            .eq(tenant.0)
            .and(oauth_grants::id.nullable().eq(grant))
            .and(oauth_grants::client_id.eq(oauth_clients::id))
            .and(oauth_grants::revoked_at.is_null());
        let living = oauth_clients::table
            .left_join(oauth_grants::table.on(of_token))
            .left_join(revoked_access_tokens::table.on(revoked_access_tokens::jti.eq(jti)))
            .filter(oauth_clients::id.eq(client_id))
            .filter(oauth_clients::disabled_at.is_null())
            .filter(oauth_clients::tokens_not_before.is_null().or(oauth_clients::tokens_not_before.le(issued_at)))
            .filter(revoked_access_tokens::jti.is_null())
            .select(oauth_grants::id.nullable());
        let found: Option<Option<Uuid>> = living.first(self.pg).optional()?;
        Ok(found == Some(grant))
    }
}

impl TenantConn<'_> {
    /// Revokes an access token until it would have expired. `false` when it was revoked before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn revoke_access_token(
        &mut self,
        jti: &str,
        expires_at: DateTime<Utc>,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            let row = (revoked_access_tokens::jti.eq(jti), revoked_access_tokens::expires_at.eq(expires_at));
            let inserted = diesel::insert_into(revoked_access_tokens::table).values(row).on_conflict_do_nothing();
            if inserted.execute(pg)? == 0 {
                return Ok(false);
            }
            audit.insert(pg).map(|()| true)
        })
    }
}
