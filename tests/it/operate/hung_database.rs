//! A Postgres that hangs: it is there, and does not answer.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::blocking::get;

use crate::support::process::{Signal, program, run_json, signal};
use crate::support::{Client, ServerProcess, TemporaryDirectory, assert_error, database, eventually, minimal};

/// The processes of a Postgres, none of which runs as long as this lives.
struct Hung(Vec<u32>);

impl Hung {
    fn new(postmaster: u32) -> Self {
        // The postmaster first, so that it starts no others.
        signal(postmaster, Signal::SIGSTOP);
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap();
        let children: Vec<u32> = children.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        assert!(!children.is_empty());
        for child in &children {
            signal(*child, Signal::SIGSTOP);
        }
        Self([children, vec![postmaster]].concat())
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        for pid in &self.0 {
            signal(*pid, Signal::SIGCONT);
        }
    }
}

#[test]
fn a_database_that_hangs_holds_up_neither_answers_for_ever_nor_the_end() {
    let (data, other) = (TemporaryDirectory::new("hung"), TemporaryDirectory::new("hung-other"));
    let owner = ServerProcess::start(&data);
    let token = run_json(&data, &["token", "create", "okta"])["token"].as_str().unwrap().to_owned();
    let mut command = program();
    command.env("DATABASE_URL", database::url(&data, "provisor"));
    command.arg("--master-key-file").arg(data.join("master.key"));
    let server = ServerProcess::spawn(command, &other);
    let client = Client::new(&server.url, &format!("Bearer {token}"));
    assert_eq!(client.post("/Users", &minimal("ada@example.com")).status, 201);
    let ready = || get(format!("{}/readyz", server.url)).unwrap();
    assert_eq!(ready().status(), 200);

    let hung = Hung::new(owner.postgres_pid());
    let begun = Instant::now();
    let answer = eventually("the end of readiness", || Some(ready()).filter(|answer| answer.status() == 503));
    assert_eq!(answer.text().unwrap(), "the database does not answer\n");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let answer = Client::send(client.request(Method::GET, "/Users").timeout(Duration::from_mins(1)));
    assert_error(&answer, 503, None);
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(get(format!("{}/livez", server.url)).unwrap().status(), 200);
    assert!(server.stop(), "the exit code");

    drop(hung);
    let answer = Client::new(&owner.url, &format!("Bearer {token}")).get("/Users");
    assert_eq!(answer.json()["totalResults"], 1, "{}", answer.text);
}
