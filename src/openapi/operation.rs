//! One endpoint with one method, as OpenAPI writes it down.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{errors, reference};
use crate::auth::Scope;
use crate::oauth::error::ErrorCode;
use crate::scim::error::ErrorKind;

/// The security scheme of header tokens and of access tokens alike.
pub const BEARER: &str = "bearer";
/// That of access tokens, with the way to one.
pub const OAUTH: &str = "oauth2";
/// That by which OAuth clients authenticate.
pub const CLIENT: &str = "client";

/// Where an operation is, and its description.
pub struct Operation {
    /// `get`, for example.
    pub method: &'static str,
    /// The path below the public URL.
    pub path: String,
    /// The operation object (OpenAPI section 4.8.10).
    pub description: Value,
}

/// What a caller needs.
#[derive(Clone, Copy)]
pub enum Access {
    /// Nothing.
    Open,
    /// Nothing, but a credential shows what its tenant is served.
    Optional,
    /// A token with this scope.
    Scope(Scope),
    /// The authentication of an OAuth client.
    Client,
}

impl Access {
    fn security(self) -> Value {
        match self {
            Self::Open => json!([]),
            Self::Optional => json!([{}, {BEARER: []}, {OAUTH: []}]),
            Self::Scope(scope) => json!([{BEARER: []}, {OAUTH: [scope.name()]}]),
            // A public client, or one that authenticates in the form, sends no header.
            Self::Client => json!([{CLIENT: []}, {}]),
        }
    }
}

impl Operation {
    /// An operation with its name for programs, its group, and a sentence for people.
    pub fn new(
        method: &'static str,
        path: impl Into<String>,
        id: impl Into<String>,
        tag: &str,
        summary: impl Into<String>,
    ) -> Self {
        let (id, summary) = (id.into(), summary.into());
        let description = json!({"operationId": id, "tags": [tag], "summary": summary, "responses": {}});
        Self { method, path: path.into(), description }
    }

    /// Says more.
    #[must_use]
    pub fn saying(mut self, more: impl Into<String>) -> Self {
        self.description["description"] = more.into().into();
        self
    }

    /// Says what a caller needs.
    #[must_use]
    pub fn needing(mut self, access: Access) -> Self {
        self.description["security"] = access.security();
        self
    }

    /// Takes these of the shared parameters.
    #[must_use]
    pub fn taking(self, names: &[&str]) -> Self {
        self.taking_own(names.iter().map(|name| reference("parameters", name)))
    }

    /// Takes these parameters.
    #[must_use]
    pub fn taking_own(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        let mut all = self.description["parameters"].as_array().cloned().unwrap_or_default();
        all.extend(parameters);
        self.description["parameters"] = all.into();
        self
    }

    /// Takes a body in these media types.
    #[must_use]
    pub fn taking_body(mut self, media_types: &[&str], media: &Value) -> Self {
        let content: Map<String, Value> = media_types.iter().map(|name| ((*name).to_owned(), media.clone())).collect();
        self.description["requestBody"] = json!({"required": true, "content": content});
        self
    }

    /// Stays there for clients that know no better.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.description["deprecated"] = true.into();
        self
    }

    /// Answers with this status and no body.
    #[must_use]
    pub fn answering(self, status: u16, meaning: &str, headers: &Value) -> Self {
        self.answering_with(status, json!({"description": meaning, "headers": headers}))
    }

    /// Answers with this status and a body.
    #[must_use]
    pub fn answering_body(
        self,
        status: u16,
        meaning: &str,
        headers: &Value,
        media_type: &str,
        schema: impl Into<Value>,
    ) -> Self {
        let content = json!({media_type: {"schema": schema.into()}});
        self.answering_with(status, json!({"description": meaning, "headers": headers, "content": content}))
    }

    fn answering_with(mut self, status: u16, mut response: Value) -> Self {
        if let Some(members) = response.as_object_mut() {
            members.retain(|_, member| member.as_object().is_none_or(|member| !member.is_empty()));
        }
        self.description["responses"][status.to_string()] = response;
        self
    }

    /// May answer with these errors of SCIM.
    #[must_use]
    pub fn refusing(mut self, kinds: &[ErrorKind]) -> Self {
        let statuses: BTreeSet<u16> = kinds.iter().map(|kind| kind.status()).collect();
        for status in statuses {
            self = self.answering_with(status, reference("responses", &errors::scim_name(status)));
        }
        self
    }

    /// May answer with these errors of OAuth.
    #[must_use]
    pub fn refusing_client(mut self, codes: &[ErrorCode]) -> Self {
        let statuses: BTreeSet<u16> = codes.iter().map(|code| code.status()).collect();
        for status in statuses {
            self = self.answering_with(status, reference("responses", &errors::oauth_name(status)));
        }
        self
    }
}
