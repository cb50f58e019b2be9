//! OAuth errors (RFC 6749 sections 4.1.2.1 and 5.2, and the RFCs that add to them): one table from the kind to the code and the
//! HTTP status.

use std::fmt;

/// What went wrong, as the client is told. [`ErrorCode::name`] and [`ErrorCode::status`] are the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest,
    /// The client did not authenticate, or not as itself.
    InvalidClient,
    /// The code or refresh token is not valid, or not for this client.
    InvalidGrant,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// Another `grant_type` than ours.
    UnsupportedGrantType,
    /// Another `response_type` than `code`.
    UnsupportedResponseType,
    /// A scope that is not known, or not the client's.
    InvalidScope,
    /// A `resource` that is not our API (RFC 8707 section 2).
    InvalidTarget,
    /// The person did not consent, or may not.
    AccessDenied,
    /// A fault of ours.
    ServerError,
    /// No capacity, or no database, right now.
    TemporarilyUnavailable,
    /// Too many attempts failed, or the client sends more than it may.
    TooManyRequests,
}

impl ErrorCode {
    /// All of them, in the order above.
    pub const ALL: [Self; 12] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::UnsupportedResponseType,
        Self::InvalidScope,
        Self::InvalidTarget,
        Self::AccessDenied,
        Self::ServerError,
        Self::TemporarilyUnavailable,
        Self::TooManyRequests,
    ];

    const fn row(self) -> (&'static str, u16) {
        match self {
            Self::InvalidRequest => ("invalid_request", 400),
            Self::InvalidClient => ("invalid_client", 401),
            Self::InvalidGrant => ("invalid_grant", 400),
            Self::UnauthorizedClient => ("unauthorized_client", 400),
            Self::UnsupportedGrantType => ("unsupported_grant_type", 400),
            Self::UnsupportedResponseType => ("unsupported_response_type", 400),
            Self::InvalidScope => ("invalid_scope", 400),
            Self::InvalidTarget => ("invalid_target", 400),
            Self::AccessDenied => ("access_denied", 403),
            Self::ServerError => ("server_error", 500),
            Self::TemporarilyUnavailable => ("temporarily_unavailable", 503),
            Self::TooManyRequests => ("temporarily_unavailable", 429),
        }
    }

    /// The code on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status where the error is an answer of its own, not a redirect.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().1
    }
}

/// An error in the protocol's own form. `description` is written for whoever sets the client up: it never holds a secret, nor what
/// the client sent, nor which part of a credential was wrong.
#[derive(Debug)]
pub struct OAuthError {
    code: ErrorCode,
    description: String,
    retry_after_seconds: Option<u32>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl OAuthError {
    /// An error with a sentence for the client.
    pub fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), retry_after_seconds: None, source: None }
    }

    /// Says after how many seconds another attempt may do better.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Attaches the cause, which goes to the log and never to the client.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// `invalid_request`.
    pub fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// The one answer to whatever was wrong with a client's authentication.
    #[must_use]
    pub fn invalid_client() -> Self {
        Self::new(ErrorCode::InvalidClient, "the client could not be authenticated")
    }

    /// The one answer to whatever was wrong with a code or refresh token.
    #[must_use]
    pub fn invalid_grant() -> Self {
        Self::new(
            ErrorCode::InvalidGrant,
            "the code or token is not valid, was used already, or belongs to another client",
        )
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The sentence for the client: printable ASCII without `"` and `\` (RFC 6749 section 5.2).
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// After how many seconds another attempt may do better.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.retry_after_seconds
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code.name(), self.description)
    }
}

impl std::error::Error for OAuthError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_codes_has_each_at_its_place() {
        assert_eq!(ErrorCode::ALL.map(|code| code as usize).to_vec(), (0..ErrorCode::ALL.len()).collect::<Vec<_>>());
        assert_eq!(ErrorCode::ALL.len(), ErrorCode::TooManyRequests as usize + 1);
    }
}
