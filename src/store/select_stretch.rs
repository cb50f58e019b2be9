//! The statements that read and count the stretches of a list.

use std::cmp::Ordering;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::listing::Anchor;
use super::sort_key::SortKey;
use super::stretch::{List, Place, Selected, Stretch};
use crate::scim::sort::Order;

impl List<'_> {
    /// Appends `FROM … WHERE …` for the resources of one type; `lacking` leaves only those without a value of the sort key.
    fn push_rows<'b>(
        &'b self,
        selected: &'b Selected<'_>,
        lacking: Option<bool>,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        out.push_sql(" FROM resources WHERE tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND resource_type = ");
        out.push_bind_param::<Text, _>(&selected.resource_type)?;
        if let (Some(lacking), Some(key)) = (lacking, selected.key.as_ref().filter(|key| key.nullable)) {
            out.push_sql(" AND (");
            key.expression.walk_ast(out.reborrow())?;
            out.push_sql(if lacking { ") IS NULL" } else { ") IS NOT NULL" });
        }
        if let Some(predicate) = &selected.predicate {
            out.push_sql(" AND ");
            predicate.walk_ast(out.reborrow())?;
        }
        Ok(())
    }

    /// Appends the number of resources as a query: of all of some types from the counters, of a selection by counting.
    fn push_total<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if self.is_filtered() {
            return self.push_counts(self.selected.iter().map(|selected| (selected, None)), out);
        }
        out.push_sql("SELECT coalesce(sum(resources), 0)::bigint FROM resource_counts WHERE tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        match self.resource_types.as_slice() {
            [one] => {
                out.push_sql(" AND resource_type = ");
                out.push_bind_param::<Text, _>(one)
            }
            several => {
                out.push_sql(" AND resource_type = ANY(");
                out.push_bind_param::<Array<Text>, _>(several)?;
                out.push_sql(")");
                Ok(())
            }
        }
    }

    fn push_counts<'b, 's: 'b>(
        &'b self,
        counted: impl Iterator<Item = (&'b Selected<'s>, Option<bool>)>,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        out.push_sql("SELECT 0");
        for (selected, lacking) in counted {
            out.push_sql(" + (SELECT count(*)");
            self.push_rows(selected, lacking, out)?;
            out.push_sql(")");
        }
        Ok(())
    }

    /// The texts of combinations have no bound and would fill the statement cache of the connection.
    fn bound_the_cache(&self, out: &mut AstPass<'_, '_, Pg>) {
        if self.selected.len() > 1 || (self.is_filtered() && self.keyed().next().is_some()) {
            out.unsafe_to_cache_prepared();
        }
    }
}

/// Reads a part of a stretch.
pub(super) struct SelectStretch<'a> {
    pub list: &'a List<'a>,
    pub stretch: Stretch,
    pub place: Place<'a>,
    /// How many resources to pass over, from there.
    pub skip: i64,
    pub limit: i64,
    /// How many resources of each type can be among these.
    pub reach: i64,
}

/// The total where it costs nothing, whether the tenant has any membership, the type where there are several, and the resource with its sort key as text.
pub(super) type Row = (
    Option<i64>,
    bool,
    Option<String>,
    Uuid,
    i64,
    chrono::DateTime<chrono::Utc>,
    chrono::DateTime<chrono::Utc>,
    String,
    Option<String>,
);

const COLUMNS: &str =
    "resources.id, resources.version, resources.created_at, resources.last_modified_at, resources.document";

impl SelectStretch<'_> {
    /// Those without a value, straight from the primary key.
    fn push_without<'b>(&'b self, position: usize, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let selected = &self.list.selected[position];
        out.push_sql(", NULL::text, ");
        out.push_sql(COLUMNS);
        out.push_sql(", NULL::text");
        self.list.push_rows(selected, Some(true), out)?;
        if let Place::Behind(anchor) = self.place {
            out.push_sql(" AND id > ");
            out.push_bind_param::<SqlUuid, _>(&anchor.id.0)?;
        }
        if self.skip > 0 {
            // The inner query reads only the index where there is no filter; an OFFSET on the outer one would fetch and throw
            // away every skipped document.
            out.push_sql(" AND id >= (SELECT id");
            self.list.push_rows(selected, Some(true), out)?;
            out.push_sql(" ORDER BY id LIMIT 1 OFFSET ");
            out.push_bind_param::<BigInt, _>(&self.skip)?;
            out.push_sql(")");
        }
        out.push_sql(" ORDER BY id LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }

    /// Those with a value. The inner query sorts keys and ids alone, so that no document is read that is not returned.
    fn push_with<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let several = self.list.keyed().nth(1).is_some();
        out.push_sql(", found.resource_type, ");
        out.push_sql(COLUMNS);
        out.push_sql(", found.sort_key::text FROM (");
        if several {
            out.push_sql("SELECT * FROM (");
        }
        for (position, (selected, key)) in self.list.keyed().enumerate() {
            if several {
                out.push_sql(if position > 0 { " UNION ALL (" } else { "(" });
            }
            self.push_branch(selected, key, out)?;
            if several {
                self.push_order("", false, out);
                out.push_sql(" LIMIT ");
                out.push_bind_param::<BigInt, _>(&self.reach)?;
                out.push_sql(")");
            }
        }
        if several {
            out.push_sql(") AS branches");
        }
        self.push_order("", several, out);
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(" OFFSET ");
        out.push_bind_param::<BigInt, _>(&self.skip)?;
        out.push_sql(") AS found JOIN resources ON resources.tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.list.tenant)?;
        out.push_sql(" AND resources.resource_type = found.resource_type AND resources.id = found.id");
        self.push_order("found.", several, out);
        Ok(())
    }

    fn push_branch<'b>(
        &'b self,
        selected: &'b Selected<'_>,
        key: &'b SortKey,
        out: &mut AstPass<'_, 'b, Pg>,
    ) -> QueryResult<()> {
        out.push_sql("SELECT resource_type, id, ");
        key.expression.walk_ast(out.reborrow())?;
        out.push_sql(" AS sort_key");
        self.list.push_rows(selected, Some(false), out)?;
        let Place::Behind(Anchor { key: Some(last), resource_type, id }) = self.place else {
            return Ok(());
        };
        // Equal keys are in the order of types, then of ids, whichever way the keys go.
        let (beyond, or_equal) = match self.list.order {
            Order::Ascending => (" > ", " >= "),
            Order::Descending => (" < ", " <= "),
        };
        let compare = |operator: &str, out: &mut AstPass<'_, 'b, Pg>| {
            key.expression.walk_ast(out.reborrow())?;
            out.push_sql(operator);
            out.push_bind_param::<Text, _>(last)?;
            out.push_sql(key.cast);
            Ok(())
        };
        out.push_sql(" AND ");
        match selected.resource_type.cmp(resource_type.as_str()) {
            Ordering::Less => compare(beyond, out),
            Ordering::Greater => compare(or_equal, out),
            Ordering::Equal => {
                // The first comparison is for the index, the others are exact.
                compare(or_equal, out)?;
                out.push_sql(" AND (");
                compare(beyond, out)?;
                out.push_sql(" OR id > ");
                out.push_bind_param::<SqlUuid, _>(&id.0)?;
                out.push_sql(")");
                Ok(())
            }
        }
    }

    fn push_order(&self, table: &'static str, several: bool, out: &mut AstPass<'_, '_, Pg>) {
        out.push_sql(" ORDER BY ");
        out.push_sql(table);
        out.push_sql("sort_key");
        if self.list.order == Order::Descending {
            out.push_sql(" DESC");
        }
        let more: &[&str] = if several { &["resource_type COLLATE \"C\"", "id"] } else { &["id"] };
        for column in more {
            out.push_sql(", ");
            out.push_sql(table);
            out.push_sql(column);
        }
    }
}

impl QueryFragment<Pg> for SelectStretch<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.list.bound_the_cache(&mut out);
        out.push_sql("SELECT ");
        if self.list.is_filtered() {
            out.push_sql("NULL::bigint");
        } else {
            out.push_sql("(");
            self.list.push_total(&mut out)?;
            out.push_sql(")");
        }
        out.push_sql(", EXISTS (SELECT 1 FROM memberships WHERE tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.list.tenant)?;
        out.push_sql(")");
        match self.stretch {
            Stretch::With => self.push_with(&mut out),
            Stretch::Without(position) => self.push_without(position, &mut out),
        }
    }
}

impl Query for SelectStretch<'_> {
    type SqlType =
        (Nullable<BigInt>, Bool, Nullable<Text>, SqlUuid, BigInt, Timestamptz, Timestamptz, Text, Nullable<Text>);
}

impl QueryId for SelectStretch<'_> {
    type QueryId = ();
    // The text depends on the filter, the order and where the page starts; diesel caches by the text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for SelectStretch<'_> {}

/// Counts the resources of a list, or of one stretch of it.
pub(super) struct SelectCount<'a> {
    pub list: &'a List<'a>,
    pub stretch: Option<Stretch>,
}

impl QueryFragment<Pg> for SelectCount<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.list.bound_the_cache(&mut out);
        let list = self.list;
        match self.stretch {
            None => list.push_total(&mut out),
            Some(Stretch::With) => {
                list.push_counts(list.keyed().map(|(selected, _)| (selected, Some(false))), &mut out)
            }
            Some(Stretch::Without(position)) => {
                list.push_counts(std::iter::once((&list.selected[position], Some(true))), &mut out)
            }
        }
    }
}

impl Query for SelectCount<'_> {
    type SqlType = BigInt;
}

impl QueryId for SelectCount<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for SelectCount<'_> {}
