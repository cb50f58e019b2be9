//! RFC 7644 sections 1.3, 2, 3.8 and 7: URLs, media types and credentials.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use provisor::auth::{self, Scope};
use reqwest::Method;
use serde_json::json;

use super::read;
use crate::support::{Client, assert_error, minimal, operator, path_of, shared, tenant, token};

#[test]
fn r7644_1_3_1_every_location_lies_below_the_base_url_and_has_no_query() {
    let tenant = tenant();
    let path = path_of(&tenant.user("ada"));
    let spoofed = tenant.client.request(Method::GET, &path).header("X-Forwarded-Host", "evil.example");
    let spoofed = Client::send(spoofed.header("Forwarded", "host=evil.example").header("Host", "evil.example")).json();
    let config = read(&tenant.client, "/ServiceProviderConfig?x=1");
    for (resource, below) in [
        (read(&tenant.client, &format!("{path}?x=1")), path.as_str()),
        (read(&tenant.client, "/Users?x=1")["Resources"][0].clone(), &path),
        (config, "/ServiceProviderConfig"),
        (spoofed, &path),
    ] {
        assert_eq!(resource["meta"]["location"], format!("{}{below}", tenant.client.base()));
    }
    assert!(tenant.client.base().ends_with("/scim/v2"));
}

#[test]
fn r7644_3_8_1_bodies_are_scim_json_in_utf_8() {
    let tenant = tenant();
    let path = path_of(&tenant.user("Ādä 😀"));
    let answers = [
        (200, tenant.client.get(&path)),
        (200, tenant.client.get("/Users")),
        (200, tenant.client.get("/Schemas")),
        (200, tenant.client.put(&path, &minimal("Ādä 😀"))),
        (200, tenant.client.modify(&path, &json!([]))),
        (201, tenant.client.post("/Users", &minimal("bob"))),
        (400, tenant.client.post("/Users", &json!({}))),
        (404, tenant.client.get("/Robots")),
        (405, tenant.client.delete("/Users")),
        (409, tenant.client.post("/Users", &minimal("bob"))),
        (401, Client::anonymous(&shared().url).get("/Users")),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/scim+json"), "{}", answer.text);
    }
    assert_eq!(read(&tenant.client, &path)["userName"], "Ādä 😀");
    let latin = tenant.client.request(Method::POST, "/Users").body(b"{\"userName\": \"\xe4\"}".to_vec());
    assert_error(&Client::send(latin), 400, Some("invalidSyntax"));
    assert_eq!(tenant.client.delete(&path).header("content-type"), None, "204 has no body");
}

#[test]
fn r7644_3_8_2_every_accept_header_is_answered_with_scim_json() {
    let tenant = tenant();
    let path = path_of(&tenant.user("ada"));
    for accept in [
        Some("application/scim+json"),
        Some("application/scim+json; charset=utf-8"),
        Some("application/json"),
        Some("application/json;charset=UTF-8, text/plain;q=0.5"),
        Some("*/*"),
        Some("application/*"),
        None,
    ] {
        for path in [&path, "/Users", "/Schemas"] {
            let request = tenant.client.request(Method::GET, path);
            let answer =
                Client::send(accept.map_or(request.try_clone().unwrap(), |accept| request.header("Accept", accept)));
            assert_eq!(answer.status, 200, "{accept:?} {path}");
            assert_eq!(answer.header("content-type"), Some("application/scim+json"), "{accept:?} {path}");
        }
    }
}

#[test]
fn r7644_3_8_3_json_is_taken_under_any_of_its_names_and_nothing_else() {
    let tenant = tenant();
    let path = path_of(&tenant.user("ada"));
    let send = |method: &Method, content_type: Option<&str>, body: String| {
        let request = tenant.client.request(method.clone(), if *method == Method::POST { "/Users" } else { &path });
        let request = content_type.map_or(request.try_clone().unwrap(), |name| request.header("Content-Type", name));
        Client::send(request.body(body))
    };
    let taken = [
        Some("application/scim+json"),
        Some("application/json"),
        Some("application/scim+json; charset=utf-8"),
        Some("application/json;charset=UTF-8"),
        Some("Application/JSON"),
        None,
    ];
    for (number, content_type) in taken.into_iter().enumerate() {
        let body = minimal(&format!("user{number}")).to_string();
        assert_eq!(send(&Method::POST, content_type, body).status, 201, "{content_type:?}");
        assert_eq!(send(&Method::PUT, content_type, minimal("ada").to_string()).status, 200, "{content_type:?}");
        let operations = r#"{"Operations": [{"op": "add", "path": "title", "value": "Countess"}]}"#;
        assert_eq!(send(&Method::PATCH, content_type, operations.into()).status, 200, "{content_type:?}");
        assert_eq!(send(&Method::GET, content_type, String::new()).status, 200, "{content_type:?}");
    }
    for refused in ["text/plain", "application/xml", "application/x-www-form-urlencoded", "text/json", "nonsense"] {
        for method in [Method::POST, Method::PUT, Method::PATCH] {
            assert_error(&send(&method, Some(refused), minimal("bob").to_string()), 415, None);
        }
        assert_eq!(send(&Method::GET, Some(refused), String::new()).status, 200);
    }
}

#[test]
fn r7644_2_1_a_refused_credential_is_told_the_schemes() {
    let tenant = tenant();
    let path = path_of(&tenant.user("ada"));
    let good = token(tenant.id, &Scope::ALL, None);
    let other_end = if good.ends_with('x') { 'y' } else { 'x' };
    let one_off = format!("Bearer {}{other_end}", &good[..good.len() - 1]);
    let basic = format!("Basic {good}");
    for authorization in
        [None, Some(""), Some("Bearer"), Some("Bearer "), Some("nonsense"), Some(&*one_off), Some(&*basic)]
    {
        let client = authorization.map_or_else(
            || Client::anonymous(&shared().url),
            |authorization| Client::new(&shared().url, authorization),
        );
        let answers = [
            client.get("/Users"),
            client.get(&path),
            client.get("/Robots"),
            client.get(""),
            client.post("/Users", &json!("no resource")),
            client.put(&path, &minimal("ada")),
            client.modify(&path, &json!([])),
            client.delete(&path),
            Client::send(client.request(Method::POST, "/Users").header("Content-Type", "text/plain").body("x")),
        ];
        for answer in answers {
            assert_error(&answer, 401, None);
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer ") && challenge.contains("realm=\"scim\""), "{challenge}");
        }
    }
    for authorization in [good.clone(), format!("Bearer {good}"), format!("bearer {good}")] {
        assert_eq!(Client::new(&shared().url, &authorization).get(&path).status, 200);
    }
}

#[test]
fn r7644_2_2_a_credential_decides_tenant_and_rights() {
    let tenant = tenant();
    let path = path_of(&tenant.user("ada"));
    let (reader, writer, nobody) =
        (tenant.client_with(&[Scope::Read]), tenant.client_with(&[Scope::Write]), tenant.client_with(&[]));
    for (client, reads, writes) in [(&reader, true, false), (&writer, false, true), (&nobody, false, false)] {
        for answer in [client.get(&path), client.get("/Users"), client.filter("userName eq \"ada\"")] {
            if reads {
                assert_eq!(answer.status, 200);
            } else {
                assert_error(&answer, 403, None);
            }
        }
        for answer in [client.put(&path, &minimal("ada")), client.modify(&path, &json!([])), client.delete(&path)] {
            if writes {
                assert!(answer.status < 300, "{}", answer.text);
            } else {
                assert_error(&answer, 403, None);
            }
        }
        let posted = client.post("/Users", &minimal("ada"));
        assert_eq!(posted.status, if writes { 201 } else { 403 }, "{}", posted.text);
    }
    let other = crate::support::tenant();
    assert_eq!(read(&other.client, "/Users")["totalResults"], 0);
    assert_eq!(read(&tenant.client, "/Users")["totalResults"], 1);
}

#[test]
fn r7644_7_4_1_a_token_is_long_random_and_ends_by_expiry_or_revocation() {
    let tenant = tenant();
    let tokens: Vec<String> = (0..20).map(|_| token(tenant.id, &[Scope::Read], None)).collect();
    for (position, one) in tokens.iter().enumerate() {
        assert!(one.len() >= 64, "{}", one.len());
        // A base62 character holds 5.9 bits; of the 43 that are secret, chance makes few equal.
        for other in &tokens[..position] {
            let equal = one[18..61].bytes().zip(other[18..61].bytes()).filter(|(one, other)| one == other).count();
            assert!(equal < 15, "{equal} equal characters");
        }
    }
    let client = |token: &str| Client::new(&shared().url, &format!("Bearer {token}"));
    let expired = token(tenant.id, &Scope::ALL, Some(Utc::now() - TimeDelta::seconds(1)));
    assert_error(&client(&expired).get("/Users"), 401, None);
    let lasting = token(tenant.id, &Scope::ALL, Some(Utc::now() + TimeDelta::hours(1)));
    assert_eq!(client(&lasting).get("/Users").status, 200);
    let ending = token(tenant.id, &Scope::ALL, Some(Utc::now() + TimeDelta::milliseconds(300)));
    await_refusal(&client(&ending));
    let [unused, used] = [&tokens[0], &tokens[1]];
    assert_eq!(client(used).get("/Users").status, 200);
    for revoked in [unused, used] {
        shared().with_backend(|backend| {
            auth::tokens::revoke(&backend.store, &operator(tenant.id), &revoked["pvr_t_".len()..][..12]).unwrap();
        });
    }
    assert_error(&client(unused).get("/Users"), 401, None);
    await_refusal(&client(used));
}

/// A credential is refused at the latest a second after it has ended; the rest of the time is for a busy machine.
fn await_refusal(client: &Client) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let answer = client.get("/Users?count=0");
        if answer.status == 401 {
            return assert_error(&answer, 401, None);
        }
        assert!(Instant::now() < deadline, "the token still works");
    }
}

#[test]
fn r7644_3_13_1_the_path_names_version_2_and_others_are_not_found() {
    let tenant = tenant();
    assert!(tenant.client.base().ends_with("/scim/v2"));
    let root = tenant.client.base().trim_end_matches("/v2");
    for version in ["v1", "v3", "V2", "v2.0"] {
        let http = reqwest::blocking::Client::new();
        let request =
            http.get(format!("{root}/{version}/Users")).header("Authorization", tenant.client.authorization().unwrap());
        assert_error(&Client::send(request), 404, None);
    }
}
