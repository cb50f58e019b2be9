//! The background thread: it masks what was seen, writes it in batches, and counts all of it by the hour.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use chrono::{DateTime, DurationRound, TimeDelta};

use super::redact::{Redacted, clean, clean_detail, clean_query, redact, searches_secret};
use super::{Entry, Message, QUEUE, Seen, Shared};
use crate::store::{Error, RequestCountRow, RequestRow, Store};

/// How long requests are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(400);
/// How long it sleeps between two looks at what waits.
const LOOK: Duration = Duration::from_millis(50);
/// Rows written by one statement.
const ROWS_PER_STATEMENT: usize = 100;
/// The operation of a change that sets `active` to false.
const DEACTIVATE: &str = "deactivate";
/// Sums that one statement adds to.
const COUNTS_PER_STATEMENT: usize = 1_000;
/// Sums that wait for the next write at most when they could not be written.
const COUNTS_KEPT: usize = 10_000;
/// How often it is said at most that rows were dropped.
const TELL: Duration = Duration::from_mins(1);

pub(super) struct Writer {
    store: Arc<Store>,
    shared: Arc<Shared>,
}

/// What was gathered: requests of which rows are written, and the numbers of all others. The numbers stay until they are written.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    counts: HashMap<RequestKey, RequestCountRow>,
}

impl Batch {
    /// Takes what waits, and whether it was the last. Between two looks it sleeps, because a thread that waits for the next request is
    /// woken for each, and whoever serves the request pays for that.
    fn gather(&mut self, waiting: &Receiver<Message>, shared: &Shared) -> bool {
        let mut message = waiting.recv_timeout(GATHER);
        std::thread::sleep(LOOK);
        loop {
            match message {
                Ok(Message::Entry(entry)) if entry.is_written => self.entries.push(*entry),
                Ok(Message::Entry(entry)) => {
                    shared.leave(entry.bytes(), usize::from(entry.is_strangers));
                    shared.dropped.fetch_add(1, Ordering::Relaxed);
                    count(&unwritten(*entry), &mut self.counts);
                }
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
            message = waiting.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            });
        }
    }
}

impl Batch {
    /// Forgets the oldest numbers where too many wait, and says how many requests were among them.
    fn forget_counts(&mut self, kept: usize) -> i64 {
        let surplus = self.counts.len().saturating_sub(kept);
        if surplus == 0 {
            return 0;
        }
        let mut keys: Vec<RequestKey> = self.counts.keys().cloned().collect();
        keys.sort_by_key(|(_, hour, ..)| *hour);
        keys.truncate(surplus);
        keys.iter().filter_map(|key| self.counts.remove(key)).map(|counted| counted.requests).sum()
    }
}

/// What there is to say of the log, which is said once a minute at most.
#[derive(Debug, Default)]
struct Report {
    /// Rows that could not be written since the server started.
    unwritten: u64,
    unwritten_told: u64,
    /// Requests that there was no room for and that were told of.
    overflowed_told: u64,
    /// Requests that are missing in the numbers, too.
    forgotten: i64,
    error: Option<Error>,
    told_at: Option<Instant>,
}

impl Report {
    /// Says what is new, where it is time for it; `dropped` is all that is missing in the log.
    fn tell(&mut self, dropped: u64, is_last: bool) {
        if !is_last && self.told_at.is_some_and(|at| at.elapsed() < TELL) {
            return;
        }
        let overflowed = dropped - self.unwritten;
        let (missing, unwritten) = (overflowed - self.overflowed_told, self.unwritten - self.unwritten_told);
        if missing > 0 {
            log::warn!("{missing} requests are missing in the provisioning log: there were too many");
        }
        let error = self.error.take();
        let told = missing > 0 || error.is_some() || self.forgotten > 0;
        match error {
            Some(error) if unwritten > 0 => {
                log::warn!("{unwritten} requests were not written to the provisioning log: {error}");
            }
            Some(error) => {
                log::warn!("requests were not added to the numbers by the hour, which is tried again: {error}");
            }
            None => {}
        }
        if self.forgotten > 0 {
            log::warn!("{} requests are missing in the numbers by the hour: they could not be written", self.forgotten);
        }
        (self.unwritten_told, self.overflowed_told, self.forgotten) = (self.unwritten, overflowed, 0);
        if told {
            self.told_at = Some(Instant::now());
        }
    }
}

impl Writer {
    pub(super) fn new(store: Arc<Store>, shared: Arc<Shared>) -> Self {
        Self { store, shared }
    }

    pub(super) fn run(&self, waiting: &Receiver<Message>) {
        let (mut batch, mut report) = (Batch::default(), Report::default());
        let mut written = Instant::now();
        loop {
            let closed = batch.gather(waiting, &self.shared);
            if closed || written.elapsed() >= GATHER || batch.entries.len() >= QUEUE {
                self.write(&mut batch, &mut report);
                written = Instant::now();
                let kept = if closed { 0 } else { COUNTS_KEPT };
                report.forgotten += batch.forget_counts(kept);
                report.tell(self.shared.dropped.load(Ordering::Relaxed), closed);
            }
            if closed {
                return;
            }
        }
    }

    /// Writes what was gathered. Rows that could not be written are dropped; numbers stay in the batch, and are tried again with the next.
    fn write(&self, batch: &mut Batch, report: &mut Report) {
        let entries = std::mem::take(&mut batch.entries);
        let strangers = entries.iter().filter(|entry| entry.is_strangers).count();
        let bytes: usize = entries.iter().map(Entry::bytes).sum();
        let written = self.write_rows(entries, &mut batch.counts, report).and_then(|()| self.write_counts(batch));
        if let Err(error) = written {
            report.error = Some(error);
        }
        self.shared.leave(bytes, strangers);
    }

    /// Writes rows, and counts each of them, written or not.
    ///
    /// # Errors
    /// That the database is away: nothing else need be tried.
    fn write_rows(
        &self,
        entries: Vec<Entry>,
        counts: &mut HashMap<RequestKey, RequestCountRow>,
        report: &mut Report,
    ) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let settings = self.store.gate(|gate| gate.installation());
        let keeps_bodies = settings.as_ref().is_ok_and(|settings| settings.body_days > 0);
        let mut away = settings.err();
        let mut rows = Vec::with_capacity(ROWS_PER_STATEMENT);
        let mut entries = entries.into_iter().peekable();
        while let Some(entry) = entries.next() {
            let row = finished(entry, keeps_bodies);
            count(&row, counts);
            rows.push(row);
            if rows.len() < ROWS_PER_STATEMENT && entries.peek().is_some() {
                continue;
            }
            let written = away.is_none().then(|| self.store.gate(|gate| gate.insert_requests(&rows)));
            if !matches!(written, Some(Ok(()))) {
                report.unwritten += rows.len() as u64;
                self.shared.dropped.fetch_add(rows.len() as u64, Ordering::Relaxed);
            }
            match written {
                // What is the matter with these rows need not be with the next.
                Some(Err(error @ Error::Database(_))) => report.error = Some(error),
                Some(Err(error)) => away = Some(error),
                Some(Ok(())) | None => {}
            }
            rows.clear();
        }
        away.map_or(Ok(()), Err)
    }

    /// Adds the numbers of a batch to those in the table, and takes them out of the batch.
    fn write_counts(&self, batch: &mut Batch) -> Result<(), Error> {
        let mut counts: Vec<RequestCountRow> = batch.counts.values().cloned().collect();
        // In one order, so that two servers do not wait for one another.
        counts.sort_by(|one, other| one.key().cmp(&other.key()));
        for counts in counts.chunks(COUNTS_PER_STATEMENT) {
            self.store.gate(|gate| gate.add_request_counts(counts))?;
            for written in counts {
                batch.counts.remove(&key(written));
            }
        }
        Ok(())
    }
}

/// The row as it is written.
fn finished(entry: Entry, keeps_bodies: bool) -> RequestRow {
    let Entry { mut row, request, response, secrets, .. } = entry;
    let read = |body: &Seen| redact(&body.start, body.length, &secrets);
    let (mut asked, mut answered) = (read(&request), read(&response));
    if asked.deactivates && may_deactivate(&row.operation) {
        row.operation = DEACTIVATE.into();
    }
    let query = row.query.take();
    let mut name = query.as_deref().and_then(name_in_filter);
    if asked.searches_secret || query.as_deref().is_some_and(|query| searches_secret(query, &secrets)) {
        (row.detail, name) = (None, None);
        answered = Redacted { scim_type: answered.scim_type, ..Redacted::default() };
    }
    row.query = query.map(|query| clean_query(&query, &secrets));
    row.path = clean(&row.path);
    row.detail = row.detail.or(answered.detail.take()).map(|detail| clean_detail(&detail, &secrets));
    row.scim_type = row.scim_type.or(answered.scim_type);
    let created = (row.operation == "create" && row.outcome == "ok").then_some(answered.id).flatten();
    row.resource_id = row.resource_id.or(created).as_deref().map(clean);
    row.resource_name = answered.name.or(asked.name.take()).or(name).as_deref().map(clean);
    for text in [&mut row.user_agent, &mut row.request_headers, &mut row.response_headers].into_iter().flatten() {
        *text = clean(text);
    }
    if keeps_bodies {
        (row.request_body, row.response_body) = (asked.text, answered.text);
    }
    row
}

/// What is counted of a request of which no row is written.
fn unwritten(entry: Entry) -> RequestRow {
    let Entry { mut row, request, secrets, .. } = entry;
    if may_deactivate(&row.operation) && redact(&request.start, request.length, &secrets).deactivates {
        row.operation = DEACTIVATE.into();
    }
    row
}

/// Whether an operation switches somebody off where its body says so.
pub(super) fn may_deactivate(operation: &str) -> bool {
    matches!(operation, "modify" | "replace")
}

/// The name that a filter looks for, as identity providers do before they create somebody.
fn name_in_filter(query: &str) -> Option<String> {
    let filter = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name.eq_ignore_ascii_case("filter"))?.1;
    let (attribute, value) = filter.trim().split_once(char::is_whitespace)?;
    let value =
        value.trim_start().get(2..).filter(|_| value.trim_start().to_ascii_lowercase().starts_with("eq "))?.trim();
    let is_name = ["username", "displayname"].iter().any(|name| attribute.eq_ignore_ascii_case(name));
    is_name
        .then(|| value.trim_matches('"').to_owned())
        .filter(|name| !name.contains('"') && name.chars().count() <= 200)
}

/// Counts a request in its hour.
fn count(row: &RequestRow, counts: &mut HashMap<RequestKey, RequestCountRow>) {
    let none = RequestCountRow {
        tenant_id: row.tenant_id,
        hour: row.at.duration_trunc(TimeDelta::hours(1)).unwrap_or(DateTime::UNIX_EPOCH),
        actor_id: row.actor_id.clone(),
        operation: row.operation.clone(),
        outcome: row.outcome.clone(),
        requests: 0,
        microseconds: 0,
    };
    let counted = counts.entry(key(&none)).or_insert(none);
    counted.requests += 1;
    counted.microseconds = counted.microseconds.saturating_add(row.microseconds);
}

/// What is counted apart.
type RequestKey = (uuid::Uuid, DateTime<chrono::Utc>, String, String, String);

/// [`RequestCountRow::key`], to be kept.
fn key(counted: &RequestCountRow) -> RequestKey {
    let (tenant, hour, actor, operation, outcome) = counted.key();
    (tenant, hour, actor.to_owned(), operation.to_owned(), outcome.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::super::BODY_BYTES;
    use super::super::capture::tests::row;
    use super::super::redact::Secrets;
    use super::*;

    fn seen(text: &str) -> Seen {
        let mut seen = Seen::default();
        seen.take(text.as_bytes());
        seen
    }

    #[test]
    fn what_is_not_written_is_counted_as_what_it_is() {
        let (queue, waiting) = sync_channel(3);
        let shared = Shared::default();
        for text in ["{\"active\":false}", "{\"active\":true}", "{\"active\":false}"] {
            let entry = Entry {
                row: RequestRow { operation: "replace".into(), ..row() },
                is_written: false,
                is_strangers: false,
                secrets: Secrets::default(),
                request: seen(text),
                response: Seen::default(),
            };
            shared.waiting_bytes.fetch_add(entry.bytes(), Ordering::Relaxed);
            queue.send(Message::Entry(Box::new(entry))).unwrap();
        }
        let mut batch = Batch::default();
        assert!(!batch.gather(&waiting, &shared));
        let mut counted: Vec<_> =
            batch.counts.values().map(|counted| (counted.operation.as_str(), counted.requests)).collect();
        counted.sort_unstable();
        assert_eq!(counted, [("deactivate", 2), ("replace", 1)]);
        assert!(batch.entries.is_empty());
        assert_eq!((shared.dropped.into_inner(), shared.waiting_bytes.into_inner()), (3, 0));
    }

    #[test]
    fn where_too_many_numbers_wait_the_oldest_are_forgotten() {
        let mut batch = Batch::default();
        for hour in 0..5 {
            for _ in 0..=hour {
                let at = DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
                count(&RequestRow { at, ..row() }, &mut batch.counts);
            }
        }
        assert_eq!((batch.forget_counts(5), batch.forget_counts(3), batch.counts.len()), (0, 1 + 2, 3));
        assert_eq!((batch.forget_counts(0), batch.counts.len()), (3 + 4 + 5, 0));
    }

    #[test]
    fn what_is_said_of_a_filter_on_a_password_is_not_kept() {
        let entry = Entry {
            row: RequestRow {
                query: Some("filter=password+eq+c4n4ry".into()),
                detail: Some("c4n4ry is wrong".into()),
                ..row()
            },
            is_written: true,
            is_strangers: false,
            secrets: Secrets::default(),
            request: Seen::default(),
            response: seen("{\"detail\":\"c4n4ry is wrong\",\"scimType\":\"invalidFilter\"}"),
        };
        let row = finished(entry, true);
        assert!(!format!("{row:?}").contains("c4n4ry"), "{row:?}");
        assert_eq!(row.scim_type.as_deref(), Some("invalidFilter"));
    }

    #[test]
    fn a_row_learns_from_the_bodies_that_it_may_not_keep() {
        let entry = || Entry {
            row: RequestRow { operation: "modify".into(), ..row() },
            is_written: true,
            is_strangers: false,
            secrets: Secrets::default(),
            request: seen("{\"Operations\":[{\"op\":\"replace\",\"path\":\"active\",\"value\":false}]}"),
            response: seen("{\"id\":\"1\",\"userName\":\"ada@example.com\"}"),
        };
        let kept = finished(entry(), true);
        assert!(kept.request_body.is_some() && kept.response_body.is_some());
        let kept = finished(entry(), false);
        assert_eq!((kept.request_body, kept.response_body), (None, None));
        assert_eq!((kept.operation.as_str(), kept.resource_name.as_deref()), ("deactivate", Some("ada@example.com")));
    }

    #[test]
    fn a_long_body_is_marked_as_cut() {
        let text = format!("{{\"x\":\"{}\"}}", "y".repeat(BODY_BYTES));
        let row = finished(
            Entry {
                row: row(),
                is_written: true,
                is_strangers: false,
                secrets: Secrets::default(),
                request: seen(&text),
                response: Seen::default(),
            },
            true,
        );
        let kept = row.request_body.unwrap();
        assert!(kept.ends_with(&format!("\n… ({BODY_BYTES} of {} bytes)", text.len())), "{}", &kept[kept.len() - 60..]);
    }

    #[test]
    fn the_name_in_a_filter_is_the_name_of_the_request() {
        for (query, name) in [
            ("filter=userName+eq+%22ada%40example.com%22&startIndex=1", Some("ada@example.com")),
            ("filter=displayName%20EQ%20%22Staff%22", Some("Staff")),
            ("filter=id+eq+%22a%22", None),
            ("filter=userName+eq+%22a%22+or+userName+eq+%22b%22", None),
            ("count=1", None),
        ] {
            assert_eq!(name_in_filter(query).as_deref(), name, "{query}");
        }
    }
}
