//! One-time links by which a person becomes an administrator, or chooses a new password.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::administrators::AdministratorRow;
use super::audit_events::Draft;
use super::error::Error;
use super::schema::{administrators, invitations, sessions};
use super::time::Clamped;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;

/// An invitation as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = invitations)]
pub struct InvitationRow {
    /// The public id of the code.
    pub id: String,
    /// Whose administrator the person becomes; nil for an operator over all tenants.
    pub tenant_id: Uuid,
    /// The keyed hash of the code.
    pub code_hash: Vec<u8>,
    /// Which master key made the hash.
    pub key_version: i16,
    /// The e-mail address.
    pub email: String,
    /// The address as it is compared.
    pub folded_email: String,
    /// The name of the role.
    pub role: String,
    /// Whose password it replaces; none, for somebody new.
    pub administrator_id: Option<Uuid>,
    /// The address of whoever made it.
    pub invited_by: String,
    /// When.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// When it ends.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub expires_at: DateTime<Utc>,
}

impl Gate<'_> {
    /// The invitation of this public id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn invitation(&mut self, id: &str) -> Result<Option<InvitationRow>, Error> {
        let query = invitations::table.find(id).select(InvitationRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }
}

impl TenantConn<'_> {
    /// The invitations of the tenant that are open, by address.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn invitations(&mut self, now: DateTime<Utc>, limit: i64) -> Result<Vec<InvitationRow>, Error> {
        let query = invitations::table
            .filter(invitations::tenant_id.eq(self.tenant().0))
            .filter(invitations::expires_at.gt(now))
            .order(invitations::folded_email)
            .limit(limit)
            .select(InvitationRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }

    /// Inserts an invitation in place of the one for its address.
    ///
    /// # Errors
    /// [`Error::Closed`] when nobody may come into the tenant.
    pub fn insert_invitation(&mut self, row: &InvitationRow, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.entering(|pg| {
            let former = invitations::table
                .filter(invitations::tenant_id.eq(row.tenant_id))
                .filter(invitations::folded_email.eq(&row.folded_email));
            diesel::delete(former).execute(pg)?;
            diesel::insert_into(invitations::table).values(row).execute(pg)?;
            audit.insert(pg)
        })
    }

    /// Deletes an invitation of the tenant. `false` when there is none of this id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_invitation(&mut self, id: &str, event: &AuditEvent) -> Result<bool, Error> {
        let own = invitations::table.find(id).filter(invitations::tenant_id.eq(self.tenant().0));
        self.change(event, |pg| Ok(diesel::delete(own).execute(pg)? > 0))
    }

    /// Uses up an invitation of the tenant: inserts its administrator, or replaces the password of the one it names, whose sessions
    /// end. The administrator as stored; `None`, and nothing changed, when the invitation or its person is gone or disabled.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `administrators_unique_email` when the address was taken meanwhile; [`Error::Closed`] when nobody may
    /// come into the tenant.
    pub fn accept_invitation(
        &mut self,
        id: &str,
        person: &AdministratorRow,
        event: &AuditEvent,
    ) -> Result<Option<AdministratorRow>, Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.entering(|pg| {
            let open = invitations::table
                .find(id)
                .filter(invitations::tenant_id.eq(tenant))
                .filter(invitations::expires_at.gt(person.created_at));
            let used = diesel::delete(open).returning(invitations::administrator_id).get_result::<Option<Uuid>>(pg);
            let row = match used.optional()? {
                None => return Ok(None),
                Some(None) => {
                    diesel::insert_into(administrators::table).values(person).execute(pg)?;
                    person.clone()
                }
                Some(Some(known)) => {
                    let known = administrators::table.find(known).filter(administrators::disabled_at.is_null());
                    let change = administrators::password_hash.eq(&person.password_hash);
                    let changed =
                        diesel::update(known).set(change).returning(AdministratorRow::as_returning()).get_result(pg);
                    let Some(row): Option<AdministratorRow> = changed.optional()? else {
                        return Ok(None);
                    };
                    diesel::delete(sessions::table.filter(sessions::administrator_id.eq(row.id))).execute(pg)?;
                    row
                }
            };
            audit.insert(pg)?;
            Ok(Some(row))
        })
    }
}
