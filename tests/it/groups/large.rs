//! Groups of many members: what is answered, and that nothing is lost between many writers.

use std::thread;

use chrono::Utc;
use provisor::audit::{Action, AuditEvent, Target};
use provisor::id::ResourceId;
use provisor::store::ResourceRow;
use serde_json::{Value, json};

use super::{group, members, version};
use crate::support::process::run_json;
use crate::support::{
    Client, ServerProcess, TemporaryDirectory, Tenant, database, eventually, minimal, operator, shared, tenant,
};

/// Creates users in the database and returns their ids.
fn many_users(tenant: &Tenant, number: usize) -> Vec<String> {
    let caller = operator(tenant.id);
    shared().with_backend(|backend| {
        (0..number)
            .map(|number| {
                let id = ResourceId::generate();
                let name = format!("user-{number}");
                let row = ResourceRow {
                    unique_name: Some(name.clone()),
                    external_id: None,
                    document: json!({"schemas": [crate::support::USER], "id": id.to_string(), "userName": name})
                        .to_string(),
                    comparable: json!({}),
                    password_hash: None,
                    at: Utc::now(),
                };
                let event = AuditEvent::new(Action::Create, Target::new("User", id));
                backend.store.run(&caller, |conn| conn.create_resource("User", id, &row, None, &event)).unwrap();
                id.to_string()
            })
            .collect()
    })
}

fn elements(ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| json!({"value": id})).collect()
}

#[test]
fn a_patch_of_more_than_two_hundred_members_is_answered_without_them() {
    let tenant = tenant();
    let ids = many_users(&tenant, 202);
    let path = group(&tenant, "A", &[]);
    let patch = |query: &str, ids: &[String]| {
        tenant
            .client
            .modify(&format!("{path}{query}"), &json!([{"op": "add", "path": "members", "value": elements(ids)}]))
    };
    let shown = patch("", &ids[..200]);
    assert_eq!((shown.status, shown.json()["members"].as_array().unwrap().len()), (200, 200));
    let large = patch("", &ids[200..201]);
    assert_eq!((large.status, large.text.as_str(), large.header("etag")), (204, "", Some("W/\"3\"")));
    let selected = patch("?attributes=displayName", &ids[201..]);
    assert_eq!((selected.status, selected.json()["displayName"].as_str()), (200, Some("A")));
    let all = patch("?attributes=members", &ids[..1]);
    assert_eq!((all.status, all.json()["members"].as_array().unwrap().len()), (200, 202));
    let put = tenant.client.put(&path, &json!({"displayName": "A", "members": elements(&ids)}));
    assert_eq!((put.status, put.json()["members"].as_array().unwrap().len()), (200, 202));
    assert_eq!(version(&tenant, &path), "W/\"4\"");
}

#[test]
fn a_group_of_thousands_is_written_and_read_whole() {
    let tenant = tenant();
    let mut ids = many_users(&tenant, 3_500);
    let path = group(&tenant, "A", &ids.iter().map(String::as_str).collect::<Vec<_>>());
    let answer = tenant.client.get(&path);
    assert_eq!(answer.status, 200);
    ids.sort();
    assert_eq!(super::values(&answer.json()["members"]), ids);
    let listed = tenant.client.get("/Groups").json();
    assert_eq!(listed["Resources"][0], answer.json());
    // All but one go, one comes back.
    let put = tenant.client.put(&path, &json!({"displayName": "A", "members": elements(&ids[..1])}));
    assert_eq!(super::values(&put.json()["members"]), ids[..1]);
    let put = tenant.client.put(&path, &json!({"displayName": "A", "members": elements(&ids)}));
    assert_eq!(put.json()["members"].as_array().unwrap().len(), 3_500);
    let entry = &tenant.audit()[0];
    assert_eq!(entry.after.as_ref().unwrap()["members"].as_array().unwrap().len(), 3_499, "only the difference");
}

#[test]
fn a_put_of_a_hundred_thousand_members_fits_and_one_beyond_the_limit_is_413() {
    let tenant = tenant();
    let [ada] = super::users(&tenant);
    let path = group(&tenant, "A", &[&ada]);
    let mut many: Vec<Value> = (0..100_000_u32)
        .map(|number| json!({"value": format!("01900000-0000-7000-8000-{number:012x}"), "display": "somebody@example.com"}))
        .collect();
    many.push(json!({"value": ada}));
    let answer = tenant.client.put(&path, &json!({"displayName": "A", "members": many}));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(super::values(&answer.json()["members"]), [ada]);
    let long = "x".repeat(provisor::http::scim::GROUP_BODY_BYTES);
    crate::support::assert_error(&tenant.client.put(&path, &json!({"displayName": long})), 413, None);
}

/// Every writer adds members of its own, and every other one takes one away again.
#[test]
fn parallel_changes_of_one_group_lose_nothing() {
    const WRITERS: usize = 16;
    const EACH: usize = 20;
    let tenant = tenant();
    let ids = many_users(&tenant, WRITERS * EACH);
    let path = group(&tenant, "A", &[]);
    thread::scope(|scope| {
        for own in ids.chunks(EACH) {
            let (tenant, path) = (&tenant, &path);
            scope.spawn(move || {
                for (number, id) in own.iter().enumerate() {
                    let mut operations = vec![
                        json!({"op": "replace", "value": {"displayName": "A"}}),
                        json!({"op": "add", "path": "members", "value": [{"value": id}]}),
                    ];
                    if number % 2 == 1 {
                        let last = &own[number - 1];
                        operations.push(json!({"op": "remove", "path": format!("members[value eq \"{last}\"]")}));
                    }
                    let answer = tenant.client.modify(path, &json!(operations));
                    assert!([200, 204].contains(&answer.status), "{}", answer.text);
                }
            });
        }
    });
    let mut expected: Vec<String> = ids.into_iter().skip(1).step_by(2).collect();
    expected.sort();
    assert_eq!(members(&tenant, &path), expected);
    assert_eq!(version(&tenant, &path), format!("W/\"{}\"", WRITERS * EACH + 1));
}

/// Users leave while they are added: no member is left that is not there, and nobody sees a failure.
#[test]
fn deletions_beside_additions_leave_no_member_that_is_gone() {
    let tenant = tenant();
    let ids = many_users(&tenant, 60);
    let paths: Vec<String> = (0..4).map(|number| group(&tenant, &format!("G{number}"), &[])).collect();
    thread::scope(|scope| {
        for path in &paths {
            scope.spawn(|| {
                for id in &ids {
                    let add = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
                    let answer = tenant.client.modify(path, &add);
                    assert_eq!(answer.status, 200, "{}", answer.text);
                }
            });
        }
        scope.spawn(|| {
            for id in ids.iter().step_by(2) {
                assert_eq!(tenant.client.delete(&format!("/Users/{id}")).status, 204);
            }
        });
    });
    let mut expected: Vec<String> = ids.iter().skip(1).step_by(2).cloned().collect();
    expected.sort();
    for path in &paths {
        let shown = members(&tenant, path);
        assert!(shown.iter().all(|id| expected.contains(id)), "{shown:?}");
        assert_eq!(shown, expected);
    }
}

/// A statement is cut off after five seconds, and a large group takes longer on a slow disk: the change is then made with more time.
#[test]
fn a_change_that_takes_longer_than_others_may_is_carried_out_once() {
    let tenant = tenant();
    let ids = many_users(&tenant, 60);
    let path = group(&tenant, "A", &[]);
    let slowly = format!(
        "CREATE FUNCTION wait_a_while() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END'; \
         CREATE TRIGGER slowly BEFORE INSERT ON memberships FOR EACH ROW WHEN (NEW.tenant_id = '{}') EXECUTE FUNCTION wait_a_while()",
        tenant.id
    );
    let mut pg = crate::support::database::connect(&shared().data_dir, "provisor");
    crate::support::database::execute(&mut pg, &slowly);
    let answer = tenant.client.modify(&path, &json!([{"op": "add", "path": "members", "value": elements(&ids)}]));
    crate::support::database::execute(&mut pg, "DROP TRIGGER slowly ON memberships; DROP FUNCTION wait_a_while");
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["members"].as_array().unwrap().len(), 60);
    assert_eq!(version(&tenant, &path), "W/\"2\"");
    assert_eq!(tenant.audit()[0].after.as_ref().unwrap()["members"].as_array().unwrap().len(), 60);
}

/// Whoever replaces last, the members are those of one replacement and not of several.
#[test]
fn replacements_side_by_side_do_not_mix() {
    let tenant = tenant();
    let ids = many_users(&tenant, 5);
    let path = group(&tenant, "A", &[&ids[3], &ids[4]]);
    for round in 0..12 {
        thread::scope(|scope| {
            for id in &ids[..3] {
                let (tenant, path) = (&tenant, &path);
                scope.spawn(move || {
                    let answer = if round % 2 == 0 {
                        tenant.client.put(path, &json!({"displayName": "A", "members": [{"value": id}]}))
                    } else {
                        let all_but = json!([
                            {"op": "remove", "path": "members[type eq \"User\"]"},
                            {"op": "add", "path": "members", "value": [{"value": id}]}
                        ]);
                        tenant.client.modify(path, &all_but)
                    };
                    assert_eq!(answer.status, 200, "{}", answer.text);
                });
            }
        });
        let now = members(&tenant, &path);
        assert!(now.len() == 1 && ids[..3].contains(&now[0]), "round {round}: {now:?}");
    }
}

/// Of several that add the same member one has done it, and the others have changed nothing.
#[test]
fn one_member_added_by_several_at_once_is_one_change() {
    let tenant = tenant();
    let ids = many_users(&tenant, 10);
    let path = group(&tenant, "A", &[]);
    for id in &ids {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let add = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
                    assert_eq!(tenant.client.modify(&path, &add).status, 200);
                });
            }
        });
    }
    assert_eq!(version(&tenant, &path), "W/\"11\"");
    let changes = tenant.audit().into_iter().filter(|entry| entry.action == "resource.modify").count();
    assert_eq!(changes, ids.len());
}

#[test]
fn adding_and_removing_a_member_reads_no_others_before_postgres_knows_how_large_the_group_is() {
    const MEMBERS: i64 = 5_000;
    const CHANGES: i64 = 20;
    let directory = TemporaryDirectory::new("unknown-size");
    let server = ServerProcess::start(&directory);
    let token = run_json(&directory, &["token", "create", "okta"]);
    let client = Client::new(&server.url, &format!("Bearer {}", token["token"].as_str().unwrap()));
    let mut users = (0..CHANGES).map(|number| client.post("/Users", &minimal(&number.to_string())).json());
    let added: Vec<Value> = users.by_ref().map(|user| user["id"].clone()).collect();
    let group = client.post("/Groups", &json!({"displayName": "Staff"})).json();
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let mut pg = database::connect(&directory, "provisor");
    database::execute(
        &mut pg,
        &format!(
            "INSERT INTO resources (tenant_id, resource_type, id, version, created_at, last_modified_at, unique_name, document, comparable) \
             SELECT tenant_id, resource_type, gen_random_uuid(), version, created_at, last_modified_at, number || '-more', document, comparable \
             FROM resources, generate_series(1, {MEMBERS}) AS number WHERE unique_name = '0';
             INSERT INTO memberships (tenant_id, group_id, member_type, member_id) \
             SELECT tenant_id, '{}', 'User', id FROM resources WHERE unique_name LIKE '%-more'",
            group["id"].as_str().unwrap()
        ),
    );
    let figures = || {
        let figures = database::texts(
            &mut database::connect(&directory, "provisor"),
            "SELECT concat_ws(' ', n_tup_ins, n_tup_del, idx_tup_fetch, (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes AS of \
             WHERE of.relname = tables.relname)) AS value FROM pg_stat_user_tables AS tables WHERE relname = 'memberships'",
        );
        let figures: Vec<i64> = figures[0].split(' ').map(|figure| figure.parse().unwrap()).collect();
        <[i64; 4]>::try_from(figures).unwrap()
    };
    let [_, _, fetched, read] =
        eventually("the members in the statistics", || Some(figures()).filter(|[inserted, ..]| *inserted == MEMBERS));
    for operation in ["add", "remove"] {
        for id in &added {
            let operation = match operation {
                "add" => json!([{"op": "add", "path": "members", "value": [{"value": id}]}]),
                _ => json!([{"op": "remove", "path": format!("members[value eq {id}]")}]),
            };
            assert_eq!(client.modify(&path, &operation).status, 204);
        }
    }
    let [_, _, fetched_since, read_since] = eventually("the changes in the statistics", || {
        Some(figures()).filter(|[inserted, deleted, ..]| (*inserted, *deleted) == (MEMBERS + CHANGES, CHANGES))
    });
    let (fetched, read) = (fetched_since - fetched, read_since - read);
    // The answer looks for the first 201 members, to be one without them.
    assert!(fetched.max(read) < 2 * CHANGES * 250, "{fetched} rows fetched, {read} index entries read");
}

#[test]
fn selections_among_many_new_members_are_bounded() {
    let tenant = tenant();
    let path = group(&tenant, "A", &[]);
    let strangers: Vec<Value> =
        (0..20_000_u32).map(|number| json!({"value": format!("01900000-0000-7000-8000-{number:012x}")})).collect();
    let mut operations = vec![json!({"op": "add", "path": "members", "value": strangers})];
    operations.extend((0..6).map(|_| json!({"op": "remove", "path": "members[display co \"zz\"]"})));
    crate::support::assert_error(&tenant.client.modify(&path, &json!(operations)), 413, None);
    let many: Vec<Value> = (0..60).map(|_| json!({"op": "remove", "path": "members[display co \"zz\"]"})).collect();
    crate::support::assert_error(&tenant.client.modify(&path, &json!(many)), 413, None);
    let long = "x".repeat(provisor::scim::limits::MEMBER_DISPLAY_BYTES + 1);
    let add = json!([{"op": "add", "path": "members", "value": [{"value": "x", "display": long}]}]);
    crate::support::assert_error(&tenant.client.modify(&path, &add), 400, Some("invalidValue"));
}

/// A few edges can put every user of a page into every one of many groups.
#[test]
fn a_page_of_users_in_too_many_groups_is_refused_and_can_be_read_without_them() {
    let tenant = tenant();
    let ids = many_users(&tenant, 200);
    let first = group(&tenant, "First", &ids.iter().map(String::as_str).collect::<Vec<_>>());
    let mut pg = crate::support::database::connect(&shared().data_dir, "provisor");
    let nested = format!(
        "WITH made AS (INSERT INTO resources (tenant_id, resource_type, id, version, created_at, last_modified_at, document, comparable) \
         SELECT '{0}', 'Group', gen_random_uuid(), 1, now(), now(), '{{\"displayName\":\"x\"}}', '{{}}' FROM generate_series(1, 600) \
         RETURNING id) INSERT INTO memberships (tenant_id, group_id, member_type, member_id) SELECT '{0}', id, 'Group', '{1}' FROM made",
        tenant.id,
        super::id_of(&first)
    );
    crate::support::database::execute(&mut pg, &nested);
    let refused = tenant.client.get("/Users?count=200");
    crate::support::assert_error(&refused, 400, Some("tooMany"));
    assert!(refused.text.contains("excludedAttributes=groups"), "{}", refused.text);
    assert_eq!(tenant.client.get("/Users?count=200&excludedAttributes=groups").json()["itemsPerPage"], 200);
    let fewer = tenant.client.get("/Users?count=100").json();
    assert_eq!(fewer["Resources"][99]["groups"].as_array().unwrap().len(), 601);
}
