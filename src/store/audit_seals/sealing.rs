//! Sealing: entries that wait become links at the ends of their chains.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bytea, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel::{define_sql_function, dsl};
use uuid::Uuid;

use super::super::Gate;
use super::super::audit_events::{AuditRow, WEIGHT};
use super::super::error::Error;
use super::super::schema::{audit_seals, audit_unsealed};
use super::batch::{Batch, batch};
use super::{START, SealRow};

/// The lock of whoever seals: one in the cluster at a time.
const LOCK: (i32, i32) = (7643, 8);

define_sql_function! {
    /// Takes a lock until the transaction ends, or says that somebody else has it.
    fn pg_try_advisory_xact_lock(first: Integer, second: Integer) -> Bool;
}

/// What sealing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    /// Entries were sealed.
    Entries {
        /// How many.
        count: usize,
        /// Whether none waits any more.
        is_last: bool,
    },
    /// Another server is at it.
    Elsewhere,
}

impl Gate<'_> {
    /// Seals some of the entries that wait. `link` makes the hash of an entry behind another hash, which is `None` for the first.
    ///
    /// All that is committed is seen, and taken out of those that wait in the transaction that seals it. An entry that is committed
    /// later, however old it is, waits until then and gets a later number.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn seal(&mut self, limit: i64, link: impl Fn(Option<&[u8]>, &AuditRow) -> Vec<u8>) -> Result<Sealed, Error> {
        use audit_unsealed as u;
        if !dsl::select(dsl::exists(u::table.select(u::event_id))).get_result::<bool>(self.pg)? {
            return Ok(Sealed::Entries { count: 0, is_last: true });
        }
        self.patiently(|pg| {
            if !dsl::select(pg_try_advisory_xact_lock(LOCK.0, LOCK.1)).get_result::<bool>(pg)? {
                return Ok(Sealed::Elsewhere);
            }
            // What is sealed already may wait again after a copy of the database was loaded.
            let keys: Vec<(Uuid, Uuid, i64, Option<i64>)> = Waiting(limit).load(pg)?;
            let waiting =
                batch(pg, keys, limit, |key| key.2, |key| (key.0, key.1), |key, row| row.map(|row| (row, key.3)))?;
            let Batch { rows, is_last } = waiting;
            let waiting: Vec<(AuditRow, Option<i64>)> = rows.into_iter().flatten().collect();
            let mut tenants: Vec<Uuid> = waiting.iter().map(|(row, _)| row.tenant_id).collect();
            tenants.dedup();
            let heads: Vec<SealRow> = Heads(&tenants).load(pg)?;
            let (mut links, mut settled): (Vec<SealRow>, Vec<&AuditRow>) = (Vec::new(), Vec::new());
            for (row, sealed) in &waiting {
                if sealed.is_none() {
                    let own = |link: &&SealRow| link.tenant_id == row.tenant_id;
                    let head = links.last().filter(own).or_else(|| heads.iter().find(own));
                    // Behind a seal with the last number there is, which was slipped in, nothing can be sealed; see `full_chains`.
                    let Some(seq) = head.map_or(START, |head| head.seq).checked_add(1) else {
                        continue;
                    };
                    let hash = link(head.map(|head| head.hash.as_slice()), row);
                    links.push(SealRow { tenant_id: row.tenant_id, seq, event_id: row.id, hash });
                }
                settled.push(row);
            }
            if !links.is_empty() {
                let ends = links.chunk_by(|one, other| one.tenant_id == other.tenant_id).filter_map(<[_]>::last);
                Append { links: links.iter().collect(), ends: ends.collect(), at: Utc::now() }.execute(pg)?;
            }
            let (tenants, events) = settled.iter().map(|row| (row.tenant_id, row.id)).unzip();
            Settle { tenants, events }.execute(pg)?;
            Ok(Sealed::Entries { count: settled.len(), is_last })
        })
    }

    /// Chains behind whose end nothing can be sealed, of those for which entries wait: their last seal, which has the last number there
    /// is. No chain of ours comes to it.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn full_chains(&mut self) -> Result<Vec<SealRow>, Error> {
        use {audit_seals as s, audit_unsealed as u};
        let tenants = u::table.select(u::tenant_id).distinct();
        let query = s::table.filter(s::tenant_id.eq_any(tenants)).filter(s::seq.eq(i64::MAX));
        query.select(SealRow::as_select()).load(self.pg).map_err(Error::from)
    }
}

/// So many of the entries that wait, in the order of their ids, each with its weight and its number if it is sealed. Each is looked
/// up by its key, whatever the planner believes of a table that fills and empties all the time. Those of full chains go on waiting.
struct Waiting(i64);

statement!(Waiting);

impl Query for Waiting {
    type SqlType = (SqlUuid, SqlUuid, BigInt, Nullable<BigInt>);
}

impl QueryFragment<Pg> for Waiting {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT event.tenant_id, event.id, event.weight, seal.seq \
             FROM (SELECT waiting.tenant_id, waiting.event_id FROM audit_unsealed AS waiting \
             WHERE EXISTS (SELECT FROM audit_events WHERE tenant_id = waiting.tenant_id AND id = waiting.event_id OFFSET 0) \
             AND NOT EXISTS (SELECT FROM audit_seals WHERE tenant_id = waiting.tenant_id AND seq = 9223372036854775807 OFFSET 0) \
             ORDER BY waiting.tenant_id, waiting.event_id LIMIT ",
        );
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql(") AS waiting CROSS JOIN LATERAL (SELECT tenant_id, id, ");
        out.push_sql(WEIGHT);
        out.push_sql(
            " AS weight FROM audit_events WHERE tenant_id = waiting.tenant_id AND id = waiting.event_id OFFSET 0) AS event \
             LEFT JOIN LATERAL (SELECT seq FROM audit_seals WHERE tenant_id = waiting.tenant_id AND event_id = waiting.event_id OFFSET 0) \
             AS seal ON true ORDER BY waiting.tenant_id, waiting.event_id",
        );
        Ok(())
    }
}

/// The last link of each of these chains.
struct Heads<'a>(&'a [Uuid]);

statement!(Heads<'_>);

impl Query for Heads<'_> {
    type SqlType = audit_seals::SqlType;
}

impl QueryFragment<Pg> for Heads<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT head.tenant_id, head.seq, head.event_id, head.hash FROM unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.0)?;
        out.push_sql(
            ") AS tenant (id) CROSS JOIN LATERAL (SELECT * FROM audit_seals WHERE tenant_id = tenant.id AND seq > ",
        );
        out.push_bind_param::<BigInt, _>(&START)?;
        out.push_sql(" ORDER BY seq DESC LIMIT 1) AS head");
        Ok(())
    }
}

/// Links in columns.
#[derive(Default)]
struct Columns<'a> {
    tenants: Vec<Uuid>,
    seqs: Vec<i64>,
    events: Vec<Uuid>,
    hashes: Vec<&'a [u8]>,
}

impl<'a> FromIterator<&'a SealRow> for Columns<'a> {
    fn from_iter<I: IntoIterator<Item = &'a SealRow>>(links: I) -> Self {
        let mut columns = Self::default();
        for link in links {
            columns.tenants.push(link.tenant_id);
            columns.seqs.push(link.seq);
            columns.events.push(link.event_id);
            columns.hashes.push(&link.hash);
        }
        columns
    }
}

/// Appends links, and notes the ends of their chains.
struct Append<'a> {
    links: Columns<'a>,
    ends: Columns<'a>,
    at: DateTime<Utc>,
}

statement!(Append<'_>);

impl QueryFragment<Pg> for Append<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH links AS (INSERT INTO audit_seals (tenant_id, seq, event_id, hash) SELECT * FROM unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.links.tenants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.links.seqs)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.links.events)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Bytea>, _>(&self.links.hashes)?;
        out.push_sql(
            ")) INSERT INTO audit_chains (tenant_id, seq, hash, checked_seq, checked_hash, checked_at, complete_at, scanned_seq, breaks) \
             SELECT tenant_id, seq, hash, 0, '\\x', at, at, 0, 0 FROM unnest(",
        );
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ends.tenants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.ends.seqs)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Bytea>, _>(&self.ends.hashes)?;
        out.push_sql(") AS head (tenant_id, seq, hash), (SELECT ");
        out.push_bind_param::<Timestamptz, _>(&self.at)?;
        out.push_sql(" AS at) AS now ON CONFLICT (tenant_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash");
        Ok(())
    }
}

/// Takes entries out of those that wait.
struct Settle {
    tenants: Vec<Uuid>,
    events: Vec<Uuid>,
}

statement!(Settle);

impl QueryFragment<Pg> for Settle {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("DELETE FROM audit_unsealed USING unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.tenants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.events)?;
        out.push_sql(
            ") AS sealed (tenant_id, event_id) WHERE audit_unsealed.tenant_id = sealed.tenant_id AND audit_unsealed.event_id = \
             sealed.event_id",
        );
        Ok(())
    }
}
