//! RFC 9865: lists read by cursor.

use chrono::{TimeDelta, Utc};
use provisor::auth::Scope;
use provisor::provider::{self, Context, Service};
use provisor::scim::limits;
use provisor::scim::registry::Registry;
use provisor::scim::reply::Body;
use provisor::scim::search::SearchRequest;
use serde_json::{Value, json};

use super::paging::{names, page};
use super::read;
use crate::support::{Client, Tenant, assert_error, minimal, operator, path_of, shared, tenant};

fn seven() -> Tenant {
    let tenant = tenant();
    for name in ["c", "g", "a", "f", "b", "e", "d"] {
        tenant.create(&json!({"userName": name, "title": format!("title {name}"), "active": name != "g"}));
    }
    tenant
}

fn cursor(page: &Value) -> Option<&str> {
    page.get("nextCursor").map(|cursor| cursor.as_str().unwrap())
}

/// Reads page after page until there is none.
#[track_caller]
fn walk(client: &Client, parameters: &[(&str, &str)]) -> Vec<Value> {
    let mut pages = vec![page(client, &[parameters, &[("cursor", "")]].concat())];
    while let Some(next) = cursor(&pages[pages.len() - 1]).map(str::to_owned) {
        assert!(pages.len() < 100, "the walk does not end");
        pages.push(page(client, &[parameters, &[("cursor", &*next)]].concat()));
    }
    pages
}

fn all(pages: &[Value]) -> Vec<&str> {
    pages.iter().flat_map(names).collect()
}

#[test]
fn r9865_2_1_a_walk_starts_with_an_empty_cursor_in_the_url_or_in_a_search() {
    let tenant = seven();
    for start in ["?cursor", "?cursor=", "?CURSOR=&count=100", "?startIndex=&cursor"] {
        let page = read(&tenant.client, &format!("/Users{start}"));
        assert_eq!(names(&page), ["c", "g", "a", "f", "b", "e", "d"], "{start}");
        assert_eq!(page.get("startIndex"), None, "{start}");
    }
    let first = read(&tenant.client, "/Users?cursor&count=3");
    let next = cursor(&first).unwrap();
    assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)), "{next}");
    let second = page(&tenant.client, &[("cursor", next), ("count", "3")]);
    assert_eq!((names(&first), names(&second)), (vec!["c", "g", "a"], vec!["f", "b", "e"]));
    // A search takes the cursors of the URL, and the other way round: it is the same query.
    let search = |cursor: &str| tenant.client.post("/Users/.search", &json!({"cursor": cursor, "count": 3})).json();
    assert_eq!(names(&search("")), names(&first));
    assert_eq!(search(next)["Resources"], second["Resources"]);
    let third = search(cursor(&second).unwrap());
    assert_eq!((names(&third), cursor(&third)), (vec!["d"], None));
}

#[test]
fn r9865_2_2_every_page_but_the_last_has_a_next_cursor_and_no_page_has_a_start_index() {
    let tenant = seven();
    for (filter, sort, expected) in [
        ("", "", "cgafbed"),
        ("", "userName", "abcdefg"),
        ("active eq true", "", "cafbed"),
        ("active eq true", "title", "abcdef"),
        ("userName eq \"x\"", "title", ""),
    ] {
        for count in ["1", "2", "3", "6", "7", "8", "1000"] {
            let mut parameters = vec![("count", count)];
            parameters.extend(Some(("filter", filter)).filter(|(_, filter)| !filter.is_empty()));
            parameters.extend(Some(("sortBy", sort)).filter(|(_, sort)| !sort.is_empty()));
            let pages = walk(&tenant.client, &parameters);
            assert_eq!(all(&pages).concat(), expected, "{parameters:?}");
            let count: usize = count.parse().unwrap();
            assert_eq!(pages.len(), expected.len().div_ceil(count).max(1), "{parameters:?}: no page more than needed");
            for page in &pages {
                assert_eq!(page["totalResults"], expected.len(), "{parameters:?}");
                assert_eq!(page.get("startIndex"), None);
                assert_eq!(page.get("previousCursor"), None);
            }
        }
    }
}

#[test]
fn r9865_2_3_the_count_is_that_of_the_first_page() {
    let tenant = seven();
    let first = page(&tenant.client, &[("cursor", ""), ("count", "2")]);
    let next = cursor(&first).unwrap();
    for other in ["1", "3", "0", "-1", "100", "99999999999999999999"] {
        let answer = tenant.client.query("/Users", &[("cursor", next), ("count", other)]);
        assert_error(&answer, 400, Some("invalidCount"));
    }
    let search = json!({"cursor": next, "count": 3});
    assert_error(&tenant.client.post("/Users/.search", &search), 400, Some("invalidCount"));
    // Whoever does not say it again means the same.
    for parameters in [vec![("cursor", next), ("count", "2")], vec![("cursor", next)]] {
        assert_eq!(names(&page(&tenant.client, &parameters)), ["a", "f"]);
    }
    // A first count that is too large is the largest there is, a negative one is none.
    let huge = page(&tenant.client, &[("cursor", ""), ("count", "99999999999999999999")]);
    assert_eq!((names(&huge).len(), cursor(&huge)), (7, None));
    for none in ["0", "-3"] {
        let empty = page(&tenant.client, &[("cursor", ""), ("count", none)]);
        assert_eq!((names(&empty).len(), cursor(&empty), &empty["totalResults"]), (0, None, &json!(7)));
    }
}

#[test]
fn r9865_2_4_a_cursor_belongs_to_one_query() {
    let tenant = seven();
    let parameters = [("filter", "title pr"), ("sortBy", "userName"), ("sortOrder", "descending"), ("count", "2")];
    let first = page(&tenant.client, &[&parameters[..], &[("cursor", "")]].concat());
    let next = ("cursor", cursor(&first).unwrap());
    let again = page(&tenant.client, &[&parameters[..], &[next, ("attributes", "userName")]].concat());
    assert_eq!(names(&again), ["e", "d"], "which attributes are shown may change");
    for others in [
        vec![],
        vec![parameters[1], parameters[2]],
        vec![parameters[0], parameters[1]],
        vec![("filter", "title PR"), parameters[1], parameters[2]],
        vec![parameters[0], ("sortBy", "title"), parameters[2]],
    ] {
        let answer = tenant.client.query("/Users", &[&others[..], &[next, ("count", "2")]].concat());
        assert_error(&answer, 400, Some("invalidCursor"));
    }
    let everything = tenant.client.query("", &[&parameters[..], &[next]].concat());
    assert_error(&everything, 400, Some("invalidCursor"));
}

#[test]
fn r9865_2_5_a_cursor_and_a_start_index_exclude_each_other() {
    let tenant = seven();
    let first = page(&tenant.client, &[("cursor", ""), ("count", "2")]);
    for cursor in ["", cursor(&first).unwrap()] {
        let answer = tenant.client.query("/Users", &[("cursor", cursor), ("startIndex", "1"), ("count", "2")]);
        assert_error(&answer, 400, Some("invalidValue"));
        let search = json!({"cursor": cursor, "startIndex": 1, "count": 2});
        assert_error(&tenant.client.post("/Users/.search", &search), 400, Some("invalidValue"));
    }
}

/// The answer of another instance of the server, whose clock shows another time.
fn elsewhere(tenant: &Tenant, later: TimeDelta, parameters: &[(&str, &str)]) -> Value {
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = SearchRequest::from_parameters(&parameters).unwrap();
    let service = Service { registry: Registry::standard().unwrap().into(), base_url: "https://other.example".into() };
    let caller = operator(tenant.id);
    shared().with_backend(|backend| {
        let context =
            Context { store: &backend.store, caller: &caller, service: &service, cursors: &backend.cursor_key };
        let users = [service.endpoint("Users").unwrap()];
        let answer = provider::query(&context, &users, &request, Utc::now() + later).unwrap();
        let Body::Whole(text) = answer.finish() else { panic!("chunks") };
        serde_json::from_str(&text).unwrap()
    })
}

#[test]
fn r9865_2_1_1_a_cursor_that_is_malformed_or_forged_or_too_old_is_refused_by_name() {
    let tenant = seven();
    let first = page(&tenant.client, &[("cursor", ""), ("count", "2")]);
    let good = cursor(&first).unwrap();
    let long = "A".repeat(5_000);
    let mut forged: Vec<String> =
        ["x", "1", "null", " ", "%00", "\u{e9}", "====", &long, &good[1..], &good[..good.len() - 1]]
            .map(str::to_owned)
            .to_vec();
    for position in (0..good.len()).step_by(7) {
        let other = if &good[position..=position] == "A" { "B" } else { "A" };
        forged.push(format!("{}{other}{}", &good[..position], &good[position + 1..]));
    }
    for cursor in &forged {
        let answer = tenant.client.query("/Users", &[("cursor", cursor), ("count", "2")]);
        assert_error(&answer, 400, Some("invalidCursor"));
    }
    let lifetime = TimeDelta::seconds(limits::CURSOR_SECONDS.into());
    let parameters = [("cursor", ""), ("count", "2")];
    let old = elsewhere(&tenant, -lifetime, &parameters);
    let answer = tenant.client.query("/Users", &[("cursor", cursor(&old).unwrap()), ("count", "2")]);
    assert_error(&answer, 400, Some("expiredCursor"));
    let almost = elsewhere(&tenant, TimeDelta::minutes(2) - lifetime, &parameters);
    assert_eq!(names(&page(&tenant.client, &[("cursor", cursor(&almost).unwrap()), ("count", "2")])), ["a", "f"]);
}

#[test]
fn r9865_2_4_1_without_a_cursor_pages_are_read_by_position() {
    let tenant = seven();
    for query in ["", "?count=3", "?startIndex=1&count=3", "?sortBy=userName"] {
        let page = read(&tenant.client, &format!("/Users{query}"));
        assert_eq!((&page["startIndex"], page.get("nextCursor")), (&json!(1), None), "{query}");
    }
    assert_eq!(read(&tenant.client, "/ServiceProviderConfig")["pagination"]["defaultPaginationMethod"], "index");
}

#[test]
fn r9865_4_1_the_service_provider_config_describes_paging() {
    let client = tenant().client;
    assert_eq!(
        read(&client, "/ServiceProviderConfig")["pagination"],
        json!({
            "cursor": true, "index": true, "defaultPaginationMethod": "index",
            "defaultPageSize": 100, "maxPageSize": 1_000, "cursorTimeout": 3_600
        })
    );
    let schema = read(&client, "/Schemas/urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig");
    let pagination =
        schema["attributes"].as_array().unwrap().iter().find(|known| known["name"] == "pagination").unwrap();
    let parts: Vec<&str> =
        pagination["subAttributes"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(
        parts,
        ["cursor", "index", "defaultPaginationMethod", "defaultPageSize", "maxPageSize", "cursorTimeout"]
    );
}

#[test]
fn r9865_5_1_a_cursor_gives_no_right_and_none_to_another_tenant() {
    let (tenant, other) = (seven(), seven());
    let first = page(&tenant.client, &[("cursor", ""), ("count", "2")]);
    let next = [("cursor", cursor(&first).unwrap()), ("count", "2")];
    assert_error(&other.client.query("/Users", &next), 400, Some("invalidCursor"));
    assert_error(&tenant.client_with(&[Scope::Write]).query("/Users", &next), 403, None);
    assert_error(&Client::anonymous(&shared().url).query("/Users", &next), 401, None);
    // A token that took the place of the first reads on.
    let successor = tenant.client_with(&[Scope::Read]);
    assert_eq!(names(&page(&successor, &next)), ["a", "f"]);
}

#[test]
fn r9865_x_every_instance_takes_a_cursor_whatever_came_and_went() {
    let tenant = seven();
    let count = ("count", "2");
    let by = ("sortBy", "title");
    let first = elsewhere(&tenant, TimeDelta::zero(), &[("cursor", ""), count, by]);
    assert_eq!(names(&first), ["a", "b"]);
    // The last one read goes, and others come before and behind.
    for user in first["Resources"].as_array().unwrap() {
        assert_eq!(tenant.client.delete(&path_of(user)).status, 204);
    }
    for (name, title) in [("before", "title 0"), ("behind", "title bb"), ("same", "title c")] {
        tenant.create(&json!({"userName": name, "title": title}));
    }
    tenant.create(&minimal("none"));
    let mut next = cursor(&first).unwrap().to_owned();
    let mut walked = Vec::new();
    loop {
        let page = page(&tenant.client, &[("cursor", &*next), count, by]);
        walked.extend(names(&page).into_iter().map(str::to_owned));
        match cursor(&page) {
            Some(cursor) => next = cursor.to_owned(),
            None => break,
        }
    }
    assert_eq!(walked, ["behind", "c", "same", "d", "e", "f", "g", "none"]);
}

#[test]
fn r9865_x_a_cursor_stays_short_whatever_the_values_are() {
    let tenant = tenant();
    let long = "\u{10ffff}".repeat(limits::SORT_CHARACTERS);
    // Those that begin alike are in the order of creation.
    for (name, title) in [("c", format!("{long}z")), ("b", format!("{long}a")), ("a", format!("0{long}"))] {
        tenant.create(&json!({"userName": name, "title": title}));
    }
    let pages = walk(&tenant.client, &[("sortBy", "title"), ("count", "1")]);
    assert_eq!(all(&pages), ["a", "c", "b"]);
    assert!(pages.iter().filter_map(cursor).all(|cursor| cursor.len() < 6_000));
}
