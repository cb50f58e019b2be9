//! Filters, pages and look-ups.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::*;
use crate::support::groups::group_body;
use crate::support::{Client, LIST, assert_error, shared, tenant};

#[test]
fn row_16_filter_text_has_json_escapes_and_is_decoded_once() {
    let tenant = tenant();
    let names = ["a \"b\" \\ :", "plus+sign", "plus sign", "100%25", "100%"];
    let users: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(number, name)| tenant.create(&json!({"userName": format!("u{number}"), "displayName": name})))
        .collect();
    let filter = |encoded: &str| tenant.client.get(&format!("/Users?filter=displayName%20eq%20%22{encoded}%22"));
    assert_found(&filter("a%20%5C%22b%5C%22%20%5C%5C%20:"), &[&users[0]]);
    assert_found(&filter("a+%5C%22b%5C%22+%5C%5C+%3A"), &[&users[0]]);
    assert_found(&filter("plus%2Bsign"), &[&users[1]]);
    assert_found(&filter("plus+sign"), &[&users[2]]);
    assert_found(&filter("plus%20sign"), &[&users[2]]);
    assert_found(&filter("100%2525"), &[&users[3]]);
    assert_found(&filter("100%25"), &[&users[4]]);
    assert_error(&filter("a\\q"), 400, Some("invalidFilter"));
}

#[test]
fn row_20_a_page_beyond_the_end_is_empty_and_says_the_true_total() {
    let tenant = tenant();
    tenant.user("ada");
    tenant.user("bob");
    for (query, start, items) in
        [("startIndex=101&count=100", 101, 0), ("count=0", 1, 0), ("startIndex=2&count=0", 2, 0), ("count=1", 1, 1)]
    {
        let answer = tenant.client.get(&format!("/Users?{query}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page = answer.json();
        assert_eq!(page["schemas"], json!([LIST]));
        assert_eq!(
            (&page["totalResults"], &page["startIndex"], &page["itemsPerPage"]),
            (&json!(2), &json!(start), &json!(items)),
            "{query}"
        );
        assert_eq!(page["Resources"].as_array().unwrap().len(), items);
    }
}

#[test]
fn row_21_a_filter_is_never_left_out() {
    let tenant = tenant();
    let user = tenant.user("ada");
    let groups = ["Engineers", "Managers"].map(|name| tenant.client.post("/Groups", &group_body(name, &[])).json());
    let filter = |endpoint: &str, filter: &str| tenant.client.query(endpoint, &[("filter", filter)]);
    assert_found(&filter("/Groups", "displayName eq \"engineers\""), &[&groups[0]]);
    assert_found(&filter("/Groups", "displayName eq \"Nobody\""), &[]);
    // Attributes without an index of their own.
    assert_found(&filter("/Groups", "displayName sw \"man\""), &[&groups[1]]);
    assert_found(&filter("/Users", "title pr"), &[]);
    assert_found(&filter("/Users", "not (title pr)"), &[&user]);
    for (endpoint, unknown) in [
        ("/Users", "favouriteColour eq \"red\""),
        ("/Users", "name.unknown eq \"x\""),
        ("/Users", "displayname"),
        ("/Users", ""),
        ("/Groups", "userName eq \"ada\""),
        ("/Groups", "members[unknown eq \"x\"]"),
    ] {
        assert_error(&filter(endpoint, unknown), 400, Some("invalidFilter"));
    }
}

#[test]
fn row_27_matching_by_external_id_and_by_a_word_without_quotes_finds_the_person() {
    let tenant = tenant();
    let guid = "0A21f0f2-8d2a-4f8e-bf98-7363c4aed4ef";
    let ada = tenant.create(&json!({"userName": "jdoe", "externalId": guid}));
    tenant.create(&json!({"userName": "jdoe2", "externalId": guid.to_lowercase()}));
    for filter in [
        format!("externalId eq \"{guid}\""),
        format!("externalId eq {guid}"),
        format!("EXTERNALID EQ \"{guid}\""),
        "userName eq jdoe".into(),
        "userName eq JDoe".into(),
    ] {
        assert_found(&tenant.client.filter(&filter), &[&ada]);
    }
    for filter in ["userName eq jdoe smith", "userName = jdoe", "userName eq", "eq jdoe", "userName eq jdoe or"] {
        assert_error(&tenant.client.filter(filter), 400, Some("invalidFilter"));
    }
}

#[test]
fn row_29_pages_are_of_one_order_and_the_total_of_all() {
    const USERS: usize = 23;
    let tenant = tenant();
    let created: Vec<Value> = (0..USERS).map(|number| tenant.user(&format!("u{}", (number * 7) % USERS))).collect();
    let created: Vec<&Value> = created.iter().map(|user| &user["id"]).collect();
    for step in [1, 5, 10, 100] {
        let mut seen = Vec::new();
        for start in (1..=USERS).step_by(step) {
            let page = tenant.client.get(&format!("/Users?startIndex={start}&count={step}")).json();
            assert_eq!(page["totalResults"], USERS);
            seen.extend(page["Resources"].as_array().unwrap().iter().map(|user| user["id"].clone()));
        }
        assert_eq!(seen.iter().collect::<Vec<_>>(), created, "{step}");
    }
    let first = tenant.client.get("/Users?startIndex=1&count=5").json();
    for start in ["0", "-1", "-99999999999999999999"] {
        assert_eq!(tenant.client.get(&format!("/Users?startIndex={start}&count=5")).json(), first, "{start}");
    }
}

#[test]
fn row_36_the_connection_test_is_answered_at_once_and_the_base_path_behind_the_token() {
    let tenant = tenant();
    (0..50).for_each(|number| drop(tenant.user(&format!("u{number}"))));
    let guid = "userName eq \"6c6d1d55-0d4e-4b2a-9f3e-8c2a7f9f3c11\"";
    let begun = Instant::now();
    assert_found(&tenant.client.filter(guid), &[]);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    for path in ["", "/"] {
        assert_eq!(tenant.client.get(path).json()["totalResults"], 50);
        let anonymous = Client::anonymous(&shared().url);
        assert_error(&anonymous.get(path), 401, None);
        assert_error(&Client::send(anonymous.request(Method::POST, path)), 401, None);
    }
}
