//! Grants: what people have consented to, and what came of it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::TenantConn;
use super::audit_events::Draft;
use super::clients;
use super::error::Error;
use super::refresh_tokens::RefreshTokenRow;
use super::schema::{administrators, authorization_codes, oauth_clients, oauth_grants, refresh_tokens, tenants};
use super::time::Clamped;
use crate::audit::AuditEvent;
use crate::id::TenantId;

/// A grant as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = oauth_grants)]
pub struct GrantRow {
    /// The tenant that was consented for.
    pub tenant_id: Uuid,
    /// Its id, by which access tokens name it.
    pub id: Uuid,
    /// The client.
    pub client_id: String,
    /// Who consented.
    pub administrator_id: Uuid,
    /// The person's address at that time.
    pub administrator_email: String,
    /// What was consented to.
    pub scopes: Vec<String>,
    /// When the code was redeemed.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// When a refresh token was last exchanged.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked, and all of its tokens with it.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A code that its client presents rightly, and what is to come of it.
#[derive(Debug)]
pub struct Redemption<'a> {
    /// The public id of the code.
    pub code_id: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// The secret that it authenticated with.
    pub secret_id: Option<&'a str>,
    /// Who consented.
    pub administrator_id: Uuid,
    /// When.
    pub consented_at: DateTime<Utc>,
    /// The id of the grant.
    pub grant_id: Uuid,
    /// What was consented to.
    pub scopes: &'a [String],
    /// The first refresh token.
    pub refresh_token: Option<&'a RefreshTokenRow>,
    /// When.
    pub now: DateTime<Utc>,
}

/// What became of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// The grant is there.
    Granted,
    /// It was used before; what came of it then, if anything, is revoked now.
    UsedBefore,
    /// It is used up, but all that the client has was revoked since, whoever consented may no longer, or the tenant is gone.
    Withdrawn,
}

impl TenantConn<'_> {
    /// Redeems a code, once: of any number of attempts side by side one finds it unused. `reuse` is recorded in place of `event`
    /// when it was used before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn redeem_authorization_code(
        &mut self,
        redemption: &Redemption<'_>,
        event: &AuditEvent,
        reuse: impl Fn(Option<Uuid>) -> AuditEvent,
    ) -> Result<Redeemed, Error> {
        let audit = Draft::new(self.caller, event);
        let caller = self.caller;
        let tenant = self.tenant().0;
        let Redemption { grant_id, now, .. } = *redemption;
        self.transaction(|pg| {
            let code = || {
                authorization_codes::table
                    .filter(authorization_codes::tenant_id.eq(tenant))
                    .filter(authorization_codes::id.eq(redemption.code_id))
            };
            let unused = code().filter(authorization_codes::redeemed_at.is_null());
            let change = (authorization_codes::redeemed_at.eq(now), authorization_codes::grant_id.eq(grant_id));
            if diesel::update(unused).set(change).execute(pg)? == 0 {
                let former = code().select(authorization_codes::grant_id).first::<Option<Uuid>>(pg).optional()?;
                let former = former.flatten();
                if let Some(former) = former {
                    revoke(pg, tenant, former, now)?;
                }
                Draft::new(caller, &reuse(former)).insert(pg)?;
                return Ok(Redeemed::UsedBefore);
            }
            // Whoever revokes all that the client has waits for this, or this for that: no grant comes of a consent from before.
            let mark = oauth_clients::table
                .filter(oauth_clients::id.eq(redemption.client_id))
                .select(oauth_clients::tokens_not_before)
                .for_no_key_update()
                .first::<Clamped<Option<DateTime<Utc>>>>(pg)?;
            let mark: Option<DateTime<Utc>> = mark.into();
            if mark.is_some_and(|mark| redemption.consented_at <= mark) {
                return Ok(Redeemed::Withdrawn);
            }
            let email = administrators::table
                .filter(administrators::id.eq(redemption.administrator_id))
                .filter(administrators::disabled_at.is_null())
                .select(administrators::email)
                .first::<String>(pg)
                .optional()?;
            let there = tenants::table.find(tenant).select(tenants::id).first::<Uuid>(pg).optional()?;
            let (Some(email), Some(_)) = (email, there) else {
                return Ok(Redeemed::Withdrawn);
            };
            let grant = GrantRow {
                tenant_id: tenant,
                id: grant_id,
                client_id: redemption.client_id.to_owned(),
                administrator_id: redemption.administrator_id,
                administrator_email: email,
                scopes: redemption.scopes.to_vec(),
                created_at: now,
                last_used_at: None,
                revoked_at: None,
            };
            diesel::insert_into(oauth_grants::table).values(&grant).execute(pg)?;
            if let Some(token) = redemption.refresh_token {
                diesel::insert_into(refresh_tokens::table).values(token).execute(pg)?;
            }
            clients::used(pg, redemption.client_id, redemption.secret_id, now)?;
            audit.insert(pg)?;
            Ok(Redeemed::Granted)
        })
    }

    /// A page of the grants of a client, the newest first: of the tenant, or of all tenants for a client of the catalogue, where there
    /// is no tenant. `before` is the time and id of the last one of the page before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn client_grants(
        &mut self,
        client: &str,
        before: Option<(DateTime<Utc>, Uuid)>,
        limit: i64,
    ) -> Result<Vec<GrantRow>, Error> {
        use oauth_grants::{created_at, id};
        let mut query = self.grants_of(client).order((created_at.desc(), id.desc())).limit(limit);
        if let Some((at, last)) = before {
            query = query.filter(created_at.lt(at).or(created_at.eq(at).and(id.lt(last))));
        }
        let result = query.select(GrantRow::as_select()).load(self.pg);
        self.done(result)
    }

    /// A grant of a client, whichever tenant it is for where there is no tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn client_grant(&mut self, client: &str, id: Uuid) -> Result<Option<GrantRow>, Error> {
        let query = self.grants_of(client).filter(oauth_grants::id.eq(id)).select(GrantRow::as_select());
        let result = query.first(self.pg).optional();
        self.done(result)
    }

    /// How many grants of a client are not revoked, counting no further than `most`.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn living_grants(&mut self, client: &str, most: i64) -> Result<usize, Error> {
        let query = self.grants_of(client).filter(oauth_grants::revoked_at.is_null()).limit(most);
        let result = query.select(oauth_grants::id).load::<Uuid>(self.pg);
        self.done(result).map(|ids| ids.len())
    }

    fn grants_of(&self, client: &str) -> oauth_grants::BoxedQuery<'static, diesel::pg::Pg> {
        let query = oauth_grants::table.filter(oauth_grants::client_id.eq(client.to_owned())).into_boxed();
        match self.tenant() {
            TenantId::NONE => query,
            TenantId(tenant) => query.filter(oauth_grants::tenant_id.eq(tenant)),
        }
    }

    /// Revokes a grant. `false` when there is none of this id, or it was revoked before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn revoke_grant(&mut self, id: Uuid, now: DateTime<Utc>, event: &AuditEvent) -> Result<bool, Error> {
        let tenant = self.tenant().0;
        self.change(event, |pg| revoke(pg, tenant, id, now))
    }
}

/// Revokes a grant that is not revoked.
pub(super) fn revoke(pg: &mut PgConnection, tenant: Uuid, id: Uuid, now: DateTime<Utc>) -> QueryResult<bool> {
    let living = oauth_grants::table
        .filter(oauth_grants::tenant_id.eq(tenant))
        .filter(oauth_grants::id.eq(id))
        .filter(oauth_grants::revoked_at.is_null());
    Ok(diesel::update(living).set(oauth_grants::revoked_at.eq(now)).execute(pg)? > 0)
}
