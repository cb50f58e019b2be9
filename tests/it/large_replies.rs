//! A client that does not read its reply costs a bounded share of the memory for a bounded time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use provisor::http::scim::{PIECE_TIMEOUT, TENANT_LARGE_REPLIES};
use serde_json::json;

use crate::support::groups::group_body;
use crate::support::process::run_json;
use crate::support::{BULK_REQUEST, Client, ServerProcess, TemporaryDirectory, assert_error, eventually, minimal};

/// Users and groups so large that neither all users nor all groups fit into what a system buffers for a connection.
const USERS: usize = 45;
const NAME_BYTES: usize = 240_000;
const MEMBERS: usize = 1_001;
const GROUPS: usize = 60;
/// Large users of another tenant, which make a large reply.
const OTHERS: usize = 5;

/// A server of its own: others would meet the 503.
struct Server {
    process: ServerProcess,
    client: Client,
    ids: Vec<String>,
}

/// Creates users with long names, and returns their ids.
fn create_large(client: &Client, users: usize) -> Vec<String> {
    let create = |number: usize| {
        let mut user = minimal(&format!("large-{number}"));
        user["displayName"] = json!("x".repeat(NAME_BYTES));
        client.post("/Users?attributes=id", &user).json()["id"].as_str().unwrap().to_owned()
    };
    (0..users).map(create).collect()
}

/// A server with [`USERS`] large users, and [`MEMBERS`] users in all.
fn server(data_dir: &TemporaryDirectory) -> Server {
    let process = ServerProcess::start(data_dir);
    let token = run_json(data_dir, &["token", "create", "okta"]);
    let client = Client::new(&process.url, &format!("Bearer {}", token["token"].as_str().unwrap()));
    let mut ids = create_large(&client, USERS);
    let create = |number: usize| json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": minimal(&number.to_string())});
    let operations: Vec<_> = (USERS..MEMBERS).map(create).collect();
    let replies = client.post("/Bulk", &json!({"schemas": [BULK_REQUEST], "Operations": operations})).json();
    for reply in replies["Operations"].as_array().unwrap() {
        ids.push(reply["location"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned());
    }
    Server { process, client, ids }
}

impl Server {
    fn group(&self, name: &str) -> serde_json::Value {
        group_body(name, &self.ids.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Asks for a reply and reads no more than its beginning.
    fn stall(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.process.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(PIECE_TIMEOUT)).unwrap();
        let authorization = self.client.authorization().unwrap();
        let head = format!("GET /scim/v2{path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut begin = [0; 15];
        stream.read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200 OK");
        stream
    }
}

/// Whether the other side has closed the connection: it answers what is sent with a reset.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.write_all(b"\r").is_err()
}

#[test]
fn clients_that_do_not_read_are_cut_off_and_take_no_more_than_their_share() {
    let data_dir = TemporaryDirectory::new("unread");
    let server = server(&data_dir);
    let client = &server.client;
    for number in 0..GROUPS {
        let created = client.post("/Groups", &server.group(&number.to_string()));
        assert_eq!((created.status, created.json()["members"].as_array().unwrap().len()), (201, MEMBERS));
    }
    let group = format!(
        "/Groups/{}",
        client.get("/Groups?count=1&attributes=id").json()["Resources"][0]["id"].as_str().unwrap()
    );
    // Who reads gets the whole, and knows its length where it was one text.
    let (users, groups) = (client.get(&format!("/Users?count={USERS}")), client.get("/Groups"));
    assert_eq!(users.json()["Resources"].as_array().unwrap().len(), USERS);
    assert_eq!(users.header("content-length").unwrap(), users.text.len().to_string());
    assert_eq!(groups.json()["Resources"][GROUPS - 1]["members"].as_array().unwrap().len(), MEMBERS);

    run_json(&data_dir, &["tenant", "create", "other"]);
    let token = run_json(&data_dir, &["token", "create", "okta", "--tenant", "other"]);
    let other = Client::new(&server.process.url, &format!("Bearer {}", token["token"].as_str().unwrap()));
    create_large(&other, OTHERS);

    let begun = Instant::now();
    let paths = [format!("/Users?count={USERS}"), "/Groups".to_owned()];
    let stalled: Vec<_> = (0..TENANT_LARGE_REPLIES).map(|number| server.stall(&paths[number % 2])).collect();
    for path in &paths {
        let refused = client.get(path);
        assert_error(&refused, 429, None);
        assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    }
    // Others have their own share.
    let answer = other.get("/Users");
    assert_eq!(answer.json()["Resources"].as_array().unwrap().len(), OTHERS);
    assert!(answer.text.len() > 1 << 20, "{}", answer.text.len());
    // Small replies go on, and what is written is written.
    assert_eq!(client.get("/Users?count=1&attributes=id").status, 200);
    let created = client.post("/Groups", &server.group("another"));
    assert_eq!((created.status, created.text.as_str(), created.header("etag")), (201, "", Some("W/\"1\"")));
    assert!(created.header("location").is_some_and(|location| location.contains("/Groups/")));
    let replaced = client.put(&group, &server.group("renamed"));
    assert_eq!((replaced.status, replaced.text.as_str(), replaced.header("etag")), (204, "", Some("W/\"2\"")));
    assert!(begun.elapsed() < PIECE_TIMEOUT, "{:?}", begun.elapsed());
    assert!(!is_closed(&stalled[0]) && !is_closed(&stalled[1]));

    std::thread::sleep(PIECE_TIMEOUT.saturating_sub(begun.elapsed()));
    eventually("a free place", || (client.get(&group).status == 200).then_some(()));
    assert_eq!(client.get(&group).json()["displayName"], "renamed");
    for mut stream in stalled {
        eventually("the end of the connection", || is_closed(&stream).then_some(()));
        let mut rest = Vec::new();
        // What the system holds already, and then a reset.
        let _ = stream.read_to_end(&mut rest);
        assert!(
            rest.len() < users.text.len().min(groups.text.len()) && !rest.ends_with(b"0\r\n\r\n"),
            "{}",
            rest.len()
        );
    }
    assert!(begun.elapsed() < PIECE_TIMEOUT * 2 + Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(server.process.stop());
}
