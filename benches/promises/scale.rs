//! How long a run is, and what comes of it.

use std::time::Duration;

/// The share of the full run.
#[derive(Debug, Clone, Copy)]
pub struct Scale(pub f64);

impl Scale {
    /// So many of the full number, but not fewer than `least`.
    pub fn of(self, full: usize, least: usize) -> usize {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let share = (full as f64 * self.0).ceil() as usize;
        share.max(least)
    }

    /// So long of the full time, but not shorter than `least`.
    pub fn time(self, full: Duration, least: Duration) -> Duration {
        full.mul_f64(self.0).max(least)
    }
}

/// What came of a promise.
#[derive(Debug)]
pub struct Outcome {
    pub held: bool,
    /// The figures.
    pub measured: String,
    /// How much was run, of how much.
    pub size: String,
}

/// "200 of 2,000 rounds", or "2,000 rounds" for a full run.
pub fn told(done: usize, full: usize, what: &str) -> String {
    if done >= full {
        format!("{} {what}", grouped(done))
    } else {
        format!("{} of {} {what}", grouped(done), grouped(full))
    }
}

/// A number with its thousands apart.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
