//! `provisor admin`.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::people::PASSWORD;
use crate::support::process::{program, run};
use crate::support::{Browser, shared, tenant};

/// Runs a command with this on its standard input.
fn with_input(arguments: &[&str], input: &str) -> Output {
    let mut command = program();
    command.args(arguments).arg("--data-dir").arg(&shared().data_dir);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn data_dir() -> &'static Path {
    &shared().data_dir
}

#[test]
fn an_administrator_is_created_listed_disabled_enabled_and_given_a_password() {
    let tenant = tenant();
    let email = format!("Cli.{}@example.com", tenant.name);
    let create = ["admin", "create", email.as_str(), "--tenant", &tenant.name, "--role", "admin", "--json"];
    let created = json_of(&with_input(&create, &format!("{PASSWORD}\n")));
    assert_eq!(
        (&created["email"], &created["tenant"], &created["role"], &created["disabledAt"]),
        (&json!(email), &json!(tenant.name), &json!("admin"), &Value::Null)
    );
    assert!(!created.to_string().contains("argon2"));
    let mut browser = Browser::new(&shared().url);
    assert_eq!(browser.sign_in(&email, PASSWORD).heading(), "Overview");

    let taken = refusal(&with_input(&["admin", "create", &email.to_lowercase()], PASSWORD));
    assert!(taken.contains("there is an administrator with this e-mail address already"), "{taken}");
    let weak = refusal(&with_input(&["admin", "set-password", &email], "short\n"));
    assert!(weak.contains("a password has at least 12 characters"), "{weak}");

    let disabled = json_of(&run(data_dir(), &["admin", "disable", &email.to_uppercase(), "--json"]));
    assert!(disabled["disabledAt"].is_string());
    assert_eq!(browser.open("/admin").heading(), "Sign in");
    let text = String::from_utf8(run(data_dir(), &["admin", "list"]).stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with(&email)).unwrap();
    assert!(text.starts_with("E-MAIL") && line.contains("disabled") && line.contains(&tenant.name), "{text}");

    let enabled = json_of(&run(data_dir(), &["admin", "enable", &email, "--json"]));
    assert_eq!(enabled["disabledAt"], Value::Null);
    let new = "another horse battery";
    json_of(&with_input(&["admin", "set-password", &email, "--json"], &format!("{new}\r\n")));
    assert_eq!(browser.sign_in(&email, new).heading(), "Overview");
    let actions: Vec<String> = tenant.audit().into_iter().map(|row| row.action).collect();
    assert_eq!(actions.iter().filter(|action| *action == "administrator.update").count(), 3, "{actions:?}");
}

#[test]
fn what_is_not_there_is_named() {
    for (arguments, says) in [
        (&["admin", "disable", "nobody@example.com"][..], "no administrator 'nobody@example.com'"),
        (&["admin", "enable", "nobody@example.com"], "'provisor admin list' shows them"),
        (&["admin", "create", "x@example.com", "--tenant", "nowhere"], "no tenant 'nowhere'"),
        (&["admin", "create", "x", "--password-file", "/nowhere"], "/nowhere: cannot be read"),
    ] {
        let said = refusal(&run(data_dir(), arguments));
        assert!(said.contains(says), "{said}");
    }
    let said = refusal(&with_input(&["admin", "create", "x"], PASSWORD));
    assert!(said.contains("an e-mail address looks like"), "{said}");
    let output = run(data_dir(), &["admin", "create", "x@example.com", "--role", "king"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("wants one of owner, admin, auditor"));
}
