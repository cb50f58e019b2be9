//! The provisioning log.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::Gate;
use super::error::Error;
use super::schema::requests;

/// A request as it is logged. The columns are described where the table is made.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = requests)]
#[expect(missing_docs, reason = "the table says it")]
pub struct RequestRow {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub request_id: String,
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    pub operation: String,
    pub outcome: String,
    pub status: i16,
    pub scim_type: Option<String>,
    pub detail: Option<String>,
    pub resource_type: Option<String>,
    pub resource_id: Option<String>,
    pub resource_name: Option<String>,
    pub actor_kind: String,
    pub actor_id: String,
    pub actor_name: String,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub microseconds: i64,
    pub request_body: Option<String>,
    pub response_body: Option<String>,
}

impl Gate<'_> {
    /// Writes requests to the log; those that are there already are left as they are.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn insert_requests(&mut self, rows: &[RequestRow]) -> Result<(), Error> {
        diesel::insert_into(requests::table).values(rows).on_conflict_do_nothing().execute(self.pg)?;
        Ok(())
    }
}
