//! Lengths of time as people write them: `365d`, `24h`, `30m`, `90s`.

use chrono::TimeDelta;

/// Ten years: longer is a mistake.
const LONGEST: TimeDelta = TimeDelta::days(3_653);

/// Reads a length of time.
pub(super) fn parse(text: &str) -> Result<TimeDelta, String> {
    const WANTED: &str = "wants a length of time like 365d, 24h, 30m or 90s, ten years at most";
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(WANTED)?;
    let number: u32 = number.parse().map_err(|_| WANTED)?;
    let number = i64::from(number);
    let length = match unit {
        "d" => TimeDelta::try_days(number),
        "h" => TimeDelta::try_hours(number),
        "m" => TimeDelta::try_minutes(number),
        "s" => TimeDelta::try_seconds(number),
        _ => None,
    };
    length.filter(|length| *length <= LONGEST).ok_or_else(|| WANTED.into())
}

/// Reads a length of time that must not be nothing.
pub(super) fn parse_lifetime(text: &str) -> Result<TimeDelta, String> {
    parse(text).and_then(|length| if length.is_zero() { Err("must be longer than nothing".into()) } else { Ok(length) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_with_their_unit() {
        assert_eq!(parse("365d"), Ok(TimeDelta::days(365)));
        assert_eq!(parse("24h"), Ok(TimeDelta::hours(24)));
        assert_eq!(parse("0s"), Ok(TimeDelta::zero()));
        for wrong in ["", "d", "1", "1w", "-1d", "1.5h", "99999d", "4294967295d", "5é"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse_lifetime("0d").is_err());
    }
}
