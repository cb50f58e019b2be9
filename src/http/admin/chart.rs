//! Plots as inline SVG: where its marks stand, a sentence that says the same, and the numbers for the table behind.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::http::pages::show;
use crate::store::{RequestsInStep, UserCountRow};

/// The drawing's own units. It is stretched to the width that there is.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;
/// Between two bars.
const GAP: f64 = 2.0;
/// The least top of the scale of the error rate, so that one failure among many is not a mountain.
const LEAST_RATE: f64 = 5.0;
/// The rate from which on something is wrong.
const RATE_MARK: f64 = 1.0;

/// What happened in a step of time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bucket {
    start: DateTime<Utc>,
    label: String,
    changed: i64,
    read: i64,
    refused: i64,
    failed: i64,
    active: Option<i64>,
}

impl Bucket {
    /// All requests.
    pub(super) fn all(&self) -> i64 {
        self.changed + self.read + self.refused + self.failed
    }

    /// Takes over what was counted just now.
    pub(super) fn count_active(&mut self, active: i64) {
        self.active = Some(active);
    }

    /// Those that were not answered as asked.
    pub(super) fn failures(&self) -> i64 {
        self.refused + self.failed
    }

    fn rate(&self) -> f64 {
        share(self.failures(), self.all())
    }
}

/// So many of these, in percent.
#[expect(clippy::cast_precision_loss, reason = "for a drawing")]
fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// The beginnings of the last steps, the present one included. They are whole since 1970, as the database counts them.
pub(super) fn starts(now: DateTime<Utc>, step: TimeDelta, number: usize) -> Vec<DateTime<Utc>> {
    let step = step.num_seconds().max(1);
    let last = now.timestamp() - now.timestamp().rem_euclid(step);
    let back = i64::try_from(number).unwrap_or(1) - 1;
    (0..=back).rev().filter_map(|steps| DateTime::from_timestamp(last - steps * step, 0)).collect()
}

/// Puts what was counted into the steps.
pub(super) fn buckets(
    starts: &[DateTime<Utc>],
    step: TimeDelta,
    requests: &[RequestsInStep],
    users: &[UserCountRow],
) -> Vec<Bucket> {
    let format = match step.num_hours() {
        ..6 => "%H:%M",
        6..24 => "%-d %b %H:%M",
        _ => "%-d %b",
    };
    let bucket = |start: &DateTime<Utc>| {
        let sum = |kind: &str| {
            let own = requests
                .iter()
                .filter(|(at, operation, outcome, _)| at == start && self::kind(operation, outcome) == kind);
            own.map(|(.., number)| number).sum()
        };
        let counted = users.iter().rev().find(|row| row.hour >= *start && row.hour < *start + step);
        Bucket {
            start: *start,
            label: start.format(format).to_string(),
            changed: sum("changed"),
            read: sum("read"),
            refused: sum("refused"),
            failed: sum("failed"),
            active: counted.map(|row| row.active),
        }
    };
    starts.iter().map(bucket).collect()
}

fn kind(operation: &str, outcome: &str) -> &'static str {
    match (outcome, operation) {
        ("ok", "retrieve" | "query" | "discovery") => "read",
        ("ok", _) => "changed",
        ("failed", _) => "failed",
        _ => "refused",
    }
}

/// Requests by outcome, as stacked bars.
pub(super) fn requests(buckets: &[Bucket], range: &str) -> Value {
    let top = buckets.iter().map(Bucket::all).max().unwrap_or(0).max(1);
    let mut bars = Vec::new();
    for (position, bucket) in buckets.iter().enumerate() {
        let (x, width) = place(position, buckets.len());
        let mut y = HEIGHT;
        for (class, number) in
            [("ok", bucket.changed), ("read", bucket.read), ("refused", bucket.refused), ("failed", bucket.failed)]
        {
            let height = share(number, top) * HEIGHT / 100.0;
            y -= height;
            if number > 0 {
                bars.push(json!({"class": class, "x": short(x), "y": short(y), "width": short(width), "height": short(height)}));
            }
        }
    }
    let sum = |pick: fn(&Bucket) -> i64| show::number(buckets.iter().map(pick).sum());
    let summary = format!(
        "Requests in the last {range}: {} changes, {} reads, {} refused, {} failed; at most {} in one step",
        sum(|bucket| bucket.changed),
        sum(|bucket| bucket.read),
        sum(|bucket| bucket.refused),
        sum(|bucket| bucket.failed),
        show::number(top),
    );
    let rows = table(buckets, |bucket| {
        [bucket.changed, bucket.read, bucket.refused, bucket.failed].map(show::number).to_vec()
    });
    framed(buckets, json!({"summary": summary, "bars": bars, "top": show::number(top), "rows": rows}))
}

/// The share of failures, as a line.
pub(super) fn error_rate(buckets: &[Bucket], range: &str) -> Value {
    let top = buckets.iter().map(Bucket::rate).fold(LEAST_RATE, f64::max);
    let points: Vec<(usize, f64)> = buckets.iter().map(|bucket| bucket.rate() / top).enumerate().collect();
    let (failures, all) = (buckets.iter().map(Bucket::failures).sum(), buckets.iter().map(Bucket::all).sum());
    let summary = format!("{:.1} % of the requests in the last {range} failed", share(failures, all));
    let rows = table(buckets, |bucket| vec![format!("{:.1} %", bucket.rate())]);
    let mark = short(HEIGHT - RATE_MARK / top * HEIGHT);
    framed(
        buckets,
        json!({"summary": summary, "points": line(&points, buckets.len()), "top": format!("{top:.0} %"), "mark": mark, "rows": rows}),
    )
}

/// The active users, as a line; `Null` before they were first counted.
#[expect(clippy::cast_precision_loss, reason = "for a drawing")]
pub(super) fn active_users(buckets: &[Bucket], range: &str) -> Value {
    let counted: Vec<(usize, i64)> =
        buckets.iter().enumerate().filter_map(|(position, bucket)| Some((position, bucket.active?))).collect();
    let (Some((_, first)), Some((_, last))) = (counted.first(), counted.last()) else {
        return Value::Null;
    };
    let top = counted.iter().map(|(_, active)| *active).max().unwrap_or(0).max(1);
    let points: Vec<(usize, f64)> =
        counted.iter().map(|(position, active)| (*position, *active as f64 / top as f64)).collect();
    let summary = format!("Active users in the last {range}: from {} to {}", show::number(*first), show::number(*last));
    let rows = table(buckets, |bucket| vec![bucket.active.map_or_else(|| "–".into(), show::number)]);
    framed(
        buckets,
        json!({"summary": summary, "points": line(&points, buckets.len()), "top": show::number(top), "rows": rows}),
    )
}

/// A plot with what all of them have.
fn framed(buckets: &[Bucket], mut plot: Value) -> Value {
    if let Some(plot) = plot.as_object_mut() {
        plot.insert("first".into(), buckets.first().map(|bucket| bucket.label.clone()).into());
        plot.insert("width".into(), short(WIDTH).into());
        plot.insert("height".into(), short(HEIGHT).into());
    }
    plot
}

/// Where a step stands, and how wide it is.
#[expect(clippy::cast_precision_loss, reason = "for a drawing")]
fn place(position: usize, number: usize) -> (f64, f64) {
    let step = WIDTH / number.max(1) as f64;
    (position as f64 * step + GAP / 2.0, step - GAP)
}

/// The points of a line in the middles of steps. A single one is drawn as a short dash.
fn line(points: &[(usize, f64)], number: usize) -> String {
    let mut marks = Vec::new();
    for (position, height) in points {
        let (x, width) = place(*position, number);
        let y = short(HEIGHT - height * HEIGHT);
        if points.len() == 1 {
            marks.push(format!("{},{y} {},{y}", short(x), short(x + width)));
        } else {
            marks.push(format!("{},{y}", short(x + width / 2.0)));
        }
    }
    marks.join(" ")
}

fn table(buckets: &[Bucket], numbers: impl Fn(&Bucket) -> Vec<String>) -> Vec<Value> {
    let row = |bucket: &Bucket| {
        let time = bucket.start.format("%Y-%m-%d %H:%M").to_string();
        json!({"time": time, "numbers": numbers(bucket)})
    };
    buckets.iter().rev().map(row).collect()
}

/// A coordinate, no longer than a drawing needs.
fn short(number: f64) -> String {
    format!("{number:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(at: DateTime<Utc>, operation: &str, outcome: &str, number: i64) -> RequestsInStep {
        (at, operation.into(), outcome.into(), number)
    }

    #[test]
    fn steps_are_whole_and_end_with_the_present_one() {
        let now = DateTime::from_timestamp(1_800_000_000 + 5_000, 0).unwrap();
        let starts = starts(now, TimeDelta::hours(6), 28);
        assert_eq!(starts.len(), 28);
        assert!(starts.iter().all(|start| start.timestamp() % 21_600 == 0));
        assert!(*starts.last().unwrap() <= now && now < *starts.last().unwrap() + TimeDelta::hours(6));
    }

    #[test]
    fn what_was_counted_stands_in_its_step_and_its_kind() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let starts = starts(now, TimeDelta::hours(1), 24);
        let at = starts[3];
        let requests = [
            counted(at, "create", "ok", 2),
            counted(at, "query", "ok", 5),
            counted(at, "query", "unauthenticated", 1),
            counted(at, "create", "refused", 1),
            counted(at, "create", "failed", 1),
            counted(at - TimeDelta::days(2), "create", "ok", 100),
        ];
        let buckets = buckets(&starts, TimeDelta::hours(1), &requests, &[]);
        let bucket = &buckets[3];
        assert_eq!((bucket.changed, bucket.read, bucket.refused, bucket.failed), (2, 5, 2, 1));
        assert_eq!(buckets.iter().map(Bucket::all).sum::<i64>(), 10);
        let chart = self::requests(&buckets, "24 hours");
        assert_eq!(chart["bars"].as_array().unwrap().len(), 4);
        assert_eq!(chart["bars"][3]["y"], "0.0");
        assert_eq!(error_rate(&buckets, "24 hours")["summary"], "30.0 % of the requests in the last 24 hours failed");
        assert_eq!(active_users(&buckets, "24 hours"), Value::Null);
    }
}
