//! Import from the application into Okta: page after page of 100, while others go on working.

use super::*;

const USERS: usize = 250;

/// Reads all pages as Okta does: by steps of its own page size until past `totalResults`.
fn import(okta: &Tenant, count: usize, between: impl Fn(usize)) -> Vec<Value> {
    let mut users = Vec::new();
    let mut start = 1;
    loop {
        let page = okta.client.get(&format!("/Users?startIndex={start}&count={count}"));
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.json();
        let held = count.min(USERS.saturating_sub(start - 1));
        assert_eq!(page["schemas"], json!([LIST]));
        assert_eq!(
            (&page["totalResults"], &page["startIndex"], &page["itemsPerPage"]),
            (&json!(USERS), &json!(start), &json!(held))
        );
        assert_eq!(page["Resources"].as_array().unwrap().len(), held);
        users.extend(page["Resources"].as_array().unwrap().iter().cloned());
        start += count;
        if start > USERS {
            return users;
        }
        between(start);
    }
}

fn ids(users: &[Value]) -> Vec<&str> {
    users.iter().map(|user| user["id"].as_str().unwrap()).collect()
}

#[test]
fn an_import_sees_everyone_once_while_users_change_between_pages() {
    let okta = okta("Bearer ", false);
    let created: Vec<Value> = (0..USERS).map(|n| okta.create(&okta_user(&format!("{n}@okta.local")))).collect();
    let set = |user: &Value, value: Value| {
        let answer = okta.client.modify(&path_of(user), &json!([{"op": "replace", "value": value}]));
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    let users = import(&okta, 100, |next| {
        // Someone read, someone about to be read, and someone of the last page.
        for (change, index) in [next - 51, next - 2, next - 1, next, USERS - 1].into_iter().enumerate() {
            set(&created[index], json!({"title": format!("Title {next}.{change}"), "displayName": "A"}));
            set(&created[index], json!({"userName": format!("0-{next}-{change}@okta.local")}));
        }
        set(&created[next], json!({"active": false}));
    });
    assert_eq!(ids(&users), ids(&created));
    let inactive: Vec<usize> = (0..USERS).filter(|index| users[*index]["active"] == json!(false)).collect();
    assert_eq!(inactive, [101, 201]);
    for user in &users {
        for needed in ["/id", "/userName", "/name/givenName", "/name/familyName", "/emails/0/value"] {
            assert!(
                user.pointer(needed).and_then(Value::as_str).is_some_and(|text| !text.is_empty()),
                "{needed}: {user}"
            );
        }
        assert!(user["active"].is_boolean(), "{user}");
    }
    for count in [7, 100, 250, 1_000] {
        assert_eq!(ids(&import(&okta, count, |_| ())), ids(&created), "{count}");
    }
    // Any page can also be asked for alone, from anywhere.
    let page = okta.client.get("/Users?startIndex=249&count=100").json();
    assert_eq!(ids(page["Resources"].as_array().unwrap()), ids(&created[248..]));
    let page = okta.client.get("/Users?startIndex=251&count=100").json();
    assert_eq!((&page["totalResults"], &page["Resources"]), (&json!(USERS), &json!([])));
}

/// A user missing from an import is deprovisioned in Okta, so one who leaves must not hide another.
#[test]
fn an_import_skips_nobody_when_users_leave_and_come_between_pages() {
    let okta = okta("Bearer ", false);
    let created: Vec<Value> = (0..USERS).map(|n| okta.create(&okta_user(&format!("{n}@okta.local")))).collect();
    let read = |start: usize| okta.client.get(&format!("/Users?startIndex={start}&count=100")).json();
    let mut seen = read(1)["Resources"].as_array().unwrap().clone();
    for user in [&created[0], &created[50], &created[99]] {
        assert_eq!(okta.client.delete(&path_of(user)).status, 204);
    }
    let page = read(101);
    assert_eq!(page["totalResults"], USERS - 3);
    seen.extend(page["Resources"].as_array().unwrap().iter().cloned());
    let late = okta.create(&okta_user("late@okta.local"));
    let page = read(201);
    assert_eq!(page["totalResults"], USERS - 2);
    seen.extend(page["Resources"].as_array().unwrap().iter().cloned());
    let expected = [&created[..], &[late]].concat();
    assert_eq!(ids(&seen), ids(&expected));
}
