//! What the benchmarks share: servers to be started, stopped and killed, and clients that take as little of the machine as they can.

#![allow(dead_code)]

pub mod crowd;
pub mod driver;
pub mod server;

use std::time::Duration;

/// The quantile of sorted durations in milliseconds.
pub fn quantile(sorted: &[Duration], share: f64) -> f64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let position = ((sorted.len() - 1) as f64 * share) as usize;
    sorted[position].as_secs_f64() * 1_000.0
}
