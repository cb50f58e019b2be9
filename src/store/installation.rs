//! What has been set for the whole installation.

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::MigrationHarness;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::{installation, sessions};
use super::sessions::SecondFactor;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;

/// The settings as stored. [`InstallationRow::default`] is what a new installation has.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = installation)]
pub struct InstallationRow {
    /// Always true: there is one row at most.
    id: bool,
    /// Days for which the provisioning log is kept.
    pub request_days: i32,
    /// Days for which the bodies in it are kept; 0 for not at all.
    pub body_days: i32,
    /// Whether everybody who signs in with a password needs a second factor.
    pub requires_totp: bool,
    /// Whether people may sign in with a password.
    pub allows_passwords: bool,
}

impl Default for InstallationRow {
    fn default() -> Self {
        Self { id: true, request_days: 30, body_days: 14, requires_totp: false, allows_passwords: true }
    }
}

/// What the database says of itself and of the way to it.
#[derive(Debug, Clone)]
pub struct DatabaseFacts {
    /// The version of Postgres.
    pub server_version: String,
    /// The version of TLS on the connection; none, in clear text.
    pub tls: Option<String>,
    /// The last migration.
    pub schema_version: String,
}

define_sql_function! {
    /// A setting of the server.
    fn current_setting(name: Text) -> Text;
}
define_sql_function! {
    /// The process behind this connection.
    fn pg_backend_pid() -> Integer;
}
diesel::table! {
    /// Postgres's own view of connections and their encryption.
    pg_stat_ssl (pid) {
        pid -> Integer,
        ssl -> Bool,
        version -> Nullable<Text>,
    }
}

impl Gate<'_> {
    /// What the database says of itself.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn database_facts(&mut self) -> Result<DatabaseFacts, Error> {
        let own = pg_stat_ssl::table.filter(pg_stat_ssl::pid.eq(pg_backend_pid()));
        let columns = (current_setting("server_version"), pg_stat_ssl::ssl, pg_stat_ssl::version);
        let (server_version, _, tls): (String, bool, Option<String>) = own.select(columns).first(self.pg)?;
        let applied = self
            .pg
            .applied_migrations()
            .map_err(|error| Error::Database(diesel::result::Error::QueryBuilderError(error)))?;
        let schema_version = applied.iter().map(ToString::to_string).max().unwrap_or_default();
        Ok(DatabaseFacts { server_version, tls, schema_version })
    }

    /// The settings.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn installation(&mut self) -> Result<InstallationRow, Error> {
        let row = installation::table.select(InstallationRow::as_select()).first(self.pg).optional()?;
        Ok(row.unwrap_or_default())
    }
}

impl TenantConn<'_> {
    /// Replaces the settings. For a change that goes by what somebody saw, see [`TenantConn::change_installation`].
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_installation(&mut self, row: &InstallationRow, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::insert_into(installation::table)
                .values(row)
                .on_conflict(installation::id)
                .do_update()
                .set(row)
                .execute(pg)?;
            audit.insert(pg)
        })
    }

    /// Replaces the settings where they are still those that somebody `saw`. `false`, and nothing changed, where not.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn change_installation(
        &mut self,
        saw: &InstallationRow,
        new: &InstallationRow,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        self.change(event, |pg| {
            // Without a row there is none to wait for.
            let defaults = InstallationRow::default();
            diesel::insert_into(installation::table).values(&defaults).on_conflict_do_nothing().execute(pg)?;
            let present = installation::table.select(InstallationRow::as_select()).for_no_key_update().first(pg)?;
            if present != *saw {
                return Ok(false);
            }
            diesel::update(installation::table).set(new).execute(pg)?;
            Ok(true)
        })
    }

    /// Sets whether people may sign in with a password. Where they may not any more, the sessions end that began by one. `false` when that
    /// changes nothing.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_allows_passwords(&mut self, on: bool, event: &AuditEvent) -> Result<bool, Error> {
        self.change(event, |pg| {
            // There is something to change from the beginning on.
            diesel::insert_into(installation::table)
                .values(InstallationRow::default())
                .on_conflict_do_nothing()
                .execute(pg)?;
            let other = installation::table.filter(installation::allows_passwords.ne(on));
            if diesel::update(other).set(installation::allows_passwords.eq(on)).execute(pg)? == 0 {
                return Ok(false);
            }
            if !on {
                let by_password = sessions::second_factor.is_distinct_from(SecondFactor::Elsewhere.name());
                let by_password = by_password.and(sessions::ends_at.is_null());
                diesel::delete(sessions::table.filter(by_password)).execute(pg)?;
            }
            Ok(true)
        })
    }
}

/// Whether people may sign in with a password. It stays so until the transaction is over.
pub(super) fn allows_passwords(pg: &mut PgConnection) -> QueryResult<bool> {
    let row = installation::table.select(installation::allows_passwords).for_share().first(pg).optional()?;
    Ok(row.unwrap_or_else(|| InstallationRow::default().allows_passwords))
}
