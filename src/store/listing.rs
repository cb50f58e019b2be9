//! Lists of resources in the order of creation, by `startIndex` and `count`.
//!
//! A page costs one statement: `totalResults` is a by-product of it wherever it can be. Without a filter it is the sum of the
//! counters; with one it follows from a page that is not full, and only a full page counts.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::TenantConn;
use super::condition::{Asked, compile};
use super::error::Error;
use super::predicate::Predicate;
use super::resources::StoredResource;
use super::walks::Position;
use crate::id::ResourceId;
use crate::scim::filter::Condition;
use crate::scim::resource_type::ResourceType;

/// Which page of which list.
#[derive(Debug)]
pub struct PageRequest<'a> {
    /// The type of the resources.
    pub resource_type: &'a ResourceType,
    /// What they must satisfy.
    pub condition: Option<&'a Condition<'a>>,
    /// The filter's text, by which a walk is recognised.
    pub filter: Option<&'a str>,
    /// What the URI of a resource starts with.
    pub location_prefix: &'a str,
    /// What the URIs of members start with, for each of the types of members.
    pub member_locations: &'a [String],
    /// Position of the first, counted from 1.
    pub start_index: usize,
    /// How many at most.
    pub count: usize,
}

/// A page.
#[derive(Debug)]
pub struct Page {
    /// How many resources the whole list has.
    pub total: usize,
    /// Those on the page.
    pub resources: Vec<StoredResource>,
}

type Row = (Option<i64>, Uuid, i64, chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>, String);

impl TenantConn<'_> {
    /// Reads a page.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the filter takes too long, else [`Error`] from the database.
    pub fn page(&mut self, request: &PageRequest<'_>) -> Result<Page, Error> {
        let asked = Asked {
            tenant: self.tenant(),
            resource_type: request.resource_type,
            location_prefix: request.location_prefix,
            member_locations: request.member_locations,
        };
        let predicate = request.condition.map(|condition| compile(condition, asked));
        let list =
            List { tenant: self.tenant().0, resource_type: &request.resource_type.name, predicate: predicate.as_ref() };
        let skipped = request.start_index - 1;
        let start = if skipped == 0 {
            Start::First
        } else if let Some(ResourceId(last)) = self.walks.continue_after(&self.position(request, request.start_index)) {
            Start::After(last)
        } else {
            Start::Skip(i64::try_from(skipped).unwrap_or(i64::MAX))
        };
        let mut rows: Vec<Row> = Vec::new();
        if request.count > 0 {
            let limit = i64::try_from(request.count).unwrap_or(i64::MAX);
            let statement = SelectPage { list, start, limit };
            let result = statement.load(self.pg);
            rows = self.done(result)?;
        }
        let total = match rows.first() {
            Some((Some(total), ..)) => *total,
            // Behind a page that was read earlier nobody knows how many there still are before.
            Some(_) if rows.len() < request.count && !matches!(start, Start::After(_)) => {
                i64::try_from(skipped + rows.len()).unwrap_or(i64::MAX)
            }
            None if skipped == 0 && request.count > 0 => 0,
            _ => {
                let result = SelectTotal(list).get_result(self.pg);
                self.done(result)?
            }
        };
        if let Some((_, last, ..)) = rows.last().filter(|_| rows.len() == request.count) {
            self.walks.ended(self.position(request, request.start_index + rows.len()), ResourceId(*last));
        }
        let resources = rows
            .into_iter()
            .map(|(_, id, version, created_at, last_modified_at, document)| StoredResource {
                id,
                version,
                created_at,
                last_modified_at,
                document,
                groups: None,
            })
            .collect();
        Ok(Page { total: usize::try_from(total).unwrap_or(0), resources })
    }

    fn position(&self, request: &PageRequest<'_>, start_index: usize) -> Position {
        Position {
            tenant: self.tenant(),
            actor: self.caller.principal.actor().id.clone(),
            resource_type: request.resource_type.name.clone(),
            filter: request.filter.map(str::to_owned),
            start_index,
        }
    }
}

/// Where a page starts.
#[derive(Debug, Clone, Copy)]
enum Start {
    First,
    After(Uuid),
    Skip(i64),
}

/// The resources that make up a list.
#[derive(Clone, Copy)]
struct List<'a> {
    tenant: Uuid,
    resource_type: &'a str,
    predicate: Option<&'a Predicate>,
}

impl List<'_> {
    /// Appends `FROM … WHERE …`.
    fn push_rows<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(" FROM resources");
        self.push_type(out)?;
        if let Some(predicate) = self.predicate {
            out.push_sql(" AND ");
            predicate.walk_ast(out.reborrow())?;
        }
        Ok(())
    }

    /// Appends the number of rows as a query: of all of a type from the counters, of a selection by counting.
    fn push_total<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if self.predicate.is_some() {
            out.push_sql("SELECT count(*)");
            return self.push_rows(out);
        }
        out.push_sql("SELECT coalesce(sum(resources), 0)::bigint FROM resource_counts");
        self.push_type(out)
    }

    fn push_type<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(" WHERE tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND resource_type = ");
        out.push_bind_param::<Text, _>(self.resource_type)
    }
}

struct SelectPage<'a> {
    list: List<'a>,
    start: Start,
    limit: i64,
}

impl QueryFragment<Pg> for SelectPage<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        if self.list.predicate.is_none() {
            out.push_sql("(");
            self.list.push_total(&mut out)?;
            out.push_sql(")");
        } else {
            out.push_sql("NULL::bigint");
        }
        out.push_sql(", id, version, created_at, last_modified_at, document");
        self.list.push_rows(&mut out)?;
        match &self.start {
            Start::First => {}
            Start::After(last) => {
                out.push_sql(" AND id > ");
                out.push_bind_param::<SqlUuid, _>(last)?;
            }
            // The inner query reads only the index where there is no filter; an OFFSET on the outer one would fetch and throw
            // away every skipped document.
            Start::Skip(skipped) => {
                out.push_sql(" AND id >= (SELECT id");
                self.list.push_rows(&mut out)?;
                out.push_sql(" ORDER BY id LIMIT 1 OFFSET ");
                out.push_bind_param::<BigInt, _>(skipped)?;
                out.push_sql(")");
            }
        }
        out.push_sql(" ORDER BY id LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }
}

impl Query for SelectPage<'_> {
    type SqlType = (Nullable<BigInt>, SqlUuid, BigInt, Timestamptz, Timestamptz, Text);
}

impl QueryId for SelectPage<'_> {
    type QueryId = ();
    // The text depends on the filter and on where the page starts; diesel caches by the text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for SelectPage<'_> {}

struct SelectTotal<'a>(List<'a>);

impl QueryFragment<Pg> for SelectTotal<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.push_total(&mut out)
    }
}

impl Query for SelectTotal<'_> {
    type SqlType = BigInt;
}

impl QueryId for SelectTotal<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for SelectTotal<'_> {}
