//! `provisor healthcheck`, which watches over containers.

use std::time::{Duration, Instant};

use super::*;
use crate::support::process::{Signal, signal};
use crate::support::{ServerProcess, TemporaryDirectory, database};

/// How long Docker waits for it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks, and returns how it went with what was said.
fn check(arguments: &[&str]) -> (Option<i32>, String) {
    let began = Instant::now();
    let output = program().arg("healthcheck").args(arguments).output().unwrap();
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output))
}

#[test]
fn a_server_is_asked_whether_it_is_ready() {
    let (data_dir, beside) = (TemporaryDirectory::new("healthy"), TemporaryDirectory::new("beside"));
    let first = ServerProcess::start(&data_dir);
    let key = data_dir.join("master.key");
    let url = database::url(&data_dir, "provisor");
    let second = ServerProcess::start_with(
        &beside,
        &["--database-url", &url, "--master-key-file", key.to_str().unwrap(), "--database-connections", "2"],
    );
    let ready = (Some(0), "ready\n".to_owned());
    let listen = first.url.strip_prefix("http://").unwrap().to_owned();
    assert_eq!(check(&["--listen", &listen]), ready);
    assert_eq!(check(&["--listen", &listen.replace("127.0.0.1", "0.0.0.0")]), ready);
    assert_eq!(check(&["--url", &format!("{}/", first.url)]), ready);
    assert_eq!(check(&["--url", &second.url]), ready);

    // One that hangs, one whose database is away, none at all.
    signal(first.pid(), Signal::SIGSTOP);
    let (code, said) = check(&["--listen", &listen]);
    signal(first.pid(), Signal::SIGCONT);
    assert_eq!((code, said.contains("answered nothing in time")), (Some(1), true), "{said}");
    assert!(first.stop());
    let (code, said) = check(&["--url", &second.url]);
    assert_eq!((code, said.contains("answered 503")), (Some(1), true), "{said}");
    let (code, said) = check(&["--listen", &listen]);
    assert_eq!((code, said.contains("could not be reached")), (Some(1), true), "{said}");
    assert!(second.stop());
}

#[test]
fn what_is_no_url_is_not_asked() {
    let (code, said) = check(&["--url", "nonsense"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("'nonsense' for '--url <URL>'"), "{said}");
}
