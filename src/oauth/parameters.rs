//! Parameters in a query or a form (RFC 6749 appendix B), as all endpoints read them.

use url::form_urlencoded;

use super::error::OAuthError;

/// Names and values, decoded, in the order in which they came. Names that nobody asks for are passed over (RFC 6749 sections
/// 3.1 and 3.2).
#[derive(Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded` text. Anything is such text; what does not decode to UTF-8 becomes a character
    /// that [`Parameters::get`] refuses.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The value of a parameter. One without a value counts as omitted (RFC 6749 sections 3.1 and 3.2).
    ///
    /// # Errors
    /// `invalid_request` when it comes more than once, or holds other characters than printable ASCII (RFC 6749 appendix A).
    pub fn get(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        if self.is_repeated(name) {
            return Err(OAuthError::invalid_request(format!("'{name}' must not be repeated")));
        }
        Ok(self.all(name)?.pop())
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    /// As [`Parameters::get`], and `invalid_request` without a value.
    pub fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name)?.ok_or_else(|| OAuthError::invalid_request(format!("'{name}' is missing")))
    }

    /// The values of a parameter that may be repeated: of ours only `resource` (RFC 8707 section 2).
    ///
    /// # Errors
    /// `invalid_request` when one holds other characters than printable ASCII.
    pub fn all(&self, name: &str) -> Result<Vec<&str>, OAuthError> {
        let values: Vec<&str> = self.values(name).filter(|value| !value.is_empty()).collect();
        if values.iter().all(|value| is_printable(value)) {
            Ok(values)
        } else {
            Err(OAuthError::invalid_request(format!("'{name}' holds other characters than printable ASCII")))
        }
    }

    /// Whether a parameter comes more than once, with a value or without.
    #[must_use]
    pub fn is_repeated(&self, name: &str) -> bool {
        self.values(name).nth(1).is_some()
    }

    /// Whether a parameter is there, with a value or without.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    fn values<'p>(&'p self, name: &str) -> impl Iterator<Item = &'p str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Values may be secrets.
impl std::fmt::Debug for Parameters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Whether a text consists of VSCHAR only (RFC 6749 appendix A).
#[must_use]
pub fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::error::ErrorCode;

    fn get(text: &str, name: &str) -> Result<Option<String>, ErrorCode> {
        let parameters = Parameters::parse(text);
        parameters.get(name).map(|value| value.map(str::to_owned)).map_err(|error| error.code())
    }

    #[test]
    fn a_parameter_without_a_value_is_omitted_and_an_unknown_one_ignored() {
        for (text, value) in [
            ("", None),
            ("scope=", None),
            ("scope", None),
            ("&&", None),
            ("scope=a+b%20c&x=1&x=2", Some("a b c")),
            ("x=%FF&scope=a", Some("a")),
            ("%73cope=%2B%26%3d", Some("+&=")),
            ("scope=100%", Some("100%")),
            ("SCOPE=a", None),
        ] {
            assert_eq!(get(text, "scope"), Ok(value.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn a_repeated_or_unprintable_parameter_is_refused() {
        for text in [
            "state=a&state=a",
            "state=a&state=",
            "state=&state",
            "state=%00",
            "state=%C3%A9",
            "state=%FF",
            "state=a%0Ab",
        ] {
            assert_eq!(get(text, "state"), Err(ErrorCode::InvalidRequest), "{text}");
        }
        assert!(Parameters::parse("a=1").require("b").is_err());
    }

    #[test]
    fn only_who_asks_for_all_values_gets_several() {
        let parameters = Parameters::parse("resource=https://a&resource=&resource=https://b");
        assert!(parameters.is_repeated("resource"));
        assert_eq!(parameters.all("resource").unwrap(), ["https://a", "https://b"]);
        assert!(Parameters::parse("resource=%FF").all("resource").is_err());
    }

    #[test]
    fn values_are_not_shown_for_debugging() {
        assert_eq!(format!("{:?}", Parameters::parse("client_secret=hidden")), "[\"client_secret\"]");
    }
}
