//! A token bucket: how often something may be done in the long run, and how often at once after a quiet time.

use std::time::{Duration, Instant};

/// What may be done now. It fills up by and by.
#[derive(Debug, Clone)]
pub struct Allowance {
    left: f64,
    since: Instant,
}

/// How an [`Allowance`] fills up.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// How often in a second, in the long run.
    pub per_second: f64,
    /// How often at once.
    pub burst: f64,
}

impl Allowance {
    /// A full one.
    #[must_use]
    pub fn full(rate: Rate, now: Instant) -> Self {
        Self { left: rate.burst, since: now }
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long it takes until there is one again.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.fill(rate, now);
        if self.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.left) / rate.per_second));
        }
        self.left -= 1.0;
        Ok(())
    }

    /// Whether all of it is left, so that nothing need be remembered of it.
    pub fn is_full(&mut self, rate: Rate, now: Instant) -> bool {
        self.fill(rate, now);
        self.left >= rate.burst
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.left = (self.left + passed * rate.per_second).min(rate.burst);
        self.since = self.since.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 2.0, burst: 5.0 };

    #[test]
    fn it_allows_a_burst_and_then_so_many_a_second() {
        let start = Instant::now();
        let mut allowance = Allowance::full(RATE, start);
        let mut taken =
            |seconds| (0..100).filter(|_| allowance.take(RATE, start + Duration::from_secs(seconds)).is_ok()).count();
        assert_eq!([taken(0), taken(0), taken(1), taken(100)], [5, 0, 2, 5]);
    }

    #[test]
    fn it_says_how_long_to_wait_and_when_nothing_is_missing() {
        let start = Instant::now();
        let mut allowance = Allowance::full(RATE, start);
        assert!(allowance.is_full(RATE, start));
        while allowance.take(RATE, start).is_ok() {}
        assert_eq!(allowance.take(RATE, start), Err(Duration::from_millis(500)));
        assert!(!allowance.is_full(RATE, start + Duration::from_secs(2)));
        assert!(allowance.is_full(RATE, start + Duration::from_secs(3)));
        assert!(allowance.take(RATE, start).is_ok(), "a clock that is read late takes nothing back");
    }
}
