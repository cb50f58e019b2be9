//! The examples of requests in the document work, and what the server answers fits what is documented.

use super::schema::{Direction, problems, resolve};
use super::*;
use crate::support::oauth::{self, Endpoints};
use crate::support::{Tenant, tenant, user_token};

/// What is documented for a status of an operation.
fn response(path: &str, method: &str, status: u16) -> &'static Value {
    let responses = &document()["paths"][path][method]["responses"];
    let response = responses.get(status.to_string()).unwrap_or_else(|| panic!("{method} {path}: no {status}"));
    response["$ref"].as_str().map_or(response, resolve)
}

/// Asserts that an answer has a documented status, its media type, and a body that fits.
fn assert_documented(path: &str, method: &str, answer: &Answer) {
    let what = format!("{method} {path} {}", answer.status);
    let response = response(path, method, answer.status);
    match response.get("content").and_then(Value::as_object) {
        None => assert_eq!(answer.text, "", "{what}"),
        Some(content) => {
            let media_type = answer.header("content-type").unwrap().split(';').next().unwrap();
            let media = content.get(media_type).unwrap_or_else(|| panic!("{what}: {media_type} is not documented"));
            let body = if media_type.ends_with("json") { answer.json() } else { answer.text.clone().into() };
            let found = problems(&media["schema"], &body, Direction::Reply);
            assert!(found.is_empty(), "{what}: {found:#?}");
        }
    }
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        // What a refusal of a client in the form says is not a challenge.
        assert!(answer.header(name).is_some() || header["required"] != true, "{what}: {name} is missing");
    }
}

/// The example body of an operation, which fits its own schema.
fn example(path: &str, method: &str) -> Value {
    let media = &document()["paths"][path][method]["requestBody"]["content"]["application/scim+json"];
    let found = problems(&media["schema"], &media["example"], Direction::Request);
    assert!(found.is_empty(), "{method} {path}: {found:#?}");
    media["example"].clone()
}

/// Sends the example of an operation to where the path leads with this id.
fn send_example(tenant: &Tenant, path: &str, method: &str, id: &str) -> Answer {
    let body = example(path, method);
    let place = path.trim_start_matches("/scim/v2").replace("{id}", id);
    let answer = match method {
        "post" => tenant.client.post(&place, &body),
        "put" => tenant.client.put(&place, &body),
        "patch" => tenant.client.patch(&place, &body),
        method => panic!("{method} takes no body"),
    };
    assert_documented(path, method, &answer);
    answer
}

#[test]
fn the_examples_are_taken_and_what_is_answered_fits() {
    let tenant = tenant();
    let client = &tenant.client;
    for endpoint in ["Users", "Groups"] {
        let collection = format!("/scim/v2/{endpoint}");
        let one = format!("{collection}/{{id}}");
        let created = send_example(&tenant, &collection, "post", "");
        assert_eq!(created.status, 201);
        let id = created.json()["id"].as_str().unwrap().to_owned();
        let place = format!("/{endpoint}/{id}");
        assert_eq!(send_example(&tenant, &one, "patch", &id).status, 200);
        assert_eq!(send_example(&tenant, &one, "put", &id).status, 200);
        assert_eq!(send_example(&tenant, &collection, "post", "").status, 409);
        assert_eq!(send_example(&tenant, &format!("{collection}/.search"), "post", "").status, 200);
        for (query, status) in [
            ("", 200),
            ("?count=0", 200),
            ("?cursor&count=1", 200),
            ("?attributes=id", 200),
            ("?excludedAttributes=meta", 200),
            ("?filter=nothing%20eq%20%22x%22", 400),
            ("?cursor=wrong", 400),
            ("?count=x", 400),
        ] {
            let answer = client.get(&format!("/{endpoint}{query}"));
            assert_eq!(answer.status, status, "{query}: {}", answer.text);
            assert_documented(&collection, "get", &answer);
        }
        for (path, status) in
            [(place.clone(), 200), (format!("{place}?attributes=meta"), 200), (format!("/{endpoint}/x"), 404)]
        {
            let answer = client.get(&path);
            assert_eq!(answer.status, status);
            assert_documented(&one, "get", &answer);
        }
        let etag = client.get(&place).header("etag").unwrap().to_owned();
        let same = client.request(Method::GET, &place).header("If-None-Match", &etag);
        let other = client.request(Method::DELETE, &place).header("If-Match", "W/\"0\"");
        for (method, request, status) in [("get", same, 304), ("delete", other, 412)] {
            let answer = Client::send(request);
            assert_eq!(answer.status, status, "{}", answer.text);
            assert_documented(&one, method, &answer);
        }
        let wrong_type =
            client.request(Method::POST, &format!("/{endpoint}")).header("Content-Type", "text/plain").body("x");
        assert_documented(&collection, "post", &Client::send(wrong_type));
        assert_documented(&collection, "get", &Client::anonymous(&shared().url).get(&format!("/{endpoint}")));
        assert_documented(&one, "delete", &client.delete(&place));
    }
    for path in ["/scim/v2", "/scim/v2/.search", "/scim/v2/Bulk"] {
        let method = if path == "/scim/v2" { "get" } else { "post" };
        let answer = if method == "get" { client.get("") } else { send_example(&tenant, path, method, "") };
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_documented(path, method, &answer);
    }
    assert_eq!(client.get("").json()["totalResults"], 2, "what the example of a bulk request creates");
    let refused = client.post("/Bulk", &example("/scim/v2/Bulk", "post"));
    assert_documented("/scim/v2/Bulk", "post", &refused);
    assert_eq!(refused.json()["Operations"][0]["response"]["scimType"], "uniqueness");
}

#[test]
fn a_user_with_everything_fits() {
    let tenant = tenant();
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "userName": "everything",
        "externalId": "x",
        "profileUrl": "no URL at all",
        "active": true,
        "password": "correct horse battery staple",
        "emails": [{"value": "a@example.com", "type": "work", "primary": true}],
        "x509Certificates": [{"value": "AAAA"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D", "manager": {"value": "1"}},
    });
    let schema = &document()["components"]["schemas"]["UserRequest"];
    assert_eq!(problems(schema, &user, Direction::Request), Vec::<String>::new());
    assert_eq!(problems(schema, &json!({"userName": "x"}), Direction::Request).len(), 1, "without schemas");
    assert_eq!(problems(schema, &json!({"schemas": []}), Direction::Request).len(), 1, "without userName");
    let created = tenant.create(&user);
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g", "members": [{"value": created["id"]}],
    });
    assert_eq!(tenant.client.post("/Groups", &group).status, 201);
    let answer = tenant.client.get(&crate::support::path_of(&created));
    assert!(answer.json()["groups"][0]["value"].is_string());
    assert_documented("/scim/v2/Users/{id}", "get", &answer);
    assert_documented("/scim/v2/Groups", "get", &tenant.client.get("/Groups"));
}

#[test]
fn what_discovery_answers_fits() {
    let client = Client::anonymous(&shared().url);
    for (path, place) in [
        ("/ServiceProviderConfig", "/ServiceProviderConfig"),
        ("/ServiceProviderConfigs", "/ServiceProviderConfigs"),
        ("/ResourceTypes", "/ResourceTypes"),
        ("/ResourceTypes", "/ResourceTypes?filter=x"),
        ("/ResourceTypes/{name}", "/ResourceTypes/User"),
        ("/ResourceTypes/{name}", "/ResourceTypes/None"),
        ("/Schemas", "/Schemas"),
        ("/Schemas/{uri}", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User"),
        ("/Schemas/{uri}", "/Schemas/urn:none"),
    ] {
        assert_documented(&format!("/scim/v2{path}"), "get", &client.get(place));
    }
}

#[test]
fn what_is_answered_about_oneself_fits() {
    let tenant = tenant();
    let user = tenant.user("subject");
    let me = Client::new(&shared().url, &format!("Bearer {}", user_token(&tenant, &user)));
    assert_documented("/scim/v2/Me", "get", &me.get("/Me"));
    assert_documented("/scim/v2/Me", "patch", &me.patch("/Me", &example("/scim/v2/Me", "patch")));
    let nobody = tenant.client.get("/Me");
    assert_eq!(nobody.status, 501);
    assert_documented("/scim/v2/Me", "get", &nobody);
}

#[test]
fn what_the_authorization_server_answers_fits() {
    let endpoints = Endpoints::shared();
    let client = oauth::client(tenant().id, &oauth::script());
    let token = client.ask(&endpoints);
    assert_documented("/oauth/token", "post", &token);
    let token = token.json()["access_token"].as_str().unwrap().to_owned();
    for (path, form, status) in [
        (
            "/token",
            vec![("grant_type", "client_credentials"), ("client_id", &client.id), ("client_secret", "wrong")],
            401,
        ),
        ("/token", client.with(&[("grant_type", "password")]), 400),
        ("/introspect", client.with(&[("token", &token)]), 200),
        ("/revoke", client.with(&[("token", &token)]), 200),
        ("/introspect", client.with(&[("token", &token)]), 200),
        ("/introspect", client.with(&[]), 400),
    ] {
        let answer = endpoints.post(path, &form);
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert_documented(&format!("/oauth{path}"), "post", &answer);
    }
    for path in [
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource/scim/v2",
        "/livez",
        "/readyz",
        "/openapi.json",
        "/oauth/authorize",
    ] {
        assert_documented(path, "get", &fetch(Method::GET, path, None));
    }
}
