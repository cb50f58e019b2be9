//! Administrators: the people who sign in.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::administrators;
use super::totp_secrets::end_sessions;
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

    /// All administrators, by address.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn administrators(&mut self) -> Result<Vec<AdministratorRow>, Error> {
        let query = administrators::table.order(administrators::folded_email).select(AdministratorRow::as_select());
        query.load(self.pg).map_err(Error::from)
    }

    /// Whether there is any administrator.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn has_administrators(&mut self) -> Result<bool, Error> {
        let any = administrators::table.select(administrators::id).first::<Uuid>(self.pg).optional()?;
        Ok(any.is_some())
    }

    /// Replaces the hash of a password by another of the same password, unless it was changed meanwhile. Not audited: the password
    /// stays as it is.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn rehash_administrator_password(&mut self, id: Uuid, before: &str, after: &str) -> Result<(), Error> {
        let same = administrators::table.find(id).filter(administrators::password_hash.eq(before));
        diesel::update(same).set(administrators::password_hash.eq(after)).execute(self.pg)?;
        Ok(())
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

    /// Sets the password of an administrator of the caller's tenant and ends all of that person's sessions but the one with the hash
    /// `keep`. `false` when there is no such person, or the password is not the one behind `present` any more.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_administrator_password(
        &mut self,
        id: Uuid,
        password_hash: &str,
        present: Option<&str>,
        keep: Option<&[u8]>,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let own = administrators::table
                .find(id)
                .filter(administrators::tenant_id.eq(tenant))
                .filter(administrators::password_hash.nullable().eq(present).or(present.is_none().into_sql::<Bool>()));
            if diesel::update(own).set(administrators::password_hash.eq(password_hash)).execute(pg)? == 0 {
                return Ok(false);
            }
            end_sessions(pg, id, keep)?;
            audit.insert(pg).map(|()| true)
        })
    }

    /// Disables an administrator of the caller's tenant, whose sessions end, or enables the person again. `false` when that changes
    /// nothing.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_administrator_disabled(
        &mut self,
        id: Uuid,
        disabled_at: Option<DateTime<Utc>>,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let other = administrators::table
                .find(id)
                .filter(administrators::tenant_id.eq(tenant))
                .filter(administrators::disabled_at.is_null().eq(disabled_at.is_some()));
            if diesel::update(other).set(administrators::disabled_at.eq(disabled_at)).execute(pg)? == 0 {
                return Ok(false);
            }
            end_sessions(pg, id, None)?;
            audit.insert(pg).map(|()| true)
        })
    }
}
