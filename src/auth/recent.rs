//! Tokens verified a moment ago, so that the steady state needs no look-up and no signature is checked twice. Holds digests, never
//! tokens; an entry lives one second, which is the longest a revoked token can still work on another instance.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::principal::Principal;
use super::secret::SecretHash;

/// How long an entry lives, and so how long a server may go by a tenant's former settings.
pub const LIFETIME: Duration = Duration::from_secs(1);
/// Entries at most.
const CAPACITY: usize = 10_000;

/// The cache.
#[derive(Debug, Default)]
pub(super) struct Recent(RwLock<HashMap<SecretHash, (Arc<Principal>, Instant)>>);

impl Recent {
    /// The principal of a token that was verified less than [`LIFETIME`] before `now`.
    pub(super) fn find(&self, hash: &SecretHash, now: Instant) -> Option<Arc<Principal>> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (principal, until) = entries.get(hash)?;
        (*until > now).then(|| Arc::clone(principal))
    }

    /// Remembers a verified token, for [`LIFETIME`] after what it rests on was `seen`, and no longer than the token itself is valid.
    pub(super) fn insert(&self, hash: SecretHash, principal: Arc<Principal>, seen: Instant, valid: Option<Duration>) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CAPACITY {
            let now = Instant::now();
            entries.retain(|_, (_, until)| *until > now);
        }
        if entries.len() < CAPACITY {
            let lifetime = valid.map_or(LIFETIME, |valid| valid.min(LIFETIME));
            entries.insert(hash, (principal, seen + lifetime));
        }
    }
}
