//! Header tokens.

mod authenticating;
mod changes;
mod lists;
mod uses;

use chrono::{DateTime, Utc};
use diesel::dsl::auto_type;
use diesel::prelude::*;
use uuid::Uuid;

pub use authenticating::{StoredToken, TokenUser};
pub use changes::TokenChanges;
pub use lists::{TokenFilter, TokenQuery};
pub use uses::{TokenCallerRow, TokenUse};

use super::error::Error;
use super::schema::header_tokens;
use super::time::Clamped;
use super::{Gate, TenantConn};
use crate::id::TenantId;

/// A header token as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = header_tokens)]
pub struct TokenRow {
    /// The public id, part of the token.
    pub id: String,
    /// The tenant it belongs to.
    pub tenant_id: Uuid,
    /// The name that people gave it.
    pub name: String,
    /// The keyed hash of the secret.
    pub secret_hash: Vec<u8>,
    /// Which master key made the hash.
    pub key_version: i16,
    /// Names of the scopes.
    pub scopes: Vec<String>,
    /// When it was created.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub last_used_at: Option<DateTime<Utc>>,
    /// From where.
    pub last_used_address: Option<String>,
    /// The token that replaces it.
    pub rotated_to: Option<String>,
    /// The user that it stands for.
    pub user_id: Option<Uuid>,
    /// The name of whoever made it.
    pub created_by: String,
    /// From where it is taken; from everywhere, where there are none.
    pub allowed_networks: Vec<String>,
    /// How often it was used, as far as that is written.
    pub calls: i64,
    /// When it got a successor.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub rotated_at: Option<DateTime<Utc>>,
    /// How often it had been used then.
    pub calls_at_rotation: i64,
}

impl TokenRow {
    /// What has become of it by `now`.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> TokenState {
        match (self.revoked_at, self.is_valid(now), &self.rotated_to) {
            (Some(_), ..) => TokenState::Revoked,
            (None, false, _) => TokenState::Expired,
            (None, true, Some(_)) => TokenState::Rotated,
            (None, true, None) => TokenState::Valid,
        }
    }

    /// Whether a call at `now` would be accepted.
    #[must_use]
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires| expires > now)
    }
}

/// What has become of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It is taken.
    Valid,
    /// It is still taken, and has a successor.
    Rotated,
    /// It ended by itself.
    Expired,
    /// Somebody ended it.
    Revoked,
}

impl TokenState {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Rotated => "rotated",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// The token of this id, where it is the tenant's.
#[auto_type]
#[expect(clippy::elidable_lifetime_names, reason = "the macro wants a name")]
fn own<'a>(tenant: Uuid, id: &'a str) -> _ {
    header_tokens::table.filter(header_tokens::tenant_id.eq(tenant)).filter(header_tokens::id.eq(id))
}

/// Whether a call at `now` would be accepted, as [`TokenRow::is_valid`] says it.
#[auto_type]
pub(super) fn is_valid(now: DateTime<Utc>) -> _ {
    header_tokens::revoked_at.is_null().and(header_tokens::expires_at.is_null().or(header_tokens::expires_at.gt(now)))
}

impl Gate<'_> {
    /// The tenant that a token belongs to.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn tenant_of_token(&mut self, id: &str) -> Result<Option<TenantId>, Error> {
        let query = header_tokens::table.find(id).select(header_tokens::tenant_id);
        Ok(query.first(self.pg).optional()?.map(TenantId))
    }
}

impl TenantConn<'_> {
    /// One token of the tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn header_token(&mut self, id: &str) -> Result<Option<TokenRow>, Error> {
        let query = own(self.tenant().0, id).select(TokenRow::as_select());
        let result = query.first(self.pg).optional();
        self.done(result)
    }

    /// One token of the tenant, with the one that it replaces, if any.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn header_token_and_former(&mut self, id: &str) -> Result<Option<(TokenRow, Option<TokenRow>)>, Error> {
        let query = header_tokens::table
            .filter(header_tokens::tenant_id.eq(self.tenant().0))
            .filter(header_tokens::id.eq(id).or(header_tokens::rotated_to.eq(id)))
            .select(TokenRow::as_select());
        let result = query.load(self.pg);
        let (mut own, others): (Vec<TokenRow>, Vec<TokenRow>) =
            self.done(result)?.into_iter().partition(|row| row.id == id);
        Ok(own.pop().map(|row| (row, others.into_iter().next())))
    }
}
