//! The refusal itself: the same for every reason, and before any other complaint.

use std::collections::BTreeMap;

use super::*;

/// An answer without what differs from request to request anyway.
fn comparable(answer: &Answer) -> (u16, BTreeMap<String, String>, String) {
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let headers = headers.filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str())).collect();
    (answer.status, headers, answer.text.clone())
}

#[test]
fn a_refusal_does_not_tell_its_reason() {
    let tenant = tenant();
    let metadata = format!("{}/.well-known/oauth-protected-resource/scim/v2", shared().url);
    let mut first: [Option<_>; 2] = [None, None];
    for (authorization, reason) in refused(&tenant) {
        let wanted = WANTED.contains(&reason);
        let answer = client(authorization.as_deref()).get("/Users");
        assert_error(&answer, 401, None);
        let error = if wanted {
            ""
        } else {
            ", error=\"invalid_token\", error_description=\"a valid token is required in the Authorization header\""
        };
        let challenge = format!("Bearer realm=\"scim\"{error}, resource_metadata=\"{metadata}\"");
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{reason}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()));
        let answer = comparable(&answer);
        assert_eq!(&answer, first[usize::from(wanted)].get_or_insert_with(|| answer.clone()), "{reason}");
    }
}

#[test]
fn a_token_in_the_header_and_another_in_the_url_are_one_too_many() {
    let tenant = tenant();
    let token = token(tenant.id, &Scope::ALL, None);
    for authorization in [token.clone(), format!("Bearer {token}"), "Bearer non-token".to_owned()] {
        for query in [format!("access_token={token}"), "count=1&access_token".to_owned()] {
            let answer = client(Some(&authorization)).get(&format!("/Users?{query}"));
            assert_error(&answer, 400, Some("invalidSyntax"));
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.contains("error=\"invalid_request\""), "{challenge}");
        }
    }
    let named_alike = client(Some(&token)).get("/Users?access_tokens=1&xaccess_token=1");
    assert_eq!(named_alike.status, 200, "{}", named_alike.text);
}

#[test]
fn a_token_counts_only_alone_in_the_authorization_header() {
    let tenant = tenant();
    let token = token(tenant.id, &Scope::ALL, None);
    let anonymous = client(None);
    let form = anonymous.request(Method::POST, "/Users").header("Content-Type", "application/x-www-form-urlencoded");
    let twice = |first: &str, second: &str| {
        anonymous.request(Method::GET, "/Users").header("Authorization", first).header("Authorization", second)
    };
    let valid = format!("Bearer {token}");
    let elsewhere = [
        anonymous.request(Method::GET, &format!("/Users?access_token={token}")),
        anonymous.request(Method::GET, "/Users").header("Cookie", format!("token={token}")),
        anonymous.request(Method::GET, "/Users").header("X-Api-Key", &token),
        form.body(format!("access_token={token}")),
        twice(&valid, "Bearer non-token"),
        twice("Bearer non-token", &valid),
        twice(&valid, &valid),
    ];
    for request in elsewhere {
        assert_error(&Client::send(request), 401, None);
    }
    // The same token where it belongs.
    for authorization in [token.clone(), valid, format!("bearer {token}"), format!("BEARER   {token}")] {
        assert_eq!(client(Some(&authorization)).get("/Users").status, 200, "{authorization}");
    }
}

#[test]
fn refusal_and_prohibition_come_before_any_other_complaint() {
    let tenant = tenant();
    let path = tenant.create_path(&minimal("subject"));
    let (reader, writer) = (tenant.client_with(&[Scope::Read]), tenant.client_with(&[Scope::Write]));
    let json = "application/scim+json";
    // Each request is wrong in another way, as the third column shows a token that may do it.
    let rows = [
        (Method::POST, "/Users".to_owned(), (json, "{"), &reader, 400),
        (Method::POST, "/Users".to_owned(), ("text/plain", "x"), &reader, 415),
        (Method::POST, "/Users?attributes=a&excludedAttributes=b".to_owned(), (json, "{}"), &reader, 400),
        (Method::PUT, path.clone(), (json, "[]"), &reader, 400),
        (Method::PATCH, path.clone(), (json, "{}"), &reader, 400),
        (Method::PATCH, "/Users/unknown".to_owned(), (json, "{\"a\":1,\"A\":2}"), &reader, 400),
        (Method::POST, "/Users/.search".to_owned(), (json, "{"), &writer, 400),
        (Method::GET, "/Users?startIndex=one".to_owned(), (json, ""), &writer, 400),
        (Method::GET, "/Users?filter=nonsense".to_owned(), (json, ""), &writer, 400),
        (Method::GET, "/Users/unknown".to_owned(), (json, ""), &writer, 404),
    ];
    for (method, path, (media_type, body), forbidden, complaint) in rows {
        let answer = |client: &Client| {
            let request = client.request(method.clone(), &path).header("Content-Type", media_type);
            Client::send(request.body(body)).status
        };
        assert_eq!(answer(&client(None)), 401, "{method} {path}");
        assert_eq!(answer(forbidden), 403, "{method} {path}");
        assert_eq!(answer(&tenant.client), complaint, "{method} {path}");
    }
}
