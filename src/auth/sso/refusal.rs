//! Why somebody who comes from the identity provider is not signed in.

use std::borrow::Cow;

/// Letters of an error code of the provider that are recorded (RFC 6749 section 4.1.2.1 has none longer).
const CODE_LENGTH: usize = 40;

/// A sign-in that ends here. [`Refusal::reason`] is for the audit log, [`Refusal::sentence`] for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It was not begun in this browser, or came back before, or too late.
    State(&'static str),
    /// The provider refused; its error code.
    Denied(String),
    /// The provider did not answer as it should.
    Unanswered(String),
    /// What it said of the person cannot be taken.
    Token(&'static str),
    /// The e-mail address is missing, not verified, or not among those that are let in.
    Email(&'static str),
    /// It gives the person no role.
    Role,
    /// The account is disabled.
    Disabled,
    /// The account with this address belongs to somebody else at the provider, or may not be linked.
    Taken(&'static str),
    /// The account is not of the tenant whose people the provider answers for.
    OtherTenant,
    /// Nobody comes into the tenant of the account.
    Closed,
}

impl Refusal {
    /// The refusal of the provider, with the error that it sent, as far as that can be one.
    #[must_use]
    pub fn denied(error: &str) -> Self {
        let plain = !error.is_empty()
            && error.len() <= CODE_LENGTH
            && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        Self::Denied(if plain { error.to_owned() } else { "another error".into() })
    }

    /// What the audit log says.
    #[must_use]
    pub fn reason(&self) -> Cow<'static, str> {
        match self {
            Self::State(reason) | Self::Token(reason) | Self::Email(reason) | Self::Taken(reason) => (*reason).into(),
            Self::Denied(error) => format!("the identity provider answered {error}").into(),
            Self::Unanswered(problem) => format!("the identity provider could not be asked: {problem}").into(),
            Self::Role => "no role by the identity provider".into(),
            Self::Disabled => "disabled account".into(),
            Self::OtherTenant => "the account is not of the tenant that the identity provider is for".into(),
            Self::Closed => "the tenant is suspended, or is to be deleted".into(),
        }
    }

    /// What the person reads.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::State(_) => {
                "This sign-in was not begun in this browser, has come back before, or took more than ten minutes. Begin again."
            }
            Self::Denied(_) => {
                "Your identity provider did not let you in. Ask whoever looks after it to assign this application to you."
            }
            Self::Unanswered(_) => {
                "Your identity provider did not answer as it should. Try again in a moment; an owner finds the reason in the audit log."
            }
            Self::Token(_) => {
                "What your identity provider sent cannot be trusted. Begin again; an owner finds the reason in the audit log."
            }
            Self::Email(_) => {
                "Your identity provider gives no e-mail address of yours that may sign in here. An owner finds the reason in the audit \
                 log."
            }
            Self::Role => {
                "Your identity provider gives you no role here. Ask whoever looks after it to put you into the right group."
            }
            Self::Disabled => "Your account here is disabled. An owner can enable it again.",
            Self::Taken(_) => {
                "There is an account with your e-mail address here that is not yours to take over. An owner finds the reason in the audit \
                 log."
            }
            Self::OtherTenant => {
                "Your account here is not of the tenant whose people sign in by this identity provider. Sign in with your password."
            }
            Self::Closed => {
                "The tenant that you come to is suspended, or is to be deleted. Whoever runs this server can resume it."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_error_only_a_code_is_recorded() {
        assert_eq!(Refusal::denied("access_denied").reason(), "the identity provider answered access_denied");
        for odd in ["", "<b>", "Access denied", &"a".repeat(41)] {
            assert_eq!(Refusal::denied(odd).reason(), "the identity provider answered another error", "{odd}");
        }
    }
}
