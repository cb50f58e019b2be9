//! A Postgres of our own, for trying out and for small installations: no `DATABASE_URL`, no set-up. It is a real one with fsync
//! on, reached by a socket that only its owner may open, and runs as a child of the process that holds the data directory.
//!
//! After a `kill -9` of that process Postgres lives on; whoever comes next finds it by its socket and takes it over. When it is
//! Postgres that dies, its owner starts it again.

mod binaries;
mod directory;
mod owner;
mod process;
mod supervisor;
mod tools;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use binaries::Binaries;
use directory::DataDirectory;
pub use owner::Role;
use owner::{Attempt, Owner};
use process::Running;
use supervisor::Supervisor;

pub use binaries::SUPPORTED;
pub use tools::Tools;

use crate::store::cluster;

/// How long Postgres may take to start, recovery after a crash included.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// How long another owner may take to finish.
const OWNER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is looked whether something has happened.
const POLL: Duration = Duration::from_millis(20);

/// Why there is no private Postgres.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No programs.
    #[error(
        "no PostgreSQL 14 to 18 found for the private database. Install it:\n\n    {install}\n\nor name its programs by \
         --pg-bin-dir (PROVISOR_PG_BIN_DIR), or use a database of yours by DATABASE_URL, or run 'docker compose up'."
    )]
    NotInstalled {
        /// The command that installs it here.
        install: &'static str,
    },
    /// Nothing to copy the database with.
    #[error(
        "no pg_dump and pg_restore of PostgreSQL {least} or later found; install the client programs of PostgreSQL {least}, or name their \
         directory by --pg-bin-dir (PROVISOR_PG_BIN_DIR)"
    )]
    NoTools {
        /// The major version that is needed at least.
        least: u32,
    },
    /// The named directory has no programs.
    #[error("--pg-bin-dir (PROVISOR_PG_BIN_DIR): {0} holds no initdb and postgres of version 14 to 18")]
    NotHere(PathBuf),
    /// The cluster belongs to another major version.
    #[error(
        "the private database was made by PostgreSQL {cluster}, but only {installed} is installed; install \
         {cluster} again, or bring the data over with pg_upgrade"
    )]
    OtherMajor {
        /// Major version of the cluster.
        cluster: u32,
        /// Major version found.
        installed: u32,
    },
    /// Root without a user to run Postgres as.
    #[error("PostgreSQL does not run as root, and there is neither a user 'postgres' nor 'nobody'")]
    NoUser,
    /// A parent of the data directory is closed.
    #[error("--data-dir (PROVISOR_DATA_DIR): PostgreSQL's user cannot enter {parent}, which is above {root}")]
    Unreachable {
        /// The closed directory.
        parent: PathBuf,
        /// The data directory.
        root: PathBuf,
    },
    /// Sockets have short paths.
    #[error("--data-dir (PROVISOR_DATA_DIR): {path} is too long; a socket in it may have {longest} bytes")]
    PathTooLong {
        /// The data directory.
        path: PathBuf,
        /// The limit.
        longest: usize,
    },
    /// Another server uses the data directory.
    #[error("another provisor (process {pid}) uses {root}; stop it, or name another --data-dir")]
    InUse {
        /// Its process.
        pid: String,
        /// The data directory.
        root: PathBuf,
    },
    /// A process that says not who it is keeps the data directory from being used.
    #[error("{file} is locked, and not by the process that it names; 'fuser {file}' says by which", file = file.display())]
    Locked {
        /// The file.
        file: PathBuf,
    },
    /// A program of Postgres failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// Which.
        program: &'static str,
        /// The end of what it said.
        output: String,
    },
    /// A file cannot be used.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Postgres runs but does not do what is asked.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
}

impl Error {
    fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}

/// Whether there is a private Postgres in the data directory, running or not. What we may not look into is taken for one.
#[must_use]
pub fn exists(root: &Path) -> bool {
    root.join("postgres").join("PG_VERSION").try_exists().unwrap_or(true)
}

/// The variables by which the environment speaks of some Postgres. libpq and the programs of Postgres go by them where nothing else is
/// said, and some cannot be overruled; the private Postgres is another one.
#[must_use]
pub fn foreign_variables() -> Vec<OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"PG")).collect()
}

/// The private Postgres, running. Whoever owns it stops it when done.
#[derive(Debug)]
pub struct PrivatePostgres {
    url: String,
    owned: Option<(Supervisor, Owner)>,
}

impl PrivatePostgres {
    /// Starts the private Postgres in the data directory, or takes over the one that runs there. A command that finds a server at
    /// work uses the server's.
    ///
    /// # Errors
    /// [`Error`] that says what to do about it.
    pub fn start(root: &Path, bin_dir: Option<&Path>, role: Role) -> Result<Self, Error> {
        let directory = DataDirectory::open(root)?;
        let url = directory.url("provisor");
        let deadline = Instant::now() + OWNER_TIMEOUT;
        loop {
            match Owner::attempt(root, role)? {
                Attempt::Owned(owner) => {
                    let running = run(&directory, bin_dir)?;
                    let server = directory.url("postgres");
                    let supervisor = Supervisor::start(running, directory, bin_dir.map(Path::to_owned))
                        .map_err(|source| Error::file(root, source))?;
                    let postgres = Self { url, owned: Some((supervisor, owner)) };
                    cluster::create_database(&server)?;
                    return Ok(postgres);
                }
                Attempt::Held { by: Role::Server, pid: Some(pid) } if role == Role::Server => {
                    return Err(Error::InUse { pid, root: root.to_owned() });
                }
                Attempt::Held { by: Role::Server, .. } if cluster::data_directory(&url).is_ok() => {
                    return Ok(Self { url, owned: None });
                }
                Attempt::Held { pid: Some(pid), .. } if Instant::now() > deadline => {
                    return Err(Error::InUse { pid, root: root.to_owned() });
                }
                Attempt::Held { pid: None, .. } | Attempt::Unclear if Instant::now() > deadline => {
                    return Err(Error::Locked { file: Owner::file(root) });
                }
                Attempt::Held { .. } | Attempt::Unclear => sleep(POLL),
            }
        }
    }

    /// The URL of the database.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process id of Postgres, where this process owns it.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.owned.as_ref().map(|(supervisor, _)| supervisor.pid())
    }

    /// Stops Postgres, where this process owns it.
    ///
    /// # Errors
    /// [`Error`] when it cannot be told to.
    pub fn stop(mut self) -> Result<(), Error> {
        self.release()
    }

    fn release(&mut self) -> Result<(), Error> {
        match self.owned.take() {
            Some((supervisor, _owner)) => supervisor.stop(),
            None => Ok(()),
        }
    }
}

/// Whatever goes wrong above, Postgres is not left behind.
impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            log::error!("{error}");
        }
    }
}

/// Postgres, running in the directory that we own.
fn run(directory: &DataDirectory, bin_dir: Option<&Path>) -> Result<Running, Error> {
    let deadline = Instant::now() + START_TIMEOUT;
    let binaries = Binaries::find(bin_dir, directory.cluster_major())?;
    if directory.cluster_major().is_none() {
        initialize(directory, &binaries)?;
    }
    let mut running = match Running::orphan(directory) {
        Some(orphan) => orphan,
        None => Running::spawn(directory, &binaries)?,
    };
    loop {
        if cluster::data_directory(&directory.url("postgres")).is_ok() {
            return Ok(running);
        }
        if !running.lives() {
            // An orphan that was just ending, or what is left of one that is not quite gone: its lock file, its shared memory.
            let left_over = |log: &str| log.contains("postmaster.pid") || log.contains("is still in use");
            if Instant::now() > deadline || !left_over(&process::log_tail(directory)) {
                return Err(Error::Failed { program: "postgres", output: process::log_tail(directory) });
            }
            sleep(POLL * 10);
            running = Running::spawn(directory, &binaries)?;
        }
        if Instant::now() > deadline {
            running.stop()?;
            return Err(Error::Failed { program: "postgres", output: process::log_tail(directory) });
        }
        sleep(POLL);
    }
}

/// Makes the cluster beside its place and moves it there when it is complete, so that a broken attempt leaves nothing that looks
/// like a cluster.
fn initialize(directory: &DataDirectory, binaries: &Binaries) -> Result<(), Error> {
    let partial = directory.root.join("postgres.new");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(|source| Error::file(&partial, source))?;
    }
    directory.make_private(&partial)?;
    let mut initdb = Command::new(binaries.program("initdb"));
    initdb
        .args(["--username=provisor", "--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums"])
        .arg("--pgdata")
        .arg(&partial)
        .stdin(Stdio::null())
        .current_dir("/");
    process::run_as(&mut initdb, directory.run_as);
    let output = initdb.output().map_err(|source| Error::file(&binaries.program("initdb"), source))?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::Failed { program: "initdb", output });
    }
    let cluster = directory.cluster();
    fs::rename(&partial, &cluster).map_err(|source| Error::file(&cluster, source))
}
