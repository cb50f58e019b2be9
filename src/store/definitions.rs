//! What a tenant is served beside the standard, and the resources that depend on it.

use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use serde_json::{Value, json};
use uuid::Uuid;

use super::TenantConn;
use super::audit_events::Draft;
use super::error::Error;
use super::schema::{resource_counts, resources, tenants};
use crate::audit::AuditEvent;
use crate::scim::definitions::Definitions;
use crate::scim::limits;

/// What a tenant is served, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredDefinitions {
    /// Whether the names of groups are unique.
    pub unique_group_names: bool,
    /// What the tenant has defined.
    pub definitions: Definitions,
}

type Columns = (bool, Option<Value>);

impl TenantConn<'_> {
    /// What the tenant is served. Read in one statement, so that all of it is of one time.
    ///
    /// # Errors
    /// [`Error`] from the database, also when there is no such tenant.
    pub fn definitions(&mut self) -> Result<StoredDefinitions, Error> {
        let columns = (tenants::unique_group_names, tenants::definitions);
        let result = tenants::table.find(self.tenant().0).select(columns).first(self.pg).and_then(stored);
        self.done(result)
    }

    /// Runs `work` in a transaction that holds the tenant's row lock: nobody else changes what it is served meanwhile.
    ///
    /// # Errors
    /// Those of `work`, after which nothing is kept, and [`Error`] from the database.
    pub fn with_locked_definitions<T, E: From<Error>>(
        &mut self,
        work: impl FnOnce(&mut TenantConn<'_>, StoredDefinitions) -> Result<T, E>,
    ) -> Result<T, E> {
        self.atomically(|tenant| {
            let columns = (tenants::unique_group_names, tenants::definitions);
            let row = tenants::table.find(tenant.tenant().0).select(columns).for_no_key_update().first(tenant.pg);
            let stored = tenant.done(row.and_then(stored))?;
            // What depends on the definitions may be every resource of the tenant.
            let result = tenant.pg.batch_execute("SET LOCAL statement_timeout = 0");
            tenant.done(result)?;
            work(tenant, stored)
        })
    }

    /// Writes what the tenant is served from now on. Running servers see the new revision with the next look at a credential.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_definitions(&mut self, new: &StoredDefinitions, event: &AuditEvent) -> Result<(), Error> {
        let definitions = if new.definitions.is_empty() {
            None
        } else {
            Some(
                serde_json::to_value(&new.definitions)
                    .map_err(|error| Error::Database(diesel::result::Error::SerializationError(error.into())))?,
            )
        };
        let audit = Draft::new(self.caller, event);
        let tenant = tenants::table.find(self.tenant().0);
        let changes = (
            tenants::unique_group_names.eq(new.unique_group_names),
            tenants::definitions.eq(definitions),
            tenants::schema_revision.eq(tenants::schema_revision + 1),
        );
        let result = diesel::update(tenant).set(changes).execute(self.pg).and_then(|_| audit.insert(self.pg));
        self.done(result)
    }

    /// How many resources of a type there are; with an extension's URI, how many have data of it.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn resources_in_use(&mut self, resource_type: &str, extension: Option<&str>) -> Result<i64, Error> {
        let tenant = self.tenant().0;
        let result = match extension {
            Some(uri) => resources::table
                .filter(resources::tenant_id.eq(tenant))
                .filter(resources::resource_type.eq(resource_type))
                .filter(resources::comparable.contains(json!({"schemas": [uri]})))
                .count()
                .get_result(self.pg),
            None => resource_counts::table
                .filter(resource_counts::tenant_id.eq(tenant))
                .filter(resource_counts::resource_type.eq(resource_type))
                .select(resource_counts::resources)
                .load::<i64>(self.pg)
                .map(|stripes| stripes.iter().sum()),
        };
        self.done(result)
    }

    /// Makes `unique_name` of all resources of a type what it has to be when this attribute is the unique one, or none. Returns a
    /// value for which that cannot be, because two resources have it or it is too long for the index; then nothing was changed.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn align_unique_names(
        &mut self,
        resource_type: &str,
        attribute: Option<&str>,
    ) -> Result<Option<String>, Error> {
        let tenant = self.tenant().0;
        if let Some(attribute) = attribute {
            let longest = i64::try_from(limits::INDEXED_BYTES).unwrap_or(i64::MAX);
            let query = Unsuitable { tenant, resource_type, attribute, longest };
            let result = query.get_result::<String>(self.pg).optional();
            if let Some(value) = self.done(result)? {
                return Ok(Some(value));
            }
        }
        // Without an attribute: none has the empty name.
        let value = || resources::comparable.retrieve_as_text(attribute.unwrap_or_default()).nullable();
        let rows =
            resources::table.filter(resources::tenant_id.eq(tenant)).filter(resources::resource_type.eq(resource_type));
        let stale = rows.filter(resources::unique_name.is_distinct_from(value()));
        let result = diesel::update(stale).set(resources::unique_name.eq(value())).execute(self.pg);
        self.done(result).map(|_| None)
    }
}

fn stored((unique_group_names, definitions): Columns) -> QueryResult<StoredDefinitions> {
    let definitions = definitions.map(serde_json::from_value).transpose();
    let definitions = definitions.map_err(|error| diesel::result::Error::DeserializationError(error.into()))?;
    Ok(StoredDefinitions { unique_group_names, definitions: definitions.unwrap_or_default() })
}

/// A value of a singular attribute that several resources have, or that is too long to be indexed.
struct Unsuitable<'a> {
    tenant: Uuid,
    resource_type: &'a str,
    attribute: &'a str,
    longest: i64,
}

impl QueryFragment<Pg> for Unsuitable<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT value FROM (SELECT comparable ->> ");
        out.push_bind_param::<Text, _>(self.attribute)?;
        out.push_sql(" FROM resources WHERE tenant_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AND resource_type = ");
        out.push_bind_param::<Text, _>(self.resource_type)?;
        out.push_sql(
            ") AS held(value) WHERE value IS NOT NULL GROUP BY value HAVING count(*) > 1 OR octet_length(value) > ",
        );
        out.push_bind_param::<BigInt, _>(&self.longest)?;
        out.push_sql(" LIMIT 1");
        Ok(())
    }
}

impl Query for Unsuitable<'_> {
    type SqlType = Text;
}

impl QueryId for Unsuitable<'_> {
    type QueryId = Unsuitable<'static>;
}

impl RunQueryDsl<PgConnection> for Unsuitable<'_> {}
