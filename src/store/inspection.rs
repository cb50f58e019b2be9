//! A look at a database that changes nothing: what it is, what the role may do in it, and in what state its data is. Each part is asked
//! for by itself, because a database that is out of order does not have all of them.

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use super::Gate;
use super::citus::Distribution;
use super::error::Error;
use super::migrate::{MigrationError, SchemaState};
use super::pool::connect;
use super::schema::{client_secrets, header_tokens, oauth_clients, tenants};
use super::time::Clamped;

/// Tables to which rows are only added.
const APPEND_ONLY: [&str; 4] = ["audit_checkpoint_signatures", "audit_checkpoints", "audit_events", "audit_seals"];
/// Credentials that are told of at most.
const CREDENTIALS: i64 = 100;
/// Every transaction is read-only, whatever is asked.
const READ_ONLY: &str = "SET default_transaction_read_only = on";

/// What the server says of itself.
#[derive(Debug, Clone, QueryableByName)]
pub struct ServerFacts {
    /// The version, as people write it.
    #[diesel(sql_type = Text)]
    pub version: String,
    /// Its first number.
    #[diesel(sql_type = Integer)]
    pub major: i32,
    /// The version of TLS on the connection; none, in clear text.
    #[diesel(sql_type = Nullable<Text>)]
    pub tls: Option<String>,
    /// The database.
    #[diesel(sql_type = Text)]
    pub database: String,
    /// As whom we are there.
    #[diesel(sql_type = Text)]
    pub role: String,
    /// Whether nothing is refused to that role.
    #[diesel(sql_type = Bool)]
    pub is_superuser: bool,
    /// Whether it only follows another server.
    #[diesel(sql_type = Bool)]
    pub is_standby: bool,
    /// How texts are encoded.
    #[diesel(sql_type = Text)]
    pub encoding: String,
    /// Whether what is committed is forced to the disk.
    #[diesel(sql_type = Text)]
    pub fsync: String,
    /// Whether a page that was written in part is restored.
    #[diesel(sql_type = Text)]
    pub full_page_writes: String,
    /// When a commit is told, where a connection does not say otherwise.
    #[diesel(sql_type = Text)]
    pub synchronous_commit: String,
    /// The locale that says in which language messages are.
    #[diesel(sql_type = Text)]
    pub lc_messages: String,
    /// Connections that it takes from everybody.
    #[diesel(sql_type = Integer)]
    pub connections: i32,
    /// Connections that others have.
    #[diesel(sql_type = BigInt)]
    pub others: i64,
    /// What time it has.
    #[diesel(sql_type = Timestamptz)]
    pub now: DateTime<Utc>,
}

impl ServerFacts {
    /// Whether what it says is kept outlives a power cut.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.fsync == "on"
    }

    /// Whether its messages are in English, by which it is known what failed.
    #[must_use]
    pub fn speaks_english(&self) -> bool {
        is_english(&self.lc_messages)
    }

    /// What makes them so. Only a superuser may.
    #[must_use]
    pub fn english_messages(&self) -> String {
        format!("ALTER DATABASE \"{}\" SET lc_messages = 'C'", self.database.replace('"', "\"\""))
    }
}

/// Whether messages are in English in this locale. Without one they are.
fn is_english(locale: &str) -> bool {
    let language = locale.split(['_', '.', '@']).next().unwrap_or_default().to_ascii_lowercase();
    matches!(&*language, "" | "c" | "posix") || language.starts_with("en")
}

const FACTS: &str = "SELECT current_setting('server_version') AS version,
    current_setting('server_version_num')::int / 10000 AS major,
    (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl) AS tls,
    current_database()::text AS database,
    current_user::text AS role,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
    pg_is_in_recovery() AS is_standby,
    current_setting('server_encoding') AS encoding,
    current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes,
    (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit') AS synchronous_commit,
    current_setting('lc_messages') AS lc_messages,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS connections,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'provisor') AS others,
    clock_timestamp() AS now";

/// What the role may do. Names of tables are followed by the right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Rights that the server needs and the role does not have.
    pub missing: Vec<String>,
    /// Rights to change the audit log, which nobody needs.
    pub excessive: Vec<String>,
    /// Triggers that keep the audit log from being changed, and are not there or switched off.
    pub triggers: Vec<String>,
    /// Whether the role owns the audit log, and so can give itself what it does not have.
    pub owns_audit_log: bool,
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

const MISSING: &str = "SELECT relname || ' ' || privilege AS name
    FROM pg_class CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT has_table_privilege(pg_class.oid, privilege)
        AND NOT (relname = ANY($1) AND privilege IN ('UPDATE', 'DELETE'))
        AND NOT (relname LIKE '\\_\\_diesel%' AND privilege IN ('UPDATE', 'DELETE'))
    ORDER BY name";
const EXCESSIVE: &str = "SELECT relname || ' ' || privilege AS name
    FROM pg_class CROSS JOIN unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
    WHERE relnamespace = 'public'::regnamespace AND relname = ANY($1) AND has_table_privilege(pg_class.oid, privilege)
    ORDER BY name";
const TRIGGERS: &str = "SELECT relname || '_append_only' AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relname = ANY($1) AND NOT EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgname = relname || '_append_only' AND tgenabled = 'A')
    ORDER BY name";
const OWNED: &str = "SELECT relname::text AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relname = ANY($1) AND pg_has_role(relowner, 'USAGE')";

const POWERLESS: &str = "SELECT quote_ident(current_user) AS name
    WHERE NOT coalesce(has_schema_privilege(to_regnamespace('public')::oid, 'CREATE'), false)";

/// The role as SQL names it, where it may not make tables.
pub(super) fn powerless_role(pg: &mut PgConnection) -> Result<Option<String>, Error> {
    let row: Option<Named> = diesel::sql_query(POWERLESS).get_result(pg).optional()?;
    Ok(row.map(|row| row.name))
}

/// How the audit log is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, QueryableByName)]
pub struct SealState {
    /// Chains that there are.
    #[diesel(sql_type = BigInt)]
    pub chains: i64,
    /// Those in which a break was found.
    #[diesel(sql_type = BigInt)]
    pub broken: i64,
    /// When the chain that was verified longest ago was verified.
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub verified_at: Option<DateTime<Utc>>,
    /// Entries that wait for their seal.
    #[diesel(sql_type = BigInt)]
    pub waiting: i64,
    /// When the oldest of them was written.
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub waiting_since: Option<DateTime<Utc>>,
}

const SEALS: &str = "SELECT * FROM
    (SELECT count(*) AS chains, count(*) FILTER (WHERE breaks > 0 OR broken_how IS NOT NULL) AS broken, min(complete_at) AS verified_at
        FROM audit_chains) AS chains
    CROSS JOIN (SELECT count(*) AS waiting, min(occurred_at) AS waiting_since FROM audit_unsealed
        LEFT JOIN audit_events ON audit_events.tenant_id = audit_unsealed.tenant_id AND audit_events.id = event_id) AS entries";

/// A credential that ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingCredential {
    /// Whose it is.
    pub tenant: String,
    /// What it is called: the name of a header token, or of the client that a secret belongs to.
    pub name: String,
    /// Whether it is a client secret.
    pub is_secret: bool,
    /// When.
    pub at: DateTime<Utc>,
}

/// The connection by which it is looked.
pub struct Inspection {
    pg: PgConnection,
}

impl Inspection {
    /// Connects to the database at `url`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be reached.
    pub fn open(url: &str) -> Result<Self, Error> {
        let mut pg = connect(url)?;
        pg.batch_execute(READ_ONLY)?;
        Ok(Self { pg })
    }

    /// Asks for an answer.
    ///
    /// # Errors
    /// [`Error`] where there is none.
    pub fn ping(&mut self) -> Result<(), Error> {
        self.pg.batch_execute("SELECT 1").map_err(Error::from)
    }

    /// What the server says of itself.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn facts(&mut self) -> Result<ServerFacts, Error> {
        diesel::sql_query(FACTS).get_result(&mut self.pg).map_err(Error::from)
    }

    /// Which migrations there are.
    ///
    /// # Errors
    /// [`MigrationError`] from the database.
    pub fn schema(&mut self) -> Result<SchemaState, MigrationError> {
        SchemaState::of(&mut self.pg)
    }

    /// How far the tables are from where they belong on a cluster of Citus. `None` where the database is no part of one.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn distribution(&mut self) -> Result<Option<Distribution>, Error> {
        Distribution::of(&mut self.pg)
    }

    /// What the role may do with the tables that there are.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn rights(&mut self) -> Result<Rights, Error> {
        Ok(Rights {
            missing: self.names(MISSING)?,
            excessive: self.names(EXCESSIVE)?,
            triggers: self.names(TRIGGERS)?,
            owns_audit_log: !self.names(OWNED)?.is_empty(),
        })
    }

    fn names(&mut self, query: &'static str) -> Result<Vec<String>, Error> {
        let query = diesel::sql_query(query).bind::<Array<Text>, _>(APPEND_ONLY.as_slice());
        let rows: Vec<Named> = query.load(&mut self.pg)?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }

    /// How the audit log is doing.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn seals(&mut self) -> Result<SealState, Error> {
        diesel::sql_query(SEALS).get_result(&mut self.pg).map_err(Error::from)
    }

    /// Credentials that are taken at `now` and end before `before`, the next one first, a hundred at most.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn ending(&mut self, now: DateTime<Utc>, before: DateTime<Utc>) -> Result<Vec<EndingCredential>, Error> {
        let tokens = header_tokens::table
            .inner_join(tenants::table.on(tenants::id.eq(header_tokens::tenant_id)))
            .filter(header_tokens::revoked_at.is_null())
            .filter(header_tokens::rotated_to.is_null())
            .filter(header_tokens::expires_at.between(now, before))
            .order(header_tokens::expires_at)
            .limit(CREDENTIALS)
            .select((tenants::name, header_tokens::name, header_tokens::expires_at.assume_not_null()));
        let tokens: Vec<(String, String, DateTime<Utc>)> = tokens.load(&mut self.pg)?;
        let secrets = client_secrets::table
            .inner_join(oauth_clients::table.on(oauth_clients::id.eq(client_secrets::client_id)))
            .inner_join(tenants::table.on(tenants::id.eq(oauth_clients::tenant_id)))
            .filter(client_secrets::expires_at.between(now, before))
            .order(client_secrets::expires_at)
            .limit(CREDENTIALS)
            .select((tenants::name, oauth_clients::name, client_secrets::expires_at.assume_not_null()));
        let secrets: Vec<(String, String, DateTime<Utc>)> = secrets.load(&mut self.pg)?;
        let of = |is_secret| move |(tenant, name, at)| EndingCredential { tenant, name, is_secret, at };
        let mut all: Vec<_> = tokens.into_iter().map(of(false)).chain(secrets.into_iter().map(of(true))).collect();
        all.sort_by_key(|credential| credential.at);
        Ok(all)
    }

    /// The look-ups of a server that belong to no tenant.
    pub fn gate(&mut self) -> Gate<'_> {
        Gate { pg: &mut self.pg }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_is_known_by_whatever_name_systems_give_it() {
        for locale in ["", "C", "C.UTF-8", "POSIX", "en", "en_US.UTF-8", "en_GB@euro", "English_United States.1252"] {
            assert!(is_english(locale), "{locale}");
        }
        for locale in ["de_DE.UTF-8", "fr", "ca_ES", "German_Germany.1252", "cs_CZ.utf8", "x-en"] {
            assert!(!is_english(locale), "{locale}");
        }
    }
}
