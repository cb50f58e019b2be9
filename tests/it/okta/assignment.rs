//! Assignment: look-up, then creation or link; deactivation, and the same account active again.

use super::*;
use crate::support::assert_error;

const NAME: &str = "test.user@okta.local";

#[test]
fn an_unknown_user_is_looked_up_created_and_found() {
    both_ways(|okta| {
        let empty = json!({"schemas": [LIST], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []});
        assert_eq!(look_up(okta, NAME), empty);

        let answer = okta.client.post("/Users", &okta_user(NAME));
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/scim+json"));
        let created = answer.json();
        let path = path_of(&created);
        let location = format!("{}{path}", okta.client.base());
        assert_eq!(answer.header("location"), Some(location.as_str()));
        let mut expected = okta_user(NAME);
        for unreturned in ["password", "groups"] {
            expected.as_object_mut().unwrap().remove(unreturned);
        }
        expected["id"] = created["id"].clone();
        expected["meta"] = json!({
            "resourceType": "User", "location": location, "version": "W/\"1\"",
            "created": created["meta"]["created"], "lastModified": created["meta"]["created"],
        });
        assert_eq!(created, expected);
        assert!(created["id"].as_str().is_some_and(|id| !id.is_empty() && !id.contains("bulkId")));
        assert!(created["meta"]["created"].as_str().is_some_and(|time| time.ends_with('Z')), "{created}");

        let found =
            json!({"schemas": [LIST], "totalResults": 1, "startIndex": 1, "itemsPerPage": 1, "Resources": [created]});
        assert_eq!(look_up(okta, NAME), found);
        assert_eq!(look_up(okta, "TEST.User@OKTA.local"), found);
        assert_eq!(okta.client.get(&path).json(), created);
    });
}

#[test]
fn a_look_up_may_have_any_left_side_and_encoding() {
    both_ways(|okta| {
        let id = okta.create(&okta_user(NAME))["id"].as_str().unwrap().to_owned();
        okta.user("another@okta.local");
        for filter in [
            format!("id eq \"{id}\""),
            "externalId eq \"00ujl29u0le5T6Aj10h7\"".into(),
            format!("userName eq \"{NAME}\""),
            format!("emails.value eq \"{NAME}\""),
            format!("emails eq \"{NAME}\""),
            format!("emails[type eq \"work\"].value eq \"{NAME}\""),
        ] {
            // The client of the tests encodes blanks as '+', Okta as '%20'.
            assert_eq!(okta.client.found(&filter), [NAME], "{filter}");
            let encoded: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
            let query = format!("/Users?count=100&startIndex=1&filter={}", encoded.replace('+', "%20"));
            let page = okta.client.get(&query).json();
            assert_eq!((&page["totalResults"], &page["Resources"][0]["id"]), (&json!(1), &json!(id)), "{query}");
        }
        for other in ["userName eq \"test.user\"", "externalId eq \"00UJL29U0LE5T6AJ10H7\"", "id eq \"010101\""] {
            assert_eq!(okta.client.found(other), [""; 0], "{other}");
        }
    });
}

#[test]
fn a_user_who_exists_is_refused_whatever_the_letter_case_and_state() {
    both_ways(|okta| {
        let path = okta.create_path(&okta_user(NAME));
        for name in [NAME, "Test.User@Okta.Local"] {
            let answer = okta.client.post("/Users", &okta_user(name));
            assert_error(&answer, 409, Some("uniqueness"));
            assert!(answer.json()["detail"].as_str().unwrap().contains("userName"), "{}", answer.text);
        }
        okta.client.modify(&path, &json!([{"op": "replace", "value": {"active": false}}]));
        assert_error(&okta.client.post("/Users", &okta_user(NAME)), 409, Some("uniqueness"));
        assert_eq!(look_up(okta, NAME)["totalResults"], 1);
    });
}

#[test]
fn an_account_made_by_hand_is_linked_and_active_again() {
    both_ways(|okta| {
        let by_hand = okta.create(&json!({"schemas": [USER], "userName": "Test.User@Okta.Local", "active": false}));
        let found = look_up(okta, NAME)["Resources"][0].clone();
        assert_eq!(found, by_hand);
        let path = path_of(&found);
        let mut merged = okta.client.get(&path).json();
        for (name, value) in okta_user(NAME).as_object().unwrap() {
            merged[name] = value.clone();
        }
        let linked = changed(okta, &okta.client.put(&path, &merged));
        assert_eq!(linked["id"], by_hand["id"]);
        assert_eq!(linked["externalId"], "00ujl29u0le5T6Aj10h7");
        assert_eq!((&linked["active"], &linked["userName"]), (&json!(true), &json!(NAME)));
        assert_eq!(look_up(okta, NAME)["totalResults"], 1);
    });
}

/// Deactivation by PATCH without a path (catalogue apps) and by PUT of what was read (apps of the wizard).
#[test]
fn a_deactivated_user_stays_and_comes_back_under_the_same_id() {
    type Set = fn(&Tenant, &str, bool) -> Answer;
    let by_patch: Set =
        |okta, path, active| okta.client.modify(path, &json!([{"op": "replace", "value": {"active": active}}]));
    let by_put: Set = |okta, path, active| {
        let mut user = okta.client.get(path).json();
        user["active"] = active.into();
        okta.client.put(path, &user)
    };
    for set in [by_patch, by_put] {
        both_ways(|okta| {
            let created = okta.create(&okta_user(NAME));
            let path = path_of(&created);

            let inactive = changed(okta, &set(okta, &path, false));
            assert_eq!(inactive["active"], false);
            assert_eq!(look_up(okta, NAME)["Resources"], json!([inactive]));
            // Repeating it changes nothing, not even the version.
            assert_eq!(changed(okta, &set(okta, &path, false)), inactive);

            let active = changed(okta, &set(okta, &path, true));
            assert_eq!((&active["id"], attributes(&active)), (&created["id"], attributes(&created)));
            assert_eq!(active["meta"]["created"], created["meta"]["created"]);
            assert_eq!(active["meta"]["version"], "W/\"3\"");
        });
    }
}

#[test]
fn a_profile_push_without_active_leaves_the_status_alone() {
    both_ways(|okta| {
        let path = okta.create_path(&okta_user(NAME));
        okta.client.modify(&path, &json!([{"op": "replace", "value": {"active": false}}]));
        let mut user = okta_user(NAME);
        user.as_object_mut().unwrap().remove("active");
        user["title"] = json!("Engineer");
        let updated = changed(okta, &okta.client.put(&path, &user));
        assert_eq!((&updated["active"], &updated["title"]), (&json!(false), &json!("Engineer")));
        let operations = json!([{"op": "replace", "value": {"title": "Manager"}}]);
        let updated = changed(okta, &okta.client.modify(&path, &operations));
        assert_eq!((&updated["active"], &updated["title"]), (&json!(false), &json!("Manager")));
    });
}
