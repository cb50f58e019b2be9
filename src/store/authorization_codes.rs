//! Authorization codes.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::authorization_codes;
use super::time::Clamped;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;

/// An authorization code as stored, with all that it is bound to.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = authorization_codes)]
pub struct AuthorizationCodeRow {
    /// The public id, part of the code.
    pub id: String,
    /// The keyed hash of the code.
    pub code_hash: Vec<u8>,
    /// Which master key made the hash.
    pub key_version: i16,
    /// The client that it was issued to.
    pub client_id: String,
    /// The tenant that was consented for.
    pub tenant_id: Uuid,
    /// Who consented.
    pub administrator_id: Uuid,
    /// Where it was sent.
    pub redirect_uri: String,
    /// What was consented to.
    pub scopes: Vec<String>,
    /// The PKCE challenge (S256).
    pub code_challenge: Option<String>,
    /// When the person consented.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// When it ends.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub expires_at: DateTime<Utc>,
    /// When it was presented by its client, rightly or wrongly.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub redeemed_at: Option<DateTime<Utc>>,
    /// The grant that came of it.
    pub grant_id: Option<Uuid>,
}

impl Gate<'_> {
    /// The code with this public id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn authorization_code(&mut self, id: &str) -> Result<Option<AuthorizationCodeRow>, Error> {
        let query = authorization_codes::table.find(id).select(AuthorizationCodeRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }
}

impl TenantConn<'_> {
    /// Inserts a code, with the consent that it stands for.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn insert_authorization_code(&mut self, row: &AuthorizationCodeRow, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::insert_into(authorization_codes::table).values(row).execute(pg)?;
            audit.insert(pg)
        })
    }

    /// Burns a code that its client presented wrongly. Not audited: nothing came of it, and the refusal is in the log.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn burn_authorization_code(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), Error> {
        let code = authorization_codes::table
            .filter(authorization_codes::tenant_id.eq(self.tenant().0))
            .filter(authorization_codes::id.eq(id))
            .filter(authorization_codes::redeemed_at.is_null());
        let result = diesel::update(code).set(authorization_codes::redeemed_at.eq(now)).execute(self.pg);
        self.done(result).map(drop)
    }
}
