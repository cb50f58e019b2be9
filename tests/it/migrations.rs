//! The migrations on an empty database, and what code assumes about the schema that they make.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use diesel::PgConnection;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use provisor::store;

use crate::support::{database, shared};

const SCHEMA: &str = include_str!("../../src/store/schema.rs");

/// Everything that a migration can make, one line each.
const CATALOG: &str = "
    SELECT concat_ws(' ', relkind, relname, reloptions::text, obj_description(pg_class.oid)) AS value
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '%diesel%'
    UNION ALL
    SELECT concat_ws(' ', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, atthasdef,
        collname, col_description(attrelid, attnum))
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '%diesel%' AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE '%diesel%'
    UNION ALL
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%diesel%'
    ORDER BY value";

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")
}

/// A look into the migrated database of the shared server.
fn migrated() -> PgConnection {
    database::connect(&shared().data_dir, "provisor")
}

#[test]
fn each_migration_goes_up_and_down_and_up_again() {
    let mut cluster = database::connect(&shared().data_dir, "postgres");
    database::execute(&mut cluster, "CREATE DATABASE migrations");
    let mut pg = database::connect(&shared().data_dir, "migrations");
    let migrations = || FileBasedMigrations::from_path(directory()).unwrap();
    let count = fs::read_dir(directory()).unwrap().count();
    assert!(count > 0);
    let mut states = vec![database::texts(&mut pg, CATALOG)];
    assert!(states[0].is_empty());
    for _ in 0..count {
        pg.run_next_migration(migrations()).unwrap();
        let up = database::texts(&mut pg, CATALOG);
        let name = pg.revert_last_migration(migrations()).unwrap().to_string();
        assert_eq!(&database::texts(&mut pg, CATALOG), states.last().unwrap(), "{name}: down");
        pg.run_next_migration(migrations()).unwrap();
        assert_eq!(database::texts(&mut pg, CATALOG), up, "{name}: up again");
        assert_ne!(&up, states.last().unwrap(), "{name}: makes nothing");
        states.push(up);
    }
    assert!(!pg.has_pending_migration(migrations()).unwrap());
    for state in states.iter().rev().skip(1) {
        pg.revert_last_migration(migrations()).unwrap();
        assert_eq!(&database::texts(&mut pg, CATALOG), state);
    }
    let url = database::url(&shared().data_dir, "migrations");
    assert_eq!(store::migrate(&url).unwrap().len(), count);
    assert_eq!(database::texts(&mut pg, CATALOG), *states.last().unwrap());
    assert!(store::migrate(&url).unwrap().is_empty());
    assert_eq!(database::texts(&mut migrated(), CATALOG), *states.last().unwrap());
    drop(pg);
    database::execute(&mut cluster, "DROP DATABASE migrations");
}

#[test]
fn each_migration_says_why_and_documents_its_tables() {
    for migration in fs::read_dir(directory()).unwrap() {
        let migration = migration.unwrap().path();
        let up = fs::read_to_string(migration.join("up.sql")).unwrap();
        assert!(up.starts_with("-- "), "{}", migration.display());
        assert!(!fs::read_to_string(migration.join("down.sql")).unwrap().trim().is_empty(), "{}", migration.display());
    }
    let undocumented = "SELECT relname AS value FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' \
         AND relname NOT LIKE '%diesel%' AND obj_description(oid) IS NULL";
    assert_eq!(database::texts(&mut migrated(), undocumented), Vec::<String>::new());
}

/// The tables of `schema.rs`: their columns as Postgres describes them, in order, and their keys.
fn declared() -> BTreeMap<String, (Vec<String>, String)> {
    const TYPES: [(&str, &str); 10] = [
        ("Uuid", "uuid"),
        ("Text", "text"),
        ("Bool", "boolean"),
        ("SmallInt", "smallint"),
        ("Integer", "integer"),
        ("BigInt", "bigint"),
        ("Bytea", "bytea"),
        ("Json", "json"),
        ("Jsonb", "jsonb"),
        ("Timestamptz", "timestamp with time zone"),
    ];
    let plain = |name: &str| TYPES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("type {name}")).1;
    let inside = |text: &str, around: &str| -> Option<String> {
        Some(text.strip_prefix(around)?.strip_prefix('<')?.strip_suffix('>')?.to_owned())
    };
    let column = |line: &str| {
        let (name, declared) = line.trim().trim_end_matches(',').split_once(" -> ").unwrap();
        let (bare, null) = match inside(declared, "Nullable") {
            Some(bare) => (bare, "null"),
            None => (declared.to_owned(), "not null"),
        };
        let sql =
            inside(&bare, "Array").map_or_else(|| plain(&bare).to_owned(), |element| format!("{}[]", plain(&element)));
        format!("{name} {sql} {null}")
    };
    let table = |block: &str| {
        let mut lines = block.lines().map(str::trim).filter(|line| !line.is_empty());
        let (name, key) = lines.next().unwrap().trim_end_matches(" {").split_once(' ').unwrap();
        let columns = lines.take_while(|line| *line != "}").map(column).collect();
        (name.to_owned(), (columns, key.to_owned()))
    };
    SCHEMA.split("diesel::table! {").skip(1).map(table).collect()
}

#[test]
fn the_tables_are_as_the_code_declares_them() {
    let mut pg = migrated();
    let declared = declared();
    let names: Vec<String> = declared.keys().cloned().collect();
    let tables = "SELECT relname AS value FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' \
         AND relname NOT LIKE '%diesel%' ORDER BY relname";
    assert_eq!(database::texts(&mut pg, tables), names);
    for (name, (columns, key)) in declared {
        let described = format!(
            "SELECT concat_ws(' ', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'not null' ELSE 'null' END) \
             AS value FROM pg_attribute WHERE attrelid = '{name}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        );
        assert_eq!(database::texts(&mut pg, &described), columns, "{name}");
        let primary = format!(
            "SELECT pg_get_constraintdef(oid) AS value FROM pg_constraint WHERE conrelid = '{name}'::regclass AND contype = 'p'"
        );
        assert_eq!(database::texts(&mut pg, &primary), [format!("PRIMARY KEY {key}")], "{name}");
    }
}

#[test]
fn constraints_that_the_code_names_exist() {
    let mut pg = migrated();
    let errors = include_str!("../../src/store/error.rs");
    let named: Vec<&str> =
        errors.split("constraint == \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(!named.is_empty());
    for name in named {
        let unique =
            format!("SELECT indisunique::text AS value FROM pg_index WHERE indexrelid = to_regclass('{name}')");
        assert_eq!(database::texts(&mut pg, &unique), ["true"], "{name}");
    }
}

#[test]
fn columns_that_lists_are_sorted_by_are_in_the_order_of_code_points() {
    let texts = "SELECT attname || ' ' || collname AS value FROM pg_attribute JOIN pg_collation ON pg_collation.oid = attcollation
        WHERE attrelid = 'resources'::regclass AND attname IN ('unique_name', 'external_id') ORDER BY value";
    assert_eq!(database::texts(&mut migrated(), texts), ["external_id C", "unique_name C"]);
}

#[test]
fn keys_and_indexes_of_tenant_data_lead_with_the_tenant() {
    // The others are found before their tenant is known.
    let data: Vec<String> = store::citus::TABLES
        .iter()
        .filter(|(_, place)| *place != store::citus::Place::Coordinator)
        .map(|(table, _)| format!("'{table}'"))
        .collect();
    let data = data.join(", ");
    // A GIN index has no leading column.
    let others = format!(
        "SELECT indexrelid::regclass::text AS value
        FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid
        JOIN pg_am ON pg_am.oid = relam
        JOIN pg_attribute AS tenant ON tenant.attrelid = indrelid AND tenant.attname = 'tenant_id'
        WHERE indkey[0] <> tenant.attnum AND amname <> 'gin' AND indrelid::regclass::text IN ({data}) ORDER BY value"
    );
    assert_eq!(database::texts(&mut migrated(), &others), Vec::<String>::new());
    let foreign = format!(
        "SELECT conname AS value FROM pg_constraint
        WHERE contype = 'f' AND pg_get_constraintdef(oid) NOT LIKE 'FOREIGN KEY (tenant_id%' AND conrelid::regclass::text IN ({data})"
    );
    assert_eq!(database::texts(&mut migrated(), &foreign), Vec::<String>::new());
}
