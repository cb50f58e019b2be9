//! Filters on members of groups and groups of users, which are no JSON in the database: random groups in groups, cycles among them,
//! and what Postgres finds must be what `scim::filter::matches` finds in the resources as they are shown.

use std::sync::Arc;

use chrono::Utc;
use provisor::backend::Backend;
use provisor::id::TenantId;
use provisor::private_postgres::Role;
use provisor::provider::{self, Context, Endpoint, Service};
use provisor::scim::precondition::Preconditions;
use provisor::scim::project::Projection;
use provisor::scim::registry::Registry;
use provisor::scim::reply::Body;
use provisor::scim::search::SearchRequest;
use serde_json::{Map, Value, json};

use crate::filter_sql::{Generator, compare, insert_tenant};
use crate::support::{Random, operator, patch, settings, shared};

const USERS: usize = 40;
const GROUPS: usize = 40;
const NAMES: [&str; 8] = ["Ada", "ADA", "Straße", "strasse", "École", "e\u{301}cole", "İstanbul", "a%b"];

/// Creates users and groups whose members are any of them.
fn populate(context: &Context<'_>, users: &Endpoint, groups: &Endpoint, random: &mut Random) {
    let create = |endpoint: &Endpoint, body: Value| {
        let view = context.presentation(endpoint, &Projection::Default);
        let made = provider::create(context, endpoint, &view, body).unwrap();
        made.to_json().unwrap()["id"].as_str().unwrap().to_owned()
    };
    let user_ids: Vec<String> =
        (0..USERS).map(|number| create(users, json!({"userName": format!("u{number}")}))).collect();
    let name = |random: &mut Random, number: usize| format!("{} {number}", random.pick(&NAMES));
    let group_ids: Vec<String> =
        (0..GROUPS).map(|number| create(groups, json!({"displayName": name(random, number)}))).collect();
    let view = context.presentation(groups, &Projection::Default);
    for (number, group) in group_ids.iter().enumerate() {
        // A quarter stays empty.
        let members: Vec<Value> = (0..random.below(8) * usize::from(number % 4 > 0))
            .map(|_| {
                let id = if random.chance(30) { random.pick(&group_ids) } else { random.pick(&user_ids) };
                if random.chance(50) {
                    json!({"value": id})
                } else {
                    json!({"value": id, "display": random.pick(&NAMES)})
                }
            })
            .collect();
        let body = patch(&json!([{"op": "add", "path": "members", "value": members}]));
        provider::modify(context, groups, group, &Preconditions::default(), &view, body).unwrap();
    }
}

/// All resources of an endpoint as they are shown.
fn shown(context: &Context<'_>, endpoint: &Endpoint) -> Vec<Map<String, Value>> {
    let request = SearchRequest::from_parameters(&[("count".into(), "1000".into())]).unwrap();
    let reply = provider::query(context, std::slice::from_ref(endpoint), &request, Utc::now()).unwrap();
    let Body::Whole(text) = reply.finish() else { panic!("a long reply") };
    let mut list: Value = serde_json::from_str(&text).unwrap();
    let Value::Array(resources) = list["Resources"].take() else { panic!("{text}") };
    // An empty list is shown, and no value.
    let documents = resources.into_iter().map(|resource| match resource {
        Value::Object(mut resource) => {
            resource.retain(|_, value| *value != json!([]));
            resource
        }
        other => panic!("{other}"),
    });
    documents.collect()
}

fn agree(segment: &str, attributes: &[&str], seed: u64) {
    let backend = Backend::open(&settings(&shared().data_dir), Role::Command).unwrap();
    let caller = operator(TenantId::generate());
    insert_tenant(&backend, &caller, seed);
    let service =
        Service { registry: Arc::new(Registry::standard().unwrap()), base_url: "http://localhost/scim/v2".into() };
    let context = Context { store: &backend.store, caller: &caller, service: &service, cursors: &backend.cursor_key };
    let [users, groups] = ["Users", "Groups"].map(|segment| service.endpoint(segment).unwrap());
    populate(&context, &users, &groups, &mut Random::new(seed));
    let endpoint = service.endpoint(segment).unwrap();
    let mut generator = Generator::new(seed, &endpoint.resource_type);
    generator.places.retain(|place| attributes.contains(&place.attribute.name.as_str()));
    assert_eq!(generator.places.len(), attributes.len());
    generator.documents = shown(&context, &endpoint);
    compare(&context, &endpoint, &mut generator, seed);
}

#[test]
fn postgres_finds_the_groups_by_their_members() {
    agree("Groups", &["displayName", "members"], Random::seed(4_201));
}

#[test]
fn postgres_finds_the_users_by_their_groups() {
    agree("Users", &["userName", "groups"], Random::seed(4_102));
}
