//! How pages write what is not text: times, durations, numbers.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::auth::Scope;

/// What browsers call themselves, the more special first: all of them claim to be others as well.
const BROWSERS: [(&str, &str); 7] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("", "Another program"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("Windows", " on Windows"),
    ("Android", " on Android"),
    ("iPhone", " on an iPhone"),
    ("iPad", " on an iPad"),
    ("Mac OS X", " on macOS"),
    ("Linux", " on Linux"),
    ("", ""),
];

/// A time for machines and for people, who see how long it is from `now`: what the component `ui.time` takes.
pub(in crate::http) fn time(time: DateTime<Utc>, now: DateTime<Utc>) -> Value {
    json!({
        "exact": time.to_rfc3339_opts(SecondsFormat::Millis, true),
        "text": time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        "ago": distance(time, now),
    })
}

/// The same of a time that may be absent.
pub(in crate::http) fn time_or_none(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Value {
    at.map_or(Value::Null, |at| time(at, now))
}

/// How long ago, or how long until.
fn distance(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let between = now - time;
    match between.num_seconds() {
        -1..=1 => "just now".into(),
        2.. => format!("{} ago", length(between)),
        _ => format!("in {}", length(-between)),
    }
}

/// A length of time in its largest whole unit.
pub(in crate::http) fn length(length: TimeDelta) -> String {
    const UNITS: [(i64, &str); 5] =
        [(365 * 86_400, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let seconds = length.num_seconds().max(0);
    let (size, unit) = UNITS.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, "second"));
    let count = seconds / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A number with its thousands apart.
pub(in crate::http) fn number(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut shown = String::from(if number < 0 { "-" } else { "" });
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            // Narrow and not to be broken.
            shown.push('\u{202f}');
        }
        shown.push(digit);
    }
    shown
}

/// A browser and its system, from what it calls itself.
pub(in crate::http) fn browser(user_agent: &str) -> String {
    let first = |table: &[(&str, &'static str)]| {
        table.iter().find(|(sign, _)| user_agent.contains(sign)).map_or("", |(_, name)| name)
    };
    format!("{}{}", first(&BROWSERS), first(&SYSTEMS))
}

/// How long to wait, in words.
pub(in crate::http) fn wait(seconds: u32) -> String {
    match seconds {
        0..=1 => "in a second".into(),
        2..=90 => format!("in {seconds} seconds"),
        _ => format!("in {} minutes", seconds.div_ceil(60)),
    }
}

/// What a scope means to people.
pub(in crate::http) const fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "Read all users and groups",
        Scope::Write => "Create, change, deactivate and delete users and groups",
    }
}

/// An error's text as a sentence.
pub(in crate::http) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    format!("{}{}.", first.into_iter().flatten().collect::<String>(), characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_by_its_distance() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (seconds, told) in [
            (0, "just now"),
            (-30, "30 seconds ago"),
            (-60, "1 minute ago"),
            (-7_199, "1 hour ago"),
            (-86_400 * 400, "1 year ago"),
            (86_400 * 6, "in 6 days"),
        ] {
            assert_eq!(distance(now + TimeDelta::seconds(seconds), now), told);
        }
        assert_eq!(time(now, now)["exact"], "2027-01-15T08:00:00.000Z");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, -1_234_567].map(number), ["0", "999", "1\u{202f}000", "-1\u{202f}234\u{202f}567"]);
    }

    #[test]
    fn browsers_are_told_apart() {
        for (user_agent, shown) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on macOS",
            ),
            ("curl/8.5.0", "curl"),
            ("", "Another program"),
        ] {
            assert_eq!(browser(user_agent), shown);
        }
    }

    #[test]
    fn a_wait_is_said_in_whole_words() {
        assert_eq!(
            [1, 2, 90, 91, 900].map(wait),
            ["in a second", "in 2 seconds", "in 90 seconds", "in 2 minutes", "in 15 minutes"]
        );
    }
}
