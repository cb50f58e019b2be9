//! Watches over Postgres: when it ends although nobody stopped it, it is started again. Until then requests are answered 503, and
//! afterwards they are served, without a human and without a restart of ours.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::directory::DataDirectory;
use super::process::Running;
use super::{Error, run};

/// How often it is looked whether Postgres lives.
const WATCH: Duration = Duration::from_millis(100);
/// How long it is waited after an attempt that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// The thread that watches.
#[derive(Debug)]
pub(super) struct Supervisor {
    pid: Arc<AtomicU32>,
    end: Sender<()>,
    thread: JoinHandle<Result<(), Error>>,
}

impl Supervisor {
    /// Starts to watch over a running Postgres.
    pub(super) fn start(running: Running, directory: DataDirectory, bin_dir: Option<PathBuf>) -> std::io::Result<Self> {
        let pid = Arc::new(AtomicU32::new(running.pid()));
        let (end, ended) = channel();
        let watch = Watch { running, directory, bin_dir, pid: Arc::clone(&pid) };
        let thread = std::thread::Builder::new().name("postgres".into()).spawn(move || watch.run(&ended))?;
        Ok(Self { pid, end, thread })
    }

    /// The process id of the Postgres that runs now.
    pub(super) fn pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// Stops Postgres.
    pub(super) fn stop(self) -> Result<(), Error> {
        drop(self.end);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(Error::Failed { program: "postgres", output: "its supervisor failed".into() }))
    }
}

struct Watch {
    running: Running,
    directory: DataDirectory,
    bin_dir: Option<PathBuf>,
    pid: Arc<AtomicU32>,
}

impl Watch {
    fn run(mut self, ended: &Receiver<()>) -> Result<(), Error> {
        let mut pause = WATCH;
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(pause) {
            if !self.running.lives() {
                let log = self.directory.log();
                log::error!("PostgreSQL ended unexpectedly and is started again; see {}", log.display());
                pause = match run(&self.directory, self.bin_dir.as_deref()) {
                    Ok(running) => {
                        self.pid.store(running.pid(), Ordering::Relaxed);
                        self.running = running;
                        WATCH
                    }
                    Err(error) => {
                        log::error!("PostgreSQL cannot be started: {error}");
                        PAUSE
                    }
                };
            }
        }
        self.running.stop()
    }
}
