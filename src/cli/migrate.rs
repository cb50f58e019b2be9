//! `provisor migrate`.

use super::{Error, output};
use crate::backend::{Database, StartError};
use crate::config::Settings;
use crate::private_postgres::Role;
use crate::store::citus::{Coordinator, Distribution};
use crate::store::{self, Inspection, MigrationError, SchemaState};

const UP_TO_DATE: &str = "the schema is up to date";

pub(super) fn run(check: bool, citus: bool, settings: &Settings) -> Result<(), Error> {
    if citus && settings.database_url.is_none() {
        // The private Postgres has no such extension, and is neither made nor started to find that out.
        return Err(refused(MigrationError::NoCitus));
    }
    let database = if check { Database::existing(settings) } else { Database::open(settings, Role::Command) }?;
    let result = match (check, citus) {
        (true, _) => print_pending(&database, citus),
        (false, true) => distribute(&database),
        (false, false) => apply(&database),
    };
    let closed = database.close().map_err(|error| Error::Start(error.into()));
    result.and(closed)
}

fn refused(error: MigrationError) -> Error {
    StartError::from(error).into()
}

fn apply(database: &Database) -> Result<(), Error> {
    print_applied(&store::migrate(database.url()).map_err(refused)?)?;
    output::line(UP_TO_DATE)?;
    Ok(())
}

fn print_applied(names: &[String]) -> Result<(), Error> {
    for name in names {
        output::line(&format!("applied {name}"))?;
    }
    Ok(())
}

/// Brings the schema of a coordinator up to date, and the tables to where they belong.
fn distribute(database: &Database) -> Result<(), Error> {
    let mut coordinator = Coordinator::open(database.url()).map_err(refused)?;
    print_applied(&coordinator.migrate().map_err(refused)?)?;
    for table in coordinator.distribution()?.missing {
        coordinator.distribute(table)?;
        output::line(&format!("distributed {table} by tenant"))?;
    }
    for table in coordinator.distribution()?.left_behind {
        coordinator.delete_left_behind(table)?;
        output::line(&format!("deleted the rows of {table} that the coordinator had kept"))?;
    }
    output::line(UP_TO_DATE)?;
    Ok(())
}

/// Prints what is to be done: which migrations, and where there is Citus, which tables.
fn print_pending(database: &Database, citus: bool) -> Result<(), Error> {
    let mut inspection = Inspection::open(database.url())?;
    let distribution = inspection.distribution()?;
    if citus && distribution.is_none() {
        return Err(refused(MigrationError::NoCitus));
    }
    let SchemaState { pending, unknown, .. } = inspection.schema().map_err(refused)?;
    if let Some(newest) = unknown.last() {
        return Err(refused(MigrationError::Newer(newest.clone())));
    }
    for name in &pending {
        output::line(&format!("pending {name}"))?;
    }
    let distribution = distribution.unwrap_or_default();
    let Distribution { missing, left_behind, astray } = &distribution;
    for (tables, how) in [
        (missing, "not distributed"),
        (left_behind, "distributed, and kept by the coordinator"),
        (astray, "distributed, and not to be"),
    ] {
        for table in tables {
            output::line(&format!("{how}: {table}"))?;
        }
    }
    if !pending.is_empty() {
        return Err(Error::Pending);
    }
    if citus && distribution != Distribution::default() {
        return Err(Error::NotDistributed);
    }
    output::line(UP_TO_DATE)?;
    Ok(())
}
