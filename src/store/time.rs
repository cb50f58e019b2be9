//! Times as Postgres has them, of which chrono can hold no infinite one and none beyond its calendar.

use chrono::{DateTime, Utc};
use diesel::data_types::PgTimestamp;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::{Nullable, Timestamptz};

/// Microseconds from 1970 to 2000, from where Postgres counts.
const EPOCH: i64 = 946_684_800_000_000;

/// A time that somebody may have written past the server: where chrono cannot hold it, the first or the last that it can. Whoever reads
/// it then sees that it cannot be, in place of an error that hides all the rest.
#[derive(Debug, FromSqlRow)]
pub struct Clamped<T>(T);

impl FromSql<Timestamptz, Pg> for Clamped<DateTime<Utc>> {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let PgTimestamp(microseconds) = FromSql::<Timestamptz, Pg>::from_sql(bytes)?;
        let held = microseconds.checked_add(EPOCH).and_then(DateTime::from_timestamp_micros);
        let beyond = if microseconds < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        Ok(Self(held.unwrap_or(beyond)))
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
