//! Entries as pages show them: with what people call the thing, and without states that are too large.

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Json, Nullable, Text};
use uuid::Uuid;

use super::super::TenantConn;
use super::super::error::Error;
use super::super::schema::audit_events;
use super::AuditRow;

/// How large the states of an entry may be for a page to show them, in bytes as stored: some ten thousand members.
const STATES_ON_PAGE: i64 = 2 << 20;

/// An entry with what people call the thing.
#[derive(Debug, Clone, Queryable)]
pub struct NamedEntry {
    /// The entry; in lists with nothing in `before` and `after`, which may be large.
    pub row: AuditRow,
    /// Whether `before` and `after` are left out because they are too large for a page.
    pub is_heavy: bool,
    /// The name, as far as a state of no great size says it.
    pub name: Option<String>,
}

impl TenantConn<'_> {
    /// One of the tenant's entries, with the states that a page can show.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn audit_event(&mut self, id: Uuid) -> Result<Option<NamedEntry>, Error> {
        let query = audit_events::table.find((self.tenant().0, id)).select(named(States::OnPage));
        let result = query.first(self.pg).optional();
        self.done(result)
    }
}

/// Which states are read with an entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum States {
    /// None.
    None,
    /// Those of no more than [`STATES_ON_PAGE`].
    OnPage,
}

type State = SqlLiteral<Nullable<Json>>;
type Columns = (
    (
        audit_events::tenant_id,
        audit_events::id,
        audit_events::occurred_at,
        audit_events::action,
        audit_events::actor_kind,
        audit_events::actor_id,
        audit_events::actor_name,
        audit_events::target_type,
        audit_events::target_id,
        State,
        State,
        audit_events::detail,
        audit_events::request_id,
        audit_events::address,
    ),
    SqlLiteral<Bool>,
    SqlLiteral<Nullable<Text>>,
);

/// What is read for a [`NamedEntry`].
pub(super) fn named(states: States) -> Columns {
    use audit_events as e;
    let size = "coalesce(pg_column_size(audit_events.before), 0) + coalesce(pg_column_size(audit_events.after), 0)";
    let is_heavy = match states {
        States::None => "false".to_owned(),
        States::OnPage => format!("({size} > {STATES_ON_PAGE})"),
    };
    let state = |column: &str| match states {
        States::None => sql("NULL::json"),
        States::OnPage => sql(&format!("CASE WHEN NOT {is_heavy} THEN audit_events.{column} END")),
    };
    let row = (
        e::tenant_id,
        e::id,
        e::occurred_at,
        e::action,
        e::actor_kind,
        e::actor_id,
        e::actor_name,
        e::target_type,
        e::target_id,
        state("before"),
        state("after"),
        e::detail,
        e::request_id,
        e::address,
    );
    (row, sql(&is_heavy), name())
}

/// What people call the thing: the first of these in a state that is not its id. A large state is not looked into, nor one that
/// Postgres cannot read as text.
fn name() -> SqlLiteral<Nullable<Text>> {
    let name_in = |state: &str| {
        let names = "'userName', 'displayName', 'email', 'name'";
        format!(
            "(SELECT left(found.value #>> '{{}}', 300) FROM json_each(CASE WHEN pg_column_size({state}) > 8192 THEN '{{}}' \
             WHEN strpos({state}::text, '\\u0000') > 0 THEN '{{}}' WHEN json_typeof({state}) <> 'object' THEN '{{}}' ELSE {state} END) \
             AS found WHERE json_typeof(found.value) = 'string' AND found.value #>> '{{}}' <> audit_events.target_id \
             AND found.key IN ({names}) ORDER BY array_position(ARRAY[{names}], found.key) LIMIT 1)"
        )
    };
    sql(&format!("coalesce({}, {})", name_in("audit_events.after"), name_in("audit_events.before")))
}
