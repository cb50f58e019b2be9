//! The provisioning log: every SCIM request with its answer, on its way to the table. Requests put what was seen of them into a bounded
//! queue and go on; a background thread masks and writes it. Under load rows are dropped and counted, requests never.

mod capture;
mod redact;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::store::{RequestRow, Store};

pub(super) use capture::{Capture, Recorded, is_astray};
use writer::Writer;

/// Requests that may wait.
const QUEUE: usize = 8_192;
/// Bytes of bodies that may wait.
const QUEUE_BYTES: usize = 32 << 20;
/// Bytes of a body that are kept.
const BODY_BYTES: usize = 16 << 10;

/// The beginning of a body, and how long all of it was.
#[derive(Debug, Default)]
struct Seen {
    start: Vec<u8>,
    length: usize,
}

impl Seen {
    /// Takes another piece in, as far as there is room.
    fn take(&mut self, piece: &[u8]) {
        let room = BODY_BYTES - self.start.len();
        self.start.extend_from_slice(&piece[..room.min(piece.len())]);
        self.length += piece.len();
    }
}

/// A request as it was seen. Nothing of its bodies is masked yet.
#[derive(Debug)]
struct Entry {
    row: RequestRow,
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

/// What both ends of the queue know.
#[derive(Debug, Default)]
struct Shared {
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
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

    fn record(&self, entry: Entry) {
        let bytes = entry.bytes();
        let fits = self.shared.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= QUEUE_BYTES;
        if !fits || self.queue.try_send(Message::Entry(Box::new(entry))).is_err() {
            self.shared.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
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
    use super::*;

    fn entry(bytes: usize) -> Entry {
        let mut request = Seen::default();
        request.take(&vec![b'x'; bytes]);
        Entry { row: capture::tests::row(), request, response: Seen::default() }
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
    fn bodies_that_wait_have_a_limit_together() {
        let (queue, waiting) = sync_channel(QUEUE);
        let log = RequestLog { queue, shared: Arc::default() };
        let fitting = QUEUE_BYTES / BODY_BYTES;
        for _ in 0..fitting + 7 {
            log.record(entry(BODY_BYTES));
        }
        assert_eq!((log.dropped(), waiting.try_iter().count()), (7, fitting));
    }
}
