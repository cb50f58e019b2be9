//! OAuth clients.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::auto_type;
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::audit_events::Draft;
use super::client_secrets::{ClientSecretRow, is_live};
use super::error::Error;
use super::schema::{client_secrets, oauth_clients, oauth_grants, used_assertions};
use super::time::Clamped;
use super::{Gate, TenantConn, submitted_forms};
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
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// When it was disabled.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub disabled_at: Option<DateTime<Utc>>,
    /// Access tokens issued before are refused.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub tokens_not_before: Option<DateTime<Utc>>,
    /// When it last got a token.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub last_used_at: Option<DateTime<Utc>>,
}

/// What a client is to be after a change.
#[derive(Debug, Clone, PartialEq, AsChangeset)]
#[diesel(table_name = oauth_clients, treat_none_as_null = true)]
pub struct ClientChanges {
    /// The name.
    pub name: String,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// Whether it must use PKCE.
    pub pkce_required: bool,
    /// Public keys that verify its assertions.
    pub jwks: Option<Value>,
    /// Where it publishes those keys.
    pub jwks_uri: Option<String>,
}

impl ClientChanges {
    /// The client as it is.
    #[must_use]
    pub fn none(client: &ClientRow) -> Self {
        Self {
            name: client.name.clone(),
            redirect_uris: client.redirect_uris.clone(),
            pkce_required: client.pkce_required,
            jwks: client.jwks.clone(),
            jwks_uri: client.jwks_uri.clone(),
        }
    }
}

/// The client of this id, where it is the tenant's.
#[auto_type]
#[expect(clippy::elidable_lifetime_names, reason = "the macro wants a name")]
pub(super) fn own<'a>(tenant: Uuid, id: &'a str) -> _ {
    oauth_clients::table.filter(oauth_clients::tenant_id.eq(tenant)).filter(oauth_clients::id.eq(id))
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
    /// Inserts a client with its first secrets, if any. `form` is the one that asked for it, where a form did.
    ///
    /// # Errors
    /// [`Error`] from the database, and [`Error::is_second_submission`].
    pub fn insert_client(
        &mut self,
        client: &ClientRow,
        secrets: &[ClientSecretRow],
        form: Option<Uuid>,
        event: &AuditEvent,
    ) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            submitted_forms::submit(pg, form)?;
            diesel::insert_into(oauth_clients::table).values(client).execute(pg)?;
            diesel::insert_into(client_secrets::table).values(secrets).execute(pg)?;
            audit.insert(pg)
        })
    }

    /// A page of the clients of the tenant, the newest first, each with the number of secrets that it has at `now`; those of the
    /// catalogue, where there is no tenant. `before` is the time and id of the last one of the page before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn find_clients(
        &mut self,
        before: Option<&(DateTime<Utc>, String)>,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<(ClientRow, usize)>, Error> {
        use oauth_clients::{created_at, id, tenant_id};
        let mut query = oauth_clients::table
            .filter(tenant_id.eq(self.tenant().0))
            .order((created_at.desc(), id.desc()))
            .limit(limit)
            .select(ClientRow::as_select())
            .into_boxed();
        if let Some((at, last)) = before {
            query = query.filter(created_at.lt(at).or(created_at.eq(at).and(id.lt(last))));
        }
        let result = query.load(self.pg);
        let rows: Vec<ClientRow> = self.done(result)?;
        let live = client_secrets::table
            .filter(client_secrets::client_id.eq_any(rows.iter().map(|row| &row.id)))
            .filter(is_live(now))
            .select(client_secrets::client_id);
        let result = live.load(self.pg);
        let live: Vec<String> = self.done(result)?;
        let counted = |row: ClientRow| {
            let secrets = live.iter().filter(|owner| **owner == row.id).count();
            (row, secrets)
        };
        Ok(rows.into_iter().map(counted).collect())
    }

    /// Changes a client. `false` when there is none of this id in the tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn update_client(&mut self, id: &str, changes: &ClientChanges, event: &AuditEvent) -> Result<bool, Error> {
        let client = own(self.tenant().0, id);
        self.change(event, |pg| Ok(diesel::update(client).set(changes).execute(pg)? > 0))
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

    /// The clients of the tenant that are enabled, and those that were used since a time: the newest, as many as `limit` says.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn clients_at_work(&mut self, used_since: DateTime<Utc>, limit: i64) -> Result<Vec<ClientRow>, Error> {
        let query = oauth_clients::table
            .filter(oauth_clients::tenant_id.eq(self.tenant().0))
            .filter(oauth_clients::disabled_at.is_null().or(oauth_clients::last_used_at.gt(used_since)))
            .order((oauth_clients::created_at.desc(), oauth_clients::id))
            .limit(limit)
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
        let other = own(self.tenant().0, id).filter(oauth_clients::disabled_at.is_null().eq(disabled_at.is_some()));
        let changes = oauth_clients::disabled_at.eq(disabled_at);
        self.change(event, |pg| Ok(diesel::update(other).set(changes).execute(pg)? > 0))
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
            let client = own(tenant, id);
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
