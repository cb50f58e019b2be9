//! Header tokens.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::define_sql_function;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel::upsert::excluded;
use serde_json::Value;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::{header_token_callers, header_tokens, resources, tenants};
use super::{Gate, TenantConn, submitted_forms};
use crate::audit::AuditEvent;
use crate::auth::TenantSettings;
use crate::id::{ResourceId, TenantId};

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
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
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
    pub rotated_at: Option<DateTime<Utc>>,
    /// How often it had been used then.
    pub calls_at_rotation: i64,
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

/// An address that a token came from.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = header_token_callers)]
pub struct TokenCallerRow {
    /// The address.
    pub address: String,
    /// When it first came from there.
    pub first_at: DateTime<Utc>,
    /// When it last did.
    pub last_at: DateTime<Utc>,
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

/// What authentication needs of a token and its tenant.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// The public id.
    pub id: String,
    /// The tenant.
    pub tenant: TenantId,
    /// What every request needs of the tenant's settings.
    pub settings: TenantSettings,
    /// The token's name.
    pub name: String,
    /// The keyed hash of the secret.
    pub secret_hash: Vec<u8>,
    /// Names of the scopes.
    pub scopes: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// From where it is taken.
    pub allowed_networks: Vec<String>,
    /// The user that it stands for.
    pub user: Option<TokenUser>,
}

/// The user that a token stands for.
#[derive(Debug, Clone, Copy)]
pub struct TokenUser {
    /// The user's id.
    pub id: ResourceId,
    /// Whether the user is there and active; one whose `active` was removed is not known to be.
    pub may_sign_in: bool,
}

/// The uses of a token in some stretch of time.
#[derive(Debug, Clone)]
pub struct TokenUse {
    /// When the last one was, to the second.
    pub at: DateTime<Utc>,
    /// From where.
    pub address: Option<String>,
    /// How many.
    pub calls: i64,
    /// From where, and when last.
    pub callers: HashMap<String, DateTime<Utc>>,
}

diesel::alias!(header_tokens as any_token: AnyToken);

define_sql_function! {
    /// The first one, or the second where the first is none.
    fn coalesce(first: Nullable<Text>, second: Nullable<Text>) -> Nullable<Text>;
}

#[derive(Queryable)]
struct GateRow {
    id: String,
    tenant: Uuid,
    name: String,
    secret_hash: Vec<u8>,
    scopes: Vec<String>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    allowed_networks: Vec<String>,
    user_id: Option<Uuid>,
    user: Option<Value>,
    stores_passwords: bool,
    schema_revision: i64,
    suspended_at: Option<DateTime<Utc>>,
    delete_after: Option<DateTime<Utc>>,
}

impl Gate<'_> {
    /// The token with this public id, or another one where there is none, so that the time tells nobody which ids there are. `None` where
    /// there is no token at all.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn nearest_header_token(&mut self, id: &str) -> Result<Option<StoredToken>, Error> {
        let own = any_token.field(header_tokens::id);
        let first = any_token.select(own).order(own);
        let next = first.filter(own.ge(id));
        let user = resources::tenant_id
            .eq(header_tokens::tenant_id)
            .and(resources::resource_type.eq("User"))
            .and(resources::id.nullable().eq(header_tokens::user_id));
        let row: Option<GateRow> = header_tokens::table
            .inner_join(tenants::table)
            .left_join(resources::table.on(user))
            .filter(header_tokens::id.nullable().eq(coalesce(next.single_value(), first.single_value())))
            .select((
                header_tokens::id,
                header_tokens::tenant_id,
                header_tokens::name,
                header_tokens::secret_hash,
                header_tokens::scopes,
                header_tokens::expires_at,
                header_tokens::revoked_at,
                header_tokens::allowed_networks,
                header_tokens::user_id,
                resources::comparable.nullable(),
                tenants::stores_passwords,
                tenants::schema_revision,
                tenants::suspended_at,
                tenants::delete_after,
            ))
            .first(self.pg)
            .optional()?;
        Ok(row.map(|row| StoredToken {
            id: row.id,
            tenant: TenantId(row.tenant),
            settings: TenantSettings {
                stores_passwords: row.stores_passwords,
                schema_revision: row.schema_revision,
                is_suspended: row.suspended_at.is_some() || row.delete_after.is_some(),
            },
            name: row.name,
            secret_hash: row.secret_hash,
            scopes: row.scopes,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            allowed_networks: row.allowed_networks,
            user: row.user_id.map(|id| TokenUser {
                id: ResourceId(id),
                may_sign_in: row.user.is_some_and(|user| user.get("active") == Some(&Value::Bool(true))),
            }),
        }))
    }

    /// Records the uses of tokens. Not audited: it changes nothing that anybody decided.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn record_token_uses(&mut self, uses: &HashMap<String, TokenUse>) -> Result<(), Error> {
        for (id, token_use) in uses {
            let changed = diesel::update(header_tokens::table.find(id))
                .set((
                    header_tokens::last_used_at.eq(token_use.at),
                    header_tokens::last_used_address.eq(&token_use.address),
                    header_tokens::calls.eq(header_tokens::calls + token_use.calls),
                ))
                .execute(self.pg)?;
            // It went with its tenant meanwhile.
            if changed == 0 {
                continue;
            }
            let callers: Vec<_> = token_use
                .callers
                .iter()
                .map(|(address, at)| {
                    (
                        header_token_callers::token_id.eq(id),
                        header_token_callers::address.eq(address),
                        header_token_callers::first_at.eq(at),
                        header_token_callers::last_at.eq(at),
                    )
                })
                .collect();
            diesel::insert_into(header_token_callers::table)
                .values(callers)
                .on_conflict((header_token_callers::token_id, header_token_callers::address))
                .do_update()
                .set(header_token_callers::last_at.eq(excluded(header_token_callers::last_at)))
                .execute(self.pg)?;
        }
        Ok(())
    }

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

    /// One token of the tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn header_token(&mut self, id: &str) -> Result<Option<TokenRow>, Error> {
        let query = header_tokens::table
            .filter(header_tokens::tenant_id.eq(self.tenant().0))
            .filter(header_tokens::id.eq(id))
            .select(TokenRow::as_select());
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

    /// The addresses that a token of the tenant came from, the last ones first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn header_token_callers(&mut self, token: &TokenRow, limit: i64) -> Result<Vec<TokenCallerRow>, Error> {
        let query = header_token_callers::table
            .filter(header_token_callers::token_id.eq(&token.id))
            .order((header_token_callers::last_at.desc(), header_token_callers::address))
            .limit(limit)
            .select(TokenCallerRow::as_select());
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
            .filter(header_tokens::revoked_at.is_null())
            .filter(header_tokens::expires_at.is_null().or(header_tokens::expires_at.gt(now)))
            .filter(header_tokens::id.ne_all(besides));
        let result = diesel::select(diesel::dsl::exists(same)).get_result(self.pg);
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
        let is_taken = || revoked_at.is_null().and(expires_at.is_null().or(expires_at.gt(now)));
        rows = match query.filter {
            TokenFilter::All => rows,
            TokenFilter::Active => rows.filter(is_taken()),
            TokenFilter::EndingBefore(end) => rows.filter(revoked_at.is_null()).filter(expires_at.between(now, end)),
            TokenFilter::UnusedSince(since) => rows
                .filter(is_taken())
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
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let same = header_tokens::table
                .filter(header_tokens::tenant_id.eq(tenant))
                .filter(header_tokens::id.eq(id))
                .filter(header_tokens::revoked_at.is_null())
                .filter(header_tokens::expires_at.is_null().or(header_tokens::expires_at.gt(now)))
                .filter(header_tokens::scopes.eq(scopes));
            if diesel::update(same).set(changes).execute(pg)? == 0 {
                return Ok(false);
            }
            audit.insert(pg).map(|()| true)
        })
    }

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
        let goes_on = header_tokens::expires_at.is_null().or(header_tokens::expires_at.assume_not_null().gt(now));
        let is_used = header_tokens::last_used_at.is_not_null();
        let is_used = is_used.and(header_tokens::last_used_at.assume_not_null().gt(used_since));
        let query = header_tokens::table
            .filter(header_tokens::tenant_id.eq(self.tenant().0))
            .filter(header_tokens::revoked_at.is_null().and(goes_on).or(is_used))
            .order((header_tokens::revoked_at.is_not_null(), header_tokens::created_at.desc(), header_tokens::id))
            .limit(limit)
            .select(TokenRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
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
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let valid = header_tokens::table
                .filter(header_tokens::tenant_id.eq(tenant))
                .filter(header_tokens::id.eq(old))
                .filter(header_tokens::revoked_at.is_null())
                .filter(header_tokens::rotated_to.is_null());
            let changes = (
                header_tokens::expires_at.eq(end),
                header_tokens::rotated_to.eq(&new.id),
                header_tokens::rotated_at.eq(new.created_at),
                header_tokens::calls_at_rotation.eq(header_tokens::calls),
            );
            if diesel::update(valid).set(changes).execute(pg)? == 0 {
                return Ok(false);
            }
            diesel::insert_into(header_tokens::table).values(new).execute(pg)?;
            audit.insert(pg).map(|()| true)
        })
    }

    /// Revokes a token. `false` when there is no such token, or it was revoked before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn revoke_header_token(&mut self, id: &str, event: &AuditEvent) -> Result<bool, Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let valid = header_tokens::table
                .filter(header_tokens::tenant_id.eq(tenant))
                .filter(header_tokens::id.eq(id))
                .filter(header_tokens::revoked_at.is_null());
            if diesel::update(valid).set(header_tokens::revoked_at.eq(Utc::now())).execute(pg)? == 0 {
                return Ok(false);
            }
            audit.insert(pg).map(|()| true)
        })
    }
}
