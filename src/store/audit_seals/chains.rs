//! The state of each chain: its head, how far it was verified, and what came of that.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::super::error::Error;
use super::super::schema::audit_chains;
use super::super::time::Clamped;
use super::super::{Gate, TenantConn};
use crate::audit::AuditEvent;

/// How much later than here it may be where another server of the cluster notes a time.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

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
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub checked_at: DateTime<Utc>,
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub complete_at: DateTime<Utc>,
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub asked_at: Option<DateTime<Utc>>,
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
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

    /// Asks for the tenant's whole chain to be verified. Whoever asks while it is under way changes nothing.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn ask_verification(&mut self, at: DateTime<Utc>, event: &AuditEvent) -> Result<bool, Error> {
        use audit_chains as c;
        let chain = c::table.find(self.tenant().0).filter(c::asked_at.is_null());
        self.change(event, |pg| Ok(diesel::update(chain).set(c::asked_at.eq(at)).execute(pg)? > 0))
    }
}

impl Gate<'_> {
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
}
