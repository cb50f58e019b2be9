//! Password sync, in a tenant that keeps passwords and in one that does not.

use argon2::{Argon2, PasswordVerifier};

use super::*;
use crate::support::Tenant;
use crate::support::database::password_hash;

const NAME: &str = "test.user@okta.local";

fn matches(user: &Value, password: &str) -> bool {
    let hash = password_hash(user["id"].as_str().unwrap()).unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok()
}

/// Asserts that an answer is a success that says nothing of any password.
fn silent(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    for word in ["password", "1mz050nq", "second", "third", "argon2"] {
        assert!(!answer.text.contains(word), "{word}: {}", answer.text);
    }
    answer.json()
}

fn set_by_patch(okta: &Tenant, path: &str, password: &str) -> Answer {
    okta.client.modify(path, &json!([{"op": "replace", "value": {"password": password}}]))
}

#[test]
fn a_synced_password_is_kept_as_a_hash_and_never_shown() {
    for prefix in ["", "Bearer ", "bearer "] {
        let okta = okta(prefix, true);
        assert_eq!(okta.client.get("/ServiceProviderConfig").json()["changePassword"]["supported"], true);
        let user = silent(&okta.client.post("/Users", &okta_user(NAME)), 201);
        let path = path_of(&user);
        assert!(matches(&user, "1mz050nq") && !matches(&user, "1mz050nQ"));

        let patched = silent(&set_by_patch(&okta, &path, "second"), 200);
        assert!(matches(&user, "second"));
        assert_eq!(patched["meta"]["version"], "W/\"2\"");

        let mut body = patched.clone();
        body["password"] = json!("third");
        silent(&okta.client.put(&path, &body), 200);
        assert!(matches(&user, "third"));

        // A PUT without a password, or with one that is nothing, leaves it.
        body["title"] = json!("Engineer");
        for nothing in [None, Some(json!(null)), Some(json!(""))] {
            body.as_object_mut().unwrap().remove("password");
            if let Some(nothing) = nothing {
                body["password"] = nothing;
            }
            silent(&okta.client.put(&path, &body), 200);
            assert!(matches(&user, "third"));
        }
        for query in ["?attributes=password", "?attributes=userName,password", "?excludedAttributes=title"] {
            silent(&okta.client.get(&format!("{path}{query}")), 200);
        }
        silent(&okta.client.get("/Users?startIndex=1&count=100"), 200);
        let audit = format!("{:?}", okta.audit());
        for word in ["1mz050nq", "second", "third", "argon2"] {
            assert!(!audit.contains(word), "{word}: {audit}");
        }
    }
}

#[test]
fn a_synced_password_is_dropped_where_none_is_kept() {
    both_ways(|okta| {
        assert_eq!(okta.client.get("/ServiceProviderConfig").json()["changePassword"]["supported"], false);
        let user = silent(&okta.client.post("/Users", &okta_user(NAME)), 201);
        let path = path_of(&user);
        // Accepted, so that the assignment succeeds, and nothing has changed.
        assert_eq!(silent(&set_by_patch(okta, &path, "second"), 200), user);
        let mut body = user.clone();
        body["password"] = json!("third");
        assert_eq!(silent(&okta.client.put(&path, &body), 200), user);
        assert_eq!(password_hash(user["id"].as_str().unwrap()), None);
    });
}
