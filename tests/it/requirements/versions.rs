//! Versions (RFC 7644 section 3.14).

use reqwest::Method;
use serde_json::json;

use super::{ada, read};
use crate::support::{Answer, Client, Random, Tenant, assert_error, measured, scaled, tenant};

fn send(tenant: &Tenant, method: Method, path: &str, header: (&str, &str), body: &str) -> Answer {
    Client::send(tenant.client.request(method, path).header(header.0, header.1).body(body.to_owned()))
}

#[test]
fn r7644_3_14_1_the_entity_tag_is_weak_and_equals_the_version() {
    let tenant = tenant();
    let made = tenant.client.post("/Users", &ada());
    let path = crate::support::path_of(&made.json());
    let changed = tenant.client.modify(&path, &json!([{"op": "replace", "path": "title", "value": "x"}]));
    let got = tenant.client.get(&path);
    for answer in [&made, &changed, &got] {
        let version = answer.json()["meta"]["version"].as_str().unwrap().to_owned();
        assert!(version.starts_with("W/\""), "{version}");
        assert_eq!(answer.header("etag"), Some(version.as_str()));
    }
    assert_eq!(changed.header("etag"), got.header("etag"));
    assert_ne!(made.header("etag"), got.header("etag"));
}

#[test]
fn r7644_3_14_2_a_read_of_what_the_client_has_is_304_without_a_body() {
    let tenant = tenant();
    let path = tenant.create_path(&ada());
    let tag = read(&tenant.client, &path)["meta"]["version"].as_str().unwrap().to_owned();
    let get = |tags: &str| send(&tenant, Method::GET, &path, ("If-None-Match", tags), "");
    for tags in [tag.as_str(), "*", tag.trim_start_matches("W/"), &format!("W/\"0\", {tag}")] {
        let answer = get(tags);
        assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{tags}");
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
    }
    assert_eq!(get("W/\"0\"").status, 200);
}

#[test]
fn r7644_3_14_3_a_change_of_another_state_is_412_and_changes_nothing() {
    let tenant = tenant();
    let path = tenant.create_path(&ada());
    let before = read(&tenant.client, &path);
    let patch = crate::support::patch(&json!([{"op": "replace", "path": "title", "value": "x"}])).to_string();
    let put = json!({"userName": "x"}).to_string();
    for (method, body) in [(Method::PUT, put.as_str()), (Method::PATCH, &patch), (Method::DELETE, "")] {
        assert_error(&send(&tenant, method, &path, ("If-Match", "W/\"7\""), body), 412, None);
    }
    assert_eq!(read(&tenant.client, &path), before);
    let tag = before["meta"]["version"].as_str().unwrap();
    assert_eq!(send(&tenant, Method::PATCH, &path, ("If-Match", tag), &patch).status, 200);
    assert_eq!(send(&tenant, Method::PATCH, &path, ("If-Match", "*"), &patch).status, 200);
    assert_eq!(send(&tenant, Method::DELETE, &path, ("If-Match", "W/\"1\", W/\"2\""), "").status, 204);
}

#[test]
fn r7644_3_14_5_a_change_of_members_is_a_new_version_of_the_group_and_not_of_the_user() {
    let tenant = tenant();
    let user = tenant.create(&ada());
    let group = tenant.client.post("/Groups", &json!({"displayName": "A"})).json();
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let add = json!([{"op": "add", "path": "members", "value": [{"value": user["id"]}]}]);
    let changed = tenant.client.modify(&path, &add).json();
    assert_ne!(changed["meta"]["version"], group["meta"]["version"]);
    let now = read(&tenant.client, &crate::support::path_of(&user));
    assert_eq!(now["meta"], user["meta"]);
    assert_eq!(now["groups"][0]["value"], group["id"]);
}

/// Changes by whoever knows the version, and by whoever knows one that is gone or has never been, in any order.
#[test]
fn r7644_3_14_3_each_change_is_one_version_more_and_no_other_version_is_changed() {
    let tries = scaled(200);
    let tenant = tenant();
    let path = tenant.create_path(&ada());
    let mut random = Random::new(Random::seed(31));
    let (mut version, mut stale) = (1, 0);
    while stale < tries {
        let title = random.next().to_string();
        let patch = crate::support::patch(&json!([{"op": "replace", "path": "title", "value": title}])).to_string();
        let put = json!({"userName": "ada@example.com", "title": title}).to_string();
        let (method, body) =
            random.pick(&[(Method::PATCH, patch.as_str()), (Method::PUT, &put), (Method::DELETE, "")]).clone();
        let current = method != Method::DELETE && random.chance(10);
        let named = match random.below(3) {
            _ if current => version,
            0 => version - 1,
            1 => version + 1,
            _ => random.below(version) + version / 2 + usize::from(version < 3) * 3,
        };
        // By chance it may be right all the same.
        if !current && named == version {
            continue;
        }
        let answer = send(&tenant, method, &path, ("If-Match", &format!("W/\"{named}\"")), body);
        if current {
            version += 1;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(answer.header("etag"), Some(format!("W/\"{version}\"").as_str()));
        } else {
            stale += 1;
            assert_error(&answer, 412, None);
        }
    }
    assert_eq!(read(&tenant.client, &path)["meta"]["version"], format!("W/\"{version}\""));
    measured(&format!("{stale} of {tries} stale changes 412, version {version} after {} changes", version - 1));
}
