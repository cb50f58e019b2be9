//! The names that people give to what they make: tenants, tokens, clients.

/// Characters at most.
pub const LENGTH: usize = 100;

/// Whether a text can be a name.
#[must_use]
pub fn fits(name: &str) -> bool {
    (1..=LENGTH).contains(&name.trim().chars().count()) && !name.chars().any(char::is_control)
}
