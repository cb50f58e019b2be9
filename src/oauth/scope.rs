//! The `scope` parameter (RFC 6749 section 3.3).

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

#[cfg(test)]
mod tests {
    use super::*;

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
