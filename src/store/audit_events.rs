//! The audit log. A change is recorded by the statement or transaction that makes it, refusals in batches afterwards.

use std::fmt;

use chrono::{DateTime, SubsecRound, Utc};
use diesel::define_sql_function;
use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{BigInt, Bool, Json, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;
use uuid::{NoContext, Timestamp, Uuid};

use super::error::Error;
use super::schema::audit_events;
use super::time::Clamped;
use super::{Gate, HASTE, PATIENCE, TenantConn};
use crate::audit::{Action, AuditEvent, Outcome};
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

define_sql_function! {
    /// The text of a JSON value.
    #[sql_name = "text"]
    fn as_text(value: Nullable<Json>) -> Nullable<Text>;
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

/// How much is to be read for the states of an entry, without reading them: their bytes as stored, and 64 times as many where they
/// are compressed, since repetitive text is stored in up to some ninety times fewer.
pub(super) const WEIGHT: &str = "coalesce(pg_column_size(audit_events.before)::bigint * \
     CASE WHEN pg_column_compression(audit_events.before) IS NULL THEN 1 ELSE 64 END, 0) + \
     coalesce(pg_column_size(audit_events.after)::bigint * \
     CASE WHEN pg_column_compression(audit_events.after) IS NULL THEN 1 ELSE 64 END, 0)";
/// The weight of entries that are read at a time.
const HEAVIEST: i64 = 4 << 20;

/// How many of the first rows are read at a time, by their weights: one in any case.
pub(super) fn fitting(weights: impl Iterator<Item = i64>) -> usize {
    let mut sum = 0_i64;
    let light = weights.take_while(|weight| {
        sum = sum.saturating_add(*weight);
        sum <= HEAVIEST
    });
    light.count().max(1)
}

/// How large the states of an entry may be for a page to show them, in bytes as stored: some ten thousand members.
const STATES_ON_PAGE: i64 = 2 << 20;

/// Which states are read with an entry.
#[derive(Debug, Clone, Copy)]
enum States {
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
fn named(states: States) -> Columns {
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

type Entries<'a> = audit_events::BoxedQuery<'a, Pg>;

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

/// The entries of a tenant that fulfil the filter.
fn entries(tenant: Uuid, filter: &AuditFilter) -> Entries<'_> {
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

impl TenantConn<'_> {
    /// Records what was done that changed nothing.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn record(&mut self, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        let result = audit.insert(self.pg);
        self.done(result)
    }

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
        let keys = from(entries(tenant, filter), start).limit(limit + 1).select((e::id, sql::<BigInt>(WEIGHT)));
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
