//! `provisor simulate okta`: against our own server, and against servers with faults that were planted.

mod command;
mod faults;
mod oauth;
mod proxy;
mod requests;

use std::time::Duration;

use provisor::simulate::client::{Client, Credential, http};
use provisor::simulate::{CannotRun, Plan, Report, Transport, Watcher, run};

use crate::support::Tenant;

/// Nobody watches.
struct Nobody;

impl Watcher for Nobody {
    fn begin(&self, _stage: &'static str, _steps: usize) {}
    fn step(&self) {}
    fn end(&self) {}
}

/// A small plan of a run of its own.
fn plan(users: usize, groups: usize) -> Plan {
    let id = uuid::Uuid::now_v7().simple().to_string();
    Plan { users, groups, concurrency: 2, clean_up: false, run: id[id.len() - 8..].to_owned() }
}

/// The header token of a tenant.
fn token(tenant: &Tenant) -> String {
    tenant.client.authorization().unwrap().trim_start_matches("Bearer ").to_owned()
}

/// Okta's patience.
const PATIENCE: Duration = Duration::from_mins(1);

/// Holds the conversation with the server at this base URL.
fn simulate(base_url: &str, credential: Credential, plan: &Plan, patience: Duration) -> Result<Report, CannotRun> {
    let client = Client::new(http(patience).unwrap(), base_url.to_owned(), credential);
    run(plan, &client as &dyn Transport, &Nobody)
}

/// What deviates, by name, with what came.
fn deviations(report: &Report) -> Vec<(&'static str, String)> {
    report
        .deviations
        .iter()
        .map(|one| (one.check.id, format!("{} {}: {}", one.sent.method.name(), one.sent.path, one.came)))
        .collect()
}
