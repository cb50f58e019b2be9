//! The description of the API for machines (OpenAPI 3.1), made from what the server goes by: the registry of schemas, the tables of
//! errors, the limits and the metadata of the authorization server. It describes the standard, and nothing of any tenant.
//!
//! - `operation` is how one endpoint is written down.
//! - `resources` turns the schemas of RFC 7643 into JSON Schema, `messages` has what else is sent.
//! - `errors` has the replies that all endpoints share, `parameters` what requests have in common.
//! - `scim`, `oauth` and `service` are the endpoints.

mod errors;
mod messages;
mod oauth;
mod operation;
mod parameters;
mod resources;
mod scim;
mod service;

use serde_json::{Map, Value, json};

use crate::auth::Scope;
use crate::oauth::access_token::Parties;
use crate::oauth::metadata::{AUTHORIZE, TOKEN};
use crate::oauth::scope;
use crate::scim::registry::Registry;
use operation::Operation;

/// Where the document is, below the public URL.
pub const PATH: &str = "/openapi.json";
/// The version of OpenAPI that it is written in.
const OPENAPI: &str = "3.1.0";

/// The document of a server that issues and takes tokens as these parties, and serves what this registry has.
#[must_use]
pub fn document(parties: Parties<'_>, registry: &Registry) -> Value {
    // Paths stand below the public URL, which is the issuer of tokens.
    let base = parties.audience.strip_prefix(parties.issuer).unwrap_or_default();
    let mut paths = Map::new();
    let operations = [scim::operations(base, registry), oauth::operations(base), service::operations()];
    for Operation { method, path, description } in operations.into_iter().flatten() {
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method] = description;
    }
    json!({
        "openapi": OPENAPI,
        "info": {
            "title": "provisor",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A SCIM 2.0 service provider and OAuth 2.0 authorization server.",
            "description": "SCIM as RFC 7643 and RFC 7644 describe it, paging by cursor as RFC 9865 does. What a tenant adds, schemas and \
                resource types of its own, its tokens find at the discovery endpoints.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": parties.issuer}],
        "tags": tags(registry),
        "paths": paths,
        "components": {
            "schemas": components(registry),
            "responses": errors::components(),
            "parameters": parameters::components(),
            "securitySchemes": security_schemes(parties.issuer),
        },
    })
}

fn tags(registry: &Registry) -> Vec<Value> {
    let tag = |name: &str, description: &str| json!({"name": name, "description": description});
    let mut tags: Vec<Value> =
        registry.resource_types().iter().map(|known| tag(&known.endpoint, &known.description)).collect();
    tags.extend([
        tag(scim::ME, "The user whom the token stands for (RFC 7644 section 3.11)."),
        tag(scim::ALL_TYPES, "Resources of every type at once, and many changes in one request."),
        tag(scim::DISCOVERY, "What the server can do and what resources look like (RFC 7644 section 4)."),
        tag(oauth::TAG, "Access tokens (RFC 6749 and what builds on it)."),
        tag(service::TAG, "For whoever runs the server."),
    ]);
    tags
}

fn components(registry: &Registry) -> Map<String, Value> {
    let mut schemas = Map::new();
    schemas.extend(resources::components(registry));
    schemas.extend(messages::components(registry));
    schemas.extend(oauth::components());
    schemas
}

fn security_schemes(issuer: &str) -> Value {
    let meaning = |name: &str| match Scope::parse(name) {
        Some(Scope::Read) => "Read resources.",
        Some(Scope::Write) => "Change resources, and read them.",
        None => "Both.",
    };
    let names = Scope::ALL.into_iter().map(Scope::name).chain([scope::ALL]);
    let scopes: Map<String, Value> = names.map(|name| (name.to_owned(), meaning(name).into())).collect();
    let token = format!("{issuer}{TOKEN}");
    json!({
        operation::BEARER: {
            "type": "http",
            "scheme": "bearer",
            "description": "A header token, from the command line or the admin UI, or an access token.",
        },
        operation::OAUTH: {
            "type": "oauth2",
            "description": "An access token of this server's authorization server.",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": format!("{issuer}{AUTHORIZE}"),
                    "tokenUrl": token,
                    "refreshUrl": token,
                    "scopes": scopes,
                },
                "clientCredentials": {"tokenUrl": token, "scopes": scopes},
            },
        },
        operation::CLIENT: {
            "type": "http",
            "scheme": "basic",
            "description": "The id and the secret of an OAuth client, each form-encoded first (RFC 6749 section 2.3.1). Both may also \
                stand in the form, and an assertion in place of the secret.",
        },
    })
}

/// A reference to a component of this kind.
fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// A reference to a schema.
fn schema(name: &str) -> Value {
    reference("schemas", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All strings that stand at `$ref`.
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(text) if name == "$ref" => found.push(text),
                        member => references(member, found),
                    }
                }
            }
            Value::Array(elements) => elements.iter().for_each(|element| references(element, found)),
            _ => {}
        }
    }

    #[test]
    fn each_reference_leads_somewhere_and_each_component_is_used() {
        let parties = Parties { issuer: "https://a.example/t", audience: "https://a.example/t/scim/v2" };
        let document = document(parties, &Registry::standard().unwrap());
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in &found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        for kind in ["schemas", "responses", "parameters"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                let path = format!("#/components/{kind}/{name}");
                assert!(found.contains(&path.as_str()), "{path} is not used");
            }
        }
        assert!(document["paths"]["/scim/v2/Users"]["get"].is_object());
        let flow = &document["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"];
        assert_eq!(flow["tokenUrl"], "https://a.example/t/oauth/token");
    }
}
