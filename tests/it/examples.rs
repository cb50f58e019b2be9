//! The programs under `examples/`, run as their README says.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use provisor::auth::Scope;
use serde_json::{Value, json};

use crate::support::process::run_json;
use crate::support::{Client, ServerProcess, TemporaryDirectory, Tenant, minimal, tenant};

/// More users than two pages hold.
const USERS: usize = 230;

/// Runs a program on a table, as somebody who may only read, and returns the sorted lines that it prints.
fn round(tenant: &Tenant, program: &[&str], table: &Path) -> Vec<String> {
    let reader = tenant.client_with(&[Scope::Read]);
    let token = reader.authorization().unwrap().trim_start_matches("Bearer ").to_owned();
    lines_of(program, table, reader.base(), &token)
}

/// Runs a program on a table once.
fn run(program: &[&str], table: &Path, base: &str, token: &str) -> Output {
    let mut command = Command::new(program[0]);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).args(&program[1..]).arg(table);
    command.env("SCIM_URL", base).env("SCIM_TOKEN", token).stdin(Stdio::null());
    command.output().unwrap_or_else(|error| panic!("{} is needed: {error}", program[0]))
}

/// The same, of which the sorted lines are returned that it prints.
fn lines_of(program: &[&str], table: &Path, base: &str, token: &str) -> Vec<String> {
    let output = run(program, table, base, token);
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Creates users in one request, and returns them in that order.
fn create(tenant: &Tenant, names: impl Iterator<Item = String>) -> Vec<Value> {
    let operations: Vec<Value> = names
        .map(|name| {
            let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
            let data =
                json!({"schemas": schemas, "userName": name, "emails": [{"value": format!("{name}@example.com")}]});
            json!({"method": "POST", "path": "/Users", "bulkId": name, "data": data})
        })
        .collect();
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    let answer = tenant.client.post("/Bulk", &json!({"schemas": schemas, "Operations": operations})).json();
    answer["Operations"].as_array().unwrap().iter().inspect(|done| assert_eq!(done["status"], "201")).cloned().collect()
}

/// The path of what an operation in a bulk request created.
fn path(tenant: &Tenant, created: &Value) -> String {
    created["location"].as_str().unwrap().trim_start_matches(tenant.client.base()).to_owned()
}

/// What both programs do. `names` reads the `userName`s in the table of those who are active.
fn a_table_stays_in_step(program: &[&str], active_names: fn(&Path) -> Vec<String>) {
    let tenant = tenant();
    let directory = TemporaryDirectory::new("examples");
    fs::create_dir_all(&*directory).unwrap();
    let table = directory.join("people");
    let created = create(&tenant, (0..USERS).map(|number| format!("u{number:03}")));
    let round = || round(&tenant, program, &table);
    let all = |prefix: &str, names: &[&str]| names.iter().map(|name| format!("{prefix} {name}")).collect::<Vec<_>>();

    assert_eq!(round(), (0..USERS).map(|number| format!("added u{number:03}")).collect::<Vec<_>>());
    assert_eq!(round(), Vec::<String>::new());

    let set = |number: usize, attribute: &str, value: Value| {
        let answer = tenant
            .client
            .modify(&path(&tenant, &created[number]), &json!([{"op": "replace", "path": attribute, "value": value}]));
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    set(7, "active", json!(false));
    set(8, "displayName", json!("Ada King"));
    assert_eq!(round(), [all("changed", &["u008"]), all("deactivated", &["u007"])].concat());
    set(7, "active", json!(true));
    create(&tenant, ["late".to_owned()].into_iter());
    for gone in [100, 229] {
        assert_eq!(tenant.client.delete(&path(&tenant, &created[gone])).status, 204);
    }
    let expected = [all("added", &["late"]), all("deleted", &["u100", "u229"]), all("reactivated", &["u007"])];
    assert_eq!(round(), expected.concat());
    // As many came as went, and both are seen.
    assert_eq!(tenant.client.delete(&path(&tenant, &created[0])).status, 204);
    create(&tenant, ["later".to_owned()].into_iter());
    set(9, "active", json!(false));
    let expected = [all("added", &["later"]), all("deactivated", &["u009"]), all("deleted", &["u000"])];
    assert_eq!(round(), expected.concat());
    assert_eq!(round(), Vec::<String>::new());

    let mut expected =
        tenant.client.query("/Users", &[("filter", "active ne false"), ("count", "1000")]).json()["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["userName"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>();
    expected.sort();
    assert_eq!(expected.len(), USERS - 2);
    assert_eq!(active_names(&table), expected);
}

#[test]
fn the_python_program_keeps_its_table_in_step() {
    a_table_stays_in_step(&["python3", "follow_users.py"], |table| {
        let query = "import sqlite3, sys\n\
            for (name,) in sqlite3.connect(sys.argv[1]).execute('SELECT user_name FROM people WHERE active ORDER BY user_name'):\n    \
            print(name)";
        let output = Command::new("python3").args(["-c", query]).arg(table).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    });
}

#[test]
fn the_node_program_keeps_its_table_in_step() {
    a_table_stays_in_step(&["node", "follow_users.mjs"], |table| {
        let table: Value = serde_json::from_str(&fs::read_to_string(table).unwrap()).unwrap();
        let people = table["people"].as_object().unwrap().values().filter(|person| person["active"] == true);
        let mut names: Vec<String> = people.map(|person| person["userName"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    });
}

/// With all of what the limit allows at once used up, the second request of a round at the latest is answered 429.
#[test]
fn both_programs_wait_where_a_limit_holds_them_up() {
    let data = TemporaryDirectory::new("limited");
    let server = ServerProcess::start_with(&data, &["--rate-limit", "1"]);
    for (number, program) in [&["python3", "follow_users.py"], &["node", "follow_users.mjs"]].into_iter().enumerate() {
        let token = run_json(&data, &["token", "create", "reader"])["token"].as_str().unwrap().to_owned();
        let client = Client::new(&server.url, &format!("Bearer {token}"));
        let name = format!("u{number}");
        assert_eq!(client.post("/Users", &minimal(&name)).status, 201);
        let mut left = minimal(&format!("left-{number}"));
        left["active"] = json!(false);
        assert_eq!(client.post("/Users", &left).status, 201);
        let round = || {
            assert!((0..100).any(|_| client.get("/Users?count=0").status == 429), "there is no limit");
            lines_of(program, &data.join(&name), client.base(), &token)
        };
        let first = round();
        assert!(first.contains(&format!("added {name}")), "{first:?}");
        assert!(first.contains(&format!("added, inactive: left-{number}")), "{first:?}");
        assert!(round().is_empty());
    }
    assert!(server.stop());
}

/// A proxy whose server is away answers with a page.
#[test]
fn both_programs_say_what_was_answered_where_it_is_a_page() {
    const PAGE: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\
                        Connection: close\r\n\r\n<h1>Sorry.</h1>";
    let directory = TemporaryDirectory::new("page");
    fs::create_dir_all(&*directory).unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/scim/v2", proxy.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in proxy.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(PAGE.as_bytes());
        }
    });
    for program in [["python3", "follow_users.py"], ["node", "follow_users.mjs"]] {
        let output = run(&program, &directory.join(program[1]), &base, "pvr_none");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.trim()), (Some(1), "provisor answered 502"), "{program:?}");
    }
}
