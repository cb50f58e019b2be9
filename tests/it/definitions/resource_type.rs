//! Resource types of a tenant's own, from end to end.

use super::*;

const BADGE: &str = "urn:example:scim:schemas:1.0:Badge";
const ACCESS: &str = "urn:example:scim:schemas:extension:access:1.0:Badge";

pub(super) fn badge() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": BADGE, "name": "Badge",
        "attributes": [
            {"name": "code", "type": "string", "required": true, "uniqueness": "server"},
            {"name": "colour", "type": "string"},
            {"name": "active", "type": "boolean"},
            {"name": "holder", "type": "complex", "subAttributes": [
                {"name": "value", "type": "string"},
                {"name": "$ref", "type": "reference", "referenceTypes": ["User"]}
            ]}
        ]
    })
}

pub(super) fn badge_type() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "Badge", "name": "Badge", "description": "What opens doors", "endpoint": "/Badges", "schema": BADGE,
        "schemaExtensions": []
    })
}

fn with_badges() -> Tenant {
    let tenant = tenant();
    imported(&tenant, "schema", &badge(), &[]);
    imported(&tenant, "resource-type", &badge_type(), &[]);
    let access = json!({"id": ACCESS, "name": "Access", "attributes": [{"name": "doors", "type": "integer"}]});
    imported(&tenant, "schema", &access, &["--extends", "Badge"]);
    tenant
}

fn new(code: &str) -> Value {
    json!({"schemas": [BADGE], "code": code})
}

#[test]
fn a_resource_type_of_its_own_is_served_like_any_other() {
    let tenant = with_badges();
    let client = &tenant.client;
    let shown = client.get("/ResourceTypes/Badge").json();
    assert_eq!(
        (&shown["id"], &shown["name"], &shown["endpoint"]),
        (&json!("Badge"), &json!("Badge"), &json!("/Badges"))
    );
    assert_eq!((&shown["schema"], &shown["description"]), (&json!(BADGE), &json!("What opens doors")));
    assert_eq!(shown["schemaExtensions"], json!([{"schema": ACCESS, "required": false}]));
    assert_eq!(client.get("/ResourceTypes").json()["totalResults"], 3);
    assert!([BADGE, ACCESS].iter().all(|uri| served(&tenant).contains(&(*uri).to_owned())));

    let body = json!({
        "schemas": [BADGE, ACCESS], "code": "B-1", "colour": "Red", "holder": {"value": "7", "$ref": "../Users/7"},
        ACCESS: {"doors": 3}, "externalId": "e1", "unknown": 1
    });
    let answer = client.post("/Badges", &body);
    let badge = created(&answer);
    let id = badge["id"].as_str().unwrap();
    let path = format!("/Badges/{id}");
    assert_eq!(answer.header("location"), Some(format!("{}{path}", client.base()).as_str()));
    assert_eq!((&badge["meta"]["resourceType"], &badge["schemas"]), (&json!("Badge"), &json!([BADGE, ACCESS])));
    assert_eq!((&badge["holder"], &badge[ACCESS]["doors"]), (&body["holder"], &json!(3)));
    assert_eq!((&badge["active"], badge.get("unknown")), (&json!(true), None));
    assert_eq!(client.get(&path).json(), badge);

    for (filter, number) in [
        ("code eq \"b-1\"", 1),
        ("code sw \"B-\"", 1),
        ("code gt \"b\"", 1),
        ("code pr and colour ne \"blue\"", 1),
        ("holder.value eq \"7\"", 1),
        (&format!("{ACCESS}:doors lt 3"), 0),
        ("doors ge 3", 1),
        ("externalId eq \"e1\"", 1),
        ("meta.resourceType eq \"Badge\"", 1),
    ] {
        assert_eq!(found(&tenant, "/Badges", filter), number, "{filter}");
    }
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "code eq \"B-1\"", "attributes": ["colour"]});
    let found = client.post("/Badges/.search", &search).json();
    assert_eq!(found["Resources"][0], json!({"schemas": [BADGE, ACCESS], "id": id, "colour": "Red"}));

    let modified = client.modify(&path, &json!([{"op": "replace", "value": {"colour": "blue", ACCESS: {"doors": 4}}}]));
    assert_eq!((modified.status, &modified.json()[ACCESS]["doors"]), (200, &json!(4)));
    let replaced = client.put(&path, &new("B-2")).json();
    assert_eq!(
        (&replaced["code"], replaced.get("colour"), &replaced["externalId"]),
        (&json!("B-2"), None, &json!("e1"))
    );
    assert_eq!(client.delete(&path).status, 204);
    assert_error(&client.get(&path), 404, None);

    let actions: Vec<(String, String)> =
        tenant.audit().into_iter().map(|event| (event.action, event.target_type)).rev().collect();
    let expected = [
        ("schema.import", "Schema"),
        ("resource_type.import", "ResourceType"),
        ("schema.import", "Schema"),
        ("resource.create", "Badge"),
        ("resource.modify", "Badge"),
        ("resource.replace", "Badge"),
        ("resource.delete", "Badge"),
    ];
    let expected = expected.map(|(action, target)| (action.to_owned(), target.to_owned()));
    assert!(actions.ends_with(&expected), "{actions:?}");
}

#[test]
fn a_unique_attribute_is_unique_in_its_type_and_tenant_without_regard_to_case() {
    let (one, other) = (with_badges(), with_badges());
    let first = created(&one.client.post("/Badges", &new("straße")));
    let second = created(&one.client.post("/Badges", &new("B-2")));
    created(&other.client.post("/Badges", &new("straße")));
    for taken in ["STRASSE", "straße", "b-2"] {
        let refused = one.client.post("/Badges", &new(taken));
        assert_error(&refused, 409, Some("uniqueness"));
        assert!(refused.text.contains("code"), "{}", refused.text);
    }
    let path = format!("/Badges/{}", second["id"].as_str().unwrap());
    let rename = json!([{"op": "replace", "path": "code", "value": "Strasse"}]);
    assert_error(&one.client.modify(&path, &rename), 409, Some("uniqueness"));
    assert_eq!(one.client.get(&path).json(), second);
    assert_eq!(one.client.delete(&format!("/Badges/{}", first["id"].as_str().unwrap())).status, 204);
    assert_eq!(one.client.modify(&path, &rename).status, 200);
    assert_error(&one.client.post("/Badges", &new(&"x".repeat(1_025))), 400, Some("invalidValue"));
    assert_error(&one.client.post("/Badges", &json!({"schemas": [BADGE]})), 400, Some("invalidValue"));
}

#[test]
fn another_tenant_has_no_such_endpoint() {
    let (one, other) = (with_badges(), tenant());
    let badge = created(&one.client.post("/Badges", &new("B-1")));
    let path = format!("/Badges/{}", badge["id"].as_str().unwrap());
    for answer in [
        other.client.get("/Badges"),
        other.client.get(&path),
        other.client.post("/Badges", &new("B-1")),
        other.client.delete(&path),
        other.client.get("/ResourceTypes/Badge"),
        other.client.get(&format!("/Schemas/{BADGE}")),
    ] {
        assert_error(&answer, 404, None);
    }
    // Nor does it see the badge by serving the same type.
    let third = with_badges();
    assert_error(&third.client.get(&path), 404, None);
    assert_eq!(third.client.get("/Badges").json()["totalResults"], 0);
    assert_eq!(one.client.get(&path).json(), badge);
}

#[test]
fn an_immutable_value_in_a_list_of_its_own_makes_no_membership() {
    let tenant = tenant();
    let team = "urn:example:scim:schemas:1.0:Team";
    let schema = json!({"id": team, "name": "Team", "attributes": [
        {"name": "members", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value", "type": "string", "mutability": "immutable"}, {"name": "type", "type": "string"}
        ]}
    ]});
    imported(&tenant, "schema", &schema, &[]);
    imported(&tenant, "resource-type", &json!({"name": "Team", "endpoint": "/Teams", "schema": team}), &[]);
    let members = json!([{"value": "nobody", "type": "a"}, {"value": "nobody", "type": "b"}]);
    let body = created(&tenant.client.post("/Teams", &json!({"schemas": [team], "members": members})));
    assert_eq!(body["members"], members);
    assert_eq!(found(&tenant, "/Teams", "members[value eq \"NOBODY\" and type eq \"b\"]"), 1);
    let path = format!("/Teams/{}", body["id"].as_str().unwrap());
    let without = tenant.client.modify(&path, &json!([{"op": "remove", "path": "members[type eq \"a\"]"}])).json();
    assert_eq!(without["members"], json!([{"value": "nobody", "type": "b"}]));
}

#[test]
fn oktas_roles_and_entitlements_are_one_command() {
    let (role, entitlement) = ("urn:okta:scim:schemas:core:1.0:Role", "urn:okta:scim:schemas:core:1.0:Entitlement");
    let tenant = tenant();
    let printed = run_json(&shared().data_dir, &["resource-type", "okta", "--tenant", &tenant.name]);
    assert_eq!((&printed[0]["endpoint"], &printed[1]["endpoint"]), (&json!("/Roles"), &json!("/Entitlements")));
    // Again, which changes nothing.
    assert_eq!(run_json(&shared().data_dir, &["resource-type", "okta", "--tenant", &tenant.name]), printed);
    let list = tenant.client.get("/ResourceTypes").json();
    let types: Vec<_> =
        list["Resources"].as_array().unwrap().iter().map(|known| (&known["id"], &known["schema"])).collect();
    assert!(
        types.contains(&(&json!("Role"), &json!(role)))
            && types.contains(&(&json!("Entitlement"), &json!(entitlement)))
    );
    let client = &tenant.client;
    for name in ["Auditor", "Owner"] {
        created(&client.post("/Roles", &json!({"schemas": [role], "displayName": name, "description": "Read only"})));
    }
    let page = client.query("/Roles", &[("startIndex", "1"), ("count", "1")]).json();
    assert_eq!((&page["totalResults"], &page["itemsPerPage"], &page["startIndex"]), (&json!(2), &json!(1), &json!(1)));
    let shown = &page["Resources"][0];
    assert_eq!((&shown["displayName"], &shown["description"]), (&json!("Auditor"), &json!("Read only")));
    let profile = json!({"schemas": [entitlement], "displayName": "Profile 1", "type": "Entitlement"});
    let profile = created(&client.post("/Entitlements", &profile));
    assert_error(
        &client.post("/Entitlements", &json!({"schemas": [entitlement], "type": "x"})),
        400,
        Some("invalidValue"),
    );
    assert_error(&client.post("/Roles", &json!({"schemas": [role]})), 400, Some("invalidValue"));
    let user = json!({
        "schemas": [USER], "userName": "ada", "roles": [{"value": shown["id"], "display": "Auditor"}],
        "entitlements": [{"value": profile["id"], "display": "Profile 1", "type": "Entitlement"}]
    });
    let ada = created(&client.post("/Users", &user));
    assert_eq!((&ada["roles"], &ada["entitlements"]), (&user["roles"], &user["entitlements"]));
}

#[test]
fn a_type_of_oktas_entitlement_schema_may_have_its_own_extension() {
    let entitlement = "urn:okta:scim:schemas:core:1.0:Entitlement";
    let tenant = tenant();
    let profile = "urn:acme:scim:schemas:extension:app:1.0:Profile";
    let schema = json!({"id": profile, "name": "Profile", "attributes": [{"name": "customProfileProperty"}]});
    imported(&tenant, "schema", &schema, &[]);
    let kind = json!({
        "name": "Profile", "endpoint": "/Profiles", "schema": entitlement,
        "schemaExtensions": [{"schema": profile, "required": false}]
    });
    imported(&tenant, "resource-type", &kind, &[]);
    run_json(&shared().data_dir, &["resource-type", "okta", "--tenant", &tenant.name]);
    assert_eq!(served(&tenant).iter().filter(|uri| *uri == entitlement).count(), 1);
    let body = json!({
        "schemas": [entitlement, profile], "type": "Profile", "displayName": "Profile 123",
        profile: {"customProfileProperty": "v"}
    });
    let shown = created(&tenant.client.post("/Profiles", &body));
    assert_eq!((&shown["schemas"], &shown[profile]), (&body["schemas"], &body[profile]));
    assert_eq!(tenant.client.get("/Entitlements").json()["totalResults"], 0);
}
