//! What copying a whole database and bringing it back need to ask of it.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::error::Error;
use super::migrate::{LOCK, UNLOCK};
use super::pool::connect;

/// A transaction that sees one moment for as long as it takes.
const SNAPSHOT: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Rows of what matters most.
const COUNTS: &str = "SELECT 'tenants' AS name, count(*) AS number FROM tenants
    UNION ALL SELECT 'users', count(*) FROM resources WHERE resource_type = 'User'
    UNION ALL SELECT 'groups', count(*) FROM resources WHERE resource_type = 'Group'
    UNION ALL SELECT 'resources', count(*) FROM resources
    UNION ALL SELECT 'memberships', count(*) FROM memberships
    UNION ALL SELECT 'headerTokens', count(*) FROM header_tokens
    UNION ALL SELECT 'oauthClients', count(*) FROM oauth_clients
    UNION ALL SELECT 'administrators', count(*) FROM administrators
    UNION ALL SELECT 'auditEntries', count(*) FROM audit_events";
const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace) AS answer";
/// Privileges are not copied, because they name roles. These are those that the migrations leave, on the tables that the copy has.
const APPEND_ONLY: &str = "DO $$
    DECLARE name text;
    BEGIN
        FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relname IN ('audit_events', 'audit_seals', 'audit_checkpoints', 'audit_checkpoint_signatures')
        LOOP
            EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM PUBLIC, CURRENT_USER', name);
        END LOOP;
    END $$";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    answer: bool,
}

define_sql_function! {
    /// The name under which other transactions see what this one sees.
    fn pg_export_snapshot() -> Text;
}

/// A moment of a database, for as long as this lives.
pub struct Snapshot {
    pg: PgConnection,
    name: String,
}

impl Snapshot {
    /// Holds on to the present moment.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn take(url: &str) -> Result<Self, Error> {
        let mut pg = connect(url)?;
        pg.batch_execute(SNAPSHOT)?;
        let name = diesel::select(pg_export_snapshot()).get_result(&mut pg)?;
        Ok(Self { pg, name })
    }

    /// The name by which `pg_dump` finds it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows there are of what matters most.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn counts(&mut self) -> Result<BTreeMap<String, i64>, Error> {
        counts(&mut self.pg)
    }
}

/// An empty database that nobody else may fill meanwhile: a server that starts waits.
pub struct Target {
    pg: PgConnection,
}

impl Target {
    /// Reserves the database. `None` when it is not empty.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn reserve(url: &str) -> Result<Option<Self>, Error> {
        let mut pg = connect(url)?;
        pg.batch_execute(LOCK)?;
        let empty: Answer = diesel::sql_query(IS_EMPTY).get_result(&mut pg)?;
        Ok(empty.answer.then_some(Self { pg }))
    }

    /// Finishes what was brought back, and lets others at it. Returns how many rows there are of what matters most.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn release(mut self) -> Result<BTreeMap<String, i64>, Error> {
        self.pg.batch_execute(APPEND_ONLY)?;
        let counts = counts(&mut self.pg)?;
        self.pg.batch_execute(UNLOCK)?;
        Ok(counts)
    }
}

fn counts(pg: &mut PgConnection) -> Result<BTreeMap<String, i64>, Error> {
    let rows: Vec<Count> = diesel::sql_query(COUNTS).load(pg)?;
    Ok(rows.into_iter().map(|row| (row.name, row.number)).collect())
}
