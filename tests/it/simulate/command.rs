//! The command: what it prints, how it exits, what it leaves behind.

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::proxy::plant;
use super::token;
use crate::support::process::program;
use crate::support::{TemporaryDirectory, Tenant, shared, tenant};

fn okta(base_url: &str, arguments: &[&str]) -> Command {
    let mut command = program();
    command.args(["simulate", "okta", "--base-url", base_url]).args(arguments).stdin(Stdio::null());
    command
}

fn base_url() -> String {
    format!("{}/scim/v2", shared().url)
}

fn with_token(tenant: &Tenant, base_url: &str, arguments: &[&str]) -> Output {
    okta(base_url, arguments).env("PROVISOR_SIMULATE_TOKEN", token(tenant)).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn count(tenant: &Tenant, endpoint: &str) -> Value {
    tenant.client.get(&format!("{endpoint}?count=0")).json()["totalResults"].clone()
}

#[test]
fn our_own_server_does_not_deviate_and_users_stay_to_be_looked_at() {
    let tenant = tenant();
    let output = with_token(&tenant, &base_url(), &["--users", "30", "--groups", "4", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["deviations"], serde_json::json!([]), "{report:#}");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!((&report["users"], &report["groups"], &report["complete"]), (&30.into(), &4.into(), &true.into()));
    // All that is known without OAuth and without an answer 429.
    assert_eq!(report["passed"].as_array().unwrap().len(), provisor::simulate::check::ALL.len() - 4);
    assert_eq!((count(&tenant, "/Users"), count(&tenant, "/Groups")), (30.into(), 4.into()));
    let run = report["run"].as_str().unwrap();
    let named = tenant.client.found(&format!("userName ew \"@{run}.example.com\""));
    assert_eq!(named.len(), 30);
    assert_eq!(tenant.client.found("active eq false").len(), 3, "one in ten leaves");
    let requests = report["requests"].as_u64().unwrap();
    assert!(requests > 200, "{requests}");
    for latency in report["latencies"].as_array().unwrap() {
        assert!(latency["p50Ms"].as_f64().unwrap() <= latency["p99Ms"].as_f64().unwrap(), "{latency}");
    }
    // A second run beside the first, cleaned up behind it.
    let output = with_token(&tenant, &base_url(), &["--users", "5", "--groups", "1", "--clean-up"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("0 deviate") && stdout(&output).contains("is deleted"), "{}", stdout(&output));
    assert_eq!((count(&tenant, "/Users"), count(&tenant, "/Groups")), (30.into(), 4.into()));
    assert!(stderr(&output).contains("assigning users\n"), "{}", stderr(&output));
}

#[test]
fn a_deviation_is_told_with_what_was_sent_what_came_and_what_okta_does() {
    let tenant = tenant();
    let (base_url, _) = plant(&tenant, |asked, server| match server.pass(asked) {
        // The credential comes back in the error, as careless servers do it.
        reply if reply.status == 409 => {
            reply.status(500).edit(|body| body["detail"] = format!("oops {}", server.authorization).into())
        }
        reply => reply,
    });
    let output = with_token(&tenant, &base_url, &["--users", "3", "--groups", "0"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}{}", stderr(&output));
    for part in [
        "duplicate.status  A userName that is taken is refused with 409.",
        "sent  POST /Users",
        "came  500: \"oops Bearer [token]\"",
        "then  Okta links two people",
        "see   RFC 7644 section 3.3",
        "Okta takes only https",
    ] {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
    let secret = token(&tenant);
    assert!(!text.contains(&secret) && !stderr(&output).contains(&secret));
}

#[test]
fn what_cannot_begin_exits_with_2() {
    let directory = TemporaryDirectory::new("simulate");
    fs::create_dir_all(&*directory).unwrap();
    let wrong = directory.join("token");
    fs::write(&wrong, "pvr_h_wrong\n").unwrap();
    let wrong = wrong.to_str().unwrap();
    let base = base_url();
    for (base_url, arguments, says) in [
        (base.as_str(), &["--token-file", wrong][..], "refused the credential with 401"),
        (&base, &["--token-file", "/nowhere/token"], "/nowhere/token: cannot be read"),
        (&base, &[], "--token-file"),
        ("http://127.0.0.1:9/scim/v2", &["--token-file", wrong], "does not answer: no connection"),
        ("scim.example.com", &["--token-file", wrong], "wants a URL"),
        (&base, &["--token-file", wrong, "--users", "1"], "1 is not in 2..="),
        (&base, &["--oauth"], "--token-url"),
    ] {
        let output = okta(base_url, arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "'{says}' is not in: {}", stderr(&output));
        assert!(output.stdout.is_empty());
        assert!(!stderr(&output).contains("pvr_h_wrong"));
    }
}
