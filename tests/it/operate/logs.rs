//! The log: its two forms, and what must never be in it.

use std::fs;
use std::path::Path;

use oauth2::AuthType;
use reqwest::blocking::{Client as Http, RequestBuilder};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use serde_json::Value;

use crate::oauth_flow::provider::{Provider, come_back};
use crate::support::browser::Browser;
use crate::support::process::{program, run, run_json};
use crate::support::{Client, ServerProcess, TemporaryDirectory, database, eventually, measured, minimal, scaled};

const PASSWORD: &str = "sEcReT battery staple of ada";
/// In all that is a secret, and in nothing else.
const SECRET: &str = "sEcReT";
/// In all that names a person.
const PERSON: &str = "pErSoN";
/// How often everything is sent: 1 800 canaries, enough for every way in. Each more round only sends the same again.
const ROUNDS: usize = 100;
/// Attempts to sign in by the page, which take long.
const SIGN_INS: u32 = 5;
const SCIM: &str = "application/scim+json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A server that logs all it has to say.
fn start(data_dir: &Path, form: &str) -> ServerProcess {
    let mut command = program();
    command.env("RUST_LOG", "debug").args(["--log-format", form]);
    ServerProcess::spawn(command, data_dir)
}

fn log(data_dir: &Path) -> String {
    fs::read_to_string(data_dir.with_extension("log")).unwrap()
}

/// Requests with canaries wherever a client may write something.
fn canaries(http: &Http, url: &str, token: &str, round: usize) -> Vec<RequestBuilder> {
    let (secret, person) = (format!("{SECRET}{round}"), format!("{PERSON}{round}@example.com"));
    let scim =
        |request: RequestBuilder| request.header(AUTHORIZATION, format!("Bearer {token}")).header(CONTENT_TYPE, SCIM);
    let user = format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"{person}","password":"{secret}","emails":[{{"value":"{person}"}}]}}"#
    );
    let patch = format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"replace","path":"password[{secret}]","value":"{secret}"}}]}}"#
    );
    let form = |path: &str, body: String| http.post(format!("{url}{path}")).header(CONTENT_TYPE, FORM).body(body);
    vec![
        http.get(format!("{url}/scim/v2/Users")).header(AUTHORIZATION, format!("Bearer pvr_{secret}")),
        http.get(format!("{url}/scim/v2/Users")).header(AUTHORIZATION, format!("Basic {secret}")),
        http.get(format!("{url}/scim/v2/Users?access_token={secret}")),
        http.get(format!("{url}/{secret}/{person}")),
        scim(http.post(format!("{url}/scim/v2/Users"))).body(user.clone()),
        scim(http.post(format!("{url}/scim/v2/Users"))).body(user.replace('}', "")),
        scim(http.get(format!("{url}/scim/v2/Users?filter=userName%20eq%20%22{person}%22"))),
        scim(http.get(format!("{url}/scim/v2/Users?filter=password%20is%20%22{secret}%22"))),
        scim(http.get(format!("{url}/scim/v2/Users/{person}"))),
        scim(http.patch(format!("{url}/scim/v2/Users/{person}"))).body(patch),
        form("/oauth/token", format!("grant_type=authorization_code&client_id=c&client_secret={secret}&code={secret}")),
        form("/oauth/token", format!("grant_type=refresh_token&refresh_token={secret}"))
            .basic_auth(&secret, Some(&secret)),
        form("/oauth/revoke", format!("token={secret}&client_assertion={secret}")),
        http.get(format!("{url}/oauth/authorize?client_id={secret}&code_challenge={secret}&state={secret}")),
        form("/admin/login", format!("email={person}&password={secret}&token={secret}")),
        http.get(format!("{url}/admin")).header(COOKIE, format!("sid={secret}; device={secret}")),
        http.get(format!("{url}/admin/login/sso/callback?code={secret}&state={secret}")),
        form("/admin/setup", format!("code={secret}&email={person}&password={secret}")),
    ]
}

#[test]
fn no_secret_is_logged_and_no_person_is_named() {
    let data = TemporaryDirectory::new("canaries");
    let server = start(&data, "json");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let token = text(&run_json(&data, &["token", "create", "okta"])["token"]);
    let created = run_json(&data, &["client", "create", "okta", "--okta-app", "trial7464750_ouraoo_1"]);
    let (id, client_secret) = (text(&created["id"]), text(&created["secret"]));
    let password = data.join("password");
    fs::write(&password, PASSWORD).unwrap();
    let email = format!("{PERSON}@example.com");
    let made = run(&data, &["admin", "create", &email, "--password-file", password.to_str().unwrap()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    // What works.
    let mut browser = Browser::new(&server.url);
    browser.sign_in(&email, PASSWORD);
    let okta = Provider::new(&server.url, &id, &client_secret, AuthType::BasicAuth);
    browser.open_authorize(okta.authorize(&[]).0.as_str());
    let code = come_back(&browser.consent(true)).0;
    let first = okta.exchange(&code).unwrap();
    let second = okta.refresh(first.refresh.as_ref().unwrap()).unwrap();
    let scim = Client::new(&server.url, &format!("Bearer {}", second.access));
    assert_eq!(scim.post("/Users", &minimal(&format!("{PERSON}-grace@example.com"))).status, 201);
    for page in ["/admin", "/admin/users", "/admin/audit", "/admin/log", "/admin/tokens", "/admin/clients"] {
        browser.open(page);
    }
    let real = [
        token.clone(),
        client_secret,
        code,
        first.access,
        first.refresh.unwrap(),
        second.access,
        second.refresh.unwrap(),
        browser.cookies["sid"].clone(),
        fs::read_to_string(data.join("master.key")).unwrap().trim().to_owned(),
    ];

    // And what does not.
    let http = Http::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let (mut sent, rounds) = (0, scaled(ROUNDS));
    for round in 0..rounds {
        for request in canaries(&http, &server.url, &token, round) {
            request.send().unwrap();
            sent += 1;
        }
    }
    assert_eq!(sent, 18 * rounds);
    for round in 0..SIGN_INS {
        Browser::new(&server.url).sign_in(&format!("{PERSON}{round}@example.com"), &format!("{SECRET}{round}"));
    }
    // The provisioning log is written a moment later.
    let rows = eventually("the last request in the provisioning log", || {
        let rows = database::dump(&mut database::connect(&data, "provisor"));
        let last = format!("{PERSON}{}@example.com", rounds - 1);
        rows.iter().any(|row| row.starts_with("requests ") && row.contains(&last)).then_some(rows)
    });
    let kept: Vec<&String> = rows.iter().filter(|row| row.contains(SECRET)).collect();
    assert_eq!(kept, Vec::<&String>::new());
    assert!(server.stop());

    let log = log(&data);
    let postgres = fs::read_to_string(data.join("postgres.log")).unwrap();
    // All but the one to which no route leads.
    let logged = log.lines().filter(|line| line.contains("provisor::request")).count();
    assert!(logged > 17 * rounds, "{logged}");
    for hidden in real.iter().map(String::as_str).chain([SECRET]) {
        for place in [&log, &postgres] {
            let at = place.lines().find(|line| line.contains(hidden));
            assert_eq!(at, None, "{hidden}");
        }
    }
    for line in log.lines() {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let level = object["level"].as_str().unwrap();
        assert!(level == "DEBUG" || !line.contains(PERSON), "{line}");
        assert!(chrono::DateTime::parse_from_rfc3339(object["time"].as_str().unwrap()).is_ok(), "{line}");
        assert!(object["target"].is_string() && object["message"].is_string(), "{line}");
        if object["target"] == "provisor::request" {
            for name in ["method", "route", "actor", "request_id"] {
                assert!(object[name].is_string(), "{line}");
            }
            assert!(object["status"].is_u64() && object["milliseconds"].is_f64(), "{line}");
        }
    }
    assert!(!postgres.contains(PERSON));
    measured(&format!("0 of {sent} canaries in the log or the database"));
}

#[test]
fn lines_are_for_people_unless_told_otherwise() {
    let data = TemporaryDirectory::new("lines");
    let server = start(&data, "text");
    assert_eq!(reqwest::blocking::get(format!("{}/scim/v2/Users", server.url)).unwrap().status(), 401);
    assert!(server.stop());
    let log = log(&data);
    let line = log.lines().find(|line| line.contains("provisor::request")).unwrap();
    let (before, fields) = line.split_once(" answered ").unwrap();
    assert!(before.ends_with("INFO  provisor::request"), "{line}");
    assert!(fields.starts_with("method=GET route=/scim/v2/"), "{line}");
    assert!(fields.contains(" status=401 milliseconds=") && fields.contains(" request_id="), "{line}");
    let mut command = program();
    let refused = command.args(["serve", "--log-format", "xml"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("text, json"));
}

#[test]
fn an_empty_rust_log_says_nothing_and_the_server_warns_all_the_same() {
    let data = TemporaryDirectory::new("unset");
    let mut command = program();
    command.env("RUST_LOG", "").env("PROVISOR_TRUSTED_PROXIES", "0.0.0.0/0");
    for (name, value) in [("PRIVATE_ADDRESSES", "1"), ("PLAINTEXT_DATABASE", "No"), ("UNSAFE_FSYNC", "")] {
        command.env(format!("PROVISOR_ALLOW_{name}"), value);
    }
    assert!(ServerProcess::spawn(command, &data).stop());
    let log = log(&data);
    assert!(log.contains("(PROVISOR_TRUSTED_PROXIES) names everybody"), "{log}");
    assert!(log.contains("INFO"), "{log}");
}
