//! Why there is no backend.

use std::path::PathBuf;

use crate::auth::keys::KeyError;
use crate::auth::master_key;
use crate::config::SettingError;
use crate::private_postgres;
use crate::store::{self, MigrationError};

/// Why neither the server nor a command can start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The private Postgres.
    #[error(transparent)]
    PrivatePostgres(#[from] private_postgres::Error),
    /// There is no database to look at.
    #[error(
        "--data-dir (PROVISOR_DATA_DIR): {directory} holds no database yet; name the directory of the server, or its database by DATABASE_URL; \
         'provisor serve' and 'provisor migrate' make a new one",
        directory = .0.display()
    )]
    NoDatabase(PathBuf),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Postgres would lose what it has said it keeps.
    #[error(
        "the database runs with fsync=off and loses or breaks data when the machine stops; switch it on (ALTER SYSTEM SET fsync = on; \
         SELECT pg_reload_conf()), or give --allow-unsafe-fsync where the data may be lost"
    )]
    UnsafeFsync,
    /// Postgres says in another language what failed.
    #[error(
        "the messages of the database are not in English (lc_messages is {lc_messages}), and what fails in passing would be taken for a fault; \
         have a superuser run: {remedy}"
    )]
    Language {
        /// The locale of messages.
        lc_messages: String,
        /// What changes it.
        remedy: String,
    },
    /// The schema of the database.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] master_key::Error),
    /// The keys that sign access tokens, above all that they were sealed under another master key.
    #[error(transparent)]
    SigningKeys(#[from] KeyError),
    /// The master key is gone, and secrets that were hashed with it are there.
    #[error(
        "master key file {0} is missing, and no token and no client secret works without it: bring it back from a copy. To give up \
         all of them instead, run 'provisor master-key create'"
    )]
    MasterKeyLost(PathBuf),
    /// The master key was replaced, but its file is not in its place.
    #[error(
        "the database goes by a new master key, which lies in {next}: run 'provisor master-key replace' once more, which puts it in the \
         place of {file}",
        next = next.display(),
        file = file.display()
    )]
    Unfinished {
        /// The file in which it should be.
        file: PathBuf,
        /// The file in which it is.
        next: PathBuf,
    },
}
