//! The end of the server: the first signal asks for it, the second does not wait for it.
//!
//! A thread of its own waits for signals, because whatever the others wait for must not keep the second one from being heard. It
//! starts before anything else does, so that a signal during a long start is not lost and nothing is left half-started.

use std::io;
use std::thread;

use nix::sys::signal::{SigSet, Signal};
use tokio::sync::watch;

/// The signals that end the server. SIGHUP is what the terminal sends when it is closed.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
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
        let signals = SigSet::from_iter(SIGNALS);
        signals.thread_block()?;
        let (asked, requested) = watch::channel(false);
        thread::Builder::new().name("signals".into()).spawn(move || {
            for first in [true, false] {
                if let Err(error) = signals.wait() {
                    log::error!("signals cannot be received; end the process by kill -9: {error}");
                    return;
                }
                if first {
                    log::info!("stopping; a second signal ends at once");
                    asked.send_replace(true);
                }
            }
            std::process::exit(IMPATIENT);
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
