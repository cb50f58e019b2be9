//! Changes of groups: attributes, members, version and audit entry in one statement. It touches the edges that it names and no
//! others, so it costs the same in a group of any size.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::TenantConn;
use super::audit_events::{Changed, Draft, Own, recordable};
use super::error::Error;
use super::predicate::Predicate;
use super::resources::{ResourceRow, StoredResource, push_later, push_row};
use crate::audit::AuditEvent;
use crate::id::ResourceId;

/// The type of groups. A bind and not part of the text: a planner that knows how few groups there are takes any index for as good
/// as the primary key, and some hold every former state of a group that changes often.
pub(super) const GROUP: &str = "Group";
/// Ids of unknown members that an audit entry names.
const UNKNOWN_NAMED: usize = 50;

/// Who joins a group.
#[derive(Debug, Default)]
pub struct Joining {
    ids: Vec<Uuid>,
    displays: Vec<Option<String>>,
    comparable_displays: Vec<Option<String>>,
    /// What was named and cannot be an id.
    unknown: Vec<String>,
}

impl Joining {
    /// Adds a resource, with its name as sent and in comparison form.
    pub fn push(&mut self, ResourceId(id): ResourceId, display: Option<String>, comparable_display: Option<String>) {
        self.ids.push(id);
        self.displays.push(display);
        self.comparable_displays.push(comparable_display);
    }

    /// Adds text that names no resource.
    pub fn push_unknown(&mut self, text: &str) {
        if self.unknown.len() < UNKNOWN_NAMED {
            self.unknown.push(recordable(text));
        }
    }

    /// Whether nobody was named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.unknown.is_empty()
    }
}

/// Who leaves a group.
#[derive(Debug)]
pub enum Leaving {
    /// All who do not join by the same change.
    Others,
    /// These, and who satisfies the condition.
    These(Vec<Uuid>, Option<EdgePredicate>),
}

/// A condition on members, compiled; made by [`super::edge_predicate`].
#[derive(Debug)]
pub struct EdgePredicate(pub(super) Predicate);

/// A change of a group.
#[derive(Debug)]
pub struct GroupChange<'a> {
    /// The state that it was made from; of any state, without.
    pub version: Option<i64>,
    /// The next state of the attributes, where they change.
    pub row: Option<&'a ResourceRow>,
    /// When.
    pub at: DateTime<Utc>,
    /// Who joins. Those that do not exist are left out, and the audit entry says so.
    pub joining: &'a Joining,
    /// Who leaves.
    pub leaving: &'a Leaving,
}

/// What became of a change.
#[derive(Debug)]
pub enum GroupChanged {
    /// The group as it is now, without its members.
    Done(StoredResource),
    /// The members were to be replaced by others of whom none exists. Nothing was changed.
    NobodyKnown,
    /// The group is not there, or not in the state that the change was made from.
    NotFound,
}

type Row = (i64, Option<Uuid>, Option<i64>, Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<String>);

impl TenantConn<'_> {
    /// Changes a group. A change that changes nothing leaves version and `lastModified` as they are.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `resources_unique_name`, else [`Error`] from the database.
    pub fn change_group(
        &mut self,
        ResourceId(id): ResourceId,
        change: &GroupChange<'_>,
        event: &AuditEvent,
    ) -> Result<GroupChanged, Error> {
        let audit = Draft::new(self.caller, event);
        let statement = Change { tenant: self.tenant().0, id, wanted: change, audit: &audit };
        let row: Row = self.patiently(|pg| statement.get_result(pg))?;
        let (known, found, version, created_at, last_modified_at, document) = row;
        match (found, version, created_at, last_modified_at, document) {
            (Some(id), Some(version), Some(created_at), Some(last_modified_at), Some(document)) => {
                Ok(GroupChanged::Done(StoredResource {
                    id,
                    version,
                    created_at,
                    last_modified_at,
                    document,
                    groups: None,
                }))
            }
            _ if known == 0 && change.wipes() => Ok(GroupChanged::NobodyKnown),
            _ => Ok(GroupChanged::NotFound),
        }
    }
}

impl GroupChange<'_> {
    /// Whether the members are replaced by others, so that the group would be left empty if none of those exists.
    fn wipes(&self) -> bool {
        matches!(self.leaving, Leaving::Others) && !self.joining.is_empty()
    }
}

/// Appends the common table expressions `named` and `known`: who is to join, and which of them exist.
pub(super) fn push_known<'b>(out: &mut AstPass<'_, 'b, Pg>, tenant: &'b Uuid, joining: &'b Joining) -> QueryResult<()> {
    out.push_sql("named (member_id, display, comparable_display) AS (SELECT * FROM unnest(");
    out.push_bind_param::<Array<SqlUuid>, _>(&joining.ids)?;
    out.push_sql(", ");
    out.push_bind_param::<Array<Nullable<Text>>, _>(&joining.displays)?;
    out.push_sql(", ");
    out.push_bind_param::<Array<Nullable<Text>>, _>(&joining.comparable_displays)?;
    out.push_sql(
        ")), known AS MATERIALIZED (SELECT named.*, found.resource_type AS member_type FROM named CROSS JOIN LATERAL \
         (SELECT resource_type FROM resources WHERE id = named.member_id AND resource_type = ANY('{User,Group}') AND tenant_id = ",
    );
    out.push_bind_param::<SqlUuid, _>(tenant)?;
    // The limit keeps the planner from reading all resources for one member.
    out.push_sql(" LIMIT 1) AS found), ");
    Ok(())
}

/// Appends `added`: the edges to those in `known` that the group `target` does not have yet, or has with another name.
pub(super) fn push_added<'b>(out: &mut AstPass<'_, 'b, Pg>, tenant: &'b Uuid, id: &'b Uuid) -> QueryResult<()> {
    out.push_sql(
        "added AS (INSERT INTO memberships (tenant_id, group_id, member_id, member_type, display, comparable_display) \
         SELECT target.tenant_id, target.id, known.member_id, known.member_type, known.display, known.comparable_display \
         FROM target CROSS JOIN known LEFT JOIN LATERAL (SELECT member_id, display FROM memberships \
         WHERE member_id = known.member_id AND tenant_id = ",
    );
    out.push_bind_param::<SqlUuid, _>(tenant)?;
    out.push_sql(" AND group_id = ");
    out.push_bind_param::<SqlUuid, _>(id)?;
    out.push_sql(
        " LIMIT 1) AS held ON true WHERE held.member_id IS NULL OR (known.display IS NOT NULL AND known.display IS DISTINCT FROM held.display) \
         ON CONFLICT (tenant_id, group_id, member_id) DO UPDATE SET display = coalesce(excluded.display, memberships.display), \
         comparable_display = coalesce(excluded.comparable_display, memberships.comparable_display) \
         WHERE excluded.display IS NOT NULL AND excluded.display IS DISTINCT FROM memberships.display \
         RETURNING member_id, member_type, display), ",
    );
    Ok(())
}

/// The members in `added` and `removed`, as the audit log names them; no row gives an object without any.
pub(super) const ADDED_JSON: &str = "coalesce((SELECT jsonb_build_object('members', jsonb_agg(jsonb_strip_nulls(jsonb_build_object(\
     'value', member_id, 'type', member_type, 'display', display)))) FROM added HAVING count(*) > 0), '{}')";
const REMOVED_JSON: &str = "coalesce((SELECT jsonb_build_object('members', jsonb_agg(jsonb_build_object(\
     'value', member_id, 'type', member_type))) FROM removed HAVING count(*) > 0), '{}')";

/// Appends an object of the event with what happened to the members.
fn push_merged<'b>(
    out: &mut AstPass<'_, 'b, Pg>,
    audit: &'b Draft,
    own: Own,
    members: &'static str,
) -> QueryResult<()> {
    out.push_sql("(coalesce(");
    audit.push_own(out, own)?;
    out.push_sql(", '{}') || ");
    out.push_sql(members);
    out.push_sql(")::json");
    Ok(())
}

/// Appends what the audit entry says besides: the event's own words, and who was named and does not exist.
pub(super) fn push_detail<'b>(
    out: &mut AstPass<'_, 'b, Pg>,
    joining: &'b Joining,
    audit: &'b Draft,
) -> QueryResult<()> {
    out.push_sql("nullif(concat_ws('; ', ");
    audit.push_own(out, Own::Detail)?;
    out.push_sql(", (SELECT 'no such members: ' || string_agg(id, ', ') FROM (SELECT * FROM unnest(");
    out.push_bind_param::<Array<Text>, _>(&joining.unknown)?;
    out.push_sql(
        ") UNION ALL (SELECT named.member_id::text FROM named LEFT JOIN known USING (member_id) WHERE known.member_id IS NULL LIMIT 50)) \
         AS unknown (id))), '')",
    );
    Ok(())
}

#[derive(Clone, Copy)]
struct Change<'a> {
    tenant: Uuid,
    id: Uuid,
    wanted: &'a GroupChange<'a>,
    audit: &'a Draft,
}

impl Change<'_> {
    fn push_target<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "target AS MATERIALIZED (SELECT tenant_id, id, version, created_at, last_modified_at, document FROM resources \
             WHERE tenant_id = ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND resource_type = ");
        out.push_bind_param::<Text, _>(GROUP)?;
        out.push_sql(" AND id = ");
        out.push_bind_param::<SqlUuid, _>(&self.id)?;
        out.push_sql(" AND version = coalesce(");
        out.push_bind_param::<Nullable<BigInt>, _>(&self.wanted.version)?;
        out.push_sql(", version)");
        if self.wanted.wipes() {
            out.push_sql(" AND EXISTS (SELECT 1 FROM known)");
        }
        out.push_sql(" FOR NO KEY UPDATE), ");
        Ok(())
    }

    fn push_removed<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        const DELETE: &str =
            "removed AS (DELETE FROM memberships AS edge USING target WHERE edge.tenant_id = target.tenant_id";
        match self.wanted.leaving {
            // EXCEPT hashes or sorts, whatever the planner believes of the number of those who stay.
            Leaving::Others => {
                out.push_sql(DELETE);
                self.push_own_edges(out)?;
                out.push_sql(" AND edge.member_id IN (SELECT member_id FROM memberships WHERE tenant_id = ");
                out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
                out.push_sql(" AND group_id = ");
                out.push_bind_param::<SqlUuid, _>(&self.id)?;
                out.push_sql(" EXCEPT SELECT member_id FROM known)");
            }
            // The whole key comes from rows and none of it from the text, so that the planner cannot but look up each one: a part of the
            // key would lead it through all members whenever it takes the group for a small one.
            Leaving::These(ids, None) => {
                out.push_sql(
                    "leaving AS MATERIALIZED (SELECT target.tenant_id, target.id AS group_id, named.id AS member_id FROM target CROSS JOIN unnest(",
                );
                out.push_bind_param::<Array<SqlUuid>, _>(ids)?;
                out.push_sql(
                    ") AS named (id)), removed AS (DELETE FROM memberships AS edge USING leaving WHERE edge.tenant_id = leaving.tenant_id \
                     AND edge.group_id = leaving.group_id AND edge.member_id = leaving.member_id",
                );
            }
            Leaving::These(ids, Some(EdgePredicate(predicate))) => {
                out.push_sql(DELETE);
                self.push_own_edges(out)?;
                out.push_sql(" AND edge.member_id NOT IN (SELECT member_id FROM known) AND (edge.member_id = ANY(");
                out.push_bind_param::<Array<SqlUuid>, _>(ids)?;
                out.push_sql(") OR ");
                predicate.walk_ast(out.reborrow())?;
                out.push_sql(")");
            }
        }
        out.push_sql(" RETURNING edge.member_id, edge.member_type), ");
        Ok(())
    }

    fn push_own_edges<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(" AND edge.tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND edge.group_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.id)
    }

    fn push_touched<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("touched AS (UPDATE resources SET version = resources.version + 1, ");
        push_later(out, &self.wanted.at)?;
        if let Some(row) = self.wanted.row {
            push_row(out, row)?;
        }
        out.push_sql(" FROM target WHERE resources.tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND resources.resource_type = ");
        out.push_bind_param::<Text, _>(GROUP)?;
        out.push_sql(" AND resources.id = ");
        out.push_bind_param::<SqlUuid, _>(&self.id)?;
        if self.wanted.row.is_none() {
            out.push_sql(" AND (EXISTS (SELECT 1 FROM removed) OR EXISTS (SELECT 1 FROM added))");
        }
        out.push_sql(
            " RETURNING resources.version, resources.created_at, resources.last_modified_at, resources.document), ",
        );
        Ok(())
    }
}

impl QueryFragment<Pg> for Change<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH ");
        push_known(&mut out, &self.tenant, self.wanted.joining)?;
        self.push_target(&mut out)?;
        self.push_removed(&mut out)?;
        push_added(&mut out, &self.tenant, &self.id)?;
        self.push_touched(&mut out)?;
        // Who was named and does not exist is recorded also where nothing changes.
        out.push_sql("changed AS (SELECT touched.version, ");
        push_merged(&mut out, self.audit, Own::Before, REMOVED_JSON)?;
        out.push_sql(" AS before, ");
        push_merged(&mut out, self.audit, Own::After, ADDED_JSON)?;
        out.push_sql(" AS after, ");
        push_detail(&mut out, self.wanted.joining, self.audit)?;
        out.push_sql(" AS detail FROM target LEFT JOIN touched ON true), audited AS (");
        let from = Changed { before: Some("before"), after: Some("after"), detail: Some("detail") };
        self.audit.push_insert(&mut out, from)?;
        out.push_sql(
            " WHERE changed.version IS NOT NULL OR changed.detail IS NOT NULL) \
             SELECT (SELECT count(*) FROM known), target.id, coalesce(touched.version, target.version), target.created_at, \
             coalesce(touched.last_modified_at, target.last_modified_at), coalesce(touched.document, target.document) \
             FROM (VALUES (1)) AS always LEFT JOIN target ON true LEFT JOIN touched ON true",
        );
        Ok(())
    }
}

impl Query for Change<'_> {
    type SqlType =
        (BigInt, Nullable<SqlUuid>, Nullable<BigInt>, Nullable<Timestamptz>, Nullable<Timestamptz>, Nullable<Text>);
}

impl QueryId for Change<'_> {
    type QueryId = ();
    // The text depends on what is changed; diesel caches by the text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for Change<'_> {}
