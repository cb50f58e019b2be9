//! Entries, seals and checkpoints cannot be changed, by grant and by trigger.

use diesel::connection::SimpleConnection;
use uuid::Uuid;

use super::{Server, entries, sealed};
use crate::support::database;

const TABLES: [(&str, &str); 4] = [
    ("audit_events", "request_id = 'x'"),
    ("audit_seals", "seq = 7"),
    ("audit_checkpoints", "seq = 7"),
    ("audit_checkpoint_signatures", "seq = 7"),
];

fn changes() -> impl Iterator<Item = String> {
    TABLES.into_iter().flat_map(|(table, set)| {
        [
            format!("UPDATE {table} SET {set}"),
            format!("UPDATE {table} SET {set} WHERE false"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
        ]
    })
}

#[test]
fn even_whoever_may_do_everything_is_stopped_by_the_trigger() {
    let server = Server::start();
    let mut pg = server.database();
    database::execute(&mut pg, &entries(Uuid::now_v7(), 3));
    sealed(&mut pg);
    for mode in ["origin", "replica", "local"] {
        database::execute(&mut pg, &format!("SET session_replication_role = {mode}"));
        for change in changes() {
            let refused = pg.batch_execute(&change).unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{change}: {refused}");
        }
    }
    let kept =
        database::texts(&mut pg, "SELECT count(*)::text AS value FROM audit_events WHERE request_id LIKE 'request-%'");
    assert_eq!(kept, ["3"]);
}

#[test]
fn the_role_that_serves_has_no_right_to_it_even_where_it_owns_the_tables() {
    let server = Server::start();
    let mut cluster = database::connect(&server.data, "postgres");
    database::execute(&mut cluster, "CREATE ROLE app LOGIN NOSUPERUSER");
    database::execute(&mut cluster, "CREATE DATABASE plain OWNER app");
    let url = database::url(&server.data, "plain").replace("user=provisor", "user=app");
    provisor::store::migrate(&url).unwrap();
    let mut pg = provisor::store::connect(&url).unwrap();
    database::execute(&mut pg, &entries(Uuid::now_v7(), 3));
    for (table, _) in TABLES {
        database::execute(&mut pg, &format!("ALTER TABLE {table} DISABLE TRIGGER USER"));
    }
    for change in changes() {
        let refused = pg.batch_execute(&change).unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{change}: {refused}");
    }
}

#[test]
fn a_seal_that_was_slipped_in_before_the_constraint_keeps_nobody_from_starting() {
    const MIGRATIONS: [&str; 2] = ["20261127000010", "20261127000011"];
    let server = Server::start();
    let mut pg = server.database();
    let seal = |seq: i64| {
        format!("INSERT INTO audit_seals VALUES ('{}', {seq}, '{}', sha256('x'))", Uuid::now_v7(), Uuid::now_v7())
    };
    let forget = format!("DELETE FROM __diesel_schema_migrations WHERE version IN ('{}')", MIGRATIONS.join("', '"));
    database::execute(
        &mut pg,
        &format!("ALTER TABLE audit_seals DROP CONSTRAINT audit_seals_from_one; {}; {forget}", seal(-1)),
    );
    let applied = provisor::store::migrate(&database::url(&server.data, "provisor")).unwrap();
    assert_eq!(applied.len(), MIGRATIONS.len(), "{applied:?}");
    let refused = pg.batch_execute(&seal(0)).unwrap_err().to_string();
    assert!(refused.contains("audit_seals_from_one"), "{refused}");
}
