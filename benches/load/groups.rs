//! Groups: what a change of one member costs in a small and in a large group, how fast a large group is read, and many writers
//! at once.

use std::time::{Duration, Instant};

use super::common::crowd::{self, create, patch};
use super::common::driver::{Client, Random};
use super::common::quantile;
use super::common::server::Server;
use super::{Options, median};

/// Members of the small group.
const SMALL: usize = 100;
/// Users that are in neither group, so that they can be added.
const OUTSIDE: usize = 1_000;
/// Those who add at once, and how many members each adds.
const WRITERS: usize = 64;
const EACH: usize = 1_000;
/// Reads of the large group of either side.
const READS: usize = 15;

/// A small and a large group, and who belongs to neither.
struct Groups {
    small: String,
    large: String,
    outside: Vec<String>,
    all: Vec<String>,
}

/// Measures and prints everything about groups.
pub fn measure(options: &Options, server: &Server) {
    let groups = fill(server);
    println!();
    changes(options, server, &groups);
    reads(server, &groups);
    writers(server, &groups);
}

/// The id of the group with the most members, which is made where there is none.
pub fn largest(server: &Server) -> String {
    let query = "SELECT group_id FROM memberships GROUP BY group_id ORDER BY count(*) DESC LIMIT 1";
    let largest = server.sql(query);
    if largest.is_empty() { fill(server).large } else { largest }
}

fn fill(server: &Server) -> Groups {
    let ids = server.sql("SELECT id FROM resources WHERE resource_type = 'User' ORDER BY id");
    let mut all: Vec<String> = ids.lines().map(str::to_owned).collect();
    let outside = all.split_off(all.len() - OUTSIDE.min(all.len() / 2));
    let started = Instant::now();
    let large = create(server, "Large", &all);
    println!();
    println!("a group of {} members was created in {:.1} s", all.len(), started.elapsed().as_secs_f64());
    let small = create(server, "Small", &all[..SMALL.min(all.len())]);
    server.sql("VACUUM ANALYZE memberships");
    all.extend(outside.iter().cloned());
    Groups { small, large, outside, all }
}

/// Adds a member and takes it out again, which leaves the group as it was. Returns the time of each.
fn change(client: &mut Client, random: &mut Random, group: &str, groups: &Groups, times: &mut [Vec<Duration>; 2]) {
    let id = &groups.outside[random.below(groups.outside.len())];
    let operations = [
        format!(r#"{{"op":"add","path":"members","value":[{{"value":"{id}"}}]}}"#),
        format!(r#"{{"op":"remove","path":"members[value eq \"{id}\"]"}}"#),
    ];
    for (operation, times) in operations.iter().zip(times) {
        let begun = Instant::now();
        patch(client, group, operation);
        times.push(begun.elapsed());
    }
}

/// One connection, the two groups in turn, so that the machine's drift is the same for both.
fn changes(options: &Options, server: &Server, groups: &Groups) {
    let mut client = Client::connect(server);
    let mut random = Random::new(1);
    let mut times: [[Vec<Duration>; 2]; 2] = Default::default();
    let length = Duration::from_secs(options.seconds * 2);
    let started = Instant::now();
    while started.elapsed() < length {
        for (group, times) in [&groups.small, &groups.large].into_iter().zip(&mut times) {
            change(&mut client, &mut random, group, groups, times);
        }
    }
    println!(
        "| one connection, p50 ms | {SMALL} members | {} members | ratio | superb |",
        groups.all.len() - groups.outside.len()
    );
    println!("| --- | --- | --- | --- | --- |");
    let [small, large] = &mut times;
    for ((name, small), large) in ["add one member", "remove one member"].into_iter().zip(small).zip(large) {
        small.sort_unstable();
        large.sort_unstable();
        let (small, large) = (quantile(small, 0.5), quantile(large, 0.5));
        println!("| {name} | {small:.2} | {large:.2} | {:.2} | 1.30 |", large / small);
    }
}

/// Reads the large group, and lets psql fetch the same rows as JSON.
fn reads(server: &Server, groups: &Groups) {
    let mut client = Client::connect(server);
    let path = format!("/Groups/{}", groups.large);
    let query = format!(
        "SELECT json_agg(json_build_object('value', member_id, '$ref', 'http://{}/scim/v2/Users/' || member_id, 'type', member_type) \
         ORDER BY member_id) FROM memberships WHERE tenant_id = '00000000-0000-7000-8000-000000000001' AND group_id = '{}'",
        server.address, groups.large
    );
    let (mut ours, mut psql, mut ratios, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..READS {
        let begun = Instant::now();
        let (status, body) = client.send("GET", &path, "");
        let time = begun.elapsed().as_secs_f64() * 1_000.0;
        assert_eq!(status, 200);
        bytes = body.len();
        let least = server.time_sql(&query);
        ours.push(time);
        psql.push(least);
        ratios.push(least / time);
    }
    let (_, body) = client.send("GET", &path, "");
    let group: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(group["members"].as_array().unwrap().len(), groups.all.len() - groups.outside.len());
    println!();
    println!(
        "reading the large group ({:.1} MB): provisor {:.1} ms, psql {:.1} ms, {:.2} of psql's speed (superb: 0.5)",
        bytes as f64 / 1e6,
        median(&mut ours),
        median(&mut psql),
        median(&mut ratios)
    );
}

/// Many clients add members to one group, one at a time each.
fn writers(server: &Server, groups: &Groups) {
    let each = EACH.min(groups.all.len() / WRITERS);
    let group = create(server, "Crowd", &[]);
    let crowd = crowd::add_members(server, &group, &groups.all, WRITERS, each);
    assert!(crowd.lost_nothing(), "{crowd:?}");
    println!(
        "{WRITERS} clients added {each} members each to one group: {} members, {} states, all answered 200 or 204, {:.0}/s",
        crowd.members,
        crowd.states,
        crowd.requests as f64 / crowd.elapsed.as_secs_f64()
    );
}
