//! The command line: what each command does to a server at work and to one at rest, what it prints, and what it refuses.

mod commands;
mod databases;
mod definitions;
mod healthcheck;
mod refusals;
mod tokens;

use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::process::{install, program, run, run_json};
use crate::support::{Client, eventually, shared};

/// A name that no other test gives.
fn fresh(purpose: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("{purpose}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// What a command that must succeed prints.
fn text(data_dir: &Path, arguments: &[&str]) -> String {
    let output = run(data_dir, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    assert_eq!(stderr(&output), "", "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts that a command ends with this code, says all of this, and prints nothing where results go.
fn assert_refused(output: &Output, code: i32, says: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in says {
        assert!(said.contains(part), "'{part}' is not in: {said}");
    }
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The rows of a table behind its headings, each cut at two blanks or more.
fn table(text: &str, headings: &[&str]) -> Vec<Vec<String>> {
    let cells =
        |line: &str| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect();
    let mut lines = text.lines().map(cells);
    let first: Vec<String> = lines.next().unwrap();
    assert_eq!(first, headings);
    lines.collect()
}

fn names(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The status that a token gets from a server.
fn status(url: &str, token: &str) -> u16 {
    Client::new(url, token).get("/Users?count=0").status
}
