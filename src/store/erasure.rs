//! Deletes what a tenant has, a bounded number of rows in each statement, so that no one waits for it. The audit log stays.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::TenantConn;
use super::error::Error;
use super::schema::{
    administrators, authorization_codes, connect_runs, header_token_callers, header_tokens, invitations, memberships,
    oauth_clients, oauth_grants, refresh_tokens, request_counts, requests, resource_counts, resources, setup_links,
    tenants, user_counts,
};
use crate::audit::AuditEvent;

/// Rows that one statement deletes at most.
const ROWS: i64 = 500;

/// Deletes some rows of the tenant from a table, found again by a column.
macro_rules! delete {
    ($pg:expr, $tenant:expr, $table:ident by $key:ident: $type:ty) => {{
        let own = || $table::table.filter($table::tenant_id.eq($tenant));
        let keys = own().select($table::$key).limit(ROWS).load::<$type>($pg)?;
        diesel::delete(own().filter($table::$key.eq_any(keys))).execute($pg)
    }};
}

/// One table after the other; what refers to another comes before it.
const TABLES: &[fn(&mut PgConnection, Uuid) -> QueryResult<usize>] = &[
    some_memberships,
    some_resources,
    |pg, tenant| delete!(pg, tenant, resource_counts by resource_type: String),
    some_token_callers,
    |pg, tenant| delete!(pg, tenant, header_tokens by id: String),
    |pg, tenant| delete!(pg, tenant, refresh_tokens by id: String),
    |pg, tenant| delete!(pg, tenant, authorization_codes by id: String),
    |pg, tenant| delete!(pg, tenant, oauth_grants by id: Uuid),
    |pg, tenant| delete!(pg, tenant, oauth_clients by id: String),
    |pg, tenant| delete!(pg, tenant, requests by id: Uuid),
    |pg, tenant| delete!(pg, tenant, request_counts by hour: DateTime<Utc>),
    |pg, tenant| delete!(pg, tenant, user_counts by hour: DateTime<Utc>),
    |pg, tenant| delete!(pg, tenant, connect_runs by id: Uuid),
    |pg, tenant| delete!(pg, tenant, setup_links by id: Uuid),
    |pg, tenant| delete!(pg, tenant, invitations by id: String),
    |pg, tenant| delete!(pg, tenant, administrators by id: Uuid),
];

impl TenantConn<'_> {
    /// Deletes some of what the tenant has. `false` when there was nothing left.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn erase_some(&mut self) -> Result<bool, Error> {
        let tenant = self.tenant().0;
        let result = erase_some(self.pg, tenant);
        self.done(result)
    }

    /// Marks the tenant as deleted, once nothing is left of it; its name is free again. `false` when that was done before, or something
    /// has come since [`TenantConn::erase_some`] found nothing, of which some is deleted then.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn finish_erasure(&mut self, name: &str, now: DateTime<Utc>, event: &AuditEvent) -> Result<bool, Error> {
        let tenant = self.tenant().0;
        let own =
            tenants::table.find(tenant).filter(tenants::delete_after.le(now)).filter(tenants::deleted_at.is_null());
        let changes = (
            tenants::name.eq(name),
            tenants::definitions.eq(None::<serde_json::Value>),
            tenants::schema_revision.eq(tenants::schema_revision + 1),
            tenants::deleted_at.eq(now),
        );
        self.change(event, |pg| {
            // Locked: whoever has begun to come into the tenant is waited for, and found.
            let due: Option<Uuid> = own.select(tenants::id).for_update().first(pg).optional()?;
            if due.is_none() || erase_some(pg, tenant)? {
                return Ok(false);
            }
            diesel::update(tenants::table.find(tenant)).set(changes).execute(pg)?;
            Ok(true)
        })
    }
}

/// Deletes some rows of the first table that has any. `false` when none has.
fn erase_some(pg: &mut PgConnection, tenant: Uuid) -> QueryResult<bool> {
    for some in TABLES {
        if some(pg, tenant)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Some of the addresses that one token came from.
fn some_token_callers(pg: &mut PgConnection, tenant: Uuid) -> QueryResult<usize> {
    let token = header_tokens::table
        .inner_join(header_token_callers::table.on(header_token_callers::token_id.eq(header_tokens::id)))
        .filter(header_tokens::tenant_id.eq(tenant))
        .select(header_tokens::id)
        .first::<String>(pg)
        .optional()?;
    let Some(token) = token else {
        return Ok(0);
    };
    let of_token = || header_token_callers::table.filter(header_token_callers::token_id.eq(&token));
    let addresses: Vec<String> = of_token().select(header_token_callers::address).limit(ROWS).load(pg)?;
    diesel::delete(of_token().filter(header_token_callers::address.eq_any(addresses))).execute(pg)
}

/// Some members of one group: a group has no largest size.
fn some_memberships(pg: &mut PgConnection, tenant: Uuid) -> QueryResult<usize> {
    let own = || memberships::table.filter(memberships::tenant_id.eq(tenant));
    let Some(group) = own().select(memberships::group_id).first::<Uuid>(pg).optional()? else {
        return Ok(0);
    };
    let group = || own().filter(memberships::group_id.eq(group));
    let members: Vec<Uuid> = group().select(memberships::member_id).limit(ROWS).load(pg)?;
    diesel::delete(group().filter(memberships::member_id.eq_any(members))).execute(pg)
}

/// Some resources of one type, found by their whole key.
fn some_resources(pg: &mut PgConnection, tenant: Uuid) -> QueryResult<usize> {
    let own = || resources::table.filter(resources::tenant_id.eq(tenant));
    let Some(resource_type) = own().select(resources::resource_type).first::<String>(pg).optional()? else {
        return Ok(0);
    };
    let of_type = || own().filter(resources::resource_type.eq(&resource_type));
    let ids: Vec<Uuid> = of_type().select(resources::id).limit(ROWS).load(pg)?;
    diesel::delete(of_type().filter(resources::id.eq_any(ids))).execute(pg)
}
