//! The hash chains over the audit log: what waits for its seal, the seals, and what verifying them needs to read. What a hash is
//! made of is no matter of the store.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bytea, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel::{define_sql_function, dsl};
use uuid::Uuid;

use super::audit_events::{AuditRow, Draft, WEIGHT, fitting};
use super::error::Error;
use super::schema::{audit_chains, audit_checkpoints, audit_events, audit_seals, audit_unsealed};
use super::{Gate, PATIENCE, TenantConn};
use crate::audit::AuditEvent;

/// The lock of whoever seals: one in the cluster at a time.
const LOCK: (i32, i32) = (7643, 8);
/// How much later than here it may be where another server of the cluster notes a time.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// A link of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit_seals)]
pub struct SealRow {
    /// Whose chain.
    pub tenant_id: Uuid,
    /// Its number.
    pub seq: i64,
    /// The entry that it seals.
    pub event_id: Uuid,
    /// The hash.
    pub hash: Vec<u8>,
}

/// A signed head of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_checkpoints)]
pub struct CheckpointRow {
    /// Whose chain.
    pub tenant_id: Uuid,
    /// The number of its last link then.
    pub seq: i64,
    /// That link's hash.
    pub hash: Vec<u8>,
    /// When.
    pub at: DateTime<Utc>,
    /// The signature.
    pub signature: String,
}

/// The state of a chain. The columns are described where the table is made.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit_chains)]
#[expect(missing_docs, reason = "the table says it")]
pub struct ChainRow {
    pub tenant_id: Uuid,
    pub seq: i64,
    pub hash: Vec<u8>,
    pub checked_seq: i64,
    pub checked_hash: Vec<u8>,
    pub checked_at: DateTime<Utc>,
    pub complete_at: DateTime<Utc>,
    pub asked_at: Option<DateTime<Utc>>,
    pub scanned_at: Option<DateTime<Utc>>,
    pub scanned_seq: i64,
    pub breaks: i32,
    pub broken_seq: Option<i64>,
    pub broken_event: Option<Uuid>,
    pub broken_how: Option<String>,
}

impl ChainRow {
    /// Whether the servers may have left it so at `now`. Whoever may write to the database can say of a chain that it was verified, but
    /// not beyond its end, nor at a time that has not come.
    #[must_use]
    pub fn can_be(&self, now: DateTime<Utc>) -> bool {
        let latest = now + CLOCK_SKEW;
        let times = [Some(self.complete_at), Some(self.checked_at), self.asked_at, self.scanned_at];
        times.into_iter().flatten().all(|at| at <= latest)
            && [self.checked_seq, self.scanned_seq].iter().all(|seq| (0..=self.seq).contains(seq))
            && self.breaks >= 0
    }
}

/// A break of a chain, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakRow {
    /// The number of the link, where there is one.
    pub seq: Option<i64>,
    /// The entry, where it is known.
    pub event: Option<Uuid>,
    /// In what way.
    pub how: String,
}

/// How far the new links of a chain were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Whose chain.
    pub tenant: Uuid,
    /// Up to this link.
    pub seq: i64,
    /// Its hash.
    pub hash: Vec<u8>,
    /// The first break among them.
    pub broken: Option<BreakRow>,
}

/// An entry, and what is there of its seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// The entry.
    pub event: Uuid,
    /// Whether it is sealed.
    pub sealed: bool,
    /// Whether it waits to be.
    pub waits: bool,
}

/// The number of a link and its hash.
pub type Link = (i64, Vec<u8>);

/// The ends of a chain as they are at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEnd {
    /// The head as the sealer left it.
    pub head: Option<Link>,
    /// The last seal there is.
    pub last: Option<Link>,
}

/// A checkpoint, and the hash of its link as it is.
pub type Signed = (CheckpointRow, Option<Vec<u8>>);

/// Number and hash of the last link, and those of the head.
type End = (i64, Vec<u8>, Option<i64>, Option<Vec<u8>>);

define_sql_function! {
    /// Takes a lock until the transaction ends, or says that somebody else has it.
    fn pg_try_advisory_xact_lock(first: Integer, second: Integer) -> Bool;
}

/// So many of the entries that wait, in the order of their ids, each with its weight and its number if it is sealed. Each is looked
/// up by its key, whatever the planner believes of a table that fills and empties all the time. Those of full chains go on waiting.
struct Waiting(i64);

/// The entries of these keys that there are.
struct Entries<'a> {
    tenants: &'a [Uuid],
    ids: &'a [Uuid],
}

/// The last link of each of these chains.
struct Heads<'a>(&'a [Uuid]);

/// Appends links, and the heads that they make.
struct Append<'a> {
    links: &'a Links,
    heads: &'a Links,
    at: DateTime<Utc>,
}

/// Takes entries out of those that wait.
struct Settle<'a>(&'a Links);

/// Links in columns.
#[derive(Debug, Default)]
struct Links {
    tenants: Vec<Uuid>,
    seqs: Vec<i64>,
    events: Vec<Uuid>,
    hashes: Vec<Vec<u8>>,
}

impl Links {
    fn push(&mut self, tenant: Uuid, seq: i64, event: Uuid, hash: Vec<u8>) {
        self.tenants.push(tenant);
        self.seqs.push(seq);
        self.events.push(event);
        self.hashes.push(hash);
    }
}

macro_rules! statement {
    ($name:ty) => {
        impl QueryId for $name {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }

        impl RunQueryDsl<PgConnection> for $name {}
    };
}

statement!(Waiting);
statement!(Entries<'_>);
statement!(Heads<'_>);
statement!(Append<'_>);
statement!(Settle<'_>);

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

impl Query for Entries<'_> {
    type SqlType = audit_events::SqlType;
}

impl QueryFragment<Pg> for Entries<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT event.tenant_id, event.id, event.occurred_at, event.action, event.actor_kind, event.actor_id, event.actor_name, \
             event.target_type, event.target_id, event.before, event.after, event.detail, event.request_id, event.address FROM unnest(",
        );
        out.push_bind_param::<Array<SqlUuid>, _>(self.tenants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(self.ids)?;
        out.push_sql(
            ") AS wanted (tenant_id, id) CROSS JOIN LATERAL (SELECT * FROM audit_events WHERE tenant_id = wanted.tenant_id \
             AND id = wanted.id OFFSET 0) AS event",
        );
        Ok(())
    }
}

/// Takes as many of the first rows as can be read at a time, by their weights, and reads their entries.
fn batch<K, T>(
    pg: &mut PgConnection,
    mut keys: Vec<K>,
    limit: i64,
    weight: impl Fn(&K) -> i64,
    event: impl Fn(&K) -> (Uuid, Uuid),
    with: impl Fn(K, Option<AuditRow>) -> T,
) -> QueryResult<Batch<T>> {
    let read = keys.len();
    keys.truncate(fitting(keys.iter().map(weight)));
    let is_last = keys.len() == read && i64::try_from(read).is_ok_and(|read| read < limit);
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(&event).unzip();
    let entries: Vec<AuditRow> = Entries { tenants: &tenants, ids: &ids }.load(pg)?;
    let mut entries: HashMap<_, _> = entries.into_iter().map(|row| ((row.tenant_id, row.id), row)).collect();
    let rows = keys.into_iter().map(|key| {
        let entry = entries.remove(&event(&key));
        with(key, entry)
    });
    Ok(Batch { rows: rows.collect(), is_last })
}

impl Query for Heads<'_> {
    type SqlType = (SqlUuid, BigInt, Bytea);
}

impl QueryFragment<Pg> for Heads<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT tenant.id, head.seq, head.hash FROM unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.0)?;
        out.push_sql(
            ") AS tenant (id) CROSS JOIN LATERAL (SELECT seq, hash FROM audit_seals WHERE tenant_id = tenant.id ORDER BY seq DESC LIMIT 1) \
             AS head",
        );
        Ok(())
    }
}

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
        out.push_bind_param::<Array<SqlUuid>, _>(&self.heads.tenants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.heads.seqs)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Bytea>, _>(&self.heads.hashes)?;
        out.push_sql(") AS head (tenant_id, seq, hash), (SELECT ");
        out.push_bind_param::<Timestamptz, _>(&self.at)?;
        out.push_sql(" AS at) AS now ON CONFLICT (tenant_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash");
        Ok(())
    }
}

impl QueryFragment<Pg> for Settle<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("DELETE FROM audit_unsealed USING unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.0.tenants)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.0.events)?;
        out.push_sql(
            ") AS sealed (tenant_id, event_id) WHERE audit_unsealed.tenant_id = sealed.tenant_id AND audit_unsealed.event_id = \
             sealed.event_id",
        );
        Ok(())
    }
}

/// Rows that are read at a time: as many as were asked for, or fewer where their entries are large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether there were no more.
    pub is_last: bool,
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
            let heads: Vec<(Uuid, i64, Vec<u8>)> = Heads(&tenants).load(pg)?;
            let (mut links, mut ends, mut gone) = (Links::default(), Links::default(), Links::default());
            for (row, sealed) in &waiting {
                if sealed.is_some() {
                    gone.push(row.tenant_id, 0, row.id, Vec::new());
                    continue;
                }
                let head = match (links.tenants.last(), links.seqs.last(), links.hashes.last()) {
                    (Some(tenant), Some(seq), Some(hash)) if *tenant == row.tenant_id => Some((*seq, hash.as_slice())),
                    _ => {
                        heads.iter().find(|head| head.0 == row.tenant_id).map(|(_, seq, hash)| (*seq, hash.as_slice()))
                    }
                };
                // Behind a seal with the last number there is, which was slipped in, nothing can be sealed; see `full_chains`.
                let Some(seq) = head.map_or(0, |(seq, _)| seq).checked_add(1) else {
                    continue;
                };
                let hash = link(head.map(|(_, hash)| hash), row);
                gone.push(row.tenant_id, 0, row.id, Vec::new());
                if ends.tenants.last() == Some(&row.tenant_id) {
                    ends.seqs.pop();
                    ends.hashes.pop();
                    ends.seqs.push(seq);
                    ends.hashes.push(hash.clone());
                } else {
                    ends.push(row.tenant_id, seq, row.id, hash.clone());
                }
                links.push(row.tenant_id, seq, row.id, hash);
            }
            if !links.tenants.is_empty() {
                Append { links: &links, heads: &ends, at: Utc::now() }.execute(pg)?;
            }
            Settle(&gone).execute(pg)?;
            Ok(Sealed::Entries { count: gone.tenants.len(), is_last })
        })
    }

    /// Runs work that reads many entries as one transaction, with [`PATIENCE`] for each statement: a single entry may be large.
    fn patiently<T>(&mut self, work: impl FnOnce(&mut PgConnection) -> QueryResult<T>) -> Result<T, Error> {
        let result = self.pg.transaction(|pg| {
            pg.batch_execute(PATIENCE)?;
            work(pg)
        });
        result.map_err(Error::from)
    }

    /// Links that were sealed since they were last checked, of some chains, in order, each with its entry, and with the number and the hash
    /// up to which its chain was checked.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn unchecked_links(&mut self, limit: i64) -> Result<Batch<(Link, SealRow, Option<AuditRow>)>, Error> {
        use {audit_chains as c, audit_events as e, audit_seals as s};
        let query = c::table
            .inner_join(s::table.on(s::tenant_id.eq(c::tenant_id).and(s::seq.gt(c::checked_seq))))
            .left_join(e::table.on(e::tenant_id.eq(s::tenant_id).and(e::id.eq(s::event_id))))
            .filter(c::checked_seq.lt(c::seq))
            .order((c::tenant_id, s::seq))
            .limit(limit)
            .select(((c::checked_seq, c::checked_hash), SealRow::as_select(), dsl::sql::<BigInt>(WEIGHT)));
        self.patiently(|pg| {
            let keys: Vec<(Link, SealRow, i64)> = query.load(pg)?;
            let event = |key: &(Link, SealRow, i64)| (key.1.tenant_id, key.1.event_id);
            batch(pg, keys, limit, |key| key.2, event, |(checked, seal, _), entry| (checked, seal, entry))
        })
    }

    /// Notes how far chains were checked. A break that is known already stays.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn note_checked(&mut self, checked: &Checked, at: DateTime<Utc>) -> Result<(), Error> {
        use audit_chains as c;
        let chain = c::table.find(checked.tenant).filter(c::checked_seq.lt(checked.seq));
        diesel::update(chain)
            .set((c::checked_seq.eq(checked.seq), c::checked_hash.eq(&checked.hash), c::checked_at.eq(at)))
            .execute(self.pg)?;
        if let Some(broken) = &checked.broken {
            self.note_break(checked.tenant, broken)?;
        }
        Ok(())
    }

    /// Notes a break of a chain. `false`, and nothing changed, when one is known already.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn note_break(&mut self, tenant: Uuid, broken: &BreakRow) -> Result<bool, Error> {
        use audit_chains as c;
        let noted = diesel::update(c::table.find(tenant).filter(c::breaks.le(0)))
            .set((
                c::breaks.eq(1),
                c::broken_seq.eq(broken.seq),
                c::broken_event.eq(broken.event),
                c::broken_how.eq(&broken.how),
            ))
            .execute(self.pg)?;
        Ok(noted > 0)
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

    /// Takes on a chain of which somebody wants all verified, that was last verified before `before`, or whose state cannot be, and that nobody
    /// is at.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn claim_chain(
        &mut self,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
        lease: TimeDelta,
    ) -> Result<Option<Uuid>, Error> {
        use audit_chains as c;
        let latest = now + CLOCK_SKEW;
        let scanned_at = || c::scanned_at.assume_not_null();
        let is_free = || c::scanned_at.is_null().or(scanned_at().lt(now - lease)).or(scanned_at().gt(latest));
        // As `ChainRow::can_be` says it; where the head is no number, verifying does not mend it.
        let comes_later = c::complete_at.gt(latest).or(c::checked_at.gt(latest)).or(scanned_at().gt(latest));
        let is_beyond = c::checked_seq.gt(c::seq).or(c::scanned_seq.gt(c::seq)).and(c::seq.ge(0));
        let cannot_be = comes_later.or(is_beyond).or(c::checked_seq.lt(0)).or(c::scanned_seq.lt(0)).or(c::breaks.lt(0));
        let is_due = c::asked_at.is_not_null().or(c::complete_at.lt(before)).or(cannot_be);
        let due = c::table.filter(is_due).filter(is_free()).order((c::asked_at.asc(), c::tenant_id));
        let Some(tenant) = due.select(c::tenant_id).first::<Uuid>(self.pg).optional()? else {
            return Ok(None);
        };
        let claimed = diesel::update(c::table.find(tenant).filter(is_free()))
            .set((c::scanned_at.eq(now), c::scanned_seq.eq(0)))
            .execute(self.pg)?;
        Ok((claimed == 1).then_some(tenant))
    }

    /// Notes how far the verification of a whole chain is.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn note_scanned(&mut self, tenant: Uuid, seq: i64, now: DateTime<Utc>) -> Result<(), Error> {
        use audit_chains as c;
        let chain = diesel::update(c::table.find(tenant));
        chain.set((c::scanned_at.eq(now), c::scanned_seq.eq(seq))).execute(self.pg)?;
        Ok(())
    }

    /// Notes what came of the verification of a whole chain: how many breaks, and the first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn note_verified(
        &mut self,
        tenant: Uuid,
        breaks: usize,
        first: Option<&BreakRow>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        use audit_chains as c;
        let none = None::<DateTime<Utc>>;
        // What cannot have been read again is read again.
        diesel::update(c::table.find(tenant).filter(c::checked_seq.gt(c::seq).or(c::checked_seq.lt(0))))
            .set((c::checked_seq.eq(0), c::checked_hash.eq(Vec::new())))
            .execute(self.pg)?;
        diesel::update(c::table.find(tenant))
            .set((
                c::checked_at.eq(now),
                c::complete_at.eq(now),
                c::scanned_seq.eq(0),
                c::asked_at.eq(none),
                c::scanned_at.eq(none),
                c::breaks.eq(i32::try_from(breaks).unwrap_or(i32::MAX)),
                c::broken_seq.eq(first.and_then(|first| first.seq)),
                c::broken_event.eq(first.and_then(|first| first.event)),
                c::broken_how.eq(first.map(|first| &first.how)),
            ))
            .execute(self.pg)?;
        Ok(())
    }

    /// Links of a chain behind one of its numbers, each with its entry.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn links(&mut self, tenant: Uuid, after: i64, limit: i64) -> Result<Batch<(SealRow, Option<AuditRow>)>, Error> {
        use {audit_events as e, audit_seals as s};
        let query = s::table
            .left_join(e::table.on(e::tenant_id.eq(s::tenant_id).and(e::id.eq(s::event_id))))
            .filter(s::tenant_id.eq(tenant))
            .filter(s::seq.gt(after))
            .order(s::seq)
            .limit(limit)
            .select((SealRow::as_select(), dsl::sql::<BigInt>(WEIGHT)));
        self.patiently(|pg| {
            let keys: Vec<(SealRow, i64)> = query.load(pg)?;
            let event = |key: &(SealRow, i64)| (key.0.tenant_id, key.0.event_id);
            batch(pg, keys, limit, |key| key.1, event, |(seal, _), entry| (seal, entry))
        })
    }

    /// Entries of a tenant behind one of them, and what is there of their seals, at one moment.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn coverage(&mut self, tenant: Uuid, after: Uuid, limit: i64) -> Result<Vec<Coverage>, Error> {
        use {audit_events as e, audit_seals as s, audit_unsealed as u};
        let rows: Vec<(Uuid, Option<i64>, Option<Uuid>)> = e::table
            // Said of both, so that neither is read from its beginning.
            .left_join(s::table.on(s::tenant_id.eq(tenant).and(s::event_id.eq(e::id)).and(s::event_id.gt(after))))
            .left_join(u::table.on(u::tenant_id.eq(tenant).and(u::event_id.eq(e::id)).and(u::event_id.gt(after))))
            .filter(e::tenant_id.eq(tenant))
            .filter(e::id.gt(after))
            .order(e::id)
            .limit(limit)
            .select((e::id, s::seq.nullable(), u::event_id.nullable()))
            .load(self.pg)?;
        let covered = |(event, seal, waits): (Uuid, Option<i64>, Option<Uuid>)| Coverage {
            event,
            sealed: seal.is_some(),
            waits: waits.is_some(),
        };
        Ok(rows.into_iter().map(covered).collect())
    }

    /// Entries of a tenant that wait for their seal and are not there any more.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn lost_entries(&mut self, tenant: Uuid, limit: i64) -> Result<Vec<Uuid>, Error> {
        use {audit_events as e, audit_unsealed as u};
        let query = u::table
            .left_join(e::table.on(e::tenant_id.eq(u::tenant_id).and(e::id.eq(u::event_id))))
            .filter(u::tenant_id.eq(tenant))
            .filter(e::id.nullable().is_null())
            .order(u::event_id)
            .limit(limit)
            .select(u::event_id);
        query.load(self.pg).map_err(Error::from)
    }

    /// Checkpoints of a chain behind a number, each with the hash of its link.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn checkpoints(&mut self, tenant: Uuid, after: i64, limit: i64) -> Result<Vec<Signed>, Error> {
        use {audit_checkpoints as p, audit_seals as s};
        let query = p::table
            .left_join(s::table.on(s::tenant_id.eq(tenant).and(s::seq.eq(p::seq)).and(s::seq.gt(after))))
            .filter(p::tenant_id.eq(tenant))
            .filter(p::seq.gt(after))
            .order(p::seq)
            .limit(limit)
            .select((CheckpointRow::as_select(), s::hash.nullable()));
        query.load(self.pg).map_err(Error::from)
    }

    /// The ends of a chain, at one moment.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn chain_end(&mut self, tenant: Uuid) -> Result<ChainEnd, Error> {
        use {audit_chains as c, audit_seals as s};
        // One statement sees one state.
        let rows: Vec<End> = s::table
            .left_join(c::table.on(c::tenant_id.eq(s::tenant_id)))
            .filter(s::tenant_id.eq(tenant))
            .order(s::seq.desc())
            .limit(1)
            .select((s::seq, s::hash, c::seq.nullable(), c::hash.nullable()))
            .load(self.pg)?;
        if let Some((seq, hash, head_seq, head_hash)) = rows.into_iter().next() {
            return Ok(ChainEnd { head: head_seq.zip(head_hash), last: Some((seq, hash)) });
        }
        let head = c::table.find(tenant).select((c::seq, c::hash)).first(self.pg).optional()?;
        Ok(ChainEnd { head, last: None })
    }

    /// The next tenant behind one that has entries or a chain.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn audited_tenant(&mut self, after: Option<Uuid>) -> Result<Option<Uuid>, Error> {
        macro_rules! next {
            ($table:ident) => {{
                let mut query = $table::table.select($table::tenant_id).order($table::tenant_id).limit(1).into_boxed();
                if let Some(after) = after {
                    query = query.filter($table::tenant_id.gt(after));
                }
                query.first::<Uuid>(self.pg).optional()?
            }};
        }
        Ok(next!(audit_events).into_iter().chain(next!(audit_seals)).chain(next!(audit_chains)).min())
    }

    /// Heads of chains for which there is no checkpoint yet.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn heads_without_checkpoint(&mut self, limit: i64) -> Result<Vec<(Uuid, i64, Vec<u8>)>, Error> {
        use {audit_chains as c, audit_checkpoints as p};
        let query = c::table
            .left_join(p::table.on(p::tenant_id.eq(c::tenant_id).and(p::seq.eq(c::seq))))
            .filter(p::seq.nullable().is_null())
            .order(c::tenant_id)
            .limit(limit)
            .select((c::tenant_id, c::seq, c::hash));
        query.load(self.pg).map_err(Error::from)
    }

    /// Writes checkpoints; those that are there already stay.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn insert_checkpoints(&mut self, rows: &[CheckpointRow]) -> Result<(), Error> {
        diesel::insert_into(audit_checkpoints::table).values(rows).on_conflict_do_nothing().execute(self.pg)?;
        Ok(())
    }
}

impl TenantConn<'_> {
    /// The state of the tenant's chain, once there is one.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn audit_chain(&mut self) -> Result<Option<ChainRow>, Error> {
        let query = audit_chains::table.find(self.tenant().0).select(ChainRow::as_select());
        let result = query.first(self.pg).optional();
        self.done(result)
    }

    /// The seals of these entries of the tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn seals_of(&mut self, events: &[Uuid]) -> Result<Vec<SealRow>, Error> {
        let query = audit_seals::table
            .filter(audit_seals::tenant_id.eq(self.tenant().0))
            .filter(audit_seals::event_id.eq_any(events))
            .select(SealRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }

    /// An entry of the tenant with its seal and the one before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn seal_and_previous(&mut self, event: Uuid) -> Result<(Option<SealRow>, Option<SealRow>), Error> {
        let seal = self.seals_of(&[event])?.into_iter().next();
        let Some(present) = &seal else {
            return Ok((None, None));
        };
        // Of a number that was slipped in there may be none before.
        let before = present.seq.saturating_sub(1);
        let query = audit_seals::table.find((self.tenant().0, before)).select(SealRow::as_select());
        let result = query.first(self.pg).optional();
        let previous = self.done(result)?;
        Ok((seal, previous))
    }

    /// Asks for the tenant's whole chain to be verified. Whoever asks while it is under way changes nothing.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn ask_verification(&mut self, at: DateTime<Utc>, event: &AuditEvent) -> Result<bool, Error> {
        use audit_chains as c;
        let audit = Draft::new(self.caller, event);
        let chain = c::table.find(self.tenant().0).filter(c::asked_at.is_null());
        self.transaction(|pg| {
            let asked = diesel::update(chain).set(c::asked_at.eq(at)).execute(pg)? == 1;
            if asked {
                audit.insert(pg)?;
            }
            Ok(asked)
        })
    }

    /// Records what was done that changed nothing.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn record(&mut self, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        let result = audit.insert(self.pg);
        self.done(result)
    }
}
