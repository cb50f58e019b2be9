//! Single resources. Each change is one statement that also counts and writes the audit entry: one round trip, and atomic without
//! an explicit transaction. The statements have a fixed text, so each connection prepares them once.

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde_json::Value;
use uuid::Uuid;

use super::audit_events::{Changed, Draft};
use super::error::Error;
use super::groups::GROUP;
use super::groups::{self, Joining};
use super::schema::resources;
use super::{PATIENCE, TenantConn};
use crate::audit::AuditEvent;
use crate::id::ResourceId;

/// What is written of a resource.
#[derive(Debug)]
pub struct ResourceRow {
    /// The comparison form of the attribute that is unique in the tenant.
    pub unique_name: Option<String>,
    /// `externalId` in comparison form.
    pub external_id: Option<String>,
    /// The JSON that is returned, without `meta`.
    pub document: String,
    /// The attributes in comparison form.
    pub comparable: Value,
    /// The hash of a new password; the stored one stays without.
    pub password_hash: Option<String>,
    /// When this state was made.
    pub at: DateTime<Utc>,
}

/// A resource as read.
#[derive(Debug, Clone)]
pub struct StoredResource {
    /// Its id.
    pub id: Uuid,
    /// Number of its state.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub last_modified_at: DateTime<Utc>,
    /// The JSON that is returned, without `meta`.
    pub document: String,
    /// The groups of a user, as the text of `User.groups`; `None` when there are none or were not read.
    pub groups: Option<String>,
}

/// Which resource is read, and what with it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The name of its type.
    pub resource_type: &'a str,
    /// Its id.
    pub id: ResourceId,
    /// What the URIs of groups start with, where the groups that it belongs to are read too.
    pub groups: Option<&'a str>,
}

impl TenantConn<'_> {
    /// Reads a resource.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn resource(&mut self, wanted: &Wanted<'_>) -> Result<Option<StoredResource>, Error> {
        self.select(wanted, false)
    }

    /// Most users that are read are in no group, or their groups are not asked for: a statement that could read them would take
    /// several times as long to start.
    fn select(&mut self, wanted: &Wanted<'_>, locks: bool) -> Result<Option<StoredResource>, Error> {
        let statement = Select { tenant: self.tenant().0, wanted, locks };
        let row = statement.get_result::<Row>(self.pg).optional();
        let Some((id, version, created_at, last_modified_at, document, is_member)) = self.done(row)? else {
            return Ok(None);
        };
        let groups = match wanted.groups {
            Some(location_prefix) if is_member => self.groups(&[id], location_prefix, i64::MAX - 1)?,
            _ => None,
        };
        let groups = groups.and_then(|mut groups| groups.remove(&id));
        Ok(Some(StoredResource { id, version, created_at, last_modified_at, document, groups }))
    }

    /// The user whose `userName` has this comparison form.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn user_named(&mut self, unique_name: &str) -> Result<Option<ResourceId>, Error> {
        let query = resources::table
            .filter(resources::tenant_id.eq(self.tenant().0))
            .filter(resources::resource_type.eq("User"))
            .filter(resources::unique_name.eq(unique_name))
            .select(resources::id);
        let result = query.first(self.pg).optional();
        Ok(self.done(result)?.map(ResourceId))
    }

    /// Inserts a resource, and where it is a group the edges to its members; those that do not exist are left out, and the audit
    /// entry says so.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `resources_unique_name`, else [`Error`] from the database.
    pub fn create_resource(
        &mut self,
        resource_type: &str,
        id: ResourceId,
        row: &ResourceRow,
        members: Option<&Joining>,
        event: &AuditEvent,
    ) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        let create = Create { tenant: self.tenant().0, resource_type, id: id.0, row, audit: &audit };
        match members {
            None => {
                let result = create.execute(self.pg);
                self.done(result.map(drop))
            }
            Some(joining) => self.patiently(|pg| CreateGroup { create, joining }.execute(pg).map(drop)),
        }
    }

    /// Writes a new state over the state `version`. `false`, and nothing changed, when the resource is not in that state.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `resources_unique_name`, else [`Error`] from the database.
    pub fn update_resource(
        &mut self,
        resource_type: &str,
        id: ResourceId,
        version: i64,
        row: &ResourceRow,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        let statement = Update { tenant: self.tenant().0, resource_type, id: id.0, version, row, audit: &audit };
        let result = statement.execute(self.pg).map(|rows| rows > 0);
        self.done(result)
    }

    /// Deletes a resource and the edges to and from it. The groups that lose a member by it become later states. The caller holds
    /// the resource's lock, so that no edge to it can come in meanwhile.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_resource(
        &mut self,
        resource_type: &str,
        id: ResourceId,
        at: DateTime<Utc>,
        event: &AuditEvent,
    ) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        let statement = Delete { tenant: self.tenant().0, resource_type, id: id.0, at, audit: &audit };
        let result = statement.execute(self.pg).map(drop);
        self.done(result)
    }

    /// Runs `work` in a transaction that holds the resource's row lock: no one else changes it meanwhile.
    ///
    /// # Errors
    /// Those of `work`, after which nothing is kept, and [`Error`] from the database.
    pub fn with_locked_resource<T, E: From<Error>>(
        &mut self,
        wanted: &Wanted<'_>,
        work: impl FnOnce(&mut TenantConn<'_>, Option<StoredResource>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.atomically(|tenant| {
            let locked = tenant.select(wanted, true)?;
            if wanted.resource_type == GROUP {
                let result = tenant.pg.batch_execute(PATIENCE);
                tenant.done(result)?;
            }
            work(tenant, locked)
        })
    }
}

/// How a statement adds to the count of a type. Each database session has a stripe of its own.
const COUNT_UP: &str = ", counted AS (INSERT INTO resource_counts (tenant_id, resource_type, stripe, resources) \
     SELECT tenant_id, resource_type, pg_backend_pid() % 64, 1 FROM changed \
     ON CONFLICT (tenant_id, resource_type, stripe) DO UPDATE SET resources = resource_counts.resources + 1) ";
const COUNT_DOWN: &str = ", counted AS (INSERT INTO resource_counts (tenant_id, resource_type, stripe, resources) \
     SELECT tenant_id, resource_type, pg_backend_pid() % 64, -1 FROM changed \
     ON CONFLICT (tenant_id, resource_type, stripe) DO UPDATE SET resources = resource_counts.resources - 1) ";

/// A resource, and whether it is in any group, where that was asked.
type Row = (Uuid, i64, DateTime<Utc>, DateTime<Utc>, String, bool);

struct Select<'a> {
    tenant: Uuid,
    wanted: &'a Wanted<'a>,
    locks: bool,
}

impl QueryFragment<Pg> for Select<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT id, version, created_at, last_modified_at, document, ");
        if self.wanted.groups.is_some() {
            out.push_sql("EXISTS (SELECT 1 FROM memberships WHERE tenant_id = ");
            out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
            out.push_sql(" AND member_id = ");
            out.push_bind_param::<SqlUuid, _>(&self.wanted.id.0)?;
            out.push_sql(")");
        } else {
            out.push_sql("false");
        }
        out.push_sql(" FROM resources WHERE tenant_id = ");
        push_key(&mut out, &self.tenant, self.wanted.resource_type, &self.wanted.id.0)?;
        if self.locks {
            out.push_sql(" FOR UPDATE OF resources");
        }
        Ok(())
    }
}

impl Query for Select<'_> {
    type SqlType = (SqlUuid, BigInt, Timestamptz, Timestamptz, Text, Bool);
}

#[derive(Clone, Copy)]
struct Create<'a> {
    tenant: Uuid,
    resource_type: &'a str,
    id: Uuid,
    row: &'a ResourceRow,
    audit: &'a Draft,
}

impl Create<'_> {
    /// Appends `INSERT INTO resources … VALUES (…)`.
    fn push_row<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO resources (tenant_id, resource_type, id, version, created_at, last_modified_at, \
             unique_name, external_id, document, comparable, password_hash) VALUES (",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(self.resource_type)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&self.id)?;
        out.push_sql(", 1, ");
        out.push_bind_param::<Timestamptz, _>(&self.row.at)?;
        out.push_sql(", ");
        out.push_bind_param::<Timestamptz, _>(&self.row.at)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&self.row.unique_name)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&self.row.external_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.row.document)?;
        out.push_sql(", ");
        out.push_bind_param::<Jsonb, _>(&self.row.comparable)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&self.row.password_hash)?;
        out.push_sql(")");
        Ok(())
    }
}

impl QueryFragment<Pg> for Create<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH changed AS (");
        self.push_row(&mut out)?;
        out.push_sql(" RETURNING tenant_id, resource_type, document)");
        out.push_sql(COUNT_UP);
        self.audit.push_insert(&mut out, Changed { after: Some("document::json"), ..Changed::default() })
    }
}

/// A group with its first members.
struct CreateGroup<'a> {
    create: Create<'a>,
    joining: &'a Joining,
}

impl QueryFragment<Pg> for CreateGroup<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH ");
        groups::push_known(&mut out, &self.create.tenant, self.joining)?;
        out.push_sql("target AS (");
        self.create.push_row(&mut out)?;
        out.push_sql(" RETURNING tenant_id, resource_type, id, document), ");
        groups::push_added(&mut out, &self.create.tenant, &self.create.id)?;
        out.push_sql("changed AS (SELECT tenant_id, resource_type, (document::jsonb || ");
        out.push_sql(groups::ADDED_JSON);
        out.push_sql(")::json AS after, ");
        groups::push_detail(&mut out, self.joining, self.create.audit)?;
        out.push_sql(" AS detail FROM target)");
        out.push_sql(COUNT_UP);
        self.create
            .audit
            .push_insert(&mut out, Changed { after: Some("after"), detail: Some("detail"), ..Changed::default() })
    }
}

/// A millisecond behind the present state. As times of UTC, because Citus takes only immutable functions of columns in an `UPDATE`, and
/// what is added to a `timestamptz` may depend on the time zone of the session.
const NEXT_MILLISECOND: &str =
    "((resources.last_modified_at AT TIME ZONE 'UTC') + interval '1 millisecond') AT TIME ZONE 'UTC'";

/// Appends the assignment of a time that is later than that of the present state, whatever the clocks of servers say.
pub(super) fn push_later<'b>(out: &mut AstPass<'_, 'b, Pg>, at: &'b DateTime<Utc>) -> QueryResult<()> {
    out.push_sql("last_modified_at = greatest(");
    out.push_bind_param::<Timestamptz, _>(at)?;
    out.push_sql(", ");
    out.push_sql(NEXT_MILLISECOND);
    out.push_sql(")");
    Ok(())
}

/// Appends the assignments of the columns that hold the attributes, each with a comma before it.
pub(super) fn push_row<'b>(out: &mut AstPass<'_, 'b, Pg>, row: &'b ResourceRow) -> QueryResult<()> {
    out.push_sql(", unique_name = ");
    out.push_bind_param::<Nullable<Text>, _>(&row.unique_name)?;
    out.push_sql(", external_id = ");
    out.push_bind_param::<Nullable<Text>, _>(&row.external_id)?;
    out.push_sql(", document = ");
    out.push_bind_param::<Text, _>(&row.document)?;
    out.push_sql(", comparable = ");
    out.push_bind_param::<Jsonb, _>(&row.comparable)
}

struct Update<'a> {
    tenant: Uuid,
    resource_type: &'a str,
    id: Uuid,
    version: i64,
    row: &'a ResourceRow,
    audit: &'a Draft,
}

impl QueryFragment<Pg> for Update<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH changed AS (UPDATE resources SET version = version + 1, last_modified_at = ");
        out.push_bind_param::<Timestamptz, _>(&self.row.at)?;
        push_row(&mut out, self.row)?;
        out.push_sql(", password_hash = coalesce(");
        out.push_bind_param::<Nullable<Text>, _>(&self.row.password_hash)?;
        out.push_sql(", password_hash) WHERE tenant_id = ");
        push_key(&mut out, &self.tenant, self.resource_type, &self.id)?;
        out.push_sql(" AND version = ");
        out.push_bind_param::<BigInt, _>(&self.version)?;
        out.push_sql(" RETURNING id) ");
        self.audit.push_insert(&mut out, Changed::default())
    }
}

struct Delete<'a> {
    tenant: Uuid,
    resource_type: &'a str,
    id: Uuid,
    at: DateTime<Utc>,
    audit: &'a Draft,
}

impl Delete<'_> {
    /// Appends the removal of the edges, in one direction.
    fn push_edges<'b>(
        &'b self,
        out: &mut AstPass<'_, 'b, Pg>,
        start: &'static str,
        end: &'static str,
    ) -> QueryResult<()> {
        out.push_sql(start);
        out.push_bind_param::<SqlUuid, _>(&self.id)?;
        out.push_sql(" AND tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(end);
        Ok(())
    }
}

impl QueryFragment<Pg> for Delete<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH ");
        // A group that contains itself has one edge that goes both ways.
        self.push_edges(
            &mut out,
            "members AS (DELETE FROM memberships WHERE group_id = ",
            " RETURNING member_id, member_type), ",
        )?;
        self.push_edges(
            &mut out,
            "groups AS (DELETE FROM memberships WHERE group_id <> member_id AND member_id = ",
            " RETURNING group_id), touched AS (UPDATE resources SET version = version + 1, ",
        )?;
        push_later(&mut out, &self.at)?;
        out.push_sql(" WHERE resource_type = 'Group' AND id IN (SELECT group_id FROM groups) AND tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql("), changed AS (DELETE FROM resources WHERE tenant_id = ");
        push_key(&mut out, &self.tenant, self.resource_type, &self.id)?;
        out.push_sql(" RETURNING tenant_id, resource_type, document)");
        out.push_sql(COUNT_DOWN);
        self.audit.push_insert(&mut out, Changed { before: Some(LAST_STATE), ..Changed::default() })
    }
}

/// What the audit log keeps of a deleted resource: its document, its members, and the groups it was in.
const LAST_STATE: &str = "CASE WHEN EXISTS (SELECT 1 FROM members) OR EXISTS (SELECT 1 FROM groups) THEN (document::jsonb || \
     jsonb_strip_nulls(jsonb_build_object(\
     'members', (SELECT jsonb_agg(jsonb_build_object('value', member_id, 'type', member_type)) FROM members), \
     'groups', (SELECT jsonb_agg(jsonb_build_object('value', group_id)) FROM groups))))::json ELSE document::json END";

fn push_key<'b>(
    out: &mut AstPass<'_, 'b, Pg>,
    tenant: &'b Uuid,
    resource_type: &'b str,
    id: &'b Uuid,
) -> QueryResult<()> {
    out.push_bind_param::<SqlUuid, _>(tenant)?;
    out.push_sql(" AND resource_type = ");
    out.push_bind_param::<Text, _>(resource_type)?;
    out.push_sql(" AND id = ");
    out.push_bind_param::<SqlUuid, _>(id)
}

impl QueryId for Select<'_> {
    type QueryId = ();
    // One of four texts; diesel caches by the text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryId for CreateGroup<'_> {
    type QueryId = CreateGroup<'static>;
}

impl QueryId for Create<'_> {
    type QueryId = Create<'static>;
}

impl QueryId for Update<'_> {
    type QueryId = Update<'static>;
}

impl QueryId for Delete<'_> {
    type QueryId = Delete<'static>;
}

impl RunQueryDsl<PgConnection> for Select<'_> {}
impl RunQueryDsl<PgConnection> for Create<'_> {}
impl RunQueryDsl<PgConnection> for CreateGroup<'_> {}
impl RunQueryDsl<PgConnection> for Update<'_> {}
impl RunQueryDsl<PgConnection> for Delete<'_> {}
