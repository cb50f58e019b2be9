//! Reading memberships: the members of groups, and the groups that a resource belongs to, directly or through other groups.

use std::collections::HashMap;

use diesel::pg::{Pg, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Json, Nullable, Text, Uuid as SqlUuid};
use serde_json::Value;
use uuid::Uuid;

use super::TenantConn;
use super::error::Error;
use crate::scim::membership::Members;

/// Appends the query for the groups of one resource as JSON, given its tenant and its id. Each group comes once, so a cycle ends.
pub(super) fn push_groups_of<'b>(out: &mut AstPass<'_, 'b, Pg>, tenant: &'b Uuid, member: &'b Uuid) -> QueryResult<()> {
    out.push_sql(
        "WITH RECURSIVE containing (group_id, direct) AS (SELECT group_id, true FROM memberships WHERE tenant_id = ",
    );
    out.push_bind_param::<SqlUuid, _>(tenant)?;
    out.push_sql(" AND member_id = ");
    out.push_bind_param::<SqlUuid, _>(member)?;
    out.push_sql(" UNION SELECT edge.group_id, false FROM containing JOIN memberships AS edge ON edge.tenant_id = ");
    out.push_bind_param::<SqlUuid, _>(tenant)?;
    out.push_sql(" AND edge.member_id = containing.group_id) SELECT json_agg(");
    out.push_sql(GROUP_JSON);
    out.push_sql(
        " ORDER BY holder.id) FROM (SELECT group_id, bool_or(direct) AS direct FROM containing GROUP BY group_id) AS found \
         JOIN resources AS holder ON holder.resource_type = 'Group' AND holder.id = found.group_id AND holder.tenant_id = ",
    );
    out.push_bind_param::<SqlUuid, _>(tenant)
}

/// An element of `User.groups` without its `$ref`.
const GROUP_JSON: &str = "json_build_object('value', holder.id, 'display', holder.document::json ->> 'displayName', \
     'type', CASE WHEN found.direct THEN 'direct' ELSE 'indirect' END)";

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

    /// The groups of resources, as elements of `User.groups` without their `$ref`. A resource without any is not among them.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn groups(&mut self, members: &[Uuid]) -> Result<HashMap<Uuid, Value>, Error> {
        let result = SelectGroups { tenant: self.tenant().0, members }.load(self.pg);
        Ok(self.done(result)?.into_iter().collect())
    }
}

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

/// The groups of several resources at once.
struct SelectGroups<'a> {
    tenant: Uuid,
    members: &'a [Uuid],
}

impl QueryFragment<Pg> for SelectGroups<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "WITH RECURSIVE containing (member_id, group_id, direct) AS (SELECT member_id, group_id, true FROM memberships WHERE tenant_id = ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND member_id = ANY(");
        out.push_bind_param::<Array<SqlUuid>, _>(self.members)?;
        out.push_sql(
            ") UNION SELECT containing.member_id, edge.group_id, false FROM containing JOIN memberships AS edge ON edge.tenant_id = ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND edge.member_id = containing.group_id) SELECT found.member_id, json_agg(");
        out.push_sql(GROUP_JSON);
        out.push_sql(
            " ORDER BY holder.id) FROM (SELECT member_id, group_id, bool_or(direct) AS direct FROM containing GROUP BY member_id, group_id) \
             AS found JOIN resources AS holder ON holder.resource_type = 'Group' AND holder.id = found.group_id AND holder.tenant_id = ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" GROUP BY found.member_id");
        Ok(())
    }
}

impl Query for SelectGroups<'_> {
    type SqlType = (SqlUuid, Json);
}

impl QueryId for SelectGroups<'_> {
    type QueryId = SelectGroups<'static>;
}

impl RunQueryDsl<PgConnection> for SelectGroups<'_> {}
