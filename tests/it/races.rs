//! Many requests at once on one name or one user: exactly one wins what only one can have, and nothing is lost.

use std::cell::RefCell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use provisor::backend::Backend;
use provisor::private_postgres::Role;
use provisor::store::Lead;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::database::{self, number};
use crate::support::{
    Answer, Client, ENTERPRISE, ServerProcess, TemporaryDirectory, Tenant, assert_error, eventually, measured, minimal,
    path_of, scaled, settings, tenant,
};

/// Times that a request may be put off.
const TRIES: usize = 10;

/// Asks again, when it is due, where the server is at its capacity, and counts how often.
#[derive(Default)]
struct Insistence(AtomicUsize);

impl Insistence {
    fn ask(&self, ask: impl Fn() -> Answer) -> Answer {
        for _ in 0..TRIES {
            let answer = ask();
            if answer.status != 503 {
                return answer;
            }
            assert_error(&answer, 503, None);
            let seconds = answer.header("retry-after").unwrap().parse().unwrap();
            self.0.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_secs(seconds));
        }
        panic!("put off {TRIES} times");
    }
}

/// Does this many pieces of work from the same moment on and gathers the results.
fn at_once<T: Send>(threads: usize, work: impl Fn(usize, &Insistence) -> T + Sync) -> Vec<T> {
    let (start, insistence) = (Barrier::new(threads), Insistence::default());
    let one = |index: usize| {
        start.wait();
        work(index, &insistence)
    };
    let results = thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = (0..threads).map(|index| scope.spawn(move || one(index))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let put_off = insistence.0.into_inner();
    assert!(put_off <= threads, "{threads} threads were put off {put_off} times");
    results
}

/// The answers to this many requests at once.
fn answers(requests: usize, ask: impl Fn(usize) -> Answer + Sync) -> Vec<Answer> {
    at_once(requests, |index, insistence| insistence.ask(|| ask(index)))
}

/// Asserts that one answer has the first status and all others the second, and returns the one.
fn one_wins(answers: Vec<Answer>, won: u16, lost: u16, scim_type: Option<&str>) -> Answer {
    let (mut winners, losers): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == won);
    for loser in &losers {
        assert_error(loser, lost, scim_type);
    }
    assert_eq!(winners.len(), 1, "of {}", losers.len() + winners.len());
    winners.remove(0)
}

/// How many entries of this action the audit log has.
fn audited(tenant: &Tenant, action: &str) -> usize {
    tenant.audit().iter().filter(|row| row.action == action).count()
}

fn rows(tenant: &Tenant) -> i64 {
    number(&format!("SELECT count(*) AS number FROM resources WHERE tenant_id = '{}'", tenant.id))
}

fn version(resource: &Value) -> &str {
    resource["meta"]["version"].as_str().unwrap()
}

#[test]
fn of_two_hundred_users_of_one_name_one_is_created() {
    const NAME: &str = "race.winner@example.com";
    let same = |_| NAME.to_owned();
    // Each index in another pattern of capitals.
    let cased = |index: usize| {
        let turned = |(bit, letter): (usize, char)| {
            if index >> bit & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        };
        NAME.chars().enumerate().map(turned).collect()
    };
    let rounds = scaled(2);
    for name in [&same as &(dyn Fn(usize) -> String + Sync), &cased].into_iter().cycle().take(rounds) {
        let tenant = tenant();
        let answers = answers(200, |index| tenant.client.post("/Users", &minimal(&name(index))));
        let winner = one_wins(answers, 201, 409, Some("uniqueness")).json();
        assert_eq!(rows(&tenant), 1);
        assert_eq!(audited(&tenant, "resource.create"), 1);
        let list = tenant.client.get("/Users").json();
        assert_eq!((&list["totalResults"], &list["Resources"]), (&json!(1), &json!([winner])));
        assert_eq!(tenant.client.found(&format!("userName eq \"{NAME}\"")), [winner["userName"].as_str().unwrap()]);
    }
    measured(&format!("one 201 and 199 × 409 in each of {rounds} rounds"));
}

#[test]
fn of_many_users_renamed_to_one_name_one_gets_it() {
    let tenant = tenant();
    let users: Vec<Value> = (0..20).map(|index| tenant.user(&format!("user-{index}"))).collect();
    let rename = json!([{"op": "replace", "value": {"userName": "Wanted"}}]);
    let answers = answers(users.len(), |index| tenant.client.modify(&path_of(&users[index]), &rename));
    let winner = one_wins(answers, 200, 409, Some("uniqueness")).json();
    assert_eq!(tenant.client.found("userName eq \"wanted\""), ["Wanted"]);
    for user in &users {
        let now = tenant.client.get(&path_of(user)).json();
        assert_eq!(&now, if now["id"] == winner["id"] { &winner } else { user });
    }
    assert_eq!(audited(&tenant, "resource.modify"), 1);
}

/// Where a PATCH path leads in the JSON of the resource.
fn pointer(path: &str) -> String {
    match path.rsplit_once(':') {
        Some((uri, name)) => format!("/{uri}/{name}"),
        None => format!("/{}", path.replace('.', "/")),
    }
}

/// Sixteen attributes, each changed by a thread of its own.
#[test]
fn concurrent_changes_of_different_attributes_are_all_kept() {
    const CHANGES: usize = 10;
    let paths = [
        "displayName",
        "nickName",
        "title",
        "userType",
        "locale",
        "timezone",
        "profileUrl",
        "externalId",
        "name.givenName",
        "name.familyName",
        "name.middleName",
        "preferredLanguage",
    ];
    let extension = ["department", "division", "costCenter", "organization"].map(|name| format!("{ENTERPRISE}:{name}"));
    let paths: Vec<String> = paths.map(str::to_owned).into_iter().chain(extension).collect();
    let tenant = tenant();
    let user = tenant.user("ada@example.com");
    let path = path_of(&user);
    let value = |index: usize, change: usize| format!("value {change} of {index}");
    at_once(paths.len(), |index, insistence| {
        for change in 1..=CHANGES {
            let operations = json!([{"op": "replace", "path": paths[index], "value": value(index, change)}]);
            let answer = insistence.ask(|| tenant.client.modify(&path, &operations));
            assert_eq!(answer.status, 200, "{}", answer.text);
            let shown = answer.json().pointer(&pointer(&paths[index])).cloned();
            assert_eq!(shown, Some(json!(value(index, change))), "{}", answer.text);
        }
    });
    let after = tenant.client.get(&path).json();
    for (index, path) in paths.iter().enumerate() {
        assert_eq!(after.pointer(&pointer(path)), Some(&json!(value(index, CHANGES))), "{path}: {after}");
    }
    let changes = paths.len() * CHANGES;
    assert_eq!(version(&after), format!("W/\"{}\"", 1 + changes));
    assert_eq!(audited(&tenant, "resource.modify"), changes);
}

/// Sixteen threads, each of which adds elements to one list and takes some of its own out again.
#[test]
fn concurrent_changes_of_one_list_are_all_kept() {
    const THREADS: usize = 16;
    let tenant = tenant();
    let path = path_of(&tenant.user("ada@example.com"));
    let mail = |index: usize, change: usize| format!("{index}.{change}@example.com");
    at_once(THREADS, |index, insistence| {
        let modify = |operations: Value| {
            let answer = insistence.ask(|| tenant.client.modify(&path, &operations));
            assert_eq!(answer.status, 200, "{}", answer.text);
        };
        for change in 0..6 {
            modify(json!([{"op": "add", "path": "emails", "value": [{"value": mail(index, change), "type": "work"}]}]));
        }
        for change in 0..2 {
            modify(json!([{"op": "remove", "path": format!("emails[value eq \"{}\"]", mail(index, change))}]));
        }
    });
    let after = tenant.client.get(&path).json();
    let mut kept: Vec<_> =
        after["emails"].as_array().unwrap().iter().map(|email| email["value"].as_str().unwrap().to_owned()).collect();
    let mut expected: Vec<_> = (0..THREADS).flat_map(|index| (2..6).map(move |change| mail(index, change))).collect();
    kept.sort();
    expected.sort();
    assert_eq!(kept, expected);
    assert_eq!(version(&after), format!("W/\"{}\"", 1 + THREADS * 8));
    assert_eq!(audited(&tenant, "resource.modify"), THREADS * 8);
}

#[test]
fn of_concurrent_changes_of_one_state_one_succeeds() {
    let body = |index: usize| {
        let mut body = minimal("ada@example.com");
        body["title"] = json!(format!("title {index}"));
        body
    };
    let modification =
        |index: usize| crate::support::patch(&json!([{"op": "add", "value": {"title": index.to_string()}}]));
    for (method, body) in [(Method::PUT, &body as &(dyn Fn(usize) -> Value + Sync)), (Method::PATCH, &modification)] {
        let tenant = tenant();
        let user = tenant.user("ada@example.com");
        let path = path_of(&user);
        let answers = answers(40, |index| {
            let request = tenant.client.request(method.clone(), &path).header("If-Match", version(&user));
            Client::send(request.header("Content-Type", "application/scim+json").body(body(index).to_string()))
        });
        let winner = one_wins(answers, 200, 412, None).json();
        assert_eq!(version(&winner), "W/\"2\"");
        assert_eq!(tenant.client.get(&path).json(), winner);
        assert_eq!(
            audited(&tenant, &format!("resource.{}", if method == Method::PUT { "replace" } else { "modify" })),
            1
        );
    }
}

#[test]
fn of_concurrent_deletions_one_succeeds() {
    for condition in [None, Some("*"), Some("W/\"1\"")] {
        let tenant = tenant();
        let path = path_of(&tenant.user("ada@example.com"));
        let answers = answers(40, |_| {
            let request = tenant.client.request(Method::DELETE, &path);
            Client::send(match condition {
                Some(tag) => request.header("If-Match", tag),
                None => request,
            })
        });
        one_wins(answers, 204, 404, None);
        assert_eq!((rows(&tenant), audited(&tenant, "resource.delete")), (0, 1));
        assert_eq!(tenant.client.get("/Users").json()["totalResults"], 0);
    }
}

/// Some change while others delete: after the deletion nothing comes back.
#[test]
fn a_change_never_brings_a_deleted_user_back() {
    let tenant = tenant();
    let path = path_of(&tenant.user("ada@example.com"));
    let answers = answers(40, |index| {
        if index == 20 {
            return tenant.client.delete(&path);
        }
        tenant.client.modify(&path, &json!([{"op": "add", "path": "title", "value": index.to_string()}]))
    });
    for (index, answer) in answers.iter().enumerate() {
        let expected: &[u16] = if index == 20 { &[204] } else { &[200, 404] };
        assert!(expected.contains(&answer.status), "{index}: {}", answer.text);
    }
    assert_eq!((rows(&tenant), audited(&tenant, "resource.delete")), (0, 1));
    assert_eq!(tenant.client.get(&path).status, 404);
    let changes = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(audited(&tenant, "resource.modify"), changes);
}

#[test]
fn the_total_stays_exact_while_users_come_and_go() {
    let tenant = tenant();
    at_once(16, |index, insistence| {
        for round in 0..6 {
            let user = minimal(&format!("user-{index}-{round}"));
            let created = insistence.ask(|| tenant.client.post("/Users", &user));
            assert_eq!(created.status, 201, "{}", created.text);
            if round % 2 == 0 {
                let path = path_of(&created.json());
                assert_eq!(insistence.ask(|| tenant.client.delete(&path)).status, 204);
            }
        }
    });
    let list = tenant.client.get("/Users?count=1000").json();
    assert_eq!((&list["totalResults"], list["Resources"].as_array().unwrap().len()), (&json!(48), 48));
    assert_eq!(rows(&tenant), 48);
    assert_eq!(tenant.client.get("/Users?count=0").json()["totalResults"], 48);
}

#[test]
fn one_server_at_a_time_leads() {
    let data = TemporaryDirectory::new("lead");
    let process = ServerProcess::start(&data);
    let backend = Backend::open(&settings(&data), Role::Command).unwrap();
    let [one, other] = [(); 2].map(|()| RefCell::new(backend.store.lead()));
    let leads = |lead: &RefCell<Lead>| lead.borrow_mut().is_ours().unwrap();
    assert!(!leads(&one), "the server that runs has the lead");
    // Where the connection of the leader breaks another takes over, and keeps the lead.
    database::execute(
        &mut database::connect(&data, "provisor"),
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7643 AND objid = 1",
    );
    eventually("the lead", || leads(&one).then_some(()));
    assert!(!leads(&other) && leads(&one));
    drop(one);
    eventually("the next lead", || leads(&other).then_some(()));
    drop((other, backend));
    assert!(process.stop());
}
