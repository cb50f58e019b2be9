//! What the people who sign in may do.

/// The role of an administrator. [`Role::name`] and [`Role::may_consent`] are the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything, other administrators included.
    Owner,
    /// Everything that provisioning needs.
    Admin,
    /// Looks, and changes nothing.
    Auditor,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Admin, Self::Auditor];

    const fn row(self) -> (&'static str, bool) {
        match self {
            Self::Owner => ("owner", true),
            Self::Admin => ("admin", true),
            Self::Auditor => ("auditor", false),
        }
    }

    /// The role's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// Whether its holder may let an OAuth client provision a tenant.
    #[must_use]
    pub const fn may_consent(self) -> bool {
        self.row().1
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
}
