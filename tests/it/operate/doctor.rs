//! `provisor doctor`: a sound installation, and one trouble after the other, each of which is named with what to do about it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use diesel::PgConnection;
use serde_json::Value;

use super::Postgres;
use crate::support::process::{PROGRAM, program, run, run_json};
use crate::support::{ServerProcess, TemporaryDirectory, database, eventually, shared};

/// A role that may do what the server needs and no more, in a database that another role owns.
const ROLE: &str = "CREATE ROLE app LOGIN; GRANT USAGE, CREATE ON SCHEMA public TO app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
    REVOKE UPDATE, DELETE ON audit_events, audit_seals, audit_checkpoints, audit_checkpoint_signatures FROM app";
const ROWS: &str =
    "SELECT relname AS value FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'";

/// A flag and its value.
type Flag<'f> = (&'static str, &'f str);
/// What is wrong with flags: the check, how bad it is, what is said and what to do.
type Trouble<'t> = (&'t str, &'t str, &'t str, &'t str);

/// A server at work, and how it is asked after.
struct Patient {
    data: TemporaryDirectory,
    server: ServerProcess,
    key: PathBuf,
}

impl Patient {
    fn new() -> Self {
        let data = TemporaryDirectory::new("patient");
        let server = ServerProcess::start(&data);
        let key = data.join("master.key");
        let patient = Self { data, server, key };
        let mut pg = patient.database();
        database::execute(&mut pg, ROLE);
        eventually("the first seal", || {
            (!database::texts(&mut patient.database(), "SELECT 'chain' AS value FROM audit_chains").is_empty()
                && database::texts(&mut patient.database(), "SELECT 'one' AS value FROM audit_unsealed").is_empty())
            .then_some(())
        });
        patient
    }

    fn database(&self) -> PgConnection {
        database::connect(&self.data, "provisor")
    }

    fn url(&self, role: &str) -> String {
        database::url(&self.data, "provisor").replace("user=provisor", &format!("user={role}"))
    }

    /// The flags of a sound installation.
    fn flags(&self) -> Vec<(&'static str, String)> {
        vec![
            ("--database-url", self.url("app")),
            ("--master-key-file", self.key.to_str().unwrap().to_owned()),
            ("--public-url", self.server.url.clone()),
        ]
    }

    /// What the doctor finds with these flags in place of, or beside, those of a sound installation.
    fn examined(&self, other: &[Flag<'_>]) -> (Option<i32>, Value) {
        let mut flags = self.flags();
        for (flag, value) in other {
            flags.retain(|(known, _)| known != flag);
            flags.push((flag, (*value).to_owned()));
        }
        let mut command = program();
        command.args(["doctor", "--json"]);
        for (flag, value) in flags {
            command.args([flag, &value]);
        }
        let output = command.output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Asserts that the doctor names this trouble and no other, with its remedy.
    fn has(&self, other: &[Flag<'_>], troubles: &[Trouble<'_>]) {
        let (code, answer) = self.examined(other);
        let findings = answer["findings"].as_array().unwrap();
        let found: Vec<&Value> = findings.iter().filter(|finding| finding["state"] != "ok").collect();
        assert_eq!(found.len(), troubles.len(), "{found:#?}");
        for ((check, state, said, remedy), finding) in troubles.iter().zip(&found) {
            assert_eq!(
                (finding["check"].as_str(), finding["state"].as_str()),
                (Some(*check), Some(*state)),
                "{found:#?}"
            );
            assert!(finding["said"].as_str().unwrap().contains(said), "{finding:#}");
            assert!(finding["remedy"].as_str().unwrap().contains(remedy), "{finding:#}");
        }
        let is_error = troubles.iter().any(|(_, state, ..)| *state == "error");
        assert_eq!(code, Some(i32::from(is_error)), "{found:#?}");
    }
}

#[test]
fn each_trouble_is_named_with_its_remedy() {
    let patient = Patient::new();
    let mut pg = patient.database();
    patient.has(&[], &[]);

    let newest = database::texts(&mut pg, "SELECT max(version) AS value FROM __diesel_schema_migrations").remove(0);
    let forget = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{newest}'");
    let remember = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{newest}')");
    for (plant, undo, trouble) in [
        (
            "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')",
            "DELETE FROM __diesel_schema_migrations WHERE version = '20991231000001'",
            ("database.schema", "error", "newer than this version", "run the version of provisor that made it"),
        ),
        (&*forget, &*remember, ("database.schema", "error", "1 migrations are pending: 2026-", "provisor migrate")),
        (
            "REVOKE INSERT ON resources FROM app",
            "GRANT INSERT ON resources TO app",
            ("database.rights", "error", "app lacks resources INSERT", "GRANT"),
        ),
        (
            "GRANT UPDATE ON audit_events TO app",
            "REVOKE UPDATE ON audit_events FROM app",
            ("audit.rights", "error", "audit_events UPDATE", "REVOKE UPDATE"),
        ),
        (
            "GRANT provisor_owner TO app",
            "REVOKE provisor_owner FROM app",
            ("audit.rights", "warning", "owns the audit log", "docs/audit.md"),
        ),
        (
            "ALTER TABLE audit_seals DISABLE TRIGGER audit_seals_append_only",
            "ALTER TABLE audit_seals ENABLE ALWAYS TRIGGER audit_seals_append_only",
            ("audit.triggers", "error", "audit_seals_append_only", "ENABLE ALWAYS TRIGGER"),
        ),
        (
            "UPDATE audit_chains SET breaks = 1, broken_how = 'edited'",
            "UPDATE audit_chains SET breaks = 0, broken_how = NULL",
            ("audit.chain", "error", "chains are broken", "provisor audit verify"),
        ),
        (
            "UPDATE signing_keys SET activated_at = activated_at - interval '100 days'",
            "UPDATE signing_keys SET activated_at = activated_at + interval '100 days'",
            ("signing-keys", "warning", "should have been exchanged", "provisor key rotate"),
        ),
    ] {
        if plant.contains("provisor_owner") {
            database::execute(&mut pg, "CREATE ROLE provisor_owner; ALTER TABLE audit_events OWNER TO provisor_owner");
            database::execute(&mut pg, "REVOKE UPDATE, DELETE, TRUNCATE ON audit_events FROM provisor_owner");
        }
        database::execute(&mut pg, plant);
        patient.has(&[], &[trouble]);
        database::execute(&mut pg, undo);
    }
    patient.has(&[], &[]);

    // Whoever holds the lock of the sealer keeps all servers from sealing.
    let mut blocking = patient.database();
    database::execute(&mut blocking, "SELECT pg_advisory_lock(7643, 8)");
    database::execute(
        &mut pg,
        "INSERT INTO audit_events (tenant_id, id, occurred_at, action, actor_kind, actor_id, actor_name, target_type, target_id, request_id)
         SELECT tenant_id, gen_random_uuid(), now() - interval '5 minutes', action, actor_kind, actor_id, actor_name, target_type,
             target_id, request_id FROM audit_events LIMIT 1",
    );
    patient
        .has(&[], &[("audit.seals", "warning", "1 entries wait for their seal, the oldest since", "start a server")]);
    drop(blocking);
    eventually("the seal", || {
        database::texts(&mut patient.database(), "SELECT 'one' AS value FROM audit_unsealed").is_empty().then_some(())
    });

    run_json(&patient.data, &["token", "create", "okta", "--expires", "3d"]);
    patient.has(&[], &[("credentials", "warning", "header token 'okta' of tenant 'default'", "provisor token rotate")]);
    assert!(patient.server.stop());
}

#[test]
fn each_wrong_setting_is_named_with_its_remedy() {
    let patient = Patient::new();
    let beside = TemporaryDirectory::new("beside");
    fs::create_dir(&*beside).unwrap();
    let path = |name: &str| beside.join(name).to_str().unwrap().to_owned();
    let (open, other, none) = (path("open.key"), path("other.key"), path("none.key"));
    fs::copy(&patient.key, &open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o644)).unwrap();
    let made = program().args(["master-key", "create", "--master-key-file", &other]).output().unwrap();
    assert!(made.status.success());
    let port = patient.server.url.rsplit(':').next().unwrap().to_owned();
    let superuser = patient.url("provisor");
    let nowhere = format!("postgres:///provisor?user=app&host={}", path("none"));
    let by_tls = format!("https://127.0.0.1:{port}");
    let name = "https://provisor.invalid";
    let cases: [(&[Flag<'_>], &[Trouble<'_>]); 16] = [
        (&[("--master-key-file", &*open)], &[("master-key", "error", "others may read it", "chmod 600")]),
        (&[("--master-key-file", &*none)], &[("master-key", "error", "none.key", "bring it back")]),
        (
            &[("--master-key-file", &*other)],
            &[("master-key.fits", "error", "sealed under another master key", "belongs to this database")],
        ),
        (&[("--database-url", &*superuser)], &[("database.role", "warning", "provisor is a superuser", "CREATE ROLE")]),
        (&[("--database-url", &*nowhere)], &[("database", "error", "not available", "see that Postgres runs")]),
        (
            &[("--database-url", "mysql://u@h/d")],
            &[("database", "error", "--database-url (DATABASE_URL)", "do what it says")],
        ),
        (
            &[("--trusted-proxies", "10.0.0.1,0.0.0.0/0")],
            &[("trusted-proxies", "error", "everybody", "--trusted-proxies")],
        ),
        (&[("--listen", "0.0.0.0:8080")], &[("listen", "warning", "in clear text", "--tls-certificate")]),
        (&[("--assets-dir", &*none)], &[("assets", "error", "templates", "--assets-dir")]),
        (
            &[("--admin-email", "ada@example.com")],
            &[("first-administrator", "error", "go together", "--admin-password-file")],
        ),
        (
            &[("--admin-email", "ada@example.com"), ("--admin-password-file", &*none)],
            &[("first-administrator", "warning", "none.key cannot be read", "while there is no administrator")],
        ),
        (
            &[("--public-url", &*shared().url)],
            &[("public-url.answer", "error", "another database", "correct --public-url")],
        ),
        (
            &[("--public-url", "http://127.0.0.1:1")],
            &[("public-url.answer", "error", "http://127.0.0.1:1/livez", "see that the server runs")],
        ),
        (
            &[("--public-url", &*by_tls)],
            &[
                ("trusted-proxies", "warning", "none is named", "--trusted-proxies"),
                ("public-url.answer", "error", "/livez", "its certificate"),
            ],
        ),
        (
            &[("--public-url", name), ("--trusted-proxies", "127.0.0.1")],
            &[("public-url.name", "error", "provisor.invalid has no address", "DNS")],
        ),
        (
            &[("--public-url", "http://provisor.invalid")],
            &[
                ("public-url", "error", "in clear text", "put a proxy with a certificate in front"),
                ("public-url.name", "error", "provisor.invalid has no address", "DNS"),
            ],
        ),
    ];
    for (flags, troubles) in cases {
        patient.has(flags, troubles);
    }
    assert!(patient.server.stop());
}

#[test]
fn a_postgres_that_loses_data_is_named_and_not_served_from() {
    let data = TemporaryDirectory::new("unsafe");
    assert!(ServerProcess::start(&data).stop());
    let postgres = Postgres::start(
        &data,
        &["fsync=off", "full_page_writes=off", "max_connections=12", "superuser_reserved_connections=2"],
    );
    let key = data.join("master.key");
    let url = database::url(&data, "provisor");
    let with = |arguments: &[&str]| {
        let mut command = program();
        command.args(arguments).args(["--database-url", &url, "--master-key-file"]).arg(&key);
        command.args(["--database-connections", "10"]);
        command
    };
    let output = with(&["doctor", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let find =
        |check: &str| answer["findings"].as_array().unwrap().iter().find(|row| row["check"] == check).unwrap().clone();
    for (check, state, remedy) in [
        ("database.fsync", "error", "ALTER SYSTEM SET fsync = on"),
        ("database.full-page-writes", "warning", "ALTER SYSTEM SET full_page_writes = on"),
        ("database.connections", "error", "raise max_connections"),
    ] {
        let found = find(check);
        assert_eq!(found["state"], state, "{found}");
        assert!(found["remedy"].as_str().unwrap().contains(remedy), "{found}");
    }

    let refused = with(&["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains("fsync=off") && said.contains("--allow-unsafe-fsync"), "{said}");
    let unused = TemporaryDirectory::new("unused");
    let allowed = [
        "--allow-unsafe-fsync",
        "--database-url",
        &url,
        "--master-key-file",
        key.to_str().unwrap(),
        "--database-connections",
        "2",
    ];
    assert!(ServerProcess::start_with(&unused, &allowed).stop());
    drop(postgres);
}

/// A locale by the name of a German one, as far as Postgres asks: it takes the texts from its own files then.
#[cfg(target_env = "gnu")]
#[test]
fn a_postgres_that_does_not_speak_english_is_named_and_not_served_from() {
    let data = TemporaryDirectory::new("german");
    assert!(ServerProcess::start(&data).stop());
    let locales = data.join("locales");
    let plain = ["/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8"].into_iter().find(|path| Path::new(path).exists());
    fs::create_dir(&locales).unwrap();
    let copied =
        std::process::Command::new("cp").arg("-r").arg(plain.unwrap()).arg(locales.join("de_DE.utf8")).status();
    assert!(copied.unwrap().success());
    let environment = [("LOCPATH", locales.to_str().unwrap())];
    let postgres = Postgres::start_in(&data, &["lc_messages=de_DE.utf8"], &environment);
    let (key, url) = (data.join("master.key"), database::url(&data, "provisor"));
    let with = |arguments: &[&str]| {
        let mut command = program();
        command.args(arguments).args(["--database-url", &url, "--master-key-file"]).arg(&key).output().unwrap()
    };
    let refused = with(&["serve", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains("lc_messages is de_DE.utf8"), "{said}");
    assert!(said.contains("ALTER DATABASE \"provisor\" SET lc_messages = 'C'"), "{said}");
    let said = String::from_utf8(with(&["doctor"]).stdout).unwrap();
    assert!(said.contains("error    database.messages") && said.contains("SET lc_messages = 'C'"), "{said}");

    // What it says to do is enough.
    database::execute(&mut database::connect(&data, "provisor"), "ALTER DATABASE \"provisor\" SET lc_messages = 'C'");
    let said = String::from_utf8(with(&["doctor"]).stdout).unwrap();
    assert!(said.contains("ok       database.messages"), "{said}");
    drop(postgres);
}

/// All rows of all tables.
fn rows(data_dir: &Path) -> Vec<String> {
    let mut pg = database::connect(data_dir, "provisor");
    let tables = database::texts(&mut pg, ROWS);
    let rows =
        |table: &String| database::texts(&mut pg, &format!("SELECT t::text AS value FROM {table} AS t ORDER BY 1"));
    tables.iter().flat_map(rows).collect()
}

#[test]
fn nothing_is_changed() {
    let data = TemporaryDirectory::new("looked-at");
    let output = run(&data, &["doctor"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("is not there yet") && said.contains("holds no database yet"), "{said}");
    assert!(!data.exists());
    let output = run(&data, &["doctor", "--admin-email", "ada@example.com", "--admin-password-file", "/nonexistent"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("error    first-administrator"), "{said}");

    assert!(ServerProcess::start(&data).stop());
    let forget = "DELETE FROM __diesel_schema_migrations WHERE version =
        (SELECT max(version) FROM __diesel_schema_migrations)";
    let postgres = Postgres::start(&data, &[]);
    database::execute(&mut database::connect(&data, "provisor"), forget);
    let before = rows(&data);
    drop(postgres);
    let output = run(&data, &["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("error    database.schema") && said.contains("-> make a backup"), "{said}");
    let postgres = Postgres::start(&data, &[]);
    assert_eq!(rows(&data), before);
    drop(postgres);
}

/// The program as somebody who may not read what its mode forbids.
fn bound_by_modes() -> Command {
    if !nix::unistd::geteuid().is_root() {
        return program();
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search", PROGRAM]);
    for (name, value) in program().get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[test]
fn pages_that_cannot_be_read_are_named_and_not_served() {
    let (assets, data) = (TemporaryDirectory::new("assets"), TemporaryDirectory::new("pageless"));
    for (directory, file) in [("templates/parts", "page.html"), ("static", "look.css")] {
        fs::create_dir_all(assets.join(directory)).unwrap();
        fs::write(assets.join(directory).join(file), "text").unwrap();
    }
    let named = assets.to_str().unwrap().to_owned();
    let examined = || {
        let output = bound_by_modes().args(["doctor", "--json", "--assets-dir", &named]).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let finding = answer["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "assets");
        let finding = finding.unwrap().clone();
        (finding["state"].as_str().unwrap().to_owned(), finding["said"].as_str().unwrap().to_owned())
    };
    assert_eq!(examined(), ("ok".to_owned(), named.clone()));

    for hidden in ["", "templates", "templates/parts", "templates/parts/page.html", "static", "static/look.css"] {
        let place = assets.join(hidden);
        let mode = fs::metadata(&place).unwrap().permissions();
        fs::set_permissions(&place, Permissions::from_mode(0o000)).unwrap();
        let (state, said) = examined();
        let mut command = bound_by_modes();
        command.args(["serve", "--listen", "127.0.0.1:0", "--assets-dir", &named, "--data-dir"]).arg(&*data);
        let output = command.output().unwrap();
        fs::set_permissions(&place, mode).unwrap();
        let shown = place.to_str().unwrap().trim_end_matches('/');
        assert!(state == "error" && said.contains(shown) && said.contains("ermission denied"), "{hidden}: {said}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(78) && told.contains(&said), "{hidden}: {told}");
    }
    fs::remove_dir_all(assets.join("templates/parts")).unwrap();
    let (state, said) = examined();
    assert!(state == "error" && said.contains("no template"), "{said}");
    assert!(!data.exists());
}
