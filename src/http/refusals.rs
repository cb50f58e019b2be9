//! What was refused, on its way to the audit log. Requests put it into a bounded queue and go on; a background thread writes it. A
//! full queue drops entries, never requests, and counts the drops.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::audit::AuditEvent;
use crate::auth::{Authenticator, Caller};
use crate::store::{Refused, Store};

/// Entries that may wait.
const QUEUE: usize = 1_024;
/// How long entries are gathered before they are written together.
const GATHER: Duration = Duration::from_secs(1);
/// How often the last use of tokens is written.
const RECORD_USES: Duration = Duration::from_secs(60);

/// The queue's entrance.
#[derive(Debug, Clone)]
pub struct Refusals {
    queue: SyncSender<Refused>,
    dropped: Arc<AtomicU64>,
}

impl Refusals {
    /// Starts the background thread, which also records when tokens were last used. It ends when the last entrance is gone,
    /// after it has written what waits.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(store: Arc<Store>, authenticator: Arc<Authenticator>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, waiting) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            store,
            authenticator,
            dropped: Arc::clone(&dropped),
        };
        let thread = std::thread::Builder::new()
            .name("records".into())
            .spawn(move || writer.run(&waiting))?;
        Ok((Self { queue, dropped }, thread))
    }

    /// Records a refusal.
    pub(super) fn record(&self, caller: Caller, event: AuditEvent) {
        if self
            .queue
            .try_send(Refused {
                caller,
                event,
                at: Utc::now(),
            })
            .is_err()
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Writer {
    store: Arc<Store>,
    authenticator: Arc<Authenticator>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    fn run(&self, waiting: &Receiver<Refused>) {
        let mut gathered = Vec::new();
        let mut written = Instant::now();
        let mut uses_recorded = Instant::now();
        loop {
            let wait = GATHER.saturating_sub(written.elapsed());
            let ended = match waiting.recv_timeout(wait) {
                Ok(refused) => {
                    gathered.push(refused);
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            if ended || written.elapsed() >= GATHER || gathered.len() >= QUEUE {
                self.write(std::mem::take(&mut gathered));
                written = Instant::now();
            }
            if ended || uses_recorded.elapsed() >= RECORD_USES {
                self.record_uses();
                uses_recorded = Instant::now();
            }
            if ended {
                return;
            }
        }
    }

    /// Writes one row for refusals that differ only in the request.
    fn write(&self, gathered: Vec<Refused>) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            log::warn!("{dropped} refusals were not recorded: the queue was full");
        }
        let mut times: HashMap<_, usize> = HashMap::new();
        let mut rows: Vec<Refused> = Vec::new();
        for refused in gathered {
            let key = (
                refused.caller.principal.tenant(),
                refused.caller.principal.actor().clone(),
                refused.caller.address.clone(),
                refused.event.action,
                refused.event.target.clone(),
                refused.event.detail.clone(),
            );
            let count = times.entry(key).or_insert(0);
            *count += 1;
            if *count == 1 {
                rows.push(refused);
            }
        }
        for rows in rows.chunks(100) {
            if let Err(error) = self.store.gate(|gate| gate.record_refusals(rows)) {
                log::warn!("{} refusals were not recorded: {error}", rows.len());
            }
        }
    }

    fn record_uses(&self) {
        let uses = self.authenticator.take_uses();
        if !uses.is_empty()
            && let Err(error) = self.store.gate(|gate| gate.record_token_uses(&uses))
        {
            log::warn!("the last use of {} tokens was not recorded: {error}", uses.len());
        }
    }
}
