//! The Postgres that the program runs itself: how it is set up, what is refused, and that it outlives accidents.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::unistd::{User, geteuid};

use crate::support::process::{self, Signal, lives, program, run, run_json, signal};
use crate::support::{Client, ServerProcess, TemporaryDirectory, database, eventually};

/// `EX_CONFIG`
const CONFIGURATION: Option<i32> = Some(78);
/// What the command line answers to flags it does not understand.
const USAGE: Option<i32> = Some(2);

fn serve(data_dir: &Path, arguments: &[&str]) -> Output {
    run(data_dir, &[&["serve", "--listen", "127.0.0.1:0"], arguments].concat())
}

fn refused(output: &Output, code: Option<i32>, sentence: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), code, "{said}");
    assert!(said.contains(sentence), "{said}");
}

fn postgres_log(data_dir: &Path) -> String {
    fs::read_to_string(data_dir.join("postgres.log")).unwrap()
}

/// A client with a token that the command line made.
fn client(server: &ServerProcess) -> Client {
    let token = run_json(&server.data_dir, &["token", "create", "okta"]);
    Client::new(&server.url, &format!("Bearer {}", token["token"].as_str().unwrap()))
}

#[test]
fn a_cluster_is_made_safe_in_a_path_with_a_space_and_stopped_clean() {
    let parent = TemporaryDirectory::new("a b");
    let data_dir = parent.join("c d");
    fs::create_dir(&*parent).unwrap();
    let server = ServerProcess::start(&data_dir);
    let postgres = server.postgres_pid();
    let key = fs::metadata(data_dir.join("master.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(data_dir.join("owner.lock")).unwrap().permissions().mode() & 0o777, 0o600);
    for private in ["postgres", "run"] {
        assert_eq!(fs::metadata(data_dir.join(private)).unwrap().permissions().mode() & 0o777, 0o700, "{private}");
    }
    let mut pg = database::connect(&data_dir, "provisor");
    for (setting, value) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C"),
    ] {
        let query = format!(
            "SELECT setting AS value FROM pg_settings WHERE name = '{setting}' \
             UNION SELECT datcollate FROM pg_database WHERE datname = 'provisor' AND '{setting}' = 'lc_collate'"
        );
        assert_eq!(database::texts(&mut pg, &query), [value], "{setting}");
    }
    drop(pg);
    run_json(&data_dir, &["tenant", "create", "kept"]);
    assert!(server.stop());
    assert!(!lives(postgres));
    assert!(!data_dir.join("postgres/postmaster.pid").exists());
    assert!(postgres_log(&data_dir).trim().ends_with("database system is shut down"));
    let tenants = run_json(&data_dir, &["tenant", "list"]);
    assert!(tenants.to_string().contains("\"kept\""), "{tenants}");
    let log = postgres_log(&data_dir);
    assert!(!log.contains("not properly shut down") && log.trim().ends_with("database system is shut down"), "{log}");
}

#[test]
fn an_ordinary_user_runs_it_as_that_user() {
    let directory = TemporaryDirectory::new("user");
    fs::create_dir(&*directory).unwrap();
    let copy = directory.join("provisor");
    fs::copy(process::PROGRAM, &copy).unwrap();
    for assets in ["templates", "static"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(assets);
        assert!(Command::new("cp").arg("-r").arg(from).arg(directory.join(assets)).status().unwrap().success());
    }
    let mut command = Command::new(&copy);
    command.env_clear().envs(program().get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let mut owner = geteuid();
    if owner.is_root() {
        let nobody = User::from_name("nobody").unwrap().unwrap();
        chown(&*directory, Some(nobody.uid.as_raw()), None).unwrap();
        command.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw());
        owner = nobody.uid;
    }
    let data_dir = directory.join("data");
    let server = ServerProcess::spawn(command, &data_dir);
    for file in ["", "master.key", "postgres", "postgres/postmaster.pid", "run/.s.PGSQL.5432"] {
        assert_eq!(fs::metadata(data_dir.join(file)).unwrap().uid(), owner.as_raw(), "{file}");
    }
    let postgres = server.postgres_pid();
    assert!(server.stop());
    assert!(!lives(postgres));
}

#[test]
fn what_cannot_work_is_refused_with_a_reason() {
    let directory = TemporaryDirectory::new("refused");
    let long = directory.join("x".repeat(100));
    refused(&serve(&long, &[]), CONFIGURATION, "is too long; a socket in it may have");
    assert!(!directory.exists());

    let empty = directory.join("empty");
    fs::create_dir_all(&empty).unwrap();
    let data_dir = directory.join("data");
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data_dir);
    let output = command.env("PATH", "").env("PROVISOR_PG_BIN_DIR", &empty).output().unwrap();
    refused(&output, CONFIGURATION, "(PROVISOR_PG_BIN_DIR)");
    refused(&output, CONFIGURATION, "holds no initdb and postgres of version 14 to 18");

    let version = data_dir.join("postgres/PG_VERSION");
    fs::create_dir_all(version.parent().unwrap()).unwrap();
    fs::write(&version, "13\n").unwrap();
    refused(&serve(&data_dir, &[]), CONFIGURATION, "was made by PostgreSQL 13");
    assert_eq!(fs::read_to_string(&version).unwrap(), "13\n");

    for (arguments, code, sentence) in [
        (&["--listen", "8080"][..], USAGE, "--listen (PROVISOR_LISTEN) wants an address and a port"),
        (&["--database-connections", "0"], USAGE, "--database-connections (PROVISOR_DATABASE_CONNECTIONS) wants"),
        (&["--public-url", "ftp://x"], USAGE, "--public-url (PROVISOR_PUBLIC_URL) wants a URL"),
        (&["--database-url", "mysql://x"], CONFIGURATION, "--database-url (DATABASE_URL) wants postgres://"),
        (&["--database-url", "postgres:///x"], CONFIGURATION, "--master-key-file (PROVISOR_MASTER_KEY_FILE): needed"),
        (&["--assets-dir", "/"], CONFIGURATION, "--assets-dir or PROVISOR_ASSETS_DIR"),
    ] {
        let mut command = program();
        let output = command.arg("serve").arg("--data-dir").arg(&data_dir).args(arguments).output().unwrap();
        refused(&output, code, sentence);
    }
}

#[test]
fn a_directory_has_one_server_and_commands_work_beside_it() {
    let data_dir = TemporaryDirectory::new("one");
    let server = ServerProcess::start(&data_dir);
    let sentence = format!("another provisor (process {}) uses", server.pid());
    refused(&serve(&data_dir, &[]), CONFIGURATION, &sentence);
    run_json(&data_dir, &["tenant", "list"]);
    assert_eq!(client(&server).get("/Users").status, 200);
}

#[test]
fn the_postgres_of_a_killed_server_is_adopted() {
    let data_dir = TemporaryDirectory::new("adopt");
    let server = ServerProcess::start(&data_dir);
    let postgres = server.postgres_pid();
    server.kill();
    assert!(lives(postgres));
    let server = ServerProcess::start(&data_dir);
    assert_eq!(server.postgres_pid(), postgres);
    assert_eq!(client(&server).get("/Users").status, 200);
    assert!(server.stop());
    assert!(!lives(postgres));

    let server = ServerProcess::start(&data_dir);
    let postgres = server.postgres_pid();
    server.kill();
    run_json(&data_dir, &["tenant", "list"]);
    assert!(!lives(postgres), "a command that adopts it stops it");
}

#[test]
fn a_postgres_that_dies_is_started_again_under_the_server() {
    let data_dir = TemporaryDirectory::new("dies");
    let server = ServerProcess::start(&data_dir);
    let (client, anonymous) = (client(&server), Client::anonymous(&server.url));
    let health = |path: &str| reqwest::blocking::get(format!("{}{path}", server.url)).unwrap().status().as_u16();
    assert_eq!((client.get("/Users").status, health("/readyz")), (200, 200));

    // Without this file it cannot start, so that there is time to look.
    let (control, away) = (data_dir.join("postgres/global/pg_control"), data_dir.join("away"));
    let postgres = server.postgres_pid();
    let processes = "SELECT pid::text AS value FROM pg_stat_activity";
    let processes = database::texts(&mut database::connect(&data_dir, "provisor"), processes);
    fs::rename(&control, &away).unwrap();
    signal(postgres, Signal::SIGKILL);
    // Its processes serve until they notice.
    eventually("end", || (processes.iter().all(|pid| !lives(pid.parse().unwrap()))).then_some(()));
    for _ in 0..4 {
        let asked = Instant::now();
        let answer = client.get("/Users");
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(answer.header("retry-after").unwrap().parse::<u32>().is_ok());
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    }
    assert_eq!((health("/livez"), health("/readyz")), (200, 503));
    assert_eq!(anonymous.get("/ServiceProviderConfig").status, 200);

    fs::rename(&away, &control).unwrap();
    eventually("service", || (client.get("/Users").status == 200).then_some(()));
    assert_eq!(health("/readyz"), 200);
    assert_ne!(server.postgres_pid(), postgres);

    // And again, without an obstacle.
    let postgres = server.postgres_pid();
    signal(postgres, Signal::SIGKILL);
    let replaced = || server.postgres().is_some_and(|pid| pid != postgres);
    eventually("service", || (replaced() && client.get("/Users").status == 200).then_some(()));
    let postgres = server.postgres_pid();
    assert!(server.stop());
    assert!(!lives(postgres));
}

#[test]
fn what_the_environment_says_of_another_postgres_does_not_concern_it() {
    let data_dir = TemporaryDirectory::new("environment");
    let with_environment = || {
        let mut command = program();
        command.envs([
            ("PGHOSTADDR", "192.0.2.1"),
            ("PGSERVICE", "elsewhere"),
            ("PGSSLMODE", "require"),
            ("PGOPTIONS", "-c search_path=nowhere"),
            ("PGDATA", "/nonexistent"),
            ("PGPORT", "1"),
        ]);
        command
    };
    let server = ServerProcess::spawn(with_environment(), &data_dir);
    let beside = |arguments: &[&str]| {
        let output = with_environment().args(arguments).arg("--data-dir").arg(&*data_dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let token = beside(&["token", "create", "okta"]);
    assert_eq!(Client::new(&server.url, &format!("Bearer {}", token.trim())).get("/Users").status, 200);
    let file = data_dir.join("copy");
    beside(&["backup", file.to_str().unwrap()]);
    assert!(server.stop());
}
