//! Every endpoint that is mounted is documented, and every one that is documented answers.

use provisor::http::api_endpoints;

use super::*;
use crate::support::tenant;

#[test]
fn every_endpoint_that_is_mounted_is_documented_with_its_methods_and_no_other_is() {
    let mut mounted = BTreeMap::new();
    for endpoint in api_endpoints() {
        // HEAD is GET without the body, so it is not described.
        let mut methods: Vec<String> =
            endpoint.methods.split(", ").filter(|method| *method != "HEAD").map(str::to_owned).collect();
        methods.sort();
        mounted.extend(expanded(&endpoint.path).into_iter().map(|path| (path, methods.clone())));
    }
    assert!(mounted.len() > 20, "{mounted:?}");
    let documented = documented().into_iter().map(|(path, mut methods)| {
        methods.sort();
        (path.to_owned(), methods)
    });
    assert_eq!(documented.collect::<BTreeMap<_, _>>(), mounted);
}

#[test]
fn every_endpoint_names_the_methods_that_it_is_documented_with() {
    let tenant = tenant();
    let user = tenant.user("subject");
    let token = format!("Bearer {}", crate::support::user_token(&tenant, &user));
    for (path, methods) in documented() {
        let filled = filled(path, user["id"].as_str().unwrap());
        let answer = fetch(Method::OPTIONS, &filled, Some(&token));
        assert_eq!(answer.status, 405, "{path}: {}", answer.text);
        let mut allowed: Vec<&str> =
            answer.header("allow").unwrap().split(", ").filter(|name| *name != "HEAD").collect();
        allowed.sort_unstable();
        let mut methods = methods;
        methods.sort();
        assert_eq!(allowed, methods, "{path}");
        for method in &methods {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            // Last, because nobody is `/Me` any more once the user is gone.
            if method == Method::DELETE {
                continue;
            }
            let answer = fetch(method.clone(), &filled, Some(&token));
            assert!(
                ![404, 405, 501].contains(&answer.status) || is_a_user_at_groups(&filled, &answer),
                "{method} {path}: {}",
                answer.text
            );
        }
    }
    let deleted = fetch(Method::DELETE, "/scim/v2/Me", Some(&token));
    assert_eq!(deleted.status, 204, "{}", deleted.text);
}

/// There is no group with the id of a user, and the endpoint itself says so.
fn is_a_user_at_groups(path: &str, answer: &Answer) -> bool {
    path.contains("/Groups/") && answer.text.contains("Group '")
}

/// A path with something in the place of its parameters.
fn filled(path: &str, id: &str) -> String {
    let uri = "urn:ietf:params:scim:schemas:core:2.0:User";
    path.replace("{id}", id).replace("{name}", "User").replace("{uri}", uri)
}

#[test]
fn everybody_reads_the_same_document_and_it_says_nothing_of_tenants() {
    let tenant = tenant();
    let schema = "urn:example:scim:schemas:extension:openapi:1.0:User";
    let definition = json!({"id": schema, "name": "Own", "attributes": [{"name": "own"}]});
    crate::definitions::imported(&tenant, "schema", &definition, &["--extends", "User"]);
    assert!(tenant.client.get("/Schemas").text.contains(schema));
    let answer = fetch(Method::GET, "/openapi.json", tenant.client.authorization());
    assert_eq!(answer.json(), *document());
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert!(!answer.text.contains(schema) && !answer.text.contains(&tenant.name));
    assert_eq!(document()["servers"], json!([{"url": shared().url}]));
    assert_eq!(fetch(Method::GET, "/openapi.json", Some("Bearer wrong")).json(), *document());
    let head = fetch(Method::HEAD, "/openapi.json", None);
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[test]
fn what_a_token_needs_is_what_is_documented() {
    let tenant = tenant();
    let user = tenant.user("subject");
    let nothing = tenant.client_with(&[]);
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let needed = operation["security"].as_array().unwrap();
            let scopes = needed.iter().find_map(|one| one["oauth2"].as_array()).filter(|scopes| !scopes.is_empty());
            let Some(scopes) = scopes else {
                continue;
            };
            let filled = filled(path, user["id"].as_str().unwrap());
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            assert_eq!(fetch(method.clone(), &filled, None).status, 401, "{method} {path}");
            let refused = fetch(method.clone(), &filled, nothing.authorization());
            // Whoever is nobody has no `/Me`, and that is said first.
            assert_eq!(refused.status, 403, "{method} {path}: {}", refused.text);
            let lacks = format!("scope={}", scopes[0]);
            assert!(refused.header("www-authenticate").unwrap().contains(&lacks), "{method} {path}: {lacks}");
        }
    }
}
