//! Resources whose values do not fit their attributes. The rows follow from the schemas, so that no attribute is without one.

use provisor::scim::limits;
use provisor::scim::registry;
use provisor::scim::schema::{Attribute, Mutability, Type};

use super::*;

/// Values of which none is one of the attribute's type, nor taken for one.
fn misfits(attribute: &Attribute) -> Vec<Value> {
    let object = json!({"unexpected": {}});
    let kind = match attribute.kind {
        Type::String | Type::Reference => vec![json!(true), json!(1.5), object],
        Type::Boolean => vec![json!("maybe"), json!(1), json!(0.5), object],
        Type::Integer => vec![json!(1.5), json!("x"), json!(true), object],
        Type::Decimal => vec![json!("x"), json!(true), object],
        Type::DateTime => vec![json!("yesterday"), json!("2026-01-02"), json!(7), object],
        Type::Binary => vec![json!("%%"), json!("YQ"), json!(7), object],
        Type::Complex => vec![json!(7), json!(true), json!(1.5)],
    };
    if attribute.multi_valued {
        return kind.iter().map(|value| json!([value])).chain([json!([[]])]).chain(kind.clone()).collect();
    }
    kind.into_iter().chain([json!(["a", "b"]), json!([[], []])]).collect()
}

/// Each writable attribute of a schema with a value that it cannot have, as the value of the whole attribute.
fn rows_of<'a>(attributes: impl IntoIterator<Item = &'a Attribute>) -> Vec<(&'a str, Value)> {
    let mut rows = Vec::new();
    for attribute in attributes {
        if attribute.mutability == Mutability::ReadOnly || attribute.name == "schemas" {
            continue;
        }
        // A member's parts are texts, and an element without `value` is none.
        if attribute.name == "members" {
            for wrong in [json!(7), json!([7]), json!([true]), json!([[]]), json!([{}]), json!([{"value": {}}])] {
                rows.push((attribute.name.as_str(), wrong));
            }
            rows.push(("members", json!([{"display": "x", "type": "User"}])));
            continue;
        }
        rows.extend(misfits(attribute).into_iter().map(|value| (attribute.name.as_str(), value)));
        for part in &attribute.sub_attributes {
            for value in misfits(part) {
                let element = json!({part.name.as_str(): value});
                let value = if attribute.multi_valued { json!([element]) } else { element };
                rows.push((attribute.name.as_str(), value));
            }
        }
    }
    rows
}

/// Sends a value in each place where a client can write it.
fn sent_everywhere(
    scene: &Scene,
    (collection, resource): (&str, &str),
    (schema, name): (Option<&str>, &str),
    value: &Value,
) -> Vec<Row> {
    let mut body = json!({"userName": "x", "displayName": "x"});
    match schema {
        None => body[name] = value.clone(),
        Some(schema) => body[schema] = json!({name: value}),
    }
    let path = schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}:{name}"));
    let mut without_path = json!({});
    without_path[path.as_str()] = value.clone();
    let client = &scene.tenant.client;
    let mut answers =
        vec![("POST".to_owned(), client.post(collection, &body)), ("PUT".to_owned(), client.put(resource, &body))];
    for op in ["add", "replace"] {
        answers.push((op.to_owned(), client.modify(resource, &json!([{"op": op, "path": path, "value": value}]))));
        answers
            .push((format!("{op} without path"), client.modify(resource, &json!([{"op": op, "value": without_path}]))));
    }
    let row = |(what, answer)| (format!("{what} {collection} {path} = {value}"), answer, 400, Some("invalidValue"));
    answers.into_iter().map(row).collect()
}

#[test]
fn a_value_of_another_type_is_refused_for_every_attribute() {
    let scene = Scene::new();
    let types = [registry::user().unwrap(), registry::group().unwrap()];
    let mut rows = Vec::new();
    for (endpoint, resource_type) in scene.endpoints().into_iter().zip(&types) {
        let common = resource_type.common_attributes().iter();
        for (name, value) in rows_of(common.chain(&resource_type.schema.attributes)) {
            rows.extend(sent_everywhere(&scene, endpoint, (None, name), &value));
        }
        for extension in &resource_type.extensions {
            for (name, value) in rows_of(&extension.schema.attributes) {
                rows.extend(sent_everywhere(&scene, endpoint, (Some(&extension.schema.id), name), &value));
            }
        }
    }
    assert!(rows.len() > 1_000, "{}", rows.len());
    assert_errors(&rows);
    scene.assert_unchanged();
}

#[test]
fn a_resource_without_what_it_must_have_or_with_too_much_is_refused() {
    let scene = Scene::new();
    let many = |count: usize| (0..count).map(|number| json!({"value": format!("v{number}")})).collect::<Value>();
    let primary = json!([{"value": "a", "primary": true}, {"value": "b", "primary": "True"}]);
    let long = "a".repeat(limits::INDEXED_BYTES + 1);
    let users = [
        (json!({}), 400, Some("invalidValue")),
        (json!({"userName": null}), 400, Some("invalidValue")),
        (json!({"userName": ""}), 400, Some("invalidValue")),
        (json!({"userName": []}), 400, Some("invalidValue")),
        (json!({"urn:ietf:params:scim:schemas:core:2.0:User": {"userName": "x"}}), 400, Some("invalidValue")),
        (json!({"userName": long}), 400, Some("invalidValue")),
        (json!({"userName": "x", "externalId": long}), 400, Some("invalidValue")),
        (json!({"userName": "x", "emails": many(limits::VALUES_PER_ATTRIBUTE + 1)}), 400, Some("invalidValue")),
        (json!({"userName": "x", "emails": primary}), 400, Some("invalidValue")),
        (json!({"userName": "x", ENTERPRISE: "text"}), 400, Some("invalidValue")),
        (json!({"userName": "x", ENTERPRISE: []}), 400, Some("invalidValue")),
        (json!({"userName": "x", "nickName": "a".repeat(limits::RESOURCE_BYTES)}), 413, None),
        (json!({"userName": "member-0"}), 409, Some("uniqueness")),
        (json!({"userName": "MEMBER-0"}), 409, Some("uniqueness")),
    ];
    let groups = [
        (json!({}), 400, Some("invalidValue")),
        (json!({"displayName": null}), 400, Some("invalidValue")),
        (json!({"displayName": ""}), 400, Some("invalidValue")),
        (json!({"members": []}), 400, Some("invalidValue")),
        (json!({"displayName": "a".repeat(limits::INDEXED_BYTES + 1)}), 400, Some("invalidValue")),
    ];
    let mut rows = Vec::new();
    for ((collection, resource), table) in scene.endpoints().into_iter().zip([&users[..], &groups]) {
        for (body, status, scim_type) in table {
            let shown = body.to_string().chars().take(80).collect::<String>();
            let client = &scene.tenant.client;
            rows.push((format!("POST {collection} {shown}"), client.post(collection, body), *status, *scim_type));
            rows.push((format!("PUT {resource} {shown}"), client.put(resource, body), *status, *scim_type));
        }
    }
    // Its own name is no conflict for a resource, but for another it is.
    let taken = scene.tenant.client.post("/Groups", &json!({"displayName": "ENGINEERS"}));
    rows.push(("POST /Groups with a name that is taken".to_owned(), taken, 409, Some("uniqueness")));
    assert_errors(&rows);
    scene.assert_unchanged();
}
