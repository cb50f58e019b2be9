//! Single resources. Each change is one statement that also counts and writes the audit entry: one round trip, and atomic without
//! an explicit transaction. The statements have a fixed text, so each connection prepares them once.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde_json::Value;
use uuid::Uuid;

use super::TenantConn;
use super::audit_events::Draft;
use super::error::Error;
use super::schema::resources;
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
#[derive(Debug, Clone, Queryable)]
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
}

pub(super) type Columns =
    (resources::id, resources::version, resources::created_at, resources::last_modified_at, resources::document);

pub(super) const COLUMNS: Columns =
    (resources::id, resources::version, resources::created_at, resources::last_modified_at, resources::document);

impl TenantConn<'_> {
    /// The resource with this id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn resource(
        &mut self,
        resource_type: &str,
        ResourceId(id): ResourceId,
    ) -> Result<Option<StoredResource>, Error> {
        let result =
            resources::table.find((self.tenant().0, resource_type, id)).select(COLUMNS).first(self.pg).optional();
        self.done(result)
    }

    /// Inserts a resource.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `resources_unique_name`, else [`Error`] from the database.
    pub fn create_resource(
        &mut self,
        resource_type: &str,
        id: ResourceId,
        row: &ResourceRow,
        event: &AuditEvent,
    ) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        let statement = Create { tenant: self.tenant().0, resource_type, id: id.0, row, audit: &audit };
        let result = statement.execute(self.pg).map(drop);
        self.done(result)
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

    /// Deletes a resource; with a `version`, only in that state. `false`, and nothing changed, when there is none.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_resource(
        &mut self,
        resource_type: &str,
        id: ResourceId,
        version: Option<i64>,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        let statement = Delete { tenant: self.tenant().0, resource_type, id: id.0, version, audit: &audit };
        let result = statement.execute(self.pg).map(|rows| rows > 0);
        self.done(result)
    }

    /// Runs `work` in a transaction that holds the resource's row lock: no one else changes it meanwhile.
    ///
    /// # Errors
    /// Those of `work`, after which nothing is kept, and [`Error`] from the database.
    pub fn with_locked_resource<T, E: From<Error>>(
        &mut self,
        resource_type: &str,
        ResourceId(id): ResourceId,
        work: impl FnOnce(&mut TenantConn<'_>, Option<StoredResource>) -> Result<T, E>,
    ) -> Result<T, E> {
        /// Carries an error of `work` through diesel's rollback.
        enum Failure<E> {
            Work(E),
            Sql(diesel::result::Error),
        }
        impl<E> From<diesel::result::Error> for Failure<E> {
            fn from(error: diesel::result::Error) -> Self {
                Self::Sql(error)
            }
        }
        let (caller, walks) = (self.caller, self.walks);
        let mut trouble = self.trouble;
        let result = self.pg.transaction(|pg| {
            let locked = resources::table
                .find((caller.principal.tenant().0, resource_type, id))
                .select(COLUMNS)
                .for_update()
                .first(pg)
                .optional()?;
            let mut inner = TenantConn { pg, caller, walks, trouble };
            let result = work(&mut inner, locked);
            trouble = inner.trouble;
            result.map_err(Failure::Work)
        });
        self.trouble = trouble;
        match result {
            Ok(value) => Ok(value),
            Err(Failure::Work(error)) => Err(error),
            Err(Failure::Sql(error)) => self.done(Err(error)).map_err(E::from),
        }
    }
}

/// How a statement adds to the count of a type. Each database session has a stripe of its own.
const COUNT_UP: &str = ", counted AS (INSERT INTO resource_counts (tenant_id, resource_type, stripe, resources) \
     SELECT tenant_id, resource_type, pg_backend_pid() % 64, 1 FROM changed \
     ON CONFLICT (tenant_id, resource_type, stripe) DO UPDATE SET resources = resource_counts.resources + 1) ";
const COUNT_DOWN: &str = ", counted AS (INSERT INTO resource_counts (tenant_id, resource_type, stripe, resources) \
     SELECT tenant_id, resource_type, pg_backend_pid() % 64, -1 FROM changed \
     ON CONFLICT (tenant_id, resource_type, stripe) DO UPDATE SET resources = resource_counts.resources - 1) ";

struct Create<'a> {
    tenant: Uuid,
    resource_type: &'a str,
    id: Uuid,
    row: &'a ResourceRow,
    audit: &'a Draft,
}

impl QueryFragment<Pg> for Create<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "WITH changed AS (INSERT INTO resources (tenant_id, resource_type, id, version, created_at, last_modified_at, \
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
        out.push_sql(") RETURNING tenant_id, resource_type, document)");
        out.push_sql(COUNT_UP);
        self.audit.push_insert(&mut out, None, Some("document::json"))
    }
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
        out.push_sql(", unique_name = ");
        out.push_bind_param::<Nullable<Text>, _>(&self.row.unique_name)?;
        out.push_sql(", external_id = ");
        out.push_bind_param::<Nullable<Text>, _>(&self.row.external_id)?;
        out.push_sql(", document = ");
        out.push_bind_param::<Text, _>(&self.row.document)?;
        out.push_sql(", comparable = ");
        out.push_bind_param::<Jsonb, _>(&self.row.comparable)?;
        out.push_sql(", password_hash = coalesce(");
        out.push_bind_param::<Nullable<Text>, _>(&self.row.password_hash)?;
        out.push_sql(", password_hash) WHERE tenant_id = ");
        push_key(&mut out, &self.tenant, self.resource_type, &self.id)?;
        out.push_sql(" AND version = ");
        out.push_bind_param::<BigInt, _>(&self.version)?;
        out.push_sql(" RETURNING id) ");
        self.audit.push_insert(&mut out, None, None)
    }
}

struct Delete<'a> {
    tenant: Uuid,
    resource_type: &'a str,
    id: Uuid,
    version: Option<i64>,
    audit: &'a Draft,
}

impl QueryFragment<Pg> for Delete<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH changed AS (DELETE FROM resources WHERE tenant_id = ");
        push_key(&mut out, &self.tenant, self.resource_type, &self.id)?;
        out.push_sql(" AND version = coalesce(");
        out.push_bind_param::<Nullable<BigInt>, _>(&self.version)?;
        out.push_sql(", version) RETURNING tenant_id, resource_type, document)");
        out.push_sql(COUNT_DOWN);
        self.audit.push_insert(&mut out, Some("document::json"), None)
    }
}

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

impl QueryId for Create<'_> {
    type QueryId = Create<'static>;
}

impl QueryId for Update<'_> {
    type QueryId = Update<'static>;
}

impl QueryId for Delete<'_> {
    type QueryId = Delete<'static>;
}

impl RunQueryDsl<PgConnection> for Create<'_> {}
impl RunQueryDsl<PgConnection> for Update<'_> {}
impl RunQueryDsl<PgConnection> for Delete<'_> {}
