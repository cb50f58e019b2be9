//! RFC 7644 section 3.5.2: PATCH. The table of operations is tested row by row beside the code; here are the general rules, and
//! that what was answered is what is stored.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use super::replace::immutable_attributes;
use super::{ada, read};
use crate::support::{
    Answer, ENTERPRISE, PATCH_OP, Tenant, USER, assert_error, database, minimal, path_of, tenant, tenant_with,
};

/// A tenant with one user.
struct Subject {
    tenant: Tenant,
    path: String,
    created: Value,
}

impl Subject {
    fn new() -> Self {
        let tenant = tenant();
        let created = tenant.create(&ada());
        Self { path: path_of(&created), tenant, created }
    }

    fn modify(&self, operations: &Value) -> Answer {
        self.tenant.client.modify(&self.path, operations)
    }

    fn read(&self) -> Value {
        read(&self.tenant.client, &self.path)
    }

    /// The resource after operations that must succeed; GET must answer the same.
    #[track_caller]
    fn modified(&self, operations: &Value) -> Value {
        let answer = self.modify(operations);
        assert_eq!(answer.status, 200, "{operations}: {}", answer.text);
        assert_eq!(self.read(), answer.json(), "{operations}");
        answer.json()
    }

    /// Asserts that operations are refused and nothing has changed.
    #[track_caller]
    fn refused(&self, operations: &Value, scim_type: &str) {
        let before = self.read();
        let answer = self.modify(operations);
        assert_eq!(answer.status, 400, "{operations}: {}", answer.text);
        assert_error(&answer, 400, Some(scim_type));
        assert_eq!(self.read(), before, "{operations}");
    }
}

#[test]
fn r7644_3_5_2_1_the_message_is_read_with_indulgence_but_must_have_operations() {
    let ada = Subject::new();
    let operations = |title: &str| json!([{"op": "add", "path": "title", "value": title, "name": "addMember"}]);
    for (number, body) in [
        json!({"schemas": [PATCH_OP], "Operations": operations("0")}),
        json!({"Operations": operations("1")}),
        json!({"schemas": [], "operations": operations("2")}),
        json!({"schemas": [USER], "OPERATIONS": operations("3"), "id": "whatever", "extra": {}}),
        json!({"schemas": [PATCH_OP.to_uppercase()], "Operations": operations("4")}),
    ]
    .iter()
    .enumerate()
    {
        let answer = ada.tenant.client.patch(&ada.path, body);
        assert_eq!((answer.status, &answer.json()["title"]), (200, &json!(number.to_string())), "{body}");
    }
    let before = ada.read();
    let empty = ada.modify(&json!([]));
    assert_eq!((empty.status, empty.json()), (200, before.clone()), "no operations, no change");
    for wrong in [
        json!({"schemas": [PATCH_OP]}),
        json!({"schemas": [PATCH_OP], "Operations": null}),
        json!({"schemas": [PATCH_OP], "Operations": {"op": "add", "path": "title", "value": "x"}}),
        json!({"schemas": [PATCH_OP], "Operations": ["add"]}),
        json!({"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": ["title"], "value": "x"}]}),
        json!({"title": "x"}),
    ] {
        assert_error(&ada.tenant.client.patch(&ada.path, &wrong), 400, Some("invalidSyntax"));
    }
    assert_eq!(ada.read(), before);
    assert_error(&ada.tenant.client.modify("/Users/none", &json!([])), 404, None);
}

#[test]
fn r7644_3_5_2_2_op_is_add_remove_or_replace_in_any_case() {
    let ada = Subject::new();
    for op in ["add", "Add", "ADD", "replace", "Replace", "rEPLACE"] {
        assert_eq!(ada.modified(&json!([{"op": op, "path": "title", "value": op}]))["title"], op);
    }
    for op in ["remove", "Remove", "REMOVE"] {
        ada.modified(&json!([{"op": "add", "path": "title", "value": "x"}]));
        assert_eq!(ada.modified(&json!([{"op": op, "path": "title"}])).get("title"), None, "{op}");
    }
    for op in [json!("move"), json!("test"), json!(""), json!(null), json!(1)] {
        ada.refused(&json!([{"op": op, "path": "title", "value": "x"}]), "invalidSyntax");
    }
    ada.refused(&json!([{"path": "title", "value": "x"}]), "invalidSyntax");
}

#[test]
fn r7644_3_5_2_3_each_operation_sees_the_result_of_the_one_before() {
    let ada = Subject::new();
    let after = ada.modified(&json!([
        {"op": "add", "path": "title", "value": "one"},
        {"op": "replace", "path": "title", "value": "two"},
        {"op": "remove", "path": "emails"},
        {"op": "add", "path": "emails", "value": [{"value": "new@example.com", "type": "other"}]},
        {"op": "replace", "path": "emails[type eq \"other\"].display", "value": "New"},
        {"op": "add", "path": "nickName", "value": "gone"},
        {"op": "remove", "path": "nickName"}
    ]));
    assert_eq!(after["title"], "two");
    assert_eq!(after["emails"], json!([{"value": "new@example.com", "type": "other", "display": "New"}]));
    assert_eq!(after.get("nickName"), None);
    let found = ada.tenant.client.found("emails[type eq \"other\" and display eq \"New\"] and title eq \"two\"");
    assert_eq!(found, ["Ada@Example.com"]);
}

#[test]
fn r7644_3_5_2_4_all_operations_take_effect_or_none() {
    let ada = Subject::new();
    ada.tenant.user("bob");
    let good = json!({"op": "replace", "path": "displayName", "value": "half done"});
    for (bad, scim_type) in [
        (json!({"op": "replace", "path": "unknown", "value": 1}), "invalidPath"),
        (json!({"op": "replace", "path": "active", "value": "maybe"}), "invalidValue"),
        (json!({"op": "replace", "path": "meta.created", "value": "2001-01-01T00:00:00Z"}), "mutability"),
        (json!({"op": "remove"}), "noTarget"),
        (json!({"op": "remove", "path": "userName"}), "mutability"),
        (json!({"op": "replace", "path": "emails[type eq", "value": "x"}), "invalidFilter"),
        (json!({"op": "nonsense"}), "invalidSyntax"),
    ] {
        for operations in [json!([good, bad]), json!([bad, good]), json!([good, good, bad, good])] {
            ada.refused(&operations, scim_type);
        }
    }
    let taken = json!([good, {"op": "replace", "path": "userName", "value": "BOB"}]);
    assert_error(&ada.modify(&taken), 409, Some("uniqueness"));
    assert_eq!(ada.read(), ada.created, "version and lastModified are the first ones");
    assert!(ada.tenant.client.found("displayName eq \"half done\"").is_empty());
}

#[test]
fn r7644_3_5_2_5_paths_follow_the_grammar() {
    let ada = Subject::new();
    let after = ada.modified(&json!([
        {"op": "replace", "path": "displayName", "value": "A"},
        {"op": "replace", "path": "name.familyName", "value": "B"},
        {"op": "add", "path": "addresses", "value": [{"type": "work", "locality": "London"}]},
        {"op": "replace", "path": "addresses[type eq \"work\"].streetAddress", "value": "C"},
        {"op": "replace", "path": "emails[type eq \"home\" and value ew \"example\"]", "value": {"value": "D", "type": "home"}},
        {"op": "replace", "path": format!("{ENTERPRISE}:manager.value"), "value": "E"},
        {"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "F"},
        {"op": "replace", "path": format!("{USER}:title"), "value": "G"},
        {"op": "remove", "path": "phoneNumbers[type eq \"mobile\"]"}
    ]));
    assert_eq!((&after["displayName"], &after["title"]), (&json!("A"), &json!("G")));
    assert_eq!(after["name"], json!({"givenName": "Ada", "familyName": "B"}));
    assert_eq!(after["addresses"], json!([{"type": "work", "locality": "London", "streetAddress": "C"}]));
    assert_eq!(after["emails"][1], json!({"value": "D", "type": "home"}));
    assert_eq!(after[ENTERPRISE]["manager"]["value"], "E");
    assert_eq!(after[ENTERPRISE]["department"], "F");
    assert_eq!(after.get("phoneNumbers"), None);
    for malformed in [
        "name.",
        ".familyName",
        "name..familyName",
        "display Name",
        "1name",
        "emails[type eq \"work\"].",
        "emails]",
        "emails[type eq \"work\"]value",
        "emails[type eq \"work\"].value.x",
        "name[givenName eq \"Ada\"].familyName",
    ] {
        ada.refused(&json!([{"op": "replace", "path": malformed, "value": "x"}]), "invalidPath");
    }
    for filter in ["emails[]", "emails[type]", "emails[type is \"work\"]", "emails[unknown eq \"x\"].value", "emails[("]
    {
        ada.refused(&json!([{"op": "replace", "path": filter, "value": "x"}]), "invalidFilter");
    }
}

/// A path must name something; what an object without a path holds beyond that is ignored, as in POST, and so is a path below the
/// URN of a schema that is not served: the deactivation beside it must not be lost.
#[test]
fn r7644_3_5_2_6_unknown_attributes_are_refused_in_paths_and_ignored_in_values_and_below_unknown_urns() {
    let ada = Subject::new();
    for path in ["unknown", "name.unknown", "emails[type eq \"work\"].unknown"] {
        for op in ["add", "replace", "remove"] {
            ada.refused(&json!([{"op": op, "path": path, "value": "x"}]), "invalidPath");
        }
    }
    ada.refused(&json!([{"op": "remove", "path": "urn:example:custom:attribute"}]), "invalidPath");
    let lacking = format!("{ENTERPRISE}:attribute");
    for (op, path) in
        [("Add", "urn:example:custom:attribute"), ("Replace", "urn:example:custom:attribute"), ("Add", &lacking)]
    {
        let unknown = json!({"op": op, "path": path, "value": "x"});
        let before = ada.read();
        assert_eq!(ada.modified(&json!([unknown])), before);
        let title = json!(format!("after {op} {path}"));
        let after = ada.modified(&json!([unknown, {"op": "replace", "path": "title", "value": title}]));
        assert_eq!(after["title"], title);
    }
    ada.modified(&json!([{"op": "remove", "path": "title"}]));
    let value = json!({
        "unknown": 1, "name": {"unknown": "x", "middleName": "Augusta"}, "urn:example:custom": {"a": 1},
        "urn:example:custom:attribute": "x", ENTERPRISE: {"unknown": 1, "division": "North"}
    });
    let after = ada.modified(&json!([{"op": "replace", "value": value}]));
    let mut expected = ada.created.clone();
    expected["name"]["middleName"] = json!("Augusta");
    expected[ENTERPRISE]["division"] = json!("North");
    expected["meta"] = after["meta"].clone();
    assert_eq!(after, expected);
}

#[test]
fn r7644_3_5_2_7_read_only_paths_are_refused_and_read_only_members_ignored() {
    let ada = Subject::new();
    for path in ["id", "meta", "meta.created", "meta.version", "groups", "groups.value", "groups[value eq \"g1\"]"] {
        for op in ["add", "replace", "remove"] {
            ada.refused(&json!([{"op": op, "path": path, "value": "x"}]), "mutability");
        }
    }
    let value = json!({
        "id": "00000000-0000-0000-0000-000000000000", "meta": {"version": "W/\"0\""}, "groups": [{"value": "g1"}],
        "schemas": [USER], "title": "Countess"
    });
    let after = ada.modified(&json!([{"op": "replace", "value": value}]));
    assert_eq!((&after["title"], &after["id"]), (&json!("Countess"), &ada.created["id"]));
    assert_eq!(after["schemas"], ada.created["schemas"]);
    assert_eq!(after.get("groups"), None);
}

/// The rule has nothing to act on here. When an attribute becomes immutable this fails and asks for its test.
#[test]
fn r7644_3_5_2_8_no_attribute_of_a_user_is_immutable() {
    assert_eq!(immutable_attributes(), Vec::<String>::new());
}

#[test]
fn r7644_3_5_2_9_a_new_primary_value_takes_the_place_of_the_old_one() {
    let primaries = |user: &Value| -> Vec<String> {
        let emails = user["emails"].as_array().unwrap().iter();
        emails.filter(|email| email["primary"] == true).map(|email| email["value"].to_string()).collect()
    };
    let new = json!({"value": "new@example.com", "type": "other", "primary": true});
    for (operation, expected) in [
        (json!({"op": "add", "path": "emails", "value": [new]}), "\"new@example.com\""),
        (json!({"op": "add", "value": {"emails": [new]}}), "\"new@example.com\""),
        (json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}), "\"ada@home.example\""),
        (
            json!({"op": "add", "path": "emails[type eq \"home\"]", "value": {"primary": "True"}}),
            "\"ada@home.example\"",
        ),
        (json!({"op": "add", "path": "emails[type eq \"other\"]", "value": new}), "\"new@example.com\""),
    ] {
        let ada = Subject::new();
        let after = ada.modified(&json!([operation]));
        assert_eq!(primaries(&after), [expected], "{operation}");
        assert!(after["emails"].as_array().unwrap().iter().any(|email| email["value"] == "ada@work.example"));
    }
    let ada = Subject::new();
    let two = json!([{"value": "x@example.com", "primary": true}, {"value": "y@example.com", "primary": true}]);
    ada.refused(&json!([{"op": "replace", "path": "emails", "value": two}]), "invalidValue");
    ada.refused(
        &json!([{"op": "replace", "path": "emails[value co \"example\"].primary", "value": true}]),
        "invalidValue",
    );
    ada.refused(&json!([{"op": "replace", "value": {"emails": two}}]), "invalidValue");
}

/// Decision: also without a selection 200 with the resource, which strict clients want.
#[test]
fn r7644_3_5_2_10_a_patch_answers_200_with_the_resource() {
    let ada = Subject::new();
    let operations = |title: &str| json!([{"op": "replace", "path": "title", "value": title}]);
    let answer = ada.modify(&operations("one"));
    let whole = answer.json();
    assert_eq!((answer.status, &whole), (200, &ada.read()));
    assert_eq!(answer.header("etag"), whole["meta"]["version"].as_str());
    assert_eq!(answer.header("location"), whole["meta"]["location"].as_str());
    let query = |query: &str, title: &str| {
        let answer = ada.tenant.client.modify(&format!("{}?{query}", ada.path), &operations(title));
        assert_eq!(answer.status, 200);
        answer.json()
    };
    let id = &ada.created["id"];
    let schemas = &ada.created["schemas"];
    assert_eq!(query("attributes=title", "two"), json!({"schemas": schemas, "id": id, "title": "two"}));
    assert_eq!(query("excludedAttributes=title", "three").get("title"), None);
    assert_eq!(ada.read()["title"], "three");
}

#[test]
fn r7644_3_5_2_12_a_patch_that_changes_nothing_leaves_no_trace() {
    let ada = Subject::new();
    for operations in [
        json!([]),
        json!([{"op": "replace", "path": "displayName", "value": "Ada King"}]),
        json!([{"op": "add", "value": {"active": true, "name": {"givenName": "Ada"}}}]),
        json!([{"op": "add", "path": "emails", "value": {"value": "ada@home.example", "type": "home"}}]),
        json!([{"op": "remove", "path": "title"}]),
        json!([{"op": "remove", "path": "emails[type eq \"other\"]"}]),
        json!([{"op": "replace", "path": "emails[type eq \"other\"].value", "value": null}]),
        json!([{"op": "replace", "path": "emails[type eq \"other\"].value", "value": ""}]),
        json!([{"op": "replace", "value": {"id": "x", "unknown": 1}}]),
        json!([{"op": "add", "path": "title", "value": "x"}, {"op": "remove", "path": "title"}]),
    ] {
        let answer = ada.modify(&operations);
        assert_eq!((answer.status, answer.json()), (200, ada.created.clone()), "{operations}");
        assert_eq!(answer.header("etag"), ada.created["meta"]["version"].as_str());
        assert_eq!(ada.read(), ada.created, "{operations}");
    }
    let changed = ada.modified(&json!([{"op": "replace", "path": "displayName", "value": "Ada"}]));
    assert_ne!(changed["meta"]["version"], ada.created["meta"]["version"]);
    assert!(changed["meta"]["lastModified"].as_str() > ada.created["meta"]["lastModified"].as_str());
    assert_eq!(changed["meta"]["created"], ada.created["meta"]["created"]);
}

#[test]
fn r7644_3_5_2_13_values_are_checked_and_indulged_as_in_post() {
    let ada = Subject::new();
    for (path, wrong) in [
        ("active", json!("maybe")),
        ("active", json!(1)),
        ("displayName", json!({"value": "x"})),
        ("displayName", json!(["x", "y"])),
        ("displayName", json!(true)),
        ("name", json!("Ada King")),
        ("name", json!(5)),
        ("name.givenName", json!({})),
        ("emails", json!(5)),
        ("emails", json!([{"value": {"x": 1}}])),
        ("emails[type eq \"work\"].primary", json!("maybe")),
        ("x509Certificates", json!([{"value": "not base64!"}])),
        ("userName", json!("")),
        ("userName", json!({"a": 1})),
    ] {
        ada.refused(&json!([{"op": "replace", "path": path, "value": wrong}]), "invalidValue");
        ada.refused(&json!([{"op": "add", "path": path, "value": wrong}]), "invalidValue");
    }
    for op in ["add", "replace"] {
        ada.refused(&json!([{"op": op, "path": "title"}]), "invalidValue");
        ada.refused(&json!([{"op": op}]), "invalidValue");
        ada.refused(&json!([{"op": op, "value": "no object"}]), "invalidValue");
    }
    let after = ada.modified(&json!([
        {"op": "replace", "path": "active", "value": "False"},
        {"op": "replace", "path": "emails", "value": {"value": "one@example.com", "primary": "true"}},
        {"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": [{"value": "boss"}]},
        {"op": "replace", "path": format!("{ENTERPRISE}:employeeNumber"), "value": 701_984},
        {"op": "replace", "path": "name", "value": [{"givenName": "Augusta"}]}
    ]));
    assert_eq!(after["active"], false);
    assert_eq!(after["emails"], json!([{"value": "one@example.com", "primary": true}]));
    assert_eq!(after[ENTERPRISE]["manager"], json!({"value": "boss"}));
    assert_eq!(after[ENTERPRISE]["employeeNumber"], "701984");
    assert_eq!(after["name"], json!({"givenName": "Augusta", "familyName": "King"}));
}

#[test]
fn r7644_3_5_2_14_concurrent_patches_lose_nothing() {
    const CLIENTS: usize = 8;
    let ada = Subject::new();
    let barrier = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (ada, barrier) = (&ada, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for round in 0..5 {
                    let email = json!({"value": format!("{number}-{round}@example.com")});
                    let answer = ada.modify(&json!([{"op": "add", "path": "emails", "value": [email]}]));
                    assert_eq!(answer.status, 200, "{}", answer.text);
                }
            });
        }
    });
    let after = ada.read();
    let emails = after["emails"].as_array().unwrap();
    assert_eq!(emails.len(), 2 + CLIENTS * 5);
    for number in 0..CLIENTS {
        for round in 0..5 {
            let value = format!("{number}-{round}@example.com");
            assert!(emails.iter().any(|email| email["value"] == value), "{value}");
            assert_eq!(ada.tenant.client.found(&format!("emails.value eq \"{value}\"")), ["Ada@Example.com"]);
        }
    }
}

/// Decision: Entra replaces and adds values that are not there yet.
#[test]
fn r7644_3_5_2_5_a_filter_without_a_match_makes_its_element_or_is_no_target() {
    let ada = Subject::new();
    for (op, path, expected) in [
        ("replace", "emails[type eq \"other\"].value", json!({"type": "other", "value": "x"})),
        ("add", "phoneNumbers[type eq \"fax\"].value", json!({"type": "fax", "value": "x"})),
        ("add", "addresses[type eq \"home\"].locality", json!({"type": "home", "locality": "x"})),
    ] {
        let after = ada.modified(&json!([{"op": op, "path": path, "value": "x"}]));
        let elements = after[path.split('[').next().unwrap()].as_array().unwrap().clone();
        assert!(elements.contains(&expected), "{path}: {elements:?}");
    }
    for path in [
        "emails[type eq \"unheard-of\"].value",
        "emails[type ne \"work\" and type ne \"home\" and type ne \"other\"].value",
        "emails[value co \"nobody\"].display",
        "emails[type eq \"work\" and value eq \"nobody\"].display",
        "ims[not (type eq \"aim\")].value",
    ] {
        ada.refused(&json!([{"op": "replace", "path": path, "value": "x"}]), "noTarget");
        ada.refused(&json!([{"op": "add", "path": path, "value": "x"}]), "noTarget");
    }
}

#[test]
fn r7644_3_5_2_13_a_password_is_changed_and_never_shown() {
    let tenant = tenant_with(true);
    let mut body = minimal("ada");
    body["password"] = json!("t1meMa$heen");
    let created = tenant.create(&body);
    let hash = || database::password_hash(created["id"].as_str().unwrap());
    let first = hash();
    let answer = tenant.client.modify(&path_of(&created), &json!([{"op": "replace", "value": {"password": "0ther"}}]));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json().get("password"), None);
    assert!(first.is_some() && hash().is_some() && hash() != first);
}

#[test]
fn r7644_3_5_2_11_schemas_follow_from_the_content_whatever_a_patch_says_of_them() {
    let tenant = tenant();
    let path = tenant.create_path(&json!({"userName": "ada"}));
    let schemas = |operations: &Value| tenant.client.modify(&path, operations).json()["schemas"].clone();
    let department = format!("{ENTERPRISE}:department");
    assert_eq!(schemas(&json!([{"op": "add", "path": department, "value": "IT"}])), json!([USER, ENTERPRISE]));
    assert_eq!(schemas(&json!([{"op": "remove", "path": "schemas"}])), json!([USER, ENTERPRISE]));
    let listed = json!([{"op": "add", "path": "schemas", "value": ["urn:example:other"]}]);
    assert_eq!(schemas(&listed), json!([USER, ENTERPRISE]));
    assert_eq!(schemas(&json!([{"op": "remove", "path": department}])), json!([USER]));
    let beside = json!([
        {"op": "add", "path": "schemas", "value": [ENTERPRISE]},
        {"op": "add", "value": {ENTERPRISE: {"costCenter": "7"}}}
    ]);
    assert_eq!(schemas(&beside), json!([USER, ENTERPRISE]));
}
