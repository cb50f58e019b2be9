//! What was seen: which expectations held, which did not and at what, and how long answers took.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::check::{self, Check};
use super::step::{Method, Step};

/// The request that an expectation is about.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The method.
    pub method: Method,
    /// Path and query below the base URL.
    pub path: String,
}

/// An expectation that was not met.
#[derive(Debug, Clone)]
pub struct Deviation {
    /// The expectation.
    pub check: &'static Check,
    /// The first request at which it was not met.
    pub sent: Sent,
    /// What came instead.
    pub came: String,
    /// How often it was not met.
    pub times: usize,
}

/// How long the answers to a kind of request took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latency {
    /// The step.
    pub step: &'static str,
    /// How many there were.
    pub requests: usize,
    /// Half of them were faster.
    pub p50: Duration,
    /// All but one in a hundred were faster.
    pub p99: Duration,
}

#[derive(Debug, Default)]
struct Entries {
    held: BTreeMap<&'static str, usize>,
    deviations: BTreeMap<&'static str, Deviation>,
    /// By the name of the step, in the order of the first request.
    took: Vec<(&'static str, Vec<Duration>)>,
}

/// The entries, made from several threads.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Entries>);

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether an expectation held, and says so.
    pub(super) fn expect(&self, check: &'static Check, sent: &Sent, held: bool, came: impl FnOnce() -> String) -> bool {
        let mut entries = self.entries();
        if held {
            *entries.held.entry(check.id).or_default() += 1;
        } else if let Some(deviation) = entries.deviations.get_mut(check.id) {
            deviation.times += 1;
        } else {
            let deviation = Deviation { check, sent: sent.clone(), came: came(), times: 1 };
            entries.deviations.insert(check.id, deviation);
        }
        held
    }

    /// Notes how long an answer took.
    pub(super) fn took(&self, step: &Step, time: Duration) {
        let mut entries = self.entries();
        match entries.took.iter_mut().find(|(name, _)| *name == step.name) {
            Some((_, times)) => times.push(time),
            None => entries.took.push((step.name, vec![time])),
        }
    }

    /// What did not hold, in the order of the table.
    pub(super) fn deviations(&self) -> Vec<Deviation> {
        let entries = self.entries();
        check::ALL.iter().filter_map(|check| entries.deviations.get(check.id).cloned()).collect()
    }

    /// What was looked at and always held, in the order of the table.
    pub(super) fn passed(&self) -> Vec<&'static Check> {
        let entries = self.entries();
        let held = |check: &&Check| entries.held.contains_key(check.id) && !entries.deviations.contains_key(check.id);
        check::ALL.iter().copied().filter(held).collect()
    }

    /// How long answers took, by step.
    pub(super) fn latencies(&self) -> Vec<Latency> {
        let entries = self.entries();
        let latency = |(step, times): &(&'static str, Vec<Duration>)| {
            let mut times = times.clone();
            times.sort_unstable();
            let at = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
            Latency { step, requests: times.len(), p50: at(50), p99: at(99) }
        };
        entries.took.iter().map(latency).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::step;
    use super::*;

    #[test]
    fn one_deviation_outweighs_what_held_and_keeps_its_first_example() {
        let ledger = Ledger::default();
        let sent = |path: &str| Sent { method: Method::Get, path: path.into() };
        ledger.expect(&check::READ, &sent("/a"), true, String::new);
        ledger.expect(&check::READ, &sent("/b"), false, || "first".into());
        ledger.expect(&check::READ, &sent("/c"), false, || "second".into());
        ledger.expect(&check::CREATE, &sent("/d"), true, String::new);
        let deviations = ledger.deviations();
        assert_eq!(deviations.len(), 1);
        assert_eq!((deviations[0].sent.path.as_str(), deviations[0].came.as_str()), ("/b", "first"));
        assert_eq!(deviations[0].times, 2);
        assert_eq!(ledger.passed(), [&check::CREATE]);
    }

    #[test]
    fn percentiles_are_of_what_was_seen() {
        let ledger = Ledger::default();
        for milliseconds in (1..=200).rev() {
            ledger.took(&step::READ, Duration::from_millis(milliseconds));
        }
        ledger.took(&step::CREATE, Duration::from_millis(7));
        let [read, create] = ledger.latencies().try_into().unwrap();
        assert_eq!((read.p50, read.p99), (Duration::from_millis(100), Duration::from_millis(198)));
        assert_eq!((create.requests, create.p50, create.p99), (1, create.p99, Duration::from_millis(7)));
    }
}
