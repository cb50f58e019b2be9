//! Administrators: the people who sign in.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::administrators;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;

/// An administrator as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = administrators)]
pub struct AdministratorRow {
    /// The person's id.
    pub id: Uuid,
    /// The tenant; nil for an operator over all tenants.
    pub tenant_id: Uuid,
    /// The e-mail address, as the person writes it.
    pub email: String,
    /// The address as it is compared.
    pub folded_email: String,
    /// The name of the role.
    pub role: String,
    /// argon2id.
    pub password_hash: String,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
    /// When it was disabled.
    pub disabled_at: Option<DateTime<Utc>>,
    /// When the person last signed in.
    pub last_sign_in_at: Option<DateTime<Utc>>,
}

impl Gate<'_> {
    /// The administrator of this id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn administrator(&mut self, id: Uuid) -> Result<Option<AdministratorRow>, Error> {
        let query = administrators::table.find(id).select(AdministratorRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }

    /// The administrator with this address.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn administrator_with_email(&mut self, folded_email: &str) -> Result<Option<AdministratorRow>, Error> {
        let query = administrators::table
            .filter(administrators::folded_email.eq(folded_email))
            .select(AdministratorRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }
}

impl TenantConn<'_> {
    /// Inserts an administrator.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `administrators_unique_email` when the address is taken.
    pub fn insert_administrator(&mut self, row: &AdministratorRow, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::insert_into(administrators::table).values(row).execute(pg)?;
            audit.insert(pg)
        })
    }
}
