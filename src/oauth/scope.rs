//! The `scope` parameter (RFC 6749 section 3.3).

use super::error::{ErrorCode, OAuthError};
use crate::auth::{Scope, Scopes};

/// Stands for reading and writing: the one scope name of the IPSIE profile for SCIM.
pub const ALL: &str = "scim";
/// Asks for a refresh token. Taken and passed over: whether there is one depends on the client's grants.
const OFFLINE_ACCESS: &str = "offline_access";

/// Reads a list of scopes. `None` for a name that is not known or cannot be one; the empty list has no scopes. Who may write may
/// read.
#[must_use]
pub fn parse(text: &str) -> Option<Scopes> {
    let mut scopes = Vec::new();
    for name in text.split(' ').filter(|name| !name.is_empty()) {
        match name {
            ALL => scopes.extend(Scope::ALL),
            OFFLINE_ACCESS => {}
            name => scopes.push(Scope::parse(name)?),
        }
    }
    Some(with_implied(scopes))
}

/// The set with what its scopes imply.
#[must_use]
pub fn with_implied(scopes: impl IntoIterator<Item = Scope>) -> Scopes {
    let implied = |scope| [scope].into_iter().chain((scope == Scope::Write).then_some(Scope::Read));
    scopes.into_iter().flat_map(implied).collect()
}

/// The list as a response holds it.
#[must_use]
pub fn text(scopes: Scopes) -> String {
    scopes.names().collect::<Vec<_>>().join(" ")
}

/// The set that stored names stand for.
#[must_use]
pub fn stored(names: &[String]) -> Scopes {
    with_implied(names.iter().filter_map(|name| Scope::parse(name)))
}

/// What a client gets: what it asks for, or all that it may have where it asks for nothing (RFC 6749 section 3.3).
///
/// # Errors
/// `invalid_scope` when it asks for more than it may have, or for a scope that is not known, and when it may have nothing.
pub fn choose(asked: Option<&str>, allowed: Scopes) -> Result<Scopes, OAuthError> {
    let nothing = Scopes::default();
    let asked = asked.map_or(Some(nothing), parse);
    let chosen = asked.map(|asked| if asked == nothing { allowed } else { asked });
    let fits = |chosen: &Scopes| Scope::ALL.into_iter().all(|scope| allowed.contains(scope) || !chosen.contains(scope));
    chosen.filter(|chosen| *chosen != nothing && fits(chosen)).ok_or_else(|| {
        OAuthError::new(ErrorCode::InvalidScope, format!("'scope' may ask for these: {}", text(allowed)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_what_it_asks_for_within_what_it_may_have() {
        let read = with_implied([Scope::Read]);
        let write = with_implied([Scope::Write]);
        for (asked, allowed, got) in [
            (None, write, Some("scim.read scim.write")),
            (None, read, Some("scim.read")),
            (Some("scim.read"), write, Some("scim.read")),
            (Some("offline_access"), write, Some("scim.read scim.write")),
            (Some("scim.write"), read, None),
            (Some("scim"), read, None),
            (Some("scim.read nothing"), write, None),
        ] {
            let chosen = choose(asked, allowed);
            assert_eq!(chosen.ok().map(text).as_deref(), got, "{asked:?}");
        }
    }

    #[test]
    fn lists_are_read_in_any_order_with_what_they_imply() {
        for (given, read) in [
            ("", Some("")),
            ("scim.read", Some("scim.read")),
            ("scim.write", Some("scim.read scim.write")),
            ("scim.write scim.read", Some("scim.read scim.write")),
            ("scim", Some("scim.read scim.write")),
            ("scim.read  offline_access", Some("scim.read")),
            ("SCIM.read", None),
            ("scim.read admin", None),
            ("scim.read\tscim.write", None),
            ("scim.re\"ad", None),
        ] {
            assert_eq!(parse(given).map(text).as_deref(), read, "{given}");
        }
    }
}
