//! Where a page of a list begins: the time and the id of the last row before, as URLs carry them.

use chrono::{DateTime, Utc};

/// The mark of a row.
pub(super) fn of(at: DateTime<Utc>, id: impl std::fmt::Display) -> String {
    format!("{}.{id}", at.timestamp_micros())
}

/// What a mark says; none, where it says nothing.
pub(super) fn read(mark: &str) -> Option<(DateTime<Utc>, String)> {
    let (micros, id) = mark.split_once('.')?;
    let fits = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
    fits.then(|| (at, id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_nothing_else_does() {
        let at = DateTime::from_timestamp_micros(1_800_000_000_123_456).unwrap();
        assert_eq!(read(&of(at, "client_1-a")), Some((at, "client_1-a".to_owned())));
        for wrong in ["", "x", "1", "x.1", "1.a b", "1.\0", "99999999999999999999.a"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
