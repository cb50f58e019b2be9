//! What was refused, on its way to the audit log. Requests put it into a bounded queue and go on; a background thread writes it. A
//! full queue drops entries, never requests, and counts the drops.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::audit::{Action, AuditEvent, Target};
use crate::auth::{Authenticator, Caller};
use crate::store::{AuditRow, Refused, Store};

/// Entries that may wait.
const QUEUE: usize = 1_024;
/// Entries written by one statement.
const ROWS_PER_STATEMENT: usize = 100;
/// How long entries are gathered before they are written together.
const GATHER: Duration = Duration::from_secs(1);
/// How often the uses of tokens are written, and so how old the number is that another server shows: somebody goes by it who ends
/// an overlap.
const RECORD_USES: Duration = Duration::from_secs(5);

/// What goes through the queue.
#[derive(Debug)]
enum Entry {
    Refused(Box<Refused>),
    Close,
}

/// The queue's entrance.
#[derive(Debug, Clone)]
pub struct Refusals {
    queue: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

impl Refusals {
    /// Starts the background thread, which also records when tokens were last used. It ends after
    /// [`Refusals::close`], when it has written what waits.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(store: Arc<Store>, authenticator: Arc<Authenticator>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, waiting) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer { store, authenticator, dropped: Arc::clone(&dropped), told: AtomicU64::new(0) };
        let thread = std::thread::Builder::new().name("records".into()).spawn(move || writer.run(&waiting))?;
        Ok((Self { queue, dropped }, thread))
    }

    /// Records that a caller's write was refused: what it was to be done to, by which method, and with which answer.
    pub(super) fn record_write(&self, caller: Caller, target: Target, method: &str, status: u16, detail: Option<&str>) {
        let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
        let event =
            AuditEvent::new(Action::WriteRefused, target).because(format!("{method} answered {status}{detail}"));
        self.record(caller, event);
    }

    /// Records a refusal.
    pub(super) fn record(&self, caller: Caller, event: AuditEvent) {
        let refused = Refused { caller, event, at: Utc::now() };
        if self.queue.try_send(Entry::Refused(Box::new(refused))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Refusals that are missing in the audit log since the server started.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Lets the background thread end.
    pub fn close(&self) {
        // Without a thread there is nothing to end.
        let _ = self.queue.send(Entry::Close);
    }
}

struct Writer {
    store: Arc<Store>,
    authenticator: Arc<Authenticator>,
    dropped: Arc<AtomicU64>,
    /// How many drops the log was told of.
    told: AtomicU64,
}

impl Writer {
    fn run(&self, waiting: &Receiver<Entry>) {
        let mut gathered = Vec::new();
        let mut written = Instant::now();
        let mut uses_recorded = Instant::now();
        loop {
            let closed = match waiting.recv_timeout(GATHER.saturating_sub(written.elapsed())) {
                Ok(Entry::Refused(refused)) => {
                    gathered.push(*refused);
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Ok(Entry::Close) | Err(RecvTimeoutError::Disconnected) => true,
            };
            if closed || written.elapsed() >= GATHER || gathered.len() >= QUEUE {
                self.write(std::mem::take(&mut gathered));
                written = Instant::now();
            }
            if closed || uses_recorded.elapsed() >= RECORD_USES {
                self.record_uses();
                uses_recorded = Instant::now();
            }
            if closed {
                return;
            }
        }
    }

    fn write(&self, gathered: Vec<Refused>) {
        let all = self.dropped.load(Ordering::Relaxed);
        let dropped = all - self.told.swap(all, Ordering::Relaxed);
        if dropped > 0 {
            log::warn!("{dropped} refusals were not recorded: the queue was full");
        }
        let rows: Vec<AuditRow> = together(gathered).iter().map(AuditRow::from).collect();
        for rows in rows.chunks(ROWS_PER_STATEMENT) {
            if let Err(error) = self.store.gate(|gate| gate.record_refusals(rows)) {
                log::warn!("{} refusals were not recorded: {error}", rows.len());
            }
        }
    }

    fn record_uses(&self) {
        if let Err(error) = self.authenticator.record_uses(&self.store) {
            log::warn!("the last uses of header tokens were not recorded: {error}");
        }
    }
}

/// Makes one entry, with their number, of refusals that differ only in the request: a flood of them must not fill the log.
fn together(gathered: Vec<Refused>) -> Vec<Refused> {
    let mut positions: HashMap<_, usize> = HashMap::new();
    let mut rows: Vec<(Refused, usize)> = Vec::new();
    for refused in gathered {
        let key = (
            refused.caller.principal.tenant(),
            refused.caller.principal.actor().clone(),
            refused.caller.address.clone(),
            refused.event.action,
            refused.event.target.clone(),
            refused.event.detail.clone(),
        );
        match positions.get(&key) {
            Some(position) => rows[*position].1 += 1,
            None => {
                positions.insert(key, rows.len());
                rows.push((refused, 1));
            }
        }
    }
    let numbered = |(mut refused, times): (Refused, usize)| {
        if let (Some(detail), 2..) = (&mut refused.event.detail, times) {
            *detail = format!("{detail} ({times} times)");
        }
        refused
    };
    rows.into_iter().map(numbered).collect()
}
