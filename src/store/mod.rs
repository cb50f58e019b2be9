//! All SQL. The way in is [`Store::run`], which takes a [`Caller`] and gives a [`TenantConn`]: every query it offers is
//! bound to the caller's tenant, and every change takes the [`AuditEvent`] that is written in the same statement or
//! transaction. [`Store::gate`] is the short list of look-ups that come before a tenant is known.
//!
//! [`AuditEvent`]: crate::audit::AuditEvent

mod access;
mod administrators;
mod audit_events;
mod audit_seals;
mod authorization_codes;
pub mod citus;
mod client_secrets;
mod clients;
pub mod cluster;
mod columns;
mod condition;
mod connect_runs;
mod copy;
mod definitions;
mod edges;
mod erasure;
mod error;
mod expired;
mod grants;
mod groups;
mod header_tokens;
mod inspection;
mod installation;
mod invitations;
mod lead;
mod listing;
mod memberships;
mod migrate;
mod pool;
mod predicate;
mod refresh_tokens;
mod replacement;
mod request_counts;
mod requests;
mod resources;
mod revoked_access_tokens;
mod schema;
mod search;
mod secrets;
mod select_stretch;
mod sessions;
mod setup_links;
mod signing_keys;
mod sort_key;
mod sso;
mod stretch;
mod submitted_forms;
mod tenants;
mod throttles;
mod time;
mod totp_secrets;
mod walks;

use diesel::connection::SimpleConnection;
use diesel::result::QueryResult;
use diesel::{Connection, PgConnection};

use crate::auth::Caller;
use crate::id::TenantId;

pub use access::{Access, AccessQuestion, GrantState};
pub use administrators::{AdministratorRow, RoleChanged};
pub use audit_events::{AuditFilter, AuditPage, AuditRow, AuditStart, NamedEntry, Refused};
pub use audit_seals::{
    Batch, BreakRow, ChainEnd, ChainRow, Checked, CheckpointRow, CheckpointSignatureRow, Coverage, Link, SealRow,
    Sealed, Signed,
};
pub use authorization_codes::AuthorizationCodeRow;
pub use client_secrets::{ClientSecretRow, SecretRotated};
pub use clients::{ClientChanges, ClientRow};
pub use connect_runs::{ConnectRunRow, CredentialState, SeenRequest};
pub use copy::{Snapshot, Target};
pub use definitions::StoredDefinitions;
pub use edges::edge_predicate;
pub use error::{Error, RETRY_AFTER_SECONDS};
pub use expired::Expired;
pub use grants::{GrantRow, Redeemed, Redemption};
pub use groups::{EdgePredicate, GroupChange, GroupChanged, Joining, Leaving};
pub use header_tokens::{
    StoredToken, TokenCallerRow, TokenChanges, TokenFilter, TokenQuery, TokenRow, TokenState, TokenUse, TokenUser,
};
pub use inspection::{EndingCredential, Inspection, Rights, SealState, ServerFacts};
pub use installation::{DatabaseFacts, InstallationRow};
pub use invitations::InvitationRow;
pub use lead::Lead;
pub use listing::{Anchor, Page, PageRequest, Selection, Start};
pub use memberships::{MemberPage, MemberRow};
pub use migrate::{MigrationError, SchemaState, migrate, newest_version};
pub use pool::{CHECKOUT_TIMEOUT, PoolState, connect};
pub use refresh_tokens::{Exchange, Exchanged, RefreshTokenRow};
pub use replacement::{Ended, Endings, Replacement};
pub use request_counts::{RequestCountRow, RequestsInStep, RequestsOfCredential, Step, UserCountRow};
pub use requests::{RequestFilter, RequestPlace, RequestRow};
pub use resources::{ResourceRow, StoredResource, Wanted};
pub use search::{CANDIDATES, Search};
pub use sessions::{FoundSession, SecondFactor, SessionRow};
pub use setup_links::SetupLinkRow;
pub use signing_keys::SigningKeyRow;
pub use sso::{Arrival, ArrivalEvents, SsoProviderRow};
pub use tenants::{NewTenant, TenantCounts, TenantPage, TenantRow, TenantState};
pub use throttles::ThrottleRow;
pub use totp_secrets::TotpRow;

use pool::Pool;
use walks::Walks;

/// For a transaction that changes a large group, or reads what such changes left in the audit log; less than the minute for which identity providers wait.
const PATIENCE: &str = "SET LOCAL statement_timeout = '50s'";
/// How long a search may take that no index helps.
const HASTE: &str = "SET LOCAL statement_timeout = '2s'";
/// How often something is tried that failed through no fault of its own.
const ATTEMPTS: u32 = 3;

/// The database.
#[derive(Debug)]
pub struct Store {
    pool: Pool,
    walks: Walks,
}

impl Store {
    /// Connects to the database at `url` with at most `connections` connections.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be reached.
    pub fn open(url: &str, connections: u32) -> Result<Self, Error> {
        Ok(Self { pool: Pool::open(url, connections)?, walks: Walks::default() })
    }

    /// A look at the database by a connection of its own, however busy the others are.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be reached.
    pub fn inspect(&self) -> Result<Inspection, Error> {
        Inspection::open(self.pool.url())
    }

    /// How the connections are doing.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        self.pool.state()
    }

    /// Runs `work` on a connection that is bound to the caller's tenant; again where Postgres rolled it back because of a
    /// concurrent transaction.
    ///
    /// # Errors
    /// Those of `work`, and [`Error::Unavailable`] when there is no connection.
    pub fn run<T, E: From<Error>>(
        &self,
        caller: &Caller,
        work: impl FnMut(&mut TenantConn<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.attempt(caller, work, |trouble| trouble == Trouble::RolledBack)
    }

    /// Runs `work`, which only reads, and again when the connection turns out to be dead.
    ///
    /// # Errors
    /// Those of `work`, and [`Error::Unavailable`] when there is no connection.
    pub fn read<T, E: From<Error>>(
        &self,
        caller: &Caller,
        work: impl FnMut(&mut TenantConn<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.attempt(caller, work, |trouble| trouble != Trouble::None)
    }

    fn attempt<T, E: From<Error>>(
        &self,
        caller: &Caller,
        mut work: impl FnMut(&mut TenantConn<'_>) -> Result<T, E>,
        again: impl Fn(Trouble) -> bool,
    ) -> Result<T, E> {
        let mut attempts = 1;
        loop {
            let mut loan = self.pool.get()?;
            let mut tenant =
                TenantConn { pg: &mut loan.pg, caller, walks: &self.walks, trouble: Trouble::None, alone: true };
            let result = work(&mut tenant);
            let trouble = tenant.trouble;
            if trouble == Trouble::Lost {
                loan.discard();
            }
            if result.is_ok() || attempts == ATTEMPTS || !again(trouble) {
                return result;
            }
            attempts += 1;
        }
    }

    /// Runs one of the few statements that belong to no tenant; again when the connection turns out to be dead, so it must do no
    /// harm when it was carried out before.
    ///
    /// # Errors
    /// Those of `work`, and [`Error::Unavailable`] when there is no connection.
    pub fn gate<T>(&self, work: impl Fn(&mut Gate<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let mut attempts = 1;
        loop {
            let mut loan = self.pool.get()?;
            let result = work(&mut Gate { pg: &mut loan.pg });
            if !matches!(result, Err(Error::Unavailable(_))) {
                return result;
            }
            loan.discard();
            if attempts == ATTEMPTS {
                return result;
            }
            attempts += 1;
        }
    }
}

/// What happened to a connection while it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// It is gone.
    Lost,
    /// Its transaction was rolled back because of another one.
    RolledBack,
}

/// A connection bound to a caller and thereby to a tenant.
pub struct TenantConn<'c> {
    pg: &'c mut PgConnection,
    caller: &'c Caller,
    walks: &'c Walks,
    trouble: Trouble,
    /// Whether each statement is a transaction of its own.
    alone: bool,
}

impl TenantConn<'_> {
    /// The tenant that every query is bound to.
    fn tenant(&self) -> TenantId {
        self.caller.principal.tenant()
    }

    /// Translates the result of an operation and remembers what happened to the connection.
    fn done<T>(&mut self, result: QueryResult<T>) -> Result<T, Error> {
        result.map_err(|error| {
            let error = Error::from(error);
            self.trouble = match error {
                Error::Unavailable(_) => Trouble::Lost,
                Error::RolledBack(_) => Trouble::RolledBack,
                _ => self.trouble,
            };
            error
        })
    }

    /// Runs several statements as one transaction; an error rolls all back.
    fn transaction<T>(&mut self, work: impl FnOnce(&mut PgConnection) -> QueryResult<T>) -> Result<T, Error> {
        let result = self.pg.transaction(work);
        self.done(result)
    }

    /// Runs a statement that changes one group, and once more with [`PATIENCE`] when it was cut off: a group has no largest size, and
    /// most changes are small and shall not pay for a transaction around them.
    fn patiently<T>(&mut self, statement: impl Fn(&mut PgConnection) -> QueryResult<T>) -> Result<T, Error> {
        let result = statement(self.pg);
        match self.done(result) {
            Err(Error::Timeout) if self.alone => self.transaction(|pg| {
                pg.batch_execute(PATIENCE)?;
                statement(pg)
            }),
            other => other,
        }
    }

    /// Runs a statement that looks for what perhaps no index leads to, within a time of its own.
    fn within<T>(
        &mut self,
        bound: &str,
        statement: impl FnOnce(&mut PgConnection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        self.transaction(|pg| {
            pg.batch_execute(bound)?;
            statement(pg)
        })
    }

    /// Runs `work`, which may fail for reasons of its own, as one transaction; an error rolls all back.
    fn atomically<T, E: From<Error>>(
        &mut self,
        work: impl FnOnce(&mut TenantConn<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        /// Carries an error of `work` through diesel's rollback.
        enum Failure<E> {
            Work(E),
            Sql(diesel::result::Error),
        }
        impl<E> From<diesel::result::Error> for Failure<E> {
            fn from(error: diesel::result::Error) -> Self {
                Self::Sql(error)
            }
        }
        let (caller, walks) = (self.caller, self.walks);
        let mut trouble = self.trouble;
        let result = self.pg.transaction(|pg| {
            let mut inner = TenantConn { pg, caller, walks, trouble, alone: false };
            let result = work(&mut inner);
            trouble = inner.trouble;
            result.map_err(Failure::Work)
        });
        self.trouble = trouble;
        match result {
            Ok(value) => Ok(value),
            Err(Failure::Work(error)) => Err(error),
            Err(Failure::Sql(error)) => self.done(Err(error)).map_err(E::from),
        }
    }
}

/// A connection without a tenant: for the look-ups that find one, and for what the server records about itself.
pub struct Gate<'c> {
    pg: &'c mut PgConnection,
}
