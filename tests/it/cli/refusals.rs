//! What is refused: each time with the name of the setting and what it wants.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;
use crate::support::temporary_directory;

/// The codes of the command line: by clap, by the set-up, by anything else.
const USAGE: i32 = 2;
const CONFIGURATION: i32 = 78;
const FAILURE: i32 = 1;

/// Runs the program on a data directory that is never made, because nothing gets that far.
fn run_nowhere(arguments: &[&str]) -> Output {
    let data_dir = temporary_directory("nowhere");
    let output = run(&data_dir, arguments);
    assert!(!data_dir.exists());
    output
}

#[test]
fn a_wrong_value_is_refused_with_what_is_wanted() {
    let time = "wants a length of time like 365d, 24h, 30m or 90s, ten years at most";
    let rows: [(&[&str], &[&str]); 24] = [
        (&["serve", "--listen", "8080"], &["--listen (PROVISOR_LISTEN)", "like 127.0.0.1:8080"]),
        (
            &["serve", "--public-url", "h.example"],
            &["--public-url (PROVISOR_PUBLIC_URL)", "like https://scim.example.com"],
        ),
        (&["serve", "--public-url", "https://h/scim/v2"], &["--public-url (PROVISOR_PUBLIC_URL)", "no /scim/v2"]),
        (&["serve", "--public-url", "https://h?x=1"], &["--public-url (PROVISOR_PUBLIC_URL)", "without query"]),
        (&["serve", "--database-connections", "0"], &["PROVISOR_DATABASE_CONNECTIONS", "from 1 to 1000"]),
        (&["serve", "--database-connections", "1001"], &["PROVISOR_DATABASE_CONNECTIONS", "from 1 to 1000"]),
        (&["serve", "--database-connections", "x"], &["PROVISOR_DATABASE_CONNECTIONS", "from 1 to 1000"]),
        (&["serve", "--drain-seconds", "601"], &["--drain-seconds (PROVISOR_DRAIN_SECONDS)", "from 0 to 600"]),
        (&["serve", "--drain-seconds", "5s"], &["--drain-seconds (PROVISOR_DRAIN_SECONDS)", "from 0 to 600"]),
        (&["token", "create", "x", "--expires", "1w"], &["--expires", time]),
        (&["token", "create", "x", "--expires", "9999d"], &["--expires", time]),
        (&["token", "create", "x", "--expires", "0s"], &["--expires", "must be longer than nothing"]),
        (&["token", "create", "x", "--expires=-1d"], &["--expires", time]),
        (&["token", "create", "x", "--scope", "admin"], &["--scope", "wants one of scim.read, scim.write"]),
        (&["token", "create"], &["<NAME>"]),
        (&["token", "rotate", "x", "--overlap", "soon"], &["--overlap", time]),
        (&["tenant", "create", "x", "--store-passwords", "maybe"], &["--store-passwords", "on, off"]),
        (&["tenant", "create", "x", "--unique-group-names", "maybe"], &["--unique-group-names", "on, off"]),
        (&["tenant", "update", "x"], &["--store-passwords", "--unique-group-names"]),
        (&["schema", "import"], &["<FILE>"]),
        (&["audit", "list", "--limit", "0"], &["--limit", "1..=10000"]),
        (&["audit", "list", "--tenant", "x", "--no-tenant"], &["--tenant", "--no-tenant"]),
        (&["tenant"], &["create", "update", "list"]),
        (&["frobnicate"], &["frobnicate"]),
    ];
    for (arguments, says) in rows {
        assert_refused(&run_nowhere(arguments), USAGE, says);
    }
    for (name, value, says) in [
        ("PROVISOR_LISTEN", "localhost", "--listen (PROVISOR_LISTEN)"),
        ("PROVISOR_PUBLIC_URL", "x", "--public-url (PROVISOR_PUBLIC_URL)"),
        (
            "PROVISOR_ALLOW_PLAINTEXT_DATABASE",
            "perhaps",
            "wants yes or no: --allow-plaintext-database (PROVISOR_ALLOW_PLAINTEXT_DATABASE)",
        ),
        ("PROVISOR_DATABASE_CONNECTIONS", "many", "--database-connections (PROVISOR_DATABASE_CONNECTIONS)"),
    ] {
        assert_refused(&program().args(["tenant", "list"]).env(name, value).output().unwrap(), USAGE, &[says]);
    }
}

#[test]
fn a_set_up_that_cannot_work_is_refused_with_what_to_do() {
    let (data_dir, key) = (temporary_directory("refused"), temporary_directory("key"));
    let key = key.to_str().unwrap();
    let mut rows: Vec<(Vec<&str>, Vec<&str>)> = vec![
        (vec!["--pg-bin-dir", "/nonexistent"], vec!["--pg-bin-dir (PROVISOR_PG_BIN_DIR)", "/nonexistent"]),
        (
            vec!["--database-url", "postgres:///d"],
            vec!["--master-key-file (PROVISOR_MASTER_KEY_FILE)", "master-key create"],
        ),
        (vec!["--database-url", "postgres:///d", "--master-key-file", key], vec!["master key file", key]),
        (vec!["--database-url", "mysql://u:hunter2@h/d"], vec!["--database-url (DATABASE_URL)", "postgres://USER"]),
        (vec!["--database-url", "postgres//u:hunter2@h/d"], vec!["--database-url (DATABASE_URL)", "leave it unset"]),
        (
            vec!["--database-url", "postgres://u:hunter2@hunter2@db.example.com/d", "--master-key-file", key],
            vec!["--database-url (DATABASE_URL)", "@ is written as %40"],
        ),
        (vec!["--database-url", ""], vec!["--database-url (DATABASE_URL)", "leave it unset"]),
    ];
    if cfg!(feature = "bundled-libpq") {
        let url = "postgres://u:hunter2@db.example.com/d";
        rows.push((
            vec!["--database-url", url, "--master-key-file", key],
            vec!["DATABASE_URL", "db.example.com", "--allow-plaintext-database"],
        ));
    }
    for (arguments, says) in rows {
        // Only who makes a private Postgres looks for its programs.
        let second = if arguments[0] == "--pg-bin-dir" { &["migrate"][..] } else { &["tenant", "list"] };
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], second] {
            let output = run(&data_dir, &[command, &arguments].concat());
            assert_refused(&output, CONFIGURATION, &says);
            assert!(!stderr(&output).contains("hunter2"), "{}", stderr(&output));
        }
    }
    // The socket directory is all that was made.
    std::fs::remove_dir_all(data_dir).unwrap();
    let output = run(&std::env::temp_dir().join("d".repeat(100)), &["migrate"]);
    assert_refused(&output, CONFIGURATION, &["--data-dir (PROVISOR_DATA_DIR)", "too long"]);
    let output = run_nowhere(&["serve", "--listen", "127.0.0.1:0", "--assets-dir", "/nonexistent"]);
    assert_refused(&output, CONFIGURATION, &["--assets-dir", "PROVISOR_ASSETS_DIR", "/nonexistent"]);
    let taken = shared().url.strip_prefix("http://").unwrap();
    let output = run_nowhere(&["serve", "--listen", taken]);
    assert_refused(&output, CONFIGURATION, &["--listen (PROVISOR_LISTEN)", taken]);
    let output = run(&shared().data_dir, &["serve", "--listen", "127.0.0.1:0"]);
    assert_refused(&output, CONFIGURATION, &["another provisor (process ", "--data-dir"]);
}

#[test]
fn what_works_on_an_installation_makes_none() {
    for command in [
        &["tenant", "list"][..],
        &["token", "create", "okta"],
        &["admin", "list"],
        &["schema", "list"],
        &["resource-type", "list"],
        &["key", "list"],
        &["client", "create", "script"],
        &["audit", "verify"],
    ] {
        let says = ["--data-dir (PROVISOR_DATA_DIR)", "-nowhere holds no database yet", "DATABASE_URL"];
        assert_refused(&run_nowhere(command), CONFIGURATION, &says);
    }
}

#[test]
fn half_of_a_first_administrator_is_refused_before_anything_starts() {
    let says = ["--admin-email (PROVISOR_ADMIN_EMAIL)", "go together"];
    for half in [["--admin-email", "ada@example.com"], ["--admin-password-file", "/nonexistent"]] {
        let output = run_nowhere(&[&["serve", "--listen", "127.0.0.1:0"][..], &half].concat());
        assert_refused(&output, CONFIGURATION, &says);
    }
}

#[test]
fn names_that_are_unknown_taken_or_none_are_refused() {
    let data_dir = &shared().data_dir;
    let taken = fresh("taken");
    run_json(data_dir, &["tenant", "create", &taken]);
    let unknown = "no tenant 'nobody'; 'provisor tenant list' shows them";
    let name = "a name has 1 to 100 characters and no control characters";
    let slug = "a name has small letters, digits and hyphens";
    let long = "x".repeat(101);
    let rows: [(&[&str], &str); 13] = [
        (&["tenant", "create", &taken], &format!("there is a tenant '{taken}' already")),
        (&["tenant", "create", "default"], "there is a tenant 'default' already"),
        (&["tenant", "create", ""], slug),
        (&["tenant", "create", " "], slug),
        (&["tenant", "create", "a\nb"], slug),
        (&["tenant", "create", &long], slug),
        (&["token", "create", &long], name),
        (&["tenant", "update", "nobody", "--store-passwords", "on"], unknown),
        (&["token", "create", "okta", "--tenant", "nobody"], unknown),
        (&["token", "list", "--tenant", "nobody"], unknown),
        (&["audit", "list", "--tenant", "nobody"], unknown),
        (&["token", "rotate", "nothing"], "no token 'nothing'"),
        (&["token", "revoke", "nothing"], "no token 'nothing'"),
    ];
    for (arguments, says) in rows {
        for json in [&[][..], &["--json"]] {
            assert_refused(&run(data_dir, &[arguments, json].concat()), FAILURE, &[says]);
        }
    }
    let created = run_json(data_dir, &["token", "create", "okta", "--tenant", &taken]);
    let id = string(&created["id"]);
    run_json(data_dir, &["token", "revoke", id]);
    let output = run(data_dir, &["token", "rotate", id]);
    assert_refused(&output, FAILURE, &[&format!("token '{id}' is no longer valid; create a new one")]);
}

#[test]
fn a_master_key_is_made_once_and_for_its_owner_alone() {
    let directory = temporary_directory("keys");
    std::fs::create_dir(&directory).unwrap();
    let file = directory.join("key");
    let create = |arguments: &[&str]| {
        program().args(["master-key", "create", "--master-key-file"]).arg(&file).args(arguments).output().unwrap()
    };
    let made = create(&[]);
    assert!(made.status.success(), "{}", stderr(&made));
    let printed = String::from_utf8(made.stdout).unwrap();
    assert!(printed.contains(file.to_str().unwrap()), "{printed}");
    let key = std::fs::read_to_string(&file).unwrap();
    assert!(!printed.contains(key.trim()), "{printed}");
    assert_eq!((key.len(), std::fs::metadata(&file).unwrap().permissions().mode() & 0o777), (45, 0o600));

    // A key in use is never written over.
    assert_refused(&create(&[]), CONFIGURATION, &["master key file", file.to_str().unwrap()]);
    assert!(create(&["--if-missing"]).status.success());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), key);
    let entries: Vec<PathBuf> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries, [file.as_path()]);

    // In the data directory, where no file is named.
    assert!(run(&directory, &["master-key", "create"]).status.success());
    assert_ne!(std::fs::read_to_string(directory.join("master.key")).unwrap(), key);

    let use_it = || {
        let arguments = ["tenant", "list", "--database-url", "postgres:///d", "--master-key-file"];
        program().args(arguments).arg(&file).output().unwrap()
    };
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    assert_refused(&use_it(), CONFIGURATION, &["others may read it", "chmod 600"]);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    for wrong in ["", "c2hvcnQ=", "no base64!"] {
        std::fs::write(&file, wrong).unwrap();
        assert_refused(&use_it(), CONFIGURATION, &["master key file", "expected 32 bytes in base64"]);
    }
    std::fs::remove_dir_all(&directory).unwrap();
}
