//! What all endpoints have in common (contract section 1 and 3.2).

use reqwest::Method;

use super::*;
use crate::support::{ServerProcess, TemporaryDirectory};

const ENDPOINTS: [&str; 3] = ["/token", "/revoke", "/introspect"];

#[test]
fn the_endpoints_take_post_alone() {
    let endpoints = Endpoints::shared();
    for path in ENDPOINTS {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
            let answer = Client::send(endpoints.request(method.clone(), path));
            assert_oauth_error(&answer, 405, "invalid_request");
            assert_eq!(answer.header("allow"), Some("POST"), "{method} {path}");
        }
        assert_eq!(Client::send(endpoints.request(Method::HEAD, path)).status, 405);
    }
    for path in ["", "/", "/nothing", "/token/more"] {
        assert_oauth_error(&endpoints.post(path, &[]), 404, "invalid_request");
    }
}

#[test]
fn a_body_is_a_form_in_utf8_of_limited_length() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    let send = |path: &str, content_type: Option<&str>, body: Vec<u8>| {
        let request = endpoints.request(Method::POST, path).body(body).header("Authorization", client.basic());
        Client::send(match content_type {
            Some(value) => request.header("Content-Type", value),
            None => request,
        })
    };
    let form = b"grant_type=client_credentials".to_vec();
    for accepted in [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
    ] {
        assert_eq!(send("/token", Some(accepted), form.clone()).status, 200, "{accepted}");
    }
    for path in ENDPOINTS {
        for refused in [None, Some("application/json"), Some("text/plain"), Some("multipart/form-data")] {
            assert_oauth_error(&send(path, refused, form.clone()), 400, "invalid_request");
        }
        let json = br#"{"grant_type":"client_credentials"}"#.to_vec();
        assert_oauth_error(&send(path, Some("application/json"), json), 400, "invalid_request");
        let form = "application/x-www-form-urlencoded";
        assert_oauth_error(&send(path, Some(form), vec![b'a', b'=', 0xff]), 400, "invalid_request");
        assert_oauth_error(&send(path, Some(form), vec![b'a'; (64 << 10) + 1]), 400, "invalid_request");
    }
}

#[test]
fn parameters_that_are_repeated_or_unprintable_are_refused_and_empty_or_unknown_ones_ignored() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    let ask = |others: &[(&str, &str)]| {
        let grant = [("grant_type", "client_credentials")];
        endpoints.token(&client.with(&[&grant[..], others].concat()))
    };
    for ignored in [
        &[("scope", "")][..],
        &[("audience", "x"), ("client_info", "1"), ("unknown", "a"), ("unknown", "b")],
        &[("code", ""), ("resource", "")],
        &[("unknown", "\u{e9}\n")],
    ] {
        assert_eq!(text(&ask(ignored), "scope"), "scim.read scim.write", "{ignored:?}");
    }
    for refused in [
        &[("grant_type", "client_credentials")][..],
        &[("scope", "scim.read"), ("scope", "scim.read")],
        &[("scope", "scim.read"), ("scope", "")],
        &[("client_id", &client.id)],
        &[("client_secret", &client.secret)],
        &[("scope", "scim.read\u{e9}")],
        &[("scope", "scim.read\u{0}")],
        &[("resource", "https://client.example.com/\u{e9}")],
    ] {
        assert_oauth_error(&ask(refused), 400, "invalid_request");
    }
}

#[test]
fn nothing_is_served_in_clear_text() {
    let directory = TemporaryDirectory::new("clear");
    let server = ServerProcess::start_with(&directory, &["--trusted-proxies", "127.0.0.0/8"]);
    let endpoints = Endpoints::of(&server.url);
    let through = |scheme: &str| {
        let request = endpoints.form("/token", &[("grant_type", "client_credentials")]);
        Client::send(request.header("X-Forwarded-Proto", scheme))
    };
    assert_oauth_error(&through("https"), 401, "invalid_client");
    assert_oauth_error(&through("http"), 400, "invalid_request");
    assert!(through("http").json()["error_description"].as_str().unwrap().contains("https"));
    assert!(server.stop());
    let server = ServerProcess::start_with(&directory, &["--public-url", "http://scim.example.com"]);
    let answer = Endpoints::of(&server.url).token(&[("grant_type", "client_credentials")]);
    assert_oauth_error(&answer, 400, "invalid_request");
    assert!(answer.json()["error_description"].as_str().unwrap().contains("--public-url"));
    // A scheme that anybody but a trusted proxy names is not believed.
    assert!(server.stop());
    let server = ServerProcess::start_with(&directory, &["--public-url", "https://scim.example.com"]);
    let request = Endpoints::of(&server.url).form("/token", &[]);
    assert_oauth_error(&Client::send(request.header("X-Forwarded-Proto", "http")), 401, "invalid_client");
}
