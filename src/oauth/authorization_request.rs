//! The authorization request (RFC 6749 section 4.1.1): its checks, in their order, and the reply that takes the browser back.

use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::error::{ErrorCode, OAuthError};
use super::parameters::Parameters;
use super::{pkce, redirect_uri, scope};
use crate::auth::Scopes;

/// Bytes of `state` at most.
const STATE_LENGTH: usize = 4_096;
/// Parameters that may come once (RFC 6749 section 3.1).
const ONCE: [&str; 6] = ["state", "response_type", "response_mode", "scope", "code_challenge", "code_challenge_method"];

/// What a client was registered for, as far as these requests are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Where people may be sent back to.
    pub redirect_uris: &'a [String],
    /// Whether the client authenticates; one that does not must use PKCE, and may be a native app.
    pub confidential: bool,
    /// Whether it may use the authorization code grant at all.
    pub may_use_codes: bool,
    /// What it may ask for, and gets when it asks for nothing.
    pub scopes: Scopes,
    /// Whether it must use PKCE though it authenticates.
    pub pkce_required: bool,
}

/// A request that passed all checks. It is carried by the browser while the person signs in, and checked again at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: String,
    /// Where the browser goes at the end.
    pub redirect_uri: String,
    /// What is asked for: names separated by blanks.
    pub scope: String,
    /// What the client wants back as it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<String>,
    /// The PKCE challenge (S256).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code_challenge: Option<String>,
}

/// Who asks, and where the answer is to go: what has to be known before anything is sent there.
///
/// # Errors
/// `invalid_request` when one of the two is missing, repeated or malformed. It must not be redirected.
pub fn addressee(parameters: &Parameters) -> Result<(&str, &str), OAuthError> {
    Ok((parameters.require("client_id")?, parameters.require("redirect_uri")?))
}

/// Checks that a client may be answered at this URI.
///
/// # Errors
/// `invalid_request` or `unauthorized_client`, which must not be redirected (RFC 6749 section 4.1.2.1).
pub fn check_addressee(terms: &Terms<'_>, given: &str) -> Result<(), OAuthError> {
    if !terms.may_use_codes {
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, "the client may not ask people for access"));
    }
    let native = !terms.confidential;
    // RFC 9700 section 2.1: compared as it stands.
    if !terms.redirect_uris.iter().any(|registered| redirect_uri::matches(registered, given, native)) {
        return Err(OAuthError::invalid_request("'redirect_uri' is none of those that are registered for the client"));
    }
    Ok(())
}

/// What the client wants back in every reply, where it can be given back.
#[must_use]
pub fn state(parameters: &Parameters) -> Option<&str> {
    parameters.get("state").ok().flatten().filter(|state| state.len() <= STATE_LENGTH)
}

/// Checks all but the addressee, which [`check_addressee`] has found to be right. `api` is the SCIM base URL.
///
/// # Errors
/// The first error in the order of the checks. It is sent to the client.
pub fn read(parameters: &Parameters, terms: &Terms<'_>, api: &str) -> Result<AuthorizationRequest, OAuthError> {
    let (client_id, redirect_uri) = addressee(parameters)?;
    for name in ONCE {
        parameters.get(name)?;
    }
    let state = parameters.get("state")?;
    if state.is_some_and(|state| state.len() > STATE_LENGTH) {
        return Err(OAuthError::invalid_request(format!("'state' is longer than {STATE_LENGTH} bytes")));
    }
    // RFC 6749 section 3.1.1. Never `token`, the implicit grant (RFC 9700 section 2.1.2).
    if parameters.require("response_type")? != "code" {
        return Err(OAuthError::new(ErrorCode::UnsupportedResponseType, "'response_type' must be 'code'"));
    }
    if parameters.get("response_mode")?.is_some_and(|mode| mode != "query") {
        return Err(OAuthError::invalid_request("'response_mode' must be 'query'"));
    }
    let scopes = scope::choose(parameters.get("scope")?, terms.scopes)?;
    let code_challenge = code_challenge(parameters, terms)?;
    // RFC 8707 section 2.
    if parameters.all("resource")?.iter().any(|resource| *resource != api) {
        return Err(OAuthError::new(ErrorCode::InvalidTarget, "'resource' must be the SCIM base URL"));
    }
    Ok(AuthorizationRequest {
        client_id: client_id.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        scope: scope::text(scopes),
        state: state.map(str::to_owned),
        code_challenge,
    })
}

/// RFC 7636 sections 4.3 and 4.4.1.
fn code_challenge(parameters: &Parameters, terms: &Terms<'_>) -> Result<Option<String>, OAuthError> {
    let method = parameters.get("code_challenge_method")?;
    let Some(challenge) = parameters.get("code_challenge")? else {
        if method.is_some() {
            return Err(OAuthError::invalid_request("'code_challenge' is missing"));
        }
        if terms.pkce_required || !terms.confidential {
            return Err(OAuthError::invalid_request("code challenge required"));
        }
        return Ok(None);
    };
    // Without a method it would be `plain`.
    if method != Some(pkce::METHOD) {
        return Err(OAuthError::invalid_request("'code_challenge_method' must be 'S256'"));
    }
    if !pkce::is_well_formed(challenge) {
        return Err(OAuthError::invalid_request(
            "'code_challenge' has 43 to 128 letters, digits, '-', '.', '_' and '~'",
        ));
    }
    Ok(Some(challenge.to_owned()))
}

impl AuthorizationRequest {
    /// What is asked for.
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        scope::parse(&self.scope).unwrap_or_default()
    }

    /// Checks again that the client is registered for it: much may change while a person signs in.
    ///
    /// # Errors
    /// As [`check_addressee`], which must not be redirected; the inner error, which is sent to the client, when the scopes or the
    /// need of PKCE have changed.
    pub fn recheck(&self, terms: &Terms<'_>) -> Result<Result<(), OAuthError>, OAuthError> {
        check_addressee(terms, &self.redirect_uri)?;
        if let Err(error) = scope::choose(Some(&self.scope), terms.scopes) {
            return Ok(Err(error));
        }
        if self.code_challenge.is_none() && (terms.pkce_required || !terms.confidential) {
            return Ok(Err(OAuthError::invalid_request("code challenge required")));
        }
        Ok(Ok(()))
    }

    /// Where the browser goes with a code (RFC 6749 section 4.1.2, RFC 9207 section 2).
    #[must_use]
    pub fn success(&self, code: &str, issuer: &str) -> String {
        reply(&self.redirect_uri, &[("code", code)], self.state.as_deref(), issuer)
    }

    /// Where it goes with an error.
    #[must_use]
    pub fn failure(&self, error: &OAuthError, issuer: &str) -> String {
        failure(&self.redirect_uri, error, self.state.as_deref(), issuer)
    }
}

/// Where the browser goes with an error (RFC 6749 section 4.1.2.1).
#[must_use]
pub fn failure(redirect_uri: &str, error: &OAuthError, state: Option<&str>, issuer: &str) -> String {
    let pairs = [("error", error.code().name()), ("error_description", error.description())];
    reply(redirect_uri, &pairs, state, issuer)
}

/// The redirect URI with these parameters behind its own (RFC 6749 section 3.1.2).
fn reply(redirect_uri: &str, pairs: &[(&str, &str)], state: Option<&str>, issuer: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs).extend_pairs(state.map(|state| ("state", state))).append_pair("iss", issuer);
    // A blank as every reader of queries understands it; a plus sign is %2B by now.
    let query = query.finish().replace('+', "%20");
    let joint = match redirect_uri.split_once('?') {
        None => "?",
        Some((_, own)) if own.is_empty() || own.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{redirect_uri}{joint}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Scope;

    const API: &str = "https://scim.example.com/scim/v2";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn terms(redirect_uris: &[String]) -> Terms<'_> {
        let scopes = Scope::ALL.into_iter().collect();
        Terms { redirect_uris, confidential: true, may_use_codes: true, scopes, pkce_required: false }
    }

    fn outcome(query: &str, change: impl FnOnce(&mut Terms<'_>)) -> Result<AuthorizationRequest, &'static str> {
        let uris = ["https://client.example.com/cb".to_owned()];
        let mut terms = terms(&uris);
        change(&mut terms);
        let query = format!("client_id=c&redirect_uri=https://client.example.com/cb&{query}");
        read(&Parameters::parse(&query), &terms, API).map_err(|error| error.code().name())
    }

    #[test]
    fn a_request_is_checked_in_order() {
        for (query, error) in [
            ("response_type=code", None),
            ("", Some("invalid_request")),
            ("response_type=", Some("invalid_request")),
            ("response_type=token", Some("unsupported_response_type")),
            ("response_type=code%20token", Some("unsupported_response_type")),
            ("response_type=code&response_type=code", Some("invalid_request")),
            ("response_type=token&state=a&state=b", Some("invalid_request")),
            ("response_type=code&response_mode=query", None),
            ("response_type=code&response_mode=fragment", Some("invalid_request")),
            ("response_type=code&scope=", None),
            ("response_type=code&scope=scim.read++scim.write", None),
            ("response_type=code&scope=unknown", Some("invalid_scope")),
            ("response_type=code&scope=scim.read&scope=scim.read", Some("invalid_request")),
            ("response_type=code&resource=https://scim.example.com/scim/v2", None),
            ("response_type=code&resource=https://other.example.com/", Some("invalid_target")),
            (
                "response_type=code&resource=https://scim.example.com/scim/v2&resource=https://other.example.com/",
                Some("invalid_target"),
            ),
            ("response_type=code&prompt=none", None),
            ("response_type=code&unknown=1&unknown=2", None),
            ("response_type=code&code_challenge_method=S256", Some("invalid_request")),
        ] {
            assert_eq!(outcome(query, |_| ()).err(), error, "{query}");
        }
    }

    #[test]
    fn a_challenge_is_well_formed_and_by_s256_only() {
        let challenge = |rest: &str| outcome(&format!("response_type=code&code_challenge={rest}"), |_| ());
        let request = challenge(&format!("{CHALLENGE}&code_challenge_method=S256")).unwrap();
        assert_eq!(request.code_challenge.as_deref(), Some(CHALLENGE));
        for rest in [
            format!("{CHALLENGE}&code_challenge_method=plain"),
            CHALLENGE.to_owned(),
            format!("{}&code_challenge_method=S256", &CHALLENGE[1..]),
            format!("{CHALLENGE}%2B&code_challenge_method=S256"),
        ] {
            assert_eq!(challenge(&rest), Err("invalid_request"), "{rest}");
        }
    }

    #[test]
    fn who_must_use_pkce_is_refused_without() {
        assert!(outcome("response_type=code", |_| ()).is_ok());
        assert_eq!(outcome("response_type=code", |terms| terms.pkce_required = true), Err("invalid_request"));
        assert_eq!(outcome("response_type=code", |terms| terms.confidential = false), Err("invalid_request"));
    }

    #[test]
    fn scopes_are_those_of_the_client_at_most_and_by_default() {
        let reader = |terms: &mut Terms<'_>| terms.scopes = [Scope::Read].into_iter().collect();
        assert_eq!(outcome("response_type=code", reader).unwrap().scope, "scim.read");
        assert_eq!(outcome("response_type=code&scope=offline_access", reader).unwrap().scope, "scim.read");
        assert_eq!(outcome("response_type=code&scope=scim.write", reader), Err("invalid_scope"));
        assert_eq!(outcome("response_type=code", |terms| terms.scopes = Scopes::default()), Err("invalid_scope"));
    }

    #[test]
    fn a_long_or_unprintable_state_is_refused_and_any_other_kept() {
        let kept = "Xy/Z=&+% \"<>";
        let query: String = form_urlencoded::byte_serialize(kept.as_bytes()).collect();
        assert_eq!(outcome(&format!("response_type=code&state={query}"), |_| ()).unwrap().state.as_deref(), Some(kept));
        let long = format!("response_type=code&state={}", "a".repeat(STATE_LENGTH + 1));
        assert_eq!(outcome(&long, |_| ()), Err("invalid_request"));
        assert_eq!(outcome("response_type=code&state=%0A", |_| ()), Err("invalid_request"));
        assert_eq!(state(&Parameters::parse(&long)), None);
        assert_eq!(state(&Parameters::parse("state=a&state=b")), None);
    }

    #[test]
    fn a_reply_keeps_what_the_redirect_uri_holds_and_the_state_as_it_was() {
        let state = Some("a b+c&d=%/?\u{7e}");
        for (uri, begins) in [
            ("https://c.example/cb", "https://c.example/cb?code=x&state="),
            ("https://c.example/cb?", "https://c.example/cb?code=x&state="),
            ("https://c.example/cb?a=%41&b", "https://c.example/cb?a=%41&b&code=x&state="),
        ] {
            let location = reply(uri, &[("code", "x")], state, "https://scim.example.com");
            assert!(location.starts_with(begins), "{location}");
            let query = location.split_once('?').unwrap().1;
            let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            assert_eq!(value("state"), state);
            assert_eq!(value("iss"), Some("https://scim.example.com"));
            assert!(!query.contains('+'), "{query}");
        }
    }

    #[test]
    fn what_changed_meanwhile_is_noticed() {
        let request = outcome("response_type=code", |_| ()).unwrap();
        let uris = [request.redirect_uri.clone()];
        assert!(request.recheck(&terms(&uris)).unwrap().is_ok());
        assert!(request.recheck(&terms(&[])).is_err());
        assert!(request.recheck(&Terms { may_use_codes: false, ..terms(&uris) }).is_err());
        let reader = Terms { scopes: [Scope::Read].into_iter().collect(), ..terms(&uris) };
        assert_eq!(request.recheck(&reader).unwrap().unwrap_err().code(), ErrorCode::InvalidScope);
        assert!(request.recheck(&Terms { pkce_required: true, ..terms(&uris) }).unwrap().is_err());
    }
}
