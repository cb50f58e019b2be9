//! The endpoints of the authorization server, and what it says of itself.

use serde_json::{Map, Value, json};

use super::operation::{Access, Operation};
use super::schema;
use crate::oauth::access_token::Parties;
use crate::oauth::client_authentication::ASSERTION_TYPE;
use crate::oauth::error::ErrorCode;
use crate::oauth::grant_type::GrantType;
use crate::oauth::metadata::{
    self, AUTHORIZATION_SERVER, AUTHORIZE, INTROSPECT, KEY_SET, PROTECTED_RESOURCE, REVOKE, TOKEN,
};
use crate::oauth::pkce;
use crate::oauth::token_response::BEARER;

/// Their group.
pub const TAG: &str = "OAuth 2.0";
/// An error (RFC 6749 section 5.2).
pub const OAUTH_ERROR: &str = "OAuthError";
/// Tokens (RFC 6749 section 5.1).
const TOKENS: &str = "Tokens";
/// What is known of a token (RFC 7662 section 2.2).
const INTROSPECTION: &str = "Introspection";
/// The signing keys (RFC 7517 section 5).
const KEYS: &str = "JsonWebKeySet";
/// What the authorization server says of itself (RFC 8414 section 2).
const SERVER_METADATA: &str = "AuthorizationServerMetadata";
/// What the SCIM API says of itself (RFC 9728 section 2).
const RESOURCE_METADATA: &str = "ProtectedResourceMetadata";

const JSON: &str = "application/json";
const HTML: &str = "text/html";

/// What a client hears at any endpoint that it posts to.
const REFUSALS: [ErrorCode; 5] = [
    ErrorCode::InvalidRequest,
    ErrorCode::InvalidClient,
    ErrorCode::TooManyRequests,
    ErrorCode::ServerError,
    ErrorCode::TemporarilyUnavailable,
];

/// The schemas of what is answered.
pub fn components() -> Vec<(String, Value)> {
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    let mut codes = codes;
    codes.dedup();
    let error = json!({
        "type": "object",
        "properties": {
            "error": {"type": "string", "enum": codes},
            "error_description": {"type": "string", "description": "What is wrong, for people."},
        },
        "required": ["error"],
    });
    let tokens = json!({
        "type": "object",
        "properties": {
            "access_token": {"type": "string", "description": "A JWT (RFC 9068)."},
            "token_type": {"const": BEARER},
            "expires_in": {"type": "integer", "description": "For how many seconds it is valid."},
            "refresh_token": {"type": "string", "description": "By which the next one is to be had. Each works once."},
            "scope": {"type": "string", "description": "What the access token may do: names separated by blanks."},
        },
        "required": ["access_token", "token_type", "expires_in", "scope"],
    });
    let introspection = json!({
        "type": "object",
        "properties": {
            "active": {"type": "boolean", "description": "Whether it is valid now. Of what is not, nothing else is said."},
            "token_type": {"const": BEARER},
            "scope": {"type": "string"},
            "client_id": {"type": "string"},
            "iss": {"type": "string"},
            "sub": {"type": "string"},
            "aud": {"type": "string"},
            "exp": {"type": "integer"},
            "iat": {"type": "integer"},
            "nbf": {"type": "integer"},
            "jti": {"type": "string"},
            "tenant": {"type": "string"},
            "grant": {"type": "string"},
        },
        "required": ["active"],
    });
    let keys = json!({
        "type": "object",
        "properties": {"keys": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"kty": {"type": "string"}, "kid": {"type": "string"}, "alg": {"type": "string"}, "use": {"type": "string"}},
                "required": ["kty", "kid"],
            },
        }},
        "required": ["keys"],
    });
    [
        (OAUTH_ERROR, error),
        (TOKENS, tokens),
        (INTROSPECTION, introspection),
        (KEYS, keys),
        (SERVER_METADATA, shape(&metadata::authorization_server(ANYBODY))),
        (RESOURCE_METADATA, shape(&metadata::protected_resource(ANYBODY))),
    ]
    .map(|(name, shape)| (name.to_owned(), shape))
    .into()
}

/// Metadata have the same members whoever speaks.
const ANYBODY: Parties<'static> = Parties { issuer: "", audience: "" };

/// The schema of what is like this object: the same members, each of its type.
fn shape(like: &Value) -> Value {
    let properties: Map<String, Value> = like
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, member)| {
            let member = match member {
                Value::Array(_) => json!({"type": "array", "items": {"type": "string"}}),
                Value::Bool(_) => json!({"type": "boolean"}),
                _ => json!({"type": "string"}),
            };
            (name.clone(), member)
        })
        .collect();
    let required: Vec<&String> = properties.keys().collect();
    json!({"type": "object", "required": required, "properties": properties})
}

/// All endpoints; the SCIM API is at this path.
pub fn operations(base: &str) -> Vec<Operation> {
    let read = |path: String, id: &str, summary: &str, media_type: &str, shown: &str| {
        Operation::new("get", path, id, TAG, summary).needing(Access::Open).answering_body(
            200,
            summary,
            &json!({}),
            media_type,
            schema(shown),
        )
    };
    let keys = read(
        KEY_SET.into(),
        "getKeys",
        "The keys that verify access tokens (RFC 7517).",
        "application/jwk-set+json",
        KEYS,
    )
    .answering(304, "They are still those that `If-None-Match` names.", &json!({}))
    .refusing_client(&[ErrorCode::ServerError, ErrorCode::TemporarilyUnavailable]);
    vec![
        authorize(),
        token(),
        revoke(),
        introspect(),
        keys,
        read(
            AUTHORIZATION_SERVER.into(),
            "getAuthorizationServerMetadata",
            "What the authorization server offers (RFC 8414).",
            JSON,
            SERVER_METADATA,
        ),
        read(
            format!("{PROTECTED_RESOURCE}{base}"),
            "getProtectedResourceMetadata",
            "Whose tokens the SCIM API takes (RFC 9728).",
            JSON,
            RESOURCE_METADATA,
        ),
    ]
}

fn authorize() -> Operation {
    let parameter = |name: &str, required: bool, mut schema: Value, description: &str| {
        if schema.is_null() {
            schema = json!({"type": "string"});
        }
        json!({"name": name, "in": "query", "required": required, "description": description, "schema": schema})
    };
    let text = Value::Null;
    Operation::new("get", AUTHORIZE, "authorize", TAG, "Ask a person for consent (RFC 6749 section 4.1.1)")
        .saying("A page, to which a client sends the browser of an administrator. It signs in and asks; the decision takes the browser \
            back to `redirect_uri`.")
        .needing(Access::Open)
        .taking_own([
            parameter("client_id", true, text.clone(), "The client."),
            parameter("redirect_uri", true, text.clone(), "One of those that the client was registered with."),
            parameter("response_type", true, json!({"const": "code"}), "What is wanted back."),
            parameter("response_mode", false, json!({"const": "query"}), "Where."),
            parameter("scope", false, text.clone(), "Names separated by blanks; without, all that the client may have."),
            parameter("state", false, text.clone(), "Given back as it is."),
            parameter("code_challenge", false, text.clone(), "PKCE (RFC 7636)."),
            parameter("code_challenge_method", false, json!({"const": pkce::METHOD}), "How the challenge was made."),
            parameter("resource", false, text, "The SCIM base URL (RFC 8707)."),
        ])
        .answering_body(200, "The page.", &json!({}), HTML, json!({"type": "string"}))
        .answering(303, "Back to the client with an error, or to a page that comes first.", &json!({
            "Location": {"description": "Where to.", "schema": {"type": "string", "format": "uri-reference"}},
        }))
        .answering_body(400, "A page: the client cannot be told of what is wrong.", &json!({}), HTML, json!({"type": "string"}))
        .answering_body(500, "A page: a fault of the server.", &json!({}), HTML, json!({"type": "string"}))
        .answering_body(503, "A page: no capacity, or no database, right now.", &json!({}), HTML, json!({"type": "string"}))
}

/// A form with these fields, of which some must be there, and with those by which a client may authenticate.
fn form(fields: &[(&str, Value)], required: &[&str]) -> Value {
    let mut properties: Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let own = [
        ("client_id", json!({"type": "string", "description": "The client, where no header says it."})),
        (
            "client_secret",
            json!({"type": "string", "description": "Its secret, where no header says it.", "writeOnly": true}),
        ),
        ("client_assertion_type", json!({"const": ASSERTION_TYPE})),
        ("client_assertion", json!({"type": "string", "description": "A JWT in place of the secret (RFC 7523)."})),
    ];
    properties.extend(own.map(|(name, schema)| (name.to_owned(), schema)));
    json!({"schema": {"type": "object", "properties": properties, "required": required}})
}

fn posted(path: &str, id: &str, summary: &str, form: &Value) -> Operation {
    Operation::new("post", path, id, TAG, summary)
        .needing(Access::Client)
        .taking_body(&["application/x-www-form-urlencoded"], form)
        .refusing_client(&REFUSALS)
}

fn token() -> Operation {
    let text = |description: &str| json!({"type": "string", "description": description});
    let fields = [
        ("grant_type", json!({"type": "string", "enum": GrantType::ALL.map(GrantType::name)})),
        ("code", text("The code that the browser brought back.")),
        ("redirect_uri", text("As it was in the authorization request.")),
        ("code_verifier", text("PKCE (RFC 7636).")),
        ("refresh_token", text("The refresh token.")),
        ("scope", text("Names separated by blanks; without, all that there is.")),
        ("resource", text("The SCIM base URL (RFC 8707).")),
    ];
    posted(TOKEN, "createToken", "Get an access token (RFC 6749 section 3.2)", &form(&fields, &["grant_type"]))
        .answering_body(200, "The tokens.", &json!({}), JSON, schema(TOKENS))
}

fn of_a_token() -> [(&'static str, Value); 2] {
    [
        ("token", json!({"type": "string", "description": "An access token or a refresh token."})),
        ("token_type_hint", json!({"type": "string", "description": "Not needed: the kinds look different."})),
    ]
}

fn revoke() -> Operation {
    posted(REVOKE, "revokeToken", "End a token (RFC 7009)", &form(&of_a_token(), &["token"])).answering(
        200,
        "It is no longer valid, whether it was or not.",
        &json!({}),
    )
}

fn introspect() -> Operation {
    posted(INTROSPECT, "introspectToken", "Ask about a token (RFC 7662)", &form(&of_a_token(), &["token"]))
        .answering_body(200, "What is known of it.", &json!({}), JSON, schema(INTROSPECTION))
}
