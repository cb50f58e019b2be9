//! Which entries are wanted.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::define_sql_function;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Json, Nullable};
use uuid::Uuid;

use super::super::schema::audit_events;
use crate::audit::{Action, Outcome};

/// Which entries are wanted; they fulfil all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The id of who did it.
    pub actor: Option<String>,
    /// The name of who did it. No index helps to find it.
    pub actor_name: Option<String>,
    /// What was done.
    pub action: Option<Action>,
    /// The id of what it was done to.
    pub target: Option<String>,
    /// How it came out.
    pub outcome: Option<Outcome>,
    /// Not before this time.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub to: Option<DateTime<Utc>>,
    /// What the entry says somewhere, in any case. No index helps to find it.
    pub text: Option<String>,
}

impl AuditFilter {
    /// All entries about this thing.
    #[must_use]
    pub fn of_target(id: impl fmt::Display) -> Self {
        Self { target: Some(id.to_string()), ..Self::default() }
    }
}

define_sql_function! {
    /// The text of a JSON value.
    #[sql_name = "text"]
    fn as_text(value: Nullable<Json>) -> Nullable<Text>;
}

/// A query of entries.
pub(super) type Entries<'a> = audit_events::BoxedQuery<'a, Pg>;

/// The entries of a tenant that fulfil the filter.
pub(super) fn entries(tenant: Uuid, filter: &AuditFilter) -> Entries<'_> {
    use audit_events as e;
    let mut query = e::table.filter(e::tenant_id.eq(tenant)).into_boxed();
    if let Some(actor) = &filter.actor {
        query = query.filter(e::actor_id.eq(actor));
    }
    if let Some(name) = &filter.actor_name {
        query = query.filter(e::actor_name.eq(name));
    }
    if let Some(action) = filter.action {
        query = query.filter(e::action.eq(action.code()));
    }
    if let Some(target) = &filter.target {
        query = query.filter(e::target_id.eq(target));
    }
    let refused =
        || Action::ALL.iter().filter(|action| action.outcome() == Outcome::Refused).map(|action| action.code());
    query = match filter.outcome {
        Some(Outcome::Refused) => query.filter(e::action.eq_any(refused())),
        Some(Outcome::Done) => query.filter(e::action.ne_all(refused())),
        None => query,
    };
    // Ids follow the time.
    if let Some(from) = filter.from {
        query = query.filter(e::id.ge(first_id(from)));
    }
    if let Some(to) = filter.to {
        query = query.filter(e::id.lt(first_id(to)));
    }
    if let Some(text) = &filter.text {
        let pattern = format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let somewhere = (e::actor_name.ilike(pattern.clone()))
            .or(e::actor_id.ilike(pattern.clone()))
            .or(e::target_id.ilike(pattern.clone()))
            .or(e::target_type.ilike(pattern.clone()))
            .or(e::action.ilike(pattern.clone()))
            .or(e::request_id.ilike(pattern.clone()))
            .or(e::detail.assume_not_null().ilike(pattern.clone()).and(e::detail.is_not_null()))
            .or(e::address.assume_not_null().ilike(pattern.clone()).and(e::address.is_not_null()))
            .or(as_text(e::before).assume_not_null().ilike(pattern.clone()).and(e::before.is_not_null()))
            .or(as_text(e::after).assume_not_null().ilike(pattern).and(e::after.is_not_null()));
        query = query.filter(somewhere);
    }
    query
}

/// The smallest id of an entry at this time.
fn first_id(at: DateTime<Utc>) -> Uuid {
    let milliseconds = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    Uuid::from_u128(u128::from(milliseconds.min((1 << 48) - 1)) << 80)
}
