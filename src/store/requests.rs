//! The provisioning log.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Nullable, Text};
use uuid::{NoContext, Timestamp, Uuid};

use super::error::Error;
use super::schema::requests;
use super::{Gate, TenantConn};
use crate::id::TenantId;

/// Rows that one statement deletes or erases at most.
const ROWS: i64 = 500;
/// Sorts behind every character.
const HIGHEST: char = char::MAX;

/// A request as it is logged. The columns are described where the table is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Queryable, Selectable, Insertable)]
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
    pub request_headers: Option<String>,
    pub response_headers: Option<String>,
}

/// Which requests are wanted: those that fulfil all that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// The public id of the credential.
    pub credential: Option<String>,
    /// The outcome.
    pub outcome: Option<String>,
    /// Whether only those are wanted that were not answered as asked.
    pub failures: bool,
    /// Whether only those are wanted that took more than half a second.
    pub slow: bool,
    /// The operation.
    pub operation: Option<String>,
    /// The type or the id of the resource.
    pub resource: Option<String>,
    /// The id of the request or of the resource, or what the name of the resource begins with.
    pub text: Option<String>,
    /// The earliest time.
    pub from: Option<DateTime<Utc>>,
    /// The time before which they are.
    pub to: Option<DateTime<Utc>>,
    /// Whether those of unknown callers belong to it, whose tenant nobody knows.
    pub with_unknown: bool,
}

/// Where in the log a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestPlace {
    /// At its end.
    Newest,
    /// Before this request.
    OlderThan(Uuid),
    /// Behind this request.
    NewerThan(Uuid),
}

diesel::define_sql_function! {
    /// A text in lower case.
    fn lower(text: Nullable<Text>) -> Nullable<Text>;
}

/// A condition without values, so that the planner sees for every plan that an index with the same condition serves it.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct Always(&'static str);

impl Expression for Always {
    type SqlType = Bool;
}

impl QueryFragment<Pg> for Always {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(self.0);
        Ok(())
    }
}

impl SelectableExpression<requests::table> for Always {}
impl AppearsOnTable<requests::table> for Always {}
impl diesel::expression::ValidGrouping<()> for Always {
    type IsAggregate = diesel::expression::is_aggregate::Never;
}

pub(super) const FAILURE: Always = Always("requests.outcome <> 'ok'");
const SLOW: Always = Always("requests.microseconds > 500000");
const WITH_BODIES: Always = Always("(requests.request_body IS NOT NULL OR requests.response_body IS NOT NULL)");

/// The lowest id that a request at this time, or later, can have.
fn id_at(time: DateTime<Utc>) -> Uuid {
    let time = Timestamp::from_unix(NoContext, time.timestamp().max(0).unsigned_abs(), time.timestamp_subsec_nanos());
    // The first 48 bits are milliseconds.
    Uuid::from_u128(Uuid::new_v7(time).as_u128() >> 80 << 80)
}

/// Whether it is the name of a resource type, and no id.
fn is_type(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase()) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Whether it is an id, and not the beginning of a name.
fn is_id(text: &str) -> bool {
    const SHORTEST: usize = 20;
    text.len() >= SHORTEST
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

impl RequestFilter {
    fn select(&self, tenant: Uuid) -> requests::BoxedQuery<'static, Pg> {
        // Bodies are long, and no list shows them.
        let none = || None::<String>.into_sql::<Nullable<Text>>();
        let columns = (
            requests::tenant_id,
            requests::id,
            requests::at,
            requests::request_id,
            requests::method,
            requests::path,
            requests::query,
            requests::operation,
            requests::outcome,
            requests::status,
            requests::scim_type,
            requests::detail,
            requests::resource_type,
            requests::resource_id,
            requests::resource_name,
            requests::actor_kind,
            requests::actor_id,
            requests::actor_name,
            requests::address,
            requests::user_agent,
            requests::microseconds,
            none(),
            none(),
            requests::request_headers,
            requests::response_headers,
        );
        let mut query = requests::table.select(columns).into_boxed().filter(requests::tenant_id.eq(tenant));
        if self.failures || self.outcome.as_deref().is_some_and(|outcome| outcome != "ok") {
            query = query.filter(FAILURE);
        }
        if self.slow {
            query = query.filter(SLOW);
        }
        if let Some(outcome) = &self.outcome {
            query = query.filter(requests::outcome.eq(outcome.clone()));
        }
        if let Some(credential) = &self.credential {
            query = query.filter(requests::actor_id.eq(credential.clone()));
        }
        if let Some(operation) = &self.operation {
            query = query.filter(requests::operation.eq(operation.clone()));
        }
        // One condition each, of which an index gives the newest first.
        query = match &self.resource {
            Some(resource) if is_type(resource) => query.filter(requests::resource_type.eq(resource.clone())),
            Some(id) => query.filter(requests::resource_id.eq(id.clone())),
            None => query,
        };
        query = match &self.text {
            Some(id) if is_id(id) => {
                query.filter(requests::request_id.nullable().eq(id.clone()).or(requests::resource_id.eq(id.clone())))
            }
            Some(start) => {
                let start = start.to_lowercase();
                let end = format!("{start}{HIGHEST}");
                query.filter(lower(requests::resource_name).ge(start)).filter(lower(requests::resource_name).lt(end))
            }
            None => query,
        };
        if let Some(from) = self.from {
            query = query.filter(requests::id.ge(id_at(from)));
        }
        if let Some(to) = self.to {
            query = query.filter(requests::id.lt(id_at(to)));
        }
        query
    }
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

    /// Deletes some of a tenant's requests from before `before`, and says whether more may be left.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_requests(&mut self, tenant: TenantId, before: DateTime<Utc>) -> Result<bool, Error> {
        let own = requests::table.filter(requests::tenant_id.eq(tenant.0));
        let old = own.filter(requests::id.lt(id_at(before))).order(requests::id).limit(ROWS);
        let ids: Vec<Uuid> = old.select(requests::id).load(self.pg)?;
        diesel::delete(own.filter(requests::id.eq_any(&ids))).execute(self.pg)?;
        Ok(i64::try_from(ids.len()).is_ok_and(|deleted| deleted >= ROWS))
    }

    /// Erases the bodies of some of a tenant's requests from before `before`, and says whether more may be left.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn erase_request_bodies(&mut self, tenant: TenantId, before: DateTime<Utc>) -> Result<bool, Error> {
        let own = requests::table.filter(requests::tenant_id.eq(tenant.0));
        let old = own.filter(WITH_BODIES).filter(requests::id.lt(id_at(before))).order(requests::id).limit(ROWS);
        let ids: Vec<Uuid> = old.select(requests::id).load(self.pg)?;
        diesel::update(own.filter(requests::id.eq_any(&ids)))
            .set((requests::request_body.eq(None::<String>), requests::response_body.eq(None::<String>)))
            .execute(self.pg)?;
        Ok(i64::try_from(ids.len()).is_ok_and(|erased| erased >= ROWS))
    }
}

impl TenantConn<'_> {
    /// A part of the log, the newest first, without bodies.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn requests(
        &mut self,
        filter: &RequestFilter,
        place: RequestPlace,
        limit: usize,
    ) -> Result<Vec<RequestRow>, Error> {
        let mut rows = Vec::new();
        for tenant in self.log_tenants(filter.with_unknown) {
            let query = filter.select(tenant).limit(i64::try_from(limit).unwrap_or(i64::MAX));
            let query = match place {
                RequestPlace::Newest => query.order(requests::id.desc()),
                RequestPlace::OlderThan(id) => query.filter(requests::id.lt(id)).order(requests::id.desc()),
                RequestPlace::NewerThan(id) => query.filter(requests::id.gt(id)).order(requests::id),
            };
            let result = query.load::<RequestRow>(self.pg);
            rows.extend(self.done(result)?);
        }
        rows.sort_by_key(|row| row.id);
        if !matches!(place, RequestPlace::NewerThan(_)) {
            rows.reverse();
        }
        rows.truncate(limit);
        if matches!(place, RequestPlace::NewerThan(_)) {
            rows.reverse();
        }
        Ok(rows)
    }

    /// One request, with its bodies.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn request(&mut self, id: Uuid, with_unknown: bool) -> Result<Option<RequestRow>, Error> {
        let query = requests::table
            .filter(requests::tenant_id.eq_any(self.log_tenants(with_unknown)))
            .filter(requests::id.eq(id))
            .select(RequestRow::as_select());
        let result = query.first(self.pg).optional();
        self.done(result)
    }

    /// The tenants whose requests make up the log.
    pub(super) fn log_tenants(&self, with_unknown: bool) -> Vec<Uuid> {
        [self.tenant()].into_iter().chain(with_unknown.then_some(TenantId::NONE)).map(|tenant| tenant.0).collect()
    }
}
