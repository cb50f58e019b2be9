//! Schemas and resource types of a tenant's own: imported by the command line beside the running server, and used over HTTP.

mod changes;
mod extension;
mod group_names;
mod resource_type;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::process::{run, run_json};
use crate::support::{Answer, TemporaryDirectory, Tenant, USER, assert_error, eventually, shared, tenant};

/// A file with a definition, which is removed with its directory.
fn file(directory: &TemporaryDirectory, definition: &Value) -> PathBuf {
    std::fs::create_dir_all(&**directory).unwrap();
    let path = directory.join("definition.json");
    std::fs::write(&path, definition.to_string()).unwrap();
    path
}

/// Runs `import` on a definition in a tenant, and returns what the command prints or says.
fn import(tenant: &Tenant, what: &str, definition: &Value, more: &[&str]) -> Result<Value, String> {
    let directory = TemporaryDirectory::new("definition");
    let path = file(&directory, definition);
    let arguments = [&[what, "import", path.to_str().unwrap(), "--tenant", &tenant.name, "--json"], more].concat();
    command(&arguments)
}

/// Runs a command with JSON output.
fn command(arguments: &[&str]) -> Result<Value, String> {
    let output = run(&shared().data_dir, arguments);
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap());
    }
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    Err(String::from_utf8(output.stderr).unwrap())
}

/// Imports what must be accepted.
pub(crate) fn imported(tenant: &Tenant, what: &str, definition: &Value, more: &[&str]) {
    import(tenant, what, definition, more).unwrap_or_else(|refused| panic!("{definition}: {refused}"));
}

/// The number of resources that a filter finds.
#[track_caller]
pub(crate) fn found(tenant: &Tenant, path: &str, filter: &str) -> u64 {
    let answer = tenant.client.query(path, &[("filter", filter)]);
    assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
    answer.json()["totalResults"].as_u64().unwrap()
}

/// What was created.
#[track_caller]
pub(crate) fn created(answer: &Answer) -> Value {
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

/// The schemas that the tenant's `/Schemas` lists.
fn served(tenant: &Tenant) -> Vec<String> {
    let list = tenant.client.get("/Schemas").json();
    list["Resources"].as_array().unwrap().iter().map(|schema| schema["id"].as_str().unwrap().to_owned()).collect()
}
