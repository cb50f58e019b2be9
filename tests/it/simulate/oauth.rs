//! Access tokens: of a client that asks for itself, of somebody who consents, and such as end in the middle.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;

use provisor::auth::role::Role;
use provisor::simulate::CannotRun;
use provisor::simulate::client::{Credential, http};
use provisor::simulate::oauth::{Settings, Tokens};
use serde_json::Value;

use super::proxy::{Reply, plant};
use super::{PATIENCE, deviations, plan, simulate};
use crate::support::browser::Browser;
use crate::support::oauth::{OAuthClient, client, provider, script};
use crate::support::people::{PASSWORD, somebody};
use crate::support::process::program;
use crate::support::{TemporaryDirectory, shared, tenant};

fn settings(client: &OAuthClient, secret: &str) -> Settings {
    Settings {
        token_url: format!("{}/oauth/token", shared().url),
        client_id: client.id.clone(),
        client_secret: secret.to_owned(),
        scopes: Vec::new(),
        consent: None,
    }
}

fn tokens(settings: Settings) -> Result<Tokens, CannotRun> {
    Tokens::get(http(PATIENCE).unwrap(), settings, &|_| panic!("nobody is asked"))
}

#[test]
fn a_client_asks_for_itself_and_again_when_its_token_is_refused() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    // One token ends early, in the middle of everything.
    let (base_url, server) = plant(&tenant, |asked, server| match asked.number {
        40 => Reply { status: 401, ..Reply::default() },
        _ => server.pass(asked),
    });
    let credential = Credential::OAuth(Box::new(tokens(settings(&client, &client.secret)).unwrap()));
    let report = simulate(&base_url, credential, &plan(10, 2), PATIENCE).unwrap();
    assert_eq!(deviations(&report), []);
    assert!(report.passed.iter().any(|check| check.id == "oauth.renew"));
    assert_eq!(report.users, 10);
    let asked = server.asked.lock().unwrap();
    let mut used: Vec<&String> = asked.iter().filter_map(|asked| asked.headers.get("authorization")).collect();
    used.retain(|used| used.starts_with("Bearer "));
    used.sort_unstable();
    used.dedup();
    assert_eq!(used.len(), 3, "the first, the one after the planned renewal, the one after the refusal");
}

#[test]
fn a_wrong_secret_is_told_and_not_shown() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let error = tokens(settings(&client, "wrong-secret")).unwrap_err().to_string();
    assert!(error.contains("invalid_client") && !error.contains("wrong-secret"), "{error}");
}

#[test]
fn somebody_consents_in_a_browser_and_okta_provisions() {
    let tenant = tenant();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut new = provider();
    new.redirect_uris = vec![format!("http://127.0.0.1:{port}/callback")];
    let client = client(tenant.id, &new);
    let directory = TemporaryDirectory::new("consent");
    fs::create_dir_all(&*directory).unwrap();
    let secret: PathBuf = directory.join("secret");
    fs::write(&secret, &client.secret).unwrap();

    let server = &shared().url;
    let mut child = program()
        .args(["simulate", "okta", "--users", "5", "--groups", "1", "--json", "--oauth", "--client-id", &client.id])
        .args(["--base-url", &format!("{server}/scim/v2"), "--token-url", &format!("{server}/oauth/token")])
        .args(["--authorize-url", &format!("{server}/oauth/authorize"), "--redirect-port", &port.to_string(), "--pkce"])
        .arg("--client-secret-file")
        .arg(&secret)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("/oauth/authorize") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "no address is shown");
    }

    let ada = somebody(tenant.id, Role::Admin);
    let mut browser = Browser::new(server);
    browser.sign_in(&ada.email, PASSWORD);
    browser.open_authorize(line.trim());
    let back = browser.consent(true);
    // Somebody else who finds the port gets nowhere.
    assert_eq!(
        reqwest::blocking::get(format!("http://127.0.0.1:{port}/callback?code=c&state=s")).unwrap().status(),
        404
    );
    assert_eq!(reqwest::blocking::get(back).unwrap().text().unwrap(), "Connected. You may close this page.");

    let (mut report, mut rest) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{report}{rest}");
    let report: Value = serde_json::from_str(&report).unwrap();
    let passed: Vec<&str> =
        report["passed"].as_array().unwrap().iter().map(|check| check["check"].as_str().unwrap()).collect();
    for check in ["oauth.refresh-token", "oauth.expires-in", "oauth.renew"] {
        assert!(passed.contains(&check), "{check}");
    }
    assert!(!rest.contains(&client.secret));
}
