//! The process of Postgres: started as a child, or found from an earlier owner.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::binaries::Binaries;
use super::directory::{DataDirectory, RunAs};
use super::{Error, POLL};

/// How long Postgres may take to stop before it is told to drop everything.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// With what it runs, whatever its files and the environment say: reached by its socket alone, with room for the largest
/// `--database-connections`, without a line in its log for what clients get wrong, which would name people, and with statistics that are young
/// when a directory arrives all at once: without them a look-up may go through an index that leads to everybody.
const SETTINGS: [&str; 9] = [
    "listen_addresses=",
    "port=5432",
    "max_connections=1100",
    "fsync=on",
    "full_page_writes=on",
    "logging_collector=off",
    "log_min_messages=log",
    "lc_messages=C",
    "autovacuum_naptime=10s",
];
/// Bytes at which the log begins anew when Postgres starts.
const LOG_LIMIT: u64 = 10 << 20;
/// Bytes from the end of the log that an error shows.
const LOG_TAIL: u64 = 2_000;

/// A running Postgres.
#[derive(Debug)]
pub(super) enum Running {
    /// Started by this process.
    Child(Child),
    /// Left by a process that died.
    Orphan(Pid),
}

impl Running {
    /// Starts Postgres on the cluster.
    pub(super) fn spawn(directory: &DataDirectory, binaries: &Binaries) -> Result<Self, Error> {
        let path = directory.log();
        let failed = |source| Error::file(&path, source);
        let log = File::options().create(true).append(true).mode(0o600).open(&path).map_err(failed)?;
        if log.metadata().map_err(failed)?.len() > LOG_LIMIT {
            log.set_len(0).map_err(failed)?;
        }
        let errors = log.try_clone().map_err(|source| Error::file(&path, source))?;
        directory.give(&path)?;
        let sockets = directory.socket_directory().display().to_string().replace('"', "\"\"");
        let mut postgres = Command::new(binaries.program("postgres"));
        postgres
            .arg("-D")
            .arg(directory.cluster())
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .arg("-c")
            .arg(format!("unix_socket_directories=\"{sockets}\""))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .current_dir("/")
            // Ctrl-C must reach Postgres after us, not with us.
            .process_group(0);
        run_as(&mut postgres, directory.run_as);
        postgres.spawn().map(Self::Child).map_err(|source| Error::file(&binaries.program("postgres"), source))
    }

    /// The Postgres that an earlier owner left behind on this cluster.
    pub(super) fn orphan(directory: &DataDirectory) -> Option<Self> {
        let text = fs::read_to_string(directory.cluster().join("postmaster.pid")).ok()?;
        let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?);
        let orphan = Self::Orphan(pid);
        // The number may belong to another program by now; only Postgres holds its shared memory and answers on the socket, and
        // the answer names its directory.
        let (cluster, url) = (directory.cluster(), directory.url("postgres"));
        let deadline = Instant::now() + STOP_TIMEOUT;
        let mut running = Self::Orphan(pid);
        while running.lives() && Instant::now() < deadline {
            match crate::store::cluster::data_directory(&url) {
                Ok(answer) => {
                    let same = fs::canonicalize(&answer).ok() == fs::canonicalize(&cluster).ok();
                    return same.then_some(orphan);
                }
                Err(error) if !error.to_string().contains("the database system is") => return None,
                Err(_) => sleep(POLL),
            }
        }
        None
    }

    pub(super) fn pid(&self) -> u32 {
        match self {
            Self::Child(child) => child.id(),
            Self::Orphan(pid) => pid.as_raw().unsigned_abs(),
        }
    }

    /// Whether the process has not ended yet.
    pub(super) fn lives(&mut self) -> bool {
        match self {
            Self::Child(child) => matches!(child.try_wait(), Ok(None)),
            // Not being allowed to signal it means that it is there.
            Self::Orphan(pid) => !matches!(kill(*pid, None), Err(Errno::ESRCH)),
        }
    }

    /// Stops Postgres: open transactions are rolled back, everything committed is written.
    pub(super) fn stop(mut self) -> Result<(), Error> {
        // Its number may belong to another program by now.
        if !self.lives() {
            return Ok(());
        }
        for (signal, patience) in [(Signal::SIGINT, STOP_TIMEOUT), (Signal::SIGQUIT, STOP_TIMEOUT)] {
            let pid = Pid::from_raw(self.pid().cast_signed());
            match kill(pid, signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(Error::Failed { program: "kill", output: error.to_string() }),
            }
            let deadline = Instant::now() + patience;
            while self.lives() {
                if Instant::now() > deadline {
                    break;
                }
                sleep(POLL);
            }
            if !self.lives() {
                return Ok(());
            }
        }
        Err(Error::Failed { program: "postgres", output: "does not stop".into() })
    }
}

/// Makes a command run as another user, without our groups.
pub(super) fn run_as(command: &mut Command, user: Option<RunAs>) {
    if let Some(RunAs { uid, gid }) = user {
        command.uid(uid.as_raw()).gid(gid.as_raw());
    }
}

/// The end of what Postgres said.
pub(super) fn log_tail(directory: &DataDirectory) -> String {
    let read = || -> std::io::Result<String> {
        let mut log = File::open(directory.log())?;
        let length = log.seek(SeekFrom::End(0))?;
        log.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    read().unwrap_or_default()
}
