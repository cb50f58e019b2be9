//! "Test Connector Configuration", and errors as Okta shows them to its administrator.

use super::*;
use crate::support::{assert_error, patch};

#[test]
fn the_connector_test_reads_one_page_of_users() {
    both_ways(|okta| {
        let page = || {
            let answer = okta.client.get("/Users?startIndex=1&count=2");
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("content-type"), Some("application/scim+json"));
            assert_eq!(answer.header("content-encoding"), None);
            answer.json()
        };
        let empty = json!({"schemas": [LIST], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []});
        assert_eq!(page(), empty);
        let users = ["a@okta.local", "b@okta.local", "c@okta.local"].map(|name| okta.create(&okta_user(name)));
        let two =
            json!({"schemas": [LIST], "totalResults": 3, "startIndex": 1, "itemsPerPage": 2, "Resources": users[..2]});
        assert_eq!(page(), two);
    });
}

#[test]
fn wrong_credentials_fail_the_connector_test_and_new_ones_pass_it() {
    let tenant = tenant_with(false);
    for wrong in ["", "non-token", "Bearer non-token", "Basic b2t0YTpva3Rh", "Bearer "] {
        let okta = Client::new(&shared().url, wrong).sending(&HEADERS);
        let answer = okta.get("/Users?startIndex=1&count=2");
        assert_error(&answer, 401, None);
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer realm=\"scim\""));
    }
    let right = token(tenant.id, &Scope::ALL, None);
    assert_eq!(Client::new(&shared().url, &right).sending(&HEADERS).get("/Users?startIndex=1&count=2").status, 200);
}

#[test]
fn old_agents_find_the_configuration_under_its_plural() {
    both_ways(|okta| {
        let plural = okta.client.get("/ServiceProviderConfigs");
        assert_eq!(plural.status, 200);
        assert_eq!(plural.json(), okta.client.get("/ServiceProviderConfig").json());
        assert_eq!(plural.json()["patch"]["supported"], json!(true));
    });
}

#[test]
fn every_error_is_a_scim_error_with_a_detail() {
    both_ways(|okta| {
        let path = okta.create_path(&okta_user("test.user@okta.local"));
        let gone = "/Users/23a35c27-23d3-4c03-b4c5-6443c09e7173";
        let user = okta_user("test.user@okta.local");
        let deactivation = json!([{"op": "replace", "value": {"active": false}}]);
        let client = &okta.client;
        let malformed = |method| {
            let request = client.request(method, &path).header("Content-Type", "application/scim+json; charset=utf-8");
            Client::send(request.body("{"))
        };
        let cases = [
            (client.get(gone), 404, None),
            (client.put(gone, &okta_user("another@okta.local")), 404, None),
            (client.modify(gone, &deactivation), 404, None),
            (client.delete(gone), 404, None),
            (client.get("/Nowhere"), 404, None),
            (client.get("/Users/x/y"), 404, None),
            (client.post("/Users", &user), 409, Some("uniqueness")),
            (client.post("/Users", &json!({"schemas": [USER]})), 400, Some("invalidValue")),
            (client.put(&path, &json!({"schemas": [USER], "userName": ""})), 400, Some("invalidValue")),
            (client.patch(&path, &json!({"schemas": [USER]})), 400, Some("invalidSyntax")),
            (client.patch(&path, &patch(&json!([{"op": "swap", "value": {}}]))), 400, Some("invalidSyntax")),
            (malformed(reqwest::Method::PUT), 400, Some("invalidSyntax")),
            (malformed(reqwest::Method::PATCH), 400, Some("invalidSyntax")),
            (client.filter("userName is \"x\""), 400, Some("invalidFilter")),
            (client.query("/Users", &[("startIndex", "one")]), 400, Some("invalidValue")),
        ];
        for (answer, status, scim_type) in &cases {
            assert_error(answer, *status, *scim_type);
        }
        assert_eq!(client.get(gone).json()["detail"], "User '23a35c27-23d3-4c03-b4c5-6443c09e7173' not found");
        let reader = Client::new(&shared().url, &token(okta.id, &[Scope::Read], None)).sending(&HEADERS);
        assert_error(&reader.post("/Users", &user), 403, None);
    });
}
