//! Every command with and without `--json`, beside a running server and on a data directory at rest.

use super::*;
use crate::support::database::password_hash;
use crate::support::{ServerProcess, okta_user, temporary_directory};

#[test]
fn every_command_works_beside_a_running_server() {
    administer(&shared().data_dir);
}

/// The server that starts later has everything.
#[test]
fn every_command_works_without_a_server() {
    let data_dir = temporary_directory("cli");
    install(&data_dir);
    let (valid, revoked) = administer(&data_dir);
    let server = ServerProcess::start(&data_dir);
    assert_eq!([status(&server.url, &valid), status(&server.url, &revoked)], [200, 401]);
    assert!(server.stop());
    std::fs::remove_dir_all(&data_dir).unwrap();
    std::fs::remove_file(data_dir.with_extension("log")).unwrap();
}

/// Goes through all commands, and returns a valid token and a revoked one.
fn administer(data_dir: &Path) -> (String, String) {
    let (one, other) = (fresh("acme"), fresh("acme"));
    tenants(data_dir, &one, &other);
    let tokens = tokens(data_dir, &one);
    audit(data_dir, &one);
    tokens
}

fn tenants(data_dir: &Path, one: &str, other: &str) {
    const FIELDS: [&str; 7] =
        ["createdAt", "deleteAfter", "id", "name", "storesPasswords", "suspendedAt", "uniqueGroupNames"];
    let created = run_json(data_dir, &["tenant", "create", one, "--store-passwords", "on"]);
    assert_eq!(names(&created), FIELDS);
    assert_eq!((&created["name"], &created["storesPasswords"]), (&json!(one), &json!(true)));
    let printed = text(data_dir, &["tenant", "create", other]);
    let id = printed.strip_prefix(&format!("created tenant {other} (")).and_then(|rest| rest.strip_suffix(")\n"));
    let id = id.unwrap_or_else(|| panic!("{printed}"));

    let find = |name: &str| {
        let list = run_json(data_dir, &["tenant", "list"]);
        list.as_array().unwrap().iter().find(|tenant| tenant["name"] == name).cloned().unwrap()
    };
    assert_eq!(find(one)["id"], created["id"]);
    assert_eq!((&find(other)["id"], &find(other)["storesPasswords"]), (&json!(id), &json!(false)));
    assert_eq!(find("default")["storesPasswords"], false);
    let row = |name: &str| {
        let rows = table(
            &text(data_dir, &["tenant", "list"]),
            &["NAME", "ID", "PASSWORDS", "GROUP NAMES", "CREATED", "STATE"],
        );
        rows.into_iter().find(|row| row[0] == name).unwrap()
    };
    assert_eq!(row(one)[1..4], [string(&created["id"]), "stored", "unique"]);
    assert_eq!(row(other)[1..4], [id, "discarded", "unique"]);

    let updated = run_json(data_dir, &["tenant", "update", one, "--store-passwords", "off"]);
    assert_eq!(names(&updated), FIELDS);
    assert_eq!((&updated["id"], &updated["storesPasswords"]), (&created["id"], &json!(false)));
    assert_eq!(
        text(data_dir, &["tenant", "update", other, "--store-passwords", "on"]),
        format!("updated tenant {other} ({id})\n")
    );
    assert_eq!((row(one)[2].as_str(), row(other)[2].as_str()), ("discarded", "stored"));
    let both = ["tenant", "update", one, "--store-passwords", "on", "--unique-group-names", "off"];
    let updated = run_json(data_dir, &both);
    assert_eq!((&updated["storesPasswords"], &updated["uniqueGroupNames"]), (&json!(true), &json!(false)));
    assert_eq!(row(one)[2..4], ["stored", "repeatable"]);

    let suspended = run_json(data_dir, &["tenant", "suspend", one]);
    assert!(suspended["suspendedAt"].is_string());
    assert_eq!((row(one)[5].as_str(), row(other)[5].as_str()), ("suspended", "active"));
    let refused = run(data_dir, &["token", "create", "okta", "--tenant", one]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the tenant is suspended; resume it first"));
    let printed = text(data_dir, &["tenant", "resume", one]);
    assert_eq!(printed, format!("resumed tenant {one} ({})\n", string(&created["id"])));
    assert_eq!(row(one)[5], "active");
}

/// The token that a command prints, with nothing beside it where results go, so that a shell can take it; and what it says of it.
fn shown_once(data_dir: &Path, arguments: &[&str]) -> (String, String) {
    let output = run(data_dir, arguments);
    let said = stderr(&output);
    assert!(output.status.success(), "{arguments:?}: {said}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let token = printed.strip_suffix('\n').unwrap();
    assert!(token.starts_with("pvr_t_") && token.len() == 67, "{printed}");
    assert!(said.contains("shown this once") && !said.contains(&token[18..]), "{said}");
    (token.to_owned(), said)
}

fn tokens(data_dir: &Path, tenant: &str) -> (String, String) {
    const FIELDS: [&str; 13] = [
        "allowedNetworks",
        "createdAt",
        "createdBy",
        "expiresAt",
        "id",
        "lastUsedAddress",
        "lastUsedAt",
        "name",
        "revokedAt",
        "rotatedTo",
        "scopes",
        "state",
        "userId",
    ];
    let mut with_token = FIELDS.to_vec();
    with_token.insert(12, "token");
    let created = run_json(data_dir, &["token", "create", "okta", "--tenant", tenant, "--expires", "24h"]);
    assert_eq!(names(&created), with_token);
    assert_eq!((&created["name"], &created["state"]), (&json!("okta"), &json!("valid")));
    assert_eq!(created["scopes"], json!(["scim.read", "scim.write"]));
    let (id, token) = (string(&created["id"]), string(&created["token"]));
    assert!(token.starts_with(&format!("pvr_t_{id}")) && token.len() == 67, "{token}");
    let time = |name: &str| chrono::DateTime::parse_from_rfc3339(string(&created[name])).unwrap();
    assert!((time("expiresAt") - time("createdAt") - chrono::TimeDelta::hours(24)).num_seconds().abs() <= 1);

    let (second, said) =
        shown_once(data_dir, &["token", "create", "entra", "--tenant", tenant, "--scope", "scim.read"]);
    let second_id = &second[6..18];
    for line in [format!("id      {second_id}"), "scopes  scim.read".into()] {
        assert!(said.lines().any(|shown| shown == line), "{line}: {said}");
    }

    let rotated = run_json(data_dir, &["token", "rotate", id]);
    assert_eq!(names(&rotated), with_token);
    assert_eq!((&rotated["name"], &rotated["scopes"]), (&created["name"], &created["scopes"]));
    assert_ne!(rotated["id"], created["id"]);
    let (third, _) = shown_once(data_dir, &["token", "rotate", second_id, "--overlap", "0s"]);
    let third_id = &third[6..18];

    let revoked = run_json(data_dir, &["token", "revoke", string(&rotated["id"])]);
    assert_eq!(revoked, json!({"id": rotated["id"], "revoked": true}));
    let printed = text(data_dir, &["token", "revoke", third_id]);
    assert_eq!(printed, format!("revoked token {third_id}\n"));
    // Again, which changes nothing.
    assert_eq!(text(data_dir, &["token", "revoke", third_id]), printed);

    let listed = run_json(data_dir, &["token", "list", "--tenant", tenant]);
    assert!(listed.as_array().unwrap().iter().all(|token| names(token) == FIELDS), "{listed}");
    let rows = text(data_dir, &["token", "list", "--tenant", tenant]);
    let shown = table(&rows, &["ID", "NAME", "SCOPES", "STATE", "EXPIRES", "LAST USED"]);
    let expected = [
        (third_id, "entra", "scim.read", "revoked"),
        (string(&rotated["id"]), "okta", "scim.read scim.write", "revoked"),
        (second_id, "entra", "scim.read", "expired"),
        (id, "okta", "scim.read scim.write", "rotated"),
    ];
    assert_eq!((shown.len(), listed.as_array().unwrap().len()), (expected.len(), expected.len()));
    for ((row, object), (id, name, scopes, state)) in shown.iter().zip(listed.as_array().unwrap()).zip(expected) {
        assert_eq!(row[..4], [id, name, scopes, state]);
        assert_eq!((&object["id"], &object["name"], &object["state"]), (&json!(id), &json!(name), &json!(state)));
    }
    assert_eq!(listed[3]["rotatedTo"], rotated["id"]);
    for token in [token, &second, &third, string(&rotated["token"])] {
        assert!(!rows.contains(&token[18..]) && !listed.to_string().contains(&token[18..]), "{rows}\n{listed}");
    }
    (token.to_owned(), string(&rotated["token"]).to_owned())
}

fn audit(data_dir: &Path, tenant: &str) {
    const ACTIONS: [&str; 12] = [
        "token.revoke",
        "token.revoke",
        "token.rotate",
        "token.rotate",
        "token.create",
        "token.create",
        "tenant.resume",
        "tenant.suspend",
        "tenant.update",
        "tenant.update",
        "tenant.update",
        "tenant.create",
    ];
    let listed = run_json(data_dir, &["audit", "list", "--tenant", tenant]);
    let actions: Vec<&str> = listed.as_array().unwrap().iter().map(|row| string(&row["action"])).collect();
    assert_eq!(actions, ACTIONS);
    for row in listed.as_array().unwrap() {
        let fields =
            ["action", "actor", "address", "after", "before", "detail", "id", "occurredAt", "requestId", "target"];
        assert_eq!(names(row), fields);
        assert_eq!(row["actor"], json!({"kind": "operator", "id": "cli", "name": "command line"}));
        assert!(!row.to_string().contains("pvr_t_"), "{row}");
    }
    assert_eq!(listed[11]["after"], json!({"name": tenant, "storesPasswords": true, "uniqueGroupNames": true}));
    assert_eq!(listed[10]["after"], json!({"storesPasswords": false}));
    assert_eq!(listed[9]["after"], json!({"uniqueGroupNames": false}));
    assert_eq!(listed[8]["after"], json!({"storesPasswords": true}));
    let printed = text(data_dir, &["audit", "list", "--tenant", tenant]);
    let rows = table(&printed, &["TIME", "ACTION", "ACTOR", "TARGET", "DETAIL"]);
    assert_eq!(rows.iter().map(|row| row[1].as_str()).collect::<Vec<_>>(), ACTIONS);
    assert!(rows.iter().all(|row| row[2] == "command line"), "{printed}");
    let latest = run_json(data_dir, &["audit", "list", "--tenant", tenant, "--limit", "3"]);
    assert_eq!(latest, json!(listed.as_array().unwrap()[..3]));
}

/// Refused strangers are recorded off the request's path; a server that stops writes what waits.
#[test]
fn refused_strangers_are_listed_apart_from_every_tenant() {
    let data_dir = temporary_directory("cli");
    let server = ServerProcess::start(&data_dir);
    let refuse = |authorization: Option<&str>| {
        let client =
            authorization.map_or_else(|| Client::anonymous(&server.url), |value| Client::new(&server.url, value));
        let answer = client.get("/Users");
        assert_eq!(answer.status, 401);
        answer.header("x-request-id").unwrap().to_owned()
    };
    let listed = || {
        let rows = run_json(&data_dir, &["audit", "list", "--no-tenant"]);
        // The server has made its signing keys, too.
        let refused = |row: &&Value| row["action"] == "authentication.refused";
        rows.as_array().unwrap().iter().filter(refused).cloned().collect::<Vec<_>>()
    };
    let first = refuse(Some("Bearer hunter2"));
    let row =
        eventually("the entry of a stranger", || listed().into_iter().find(|row| row["requestId"] == first.as_str()));
    assert_eq!((&row["action"], &row["detail"]), (&json!("authentication.refused"), &json!("malformed token")));
    assert_eq!(row["actor"], json!({"kind": "anonymous", "id": "", "name": ""}));
    assert_eq!(row["address"], "127.0.0.1");
    let second = refuse(None);
    assert!(server.stop());
    let rows = listed();
    assert_eq!(rows.iter().map(|row| string(&row["requestId"])).collect::<Vec<_>>(), [second.as_str(), &first]);
    assert!(!json!(rows).to_string().contains("hunter2"));
    let printed = text(&data_dir, &["audit", "list", "--no-tenant", "--limit", "2"]);
    let shown = table(&printed, &["TIME", "ACTION", "ACTOR", "TARGET", "DETAIL"]);
    assert_eq!(
        shown.iter().map(|row| row.last().unwrap().as_str()).collect::<Vec<_>>(),
        ["no credential", "malformed token"]
    );
    assert_eq!(run_json(&data_dir, &["audit", "list"]), json!([]));
    std::fs::remove_dir_all(&data_dir).unwrap();
    std::fs::remove_file(data_dir.with_extension("log")).unwrap();
}

#[test]
fn passwords_kept_so_far_are_erased_when_they_are_kept_no_longer() {
    let data_dir = &shared().data_dir;
    let tenant = fresh("passwords");
    run_json(data_dir, &["tenant", "create", &tenant, "--store-passwords", "on"]);
    let token = run_json(data_dir, &["token", "create", "okta", "--tenant", &tenant]);
    let client = Client::new(&shared().url, string(&token["token"]));
    let user = client.post("/Users", &okta_user("ada@example.com")).json();
    let id = string(&user["id"]);
    assert!(password_hash(id).is_some());
    run_json(data_dir, &["tenant", "update", &tenant, "--store-passwords", "off"]);
    assert_eq!(password_hash(id), None);
    assert_eq!(client.get(&format!("/Users/{id}")).json(), user);
    // The server follows within a second.
    eventually("a dropped password", || {
        let config = client.get("/ServiceProviderConfig").json();
        (config["changePassword"]["supported"] == json!(false)).then_some(())
    });
    let operations = json!([{"op": "replace", "value": {"password": "second"}}]);
    assert_eq!(client.modify(&format!("/Users/{id}"), &operations).json(), user);
    assert_eq!(password_hash(id), None);
}

#[test]
fn every_command_explains_itself() {
    for arguments in [
        "",
        "serve",
        "tenant",
        "tenant create",
        "tenant update",
        "tenant list",
        "token",
        "token create",
        "token list",
        "token rotate",
        "token revoke",
        "schema",
        "schema import",
        "schema list",
        "schema show",
        "schema remove",
        "resource-type",
        "resource-type import",
        "resource-type okta",
        "resource-type list",
        "resource-type show",
        "resource-type remove",
        "audit",
        "audit list",
        "master-key",
        "master-key create",
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        for flag in ["--help", "-h"] {
            let output =
                program().args(&arguments).arg(flag).env("DATABASE_URL", "postgres://u:hunter2@h/d").output().unwrap();
            assert!(output.status.success(), "{arguments:?}");
            let printed = String::from_utf8(output.stdout).unwrap();
            let usage = ["Usage: provisor"].iter().chain(&arguments).copied().collect::<Vec<_>>().join(" ");
            assert!(printed.contains(&usage), "{usage}: {printed}");
            assert!(printed.contains("PROVISOR_DATA_DIR") && !printed.contains("hunter2"), "{printed}");
        }
    }
    let version = program().arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(version.stdout).unwrap(), format!("provisor {}\n", env!("CARGO_PKG_VERSION")));
}
