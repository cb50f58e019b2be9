//! Access tokens that were revoked one by one.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::TenantConn;
use super::error::Error;
use super::schema::revoked_access_tokens;
use crate::audit::AuditEvent;

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
        self.change(event, |pg| {
            let row = (revoked_access_tokens::jti.eq(jti), revoked_access_tokens::expires_at.eq(expires_at));
            let inserted = diesel::insert_into(revoked_access_tokens::table).values(row).on_conflict_do_nothing();
            Ok(inserted.execute(pg)? > 0)
        })
    }
}
