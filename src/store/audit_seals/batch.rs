//! Reading many entries at a time, of which a single one may be large.

use std::collections::HashMap;

use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Uuid as SqlUuid};
use uuid::Uuid;

use super::super::audit_events::{AuditRow, fitting};
use super::super::error::Error;
use super::super::schema::audit_events;
use super::super::{Gate, PATIENCE};

/// Rows that are read at a time: as many as were asked for, or fewer where their entries are large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether there were no more.
    pub is_last: bool,
}

impl Gate<'_> {
    /// Runs work that reads many entries as one transaction, with [`PATIENCE`] for each statement: a single entry may be large.
    pub(super) fn patiently<T>(&mut self, work: impl FnOnce(&mut PgConnection) -> QueryResult<T>) -> Result<T, Error> {
        let result = self.pg.transaction(|pg| {
            pg.batch_execute(PATIENCE)?;
            work(pg)
        });
        result.map_err(Error::from)
    }
}

/// Takes as many of the first rows as can be read at a time, by their weights, and reads their entries.
pub(super) fn batch<K, T>(
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

/// The entries of these keys that there are.
struct Entries<'a> {
    tenants: &'a [Uuid],
    ids: &'a [Uuid],
}

statement!(Entries<'_>);

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
