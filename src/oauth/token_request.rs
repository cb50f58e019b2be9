//! What a token request asks for, once the client and its grant are known (RFC 6749 sections 4.1.3, 4.4.2 and 6).

use zeroize::Zeroizing;

use super::error::{ErrorCode, OAuthError};
use super::grant_type::GrantType;
use super::parameters::Parameters;

/// A token request.
pub struct TokenRequest {
    /// By what.
    pub grant: Grant,
    /// The scopes that are asked for; without, all that the grant or the client has.
    pub scope: Option<String>,
}

/// By what a token is asked for.
pub enum Grant {
    /// A code.
    AuthorizationCode {
        /// The code.
        code: Zeroizing<String>,
        /// Where the client says that the code was sent.
        redirect_uri: Option<String>,
        /// The PKCE verifier.
        code_verifier: Option<Zeroizing<String>>,
    },
    /// A refresh token.
    RefreshToken(Zeroizing<String>),
    /// The client's own authentication.
    ClientCredentials,
}

impl TokenRequest {
    /// Reads the parameters of a grant. `audience` is our API.
    ///
    /// # Errors
    /// `invalid_request` for a parameter that is missing, repeated or malformed; `invalid_target` for another resource than our
    /// API.
    pub fn read(
        grant_type: GrantType,
        form: &Parameters,
        query: &Parameters,
        audience: &str,
    ) -> Result<Self, OAuthError> {
        let secret = |text: &str| Zeroizing::new(text.to_owned());
        let grant = match grant_type {
            GrantType::AuthorizationCode => Grant::AuthorizationCode {
                code: secret(form.require("code")?),
                redirect_uri: form.get("redirect_uri")?.map(str::to_owned),
                code_verifier: form.get("code_verifier")?.map(secret),
            },
            GrantType::RefreshToken => Grant::RefreshToken(secret(form.require("refresh_token")?)),
            GrantType::ClientCredentials => Grant::ClientCredentials,
        };
        // RFC 8707 section 2: there is one API, so there is one resource.
        if form.all("resource")?.into_iter().any(|resource| resource != audience) {
            return Err(OAuthError::new(ErrorCode::InvalidTarget, format!("'resource' must be {audience}")));
        }
        Ok(Self { grant, scope: scope(grant_type, form, query)?.map(str::to_owned) })
    }
}

/// The scopes that are asked for. Administrators of Okta type them into the URL of the token endpoint, so they may stand in the
/// query where a client asks for itself; nothing else may.
fn scope<'p>(
    grant_type: GrantType,
    form: &'p Parameters,
    query: &'p Parameters,
) -> Result<Option<&'p str>, OAuthError> {
    let in_body = form.get("scope")?;
    if grant_type != GrantType::ClientCredentials {
        return Ok(in_body);
    }
    match (in_body, query.get("scope")?) {
        (Some(body), Some(query)) if body != query => {
            Err(OAuthError::invalid_request("'scope' differs between the body and the URL"))
        }
        (body, query) => Ok(body.or(query)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "https://scim.example.com/scim/v2";

    fn read(grant_type: GrantType, form: &str, query: &str) -> Result<TokenRequest, ErrorCode> {
        TokenRequest::read(grant_type, &Parameters::parse(form), &Parameters::parse(query), API)
            .map_err(|error| error.code())
    }

    #[test]
    fn a_grant_has_what_it_needs() {
        assert!(read(GrantType::AuthorizationCode, "code=x", "").is_ok());
        assert!(read(GrantType::RefreshToken, "refresh_token=x&audience=y&client_info=1", "").is_ok());
        for (grant_type, form) in [
            (GrantType::AuthorizationCode, ""),
            (GrantType::AuthorizationCode, "code="),
            (GrantType::AuthorizationCode, "code=x&code=x"),
            (GrantType::AuthorizationCode, "code=x&redirect_uri=a&redirect_uri=b"),
            (GrantType::AuthorizationCode, "code=x&code_verifier=a&code_verifier=a"),
            (GrantType::RefreshToken, "code=x"),
            (GrantType::RefreshToken, "refresh_token=x&scope=a&scope=a"),
        ] {
            assert_eq!(read(grant_type, form, "").err(), Some(ErrorCode::InvalidRequest), "{form}");
        }
    }

    #[test]
    fn the_scope_of_a_client_itself_may_stand_in_the_url() {
        let scope = |form, query| read(GrantType::ClientCredentials, form, query).map(|request| request.scope);
        assert_eq!(scope("", "scope=scim.read"), Ok(Some("scim.read".into())));
        assert_eq!(scope("scope=scim.read", "scope=scim.read"), Ok(Some("scim.read".into())));
        assert_eq!(scope("scope=", "scope=scim.read"), Ok(Some("scim.read".into())));
        assert_eq!(scope("scope=scim.read", "scope=scim.write"), Err(ErrorCode::InvalidRequest));
        assert_eq!(scope("", "scope=a&scope=a"), Err(ErrorCode::InvalidRequest));
        let other = read(GrantType::RefreshToken, "refresh_token=x", "scope=scim.read");
        assert_eq!(other.map(|request| request.scope), Ok(None));
    }

    #[test]
    fn the_one_resource_is_our_api() {
        let read = |form: &str| read(GrantType::ClientCredentials, form, "").map(drop);
        assert_eq!(read(&format!("resource={API}&resource={API}")), Ok(()));
        assert_eq!(read("resource="), Ok(()));
        for other in ["https://scim.example.com", "nonsense", "https://scim.example.com/scim/v2%23part"] {
            assert_eq!(read(&format!("resource={other}")), Err(ErrorCode::InvalidTarget), "{other}");
            assert_eq!(read(&format!("resource={API}&resource={other}")), Err(ErrorCode::InvalidTarget), "{other}");
        }
    }
}
