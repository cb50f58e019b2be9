//! Requests counted by the hour.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use uuid::Uuid;

use super::Gate;
use super::error::Error;
use super::schema::request_counts;

/// How many requests of one kind there were in an hour. The columns are described where the table is made.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = request_counts)]
#[expect(missing_docs, reason = "the table says it")]
pub struct RequestCountRow {
    pub tenant_id: Uuid,
    pub hour: DateTime<Utc>,
    pub actor_id: String,
    pub operation: String,
    pub outcome: String,
    pub requests: i64,
    pub microseconds: i64,
}

impl RequestCountRow {
    /// What is counted apart.
    #[must_use]
    pub fn key(&self) -> (Uuid, DateTime<Utc>, &str, &str, &str) {
        (self.tenant_id, self.hour, &self.actor_id, &self.operation, &self.outcome)
    }
}

impl Gate<'_> {
    /// Adds to the counts. Where a connection is lost at the wrong moment they are added twice, which does no more harm than a request
    /// more would.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn add_request_counts(&mut self, rows: &[RequestCountRow]) -> Result<(), Error> {
        use request_counts::{actor_id, hour, microseconds, operation, outcome, requests, tenant_id};
        diesel::insert_into(request_counts::table)
            .values(rows)
            .on_conflict((tenant_id, hour, actor_id, operation, outcome))
            .do_update()
            .set((requests.eq(requests + excluded(requests)), microseconds.eq(microseconds + excluded(microseconds))))
            .execute(self.pg)?;
        Ok(())
    }
}
