//! Each planted fault is named by the report, with what follows from it and nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use provisor::simulate::Plan;
use provisor::simulate::check::ALL;
use provisor::simulate::client::Credential;
use reqwest::Method;
use serde_json::{Value, json};

use super::proxy::{Asked, Fault, Reply, Server, plant};
use super::{PATIENCE, deviations, plan, simulate, token};
use crate::support::tenant;

/// A fault, and the checks that must name it.
struct Planted {
    fault: &'static str,
    plant: Fault,
    named: &'static [&'static str],
}

/// A date, where a number of seconds is due.
const DATE: &str = "Wed, 21 Oct 2026 07:28:00 GMT";

const PLANTED: &[Planted] = &[
    Planted { fault: "none", plant: |asked, server| server.pass(asked), named: &[] },
    Planted {
        fault: "another media type",
        plant: |asked, server| server.pass(asked).header("content-type", "application/json"),
        named: &["answer.media-type"],
    },
    Planted {
        fault: "errors in HTML",
        plant: |asked, server| match server.pass(asked) {
            reply if reply.status >= 400 => {
                Reply { text: "<html>Oops</html>".into(), ..reply }.header("content-type", "text/html")
            }
            reply => reply,
        },
        named: &["answer.json"],
    },
    Planted {
        fault: "a date in Retry-After",
        plant: |asked, server| match asked.number {
            5 => Reply { status: 429, ..Reply::default() }.header("retry-after", DATE),
            _ => server.pass(asked),
        },
        named: &["retry.after"],
    },
    Planted {
        fault: "429 that says when",
        plant: |asked, server| match asked.number {
            5 => Reply { status: 429, ..Reply::default() }.header("retry-after", "1"),
            6 => Reply { status: 503, ..Reply::default() }.header("retry-after", "0"),
            _ => server.pass(asked),
        },
        named: &[],
    },
    Planted {
        fault: "errors without schemas",
        plant: |asked, server| error(server.pass(asked), |body| take(body, "schemas")),
        named: &["error.schemas"],
    },
    Planted {
        fault: "the status of errors as a number",
        plant: |asked, server| {
            let reply = server.pass(asked);
            let status = reply.status;
            error(reply, |body| body["status"] = status.into())
        },
        named: &["error.status"],
    },
    Planted {
        fault: "errors without detail",
        plant: |asked, server| error(server.pass(asked), |body| take(body, "detail")),
        named: &["error.detail"],
    },
    Planted {
        fault: "lists without schemas",
        plant: |asked, server| list(server.pass(asked), |body| take(body, "schemas")),
        named: &["list.schemas"],
    },
    Planted {
        fault: "numbers of lists as strings",
        plant: |asked, server| {
            list(server.pass(asked), |body| {
                for name in ["totalResults", "startIndex", "itemsPerPage"] {
                    body[name] = body[name].to_string().into();
                }
            })
        },
        named: &["list.numbers"],
    },
    Planted {
        fault: "itemsPerPage as it was asked for",
        plant: |asked, server| list(server.pass(asked), |body| body["itemsPerPage"] = 100.into()),
        named: &["list.items-per-page"],
    },
    Planted {
        fault: "startIndex always 1",
        plant: |asked, server| list(server.pass(asked), |body| body["startIndex"] = 1.into()),
        named: &["list.start-index"],
    },
    Planted {
        fault: "users without schemas",
        plant: |asked, server| user(asked, server.pass(asked), |body| take(body, "schemas")),
        named: &["resource.schemas"],
    },
    Planted {
        fault: "new users without id",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is(&Method::POST, "/Users") => reply.edit(|body| take(body, "id")),
            reply => reply,
        },
        named: &["resource.id"],
    },
    Planted {
        fault: "users without meta.resourceType",
        plant: |asked, server| user(asked, server.pass(asked), |body| take(&mut body["meta"], "resourceType")),
        named: &["resource.type"],
    },
    Planted {
        fault: "users without meta.location",
        plant: |asked, server| user(asked, server.pass(asked), |body| take(&mut body["meta"], "location")),
        named: &["resource.location"],
    },
    Planted {
        fault: "dates without zone",
        plant: |asked, server| {
            user(asked, server.pass(asked), |body| body["meta"]["created"] = "2026-11-26 08:00:00".into())
        },
        named: &["resource.dates"],
    },
    Planted {
        fault: "userName in small letters",
        plant: |asked, server| {
            user(asked, server.pass(asked), |body| body["userName"] = text(&body["userName"]).to_lowercase().into())
        },
        named: &["user.user-name"],
    },
    Planted {
        fault: "users without family name",
        plant: |asked, server| user(asked, server.pass(asked), |body| take(&mut body["name"], "familyName")),
        named: &["user.names"],
    },
    Planted {
        fault: "e-mail addresses that are not primary",
        plant: |asked, server| user(asked, server.pass(asked), |body| take(&mut body["emails"][0], "primary")),
        named: &["user.emails"],
    },
    Planted {
        fault: "active as a string in new users",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is(&Method::POST, "/Users") && reply.status == 201 => {
                reply.edit(|body| body["active"] = "true".into())
            }
            reply => reply,
        },
        named: &["user.active"],
    },
    Planted {
        fault: "users without externalId",
        plant: |asked, server| user(asked, server.pass(asked), |body| take(body, "externalId")),
        named: &["user.external-id"],
    },
    Planted {
        fault: "passwords that come back",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is(&Method::POST, "/Users") && reply.status == 201 => {
                reply.edit(|body| body["password"] = asked.body["password"].clone())
            }
            reply => reply,
        },
        named: &["user.password"],
    },
    Planted {
        fault: "an open door",
        plant: |asked, server| {
            let mut asked = asked.clone();
            asked.headers.insert("authorization".into(), server.authorization.clone());
            server.pass(&asked)
        },
        named: &["connect.refused"],
    },
    Planted {
        fault: "no first page",
        plant: |_, _| Reply { status: 500, text: "{}".into(), ..Reply::default() },
        named: &["connect.users"],
    },
    Planted {
        fault: "404 where nobody is found",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.path.contains("filter=") && reply.json()["totalResults"] == 0 => reply.status(404),
            reply => reply,
        },
        named: &["look-up.status"],
    },
    Planted {
        fault: "a filter that is ignored",
        plant: |asked, server| match asked.path.find("filter=") {
            Some(start) => {
                let end = asked.path.find("&startIndex").unwrap();
                server.pass(&asked.at(format!("{}{}", &asked.path[..start], &asked.path[end + 1..])))
            }
            None => server.pass(asked),
        },
        named: &["look-up.filter"],
    },
    Planted {
        fault: "a filter that regards case",
        plant: |asked, server| {
            let filter = asked.parameter("filter").unwrap_or_default();
            list(server.pass(asked), |body| {
                let first = &body["Resources"][0];
                let name = first["userName"].as_str().or(first["displayName"].as_str()).unwrap_or_default();
                if !filter.is_empty() && !filter.contains(name) {
                    *body = json!({"schemas": body["schemas"], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0});
                }
            })
        },
        named: &["look-up.case"],
    },
    Planted {
        fault: "200 for a new user",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is(&Method::POST, "/Users") && reply.status == 201 => reply.status(200),
            reply => reply,
        },
        named: &["create.status"],
    },
    Planted {
        fault: "no header Location",
        plant: |asked, server| server.pass(asked).without("location"),
        named: &["create.location"],
    },
    Planted {
        fault: "500 for a name that is taken",
        plant: |asked, server| match server.pass(asked) {
            reply if reply.status == 409 => reply.status(500),
            reply => reply,
        },
        named: &["duplicate.status", "duplicate.case"],
    },
    Planted {
        fault: "409 without scimType",
        plant: |asked, server| error(server.pass(asked), |body| take(body, "scimType")),
        named: &["duplicate.type"],
    },
    Planted {
        fault: "400 for an id that is no UUID",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.path == "/Users/010101001010101011001010101011" => reply.status(400),
            reply => reply,
        },
        named: &["unknown.status"],
    },
    Planted {
        fault: "PUT of users does nothing",
        plant: |asked, server| {
            if asked.is(&Method::PUT, "/Users") { server.pass(&asked.reading()) } else { server.pass(asked) }
        },
        named: &["put.stored", "rename.stored", "deactivate-put.stored"],
    },
    Planted {
        fault: "PATCH of users does nothing",
        plant: |asked, server| {
            if asked.is(&Method::PATCH, "/Users") { server.pass(&asked.reading()) } else { server.pass(asked) }
        },
        named: &["patch.stored", "deactivate-patch.stored"],
    },
    Planted {
        fault: "no PATCH of users",
        plant: |asked, server| {
            if asked.is(&Method::PATCH, "/Users") {
                Reply { status: 501, ..Reply::default() }
            } else {
                server.pass(asked)
            }
        },
        named: &["patch.status", "deactivate-patch.status"],
    },
    Planted {
        fault: "a deactivation by PATCH that is not stored",
        plant: |asked, server| {
            if asked.body["Operations"][0]["value"]["active"] == false {
                server.pass(&asked.reading()).edit(|body| body["active"] = false.into())
            } else {
                server.pass(asked)
            }
        },
        named: &["deactivate-patch.stored"],
    },
    Planted {
        fault: "a deactivation by PUT that is not stored",
        plant: |asked, server| {
            let mut body = asked.body.clone();
            if asked.is(&Method::PUT, "/Users") {
                body["active"] = true.into();
            }
            server.pass(&asked.with(body))
        },
        named: &["deactivate-put.stored"],
    },
    Planted {
        fault: "deactivated users cannot be read",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is(&Method::GET, "/Users/") && reply.json()["active"] == false => reply.status(404),
            reply => reply,
        },
        named: &["deactivated.read"],
    },
    Planted {
        fault: "deactivated users are not found",
        plant: |asked, server| {
            let is_look_up = asked.path.contains("filter=");
            list(server.pass(asked), |body| {
                if is_look_up && body["Resources"][0]["active"] == false {
                    *body = json!({"schemas": body["schemas"], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0});
                }
            })
        },
        named: &["deactivated.found"],
    },
    Planted {
        fault: "totalResults that is one too many",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is_page("/Users") => {
                list(reply, |body| body["totalResults"] = (body["totalResults"].as_u64().unwrap() + 1).into())
            }
            reply => reply,
        },
        named: &["import.total"],
    },
    Planted {
        fault: "a page that repeats a user",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is_page("/Users") => list(reply, |body| {
                let first = server.pass(&asked.at("/Users?startIndex=1&count=1".into())).json();
                if body["startIndex"] != 1 && body["Resources"][0].is_object() {
                    body["Resources"][0] = first["Resources"][0].clone();
                }
            }),
            reply => reply,
        },
        named: &["import.once", "import.all"],
    },
    Planted {
        fault: "pages of two",
        plant: |asked, server| {
            if asked.is_page("/Users") && asked.count() > 2 {
                server.pass(&asked.at(asked.path.replace("count=", "count=2&before=")))
            } else {
                server.pass(asked)
            }
        },
        named: &["import.total", "import.all"],
    },
    Planted {
        fault: "pages that are one short",
        plant: |asked, server| {
            if asked.is_page("/Users") && (2..=50).contains(&asked.count()) {
                server.pass(&asked.at(asked.path.replace("count=", &format!("count={}&before=", asked.count() - 1))))
            } else {
                server.pass(asked)
            }
        },
        named: &["import.all", "import.full-pages"],
    },
    Planted {
        fault: "lists of users without names",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is_page("/Users") => list(reply, |body| {
                for user in body["Resources"].as_array_mut().into_iter().flatten() {
                    take(user, "name");
                }
            }),
            reply => reply,
        },
        named: &["import.attributes"],
    },
    Planted {
        fault: "400 behind the end",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.path == "/Users?startIndex=7&count=100" => reply.status(400),
            reply => reply,
        },
        named: &["page.beyond"],
    },
    Planted {
        fault: "count=0 is taken for all",
        plant: |asked, server| server.pass(&asked.at(asked.path.replace("count=0", "count=100"))),
        named: &["page.zero"],
    },
    Planted {
        fault: "new groups without the members that came with them",
        plant: |asked, server| {
            if asked.is(&Method::POST, "/Groups") {
                let mut body = asked.body.clone();
                take(&mut body, "members");
                server.pass(&asked.with(body))
            } else {
                server.pass(asked)
            }
        },
        named: &["group-create.members"],
    },
    Planted {
        fault: "members that are not added",
        plant: |asked, server| operations(asked, server, |operation| (operation["op"] != "add").then_some(operation)),
        named: &["members.added", "members.together"],
    },
    Planted {
        fault: "members that are not removed",
        plant: |asked, server| {
            operations(asked, server, |operation| (operation["op"] != "remove").then_some(operation))
        },
        named: &["members.removed"],
    },
    Planted {
        fault: "members that are added in place of all others",
        plant: |asked, server| {
            operations(asked, server, |mut operation| {
                if operation["op"] == "add" {
                    operation["op"] = "replace".into();
                }
                Some(operation)
            })
        },
        named: &["members.kept", "members.together"],
    },
    Planted {
        fault: "an empty group that is not emptied",
        plant: |asked, server| {
            operations(asked, server, |operation| (operation["value"] != json!([])).then_some(operation))
        },
        named: &["push-now.empty"],
    },
    Planted {
        fault: "'Push Now' that only adds",
        plant: |asked, server| {
            operations(asked, server, |mut operation| {
                if operation["op"] == "replace" && operation["path"] == "members" && operation["value"] != json!([]) {
                    operation["op"] = "add".into();
                }
                Some(operation)
            })
        },
        named: &["push-now.members"],
    },
    Planted {
        fault: "PUT of groups without members",
        plant: |asked, server| {
            if asked.is(&Method::PUT, "/Groups") {
                let mut body = asked.body.clone();
                body["members"] = json!([]);
                server.pass(&asked.with(body))
            } else {
                server.pass(asked)
            }
        },
        named: &["group-put.members"],
    },
    Planted {
        fault: "a rename that empties the group",
        plant: |asked, server| match asked.body["Operations"].as_array().map(Vec::len) {
            Some(1) if asked.body["Operations"][0]["value"]["displayName"].is_string() && asked.is_one("/Groups") => {
                let mut body = asked.body.clone();
                body["Operations"][0]["value"]["members"] = json!([]);
                server.pass(&asked.with(body))
            }
            _ => server.pass(asked),
        },
        named: &["group-rename.members"],
    },
    Planted {
        fault: "a rename of groups that does nothing",
        plant: |asked, server| {
            operations(asked, server, |operation| (!operation["value"]["displayName"].is_string()).then_some(operation))
        },
        named: &["group-rename.stored"],
    },
    Planted {
        fault: "groups that are not deleted",
        plant: |asked, server| {
            if asked.method == Method::DELETE { Reply { status: 204, ..Reply::default() } } else { server.pass(asked) }
        },
        named: &["group-delete.gone"],
    },
    Planted {
        fault: "no lists of groups",
        plant: |asked, server| {
            if asked.is_page("/Groups") { Reply { status: 501, ..Reply::default() } } else { server.pass(asked) }
        },
        named: &["connect.groups", "import.status"],
    },
    Planted {
        fault: "look-ups that find nobody",
        plant: |asked, server| {
            let is_look_up = asked.path.contains("filter=");
            list(server.pass(asked), |body| {
                if is_look_up {
                    *body = json!({"schemas": body["schemas"], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0});
                }
            })
        },
        named: &["look-up.found", "look-up.case", "deactivated.found", "rename.stored"],
    },
    Planted {
        fault: "somebody counted where nobody is found",
        plant: |asked, server| {
            let is_look_up = asked.path.contains("filter=");
            list(server.pass(asked), |body| {
                if is_look_up && body["totalResults"] == 0 {
                    body["totalResults"] = 1.into();
                }
            })
        },
        named: &["look-up.nobody"],
    },
    Planted {
        fault: "a page of groups that is no array",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is_page("/Groups") => list(reply, |body| {
                if body["Resources"][0].is_object() {
                    body["Resources"] = json!({});
                }
            }),
            reply => reply,
        },
        named: &["list.resources", "import.total", "import.all", "import.full-pages"],
    },
    Planted {
        fault: "active users cannot be read",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is(&Method::GET, "/Users/") && reply.json()["active"] == true => reply.status(500),
            reply => reply,
        },
        named: &["read.status", "group-delete.users"],
    },
    Planted {
        fault: "another id for who is inactive",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is(&Method::GET, "/Users/") && reply.json()["active"] == false => reply.edit(|body| {
                body["id"] = "another".into();
                body["meta"]["location"] = "https://scim.example.com/Users/another".into();
            }),
            reply => reply,
        },
        named: &["read.id"],
    },
    Planted {
        fault: "no PUT of users",
        plant: |asked, server| {
            let is_put = asked.is(&Method::PUT, "/Users");
            if is_put { Reply { status: 500, ..Reply::default() } } else { server.pass(asked) }
        },
        named: &["put.status"],
    },
    Planted {
        fault: "a media type refused where there is no body",
        plant: |asked, server| {
            let refuses = asked.method == Method::GET && asked.headers.contains_key("content-type");
            if refuses { Reply { status: 415, ..Reply::default() } } else { server.pass(asked) }
        },
        named: &["suite.list"],
    },
    Planted {
        fault: "two where one is asked for",
        plant: |asked, server| {
            let is_one = asked.path == "/Users?startIndex=1&count=1";
            server.pass(&if is_one { asked.at("/Users?startIndex=1&count=2".into()) } else { asked.clone() })
        },
        named: &["page.one"],
    },
    Planted {
        fault: "200 for a new group",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is(&Method::POST, "/Groups") && reply.status == 201 => reply.status(200),
            reply => reply,
        },
        named: &["group-create.status"],
    },
    Planted {
        fault: "another name for a new group",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is(&Method::POST, "/Groups") => reply.edit(|body| body["displayName"] = "Group".into()),
            reply => reply,
        },
        named: &["group.display-name"],
    },
    Planted {
        fault: "groups cannot be read",
        plant: |asked, server| match server.pass(asked) {
            reply if asked.is(&Method::GET, "/Groups/") => reply.status(500),
            reply => reply,
        },
        named: &["group-read.status"],
    },
    Planted {
        fault: "no PATCH of groups",
        plant: |asked, server| {
            let is_patch = asked.is(&Method::PATCH, "/Groups");
            if is_patch { Reply { status: 501, ..Reply::default() } } else { server.pass(asked) }
        },
        named: &["group-patch.status"],
    },
    Planted {
        fault: "no PUT of groups",
        plant: |asked, server| {
            let is_put = asked.is(&Method::PUT, "/Groups");
            if is_put { Reply { status: 405, ..Reply::default() } } else { server.pass(asked) }
        },
        named: &["group-put.status"],
    },
    Planted {
        fault: "no DELETE",
        plant: |asked, server| {
            let is_delete = asked.method == Method::DELETE;
            if is_delete { Reply { status: 405, ..Reply::default() } } else { server.pass(asked) }
        },
        named: &["group-delete.status"],
    },
    Planted {
        fault: "users that are gone with their group",
        plant: |asked, server| {
            let is_deleted = server.asked.lock().unwrap().iter().any(|asked| asked.method == Method::DELETE);
            let reply = server.pass(asked);
            if is_deleted && asked.is(&Method::GET, "/Users/") { reply.status(404) } else { reply }
        },
        named: &["group-delete.users"],
    },
];

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn take(object: &mut Value, name: &str) {
    if let Some(members) = object.as_object_mut() {
        members.remove(name);
    }
}

fn error(reply: Reply, change: impl FnOnce(&mut Value)) -> Reply {
    if reply.status >= 400 { reply.edit(change) } else { reply }
}

fn list(reply: Reply, change: impl FnOnce(&mut Value)) -> Reply {
    if reply.json()["totalResults"].is_u64() { reply.edit(change) } else { reply }
}

/// Changes an answer that is one user.
fn user(asked: &Asked, reply: Reply, change: impl FnOnce(&mut Value)) -> Reply {
    let is_user = asked.path.starts_with("/Users") && reply.json()["userName"].is_string();
    if is_user { reply.edit(change) } else { reply }
}

/// Changes the operations of a PATCH of a group, or leaves some out.
fn operations(asked: &Asked, server: &Server, change: impl Fn(Value) -> Option<Value>) -> Reply {
    if !asked.is(&Method::PATCH, "/Groups") {
        return server.pass(asked);
    }
    let operations: Vec<Value> =
        asked.body["Operations"].as_array().unwrap().iter().cloned().filter_map(change).collect();
    if operations.is_empty() {
        return server.pass(&asked.reading());
    }
    let mut body = asked.body.clone();
    body["Operations"] = operations.into();
    server.pass(&asked.with(body))
}

/// What is wrong with how a fault was reported, if anything.
fn misreported(planted: &Planted) -> Option<String> {
    let tenant = tenant();
    let (base_url, _) = plant(&tenant, planted.plant);
    let report = simulate(&base_url, Credential::Token(token(&tenant)), &plan(6, 2), PATIENCE).unwrap();
    let found = deviations(&report);
    let mut names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    let mut wanted = planted.named.to_vec();
    names.sort_unstable();
    wanted.sort_unstable();
    (names != wanted).then(|| format!("{}: wanted {wanted:?}, found {found:#?}", planted.fault))
}

#[test]
fn each_planted_fault_is_named_and_nothing_else() {
    const WORKERS: usize = 3;
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut wrong = Vec::new();
        while let Some(planted) = PLANTED.get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(misreported(planted));
        }
        wrong
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_check_has_a_fault_that_it_names() {
    // The others have tests of their own: access tokens in `oauth`, silence below.
    let elsewhere = |id: &str| id.starts_with("oauth.") || id == "answer.comes";
    for check in ALL {
        let planted = PLANTED.iter().any(|planted| planted.named.contains(&check.id));
        assert!(planted != elsewhere(check.id), "{}", check.id);
    }
}

#[test]
fn a_server_that_falls_silent_ends_the_conversation() {
    const PATIENCE: Duration = Duration::from_secs(2);
    let tenant = tenant();
    let (base_url, server) = plant(&tenant, |asked, server| {
        if asked.number >= 30 {
            thread::sleep(2 * PATIENCE);
        }
        server.pass(asked)
    });
    let plan = Plan { clean_up: true, ..plan(100, 2) };
    let report = simulate(&base_url, Credential::Token(token(&tenant)), &plan, PATIENCE).unwrap();
    let found = deviations(&report);
    assert_eq!(found.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["answer.comes"], "{found:?}");
    assert!(found[0].1.ends_with("nothing came in time"), "{found:?}");
    assert!(!report.complete && report.left.is_some_and(|left| left > 0));
    // It does not wait for each of the others.
    assert!(server.asked.lock().unwrap().len() < 50);
}
