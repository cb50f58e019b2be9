//! The migrations, embedded in the binary and applied under an advisory lock, so that instances that start together agree.

use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::Error;
use super::pool::connect;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();
/// The lock that migrating instances take, however long the one before needs; the statements themselves wait for nobody long.
const LOCK: &str =
    "SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock(7643, 7644); SET lock_timeout = '5s'";
const UNLOCK: &str = "SELECT pg_advisory_unlock(7643, 7644)";

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] Error),
    /// A migration failed; nothing of it was kept.
    #[error("migration failed: {0}")]
    Migration(Box<dyn std::error::Error + Send + Sync>),
}

/// Applies what is pending. Returns the names of the migrations applied.
///
/// # Errors
/// [`MigrationError`] when the database is away or a migration fails.
pub fn migrate(url: &str) -> Result<Vec<String>, MigrationError> {
    let mut pg = connect(url)?;
    pg.batch_execute(LOCK).map_err(Error::from)?;
    let applied = pg
        .run_pending_migrations(MIGRATIONS)
        .map(|versions| versions.iter().map(ToString::to_string).collect())
        .map_err(MigrationError::Migration);
    pg.batch_execute(UNLOCK).map_err(Error::from)?;
    applied
}
