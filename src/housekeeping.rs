//! What the server does by itself now and then: it exchanges signing keys when their time has come, and deletes what has had its
//! time. Of the servers that share a database one does it; another takes over when it is gone.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use crate::auth::keys::KeyRing;
use crate::auth::{sessions, setup, throttle};
use crate::metrics::{Job, Metrics};
use crate::oauth::access_token::LEEWAY_SECONDS;
use crate::provider::tenants;
use crate::store::{self, Expired, Store};

/// How often.
const EVERY: Duration = Duration::from_mins(5);

/// What is deleted, and how long after its time. A code or refresh token that is used again must stay recognisable for a while.
const KEPT: &[(Expired, TimeDelta)] = &[
    (Expired::AuthorizationCodes, TimeDelta::hours(1)),
    (Expired::RefreshTokens, TimeDelta::zero()),
    (Expired::RevokedAccessTokens, TimeDelta::seconds(2 * LEEWAY_SECONDS)),
    (Expired::UsedAssertions, TimeDelta::seconds(2 * LEEWAY_SECONDS)),
    (Expired::UsedSsoStates, TimeDelta::zero()),
    (Expired::IdleSessions, sessions::IDLE),
    (Expired::OldSessions, sessions::LIFETIME),
    (Expired::LinkedSessions, TimeDelta::zero()),
    (Expired::SetupCodes, setup::LIFETIME),
    (Expired::Invitations, TimeDelta::zero()),
    (Expired::SubmittedForms, sessions::LIFETIME),
    (Expired::TokenCallers, TimeDelta::days(90)),
    (Expired::Throttles, throttle::MEMORY),
    (Expired::Grants, TimeDelta::days(90)),
];

/// How long is kept what was counted by the hour.
const COUNTS_KEPT: TimeDelta = TimeDelta::days(400);

/// The thread that does it.
#[derive(Debug)]
pub struct Housekeeping {
    /// Nothing is sent; that it is gone says that the end has come.
    end: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Housekeeping {
    /// Starts the thread, which begins at once.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(store: Arc<Store>, keys: Arc<KeyRing>, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (end, ended) = sync_channel(0);
        let thread = std::thread::Builder::new().name("housekeeping".into()).spawn(move || {
            let mut lead = store.lead();
            loop {
                match lead.is_ours() {
                    Ok(true) => round(&store, &keys, &metrics, &ended),
                    Ok(false) => log::debug!("another server does the housekeeping"),
                    Err(error) => log::warn!("no housekeeping: {error}"),
                }
                if ended.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Self { end, thread })
    }

    /// Ends the thread. A statement under way is waited for.
    pub fn stop(self) {
        drop(self.end);
        if self.thread.join().is_err() {
            log::error!("the housekeeping thread failed");
        }
    }
}

/// Does all that there is to do. What fails is left for the next round.
fn round(store: &Store, keys: &KeyRing, metrics: &Metrics, ended: &Receiver<()>) {
    let now = Utc::now();
    if let Err(error) = noted(metrics, Job::SigningKeys, keys.maintain(store, now)) {
        log::warn!("signing keys were not looked after: {error}");
    }
    let goes_on = || ended.try_recv() == Err(TryRecvError::Empty);
    match noted(metrics, Job::TenantErasure, tenants::erase_due(store, now, goes_on)) {
        Ok(due) => due.iter().for_each(|(name, erased)| match erased {
            Ok(true) => log::info!("deleted the data of tenant {name}"),
            Ok(false) => {}
            Err(error) => log::warn!("the data of tenant {name} was not deleted: {error}"),
        }),
        Err(error) => log::warn!("deleted tenants were not cleared away: {error}"),
    }
    if let Err(error) = noted(metrics, Job::ProvisioningLog, trim_log(store, now, ended)) {
        log::warn!("the provisioning log was not trimmed: {error}");
    }
    if let Err(error) = noted(metrics, Job::UserCounts, count_users(store, now, ended)) {
        log::warn!("users were not counted: {error}");
    }
    if let Err(error) = noted(metrics, Job::ExpiredRows, sweep(store, now, ended)) {
        log::warn!("not all expired rows were deleted: {error}");
    }
}

/// What has come of a job, once that is noted.
fn noted<T, E>(metrics: &Metrics, job: Job, result: Result<T, E>) -> Result<T, E> {
    metrics.jobs.note(job, &result);
    result
}

/// Deletes requests from the log, and the bodies of others, as the settings say.
fn trim_log(store: &Store, now: DateTime<Utc>, ended: &Receiver<()>) -> Result<(), store::Error> {
    let goes_on = || ended.try_recv() == Err(TryRecvError::Empty);
    let settings = store.gate(|gate| gate.installation())?;
    let before = |days: i32| now - TimeDelta::days(i64::from(days.max(0)));
    let (rows_before, bodies_before) = (before(settings.request_days), before(settings.body_days));
    let (mut tenant, mut outcome) = (None, Ok(()));
    while goes_on() {
        let Some(next) = store.gate(|gate| gate.next_logged_tenant(tenant))? else {
            break;
        };
        let trimmed = || {
            while goes_on() && store.gate(|gate| gate.delete_requests(next, rows_before))? {}
            while goes_on() && store.gate(|gate| gate.erase_request_bodies(next, bodies_before))? {}
            store.gate(|gate| gate.delete_counts(next, now - COUNTS_KEPT))
        };
        // One tenant must not keep the others from being looked after.
        if let Err(error) = trimmed() {
            log::warn!("the provisioning log of tenant {next} was not trimmed: {error}");
            outcome = Err(error);
        }
        tenant = Some(next);
    }
    outcome
}

/// Counts the users of each tenant once in an hour.
fn count_users(store: &Store, now: DateTime<Utc>, ended: &Receiver<()>) -> Result<(), store::Error> {
    let hour = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
    let (mut tenant, mut outcome) = (None, Ok(()));
    while ended.try_recv() == Err(TryRecvError::Empty) {
        let Some(next) = store.gate(|gate| gate.next_tenant(tenant))? else {
            break;
        };
        if let Err(error) = store.gate(|gate| gate.count_users(next, hour)) {
            log::warn!("the users of tenant {next} were not counted: {error}");
            outcome = Err(error);
        }
        tenant = Some(next);
    }
    outcome
}

/// Deletes what has had its time, from each table that lets it: the last failure is returned when all were tried.
fn sweep(store: &Store, now: DateTime<Utc>, ended: &Receiver<()>) -> Result<(), store::Error> {
    let goes_on = || ended.try_recv() == Err(TryRecvError::Empty);
    let mut outcome = Ok(());
    for &(what, kept) in KEPT {
        let swept = || {
            while goes_on() && store.gate(|gate| gate.delete_expired(what, now - kept))? {}
            Ok(())
        };
        if let Err(error) = swept() {
            log::warn!("expired rows were not deleted ({what:?}): {error}");
            outcome = Err(error);
        }
    }
    outcome
}
