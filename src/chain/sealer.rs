//! The thread that seals. Each server has one; a lock in the database lets one at a time do it, and another goes on when that
//! server is gone.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};

use super::checkpoint::checkpoint;
use super::link::link;
use super::verify::{Break, Fault, Verification, Walk};
use crate::auth::keys::{KeyError, KeyRing};
use crate::auth::stamp::StampKey;
use crate::metrics::{Job, Metrics};
use crate::store::{self, BreakRow, Checked, SealRow, Sealed, Store};

/// How often.
const EVERY: Duration = Duration::from_secs(1);
/// Entries sealed in one transaction, and links checked at a time, at most.
const ROWS: i64 = 1_000;
/// How often heads are signed.
const CHECKPOINT_EVERY: Duration = Duration::from_mins(10);
/// How often it is looked whether there are links to check that another server has sealed.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether a whole chain is to be verified.
const CLAIM_EVERY: Duration = Duration::from_secs(2);
/// Time spent on verifying a whole chain between two rounds.
const SCAN_SLICE: Duration = Duration::from_millis(500);
/// How old the verification of a whole chain may be, so that it never comes to a day.
const SCAN_AFTER: TimeDelta = TimeDelta::hours(20);
/// How long a server that verifies a whole chain may be silent before another does it.
const LEASE: TimeDelta = TimeDelta::seconds(30);

/// The thread that does it.
#[derive(Debug)]
pub struct Sealer {
    /// Nothing is sent; that it is gone says that the end has come.
    end: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Sealer {
    /// Starts the thread, which begins at once.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(store: Arc<Store>, keys: Arc<KeyRing>, key: StampKey, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (end, ended) = sync_channel(0);
        let thread = std::thread::Builder::new().name("sealer".into()).spawn(move || {
            let mut work =
                Work { store, keys, key, metrics, scan: None, checkpointed: None, checked: None, looked: None };
            loop {
                let begun = Instant::now();
                work.round(&ended);
                if ended.recv_timeout(EVERY.saturating_sub(begun.elapsed())) != Err(RecvTimeoutError::Timeout) {
                    // What was done last is sealed and signed before the server ends.
                    work.checkpointed = None;
                    work.scan = None;
                    work.last();
                    return;
                }
            }
        })?;
        Ok(Self { end, thread })
    }

    /// Ends the thread, when it has sealed what waits.
    pub fn stop(self) {
        drop(self.end);
        if self.thread.join().is_err() {
            log::error!("the sealer thread failed");
        }
    }
}

struct Work {
    store: Arc<Store>,
    keys: Arc<KeyRing>,
    key: StampKey,
    metrics: Arc<Metrics>,
    /// The chain that is verified whole.
    scan: Option<Verification>,
    checkpointed: Option<Instant>,
    checked: Option<Instant>,
    looked: Option<Instant>,
}

/// Whether so much time has passed since, and sets it anew.
fn is_due(since: &mut Option<Instant>, every: Duration) -> bool {
    let due = since.is_none_or(|since| since.elapsed() >= every);
    if due {
        *since = Some(Instant::now());
    }
    due
}

/// Checks that the database goes by our master key: to a server with another one each checkpoint of the others looks forged.
fn check_key(store: &Store, keys: &KeyRing) -> Result<(), KeyError> {
    keys.fits(&store.gate(|gate| gate.signing_keys())?).map(drop)
}

impl Work {
    /// What fails is left for the next round.
    fn round(&mut self, ended: &Receiver<()>) {
        let goes_on = || ended.try_recv() == Err(TryRecvError::Empty);
        match self.noted(Job::AuditSeals, self.seal(goes_on)) {
            Ok(sealed) => {
                if (is_due(&mut self.checked, CHECK_EVERY) || sealed > 0)
                    && let Err(error) =
                        self.noted(Job::AuditChecks, self.check(goes_on).and_then(|()| self.tell_full()))
                {
                    log::warn!("the seals of the audit log were not checked: {error}");
                }
            }
            Err(error) => log::warn!("the audit log was not sealed: {error}"),
        }
        if is_due(&mut self.checkpointed, CHECKPOINT_EVERY) {
            self.checkpoint();
        }
        let scanned = self.scan(goes_on);
        if let Err(error) = self.noted(Job::AuditVerification, scanned) {
            log::warn!("the audit log was not verified: {error}");
            self.scan = None;
        }
    }

    /// What has come of a job, once that is noted.
    fn noted<T, E>(&self, job: Job, result: Result<T, E>) -> Result<T, E> {
        self.metrics.jobs.note(job, &result);
        result
    }

    fn last(&mut self) {
        match self.seal(|| false) {
            Ok(_) => self.checkpoint(),
            Err(error) => log::warn!("the audit log was not sealed: {error}"),
        }
    }

    /// Signs the heads.
    fn checkpoint(&self) {
        match self.noted(Job::AuditCheckpoints, checkpoint(&self.store, &self.keys, &self.key)) {
            Ok(()) => {}
            Err(KeyError::Sealed(_)) => log::error!(
                "no checkpoint of the audit log is signed: the database goes by another master key than this server, which has to be \
                 started anew with that one"
            ),
            Err(error) => log::warn!("no checkpoint of the audit log was made: {error}"),
        }
    }

    /// Seals what waits. Returns how many entries it was.
    fn seal(&self, goes_on: impl Fn() -> bool) -> Result<usize, store::Error> {
        let mut count = 0;
        loop {
            match self.store.gate(|gate| gate.seal(ROWS, link))? {
                Sealed::Elsewhere => return Ok(count),
                Sealed::Entries { count: sealed, is_last } => {
                    count += sealed;
                    if is_last || !goes_on() {
                        return Ok(count);
                    }
                }
            }
        }
    }

    /// Reads new seals and their entries again.
    fn check(&self, goes_on: impl Fn() -> bool) -> Result<(), store::Error> {
        loop {
            let unchecked = self.store.gate(|gate| gate.unchecked_links(ROWS))?;
            for links in unchecked.rows.chunk_by(|(_, one, _), (_, other, _)| one.tenant_id == other.tenant_id) {
                let ((seq, hash), SealRow { tenant_id: tenant, .. }, _) = &links[0];
                let (mut walk, mut found) = (Walk::behind(*seq, (*seq > 0).then(|| hash.clone())), Vec::new());
                for (_, seal, entry) in links {
                    walk.step(seal, entry.as_ref(), &mut found);
                }
                walk.settle(None, &mut found);
                if let Some(first) = found.first() {
                    log::error!("the audit log of tenant {tenant} is broken: {first:?}");
                }
                let checked = Checked {
                    tenant: *tenant,
                    seq: walk.seq(),
                    hash: walk.hash().unwrap_or_default().to_vec(),
                    broken: found.first().map(BreakRow::from),
                };
                self.store.gate(|gate| gate.note_checked(&checked, Utc::now()))?;
            }
            if unchecked.is_last || !goes_on() {
                return Ok(());
            }
        }
    }

    /// Names the break of chains that cannot grow any more.
    fn tell_full(&self) -> Result<(), store::Error> {
        for seal in self.store.gate(|gate| gate.full_chains())? {
            let found = Break { seq: Some(seal.seq), event: Some(seal.event_id), fault: Fault::Head };
            if self.store.gate(|gate| gate.note_break(seal.tenant_id, &BreakRow::from(&found)))? {
                log::error!("the audit log of tenant {} is broken, and not sealed any more: {found:?}", seal.tenant_id);
            }
        }
        Ok(())
    }

    /// Goes on with the verification of a whole chain for a while, or takes one on.
    fn scan(&mut self, goes_on: impl Fn() -> bool) -> Result<(), KeyError> {
        if self.scan.is_none() && is_due(&mut self.looked, CLAIM_EVERY) {
            check_key(&self.store, &self.keys)?;
            let now = Utc::now();
            let claimed = self.store.gate(|gate| gate.claim_chain(now - SCAN_AFTER, now, LEASE))?;
            self.scan = claimed.map(Verification::of);
        }
        let Some(scan) = &mut self.scan else {
            return Ok(());
        };
        let begun = Instant::now();
        while begun.elapsed() < SCAN_SLICE && goes_on() {
            if scan.advance(&self.store, &self.key)? {
                check_key(&self.store, &self.keys)?;
                let (tenant, breaks) = (scan.tenant(), &scan.report().breaks);
                if let Some(first) = breaks.first() {
                    log::error!("the audit log of tenant {tenant} is broken in {} places: {first:?}", breaks.len());
                }
                let first = breaks.first().map(BreakRow::from);
                self.store.gate(|gate| gate.note_verified(tenant, breaks.len(), first.as_ref(), Utc::now()))?;
                self.scan = None;
                return Ok(());
            }
        }
        let (tenant, seq) = (scan.tenant(), scan.seq());
        self.store.gate(|gate| gate.note_scanned(tenant, seq, Utc::now())).map_err(KeyError::from)
    }
}
