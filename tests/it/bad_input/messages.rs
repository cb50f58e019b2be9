//! Bodies that are no message at all, whatever they are sent to.

use provisor::http::scim::GROUP_BODY_BYTES;
use provisor::scim::limits;

use super::*;

/// A body as it arrives, and the keyword of its error.
fn bodies() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let nested = |open: &str, close: &str| {
        let depth = limits::JSON_DEPTH + 1;
        format!("{{\"x\":{}1{}}}", open.repeat(depth), close.repeat(depth)).into_bytes()
    };
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let syntax = "invalidSyntax";
    let mut bodies = vec![
        ("UTF-16", utf16("{\"userName\":\"x\"}"), syntax),
        ("Latin-1", b"{\"userName\":\"J\xfcrgen\"}".to_vec(), syntax),
        ("an overlong encoding", b"{\"userName\":\"\xc0\xaf\"}".to_vec(), syntax),
        ("an encoded surrogate", b"{\"userName\":\"\xed\xa0\x80\"}".to_vec(), syntax),
        ("bytes that are compressed", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec(), syntax),
        ("arrays without end", b"[".repeat(100_000), syntax),
        ("objects without end", b"{\"x\":".repeat(100_000), syntax),
        ("deep arrays", nested("[", "]"), syntax),
        ("deep objects", nested("{\"x\":", "}"), syntax),
    ];
    let texts = [
        ("nothing", "", syntax),
        ("blanks", " \r\n\t", syntax),
        ("an end too early", "{\"userName\":\"x\"", syntax),
        ("text after the end", "{\"userName\":\"x\"} x", syntax),
        ("two documents", "{\"userName\":\"x\"}{\"userName\":\"y\"}", syntax),
        ("a comma too many", "{\"userName\":\"x\",}", syntax),
        ("single quotes", "{'userName':'x'}", syntax),
        ("no quotes", "{userName:\"x\"}", syntax),
        ("a comment", "{/* */\"userName\":\"x\"}", syntax),
        ("no number", "{\"userName\":NaN}", syntax),
        ("a number out of range", "{\"userName\":1e999}", syntax),
        ("a number with zeros before", "{\"userName\":007}", syntax),
        ("a line break in text", "{\"userName\":\"a\nb\"}", syntax),
        ("half a surrogate pair", "{\"userName\":\"\\ud800\"}", syntax),
        ("an unknown escape", "{\"userName\":\"\\x41\"}", syntax),
        ("a byte order mark", "\u{feff}{\"userName\":\"x\"}", syntax),
        ("XML", "<User><userName>x</userName></User>", syntax),
        ("a form", "userName=x", syntax),
        ("an array", "[{\"userName\":\"x\"}]", syntax),
        ("text", "\"userName\"", syntax),
        ("a number", "7", syntax),
        ("true", "true", syntax),
        ("null", "null", syntax),
        ("a name twice", "{\"userName\":\"x\",\"userName\":\"y\"}", syntax),
        ("a name twice in other letters", "{\"userName\":\"x\",\"USERNAME\":\"y\"}", syntax),
        ("a name twice further in", "{\"name\":{\"givenName\":\"x\",\"givenname\":\"y\"}}", syntax),
        ("U+0000", "{\"userName\":\"a\\u0000b\"}", "invalidValue"),
        ("U+0000 in a name", "{\"a\\u0000\":1}", "invalidValue"),
    ];
    bodies.extend(texts.map(|(what, text, scim_type)| (what, text.as_bytes().to_vec(), scim_type)));
    bodies
}

/// Everything that reads a body.
fn readers(scene: &Scene) -> Vec<(Method, String)> {
    let mut readers = vec![(Method::POST, "/Bulk".to_owned()), (Method::POST, "/.search".to_owned())];
    for (collection, resource) in scene.endpoints() {
        readers.push((Method::POST, collection.to_owned()));
        readers.push((Method::POST, format!("{collection}/.search")));
        readers.push((Method::PUT, resource.to_owned()));
        readers.push((Method::PATCH, resource.to_owned()));
    }
    readers
}

#[test]
fn a_body_that_is_no_json_object_is_refused_wherever_it_is_sent() {
    let scene = Scene::new();
    let mut rows = Vec::new();
    for (method, path) in readers(&scene) {
        for (what, body, scim_type) in bodies() {
            let answer = scene.send(method.clone(), &path, body);
            rows.push((format!("{method} {path} with {what}"), answer, 400, Some(scim_type)));
        }
    }
    assert_errors(&rows);
    scene.assert_unchanged();
}

#[test]
fn a_body_of_another_media_type_is_refused_wherever_it_is_sent() {
    let scene = Scene::new();
    let mut rows = Vec::new();
    for (method, path) in readers(&scene) {
        for media_type in [
            "text/plain",
            "text/json",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json-patch+json",
            "application/scim",
            "application/scim+jsonx",
            "application",
            "*/*",
        ] {
            let request = scene.tenant.client.request(method.clone(), &path).header("Content-Type", media_type);
            rows.push((format!("{method} {path} as {media_type}"), Client::send(request.body("{}")), 415, None));
        }
    }
    assert_errors(&rows);
    scene.assert_unchanged();
}

#[test]
fn a_body_that_is_too_large_is_refused_wherever_it_is_sent() {
    let scene = Scene::new();
    let mut rows = Vec::new();
    for (method, path) in readers(&scene) {
        let largest = if path.starts_with("/Groups") { GROUP_BODY_BYTES } else { limits::BODY_BYTES };
        let answer = scene.send(method.clone(), &path, vec![b' '; largest + 1]);
        rows.push((format!("{method} {path}"), answer, 413, None));
    }
    assert_errors(&rows);
    scene.assert_unchanged();
}

#[test]
fn a_condition_that_does_not_hold_is_refused_before_anything_changes() {
    let scene = Scene::new();
    let mut rows = Vec::new();
    for (_, resource) in scene.endpoints() {
        for (name, value) in [
            ("If-Match", "W/\"99\""),
            ("If-Match", "\"\""),
            ("If-Match", "1"),
            ("If-Match", "W/\"01\""),
            ("If-Match", "W/1"),
            ("If-Match", "x"),
            ("If-None-Match", "*"),
            ("If-None-Match", "W/\"1\""),
        ] {
            for method in [Method::PUT, Method::PATCH, Method::DELETE] {
                let body = match method {
                    Method::PUT => json!({"userName": "x", "displayName": "x"}),
                    _ => json!({"Operations": [{"op": "add", "path": "displayName", "value": "x"}]}),
                };
                let request = scene.tenant.client.request(method.clone(), resource).header(name, value);
                let answer = Client::send(request.header("Content-Type", "application/json").body(body.to_string()));
                rows.push((format!("{method} {resource} {name}: {value}"), answer, 412, None));
            }
        }
    }
    assert_errors(&rows);
    scene.assert_unchanged();
}
