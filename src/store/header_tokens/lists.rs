//! Finding header tokens of a tenant.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::super::TenantConn;
use super::super::error::Error;
use super::super::schema::header_tokens;
use super::{TokenRow, is_valid};

/// Which tokens a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFilter {
    /// All.
    All,
    /// Those that are taken.
    Active,
    /// Those of them that end before a time.
    EndingBefore(DateTime<Utc>),
    /// Those of them that were made and last used before a time.
    UnusedSince(DateTime<Utc>),
    /// Those that are not taken any more.
    Ended,
}

/// A page of a list of tokens.
#[derive(Debug, Clone)]
pub struct TokenQuery<'a> {
    /// Which ones.
    pub filter: TokenFilter,
    /// Part of the name.
    pub name: &'a str,
    /// Those that ended before are left out.
    pub kept_since: DateTime<Utc>,
    /// What "now" is.
    pub now: DateTime<Utc>,
    /// The time and id of the last one of the page before.
    pub before: Option<(DateTime<Utc>, String)>,
    /// How many.
    pub limit: i64,
}

impl TenantConn<'_> {
    /// The tokens of the tenant, the newest first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn header_tokens(&mut self) -> Result<Vec<TokenRow>, Error> {
        let query = header_tokens::table
            .filter(header_tokens::tenant_id.eq(self.tenant().0))
            .order((header_tokens::created_at.desc(), header_tokens::id))
            .select(TokenRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }

    /// A page of the tokens of the tenant, the newest first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn find_header_tokens(&mut self, query: &TokenQuery<'_>) -> Result<Vec<TokenRow>, Error> {
        use header_tokens::{created_at, expires_at, id, last_used_at, name, revoked_at, tenant_id};
        let now = query.now;
        let mut rows = header_tokens::table
            .filter(tenant_id.eq(self.tenant().0))
            .filter(revoked_at.is_null().or(revoked_at.gt(query.kept_since)))
            .filter(expires_at.is_null().or(expires_at.gt(query.kept_since)))
            .order((created_at.desc(), id.desc()))
            .limit(query.limit)
            .select(TokenRow::as_select())
            .into_boxed();
        rows = match query.filter {
            TokenFilter::All => rows,
            TokenFilter::Active => rows.filter(is_valid(now)),
            TokenFilter::EndingBefore(end) => rows.filter(revoked_at.is_null()).filter(expires_at.between(now, end)),
            TokenFilter::UnusedSince(since) => rows
                .filter(is_valid(now))
                .filter(last_used_at.is_null().or(last_used_at.lt(since)))
                .filter(last_used_at.is_not_null().or(created_at.lt(since))),
            TokenFilter::Ended => rows.filter(revoked_at.is_not_null().or(expires_at.le(now))),
        };
        if !query.name.is_empty() {
            let escaped = query.name.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            rows = rows.filter(name.ilike(format!("%{escaped}%")));
        }
        if let Some((at, last)) = &query.before {
            rows = rows.filter(created_at.lt(at).or(created_at.eq(at).and(id.lt(last))));
        }
        let result = rows.load(self.pg);
        self.done(result)
    }

    /// The tokens of the tenant that are taken at `now`, and those that were used since a time: those first that nobody revoked, and of
    /// them the newest, as many as `limit` says.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn header_tokens_at_work(
        &mut self,
        now: DateTime<Utc>,
        used_since: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<TokenRow>, Error> {
        let query = header_tokens::table
            .filter(header_tokens::tenant_id.eq(self.tenant().0))
            .filter(is_valid(now).or(header_tokens::last_used_at.gt(used_since)))
            .order((header_tokens::revoked_at.is_not_null(), header_tokens::created_at.desc(), header_tokens::id))
            .limit(limit)
            .select(TokenRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }

    /// Whether there is a token of this name that is taken at `now`, besides these.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn has_header_token_named(&mut self, name: &str, now: DateTime<Utc>, besides: &[&str]) -> Result<bool, Error> {
        let same = header_tokens::table
            .filter(header_tokens::tenant_id.eq(self.tenant().0))
            .filter(header_tokens::name.eq(name))
            .filter(is_valid(now))
            .filter(header_tokens::id.ne_all(besides));
        let result = diesel::select(diesel::dsl::exists(same)).get_result(self.pg);
        self.done(result)
    }
}
