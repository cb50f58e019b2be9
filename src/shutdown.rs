//! The end of the server: the first signal asks for it, the second does not wait for it.
//!
//! A thread of its own waits for signals, because whatever the others wait for must not keep the second one from being heard. It
//! starts before anything else does, so that a signal during a long start is not lost and nothing is left half-started.
//!
//! SIGHUP has two meanings. The system sends it to whatever ran on a terminal that is closed: then the server stops, unless whoever
//! started it wanted it to go on (`nohup`). A server that never had a terminal gets it from a person or a script, as a daemon that is to
//! read its files again: then the server goes on, because it looks at its certificate by itself.

use std::fs::{self, File};
use std::io;
use std::thread;

use nix::sys::signal::{SigSet, Signal};
use tokio::sync::watch;

/// The signals that end the server whatever it runs on.
const SIGNALS: [Signal; 2] = [Signal::SIGINT, Signal::SIGTERM];
/// The exit code when the second signal came.
const IMPATIENT: i32 = 130;

/// Whether the server was asked to end.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Takes the signals over from here on, for this thread and all that it starts.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn on_signal() -> io::Result<Self> {
        let mut signals = SigSet::from_iter(SIGNALS);
        // A signal that is ignored would be waited for as any other.
        if !ignores_hangup() {
            signals.add(Signal::SIGHUP);
        }
        signals.thread_block()?;
        let has_terminal = File::open("/dev/tty").is_ok();
        let (asked, requested) = watch::channel(false);
        thread::Builder::new().name("signals".into()).spawn(move || {
            loop {
                match signals.wait() {
                    Ok(Signal::SIGHUP) if !has_terminal => {
                        log::info!("SIGHUP: going on; new files of the certificate are taken without it");
                    }
                    // A terminal that is closed may say so twice, and is in no hurry.
                    Ok(Signal::SIGHUP) if *asked.borrow() => {}
                    Ok(_) if *asked.borrow() => std::process::exit(IMPATIENT),
                    Ok(_) => {
                        log::info!("stopping; a second signal ends at once");
                        asked.send_replace(true);
                    }
                    Err(error) => {
                        log::error!("signals cannot be received; end the process by kill -9: {error}");
                        return;
                    }
                }
            }
        })?;
        Ok(Self(requested))
    }

    /// Whether the server was asked to end.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the server is asked to end.
    pub async fn requested(mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            // Without the thread nobody asks.
            std::future::pending::<()>().await;
        }
    }
}

/// Whether whoever started this process has it ignore SIGHUP. Where there is no `/proc` that cannot be told.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (Signal::SIGHUP as u32 - 1) & 1 == 1
}
