//! JWT access tokens (RFC 9068, RFC 7519, RFC 8725): made and read with one algorithm, ES256.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The media type in the header, by which no other JWT of ours or of anybody's is taken for an access token.
const TYPE: &str = "at+jwt";
/// Bytes of a token at most.
pub const LENGTH: usize = 8_192;
/// Why a token is refused whose time is over; the one reason that its holder is told.
pub const EXPIRED: &str = "expired access token";
/// Seconds by which clocks may differ.
pub const LEEWAY_SECONDS: i64 = 60;

/// What an access token says (RFC 9068 section 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The authorization server.
    pub iss: String,
    /// Whom it stands for: `grant_` and the grant's id, or the client's id where the client acts for itself.
    pub sub: String,
    /// The SCIM base URL. It may be one of several, and is read as the one that was looked for.
    #[serde(skip_deserializing)]
    pub aud: String,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// From when it is valid.
    pub nbf: i64,
    /// Its id.
    pub jti: Uuid,
    /// The client.
    pub client_id: String,
    /// The scopes, separated by blanks.
    pub scope: String,
    /// The tenant (private claim).
    pub tenant: Uuid,
    /// The grant that it came of (private claim); none, where the client acts for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Uuid>,
}

/// Whom tokens come from, and whom they are for.
#[derive(Debug, Clone, Copy)]
pub struct Parties<'a> {
    /// The authorization server.
    pub issuer: &'a str,
    /// The SCIM base URL.
    pub audience: &'a str,
}

/// Signs an access token.
///
/// # Errors
/// When the key is none for ES256.
pub fn sign(claims: &Claims, kid: &str, key: &EncodingKey) -> Result<String, jsonwebtoken::errors::Error> {
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some(TYPE.into());
    header.kid = Some(kid.into());
    jsonwebtoken::encode(&header, claims, key)
}

/// Whether a text has the shape of a signed JWT: three parts in base64url (RFC 7515 section 3.1).
#[must_use]
pub fn is_shaped(text: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut parts = 0;
    text.split('.').all(|part| {
        parts += 1;
        !part.is_empty() && part.bytes().all(base64url)
    }) && parts == 3
}

/// The id of the key that a token names, where the text has the shape of a token of ours; nothing is verified.
///
/// # Errors
/// Why it is none, for the audit log.
pub fn key_id(token: &str) -> Result<String, &'static str> {
    if token.len() > LENGTH {
        return Err("token too long");
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| "malformed token")?;
    if header.alg != Algorithm::ES256 {
        return Err("token with another algorithm");
    }
    if header.crit.is_some() {
        return Err("token with critical extensions");
    }
    let media_type = header.typ.as_deref().unwrap_or_default();
    let bare = media_type.get(.."application/".len()).filter(|start| start.eq_ignore_ascii_case("application/"));
    if !media_type[bare.map_or(0, str::len)..].eq_ignore_ascii_case(TYPE) {
        return Err("token of another type");
    }
    header.kid.ok_or("token without key id")
}

/// Reads an access token that was signed with this key, which [`key_id`] names.
///
/// # Errors
/// Why it is refused, for the audit log.
pub fn verify(token: &str, key: &DecodingKey, parties: Parties<'_>, now: i64) -> Result<Claims, &'static str> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[parties.issuer]);
    validation.set_audience(&[parties.audience]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    // Against `now`, below.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(token, key, &validation).map_err(|error| match error.kind() {
        ErrorKind::InvalidSignature => "token with a wrong signature",
        ErrorKind::InvalidIssuer => "token of another issuer",
        ErrorKind::InvalidAudience => "token for another audience",
        _ => "malformed token",
    })?;
    let claims = Claims { aud: parties.audience.to_owned(), ..claims.claims };
    if claims.exp <= now.saturating_sub(LEEWAY_SECONDS) {
        return Err(EXPIRED);
    }
    if claims.iat.max(claims.nbf) > now.saturating_add(LEEWAY_SECONDS) {
        return Err("token from the future");
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_jwt_is_told_by_its_three_parts() {
        for (text, shaped) in [
            ("a.b.c", true),
            ("eyJhbGciOiJFUzI1NiJ9.e30.-_A9", true),
            ("", false),
            ("a.b", false),
            ("a.b.", false),
            (".b.c", false),
            ("a..c", false),
            ("a.b.c.d", false),
            ("a.b.c=", false),
            ("a.b.c d", false),
            ("a.b+.c", false),
            ("a.b/.c", false),
            ("a.\u{e9}.c", false),
        ] {
            assert_eq!(is_shaped(text), shaped, "{text}");
        }
    }
}
