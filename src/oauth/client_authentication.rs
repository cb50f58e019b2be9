//! How a client says who it is (RFC 6749 section 2.3, RFC 7523 section 2.2): by exactly one method.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::assertion;
use super::error::OAuthError;
use super::parameters::{Parameters, is_printable};

/// Base64 with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The one type of client assertions (RFC 7523 section 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What must never stand in a URL (RFC 6749 section 2.3.1).
const NEVER_IN_QUERY: [&str; 2] = ["client_secret", "client_assertion"];

/// What a client presents, not looked at yet.
pub enum ClientAuthentication {
    /// An id and a secret: the ways to read them, the likeliest first.
    Secret(Vec<Credentials>),
    /// A JWT that the client signed (RFC 7523).
    Assertion {
        /// Whom it says to come from.
        client_id: String,
        /// The JWT.
        assertion: Zeroizing<String>,
    },
    /// Only the id, as public clients do (RFC 6749 section 3.2.1).
    Nothing {
        /// The client.
        client_id: String,
    },
}

/// An id and a secret.
pub struct Credentials {
    /// The client.
    pub client_id: String,
    /// The secret.
    pub secret: Zeroizing<String>,
}

impl ClientAuthentication {
    /// Reads it from the values of the `Authorization` headers, `None` for one that is no text, from the body and from the query.
    ///
    /// # Errors
    /// `invalid_request` when there is more than one method, or a secret in the query; `invalid_client` when there is none or it
    /// cannot be read.
    pub fn read(authorization: &[Option<String>], form: &Parameters, query: &Parameters) -> Result<Self, OAuthError> {
        if let Some(name) = NEVER_IN_QUERY.into_iter().find(|name| query.contains(name)) {
            return Err(OAuthError::invalid_request(format!("'{name}' must not stand in the URL")));
        }
        let client_id = form.get("client_id")?;
        let secret = form.get("client_secret")?;
        let assertion = form.get("client_assertion")?;
        let assertion_type = form.get("client_assertion_type")?;
        let has_assertion = assertion.is_some() || assertion_type.is_some();
        // RFC 6749 section 2.3: not more than one method in each request.
        if authorization.len() + usize::from(secret.is_some()) + usize::from(has_assertion) > 1 {
            return Err(OAuthError::invalid_request("a client authenticates by one method only"));
        }
        let read = if let [header] = authorization {
            Self::Secret(basic(header.as_deref()).ok_or_else(OAuthError::invalid_client)?)
        } else if has_assertion {
            if assertion_type != Some(ASSERTION_TYPE) {
                return Err(OAuthError::invalid_request(format!("'client_assertion_type' must be {ASSERTION_TYPE}")));
            }
            let text = assertion.ok_or_else(|| OAuthError::invalid_request("'client_assertion' is missing"))?;
            let claimed = assertion::claimed_issuer(text).ok_or_else(OAuthError::invalid_client)?;
            Self::Assertion { client_id: claimed, assertion: Zeroizing::new(text.to_owned()) }
        } else {
            let client_id = client_id.ok_or_else(OAuthError::invalid_client)?.to_owned();
            match secret {
                Some(secret) => {
                    Self::Secret(vec![Credentials { client_id, secret: Zeroizing::new(secret.to_owned()) }])
                }
                None => Self::Nothing { client_id },
            }
        };
        // Some clients repeat their id in the body, which does no harm as long as it is the same one.
        if client_id.is_some_and(|id| !read.client_ids().any(|own| own == id)) {
            return Err(OAuthError::invalid_request("'client_id' is another client than the one that authenticates"));
        }
        Ok(read)
    }

    /// The ids that the client may mean.
    fn client_ids(&self) -> impl Iterator<Item = &str> {
        let (readings, one) = match self {
            Self::Secret(readings) => (readings.as_slice(), None),
            Self::Assertion { client_id, .. } | Self::Nothing { client_id } => ([].as_slice(), Some(client_id)),
        };
        readings.iter().map(|reading| &reading.client_id).chain(one).map(String::as_str)
    }

    /// The id of the client, as it reads in the first place.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.client_ids().next().unwrap_or_default()
    }
}

/// The readings of a `Basic` header: both parts are form-encoded (RFC 6749 section 2.3.1), but many clients leave that out.
fn basic(header: Option<&str>) -> Option<Vec<Credentials>> {
    let (scheme, encoded) = header?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = Zeroizing::new(String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?);
    let (client_id, secret) = pair.split_once(':')?;
    let reading = |(client_id, secret): (String, Zeroizing<String>)| {
        let fits = !client_id.is_empty() && is_printable(&client_id) && is_printable(&secret);
        fits.then_some(Credentials { client_id, secret })
    };
    let raw = (client_id.to_owned(), Zeroizing::new(secret.to_owned()));
    let decoded = decode(client_id).zip(decode(secret).map(Zeroizing::new)).filter(|decoded| *decoded != raw);
    let readings: Vec<Credentials> = decoded.into_iter().chain([raw]).filter_map(reading).collect();
    (!readings.is_empty()).then_some(readings)
}

/// One form-encoded value. `None` for what no encoder writes.
fn decode(text: &str) -> Option<String> {
    if text.contains(['&', '=']) {
        return None;
    }
    let pair = Zeroizing::new(format!("={text}"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD as ENCODER;

    use super::*;
    use crate::oauth::error::ErrorCode;

    /// The readings as `id:secret`, or the id alone.
    fn read(authorization: &[&str], form: &str, query: &str) -> Result<Vec<String>, ErrorCode> {
        let headers: Vec<_> = authorization.iter().map(|header| Some((*header).to_owned())).collect();
        let read = ClientAuthentication::read(&headers, &Parameters::parse(form), &Parameters::parse(query));
        read.map_err(|error| error.code()).map(|read| match read {
            ClientAuthentication::Secret(readings) => {
                readings.iter().map(|reading| format!("{}:{}", reading.client_id, reading.secret.as_str())).collect()
            }
            ClientAuthentication::Assertion { client_id, .. } | ClientAuthentication::Nothing { client_id } => {
                vec![client_id]
            }
        })
    }

    fn header(pair: &str) -> String {
        format!("Basic {}", ENCODER.encode(pair))
    }

    #[test]
    fn basic_is_read_decoded_and_raw() {
        for (pair, readings) in [
            ("a:b", &["a:b"][..]),
            ("a%3Ab:c%2Bd+e", &["a:b:c+d e", "a%3Ab:c%2Bd+e"]),
            ("a:b&c=d", &["a:b&c=d"]),
            ("a:b:c", &["a:b:c"]),
            ("a:100%", &["a:100%"]),
            ("a:%FF", &["a:%FF"]),
            ("a:", &["a:"]),
        ] {
            assert_eq!(read(&[&header(pair)], "", "").unwrap(), readings, "{pair}");
        }
        let unpadded = header("ab:c").trim_end_matches('=').replace("Basic", "bAsIc");
        assert_eq!(read(&[&unpadded], "", ""), Ok(vec!["ab:c".into()]));
    }

    #[test]
    fn what_cannot_be_read_is_a_failed_authentication() {
        let (no_colon, no_id, control) = (header("ab"), header(":b"), header("a:\u{7}"));
        for value in ["Basic", "Basic !", "Basic", "Bearer abc", "", &no_colon, &no_id, &control, "Basic /////w=="] {
            assert_eq!(read(&[value], "", ""), Err(ErrorCode::InvalidClient), "{value}");
        }
        assert_eq!(read(&[], "", ""), Err(ErrorCode::InvalidClient));
        assert_eq!(read(&[], "client_secret=x", ""), Err(ErrorCode::InvalidClient));
    }

    #[test]
    fn there_is_exactly_one_method() {
        let basic = header("a:b");
        assert_eq!(read(&[], "client_id=a&client_secret=b", ""), Ok(vec!["a:b".into()]));
        assert_eq!(read(&[], "client_id=a", ""), Ok(vec!["a".into()]));
        assert_eq!(read(&[], "client_id=a&client_secret=", ""), Ok(vec!["a".into()]));
        assert_eq!(read(&[&basic], "client_id=a", ""), Ok(vec!["a:b".into()]));
        let assertion = format!("client_assertion_type={ASSERTION_TYPE}&client_assertion=x.y.z");
        for (authorization, form, query) in [
            (&[basic.as_str()][..], "client_id=a&client_secret=b", ""),
            (&[&basic], "client_secret=b", ""),
            (&[&basic], &assertion, ""),
            (&[], &format!("{assertion}&client_secret=b"), ""),
            (&[], "client_id=a&client_assertion=x.y.z", ""),
            (&[], &format!("client_assertion_type={ASSERTION_TYPE}"), ""),
            (&[&basic, &basic], "", ""),
            (&[&basic], "client_id=other", ""),
            (&[], "client_id=a&client_id=a&client_secret=b", ""),
            (&[], "client_id=a&client_secret=b&client_secret=b", ""),
            (&[], "client_id=a", "client_secret=b"),
            (&[&basic], "", "client_secret="),
            (&[&basic], "", "client_assertion=x"),
        ] {
            assert_eq!(read(authorization, form, query), Err(ErrorCode::InvalidRequest), "{form} {query}");
        }
        assert_eq!(read(&[], &assertion, ""), Err(ErrorCode::InvalidClient));
    }
}
