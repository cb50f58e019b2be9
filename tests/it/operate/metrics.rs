//! `GET /metrics`, as Prometheus scrapes it.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;

use reqwest::Method;

use super::Postgres;
use crate::support::process::{install, run_json};
use crate::support::{Client, ServerProcess, TemporaryDirectory, database, eventually, minimal};

/// A server whose metrics can be had.
struct Watched {
    data: TemporaryDirectory,
    server: ServerProcess,
    metrics: String,
}

/// The values of a scrape, by name and labels as they are written.
type Scrape = BTreeMap<String, f64>;

impl Watched {
    fn new(arguments: &[&str]) -> Self {
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let data = TemporaryDirectory::new("watched");
        let server = ServerProcess::start_with(&data, &[&["--metrics-listen", &*address], arguments].concat());
        Self { data, server, metrics: format!("http://{address}") }
    }

    fn text(&self) -> String {
        let answer = reqwest::blocking::get(format!("{}/metrics", self.metrics)).unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        answer.text().unwrap()
    }

    fn scrape(&self) -> Scrape {
        parsed(&self.text())
    }
}

/// Reads the text format, and holds it to its rules: each name has help and type before its first value, and each value is one.
fn parsed(text: &str) -> Scrape {
    let (mut types, mut values) = (BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}: twice");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
            assert!(types.contains_key(name) || histogram.is_some_and(|name| types[name] == "histogram"), "{line}");
            assert!(values.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{line}: twice");
        }
    }
    values
}

#[test]
fn known_requests_are_counted_and_nobody_is_named() {
    let watched = Watched::new(&[]);
    let made = run_json(&watched.data, &["token", "create", "okta"]);
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let client = Client::new(&watched.server.url, &format!("Bearer {token}"));
    let user = client.post("/Users", &minimal("ada@example.com")).json();
    let id_of_user = user["id"].as_str().unwrap();
    for _ in 0..3 {
        assert_eq!(client.get(&format!("/Users/{id_of_user}")).status, 200);
    }
    assert_eq!(client.get("/Users/none-of-this-id").status, 404);
    assert_eq!(Client::anonymous(&watched.server.url).get("/Users").status, 401);

    let text = watched.text();
    let values = parsed(&text);
    let requests = |method: &str, route: &str, status: u16| {
        let series =
            format!("provisor_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}");
        values.get(&series).copied()
    };
    let route = "/scim/v2/{endpoint}/{id}";
    let found = values.keys().filter(|series| series.contains("requests_total")).cloned().collect::<Vec<_>>();
    assert_eq!(requests("GET", route, 200), Some(3.0), "{found:?}");
    assert_eq!(requests("GET", route, 404), Some(1.0), "{found:?}");
    let count = format!("provisor_http_request_duration_seconds_count{{method=\"GET\",route=\"{route}\"}}");
    let all = format!("provisor_http_request_duration_seconds_bucket{{method=\"GET\",route=\"{route}\",le=\"+Inf\"}}");
    assert_eq!((values[&count], values[&all]), (4.0, 4.0));
    assert!(values[&count.replace("_count", "_sum")] > 0.0);
    for (name, least, most) in [
        ("provisor_http_requests_in_flight", 0.0, 0.0),
        ("provisor_database_up", 1.0, 1.0),
        ("provisor_database_circuit_open", 0.0, 0.0),
        ("provisor_database_checkout_failures_total", 0.0, 0.0),
        ("provisor_database_connections_max", 10.0, 1_000.0),
        ("provisor_database_connections_open", 1.0, 1_000.0),
        ("provisor_database_requests_waiting", 0.0, 0.0),
        ("provisor_audit_broken_chains", 0.0, 0.0),
        ("provisor_audit_seal_lag_seconds", 0.0, 30.0),
        ("provisor_audit_refusals_dropped_total", 0.0, 0.0),
        ("provisor_provisioning_log_dropped_total", 0.0, 0.0),
        ("provisor_job_failures_total{job=\"audit_seals\"}", 0.0, 0.0),
        ("provisor_job_last_success_timestamp_seconds{job=\"audit_seals\"}", 1.7e9, 9.9e9),
        ("process_resident_memory_bytes", 1e6, 1e10),
        ("process_open_fds", 5.0, 10_000.0),
        ("process_start_time_seconds", 1.7e9, 9.9e9),
        (concat!("provisor_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0, 1.0),
    ] {
        let value = *values.get(name).unwrap_or_else(|| panic!("no {name} in\n{text}"));
        assert!((least..=most).contains(&value), "{name} {value}");
    }
    assert!(!text.contains("provisor_tls_certificate"), "there is a certificate in\n{text}");
    for secret in [id, token, id_of_user, "ada@example.com", "default", "okta"] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(watched.server.stop());
}

#[test]
fn clients_cannot_make_series() {
    let watched = Watched::new(&[]);
    let http = reqwest::blocking::Client::new();
    let send = |round: u32| {
        for number in 0..200 {
            let method = Method::from_bytes(format!("M{round}X{number}").as_bytes()).unwrap();
            let url = format!("{}/{round}-{number}", watched.server.url);
            http.request(method, &url).send().unwrap();
            for path in ["scim/v2/Users", "scim/v2", "static", "admin", "oauth", "tenants"] {
                let url = format!("{}/{path}/{round}-{number}?{number}={number}", watched.server.url);
                http.get(url).send().unwrap();
            }
        }
        watched.scrape().len()
    };
    let (first, second) = (send(1), send(2));
    assert_eq!(first, second);
    assert!(first < 400, "{first}");
    assert!(watched.server.stop());
}

#[test]
fn the_metrics_have_an_address_of_their_own_and_tell_of_a_lag() {
    let watched = Watched::new(&["--database-connections", "2"]);
    let status = |url: &str| reqwest::blocking::get(url).unwrap().status().as_u16();
    assert_eq!(status(&format!("{}/metrics", watched.server.url)), 404);
    for path in ["", "/livez", "/scim/v2/Users", "/metrics/more"] {
        assert_eq!(status(&format!("{}{path}", watched.metrics)), 404, "{path}");
    }

    // Entries wait while somebody else holds the lock of the sealer.
    let mut blocking = database::connect(&watched.data, "provisor");
    database::execute(&mut blocking, "SELECT pg_advisory_lock(7643, 8)");
    run_json(&watched.data, &["token", "create", "okta"]);
    let lag = |values: &Scrape| values["provisor_audit_seal_lag_seconds"];
    eventually("the lag", || (lag(&watched.scrape()) > 2.0).then_some(()));
    assert!(watched.scrape()["provisor_audit_unsealed_entries"] > 0.0);
    drop(blocking);
    eventually("the seal", || (lag(&watched.scrape()) == 0.0).then_some(()));

    assert!(watched.server.stop());
}

#[test]
fn whether_the_database_answers_is_told_while_it_does_not() {
    let data = TemporaryDirectory::new("away");
    install(&data);
    let token = run_json(&data, &["token", "create", "okta"])["token"].as_str().unwrap().to_owned();
    let postgres = Postgres::start(&data, &[]);
    let (url, key) = (database::url(&data, "provisor"), data.join("master.key"));
    let watched = Watched::new(&["--database-url", &url, "--master-key-file", key.to_str().unwrap()]);
    let up = |values: &Scrape| values["provisor_database_up"] > 0.5;
    assert!(up(&watched.scrape()));
    drop(postgres);
    let down = eventually("the loss", || Some(watched.scrape()).filter(|values| !up(values)));
    assert!(!down.contains_key("provisor_audit_seal_lag_seconds"));
    assert_eq!(Client::new(&watched.server.url, &format!("Bearer {token}")).get("/Users").status, 503);
    let failures = "provisor_database_checkout_failures_total";
    eventually("a failure", || (watched.scrape()[failures] > 0.0).then_some(()));
    let _postgres = Postgres::start(&data, &[]);
    eventually("the return", || up(&watched.scrape()).then_some(()));
    assert!(watched.server.stop());
}

#[test]
fn rows_of_the_log_that_could_not_be_written_are_told_and_their_numbers_are_written_later() {
    let watched = Watched::new(&[]);
    let made = run_json(&watched.data, &["token", "create", "okta"]);
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let client = Client::new(&watched.server.url, &format!("Bearer {token}"));
    let mut pg = database::connect(&watched.data, "provisor");
    database::execute(
        &mut pg,
        "ALTER TABLE requests RENAME TO requests_elsewhere; ALTER TABLE request_counts RENAME TO counts_elsewhere",
    );
    for _ in 0..3 {
        assert_eq!(client.get("/Users").status, 200);
    }
    let dropped = || watched.scrape()["provisor_provisioning_log_dropped_total"].to_string();
    eventually("the rows dropped", || (dropped() == "3").then_some(()));
    database::execute(&mut pg, "ALTER TABLE counts_elsewhere RENAME TO request_counts");
    assert_eq!(client.get("/Users").status, 200);
    let counted = format!("SELECT sum(requests)::text AS value FROM request_counts WHERE actor_id = '{id}'");
    eventually("all four in the numbers", || {
        (database::texts(&mut database::connect(&watched.data, "provisor"), &counted) == ["4"]).then_some(())
    });
    assert_eq!(dropped(), "4");

    database::execute(&mut pg, "ALTER TABLE requests_elsewhere RENAME TO requests");
    assert_eq!(client.get("/Users").status, 200);
    let logged = format!("SELECT count(*)::text AS value FROM requests WHERE actor_id = '{id}'");
    eventually("the fifth in the log", || {
        (database::texts(&mut database::connect(&watched.data, "provisor"), &logged) == ["1"]).then_some(())
    });
    assert_eq!(dropped(), "4");
    let log = watched.data.with_extension("log");
    assert!(watched.server.stop());

    let log = fs::read_to_string(log).unwrap();
    let said = " requests were not written to the provisioning log";
    let numbers = log.lines().filter_map(|line| line.split_once(said)?.0.rsplit(' ').next()?.parse::<u32>().ok());
    assert_eq!(numbers.sum::<u32>(), 4, "{log}");
    assert!(!log.contains("there were too many"), "{log}");
}

#[test]
fn a_table_that_cannot_be_cleared_is_told_of_and_keeps_no_other_from_it() {
    let data = TemporaryDirectory::new("uncleared");
    let server = ServerProcess::start(&data);
    let token = run_json(&data, &["token", "create", "okta"])["token"].as_str().unwrap().to_owned();
    assert_eq!(Client::new(&server.url, &format!("Bearer {token}")).get("/Users").status, 200);
    assert!(server.stop());
    let _postgres = Postgres::start(&data, &[]);
    let mut pg = database::connect(&data, "provisor");
    // The second of the tables that are swept, and what the users are counted in.
    database::execute(
        &mut pg,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
         DELETE FROM user_counts;
         CREATE TRIGGER refuse BEFORE DELETE ON refresh_tokens EXECUTE FUNCTION refuse();
         CREATE TRIGGER refuse BEFORE INSERT OR DELETE ON user_counts EXECUTE FUNCTION refuse();
         INSERT INTO throttles VALUES ('somebody', 1, now() - interval '100 days')",
    );
    let (url, key) = (database::url(&data, "provisor"), data.join("master.key"));
    let watched = Watched::new(&["--database-url", &url, "--master-key-file", key.to_str().unwrap()]);
    let of = |values: &Scrape, what: &str, job: &str| values[&format!("provisor_job_{what}{{job=\"{job}\"}}")];
    let ended = |values: &Scrape, job: &str| {
        of(values, "failures_total", job) + of(values, "last_success_timestamp_seconds", job) > 0.0
    };
    let values =
        eventually("the first round", || Some(watched.scrape()).filter(|values| ended(values, "expired_rows")));
    for job in ["provisioning_log", "user_counts", "expired_rows"] {
        let outcome = (of(&values, "failures_total", job), of(&values, "last_success_timestamp_seconds", job));
        assert_eq!(outcome, (1.0, 0.0), "{job}");
    }
    assert!(database::texts(&mut pg, "SELECT subject AS value FROM throttles").is_empty());
    assert!(watched.server.stop());
}
