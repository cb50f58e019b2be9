//! What can go wrong in the database, as the layers above need to know it.

use diesel::result::{DatabaseErrorKind, Error as Diesel};

use crate::scim::error::{ErrorKind, ScimError};

/// Seconds after which a client may try again when the database is away.
pub const RETRY_AFTER_SECONDS: u32 = 2;

/// A failed database operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A constraint refused the row.
    #[error("constraint {constraint} refused the row")]
    Conflict {
        /// Its name in the migrations.
        constraint: String,
    },
    /// There is no connection, or it broke.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The statement took longer than it may.
    #[error("the statement took too long")]
    Timeout,
    /// The database is there but cannot do it now: a lock is held for long, or the disk is full.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The transaction was rolled back because of another one, and may be tried again.
    #[error("rolled back because of a concurrent transaction: {0}")]
    RolledBack(String),
    /// Nobody comes into the tenant: it is suspended, to be deleted, or gone.
    #[error("the tenant is suspended, or is to be deleted")]
    Closed,
    /// Anything else is a fault of ours.
    #[error(transparent)]
    Database(Diesel),
}

impl Error {
    /// Whether a form was sent that has made what it makes before.
    #[must_use]
    pub fn is_second_submission(&self) -> bool {
        matches!(self, Self::Conflict { constraint } if constraint == "submitted_forms_pkey")
    }
}

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        let Diesel::DatabaseError(kind, information) = &error else {
            return match error {
                Diesel::BrokenTransactionManager => Self::Unavailable("transaction lost".into()),
                other => Self::Database(other),
            };
        };
        match kind {
            DatabaseErrorKind::UniqueViolation => {
                Self::Conflict { constraint: information.constraint_name().unwrap_or_default().to_owned() }
            }
            // Read-only is what a primary becomes that was demoted; the next connection finds the new one.
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ReadOnlyTransaction => Self::Unavailable(information.message().to_owned()),
            // The only foreign keys that requests run into are those of edges: one of their ends was deleted a moment ago.
            DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::ForeignKeyViolation => {
                Self::RolledBack(information.message().to_owned())
            }
            DatabaseErrorKind::Unknown if information.message().contains("deadlock detected") => {
                Self::RolledBack(information.message().to_owned())
            }
            DatabaseErrorKind::Unknown if information.message().contains("statement timeout") => Self::Timeout,
            DatabaseErrorKind::Unknown if says(information.message(), &BUSY) => {
                Self::Busy(information.message().to_owned())
            }
            DatabaseErrorKind::Unknown if says(information.message(), &LOST) => {
                Self::Unavailable(information.message().to_owned())
            }
            _ => Self::Database(error),
        }
    }
}

/// What Postgres and libpq say when the server went away, starts or stops, or has no connection left.
const LOST: [&str; 7] = [
    "terminating connection",
    "server closed the connection",
    "connection to server",
    "no connection to the server",
    "could not receive data",
    "could not send data",
    "the database system is",
];
/// What Postgres says when a lock did not come free, and when the disk is full. The connection is sound, and trying again at once
/// would only wait again.
const BUSY: [&str; 2] = ["lock timeout", "No space left"];

fn says(message: &str, signs: &[&str]) -> bool {
    signs.iter().any(|sign| message.contains(sign))
}

impl From<Error> for ScimError {
    fn from(error: Error) -> Self {
        let (kind, detail) = match &error {
            Error::Conflict { constraint } if constraint == "resources_unique_name" => {
                (ErrorKind::Uniqueness, "another resource has this name already")
            }
            Error::Conflict { .. } | Error::Closed | Error::Database(_) => {
                (ErrorKind::Internal, "the server failed to carry out the request")
            }
            Error::Unavailable(_) => (ErrorKind::Unavailable, "the database is not available; try again"),
            Error::Timeout | Error::Busy(_) | Error::RolledBack(_) => {
                (ErrorKind::Unavailable, "the database is busy; try again")
            }
        };
        Self::new(kind, detail).caused_by(error)
    }
}
