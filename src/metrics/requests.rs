//! Requests by method, route and status, and how long they took. A table of fixed size that is never emptied: a series is found by atomic
//! loads, and what finds no place any more is counted together.

use std::array;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::text::{Kind, Text};

/// Places in the table: several times as many as there are routes and methods.
const PLACES: usize = 2_048;
/// Places that are looked at for one series.
const LOOKS: usize = 32;
/// Up to how many microseconds the buckets go: from a read by a key to what identity providers wait for at most.
const BUCKETS: [u64; 14] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000,
];
/// The statuses that there are.
const STATUSES: std::ops::Range<u16> = 100..600;
/// The label of what has no label of its own.
const OTHER: &str = "other";

/// What was asked and answered.
#[derive(Debug)]
pub struct Requests {
    places: Box<[OnceLock<Series>]>,
    /// What found no place.
    rest: Series,
}

/// What is counted of one method and route.
#[derive(Debug)]
struct Series {
    method: &'static str,
    route: Box<str>,
    statuses: Box<[AtomicU64]>,
    /// One for each of [`BUCKETS`], and one for what took longer.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    microseconds: AtomicU64,
}

impl Default for Requests {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| OnceLock::new()).collect(), rest: Series::new(OTHER, OTHER) }
    }
}

impl Requests {
    /// Counts a request. The route is a pattern, not what the client wrote.
    pub fn count(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.series(label(method), route).count(status, took);
    }

    fn series(&self, method: &'static str, route: &str) -> &Series {
        let mut hasher = DefaultHasher::new();
        (method, route).hash(&mut hasher);
        // Only the place depends on it.
        let first = usize::try_from(hasher.finish() % PLACES as u64).unwrap_or_default();
        for look in 0..LOOKS {
            let series = self.places[(first + look) % PLACES].get_or_init(|| Series::new(method, route));
            if series.method == method && *series.route == *route {
                return series;
            }
        }
        &self.rest
    }

    pub(super) fn write(&self, text: &mut Text) {
        const REQUESTS: &str = "provisor_http_requests_total";
        const DURATION: &str = "provisor_http_request_duration_seconds";
        let mut all: Vec<&Series> = self.places.iter().filter_map(OnceLock::get).collect();
        all.push(&self.rest);
        all.sort_by_key(|series| (&*series.route, series.method));
        text.family(REQUESTS, Kind::Counter, "Requests that were answered.");
        for series in &all {
            for (status, count) in STATUSES.zip(series.statuses.iter()) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let labels =
                        [("method", series.method), ("route", &*series.route), ("status", &*status.to_string())];
                    text.sample(REQUESTS, &labels, count);
                }
            }
        }
        text.family(DURATION, Kind::Histogram, "How long it took until the answer began.");
        for series in &all {
            series.write_duration(text, DURATION);
        }
    }
}

impl Series {
    fn new(method: &'static str, route: &str) -> Self {
        Self {
            method,
            route: route.into(),
            statuses: STATUSES.map(|_| AtomicU64::new(0)).collect(),
            buckets: array::from_fn(|_| AtomicU64::new(0)),
            microseconds: AtomicU64::new(0),
        }
    }

    fn count(&self, status: u16, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|most| microseconds <= *most).unwrap_or(BUCKETS.len());
        let status = status.clamp(STATUSES.start, STATUSES.end - 1) - STATUSES.start;
        self.statuses[usize::from(status)].fetch_add(1, Ordering::Relaxed);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    fn write_duration(&self, text: &mut Text, name: &str) {
        let bounds = BUCKETS.iter().map(|most| seconds(*most)).chain(["+Inf".to_owned()]);
        let mut count = 0;
        let bucket = format!("{name}_bucket");
        let labels = [("method", self.method), ("route", &*self.route)];
        // What was never asked is not told.
        if self.buckets.iter().all(|bucket| bucket.load(Ordering::Relaxed) == 0) {
            return;
        }
        for (bound, here) in bounds.zip(&self.buckets) {
            count += here.load(Ordering::Relaxed);
            text.sample(&bucket, &[labels[0], labels[1], ("le", &*bound)], count);
        }
        text.sample(&format!("{name}_sum"), &labels, seconds(self.microseconds.load(Ordering::Relaxed)));
        text.sample(&format!("{name}_count"), &labels, count);
    }
}

/// Microseconds in seconds, without a float in between.
fn seconds(microseconds: u64) -> String {
    let text = format!("{}.{:06}", microseconds / 1_000_000, microseconds % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The method, of those that there are.
fn label(method: &str) -> &'static str {
    const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
    METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(requests: &Requests) -> String {
        let mut text = Text::default();
        requests.write(&mut text);
        text.into_string()
    }

    #[test]
    fn requests_are_counted_by_what_they_are() {
        let requests = Requests::default();
        for (method, status, milliseconds) in [("GET", 200, 1), ("GET", 200, 3), ("GET", 404, 40_000), ("BREW", 999, 0)]
        {
            requests.count(method, "/Users/{id}", status, Duration::from_millis(milliseconds));
        }
        let text = text(&requests);
        for line in [
            "provisor_http_requests_total{method=\"GET\",route=\"/Users/{id}\",status=\"200\"} 2",
            "provisor_http_requests_total{method=\"GET\",route=\"/Users/{id}\",status=\"404\"} 1",
            "provisor_http_requests_total{method=\"other\",route=\"/Users/{id}\",status=\"599\"} 1",
            "provisor_http_request_duration_seconds_bucket{method=\"GET\",route=\"/Users/{id}\",le=\"0.001\"} 1",
            "provisor_http_request_duration_seconds_bucket{method=\"GET\",route=\"/Users/{id}\",le=\"0.005\"} 2",
            "provisor_http_request_duration_seconds_bucket{method=\"GET\",route=\"/Users/{id}\",le=\"30\"} 2",
            "provisor_http_request_duration_seconds_bucket{method=\"GET\",route=\"/Users/{id}\",le=\"+Inf\"} 3",
            "provisor_http_request_duration_seconds_sum{method=\"GET\",route=\"/Users/{id}\"} 40.004",
            "provisor_http_request_duration_seconds_count{method=\"GET\",route=\"/Users/{id}\"} 3",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }

    #[test]
    fn there_is_a_most_of_series_and_nothing_is_lost_beyond() {
        let requests = Requests::default();
        for number in 0..2 * PLACES {
            requests.count("GET", &number.to_string(), 200, Duration::ZERO);
        }
        let text = text(&requests);
        let counts: Vec<u64> = text
            .lines()
            .filter(|line| line.starts_with("provisor_http_requests_total{"))
            .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        assert!(counts.len() <= PLACES + 1);
        assert_eq!(counts.iter().sum::<u64>(), 2 * PLACES as u64);
        assert!(text.contains("{method=\"other\",route=\"other\",status=\"200\"}"));
    }
}
