//! Tenants.

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::tenants;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;
use crate::id::TenantId;

/// A tenant as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = tenants)]
pub struct TenantRow {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique.
    pub name: String,
    /// Whether `User.password` is kept.
    pub stores_passwords: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Whether the names of groups are unique.
    pub unique_group_names: bool,
    /// Counts the changes of what it is served; 0 is the standard.
    pub schema_revision: i64,
}

/// A tenant to be.
#[derive(Debug, Clone)]
pub struct NewTenant<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it keeps passwords.
    pub stores_passwords: bool,
    /// Whether the names of its groups are unique.
    pub unique_group_names: bool,
}

impl Gate<'_> {
    /// The tenant of this name.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn tenant(&mut self, name: &str) -> Result<Option<TenantRow>, Error> {
        let query = tenants::table.filter(tenants::name.eq(name)).select(TenantRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }

    /// The tenant of this id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn tenant_with_id(&mut self, id: TenantId) -> Result<Option<TenantRow>, Error> {
        let query = tenants::table.find(id.0).select(TenantRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error`] when it does not.
    pub fn ping(&mut self) -> Result<(), Error> {
        self.pg.batch_execute("SELECT 1").map_err(Error::from)
    }

    /// The first tenants by name.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn tenants(&mut self, limit: i64) -> Result<Vec<TenantRow>, Error> {
        let query = tenants::table.order(tenants::name).limit(limit).select(TenantRow::as_select());
        query.load(self.pg).map_err(Error::from)
    }
}

impl TenantConn<'_> {
    /// Inserts the caller's own tenant, which does not exist yet.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `tenants_unique_name` when the name is taken.
    pub fn insert_tenant(&mut self, new: &NewTenant<'_>, event: &AuditEvent) -> Result<TenantRow, Error> {
        let row = TenantRow {
            id: self.tenant().0,
            name: new.name.to_owned(),
            stores_passwords: new.stores_passwords,
            created_at: Utc::now(),
            unique_group_names: new.unique_group_names,
            schema_revision: i64::from(!new.unique_group_names),
        };
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::insert_into(tenants::table).values(&row).execute(pg)?;
            audit.insert(pg)
        })?;
        Ok(row)
    }

    /// Sets whether the tenant keeps passwords; switching off erases those kept.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_stores_passwords(&mut self, on: bool, event: &AuditEvent) -> Result<(), Error> {
        use super::schema::resources;
        let TenantId(tenant) = self.tenant();
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            // Erasing touches every user of the tenant.
            pg.batch_execute("SET LOCAL statement_timeout = 0")?;
            diesel::update(tenants::table.find(tenant)).set(tenants::stores_passwords.eq(on)).execute(pg)?;
            if !on {
                let kept = resources::table
                    .filter(resources::tenant_id.eq(tenant))
                    .filter(resources::password_hash.is_not_null());
                diesel::update(kept).set(resources::password_hash.eq(None::<String>)).execute(pg)?;
            }
            audit.insert(pg)
        })
    }
}
