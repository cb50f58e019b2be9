//! RFC 7644 sections 3.4.1 and 3.4.2: reading one resource and lists of them.

use serde_json::{Value, json};

use super::{ada, read};
use crate::support::{LIST, assert_error, path_of, tenant};

#[test]
fn r7644_3_4_1_1_a_resource_is_read_by_its_id() {
    let tenant = tenant();
    let created = tenant.create(&ada());
    let answer = tenant.client.get(&path_of(&created));
    assert_eq!((answer.status, answer.json()), (200, created.clone()));
    assert_eq!(answer.header("location"), created["meta"]["location"].as_str());
    assert_eq!(answer.header("etag"), created["meta"]["version"].as_str());
}

#[test]
fn r7644_3_4_1_1_an_id_that_names_nothing_is_404_whatever_it_looks_like() {
    let tenant = tenant();
    let foreign = crate::support::tenant().user("ada");
    let id = tenant.user("ada")["id"].as_str().unwrap().to_owned();
    let long = "a".repeat(3_000);
    let ids = [
        foreign["id"].as_str().unwrap(),
        "00000000-0000-0000-0000-000000000000",
        "0101010101",
        "ada",
        &id[..35],
        &format!("{id}0"),
        &id.replace('-', ""),
        &format!("%7B{id}%7D"),
        "%F0%9F%98%80",
        "%00",
        "%FF",
        "1%27%20OR%20%271%27%3D%271",
        "%2E%2E%2Fx",
        &long,
    ];
    for id in ids {
        let path = format!("/Users/{id}");
        for answer in [
            tenant.client.get(&path),
            tenant.client.put(&path, &json!({"userName": "ada"})),
            tenant.client.modify(&path, &json!([{"op": "add", "path": "title", "value": "x"}])),
            tenant.client.delete(&path),
        ] {
            assert_error(&answer, 404, None);
            assert!(answer.text.len() < 1_000, "the id is not echoed at length");
        }
    }
}

#[test]
fn r7644_3_4_2_1_a_list_has_its_four_members_and_its_numbers_are_integers() {
    let tenant = tenant();
    let empty = json!({"schemas": [LIST], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []});
    assert_eq!(read(&tenant.client, "/Users"), empty);
    let users: Vec<Value> = ["ada", "bob", "cyd"].into_iter().map(|name| tenant.user(name)).collect();
    assert_eq!(
        read(&tenant.client, "/Users"),
        json!({"schemas": [LIST], "totalResults": 3, "startIndex": 1, "itemsPerPage": 3, "Resources": users})
    );
    let page = read(&tenant.client, "/Users?startIndex=2&count=1");
    assert_eq!(
        page,
        json!({"schemas": [LIST], "totalResults": 3, "startIndex": 2, "itemsPerPage": 1, "Resources": [users[1]]})
    );
}

#[test]
fn r7644_3_4_2_2_no_match_is_an_empty_list() {
    let tenant = tenant();
    tenant.user("ada");
    for filter in [
        "userName eq \"nobody\"",
        "userName eq \"%\"",
        "emails pr",
        "id eq \"ada\"",
        "meta.created lt \"2001-01-01T00:00:00Z\"",
    ] {
        let answer = tenant.client.filter(filter);
        assert_eq!(answer.status, 200, "{filter}");
        assert_eq!(
            answer.json(),
            json!({"schemas": [LIST], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []}),
            "{filter}"
        );
    }
}

#[test]
fn r7644_3_4_2_3_unknown_and_empty_parameters_are_ignored() {
    let tenant = tenant();
    let path = path_of(&tenant.user("ada"));
    tenant.user("bob");
    let all = read(&tenant.client, "/Users");
    for query in ["?", "?&", "?&&", "?aadOptscim062020", "?unknown=1&x=%20&", "?=", "?sortBy=&sortOrder=&startIndex="] {
        assert_eq!(read(&tenant.client, &format!("/Users{query}")), all, "{query}");
        assert_eq!(read(&tenant.client, &format!("{path}{query}")), all["Resources"][0], "{query}");
    }
    let found = read(&tenant.client, "/Users?filter=userName+eq+%22bob%22&");
    assert_eq!((&found["totalResults"], &found["Resources"][0]["userName"]), (&json!(1), &json!("bob")));
    assert_eq!(tenant.client.put(&format!("{path}?"), &json!({"userName": "ada"})).status, 200);
    assert_eq!(tenant.client.put(&format!("{path}/?"), &json!({"userName": "ada"})).status, 200);
    assert_eq!(read(&tenant.client, "/Users/?startIndex=1"), all);
}

#[test]
fn r7644_3_4_2_4_the_total_counts_what_matches_whatever_the_page() {
    let tenant = tenant();
    for number in 0..7 {
        tenant.create(&json!({"userName": format!("user{number}"), "active": number < 4}));
    }
    for (filter, total) in
        [("", 7), ("active eq true", 4), ("active eq true or userName eq \"user6\"", 5), ("title pr", 0)]
    {
        for (start, count) in [("1", "0"), ("1", "1"), ("1", "2"), ("3", "2"), ("1", "100"), ("4", "100"), ("50", "2")]
        {
            let mut parameters = vec![("startIndex", start), ("count", count)];
            if !filter.is_empty() {
                parameters.push(("filter", filter));
            }
            let page = tenant.client.query("/Users", &parameters).json();
            assert_eq!(page["totalResults"], total, "{parameters:?}");
            let (start, count) = (start.parse::<usize>().unwrap(), count.parse::<usize>().unwrap());
            let expected = (total + 1_usize).saturating_sub(start).min(count);
            assert_eq!(page["Resources"].as_array().unwrap().len(), expected, "{parameters:?}");
            assert_eq!(page["itemsPerPage"], expected, "{parameters:?}");
        }
    }
}
