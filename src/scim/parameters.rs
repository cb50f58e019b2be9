//! URL parameters, already percent-decoded. Which ones a request takes stands with what is made of them: [`search`], [`project`].
//!
//! [`search`]: super::search
//! [`project`]: super::project

/// The value of a parameter, whose name is taken in any case; of several the first.
#[must_use]
pub fn find<'p>(parameters: &'p [(String, String)], name: &str) -> Option<&'p str> {
    parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
