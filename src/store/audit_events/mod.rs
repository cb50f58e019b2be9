//! The audit log. A change is recorded by the statement or transaction that makes it, refusals in batches afterwards.

mod filter;
mod lists;
mod named;
mod weight;
mod writing;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

pub use filter::AuditFilter;
pub use lists::{AuditPage, AuditStart};
pub use named::NamedEntry;
pub(super) use weight::{WEIGHT, fitting, weight};
pub use writing::Refused;
pub(super) use writing::{Changed, Draft, Own, recordable};

use super::schema::audit_events;
use super::time::Clamped;

/// An entry as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events)]
pub struct AuditRow {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The entry's id; ids follow the time.
    pub id: Uuid,
    /// When it happened.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
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
