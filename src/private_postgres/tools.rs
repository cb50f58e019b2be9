//! `pg_dump` and `pg_restore`. They are found beside the programs of the private Postgres, and work on any other as well.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;
use super::binaries::{major, places};
use crate::database_url::without_password;

/// A directory with both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tools {
    major: u32,
    directory: PathBuf,
}

impl Tools {
    /// Finds those of the major version given, else of the next one: older ones do not know what newer ones write.
    ///
    /// # Errors
    /// [`Error::NoTools`].
    pub fn find(named: Option<&Path>, least: u32) -> Result<Self, Error> {
        let places = match named {
            Some(named) => vec![named.to_owned()],
            None => places("pg_dump"),
        };
        let found: BTreeSet<Self> = places.iter().filter_map(|place| Self::at(place)).collect();
        found.into_iter().find(|tools| tools.major >= least).ok_or(Error::NoTools { least })
    }

    fn at(directory: &Path) -> Option<Self> {
        if !directory.join("pg_restore").is_file() {
            return None;
        }
        let output = Command::new(directory.join("pg_dump")).arg("--version").output().ok()?;
        Some(Self { major: major(&String::from_utf8_lossy(&output.stdout))?, directory: directory.to_owned() })
    }

    /// Their major version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// `pg_dump` of the database at `url`, as it is in a snapshot. It writes to its standard output. Who owns what is left out: at the
    /// other end there are other roles.
    #[must_use]
    pub fn dump(&self, url: &str, snapshot: &str) -> Command {
        let mut command = self.program("pg_dump", url);
        command.args(["--format=custom", "--no-owner", "--no-privileges", "--no-password"]);
        command.arg(format!("--snapshot={snapshot}"));
        command
    }

    /// `pg_restore` into the database at `url`: all of it, or nothing. It reads from its standard input.
    #[must_use]
    pub fn restore(&self, url: &str) -> Command {
        let mut command = self.program("pg_restore", url);
        command.args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password"]);
        command
    }

    /// A program that is told the password by its environment, which others cannot see, and the rest by its arguments, which they can.
    fn program(&self, name: &str, url: &str) -> Command {
        let (url, password) = without_password(url);
        let mut command = Command::new(self.directory.join(name));
        command.arg(format!("--dbname={url}")).current_dir("/");
        if let Some(password) = password {
            command.env("PGPASSWORD", password.as_str());
        }
        command
    }
}
