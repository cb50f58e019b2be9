//! What one server at a time does for all that share a database.

use diesel::prelude::*;
use diesel::sql_types::Integer;
use diesel::{define_sql_function, dsl};

use super::error::Error;
use super::pool::connect;
use super::{Gate, Store};

define_sql_function! {
    fn pg_try_advisory_lock(first: Integer, second: Integer) -> Bool;
}

/// What is led, by the lock that stands for it. Migrations and the sealer have others of the same number.
const HOUSEKEEPING: (i32, i32) = (7643, 1);

/// The lead, for as long as this lives and the connection that holds the lock. Where the connection breaks, Postgres gives the lock to
/// another server.
pub struct Lead {
    url: String,
    holder: Option<PgConnection>,
}

impl Store {
    /// Applies for the lead of housekeeping.
    #[must_use]
    pub fn lead(&self) -> Lead {
        Lead { url: self.pool.url().to_owned(), holder: None }
    }
}

impl Lead {
    /// Whether this server leads. It takes the lead where no other has it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be reached.
    pub fn is_ours(&mut self) -> Result<bool, Error> {
        if self.holder.as_mut().is_some_and(|pg| Gate { pg }.ping().is_ok()) {
            return Ok(true);
        }
        self.holder = None;
        let mut pg = connect(&self.url)?;
        let is_free = dsl::select(pg_try_advisory_lock(HOUSEKEEPING.0, HOUSEKEEPING.1)).get_result(&mut pg)?;
        self.holder = Some(pg).filter(|_| is_free);
        Ok(is_free)
    }
}
