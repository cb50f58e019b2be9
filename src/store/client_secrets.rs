//! The secrets of OAuth clients.

use chrono::{DateTime, Utc};
use diesel::dsl::auto_type;
use diesel::prelude::*;
use uuid::Uuid;

use super::audit_events::Draft;
use super::clients::own;
use super::error::Error;
use super::schema::{client_secrets, oauth_clients};
use super::time::Clamped;
use super::{TenantConn, submitted_forms};
use crate::audit::AuditEvent;

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
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// When it ends.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub last_used_at: Option<DateTime<Utc>>,
}

impl ClientSecretRow {
    /// Whether it is taken at `now`.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|expires_at| expires_at > now)
    }
}

/// Whether a secret is taken at `now`, as [`ClientSecretRow::is_live`] says it.
#[auto_type]
pub(super) fn is_live(now: DateTime<Utc>) -> _ {
    client_secrets::expires_at.is_null().or(client_secrets::expires_at.gt(now))
}

/// A client just given a new secret, as the command line tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRotated {
    /// There is no such client in the tenant.
    NoClient,
    /// It has the new secret; the one before ends then, if there is one.
    Done(Option<DateTime<Utc>>),
}

impl TenantConn<'_> {
    /// Gives a client a new secret. The newest of those that it has ends at `end` at the latest, where there is one, any others at
    /// once, so that there are never more than two. `form` is the one that asked for it, where a form did.
    ///
    /// # Errors
    /// [`Error`] from the database, and [`Error::is_second_submission`].
    pub fn rotate_client_secret(
        &mut self,
        new: &ClientSecretRow,
        end: Option<DateTime<Utc>>,
        form: Option<Uuid>,
        event: &AuditEvent,
    ) -> Result<SecretRotated, Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let client = own(tenant, &new.client_id).select(oauth_clients::id).for_update();
            if client.first::<String>(pg).optional()?.is_none() {
                return Ok(SecretRotated::NoClient);
            }
            submitted_forms::submit(pg, form)?;
            let live = client_secrets::table
                .filter(client_secrets::client_id.eq(&new.client_id))
                .filter(is_live(new.created_at))
                .order((client_secrets::created_at.desc(), client_secrets::id))
                .select((client_secrets::id, client_secrets::expires_at));
            let live: Vec<(String, Clamped<Option<DateTime<Utc>>>)> = live.load(pg)?;
            let mut ends = None;
            for (position, (id, expires_at)) in live.into_iter().enumerate() {
                let latest = if position == 0 { end } else { Some(new.created_at) };
                let at = [expires_at.into(), latest].into_iter().flatten().min();
                if position == 0 {
                    ends = at;
                }
                diesel::update(client_secrets::table.find(id)).set(client_secrets::expires_at.eq(at)).execute(pg)?;
            }
            diesel::insert_into(client_secrets::table).values(new).execute(pg)?;
            audit.insert(pg)?;
            Ok(SecretRotated::Done(ends))
        })
    }

    /// Ends a secret of a client at `now`. `false` when the client, which is the tenant's, has no such secret any more.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn retire_client_secret(
        &mut self,
        client: &str,
        secret: &str,
        now: DateTime<Utc>,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let live = client_secrets::table
            .filter(client_secrets::client_id.eq_any(own(self.tenant().0, client).select(oauth_clients::id)))
            .filter(client_secrets::id.eq(secret))
            .filter(is_live(now));
        self.change(event, |pg| Ok(diesel::update(live).set(client_secrets::expires_at.eq(now)).execute(pg)? > 0))
    }
}
