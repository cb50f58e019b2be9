#![allow(clippy::needless_pass_by_value)]

use serde_json::{Value, json};

use super::*;
use crate::scim::limits;

const BADGE: &str = "urn:example:scim:schemas:1.0:Badge";
const HR: &str = "urn:example:scim:schemas:extension:hr:1.0:User";

fn schema(uri: &str, attributes: Value) -> Schema {
    read_schema(json!({"id": uri, "name": "Badge", "attributes": attributes})).unwrap()
}

fn badge() -> Schema {
    schema(BADGE, json!([{"name": "code", "required": true, "uniqueness": "server"}, {"name": "room"}]))
}

fn hr() -> Schema {
    schema(HR, json!([{"name": "grade"}]))
}

fn resource_type(name: &str, endpoint: &str, base: &str, extensions: &[&str]) -> (TypeDefinition, Vec<Extension>) {
    let extensions: Vec<Value> = extensions.iter().map(|uri| json!({"schema": uri, "required": false})).collect();
    read_resource_type(json!({"name": name, "endpoint": endpoint, "schema": base, "schemaExtensions": extensions}))
        .unwrap()
}

fn of(schemas: &[Schema], types: &[(TypeDefinition, Vec<Extension>)]) -> Definitions {
    let mut definitions = Definitions::default();
    for schema in schemas {
        definitions.put_schema(schema.clone());
    }
    for (known, extensions) in types {
        definitions.put_resource_type(known.clone(), extensions.clone());
    }
    definitions
}

fn extended(mut definitions: Definitions, resource_type: &str, uri: &str, required: bool) -> Definitions {
    definitions.put_extension(Extension { resource_type: resource_type.into(), schema: uri.into(), required });
    definitions
}

fn registry(definitions: &Definitions) -> Result<Registry, String> {
    definitions.registry(&Registry::standard().unwrap(), true).map_err(|error| error.to_string())
}

#[test]
fn a_file_may_be_what_another_server_shows() {
    let shown = json!({
        "schemas": [urn::SCHEMA], "id": HR, "name": "HR", "description": null,
        "attributes": [{"name": "grade", "canonicalValues": null, "type": "string"}],
        "meta": {"resourceType": "Schema", "location": "https://x/Schemas/y"}
    });
    assert_eq!(read_schema(shown).unwrap().attributes.len(), 1);
    let shown = json!({
        "schemas": [urn::RESOURCE_TYPE], "id": "Badge", "name": "Badge", "endpoint": "/Badges", "schema": BADGE,
        "meta": {"resourceType": "ResourceType"}
    });
    assert_eq!(read_resource_type(shown).unwrap().0.endpoint, "Badges");
    for (wrong, says) in [
        (json!([]), "a resource type is a JSON object"),
        (json!({"name": "Badge", "schema": BADGE}), "missing field `endpoint`"),
        (json!({"id": "B", "name": "Badge", "endpoint": "/B", "schema": BADGE}), "'id' must be the name, 'Badge'"),
        (json!({"name": "Badge", "endpoint": "/B", "schema": BADGE, "colour": "red"}), "unknown field `colour`"),
    ] {
        let refused = read_resource_type(wrong).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}

#[test]
fn the_resource_types_of_okta_can_be_served() {
    let types = okta_resource_types().unwrap().into_iter().map(|file| read_resource_type(file).unwrap());
    let registry = registry(&of(&[], &types.collect::<Vec<_>>())).unwrap();
    for (endpoint, uri) in [("Roles", urn::OKTA_ROLE), ("Entitlements", urn::OKTA_ENTITLEMENT)] {
        assert_eq!(registry.by_endpoint(endpoint).unwrap().schema.id, uri);
        assert!(registry.schema(uri).is_some());
    }
}

#[test]
fn a_registry_shows_what_its_types_have_and_each_schema_once() {
    let types = [resource_type("Badge", "/Badges", BADGE, &[HR]), resource_type("Pass", "/Passes", BADGE, &[])];
    let unused = schema("urn:example:unused", json!([{"name": "a"}]));
    let registry = registry(&extended(of(&[badge(), hr(), unused], &types), "User", HR, true)).unwrap();
    let uris: Vec<&str> = registry.schemas().map(|schema| schema.id.as_str()).collect();
    assert_eq!(
        uris,
        [
            urn::USER,
            urn::ENTERPRISE_USER,
            HR,
            urn::GROUP,
            BADGE,
            urn::SERVICE_PROVIDER_CONFIG,
            urn::RESOURCE_TYPE,
            urn::SCHEMA
        ]
    );
    let user = registry.by_name("user").unwrap();
    assert!(user.extension(HR).unwrap().required);
}

#[test]
fn group_names_are_unique_unless_the_tenant_lets_them_repeat() {
    let standard = Registry::standard().unwrap();
    let unique = |registry: &Registry| registry.by_name("Group").unwrap().unique_attribute().is_some();
    assert!(unique(&standard));
    let repeatable = standard.extended(&Definitions::default(), false).unwrap();
    assert!(!unique(&repeatable));
    assert!(repeatable.by_name("Group").unwrap().members().is_some());
    assert_eq!(unique_attributes(&standard, &repeatable), [("Group".to_owned(), None)]);
}

#[test]
fn what_collides_is_refused_with_its_reason() {
    let one = || resource_type("Badge", "/Badges", BADGE, &[]);
    let with_type = |known| of(&[badge(), hr()], &[known]);
    let twice = schema(BADGE, json!([{"name": "a", "uniqueness": "server"}, {"name": "b", "uniqueness": "server"}]));
    let mut repeated = with_type(one());
    repeated.extensions.push(Extension { resource_type: "Badge".into(), schema: HR.into(), required: false });
    repeated.extensions.push(Extension { resource_type: "Badge".into(), schema: HR.into(), required: true });
    let rows = [
        (of(&[schema(&BADGE.to_uppercase(), json!([{"name": "a"}])), badge()], &[]), "cannot be told apart from"),
        (of(&[badge(), schema(&format!("{BADGE}:code"), json!([{"name": "a"}]))], &[]), "cannot be told apart from"),
        (of(&[schema(urn::ENTERPRISE_USER, json!([{"name": "a"}]))], &[]), "which there is already"),
        (of(&[schema(urn::OKTA_ROLE, json!([{"name": "a"}]))], &[]), "which there is already"),
        (with_type(resource_type("1", "/Badges", BADGE, &[])), "the resource type's name '1' is no name"),
        (with_type(resource_type("user", "/Badges", BADGE, &[])), "there is a resource type of this name already"),
        (with_type(resource_type("Schema", "/Badges", BADGE, &[])), "there is a resource type of this name already"),
        (of(&[badge()], &[one(), resource_type("BADGE", "/B", BADGE, &[])]), "of this name already"),
        (of(&[badge()], &[one(), resource_type("Pass", "/badges", BADGE, &[])]), "'/badges' is taken"),
        (with_type(resource_type("Badge", "/users", BADGE, &[])), "the endpoint '/users' is taken"),
        (with_type(resource_type("Badge", "/Groups", BADGE, &[])), "is taken"),
        (with_type(resource_type("Badge", "/ME", BADGE, &[])), "is taken"),
        (with_type(resource_type("Badge", "/Bulk", BADGE, &[])), "is taken"),
        (with_type(resource_type("Badge", "/Schemas", BADGE, &[])), "is taken"),
        (with_type(resource_type("Badge", "/ResourceTypes", BADGE, &[])), "is taken"),
        (with_type(resource_type("Badge", "/ServiceProviderConfigs", BADGE, &[])), "is taken"),
        (with_type(resource_type("Badge", "/.search", BADGE, &[])), "the endpoint '.search' is no name"),
        (with_type(resource_type("Badge", "/a/b", BADGE, &[])), "the endpoint 'a/b' is no name"),
        (with_type(resource_type("Badge", "/", BADGE, &[])), "the endpoint '' is no name"),
        (
            with_type(resource_type("Badge", "/Badges", "urn:example:none", &[])),
            "there is no schema 'urn:example:none'",
        ),
        (with_type(resource_type("Badge", "/Badges", BADGE, &["urn:example:none"])), "there is no schema"),
        (with_type(resource_type("Badge", "/Badges", urn::USER, &[])), "belongs to its own resource type"),
        (with_type(resource_type("Badge", "/Badges", BADGE, &[urn::GROUP])), "belongs to its own resource type"),
        (with_type(resource_type("Badge", "/Badges", BADGE, &[BADGE])), "is named twice"),
        (repeated, "is named twice"),
        (of(&[twice], &[one()]), "has several unique attributes, a, b"),
        (extended(of(&[badge()], &[]), "User", BADGE, false), "attribute 'code' of extension"),
        (extended(of(&[hr()], &[]), "Robot", HR, false), "there is no resource type 'Robot' to extend"),
    ];
    for (definitions, says) in rows {
        let refused = registry(&definitions).unwrap_err();
        assert!(refused.contains(says), "{says}: {refused}");
    }
    let with_enterprise = resource_type("Badge", "/Badges", BADGE, &[urn::ENTERPRISE_USER]);
    assert!(registry(&with_type(with_enterprise)).is_ok());
}

#[test]
fn only_what_resources_could_not_follow_is_breaking() {
    let types = [resource_type("Badge", "/Badges", BADGE, &[HR])];
    let parts = |parts: Value| json!({"name": "place", "type": "complex", "subAttributes": parts});
    let base = |attributes: Value| of(&[schema(BADGE, attributes), hr()], &types);
    let before = base(json!([{"name": "code"}, parts(json!([{"name": "room"}]))]));
    let change = |after: &Definitions| {
        let found = breaking(&registry(&before).unwrap(), &registry(after).unwrap());
        found.into_iter().map(|breaking| (breaking.what, breaking.extension.is_some())).collect::<Vec<_>>()
    };
    let place = || parts(json!([{"name": "room"}]));
    for compatible in [
        before.clone(),
        base(json!([place(), {"name": "code", "description": "x", "mutability": "immutable", "returned": "request"}])),
        base(json!([{"name": "code"}, place(), {"name": "more", "type": "integer"}])),
        base(json!([{"name": "code", "uniqueness": "server"}, parts(json!([{"name": "room"}, {"name": "floor"}]))])),
        extended(before.clone(), "User", HR, false),
    ] {
        assert_eq!(change(&compatible), []);
    }
    let mut without_type = before.clone();
    without_type.remove_resource_type("Badge").unwrap();
    let mut without_extension = before.clone();
    without_extension.put_resource_type(types[0].0.clone(), Vec::new());
    let mut moved = before.clone();
    moved.resource_types[0].endpoint = "Passes".into();
    let mut based_elsewhere = before.clone();
    based_elsewhere.resource_types[0].schema = urn::OKTA_ROLE.into();
    let mut narrowed = before.clone();
    narrowed.put_schema(schema(HR, json!([{"name": "grade", "type": "integer"}])));
    for (after, says, of_extension) in [
        (base(json!([place()])), "attribute 'code' cannot be removed", false),
        (base(json!([{"name": "CODE"}, place()])), "attribute 'code' cannot be removed", false),
        (base(json!([{"name": "code", "type": "integer"}, place()])), "cannot change its type", false),
        (base(json!([{"name": "code", "multiValued": true}, place()])), "between one value and several", false),
        (base(json!([{"name": "code", "caseExact": true}, place()])), "cannot change its case rule", false),
        (base(json!([{"name": "code", "required": true}, place()])), "cannot become required", false),
        (base(json!([{"name": "code", "returned": "never"}, place()])), "being kept and never", false),
        (base(json!([{"name": "code"}, place(), {"name": "x", "required": true}])), "'x', which is required", false),
        (base(json!([{"name": "code"}, parts(json!([{"name": "x"}]))])), "'place.room' cannot be removed", false),
        (
            base(json!([{"name": "code"}, parts(json!([{"name": "room", "required": true}]))])),
            "attribute 'place.room' cannot become required",
            false,
        ),
        (without_type, "resource type 'Badge' cannot be removed", false),
        (moved, "cannot move to another endpoint", false),
        (based_elsewhere, "cannot have another base schema", false),
        (without_extension, "of 'Badge' cannot be removed", true),
        (narrowed, "attribute 'grade' cannot change its type", true),
        (extended(before.clone(), "Badge", HR, true), "of 'Badge' cannot become required", false),
        (extended(before.clone(), "User", HR, true), "of 'User' cannot become required", false),
    ] {
        let found = change(&after);
        assert!(found.iter().any(|(what, extension)| what.contains(says) && *extension == of_extension), "{found:?}");
    }
}

#[test]
fn there_is_a_limit_to_how_many() {
    let schemas = |number: usize| -> Vec<Schema> {
        (0..number).map(|n| schema(&format!("urn:example:many:N{n}"), json!([{"name": "a"}]))).collect()
    };
    let refused = |definitions: &Definitions| registry(definitions).unwrap_err();
    assert!(registry(&of(&schemas(limits::SCHEMAS_PER_TENANT), &[])).is_ok());
    assert!(refused(&of(&schemas(limits::SCHEMAS_PER_TENANT + 1), &[])).contains("more than 50 schemas"));
    let types: Vec<_> = (0..=limits::RESOURCE_TYPES_PER_TENANT)
        .map(|n| resource_type(&format!("T{n}"), &format!("/T{n}"), urn::OKTA_ROLE, &[]))
        .collect();
    assert!(registry(&of(&[], &types[1..])).is_ok());
    assert!(refused(&of(&[], &types)).contains("more than 50 resource types"));
    let own = schemas(limits::EXTENSIONS_PER_TYPE + 1);
    let uris: Vec<&str> = own.iter().map(|schema| schema.id.as_str()).collect();
    assert!(registry(&of(&own, &[resource_type("T", "/T", urn::OKTA_ROLE, &uris[1..])])).is_ok());
    assert!(refused(&of(&own, &[resource_type("T", "/T", urn::OKTA_ROLE, &uris)])).contains("more than 20 extensions"));
}
