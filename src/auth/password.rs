//! Hashing of passwords that people choose: argon2id with the floor that OWASP gives.

use argon2::{Argon2, PasswordHasher};

/// Hashes a password; tens of milliseconds and 19 MiB, so never inside a transaction.
///
/// # Errors
/// When the operating system gives no randomness for the salt.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
}
