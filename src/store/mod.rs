//! All SQL. The way in is [`Store::run`], which takes a [`Caller`] and gives a [`TenantConn`]: every query it offers is
//! bound to the caller's tenant, and every change takes the [`AuditEvent`] that is written in the same statement or
//! transaction. [`Store::gate`] is the short list of look-ups that come before a tenant is known.
//!
//! [`AuditEvent`]: crate::audit::AuditEvent

mod audit_events;
pub mod cluster;
mod condition;
mod error;
mod header_tokens;
mod listing;
mod migrate;
mod pool;
mod predicate;
mod resources;
mod schema;
mod tenants;
mod walks;

use diesel::result::QueryResult;
use diesel::{Connection, PgConnection};

use crate::auth::Caller;
use crate::id::TenantId;

pub use audit_events::{AuditRow, Refused};
pub use error::{Error, RETRY_AFTER_SECONDS};
pub use header_tokens::{StoredToken, TokenRow, TokenUse};
pub use listing::{Page, PageRequest};
pub use migrate::{MigrationError, migrate};
pub use pool::{CHECKOUT_TIMEOUT, connect};
pub use resources::{Precondition, ResourceRow, StoredResource};
pub use tenants::TenantRow;

use pool::Pool;
use walks::Walks;

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

    /// Runs `work` on a connection that is bound to the caller's tenant.
    ///
    /// # Errors
    /// Those of `work`, and [`Error::Unavailable`] when there is no connection.
    pub fn run<T, E: From<Error>>(
        &self,
        caller: &Caller,
        work: impl FnOnce(&mut TenantConn<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut loan = self.pool.get()?;
        let mut tenant = TenantConn { pg: &mut loan.pg, caller, walks: &self.walks, lost: false };
        let result = work(&mut tenant);
        if tenant.lost {
            loan.discard();
        }
        result
    }

    /// Runs `work`, which only reads, and once more when the connection turns out to be dead.
    ///
    /// # Errors
    /// Those of `work`, and [`Error::Unavailable`] when there is no connection.
    pub fn read<T, E: From<Error>>(
        &self,
        caller: &Caller,
        mut work: impl FnMut(&mut TenantConn<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut lost = false;
        let first = self.run(caller, |tenant| {
            let result = work(tenant);
            lost = tenant.lost;
            result
        });
        if lost { self.run(caller, work) } else { first }
    }

    /// Runs one of the look-ups that precede a tenant.
    ///
    /// # Errors
    /// Those of `work`, and [`Error::Unavailable`] when there is no connection.
    pub fn gate<T>(&self, work: impl Fn(&mut Gate<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let attempt = || {
            let mut loan = self.pool.get()?;
            let result = work(&mut Gate { pg: &mut loan.pg });
            if matches!(result, Err(Error::Unavailable(_))) {
                loan.discard();
            }
            result
        };
        match attempt() {
            Err(Error::Unavailable(_)) => attempt(),
            result => result,
        }
    }
}

/// A connection bound to a caller and thereby to a tenant.
pub struct TenantConn<'c> {
    pg: &'c mut PgConnection,
    caller: &'c Caller,
    walks: &'c Walks,
    lost: bool,
}

impl TenantConn<'_> {
    /// The tenant that every query is bound to.
    fn tenant(&self) -> TenantId {
        self.caller.principal.tenant()
    }

    /// Translates the result of an operation and remembers whether the connection is gone.
    fn done<T>(&mut self, result: QueryResult<T>) -> Result<T, Error> {
        result.map_err(|error| {
            let error = Error::from(error);
            self.lost |= matches!(error, Error::Unavailable(_));
            error
        })
    }

    /// Runs several statements as one transaction; an error rolls all back.
    fn transaction<T>(&mut self, work: impl FnOnce(&mut PgConnection) -> QueryResult<T>) -> Result<T, Error> {
        let result = self.pg.transaction(work);
        self.done(result)
    }
}

/// A connection without a tenant, for the look-ups that find one.
pub struct Gate<'c> {
    pg: &'c mut PgConnection,
}
