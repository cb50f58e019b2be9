//! An extension of User with an attribute of every kind.

use super::*;

const HR: &str = "urn:example:scim:schemas:extension:hr:1.0:User";

fn hr() -> Value {
    json!({
        "id": HR, "name": "HR", "description": "Human resources",
        "attributes": [
            {"name": "nick", "type": "string"},
            {"name": "code", "type": "string", "caseExact": true},
            {"name": "costs", "type": "string", "required": true},
            {"name": "remote", "type": "boolean"},
            {"name": "level", "type": "integer"},
            {"name": "share", "type": "decimal"},
            {"name": "since", "type": "dateTime"},
            {"name": "photo", "type": "binary"},
            {"name": "office", "type": "reference", "referenceTypes": ["external"]},
            {"name": "tags", "type": "string", "multiValued": true},
            {"name": "scores", "type": "integer", "multiValued": true},
            {"name": "serial", "type": "string", "mutability": "immutable"},
            {"name": "rank", "type": "string", "mutability": "readOnly"},
            {"name": "pin", "type": "string", "mutability": "writeOnly", "returned": "never"},
            {"name": "notes", "type": "string", "returned": "request"},
            {"name": "place", "type": "complex", "subAttributes": [
                {"name": "room", "type": "string", "required": true},
                {"name": "floor", "type": "integer"},
                {"name": "building", "type": "string", "mutability": "immutable"},
                {"name": "key", "type": "string", "returned": "never"},
                {"name": "hint", "type": "string", "returned": "request"}
            ]},
            {"name": "devices", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "value", "type": "string", "mutability": "immutable"},
                {"name": "type", "type": "string", "canonicalValues": ["laptop", "phone"]},
                {"name": "primary", "type": "boolean"},
                {"name": "weight", "type": "decimal"},
                {"name": "bought", "type": "dateTime"}
            ]}
        ]
    })
}

fn with_hr() -> Tenant {
    let tenant = tenant();
    imported(&tenant, "schema", &hr(), &["--extends", "user"]);
    tenant
}

fn user(name: &str, extension: &Value) -> Value {
    json!({"schemas": [USER, HR], "userName": name, HR: extension})
}

#[test]
fn discovery_shows_an_extension_to_its_tenant_alone() {
    let (one, other) = (with_hr(), tenant());
    let extensions = |tenant: &Tenant| tenant.client.get("/ResourceTypes/User").json()["schemaExtensions"].clone();
    assert_eq!(extensions(&one)[1], json!({"schema": HR, "required": false}));
    assert_eq!(extensions(&other).as_array().unwrap().len(), 1);
    assert!(served(&one).contains(&HR.to_owned()) && !served(&other).contains(&HR.to_owned()));
    let shown = one.client.get(&format!("/Schemas/{}", HR.to_uppercase())).json();
    assert_eq!(
        (&shown["id"], &shown["name"], &shown["description"]),
        (&json!(HR), &json!("HR"), &json!("Human resources"))
    );
    let nick = json!({
        "name": "nick", "type": "string", "multiValued": false, "required": false, "caseExact": false,
        "mutability": "readWrite", "returned": "default", "uniqueness": "none"
    });
    assert_eq!(shown["attributes"][0], nick);
    assert_error(&other.client.get(&format!("/Schemas/{HR}")), 404, None);
    let anybody = crate::support::Client::anonymous(&shared().url);
    assert_error(&anybody.get(&format!("/Schemas/{HR}")), 404, None);
}

#[test]
fn values_of_every_type_come_back_as_they_were_sent() {
    let tenant = with_hr();
    let sent = json!({
        "nick": "Ada", "code": "aB", "costs": "C1", "remote": true, "level": -7, "since": "2026-01-02T03:04:05+02:00",
        "photo": "aGk=", "office": "https://example.com/x", "tags": ["a", "B"], "scores": [1, 2],
        "serial": "s1", "place": {"room": "12", "floor": 3, "building": "N"},
        "devices": [
            {"value": "d1", "type": "laptop", "primary": true, "weight": 1.25, "bought": "2025-01-01T00:00:00Z"},
            {"value": "d1", "type": "phone"}
        ]
    });
    let user = created(&tenant.client.post("/Users", &user("ada", &sent)));
    assert_eq!(user[HR], sent);
    assert_eq!(user["schemas"], json!([USER, HR]));
    let path = crate::support::path_of(&user);
    assert_eq!(tenant.client.get(&path).json(), user);
    for text in ["0.1", "1234567.8901234567", "5e-324", "1.7976931348623157e308", "-0.30000000000000004", "3"] {
        let body = format!(
            "{{\"schemas\":[\"{}\"],\"Operations\":[{{\"op\":\"replace\",\"path\":\"{HR}:share\",\"value\":{text}}}]}}",
            crate::support::PATCH_OP
        );
        let patch = tenant.client.request(reqwest::Method::PATCH, &path).header("Content-Type", "application/json");
        assert_eq!(crate::support::Client::send(patch.body(body)).status, 200);
        let read = tenant.client.get(&path);
        let share = read.json()[HR]["share"].as_f64().unwrap();
        assert_eq!(share.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}: {}", read.text);
        assert_eq!(found(&tenant, "/Users", &format!("{HR}:share eq {text}")), 1, "{text}");
    }
}

#[test]
fn a_value_of_another_type_is_refused_and_changes_nothing() {
    let tenant = with_hr();
    for (name, wrong) in [
        ("nick", json!({})),
        ("remote", json!("maybe")),
        ("level", json!(1.5)),
        ("level", json!("1")),
        ("share", json!("much")),
        ("since", json!("2026-01-02")),
        ("photo", json!("no base64!")),
        ("office", json!(true)),
        ("tags", json!([{"value": "a"}])),
        ("scores", json!(["x"])),
        ("place", json!("12")),
        ("place", json!({"floor": 3})),
        ("place", json!({"room": "12", "floor": "three"})),
        ("devices", json!([{"value": "d1", "primary": true}, {"value": "d2", "primary": true}])),
        ("devices", json!([{"value": "d1", "weight": "heavy"}])),
        ("costs", json!(null)),
        ("costs", json!("")),
    ] {
        let mut extension = json!({"costs": "C1", "code": "x"});
        extension[name] = wrong;
        assert_error(&tenant.client.post("/Users", &user("ada", &extension)), 400, Some("invalidValue"));
    }
    assert_error(&tenant.client.post("/Users", &user("ada", &json!({"nick": "x"}))), 400, Some("invalidValue"));
    assert_eq!(tenant.client.get("/Users").json()["totalResults"], 0);
    // Without the extension nothing of it is required.
    created(&tenant.client.post("/Users", &crate::support::minimal("ada")));
}

#[test]
fn filters_compare_by_the_type_of_the_attribute() {
    let tenant = with_hr();
    let ada = json!({
        "nick": "Ada", "code": "aB", "costs": "C1", "remote": true, "level": 9, "share": 0.5,
        "since": "2026-01-02T03:04:05+02:00", "photo": "aGk=", "office": "https://example.com/x", "tags": ["Red", "blue"],
        "scores": [1, 10], "place": {"room": "12", "floor": 3},
        "devices": [{"value": "d1", "type": "laptop", "weight": 1.5}, {"value": "d2", "type": "phone", "weight": 0.2}]
    });
    created(&tenant.client.post("/Users", &user("ada", &ada)));
    created(&tenant.client.post("/Users", &user("bob", &json!({"costs": "C2", "level": 10, "remote": false}))));
    for (filter, number) in [
        (format!("{HR}:nick eq \"ADA\""), 1),
        ("nick eq \"ada\"".into(), 1),
        (format!("{HR}:code eq \"ab\""), 0),
        (format!("{HR}:code eq \"aB\""), 1),
        (format!("{HR}:remote eq true"), 1),
        (format!("{HR}:level gt 9"), 1),
        (format!("{HR}:level ge 9"), 2),
        (format!("{HR}:level lt 10"), 1),
        (format!("{HR}:share gt 0.4999"), 1),
        (format!("{HR}:since eq \"2026-01-02T01:04:05Z\""), 1),
        (format!("{HR}:since gt \"2026-01-02T01:04:04Z\""), 1),
        (format!("{HR}:photo eq \"aGk=\""), 1),
        (format!("{HR}:office sw \"HTTPS\""), 1),
        (format!("{HR}:tags eq \"red\""), 1),
        (format!("{HR}:tags co \"lu\""), 1),
        (format!("{HR}:scores gt 9"), 1),
        (format!("{HR}:scores gt 10"), 0),
        (format!("{HR}:place.floor le 3"), 1),
        (format!("{HR}:devices[type eq \"laptop\" and weight gt 1]"), 1),
        (format!("{HR}:devices[type eq \"phone\" and weight gt 1]"), 0),
        (format!("{HR}:devices.value eq \"D2\""), 1),
        (format!("{HR}:nick pr"), 1),
        (format!("{HR} pr"), 2),
        (format!("not ({HR}:level eq 9)"), 1),
    ] {
        assert_eq!(found(&tenant, "/Users", &filter), number, "{filter}");
    }
    for wrong in
        ["level co \"1\"", "photo gt \"aGk=\"", "remote gt true", "since eq \"soon\"", "pin eq \"1\"", "place.key pr"]
    {
        let answer = tenant.client.query("/Users", &[("filter", &format!("{HR}:{wrong}"))]);
        assert_error(&answer, 400, Some("invalidFilter"));
    }
}

#[test]
fn a_patch_follows_the_characteristics_of_each_attribute() {
    let tenant = with_hr();
    let extension = json!({
        "costs": "C1", "serial": "s1", "place": {"room": "12", "building": "N"},
        "devices": [{"value": "d1", "type": "laptop"}, {"value": "d1", "type": "phone"}]
    });
    let path = crate::support::path_of(&created(&tenant.client.post("/Users", &user("ada", &extension))));
    let modify = |operation: Value| tenant.client.modify(&path, &json!([operation]));
    for (operation, name, after) in [
        (json!({"op": "add", "path": format!("{HR}:level"), "value": 3}), "level", json!(3)),
        (json!({"op": "add", "value": {HR: {"level": 4, "rank": "general"}}}), "level", json!(4)),
        (json!({"op": "add", "path": format!("{HR}:tags"), "value": ["a"]}), "tags", json!(["a"])),
        (
            json!({"op": "replace", "path": format!("{HR}:place.floor"), "value": 2}),
            "place",
            json!({"room": "12", "building": "N", "floor": 2}),
        ),
        (
            json!({"op": "replace", "path": format!("{HR}:devices[type eq \"phone\"].weight"), "value": 0.3}),
            "devices",
            json!([{"value": "d1", "type": "laptop"}, {"value": "d1", "type": "phone", "weight": 0.3}]),
        ),
        (
            json!({"op": "remove", "path": format!("{HR}:devices[type eq \"laptop\"]")}),
            "devices",
            json!([{"value": "d1", "type": "phone", "weight": 0.3}]),
        ),
        (json!({"op": "remove", "path": format!("{HR}:level")}), "level", json!(null)),
        (json!({"op": "add", "path": format!("{HR}:serial"), "value": "s1"}), "serial", json!("s1")),
    ] {
        let answer = modify(operation);
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()[HR][name], after, "{name}");
        assert_eq!(answer.json()[HR].get("rank"), None);
    }
    let before = tenant.client.get(&path).json();
    for (operation, scim_type) in [
        (json!({"op": "replace", "path": format!("{HR}:serial"), "value": "s2"}), "mutability"),
        (json!({"op": "remove", "path": format!("{HR}:serial")}), "mutability"),
        (json!({"op": "replace", "path": format!("{HR}:place.building"), "value": "S"}), "mutability"),
        (json!({"op": "replace", "path": format!("{HR}:rank"), "value": "general"}), "mutability"),
        (json!({"op": "remove", "path": format!("{HR}:costs")}), "invalidValue"),
        (json!({"op": "remove", "path": format!("{HR}:place.room")}), "invalidValue"),
        (json!({"op": "add", "path": format!("{HR}:level"), "value": "high"}), "invalidValue"),
        (json!({"op": "remove", "path": format!("{HR}:unknown")}), "invalidPath"),
    ] {
        assert_error(&modify(operation), 400, Some(scim_type));
    }
    assert_eq!(tenant.client.get(&path).json(), before);

    let mut body = user("ada", &json!({"costs": "C1", "serial": "s1", "place": {"room": "1", "building": "S"}}));
    assert_error(&tenant.client.put(&path, &body), 400, Some("mutability"));
    body[HR]["place"]["building"] = json!("N");
    let replaced = tenant.client.put(&path, &body);
    assert_eq!((replaced.status, &replaced.json()[HR]), (200, &body[HR]));

    let events = tenant.audit();
    let event = events.iter().find(|event| event.action == "resource.modify").unwrap();
    assert_eq!(event.after.as_ref().unwrap()[HR]["serial"], "s1");
}

#[test]
fn what_is_never_returned_is_kept_nowhere_and_what_is_returned_on_request_only_then() {
    let tenant = with_hr();
    let place = json!({"room": "12", "key": "hidden-key", "hint": "left"});
    let extension = json!({"costs": "C1", "pin": "hidden-pin", "notes": "quiet", "place": place});
    let answer = tenant.client.post("/Users", &user("ada", &extension));
    let path = crate::support::path_of(&created(&answer));
    // A reply to a write has what the write names.
    assert_eq!(answer.json()[HR], json!({"costs": "C1", "notes": "quiet", "place": {"room": "12", "hint": "left"}}));
    let replies = [
        (
            json!({"op": "replace", "path": format!("{HR}:notes"), "value": "loud"}),
            json!({"room": "12"}),
            json!("loud"),
        ),
        (
            json!({"op": "replace", "value": {HR: {"place": {"hint": "right"}}}}),
            json!({"room": "12", "hint": "right"}),
            json!(null),
        ),
        (
            json!({"op": "add", "path": format!("{HR}:place.hint"), "value": "left"}),
            json!({"room": "12", "hint": "left"}),
            json!(null),
        ),
        (json!({"op": "replace", "value": {"title": "x", "notes": "quiet"}}), json!({"room": "12"}), json!("quiet")),
    ];
    for (operation, place, notes) in replies {
        let reply = tenant.client.modify(&path, &json!([operation])).json();
        assert_eq!(
            (&reply[HR]["place"], reply[HR].get("notes").unwrap_or(&json!(null))),
            (&place, &notes),
            "{operation}"
        );
    }
    let without = tenant.client.patch(
        &format!("{path}?excludedAttributes={HR}:notes"),
        &crate::support::patch(&json!([{"op": "replace", "path": format!("{HR}:notes"), "value": "still"}])),
    );
    assert_eq!((without.status, without.json()[HR].get("notes")), (200, None), "{}", without.text);
    let back = json!([{"op": "replace", "path": format!("{HR}:notes"), "value": "quiet"}]);
    assert_eq!(tenant.client.modify(&path, &back).status, 200);
    let version = tenant.client.get(&path).json()["meta"]["version"].clone();
    let operations = json!([
        {"op": "add", "path": format!("{HR}:pin"), "value": "hidden-pin"},
        {"op": "add", "path": format!("{HR}:place.key"), "value": "hidden-key"}
    ]);
    let modified = tenant.client.modify(&path, &operations);
    assert_eq!((modified.status, &modified.json()["meta"]["version"]), (200, &version), "{}", modified.text);
    let list = |attributes: &str| {
        tenant.client.query("/Users", &[("attributes", attributes)]).json()["Resources"][0][HR].clone()
    };
    assert_eq!(list(&format!("{HR}:notes,{HR}:pin")), json!({"notes": "quiet"}));
    assert_eq!(list(&format!("{HR}:place.hint,{HR}:place.key")), json!({"place": {"hint": "left"}}));
    assert_eq!(tenant.client.get("/Users").json()["Resources"][0][HR], json!({"costs": "C1", "place": {"room": "12"}}));
    let id = path.strip_prefix("/Users/").unwrap();
    let stored =
        "SELECT count(*) AS number FROM resources WHERE (document || comparable::text) LIKE '%hidden%' AND id = ";
    assert_eq!(crate::support::database::number(&format!("{stored}'{id}'")), 0);
    assert!(tenant.audit().iter().all(|event| !format!("{event:?}").contains("hidden")));
}

#[test]
fn another_tenant_knows_nothing_of_the_extension() {
    let (one, other) = (with_hr(), tenant());
    created(&one.client.post("/Users", &user("ada", &json!({"costs": "C1", "nick": "x"}))));
    let user = created(&other.client.post("/Users", &user("ada", &json!({"nick": 7}))));
    assert_eq!((&user["schemas"], user.get(HR)), (&json!([USER]), None));
    let filter = format!("{HR}:nick eq \"x\"");
    assert_error(&other.client.filter(&filter), 400, Some("invalidFilter"));
    assert_eq!(found(&one, "/Users", &filter), 1);
}

#[test]
fn a_required_extension_is_demanded_of_every_user() {
    let tenant = tenant();
    imported(&tenant, "schema", &hr(), &["--extends", "User", "--required"]);
    let refused = tenant.client.post("/Users", &crate::support::minimal("ada"));
    assert_error(&refused, 400, Some("invalidValue"));
    assert!(refused.text.contains(HR), "{}", refused.text);
    let path = crate::support::path_of(&created(&tenant.client.post("/Users", &user("ada", &json!({"costs": "C1"})))));
    let gone = tenant.client.modify(&path, &json!([{"op": "remove", "path": HR}]));
    assert_error(&gone, 400, Some("invalidValue"));
    assert_eq!(tenant.client.get("/ResourceTypes/User").json()["schemaExtensions"][1]["required"], true);
}
