//! Times as Postgres has them: there are infinite ones, and some of years that neither chrono nor a date in JSON can hold.

use chrono::{DateTime, Utc};
use diesel::data_types::PgTimestamp;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::{Nullable, Timestamptz};

/// Microseconds from 1970 to 2000, from where Postgres counts.
const EPOCH: i64 = 946_684_800 * SECOND;
/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// The first second of the year 1, and the last of the year 9999: RFC 3339 writes none beyond. There is room behind them, so that no sum of
/// such a time and a length of life overflows.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// A time that somebody may have written past the server: one before the year 1 or after the year 9999, infinity above all, is the
/// first or the last between. Whoever reads it then sees that it cannot be, in place of an error that hides all the rest.
#[derive(Debug, FromSqlRow)]
pub struct Clamped<T>(T);

impl FromSql<Timestamptz, Pg> for Clamped<DateTime<Utc>> {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let PgTimestamp(microseconds) = FromSql::<Timestamptz, Pg>::from_sql(bytes)?;
        let clamped = microseconds.saturating_add(EPOCH).clamp(FIRST * SECOND, LAST * SECOND);
        Ok(Self(DateTime::from_timestamp_micros(clamped).ok_or("a time beyond the calendar")?))
    }
}

impl FromSql<Nullable<Timestamptz>, Pg> for Clamped<Option<DateTime<Utc>>> {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let Clamped(at) = FromSql::<Timestamptz, Pg>::from_sql(bytes)?;
        Ok(Self(Some(at)))
    }

    fn from_nullable_sql(bytes: Option<PgValue<'_>>) -> deserialize::Result<Self> {
        bytes.map_or(Ok(Self(None)), Self::from_sql)
    }
}

impl From<Clamped<Self>> for DateTime<Utc> {
    fn from(Clamped(at): Clamped<Self>) -> Self {
        at
    }
}

impl From<Clamped<Self>> for Option<DateTime<Utc>> {
    fn from(Clamped(at): Clamped<Self>) -> Self {
        at
    }
}
