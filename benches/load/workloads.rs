//! The workloads: what the driver sends and checks, and the least SQL for the same.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::common::driver::{Client, Random};
use super::common::server::Server;

/// Ids that both sides draw from.
const SAMPLE: usize = 1_000;
const PAGE: usize = 100;

/// What is in the directory.
pub struct Directory {
    users: usize,
    sample: Vec<String>,
}

/// A workload.
pub struct Workload {
    pub name: &'static str,
    /// The bar that the project sets itself.
    pub superb: &'static str,
    /// What happens once before it is measured.
    pub prepare: fn(&Server, &Directory),
    /// One operation of ours, checked.
    pub request: fn(&mut Client, &mut Random, &Directory),
    /// The pgbench script of one operation.
    pub sql: fn(&Server, &Directory) -> String,
}

const COLUMNS: &str = "id, version, created_at, last_modified_at, document";
const USERS: &str = "tenant_id = '00000000-0000-7000-8000-000000000001' AND resource_type = 'User'";

impl Workload {
    pub const ALL: [Self; 8] = [
        Self { name: "read by id", superb: "0.40", prepare: nothing, request: read, sql: read_sql },
        Self { name: "look-up userName", superb: "0.35", prepare: nothing, request: user_name, sql: user_name_sql },
        Self {
            name: "look-up externalId",
            superb: "0.35",
            prepare: nothing,
            request: external_id,
            sql: external_id_sql,
        },
        Self { name: "look-up emails.value", superb: "0.35", prepare: nothing, request: email, sql: email_sql },
        Self { name: "page of 100, first", superb: "0.55", prepare: nothing, request: first_page, sql: first_page_sql },
        Self {
            name: "page of 100, last of a walk",
            superb: "0.55",
            prepare: approach_end,
            request: last_page,
            sql: last_page_sql,
        },
        Self { name: "PATCH active", superb: "0.60", prepare: nothing, request: patch, sql: patch_sql },
        Self { name: "look-up, then create", superb: "0.60", prepare: nothing, request: create, sql: create_sql },
    ];
}

fn nothing(_: &Server, _: &Directory) {}

/// Creates the users over HTTP and picks the sample.
pub fn fill(server: &Server, users: usize, connections: usize) -> Directory {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut client = Client::connect(server);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= users {
                        return;
                    }
                    let (status, _) = client.send("POST", "/Users", &user(&number.to_string()));
                    assert_eq!(status, 201);
                }
            });
        }
    });
    let sample = server.sql(&format!("SELECT id FROM resources ORDER BY md5(id::text) LIMIT {SAMPLE}"));
    Directory { users, sample: sample.lines().map(str::to_owned).collect() }
}

/// A user of the size that directories send.
fn user(key: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"user{key}@bench.example","externalId":"ext{key}","name":{{"givenName":"Given{key}","familyName":"Family{key}","formatted":"Given{key} Family{key}"}},"displayName":"Given{key} Family{key}","title":"Engineer","locale":"en-US","timezone":"Europe/Berlin","preferredLanguage":"en","userType":"Employee","emails":[{{"value":"user{key}@bench.example","type":"work","primary":true}},{{"value":"home{key}@bench.example","type":"home"}}],"phoneNumbers":[{{"value":"+49 30 {key}","type":"work"}}],"addresses":[{{"type":"work","streetAddress":"Street {key}","locality":"Berlin","postalCode":"10115","country":"DE"}}],"active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{{"employeeNumber":"{key}","costCenter":"CC-42","organization":"Example","division":"Products","department":"Department 7","manager":{{"value":"00ujl29u0le5T6Aj10h7"}}}}}}"#
    )
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

fn assert_found(status: u16, body: &[u8], text: &str) {
    assert!(status == 200 && contains(body, text), "{status} {}", String::from_utf8_lossy(body));
}

pub fn read(client: &mut Client, random: &mut Random, directory: &Directory) {
    let id = &directory.sample[random.below(directory.sample.len())];
    let (status, body) = client.send("GET", &format!("/Users/{id}"), "");
    assert_found(status, body, id);
}

/// The sample as an SQL array, whose element :n is found without any look-up.
fn sample_sql(directory: &Directory) -> String {
    format!("(ARRAY['{}']::uuid[])[:n::int]", directory.sample.join("','"))
}

fn read_sql(_: &Server, directory: &Directory) -> String {
    format!(
        "\\set n random(1, {})\nSELECT {COLUMNS} FROM resources WHERE {USERS} AND id = {};\n",
        directory.sample.len(),
        sample_sql(directory)
    )
}

fn look_up(client: &mut Client, attribute: &str, value: &str) {
    let path = format!("/Users?filter={attribute}%20eq%20%22{value}%22&startIndex=1&count=100");
    let (status, body) = client.send("GET", &path, "");
    assert_found(status, body, value);
    assert!(contains(&body[..100.min(body.len())], "\"totalResults\":1,"), "{}", String::from_utf8_lossy(body));
}

fn look_up_sql(directory: &Directory, condition: &str) -> String {
    format!(
        "\\set n random(0, {})\nSELECT {COLUMNS} FROM resources WHERE {USERS} AND {condition};\n",
        directory.users - 1
    )
}

fn user_name(client: &mut Client, random: &mut Random, directory: &Directory) {
    look_up(client, "userName", &format!("user{}@bench.example", random.below(directory.users)));
}

fn user_name_sql(_: &Server, directory: &Directory) -> String {
    look_up_sql(directory, "unique_name = 'user' || :n::text || '@bench.example'")
}

fn external_id(client: &mut Client, random: &mut Random, directory: &Directory) {
    look_up(client, "externalId", &format!("ext{}", random.below(directory.users)));
}

fn external_id_sql(_: &Server, directory: &Directory) -> String {
    look_up_sql(directory, "external_id = 'ext' || :n::text")
}

fn email(client: &mut Client, random: &mut Random, directory: &Directory) {
    look_up(client, "emails.value", &format!("home{}@bench.example", random.below(directory.users)));
}

fn email_sql(_: &Server, directory: &Directory) -> String {
    look_up_sql(
        directory,
        &format!(
            "comparable @> ({} || :n::text || {})::jsonb",
            literal(r#"{"emails":[{"value":"home"#),
            literal(r#"@bench.example"}]}"#)
        ),
    )
}

fn page(client: &mut Client, start_index: usize, total: usize) {
    let (status, body) = client.send("GET", &format!("/Users?startIndex={start_index}&count={PAGE}"), "");
    assert_found(
        status,
        &body[..250],
        &format!("\"totalResults\":{total},\"startIndex\":{start_index},\"itemsPerPage\":{PAGE},"),
    );
}

fn first_page(client: &mut Client, _: &mut Random, directory: &Directory) {
    page(client, 1, directory.users);
}

fn first_page_sql(_: &Server, _: &Directory) -> String {
    format!("SELECT {COLUMNS} FROM resources WHERE {USERS} ORDER BY id LIMIT {PAGE};\n")
}

fn last_start(directory: &Directory) -> usize {
    directory.users - PAGE + 1
}

fn approach_end(server: &Server, directory: &Directory) {
    page(&mut Client::connect(server), last_start(directory) - PAGE, directory.users);
}

fn last_page(client: &mut Client, _: &mut Random, directory: &Directory) {
    page(client, last_start(directory), directory.users);
}

fn last_page_sql(server: &Server, directory: &Directory) -> String {
    let skipped = last_start(directory) - 2;
    let last = server.sql(&format!("SELECT id FROM resources WHERE {USERS} ORDER BY id LIMIT 1 OFFSET {skipped}"));
    format!("SELECT {COLUMNS} FROM resources WHERE {USERS} AND id > '{last}' ORDER BY id LIMIT {PAGE};\n")
}

/// Times of all pages, read one after the other.
pub fn walk(server: &Server, directory: &Directory) -> Vec<Duration> {
    let mut client = Client::connect(server);
    let total = server.sql(&format!("SELECT count(*) FROM resources WHERE {USERS}")).parse().unwrap();
    (0..directory.users / PAGE)
        .map(|number| {
            let begun = Instant::now();
            page(&mut client, number * PAGE + 1, total);
            begun.elapsed()
        })
        .collect()
}

/// Switches a user off or on, whichever changes it most often.
fn patch(client: &mut Client, random: &mut Random, directory: &Directory) {
    let id = &directory.sample[random.below(directory.sample.len())];
    let title = random.next();
    let active = title.is_multiple_of(2);
    let body = format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"replace","value":{{"active":{active},"title":"{title}"}}}}]}}"#
    );
    let (status, answer) = client.send("PATCH", &format!("/Users/{id}"), &body);
    assert_found(status, answer, &format!("\"active\":{active}"));
}

const AUDIT: &str = "INSERT INTO sql_audit_events (tenant_id, id, occurred_at, action, actor_kind, actor_id, actor_name, target_type, \
     target_id, request_id, address, before, after) SELECT tenant_id, ";
const AUDIT_VALUES: &str = ", now(), 'resource.modify', 'header_token', 'abcdefghijkl', 'bench', 'User', id::text, \
     '01a20b57-cd2d-762e-a4ab-4ec19888415f', '127.0.0.1'";

/// An id that follows the time, as the server makes them.
const NEW_ID: &str = "(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') \
     || substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid";

/// Text as an SQL literal in which pgbench sees no variables: a colon is written as an escape.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''").replace(':', r"\x3a"))
}

/// One user as stored, so that both sides write as much.
fn stored(server: &Server, column: &str, directory: &Directory) -> String {
    let id = &directory.sample[0];
    server.sql(&format!("SELECT {column} FROM resources WHERE id = '{id}'"))
}

fn patch_sql(server: &Server, directory: &Directory) -> String {
    let document = literal(&stored(server, "document", directory));
    let comparable = literal(&stored(server, "comparable", directory));
    let (before, after) = (literal(r#"{"active":true}"#), literal(r#"{"active":false}"#));
    let sample = sample_sql(directory);
    format!(
        "\\set n random(1, {})\nSELECT {COLUMNS} FROM sql_resources WHERE {USERS} AND id = {sample};\n\
         WITH changed AS (UPDATE sql_resources SET version = version + 1, last_modified_at = now(), document = {document}, \
         comparable = {comparable} WHERE {USERS} AND id = {sample} RETURNING tenant_id, id) \
         {AUDIT}{NEW_ID}{AUDIT_VALUES}, {before}, {after} FROM changed;\n",
        directory.sample.len(),
    )
}

/// A key that no user has yet.
fn new_key() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("new{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn create(client: &mut Client, _: &mut Random, _: &Directory) {
    let key = new_key();
    let path = format!("/Users?filter=userName%20eq%20%22user{key}@bench.example%22&startIndex=1&count=100");
    let (status, body) = client.send("GET", &path, "");
    assert_found(status, body, "\"totalResults\":0,");
    let (status, body) = client.send("POST", "/Users", &user(&key));
    assert!(status == 201 && contains(body, &key), "{status}");
}

fn create_sql(server: &Server, _: &Directory) -> String {
    // A user like any other, made once, whose key stands where the others differ: so both sides index as many new values.
    const KEY: &str = "zkeyz";
    let mut client = Client::connect(server);
    assert_eq!(client.send("POST", "/Users", &user(KEY)).0, 201);
    let column = |name: &str| server.sql(&format!("SELECT {name} FROM resources WHERE external_id = 'ext{KEY}'"));
    let split = |name: &str| column(name).split(KEY).map(literal).collect::<Vec<_>>().join(" || :n::text || ");
    let (document, comparable) = (split("document"), split("comparable"));
    assert_eq!(client.send("DELETE", &format!("/Users/{}", column("id")), "").0, 204);
    format!(
        "\\set n random(1, 1000000000000000)\n\
         SELECT {COLUMNS} FROM sql_resources WHERE {USERS} AND unique_name = :n::text;\n\
         WITH changed AS (INSERT INTO sql_resources (tenant_id, resource_type, id, version, created_at, last_modified_at, \
         unique_name, external_id, document, comparable) VALUES ('00000000-0000-7000-8000-000000000001', 'User', {NEW_ID}, 1, \
         now(), now(), :n::text, 'x' || :n::text, {document}, ({comparable})::jsonb) RETURNING tenant_id, id, document) \
         {AUDIT}{NEW_ID}{AUDIT_VALUES}, NULL, document::json FROM changed;\n"
    )
}
