//! What another master key changes in the database, as one transaction, while nobody else is there.

use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::dsl::{count_star, exists, not};
use diesel::prelude::*;
use uuid::Uuid;

use super::Gate;
use super::audit_events::Draft;
use super::audit_seals::CheckpointSignatureRow;
use super::client_secrets::is_live;
use super::error::Error;
use super::header_tokens::is_valid;
use super::installation::pg_backend_pid;
use super::migrate::{LOCK, MigrationError, apply};
use super::pool::connect;
use super::schema::{
    audit_checkpoint_signatures, audit_checkpoints, authorization_codes, client_secrets, header_tokens, invitations,
    oauth_clients, oauth_grants, recovery_codes, refresh_tokens, sessions, setup_codes, setup_links, signing_keys,
    sso_provider, tenants, totp_secrets,
};
use super::signing_keys::SigningKeyRow;
use super::totp_secrets::TotpRow;
use crate::audit::AuditEvent;
use crate::auth::Caller;

/// How long connections may take to end whose process is gone, or is a command that is done.
const LEAVING: Duration = Duration::from_secs(3);
/// How often it is looked whether they have.
const POLL: Duration = Duration::from_millis(100);
/// The transaction waits for files to be read and written.
const UNHURRIED: &str = "SET idle_in_transaction_session_timeout = 0";
/// Within a transaction Postgres shows the same connections again and again, until this.
const LOOK_ANEW: &str = "SELECT pg_stat_clear_snapshot()";
/// What all of our connections are called.
const APPLICATION: &str = "provisor";
/// The lock of those that migrate, as Postgres shows it.
const MIGRATING: (i64, i64) = (7643, 7644);

define_sql_function! {
    /// The database of this connection.
    fn current_database() -> Text;
}
diesel::table! {
    /// Postgres's own view of the connections that there are.
    pg_stat_activity (pid) {
        pid -> Integer,
        datname -> Nullable<Text>,
        application_name -> Nullable<Text>,
    }
}
diesel::table! {
    /// Postgres's own view of locks, of which there are several of one connection.
    pg_locks (pid) {
        pid -> Integer,
        locktype -> Text,
        classid -> BigInt,
        objid -> BigInt,
        granted -> Bool,
    }
}
diesel::allow_tables_to_appear_in_same_query!(pg_stat_activity, pg_locks);

/// Credentials of a tenant that were taken until now. Links and invitations of operators are those of the tenant with the nil id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// Whose.
    pub tenant: Uuid,
    /// What that is called; empty for the nil one.
    pub name: String,
    /// Header tokens.
    pub header_tokens: i64,
    /// Secrets of OAuth clients.
    pub client_secrets: i64,
    /// Grants, with their refresh tokens.
    pub grants: i64,
    /// Invitations.
    pub invitations: i64,
    /// Setup links.
    pub setup_links: i64,
}

/// What ended with the former master key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endings {
    /// By tenant, those alone that had something.
    pub tenants: Vec<Ended>,
    /// Sessions of browsers.
    pub sessions: usize,
    /// Recovery codes.
    pub recovery_codes: usize,
}

/// The database while the master key is replaced: a server that starts waits until this is gone, and so does a command, unless it leaves the
/// schema as it is. What is not committed by then is undone.
pub struct Replacement {
    pg: PgConnection,
}

impl Replacement {
    /// Waits for those that migrate, brings the schema up to date and begins the transaction. `None`, and nothing changed, while a server or
    /// a command is at the database.
    ///
    /// # Errors
    /// As [`super::migrate`].
    pub fn begin(url: &str) -> Result<Option<Self>, MigrationError> {
        let mut pg = connect(url)?;
        pg.batch_execute(LOCK).map_err(Error::from)?;
        pg.batch_execute(UNHURRIED).map_err(Error::from)?;
        let mut replacement = Self { pg };
        if !replacement.is_alone()? {
            return Ok(None);
        }
        apply(&mut replacement.pg)?;
        AnsiTransactionManager::begin_transaction(&mut replacement.pg).map_err(Error::from)?;
        Ok(Some(replacement))
    }

    /// Whether nobody else is at the database, but for those that wait for us.
    fn is_alone(&mut self) -> Result<bool, Error> {
        use {pg_locks as l, pg_stat_activity as a};
        let deadline = Instant::now() + LEAVING;
        loop {
            self.pg.batch_execute(LOOK_ANEW)?;
            let waits = l::table
                .filter(l::pid.eq(a::pid))
                .filter(l::locktype.eq("advisory"))
                .filter(l::classid.eq(MIGRATING.0))
                .filter(l::objid.eq(MIGRATING.1))
                .filter(l::granted.eq(false));
            let others = a::table
                .filter(a::datname.eq(current_database().nullable()))
                .filter(a::application_name.eq(APPLICATION))
                .filter(a::pid.ne(pg_backend_pid()))
                .filter(not(exists(waits.select(l::pid))));
            if others.count().get_result::<i64>(&mut self.pg)? == 0 {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            sleep(POLL);
        }
    }

    /// The look-ups that belong to no tenant.
    pub fn gate(&mut self) -> Gate<'_> {
        Gate { pg: &mut self.pg }
    }

    /// How many checkpoints there are.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn count_checkpoints(&mut self) -> Result<i64, Error> {
        audit_checkpoints::table.count().get_result(&mut self.pg).map_err(Error::from)
    }

    /// Adds signatures of checkpoints.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn sign_checkpoints(&mut self, rows: &[CheckpointSignatureRow]) -> Result<(), Error> {
        diesel::insert_into(audit_checkpoint_signatures::table).values(rows).execute(&mut self.pg)?;
        Ok(())
    }

    /// Authenticator apps of people behind one of them.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn totp_secrets(&mut self, after: Uuid, limit: i64) -> Result<Vec<TotpRow>, Error> {
        let query = totp_secrets::table
            .filter(totp_secrets::administrator_id.gt(after))
            .order(totp_secrets::administrator_id)
            .limit(limit)
            .select(TotpRow::as_select());
        query.load(&mut self.pg).map_err(Error::from)
    }

    /// Keeps the secret of an app as it is sealed now.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn seal_totp_secret(&mut self, administrator: Uuid, sealed: &[u8]) -> Result<(), Error> {
        let app = diesel::update(totp_secrets::table.find(administrator));
        app.set(totp_secrets::sealed_secret.eq(sealed)).execute(&mut self.pg)?;
        Ok(())
    }

    /// Keeps the secret at the identity provider as it is sealed now.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn seal_sso_secret(&mut self, sealed: &[u8]) -> Result<(), Error> {
        let provider = diesel::update(sso_provider::table);
        provider.set(sso_provider::sealed_client_secret.eq(sealed)).execute(&mut self.pg)?;
        Ok(())
    }

    /// Removes all signing keys and inserts others in their place.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn replace_signing_keys(&mut self, keys: &[SigningKeyRow]) -> Result<(), Error> {
        diesel::delete(signing_keys::table).execute(&mut self.pg)?;
        diesel::insert_into(signing_keys::table).values(keys).execute(&mut self.pg)?;
        Ok(())
    }

    /// Ends at `now` all of which only a keyed hash is kept, of all tenants. What is listed after its end stays and says so; the rest is
    /// deleted.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn end_credentials(&mut self, now: DateTime<Utc>) -> Result<Endings, Error> {
        let tenants = self.valid_credentials(now)?;
        let pg = &mut self.pg;
        diesel::update(header_tokens::table.filter(is_valid(now)))
            .set(header_tokens::revoked_at.eq(now))
            .execute(pg)?;
        diesel::update(client_secrets::table.filter(is_live(now)))
            .set(client_secrets::expires_at.eq(now))
            .execute(pg)?;
        diesel::update(oauth_grants::table.filter(oauth_grants::revoked_at.is_null()))
            .set(oauth_grants::revoked_at.eq(now))
            .execute(pg)?;
        diesel::delete(refresh_tokens::table).execute(pg)?;
        diesel::delete(authorization_codes::table).execute(pg)?;
        let open = setup_links::table.filter(setup_links::revoked_at.is_null()).filter(setup_links::expires_at.gt(now));
        diesel::update(open).set(setup_links::revoked_at.eq(now)).execute(pg)?;
        diesel::delete(invitations::table).execute(pg)?;
        diesel::delete(setup_codes::table).execute(pg)?;
        let sessions = diesel::delete(sessions::table).execute(pg)?;
        let recovery_codes = diesel::delete(recovery_codes::table).execute(pg)?;
        Ok(Endings { tenants, sessions, recovery_codes })
    }

    /// What each tenant has that is taken at `now`, as far as it will end.
    fn valid_credentials(&mut self, now: DateTime<Utc>) -> Result<Vec<Ended>, Error> {
        let pg = &mut self.pg;
        let mut all: Vec<Ended> = Vec::new();
        let mut note = |counted: Vec<(Uuid, i64)>, set: fn(&mut Ended, i64)| {
            for (tenant, number) in counted {
                let at = all.binary_search_by_key(&tenant, |ended| ended.tenant).unwrap_or_else(|at| {
                    all.insert(at, Ended { tenant, ..Ended::default() });
                    at
                });
                set(&mut all[at], number);
            }
        };
        let tokens = header_tokens::table.filter(is_valid(now)).group_by(header_tokens::tenant_id);
        note(tokens.select((header_tokens::tenant_id, count_star())).load(pg)?, |of, n| of.header_tokens = n);
        let secrets = client_secrets::table
            .inner_join(oauth_clients::table.on(oauth_clients::id.eq(client_secrets::client_id)))
            .filter(is_live(now))
            .group_by(oauth_clients::tenant_id);
        note(secrets.select((oauth_clients::tenant_id, count_star())).load(pg)?, |of, n| of.client_secrets = n);
        let grants = oauth_grants::table.filter(oauth_grants::revoked_at.is_null()).group_by(oauth_grants::tenant_id);
        note(grants.select((oauth_grants::tenant_id, count_star())).load(pg)?, |of, n| of.grants = n);
        let invited = invitations::table.filter(invitations::expires_at.gt(now)).group_by(invitations::tenant_id);
        note(invited.select((invitations::tenant_id, count_star())).load(pg)?, |of, n| of.invitations = n);
        let links = setup_links::table
            .filter(setup_links::revoked_at.is_null())
            .filter(setup_links::expires_at.gt(now))
            .group_by(setup_links::tenant_id);
        note(links.select((setup_links::tenant_id, count_star())).load(pg)?, |of, n| of.setup_links = n);
        let ids: Vec<Uuid> = all.iter().map(|ended| ended.tenant).collect();
        let names = tenants::table.filter(tenants::id.eq_any(ids)).select((tenants::id, tenants::name));
        for (tenant, name) in names.load::<(Uuid, String)>(pg)? {
            if let Ok(at) = all.binary_search_by_key(&tenant, |ended| ended.tenant) {
                all[at].name = name;
            }
        }
        Ok(all)
    }

    /// Records what was done for the caller's tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn record(&mut self, caller: &Caller, event: &AuditEvent) -> Result<(), Error> {
        Draft::new(caller, event).insert(&mut self.pg).map_err(Error::from)
    }

    /// Commits all of it. `false`, and nothing changed but the schema that was brought up to date, where somebody came to the database
    /// meanwhile who does not wait for us.
    ///
    /// # Errors
    /// [`Error`] from the database; where it does not answer any more, it may be committed or not.
    pub fn commit(&mut self) -> Result<bool, Error> {
        if !self.is_alone()? {
            AnsiTransactionManager::rollback_transaction(&mut self.pg)?;
            return Ok(false);
        }
        AnsiTransactionManager::commit_transaction(&mut self.pg)?;
        Ok(true)
    }
}
