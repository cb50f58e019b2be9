//! RFC 7643 sections 2 to 4: what a resource is made of.

use serde_json::{Value, json};

use super::{ada, read, without_common};
use crate::support::{ENTERPRISE, ERROR, LIST, USER, assert_error, minimal, path_of, tenant, tenant_with};

#[test]
fn r7643_2_1_1_every_message_is_an_object_with_schemas() {
    let tenant = tenant();
    let path = tenant.create_path(&minimal("ada"));
    let expected = [
        (path.as_str(), json!([USER])),
        ("/Users", json!([LIST])),
        ("/Users/none", json!([ERROR])),
        ("/ResourceTypes", json!([LIST])),
        ("/ServiceProviderConfig", json!(["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"])),
        ("/ResourceTypes/User", json!(["urn:ietf:params:scim:schemas:core:2.0:ResourceType"])),
        (&format!("/Schemas/{USER}"), json!(["urn:ietf:params:scim:schemas:core:2.0:Schema"])),
    ];
    for (path, schemas) in expected {
        assert_eq!(tenant.client.get(path).json()["schemas"], schemas, "{path}");
    }
    for body in [json!([]), json!("ada"), json!(1), json!(null), json!([minimal("bob")])] {
        assert_error(&tenant.client.post("/Users", &body), 400, Some("invalidSyntax"));
        assert_error(&tenant.client.put(&path, &body), 400, Some("invalidSyntax"));
        assert_error(&tenant.client.patch(&path, &body), 400, Some("invalidSyntax"));
    }
}

#[test]
fn r7643_2_1_2_attribute_names_are_taken_in_any_case() {
    let tenant = tenant();
    let created = tenant.create(&json!({
        "SCHEMAS": [USER],
        "USERNAME": "ada",
        "Name": {"GIVENNAME": "Ada", "familyname": "King"},
        "EMAILS": [{"Value": "ada@example.com", "TYPE": "work", "Primary": true}],
        ENTERPRISE: {"DEPARTMENT": "Engines"}
    }));
    assert_eq!(
        without_common(created.clone()),
        json!({
            "userName": "ada",
            "name": {"givenName": "Ada", "familyName": "King"},
            "emails": [{"value": "ada@example.com", "type": "work", "primary": true}],
            "active": true,
            ENTERPRISE: {"department": "Engines"}
        })
    );
    let path = path_of(&created);
    assert_eq!(tenant.client.found("uSeRnAmE eq \"ada\" and NAME.GIVENNAME sw \"A\""), ["ada"]);
    let shown = read(&tenant.client, &format!("{path}?attributes=USERNAME,Emails.VALUE"));
    assert_eq!(shown["emails"], json!([{"value": "ada@example.com"}]));
    assert_eq!(shown["userName"], "ada");
    let patched =
        tenant.client.modify(&path, &json!([{"OP": "replace", "PATH": "NAME.familyNAME", "VALUE": "Byron"}])).json();
    assert_eq!(patched["name"], json!({"givenName": "Ada", "familyName": "Byron"}));
}

#[test]
fn r7643_2_1_2_a_name_given_twice_in_different_case_is_refused() {
    let tenant = tenant();
    for body in [
        json!({"userName": "ada", "USERNAME": "bob"}),
        json!({"userName": "ada", "name": {"givenName": "A", "GivenName": "B"}}),
        json!({"userName": "ada", "emails": [{"value": "a@example.com", "VALUE": "b@example.com"}]}),
    ] {
        assert_error(&tenant.client.post("/Users", &body), 400, Some("invalidSyntax"));
    }
    assert_eq!(read(&tenant.client, "/Users")["totalResults"], 0);
}

#[test]
fn r7643_2_1_3_schema_urns_are_compared_without_case() {
    let tenant = tenant();
    let shouted = ENTERPRISE.to_uppercase();
    let created = tenant.create(&json!({
        "schemas": [USER.to_uppercase(), &shouted],
        "userName": "ada",
        (shouted.clone()): {"department": "Engines"}
    }));
    assert_eq!(created["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(created[ENTERPRISE], json!({"department": "Engines"}));
    let path = path_of(&created);
    assert_eq!(tenant.client.found(&format!("{shouted}:department eq \"Engines\"")), ["ada"]);
    let shown = read(&tenant.client, &format!("{path}?attributes={shouted}:department"));
    assert_eq!(shown[ENTERPRISE], json!({"department": "Engines"}));
    let operations = json!([
        {"op": "replace", "path": format!("{shouted}:department"), "value": "Looms"},
        {"op": "add", "value": {(shouted): {"division": "North"}}}
    ]);
    let patched = tenant.client.modify(&path, &operations).json();
    assert_eq!(patched[ENTERPRISE], json!({"department": "Looms", "division": "North"}));
    assert_eq!(tenant.client.get(&format!("/Schemas/{}", USER.to_uppercase())).json()["id"], USER);
}

#[test]
fn r7643_2_3_1_1_case_exact_decides_how_text_is_compared() {
    let tenant = tenant();
    tenant.create(&json!({"userName": "Ünïcode-Straße 😀", "externalId": "Ab", "displayName": "Ada \"K\" \\ / \n"}));
    let user_name = "Ünïcode-Straße 😀";
    let found = tenant.client.filter("userName eq \"ÜNÏCODE-STRASSE 😀\"").json();
    assert_eq!(found["Resources"][0]["userName"], user_name);
    assert_eq!(found["Resources"][0]["displayName"], "Ada \"K\" \\ / \n");
    let composed_otherwise = "userName eq \"U\u{308}ni\u{308}code-Straße 😀\"";
    for (filter, matches) in [
        (composed_otherwise, true),
        ("displayName sw \"ada\"", true),
        ("externalId eq \"Ab\"", true),
        ("externalId eq \"AB\"", false),
        ("externalId eq \"ab\"", false),
        ("externalId sw \"a\"", false),
        ("meta.resourceType eq \"User\"", true),
        ("meta.resourceType eq \"user\"", false),
    ] {
        assert_eq!(tenant.client.found(filter).len(), usize::from(matches), "{filter}");
    }
}

#[test]
fn r7643_2_3_2_1_booleans_are_also_taken_as_text_and_answered_as_booleans() {
    let tenant = tenant();
    for (position, (given, meant)) in [
        (json!(true), true),
        (json!(false), false),
        (json!("true"), true),
        (json!("True"), true),
        (json!("False"), false),
        (json!("FALSE"), false),
    ]
    .into_iter()
    .enumerate()
    {
        let user_name = format!("user{position}");
        let path = tenant.create_path(&json!({"userName": user_name, "active": given}));
        let body = json!({
            "userName": user_name, "active": given, "emails": [{"value": "a@example.com", "primary": given}]
        });
        let replaced = tenant.client.put(&path, &body).json();
        assert_eq!(replaced["active"], json!(meant), "{given}");
        assert_eq!(replaced["emails"][0]["primary"], json!(meant), "{given}");
        let operations = json!([{"op": "replace", "path": "active", "value": given}]);
        assert_eq!(tenant.client.modify(&path, &operations).json()["active"], json!(meant), "{given}");
        assert_eq!(read(&tenant.client, &path)["active"], json!(meant), "{given}");
    }
    for wrong in [json!("yes"), json!(1), json!(["x", "y"]), json!({"value": true})] {
        assert_error(
            &tenant.client.post("/Users", &json!({"userName": "wrong", "active": wrong})),
            400,
            Some("invalidValue"),
        );
    }
}

#[test]
fn r7643_2_3_5_1_times_are_utc_with_milliseconds_and_compared_as_instants() {
    let tenant = tenant();
    let created = tenant.user("ada")["meta"]["created"].as_str().unwrap().to_owned();
    let time = chrono::DateTime::parse_from_rfc3339(&created).unwrap();
    assert_eq!(created, time.to_utc().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
    let elsewhere = time.with_timezone(&chrono::FixedOffset::east_opt(5 * 3600 + 1800).unwrap());
    let moments = [
        created.clone(),
        elsewhere.to_rfc3339_opts(chrono::SecondsFormat::Millis, false),
        time.to_utc().format("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
    ];
    for moment in moments {
        assert_eq!(tenant.client.found(&format!("meta.created eq \"{moment}\"")), ["ada"], "{moment}");
        assert_eq!(tenant.client.found(&format!("meta.created ge \"{moment}\"")), ["ada"], "{moment}");
        assert!(tenant.client.found(&format!("meta.created gt \"{moment}\"")).is_empty(), "{moment}");
        assert!(tenant.client.found(&format!("meta.created lt \"{moment}\"")).is_empty(), "{moment}");
    }
    for wrong in ["2026-01-02", "03:04:05", "yesterday", "2026-13-02T03:04:05Z"] {
        assert_error(&tenant.client.filter(&format!("meta.created gt \"{wrong}\"")), 400, Some("invalidFilter"));
    }
}

#[test]
fn r7643_2_3_8_1_the_order_of_keys_in_a_complex_value_means_nothing() {
    let tenant = tenant();
    let path = tenant.create_path(&json!({
        "userName": "ada",
        "name": {"givenName": "Ada", "familyName": "King"},
        "emails": [{"value": "a@example.com", "type": "work"}]
    }));
    let before = read(&tenant.client, &path);
    let answer = tenant.client.request(reqwest::Method::PUT, &path).body(
        r#"{"emails": [{"type": "work", "value": "a@example.com"}],
            "name": {"familyName": "King", "givenName": "Ada"}, "userName": "ada"}"#,
    );
    let answer = crate::support::Client::send(answer);
    assert_eq!(answer.json(), before, "the same resource, so nothing changes");
    for wrong in [json!({"givenName": {"first": "Ada"}}), json!(5), json!("Ada King"), json!([[]])] {
        assert_error(
            &tenant.client.post("/Users", &json!({"userName": "bob", "name": wrong})),
            400,
            Some("invalidValue"),
        );
    }
}

#[test]
fn r7643_2_4_1_a_multi_valued_attribute_is_an_array_in_the_order_given() {
    let tenant = tenant();
    let emails = json!([
        {"value": "z@example.com", "type": "work", "display": "Z", "primary": true},
        {"value": "a@example.com", "type": "home"},
        {"value": "m@example.com"}
    ]);
    let path = tenant.create_path(&json!({"userName": "ada", "emails": emails}));
    assert_eq!(read(&tenant.client, &path)["emails"], emails);
    let single = tenant.client.put(&path, &json!({"userName": "ada", "emails": {"value": "a@example.com"}}));
    assert_eq!(single.json()["emails"], json!([{"value": "a@example.com"}]));
    for wrong in [json!(5), json!([5]), json!([true]), json!([["a@example.com"]])] {
        assert_error(
            &tenant.client.put(&path, &json!({"userName": "ada", "emails": wrong})),
            400,
            Some("invalidValue"),
        );
    }
}

#[test]
fn r7643_2_4_2_two_primary_values_are_refused() {
    let tenant = tenant();
    let body = |user_name: &str, primary: [Value; 2]| {
        let [first, second] = primary;
        json!({"userName": user_name, "emails": [
            {"value": "a@example.com", "type": "work", "primary": first},
            {"value": "b@example.com", "type": "home", "primary": second}
        ]})
    };
    let path = tenant.create_path(&body("ada", [json!(false), json!(true)]));
    for two in [[json!(true), json!(true)], [json!("True"), json!(true)]] {
        assert_error(&tenant.client.post("/Users", &body("bob", two.clone())), 400, Some("invalidValue"));
        assert_error(&tenant.client.put(&path, &body("ada", two)), 400, Some("invalidValue"));
    }
    let emails = &read(&tenant.client, &path)["emails"];
    assert_eq!((&emails[0]["primary"], &emails[1]["primary"]), (&json!(false), &json!(true)));
    assert!(tenant.client.found("userName eq \"bob\"").is_empty());
}

#[test]
fn r7643_2_4_4_values_come_back_as_they_were_sent() {
    let tenant = tenant();
    let mut sent = json!({
        "userName": "  Ada.KING@Example.COM ",
        "externalId": "00uADA",
        "displayName": "ADA  King",
        "name": {"formatted": "Dr. Ada KING"},
        "emails": [{"value": "Ada@WORK.example", "type": "Work"}, {"value": "ada@x.example", "type": "unheard-of"}],
        "phoneNumbers": [{"value": "tel:+1-(201) 555 0123", "type": "MOBILE"}],
        "locale": "en_us",
        "x509Certificates": [{"value": "TUlJRFF6Q0NBcXlnQXdJQkFnSUNFQUF3RFFZSktvWklodmNOQVFFRkJRQQ=="}]
    });
    let created = tenant.create(&sent);
    let path = path_of(&created);
    sent["active"] = json!(true);
    assert_eq!(without_common(created), sent);
    assert_eq!(without_common(read(&tenant.client, &path)), sent);
    assert_eq!(without_common(read(&tenant.client, "/Users")["Resources"][0].clone()), sent);
}

#[test]
fn r7643_2_5_1_null_and_empty_arrays_and_empty_text_unassign() {
    let tenant = tenant();
    let empties = |user_name: &str| {
        json!({
            "userName": user_name, "externalId": null, "displayName": "", "title": null, "emails": [], "roles": null,
            "phoneNumbers": [{"value": "", "type": null}], "name": {"familyName": "", "givenName": "Ada"},
            ENTERPRISE: {"department": "", "manager": null}
        })
    };
    let expected = |user_name: &str| json!({"userName": user_name, "active": true, "name": {"givenName": "Ada"}});
    let created = tenant.create(&empties("ada"));
    assert_eq!(created["schemas"], json!([USER]));
    assert_eq!(without_common(created), expected("ada"));
    let path = tenant.create_path(&ada());
    assert_eq!(without_common(tenant.client.put(&path, &empties("bob")).json()), expected("bob"));
    assert_eq!(without_common(read(&tenant.client, &path)), expected("bob"));
    for required in ["", "null"] {
        let user_name = if required.is_empty() { json!("") } else { Value::Null };
        assert_error(&tenant.client.post("/Users", &json!({"userName": user_name})), 400, Some("invalidValue"));
        assert_error(&tenant.client.put(&path, &json!({"userName": user_name})), 400, Some("invalidValue"));
    }
}

#[test]
fn r7643_2_5_2_a_complex_value_without_parts_is_unassigned() {
    let tenant = tenant();
    for name in [json!({"givenName": null}), json!({"givenName": "", "familyName": null}), json!({}), json!(null)] {
        let created = tenant.create(&json!({"userName": format!("user{name}"), "name": name}));
        assert_eq!(created.get("name"), None, "{name}");
    }
    assert!(tenant.client.found("name pr").is_empty());
    let path = tenant.create_path(&ada());
    let operations = json!([
        {"op": "remove", "path": "name.givenName"},
        {"op": "replace", "path": "name.familyName", "value": null}
    ]);
    assert_eq!(tenant.client.modify(&path, &operations).json().get("name"), None);
    assert_eq!(read(&tenant.client, &path).get("name"), None);
}

#[test]
fn r7643_3_1_schemas_lists_the_base_and_the_extensions_that_have_data() {
    let tenant = tenant();
    let both = json!([USER, ENTERPRISE]);
    let created = tenant.create(&json!({"schemas": both, "userName": "ada"}));
    assert_eq!(created["schemas"], json!([USER]), "without data the extension is not listed");
    let path = path_of(&created);
    let extended = json!({"schemas": [ENTERPRISE, USER], "userName": "ada", ENTERPRISE: {"division": "North"}});
    assert_eq!(tenant.client.put(&path, &extended).json()["schemas"], both);
    let removed = json!([{"op": "remove", "path": format!("{ENTERPRISE}:division")}]);
    assert_eq!(tenant.client.modify(&path, &removed).json()["schemas"], json!([USER]));
    let added = json!([{"op": "add", "path": format!("{ENTERPRISE}:division"), "value": "South"}]);
    assert_eq!(tenant.client.modify(&path, &added).json()["schemas"], both);
    assert_eq!(read(&tenant.client, &path)["schemas"], both);
}

#[test]
fn r7643_3_2_foreign_and_missing_schema_urns_are_no_error() {
    let tenant = tenant();
    let lists = [
        json!(["urn:scim:schemas:core:1.0", USER]),
        json!(["urn:scim:schemas:core:2.0"]),
        json!(["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/User", USER, USER]),
        json!([USER]),
        json!([]),
        Value::Null,
    ];
    for (position, schemas) in lists.into_iter().enumerate() {
        let user_name = format!("user{position}");
        let body = json!({"schemas": schemas, "userName": user_name, ENTERPRISE: {"department": "Engines"}});
        let created = tenant.create(&body);
        assert_eq!(created["schemas"], json!([USER, ENTERPRISE]), "{schemas}");
        assert_eq!(created[ENTERPRISE]["department"], "Engines", "{schemas}");
        let replaced = tenant.client.put(&path_of(&created), &body);
        assert_eq!((replaced.status, &replaced.json()), (200, &created), "{schemas}");
    }
    let created = tenant.create(&json!({"userName": "bare"}));
    assert_eq!(created["schemas"], json!([USER]));
}

#[test]
fn r7643_3_3_attributes_that_no_schema_knows_are_ignored() {
    let tenant = tenant();
    let body = json!({
        "schemas": [USER, "urn:example:custom"],
        "userName": "ada",
        "unknown": {"deep": [1, 2, {"x": null}]},
        "emails": [{"value": "a@example.com", "unknown": 1}],
        "urn:example:custom": {"a": 1},
        ENTERPRISE: {"department": "Engines", "unknown": true}
    });
    let expected = json!({
        "userName": "ada", "active": true, "emails": [{"value": "a@example.com"}],
        ENTERPRISE: {"department": "Engines"}
    });
    let created = tenant.create(&body);
    assert_eq!(created["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(without_common(created.clone()), expected);
    assert_eq!(without_common(tenant.client.put(&path_of(&created), &body).json()), expected);
}

#[test]
fn r7643_3_1_1_ids_are_the_servers_unique_and_never_given_again() {
    let tenant = tenant();
    let chosen = "2819c223-7f76-453a-919d-413861904646";
    let create = || {
        let created = tenant.create(&json!({"userName": "ada", "id": chosen}));
        created["id"].as_str().unwrap().to_owned()
    };
    let first = create();
    assert!(first != chosen && !first.is_empty() && !first.contains("bulkId"));
    assert_error(&tenant.client.get(&format!("/Users/{chosen}")), 404, None);
    let path = format!("/Users/{first}");
    let replaced = tenant.client.put(&path, &json!({"userName": "ada.king", "id": chosen}));
    assert_eq!((replaced.status, &replaced.json()["id"]), (200, &json!(first)));
    let patched =
        tenant.client.modify(&path, &json!([{"op": "replace", "value": {"id": chosen, "title": "Countess"}}]));
    assert_eq!((patched.status, &patched.json()["id"]), (200, &json!(first)));
    assert_eq!(tenant.client.found(&format!("id eq \"{first}\"")), ["ada.king"]);
    let shouted = first.to_uppercase();
    assert_ne!(shouted, first);
    assert!(tenant.client.found(&format!("id eq \"{shouted}\"")).is_empty(), "ids are exact in case");
    assert_error(&tenant.client.get(&format!("/Users/{shouted}")), 404, None);
    assert_eq!(tenant.client.delete(&path).status, 204);
    assert_ne!(create(), first);
}

#[test]
fn r7643_3_1_2_external_id_belongs_to_the_client() {
    let tenant = tenant();
    assert_eq!(tenant.user("bare").get("externalId"), None, "the server makes none");
    let path = tenant.create_path(&json!({"userName": "ada", "externalId": "00uA"}));
    tenant.create(&json!({"userName": "bob", "externalId": "00uA"}));
    tenant.create(&json!({"userName": "cyd", "externalId": "00ua"}));
    assert_eq!(tenant.client.found("externalId eq \"00uA\""), ["ada", "bob"]);
    assert_eq!(tenant.client.found("externalId eq \"00ua\""), ["cyd"]);
    let other = crate::support::tenant();
    other.create(&json!({"userName": "ada", "externalId": "00uA"}));
    assert_eq!(other.client.found("externalId eq \"00uA\""), ["ada"]);
    let linked = tenant.client.put(&path, &json!({"userName": "ada", "externalId": "00uB"})).json();
    assert_eq!(linked["externalId"], "00uB");
    assert_eq!(tenant.client.found("externalId eq \"00uA\""), ["bob"]);
}

#[test]
fn r7643_3_1_3_meta_is_the_servers() {
    let tenant = tenant();
    let stale = json!({
        "resourceType": "Robot", "created": "2001-01-01T00:00:00Z", "lastModified": "2001-01-01T00:00:00Z",
        "location": "https://elsewhere.example/Users/1", "version": "W/\"99\""
    });
    let answer = tenant.client.post("/Users", &json!({"userName": "ada", "meta": stale}));
    let created = answer.json();
    let path = path_of(&created);
    let meta = &created["meta"];
    assert_eq!(meta["resourceType"], "User");
    assert_eq!(meta["created"], meta["lastModified"]);
    assert!(meta["created"].as_str().unwrap() > "2026");
    assert_eq!(meta["location"], format!("{}{path}", tenant.client.base()));
    assert!(meta["version"].as_str().unwrap().starts_with("W/\""));
    assert_eq!(meta["version"], answer.header("etag").unwrap());
    let answer = tenant.client.put(&path, &json!({"userName": "ada", "title": "Countess", "meta": stale}));
    let replaced = answer.json();
    assert_eq!(replaced["meta"]["created"], meta["created"]);
    assert_eq!(replaced["meta"]["location"], meta["location"]);
    assert!(replaced["meta"]["lastModified"].as_str() > meta["lastModified"].as_str());
    assert_ne!(replaced["meta"]["version"], meta["version"]);
    assert_eq!(replaced["meta"]["version"], answer.header("etag").unwrap());
    assert_eq!(read(&tenant.client, &path)["meta"], replaced["meta"]);
    assert_eq!(read(&tenant.client, "/Users")["Resources"][0]["meta"], replaced["meta"]);
}

#[test]
fn r7643_3_3_1_extension_attributes_live_under_their_urn() {
    let tenant = tenant();
    let extension = json!({
        "employeeNumber": "701984", "costCenter": "4130", "organization": "Universal Studios", "division": "Theme Park",
        "department": "Tour", "manager": {"value": "26118915", "$ref": "../Users/26118915", "displayName": "John"}
    });
    let created = tenant.create(&json!({"userName": "ada", ENTERPRISE: extension, "costCenter": "not here"}));
    assert_eq!(created[ENTERPRISE], extension);
    assert_eq!(created.get("costCenter"), None);
    assert_eq!(read(&tenant.client, &path_of(&created))[ENTERPRISE], extension);
    for wrong in [json!("Tour"), json!(5), json!([1])] {
        assert_error(
            &tenant.client.post("/Users", &json!({"userName": "bob", ENTERPRISE: wrong})),
            400,
            Some("invalidValue"),
        );
    }
}

#[test]
fn r7643_4_1_1_user_names_are_unique_without_regard_to_case() {
    let tenant = tenant();
    let created = tenant.user("Bob@Example.com");
    assert_eq!(created["userName"], "Bob@Example.com");
    let answer = tenant.client.post("/Users", &minimal("bOB@eXAMPLE.COM"));
    assert_error(&answer, 409, Some("uniqueness"));
    tenant.user("Zoe\u{308}");
    assert_error(&tenant.client.post("/Users", &minimal("ZO\u{cb}")), 409, Some("uniqueness"));
    tenant.user("straße");
    assert_error(&tenant.client.post("/Users", &minimal("STRASSE")), 409, Some("uniqueness"));
    assert_eq!(tenant.client.found("userName eq \"BOB@example.COM\""), ["Bob@Example.com"]);
    let other = crate::support::tenant();
    other.user("bob@example.com");
    assert_error(&tenant.client.post("/Users", &minimal("")), 400, Some("invalidValue"));
}

#[test]
fn r7643_4_1_2_the_password_never_comes_back() {
    const PASSWORD: &str = "t1meMa$heen-canary";
    for stores_passwords in [true, false] {
        let tenant = tenant_with(stores_passwords);
        let client = &tenant.client;
        let body = json!({"userName": "ada", "password": PASSWORD});
        let created = client.post("/Users?attributes=password,userName", &body);
        assert_eq!(created.status, 201);
        let path = path_of(&created.json());
        let changed = json!([{"op": "replace", "value": {"password": format!("{PASSWORD}2")}}]);
        let addressed = json!([{"op": "add", "path": "password", "value": format!("{PASSWORD}3")}]);
        let answers = [
            created,
            client.get(&path),
            client.get(&format!("{path}?attributes=password")),
            client.get(&format!("{path}?excludedAttributes=userName")),
            client.get("/Users"),
            client.get("/Users?attributes=password"),
            client.put(&path, &json!({"userName": "ada", "password": PASSWORD})),
            client.put(&format!("{path}?attributes=PASSWORD"), &body),
            client.modify(&path, &changed),
            client.modify(&format!("{path}?attributes=password"), &addressed),
        ];
        for answer in answers {
            assert!(answer.status < 300, "{}", answer.text);
            let text = answer.text.to_ascii_lowercase();
            assert!(!text.contains("password") && !text.contains("t1mema"), "{}", answer.text);
            assert!(!text.contains("argon2"), "{}", answer.text);
        }
        let refused = client.post("/Users", &json!({"userName": "bob", "password": {"canary": PASSWORD}}));
        assert_error(&refused, 400, Some("invalidValue"));
        assert!(!refused.text.contains(PASSWORD));
    }
}

#[test]
fn r7643_4_1_3_active_is_kept_and_an_inactive_user_stays_visible() {
    let tenant = tenant();
    let created = tenant.user("ada");
    assert_eq!(created["active"], true);
    let path = path_of(&created);
    let switch = |active| tenant.client.modify(&path, &json!([{"op": "replace", "value": {"active": active}}])).json();
    assert_eq!(switch(false)["active"], false);
    assert_eq!(read(&tenant.client, &path)["active"], false);
    assert_eq!(tenant.client.found("userName eq \"ada\""), ["ada"]);
    assert_eq!(tenant.client.found("active eq false"), ["ada"]);
    assert_error(&tenant.client.post("/Users", &minimal("ada")), 409, Some("uniqueness"));
    let back = switch(true);
    assert_eq!((&back["active"], &back["id"]), (&json!(true), &created["id"]));
}

#[test]
fn r7643_4_1_4_countries_and_urls_and_zones_are_not_checked() {
    let tenant = tenant();
    let sent = json!({
        "userName": "ada",
        "addresses": [{"type": "work", "country": "Vereinigtes Königreich", "postalCode": "W1K 6AA", "primary": true}],
        "profileUrl": "HWUT73KW",
        "photos": [{"value": "not a url", "type": "photo"}],
        "timezone": "Mars/Olympus",
        "locale": "KZ-very-long",
        "preferredLanguage": "???",
        "emails": [{"value": "no at sign"}],
        "active": true
    });
    assert_eq!(without_common(tenant.create(&sent)), sent);
}

#[test]
fn r7643_4_3_1_the_manager_need_not_be_a_user() {
    let tenant = tenant();
    let manager = json!({"value": "DOMAIN\\charles", "displayName": "Charles"});
    let created = tenant.create(&json!({"userName": "ada", ENTERPRISE: {"manager": manager}}));
    assert_eq!(created[ENTERPRISE]["manager"], manager);
    let path = path_of(&created);
    for sent in [json!("no-such-id"), json!({"value": "no-such-id"}), json!([{"value": "no-such-id"}])] {
        let body = json!({"userName": "ada", ENTERPRISE: {"manager": sent}});
        let replaced = tenant.client.put(&path, &body);
        assert_eq!((replaced.status, &replaced.json()[ENTERPRISE]["manager"]), (200, &json!({"value": "no-such-id"})));
        let operations = json!([
            {"op": "remove", "path": format!("{ENTERPRISE}:manager")},
            {"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": sent}
        ]);
        let patched = tenant.client.modify(&path, &operations);
        assert_eq!((patched.status, &patched.json()[ENTERPRISE]["manager"]), (200, &json!({"value": "no-such-id"})));
    }
    let found = tenant.client.found(&format!("{ENTERPRISE}:manager.value eq \"no-such-id\""));
    assert_eq!(found, ["ada"]);
}

#[test]
fn r7643_2_4_3_no_value_comes_back_twice_under_one_type() {
    let tenant = tenant();
    let body = json!({"userName": "ada", "emails": [
        {"value": "ada@work.example", "type": "work"},
        {"value": "ada@work.example", "type": "home"},
        {"value": "ADA@work.example", "type": "Work", "primary": true, "display": "Ada"}
    ]});
    let path = tenant.create_path(&body);
    let expected = json!([
        {"value": "ADA@work.example", "type": "Work", "primary": true, "display": "Ada"},
        {"value": "ada@work.example", "type": "home"}
    ]);
    assert_eq!(read(&tenant.client, &path)["emails"], expected);
    assert_eq!(tenant.client.put(&path, &body).json()["emails"], expected);
    let again = json!([{"op": "add", "path": "emails", "value": [{"value": "ada@WORK.example", "type": "home"}]}]);
    assert_eq!(tenant.client.modify(&path, &again).json()["emails"].as_array().unwrap().len(), 2);
    let same = json!([{"op": "replace", "path": "emails[type eq \"home\"].type", "value": "work"}]);
    assert_eq!(tenant.client.modify(&path, &same).json()["emails"].as_array().unwrap().len(), 1);
}
