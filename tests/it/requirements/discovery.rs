//! RFC 7643 sections 5 to 7 and RFC 7644 section 4: what the server says about itself.

use reqwest::Method;
use serde_json::{Value, json};

use super::read;
use crate::support::{Answer, Client, ENTERPRISE, LIST, USER, assert_error, shared, tenant, tenant_with};

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

fn anybody() -> Client {
    Client::anonymous(&shared().url)
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(elements) => elements.iter().any(has_null),
        Value::Object(object) => object.values().any(has_null),
        _ => false,
    }
}

#[test]
fn r7644_4_1_discovery_answers_lists_and_single_resources() {
    for client in [anybody(), tenant().client] {
        for path in ["/ResourceTypes", "/Schemas"] {
            let list = read(&client, path);
            let resources = list["Resources"].as_array().unwrap();
            assert_eq!(list["schemas"], json!([LIST]));
            assert_eq!(list["totalResults"], resources.len());
            assert_eq!((&list["itemsPerPage"], &list["startIndex"]), (&json!(resources.len()), &json!(1)));
            for resource in resources {
                let location = resource["meta"]["location"].as_str().unwrap();
                let below = location.strip_prefix(client.base()).unwrap();
                assert_eq!(below, format!("{path}/{}", resource["id"].as_str().unwrap()));
                assert_eq!(read(&client, below), *resource);
            }
        }
        assert_eq!(read(&client, "/ServiceProviderConfig")["schemas"], json!([CONFIG]));
        for unknown in
            ["/ResourceTypes/Robot", "/Schemas/urn:example:robot", "/Schemas/User/x", "/ServiceProviderConfig/1"]
        {
            assert_error(&tenant().client.get(unknown), 404, None);
        }
    }
}

#[test]
fn r7644_4_2_a_filter_on_discovery_is_refused_and_paging_is_ignored() {
    for path in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas", "/ResourceTypes/User"] {
        assert_error(&anybody().get(&format!("{path}?filter=name%20eq%20%22User%22")), 403, None);
        assert_error(&anybody().get(&format!("{path}?count=1&Filter=")), 403, None);
        let paged = format!("{path}?startIndex=2&count=0&sortBy=name&attributes=id");
        assert_eq!(read(&anybody(), &paged), read(&anybody(), path));
    }
}

#[test]
fn r7644_4_3_discovery_takes_no_other_method_than_get() {
    let tenant = tenant();
    for path in
        ["/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas", &format!("/Schemas/{USER}")]
    {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = Client::send(tenant.client.request(method, path).body("{}"));
            assert_error(&answer, 405, None);
            assert!(answer.header("allow").unwrap().split(", ").any(|allowed| allowed == "GET"), "{path}");
        }
    }
}

#[test]
fn r7643_5_1_the_service_provider_config_says_what_is_offered() {
    for (stores_passwords, client) in [(true, tenant_with(true).client), (false, tenant().client), (false, anybody())] {
        let answer: Answer = client.get("/ServiceProviderConfig");
        let mut config = answer.json();
        assert!(!has_null(&config), "{config}");
        let schemes = config["authenticationSchemes"].take();
        assert_eq!(
            config,
            json!({
                "schemas": [CONFIG],
                "patch": {"supported": true},
                "bulk": {"supported": true, "maxOperations": 1_000, "maxPayloadSize": 1_048_576},
                "filter": {"supported": true, "maxResults": 1_000},
                "changePassword": {"supported": stores_passwords},
                "sort": {"supported": true},
                "etag": {"supported": true},
                "pagination": {
                    "cursor": true,
                    "index": true,
                    "defaultPaginationMethod": "index",
                    "defaultPageSize": 100,
                    "maxPageSize": 1_000,
                    "cursorTimeout": 3_600
                },
                "authenticationSchemes": null,
                "meta": {
                    "resourceType": "ServiceProviderConfig",
                    "location": format!("{}/ServiceProviderConfig", client.base())
                }
            })
        );
        let schemes = schemes.as_array().unwrap();
        assert!(!schemes.is_empty());
        for scheme in schemes {
            let kind = scheme["type"].as_str().unwrap();
            assert!(["oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest"].contains(&kind), "{kind}");
            for name in ["name", "description"] {
                assert!(scheme[name].as_str().is_some_and(|text| !text.is_empty()), "{name}");
            }
        }
        assert_eq!(schemes.iter().filter(|scheme| scheme["primary"] == true).count(), 1);
    }
}

#[test]
fn r7643_6_1_the_resource_type_names_endpoint_schema_and_extensions() {
    let client = anybody();
    let user = json!({
        "schemas": [RESOURCE_TYPE],
        "id": "User",
        "name": "User",
        "description": "User Account",
        "endpoint": "/Users",
        "schema": USER,
        "schemaExtensions": [{"schema": ENTERPRISE, "required": false}],
        "meta": {"resourceType": "ResourceType", "location": format!("{}/ResourceTypes/User", client.base())}
    });
    assert_eq!(read(&client, "/ResourceTypes/User"), user);
    let list = read(&client, "/ResourceTypes");
    let schemas = read(&client, "/Schemas");
    for resource_type in list["Resources"].as_array().unwrap() {
        let extensions = resource_type["schemaExtensions"].as_array().unwrap().iter().map(|known| &known["schema"]);
        for named in extensions.chain([&resource_type["schema"]]) {
            assert!(schemas["Resources"].as_array().unwrap().iter().any(|schema| schema["id"] == *named), "{named}");
        }
    }
    assert!(list["Resources"].as_array().unwrap().contains(&user));
}

const TYPES: [&str; 8] = ["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"];
const MUTABILITIES: [&str; 4] = ["readOnly", "readWrite", "immutable", "writeOnly"];
const RETURNED: [&str; 4] = ["always", "never", "default", "request"];
const UNIQUENESS: [&str; 3] = ["none", "server", "global"];

fn check_attribute(attribute: &Value) {
    let keyword = |name: &str| attribute[name].as_str().unwrap_or_else(|| panic!("{name} of {attribute}"));
    assert!(!keyword("name").is_empty() && !keyword("description").is_empty(), "{attribute}");
    assert!(TYPES.contains(&keyword("type")), "{attribute}");
    assert!(MUTABILITIES.contains(&keyword("mutability")), "{attribute}");
    assert!(RETURNED.contains(&keyword("returned")), "{attribute}");
    // Erratum 6004.
    match attribute.get("uniqueness") {
        Some(uniqueness) => assert!(UNIQUENESS.contains(&uniqueness.as_str().unwrap()), "{attribute}"),
        None => assert_eq!(keyword("type"), "complex", "{attribute}"),
    }
    assert!(keyword("type") != "complex" || attribute.get("uniqueness").is_none(), "{attribute}");
    for flag in ["multiValued", "required", "caseExact"] {
        assert!(attribute[flag].is_boolean(), "{flag} of {attribute}");
    }
    let reference = keyword("type") == "reference";
    assert_eq!(attribute["referenceTypes"].as_array().is_some_and(|types| !types.is_empty()), reference, "{attribute}");
    let parts = attribute.get("subAttributes").and_then(Value::as_array);
    assert_eq!(parts.is_some_and(|parts| !parts.is_empty()), keyword("type") == "complex", "{attribute}");
    // Whoever offers a choice of types says which.
    let kinds = parts.into_iter().flatten().filter(|part| part["name"] == "type");
    for kind in kinds {
        assert!(kind["canonicalValues"].as_array().is_some_and(|values| !values.is_empty()), "type of {attribute}");
    }
    parts.into_iter().flatten().for_each(check_attribute);
}

fn names(attributes: &Value) -> Vec<&str> {
    attributes.as_array().unwrap().iter().map(|attribute| attribute["name"].as_str().unwrap()).collect()
}

#[test]
fn r7643_7_1_schemas_describe_every_attribute_with_its_characteristics() {
    let client = anybody();
    let list = read(&client, "/Schemas");
    let schemas = list["Resources"].as_array().unwrap();
    for schema in schemas {
        assert!(!has_null(schema));
        assert_eq!(schema["schemas"], json!([SCHEMA]));
        assert_eq!(schema["meta"]["resourceType"], "Schema");
        for text in ["id", "name", "description"] {
            assert!(schema[text].as_str().is_some_and(|text| !text.is_empty()), "{text} of {}", schema["id"]);
        }
        schema["attributes"].as_array().unwrap().iter().for_each(check_attribute);
    }
    let served = |uri: &str| schemas.iter().find(|schema| schema["id"] == uri).unwrap_or_else(|| panic!("{uri}"));
    // Erratum 8417: what discovery shows of itself is in its definitions too.
    for (uri, path) in
        [(CONFIG, "/ServiceProviderConfig"), (RESOURCE_TYPE, "/ResourceTypes/User"), (SCHEMA, "/Schemas")]
    {
        let shown = read(&client, path);
        let shown = shown["Resources"].as_array().map_or(&shown, |schemas| &schemas[0]);
        let defined = names(&served(uri)["attributes"]);
        for name in shown.as_object().unwrap().keys() {
            assert!(defined.contains(&name.as_str()), "{name} of {uri}");
        }
    }
    let group = &served(GROUP)["attributes"];
    assert_eq!(names(group), ["displayName", "members"]);
    assert_eq!((&group[0]["required"], &group[0]["uniqueness"]), (&json!(true), &json!("server")));
    let user = &served(USER)["attributes"];
    assert_eq!(
        names(user),
        [
            "userName",
            "name",
            "displayName",
            "nickName",
            "profileUrl",
            "title",
            "userType",
            "preferredLanguage",
            "locale",
            "timezone",
            "active",
            "password",
            "emails",
            "phoneNumbers",
            "ims",
            "photos",
            "addresses",
            "groups",
            "entitlements",
            "roles",
            "x509Certificates"
        ]
    );
    let find = |name: &str| user.as_array().unwrap().iter().find(|known| known["name"] == name).unwrap();
    let characteristics = |name: &str| {
        let known = find(name);
        ["type", "required", "caseExact", "mutability", "returned", "uniqueness"].map(|key| known[key].clone())
    };
    assert_eq!(
        characteristics("userName"),
        ["string".into(), json!(true), json!(false), "readWrite".into(), "default".into(), "server".into()]
    );
    assert_eq!(characteristics("password")[3..5], [json!("writeOnly"), json!("never")]);
    assert_eq!(characteristics("groups")[3], "readOnly");
    assert_eq!(find("emails")["subAttributes"][2]["canonicalValues"], json!(["work", "home", "other"]));
    assert_eq!(
        names(&find("addresses")["subAttributes"]),
        ["formatted", "streetAddress", "locality", "region", "postalCode", "country", "type", "primary"]
    );
    let enterprise = &served(ENTERPRISE)["attributes"];
    assert_eq!(
        names(enterprise),
        ["employeeNumber", "costCenter", "organization", "division", "department", "manager"]
    );
    assert_eq!(names(&enterprise[5]["subAttributes"]), ["value", "$ref", "displayName"]);
}

#[test]
fn r7643_7_2_the_types_of_attributes_include_binary() {
    let schema = read(&anybody(), &format!("/Schemas/{SCHEMA}"));
    let attributes =
        schema["attributes"].as_array().unwrap().iter().find(|known| known["name"] == "attributes").unwrap();
    for name in ["type", "subAttributes"] {
        let parts = attributes["subAttributes"].as_array().unwrap();
        let part = parts.iter().find(|part| part["name"] == name).unwrap();
        let kind = part["subAttributes"].as_array().map_or(part, |parts| &parts[1]);
        assert_eq!(
            kind["canonicalValues"],
            json!(["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"])
        );
    }
}

#[test]
fn r7644_3_1_1_schemas_of_messages_are_not_listed() {
    let list = read(&anybody(), "/Schemas");
    let ids = list["Resources"].as_array().unwrap().iter().map(|schema| schema["id"].as_str().unwrap());
    assert_eq!(ids.filter(|id| id.starts_with("urn:ietf:params:scim:api:")).count(), 0);
    assert_error(&tenant().client.get(&format!("/Schemas/{LIST}")), 404, None);
}

#[test]
fn r7643_5_2_discovery_needs_no_credential_and_tells_nothing_of_tenants() {
    let tenant = tenant();
    let anonymous = Client::anonymous(&crate::support::shared().url);
    for path in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
        let open = anonymous.get(path);
        assert_eq!(open.status, 200, "{path}");
        assert!(!open.text.contains(&tenant.name));
    }
    let schemes = anonymous.get("/ServiceProviderConfig").json()["authenticationSchemes"].clone();
    assert!(schemes.as_array().is_some_and(|schemes| !schemes.is_empty()));
}
