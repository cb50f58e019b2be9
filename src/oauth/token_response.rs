//! What a token request is answered (RFC 6749 section 5.1, RFC 7662 section 2.2).

use serde::Serialize;

use super::access_token::Claims;

/// The tokens.
#[derive(Serialize)]
pub struct TokenResponse {
    /// A JWT.
    pub access_token: String,
    /// Always `Bearer` (RFC 6750).
    pub token_type: &'static str,
    /// For how many seconds the access token is valid.
    pub expires_in: i64,
    /// By which the next access token is to be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// What the access token may do.
    pub scope: String,
}

/// The type of access tokens.
pub const BEARER: &str = "Bearer";

/// What is known of a token.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Introspection {
    /// Nothing: it is unknown, expired, revoked, or not the asking client's business, which all look the same.
    Inactive {
        /// `false`.
        active: bool,
    },
    /// An access token.
    AccessToken {
        /// `true`.
        active: bool,
        /// `Bearer`.
        token_type: &'static str,
        /// All that the token says.
        #[serde(flatten)]
        claims: Box<Claims>,
    },
    /// A refresh token.
    RefreshToken {
        /// `true`.
        active: bool,
        /// The client that it was issued to.
        client_id: String,
        /// The scopes, separated by blanks.
        scope: String,
        /// When it ends unless it is used, in seconds since 1970.
        exp: i64,
        /// When it was issued.
        iat: i64,
    },
}

impl Introspection {
    /// Nothing is known.
    pub const INACTIVE: Self = Self::Inactive { active: false };
}
