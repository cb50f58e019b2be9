//! With a database of one's own: commands and servers that share it by `DATABASE_URL`.

use provisor::auth::master_key::MasterKey;
use provisor::auth::secret::TokenKey;
use provisor::auth::{self, NewToken, Scope};

use super::*;
use crate::support::{ServerProcess, TemporaryDirectory, database, minimal, operator, temporary_directory};

/// Runs a command on the database of the shared server, told by the environment and by flags in turn.
fn run_by_url(by_flag: bool, key: &Path, arguments: &[&str]) -> Output {
    let url = database::url(&shared().data_dir, "provisor");
    let mut command = program();
    command.args(arguments);
    if by_flag {
        command.args(["--database-url", &url, "--master-key-file"]).arg(key).output().unwrap()
    } else {
        command.env("DATABASE_URL", &url).env("PROVISOR_MASTER_KEY_FILE", key).output().unwrap()
    }
}

#[test]
fn a_command_finds_the_database_by_its_url() {
    let key = shared().data_dir.join("master.key");
    for by_flag in [true, false] {
        let tenant = fresh("by-url");
        let made = run_by_url(by_flag, &key, &["tenant", "create", &tenant, "--json"]);
        assert!(made.status.success(), "{}", stderr(&made));
        let listed = run_json(&shared().data_dir, &["tenant", "list"]);
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        assert!(listed.as_array().unwrap().iter().any(|row| row["id"] == made["id"]), "{listed}");
        let made = run_by_url(by_flag, &key, &["token", "create", "okta", "--tenant", &tenant, "--json"]);
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        assert_eq!(status(&shared().url, string(&made["token"])), 200);
    }
}

#[test]
fn under_another_master_key_no_command_begins_and_no_token_is_taken() {
    // Something is at stake, and there are signing keys.
    run_json(&shared().data_dir, &["token", "create", &fresh("stake")]);
    run_json(&shared().data_dir, &["key", "list"]);
    let key = temporary_directory("key");
    let made = program().args(["master-key", "create", "--master-key-file"]).arg(&key).output().unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
    let name = fresh("wrong-key");
    for command in [
        &["token", "create", &name][..],
        &["token", "rotate", &name, "--overlap", "1s"],
        &["client", "create", &name],
        &["tenant", "create", &name],
        &["admin", "list"],
        &["schema", "list"],
        &["resource-type", "list"],
        &["key", "list"],
        &["audit", "verify"],
    ] {
        let refused = run_by_url(true, &key, command);
        assert_refused(&refused, 78, &["was sealed under another master key: bring that one back"]);
    }
    for list in ["token", "client", "tenant"] {
        assert!(!run_json(&shared().data_dir, &[list, "list"]).to_string().contains(&name), "{list}");
    }
    // Nor is one that got into the database all the same.
    let tenant = crate::support::tenant();
    let other = TokenKey::derive(&MasterKey::read(&key).unwrap());
    let scopes = Scope::ALL.into_iter().collect();
    let new = NewToken { name: "okta".into(), scopes, expires_at: None, allowed_networks: vec![], user: None };
    let made = shared()
        .with_backend(|backend| auth::tokens::create(&backend.store, &operator(tenant.id), &other, &new).unwrap());
    assert_eq!(status(&shared().url, made.secret.reveal()), 401);
    std::fs::remove_file(key).unwrap();
}

#[test]
fn servers_on_one_database_serve_the_same() {
    let url = database::url(&shared().data_dir, "provisor");
    let key = shared().data_dir.join("master.key");
    let unused = temporary_directory("second");
    let arguments = ["--database-url", &url, "--master-key-file", key.to_str().unwrap(), "--database-connections", "2"];
    let second = ServerProcess::start_with(&unused, &arguments);
    assert!(!unused.exists());
    let tenant = crate::support::tenant();
    let made = run_json(&shared().data_dir, &["token", "create", "okta", "--tenant", &tenant.name]);
    let (id, token) = (string(&made["id"]), string(&made["token"]));
    let [here, there] = [&shared().url, &second.url].map(|url| Client::new(url, token));

    assert_eq!(here.post("/Users", &minimal("ada@example.com")).status, 201);
    assert_eq!(there.found("userName eq \"ada@example.com\""), ["ada@example.com"]);
    assert_eq!(there.post("/Users", &minimal("Ada@example.com")).status, 409);
    let okta = run_json(&shared().data_dir, &["resource-type", "okta", "--tenant", &tenant.name]);
    for client in [&here, &there] {
        eventually("a new resource type", || (client.get("/Roles").status == 200).then_some(()));
    }
    assert_eq!(okta[0]["name"], "Role");
    run_json(&shared().data_dir, &["token", "revoke", id]);
    for client in [&here, &there] {
        eventually("the refusal of a token", || (client.get("/Users").status == 401).then_some(()));
    }
    assert!(second.stop());
    std::fs::remove_file(unused.with_extension("log")).unwrap();
}

#[test]
fn a_lost_master_key_stops_the_start_instead_of_being_replaced() {
    let data_dir = TemporaryDirectory::new("keyless");
    install(&data_dir);
    run_json(&data_dir, &["token", "create", "okta"]);
    let (key, away) = (data_dir.join("master.key"), data_dir.join("away"));
    std::fs::rename(&key, &away).unwrap();
    assert_refused(&run(&data_dir, &["token", "list"]), 78, &["master.key is missing", "bring it back"]);
    assert!(!key.exists());
    std::fs::rename(&away, &key).unwrap();
    assert_eq!(run_json(&data_dir, &["token", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_lost_master_key_is_missed_by_whatever_somebody_keeps() {
    const CLIENT: &str =
        "INSERT INTO oauth_clients (id, tenant_id, name, confidential, grant_types, scopes, redirect_uris,
        pkce_required, access_token_seconds, refresh_idle_seconds, created_at)
        VALUES ('c', gen_random_uuid(), 'Okta', true, '{}', '{}', '{}', false, 600, 600, now());
        INSERT INTO oauth_grants (tenant_id, id, client_id, administrator_id, administrator_email, scopes, created_at)
        SELECT tenant_id, tenant_id, id, tenant_id, 'ada@example.com', '{}', now() FROM oauth_clients;";
    const SECRET: &str = "INSERT INTO client_secrets (id, client_id, secret_hash, key_version, created_at)
        VALUES ('s', 'c', '', 1, now())";
    const REFRESH_TOKEN: &str = "DELETE FROM client_secrets;
        INSERT INTO refresh_tokens (id, tenant_id, grant_id, token_hash, key_version, created_at, expires_at)
        SELECT 'r', tenant_id, id, '', 1, now(), now() + interval '1 day' FROM oauth_grants";
    const SINGLE_SIGN_ON: &str = "DELETE FROM refresh_tokens; DELETE FROM oauth_grants; DELETE FROM oauth_clients;
        INSERT INTO sso_provider (id, enabled, issuer, client_id, sealed_client_secret, key_version, roles, people_tenant_id, email_domains,
        assumes_verified_email, changed_at) VALUES (true, true, 'https://id', 'c', 'sealed', 1, '[]', gen_random_uuid(), '{}', false, now())";
    const SIGNED_ANEW: &str =
        "DELETE FROM sso_provider; INSERT INTO audit_checkpoint_signatures VALUES (gen_random_uuid(), 1, 'k', 's')";
    let data_dir = TemporaryDirectory::new("kept");
    let (key, away) = (data_dir.join("master.key"), data_dir.join("away"));
    for (statements, refused) in [
        ("SELECT 1", false),
        (CLIENT, true),
        (SECRET, true),
        (REFRESH_TOKEN, true),
        (SINGLE_SIGN_ON, true),
        (SIGNED_ANEW, true),
    ] {
        let server = ServerProcess::start(&data_dir);
        database::execute(&mut database::connect(&data_dir, "provisor"), statements);
        assert!(server.stop());
        std::fs::rename(&key, &away).unwrap();
        let output = run(&data_dir, &["tenant", "list"]);
        assert_eq!((output.status.code(), key.exists()), if refused { (Some(78), false) } else { (Some(0), true) });
        std::fs::rename(&away, &key).unwrap();
    }
}

#[test]
fn a_server_with_a_wrong_master_key_leaves_the_keys_of_the_others_alone() {
    let (data_dir, beside) = (TemporaryDirectory::new("right"), TemporaryDirectory::new("wrong"));
    let server = ServerProcess::start(&data_dir);
    run_json(&data_dir, &["client", "create", "entra"]);
    let keys = run_json(&data_dir, &["key", "list"]);
    let wrong = beside.join("master.key");
    std::fs::create_dir(&*beside).unwrap();
    let made = program().args(["master-key", "create", "--master-key-file"]).arg(&wrong).output().unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
    let other = |arguments: &[&str]| {
        let mut command = program();
        command.args(arguments).args(["--listen", "127.0.0.1:0", "--master-key-file"]).arg(&wrong);
        command.args(["--database-url", &database::url(&data_dir, "provisor")]).output().unwrap()
    };
    for arguments in [&["serve"][..], &["key", "rotate", "--now"], &["key", "list"]] {
        let output = other(arguments);
        assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
        assert!(stderr(&output).contains("another master key") && stderr(&output).contains("provisor key replace"));
    }
    assert_eq!(run_json(&data_dir, &["key", "list"]), keys);
    // Whoever has lost the right one for good says so.
    let output = other(&["key", "replace"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("void"), "tokens made under the other key are");
    let output = other(&["key", "list", "--json"]);
    let replaced: Value = serde_json::from_slice(&output.stdout).unwrap();
    let kid = |keys: &Value, number: usize| string(&keys[number]["kid"]).to_owned();
    assert!((0..2).all(|number| kid(&replaced, number) != kid(&keys, number)), "{replaced}");
    assert!(server.stop());
}

/// What a command says when it is to use this database; it must not come to a connection.
fn refusal_of(url: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    let key = shared().data_dir.join("master.key");
    let mut command = program();
    command.env("DATABASE_URL", url).env("PROVISOR_MASTER_KEY_FILE", key).envs(environment.iter().copied());
    command.args(["tenant", "list"]).args(arguments).output().unwrap()
}

#[test]
fn nothing_goes_to_a_database_elsewhere_in_clear_text() {
    const NOTHING: &[(&str, &str)] = &[];
    let encrypts = cfg!(all(feature = "system-libpq", not(feature = "bundled-libpq")));
    // Nothing answers at these addresses, which are for examples alone.
    for (url, environment) in [
        ("postgres://u:hunter2@192.0.2.1/d?sslmode=disable", NOTHING),
        ("postgres://u:hunter2@192.0.2.1/d?sslmode=prefer", NOTHING),
        ("postgres://u:hunter2@localhost,192.0.2.1/d?sslmode=allow", NOTHING),
        ("postgres://u:hunter2@localhost/d?hostaddr=192.0.2.1&sslmode=prefer", NOTHING),
        ("postgres://u:hunter2@192.0.2.1/d", &[("PGSSLMODE", "prefer")]),
        ("postgres:///d?password=hunter2", &[("PGHOST", "192.0.2.1"), ("PGSSLMODE", "disable")]),
        ("postgres://u:hunter2@localhost/d?sslmode=disable", &[("PGHOSTADDR", "192.0.2.1")]),
    ] {
        let output = refusal_of(url, environment, &[]);
        let why = if encrypts { "lets the connection to" } else { "this build cannot encrypt the connection to" };
        assert_refused(&output, 78, &["192.0.2.1", why, "--allow-plaintext-database"]);
        assert!(!stderr(&output).contains("hunter2"), "{url}");
    }
    for (url, environment, says) in [
        ("postgres://u:hunter2@192.0.2.1/d?sslmode=none", NOTHING, "sslmode is one of"),
        ("postgres:///d?password=hunter2", &[("PGSERVICE", "x")], "PGSERVICE"),
        ("postgres://u:hun/ter2@192.0.2.1/d", NOTHING, "wants postgres://"),
    ] {
        let output = refusal_of(url, environment, &["--allow-plaintext-database"]);
        assert_refused(&output, 78, &[says]);
        assert!(!stderr(&output).contains("ter2"), "{url}");
    }
}

#[test]
fn the_password_for_the_database_comes_from_a_file() {
    const PASSWORD: &str = "p%40ss/wo rd?&=#é";
    let data_dir = TemporaryDirectory::new("password");
    let server = ServerProcess::start(&data_dir);
    let hba = data_dir.join("postgres/pg_hba.conf");
    let rules = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("local all guest scram-sha-256\n{rules}")).unwrap();
    let mut pg = database::connect(&data_dir, "provisor");
    database::execute(&mut pg, &format!("CREATE ROLE guest LOGIN SUPERUSER PASSWORD '{PASSWORD}'"));
    assert_eq!(database::texts(&mut pg, "SELECT pg_reload_conf()::text AS value"), ["true"]);
    drop(pg);

    let (key, file) = (data_dir.join("master.key"), data_dir.join("password"));
    let url = database::url(&data_dir, "provisor").replace("user=provisor", "user=guest");
    let list = |url: &str| {
        let mut command = program();
        command.env("DATABASE_URL", url).env("PROVISOR_MASTER_KEY_FILE", &key);
        command.env("PROVISOR_DATABASE_PASSWORD_FILE", &file).args(["tenant", "list", "--json"]).output().unwrap()
    };
    assert_refused(&list(&url), 78, &["--database-password-file (PROVISOR_DATABASE_PASSWORD_FILE)", "cannot be read"]);
    for nothing in ["", "\n", "\nsecret\n"] {
        std::fs::write(&file, nothing).unwrap();
        assert_refused(&list(&url), 78, &["--database-password-file (PROVISOR_DATABASE_PASSWORD_FILE)", "is empty"]);
    }
    std::fs::write(&file, "another\n").unwrap();
    // The rules are read again some time after the call; until then any password does.
    let output = eventually("the refusal of another password", || {
        Some(list(&url)).filter(|output| output.status.code() == Some(1))
    });
    let said = stderr(&output);
    assert!(said.contains("password authentication failed") && !said.contains("another"), "{said}");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let output = list(&url);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8(output.stdout).unwrap().contains("default"));
    assert_refused(&list(&format!("{url}&password=x")), 78, &["holds a password already"]);
    assert!(server.stop());
    assert_refused(&run(&data_dir, &["tenant", "list", "--database-password-file", "x"]), 78, &["--database-url"]);
}
