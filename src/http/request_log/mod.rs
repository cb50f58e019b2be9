//! The provisioning log: every SCIM request with its answer, on its way to the table. Requests put what was seen of them into a bounded
//! queue and go on; a background thread masks and writes it. Under load rows are dropped and counted, requests never.

mod capture;
mod redact;
mod writer;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::allowance::{Allowance, Rate};
use crate::store::{RequestRow, Store};

pub(super) use capture::{Capture, Recorded, is_astray};
use redact::Secrets;
use writer::Writer;

/// Rows that are written, so that the log never takes more than a small part of the database. Identity providers send tens of requests
/// a second.
const ROWS: Rate = Rate { per_second: 500.0, burst: 5_000.0 };
/// The same of rows of strangers, whom nobody can hold to account: enough to see what is wrong with a credential, too little to fill
/// a disk by. Such a row has a few thousand bytes, so this is less than a gigabyte a day.
const ROWS_OF_STRANGERS: Rate = Rate { per_second: 2.0, burst: 1_000.0 };
/// Requests that may wait.
const QUEUE: usize = 8_192;
/// Bytes of bodies that may wait.
const QUEUE_BYTES: usize = 32 << 20;
/// Bytes of a body that are kept.
const BODY_BYTES: usize = 16 << 10;
/// Requests of strangers that may wait: an eighth of the queue, so that the rest of it is for those who are known.
const QUEUE_OF_STRANGERS: usize = QUEUE / 8;
/// Bytes of a body that are kept of a stranger's request. The longer answers that strangers get are the same for everybody.
const STRANGER_BODY_BYTES: usize = 1 << 10;

/// The beginning of a body, and how long all of it was.
#[derive(Debug)]
struct Seen {
    start: Vec<u8>,
    length: usize,
    /// How long the beginning may be.
    most: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self { start: Vec::new(), length: 0, most: BODY_BYTES }
    }
}

impl Seen {
    /// With a beginning that is no longer than this.
    fn limited(mut self, most: usize) -> Self {
        self.start.truncate(most);
        Self { most, ..self }
    }

    /// Takes another piece in, as far as there is room.
    fn take(&mut self, piece: &[u8]) {
        let room = self.most - self.start.len();
        self.start.extend_from_slice(&piece[..room.min(piece.len())]);
        self.length += piece.len();
    }
}

/// A request as it was seen. Nothing of its bodies is masked yet.
#[derive(Debug)]
struct Entry {
    row: RequestRow,
    /// Whether there is to be a row of it. Else the row holds what is counted, and nothing more.
    is_written: bool,
    /// Whether nobody knows who sent it. Anybody can send any number of those.
    is_strangers: bool,
    secrets: Secrets,
    request: Seen,
    response: Seen,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.request.start.len() + self.response.start.len()
    }
}

/// What goes through the queue.
#[derive(Debug)]
enum Message {
    Entry(Box<Entry>),
    Close,
}

/// The queue's entrance.
#[derive(Debug, Clone)]
pub struct RequestLog {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
}

/// What may be written of those who are known, and of strangers. Neither takes from the other.
#[derive(Debug)]
struct Allowances {
    known: Allowance,
    strangers: Allowance,
}

impl Allowances {
    fn full(now: Instant) -> Self {
        Self { known: Allowance::full(ROWS, now), strangers: Allowance::full(ROWS_OF_STRANGERS, now) }
    }

    /// Whether another row, of a stranger or not, may be written.
    fn take(&mut self, is_strangers: bool, now: Instant) -> bool {
        let taken = if is_strangers { self.strangers.take(ROWS_OF_STRANGERS, now) } else { self.known.take(ROWS, now) };
        taken.is_ok()
    }
}

/// What both ends of the queue know.
#[derive(Debug)]
struct Shared {
    allowances: Mutex<Allowances>,
    waiting_bytes: AtomicUsize,
    waiting_strangers: AtomicUsize,
    dropped: AtomicU64,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            allowances: Mutex::new(Allowances::full(Instant::now())),
            waiting_bytes: AtomicUsize::default(),
            waiting_strangers: AtomicUsize::default(),
            dropped: AtomicU64::default(),
        }
    }
}

impl Shared {
    /// So much waits no more.
    fn leave(&self, bytes: usize, strangers: usize) {
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.waiting_strangers.fetch_sub(strangers, Ordering::Relaxed);
    }
}

impl RequestLog {
    /// Starts the background thread. It ends after [`RequestLog::close`], when it has written what waits.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(store: Arc<Store>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, waiting) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let writer = Writer::new(store, Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("request-log".into()).spawn(move || writer.run(&waiting))?;
        Ok((Self { queue, shared }, thread))
    }

    /// Requests that are missing in the log since the server started.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Whether a request, of a stranger or not, is to be written. Under load most are counted only, and nothing else is taken down of them.
    fn admits(&self, is_strangers: bool) -> bool {
        let mut allowances = self.shared.allowances.lock().unwrap_or_else(PoisonError::into_inner);
        allowances.take(is_strangers, Instant::now())
    }

    fn record(&self, entry: Entry) {
        let (bytes, strangers) = (entry.bytes(), usize::from(entry.is_strangers));
        let waiting_bytes = self.shared.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let waiting_strangers = self.shared.waiting_strangers.fetch_add(strangers, Ordering::Relaxed) + strangers;
        let fits = waiting_bytes <= QUEUE_BYTES && (strangers == 0 || waiting_strangers <= QUEUE_OF_STRANGERS);
        if !fits || self.queue.try_send(Message::Entry(Box::new(entry))).is_err() {
            self.shared.leave(bytes, strangers);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lets the background thread end.
    pub fn close(&self) {
        // Without a thread there is nothing to end.
        let _ = self.queue.send(Message::Close);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    impl RequestLog {
        /// A log that nobody reads.
        pub(super) fn to_nowhere() -> Self {
            Self { queue: sync_channel(0).0, shared: Arc::default() }
        }
    }

    fn entry(bytes: usize) -> Entry {
        let mut request = Seen::default();
        request.take(&vec![b'x'; bytes]);
        Entry {
            row: capture::tests::row(),
            is_written: true,
            is_strangers: false,
            secrets: Secrets::default(),
            request,
            response: Seen::default(),
        }
    }

    #[test]
    fn of_a_long_body_the_beginning_is_kept_and_all_is_counted() {
        let mut seen = Seen::default();
        for _ in 0..3 {
            seen.take(&[b'x'; BODY_BYTES / 2]);
        }
        assert_eq!((seen.start.len(), seen.length), (BODY_BYTES, BODY_BYTES / 2 * 3));
    }

    #[test]
    fn a_full_queue_drops_entries_and_counts_them() {
        let (queue, waiting) = sync_channel(2);
        let log = RequestLog { queue, shared: Arc::default() };
        for _ in 0..5 {
            log.record(entry(10));
        }
        assert_eq!(log.dropped(), 3);
        assert_eq!(waiting.try_iter().count(), 2);
        assert_eq!(log.shared.waiting_bytes.load(Ordering::Relaxed), 20);
    }

    #[test]
    fn strangers_fill_no_more_than_their_part_of_the_queue() {
        let (queue, waiting) = sync_channel(QUEUE);
        let log = RequestLog { queue, shared: Arc::default() };
        for _ in 0..QUEUE * 2 {
            log.record(Entry { is_strangers: true, ..entry(0) });
        }
        assert_eq!(log.dropped(), (QUEUE * 2 - QUEUE_OF_STRANGERS) as u64);
        let known = QUEUE - QUEUE_OF_STRANGERS;
        for _ in 0..known {
            log.record(entry(0));
        }
        assert_eq!(log.dropped(), (QUEUE * 2 - QUEUE_OF_STRANGERS) as u64, "whoever is known has the rest");
        assert_eq!(
            waiting
                .try_iter()
                .filter(|message| matches!(message, Message::Entry(entry) if !entry.is_strangers))
                .count(),
            known
        );
    }

    #[test]
    fn bodies_that_wait_have_a_limit_together() {
        let (queue, waiting) = sync_channel(QUEUE);
        let log = RequestLog { queue, shared: Arc::default() };
        let fitting = QUEUE_BYTES / BODY_BYTES;
        for _ in 0..fitting + 7 {
            log.record(entry(BODY_BYTES));
        }
        assert_eq!((log.dropped(), waiting.try_iter().count()), (7, fitting));
    }

    #[test]
    fn in_the_long_run_rows_are_limited() {
        let start = Instant::now();
        let mut allowances = Allowances::full(start);
        let mut taken = |at| (0..20_000).filter(|_| allowances.take(false, at)).count();
        assert_eq!(taken(start), 5_000);
        assert_eq!(taken(start + Duration::from_secs(2)), 1_000);
        assert_eq!(taken(start + Duration::from_secs(200)), 5_000);
    }

    #[test]
    fn strangers_have_a_small_allowance_and_take_nothing_of_the_others() {
        let start = Instant::now();
        let mut allowances = Allowances::full(start);
        let mut taken = |is_strangers, at| (0..20_000).filter(|_| allowances.take(is_strangers, at)).count();
        assert_eq!(taken(true, start), 1_000);
        assert_eq!(taken(false, start), 5_000);
        let later = start + Duration::from_secs(5);
        assert_eq!((taken(true, later), taken(false, later)), (10, 2_500));
    }
}
