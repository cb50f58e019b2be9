//! The audit log. A change is recorded by the statement or transaction that makes it, refusals in batches afterwards.

use chrono::{DateTime, SubsecRound, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Json, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;
use uuid::{NoContext, Timestamp, Uuid};

use super::error::Error;
use super::schema::audit_events;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;
use crate::auth::{Caller, secret};

/// An entry as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events)]
pub struct AuditRow {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The entry's id; ids follow the time.
    pub id: Uuid,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What was done: the code of an `Action`.
    pub action: String,
    /// What kind of caller did it.
    pub actor_kind: String,
    /// The caller's credential.
    pub actor_id: String,
    /// The name of that credential.
    pub actor_name: String,
    /// What kind of thing it was done to.
    pub target_type: String,
    /// The thing's id.
    pub target_id: String,
    /// The touched attributes as they were.
    pub before: Option<Value>,
    /// The touched attributes as they are now.
    pub after: Option<Value>,
    /// Why, for a refusal.
    pub detail: Option<String>,
    /// The request.
    pub request_id: String,
    /// Where it came from.
    pub address: Option<String>,
}

/// A refusal to be recorded.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Whose request it was.
    pub caller: Caller,
    /// What was refused.
    pub event: AuditEvent,
    /// When.
    pub at: DateTime<Utc>,
}

impl From<&Refused> for AuditRow {
    fn from(refused: &Refused) -> Self {
        // The list follows the ids, and a refusal is written a while after it happened.
        let at =
            Timestamp::from_unix(NoContext, refused.at.timestamp().unsigned_abs(), refused.at.timestamp_subsec_nanos());
        Draft::at(&refused.caller, &refused.event, refused.at, Uuid::new_v7(at)).0
    }
}

/// An entry about to be written, with what the caller adds to the event.
pub(super) struct Draft(AuditRow);

impl Draft {
    pub(super) fn new(caller: &Caller, event: &AuditEvent) -> Self {
        Self::at(caller, event, Utc::now(), Uuid::now_v7())
    }

    fn at(caller: &Caller, event: &AuditEvent, at: DateTime<Utc>, id: Uuid) -> Self {
        let actor = caller.principal.actor();
        Self(AuditRow {
            tenant_id: caller.principal.tenant().0,
            id,
            occurred_at: at.trunc_subsecs(3),
            action: event.action.code().to_owned(),
            actor_kind: actor.kind.code().to_owned(),
            actor_id: actor.id.clone(),
            actor_name: actor.name.clone(),
            target_type: event.target.kind.clone(),
            target_id: recordable(&event.target.id),
            before: event.before.clone(),
            after: event.after.clone(),
            detail: event.detail.as_deref().map(recordable),
            request_id: caller.request_id.to_string(),
            address: caller.address.as_deref().map(str::to_owned),
        })
    }

    /// Writes the entry by a statement of its own.
    pub(super) fn insert(&self, pg: &mut PgConnection) -> QueryResult<()> {
        diesel::insert_into(audit_events::table).values(&self.0).execute(pg).map(drop)
    }

    /// Appends the event's own part of the entry.
    pub(super) fn push_own<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>, part: Own) -> QueryResult<()> {
        match part {
            Own::Before => out.push_bind_param::<Nullable<Jsonb>, _>(&self.0.before),
            Own::After => out.push_bind_param::<Nullable<Jsonb>, _>(&self.0.after),
            Own::Detail => out.push_bind_param::<Nullable<Text>, _>(&self.0.detail),
        }
    }

    /// Appends to a statement the insertion of this entry for each row of the common table expression `changed`. What `from` does
    /// not take from there is the event's own.
    pub(super) fn push_insert<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>, from: Changed) -> QueryResult<()> {
        use diesel::sql_types::Uuid as SqlUuid;
        out.push_sql(
            "INSERT INTO audit_events (tenant_id, id, occurred_at, action, actor_kind, actor_id, actor_name, target_type, \
             target_id, request_id, address, detail, before, after) SELECT ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.0.tenant_id)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&self.0.id)?;
        out.push_sql(", ");
        out.push_bind_param::<Timestamptz, _>(&self.0.occurred_at)?;
        let texts = [
            &self.0.action,
            &self.0.actor_kind,
            &self.0.actor_id,
            &self.0.actor_name,
            &self.0.target_type,
            &self.0.target_id,
            &self.0.request_id,
        ];
        for text in texts {
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(text)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&self.0.address)?;
        out.push_sql(", ");
        match from.detail {
            Some(sql) => out.push_sql(sql),
            None => out.push_bind_param::<Nullable<Text>, _>(&self.0.detail)?,
        }
        for (sql, value) in [(from.before, &self.0.before), (from.after, &self.0.after)] {
            out.push_sql(", ");
            match sql {
                Some(sql) => out.push_sql(sql),
                None => out.push_bind_param::<Nullable<Json>, _>(value)?,
            }
        }
        out.push_sql(" FROM changed");
        Ok(())
    }
}

/// A part of an entry that an event can bring along: `jsonb`, but for the detail.
#[derive(Debug, Clone, Copy)]
pub(super) enum Own {
    Before,
    After,
    Detail,
}

/// What an entry takes from the rows of `changed`, as SQL over them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changed {
    pub before: Option<&'static str>,
    pub after: Option<&'static str>,
    pub detail: Option<&'static str>,
}

/// What was refused may contain a token that somebody put in the wrong place, and U+0000, which Postgres text cannot hold.
pub(super) fn recordable(text: &str) -> String {
    secret::masked(text).replace('\0', "\u{fffd}")
}

impl Gate<'_> {
    /// Records refusals; those that are there already are left as they are.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn record_refusals(&mut self, rows: &[AuditRow]) -> Result<(), Error> {
        diesel::insert_into(audit_events::table).values(rows).on_conflict_do_nothing().execute(self.pg)?;
        Ok(())
    }
}

impl TenantConn<'_> {
    /// The tenant's entries, the newest first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn audit_events(&mut self, limit: i64) -> Result<Vec<AuditRow>, Error> {
        let query = audit_events::table
            .filter(audit_events::tenant_id.eq(self.tenant().0))
            .order(audit_events::id.desc())
            .limit(limit)
            .select(AuditRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }
}
