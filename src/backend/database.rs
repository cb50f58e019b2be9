//! Where the database is.

use zeroize::Zeroizing;

use super::StartError;
use crate::config::Settings;
use crate::database_url::{Privacy, Target};
use crate::private_postgres::{self, PrivatePostgres, Role};

/// The database that the settings name, or the private one, as it is: its schema is not looked at.
pub struct Database {
    /// Where it is. There may be a password within.
    url: Zeroizing<String>,
    privacy: Privacy,
    private_postgres: Option<PrivatePostgres>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Database").field("private_postgres", &self.private_postgres).finish_non_exhaustive()
    }
}

impl Database {
    /// Finds the database. A private one is started, and made where there is none yet.
    ///
    /// # Errors
    /// [`StartError`] that names what is missing.
    pub fn open(settings: &Settings, role: Role) -> Result<Self, StartError> {
        if let Some(Target { url, privacy }) = settings.database()? {
            return Ok(Self { url, privacy, private_postgres: None });
        }
        let directory = settings.data_dir()?;
        log::info!(
            "no DATABASE_URL: using a private Postgres in {}; fine for trying out and small installations",
            directory.display()
        );
        let postgres = PrivatePostgres::start(&directory, settings.pg_bin_dir.as_deref(), role)?;
        let url = Zeroizing::new(postgres.url().to_owned());
        Ok(Self { url, privacy: Privacy::Local, private_postgres: Some(postgres) })
    }

    /// The same for who makes none.
    ///
    /// # Errors
    /// [`StartError::NoDatabase`] where there is no private one yet.
    pub fn existing(settings: &Settings) -> Result<Self, StartError> {
        if settings.database_url.is_none() {
            let directory = settings.data_dir()?;
            if !private_postgres::exists(&directory) {
                return Err(StartError::NoDatabase(directory));
            }
        }
        Self::open(settings, Role::Command)
    }

    /// Where it is, as libpq takes it. It may hold a password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the traffic with it is kept from others.
    #[must_use]
    pub fn privacy(&self) -> &Privacy {
        &self.privacy
    }

    /// Whether it is the private one.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private_postgres.is_some()
    }

    /// The process id of the private Postgres, where this process runs it.
    #[must_use]
    pub fn postgres_pid(&self) -> Option<u32> {
        self.private_postgres.as_ref().and_then(PrivatePostgres::pid)
    }

    /// Closes the database; a private Postgres that this process runs stops.
    ///
    /// # Errors
    /// [`private_postgres::Error`] when it cannot be stopped.
    pub fn close(self) -> Result<(), private_postgres::Error> {
        self.private_postgres.map_or(Ok(()), PrivatePostgres::stop)
    }
}
