//! Refresh tokens. Each is exchanged for its successor; the grant ties them together.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::grants::{self, GrantRow};
use super::schema::{oauth_grants, refresh_tokens};
use super::time::Clamped;
use super::{Gate, TenantConn, clients};
use crate::audit::AuditEvent;

/// A refresh token as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_tokens)]
pub struct RefreshTokenRow {
    /// The public id, part of the token.
    pub id: String,
    /// The tenant of the grant.
    pub tenant_id: Uuid,
    /// The grant.
    pub grant_id: Uuid,
    /// The keyed hash of the token.
    pub token_hash: Vec<u8>,
    /// Which master key made the hash.
    pub key_version: i16,
    /// When it was issued.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// When it ends unless it is used.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub expires_at: DateTime<Utc>,
    /// When it was first exchanged.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub used_at: Option<DateTime<Utc>>,
    /// The public id of the token that it was exchanged for.
    pub successor: Option<String>,
}

/// A refresh token that its client presents.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// Its public id.
    pub id: &'a str,
    /// Its grant.
    pub grant_id: Uuid,
    /// The client.
    pub client_id: &'a str,
    /// The secret that the client authenticated with.
    pub secret_id: Option<&'a str>,
    /// What takes its place.
    pub successor: &'a RefreshTokenRow,
    /// How long after its first exchange it may be exchanged again, as long as the successor is not used.
    pub grace: TimeDelta,
    /// When.
    pub now: DateTime<Utc>,
}

/// What became of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchanged {
    /// It is exchanged, for the first time or once more within the grace.
    Granted,
    /// It, or its grant, had ended.
    Ended,
    /// It had been used up: the grant is revoked now.
    Reused,
}

/// When a token was used, and when it ends.
#[derive(Queryable)]
struct State {
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    used_at: Option<DateTime<Utc>>,
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    expires_at: DateTime<Utc>,
}

impl Gate<'_> {
    /// The refresh token with this public id, and its grant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn refresh_token(&mut self, id: &str) -> Result<Option<(RefreshTokenRow, GrantRow)>, Error> {
        let of_token =
            oauth_grants::tenant_id.eq(refresh_tokens::tenant_id).and(oauth_grants::id.eq(refresh_tokens::grant_id));
        let query = refresh_tokens::table
            .inner_join(oauth_grants::table.on(of_token))
            .filter(refresh_tokens::id.eq(id))
            .select((RefreshTokenRow::as_select(), GrantRow::as_select()));
        query.first(self.pg).optional().map_err(Error::from)
    }
}

impl TenantConn<'_> {
    /// Exchanges a refresh token for its successor. Exchanges of one grant follow each other, so that of two side by side the
    /// second finds what the first did. `reuse` is recorded in place of `event` when the token had been used up.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn exchange_refresh_token(
        &mut self,
        exchange: &Exchange<'_>,
        event: &AuditEvent,
        reuse: &AuditEvent,
    ) -> Result<Exchanged, Error> {
        let (audit, alarm) = (Draft::new(self.caller, event), Draft::new(self.caller, reuse));
        let tenant = self.tenant().0;
        let now = exchange.now;
        self.transaction(|pg| {
            let grant = oauth_grants::table
                .filter(oauth_grants::tenant_id.eq(tenant))
                .filter(oauth_grants::id.eq(exchange.grant_id))
                .filter(oauth_grants::revoked_at.is_null())
                .select(oauth_grants::id)
                .for_update();
            if grant.first::<Uuid>(pg).optional()?.is_none() {
                return Ok(Exchanged::Ended);
            }
            let state = |id: &str| {
                let token = refresh_tokens::table
                    .filter(refresh_tokens::id.eq(id.to_owned()))
                    .filter(refresh_tokens::tenant_id.eq(tenant))
                    .filter(refresh_tokens::grant_id.eq(exchange.grant_id));
                token.select((refresh_tokens::used_at, refresh_tokens::expires_at))
            };
            match state(exchange.id).first::<State>(pg).optional()? {
                None => return Ok(Exchanged::Ended),
                Some(State { used_at: None, expires_at }) if expires_at <= now => return Ok(Exchanged::Ended),
                Some(State { used_at: None, .. }) => {
                    let change =
                        (refresh_tokens::used_at.eq(now), refresh_tokens::successor.eq(&exchange.successor.id));
                    diesel::update(refresh_tokens::table.find(exchange.id)).set(change).execute(pg)?;
                    diesel::insert_into(refresh_tokens::table).values(exchange.successor).execute(pg)?;
                }
                Some(State { used_at: Some(used_at), .. }) => {
                    let successor = state(&exchange.successor.id).first::<State>(pg).optional()?;
                    let unused = successor.is_some_and(|state| state.used_at.is_none());
                    if !unused || used_at + exchange.grace < now {
                        grants::revoke(pg, tenant, exchange.grant_id, now)?;
                        alarm.insert(pg)?;
                        return Ok(Exchanged::Reused);
                    }
                }
            }
            let grant = oauth_grants::table.find((tenant, exchange.grant_id));
            diesel::update(grant).set(oauth_grants::last_used_at.eq(now)).execute(pg)?;
            clients::used(pg, exchange.client_id, exchange.secret_id, now)?;
            audit.insert(pg)?;
            Ok(Exchanged::Granted)
        })
    }
}
