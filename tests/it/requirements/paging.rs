//! RFC 7644 sections 3.4.2.3 and 3.4.2.4: order and pages.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};

use super::read;
use crate::support::{Client, Tenant, assert_error, minimal, path_of, tenant};

/// The `userName`s on a page.
pub(super) fn names(page: &Value) -> Vec<&str> {
    page["Resources"].as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap()).collect()
}

/// The page itself, with the figures checked against its content.
#[track_caller]
pub(super) fn page(client: &Client, parameters: &[(&str, &str)]) -> Value {
    let answer = client.query("/Users", parameters);
    assert_eq!(answer.status, 200, "{parameters:?}: {}", answer.text);
    let page = answer.json();
    assert_eq!(page["itemsPerPage"], page["Resources"].as_array().unwrap().len(), "{parameters:?}");
    page
}

fn five() -> Tenant {
    let tenant = tenant();
    for name in ["e", "d", "c", "b", "a"] {
        tenant.user(name);
    }
    tenant
}

#[test]
fn r7644_3_4_2_3_6_the_order_is_that_of_creation_whatever_changes_meanwhile() {
    let tenant = tenant();
    let created: Vec<Value> = (0..20).map(|number| tenant.user(&format!("user{:02}", (number * 7) % 20))).collect();
    let expected: Vec<&str> = created.iter().map(|user| user["userName"].as_str().unwrap()).collect();
    for filter in [None, Some("userName sw \"user\""), Some("active pr")] {
        for size in [1, 3, 7, 20, 100] {
            let mut walked = Vec::new();
            let mut start = 1;
            while start <= created.len() {
                let (start_text, count) = (start.to_string(), size.to_string());
                let mut parameters = vec![("startIndex", start_text.as_str()), ("count", count.as_str())];
                parameters.extend(filter.map(|filter| ("filter", filter)));
                let page = page(&tenant.client, &parameters);
                assert_eq!(page["totalResults"], created.len());
                walked.extend(names(&page).into_iter().map(str::to_owned));
                // A change of what was read and of what will be must move nothing.
                for user in [&created[start - 1], created.last().unwrap()] {
                    let title = json!([{"op": "replace", "path": "title", "value": format!("{size}-{start}")}]);
                    assert_eq!(tenant.client.modify(&path_of(user), &title).status, 200);
                }
                start += size;
            }
            assert_eq!(walked, expected, "{filter:?} by {size}");
        }
    }
}

#[test]
fn r7644_3_4_2_4_1_start_index_counts_from_one() {
    let tenant = five();
    for start in ["1", "0", "-1", "-5", "-99999999999999999999", " 1 "] {
        let page = page(&tenant.client, &[("startIndex", start), ("count", "2")]);
        assert_eq!((names(&page), &page["startIndex"]), (vec!["e", "d"], &json!(1)), "{start}");
    }
    let without = page(&tenant.client, &[("count", "2")]);
    assert_eq!((names(&without), &without["startIndex"]), (vec!["e", "d"], &json!(1)));
    let third = page(&tenant.client, &[("STARTINDEX", "3"), ("Count", "2")]);
    assert_eq!((names(&third), &third["startIndex"]), (vec!["c", "b"], &json!(3)));
}

#[test]
fn r7644_3_4_2_4_2_count_is_the_most_that_is_returned() {
    let tenant = five();
    for (count, expected) in [("0", 0), ("-1", 0), ("-99999999999999999999", 0), ("1", 1), ("4", 4), ("5", 5), ("6", 5)]
    {
        for filter in ["userName pr", "active eq true"] {
            let page = page(&tenant.client, &[("count", count), ("filter", filter)]);
            assert_eq!((names(&page).len(), &page["totalResults"]), (expected, &json!(5)), "{count}");
        }
        let page = page(&tenant.client, &[("count", count)]);
        assert_eq!((names(&page).len(), &page["totalResults"]), (expected, &json!(5)), "{count}");
        assert_eq!(page["startIndex"], 1);
    }
    let last = page(&tenant.client, &[("startIndex", "4"), ("count", "100")]);
    assert_eq!(names(&last), ["b", "a"]);
}

#[test]
fn r7644_3_4_2_4_3_a_page_beyond_the_end_is_empty() {
    let tenant = five();
    for (start, filter, total) in [
        ("6", "", 5),
        ("101", "", 5),
        ("6", "active eq true", 5),
        ("2", "userName eq \"a\"", 1),
        ("1", "userName eq \"x\"", 0),
        ("9", "userName eq \"x\"", 0),
    ] {
        let mut parameters = vec![("startIndex", start), ("count", "100")];
        if !filter.is_empty() {
            parameters.push(("filter", filter));
        }
        let page = page(&tenant.client, &parameters);
        assert_eq!(page["Resources"], json!([]), "{parameters:?}");
        assert_eq!(page["totalResults"], total, "{parameters:?}");
        assert_eq!(page["startIndex"].to_string(), start, "{parameters:?}");
    }
}

#[test]
fn r7644_3_4_2_4_4_numbers_must_be_whole_and_may_be_huge() {
    let tenant = five();
    for wrong in ["abc", "1.5", "1e3", "0x10", "--1", "1 2", "\u{661}", "true"] {
        for name in ["startIndex", "count"] {
            let answer = tenant.client.query("/Users", &[(name, wrong)]);
            assert_eq!(answer.status, 400, "{name}={wrong}: {}", answer.text);
            assert_error(&answer, 400, Some("invalidValue"));
        }
    }
    for huge in
        ["2147483648", "4294967297", "9223372036854775807", "18446744073709551616", "99999999999999999999999999"]
    {
        let far = page(&tenant.client, &[("startIndex", huge)]);
        assert_eq!((names(&far).len(), &far["totalResults"]), (0, &json!(5)), "{huge}");
        assert!(far["startIndex"].is_u64());
        let filtered = page(&tenant.client, &[("startIndex", huge), ("count", huge), ("filter", "active eq true")]);
        assert_eq!((names(&filtered).len(), &filtered["totalResults"]), (0, &json!(5)), "{huge}");
        assert_eq!(names(&page(&tenant.client, &[("count", huge)])).len(), 5, "{huge}");
    }
}

#[test]
fn r7644_3_4_2_4_5_a_page_has_100_by_default_and_at_most_what_the_config_says() {
    let tenant = tenant();
    let most = read(&tenant.client, "/ServiceProviderConfig")["filter"]["maxResults"].as_u64().unwrap();
    let most = usize::try_from(most).unwrap();
    assert!(most >= 200);
    let all = most + 1;
    thread::scope(|scope| {
        for part in 0..4 {
            let client = &tenant.client;
            scope.spawn(move || {
                for number in (part..all).step_by(4) {
                    assert_eq!(client.post("/Users", &minimal(&format!("user{number}"))).status, 201);
                }
            });
        }
    });
    for parameters in [vec![], vec![("filter", "userName sw \"user\"")]] {
        let with_count = |count: &str| {
            let mut parameters = parameters.clone();
            parameters.push(("count", count));
            page(&tenant.client, &parameters)
        };
        let default = page(&tenant.client, &parameters);
        assert_eq!((names(&default).len(), &default["totalResults"]), (100, &json!(all)));
        assert_eq!(names(&with_count("100")), names(&default));
        let full = with_count(&(all + 1_000).to_string());
        assert_eq!((names(&full).len(), &full["totalResults"]), (most, &json!(all)));
        let distinct: BTreeSet<&str> = names(&full).into_iter().collect();
        assert_eq!(distinct.len(), most);
    }
}

#[test]
fn r7644_3_4_2_4_6_the_figures_are_those_of_the_page_returned() {
    let tenant = five();
    for (start, count, effective, items) in
        [("-3", "2", 1, 2), ("4", "5", 4, 2), ("2", "0", 2, 0), ("9", "2", 9, 0), ("1", "5000", 1, 5)]
    {
        let page = tenant.client.query("/Users", &[("startIndex", start), ("count", count)]).json();
        assert_eq!((&page["startIndex"], &page["itemsPerPage"]), (&json!(effective), &json!(items)), "{start} {count}");
    }
}
