use serde_json::json;

use super::order::steps;
use super::*;

const BASE: &str = "https://scim.example/v2";

fn read(operations: &Value) -> BulkRequest {
    BulkRequest::from_json(json!({"Operations": operations}), BASE).unwrap()
}

fn operation(given: &Value) -> Operation {
    read(&json!([given])).entries.remove(0).operation.unwrap()
}

fn problem(given: &Value) -> (ErrorKind, String) {
    let error = read(&json!([given])).entries.remove(0).operation.unwrap_err();
    (error.kind(), error.detail().to_owned())
}

/// Ids for the names `a`, `b` and so on: `id-a`, `id-b`.
fn id_of(name: &str) -> Result<String, ScimError> {
    if name.len() == 1 { Ok(format!("id-{name}")) } else { Err(ScimError::new(ErrorKind::InvalidValue, name)) }
}

fn post(name: &str, data: &Value) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": name, "data": data})
}

#[test]
fn an_operation_is_read_with_names_and_methods_in_any_case() {
    let read = operation(
        &json!({"METHOD": "put", "PATH": "/Users/1", "Version": "W/\"3\"", "Data": {"userName": "x"}, "x": 1}),
    );
    assert_eq!(read.endpoint, "Users");
    assert_eq!(read.action, Action::Replace("1".into(), json!({"userName": "x"})));
    assert_eq!(read.preconditions.if_match.as_deref(), Some("W/\"3\""));
    let request = json!({"OPERATIONS": [], "failonerrors": 2});
    assert_eq!(BulkRequest::from_json(request, BASE).unwrap().fail_on_errors, Some(2));
}

#[test]
fn a_path_may_be_the_url_below_the_base_or_lack_its_slash() {
    for path in ["/Users/1", "Users/1", "/Users/1/", "https://scim.example/v2/Users/1"] {
        let read = operation(&json!({"method": "DELETE", "path": path}));
        assert_eq!((read.endpoint.as_str(), read.action), ("Users", Action::Delete("1".into())), "{path}");
    }
    for path in ["https://scim.example/v2x/Users/1", "https://elsewhere.example/v2/Users/1"] {
        assert_eq!(operation(&json!({"method": "DELETE", "path": path})).endpoint, "https:", "{path}");
    }
}

#[test]
fn what_an_operation_lacks_is_named_and_is_its_own_matter() {
    let long = format!("/Users/{}", "1".repeat(limits::PATH_BYTES));
    for (given, named) in [
        (json!({}), "method"),
        (json!({"method": 1, "path": "/Users/1"}), "method"),
        (json!({"method": "GET", "path": "/Users/1"}), "GET"),
        (json!({"method": "DELETE"}), "path"),
        (json!({"method": "DELETE", "path": 1}), "path"),
        (json!({"method": "DELETE", "path": long}), "path"),
        (json!({"method": "DELETE", "path": "/Users"}), "path"),
        (json!({"method": "PUT", "path": "/Users", "data": {}}), "path"),
        (json!({"method": "PUT", "path": "/Users/1"}), "data"),
        (json!({"method": "PATCH", "path": "/Users/1", "data": null}), "data"),
        (json!({"method": "DELETE", "path": "/Users/1", "version": 1}), "version"),
        (json!({"method": "POST", "path": "/Users", "data": {}}), "bulkId"),
        (json!({"method": "POST", "path": "/Users", "data": {}, "bulkId": ""}), "bulkId"),
        (json!({"method": "POST", "path": "/Users", "data": {}, "bulkId": 1}), "bulkId"),
        (json!({"method": "POST", "path": "/Users", "bulkId": "a"}), "data"),
        (json!({"method": "POST", "path": "/Users/1", "bulkId": "a", "data": {}}), "path"),
    ] {
        let (kind, detail) = problem(&given);
        assert_eq!(kind, ErrorKind::InvalidSyntax, "{given}");
        assert!(detail.contains(named), "{given}: {detail}");
    }
}

#[test]
fn what_is_wrong_with_the_whole_is_refused() {
    let many = vec![json!({}); limits::BULK_OPERATIONS + 1];
    for (body, kind) in [
        (json!([]), ErrorKind::InvalidSyntax),
        (json!({}), ErrorKind::InvalidSyntax),
        (json!({"Operations": {}}), ErrorKind::InvalidSyntax),
        (json!({"Operations": ["DELETE /Users/1"]}), ErrorKind::InvalidSyntax),
        (json!({"Operations": [], "failOnErrors": 0}), ErrorKind::InvalidValue),
        (json!({"Operations": [], "failOnErrors": -1}), ErrorKind::InvalidValue),
        (json!({"Operations": [], "failOnErrors": 1.5}), ErrorKind::InvalidValue),
        (json!({"Operations": [], "failOnErrors": "1"}), ErrorKind::InvalidValue),
        (json!({"Operations": many}), ErrorKind::PayloadTooLarge),
    ] {
        assert_eq!(BulkRequest::from_json(body.clone(), BASE).unwrap_err().kind(), kind, "{body}");
    }
}

#[test]
fn a_name_that_two_creations_share_means_neither() {
    let delete = json!({"method": "DELETE", "path": "/Users/1", "bulkId": "a"});
    let request = read(&json!([post("a", &json!({})), delete, post("b", &json!({})), post("a", &json!({}))]));
    let sound: Vec<bool> = request.entries.iter().map(|entry| entry.operation.is_ok()).collect();
    assert_eq!(sound, [false, true, true, false]);
}

#[test]
fn references_are_replaced_wherever_they_stand() {
    let mut create = operation(&post(
        "x",
        &json!({
            "manager": {"value": "bulkId:a", "$ref": "https://scim.example/v2/Users/bulkId:a"},
            "urn:x:User": {"deep": [[{"value": "bulkId:b"}], "bulkId:c"]},
            "displayName": "about bulkId:a", "title": "x/bulkId:a", "bulkId:a": 1
        }),
    ));
    create.resolve(id_of).unwrap();
    let expected = json!({
        "manager": {"value": "id-a", "$ref": "https://scim.example/v2/Users/id-a"},
        "urn:x:User": {"deep": [[{"value": "id-b"}], "id-c"]},
        "displayName": "about bulkId:a", "title": "x/bulkId:a", "bulkId:a": 1
    });
    assert_eq!(create.action, Action::Create(expected));

    let patch = |path: &str, value: Value| json!({"operations": [{"op": "add", "Path": path, "value": value}]});
    let given =
        patch("members[value eq \"bulkId:b\" and type eq \"User\"].value", json!(["bulkId:c", {"$ref": "bulkId:d"}]));
    let mut modify = operation(&json!({"method": "PATCH", "path": "/Groups/bulkId:a", "data": given}));
    assert_eq!(modify.references(), ["a", "b", "c", "d"].map(String::from).into());
    modify.resolve(id_of).unwrap();
    let expected = patch("members[value eq \"id-b\" and type eq \"User\"].value", json!(["id-c", {"$ref": "id-d"}]));
    assert_eq!(modify.action, Action::Modify("id-a".into(), expected));

    let mut delete = operation(&json!({"method": "DELETE", "path": "/Users/bulkId:a"}));
    delete.resolve(id_of).unwrap();
    assert_eq!(delete.path(), "Users/id-a");
    let mut unknown = operation(&json!({"method": "DELETE", "path": "/Users/bulkId:unknown"}));
    assert!(unknown.resolve(id_of).is_err());
}

#[test]
fn what_refers_to_the_missing_is_split_off_as_a_patch() {
    let mut create = operation(&post(
        "a",
        &json!({
            "displayName": "A", "nickName": "bulkId:b",
            "members": [{"value": "1"}, {"value": "bulkId:b"}, {"value": "bulkId:c"}, {"value": "bulkId:a"}],
            "urn:x:User": {"department": "IT", "manager": {"value": "bulkId:b"}},
            "urn:y:User": {"buddy": "bulkId:c"}
        }),
    ));
    let mut rest = create.split_off("a", |name| ["a", "b"].contains(&name)).unwrap();
    create.resolve(id_of).unwrap();
    let expected = json!({
        "displayName": "A", "nickName": null,
        "members": [{"value": "1"}, {"value": "id-c"}],
        "urn:x:User": {"department": "IT", "manager": null},
        "urn:y:User": {"buddy": "id-c"}
    });
    assert_eq!(create.action, Action::Create(expected));
    rest.resolve(id_of).unwrap();
    let value = json!({
        "nickName": "id-b",
        "members": [{"value": "id-b"}, {"value": "id-a"}],
        "urn:x:User": {"manager": {"value": "id-b"}}
    });
    let patch = json!({"schemas": [crate::scim::urn::PATCH_OP], "Operations": [{"op": "add", "value": value}]});
    assert_eq!((rest.path().as_str(), rest.action), ("Users/id-a", Action::Modify("id-a".into(), patch)));
    assert_eq!(create.split_off("a", |_| true), None);
}

#[test]
fn an_operation_comes_after_those_that_it_refers_to() {
    use Step::{Circle, One};
    let no: [Vec<usize>; 3] = [vec![], vec![], vec![]];
    assert_eq!(steps(&no), [One(0), One(1), One(2)]);
    assert_eq!(steps(&[vec![2], vec![0], vec![]]), [One(2), One(0), One(1)]);
    assert_eq!(steps(&[vec![1], vec![0], vec![]]), [Circle(vec![0, 1]), One(2)]);
    assert_eq!(steps(&[vec![0]]), [Circle(vec![0])]);
    // Two circles, one of which leads to the other and to a third operation, and one who refers to all.
    let references = [vec![1, 2, 4, 5], vec![2, 3], vec![1, 5], vec![4], vec![3], vec![]];
    assert_eq!(steps(&references), [One(5), Circle(vec![3, 4]), Circle(vec![1, 2]), One(0)]);
    let chain: Vec<Vec<usize>> =
        (1..=limits::BULK_OPERATIONS).map(|next| vec![next % limits::BULK_OPERATIONS]).collect();
    assert_eq!(steps(&chain), [Circle((0..limits::BULK_OPERATIONS).collect())]);
}

#[test]
fn steps_follow_the_references_to_creations() {
    let delete = json!({"method": "DELETE", "path": "/Users/bulkId:b", "bulkId": "c"});
    let referring = post("a", &json!({"w": "bulkId:a2", "x": "bulkId:b", "y": "bulkId:c", "z": "bulkId:unknown"}));
    let request = read(&json!([referring, delete, post("b", &json!({})), post("a2", &json!({}))]));
    let position = |step: Step<Entry>| match step {
        Step::One(entry) => entry.head.position,
        Step::Circle(_) => panic!("there is no circle"),
    };
    assert_eq!(request.into_steps().into_iter().map(position).collect::<Vec<_>>(), [2, 3, 0, 1]);
}

#[test]
fn a_reply_has_what_the_rfc_asks_for() {
    let request = read(&json!([
        post("a", &json!({})),
        {"method": "delete", "path": "Users/1"},
        {"method": "PUT", "path": "/Users/2"},
        {"method": "POST", "path": "/Users", "bulkId": "b"},
        {"method": "GET"}
    ]));
    let done = |status, version: Option<&str>| {
        Ok(Done { status, location: "https://scim.example/v2/Users/1".into(), version: version.map(str::to_owned) })
    };
    let error = || Err(ScimError::new(ErrorKind::Conflict, "why"));
    let results = [done(201, Some("W/\"1\"")), done(204, None), error(), error(), error()];
    let heads = request.entries.into_iter().map(|entry| entry.head);
    let replies: Vec<Outcome> = heads.zip(results).map(|(head, result)| Outcome { head, result }).collect();
    let response = json!({"schemas": [crate::scim::urn::ERROR], "status": "409", "detail": "why"});
    let location = "https://scim.example/v2/Users/1";
    assert_eq!(
        to_json(&replies, BASE),
        json!({"schemas": [crate::scim::urn::BULK_RESPONSE], "Operations": [
            {"method": "POST", "bulkId": "a", "version": "W/\"1\"", "location": location, "status": "201"},
            {"method": "DELETE", "location": location, "status": "204"},
            {"method": "PUT", "location": "https://scim.example/v2/Users/2", "status": "409", "response": response},
            {"method": "POST", "bulkId": "b", "status": "409", "response": response},
            {"method": "GET", "status": "409", "response": response}
        ]})
    );
}

#[test]
fn a_location_is_a_uri_whatever_the_path_was() {
    let heads =
        read(&json!([{"method": "PUT", "path": "/Users/\u{aa} \"%20?"}])).entries.into_iter().map(|entry| entry.head);
    let refused = |head| Outcome { head, result: Err(ScimError::new(ErrorKind::NotFound, "why")) };
    let replies: Vec<Outcome> = heads.map(refused).collect();
    assert_eq!(
        to_json(&replies, BASE)["Operations"][0]["location"],
        "https://scim.example/v2/Users/%C2%AA%20%22%2520%3F"
    );
}
