//! Whom the installation lets in by the identity provider, and as what.

use serde_json::Value;

use super::id_token::Claims;
use super::refusal::Refusal;
use crate::auth::administrators::{fold, is_email};
use crate::auth::role::Role;

/// Roles that an identity provider can give, the one with more rights first. A contact comes by a set-up link alone.
pub const ROLES: [Role; 3] = [Role::Owner, Role::Admin, Role::Auditor];

/// Why an address does not count.
pub const UNVERIFIED: &str = "the identity provider does not say that the e-mail address is verified";

/// The rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The claim that holds roles: a name, or names with dots between them for what lies inside of another.
    pub role_claim: Option<String>,
    /// Which of its values stands for which role.
    pub roles: Vec<(String, Role)>,
    /// The role of whoever has none by the claim.
    pub default_role: Option<Role>,
    /// Whose addresses are let in; all where it is empty.
    pub email_domains: Vec<String>,
    /// Whether addresses count as verified of which the provider does not say whether they are.
    pub assumes_verified_email: bool,
}

/// Somebody whom the rules let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applicant {
    /// By which the provider knows the person.
    pub subject: String,
    /// The address, where there is one.
    pub email: Option<String>,
    /// Whether it is verified.
    pub is_verified: bool,
    /// The role of a new account, if it may be made.
    pub role: Option<Role>,
    /// Whether the provider says what people may do, so that an account that is there gets the role as well.
    pub is_mapped: bool,
}

impl Terms {
    /// Judges what the provider says of somebody.
    ///
    /// # Errors
    /// [`Refusal`] of who is not let in.
    pub fn judge(&self, claims: &Claims) -> Result<Applicant, Refusal> {
        let verified = claims.email_verified();
        if verified == Some(false) {
            return Err(Refusal::Email("the e-mail address is not verified"));
        }
        let is_verified = verified.unwrap_or(self.assumes_verified_email);
        let email = claims.email().map(str::trim).filter(|email| is_email(email));
        self.check_domain(email, is_verified)?;
        let mapped = self.mapped(claims);
        let role = mapped.or(self.default_role);
        if self.role_claim.is_some() && role.is_none() {
            return Err(Refusal::Role);
        }
        Ok(Applicant {
            subject: claims.subject.clone(),
            email: email.map(str::to_owned),
            is_verified,
            role,
            is_mapped: self.role_claim.is_some(),
        })
    }

    /// Whether something that these rules go by is not said yet.
    #[must_use]
    pub fn wants_more_than(&self, claims: &Claims) -> bool {
        claims.email().is_none() || self.role_claim.as_deref().is_some_and(|name| claim(claims, name).is_none())
    }

    fn check_domain(&self, email: Option<&str>, is_verified: bool) -> Result<(), Refusal> {
        if self.email_domains.is_empty() {
            return Ok(());
        }
        let folded = fold(email.ok_or(Refusal::Email("no e-mail address"))?);
        let domain = folded.split_once('@').map_or("", |(_, domain)| domain);
        if !self.email_domains.iter().any(|allowed| allowed == domain) {
            return Err(Refusal::Email("an e-mail address of a domain that is not let in"));
        }
        // Where people write their addresses themselves, anybody has one of that domain.
        if is_verified { Ok(()) } else { Err(Refusal::Email(UNVERIFIED)) }
    }

    /// The highest of the roles that the claim stands for.
    fn mapped(&self, claims: &Claims) -> Option<Role> {
        let found = claim(claims, self.role_claim.as_deref()?)?;
        let values = match found {
            Value::Array(several) => several.as_slice(),
            one => std::slice::from_ref(one),
        };
        let has = |role: &Role| {
            let mut standing = self.roles.iter().filter(|(_, mapped)| mapped == role);
            standing.any(|(value, _)| values.iter().any(|given| given == value.as_str()))
        };
        ROLES.into_iter().find(has)
    }
}

/// A claim by its name, or by the path to it.
fn claim<'c>(claims: &'c Claims, name: &str) -> Option<&'c Value> {
    if let Some(value) = claims.all.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    rest.split('.').try_fold(claims.all.get(first)?, |value, part| value.get(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn terms() -> Terms {
        Terms {
            role_claim: Some("groups".into()),
            roles: vec![
                ("readers".into(), Role::Auditor),
                ("staff".into(), Role::Admin),
                ("chiefs".into(), Role::Owner),
            ],
            default_role: None,
            email_domains: Vec::new(),
            assumes_verified_email: false,
        }
    }

    fn claims(value: &Value) -> Claims {
        Claims { subject: "ada".into(), all: value.as_object().unwrap().clone() }
    }

    #[test]
    fn the_highest_role_counts_wherever_the_claim_lies() {
        for (name, said, role) in [
            ("groups", json!({"groups": "staff"}), Some(Role::Admin)),
            ("groups", json!({"groups": ["readers", "chiefs", "staff"]}), Some(Role::Owner)),
            ("groups", json!({"groups": ["Staff", "chief", 7, null]}), None),
            ("groups", json!({}), None),
            ("realm_access.roles", json!({"realm_access": {"roles": ["readers"]}}), Some(Role::Auditor)),
            ("https://example.com/roles", json!({"https://example.com/roles": ["staff"]}), Some(Role::Admin)),
        ] {
            let terms = Terms { role_claim: Some(name.into()), ..terms() };
            let judged = terms.judge(&claims(&said));
            match role {
                Some(role) => assert_eq!(judged.unwrap().role, Some(role), "{said}"),
                None => assert_eq!(judged, Err(Refusal::Role), "{said}"),
            }
        }
    }

    #[test]
    fn whoever_has_no_role_by_the_claim_has_the_default_one() {
        let terms = Terms { default_role: Some(Role::Auditor), ..terms() };
        assert_eq!(terms.judge(&claims(&json!({"groups": []}))).unwrap().role, Some(Role::Auditor));
        let without = Terms { role_claim: None, default_role: None, ..terms };
        let judged = without.judge(&claims(&json!({"groups": ["chiefs"]}))).unwrap();
        assert_eq!((judged.role, judged.is_mapped), (None, false));
    }

    #[test]
    fn an_address_that_is_not_verified_or_of_another_domain_is_refused() {
        let terms = Terms { role_claim: None, email_domains: vec!["example.com".into()], ..terms() };
        let judge = |said: Value| terms.judge(&claims(&said));
        let ada = judge(json!({"email": " Ada@Example.COM ", "email_verified": true})).unwrap();
        assert_eq!((ada.email.as_deref(), ada.is_verified), (Some("Ada@Example.COM"), true));
        let everywhere = Terms { email_domains: Vec::new(), ..terms.clone() };
        assert!(!everywhere.judge(&claims(&json!({"email": "ada@example.com"}))).unwrap().is_verified);
        for said in [
            json!({"email": "ada@example.com"}),
            json!({"email": "ada@example.com", "email_verified": false}),
            json!({"email": "ada@example.com", "email_verified": "false"}),
            json!({"email": "ada@other.example", "email_verified": true}),
            json!({"email": "ada@sub.example.com", "email_verified": true}),
            json!({"email": "ada@other.example@example.com", "email_verified": true}),
            json!({"email": "no address", "email_verified": true}),
            json!({}),
        ] {
            assert!(matches!(judge(said.clone()), Err(Refusal::Email(_))), "{said}");
        }
        let trusting = Terms { assumes_verified_email: true, ..terms.clone() };
        assert!(trusting.judge(&claims(&json!({"email": "ada@example.com"}))).unwrap().is_verified);
    }
}
