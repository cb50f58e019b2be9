//! Database connections: r2d2 with settings of our own. Connections are not tested on check-out, which would cost every request
//! a round trip; instead one that has rested is pinged, and one that failed is thrown away.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection as _, PgConnection};

use super::error::Error;
use crate::database_url::with_parameters;

/// How long a request waits for a connection before it is answered 503.
pub const CHECKOUT_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections that are kept although idle.
const MIN_IDLE: u32 = 2;
/// Age at which a connection is replaced.
const MAX_LIFETIME: Duration = Duration::from_mins(30);
/// A connection that rested for longer is pinged before use.
const RESTED: Duration = Duration::from_secs(1);
/// What every connection is told first. Plans are made once for a connection, perhaps when a table is all but empty: a sequential
/// scan chosen then would still be run when the table has grown, and workers would be started for pages of a few rows.
const SESSION: &str = "SET application_name = 'provisor'; SET timezone = 'UTC'; SET datestyle = 'ISO'; SET synchronous_commit = on; SET statement_timeout = '5s'; \
     SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = '10s'; SET jit = off; SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0;";

/// A connection and whether it can still be used.
pub struct Pooled {
    pub(super) pg: PgConnection,
    used: Instant,
    broken: bool,
}

impl Pooled {
    /// Marks the connection as unusable, so that the pool replaces it.
    pub(super) fn discard(&mut self) {
        self.broken = true;
    }
}

/// Opens connections for r2d2.
pub struct Manager {
    url: String,
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = Error;

    fn connect(&self) -> Result<Pooled, Error> {
        Ok(Pooled { pg: connect(&self.url)?, used: Instant::now(), broken: false })
    }

    fn is_valid(&self, connection: &mut Pooled) -> Result<(), Error> {
        connection.pg.batch_execute("SELECT 1").map_err(Error::from)
    }

    fn has_broken(&self, connection: &mut Pooled) -> bool {
        // After a panic it may be in the middle of a transaction, which would take in all that comes after.
        connection.broken || std::thread::panicking()
    }
}

/// A pool of connections, with a circuit breaker: while the database is away nobody waits for a connection. r2d2 goes on trying to
/// open some in the background, and whoever comes first after that takes one and closes the circuit.
pub struct Pool {
    connections: r2d2::Pool<Manager>,
    is_open: AtomicBool,
    failures: AtomicU64,
    url: String,
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        formatter.debug_struct("Pool").field("state", &self.connections.state()).finish_non_exhaustive()
    }
}

/// How a pool is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Connections at most.
    pub most: u32,
    /// Connections that are open.
    pub open: u32,
    /// Those of them that nobody uses.
    pub idle: u32,
    /// How often somebody got none.
    pub failures: u64,
    /// Whether nobody waits for one, because the database is away.
    pub is_away: bool,
}

/// A connection on loan.
pub type Loan = r2d2::PooledConnection<Manager>;

/// Sends r2d2's messages to the log without the URL.
#[derive(Debug)]
struct Log;

impl r2d2::HandleError<Error> for Log {
    fn handle_error(&self, error: Error) {
        log::warn!("database connection: {error}");
    }
}

impl Pool {
    /// Opens a pool of at most `size` connections.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be reached.
    pub fn open(url: &str, size: u32) -> Result<Self, Error> {
        connect(url)?;
        let connections = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(MIN_IDLE.min(size)))
            .connection_timeout(CHECKOUT_TIMEOUT)
            .max_lifetime(Some(MAX_LIFETIME))
            .test_on_check_out(false)
            .error_handler(Box::new(Log))
            .build(Manager { url: url.to_owned() })
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        let is_open = AtomicBool::new(false);
        Ok(Self { connections, is_open, failures: AtomicU64::new(0), url: url.to_owned() })
    }

    /// Where the connections lead.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Borrows a connection that is alive as far as a ping of a rested one can tell.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none within [`CHECKOUT_TIMEOUT`], or none at once while the database is away.
    pub fn get(&self) -> Result<Loan, Error> {
        let loan = self.lend();
        if loan.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        loan
    }

    /// How it is doing.
    pub fn state(&self) -> PoolState {
        let r2d2::State { connections, idle_connections, .. } = self.connections.state();
        PoolState {
            most: self.connections.max_size(),
            open: connections,
            idle: idle_connections,
            failures: self.failures.load(Ordering::Relaxed),
            is_away: self.is_open.load(Ordering::Relaxed),
        }
    }

    fn lend(&self) -> Result<Loan, Error> {
        let deadline = Instant::now() + CHECKOUT_TIMEOUT;
        loop {
            let mut loan = self.borrow()?;
            let now = Instant::now();
            if now.duration_since(loan.used) < RESTED || loan.pg.batch_execute("SELECT 1").is_ok() {
                loan.used = now;
                if self.is_open.swap(false, Ordering::Relaxed) {
                    log::info!("the database is back");
                }
                return Ok(loan);
            }
            loan.discard();
            if now > deadline {
                return Err(Error::Unavailable("no live connection".into()));
            }
        }
    }

    fn borrow(&self) -> Result<Loan, Error> {
        if self.is_open.load(Ordering::Relaxed) {
            return self.connections.try_get().ok_or_else(|| Error::Unavailable("no connection yet".into()));
        }
        self.connections.get().map_err(|error| {
            // Where all connections are in use the database is not away but busy.
            let is_away = self.connections.state().connections < self.connections.max_size();
            if is_away && !self.is_open.swap(true, Ordering::Relaxed) {
                log::error!("the database is away; requests are answered 503 until it is back");
            }
            Error::Unavailable(error.to_string())
        })
    }
}

/// The URL with bounds on how long the network may be silent, where it has none of its own: else a database that vanished would
/// hold every connection for minutes.
fn bounded(url: &str) -> String {
    const BOUNDS: [(&str, &str); 3] =
        [("connect_timeout", "2"), ("keepalives_idle", "30"), ("tcp_user_timeout", "5000")];
    with_parameters(url, &BOUNDS)
}

/// Opens one connection and sets its session up.
///
/// # Errors
/// [`Error::Unavailable`] with libpq's message.
pub fn connect(url: &str) -> Result<PgConnection, Error> {
    let mut pg = PgConnection::establish(&bounded(url)).map_err(|error| Error::Unavailable(error.to_string()))?;
    pg.batch_execute(SESSION)?;
    Ok(pg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_added_where_there_are_none() {
        assert_eq!(
            bounded("postgres:///d?host=/a%20b&connect_timeout=9"),
            "postgres:///d?host=/a%20b&connect_timeout=9&keepalives_idle=30&tcp_user_timeout=5000"
        );
        assert!(bounded("postgres://u:p%40ss@h/d").starts_with("postgres://u:p%40ss@h/d?connect_timeout=2&"));
    }
}
