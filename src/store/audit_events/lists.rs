//! Lists of entries, the newest first, a page at a time.

use diesel::prelude::*;
use uuid::Uuid;

use super::super::error::Error;
use super::super::schema::audit_events;
use super::super::{HASTE, PATIENCE, TenantConn};
use super::filter::{AuditFilter, Entries, entries};
use super::named::{NamedEntry, States, named};
use super::{AuditRow, fitting, weight};

/// Where a page of a list begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuditStart {
    /// With the newest entry.
    #[default]
    Newest,
    /// Behind this one.
    OlderThan(Uuid),
    /// With those before this one.
    NewerThan(Uuid),
}

/// A page of entries, the newest first.
#[derive(Debug)]
pub struct AuditPage<T = AuditRow> {
    /// The entries.
    pub rows: Vec<T>,
    /// Where the page of newer entries ends, if there are any.
    pub newer: Option<Uuid>,
    /// Where the page of older entries begins, if there are any.
    pub older: Option<Uuid>,
}

impl TenantConn<'_> {
    /// The tenant's entries, the newest first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn audit_events(&mut self, limit: i64) -> Result<Vec<AuditRow>, Error> {
        let query = audit_events::table.filter(audit_events::tenant_id.eq(self.tenant().0));
        let result = query.order(audit_events::id.desc()).limit(limit).select(AuditRow::as_select()).load(self.pg);
        self.done(result)
    }

    /// A page of the tenant's entries that fulfil a filter, without their states.
    ///
    /// # Errors
    /// [`Error::Timeout`] when too many entries had to be looked at, else [`Error`] from the database.
    pub fn audit_list(
        &mut self,
        filter: &AuditFilter,
        start: AuditStart,
        limit: i64,
    ) -> Result<AuditPage<NamedEntry>, Error> {
        let query = from(entries(self.tenant().0, filter), start).limit(limit + 1);
        let query = query.select(named(States::None));
        let mut rows: Vec<NamedEntry> = self.within(HASTE, |pg| query.load(pg))?;
        let wanted = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > wanted;
        rows.truncate(wanted);
        Ok(page(rows, start, more, |entry| entry.row.id))
    }

    /// The same with the states that a page can show, and with fewer entries where the states are large.
    ///
    /// # Errors
    /// As [`TenantConn::audit_list`].
    pub fn audit_history(
        &mut self,
        filter: &AuditFilter,
        start: AuditStart,
        limit: i64,
    ) -> Result<AuditPage<NamedEntry>, Error> {
        let read = |entries: Entries<'_>, pg: &mut PgConnection| entries.select(named(States::OnPage)).load(pg);
        self.page_within(HASTE, filter, start, limit, read, |entry: &NamedEntry| entry.row.id)
    }

    /// The same with all states, for whoever has patience.
    ///
    /// # Errors
    /// As [`TenantConn::audit_list`].
    pub fn audit_export(&mut self, filter: &AuditFilter, start: AuditStart, limit: i64) -> Result<AuditPage, Error> {
        let read = |entries: Entries<'_>, pg: &mut PgConnection| entries.select(AuditRow::as_select()).load(pg);
        self.page_within(PATIENCE, filter, start, limit, read, |row: &AuditRow| row.id)
    }

    fn page_within<T>(
        &mut self,
        bound: &str,
        filter: &AuditFilter,
        start: AuditStart,
        limit: i64,
        read: impl Fn(Entries<'_>, &mut PgConnection) -> QueryResult<Vec<T>>,
        id: impl Fn(&T) -> Uuid,
    ) -> Result<AuditPage<T>, Error> {
        use audit_events as e;
        let tenant = self.tenant().0;
        let keys = from(entries(tenant, filter), start).limit(limit + 1).select((e::id, weight()));
        let (rows, more) = self.within(bound, |pg| {
            let keys: Vec<(Uuid, i64)> = keys.load(pg)?;
            let wanted = usize::try_from(limit).unwrap_or_default();
            let fitting = fitting(keys.iter().take(wanted).map(|(_, weight)| *weight)).min(wanted);
            let ids: Vec<Uuid> = keys.iter().take(fitting).map(|(id, _)| *id).collect();
            // What fulfilled the filter a moment ago does so for ever.
            let of_keys = e::table.filter(e::tenant_id.eq(tenant)).filter(e::id.eq_any(ids)).into_boxed();
            Ok((read(from(of_keys, start), pg)?, keys.len() > fitting))
        })?;
        Ok(page(rows, start, more, id))
    }
}

/// Those from a place on, in the order in which they are read.
fn from(query: Entries<'_>, start: AuditStart) -> Entries<'_> {
    use audit_events as e;
    match start {
        AuditStart::Newest => query.order(e::id.desc()),
        AuditStart::OlderThan(id) => query.filter(e::id.lt(id)).order(e::id.desc()),
        AuditStart::NewerThan(id) => query.filter(e::id.gt(id)).order(e::id.asc()),
    }
}

/// The page of these rows, which are as they were read.
fn page<T>(mut rows: Vec<T>, start: AuditStart, more: bool, id: impl Fn(&T) -> Uuid) -> AuditPage<T> {
    let is_back = matches!(start, AuditStart::NewerThan(_));
    if is_back {
        rows.reverse();
    }
    let (first, last) = (rows.first().map(&id), rows.last().map(&id));
    let newer = first.filter(|_| if is_back { more } else { start != AuditStart::Newest });
    let older = last.filter(|_| is_back || more);
    AuditPage { rows, newer, older }
}
