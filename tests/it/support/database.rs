//! What only the database can show.

use std::path::Path;

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{PgConnection, QueryableByName, RunQueryDsl};

/// The URL of the private database in a data directory whose server runs.
pub fn url(data_dir: &Path) -> String {
    format!("postgres:///provisor?user=provisor&host={}&port=5432", data_dir.join("run").display())
}

fn connect() -> PgConnection {
    provisor::store::connect(&url(&super::shared().data_dir)).unwrap()
}

/// The number that a query on the shared database selects as `number`.
pub fn number(query: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    diesel::sql_query(query).get_result::<Row>(&mut connect()).unwrap().number
}

/// The stored hash of a user's password.
pub fn password_hash(id: &str) -> Option<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Text>)]
        password_hash: Option<String>,
    }
    let query = diesel::sql_query("SELECT password_hash FROM resources WHERE id = $1::uuid").bind::<Text, _>(id);
    query.get_result::<Row>(&mut connect()).unwrap().password_hash
}
