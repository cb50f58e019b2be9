//! What the conversation showed.

use std::time::Duration;

use serde_json::{Value, json};

use super::Plan;
use super::check::Check;
use super::ledger::{Deviation, Latency, Ledger};

/// How the conversation ended.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub connected: bool,
    pub lost: bool,
    pub users: usize,
    pub groups: usize,
    pub left: usize,
    pub took: Duration,
}

/// The report.
#[derive(Debug)]
pub struct Report {
    /// What tells the run from others.
    pub run: String,
    /// Users that were created, and are known by an id.
    pub users: usize,
    /// Groups that were pushed.
    pub groups: usize,
    /// Whether the conversation got to its end: not when the first page of users could not be had, or the server was gone.
    pub complete: bool,
    /// How much of what was made could not be deleted; nothing where everything was to stay.
    pub left: Option<usize>,
    /// How long it all took.
    pub took: Duration,
    /// What was looked at and always held.
    pub passed: Vec<&'static Check>,
    /// What did not.
    pub deviations: Vec<Deviation>,
    /// How long answers took, by step.
    pub latencies: Vec<Latency>,
}

impl Report {
    pub(super) fn new(plan: &Plan, outcome: &Outcome, ledger: &Ledger) -> Self {
        Self {
            run: plan.run.clone(),
            users: outcome.users,
            groups: outcome.groups,
            complete: outcome.connected && !outcome.lost,
            left: plan.clean_up.then_some(outcome.left),
            took: outcome.took,
            passed: ledger.passed(),
            deviations: ledger.deviations(),
            latencies: ledger.latencies(),
        }
    }

    /// All requests that were answered.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.latencies.iter().map(|latency| latency.requests).sum()
    }

    /// The report for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let passed: Vec<Value> =
            self.passed.iter().map(|check| json!({"check": check.id, "wants": check.wants})).collect();
        let deviation = |deviation: &Deviation| {
            json!({
                "check": deviation.check.id,
                "wants": deviation.check.wants,
                "method": deviation.sent.method.name(),
                "path": deviation.sent.path,
                "came": deviation.came,
                "times": deviation.times,
                "otherwise": deviation.check.otherwise,
                "source": deviation.check.source,
            })
        };
        let latency = |latency: &Latency| {
            json!({
                "step": latency.step,
                "requests": latency.requests,
                "p50Ms": milliseconds(latency.p50),
                "p99Ms": milliseconds(latency.p99),
            })
        };
        json!({
            "run": self.run,
            "users": self.users,
            "groups": self.groups,
            "complete": self.complete,
            "left": self.left,
            "requests": self.requests(),
            "seconds": self.took.as_secs_f64(),
            "passed": passed,
            "deviations": self.deviations.iter().map(deviation).collect::<Vec<Value>>(),
            "latencies": self.latencies.iter().map(latency).collect::<Vec<Value>>(),
        })
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}
