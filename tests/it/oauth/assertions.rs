//! Clients that sign who they are (`private_key_jwt`; O9700-2.5-1, RFC 7523).

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use provisor::oauth::authenticate_client::KeySource;
use provisor::oauth::clients::NewClient;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::support::{ServerProcess, TemporaryDirectory, process};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client's key.
struct Key {
    kid: String,
    signs: EncodingKey,
    public: Value,
}

fn key(kid: &str) -> Key {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
    let public = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig", "alg": "ES256"});
    Key { kid: kid.into(), signs: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()), public }
}

fn set(keys: &[&Key]) -> Value {
    json!({"keys": keys.iter().map(|key| &key.public).collect::<Vec<_>>()})
}

fn right_claims(id: &str, audience: &str) -> Value {
    let now = Utc::now().timestamp();
    json!({"iss": id, "sub": id, "aud": audience, "iat": now, "exp": now + 120, "jti": Uuid::now_v7()})
}

fn sign(key: &Key, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(key.kid.clone());
    jsonwebtoken::encode(&header, claims, &key.signs).unwrap()
}

fn present(endpoints: &Endpoints, assertion: &str, others: &[(&str, &str)]) -> Answer {
    let own = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion)];
    endpoints.token(&[&own[..], others].concat())
}

#[test]
fn a_client_with_given_keys_authenticates_by_an_assertion_once() {
    let tenant = tenant();
    let (one, two) = (key("one"), key("two"));
    let keys = Some(KeySource::Given(set(&[&one, &two])));
    let client = client(tenant.id, &NewClient { keys, ..script() });
    assert_eq!(client.secret, "");
    let endpoints = Endpoints::shared();
    let (issuer, endpoint) = (shared().url.clone(), format!("{}/oauth/token", shared().url));
    for (key, audience) in [(&one, &issuer), (&two, &endpoint)] {
        let assertion = sign(key, &right_claims(&client.id, audience));
        let answer = present(&endpoints, &assertion, &[("client_id", &client.id)]);
        assert_eq!(claims(&text(&answer, "access_token"))["sub"], json!(client.id));
        assert_oauth_error(&present(&endpoints, &assertion, &[]), 401, "invalid_client");
    }
    let row = eventually("the replay in the audit log", || audited(&tenant, "client.refused").pop());
    assert!(row.detail.unwrap().starts_with("assertion used before"));
    // It has no other way in.
    assert_oauth_error(&client.ask(&endpoints), 401, "invalid_client");
}

#[test]
fn an_assertion_that_is_not_quite_right_is_refused() {
    let tenant = tenant();
    let own = key("one");
    let keys = |key: &Key| Some(KeySource::Given(set(&[key])));
    let client = super::client(tenant.id, &NewClient { keys: keys(&own), ..script() });
    let other = super::client(tenant.id, &NewClient { keys: keys(&key("one")), ..script() });
    let secretive = super::client(tenant.id, &script());
    let issuer = shared().url.as_str();
    let right = || right_claims(&client.id, issuer);
    let changed = |name: &str, value: Value| {
        let mut claims = right();
        claims[name] = value;
        sign(&own, &claims)
    };
    let now = Utc::now().timestamp();
    let mut of_other = right();
    of_other["iss"] = json!(other.id);
    of_other["sub"] = json!(other.id);
    let mut of_secretive = right();
    of_secretive["iss"] = json!(secretive.id);
    of_secretive["sub"] = json!(secretive.id);
    let access = text(&secretive.ask(&Endpoints::shared()), "access_token");
    for assertion in [
        sign(&key("one"), &right()),
        sign(&Key { kid: "two".into(), ..key("one") }, &right()),
        sign(&own, &of_other),
        sign(&own, &of_secretive),
        changed("sub", json!(other.id)),
        changed("aud", json!("https://other.example.com")),
        changed("aud", json!(format!("{issuer}/oauth/authorize"))),
        changed("exp", json!(now - 61)),
        changed("exp", json!(now + 3_600)),
        changed("exp", Value::Null),
        changed("jti", Value::Null),
        changed("iss", json!("' OR 1=1 --")),
        access,
        "x".into(),
    ] {
        let answer = present(&Endpoints::shared(), &assertion, &[]);
        assert_oauth_error(&answer, 401, "invalid_client");
    }
    let endpoints = Endpoints::shared();
    let assertion = sign(&own, &right());
    assert_oauth_error(&present(&endpoints, &assertion, &[("client_id", &other.id)]), 400, "invalid_request");
    assert_oauth_error(&present(&endpoints, &assertion, &[("client_secret", "x")]), 400, "invalid_request");
    let form = [("grant_type", "client_credentials"), ("client_assertion", assertion.as_str())];
    assert_oauth_error(&endpoints.token(&form), 400, "invalid_request");
    let in_url = endpoints.post(&format!("/token?client_assertion={assertion}"), &form[..1]);
    assert_oauth_error(&in_url, 400, "invalid_request");
    // None of these used the assertion up.
    assert_eq!(present(&endpoints, &assertion, &[]).status, 200);
}

/// A small web server that publishes what it is told to.
struct Publisher {
    url: String,
    /// The requests as they came.
    requests: Arc<Mutex<Vec<String>>>,
    reply: Arc<Mutex<String>>,
}

impl Publisher {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://localhost:{}/jwks", listener.local_addr().unwrap().port());
        let (requests, reply) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<String>>::default());
        let (received, current) = (Arc::clone(&requests), Arc::clone(&reply));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 4_096];
                let length = stream.read(&mut request).unwrap_or(0);
                received.lock().unwrap().push(String::from_utf8_lossy(&request[..length]).into_owned());
                let _ = stream.write_all(current.lock().unwrap().as_bytes());
            }
        });
        Self { url, requests, reply }
    }

    fn publish(&self, body: &str) {
        self.reply_with(&format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ));
    }

    fn reply_with(&self, reply: &str) {
        reply.clone_into(&mut self.reply.lock().unwrap());
    }

    fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// A server, and the id of a client in it that publishes its keys.
fn publishing(directory: &TemporaryDirectory, arguments: &[&str], uri: &str) -> (ServerProcess, String) {
    let server = ServerProcess::start_with(directory, arguments);
    let id = publishing_client(directory, uri);
    (server, id)
}

fn publishing_client(directory: &TemporaryDirectory, uri: &str) -> String {
    let made = process::run_json(directory, &["client", "create", "script", "--jwks-uri", uri]);
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn keys_that_a_client_publishes_are_fetched_when_they_are_needed() {
    let directory = TemporaryDirectory::new("jwks");
    let publisher = Publisher::start();
    let (one, two) = (key("one"), key("two"));
    publisher.publish(&set(&[&one]).to_string());
    let (server, id) = publishing(&directory, &["--allow-private-addresses"], &publisher.url);
    let endpoints = Endpoints::of(&server.url);
    let attempt = |key: &Key, id: &str| present(&endpoints, &sign(key, &right_claims(id, &server.url)), &[]);
    for _ in 0..3 {
        assert_eq!(attempt(&one, &id).status, 200);
    }
    assert_eq!(publisher.asked(), 1);
    // A key that is not there is looked for again, but not each time.
    publisher.publish(&set(&[&one, &two]).to_string());
    for _ in 0..3 {
        assert_oauth_error(&attempt(&two, &id), 401, "invalid_client");
    }
    assert_eq!(attempt(&one, &id).status, 200);
    assert_eq!(publisher.asked(), 1);
    // The fetch takes nothing along: neither the assertion nor any other credential.
    let fetch = publisher.requests.lock().unwrap()[0].to_lowercase();
    assert!(
        fetch.starts_with("get /jwks http/1.1\r\n") && !fetch.contains("authorization") && !fetch.contains("eyj"),
        "{fetch}"
    );
    // What cannot be used is a fault of theirs, and asked for once.
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", publisher.url);
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "a".repeat(70_000));
    let large = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{large}", large.len());
    for (number, reply) in
        [redirect.as_str(), &large, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", ""].iter().enumerate()
    {
        publisher.reply_with(reply);
        let id = publishing_client(&directory, &format!("{}?{number}", publisher.url));
        let before = publisher.asked();
        for _ in 0..2 {
            assert_oauth_error(&attempt(&one, &id), 503, "temporarily_unavailable");
        }
        assert_eq!(publisher.asked(), before + 1, "{reply}");
    }
    // It speaks no TLS.
    publisher.publish(&set(&[&one]).to_string());
    let id = publishing_client(&directory, &publisher.url.replace("http://", "https://"));
    assert_oauth_error(&attempt(&one, &id), 503, "temporarily_unavailable");
    // Nobody who is not known makes us fetch anything.
    assert_oauth_error(&attempt(&one, "client_00000000000000000000000000000000"), 401, "invalid_client");
}

#[test]
fn keys_at_private_addresses_are_not_fetched_unless_it_is_allowed() {
    let directory = TemporaryDirectory::new("ssrf");
    let publisher = Publisher::start();
    let own = key("one");
    publisher.publish(&set(&[&own]).to_string());
    let (server, id) = publishing(&directory, &[], &publisher.url);
    let port = publisher.url.rsplit(':').next().unwrap().trim_end_matches("/jwks");
    let endpoints = Endpoints::of(&server.url);
    let attempt = |id: &str| present(&endpoints, &sign(&own, &right_claims(id, &server.url)), &[]);
    assert_oauth_error(&attempt(&id), 503, "temporarily_unavailable");
    for host in
        ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
    {
        let id = publishing_client(&directory, &format!("https://{host}:{port}/jwks"));
        assert_oauth_error(&attempt(&id), 503, "temporarily_unavailable");
    }
    assert_eq!(publisher.asked(), 0);
}

/// What the IPSIE profile for SCIM asks of the way in (draft 00): the metadata name the token endpoint and the method, the client signs
/// with a key that it publishes, and the one scope is `scim`.
#[test]
fn a_client_as_ipsie_describes_it_finds_the_endpoint_and_provisions() {
    let directory = TemporaryDirectory::new("ipsie");
    let (publisher, own) = (Publisher::start(), key("one"));
    publisher.publish(&set(&[&own]).to_string());
    let (server, id) = publishing(&directory, &["--allow-private-addresses"], &publisher.url);
    let metadata = Client::anonymous(&server.url).get("/../../.well-known/oauth-authorization-server").json();
    assert!(metadata["token_endpoint_auth_methods_supported"].as_array().unwrap().contains(&json!("private_key_jwt")));
    assert!(metadata["scopes_supported"].as_array().unwrap().contains(&json!("scim")));
    assert_eq!(metadata["token_endpoint"], format!("{}/oauth/token", server.url));
    let assertion = sign(&own, &right_claims(&id, metadata["issuer"].as_str().unwrap()));
    let answer = present(&Endpoints::of(&server.url), &assertion, &[("scope", "scim")]);
    assert_eq!(text(&answer, "scope"), "scim.read scim.write");
    let scim = Client::new(&server.url, &format!("Bearer {}", text(&answer, "access_token")));
    assert_eq!(scim.post("/Users", &crate::support::minimal("ada@example.com")).status, 201);
    assert_eq!(scim.get("/Users").json()["totalResults"], 1);
}
