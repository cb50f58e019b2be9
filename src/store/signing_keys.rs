//! The keys that sign access tokens.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::signing_keys;
use super::time::Clamped;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;

/// A signing key as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
pub struct SigningKeyRow {
    /// The thumbprint of the public key (RFC 7638).
    pub kid: String,
    /// The point, uncompressed.
    pub public_key: Vec<u8>,
    /// PKCS #8, encrypted.
    pub sealed_private_key: Vec<u8>,
    /// Which master key sealed it.
    pub key_version: i16,
    /// When it was made and published.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// When it began to sign; `None` for the next key.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub activated_at: Option<DateTime<Utc>>,
    /// When it ceased to sign.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub retired_at: Option<DateTime<Utc>>,
}

impl Gate<'_> {
    /// All keys, the newest first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn signing_keys(&mut self) -> Result<Vec<SigningKeyRow>, Error> {
        let query = signing_keys::table
            .order((signing_keys::created_at.desc(), signing_keys::kid))
            .select(SigningKeyRow::as_select());
        query.load(self.pg).map_err(Error::from)
    }

    /// Removes the keys that were retired before `before`.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_retired_signing_keys(&mut self, before: DateTime<Utc>) -> Result<usize, Error> {
        let retired = signing_keys::table.filter(signing_keys::retired_at.lt(before));
        diesel::delete(retired).execute(self.pg).map_err(Error::from)
    }
}

impl TenantConn<'_> {
    /// Inserts the first keys.
    ///
    /// # Errors
    /// [`Error::Conflict`] when there are some already.
    pub fn insert_signing_keys(&mut self, keys: &[SigningKeyRow], event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::insert_into(signing_keys::table).values(keys).execute(pg)?;
            audit.insert(pg)
        })
    }

    /// Retires the current key for the next one, and publishes `new` as the next. `false`, and nothing changed, when `current` and
    /// `next` are not the current and the next key any more.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn rotate_signing_key(
        &mut self,
        current: &str,
        next: &str,
        new: &SigningKeyRow,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        self.change(event, |pg| {
            let states: Vec<(String, bool)> = signing_keys::table
                .filter(signing_keys::retired_at.is_null())
                .order(signing_keys::kid)
                .select((signing_keys::kid, signing_keys::activated_at.is_not_null()))
                .for_update()
                .load(pg)?;
            let is = |kid: &str, signs| states.iter().any(|state| state.0 == kid && state.1 == signs);
            if !is(current, true) || !is(next, false) {
                return Ok(false);
            }
            let change = |kid: &str| diesel::update(signing_keys::table.find(kid.to_owned()));
            change(current).set(signing_keys::retired_at.eq(new.created_at)).execute(pg)?;
            change(next).set(signing_keys::activated_at.eq(new.created_at)).execute(pg)?;
            diesel::insert_into(signing_keys::table).values(new).execute(pg)?;
            Ok(true)
        })
    }

    /// Removes a key that does not sign. `false` when there is none of this id, or it signs.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_signing_key(&mut self, kid: &str, event: &AuditEvent) -> Result<bool, Error> {
        self.change(event, |pg| {
            let idle =
                signing_keys::table.filter(signing_keys::kid.eq(kid)).filter(signing_keys::retired_at.is_not_null());
            Ok(diesel::delete(idle).execute(pg)? > 0)
        })
    }

    /// Removes all keys and inserts others in their place.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn replace_signing_keys(&mut self, keys: &[SigningKeyRow], event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::delete(signing_keys::table).execute(pg)?;
            diesel::insert_into(signing_keys::table).values(keys).execute(pg)?;
            audit.insert(pg)
        })
    }
}
