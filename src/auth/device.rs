//! Browsers in which somebody has signed in before. Each holds a stamped name, which signs nobody in: it only tells the owner of an
//! account, who mistypes, from strangers who guess, so that they are counted apart.

use chrono::TimeDelta;
use uuid::Uuid;

use super::administrators::fold;
use super::stamp::StampKey;

/// How long a browser is known after somebody signed in.
pub const LIFETIME: TimeDelta = TimeDelta::days(365);
/// What its name is stamped for, together with the account.
const PURPOSE: &[u8] = b"device";

/// A browser that is known for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device(Uuid);

impl Device {
    /// A browser that was not known so far.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// What the browser holds: its name, good for the account with this address only.
    #[must_use]
    pub fn stamp(self, key: &StampKey, email: &str) -> String {
        key.stamp(&[PURPOSE, fold(email).as_bytes()], self.0.as_bytes())
    }

    /// The browser that holds this text. `None` when it was not given out for the account with this address.
    #[must_use]
    pub fn read(key: &StampKey, email: &str, stamped: &str) -> Option<Self> {
        let name = key.read(&[PURPOSE, fold(email).as_bytes()], stamped)?;
        Uuid::from_slice(&name).ok().map(Self)
    }

    /// What tells it from all others.
    #[must_use]
    pub fn name(self) -> Uuid {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::master_key::MasterKey;

    #[test]
    fn a_browser_is_known_for_one_account_in_any_case_of_its_address() {
        let key = |byte| StampKey::for_forms(&MasterKey::from_bytes([byte; 32]));
        let device = Device::generate();
        let held = device.stamp(&key(1), "Ada@example.com");
        assert_eq!(Device::read(&key(1), " ada@EXAMPLE.com ", &held), Some(device));
        assert_eq!(Device::read(&key(1), "grace@example.com", &held), None);
        assert_eq!(Device::read(&key(2), "ada@example.com", &held), None);
        assert_eq!(Device::read(&key(1), "ada@example.com", ""), None);
        assert_ne!(Device::generate(), device);
    }
}
