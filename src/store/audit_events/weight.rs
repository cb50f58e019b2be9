//! How much there is to read, before it is read.

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::sql_types::BigInt;

/// How much is to be read for the states of an entry, without reading them: their bytes as stored, and 64 times as many where they
/// are compressed, since repetitive text is stored in up to some ninety times fewer.
pub(in crate::store) const WEIGHT: &str = "coalesce(pg_column_size(audit_events.before)::bigint * \
     CASE WHEN pg_column_compression(audit_events.before) IS NULL THEN 1 ELSE 64 END, 0) + \
     coalesce(pg_column_size(audit_events.after)::bigint * \
     CASE WHEN pg_column_compression(audit_events.after) IS NULL THEN 1 ELSE 64 END, 0)";
/// The weight of entries that are read at a time.
const HEAVIEST: i64 = 4 << 20;

/// [`WEIGHT`] as a column.
pub(in crate::store) fn weight() -> SqlLiteral<BigInt> {
    sql(WEIGHT)
}

/// How many of the first rows are read at a time, by their weights: one in any case.
pub(in crate::store) fn fitting(weights: impl Iterator<Item = i64>) -> usize {
    let mut sum = 0_i64;
    let light = weights.take_while(|weight| {
        sum = sum.saturating_add(*weight);
        sum <= HEAVIEST
    });
    light.count().max(1)
}
