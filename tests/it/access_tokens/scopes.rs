//! What a token may do follows from its scopes.

use super::*;
use crate::support::minimal;

#[test]
fn a_token_that_lacks_a_scope_hears_which() {
    let (tenant, _, claims) = connected();
    let path = tenant.create_path(&minimal("subject"));
    let client = |scope: &str| forge().bearer(&forge().token(&with(&claims, "scope", json!(scope))));
    let forbidden = |answer: &Answer, scope: &str| {
        assert_error(answer, 403, None);
        assert_eq!(
            answer.header("www-authenticate").unwrap(),
            format!(
                "Bearer realm=\"scim\", error=\"insufficient_scope\", error_description=\"the token lacks the scope \
                 {scope}\", scope=\"{scope}\", resource_metadata=\"{}/.well-known/oauth-protected-resource/scim/v2\"",
                shared().url
            )
        );
    };
    for (scope, reads, writes) in [
        ("scim.read", true, false),
        ("scim.write", true, true),
        ("scim.read scim.write", true, true),
        ("scim.write scim.read", true, true),
        ("scim", true, true),
        ("scim.read offline_access", true, false),
        ("", false, false),
        ("offline_access", false, false),
    ] {
        let client = client(scope);
        let read = [client.get("/Users"), client.get(&path), client.post("/Users/.search", &json!({}))];
        let written = [
            client.put(&path, &minimal("subject")),
            client.modify(&path, &json!([])),
            client.post("/Bulk", &json!({"schemas": [crate::support::BULK_REQUEST], "Operations": []})),
        ];
        for (answers, may, needed) in [(read, reads, "scim.read"), (written, writes, "scim.write")] {
            for answer in answers {
                if may {
                    assert!(answer.status == 200, "{scope}: {}", answer.text);
                    assert_eq!(answer.header("www-authenticate"), None);
                } else {
                    forbidden(&answer, needed);
                }
            }
        }
    }
    // A static token hears the same.
    forbidden(&tenant.client_with(&[provisor::auth::Scope::Read]).delete(&path), "scim.write");
}

#[test]
fn discovery_takes_access_tokens_and_refuses_wrong_ones() {
    let (_, _, claims) = connected();
    for path in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
        assert_eq!(forge().bearer(&forge().token(&claims)).get(path).status, 200, "{path}");
        let wrong = forge().token(&with(&claims, "aud", json!("https://api.example.com")));
        assert_refused(&forge().bearer(&wrong).get(path), path);
    }
}

#[test]
fn the_resources_of_another_tenant_are_not_found() {
    let (_, _, claims) = connected();
    let other = tenant();
    let path = other.create_path(&minimal("subject"));
    let client = forge().bearer(&forge().token(&claims));
    assert_error(&client.get(&path), 404, None);
    assert_error(&client.delete(&path), 404, None);
    assert_eq!(other.client.get(&path).status, 200);
}
