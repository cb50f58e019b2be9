//! What has been set for the whole installation.

use diesel::prelude::*;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::installation;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;

/// The settings as stored. [`InstallationRow::default`] is what a new installation has.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = installation)]
pub struct InstallationRow {
    /// Always true: there is one row at most.
    id: bool,
    /// Days for which the provisioning log is kept.
    pub request_days: i32,
    /// Days for which the bodies in it are kept; 0 for not at all.
    pub body_days: i32,
    /// Whether everybody who signs in with a password needs a second factor.
    pub requires_totp: bool,
    /// Whether people may sign in with a password.
    pub allows_passwords: bool,
}

impl Default for InstallationRow {
    fn default() -> Self {
        Self { id: true, request_days: 30, body_days: 14, requires_totp: false, allows_passwords: true }
    }
}

impl Gate<'_> {
    /// The settings.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn installation(&mut self) -> Result<InstallationRow, Error> {
        let row = installation::table.select(InstallationRow::as_select()).first(self.pg).optional()?;
        Ok(row.unwrap_or_default())
    }
}

impl TenantConn<'_> {
    /// Replaces the settings.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_installation(&mut self, row: &InstallationRow, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::insert_into(installation::table)
                .values(row)
                .on_conflict(installation::id)
                .do_update()
                .set(row)
                .execute(pg)?;
            audit.insert(pg)
        })
    }
}
