//! The admin UI on a full directory: how long the server takes for each page of its table.

use std::time::{Duration, Instant};

use provisor::http::page_routes;
use reqwest::blocking::{Client, Response};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;

use super::common::server::Server;
use super::{driver, groups, quantile};

/// Entries of the audit log and requests in the provisioning log that pages are measured with.
const ENTRIES: usize = 1_000_000;
/// Times that each page is asked for.
const READS: usize = 30;
/// What a page may take at the median.
const BAR: Duration = Duration::from_millis(50);
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";
const TENANT: &str = "00000000-0000-7000-8000-000000000001";

/// Measures and prints every page that is looked at.
pub fn measure(server: &Server) {
    make_examples(server);
    let group = fill(server);
    let browser = Browser::sign_in(server);
    println!();
    println!(
        "pages, {} users, a group of {} members, {} audit entries, {} requests",
        server.sql("SELECT count(*) FROM resources WHERE resource_type = 'User'"),
        server.sql(&format!("SELECT count(*) FROM memberships WHERE group_id = '{group}'")),
        server.sql("SELECT count(*) FROM audit_events"),
        server.sql("SELECT count(*) FROM requests"),
    );
    println!();
    println!("| page | status | kB | p50 ms | max ms | at most {} ms |", BAR.as_millis());
    println!("| --- | --- | --- | --- | --- | --- |");
    for path in paths(server, &group) {
        let mut times = Vec::new();
        let (mut bytes, mut status) = (0, 0);
        for _ in 0..READS {
            let begun = Instant::now();
            let answer = browser.open(&path);
            status = answer.status().as_u16();
            assert!(status < 500, "{path}: {}", answer.text().unwrap());
            bytes = answer.bytes().unwrap().len();
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let (median, most) = (quantile(&times, 0.5), quantile(&times, 1.0));
        let holds = if median <= BAR.as_secs_f64() * 1e3 { "yes" } else { "NO" };
        println!("| {path} | {status} | {:.1} | {median:.1} | {most:.1} | {holds} |", bytes as f64 / 1e3);
    }
}

/// Brings a large group and both logs to their size.
fn fill(server: &Server) -> String {
    let group = groups::largest(server);
    // As UUIDv7 of the time, so that the ids are in the order of the log.
    let id = |at: &str| {
        let random = "md5(n::text)";
        let time = format!("lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0')");
        format!("({time} || '7' || substr({random}, 1, 3) || '8' || substr({random}, 4, 15))::uuid")
    };
    let (occurred_at, at) = ("now() - n * interval '10 seconds'", "now() - n * interval '2 seconds'");
    let (event, request) = (id(occurred_at), id(at));
    eprintln!("writing {ENTRIES} audit entries and {ENTRIES} requests");
    server.sql(&format!(
        "INSERT INTO audit_events (tenant_id, id, occurred_at, action, actor_kind, actor_id, actor_name, target_type, target_id, before, after,
             request_id)
         SELECT '{TENANT}', {event}, {occurred_at}, 'resource.modify', 'header_token', 'bench', 'bench',
             'User', gen_random_uuid(), '{{\"active\": true}}', '{{\"active\": false}}', 'bench-' || n
         FROM generate_series(1, {ENTRIES}) AS n"
    ));
    server.sql(&format!(
        "INSERT INTO requests (tenant_id, id, at, request_id, method, path, operation, outcome, status, resource_type, actor_kind, actor_id,
             actor_name, microseconds)
         SELECT '{TENANT}', {request}, {at}, 'bench-' || n, 'PATCH', '/Users/' || n, 'modify',
             CASE WHEN n % 100 = 0 THEN 'refused' ELSE 'ok' END, CASE WHEN n % 100 = 0 THEN 409 ELSE 200 END, 'User', 'header_token',
             'bench', 'bench', 1500
         FROM generate_series(1, {ENTRIES}) AS n"
    ));
    server.sql("VACUUM ANALYZE");
    group
}

/// What pages of one thing show, by the path before the parameter and a query for the parameter.
const EXAMPLES: [(&str, &str); 13] = [
    ("/administrators/invitations/", "SELECT id FROM invitations"),
    ("/administrators/", "SELECT id FROM administrators WHERE email LIKE 'other%'"),
    ("/audit/", "SELECT id FROM audit_events WHERE action = 'resource.modify'"),
    ("/clients/", "SELECT client_id FROM oauth_grants"),
    ("/connect/links/", "SELECT id FROM setup_links"),
    ("/connect/", "SELECT id FROM connect_runs"),
    ("/keys/", "SELECT kid FROM signing_keys WHERE activated_at IS NULL"),
    ("/log/", "SELECT id FROM requests WHERE outcome = 'refused'"),
    ("/resources/Roles/", "SELECT id FROM resources WHERE resource_type = 'Role'"),
    ("/tenants/", "SELECT id FROM tenants WHERE name = 'acme'"),
    ("/tokens/", "SELECT id FROM header_tokens WHERE rotated_to IS NOT NULL"),
    ("/users/", "SELECT id FROM resources WHERE resource_type = 'User'"),
    ("/clients/ID/secrets/", "SELECT id FROM client_secrets"),
];
/// Parameters that are the same in every directory.
const FIXED: [(&str, &str); 4] = [
    ("/resources/", "Roles"),
    ("/schemas/types/", "Role"),
    ("/schemas/", "urn:example:scim:schemas:extension:badge:1.0:User"),
    ("/clients/ID/grants/", "00000000-0000-7000-8000-00000000000a"),
];
/// Pages that show nothing by themselves: they only lead elsewhere, or answer what another site sends.
const ON_THE_WAY: [&str; 1] = ["/settings/sso/test"];

/// Makes one of each thing that has a page of its own.
fn make_examples(server: &Server) {
    let file = |name: &str, text: &str| {
        let path = server.data_dir().with_extension(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let password = file("password", PASSWORD);
    server.command(&["admin", "create", EMAIL, "--password-file", &password]);
    server.command(&["admin", "create", "other@example.com", "--tenant", "default", "--password-file", &password]);
    server.command(&["tenant", "create", "acme"]);
    let token: serde_json::Value =
        serde_json::from_str(&server.command(&["token", "create", "rotated", "--json"])).unwrap();
    server.command(&["token", "rotate", token["id"].as_str().unwrap(), "--overlap", "24h"]);
    let client: serde_json::Value =
        serde_json::from_str(&server.command(&["client", "create", "okta", "--okta-app", "acme_1", "--json"])).unwrap();
    let client = client["id"].as_str().unwrap();
    server.command(&["client", "rotate-secret", client, "--overlap", "24h"]);
    server.command(&["resource-type", "okta"]);
    let badge = file(
        "json",
        r#"{"id": "urn:example:scim:schemas:extension:badge:1.0:User", "name": "Badge", "attributes": [{"name": "number", "type": "integer"}]}"#,
    );
    server.command(&["schema", "import", &badge, "--extends", "User"]);
    for path in [password, badge] {
        std::fs::remove_file(path).unwrap();
    }
    // The server goes by the new definitions within a second.
    std::thread::sleep(Duration::from_millis(1_500));
    let role = r#"{"schemas":["urn:okta:scim:schemas:core:1.0:Role"],"displayName":"Bench"}"#;
    let mut driver = driver::Client::connect(server);
    let (status, answer) = driver.send("POST", "/Roles", role);
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
    server.sql(&format!(
        "INSERT INTO oauth_grants (tenant_id, id, client_id, administrator_id, administrator_email, scopes, created_at)
             SELECT '{TENANT}', '00000000-0000-7000-8000-00000000000a', id, gen_random_uuid(), 'ada@example.com', scopes, now() FROM oauth_clients WHERE id = '{client}';
         INSERT INTO invitations (id, tenant_id, code_hash, key_version, email, folded_email, role, invited_by, created_at, expires_at)
             VALUES ('bench', '{TENANT}', '', 1, 'new@example.com', 'new@example.com', 'admin', 'ada@example.com', now(), now() + interval '1 day');
         INSERT INTO setup_links (tenant_id, id, code_hash, email, label, created_at, created_by, expires_at)
             VALUES ('{TENANT}', gen_random_uuid(), '', 'it@example.com', 'Acme', now(), 'ada@example.com', now() + interval '1 day');
         INSERT INTO connect_runs (tenant_id, id, provider, method, started_at, started_by, version, credential_id, made_at)
             SELECT '{TENANT}', gen_random_uuid(), 'okta', 'header_token', now(), 'ada@example.com', 1, id, now() - interval '1 day'
             FROM header_tokens WHERE name = 'bench'"
    ));
}

/// Every page of the table that somebody signed in looks at, with something for its parameters.
fn paths(server: &Server, group: &str) -> Vec<String> {
    let pages = page_routes().filter(|page| page.method == "GET" && page.right.is_some());
    let shown = pages.filter(|page| !ON_THE_WAY.contains(&page.path));
    shown.map(|page| format!("/admin{}", filled(server, page.path, group))).collect()
}

/// A path with what stands in the place of its parameters.
fn filled(server: &Server, path: &str, group: &str) -> String {
    let mut path = path.to_owned();
    while let Some((before, rest)) = path.split_once('{') {
        let after = rest.split_once('}').unwrap().1;
        let mut plain = before.to_owned();
        if let Some(client) = plain.strip_prefix("/clients/").and_then(|rest| rest.split_once('/')) {
            plain = format!("/clients/ID/{}", client.1);
        }
        let fixed = FIXED.iter().find(|(known, _)| *known == plain).map(|(_, value)| (*value).to_owned());
        let example = || {
            let (_, query) = EXAMPLES.iter().find(|(known, _)| *known == plain)?;
            Some(server.sql(&format!("{query} LIMIT 1")))
        };
        let value = if before == "/groups/" { Some(group.to_owned()) } else { fixed.or_else(example) };
        let value = value.filter(|value| !value.is_empty());
        path = format!("{before}{}{after}", value.unwrap_or_else(|| panic!("the benchmark has nothing for {path}")));
    }
    path
}

/// Somebody who is signed in.
struct Browser {
    http: Client,
    url: String,
    cookies: String,
}

impl Browser {
    fn sign_in(server: &Server) -> Self {
        let http = Client::builder().redirect(Policy::none()).build().unwrap();
        let mut browser = Self { http, url: format!("http://{}", server.address), cookies: String::new() };
        let answer = browser.open("/admin/login");
        browser.cookies = cookies(&answer);
        let text = answer.text().unwrap();
        let token = text.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("form_token", token.as_str()), ("email", EMAIL), ("password", PASSWORD)])
            .finish();
        let request = browser.http.post(format!("{}/admin/login", browser.url)).header(COOKIE, &browser.cookies);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = request.send().unwrap();
        assert_eq!(answer.headers().get(LOCATION).unwrap(), "/admin");
        browser.cookies = cookies(&answer);
        browser
    }

    fn open(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.url)).header(COOKIE, &self.cookies).send().unwrap()
    }
}

/// The cookies that an answer sets, as they are sent back.
fn cookies(answer: &Response) -> String {
    let set = answer.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
    set.map(|cookie| cookie.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}
