//! The conversations of Okta with a SCIM server, as far as they concern users.

use provisor::auth::Scope;
use serde_json::json;

use crate::support::{Client, LIST, shared, tenant, token};

/// Runs a conversation with the token sent alone and behind `Bearer`.
fn both_ways(conversation: impl Fn(&Client)) {
    for prefix in ["", "Bearer "] {
        let tenant = tenant();
        let token = token(tenant.id, &Scope::ALL, None);
        conversation(&Client::new(&shared().url, &format!("{prefix}{token}")));
    }
}

#[test]
fn the_connector_test_reads_one_page_of_users() {
    both_ways(|okta| {
        let answer = okta.get("/Users?startIndex=1&count=2");
        assert_eq!(answer.status, 200);
        let body = answer.json();
        assert_eq!(
            body,
            json!({"schemas": [LIST], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []})
        );
    });
}
