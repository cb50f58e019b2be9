//! Deletes what has had its time, a bounded number of rows in each statement, so that no one waits for it.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use uuid::Uuid;

use super::Gate;
use super::error::Error;
use super::schema::{
    authorization_codes, header_token_callers, invitations, oauth_grants, refresh_tokens, revoked_access_tokens,
    sessions, setup_codes, submitted_forms, throttles, used_assertions, used_sso_states,
};

/// Rows that one statement deletes at most.
const ROWS: i64 = 500;

/// What is deleted, and by which of its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// Authorization codes, by their end.
    AuthorizationCodes,
    /// Refresh tokens, by their end.
    RefreshTokens,
    /// Marks of revoked access tokens, by the end of the token.
    RevokedAccessTokens,
    /// Client assertions that were used, by their end.
    UsedAssertions,
    /// Sign-ins by the identity provider that came back, by the end of their time.
    UsedSsoStates,
    /// Sessions, by their last request.
    IdleSessions,
    /// Sessions, by their beginning.
    OldSessions,
    /// Sessions that began by a setup link, by their end.
    LinkedSessions,
    /// Codes that claim a fresh installation, by their making.
    SetupCodes,
    /// Invitations, by their end.
    Invitations,
    /// Forms that made something, by when.
    SubmittedForms,
    /// Addresses that header tokens came from, by the last time.
    TokenCallers,
    /// Failed attempts, by the last of them.
    Throttles,
    /// Grants that were revoked, by when; and those without a refresh token, by their last use.
    Grants,
}

/// Deletes rows of a table that fulfil a condition, as many as one statement may, found again by a column.
macro_rules! delete {
    ($pg:expr, $table:ident by $key:ident: $type:ty where $condition:expr) => {{
        let keys = $table::table.filter($condition).select($table::$key).limit(ROWS).load::<$type>($pg)?;
        diesel::delete($table::table.filter($table::$key.eq_any(keys)).filter($condition)).execute($pg)
    }};
}

impl Gate<'_> {
    /// Deletes some of the rows whose time was before `before`, and says whether more may be left.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_expired(&mut self, what: Expired, before: DateTime<Utc>) -> Result<bool, Error> {
        let pg = &mut *self.pg;
        let deleted = match what {
            Expired::AuthorizationCodes => {
                delete!(pg, authorization_codes by id: String where authorization_codes::expires_at.lt(before))
            }
            Expired::RefreshTokens => {
                delete!(pg, refresh_tokens by id: String where refresh_tokens::expires_at.lt(before))
            }
            Expired::RevokedAccessTokens => {
                delete!(pg, revoked_access_tokens by jti: String where revoked_access_tokens::expires_at.lt(before))
            }
            Expired::UsedAssertions => {
                delete!(pg, used_assertions by jti: String where used_assertions::expires_at.lt(before))
            }
            Expired::UsedSsoStates => {
                delete!(pg, used_sso_states by state: String where used_sso_states::expires_at.lt(before))
            }
            Expired::IdleSessions => {
                let idle = sessions::ends_at.is_null().and(sessions::seen_at.lt(before));
                delete!(pg, sessions by id_hash: Vec<u8> where idle)
            }
            Expired::OldSessions => {
                let old = sessions::ends_at.is_null().and(sessions::created_at.lt(before));
                delete!(pg, sessions by id_hash: Vec<u8> where old)
            }
            Expired::LinkedSessions => {
                let over = sessions::ends_at.is_not_null().and(sessions::ends_at.assume_not_null().lt(before));
                delete!(pg, sessions by id_hash: Vec<u8> where over)
            }
            Expired::SetupCodes => {
                delete!(pg, setup_codes by code_hash: Vec<u8> where setup_codes::created_at.lt(before))
            }
            Expired::Invitations => delete!(pg, invitations by id: String where invitations::expires_at.lt(before)),
            Expired::SubmittedForms => {
                delete!(pg, submitted_forms by id: Uuid where submitted_forms::submitted_at.lt(before))
            }
            Expired::TokenCallers => {
                delete!(pg, header_token_callers by token_id: String where header_token_callers::last_at.lt(before))
            }
            Expired::Throttles => delete!(pg, throttles by subject: String where throttles::last_failed_at.lt(before)),
            Expired::Grants => {
                let tokens = refresh_tokens::table
                    .filter(refresh_tokens::tenant_id.eq(oauth_grants::tenant_id))
                    .filter(refresh_tokens::grant_id.eq(oauth_grants::id));
                let last_used =
                    oauth_grants::last_used_at.is_null().or(oauth_grants::last_used_at.assume_not_null().lt(before));
                let unused = oauth_grants::revoked_at
                    .is_null()
                    .and(oauth_grants::created_at.lt(before))
                    .and(last_used)
                    .and(not(exists(tokens)));
                let over = oauth_grants::revoked_at
                    .is_not_null()
                    .and(oauth_grants::revoked_at.assume_not_null().lt(before))
                    .or(unused);
                delete!(pg, oauth_grants by id: Uuid where over)
            }
        };
        Ok(i64::try_from(deleted?).is_ok_and(|deleted| deleted >= ROWS))
    }
}
