//! What a provider says of itself (OpenID Connect Discovery 1.0).

use serde_json::Value;
use url::{Host, Url};

/// Bytes of a URL at most.
pub const URL_LENGTH: usize = 500;
/// Where the document is, below the issuer (section 4).
const PATH: &str = "/.well-known/openid-configuration";

/// The endpoints of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// The provider's name.
    pub issuer: String,
    /// Where people are sent.
    pub authorization_endpoint: String,
    /// Where codes are redeemed.
    pub token_endpoint: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Where it tells more of somebody.
    pub userinfo_endpoint: Option<String>,
    /// Whether a client may authenticate in the header; else it does in the body.
    pub takes_basic: bool,
    /// Whether the provider names itself when it sends people back (RFC 9207).
    pub names_itself: bool,
}

impl Discovery {
    /// Reads the document.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn read(document: &Value) -> Result<Self, &'static str> {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let endpoint = |name: &str, problem| text(name).filter(|url| is_safe(url)).map(str::to_owned).ok_or(problem);
        let lists = |name: &str, value: &str| {
            let values = document.get(name).and_then(Value::as_array);
            values.map(|values| values.iter().any(|known| known == value))
        };
        if lists("response_types_supported", "code") == Some(false) {
            return Err("does not offer the authorization code flow");
        }
        Ok(Self {
            issuer: text("issuer").ok_or("has no issuer: it is no OpenID Connect discovery document")?.to_owned(),
            authorization_endpoint: endpoint("authorization_endpoint", "has no https authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint", "has no https token_endpoint")?,
            jwks_uri: endpoint("jwks_uri", "has no https jwks_uri")?,
            userinfo_endpoint: text("userinfo_endpoint").filter(|url| is_safe(url)).map(str::to_owned),
            // What is left out means the header (section 3).
            takes_basic: lists("token_endpoint_auth_methods_supported", "client_secret_basic").unwrap_or(true),
            names_itself: document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
        })
    }
}

/// Where the document of a provider is.
#[must_use]
pub fn document_url(issuer: &str) -> String {
    format!("{}{PATH}", issuer.trim_end_matches('/'))
}

/// Checks the name of a provider.
///
/// # Errors
/// What is wrong with it.
pub fn check_issuer(issuer: &str) -> Result<(), &'static str> {
    let url = Url::parse(issuer).map_err(|_| "The issuer is a URL, like https://example.okta.com.")?;
    let bare = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && issuer.bytes().all(|byte| byte.is_ascii_graphic());
    if issuer.ends_with(PATH) {
        Err("The issuer is what stands before /.well-known/openid-configuration.")
    } else if issuer.len() > URL_LENGTH {
        Err("The issuer has at most 500 characters.")
    } else if !bare {
        Err("The issuer has no user name, no query and no fragment.")
    } else if !is_safe(issuer) {
        Err("The issuer begins with https://.")
    } else {
        Ok(())
    }
}

/// Whether what is sent to a URL stays private on its way: encrypted, or on this machine.
fn is_safe(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(Host::Ipv4(address))) => address.is_loopback(),
        ("http", Some(Host::Ipv6(address))) => address.is_loopback(),
        ("http", Some(Host::Domain(name))) => name == "localhost",
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "issuer": "https://id.example.com",
            "authorization_endpoint": "https://id.example.com/authorize",
            "token_endpoint": "https://id.example.com/token",
            "jwks_uri": "https://id.example.com/keys",
        })
    }

    #[test]
    fn a_document_is_read_with_what_it_leaves_out() {
        let read = Discovery::read(&document()).unwrap();
        assert_eq!((read.takes_basic, read.names_itself, read.userinfo_endpoint), (true, false, None));
        let mut more = document();
        more["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
        more["authorization_response_iss_parameter_supported"] = json!(true);
        let read = Discovery::read(&more).unwrap();
        assert_eq!((read.takes_basic, read.names_itself), (false, true));
    }

    #[test]
    fn a_document_without_safe_endpoints_or_the_flow_is_refused() {
        for name in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
            let mut without = document();
            without[name] = Value::Null;
            assert!(Discovery::read(&without).is_err(), "{name}");
        }
        for url in ["http://id.example.com/x", "javascript:alert(1)", "//id.example.com", "", "ftp://id.example.com"] {
            for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
                let mut unsafe_one = document();
                unsafe_one[name] = json!(url);
                assert!(Discovery::read(&unsafe_one).is_err(), "{name} {url}");
            }
        }
        let mut implicit = document();
        implicit["response_types_supported"] = json!(["id_token"]);
        assert!(Discovery::read(&implicit).is_err());
        assert!(Discovery::read(&json!([])).is_err());
    }

    #[test]
    fn an_issuer_is_an_https_url_or_on_this_machine() {
        for good in ["https://id.example.com", "https://id.example.com/tenant/v2.0", "https://id.example.com/"] {
            assert_eq!(check_issuer(good), Ok(()), "{good}");
        }
        for loopback in ["http://127.0.0.1:4000", "http://[::1]:4000", "http://localhost:4000/x"] {
            assert_eq!(check_issuer(loopback), Ok(()), "{loopback}");
        }
        let long = format!("https://id.example.com/{}", "a".repeat(URL_LENGTH));
        for bad in [
            "",
            "id.example.com",
            "http://id.example.com",
            "http://10.0.0.1",
            "https://ada@id.example.com",
            "https://id.example.com?x",
            "https://id.example.com#x",
            "https://id.example.com/ x",
            "https://id.example.com/\u{e9}",
            "https://id.example.com/.well-known/openid-configuration",
            long.as_str(),
        ] {
            assert!(check_issuer(bad).is_err(), "{bad}");
        }
        let url = "https://id.example.com/.well-known/openid-configuration";
        assert_eq!([document_url("https://id.example.com"), document_url("https://id.example.com/")], [url, url]);
    }
}
