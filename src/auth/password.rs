//! Passwords that people choose: argon2id with the floor that OWASP gives, and which passwords are too weak to be taken.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// One lock for each hash that may be made at a time: each takes 19 MiB and a core, and a flood must not take them all.
static SLOTS: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];
/// The shortest password of an administrator, in characters.
pub const SHORTEST: usize = 12;
/// The longest, in bytes: more would only make hashing slow.
pub const LONGEST: usize = 1_024;
/// Passwords that everybody tries, in lower case, one a line.
static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());
/// The hash of no password, with the work of a real one: whoever has no account waits as long as who has one.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cHJvdmlzb3Igbm9ib2R5IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// It has too few characters.
    #[error("a password has at least {SHORTEST} characters")]
    Short,
    /// It has too many bytes.
    #[error("a password has at most {LONGEST} bytes")]
    Long,
    /// Everybody tries it.
    #[error("this password is one of the first that a guesser tries; choose another")]
    Common,
    /// It is the e-mail address.
    #[error("a password must not be the e-mail address")]
    Email,
}

/// Hashes a password; tens of milliseconds and 19 MiB, so never inside a transaction.
///
/// # Errors
/// When the operating system gives no randomness for the salt.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    let _slot = slot();
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
}

/// Whether this is the password behind a hash. Without a hash it never is, after the same work.
#[must_use]
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let _slot = slot();
    let matches = password.len() <= LONGEST
        && Argon2::default().verify_password(password.as_bytes(), hash.unwrap_or(NOBODY)).is_ok();
    matches && hash.is_some()
}

/// Whether a hash was made with less work than hashes are now.
#[must_use]
pub fn is_outdated(hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return true;
    };
    let current = Params::default();
    let enough = |params: &Params| {
        params.m_cost() >= current.m_cost()
            && params.t_cost() >= current.t_cost()
            && params.p_cost() >= current.p_cost()
    };
    hash.algorithm != Algorithm::Argon2id.ident()
        || hash.version != Some(Version::V0x13.into())
        || !Params::try_from(&hash).is_ok_and(|params| enough(&params))
}

/// Checks a new password of the person with this e-mail address. There are no rules of composition: length is what counts.
///
/// # Errors
/// [`Weakness`] as a sentence.
pub fn check(password: &str, email: &str) -> Result<(), Weakness> {
    let folded = password.trim().to_lowercase();
    if password.chars().count() < SHORTEST {
        Err(Weakness::Short)
    } else if password.len() > LONGEST {
        Err(Weakness::Long)
    } else if COMMON.contains(folded.as_str()) {
        Err(Weakness::Common)
    } else if folded == email.trim().to_lowercase() {
        Err(Weakness::Email)
    } else {
        Ok(())
    }
}

fn slot() -> MutexGuard<'static, ()> {
    let free = SLOTS.iter().find_map(|slot| slot.try_lock().ok());
    free.unwrap_or_else(|| SLOTS[0].lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_verified_and_nobody_has_one() {
        let hash = hash("correct horse battery").unwrap();
        assert!(verify("correct horse battery", Some(&hash)));
        assert!(!verify("Correct horse battery", Some(&hash)));
        assert!(!verify("correct horse battery", None));
        assert!(!verify("", None));
        assert!(!verify("x", Some("no hash")));
    }

    #[test]
    fn nobody_costs_as_much_as_somebody() {
        let somebody = hash("correct horse battery").unwrap();
        let cost = |hash: &str| Params::try_from(&PasswordHash::new(hash).unwrap()).unwrap();
        assert_eq!(cost(NOBODY).m_cost(), cost(&somebody).m_cost());
        assert_eq!(cost(NOBODY).t_cost(), cost(&somebody).t_cost());
        assert_eq!(cost(NOBODY).p_cost(), cost(&somebody).p_cost());
    }

    #[test]
    fn a_hash_of_less_work_is_outdated() {
        assert!(!is_outdated(&hash("correct horse battery").unwrap()));
        let weaker = NOBODY.replace("m=19456", "m=4096");
        assert_ne!(weaker, NOBODY);
        assert!(is_outdated(&weaker));
        assert!(is_outdated(&NOBODY.replace("argon2id", "argon2i")));
        assert!(is_outdated(""));
    }

    #[test]
    fn weak_passwords_are_refused_by_length_list_and_address() {
        let check = |password: &str| check(password, "Ada.Lovelace@example.com");
        assert_eq!(check("correct horse battery"), Ok(()));
        assert_eq!(check("ééééééééééé"), Err(Weakness::Short));
        assert_eq!(check("éééééééééééé"), Ok(()));
        assert_eq!(check(&"a b".repeat(342)), Err(Weakness::Long));
        assert_eq!(check("PassWord1234"), Err(Weakness::Common));
        assert_eq!(check(" qwertyuiop123 "), Err(Weakness::Common));
        assert_eq!(check("ada.lovelace@EXAMPLE.com"), Err(Weakness::Email));
    }

    #[test]
    fn the_list_holds_what_would_be_long_enough_once_and_in_lower_case() {
        let lines: Vec<&str> = include_str!("common_passwords.txt").lines().collect();
        assert_eq!(lines.len(), COMMON.len());
        assert!(lines.len() > 500);
        for line in lines {
            assert!(line.chars().count() >= SHORTEST && line.to_lowercase() == line && line.trim() == line, "{line}");
        }
    }
}
