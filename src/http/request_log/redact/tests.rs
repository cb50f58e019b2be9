//! Bodies and queries with secrets in them, and what is kept of those.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::auth::secret::{Kind, Secret};

fn read(start: &[u8], length: usize) -> Redacted {
    redact(start, length, &Secrets::default())
}

fn whole(body: &Value) -> Redacted {
    let text = body.to_string();
    read(text.as_bytes(), text.len())
}

const CANARY: &str = "c4n4ry";

/// Bodies with a secret, in each place that one may be sent in.
fn bodies() -> Vec<Value> {
    let user = json!({"schemas": ["x"], "userName": "ada@example.com", "Password": CANARY, "active": true});
    let with_path = json!({"Operations": [{"op": "add", "value": CANARY, "path": "urn:x:User:password"}]});
    let without_path = json!({"Operations": [{"op": "add", "value": {"name": {"a": 1}, "password": CANARY}}]});
    let bulk = |method: &str, data: &Value| json!({"Operations": [{"method": method, "path": "/Users", "data": data}]});
    vec![
        bulk("POST", &user),
        bulk("PATCH", &with_path),
        bulk("PATCH", &without_path),
        user,
        with_path,
        without_path,
        json!({"Operations": [{"op": "replace", "path": "password", "value": {"value": [CANARY]}}]}),
        json!({"filter": format!("password eq \"{CANARY}\"")}),
        json!({"detail": format!("password eq \"{CANARY}\" is no filter")}),
        json!({"x": {"passwordHint": {"deep": [[{"y": CANARY}]]}}}),
    ]
}

/// The same as text, and what has its members in another order.
fn texts() -> Vec<String> {
    let backwards = "{\"Operations\":[{\"value\":\"c4n4ry\",\"path\":\"password\",\"op\":\"add\"}]}";
    let unquoted = "{\"filter\":\"password eq c4n4ry\"}";
    bodies().iter().map(Value::to_string).chain([backwards.into(), unquoted.into()]).collect()
}

#[test]
fn no_password_is_kept_wherever_it_stands_and_wherever_the_body_is_cut() {
    for text in texts() {
        let kept = read(text.as_bytes(), text.len()).text.unwrap();
        assert!(!kept.contains(CANARY) && kept.contains('…'), "{kept}");
        assert!(serde_json::from_str::<Value>(&kept).is_ok(), "{kept}");
        for end in 1..text.len() {
            let kept = read(&text.as_bytes()[..end], text.len()).text.unwrap();
            for length in 2..=CANARY.len() {
                assert!(!kept.contains(&CANARY[..length]), "{kept}");
            }
        }
    }
}

/// A schema that never returns an attribute `pin` and a sub-attribute `place.key`.
fn own() -> Secrets {
    Secrets::Named(Arc::new(["pin", "key"].map(str::to_owned).into()))
}

#[test]
fn what_the_schemas_of_a_tenant_never_return_is_not_kept_wherever_it_stands() {
    const HR: &str = "urn:example:1.0:User";
    let patch = |path: &str, value: Value| json!({"Operations": [{"op": "add", "value": value, "path": path}]});
    for body in [
        json!({"userName": "ada", HR: {"Pin": CANARY, "place": {"room": "1", "KEY": [CANARY]}}}),
        json!({"Operations": [{"op": "add", "value": {format!("{HR}:pin"): CANARY, "place.key": CANARY}}]}),
        patch(&format!("{HR}:PIN"), json!(CANARY)),
        patch("place.key", json!({"value": CANARY})),
        patch("places[type eq \"a\"].key", json!(CANARY)),
        patch(&format!("{HR}:places[key eq {CANARY}].room"), json!("1")),
        patch(&format!("pin eq {CANARY}"), json!("1")),
        json!({"filter": format!("not (place[key eq \"{CANARY}\"])")}),
        json!({"detail": format!("pin eq \"{CANARY}\" is no filter")}),
    ] {
        let text = body.to_string();
        let kept = redact(text.as_bytes(), text.len(), &own()).text.unwrap();
        assert!(!kept.contains(CANARY) && kept.contains('…'), "{kept}");
        for end in 1..text.len() {
            let kept = redact(&text.as_bytes()[..end], text.len(), &own()).text.unwrap();
            assert!(!kept.contains(&CANARY[..2]), "{kept}");
        }
    }
    let query = format!("filter=pin+eq+%22{CANARY}%22&count=1");
    assert_eq!(clean_query(&query, &own()), "filter=…&count=1");
    assert!(searches_secret(&query, &own()));
}

#[test]
fn what_only_sounds_like_a_secret_is_kept() {
    let body = json!({
        "spin": "a", "urn:key:pin:1.0:User": {"nick": "b"}, "displayName": "pin",
        "Operations": [{"path": "urn:pin:1.0:User:keys[type eq \"c\"].room", "value": "d"}],
    });
    let text = body.to_string();
    let kept = redact(text.as_bytes(), text.len(), &own());
    assert_eq!((kept.text.as_deref(), kept.searches_secret), (Some(text.as_str()), false));
}

#[test]
fn what_is_named_like_a_password_is_not_kept_and_a_secretary_is() {
    for name in
        ["secret", "clientSecret", "SECRET_KEY", "pwd", "user_pwd", "Passphrase", "secretaryPwd", "secretary_secret"]
    {
        let patch = json!({"Operations": [{"op": "add", "path": format!("urn:x:User:{name}"), "value": CANARY}]});
        let filter = json!({"filter": format!("{name} eq \"{CANARY}\"")});
        for body in [json!({name: CANARY}), json!({"x": [{name: {"y": [CANARY]}}]}), patch, filter] {
            let kept = whole(&body).text.unwrap();
            assert!(!kept.contains(CANARY) && kept.contains('…'), "{kept}");
        }
        let query = format!("filter={name}+eq+%22{CANARY}%22&{name}={CANARY}");
        assert_eq!(clean_query(&query, &Secrets::default()), format!("filter=…&{name}=…"));
    }
    for name in ["secretary", "Secretariat", "executiveSecretaries"] {
        let body = json!({name: "kept", "filter": format!("{name} eq \"kept\"")}).to_string();
        assert_eq!(read(body.as_bytes(), body.len()).text.unwrap(), body);
    }
}

#[test]
fn without_the_schemas_no_filter_is_kept() {
    let query = "filter=userName+eq+%22ada%22&count=1";
    assert_eq!(clean_query(query, &Secrets::Unknown), "filter=…&count=1");
    assert!(searches_secret(query, &Secrets::Unknown) && !searches_secret(query, &own()));
}

#[test]
fn what_is_no_secret_is_kept_as_it_was_sent() {
    let text =
        "{ \"schemas\" : [ \"x\" ],\r\n \"n\": -1.5e3, \"t\": [true, null, {}, []], \"s\": \"\\u00e9 \\\"q\\\"\" }";
    assert_eq!(read(text.as_bytes(), text.len()).text.unwrap(), text);
    assert_eq!(read(b"", 0), Redacted::default());
}

#[test]
fn of_what_is_not_json_nothing_is_kept() {
    for body in ["password=x", "{\"a\":1,}", "{\"passw\\u006frd\" \"x\"}", "<xml/>", "{} {}", "nul", "{\"a\":", "[1"] {
        assert_eq!(read(body.as_bytes(), body.len()).text.unwrap(), format!("(not JSON: {} bytes)", body.len()));
    }
    assert_eq!(read(&[0xff, 0xfe], 2).text.unwrap(), "(not JSON: 2 bytes)");
}

#[test]
fn a_name_that_is_escaped_is_no_way_around() {
    let text = "{\"p\\u0061ssword\": \"c4n4ry\"}";
    assert!(!read(text.as_bytes(), text.len()).text.unwrap().contains(CANARY));
}

#[test]
fn credentials_are_masked_in_any_text() {
    let secret = Secret::generate(Kind::HeaderToken).unwrap();
    let jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    let shown = whole(&json!({"displayName": secret.reveal(), "x": {jwt: [format!("Bearer {jwt}")]}}));
    let text = shown.text.unwrap();
    assert!(
        !text.contains(&secret.reveal()[18..]) && !text.contains("c2lnbmF0") && text.contains(secret.id()),
        "{text}"
    );
    assert!(!shown.name.unwrap().contains(&secret.reveal()[18..]));
    let query = format!("access_token=abc&p%61ssword=c4n4ry&filter=p%61ssword+eq+%22c4n4ry%22&x={jwt}&count=1");
    assert_eq!(clean_query(&query, &Secrets::default()), "access_token=…&p%61ssword=…&filter=…&x=…&count=1");
    assert_eq!(clean("a\0b eyJ short"), "a\u{fffd}b eyJ short");
}

#[test]
fn the_log_learns_whom_a_message_is_about_and_what_it_does() {
    let seen = |body: Value| whole(&body);
    let user = seen(json!({"id": "1", "userName": "ada", "displayName": "Ada", "active": false}));
    assert_eq!((user.id.as_deref(), user.name.as_deref(), user.deactivates), (Some("1"), Some("ada"), true));
    for operation in [
        json!({"op": "replace", "path": "active", "value": "False"}),
        json!({"op": "replace", "value": {"active": false}}),
    ] {
        assert!(seen(json!({"schemas": [], "Operations": [operation]})).deactivates);
    }
    assert!(!seen(json!({"Operations": [{"op": "replace", "path": "active", "value": true}]})).deactivates);
    assert!(!seen(json!({"userName": "ada", "x": [{"active": false}]})).deactivates);
    let error = seen(json!({"status": "409", "scimType": "uniqueness", "detail": "taken"}));
    assert_eq!((error.scim_type.as_deref(), error.detail.as_deref()), (Some("uniqueness"), Some("taken")));
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic_and_valid_json_stays_valid(text in "\\PC{0,60}", cut in 0_usize..60) {
        let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= cut).last().unwrap_or(0);
        read(&text.as_bytes()[..end], text.len());
        clean_query(&text, &Secrets::Unknown);
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let kept = whole(&value).text.unwrap();
            prop_assert!(serde_json::from_str::<Value>(&kept).is_ok(), "{}", kept);
        }
    }
}
