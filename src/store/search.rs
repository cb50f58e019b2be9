//! Resources by how one of their names begins, for people who look for one. Each name has an index in the order of code points, so a
//! beginning is a range of it; of each range only the first [`CANDIDATES`] are looked at, so that no beginning is slow.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Jsonb, Text, Timestamptz, Uuid as SqlUuid};
use serde_json::Value;
use uuid::Uuid;

use super::TenantConn;
use super::error::Error;
use super::resources::StoredResource;

/// How many resources are looked at by each name.
pub const CANDIDATES: i64 = 500;
/// Characters of a name that its index holds.
const INDEXED_CHARACTERS: usize = 100;
/// Digits from which a text is taken for the beginning of an id.
const ID_DIGITS: usize = 8;

/// The names, as their indexes have them: the expression, what the index is limited to, and whether it folds case.
const NAMES: [(&str, &str, bool); 5] = [
    ("unique_name", "true", true),
    ("external_id", "true", false),
    ("left(comparable ->> 'displayName', 100) COLLATE \"C\"", "comparable ->> 'displayName' IS NOT NULL", true),
    (
        "left(comparable #>> '{emails,0,value}', 100) COLLATE \"C\"",
        "comparable #>> '{emails,0,value}' IS NOT NULL",
        true,
    ),
    (
        "left(comparable #>> '{emails,1,value}', 100) COLLATE \"C\"",
        "comparable #>> '{emails,1,value}' IS NOT NULL",
        true,
    ),
];

/// What somebody looks for.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The type of resource.
    pub resource_type: &'a str,
    /// How a name begins, as it was typed.
    pub exact: &'a str,
    /// The same in comparison form.
    pub folded: &'a str,
    /// What the resource must contain besides, in comparison form.
    pub containing: Option<&'a Value>,
    /// The resource behind which the page starts; lists are in the order of creation.
    pub behind: Option<Uuid>,
    /// How many at most.
    pub limit: i64,
}

impl TenantConn<'_> {
    /// The resources of which a name begins so: `userName`, `externalId`, `displayName`, an e-mail address, or the id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn search(&mut self, search: &Search<'_>) -> Result<Vec<StoredResource>, Error> {
        let statement = Select::new(self.tenant().0, search);
        let result = statement.load::<Row>(self.pg);
        let stored = |(id, version, created_at, last_modified_at, document): Row| StoredResource {
            id,
            version,
            created_at,
            last_modified_at,
            document,
            groups: None,
        };
        Ok(self.done(result)?.into_iter().map(stored).collect())
    }
}

type Row = (Uuid, i64, DateTime<Utc>, DateTime<Utc>, String);

/// A beginning as a range of code points.
struct Range {
    first: String,
    last: String,
}

impl Range {
    fn of(beginning: &str) -> Self {
        let first: String = beginning.chars().take(INDEXED_CHARACTERS).collect();
        // No text goes on with the last code point, which is no character.
        let last = format!("{first}{}", char::MAX);
        Self { first, last }
    }
}

/// The ids that begin with some digits.
fn ids(text: &str) -> Option<(Uuid, Uuid)> {
    let digits: String = text.chars().filter(|character| *character != '-').collect();
    let is_id = (ID_DIGITS..=32).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let filled = |with: &str| {
        let text = format!("{digits}{}", with.repeat(32 - digits.len()));
        Uuid::try_parse(&text).ok()
    };
    if is_id { Some((filled("0")?, filled("f")?)) } else { None }
}

struct Select<'a> {
    tenant: Uuid,
    search: &'a Search<'a>,
    exact: Range,
    folded: Range,
    ids: Option<(Uuid, Uuid)>,
    behind: Uuid,
}

impl<'a> Select<'a> {
    fn new(tenant: Uuid, search: &'a Search<'a>) -> Self {
        Self {
            tenant,
            search,
            exact: Range::of(search.exact),
            folded: Range::of(search.folded),
            ids: ids(search.exact),
            behind: search.behind.unwrap_or_default(),
        }
    }

    fn push_type<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(" FROM resources WHERE tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND resource_type = ");
        out.push_bind_param::<Text, _>(self.search.resource_type)
    }

    /// Appends the ids of the resources that a name leads to.
    fn push_named<'b>(
        &'b self,
        out: &mut AstPass<'_, 'b, Pg>,
        (name, indexed, folds): (&'static str, &'static str, bool),
    ) -> QueryResult<()> {
        let range = if folds { &self.folded } else { &self.exact };
        out.push_sql("(SELECT id");
        self.push_type(out)?;
        out.push_sql(" AND ");
        out.push_sql(indexed);
        for (operator, end) in [(" >= ", &range.first), (" <= ", &range.last)] {
            out.push_sql(" AND ");
            out.push_sql(name);
            out.push_sql(operator);
            out.push_bind_param::<Text, _>(end)?;
        }
        out.push_sql(" ORDER BY ");
        out.push_sql(name);
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&CANDIDATES)?;
        out.push_sql(")");
        Ok(())
    }
}

impl QueryFragment<Pg> for Select<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH candidates AS MATERIALIZED (");
        for (position, name) in NAMES.into_iter().enumerate() {
            out.push_sql(if position > 0 { " UNION " } else { "" });
            self.push_named(&mut out, name)?;
        }
        if let Some((first, last)) = &self.ids {
            out.push_sql(" UNION (SELECT id");
            self.push_type(&mut out)?;
            out.push_sql(" AND id >= ");
            out.push_bind_param::<SqlUuid, _>(first)?;
            out.push_sql(" AND id <= ");
            out.push_bind_param::<SqlUuid, _>(last)?;
            out.push_sql(" ORDER BY id LIMIT ");
            out.push_bind_param::<BigInt, _>(&CANDIDATES)?;
            out.push_sql(")");
        }
        out.push_sql("), wanted AS MATERIALIZED (SELECT id FROM candidates WHERE id > ");
        out.push_bind_param::<SqlUuid, _>(&self.behind)?;
        if self.search.containing.is_none() {
            // None of them falls out afterwards.
            out.push_sql(" ORDER BY id LIMIT ");
            out.push_bind_param::<BigInt, _>(&self.search.limit)?;
        }
        // OFFSET 0 keeps the planner to one probe of the primary key for each.
        out.push_sql(
            ") SELECT found.* FROM wanted CROSS JOIN LATERAL \
             (SELECT id, version, created_at, last_modified_at, document",
        );
        self.push_type(&mut out)?;
        out.push_sql(" AND id = wanted.id");
        if let Some(containing) = self.search.containing {
            out.push_sql(" AND comparable @> ");
            out.push_bind_param::<Jsonb, _>(containing)?;
        }
        out.push_sql(" OFFSET 0) AS found ORDER BY wanted.id LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.search.limit)
    }
}

impl Query for Select<'_> {
    type SqlType = (SqlUuid, BigInt, Timestamptz, Timestamptz, Text);
}

impl QueryId for Select<'_> {
    type QueryId = ();
    // One of four texts; diesel caches by the text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for Select<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_may_be_the_beginning_of_an_id() {
        let (first, last) = ids("0199aabb-ccdd").unwrap();
        assert_eq!(first.to_string(), "0199aabb-ccdd-0000-0000-000000000000");
        assert_eq!(last.to_string(), "0199aabb-ccdd-ffff-ffff-ffffffffffff");
        assert!(ids("0199aab").is_none() && ids("deadbeet").is_none() && ids(&"0".repeat(33)).is_none());
    }

    #[test]
    fn a_beginning_is_cut_off_where_its_index_ends() {
        let range = Range::of(&"ä".repeat(101));
        assert_eq!(range.first, "ä".repeat(100));
        assert!(range.last > format!("{}ü", range.first));
    }
}
