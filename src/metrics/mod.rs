//! What the server counts of itself for whoever watches it, in the text format of Prometheus. Counting is a few atomic additions: a request
//! takes no lock for it, and however clients write their requests, there is a most of what is counted apart.

mod jobs;
mod process;
mod requests;
mod text;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

pub use jobs::{Job, Jobs};
pub use requests::Requests;
pub use text::{Kind, Text};

/// All of it.
#[derive(Debug)]
pub struct Metrics {
    /// What was asked and answered.
    pub requests: Requests,
    /// What is done in the background.
    pub jobs: Jobs,
    /// Requests that are being answered.
    pub in_flight: Level,
    /// Requests that wait for a database connection.
    pub waiting: Level,
    started: SystemTime,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Requests::default(),
            jobs: Jobs::default(),
            in_flight: Level::default(),
            waiting: Level::default(),
            started: SystemTime::now(),
        }
    }
}

impl Metrics {
    /// Writes what is counted here, and what the operating system says of the process.
    pub fn write(&self, text: &mut Text) {
        text.family("provisor_build_info", Kind::Gauge, "The version that runs; always 1.");
        text.sample("provisor_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.requests.write(text);
        text.one(
            "provisor_http_requests_in_flight",
            Kind::Gauge,
            "Requests that are being answered.",
            self.in_flight.now(),
        );
        text.one(
            "provisor_database_requests_waiting",
            Kind::Gauge,
            "Requests that wait until a database connection is free.",
            self.waiting.now(),
        );
        self.jobs.write(text);
        process::write(text, self.started);
    }
}

/// How many of something there are at the moment.
#[derive(Debug, Default)]
pub struct Level(AtomicUsize);

impl Level {
    /// One more, for as long as what is returned lives.
    pub fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self)
    }

    /// How many.
    #[must_use]
    pub fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of those that a [`Level`] counts.
#[derive(Debug)]
pub struct Entered<'l>(&'l Level);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_falls_again() {
        let level = Level::default();
        let (one, other) = (level.enter(), level.enter());
        assert_eq!(level.now(), 2);
        drop(one);
        assert_eq!(level.now(), 1);
        drop(other);
        assert_eq!(level.now(), 0);
    }
}
