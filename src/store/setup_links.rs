//! Links by which the IT contact of a customer comes to the wizard.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::administrators::AdministratorRow;
use super::audit_events::Draft;
use super::error::Error;
use super::schema::{administrators, sessions, setup_links};
use super::sessions::SessionRow;
use super::time::Clamped;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;
use crate::auth::role::Role;

/// A link as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = setup_links)]
pub struct SetupLinkRow {
    /// The tenant whose wizard it leads to.
    pub tenant_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// The keyed hash of its code.
    pub code_hash: Vec<u8>,
    /// For whom it is.
    pub email: String,
    /// What it is for, in the words of whoever made it.
    pub label: String,
    /// When it was made.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// The e-mail address of whoever made it.
    pub created_by: String,
    /// When it ends, and the session that began by it.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub expires_at: DateTime<Utc>,
    /// When it was opened.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub redeemed_at: Option<DateTime<Utc>>,
    /// From where.
    pub redeemed_from: Option<String>,
    /// The session that began by it.
    pub session_hash: Option<Vec<u8>>,
    /// When it was revoked.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Gate<'_> {
    /// The link whose code has this hash.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn setup_link(&mut self, code_hash: &[u8]) -> Result<Option<SetupLinkRow>, Error> {
        let query = setup_links::table.filter(setup_links::code_hash.eq(code_hash)).select(SetupLinkRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }
}

impl TenantConn<'_> {
    /// The links of the tenant before this one, the newest first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn setup_links(&mut self, before: Option<Uuid>, limit: i64) -> Result<Vec<SetupLinkRow>, Error> {
        let query = setup_links::table
            .filter(setup_links::tenant_id.eq(self.tenant().0))
            .filter(setup_links::id.lt(before.unwrap_or(Uuid::max())))
            .order(setup_links::id.desc())
            .limit(limit)
            .select(SetupLinkRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }

    /// One link of the tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn setup_link_with_id(&mut self, id: Uuid) -> Result<Option<SetupLinkRow>, Error> {
        let query = setup_links::table.find((self.tenant().0, id)).select(SetupLinkRow::as_select());
        let result = query.first(self.pg).optional();
        self.done(result)
    }

    /// Inserts a link. `false`, and nothing changed, when there is one of this id.
    ///
    /// # Errors
    /// [`Error::Closed`] when nobody may come into the tenant.
    pub fn insert_setup_link(&mut self, row: &SetupLinkRow, event: &AuditEvent) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        self.entering(|pg| {
            if diesel::insert_into(setup_links::table).values(row).on_conflict_do_nothing().execute(pg)? == 0 {
                return Ok(false);
            }
            audit.insert(pg).map(|()| true)
        })
    }

    /// Revokes a link, and ends the session that began by it. `false` when that changes nothing.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn revoke_setup_link(&mut self, id: Uuid, now: DateTime<Utc>, event: &AuditEvent) -> Result<bool, Error> {
        let tenant = self.tenant().0;
        self.change(event, |pg| {
            // Whoever opens the link at this moment waits for the row, or this for whoever opens it.
            let live = setup_links::table.find((tenant, id)).filter(setup_links::revoked_at.is_null());
            let revoked = diesel::update(live)
                .set(setup_links::revoked_at.eq(now))
                .returning(setup_links::session_hash)
                .get_result::<Option<Vec<u8>>>(pg)
                .optional()?;
            let Some(session) = revoked else {
                return Ok(false);
            };
            if let Some(session) = session {
                diesel::delete(sessions::table.find(session)).execute(pg)?;
            }
            Ok(true)
        })
    }

    /// Marks a link as opened and begins the session of its contact, whose account is made where there is none; the session with the
    /// hash `before` ends. `false`, and nothing changed, when the link was opened or revoked meanwhile, or the contact is disabled or
    /// no contact any more.
    ///
    /// # Errors
    /// [`Error::Closed`] when nobody may come into the tenant.
    pub fn redeem_setup_link(
        &mut self,
        link: Uuid,
        contact: &AdministratorRow,
        session: &SessionRow,
        before: Option<&[u8]>,
        events: &[AuditEvent],
    ) -> Result<bool, Error> {
        let audits: Vec<Draft> = events.iter().map(|event| Draft::new(self.caller, event)).collect();
        let tenant = self.tenant().0;
        self.entering(|pg| {
            let open = setup_links::table
                .find((tenant, link))
                .filter(setup_links::redeemed_at.is_null())
                .filter(setup_links::revoked_at.is_null());
            let marks = (
                setup_links::redeemed_at.eq(session.created_at),
                setup_links::redeemed_from.eq(&session.address),
                setup_links::session_hash.eq(&session.id_hash),
            );
            if diesel::update(open).set(marks).execute(pg)? == 0 {
                return Ok(false);
            }
            diesel::insert_into(administrators::table).values(contact).on_conflict_do_nothing().execute(pg)?;
            let person = administrators::table
                .filter(administrators::folded_email.eq(&contact.folded_email))
                .filter(administrators::tenant_id.eq(tenant))
                // Not a contact who was made more meanwhile: a link is no way in for that.
                .filter(administrators::role.eq(Role::Contact.name()))
                .filter(administrators::disabled_at.is_null());
            let person: Option<Uuid> = diesel::update(person)
                .set(administrators::last_sign_in_at.eq(session.created_at))
                .returning(administrators::id)
                .get_result(pg)
                .optional()?;
            let Some(person) = person else {
                return Err(diesel::result::Error::RollbackTransaction);
            };
            if let Some(before) = before {
                diesel::delete(sessions::table.find(before)).execute(pg)?;
            }
            let session = SessionRow { administrator_id: person, ..session.clone() };
            diesel::insert_into(sessions::table).values(&session).execute(pg)?;
            for audit in &audits {
                audit.insert(pg)?;
            }
            Ok(true)
        })
        .or_else(|error| match error {
            Error::Database(diesel::result::Error::RollbackTransaction) => Ok(false),
            other => Err(other),
        })
    }
}
