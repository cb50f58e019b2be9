//! Requests and users counted by the hour, so that no page has to count them.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel::upsert::excluded;
use serde_json::json;
use uuid::Uuid;

use super::error::Error;
use super::schema::{request_counts, requests, resource_counts, resources, tenants, user_counts};
use super::{Gate, TenantConn};
use crate::id::TenantId;

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

/// How many users there were in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = user_counts)]
pub struct UserCountRow {
    tenant_id: Uuid,
    /// The beginning of the hour.
    pub hour: DateTime<Utc>,
    /// All users.
    pub users: i64,
    /// The active ones.
    pub active: i64,
}

/// How finely requests are counted over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// By the hour.
    Hour,
    /// By the quarter of a day.
    QuarterDay,
    /// By the day.
    Day,
}

/// A number of requests: the beginning of its step, the operation, the outcome, how many.
pub type RequestsInStep = (DateTime<Utc>, String, String, i64);
/// A number of requests of a credential: its id, the outcome, how many.
pub type RequestsOfCredential = (String, String, i64);

/// Sums up requests over time.
struct SumOverTime {
    tenants: Vec<Uuid>,
    from: DateTime<Utc>,
    step: Step,
}

impl QueryFragment<Pg> for SumOverTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT date_bin(");
        out.push_sql(match self.step {
            Step::Hour => "'1 hour'",
            Step::QuarterDay => "'6 hours'",
            Step::Day => "'1 day'",
        });
        out.push_sql(", hour, 'epoch') AS start, operation, outcome, sum(requests)::bigint FROM request_counts WHERE tenant_id = ANY(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.tenants)?;
        out.push_sql(") AND hour >= ");
        out.push_bind_param::<Timestamptz, _>(&self.from)?;
        out.push_sql(" GROUP BY start, operation, outcome");
        Ok(())
    }
}

impl Query for SumOverTime {
    type SqlType = (Timestamptz, Text, Text, BigInt);
}

impl QueryId for SumOverTime {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for SumOverTime {}

/// Sums up requests by their credential.
#[derive(QueryId)]
struct SumByCredential {
    tenant: Uuid,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl QueryFragment<Pg> for SumByCredential {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT actor_id, outcome, sum(requests)::bigint FROM request_counts WHERE tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND hour >= ");
        out.push_bind_param::<Timestamptz, _>(&self.from)?;
        out.push_sql(" AND hour < ");
        out.push_bind_param::<Timestamptz, _>(&self.to)?;
        out.push_sql(" GROUP BY actor_id, outcome");
        Ok(())
    }
}

impl Query for SumByCredential {
    type SqlType = (Text, Text, BigInt);
}

impl RunQueryDsl<PgConnection> for SumByCredential {}

/// The type of resource that people are.
const USER: &str = "User";

/// Counts the active users of a tenant, one by one.
fn active_users(pg: &mut PgConnection, tenant: Uuid) -> QueryResult<i64> {
    resources::table
        .filter(resources::tenant_id.eq(tenant))
        .filter(resources::resource_type.eq(USER))
        .filter(resources::comparable.contains(json!({"active": true})))
        .count()
        .get_result(pg)
}

/// The number of all resources of some types, from their counters.
fn total(pg: &mut PgConnection, tenant: Uuid, resource_type: &str) -> QueryResult<i64> {
    let stripes: Vec<i64> = resource_counts::table
        .filter(resource_counts::tenant_id.eq(tenant))
        .filter(resource_counts::resource_type.eq(resource_type))
        .select(resource_counts::resources)
        .load(pg)?;
    Ok(stripes.iter().sum())
}

impl Gate<'_> {
    /// The tenant that comes next in the order of ids.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn next_tenant(&mut self, after: Option<TenantId>) -> Result<Option<TenantId>, Error> {
        let after = after.unwrap_or(TenantId::NONE).0;
        let query = tenants::table.filter(tenants::id.gt(after)).order(tenants::id).select(tenants::id).limit(1);
        Ok(query.first(self.pg).optional()?.map(TenantId))
    }

    /// The tenant with logged or counted requests that comes next in the order of ids, the nil tenant first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn next_logged_tenant(&mut self, after: Option<TenantId>) -> Result<Option<TenantId>, Error> {
        let mut logged = requests::table.select(requests::tenant_id).order(requests::tenant_id).limit(1).into_boxed();
        let mut counted = request_counts::table
            .select(request_counts::tenant_id)
            .order(request_counts::tenant_id)
            .limit(1)
            .into_boxed();
        if let Some(TenantId(after)) = after {
            logged = logged.filter(requests::tenant_id.gt(after));
            counted = counted.filter(request_counts::tenant_id.gt(after));
        }
        let found: [Option<Uuid>; 2] = [logged.first(self.pg).optional()?, counted.first(self.pg).optional()?];
        Ok(found.into_iter().flatten().min().map(TenantId))
    }

    /// Deletes what was counted of a tenant in the hours before `before`.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_counts(&mut self, tenant: TenantId, before: DateTime<Utc>) -> Result<(), Error> {
        let counted = request_counts::table.filter(request_counts::tenant_id.eq(tenant.0));
        diesel::delete(counted.filter(request_counts::hour.lt(before))).execute(self.pg)?;
        let counted = user_counts::table.filter(user_counts::tenant_id.eq(tenant.0));
        diesel::delete(counted.filter(user_counts::hour.lt(before))).execute(self.pg)?;
        Ok(())
    }

    /// Counts the users of a tenant for an hour, unless that was done before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn count_users(&mut self, tenant: TenantId, hour: DateTime<Utc>) -> Result<(), Error> {
        let known = user_counts::table.find((tenant.0, hour)).select(user_counts::users);
        if known.first::<i64>(self.pg).optional()?.is_some() {
            return Ok(());
        }
        let users = total(self.pg, tenant.0, USER)?;
        let row = UserCountRow { tenant_id: tenant.0, hour, users, active: active_users(self.pg, tenant.0)? };
        diesel::insert_into(user_counts::table).values(row).on_conflict_do_nothing().execute(self.pg)?;
        Ok(())
    }

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

impl TenantConn<'_> {
    /// The requests since `from`, by step, operation and outcome; those of unknown callers where they are wanted.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn requests_over_time(
        &mut self,
        from: DateTime<Utc>,
        step: Step,
        with_unknown: bool,
    ) -> Result<Vec<RequestsInStep>, Error> {
        let result = SumOverTime { tenants: self.log_tenants(with_unknown), from, step }.load(self.pg);
        self.done(result)
    }

    /// The requests from one hour to another, by credential and outcome.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn requests_by_credential(
        &mut self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<RequestsOfCredential>, Error> {
        let result = SumByCredential { tenant: self.tenant().0, from, to }.load(self.pg);
        self.done(result)
    }

    /// What was counted of users since `from`, the earliest first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn users_over_time(&mut self, from: DateTime<Utc>) -> Result<Vec<UserCountRow>, Error> {
        let query = user_counts::table
            .filter(user_counts::tenant_id.eq(self.tenant().0))
            .filter(user_counts::hour.ge(from))
            .order(user_counts::hour)
            .select(UserCountRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }

    /// How many users and groups there are.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn resource_totals(&mut self) -> Result<(i64, i64), Error> {
        let tenant = self.tenant().0;
        let totals = total(self.pg, tenant, USER).and_then(|users| Ok((users, total(self.pg, tenant, "Group")?)));
        self.done(totals)
    }

    /// How many users are active, one by one: for few users.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn active_users(&mut self) -> Result<i64, Error> {
        let result = active_users(self.pg, self.tenant().0);
        self.done(result)
    }
}
