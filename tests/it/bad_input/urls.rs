//! Ids, paths and methods.

use super::*;
use crate::support::{minimal, patch};

/// Texts in the place of an id that name nothing.
fn no_ids(scene: &Scene, own: &str, foreign: &str) -> Vec<String> {
    let id = own.rsplit('/').next().unwrap();
    let foreign = foreign.rsplit('/').next().unwrap();
    let of_other_type = if own == scene.user { &scene.group } else { &scene.user };
    let mut texts = vec![
        foreign.to_owned(),
        of_other_type.rsplit('/').next().unwrap().to_owned(),
        id.to_uppercase(),
        id.replace('-', ""),
        format!("%7B{id}%7D"),
        format!("urn:uuid:{id}"),
        format!("{id}%20"),
        format!("%20{id}"),
        format!("{id}%00"),
        format!("{id}%0A"),
        format!("{id}'--"),
        format!("{id}%2F"),
        format!("{id}%FF"),
        "1".repeat(2_000),
    ];
    let fixed = [
        "00000000-0000-7000-8000-000000000000",
        "null",
        "undefined",
        "0",
        "-1",
        "010101001010101011001010101011",
        "%F0%9F%98%80",
        "..%2F..%2Fetc",
        "%27%20OR%201=1",
        "*",
        "%25",
        "bulkId:1",
    ];
    texts.extend(fixed.map(str::to_owned));
    texts
}

#[test]
fn an_id_that_names_nothing_of_this_type_and_tenant_is_not_found_by_any_method() {
    let scene = Scene::new();
    let rename = patch(&json!([{"op": "replace", "value": {"displayName": "mine"}}]));
    let mut rows = Vec::new();
    for (collection, own, foreign, body) in [
        ("/Users", &scene.user, &scene.foreign_user, minimal("mine")),
        ("/Groups", &scene.group, &scene.foreign_group, json!({"displayName": "mine"})),
    ] {
        for text in no_ids(&scene, own, foreign) {
            let path = format!("{collection}/{text}");
            let message = |method: &Method| match *method {
                Method::PUT => body.to_string(),
                Method::PATCH => rename.to_string(),
                _ => String::new(),
            };
            for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
                let answer = scene.send(method.clone(), &path, message(&method));
                rows.push((format!("{method} {path}"), answer, 404, None));
            }
        }
    }
    assert_errors(&rows);
    scene.assert_unchanged();
}

#[test]
fn a_path_that_leads_nowhere_is_not_found() {
    let scene = Scene::new();
    let user = &scene.user;
    let paths = [
        "/users",
        "/USERS",
        "/User",
        "/Groups%20",
        "/Robots",
        "/Robots/1",
        "/Robots/.search",
        "/Schemas/none",
        "/ResourceTypes/none",
        "/..%2FUsers",
        "//Users/x/y",
        &format!("{user}/emails"),
        &format!("{user}/emails/0"),
        &format!("/v2{user}"),
    ];
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let mut rows = Vec::new();
    for path in paths {
        // Discovery knows its names; of those it does not know, only GET asks.
        let discovery = path.starts_with("/Schemas") || path.starts_with("/ResourceTypes");
        for method in methods.iter().filter(|method| !discovery || **method == Method::GET) {
            rows.push((format!("{method} {path}"), scene.send(method.clone(), path, "{}"), 404, None));
        }
    }
    assert_errors(&rows);
    scene.assert_unchanged();
}

#[test]
fn a_method_that_the_path_does_not_take_is_not_allowed_and_says_which_it_takes() {
    let scene = Scene::new();
    let mut paths = vec![("/Bulk".to_owned(), "POST"), ("/.search".to_owned(), "POST"), (String::new(), "GET, HEAD")];
    for (collection, resource) in scene.endpoints() {
        paths.push((collection.to_owned(), "GET, HEAD, POST"));
        paths.push((resource.to_owned(), "GET, HEAD, PUT, PATCH, DELETE"));
        paths.push((format!("{collection}/.search"), "POST"));
    }
    for discovery in [
        "/ServiceProviderConfig",
        "/ResourceTypes",
        "/ResourceTypes/User",
        "/Schemas",
        &format!("/Schemas/{ENTERPRISE}"),
    ] {
        paths.push((discovery.to_owned(), "GET, HEAD"));
    }
    let mut rows = Vec::new();
    for (path, allowed) in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"] {
            if allowed.split(", ").any(|known| known == method) {
                continue;
            }
            let answer = scene.send(Method::from_bytes(method.as_bytes()).unwrap(), &path, "{}");
            assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}: {}", answer.text);
            rows.push((format!("{method} {path}"), answer, 405, None));
        }
    }
    assert_errors(&rows);
    scene.assert_unchanged();
}
