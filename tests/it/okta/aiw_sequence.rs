//! What an app of Okta's integration wizard sent, in the order of its administrator's actions.

use super::*;

const NAME: &str = "test.user@okta.local";

#[test]
fn an_app_of_the_wizard_is_served_from_connector_test_to_import() {
    both_ways(|okta| {
        // Test connector configuration, and the same when the settings are saved.
        for _ in 0..2 {
            assert_eq!(okta.client.get("/Users?startIndex=1&count=2").json()["totalResults"], 0);
        }

        // Assign user.
        assert_eq!(look_up(okta, NAME)["totalResults"], 0);
        let created = okta.create(&okta_user(NAME));
        let path = path_of(&created);

        // Change title in Okta.
        let mut user = okta.client.get(&path).json();
        assert_eq!(user, created);
        user["title"] = json!("Engineer");
        user["groups"] = json!([]);
        let titled = changed(okta, &okta.client.put(&path, &user));
        let mut expected = attributes(&created);
        expected["title"] = json!("Engineer");
        assert_eq!(attributes(&titled), expected);

        // Unassign.
        let mut user = okta.client.get(&path).json();
        user["active"] = json!(false);
        let unassigned = changed(okta, &okta.client.put(&path, &user));
        expected["active"] = json!(false);
        assert_eq!(attributes(&unassigned), expected);

        // "Provision User" on the account that exists now.
        let found = look_up(okta, NAME);
        assert_eq!((&found["totalResults"], &found["Resources"][0]), (&json!(1), &unassigned));
        let mut user = okta_user(NAME);
        user["title"] = json!("Engineer");
        let provisioned = changed(okta, &okta.client.put(&path, &user));
        expected["active"] = json!(true);
        assert_eq!(attributes(&provisioned), expected);
        assert_eq!(provisioned["id"], created["id"]);

        // Import Now.
        let page = okta.client.get("/Users?startIndex=1&count=100").json();
        let one = json!({
            "schemas": [LIST], "totalResults": 1, "startIndex": 1, "itemsPerPage": 1, "Resources": [provisioned]
        });
        assert_eq!(page, one);
    });
}
