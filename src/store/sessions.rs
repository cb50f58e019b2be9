//! Sessions of the people who are signed in, and the codes by which the first of them comes.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use uuid::Uuid;

use super::administrators::AdministratorRow;
use super::audit_events::Draft;
use super::error::Error;
use super::installation::allows_passwords;
use super::schema::{administrators, installation, recovery_codes, sessions, setup_codes, totp_secrets};
use super::time::Clamped;
use super::totp_secrets::end_sessions;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;
use crate::id::TenantId;

/// A session as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
pub struct SessionRow {
    /// The keyed hash of what the cookie holds.
    pub id_hash: Vec<u8>,
    /// Who is signed in.
    pub administrator_id: Uuid,
    /// When the person signed in.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// The last request, to the minute.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub seen_at: DateTime<Utc>,
    /// From where the person signed in.
    pub address: Option<String>,
    /// The browser, as it calls itself.
    pub user_agent: Option<String>,
    /// The tenant that an operator works in, once one was chosen.
    pub tenant_id: Option<Uuid>,
    /// What the next page says of the last change.
    pub notice: Option<String>,
    /// What was proven besides the password, by [`SecondFactor::name`].
    pub second_factor: Option<String>,
    /// When it ends, where it began by a set-up link.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub ends_at: Option<DateTime<Utc>>,
}

/// What was proven of a person besides the password.
#[derive(Debug, Clone, Copy)]
pub enum SecondFactor<'a> {
    /// Nothing: the person has no second factor.
    Absent,
    /// The identity provider of the installation answers for the person.
    Elsewhere,
    /// A code of the authenticator app, of this time step.
    Totp(i64),
    /// The recovery code with this hash.
    RecoveryCode(&'a [u8]),
}

impl SecondFactor<'_> {
    /// The code for it in the database and the audit log.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Elsewhere => Some("sso"),
            Self::Totp(_) => Some("totp"),
            Self::RecoveryCode(_) => Some("recovery_code"),
        }
    }

    /// Uses it up, so that it proves nothing a second time. `false` when it does not prove anything.
    fn use_up(self, pg: &mut PgConnection, administrator: Uuid) -> QueryResult<bool> {
        let own = totp_secrets::table.find(administrator);
        match self {
            Self::Absent => diesel::select(exists(own)).get_result(pg).map(|has_one: bool| !has_one),
            Self::Elsewhere => Ok(true),
            Self::Totp(step) => {
                let later = own.filter(totp_secrets::last_step.lt(step));
                Ok(diesel::update(later).set(totp_secrets::last_step.eq(step)).execute(pg)? == 1)
            }
            Self::RecoveryCode(hash) => {
                Ok(diesel::delete(recovery_codes::table.find((administrator, hash))).execute(pg)? == 1)
            }
        }
    }
}

/// What a look at a cookie finds.
#[derive(Debug, Clone)]
pub struct FoundSession {
    /// The session.
    pub session: SessionRow,
    /// Its person.
    pub person: AdministratorRow,
    /// Whether the installation wants a second factor of whoever signs in with a password.
    pub requires_totp: bool,
    /// Whether the person has one.
    pub has_totp: bool,
}

impl Gate<'_> {
    /// The session with this hash, and its person.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn session(&mut self, id_hash: &[u8]) -> Result<Option<FoundSession>, Error> {
        let requires = exists(installation::table.filter(installation::requires_totp));
        let has = exists(totp_secrets::table.filter(totp_secrets::administrator_id.eq(administrators::id)));
        let query = sessions::table.inner_join(administrators::table).filter(sessions::id_hash.eq(id_hash)).select((
            SessionRow::as_select(),
            AdministratorRow::as_select(),
            requires,
            has,
        ));
        let found = query.first(self.pg).optional()?;
        Ok(found.map(|(session, person, requires_totp, has_totp)| FoundSession {
            session,
            person,
            requires_totp,
            has_totp,
        }))
    }

    /// Records the last request of a session.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn touch_session(&mut self, id_hash: &[u8], now: DateTime<Utc>) -> Result<(), Error> {
        diesel::update(sessions::table.find(id_hash)).set(sessions::seen_at.eq(now)).execute(self.pg)?;
        Ok(())
    }

    /// Has the next page of a session say this, or nothing.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_notice(&mut self, id_hash: &[u8], notice: Option<&str>) -> Result<(), Error> {
        diesel::update(sessions::table.find(id_hash)).set(sessions::notice.eq(notice)).execute(self.pg)?;
        Ok(())
    }

    /// Has a session work in this tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_session_tenant(&mut self, id_hash: &[u8], tenant: TenantId) -> Result<(), Error> {
        diesel::update(sessions::table.find(id_hash)).set(sessions::tenant_id.eq(tenant.0)).execute(self.pg)?;
        Ok(())
    }

    /// The sessions of a person that have not ended at `now`, the newest first: those with an end of their own, and of the others those
    /// that were seen and begun after these times.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn sessions(
        &mut self,
        administrator: Uuid,
        now: DateTime<Utc>,
        seen_after: DateTime<Utc>,
        created_after: DateTime<Utc>,
    ) -> Result<Vec<SessionRow>, Error> {
        let query = sessions::table
            .filter(sessions::administrator_id.eq(administrator))
            .filter(
                sessions::ends_at.assume_not_null().gt(now).and(sessions::ends_at.is_not_null()).or(sessions::ends_at
                    .is_null()
                    .and(sessions::seen_at.gt(seen_after))
                    .and(sessions::created_at.gt(created_after))),
            )
            .order(sessions::created_at.desc())
            .select(SessionRow::as_select());
        query.load(self.pg).map_err(Error::from)
    }

    /// Stores a code.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn insert_setup_code(&mut self, code_hash: &[u8], now: DateTime<Utc>) -> Result<(), Error> {
        let row = (setup_codes::code_hash.eq(code_hash), setup_codes::created_at.eq(now));
        diesel::insert_into(setup_codes::table).values(row).on_conflict_do_nothing().execute(self.pg)?;
        Ok(())
    }

    /// Whether there is a code with this hash, made after `since`.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn has_setup_code(&mut self, code_hash: &[u8], since: DateTime<Utc>) -> Result<bool, Error> {
        let query = setup_codes::table.find(code_hash).filter(setup_codes::created_at.gt(since));
        Ok(diesel::select(exists(query)).get_result(self.pg)?)
    }
}

impl TenantConn<'_> {
    /// Inserts a session and records when its person signed in; the session with the hash `before` ends. `false`, and nothing
    /// changed, when nobody signs in with a password any more, the person is disabled or has another password by now than the one that
    /// was verified, or the second factor proves nothing (any more): whoever changes them waits for this, or this for whoever changes them, so that no session outlives
    /// what it began with.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn insert_session(
        &mut self,
        row: &SessionRow,
        verified_hash: Option<&str>,
        before: Option<&[u8]>,
        second_factor: SecondFactor<'_>,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        let result = self.transaction(|pg| {
            let person = administrators::table
                .find(row.administrator_id)
                .filter(administrators::password_hash.is_not_distinct_from(verified_hash))
                .filter(administrators::disabled_at.is_null());
            let is_let_in = matches!(second_factor, SecondFactor::Elsewhere) || allows_passwords(pg)?;
            if !is_let_in
                || diesel::update(person).set(administrators::last_sign_in_at.eq(row.created_at)).execute(pg)? == 0
                || !second_factor.use_up(pg, row.administrator_id)?
            {
                return Err(diesel::result::Error::RollbackTransaction);
            }
            if let Some(before) = before {
                diesel::delete(sessions::table.find(before)).execute(pg)?;
            }
            diesel::insert_into(sessions::table).values(row).execute(pg)?;
            audit.insert(pg)
        });
        unless_rolled_back(result)
    }

    /// Deletes a session of this person, if there is one.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_session(&mut self, administrator: Uuid, id_hash: &[u8], event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            let own = sessions::table.find(id_hash).filter(sessions::administrator_id.eq(administrator));
            if diesel::delete(own).execute(pg)? == 0 {
                return Ok(());
            }
            audit.insert(pg)
        })
    }

    /// Ends the sessions of this person but the one with the hash `keep`, and says how many.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_other_sessions(
        &mut self,
        administrator: Uuid,
        keep: &[u8],
        event: &AuditEvent,
    ) -> Result<usize, Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| match end_sessions(pg, administrator, Some(keep))? {
            0 => Ok(0),
            ended => audit.insert(pg).map(|()| ended),
        })
    }

    /// Inserts the first administrator, and deletes all codes, of which this must be one. `false`, and nothing changed, when it is
    /// not, or there is an administrator. Whoever does so at the same moment waits for the codes, and then finds none.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn insert_first_administrator(
        &mut self,
        row: &AdministratorRow,
        code_hash: &[u8],
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        let result = self.transaction(|pg| {
            let codes: Vec<Vec<u8>> = diesel::delete(setup_codes::table).returning(setup_codes::code_hash).load(pg)?;
            let others: i64 = administrators::table.count().get_result(pg)?;
            if others > 0 || !codes.iter().any(|code| code == code_hash) {
                return Err(diesel::result::Error::RollbackTransaction);
            }
            diesel::insert_into(administrators::table).values(row).execute(pg)?;
            audit.insert(pg)
        });
        unless_rolled_back(result)
    }
}

/// Whether a transaction that rolls itself back was carried out.
fn unless_rolled_back(result: Result<(), Error>) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(Error::Database(diesel::result::Error::RollbackTransaction)) => Ok(false),
        Err(error) => Err(error),
    }
}
