//! Every route with tokens that may only read, or only write, or nothing.

use super::*;
use crate::support::access::forge;
use crate::support::patch;

/// What a token of each kind hears. Of the reading and the writing token each may do what the other may not; a status that is the
/// same for both depends on the route alone.
pub(super) struct Route {
    pub method: Method,
    pub path: &'static str,
    body: Option<Value>,
    reader: u16,
    writer: u16,
}

/// The status of a route for one kind of token.
pub(super) type Expected = fn(&Route) -> u16;

/// What a token without any scope hears.
fn neither(route: &Route) -> u16 {
    if [route.reader, route.writer].contains(&403) { 403 } else { route.reader }
}

/// The scopes of header tokens, and what they open.
pub(super) const SCOPES_OF_HEADER_TOKENS: [(&str, Expected); 3] =
    [("scim.read", |route| route.reader), ("scim.write", |route| route.writer), ("", neither)];

/// The same for access tokens: who may write may read.
pub(super) const SCOPES_OF_ACCESS_TOKENS: [(&str, Expected); 3] = [
    ("scim.read", |route| route.reader),
    ("scim.write", |route| if route.writer == 403 { route.reader } else { route.writer }),
    ("", neither),
];

/// All routes. `{id}` stands for a user that exists; the row that deletes it is the last.
pub(super) fn routes() -> Vec<Route> {
    let route = |method, path, body, reader, writer| Route { method, path, body, reader, writer };
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]});
    let name = patch(&json!([{"op": "replace", "path": "displayName", "value": "x"}]));
    let title = patch(&json!([{"op": "add", "path": "title", "value": "x"}]));
    vec![
        route(Method::GET, "/Users", None, 200, 403),
        route(Method::HEAD, "/Users", None, 200, 403),
        route(Method::GET, "/Users/", None, 200, 403),
        route(Method::GET, "/Users?filter=userName%20pr&count=1", None, 200, 403),
        route(Method::POST, "/Users/.search", Some(search.clone()), 200, 403),
        route(Method::GET, "", None, 200, 403),
        route(Method::HEAD, "/", None, 200, 403),
        route(Method::GET, "?filter=id%20pr&cursor", None, 200, 403),
        route(Method::POST, "/.search", Some(search), 200, 403),
        route(Method::POST, "", Some(minimal("new")), 405, 405),
        route(Method::DELETE, "/.search", None, 405, 405),
        route(Method::GET, "/Users/{id}", None, 200, 403),
        route(Method::HEAD, "/Users/{id}", None, 200, 403),
        route(Method::GET, "/Users/unknown", None, 404, 403),
        route(Method::POST, "/Users", Some(minimal("new")), 403, 201),
        route(Method::PUT, "/Users/{id}", Some(minimal("renamed")), 403, 200),
        route(Method::PUT, "/Users/unknown", Some(minimal("renamed")), 403, 404),
        route(Method::PATCH, "/Users/{id}", Some(title), 403, 200),
        route(Method::PUT, "/Users", Some(minimal("new")), 405, 405),
        route(Method::DELETE, "/Users", None, 405, 405),
        route(Method::DELETE, "/Users/.search", None, 405, 405),
        route(Method::POST, "/Users/{id}", Some(minimal("new")), 405, 405),
        route(Method::POST, "/Bulk", Some(json!({"Operations": []})), 403, 200),
        route(Method::GET, "/Bulk", None, 405, 405),
        route(Method::GET, "/Me", None, 501, 403),
        route(Method::GET, "/Groups", None, 200, 403),
        route(Method::POST, "/Groups", Some(json!({"displayName": "new"})), 403, 201),
        route(Method::GET, "/Groups/unknown", None, 404, 403),
        route(Method::PUT, "/Groups/unknown", Some(json!({"displayName": "new"})), 403, 404),
        route(Method::PATCH, "/Groups/unknown", Some(name), 403, 404),
        route(Method::DELETE, "/Groups/unknown", None, 403, 404),
        route(Method::GET, "/Users/{id}/more", None, 404, 404),
        route(Method::DELETE, "/Users/{id}", None, 403, 204),
    ]
}

/// Routes that answer without a credential, with what they then answer.
pub(super) fn open_routes() -> Vec<(Method, String, u16)> {
    let paths = ["ServiceProviderConfig", "ServiceProviderConfigs", "ResourceTypes", "ResourceTypes/User", "Schemas"];
    let schema = "Schemas/urn:ietf:params:scim:schemas:core:2.0:User";
    let mut routes = vec![(Method::GET, "/Schemas/unknown".to_owned(), 404)];
    for path in paths.into_iter().chain([schema]) {
        for (method, status) in
            [(Method::GET, 200), (Method::HEAD, 200), (Method::POST, 405), (Method::PATCH, 405), (Method::DELETE, 405)]
        {
            routes.push((method, format!("/{path}"), status));
        }
    }
    routes
}

fn assert_answers(answer: &Answer, status: u16, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text);
    if status >= 400 && !what.starts_with("HEAD") {
        assert_error(answer, status, None);
    }
}

#[test]
fn a_token_does_what_its_scopes_say_and_nothing_else() {
    for (name, expected) in SCOPES_OF_HEADER_TOKENS {
        let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| scope.name() == name).collect();
        let tenant = tenant();
        let client = tenant.client_with(&scopes);
        let user = tenant.user("subject");
        for route in routes() {
            let path = route.path.replace("{id}", user["id"].as_str().unwrap());
            let what = format!("{} {path} with {scopes:?}", route.method);
            let answer = send(&client, &route.method, &path, route.body.as_ref());
            assert_answers(&answer, expected(&route), &what);
        }
        // The writer has created one and deleted the other; nobody else has changed anything.
        let left = tenant.client.get("/Users").json();
        assert_eq!(left["totalResults"], 1);
        assert_eq!(left["Resources"][0] == user, !scopes.contains(&Scope::Write), "{left}");
    }
}

#[test]
fn an_access_token_does_what_its_scopes_say_and_hears_what_it_lacks() {
    for (scope, expected) in SCOPES_OF_ACCESS_TOKENS {
        let tenant = tenant();
        let user = tenant.user("subject");
        let mut claims = forge().claims(tenant.id, &forge().client(tenant.id));
        claims["scope"] = json!(scope);
        let client = forge().bearer(&forge().token(&claims));
        for route in routes() {
            let path = route.path.replace("{id}", user["id"].as_str().unwrap());
            let what = format!("{} {path} with {scope}", route.method);
            let answer = send(&client, &route.method, &path, route.body.as_ref());
            assert_answers(&answer, expected(&route), &what);
            if answer.status == 403 {
                let needed = if route.writer == 403 { "scim.read" } else { "scim.write" };
                let challenge = answer.header("www-authenticate").unwrap();
                let lacks =
                    format!("error=\"insufficient_scope\", error_description=\"the token lacks the scope {needed}\"");
                assert!(challenge.contains(&lacks), "{what}: {challenge}");
                assert!(challenge.contains(&format!("scope=\"{needed}\"")), "{what}: {challenge}");
            } else {
                assert_eq!(answer.header("www-authenticate"), None, "{what}");
            }
        }
        let left = tenant.client.get("/Users").json();
        assert_eq!((&left["totalResults"], left["Resources"][0] == user), (&json!(1), scope != "scim.write"), "{left}");
    }
}

#[test]
fn no_route_but_discovery_answers_without_a_valid_credential() {
    let tenant = tenant();
    let user = tenant.user("subject");
    for (authorization, reason) in refused(&tenant) {
        let client = client(authorization.as_deref());
        for Route { method, path, body, .. } in routes() {
            let path = path.replace("{id}", user["id"].as_str().unwrap());
            let answer = send(&client, &method, &path, body.as_ref());
            assert_answers(&answer, 401, &format!("{method} {path} with {reason}"));
        }
    }
    assert_eq!(tenant.client.get("/Users").json()["Resources"], json!([user]));
    let changes = tenant.audit().into_iter().filter(|row| row.action.starts_with("resource."));
    assert_eq!(changes.count(), 1, "only the creation of the subject");
}

#[test]
fn discovery_answers_with_and_without_a_credential_but_not_with_a_wrong_one() {
    let tenant = tenant();
    let clients = [
        client(None),
        tenant.client_with(&[Scope::Read]),
        tenant.client_with(&[Scope::Write]),
        tenant.client_with(&[]),
    ];
    let wrong: Vec<_> = refused(&tenant).into_iter().filter_map(|(authorization, _)| authorization).collect();
    for (method, path, status) in open_routes() {
        for client in &clients {
            assert_answers(&send(client, &method, &path, None), status, &format!("{method} {path}"));
        }
        for authorization in &wrong {
            let answer = send(&client(Some(authorization)), &method, &path, None);
            assert_answers(&answer, 401, &format!("{method} {path}"));
        }
    }
    // Only as a whole segment, and only there.
    for path in ["/SchemasX", "/Users/Schemas", "/schemas", "/Bulk?x=/Schemas", "/Nowhere"] {
        assert_answers(&client(None).get(path), 401, path);
    }
}
