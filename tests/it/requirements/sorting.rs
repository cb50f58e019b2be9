//! RFC 7644 section 3.4.2.3: sorted lists.

use serde_json::{Value, json};

use super::paging::{names, page};
use super::read;
use crate::support::{ENTERPRISE, Tenant, assert_error, path_of, tenant};

/// The `userName`s in this order.
#[track_caller]
fn sorted(tenant: &Tenant, by: &str, order: &str) -> Vec<String> {
    let page = page(&tenant.client, &[("sortBy", by), ("sortOrder", order)]);
    names(&page).into_iter().map(str::to_owned).collect()
}

/// Creates a user for each name and body.
fn users(bodies: &[(&str, Value)]) -> Tenant {
    let tenant = tenant();
    for (name, body) in bodies {
        let mut body = body.clone();
        body["userName"] = json!(name);
        tenant.create(&body);
    }
    tenant
}

#[test]
fn r7644_3_4_2_3_1_sorting_is_offered_and_what_cannot_be_sorted_by_is_named() {
    let tenant = users(&[("a", json!({}))]);
    assert_eq!(read(&tenant.client, "/ServiceProviderConfig")["sort"]["supported"], true);
    for by in [
        "nonsense",
        "name",
        "meta",
        "password",
        "groups",
        "emails.nonsense",
        "emails[type eq \"work\"].value",
        "urn:example:unknown:title",
        ENTERPRISE,
        "user name",
        ".",
    ] {
        let answer = tenant.client.query("/Users", &[("sortBy", by)]);
        assert_error(&answer, 400, Some("invalidValue"));
        assert!(answer.json()["detail"].as_str().unwrap().contains(by), "{}", answer.text);
        let search = json!({"sortBy": by, "sortOrder": "ascending"});
        assert_error(&tenant.client.post("/Users/.search", &search), 400, Some("invalidValue"));
    }
    assert_error(&tenant.client.post("/Users/.search", &json!({"sortBy": ["userName"]})), 400, Some("invalidSyntax"));
}

#[test]
fn r7644_3_4_2_3_2_sort_by_is_a_path_and_the_order_is_ascending_unless_it_says_otherwise() {
    let tenant = users(&[
        ("b", json!({"title": "1", ENTERPRISE: {"department": "y", "manager": {"value": "3"}}})),
        ("c", json!({"title": "3", ENTERPRISE: {"department": "x", "manager": {"value": "2"}}})),
        ("a", json!({"title": "2", ENTERPRISE: {"department": "z", "manager": {"value": "1"}}})),
    ]);
    let department = format!("{ENTERPRISE}:department");
    let manager = format!("{ENTERPRISE}:manager");
    for (by, expected) in [
        ("userName", ["a", "b", "c"]),
        ("USERNAME", ["a", "b", "c"]),
        ("urn:ietf:params:scim:schemas:core:2.0:User:title", ["b", "a", "c"]),
        (&*department, ["c", "b", "a"]),
        (&*manager, ["a", "c", "b"]),
        ("meta.created", ["b", "c", "a"]),
        ("id", ["b", "c", "a"]),
        ("meta.location", ["b", "c", "a"]),
    ] {
        let reverse: Vec<&str> = expected.iter().rev().copied().collect();
        assert_eq!(sorted(&tenant, by, ""), expected, "{by}");
        assert_eq!(names(&page(&tenant.client, &[("sortBy", by)])), expected, "{by}");
        assert_eq!(sorted(&tenant, by, "ascending"), expected, "{by}");
        assert_eq!(sorted(&tenant, by, "Descending"), reverse, "{by}");
        let search = json!({"sortBy": by, "sortOrder": "descending"});
        assert_eq!(names(&tenant.client.post("/Users/.search", &search).json()), reverse, "{by}");
    }
    for order in ["desc", "up", "ascending,descending"] {
        let answer = tenant.client.query("/Users", &[("sortBy", "id"), ("sortOrder", order)]);
        assert_error(&answer, 400, Some("invalidValue"));
    }
    // An order of nothing is none.
    assert_eq!(names(&page(&tenant.client, &[("sortOrder", "descending")])), ["b", "c", "a"]);
    let changed = &page(&tenant.client, &[("filter", "userName eq \"b\"")])["Resources"][0];
    let title = json!([{"op": "replace", "path": "title", "value": "9"}]);
    assert_eq!(tenant.client.modify(&path_of(changed), &title).status, 200);
    assert_eq!(sorted(&tenant, "meta.lastModified", ""), ["c", "a", "b"]);
    assert_eq!(sorted(&tenant, "title", ""), ["a", "c", "b"]);
}

#[test]
fn r7644_3_4_2_3_3_values_are_compared_by_their_type_and_case_counts_where_the_schema_says_so() {
    let tenant = users(&[
        ("Zoe", json!({"externalId": "b", "title": "b", "active": true})),
        ("ada", json!({"externalId": "B", "title": "Z", "active": false})),
        ("\u{c9}mile", json!({"externalId": "a", "title": "\u{e4}", "active": true})),
        ("bob", json!({"externalId": "A", "title": "a", "active": false})),
    ]);
    // Without regard to case, by code point.
    assert_eq!(sorted(&tenant, "userName", ""), ["ada", "bob", "Zoe", "\u{c9}mile"]);
    assert_eq!(sorted(&tenant, "title", ""), ["bob", "Zoe", "ada", "\u{c9}mile"]);
    // With regard to it.
    assert_eq!(sorted(&tenant, "externalId", ""), ["bob", "ada", "\u{c9}mile", "Zoe"]);
    // False before true.
    assert_eq!(sorted(&tenant, "active", ""), ["ada", "bob", "Zoe", "\u{c9}mile"]);
    assert_eq!(sorted(&tenant, "active", "descending"), ["Zoe", "\u{c9}mile", "ada", "bob"]);
}

#[test]
fn r7644_3_4_2_3_4_the_primary_value_decides_else_the_first() {
    let email = |value: &str, primary: bool| json!({"value": value, "primary": primary, "type": "work"});
    let tenant = users(&[
        ("first", json!({"emails": [email("m", false), email("a", false)], "name": {"familyName": "2"}})),
        ("primary", json!({"emails": [email("a", false), email("z", true)], "name": {"familyName": "3"}})),
        ("single", json!({"emails": [email("c", true)], "name": {"familyName": "1"}})),
    ]);
    for by in ["emails", "emails.value"] {
        assert_eq!(sorted(&tenant, by, "ascending"), ["single", "first", "primary"], "{by}");
        assert_eq!(sorted(&tenant, by, "descending"), ["primary", "first", "single"], "{by}");
    }
    assert_eq!(sorted(&tenant, "name.familyName", ""), ["single", "first", "primary"]);
}

#[test]
fn r7644_3_4_2_3_5_what_has_no_value_comes_last_and_in_descending_order_first() {
    let tenant = users(&[
        ("none1", json!({})),
        ("b", json!({"title": "b", "externalId": "b", "emails": [{"value": "b"}]})),
        ("none2", json!({"emails": [{"display": "no value"}]})),
        ("a", json!({"title": "a", "externalId": "a", "emails": [{"value": "a"}]})),
        ("none3", json!({"title": null})),
    ]);
    for by in ["title", "externalId", "emails.value"] {
        assert_eq!(sorted(&tenant, by, "ascending"), ["a", "b", "none1", "none2", "none3"], "{by}");
        assert_eq!(sorted(&tenant, by, "descending"), ["none1", "none2", "none3", "b", "a"], "{by}");
        // Pages that begin and end around the border.
        for order in ["ascending", "descending"] {
            let whole = sorted(&tenant, by, order);
            for start in 1..=6 {
                for count in 1..=4 {
                    let (start_text, count_text) = (start.to_string(), count.to_string());
                    let part = page(
                        &tenant.client,
                        &[("sortBy", by), ("sortOrder", order), ("startIndex", &start_text), ("count", &count_text)],
                    );
                    let expected: Vec<&str> = whole.iter().skip(start - 1).take(count).map(String::as_str).collect();
                    assert_eq!((names(&part), &part["totalResults"]), (expected, &json!(5)), "{by} {start} {count}");
                }
            }
        }
    }
    for huge in ["6", "4294967297", "99999999999999999999999999"] {
        for by in ["title", "userName"] {
            let far = page(&tenant.client, &[("sortBy", by), ("startIndex", huge), ("count", huge)]);
            assert_eq!((names(&far).len(), &far["totalResults"]), (0, &json!(5)), "{by} {huge}");
        }
    }
    assert_eq!(sorted(&tenant, "nickName", "descending").len(), 5, "also where nobody has one");
}

#[test]
fn r7644_3_4_2_3_6_equals_are_in_the_order_of_creation_and_a_sorted_walk_repeats_and_omits_nobody() {
    let tenant = tenant();
    for number in 0..23 {
        tenant.create(&json!({"userName": format!("user{:02}", (number * 7) % 23), "title": (number % 3).to_string()}));
    }
    let created = names(&page(&tenant.client, &[])).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut expected: Vec<(usize, &String)> = created.iter().enumerate().collect();
    expected.sort_by_key(|(number, _)| (number % 3, *number));
    for (filter, size) in [("", 5), ("userName sw \"user\"", 4)] {
        let mut walked: Vec<String> = Vec::new();
        while walked.len() < created.len() {
            let (start, count) = ((walked.len() + 1).to_string(), size.to_string());
            let mut parameters = vec![("sortBy", "title"), ("startIndex", &*start), ("count", &*count)];
            if !filter.is_empty() {
                parameters.push(("filter", filter));
            }
            let part = page(&tenant.client, &parameters);
            walked.extend(names(&part).into_iter().map(str::to_owned));
            // One that was read goes: the others move up, and the next page starts behind what was read all the same.
            let gone = tenant.create_path(&json!({"userName": format!("gone{filter}{start}"), "title": "0"}));
            assert_eq!(tenant.client.delete(&gone).status, 204);
            let early = format!("early{size}-{start}");
            assert_eq!(tenant.client.delete(&tenant.create_path(&json!({"userName": early}))).status, 204);
        }
        assert_eq!(walked, expected.iter().map(|(_, name)| (*name).clone()).collect::<Vec<_>>(), "{filter}");
    }
    // Whoever was read already and is deleted takes nobody along.
    let first = page(&tenant.client, &[("sortBy", "userName"), ("count", "5"), ("startIndex", "1")]);
    for user in first["Resources"].as_array().unwrap() {
        assert_eq!(tenant.client.delete(&path_of(user)).status, 204);
    }
    let second = page(&tenant.client, &[("sortBy", "userName"), ("count", "5"), ("startIndex", "6")]);
    assert_eq!(names(&second), ["user05", "user06", "user07", "user08", "user09"]);
    assert_eq!(second["totalResults"], 18);
}
