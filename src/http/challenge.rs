//! What `WWW-Authenticate` says at the SCIM endpoints (RFC 6750 section 3, RFC 9728 section 5.1).

use actix_web::HttpMessage;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};

use super::SCIM_BASE;
use crate::auth::{Scope, Told};
use crate::oauth::metadata::PROTECTED_RESOURCE;
use crate::scim::error::{ErrorKind, ScimError};

/// Why a caller is asked for another credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Challenge {
    /// The credential was refused, or there was none.
    Refused(Told),
    /// There is one in the header and another one in the URL (RFC 6750 section 2).
    SeveralMethods,
    /// The credential lacks this scope.
    InsufficientScope(Scope),
}

impl Challenge {
    /// Notes the challenge at the request, and gives the error to answer with. [`add_header`] does the rest.
    pub(super) fn raise(self, request: &impl HttpMessage) -> ScimError {
        request.extensions_mut().insert(self);
        ScimError::new(self.kind(), self.description())
    }

    fn kind(self) -> ErrorKind {
        match self {
            Self::Refused(_) => ErrorKind::Unauthorized,
            Self::SeveralMethods => ErrorKind::InvalidSyntax,
            Self::InsufficientScope(_) => ErrorKind::Forbidden,
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Refused(Told::Expired) => "the access token expired",
            Self::Refused(_) => "a valid token is required in the Authorization header",
            Self::SeveralMethods => "a token belongs into the Authorization header and nowhere else",
            Self::InsufficientScope(Scope::Read) => "the token lacks the scope scim.read",
            Self::InsufficientScope(Scope::Write) => "the token lacks the scope scim.write",
        }
    }

    fn header(self, public_url: &str) -> HeaderValue {
        let error = match self {
            // Who sent nothing that is known here learns what is, and is not told of an error (RFC 6750 section 3.1).
            Self::Refused(Told::Wanted) => None,
            Self::Refused(_) => Some("invalid_token"),
            Self::SeveralMethods => Some("invalid_request"),
            Self::InsufficientScope(_) => Some("insufficient_scope"),
        };
        let mut text = "Bearer realm=\"scim\"".to_owned();
        if let Some(error) = error {
            text = format!("{text}, error=\"{error}\", error_description=\"{}\"", self.description());
        }
        if let Self::InsufficientScope(scope) = self {
            text = format!("{text}, scope=\"{scope}\"");
        }
        text = format!("{text}, resource_metadata=\"{public_url}{PROTECTED_RESOURCE}{SCIM_BASE}\"");
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer realm=\"scim\""))
    }
}

/// Gives a reply the header, where a challenge was raised and answered.
pub(super) fn add_header<B>(response: &mut ServiceResponse<B>, public_url: &str) {
    let raised = response.request().extensions().get::<Challenge>().copied();
    if let Some(challenge) = raised.filter(|challenge| challenge.kind().status() == response.status().as_u16()) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge.header(public_url));
    }
}
