//! The other side: pgbench with prepared statements.

use std::fs;

use super::common::server::Server;

/// Copies the tables that pgbench writes to, so that neither side meddles with the other's rows.
pub fn copy_tables(server: &Server) {
    server.sql(
        "CREATE TABLE sql_resources (LIKE resources INCLUDING ALL); \
         ALTER TABLE sql_resources SET (toast_tuple_target = 8160); \
         CREATE TABLE sql_audit_events (LIKE audit_events INCLUDING ALL); \
         INSERT INTO sql_resources SELECT * FROM resources ORDER BY id;",
    );
    for table in ["resources", "sql_resources", "audit_events", "resource_counts"] {
        server.sql(&format!("VACUUM ANALYZE {table}"));
    }
    server.sql("CHECKPOINT");
}

/// Runs a script and returns its transactions per second.
pub fn run(server: &Server, script: &str, connections: usize, seconds: u64) -> f64 {
    let file = server.data_dir().with_extension("sql");
    fs::write(&file, script).unwrap();
    let output = server
        .postgres_program("pgbench")
        .args(["-n", "-M", "prepared", "-j", "2", "-c", &connections.to_string(), "-T", &seconds.to_string(), "-f"])
        .arg(&file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    fs::remove_file(&file).unwrap();
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = "));
    let tps = tps.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    tps.split(' ').next().unwrap().parse().unwrap()
}
