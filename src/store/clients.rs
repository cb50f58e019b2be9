//! OAuth clients and their secrets.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::{client_secrets, oauth_clients, oauth_grants, used_assertions};
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

/// A client just given a new secret, as the command line tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRotated {
    /// There is no such client in the tenant.
    NoClient,
    /// It has the new secret; the one before ends then, if there is one.
    Done(Option<DateTime<Utc>>),
}

/// How old the last use of a client or a secret may be before it is written again: a minute.
const LAST_USE: TimeDelta = TimeDelta::minutes(1);

impl Gate<'_> {
    /// The client of this id with all of its secrets.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn client_with_secrets(&mut self, id: &str) -> Result<Option<(ClientRow, Vec<ClientSecretRow>)>, Error> {
        let own = client_secrets::client_id.eq(oauth_clients::id);
        let rows: Vec<(ClientRow, Option<ClientSecretRow>)> = oauth_clients::table
            .left_join(client_secrets::table.on(own))
            .filter(oauth_clients::id.eq(id))
            .select((ClientRow::as_select(), Option::<ClientSecretRow>::as_select()))
            .load(self.pg)?;
        let mut rows = rows.into_iter();
        let Some((client, first)) = rows.next() else {
            return Ok(None);
        };
        Ok(Some((client, first.into_iter().chain(rows.filter_map(|(_, secret)| secret)).collect())))
    }

    /// Remembers a client's assertion until it would be refused anyway. `false` when it is remembered already, also by this call
    /// when the connection broke after it was carried out: the client then makes another one.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn use_assertion(&mut self, client_id: &str, jti: &str, forgotten_at: DateTime<Utc>) -> Result<bool, Error> {
        let row = (
            used_assertions::client_id.eq(client_id),
            used_assertions::jti.eq(jti),
            used_assertions::expires_at.eq(forgotten_at),
        );
        let inserted = diesel::insert_into(used_assertions::table).values(row).on_conflict_do_nothing();
        Ok(inserted.execute(self.pg)? > 0)
    }

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
    /// The clients of the tenant, the newest first; those of the catalogue, where there is no tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn clients(&mut self) -> Result<Vec<ClientRow>, Error> {
        let query = oauth_clients::table
            .filter(oauth_clients::tenant_id.eq(self.tenant().0))
            .order((oauth_clients::created_at.desc(), oauth_clients::id))
            .select(ClientRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }

    /// Disables a client, or enables it. `false` when there is none of this id that is not so already.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_client_disabled(
        &mut self,
        id: &str,
        disabled_at: Option<DateTime<Utc>>,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let other = oauth_clients::table
                .filter(oauth_clients::tenant_id.eq(tenant))
                .filter(oauth_clients::id.eq(id))
                .filter(oauth_clients::disabled_at.is_null().eq(disabled_at.is_some()));
            if diesel::update(other).set(oauth_clients::disabled_at.eq(disabled_at)).execute(pg)? == 0 {
                return Ok(false);
            }
            audit.insert(pg).map(|()| true)
        })
    }

    /// Gives a client a new secret. The newest of those that it has ends at `end` at the latest, any others at once, so that there
    /// are never more than two.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn rotate_client_secret(
        &mut self,
        new: &ClientSecretRow,
        end: DateTime<Utc>,
        event: &AuditEvent,
    ) -> Result<SecretRotated, Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let client = oauth_clients::table
                .filter(oauth_clients::tenant_id.eq(tenant))
                .filter(oauth_clients::id.eq(&new.client_id))
                .select(oauth_clients::id)
                .for_update();
            if client.first::<String>(pg).optional()?.is_none() {
                return Ok(SecretRotated::NoClient);
            }
            let live = client_secrets::table
                .filter(client_secrets::client_id.eq(&new.client_id))
                .filter(client_secrets::expires_at.is_null().or(client_secrets::expires_at.gt(new.created_at)))
                .order((client_secrets::created_at.desc(), client_secrets::id))
                .select((client_secrets::id, client_secrets::expires_at));
            let live: Vec<(String, Option<DateTime<Utc>>)> = live.load(pg)?;
            let mut ends = None;
            for (position, (id, expires_at)) in live.iter().enumerate() {
                let latest = if position == 0 { end } else { new.created_at };
                let at = expires_at.map_or(latest, |expires_at| expires_at.min(latest));
                if position == 0 {
                    ends = Some(at);
                }
                diesel::update(client_secrets::table.find(id)).set(client_secrets::expires_at.eq(at)).execute(pg)?;
            }
            diesel::insert_into(client_secrets::table).values(new).execute(pg)?;
            audit.insert(pg)?;
            Ok(SecretRotated::Done(ends))
        })
    }

    /// Revokes all that a client has got up to `now`: its grants, in whatever tenant, and its access tokens. The number of grants;
    /// `None` when there is no such client in the tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn revoke_client_grants(
        &mut self,
        id: &str,
        now: DateTime<Utc>,
        event: &AuditEvent,
    ) -> Result<Option<usize>, Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let client =
                oauth_clients::table.filter(oauth_clients::tenant_id.eq(tenant)).filter(oauth_clients::id.eq(id));
            if diesel::update(client).set(oauth_clients::tokens_not_before.eq(now)).execute(pg)? == 0 {
                return Ok(None);
            }
            let living =
                oauth_grants::table.filter(oauth_grants::client_id.eq(id)).filter(oauth_grants::revoked_at.is_null());
            let revoked = diesel::update(living).set(oauth_grants::revoked_at.eq(now)).execute(pg)?;
            audit.insert(pg)?;
            Ok(Some(revoked))
        })
    }

    /// Records that a client got an access token by its own authentication.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn record_issue(
        &mut self,
        client_id: &str,
        secret_id: Option<&str>,
        now: DateTime<Utc>,
        event: &AuditEvent,
    ) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            used(pg, client_id, secret_id, now)?;
            audit.insert(pg)
        })
    }
}

/// Writes when a client and its secret were last used, to the minute.
pub(super) fn used(
    pg: &mut PgConnection,
    client_id: &str,
    secret_id: Option<&str>,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let client = oauth_clients::table
        .filter(oauth_clients::id.eq(client_id))
        .filter(oauth_clients::last_used_at.is_null().or(oauth_clients::last_used_at.lt(now - LAST_USE)));
    diesel::update(client).set(oauth_clients::last_used_at.eq(now)).execute(pg)?;
    let Some(secret_id) = secret_id else {
        return Ok(());
    };
    let secret = client_secrets::table
        .filter(client_secrets::id.eq(secret_id))
        .filter(client_secrets::last_used_at.is_null().or(client_secrets::last_used_at.lt(now - LAST_USE)));
    diesel::update(secret).set(client_secrets::last_used_at.eq(now)).execute(pg).map(drop)
}
