//! What is too much, too slow or too many is answered in the protocol's own form, and the server goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use provisor::http::scim::{BODY_TIMEOUT, GROUP_BODY_BYTES};
use provisor::scim::limits::{self, BODY_BYTES};
use reqwest::Method;
use serde_json::json;

use crate::support::oauth::{Endpoints, assert_oauth_error};
use crate::support::process::run_json;
use crate::support::{
    Answer, BULK_REQUEST, Client, GROUP, PATCH_OP, ServerProcess, TemporaryDirectory, USER, assert_error, database,
    eventually, minimal, okta_user, path_of, shared, tenant,
};

#[test]
fn a_body_that_is_too_large_is_refused_whether_announced_or_not() {
    let tenant = tenant();
    let large = json!({"userName": "a".repeat(limits::BODY_BYTES)}).to_string();
    let announced = tenant.client.request(Method::POST, "/Users").body(large.clone());
    let chunked = tenant
        .client
        .request(Method::POST, "/Users")
        .body(reqwest::blocking::Body::new(std::io::Cursor::new(large.into_bytes())));
    for request in [announced, chunked] {
        assert_error(&Client::send(request.header("Content-Type", "application/scim+json")), 413, None);
    }
    assert_eq!(tenant.client.get("/Users").json()["totalResults"], 0);
}

#[test]
fn a_message_that_holds_too_much_is_refused() {
    let tenant = tenant();
    let path = path_of(&tenant.user("ada@example.com"));
    let emails = |count: usize| -> serde_json::Value {
        (0..count).map(|number| json!({"value": format!("{number}@example.com")})).collect()
    };
    let deep = format!("{{\"userName\":\"a\",\"x\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    let wide: serde_json::Map<_, _> = (0..=limits::JSON_NODES).map(|number| (format!("k{number}"), json!(1))).collect();
    let post = |body: String| {
        Client::send(
            tenant.client.request(Method::POST, "/Users").header("Content-Type", "application/scim+json").body(body),
        )
    };
    assert_error(&post(deep), 400, Some("invalidSyntax"));
    assert_error(&post(json!(wide).to_string()), 400, Some("invalidSyntax"));
    let mut body = minimal("many");
    body["emails"] = emails(limits::VALUES_PER_ATTRIBUTE + 1);
    assert_error(&tenant.client.post("/Users", &body), 400, Some("invalidValue"));
    body["emails"] = emails(limits::VALUES_PER_ATTRIBUTE);
    assert_eq!(tenant.client.post("/Users", &body).status, 201);

    let operations = vec![json!({"op": "remove", "path": "title"}); limits::PATCH_OPERATIONS + 1];
    assert_error(&tenant.client.patch(&path, &json!({"schemas": [PATCH_OP], "Operations": operations})), 413, None);
    let name = "a".repeat(limits::PATH_BYTES + 1);
    let operation = json!([{"op": "replace", "path": name, "value": "x"}]);
    assert_error(&tenant.client.modify(&path, &operation), 400, Some("invalidPath"));
}

#[test]
fn what_is_dear_to_compare_is_refused_before_it_is_compared() {
    let tenant = tenant();
    let texts: Vec<String> = (0..limits::JSON_NODES - 10).map(|number| format!("{number:05}")).collect();
    let path = path_of(&tenant.user("ada@example.com"));
    let body = json!({"userName": "x", "emails": texts});
    assert_error(&tenant.client.post("/Users", &body), 400, Some("invalidValue"));
    for op in ["add", "replace", "remove"] {
        let operation = json!([{"op": op, "path": "emails", "value": texts}]);
        assert_error(&tenant.client.modify(&path, &operation), 400, Some("invalidValue"));
    }
    let names: serde_json::Map<_, _> =
        (0..limits::JSON_NODES).map(|n| (format!("{}{n}", "n".repeat(30)), json!(n))).collect();
    assert_error(&tenant.client.post("/Users", &json!(names)), 400, Some("invalidValue"));
    let search = json!({"attributes": vec!["id"; limits::PROJECTION_NAMES + 1]});
    assert_error(&tenant.client.post("/Users/.search", &search), 400, Some("invalidValue"));
}

#[test]
fn a_resource_has_a_largest_size() {
    let tenant = tenant();
    let mut body = minimal("ada@example.com");
    body["displayName"] = json!("a".repeat(limits::RESOURCE_BYTES));
    assert_error(&tenant.client.post("/Users", &body), 413, None);
    let path = path_of(&tenant.user("ada@example.com"));
    assert_error(&tenant.client.put(&path, &body), 413, None);
    assert_eq!(tenant.client.get(&path).json().get("displayName"), None);
}

#[test]
fn a_query_in_another_encoding_is_refused_instead_of_finding_nobody() {
    let tenant = tenant();
    let answer = tenant.client.get("/Users?filter=userName%20eq%20%22J%FCrgen%22");
    assert_error(&answer, 400, Some("invalidValue"));
    tenant.user("J\u{fc}rgen");
    assert_eq!(tenant.client.found("userName eq \"j\u{dc}RGEN\""), ["J\u{fc}rgen"]);
}

#[test]
fn a_filter_that_asks_too_much_is_refused() {
    let tenant = tenant();
    let long = format!("userName eq \"{}\"", "a".repeat(limits::FILTER_BYTES));
    let deep = format!("{}userName pr{}", "(".repeat(limits::FILTER_DEPTH + 1), ")".repeat(limits::FILTER_DEPTH + 1));
    let wide = vec!["userName pr"; limits::FILTER_NODES].join(" or ");
    for filter in [long, deep, wide] {
        assert_error(&tenant.client.filter(&filter), 400, Some("invalidFilter"));
    }
}

#[test]
fn a_page_has_a_largest_size() {
    let tenant = tenant();
    let user = tenant.user("ada@example.com");
    let answer = tenant.client.query("/Users", &[("count", "99999999999999999999")]).json();
    assert_eq!(answer["Resources"][0]["id"], user["id"]);
    let config = tenant.client.get("/ServiceProviderConfig").json();
    assert_eq!(config["filter"]["maxResults"], limits::MAX_PAGE_SIZE);
}

/// Opens a connection to the shared server and sends the beginning of a request.
fn begin(text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(shared().url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(BODY_TIMEOUT * 2)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset instead of an end is an end too.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_body_that_does_not_arrive_is_answered_in_time() {
    let tenant = tenant();
    let begun = Instant::now();
    let stream = begin(&format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: application/scim+json\r\n\
         Content-Length: 100\r\nConnection: close\r\n\r\n{{",
        tenant.client.authorization().unwrap()
    ));
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"status\":\"408\""), "{answer}");
    assert!((BODY_TIMEOUT..BODY_TIMEOUT + Duration::from_secs(5)).contains(&begun.elapsed()));
}

#[test]
fn a_head_that_does_not_arrive_ends_the_connection() {
    let begun = Instant::now();
    let answer = rest(begin("GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\n"));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn when_every_connection_is_taken_the_answer_is_503_with_whole_seconds_to_wait() {
    let data_dir = TemporaryDirectory::new("busy");
    let server = ServerProcess::start_with(&data_dir, &["--database-connections", "2"]);
    let token = run_json(&data_dir, &["token", "create", "okta"]);
    let client = Client::new(&server.url, &format!("Bearer {}", token["token"].as_str().unwrap()));
    assert_eq!(client.post("/Users", &minimal("ada@example.com")).status, 201);

    let mut other = database::connect(&data_dir, "provisor");
    database::execute(&mut other, "BEGIN; LOCK TABLE resources IN ACCESS EXCLUSIVE MODE");
    let answers = std::thread::scope(|scope| {
        let asked = || {
            let begun = Instant::now();
            let answer = client.get("/Users?count=1");
            // Two seconds for a connection or a lock, and no second try behind either.
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
            answer
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(asked)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    for answer in &answers {
        assert_error(answer, 503, None);
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=5).contains(&seconds));
    }
    database::execute(&mut other, "ROLLBACK");
    assert_eq!(client.get("/Users?count=1").status, 200);
    assert!(server.stop());
}

/// A bulk message that creates so many users.
fn creations(count: usize) -> serde_json::Value {
    let create = |number: usize| {
        let mut data = okta_user(&format!("user{number}@example.com"));
        data["externalId"] = json!(number.to_string());
        json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data})
    };
    let operations: Vec<_> = (0..count).map(create).collect();
    json!({"schemas": [BULK_REQUEST], "Operations": operations})
}

#[test]
fn a_bulk_request_may_create_as_many_ordinary_users_as_it_may_have_operations() {
    let tenant = tenant();
    let message = creations(limits::BULK_OPERATIONS);
    let answer = tenant.client.post("/Bulk", &message);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let replies = answer.json()["Operations"].take();
    let replies = replies.as_array().unwrap();
    assert_eq!(replies.len(), limits::BULK_OPERATIONS);
    assert!(replies.iter().all(|reply| reply["status"] == "201"));
    assert_eq!(tenant.client.get("/Users?count=0").json()["totalResults"], limits::BULK_OPERATIONS);
    let again = tenant.client.post("/Bulk", &message).json()["Operations"].take();
    assert!(again.as_array().unwrap().iter().all(|reply| reply["response"]["scimType"] == "uniqueness"));

    let wide: serde_json::Map<_, _> = (0..=limits::BULK_JSON_NODES).map(|n| (n.to_string(), json!(1))).collect();
    assert_error(&tenant.client.post("/Bulk", &json!({"Operations": [], "x": wide})), 400, Some("invalidSyntax"));
}

#[test]
fn bulk_requests_end_in_time_and_leave_connections_to_others() {
    let data_dir = TemporaryDirectory::new("bulk");
    let server = ServerProcess::start_with(&data_dir, &["--database-connections", "2"]);
    let token = run_json(&data_dir, &["token", "create", "okta"]);
    let client = Client::new(&server.url, &format!("Bearer {}", token["token"].as_str().unwrap()));
    assert_eq!(client.post("/Users", &minimal("ada@example.com")).status, 201);

    // Every change waits two seconds for a lock that it does not get.
    let mut other = database::connect(&data_dir, "provisor");
    database::execute(
        &mut other,
        "SET idle_in_transaction_session_timeout = 0; BEGIN; LOCK TABLE resources IN EXCLUSIVE MODE",
    );
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| client.post("/Bulk", &creations(limits::BULK_OPERATIONS)));
        std::thread::sleep(Duration::from_secs(1));
        assert_error(&client.post("/Bulk", &creations(1)), 503, None);
        assert_eq!(client.get("/Users?count=1").status, 200);
        assert!(!answer.is_finished());
        let answer = answer.join().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
        assert_eq!(answer.status, 200, "{}", answer.text);
        let replies = answer.json()["Operations"].take();
        let replies = replies.as_array().unwrap();
        assert_eq!(replies.len(), limits::BULK_OPERATIONS);
        assert!(replies.iter().all(|reply| reply["status"] == "503"));
        assert!(replies.last().unwrap()["response"]["detail"].as_str().unwrap().contains("not begun"));
    });
    database::execute(&mut other, "ROLLBACK");
    let replies = client.post("/Bulk", &creations(1)).json()["Operations"].take();
    assert_eq!(replies[0]["status"], "201");
    assert!(server.stop());
}

#[test]
fn what_a_failed_circle_leaves_behind_is_named() {
    let data_dir = TemporaryDirectory::new("circle");
    let server = ServerProcess::start(&data_dir);
    let token = run_json(&data_dir, &["token", "create", "okta"]);
    let client = Client::new(&server.url, &format!("Bearer {}", token["token"].as_str().unwrap()));
    let mut other = database::connect(&data_dir, "provisor");
    database::execute(
        &mut other,
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept'; END $$;
         CREATE TRIGGER keep BEFORE DELETE ON resources FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    let create =
        |name: &str, data: serde_json::Value| json!({"method": "POST", "path": "/Users", "bulkId": name, "data": data});
    let operations =
        json!([create("a", json!({"userName": "a", "title": "bulkId:b"})), create("b", json!({"title": "bulkId:a"})),]);
    let replies = client.post("/Bulk", &json!({"Operations": operations})).json()["Operations"].take();
    assert_eq!([&replies[0]["status"], &replies[1]["status"]], ["500", "400"]);
    let left = client.get("/Users").json()["Resources"][0]["meta"]["location"].take();
    let detail = replies[0]["response"]["detail"].as_str().unwrap();
    assert!(detail.contains(left.as_str().unwrap()) && !detail.contains("kept"), "{detail}");
    assert!(server.stop());
}

/// Sends all of a request but the last byte of its body, which is padded to this length.
fn start_slowly(server: &ServerProcess, token: &str, path: &str, body: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let padded = " ".repeat(length.saturating_sub(body.len())) + body;
    let head = format!(
        "POST /scim/v2{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
        padded.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&padded.as_bytes()[..padded.len() - 1]).unwrap();
    stream
}

/// Sends the rest of a request, and reads the answer.
fn finish(mut stream: TcpStream) -> String {
    stream.write_all(b"}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn bodies_that_arrive_slowly_keep_no_place_from_others() {
    /// More than may be under way and wait in one tenant.
    const SLOW: usize = 400;
    let data = TemporaryDirectory::new("slow-bodies");
    let server = ServerProcess::start(&data);
    let token = run_json(&data, &["token", "create", "okta"])["token"].as_str().unwrap().to_owned();
    let user = minimal("slow@example.com").to_string();
    let mut slow: Vec<TcpStream> =
        (0..SLOW).map(|number| start_slowly(&server, &token, "/Users", &user, (number % 2) * (20 << 10))).collect();
    let client = Client::new(&server.url, &format!("Bearer {token}"));
    for number in 0..20 {
        assert_eq!(client.post("/Users", &minimal(&format!("{number}@example.com"))).status, 201);
        assert_eq!(client.get("/Users?count=1").status, 200);
    }
    // Each of them has its turn when it is complete.
    let answer = finish(slow.pop().unwrap());
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[test]
fn large_bodies_that_arrive_slowly_keep_others_from_nothing() {
    let data = TemporaryDirectory::new("slow-large-bodies");
    let server = ServerProcess::start(&data);
    let token = run_json(&data, &["token", "create", "okta"])["token"].as_str().unwrap().to_owned();
    let group = |name: &str| json!({"schemas": [GROUP], "displayName": name}).to_string();
    let large = 2 * BODY_BYTES;
    let slow: Vec<TcpStream> = (0..4)
        .map(|number| start_slowly(&server, &token, "/Groups", &group(&format!("slow {number}")), large))
        .collect();
    let answer = finish(start_slowly(&server, &token, "/Groups", &group("fast"), large));
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    for stream in slow {
        let answer = finish(stream);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
}

#[test]
fn bodies_under_way_take_no_more_memory_than_a_tenant_may_have() {
    let data = TemporaryDirectory::new("many-large-bodies");
    let server = ServerProcess::start_with(&data, &["--rate-limit", "0"]);
    let token = run_json(&data, &["token", "create", "okta"])["token"].as_str().unwrap().to_owned();
    let group = json!({"schemas": [GROUP], "displayName": "large"}).to_string();
    let mut slow: Vec<TcpStream> =
        (0..4).map(|_| start_slowly(&server, &token, "/Groups", &group, GROUP_BODY_BYTES)).collect();
    // The four leave no room for the last of these, whose bytes are not waited for, and some for what is small.
    let large = |name: &str| format!("{}{}", " ".repeat(BODY_BYTES / 2), minimal(name));
    let client = Client::new(&server.url, &format!("Bearer {token}"));
    let post = |name: &str| Client::send(client.request(Method::POST, "/Users").body(large(name)));
    let refused =
        (0..500).map(|_| post("ada@example.com")).find(|answer| answer.status == 429).expect("a tenant has no limit");
    assert!(refused.text.contains("too many large requests of this tenant"), "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(client.post("/Users", &minimal("small@example.com")).status, 201, "what is small");
    drop(slow.pop());
    let let_in = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        post("grace@example.com").status == 201
    });
    assert!(let_in, "room is not given back");
}

#[test]
fn what_is_revoked_while_a_body_arrives_changes_nothing() {
    let data = TemporaryDirectory::new("revoked-meanwhile");
    let server = ServerProcess::start(&data);
    let made = run_json(&data, &["token", "create", "okta"]);
    let token = made["token"].as_str().unwrap();
    let stream = start_slowly(&server, token, "/Users", &minimal("slow@example.com").to_string(), 0);
    // The request is let in, and waits for its body.
    std::thread::sleep(Duration::from_millis(500));
    run_json(&data, &["token", "revoke", &token[6..18]]);
    std::thread::sleep(Duration::from_secs(2));
    let answer = finish(stream);
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("www-authenticate: Bearer"), "{answer}");
    let users =
        database::texts(&mut database::connect(&data, "provisor"), "SELECT unique_name AS value FROM resources");
    assert_eq!(users, Vec::<String>::new());
}

/// A server on which a credential may send two requests a second, twenty at once.
fn slow_server(name: &str) -> (TemporaryDirectory, ServerProcess) {
    let data = TemporaryDirectory::new(name);
    let server = ServerProcess::start_with(&data, &["--rate-limit", "2"]);
    (data, server)
}

/// Sends until the answer is 429, which it is within this many requests.
fn until_too_many(most: usize, send: impl Fn() -> Answer) -> Answer {
    let found = (0..most).map(|_| send()).find(|answer| answer.status == 429);
    let answer = found.unwrap_or_else(|| panic!("{most} requests were taken"));
    let seconds: u32 = answer.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=5).contains(&seconds), "{seconds}");
    answer
}

#[test]
fn a_credential_that_sends_more_than_it_may_is_told_when_to_come_again_and_holds_up_no_other() {
    let (data, server) = slow_server("rate-limit");
    let [one, other] = ["one", "other"].map(|name| {
        let token = run_json(&data, &["token", "create", name]);
        Client::new(&server.url, &format!("Bearer {}", token["token"].as_str().unwrap()))
    });
    let refused = until_too_many(200, || one.post("/Users", &json!({"schemas": [USER]})));
    assert_error(&refused, 429, None);
    assert_error(&one.post("/Users", &minimal("ada@example.com")), 429, None);
    assert_eq!(other.get("/Users").json()["totalResults"], 0, "what is refused changes nothing");
    assert_eq!(other.post("/Users", &minimal("ada@example.com")).status, 201);
    let seconds = refused.header("Retry-After").unwrap().parse().unwrap();
    std::thread::sleep(Duration::from_secs(seconds));
    assert_eq!(one.get("/Users").json()["totalResults"], 1, "after the time that it was told");
    // Each refused body is in the audit log, each request too many is not.
    let entries = run_json(&data, &["audit", "list", "--action", "write.refused", "--limit", "500"]);
    let entries = entries.as_array().unwrap();
    assert!(entries.iter().all(|entry| !entry["detail"].as_str().unwrap().contains("429")), "{entries:?}");
}

#[test]
fn strangers_are_slowed_down_and_whoever_has_a_credential_at_the_same_address_is_not() {
    let (data, server) = slow_server("strangers");
    let token = run_json(&data, &["token", "create", "okta"]);
    let known = Client::new(&server.url, &format!("Bearer {}", token["token"].as_str().unwrap()));
    let stranger = Client::new(&server.url, "Bearer nobody");
    let refused = until_too_many(1_000, || stranger.get("/Users"));
    assert_error(&refused, 429, None);
    assert_error(&until_too_many(1_000, || Client::anonymous(&server.url).get("/Schemas")), 429, None);
    assert_eq!(known.get("/Users").status, 200);
}

#[test]
fn an_oauth_client_that_asks_for_more_tokens_than_it_may_is_told_when_to_come_again() {
    let (data, server) = slow_server("token-rate");
    let made = run_json(&data, &["client", "create", "script", "--grant", "client_credentials"]);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let (id, secret) = (text("id"), text("secret"));
    let endpoints = Endpoints::of(&server.url);
    let refused = until_too_many(200, || {
        endpoints.token(&[("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", &secret)])
    });
    assert_oauth_error(&refused, 429, "temporarily_unavailable");
}

/// Ends what goes on until it is told to, also where an assertion fails meanwhile.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_tenant_that_keeps_the_database_busy_leaves_connections_to_others_and_the_server_ready() {
    /// Many times as many as there are connections.
    const BUSY: usize = 40;
    let data = TemporaryDirectory::new("busy-tenant");
    let server = ServerProcess::start_with(&data, &["--database-connections", "4"]);
    run_json(&data, &["tenant", "create", "other"]);
    let [one, other] = ["default", "other"].map(|tenant| {
        let token = run_json(&data, &["token", "create", "okta", "--tenant", tenant]);
        Client::new(&server.url, &format!("Bearer {}", token["token"].as_str().unwrap()))
    });
    let id = one.post("/Users", &minimal("ada@example.com")).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(other.post("/Users", &minimal("ada@example.com")).status, 201);
    // Who waits for this row waits for two seconds.
    let mut pg = database::connect(&data, "provisor");
    database::execute(&mut pg, "BEGIN; SELECT FROM resources WHERE unique_name = 'ada@example.com' FOR UPDATE");
    let change = json!({"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": "title", "value": "x"}]});
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..BUSY {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = one.patch(&format!("/Users/{id}"), &change);
                    assert!(matches!(answer.status, 200 | 204 | 429 | 503), "{}", answer.text);
                }
            });
        }
        std::thread::sleep(Duration::from_secs(3));
        let (ended, begun) = (Ended(&done), Instant::now());
        for _ in 0..5 {
            let answer = other.get("/Users");
            assert_eq!(answer.status, 200, "{}", answer.text);
            let ready = reqwest::blocking::get(format!("{}/readyz", server.url)).unwrap();
            assert_eq!(ready.status(), 200, "{:?}", ready.text());
        }
        // In one queue with the others each takes the two seconds after which those are refused.
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        drop(ended);
        database::execute(&mut pg, "COMMIT");
    });
}

#[test]
fn nobody_waits_for_a_database_that_is_away_and_it_is_used_as_soon_as_it_is_back() {
    let data = TemporaryDirectory::new("away");
    let server = ServerProcess::start(&data);
    let token = run_json(&data, &["token", "create", "okta"]);
    let client = Client::new(&server.url, &format!("Bearer {}", token["token"].as_str().unwrap()));
    assert_eq!(client.post("/Users", &minimal("ada@example.com")).status, 201);
    let mut pg = database::connect(&data, "provisor");
    // Without the file nobody can connect; this connection ends the others.
    let socket = data.join("run").join(".s.PGSQL.5432");
    std::fs::rename(&socket, data.join("away")).unwrap();
    let end =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'provisor' AND pid <> pg_backend_pid()";
    let begun = Instant::now();
    let first = loop {
        database::execute(&mut pg, end);
        let answer = client.get("/Users");
        if answer.status != 200 {
            break answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the database is still there");
    };
    let is_honest = |answer: &Answer| {
        assert_error(answer, 503, None);
        assert!(answer.header("Retry-After").unwrap().parse::<u32>().is_ok());
    };
    is_honest(&first);
    let begun = Instant::now();
    // Each would take two seconds if it waited for a connection.
    for _ in 0..30 {
        is_honest(&client.get("/Users"));
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let ready = || reqwest::blocking::get(format!("{}/readyz", server.url)).unwrap().status();
    assert_eq!(ready(), 503);
    assert_eq!(reqwest::blocking::get(format!("{}/livez", server.url)).unwrap().status(), 200);
    std::fs::rename(data.join("away"), &socket).unwrap();
    let answer = eventually("the database", || {
        let answer = client.get("/Users");
        (answer.status == 200).then_some(answer)
    });
    assert_eq!(answer.json()["totalResults"], 1);
    eventually("readiness", || (ready() == 200).then_some(()));
}
