//! Walks through the wizard that connects an identity provider, and what the provider has asked for since.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use serde_json::Value;
use uuid::Uuid;

use super::TenantConn;
use super::audit_events::Draft;
use super::error::Error;
use super::requests::{FAILURE, RequestRow};
use super::schema::{connect_runs, header_tokens, oauth_clients, requests, tenants};
use super::time::Clamped;
use crate::audit::AuditEvent;
use crate::id::TenantId;

/// How many requests of each kind are looked at.
const REQUESTS: i64 = 40;
/// How many failures are looked at, of the credential and of unknown callers.
const FAILURES: i64 = 20;

/// A walk as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = connect_runs)]
pub struct ConnectRunRow {
    /// The tenant that is connected.
    pub tenant_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// The kind of identity provider.
    pub provider: String,
    /// How it authenticates.
    pub method: String,
    /// When it was started.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub started_at: DateTime<Utc>,
    /// The e-mail address of whoever started it.
    pub started_by: String,
    /// Counts what was made.
    pub version: i32,
    /// The header token or OAuth client that was made.
    pub credential_id: Option<String>,
    /// When the secret was made that is in use.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub made_at: Option<DateTime<Utc>>,
    /// What the server found when it last called itself.
    pub self_test: Option<Value>,
    /// The account of whoever started it.
    pub starter_id: Option<Uuid>,
}

/// The credential of a walk as it is now: a header token, or an OAuth client, or none yet.
#[derive(Debug, Clone, Queryable)]
pub struct CredentialState {
    /// The token's name.
    pub token_name: Option<String>,
    /// When the token ends.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub revoked_at: Option<DateTime<Utc>>,
    /// The token that replaces it.
    pub rotated_to: Option<String>,
    /// The client's name.
    pub client_name: Option<String>,
    /// Where the client takes people back.
    pub redirect_uris: Option<Vec<String>>,
    /// When it was disabled.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub disabled_at: Option<DateTime<Utc>>,
}

/// A request, as far as it shows how far a connection has come.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct SeenRequest {
    /// The tenant; nil for a request of an unknown caller.
    pub tenant_id: Uuid,
    /// Its id in the log.
    pub id: Uuid,
    /// When it came.
    pub at: DateTime<Utc>,
    /// Its method.
    pub method: String,
    /// Its path below the base URL.
    pub path: String,
    /// Its query.
    pub query: Option<String>,
    /// What was asked for.
    pub operation: String,
    /// How it went.
    pub outcome: String,
    /// The status that was answered.
    pub status: i16,
    /// The type of the resource.
    pub resource_type: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// Whether the answer says that nothing was found; not known where bodies are not kept.
    pub is_empty: Option<bool>,
}

/// The requests that fulfil a condition, some of the first or the last of them.
macro_rules! seen {
    ($condition:expr, $order:expr, $limit:expr) => {
        requests::table.filter($condition).order($order).limit($limit).select((
            requests::tenant_id,
            requests::id,
            requests::at,
            requests::method,
            requests::path,
            requests::query,
            requests::operation,
            requests::outcome,
            requests::status,
            requests::resource_type,
            requests::address,
            // As our own answers write it.
            requests::response_body.like("%\"totalResults\":0,%"),
        ))
    };
}

/// Whether this account started a walk; without one, always.
macro_rules! started_by {
    ($starter:expr) => {
        connect_runs::starter_id.eq($starter).or($starter.is_none().into_sql::<Bool>())
    };
}

/// All walks, each with its credential.
macro_rules! with_credential {
    () => {{
        let token = header_tokens::id
            .nullable()
            .eq(connect_runs::credential_id)
            .and(header_tokens::tenant_id.eq(connect_runs::tenant_id));
        let client = oauth_clients::id
            .nullable()
            .eq(connect_runs::credential_id)
            .and(oauth_clients::tenant_id.eq(connect_runs::tenant_id));
        connect_runs::table.left_join(header_tokens::table.on(token)).left_join(oauth_clients::table.on(client)).select(
            (
                ConnectRunRow::as_select(),
                (
                    header_tokens::name.nullable(),
                    header_tokens::expires_at.nullable(),
                    header_tokens::revoked_at.nullable(),
                    header_tokens::rotated_to.nullable(),
                    oauth_clients::name.nullable(),
                    oauth_clients::redirect_uris.nullable(),
                    oauth_clients::disabled_at.nullable(),
                ),
            ),
        )
    }};
}

impl TenantConn<'_> {
    /// The walks of the tenant before this one, each with its credential as it is now, the newest first; with a `starter`, those that this account started.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn connect_runs(
        &mut self,
        starter: Option<Uuid>,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<(ConnectRunRow, CredentialState)>, Error> {
        let query = with_credential!()
            .filter(connect_runs::tenant_id.eq(self.tenant().0))
            .filter(started_by!(starter))
            .filter(connect_runs::id.lt(before.unwrap_or(Uuid::max())))
            .order(connect_runs::id.desc())
            .limit(limit);
        let result = query.load(self.pg);
        self.done(result)
    }

    /// One walk of the tenant, with its credential as it is now; with a `starter`, if this account started it.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn connect_run(
        &mut self,
        starter: Option<Uuid>,
        id: Uuid,
    ) -> Result<Option<(ConnectRunRow, CredentialState)>, Error> {
        let query = with_credential!()
            .filter(connect_runs::tenant_id.eq(self.tenant().0))
            .filter(connect_runs::id.eq(id))
            .filter(started_by!(starter));
        let result = query.first(self.pg).optional();
        self.done(result)
    }

    /// Inserts a walk. `false`, and nothing changed, when there is one of this id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn insert_connect_run(&mut self, row: &ConnectRunRow, event: &AuditEvent) -> Result<bool, Error> {
        self.change(event, |pg| {
            Ok(diesel::insert_into(connect_runs::table).values(row).on_conflict_do_nothing().execute(pg)? > 0)
        })
    }

    /// Takes the right to make the next credential or secret of a walk, which only one of several gets who have seen this version.
    /// Not audited: nothing is made yet.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn claim_connect_run(&mut self, id: Uuid, version: i32) -> Result<bool, Error> {
        let same = connect_runs::table.find((self.tenant().0, id)).filter(connect_runs::version.eq(version));
        let result = diesel::update(same).set(connect_runs::version.eq(version + 1)).execute(self.pg);
        self.done(result).map(|rows| rows > 0)
    }

    /// Records what was made in a walk.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_connect_credential(
        &mut self,
        id: Uuid,
        credential_id: &str,
        made_at: DateTime<Utc>,
        event: &AuditEvent,
    ) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        let changes = (connect_runs::credential_id.eq(credential_id), connect_runs::made_at.eq(made_at));
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            diesel::update(connect_runs::table.find((tenant, id))).set(changes).execute(pg)?;
            audit.insert(pg)
        })
    }

    /// Records what the server found when it called itself.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_connect_self_test(&mut self, id: Uuid, found: &Value, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let run = connect_runs::table.find((tenant, id));
            diesel::update(run).set(connect_runs::self_test.eq(found)).execute(pg)?;
            audit.insert(pg)
        })
    }

    /// What a credential was used for since `since`, some of the first requests of each kind, and some of the last; what failed last;
    /// and who was refused, in this tenant or by no tenant at all. The latter are shown where `all_unknown` says so, or there is no other tenant that they might
    /// have meant. In no particular order, some of them twice.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn connect_requests(
        &mut self,
        credential_id: &str,
        since: DateTime<Utc>,
        all_unknown: bool,
    ) -> Result<Vec<SeenRequest>, Error> {
        let tenant = self.tenant().0;
        // The least id of that moment.
        let since = Uuid::from_u128(u128::from(since.timestamp_millis().unsigned_abs()) << 80);
        let of = |operation: &'static str, resource_type: &'static str| {
            requests::tenant_id
                .eq(tenant)
                .and(requests::actor_id.eq(credential_id))
                .and(requests::operation.eq(operation))
                .and(requests::resource_type.eq(resource_type))
                .and(requests::id.ge(since))
        };
        let failed = |tenant: Uuid| requests::tenant_id.eq(tenant).and(requests::id.ge(since)).and(FAILURE);
        let refused = failed(tenant).and(requests::outcome.eq("unauthenticated"));
        let own_failures = failed(tenant).and(requests::actor_id.eq(credential_id));
        let others = exists(tenants::table.filter(tenants::id.ne(tenant)).select(tenants::id));
        let unknown = failed(TenantId::NONE.0).and(not(others).or(all_unknown.into_sql::<Bool>()));
        let first = requests::id.asc();
        let last = requests::id.desc();
        let query = seen!(of("query", "User"), first, REQUESTS)
            .union_all(seen!(of("query", "User"), last, REQUESTS))
            .union_all(seen!(of("create", "User"), first, REQUESTS))
            .union_all(seen!(of("replace", "User"), first, REQUESTS))
            .union_all(seen!(of("modify", "User"), first, REQUESTS))
            .union_all(seen!(of("deactivate", "User"), first, REQUESTS))
            .union_all(seen!(of("create", "Group"), first, REQUESTS))
            .union_all(seen!(of("replace", "Group"), first, REQUESTS))
            .union_all(seen!(of("modify", "Group"), first, REQUESTS))
            .union_all(seen!(of("modify", "User"), last, 1))
            .union_all(seen!(of("create", "User"), last, 1))
            .union_all(seen!(of("replace", "User"), last, 1))
            .union_all(seen!(own_failures, last, FAILURES))
            .union_all(seen!(refused, last, FAILURES))
            .union_all(seen!(unknown, last, FAILURES));
        let result = query.load(self.pg);
        self.done(result)
    }

    /// Requests of the log in full, of the tenant or of unknown callers.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn connect_failures(&mut self, ids: &[Uuid]) -> Result<Vec<RequestRow>, Error> {
        let query = requests::table
            .filter(requests::tenant_id.eq_any([self.tenant().0, TenantId::NONE.0]))
            .filter(requests::id.eq_any(ids))
            .select(RequestRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }
}
