//! Authenticator apps of the people who sign in, and their recovery codes.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::error::Error;
use super::schema::{administrators, recovery_codes, sessions, totp_secrets};
use super::sessions::{SecondFactor, SessionRow};
use super::time::Clamped;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;

/// The app of a person as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = totp_secrets)]
pub struct TotpRow {
    /// Whose it is.
    pub administrator_id: Uuid,
    /// What it shares with us, sealed.
    pub sealed_secret: Vec<u8>,
    /// Which master key it is sealed under.
    pub key_version: i16,
    /// Since when it is asked for.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// The time step of the last code that was taken.
    pub last_step: i64,
    /// How often recovery codes were made.
    pub codes_revision: i32,
}

impl Gate<'_> {
    /// The app of a person, if there is one.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn totp(&mut self, administrator: Uuid) -> Result<Option<TotpRow>, Error> {
        let query = totp_secrets::table.find(administrator).select(TotpRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }

    /// The same with the number of recovery codes that are left.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn totp_with_codes_left(&mut self, administrator: Uuid) -> Result<Option<(TotpRow, i64)>, Error> {
        let left = recovery_codes::table
            .filter(recovery_codes::administrator_id.eq(totp_secrets::administrator_id))
            .count()
            .single_value();
        let query = totp_secrets::table.find(administrator).select((TotpRow::as_select(), left.assume_not_null()));
        query.first(self.pg).optional().map_err(Error::from)
    }

    /// Whether a person has this recovery code left.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn has_recovery_code(&mut self, administrator: Uuid, code_hash: &[u8]) -> Result<bool, Error> {
        let query = recovery_codes::table.find((administrator, code_hash)).select(recovery_codes::administrator_id);
        Ok(query.first::<Uuid>(self.pg).optional()?.is_some())
    }
}

impl TenantConn<'_> {
    /// Has a person of the caller's tenant prove more than the password from now on, with these recovery codes for when the app is
    /// lost. The session with the hash `before` goes on under the hash `renewed` as one in which that was done; the others end. `false`
    /// when there is no such person, or an app already. Whoever signs in meanwhile waits.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn insert_totp(
        &mut self,
        row: &TotpRow,
        codes: &[Vec<u8>],
        before: &[u8],
        renewed: &[u8],
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let (tenant, id) = (self.tenant().0, row.administrator_id);
        self.change(event, |pg| {
            if !lock_person(pg, tenant, id)? {
                return Ok(false);
            }
            let inserted = diesel::insert_into(totp_secrets::table).values(row).on_conflict_do_nothing().execute(pg)?;
            if inserted == 0 {
                return Ok(false);
            }
            insert_codes(pg, id, codes)?;
            let this = sessions::table.find(before).filter(sessions::administrator_id.eq(id));
            let this: Option<SessionRow> = this.select(SessionRow::as_select()).first(pg).optional()?;
            end_sessions(pg, id, None)?;
            if let Some(this) = this {
                // Whoever has the cookie from before, when the password alone did, has nothing more by this.
                let second_factor = SecondFactor::Totp(row.last_step).name().map(str::to_owned);
                let this = SessionRow { id_hash: renewed.to_vec(), second_factor, ..this };
                diesel::insert_into(sessions::table).values(&this).execute(pg)?;
            }
            Ok(true)
        })
    }

    /// Takes the app and the recovery codes away from a person of the caller's tenant, and ends all of the person's sessions but the
    /// one with the hash `keep`. `false` when there was nothing to take.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_totp(&mut self, administrator: Uuid, keep: Option<&[u8]>, event: &AuditEvent) -> Result<bool, Error> {
        let tenant = self.tenant().0;
        self.change(event, |pg| {
            if !lock_person(pg, tenant, administrator)?
                || diesel::delete(totp_secrets::table.find(administrator)).execute(pg)? == 0
            {
                return Ok(false);
            }
            end_sessions(pg, administrator, keep)?;
            Ok(true)
        })
    }

    /// Puts new recovery codes in the place of those that are left, where they were made as often as `revision` says. `false`, and
    /// nothing changed, where not.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn replace_recovery_codes(
        &mut self,
        administrator: Uuid,
        revision: i32,
        codes: &[Vec<u8>],
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let tenant = self.tenant().0;
        self.change(event, |pg| {
            let same = totp_secrets::table.find(administrator).filter(totp_secrets::codes_revision.eq(revision));
            let next = totp_secrets::codes_revision.eq(revision.saturating_add(1));
            if !lock_person(pg, tenant, administrator)? || diesel::update(same).set(next).execute(pg)? == 0 {
                return Ok(false);
            }
            let old = recovery_codes::table.filter(recovery_codes::administrator_id.eq(administrator));
            diesel::delete(old).execute(pg)?;
            insert_codes(pg, administrator, codes)?;
            Ok(true)
        })
    }
}

/// Has others who change the person or sign the person in wait. `false` when the tenant has no such person.
fn lock_person(pg: &mut PgConnection, tenant: Uuid, administrator: Uuid) -> QueryResult<bool> {
    let own = administrators::table.find(administrator).filter(administrators::tenant_id.eq(tenant));
    let found = own.select(administrators::id).for_update().first::<Uuid>(pg).optional()?;
    Ok(found.is_some())
}

fn insert_codes(pg: &mut PgConnection, administrator: Uuid, codes: &[Vec<u8>]) -> QueryResult<()> {
    let row = |hash: &Vec<u8>| {
        (recovery_codes::administrator_id.eq(administrator), recovery_codes::code_hash.eq(hash.clone()))
    };
    let rows: Vec<_> = codes.iter().map(row).collect();
    diesel::insert_into(recovery_codes::table).values(rows).execute(pg)?;
    Ok(())
}

/// Ends the sessions of a person but the one with the hash `keep`.
pub(super) fn end_sessions(pg: &mut PgConnection, administrator: Uuid, keep: Option<&[u8]>) -> QueryResult<usize> {
    let others = sessions::table
        .filter(sessions::administrator_id.eq(administrator))
        .filter(sessions::id_hash.ne(keep.unwrap_or_default()));
    diesel::delete(others).execute(pg)
}
