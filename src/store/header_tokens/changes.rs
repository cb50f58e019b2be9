//! Changes of header tokens, each with its audit event.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::super::audit_events::Draft;
use super::super::error::Error;
use super::super::schema::header_tokens;
use super::super::{TenantConn, submitted_forms};
use super::{TokenRow, is_valid, own};
use crate::audit::AuditEvent;

/// What a token is to be after a change.
#[derive(Debug, Clone, AsChangeset)]
#[diesel(table_name = header_tokens, treat_none_as_null = true)]
pub struct TokenChanges {
    /// The name.
    pub name: String,
    /// Names of the scopes.
    pub scopes: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// From where it is taken.
    pub allowed_networks: Vec<String>,
}

impl TenantConn<'_> {
    /// Inserts a token. `form` is the one that asked for it, where a form did.
    ///
    /// # Errors
    /// [`Error`] from the database, and [`Error::is_second_submission`].
    pub fn insert_header_token(&mut self, row: &TokenRow, form: Option<Uuid>, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            submitted_forms::submit(pg, form)?;
            diesel::insert_into(header_tokens::table).values(row).execute(pg)?;
            audit.insert(pg)
        })
    }

    /// Changes a token that is taken at `now` and still has these scopes. `false`, and nothing changed, when there is none.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn update_header_token(
        &mut self,
        id: &str,
        scopes: &[String],
        changes: &TokenChanges,
        now: DateTime<Utc>,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let same = own(self.tenant().0, id).filter(is_valid(now)).filter(header_tokens::scopes.eq(scopes));
        self.change(event, |pg| Ok(diesel::update(same).set(changes).execute(pg)? > 0))
    }

    /// Inserts the successor of a valid token, which itself ends at `end`. `false`, and nothing changed, when the old one was
    /// revoked or rotated meanwhile.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn rotate_header_token(
        &mut self,
        new: &TokenRow,
        old: &str,
        end: DateTime<Utc>,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let valid = own(self.tenant().0, old)
            .filter(header_tokens::revoked_at.is_null())
            .filter(header_tokens::rotated_to.is_null());
        let changes = (
            header_tokens::expires_at.eq(end),
            header_tokens::rotated_to.eq(&new.id),
            header_tokens::rotated_at.eq(new.created_at),
            header_tokens::calls_at_rotation.eq(header_tokens::calls),
        );
        self.change(event, |pg| {
            let rotated = diesel::update(valid).set(changes).execute(pg)? > 0;
            if rotated {
                diesel::insert_into(header_tokens::table).values(new).execute(pg)?;
            }
            Ok(rotated)
        })
    }

    /// Revokes a token. `false` when there is no such token, or it was revoked before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn revoke_header_token(&mut self, id: &str, event: &AuditEvent) -> Result<bool, Error> {
        let valid = own(self.tenant().0, id).filter(header_tokens::revoked_at.is_null());
        let now = header_tokens::revoked_at.eq(Utc::now());
        self.change(event, |pg| Ok(diesel::update(valid).set(now).execute(pg)? > 0))
    }
}
