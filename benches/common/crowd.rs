//! Many clients at once on one group.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::driver::Client;
use super::server::Server;

/// What came of it.
#[derive(Debug)]
pub struct Crowd {
    /// Requests, all of which were answered 200 or 204.
    pub requests: usize,
    pub elapsed: Duration,
    /// Members that the group has.
    pub members: usize,
    /// States that it went through after its creation.
    pub states: usize,
    /// Audit entries after that of its creation.
    pub entries: usize,
}

impl Crowd {
    /// Whether each request is a member, a state and an audit entry.
    pub fn lost_nothing(&self) -> bool {
        [self.members, self.states, self.entries] == [self.requests; 3]
    }
}

fn members(ids: &[String]) -> String {
    let members: Vec<String> = ids.iter().map(|id| format!(r#"{{"value":"{id}"}}"#)).collect();
    format!("[{}]", members.join(","))
}

/// Creates a group with these members; its id.
pub fn create(server: &Server, name: &str, ids: &[String]) -> String {
    let body = format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"{name}","members":{}}}"#,
        members(ids)
    );
    let mut client = Client::connect(server);
    let (status, answer) = client.send("POST", "/Groups?attributes=displayName", &body);
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap();
    answer["id"].as_str().unwrap().to_owned()
}

/// Carries out an operation on a group.
pub fn patch(client: &mut Client, group: &str, operation: &str) {
    let body = format!(r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{operation}]}}"#);
    let (status, answer) = client.send("PATCH", &format!("/Groups/{group}"), &body);
    assert!(status == 200 || status == 204, "{status} {}", String::from_utf8_lossy(answer));
}

/// So many clients add so many members each to one group without any, one at a time.
pub fn add_members(server: &Server, group: &str, ids: &[String], clients: usize, each: usize) -> Crowd {
    let requests = AtomicUsize::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for own in ids.chunks(each).take(clients) {
            let requests = &requests;
            scope.spawn(move || {
                let mut client = Client::connect(server);
                for id in own {
                    let operation = format!(r#"{{"op":"add","path":"members","value":[{{"value":"{id}"}}]}}"#);
                    patch(&mut client, group, &operation);
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let elapsed = started.elapsed();
    let count = |query: &str| server.sql(&format!("{query} '{group}'")).parse().unwrap();
    Crowd {
        requests: requests.into_inner(),
        elapsed,
        members: count("SELECT count(*) FROM memberships WHERE group_id ="),
        states: count("SELECT version - 1 FROM resources WHERE id ="),
        entries: count("SELECT count(*) - 1 FROM audit_events WHERE target_id ="),
    }
}
