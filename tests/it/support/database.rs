//! A look into the private database, for tests whose matter is the database.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{PgConnection, QueryableByName, RunQueryDsl};
use provisor::store;

/// A connection to one of the databases of a private Postgres.
pub fn connect(data_dir: &Path, database: &str) -> PgConnection {
    store::connect(&url(data_dir, database)).unwrap()
}

/// The URL of a database of a private Postgres.
pub fn url(data_dir: &Path, database: &str) -> String {
    let sockets = data_dir.join("run").to_str().unwrap().replace(' ', "%20");
    format!("postgres:///{database}?user=provisor&host={sockets}&port=5432")
}

fn shared() -> PgConnection {
    connect(&super::shared().data_dir, "provisor")
}

/// The number that a query on the shared database selects as `number`.
pub fn number(query: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    diesel::sql_query(query).get_result::<Row>(&mut shared()).unwrap().number
}

/// The stored hash of a user's password.
pub fn password_hash(id: &str) -> Option<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Text>)]
        password_hash: Option<String>,
    }
    let query = diesel::sql_query("SELECT password_hash FROM resources WHERE id = $1::uuid").bind::<Text, _>(id);
    query.get_result::<Row>(&mut shared()).unwrap().password_hash
}

/// The texts that a query returns in its column `value`.
pub fn texts(pg: &mut PgConnection, query: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Text>)]
        value: Option<String>,
    }
    let rows: Vec<Row> = diesel::sql_query(query).load(pg).unwrap();
    rows.into_iter().map(|row| row.value.unwrap_or_default()).collect()
}

/// All rows of all tables as text, each behind the name of its table.
pub fn dump(pg: &mut PgConnection) -> Vec<String> {
    const TABLES: &str =
        "SELECT relname AS value FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'";
    let tables = texts(pg, TABLES);
    assert!(tables.len() > 10);
    let rows = |table: &String| texts(pg, &format!("SELECT '{table} ' || t::text AS value FROM {table} AS t"));
    tables.iter().flat_map(rows).collect()
}

/// Runs statements.
pub fn execute(pg: &mut PgConnection, statements: &str) {
    pg.batch_execute(statements).unwrap();
}
