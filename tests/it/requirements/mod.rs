//! Every requirement of priority 1, over HTTP. The name of a test begins with the id of its requirement, and
//! `docs/conformance.md` lists them all.

mod bulk;
mod create;
mod cursors;
mod custom_schemas;
mod data_model;
mod delete;
mod discovery;
mod errors;
mod filters;
mod groups;
mod me;
mod modify;
mod paging;
mod projection;
mod query;
mod replace;
mod root;
mod sorting;
mod transport;
mod versions;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Client, ENTERPRISE, USER};

/// A user with a value of every kind.
fn ada() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "Ada@Example.com",
        "externalId": "00uAda",
        "name": {"givenName": "Ada", "familyName": "King"},
        "displayName": "Ada King",
        "active": true,
        "emails": [
            {"value": "ada@work.example", "type": "work", "primary": true},
            {"value": "ada@home.example", "type": "home"}
        ],
        "phoneNumbers": [{"value": "555-0100", "type": "mobile"}],
        ENTERPRISE: {"department": "Engines", "manager": {"value": "1", "displayName": "Charles"}}
    })
}

/// What GET answers for a resource that is there.
#[track_caller]
fn read(client: &Client, path: &str) -> Value {
    let answer = client.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

/// The resource without what the server adds: `id`, `meta` and `schemas`.
fn without_common(mut resource: Value) -> Value {
    let object = resource.as_object_mut().unwrap();
    for name in ["id", "meta", "schemas"] {
        object.remove(name).unwrap_or_else(|| panic!("no {name}"));
    }
    resource
}

/// The tests of requirements in the sources, as `requirements::modify::r7644_…`.
fn tests_in_the_sources() -> BTreeSet<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/requirements");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let source = fs::read_to_string(&path).unwrap();
        let mut lines = source.lines().peekable();
        while let Some(line) = lines.next() {
            let function = lines.peek().and_then(|next| next.strip_prefix("fn ")).and_then(|rest| rest.split_once('('));
            if let (true, Some((name, _))) = (line == "#[test]", function)
                && name.starts_with('r')
            {
                found.insert(format!("requirements::{module}::{name}"));
            }
        }
    }
    found
}

/// The tests that the tables name, with the ids at the start of their rows.
fn rows_of_the_tables() -> Vec<(String, String)> {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md")).unwrap();
    let mut rows = Vec::new();
    for line in document.lines().filter(|line| line.starts_with('|')) {
        let id = line.split('|').nth(1).unwrap().trim();
        for code in line.split('`').filter(|code| code.starts_with("requirements::")) {
            rows.push((id.to_owned(), code.to_owned()));
        }
    }
    rows
}

/// The requirements of priority 1 and 2, one a line.
const IDS: &str = include_str!("ids.txt");
/// What no test over HTTP can show: the server speaks plain HTTP behind a proxy that ends TLS.
const UNTESTED: [&str; 1] = ["R7644-7.2-1"];

#[test]
fn every_requirement_has_a_row_with_a_test() {
    let tested: BTreeSet<String> = rows_of_the_tables().into_iter().map(|(id, _)| id).collect();
    let missing: Vec<&str> = IDS.lines().filter(|id| !UNTESTED.contains(id) && !tested.contains(*id)).collect();
    assert!(IDS.lines().count() > 140 && missing.is_empty(), "docs/conformance.md has no test for {missing:?}");
}

#[test]
fn every_test_in_the_conformance_table_exists() {
    let tests = tests_in_the_sources();
    let rows = rows_of_the_tables();
    assert!(rows.len() > 50, "the tables are read");
    for (id, test) in rows {
        assert!(tests.contains(&test), "{id}: there is no test {test}");
        let prefix = format!("{}_", id.to_lowercase().replace(['-', '.'], "_"));
        let sentence = test.rsplit("::").next().unwrap().strip_prefix(&prefix);
        let begins = sentence.is_some_and(|sentence| sentence.starts_with(|first: char| first.is_ascii_lowercase()));
        assert!(begins, "{test} does not begin with {prefix} and a sentence");
    }
}

#[test]
fn every_test_of_a_requirement_stands_in_the_conformance_table() {
    let listed: BTreeSet<String> = rows_of_the_tables().into_iter().map(|(_, test)| test).collect();
    let missing: Vec<String> = tests_in_the_sources().difference(&listed).cloned().collect();
    assert!(missing.is_empty(), "docs/conformance.md lacks {missing:#?}");
}

/// The requirements of priority 1 and 2 that concern OAuth, one a line.
const OAUTH_IDS: &str = include_str!("oauth_ids.txt");

/// All tests over HTTP, as `oauth::token::a_code_is_redeemed_once`, and all tests beside pure code, as `src::oauth::pkce::…`.
fn all_tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for (directory, before) in [("tests/it", ""), ("src", "src::")] {
        collect_tests(&root.join(directory), before, &mut found);
    }
    found
}

fn collect_tests(directory: &Path, before: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            collect_tests(&path, &format!("{before}{name}::"), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = if matches!(name.as_str(), "mod" | "main") { String::new() } else { format!("{name}::") };
            let source = fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = source.lines().map(str::trim).collect();
            let functions = lines.windows(2).filter(|lines| lines[0] == "#[test]");
            let names =
                functions.filter_map(|lines| lines[1].strip_prefix("fn ")?.split_once('(').map(|named| named.0));
            found.extend(names.map(|name| format!("{before}{module}{name}")));
        }
    }
}

#[test]
fn every_requirement_of_oauth_has_a_row_with_tests_that_exist() {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md")).unwrap();
    let tests = all_tests();
    let mut proven = BTreeSet::new();
    for line in document.lines().filter(|line| line.starts_with('|')) {
        let id = line.split('|').nth(1).unwrap().trim();
        let is_test = |code: &&str| code.contains("::") && code.bytes().all(|byte| byte != b'`' && byte > b' ');
        for test in line.split('`').skip(1).step_by(2).filter(is_test) {
            assert!(tests.contains(test), "{id}: there is no test {test}");
            proven.insert(id);
        }
    }
    let missing: Vec<&str> = OAUTH_IDS.lines().filter(|id| !proven.contains(id)).collect();
    assert!(OAUTH_IDS.lines().count() > 100 && missing.is_empty(), "docs/conformance.md has no test for {missing:?}");
}
