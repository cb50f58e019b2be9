//! `If-Match` and `If-None-Match` (RFC 7644 section 3.14, RFC 9110 section 13.1). Our entity tags are weak, as SCIM's examples
//! are, and are compared weakly in both.

use super::error::{ErrorKind, ScimError};
use super::resource::entity_tag;

/// The conditions that a request puts on the state of its resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// The value of `If-Match`.
    pub if_match: Option<String>,
    /// The value of `If-None-Match`.
    pub if_none_match: Option<String>,
}

impl Preconditions {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Whether a read can be answered "not modified".
    #[must_use]
    pub fn not_modified(&self, version: i64) -> bool {
        self.if_none_match.as_deref().is_some_and(|tags| lists(tags, version))
    }

    /// Checks a change of the state `version`.
    ///
    /// # Errors
    /// 412 when a condition does not hold.
    pub fn check(&self, version: i64) -> Result<(), ScimError> {
        let other = self.if_match.as_deref().is_some_and(|tags| !lists(tags, version));
        if other || self.not_modified(version) {
            return Err(ScimError::new(
                ErrorKind::PreconditionFailed,
                format!("the resource is at version {}", entity_tag(version)),
            ));
        }
        Ok(())
    }
}

/// Whether a list of entity tags, or `*`, names the version.
fn lists(tags: &str, version: i64) -> bool {
    let current = entity_tag(version);
    let opaque = current.trim_start_matches("W/");
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == opaque)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        let if_match = |tags: &str| Preconditions { if_match: Some(tags.into()), if_none_match: None };
        assert!(if_match("W/\"3\"").check(3).is_ok());
        assert!(if_match("\"1\", \"3\"").check(3).is_ok());
        assert!(if_match("*").check(3).is_ok());
        assert!(if_match("W/\"2\"").check(3).is_err());
        let if_none_match = Preconditions { if_match: None, if_none_match: Some("*".into()) };
        assert!(if_none_match.check(3).is_err());
        assert!(if_none_match.not_modified(3));
    }
}
