//! What the people who sign in may do.

/// The role of an administrator. `Role::row` is the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything, other administrators included.
    Owner,
    /// Everything that provisioning needs.
    Admin,
    /// Looks, and changes nothing.
    Auditor,
    /// Connects the identity provider of a tenant: the customer's IT contact, who came by a set-up link.
    Contact,
}

/// What a page asks of whoever uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// To look after the own account.
    Account,
    /// To connect an identity provider.
    Connect,
    /// To look at everything in a tenant.
    Read,
    /// To change credentials, users and groups of a tenant.
    Write,
    /// To change the administrators of a tenant.
    Own,
    /// To change what belongs to no tenant, as an owner over all of them.
    Operate,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Auditor, Self::Contact];

    /// Each role's name and rights.
    const fn row(self) -> (&'static str, &'static [Right]) {
        use Right::{Account, Connect, Operate, Own, Read, Write};
        match self {
            Self::Owner => ("owner", &[Account, Connect, Read, Write, Own, Operate]),
            Self::Admin => ("admin", &[Account, Connect, Read, Write]),
            Self::Auditor => ("auditor", &[Account, Read]),
            Self::Contact => ("contact", &[Connect]),
        }
    }

    /// The role's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// Whether its holder has this right, as far as the role decides.
    #[must_use]
    pub fn has(self, right: Right) -> bool {
        self.row().1.contains(&right)
    }

    /// Whether its holder may let an OAuth client provision a tenant.
    #[must_use]
    pub fn may_consent(self) -> bool {
        self.has(Right::Connect)
    }

    /// The role of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_reads_back_and_only_auditors_may_not_consent() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.name()), Some(role));
            assert_eq!(role.may_consent(), role != Role::Auditor);
        }
        assert_eq!(Role::parse("Owner"), None);
    }

    #[test]
    fn whoever_may_change_may_look_and_whoever_may_own_may_change() {
        for role in Role::ALL {
            for (higher, lower) in
                [(Right::Operate, Right::Own), (Right::Own, Right::Write), (Right::Write, Right::Read)]
            {
                assert!(!role.has(higher) || role.has(lower), "{role:?} {higher:?}");
            }
        }
    }
}
