//! Reading memberships: the members of groups, and the groups that a resource belongs to, directly or through other groups.

use std::collections::{HashMap, HashSet};

use diesel::pg::{Pg, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use uuid::Uuid;

use super::TenantConn;
use super::error::Error;
use super::groups::GROUP;
use super::schema::memberships;
use crate::scim::membership::Members;

/// Appends the join of the edges from the groups in `containing`. OFFSET 0 keeps the planner to one index probe for each: a join of
/// all edges of the tenant looks as cheap to it while there are few.
fn push_edges_of<'b>(out: &mut AstPass<'_, 'b, Pg>, tenant: &'b Uuid) -> QueryResult<()> {
    out.push_sql("CROSS JOIN LATERAL (SELECT group_id FROM memberships WHERE tenant_id = ");
    out.push_bind_param::<SqlUuid, _>(tenant)?;
    out.push_sql(" AND member_id = containing.group_id OFFSET 0) AS edge");
    Ok(())
}

/// Appends the join of the names of the groups in `found`, by as many probes of the primary key.
fn push_named<'b>(out: &mut AstPass<'_, 'b, Pg>, tenant: &'b Uuid) -> QueryResult<()> {
    out.push_sql(
        "CROSS JOIN LATERAL (SELECT id, document::json ->> 'displayName' AS display FROM resources WHERE tenant_id = ",
    );
    out.push_bind_param::<SqlUuid, _>(tenant)?;
    out.push_sql(" AND resource_type = ");
    out.push_bind_param::<Text, _>(GROUP)?;
    out.push_sql(" AND id = found.group_id OFFSET 0) AS named");
    Ok(())
}

/// Appends the elements of `User.groups` for the rows of `found` and `named`, as the text of an array.
fn push_json<'b>(out: &mut AstPass<'_, 'b, Pg>, location_prefix: &'b str) -> QueryResult<()> {
    out.push_sql("json_agg(json_build_object('value', named.id, '$ref', ");
    out.push_bind_param::<Text, _>(location_prefix)?;
    out.push_sql(
        " || named.id, 'display', named.display, 'type', CASE WHEN found.direct THEN 'direct' ELSE 'indirect' END) \
         ORDER BY named.id)::text",
    );
    Ok(())
}

impl TenantConn<'_> {
    /// The members of groups, each group's by id. A group without any is not among them.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn members(&mut self, groups: &[Uuid]) -> Result<HashMap<Uuid, Members>, Error> {
        self.members_up_to(groups, i64::MAX)
    }

    /// The same, but at most so many members in all.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn members_up_to(&mut self, groups: &[Uuid], limit: i64) -> Result<HashMap<Uuid, Members>, Error> {
        let query = SelectMembers { tenant: self.tenant().0, groups, limit };
        let mut found: HashMap<Uuid, Members> = HashMap::new();
        // Row by row: a large group is in memory once, in its compact form.
        let result = query.load_iter::<(Uuid, Uuid, String, Option<String>), PgRowByRowLoadingMode>(self.pg);
        let result = result.and_then(|mut rows| {
            rows.try_for_each(|row| {
                let (group, member, kind, display) = row?;
                found.entry(group).or_default().push(member, &kind, display.as_deref());
                Ok(())
            })
        });
        self.done(result)?;
        Ok(found)
    }

    /// A page of the members of a group, in the order of their creation, each with its own name.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn member_page(&mut self, page: &MemberPage) -> Result<Vec<MemberRow>, Error> {
        let result = SelectMemberPage { tenant: self.tenant().0, page }.load(self.pg);
        self.done(result)
    }

    /// How many members a group has; `most` where it has more.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn count_members(&mut self, group: Uuid, most: i64) -> Result<i64, Error> {
        let result = CountMembers { tenant: self.tenant().0, group, most }.get_result(self.pg);
        self.done(result)
    }

    /// Which of these resources are members of a group.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn members_among(&mut self, group: Uuid, candidates: &[Uuid]) -> Result<HashSet<Uuid>, Error> {
        let query = memberships::table
            .filter(memberships::tenant_id.eq(self.tenant().0))
            .filter(memberships::group_id.eq(group))
            .filter(memberships::member_id.eq_any(candidates))
            .select(memberships::member_id);
        let result = query.load(self.pg).map(HashSet::from_iter);
        self.done(result)
    }

    /// The groups of resources, each as the text of its `User.groups`, whose URIs start with `location_prefix`. A resource without any
    /// is not among them. `None` when there are more than `limit` in all, and they were not read.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn groups(
        &mut self,
        members: &[Uuid],
        location_prefix: &str,
        limit: i64,
    ) -> Result<Option<HashMap<Uuid, String>>, Error> {
        let statement =
            SelectGroups { tenant: self.tenant().0, members, location_prefix, most: limit.saturating_add(1) };
        let result = statement.load::<(Option<Uuid>, Option<String>, i64)>(self.pg);
        let rows = self.done(result)?;
        if rows.iter().any(|(.., reached)| *reached > limit) {
            return Ok(None);
        }
        Ok(Some(rows.into_iter().filter_map(|(member, groups, _)| Some((member?, groups?))).collect()))
    }
}

/// Which members of which group.
#[derive(Debug, Clone, Copy)]
pub struct MemberPage {
    /// The group.
    pub group: Uuid,
    /// The member behind which the page starts; no id is before the nil one.
    pub behind: Uuid,
    /// How many at most.
    pub limit: i64,
}

/// A member of a group: its id, its type, its `userName`, and its `displayName`.
pub type MemberRow = (Uuid, String, Option<String>, Option<String>);

struct SelectMemberPage<'a> {
    tenant: Uuid,
    page: &'a MemberPage,
}

impl QueryFragment<Pg> for SelectMemberPage<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT edge.member_id, edge.member_type, named.user_name, named.display_name FROM \
             (SELECT member_id, member_type FROM memberships WHERE tenant_id = ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND group_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.page.group)?;
        out.push_sql(" AND member_id > ");
        out.push_bind_param::<SqlUuid, _>(&self.page.behind)?;
        out.push_sql(" ORDER BY member_id LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.page.limit)?;
        out.push_sql(
            ") AS edge CROSS JOIN LATERAL (SELECT document::json ->> 'userName' AS user_name, \
             document::json ->> 'displayName' AS display_name FROM resources WHERE tenant_id = ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(
            " AND resource_type = edge.member_type AND id = edge.member_id OFFSET 0) AS named ORDER BY edge.member_id",
        );
        Ok(())
    }
}

impl Query for SelectMemberPage<'_> {
    type SqlType = (SqlUuid, Text, Nullable<Text>, Nullable<Text>);
}

impl QueryId for SelectMemberPage<'_> {
    type QueryId = SelectMemberPage<'static>;
}

impl RunQueryDsl<PgConnection> for SelectMemberPage<'_> {}

/// Counts members, up to a number.
struct CountMembers {
    tenant: Uuid,
    group: Uuid,
    most: i64,
}

impl QueryFragment<Pg> for CountMembers {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT count(*) FROM (SELECT 1 FROM memberships WHERE tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND group_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.group)?;
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.most)?;
        out.push_sql(") AS counted");
        Ok(())
    }
}

impl Query for CountMembers {
    type SqlType = BigInt;
}

impl QueryId for CountMembers {
    type QueryId = Self;
}

impl RunQueryDsl<PgConnection> for CountMembers {}

/// The members of groups, group after group.
struct SelectMembers<'a> {
    tenant: Uuid,
    groups: &'a [Uuid],
    limit: i64,
}

impl QueryFragment<Pg> for SelectMembers<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT edge.* FROM unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(self.groups)?;
        // Each group by itself: asked for all at once, the planner keeps their order by reading every edge of the tenant.
        out.push_sql(
            ") AS wanted (id) CROSS JOIN LATERAL (SELECT group_id, member_id, member_type, display FROM memberships WHERE tenant_id = ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND group_id = wanted.id ORDER BY member_id LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(") AS edge LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }
}

impl Query for SelectMembers<'_> {
    type SqlType = (SqlUuid, SqlUuid, Text, Nullable<Text>);
}

impl QueryId for SelectMembers<'_> {
    type QueryId = SelectMembers<'static>;
}

impl RunQueryDsl<PgConnection> for SelectMembers<'_> {}

/// The groups of several resources at once, and how many there are in all.
struct SelectGroups<'a> {
    tenant: Uuid,
    members: &'a [Uuid],
    location_prefix: &'a str,
    /// How many are followed.
    most: i64,
}

impl QueryFragment<Pg> for SelectGroups<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "WITH RECURSIVE containing (member_id, group_id, direct) AS (SELECT member_id, group_id, true FROM memberships WHERE tenant_id = ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND member_id = ANY(");
        out.push_bind_param::<Array<SqlUuid>, _>(self.members)?;
        out.push_sql(") UNION SELECT containing.member_id, edge.group_id, false FROM containing ");
        push_edges_of(&mut out, &self.tenant)?;
        // The limit ends the recursion.
        // The limit ends the recursion.
        out.push_sql("), reached AS MATERIALIZED (SELECT * FROM containing LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.most)?;
        // Where there are too many, none is looked up, and one row without a resource says so.
        out.push_sql(
            "), total AS MATERIALIZED (SELECT count(*) AS reached FROM reached), \
             named AS MATERIALIZED (SELECT named.* FROM (SELECT DISTINCT group_id FROM reached WHERE (SELECT reached FROM total) < ",
        );
        out.push_bind_param::<BigInt, _>(&self.most)?;
        out.push_sql(") AS found ");
        push_named(&mut out, &self.tenant)?;
        out.push_sql(") SELECT found.member_id, ");
        push_json(&mut out, self.location_prefix)?;
        out.push_sql(
            ", total.reached FROM total LEFT JOIN ((SELECT member_id, group_id, bool_or(direct) AS direct FROM reached \
             GROUP BY member_id, group_id) AS found JOIN named ON named.id = found.group_id) ON true \
             GROUP BY found.member_id, total.reached",
        );
        Ok(())
    }
}

impl Query for SelectGroups<'_> {
    type SqlType = (Nullable<SqlUuid>, Nullable<Text>, BigInt);
}

impl QueryId for SelectGroups<'_> {
    type QueryId = SelectGroups<'static>;
}

impl RunQueryDsl<PgConnection> for SelectGroups<'_> {}
