//! `provisor migrate`, and a schema that is newer than the program.

use super::Postgres;
use crate::support::process::{program, run};
use crate::support::{ServerProcess, TemporaryDirectory, database};

fn said(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn what_is_pending_is_printed_and_applied() {
    let data = TemporaryDirectory::new("pending");
    let check = run(&data, &["migrate", "--check"]);
    assert_eq!(check.status.code(), Some(78), "{}", said(&check));
    assert!(said(&check).contains("holds no database yet") && !data.exists());

    let first = run(&data, &["migrate"]);
    assert!(
        first.status.success() && said(&first).contains("applied 2026-11-23-000001_create_tenants"),
        "{}",
        said(&first)
    );
    let check = run(&data, &["migrate", "--check"]);
    assert!(check.status.success(), "{}", said(&check));
    assert_eq!(said(&check), "the schema is up to date\n");

    // As it was before the last migration of all.
    let postgres = Postgres::start(&data, &[]);
    let mut pg = database::connect(&data, "provisor");
    let down = revert_last(&mut pg);
    drop(pg);
    drop(postgres);
    let check = run(&data, &["migrate", "--check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(said(&check).starts_with(&format!("pending {down}\n")), "{}", said(&check));
    let apply = run(&data, &["migrate"]);
    assert_eq!(said(&apply), format!("applied {down}\nthe schema is up to date\n"));
}

fn revert_last(pg: &mut diesel::PgConnection) -> String {
    use diesel_migrations::{FileBasedMigrations, MigrationHarness};
    let migrations = FileBasedMigrations::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
    let version = pg.revert_last_migration(migrations).unwrap().to_string();
    let directories = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
    let names = directories.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.into_iter().find(|name| name.replace('-', "").starts_with(&version)).unwrap()
}

#[test]
fn a_schema_from_the_future_is_not_touched() {
    let data = TemporaryDirectory::new("future");
    let server = ServerProcess::start(&data);
    let mut pg = database::connect(&data, "provisor");
    database::execute(&mut pg, "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')");
    let url = database::url(&data, "provisor");
    for arguments in
        [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["migrate", "--check"], &["tenant", "list"]]
    {
        let mut command = program();
        command.args(arguments).args(["--database-url", &url, "--master-key-file"]).arg(data.join("master.key"));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains("newer than this version of provisor knows (migration 20991231000001)"));
    }
    // The older server that runs beside the newer one goes on.
    assert_eq!(reqwest::blocking::get(format!("{}/readyz", server.url)).unwrap().status(), 200);
    database::execute(&mut pg, "DELETE FROM __diesel_schema_migrations WHERE version = '20991231000001'");
    assert!(server.stop());
}

#[test]
fn a_role_that_may_make_no_tables_is_told_what_it_lacks() {
    let data = TemporaryDirectory::new("no-create");
    let server = ServerProcess::start(&data);
    let mut pg = database::connect(&data, "provisor");
    database::execute(&mut pg, "CREATE ROLE guest LOGIN");
    database::execute(&mut pg, "CREATE DATABASE fresh");
    // As it is by itself since PostgreSQL 15.
    database::execute(&mut database::connect(&data, "fresh"), "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let url = database::url(&data, "fresh").replace("user=provisor", "user=guest");
    let with = |arguments: &[&str]| {
        let mut command = program();
        command.args(arguments).args(["--database-url", &url, "--master-key-file"]).arg(data.join("master.key"));
        command.output().unwrap()
    };
    let remedy = "GRANT USAGE, CREATE ON SCHEMA public TO guest";
    for arguments in [&["migrate"][..], &["serve", "--listen", "127.0.0.1:0"], &["tenant", "list"]] {
        let refused = with(arguments);
        assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
        assert!(said(&refused).contains(remedy), "{}", said(&refused));
    }
    let examined = said(&with(&["doctor"]));
    assert!(examined.contains("error    database.schema") && examined.contains(remedy), "{examined}");

    database::execute(&mut database::connect(&data, "fresh"), remedy);
    let examined = said(&with(&["doctor"]));
    assert!(examined.contains("ok       database.schema"), "{examined}");
    assert!(with(&["migrate"]).status.success());
    assert!(server.stop());
}
