//! Hashing of passwords that people choose: argon2id with the floor that OWASP gives.

use std::sync::{Mutex, PoisonError};

use argon2::{Argon2, PasswordHasher};

/// One lock for each hash that may be made at a time: each takes 19 MiB and a core, and a flood must not take them all.
static SLOTS: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];

/// Hashes a password; tens of milliseconds and 19 MiB, so never inside a transaction.
///
/// # Errors
/// When the operating system gives no randomness for the salt.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    let free = SLOTS.iter().find_map(|slot| slot.try_lock().ok());
    let _slot = free.unwrap_or_else(|| SLOTS[0].lock().unwrap_or_else(PoisonError::into_inner));
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
}
