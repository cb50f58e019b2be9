//! `provisor migrate`.

use super::{Error, output};
use crate::config::Settings;
use crate::private_postgres::Role;
use crate::server::{Database, StartError};
use crate::store::{self, Inspection, MigrationError, SchemaState};

pub(super) fn run(check: bool, settings: &Settings) -> Result<(), Error> {
    let database = if check { Database::existing(settings) } else { Database::open(settings, Role::Command) }?;
    let result = if check { print_pending(&database) } else { apply(&database) };
    let closed = database.close().map_err(|error| Error::Start(error.into()));
    result.and(closed)
}

fn apply(database: &Database) -> Result<(), Error> {
    for name in store::migrate(database.url()).map_err(StartError::from)? {
        output::line(&format!("applied {name}"))?;
    }
    output::line("the schema is up to date")?;
    Ok(())
}

fn print_pending(database: &Database) -> Result<(), Error> {
    let SchemaState { pending, unknown, .. } = Inspection::open(database.url())?.schema().map_err(StartError::from)?;
    if let Some(newest) = unknown.last() {
        return Err(StartError::from(MigrationError::Newer(newest.clone())).into());
    }
    if pending.is_empty() {
        output::line("the schema is up to date")?;
        return Ok(());
    }
    for name in &pending {
        output::line(&format!("pending {name}"))?;
    }
    Err(Error::Pending)
}
