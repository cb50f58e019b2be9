//! RFC 7644 sections 3.4.2.1 and 3.4.3: queries over all resource types, and queries in bodies.

use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::paging::names;
use super::read;
use crate::support::process::run_json;
use crate::support::{
    Client, LIST, ServerProcess, TemporaryDirectory, assert_error, database, minimal, path_of, tenant,
};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

#[test]
fn r7644_3_4_2_1_1_the_root_lists_resources_of_every_type() {
    let tenant = tenant();
    let users: Vec<Value> = ["ada", "bob", "cyd"].into_iter().map(|name| tenant.user(name)).collect();
    let find = |filter: &str| {
        let answer = tenant.client.query("", &[("filter", filter)]);
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
        answer.json()
    };
    for filter in ["meta.resourceType eq \"User\"", "id pr", "userName pr", "not (meta.resourceType eq \"Robot\")"] {
        let list = find(filter);
        assert_eq!((&list["Resources"], &list["totalResults"]), (&json!(users), &json!(3)), "{filter}");
    }
    assert_eq!(find("meta.resourceType eq \"Robot\"")["totalResults"], 0);
    assert_eq!(find("userName eq \"bob\"")["Resources"], json!([users[1]]));
    for path in ["", "/", "?", "/?startIndex=1"] {
        assert_eq!(read(&tenant.client, path)["totalResults"], 3, "{path}");
    }
    let page = read(&tenant.client, "?sortBy=userName&sortOrder=descending&startIndex=2&count=1&attributes=userName");
    assert_eq!(names(&page), ["bob"]);
    assert_eq!(page["Resources"][0].get("meta"), None);
    let first = read(&tenant.client, "?cursor&count=2&sortBy=userName");
    let next = first["nextCursor"].as_str().unwrap();
    let second = read(&tenant.client, &format!("?cursor={next}&count=2&sortBy=userName"));
    assert_eq!((names(&first), names(&second)), (vec!["ada", "bob"], vec!["cyd"]));
    assert_eq!(second.get("nextCursor"), None);
    for filter in ["nonsense eq \"x\"", "urn:example:unknown:x pr", "emails.nonsense pr", "active gt true"] {
        assert_error(&tenant.client.query("", &[("filter", filter)]), 400, Some("invalidFilter"));
    }
    assert_error(&tenant.client.query("", &[("sortBy", "nonsense")]), 400, Some("invalidValue"));
}

#[test]
fn r7644_3_4_2_1_1_what_a_type_does_not_have_counts_as_having_no_value() {
    let tenant = tenant();
    let create = |path: &str, body: &Value| {
        let answer = tenant.client.post(path, body);
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()
    };
    let ada = create("/Users", &json!({"userName": "ada", "displayName": "Ada", "active": true}));
    create("/Groups", &json!({"displayName": "Admins"}));
    create("/Users", &json!({"userName": "zoe", "displayName": "aZ", "active": false}));
    create("/Groups", &json!({"displayName": "Zoo", "externalId": "z", "members": [{"value": ada["id"]}]}));
    let ask = |body: &Value| tenant.client.post("/.search", body);
    let found = |body: &Value| {
        let answer = ask(body);
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
        let list = answer.json();
        let name = |resource: &Value| resource["displayName"].as_str().unwrap().to_owned();
        let names: Vec<String> = list["Resources"].as_array().unwrap().iter().map(name).collect();
        (names.join(" "), list["totalResults"].as_u64().unwrap())
    };
    for (filter, expected) in [
        ("id pr", "Admins Zoo Ada aZ"),
        ("meta.resourceType eq \"Group\"", "Admins Zoo"),
        ("meta.resourceType ne \"Group\"", "Ada aZ"),
        ("userName eq \"ada\"", "Ada"),
        ("userName ne \"ada\"", "Admins Zoo aZ"),
        ("userName pr", "Ada aZ"),
        ("not (userName pr)", "Admins Zoo"),
        ("userName eq null", "Admins Zoo"),
        ("userName ne null", "Ada aZ"),
        ("active eq true or displayName sw \"z\"", "Zoo Ada"),
        ("emails[type eq \"work\"] or externalId eq \"z\"", "Zoo"),
        ("not (active eq true) and displayName sw \"a\"", "Admins aZ"),
        ("members pr", "Zoo"),
        ("members.value eq \"nobody\" or groups pr", "Ada"),
    ] {
        let total = expected.split_whitespace().count() as u64;
        assert_eq!(found(&json!({"filter": filter})), (expected.to_owned(), total), "{filter}");
        let page = found(&json!({"filter": filter, "count": 1, "startIndex": 2}));
        assert_eq!(page, (expected.split(' ').nth(1).unwrap_or_default().to_owned(), total), "{filter}");
    }
    for (by, order, expected) in [
        ("displayName", "ascending", "Ada Admins aZ Zoo"),
        ("displayName", "descending", "Zoo aZ Admins Ada"),
        ("userName", "ascending", "Ada aZ Admins Zoo"),
        ("userName", "descending", "Admins Zoo aZ Ada"),
        ("externalId", "ascending", "Zoo Admins Ada aZ"),
        ("meta.created", "ascending", "Ada Admins aZ Zoo"),
        ("meta.resourceType", "descending", "Ada aZ Admins Zoo"),
    ] {
        assert_eq!(found(&json!({"sortBy": by, "sortOrder": order})), (expected.to_owned(), 4), "{by} {order}");
    }
    // Each is shown by the schema of its own type.
    let list = ask(&json!({"attributes": ["userName", "displayName"], "count": 3})).json();
    let shown = &list["Resources"];
    assert_eq!((&shown[0]["displayName"], shown[0].get("userName")), (&json!("Admins"), None));
    assert_eq!((&shown[2]["userName"], shown[2].get("active")), (&json!("ada"), None));
    let whole = ask(&json!({"sortBy": "displayName"})).json();
    let shown = whole["Resources"].as_array().unwrap();
    for (position, path) in [(0, "Users"), (1, "Groups"), (2, "Users"), (3, "Groups")] {
        let location = format!("{}/{path}/{}", tenant.client.base(), shown[position]["id"].as_str().unwrap());
        assert_eq!(shown[position]["meta"]["location"], location);
    }
    // What is derived from others comes along.
    assert_eq!(shown[0]["groups"][0]["display"], "Zoo");
    assert_eq!((&shown[3]["members"][0]["value"], &shown[1]["members"]), (&ada["id"], &json!([])));
    for (body, scim_type) in [
        (json!({"filter": "nonsense pr"}), "invalidFilter"),
        (json!({"filter": "active gt true"}), "invalidFilter"),
        (json!({"filter": "members.nonsense pr"}), "invalidFilter"),
        (json!({"sortBy": "nonsense"}), "invalidValue"),
        (json!({"sortBy": "members"}), "invalidValue"),
    ] {
        assert_error(&ask(&body), 400, Some(scim_type));
    }
    // Walks over the border between the types.
    for sort in [json!({}), json!({"sortBy": "externalId"}), json!({"sortBy": "userName", "sortOrder": "descending"})] {
        let whole = found(&sort).0;
        for count in [1, 2, 3] {
            let (mut walked, mut cursor) = (Vec::new(), json!(""));
            while !cursor.is_null() {
                let mut body = sort.clone();
                body["cursor"] = cursor;
                body["count"] = json!(count);
                let page = ask(&body).json();
                walked.extend(page["Resources"].as_array().unwrap().iter().map(|one| one["displayName"].clone()));
                cursor = page["nextCursor"].clone();
            }
            let walked: Vec<&str> = walked.iter().map(|name| name.as_str().unwrap()).collect();
            assert_eq!(walked.join(" "), whole, "{sort} by {count}");
        }
    }
}

#[test]
fn r7644_3_4_2_1_2_a_query_that_takes_too_long_is_refused_where_the_query_is_why() {
    let directory = TemporaryDirectory::new("slow");
    let server = ServerProcess::start(&directory);
    let token = run_json(&directory, &["token", "create", "t"])["token"].as_str().unwrap().to_owned();
    let client = Client::new(&server.url, &format!("Bearer {token}"));
    assert_eq!(client.post("/Users", &minimal("ada")).status, 201);
    let mut pg = database::connect(&directory, "provisor");
    database::execute(&mut pg, "ALTER TABLE resources RENAME TO stored");
    let mut with_rows_that_take = |seconds: f64| {
        let statement =
            format!("CREATE OR REPLACE VIEW resources AS SELECT * FROM stored WHERE pg_sleep({seconds}) IS NOT NULL");
        database::execute(&mut pg, &statement);
    };
    with_rows_that_take(20.0);
    let timed = |ask: &dyn Fn()| {
        let begun = Instant::now();
        ask();
        begun.elapsed()
    };
    thread::scope(|scope| {
        let client = &client;
        let too_many =
            [vec![("filter", "title co \"x\"")], vec![("sortBy", "title")], vec![("sortBy", "title"), ("cursor", "")]];
        let searches = too_many.map(|parameters| {
            let ask = move || assert_error(&client.query("/Users", &parameters), 400, Some("tooMany"));
            scope.spawn(move || timed(&ask))
        });
        // Nothing that the client could do differently.
        let list = scope.spawn(move || timed(&|| assert_error(&client.get("/Users"), 503, None)));
        let longest = searches.map(|search| search.join().unwrap()).into_iter().max();
        assert!(longest < Some(list.join().unwrap()), "a search has less time than a list");
    });
    // The page and the number of all are two statements, with one time for both.
    let full_page = [("filter", "userName co \"a\""), ("count", "1")];
    with_rows_that_take(0.1);
    assert_eq!(client.query("/Users", &full_page).json()["totalResults"], 1);
    with_rows_that_take(1.2);
    assert_error(&client.query("/Users", &full_page), 400, Some("tooMany"));
}

#[test]
fn r7644_3_4_3_1_a_search_asks_in_a_body_what_a_get_asks_in_the_url() {
    let tenant = tenant();
    for (name, title) in [("ada", "x"), ("bob", "y"), ("cyd", "x"), ("dan", "z")] {
        tenant.create(&json!({"userName": name, "title": title}));
    }
    for path in ["/Users", ""] {
        let search = |body: &Value| {
            let answer = tenant.client.post(&format!("{path}/.search"), body);
            assert_eq!(answer.status, 200, "{body}: {}", answer.text);
            answer.json()
        };
        let whole = search(&json!({
            "schemas": [SEARCH], "filter": "title eq \"x\" or title eq \"y\"", "sortBy": "title", "sortOrder": "descending",
            "attributes": ["userName", "title"], "startIndex": 2, "count": 2
        }));
        assert_eq!(whole["schemas"], json!([LIST]));
        assert_eq!(
            (names(&whole), &whole["totalResults"], &whole["startIndex"]),
            (vec!["ada", "cyd"], &json!(3), &json!(2))
        );
        assert_eq!(whole["Resources"][0].get("active"), None);
        assert_eq!(search(&json!({})), read(&tenant.client, path));
        let body = json!({"FILTER": "title pr", "excludedAttributes": ["title"], "sortBy": null, "cursor": null});
        let same = [("filter", "title pr"), ("excludedAttributes", "title")];
        assert_eq!(search(&body), tenant.client.query(path, &same).json());
        for (body, scim_type) in [
            (json!({"filter": 1}), "invalidSyntax"),
            (json!({"sortOrder": true, "sortBy": "id"}), "invalidSyntax"),
            (json!([]), "invalidSyntax"),
            (json!({"count": "1"}), "invalidValue"),
            (json!({"filter": "nonsense pr"}), "invalidFilter"),
            (json!({"cursor": "x"}), "invalidCursor"),
        ] {
            assert_error(&tenant.client.post(&format!("{path}/.search"), &body), 400, Some(scim_type));
        }
    }
    let id = path_of(&tenant.user("eve"));
    assert_error(&tenant.client.post(&format!("{id}/.search"), &json!({})), 404, None);
}
