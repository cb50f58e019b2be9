//! OAuth clients and their secrets.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::{client_secrets, oauth_clients};
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;

/// An OAuth client as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = oauth_clients)]
pub struct ClientRow {
    /// The `client_id`.
    pub id: String,
    /// The tenant that it provisions; nil for a catalogue client.
    pub tenant_id: Uuid,
    /// The name that people gave it.
    pub name: String,
    /// Whether it authenticates (RFC 6749 section 2.1).
    pub confidential: bool,
    /// The grants that it may use.
    pub grant_types: Vec<String>,
    /// Names of the scopes that it may ask for, and gets when it asks for none.
    pub scopes: Vec<String>,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// Whether it must use PKCE.
    pub pkce_required: bool,
    /// Public keys that verify its assertions.
    pub jwks: Option<Value>,
    /// Where it publishes those keys.
    pub jwks_uri: Option<String>,
    /// How long its access tokens live.
    pub access_token_seconds: i32,
    /// How long its refresh tokens live unless they are used.
    pub refresh_idle_seconds: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was disabled.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Access tokens issued before are refused.
    pub tokens_not_before: Option<DateTime<Utc>>,
    /// When it last got a token.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A secret of a client as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = client_secrets)]
pub struct ClientSecretRow {
    /// The public id, part of the secret.
    pub id: String,
    /// The client.
    pub client_id: String,
    /// The keyed hash of the secret.
    pub secret_hash: Vec<u8>,
    /// Which master key made the hash.
    pub key_version: i16,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Gate<'_> {
    /// The client of this id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn client(&mut self, id: &str) -> Result<Option<ClientRow>, Error> {
        let query = oauth_clients::table.find(id).select(ClientRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }
}

impl TenantConn<'_> {
    /// Inserts a client with its first secrets, if any.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn insert_client(
        &mut self,
        client: &ClientRow,
        secrets: &[ClientSecretRow],
        event: &AuditEvent,
    ) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::insert_into(oauth_clients::table).values(client).execute(pg)?;
            diesel::insert_into(client_secrets::table).values(secrets).execute(pg)?;
            audit.insert(pg)
        })
    }
}
