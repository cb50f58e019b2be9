//! Writing entries.

use chrono::{DateTime, SubsecRound, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Json, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::{NoContext, Timestamp, Uuid};

use super::super::error::Error;
use super::super::schema::audit_events;
use super::super::{Gate, TenantConn};
use super::AuditRow;
use crate::audit::AuditEvent;
use crate::auth::{Caller, secret};

/// An entry about to be written, with what the caller adds to the event.
pub(in crate::store) struct Draft(AuditRow);

impl Draft {
    pub(in crate::store) fn new(caller: &Caller, event: &AuditEvent) -> Self {
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
    pub(in crate::store) fn insert(&self, pg: &mut PgConnection) -> QueryResult<()> {
        diesel::insert_into(audit_events::table).values(&self.0).execute(pg).map(drop)
    }

    /// Appends the event's own part of the entry.
    pub(in crate::store) fn push_own<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>, part: Own) -> QueryResult<()> {
        match part {
            Own::Before => out.push_bind_param::<Nullable<Jsonb>, _>(&self.0.before),
            Own::After => out.push_bind_param::<Nullable<Jsonb>, _>(&self.0.after),
            Own::Detail => out.push_bind_param::<Nullable<Text>, _>(&self.0.detail),
        }
    }

    /// Appends to a statement the insertion of this entry for each row of the common table expression `changed`. What `from` does
    /// not take from there is the event's own.
    pub(in crate::store) fn push_insert<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>, from: Changed) -> QueryResult<()> {
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
pub(in crate::store) enum Own {
    Before,
    After,
    Detail,
}

/// What an entry takes from the rows of `changed`, as SQL over them.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::store) struct Changed {
    pub before: Option<&'static str>,
    pub after: Option<&'static str>,
    pub detail: Option<&'static str>,
}

/// What was refused may contain a token that somebody put in the wrong place, and U+0000, which Postgres text cannot hold.
pub(in crate::store) fn recordable(text: &str) -> String {
    secret::masked(text).replace('\0', "\u{fffd}")
}

impl TenantConn<'_> {
    /// Carries out a change and records it, as one transaction. `false`, and nothing recorded, where the change says that there was
    /// nothing to change.
    pub(in crate::store) fn change(
        &mut self,
        event: &AuditEvent,
        change: impl FnOnce(&mut PgConnection) -> QueryResult<bool>,
    ) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            let changed = change(pg)?;
            if changed {
                audit.insert(pg)?;
            }
            Ok(changed)
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
