//! Authorization codes.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::TenantConn;
use super::audit_events::Draft;
use super::error::Error;
use super::schema::authorization_codes;
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
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was presented by its client, rightly or wrongly.
    pub redeemed_at: Option<DateTime<Utc>>,
    /// The grant that came of it.
    pub grant_id: Option<Uuid>,
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
}
