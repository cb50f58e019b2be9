//! The admin UI on a full directory: how long the server takes for each page of its table.

use std::time::{Duration, Instant};

use provisor::http::page_routes;
use reqwest::blocking::{Client, Response};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;

use super::server::Server;
use super::{groups, quantile};

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
    println!("| page | kB | p50 ms | max ms | at most {} ms |", BAR.as_millis());
    println!("| --- | --- | --- | --- | --- |");
    for path in paths(server, &group) {
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..READS {
            let begun = Instant::now();
            let answer = browser.open(&path);
            assert_eq!(answer.status(), 200, "{path}");
            bytes = answer.bytes().unwrap().len();
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let (median, most) = (quantile(&times, 0.5), quantile(&times, 1.0));
        let holds = if median <= BAR.as_secs_f64() * 1e3 { "yes" } else { "NO" };
        println!("| {path} | {:.1} | {median:.1} | {most:.1} | {holds} |", bytes as f64 / 1e3);
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

/// Every page of the table that somebody signed in looks at, with something for its parameters.
fn paths(server: &Server, group: &str) -> Vec<String> {
    let pages = page_routes().filter(|page| page.method == "GET" && page.right.is_some());
    pages.map(|page| format!("/admin{}", filled(server, page.path, group))).collect()
}

/// A path with the parameter that stands in it.
fn filled(server: &Server, path: &str, group: &str) -> String {
    let Some((before, rest)) = path.split_once('{') else {
        return path.to_owned();
    };
    let after = rest.split_once('}').unwrap().1;
    let one = |query: &str| server.sql(&format!("{query} LIMIT 1"));
    let value = match before {
        "/users/" => one("SELECT id FROM resources WHERE resource_type = 'User'"),
        "/groups/" => group.to_owned(),
        "/audit/" => one(&format!("SELECT id FROM audit_events WHERE tenant_id = '{TENANT}'")),
        "/log/" => one(&format!("SELECT id FROM requests WHERE tenant_id = '{TENANT}'")),
        "/tokens/" => one("SELECT id FROM header_tokens"),
        "/tenants/" => TENANT.to_owned(),
        other => panic!("the benchmark knows nothing for {other}"),
    };
    format!("{before}{value}{after}")
}

/// Somebody who is signed in.
struct Browser {
    http: Client,
    url: String,
    cookies: String,
}

impl Browser {
    fn sign_in(server: &Server) -> Self {
        let password = server.data_dir.with_extension("password");
        std::fs::write(&password, PASSWORD).unwrap();
        server.command(&["admin", "create", EMAIL, "--password-file", password.to_str().unwrap()]);
        std::fs::remove_file(password).unwrap();
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
