//! Tokens made and ended at the command line, as the running server takes them.

use super::*;

/// Creates a token in the default tenant of the shared server, and returns its id and text.
fn create(arguments: &[&str]) -> (String, String) {
    let created = run_json(&shared().data_dir, &[&["token", "create", "okta"], arguments].concat());
    (string(&created["id"]).to_owned(), string(&created["token"]).to_owned())
}

fn rotate(id: &str, overlap: &str) -> String {
    string(&run_json(&shared().data_dir, &["token", "rotate", id, "--overlap", overlap])["token"]).to_owned()
}

fn accepted(token: &str) -> bool {
    let status = status(&shared().url, token);
    assert!([200, 401].contains(&status), "{status}");
    status == 200
}

fn await_refusal(token: &str) {
    eventually("the refusal of a token", || (!accepted(token)).then_some(()));
}

#[test]
fn a_token_works_at_once_and_until_it_is_revoked() {
    let (id, token) = create(&[]);
    assert!(accepted(&token));
    run_json(&shared().data_dir, &["token", "revoke", &id]);
    await_refusal(&token);
    // One that was never used is known to no cache.
    let (id, token) = create(&[]);
    run_json(&shared().data_dir, &["token", "revoke", &id]);
    assert!(!accepted(&token));
}

#[test]
fn a_token_may_do_what_its_scopes_say() {
    let user = crate::support::minimal(&fresh("scoped"));
    for (scopes, read, write) in [
        (&["scim.read"][..], 200, 403),
        (&["scim.write"], 403, 201),
        (&["scim.read", "scim.write"], 200, 409),
        (&[], 200, 409),
    ] {
        let arguments: Vec<&str> = scopes.iter().flat_map(|scope| ["--scope", *scope]).collect();
        let client = Client::new(&shared().url, &create(&arguments).1);
        assert_eq!(client.get("/Users?count=0").status, read, "{scopes:?}");
        assert_eq!(client.post("/Users", &user).status, write, "{scopes:?}");
    }
}

#[test]
fn a_token_ends_when_it_was_to() {
    let (id, token) = create(&["--expires", "5s"]);
    assert!(accepted(&token));
    await_refusal(&token);
    let listed = run_json(&shared().data_dir, &["token", "list"]);
    let row = listed.as_array().unwrap().iter().find(|row| row["id"] == id.as_str()).unwrap();
    assert_eq!((&row["state"], &row["revokedAt"]), (&json!("expired"), &json!(null)));
    let output = run(&shared().data_dir, &["token", "rotate", &id]);
    assert_refused(&output, 1, &[&format!("token '{id}' is no longer valid")]);
}

#[test]
fn a_rotated_token_works_for_the_overlap_and_its_successor_from_the_start() {
    // Never used before the rotation, so that no cache has it.
    let (id, old) = create(&[]);
    let new = rotate(&id, "1h");
    assert!(accepted(&old) && accepted(&new));

    let (id, old) = create(&[]);
    let new = rotate(&id, "5s");
    assert!(accepted(&old) && accepted(&new));
    await_refusal(&old);
    assert!(accepted(&new));

    let (id, old) = create(&[]);
    assert!(accepted(&old));
    let new = rotate(&id, "0s");
    assert!(accepted(&new));
    await_refusal(&old);
    assert!(accepted(&new));
    // The successor can be rotated in turn.
    assert!(accepted(&rotate(&new[6..18], "0s")));
}

#[test]
fn a_successor_lives_as_long_as_its_predecessor_was_to() {
    let created = run_json(&shared().data_dir, &["token", "create", "okta", "--expires", "30d"]);
    let rotated = run_json(&shared().data_dir, &["token", "rotate", string(&created["id"]), "--overlap", "40d"]);
    let time = |row: &Value, name: &str| chrono::DateTime::parse_from_rfc3339(string(&row[name])).unwrap();
    let life = |row: &Value| (time(row, "expiresAt") - time(row, "createdAt")).num_seconds();
    assert!((life(&created) - life(&rotated)).abs() <= 1, "{created} {rotated}");
    // The overlap does not prolong the old one.
    let listed = run_json(&shared().data_dir, &["token", "list"]);
    let old = listed.as_array().unwrap().iter().find(|row| row["id"] == created["id"]).unwrap();
    assert!((life(old) - life(&created)).abs() <= 1, "{old}");
}

#[test]
fn a_token_has_one_successor() {
    let (id, _) = create(&[]);
    let rotated = run_json(&shared().data_dir, &["token", "rotate", &id]);
    let again = run(&shared().data_dir, &["token", "rotate", &id]);
    assert_refused(&again, 1, &["is rotated already", string(&rotated["id"])]);
    assert!(accepted(&rotate(string(&rotated["id"]), "24h")));
}

#[test]
fn a_token_stands_for_the_user_that_it_is_made_for_and_so_does_its_successor() {
    let tenant = crate::support::tenant();
    let ada = tenant.user("Ada@Example.com");
    let create = |user: &str| {
        let arguments = ["token", "create", "ada", "--tenant", &tenant.name, "--user", user];
        run(&shared().data_dir, &[&arguments[..], &["--json"]].concat())
    };
    let refused = create("nobody");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no user 'nobody' in this tenant"));
    let created: Value = serde_json::from_slice(&create("ADA@example.com").stdout).unwrap();
    assert_eq!(created["userId"], ada["id"]);
    let successor = rotate(string(&created["id"]), "1h");
    for token in [string(&created["token"]), &successor] {
        let own = Client::new(&shared().url, &format!("Bearer {token}"));
        assert_eq!(own.get("/Me").json(), ada);
    }
}
