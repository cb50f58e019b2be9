//! The grants that there are (RFC 6749 section 1.3). There is no implicit and no password grant (RFC 9700 sections 2.1.2 and 2.4).

use std::fmt;

use super::error::{ErrorCode, OAuthError};
use super::parameters::Parameters;

/// By what a client gets an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantType {
    /// A code that a person's consent led to (RFC 6749 section 4.1).
    AuthorizationCode,
    /// A refresh token (RFC 6749 section 6).
    RefreshToken,
    /// The client's own authentication (RFC 6749 section 4.4).
    ClientCredentials,
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// The grant of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant_type| grant_type.name() == name)
    }

    /// The grant that a token request names.
    ///
    /// # Errors
    /// `invalid_request` when it names none, `unsupported_grant_type` when it is none of ours (RFC 6749 section 5.2).
    pub fn read(form: &Parameters) -> Result<Self, OAuthError> {
        let unsupported = || {
            let names = Self::ALL.map(Self::name).join(", ");
            OAuthError::new(ErrorCode::UnsupportedGrantType, format!("'grant_type' is one of {names}"))
        };
        Self::parse(form.require("grant_type")?).ok_or_else(unsupported)
    }
}

impl fmt::Display for GrantType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
