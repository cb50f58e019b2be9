//! Tokens verified a moment ago, so that the steady state needs no look-up and no signature is checked twice. Holds digests, never
//! tokens; an entry lives a little less than a second, so that a revoked token is refused by every instance within one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::principal::Principal;
use super::secret::SecretHash;
use crate::network::Networks;

/// How long an entry lives, and so how long a server may go by a tenant's former settings.
pub const LIFETIME: Duration = Duration::from_millis(900);
/// Entries at most.
const CAPACITY: usize = 10_000;

/// What is remembered of a verified token.
#[derive(Debug)]
pub(super) struct Remembered {
    /// Whose it is.
    pub principal: Arc<Principal>,
    /// From where it is taken.
    pub networks: Networks,
    /// Counts the calls with it.
    pub calls: Arc<AtomicI64>,
}

/// The cache.
#[derive(Debug, Default)]
pub(super) struct Recent(RwLock<HashMap<SecretHash, (Remembered, Instant)>>);

impl Recent {
    /// The principal of a token that was verified less than [`LIFETIME`] before `now`, where it is taken from this address. The call
    /// is counted.
    pub(super) fn find(&self, hash: &SecretHash, address: Option<&str>, now: Instant) -> Option<Arc<Principal>> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (remembered, until) = entries.get(hash)?;
        if *until <= now || !is_taken_from(&remembered.networks, address) {
            return None;
        }
        remembered.calls.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&remembered.principal))
    }

    /// Remembers a verified token, for [`LIFETIME`] after what it rests on was `seen`, and no longer than the token itself is valid.
    pub(super) fn insert(&self, hash: SecretHash, remembered: Remembered, seen: Instant, valid: Option<Duration>) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CAPACITY {
            let now = Instant::now();
            entries.retain(|_, (_, until)| *until > now);
        }
        if entries.len() < CAPACITY {
            let lifetime = valid.map_or(LIFETIME, |valid| valid.min(LIFETIME));
            entries.insert(hash, (remembered, seen + lifetime));
        }
    }
}

/// Whether a token that is bound to these networks, if any, is taken from this address.
pub(super) fn is_taken_from(networks: &Networks, address: Option<&str>) -> bool {
    let address = || address.and_then(|address| address.parse::<IpAddr>().ok());
    networks.are_none() || address().is_some_and(|address| networks.contain(address))
}
