//! How often header tokens are used, and from where. Kept in memory and written now and then, so that a request costs no write.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::store::TokenUse;

/// Addresses of one token that are kept until they are written. More tell nobody anything, and one token must not cost all others the
/// record of their uses.
const CALLERS: usize = 100;

/// Uses since they were last taken, by the id of the token.
#[derive(Debug, Default)]
pub(super) struct Uses {
    kept: Mutex<HashMap<String, Use>>,
    /// Held by whoever writes them.
    writing: Mutex<()>,
}

#[derive(Debug)]
struct Use {
    /// Shared with what is remembered of the token, which counts the calls that need no look-up.
    calls: Arc<AtomicI64>,
    at: DateTime<Utc>,
    address: Option<String>,
    callers: HashMap<String, DateTime<Utc>>,
}

impl Uses {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Use>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and gives what counts the next ones.
    pub(super) fn record(&self, id: &str, at: DateTime<Utc>, address: Option<&str>) -> Arc<AtomicI64> {
        let mut uses = self.lock();
        let one = uses.entry(id.to_owned()).or_insert_with(|| Use {
            calls: Arc::default(),
            at,
            address: None,
            callers: HashMap::new(),
        });
        one.at = at;
        one.address = address.map(str::to_owned);
        if let Some(address) = address.filter(|own| one.callers.len() < CALLERS || one.callers.contains_key(*own)) {
            one.callers.insert(address.to_owned(), at);
        }
        one.calls.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&one.calls)
    }

    /// Has the uses since the last call written. Whoever else writes is waited for, so that all uses from before are written then: a
    /// rotation counts from there.
    ///
    /// # Errors
    /// Those of `write`; what it has not written is lost.
    pub(super) fn write<E>(&self, write: impl FnOnce(&HashMap<String, TokenUse>) -> Result<(), E>) -> Result<(), E> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.take();
        if taken.is_empty() { Ok(()) } else { write(&taken) }
    }

    /// The uses since the last call. A counter that is still shared is kept, so that no call is lost.
    fn take(&self) -> HashMap<String, TokenUse> {
        let mut taken = HashMap::new();
        self.lock().retain(|id, one| {
            let calls = one.calls.swap(0, Ordering::Relaxed);
            if calls > 0 {
                let callers = std::mem::take(&mut one.callers);
                taken.insert(id.clone(), TokenUse { at: one.at, address: one.address.clone(), calls, callers });
            }
            calls > 0 || Arc::strong_count(&one.calls) > 1
        });
        taken
    }

    /// What will be taken of one token.
    pub(super) fn pending(&self, id: &str) -> Option<TokenUse> {
        let uses = self.lock();
        let one = uses.get(id)?;
        let calls = one.calls.load(Ordering::Relaxed);
        let callers = one.callers.clone();
        (calls > 0).then(|| TokenUse { at: one.at, address: one.address.clone(), calls, callers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_counted_once_also_one_that_comes_after_the_uses_were_taken() {
        let uses = Uses::default();
        let now = Utc::now();
        let shared = uses.record("a", now, Some("192.0.2.1"));
        shared.fetch_add(2, Ordering::Relaxed);
        uses.record("a", now, Some("192.0.2.2"));
        assert_eq!(uses.pending("a").map(|one| one.calls), Some(4));
        let taken = uses.take();
        assert_eq!((taken["a"].calls, taken["a"].callers.len()), (4, 2));
        assert!(uses.pending("a").is_none() && uses.take().is_empty());
        shared.fetch_add(1, Ordering::Relaxed);
        assert_eq!(uses.take()["a"].calls, 1);
        drop(shared);
        assert!(uses.take().is_empty());
        assert!(uses.lock().is_empty());
    }

    #[test]
    fn a_token_that_comes_from_everywhere_is_counted_with_a_hundred_addresses() {
        let uses = Uses::default();
        let now = Utc::now();
        for host in 0..20_000 {
            uses.record("a", now, Some(&format!("2001:db8::{host:x}")));
        }
        uses.record("a", now + chrono::TimeDelta::seconds(1), Some("2001:db8::1"));
        let taken = uses.take();
        assert_eq!((taken["a"].calls, taken["a"].callers.len()), (20_001, CALLERS));
        assert_eq!(taken["a"].callers["2001:db8::1"], now + chrono::TimeDelta::seconds(1));
    }
}
