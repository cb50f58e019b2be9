//! Operations on members that come in one PATCH do what they do one after the other, although the members are not read in between.
//! Only where a member's name or type is left out, and a later operation selects by it, that cannot be; nobody sends it.

use serde_json::{Value, json};

use crate::support::groups::{group, id};
use crate::support::{Random, Tenant, minimal, tenant};

const ROUNDS: usize = 150;
const DISPLAYS: [&str; 4] = ["Ada", "ADA", "Bob", "a \"b\""];
/// An id that nobody has.
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// Elements for a list of at least so many members, all or some of them with names.
fn elements(random: &mut Random, ids: &[String], named: bool, least: usize) -> Value {
    let count = least + random.below(3);
    let mut elements = Vec::new();
    for _ in 0..count {
        // Nobody is all right among those who leave; a list of nobodies who stay would be refused.
        let unknown = least == 0 && random.chance(20);
        let id = if unknown { NOBODY } else { random.pick(ids).as_str() };
        let mut element = json!({"value": id});
        // The last is a group.
        if ids.last().is_some_and(|group| group == id) {
            element["type"] = json!("Group");
        }
        if named || random.chance(50) {
            element["display"] = json!(random.pick(&DISPLAYS));
        }
        elements.push(element);
    }
    json!(elements)
}

/// A filter on members, by their names only where all have one.
fn selection(random: &mut Random, ids: &[String], named: bool) -> String {
    let value = random.pick(ids);
    let display = json!(random.pick(&DISPLAYS));
    match random.below(if named { 8 } else { 5 }) {
        0 | 1 => format!("value eq \"{value}\""),
        2 => "type eq \"Group\"".into(),
        3 => format!("value eq \"{value}\" or type eq \"Group\""),
        4 => format!("value eq \"{value}\" and type eq \"User\""),
        5 => format!("display eq {display}"),
        6 => format!("value eq \"{value}\" or display eq {display}"),
        _ => format!("not (display eq {display})"),
    }
}

fn operation(random: &mut Random, ids: &[String], named: bool) -> Value {
    match random.below(10) {
        0..=2 => json!({"op": "add", "path": "members", "value": elements(random, ids, named, 1)}),
        3 => json!({"op": "add", "value": {"members": elements(random, ids, named, 1)}}),
        4 => json!({"op": "replace", "path": "members", "value": elements(random, ids, named, 1)}),
        5 => json!({"op": "replace", "value": {"members": elements(random, ids, named, 1)}}),
        6 => json!({"op": "remove", "path": "members", "value": elements(random, ids, named, 0)}),
        7 if random.chance(30) => json!({"op": "remove", "path": "members"}),
        _ => json!({"op": "remove", "path": format!("members[{}]", selection(random, ids, named))}),
    }
}

/// Ids and names of the members of a group.
fn shown(tenant: &Tenant, path: &str) -> Vec<(String, String)> {
    let group = tenant.client.get(path).json();
    let members = group["members"].as_array().unwrap();
    let text = |member: &Value, name: &str| member[name].as_str().unwrap_or_default().to_owned();
    members.iter().map(|member| (text(member, "value"), text(member, "display"))).collect()
}

#[test]
fn many_operations_at_once_do_what_they_do_one_by_one() {
    let mut random = Random::new(Random::seed(11));
    let tenant = tenant();
    let mut ids: Vec<String> =
        (0..4).map(|number| id(&tenant.create(&minimal(&format!("member-{number}")))).to_owned()).collect();
    ids.push(group(&tenant, "inner", &[])["/Groups/".len()..].to_owned());
    for round in 0..ROUNDS {
        let named = random.chance(50);
        let members: Vec<&str> = ids.iter().filter(|_| random.chance(50)).map(String::as_str).collect();
        let paths = ["together", "apart"].map(|name| group(&tenant, &format!("{name} {round}"), &members));
        // Whoever is there has a name.
        let names = members.iter().map(|id| json!({"value": id, "display": random.pick(&DISPLAYS)})).collect::<Value>();
        for path in &paths {
            let answer = tenant.client.modify(path, &json!([{"op": "add", "path": "members", "value": names}]));
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        let operations: Vec<Value> = (0..2 + random.below(4)).map(|_| operation(&mut random, &ids, named)).collect();
        let before = shown(&tenant, &paths[0]);
        let answer = tenant.client.modify(&paths[0], &json!(operations));
        assert_eq!(answer.status, 200, "{operations:?}: {}", answer.text);
        for operation in &operations {
            let answer = tenant.client.modify(&paths[1], &json!([operation]));
            assert_eq!(answer.status, 200, "{operation}: {}", answer.text);
        }
        let [mut together, mut apart] = [&paths[0], &paths[1]].map(|path| shown(&tenant, path));
        if !named {
            for (_, display) in together.iter_mut().chain(&mut apart) {
                display.clear();
            }
        }
        let written = serde_json::to_string_pretty(&operations).unwrap();
        assert_eq!(together, apart, "round {round}: {written}\nfrom {before:?}");
    }
}
