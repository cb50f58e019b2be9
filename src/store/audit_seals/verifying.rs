//! What verifying a chain reads.

use diesel::prelude::*;
use uuid::Uuid;

use super::super::Gate;
use super::super::audit_events::{AuditRow, weight};
use super::super::error::Error;
use super::super::schema::{audit_chains, audit_events, audit_seals, audit_unsealed};
use super::batch::{Batch, batch};
use super::{START, SealRow};

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

/// Number and hash of the last link, and those of the head.
type End = (i64, Vec<u8>, Option<i64>, Option<Vec<u8>>);

impl Gate<'_> {
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
            .select(((c::checked_seq, c::checked_hash), SealRow::as_select(), weight()));
        self.patiently(|pg| {
            let keys: Vec<(Link, SealRow, i64)> = query.load(pg)?;
            let event = |key: &(Link, SealRow, i64)| (key.1.tenant_id, key.1.event_id);
            batch(pg, keys, limit, |key| key.2, event, |(checked, seal, _), entry| (checked, seal, entry))
        })
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
            .select((SealRow::as_select(), weight()));
        self.patiently(|pg| {
            let keys: Vec<(SealRow, i64)> = query.load(pg)?;
            let event = |key: &(SealRow, i64)| (key.0.tenant_id, key.0.event_id);
            batch(pg, keys, limit, |key| key.1, event, |(seal, _), entry| (seal, entry))
        })
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
            .filter(s::seq.gt(START))
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

    /// Entries of a tenant behind one of them, and what is there of their seals, at one moment.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn coverage(&mut self, tenant: Uuid, after: Uuid, limit: i64) -> Result<Vec<Coverage>, Error> {
        use {audit_events as e, audit_seals as s, audit_unsealed as u};
        let seal = s::tenant_id.eq(tenant).and(s::event_id.eq(e::id)).and(s::seq.gt(START));
        let rows: Vec<(Uuid, Option<i64>, Option<Uuid>)> = e::table
            // Said of both, so that neither is read from its beginning.
            .left_join(s::table.on(seal.and(s::event_id.gt(after))))
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
}
