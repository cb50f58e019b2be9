//! What the private Postgres needs to be asked before there is a database to work in.

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, RunQueryDsl};

use super::error::Error;
use super::pool::connect;

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    data_directory: String,
}

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = Bool)]
    known: bool,
}

/// The data directory of the server that answers at this URL.
///
/// # Errors
/// [`Error::Unavailable`] when none answers, or it is starting or stopping.
pub fn data_directory(url: &str) -> Result<String, Error> {
    let mut pg = connect(url)?;
    let setting: Setting = diesel::sql_query("SHOW data_directory").get_result(&mut pg)?;
    Ok(setting.data_directory)
}

/// Creates the database `provisor` unless it exists; the URL is that of another database of the cluster.
///
/// # Errors
/// [`Error`] from the database.
pub fn create_database(url: &str) -> Result<(), Error> {
    let mut pg = connect(url)?;
    let known: Known = diesel::sql_query("SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'provisor') AS known")
        .get_result(&mut pg)?;
    if !known.known {
        pg.batch_execute("CREATE DATABASE provisor")?;
    }
    Ok(())
}
