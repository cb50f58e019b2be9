//! `provisor backup` and `provisor restore`: what was there comes back, and nothing else is taken for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use provisor::private_postgres::{PrivatePostgres, Role};
use serde_json::{Value, json};

use super::postgres_program;
use crate::support::process::{install, program, run, run_json};
use crate::support::{Client, ServerProcess, TemporaryDirectory, database, minimal};

/// So that what is answered does not depend on the port.
const PUBLIC_URL: [&str; 2] = ["--public-url", "http://scim.example"];

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn refused(output: &Output, code: i32, sentence: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    assert!(said(output).contains(sentence), "{}", said(output));
}

/// A data directory in which only the master key is, or not even that.
fn fresh(purpose: &str, key_of: Option<&Path>) -> TemporaryDirectory {
    let data = TemporaryDirectory::new(purpose);
    if let Some(other) = key_of {
        fs::create_dir(&*data).unwrap();
        fs::copy(other.join("master.key"), data.join("master.key")).unwrap();
    }
    data
}

fn restore(data_dir: &Path, file: &Path) -> Output {
    run(data_dir, &["restore", file.to_str().unwrap()])
}

#[test]
fn a_copy_that_was_made_under_load_comes_back_whole() {
    let data = TemporaryDirectory::new("copied");
    let server = ServerProcess::start_with(&data, &PUBLIC_URL);
    let made = run_json(&data, &["token", "create", "okta"]);
    let token = format!("Bearer {}", made["token"].as_str().unwrap());
    let client = Client::new(&server.url, &token);
    let users: Vec<Value> =
        (0..20).map(|number| client.post("/Users", &minimal(&format!("user-{number}@example.com"))).json()).collect();
    let members: Vec<Value> = users.iter().map(|user| json!({"value": user["id"]})).collect();
    let group =
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "All", "members": members});
    let group = client.post("/Groups", &group).json();

    let file = data.with_extension("backup");
    let (ends, more) = (AtomicBool::new(false), AtomicUsize::new(0));
    let taken = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                let number = more.fetch_add(1, Ordering::Relaxed);
                assert_eq!(client.post("/Users", &minimal(&format!("more-{number}@example.com"))).status, 201);
            }
        });
        let taken = run_json(&data, &["backup", file.to_str().unwrap()]);
        ends.store(true, Ordering::Relaxed);
        taken
    });
    assert!(more.load(Ordering::Relaxed) > 0);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = run(&data, &["backup", file.to_str().unwrap()]);
    refused(&again, 1, "is there already, and is not overwritten");
    let key = fs::read_to_string(data.join("master.key")).unwrap();
    let bytes = fs::read(&file).unwrap();
    assert!(!bytes.windows(key.trim().len()).any(|window| window == key.trim().as_bytes()));
    // The programs of Postgres read it without us.
    let list = Command::new(postgres_program().with_file_name("pg_restore")).arg("--list").arg(&file).output().unwrap();
    assert!(list.status.success() && said(&list).contains("TABLE DATA public resources"), "{}", said(&list));

    let whole = run(&data, &["audit", "verify"]);
    assert!(whole.status.success(), "{}", said(&whole));
    let paths: Vec<String> = users.iter().map(|user| format!("/Users/{}", user["id"].as_str().unwrap())).collect();
    let paths = [paths, vec![format!("/Groups/{}", group["id"].as_str().unwrap())]].concat();
    let before: Vec<String> = paths.iter().map(|path| client.get(path).text).collect();
    refused(&restore(&data, &file), 1, "the database is not empty");
    assert!(server.stop());

    let other = fresh("brought-back", Some(&data));
    let restored = run_json(&other, &["restore", file.to_str().unwrap()]);
    assert_eq!((&restored["rows"], &restored["whole"]), (&taken["manifest"]["rows"], &json!(true)));
    assert_eq!(restored["rows"]["groups"], 1);
    let server = ServerProcess::start_with(&other, &PUBLIC_URL);
    let client = Client::new(&server.url, &token);
    let after: Vec<String> = paths.iter().map(|path| client.get(path).text).collect();
    assert_eq!(after, before);
    let number = client.get("/Users?count=0").json()["totalResults"].clone();
    assert_eq!(number, taken["manifest"]["rows"]["users"]);
    assert!(number.as_i64().unwrap() >= 20);
    let whole = run_json(&other, &["audit", "verify"]);
    assert!(whole.as_array().unwrap().iter().all(|chain| chain["whole"] == true), "{whole}");
    // And it goes on from there.
    assert_eq!(client.post("/Users", &minimal("after@example.com")).status, 201);
    assert!(server.stop());
    fs::remove_file(file).unwrap();
}

#[test]
fn what_is_not_the_copy_is_refused_before_anything_is_written() {
    let data = TemporaryDirectory::new("changed");
    install(&data);
    run_json(&data, &["token", "create", "okta"]);
    let file = data.with_extension("backup");
    let taken = run(&data, &["backup", file.to_str().unwrap()]);
    assert!(taken.status.success() && said(&taken).contains("the master key is not in it"), "{}", said(&taken));
    let whole = fs::read(&file).unwrap();

    let keyless = fresh("keyless", None);
    refused(&restore(&keyless, &file), 1, "there is no master key");
    let other = TemporaryDirectory::new("other-key");
    fs::create_dir(&*other).unwrap();
    assert!(run(&other, &["master-key", "create"]).status.success());
    let key = data.join("master.key");
    let by_url = ["--database-url", "postgres:///d?sslpassword=hunter2", "--master-key-file", key.to_str().unwrap()];
    for command in [["backup", "unwritten"], ["restore", file.to_str().unwrap()]] {
        let output = program().args(command).args(by_url).output().unwrap();
        refused(&output, 78, "sslpassword");
        assert!(!said(&output).contains("hunter2"), "{}", said(&output));
    }
    refused(&restore(&other, &file), 1, "belongs to another master key");

    let target = fresh("target", Some(&data));
    let changed = data.with_extension("changed");
    let refuse = |bytes: &[u8], sentence: &str| {
        fs::write(&changed, bytes).unwrap();
        refused(&restore(&target, &changed), 1, sentence);
    };
    for length in [0, 1, 15, 16, whole.len() / 2, whole.len() - 1] {
        refuse(&whole[..length], "is no backup, or its end is missing");
    }
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 1;
    refuse(&flipped, "is damaged");
    refuse(&whole[1..], "is damaged");
    let at = whole.windows(9).rposition(|window| window == b"\"tenants\"").unwrap();
    let mut forged = whole.clone();
    forged[at + 10] += 1;
    refuse(&forged, "was changed after");
    for directory in [&keyless, &other, &target] {
        assert!(!directory.join("postgres").exists(), "nothing was begun");
    }

    fs::write(&changed, &whole).unwrap();
    assert!(restore(&target, &changed).status.success());
    assert_eq!(run_json(&target, &["token", "list"]).as_array().unwrap().len(), 1);
    let _ = (fs::remove_file(file), fs::remove_file(changed));
}

#[test]
fn with_the_master_key_in_it_a_copy_needs_nothing_else() {
    let data = TemporaryDirectory::new("with-key");
    install(&data);
    run_json(&data, &["token", "create", "okta"]);
    let file = data.with_extension("backup");
    let taken = run(&data, &["backup", file.to_str().unwrap(), "--with-master-key"]);
    assert!(said(&taken).contains("the master key is in it: whoever has this file"), "{}", said(&taken));
    let other = fresh("nothing-else", None);
    let restored = restore(&other, &file);
    assert!(restored.status.success(), "{}", said(&restored));
    let key = other.join("master.key");
    assert_eq!(fs::read(&key).unwrap(), fs::read(data.join("master.key")).unwrap());
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_file(file).unwrap();
}

#[test]
fn a_copy_of_an_older_schema_comes_back_on_this_one() {
    const NEWER: usize = 3;
    let data = TemporaryDirectory::new("older");
    let postgres = PrivatePostgres::start(&data, None, Role::Command).unwrap();
    let mut pg = database::connect(&data, "provisor");
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut names: Vec<String> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for _ in 0..names.len() - NEWER {
        pg.run_next_migration(FileBasedMigrations::from_path(&directory).unwrap()).unwrap();
    }
    database::execute(
        &mut pg,
        "INSERT INTO audit_events (tenant_id, id, occurred_at, action, actor_kind, actor_id, actor_name, target_type, target_id, request_id)
         SELECT id, gen_random_uuid(), now(), 'tenant.create', 'operator', '', '', 'Tenant', id::text, 'r' FROM tenants",
    );
    drop(pg);
    postgres.stop().unwrap();
    assert!(run(&data, &["master-key", "create"]).status.success());

    let file = data.with_extension("backup");
    let taken = run_json(&data, &["backup", file.to_str().unwrap()]);
    let last = names[names.len() - NEWER - 1].replace('-', "");
    assert!(last.starts_with(taken["manifest"]["schema"].as_str().unwrap()), "{taken}");
    let other = fresh("newer", Some(&data));
    let restored = run_json(&other, &["restore", file.to_str().unwrap()]);
    assert_eq!(restored["applied"], json!(names[names.len() - NEWER..]));
    assert_eq!(restored["rows"]["auditEntries"], 1);
    let server = ServerProcess::start(&other);
    let token = run_json(&other, &["token", "create", "okta"]);
    let client = Client::new(&server.url, &format!("Bearer {}", token["token"].as_str().unwrap()));
    assert_eq!(client.post("/Users", &minimal("ada@example.com")).status, 201);
    assert!(server.stop());
    let whole = run_json(&other, &["audit", "verify"]);
    assert!(whole.as_array().unwrap().iter().all(|chain| chain["whole"] == true), "{whole}");
    fs::remove_file(file).unwrap();
}
