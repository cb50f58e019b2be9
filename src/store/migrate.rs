//! The migrations, embedded in the binary and applied under an advisory lock, so that instances that start together agree.

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::Error;
use super::inspection::powerless_role;
use super::pool::connect;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();
/// The lock that migrating instances take, however long the one before needs; the statements themselves wait for nobody long.
pub(super) const LOCK: &str =
    "SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock(7643, 7644); SET lock_timeout = '5s'";
pub(super) const UNLOCK: &str = "SELECT pg_advisory_unlock(7643, 7644)";

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] Error),
    /// A migration failed; nothing of it was kept.
    #[error("migration failed: {0}")]
    Migration(Box<dyn std::error::Error + Send + Sync>),
    /// The role may not make what the migrations make.
    #[error(
        "{role} may not make tables in the schema public, and migrations are pending; have the owner of the database run: {remedy}; or run \
         'provisor migrate' as the owner"
    )]
    NotAllowed {
        /// The role.
        role: String,
        /// What allows it.
        remedy: String,
    },
    /// A newer version of the program was here.
    #[error(
        "the schema of the database is newer than this version of provisor knows (migration {0}): run the version that made it, or a newer one"
    )]
    Newer(String),
    /// The database is no part of a cluster of Citus.
    #[error(
        "the database has no extension citus: name the coordinator of the cluster by --database-url (DATABASE_URL), and run CREATE \
         EXTENSION citus in its database"
    )]
    NoCitus,
    /// Citus has distributed tables that have to stay on the coordinator, or by another column than the tenant's.
    #[error(
        "the server cannot work with these tables as Citus has distributed them: {0}; bring each back by SELECT undistribute_table('NAME')"
    )]
    Astray(String),
}

/// The table that names it holds one row for each migration that was applied.
const APPLIED: &str = "__diesel_schema_migrations";

diesel::table! {
    /// What diesel keeps of the migrations that were applied.
    #[sql_name = "__diesel_schema_migrations"]
    applied (version) {
        version -> Text,
    }
}

define_sql_function! {
    /// The table of this name; null, where there is none.
    fn to_regclass(name: Text) -> Nullable<Oid>;
}

/// Which migrations a database has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaState {
    /// The version of the last one that was applied; `None` in an empty database.
    pub version: Option<String>,
    /// Names of those that this program has and the database has not.
    pub pending: Vec<String>,
    /// Versions of those that the database has and this program does not know.
    pub unknown: Vec<String>,
    /// The role, where it may not make tables.
    pub powerless: Option<String>,
}

impl SchemaState {
    /// Reads it. Nothing is changed, not even where no migration has ever been applied.
    pub(super) fn of(pg: &mut PgConnection) -> Result<Self, MigrationError> {
        let has_any: bool = diesel::select(to_regclass(APPLIED).is_not_null()).get_result(pg).map_err(Error::from)?;
        let applied: Vec<String> = if has_any {
            applied::table.select(applied::version).order(applied::version).load(pg).map_err(Error::from)?
        } else {
            Vec::new()
        };
        let mut pending = Vec::new();
        let mut unknown = applied.clone();
        for migration in known()? {
            let version = migration.name().version().to_string();
            unknown.retain(|other| *other != version);
            if !applied.contains(&version) {
                pending.push(migration.name().to_string());
            }
        }
        let powerless = powerless_role(pg)?;
        Ok(Self { version: applied.last().cloned(), pending, unknown, powerless })
    }

    /// Checks that what is pending may be applied by the role.
    ///
    /// # Errors
    /// [`MigrationError::NotAllowed`] with what allows it.
    pub fn check_rights(&self) -> Result<(), MigrationError> {
        match &self.powerless {
            Some(role) if !self.pending.is_empty() => Err(MigrationError::NotAllowed {
                role: role.clone(),
                remedy: format!("GRANT USAGE, CREATE ON SCHEMA public TO {role}"),
            }),
            _ => Ok(()),
        }
    }
}

/// The migrations of this program, in their order.
fn known() -> Result<Vec<Box<dyn Migration<Pg>>>, MigrationError> {
    let mut known = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(MigrationError::Migration)?;
    known.sort_unstable_by(|one, other| one.name().version().cmp(&other.name().version()));
    Ok(known)
}

/// The version of the last migration of this program.
///
/// # Errors
/// [`MigrationError`] when there is none.
pub fn newest_version() -> Result<String, MigrationError> {
    Ok(known()?.last().map(|migration| migration.name().version().to_string()).unwrap_or_default())
}

/// Applies what is pending. Returns the names of the migrations applied.
///
/// # Errors
/// [`MigrationError`] when the database is away, a migration fails, or a newer version has been at the database.
pub fn migrate(url: &str) -> Result<Vec<String>, MigrationError> {
    let mut pg = connect(url)?;
    pg.batch_execute(LOCK).map_err(Error::from)?;
    let applied = apply(&mut pg);
    pg.batch_execute(UNLOCK).map_err(Error::from)?;
    applied
}

/// Does so for whoever holds the [`LOCK`].
pub(super) fn apply(pg: &mut PgConnection) -> Result<Vec<String>, MigrationError> {
    let state = SchemaState::of(pg)?;
    if let Some(newest) = state.unknown.last() {
        return Err(MigrationError::Newer(newest.clone()));
    }
    state.check_rights()?;
    pg.run_pending_migrations(MIGRATIONS).map_err(MigrationError::Migration)?;
    Ok(state.pending)
}
