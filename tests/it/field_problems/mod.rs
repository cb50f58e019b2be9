//! Problems that people met with other SCIM servers, each with the request that arrived there and the behaviour that serves every
//! client. The names of the tests begin with the row of the list of such problems.

mod accounts;
mod members;
mod patches;
mod queries;
mod transport;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Answer, Tenant};

/// Rows of the list.
const ROWS: u32 = 36;

/// Creates a user from a body, applies operations that must succeed, and returns what a GET then shows.
fn patched(tenant: &Tenant, user: &Value, operations: &Value) -> Value {
    let path = tenant.create_path(user);
    let answer = tenant.client.modify(&path, operations);
    assert_eq!(answer.status, 200, "{operations}: {}", answer.text);
    let shown = tenant.client.get(&path).json();
    assert_eq!(answer.json(), shown);
    shown
}

/// Asserts that an answer is a list of exactly these resources, by id.
#[track_caller]
fn assert_found(answer: &Answer, expected: &[&Value]) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["totalResults"], expected.len(), "{body}");
    let found: Vec<&Value> = body["Resources"].as_array().unwrap().iter().map(|resource| &resource["id"]).collect();
    let expected: Vec<&Value> = expected.iter().map(|resource| &resource["id"]).collect();
    assert_eq!(found, expected, "{body}");
}

/// The tests of all files, by the row that their names begin with.
fn rows_with_tests() -> BTreeSet<u32> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/field_problems");
    let mut rows = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        for test in source.split("#[test]\nfn row_").skip(1) {
            let (number, sentence) = test.split_once('_').unwrap();
            assert!(sentence.starts_with(|first: char| first.is_ascii_lowercase()), "{number} has no sentence");
            assert!(number.len() == 2 && rows.insert(number.parse().unwrap()), "row {number} twice");
        }
    }
    rows
}

#[test]
fn every_row_has_one_test() {
    assert_eq!(rows_with_tests(), (1..=ROWS).collect());
}
