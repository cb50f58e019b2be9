//! `/openapi.json` against what the server does: the endpoints that are mounted, and what they answer.

mod answers;
mod endpoints;
mod schema;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use provisor::scim::registry::Registry;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, shared};

/// The document, as anybody reads it.
fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let answer = fetch(Method::GET, "/openapi.json", None);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        answer.json()
    })
}

/// A request below the public URL.
fn fetch(method: Method, path: &str, authorization: Option<&str>) -> Answer {
    let request = reqwest::blocking::Client::new().request(method, format!("{}{path}", shared().url));
    Client::send(match authorization {
        Some(value) => request.header("Authorization", value),
        None => request,
    })
}

/// A path that is mounted, for each resource type where it is for all of them.
fn expanded(path: &str) -> Vec<String> {
    let registry = Registry::standard().unwrap();
    let endpoints = registry.resource_types().iter().map(|known| path.replace("{endpoint}", &known.endpoint));
    if path.contains("{endpoint}") { endpoints.collect() } else { vec![path.to_owned()] }
}

/// What is documented: for each path its methods in capitals.
fn documented() -> BTreeMap<&'static str, Vec<String>> {
    let paths = document()["paths"].as_object().unwrap().iter();
    let methods = |item: &Value| item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
    paths.map(|(path, item)| (path.as_str(), methods(item))).collect()
}
