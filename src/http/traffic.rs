//! How much each may ask of the server, so that nobody keeps the others from it (429, RFC 6585 section 4): a credential in the long run, a
//! tenant at a time, and whoever shows no valid credential.
//!
//! The counts are those of one process. Behind a proxy that shares requests out, each instance allows as much.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::blocking;
use super::scim::{LARGE_REPLIES, TENANT_LARGE_REPLIES};
use crate::allowance::{Allowance, Rate};
use crate::id::TenantId;
use crate::network;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::scim::error::{ErrorKind, ScimError};
use crate::store::CHECKOUT_TIMEOUT;

/// Seconds for which a credential may ask at once what it may ask in the long run.
const BURST_SECONDS: f64 = 10.0;
/// Refusals that an address may cause.
const STRANGERS: Rate = Rate { per_second: 10.0, burst: 100.0 };
/// Requests of one tenant that are carried out at a time.
const AT_ONCE: usize = 64;
/// Requests of one tenant that may wait until others are done.
const WAITING: usize = 160;
/// Bytes of each body that are not counted; common ones are shorter.
const FREE_BODY_BYTES: usize = 16 << 10;
/// Bytes of bodies of one tenant that are in memory at once, on their way in or being worked on. Their buffers may be twice as large.
const TENANT_BODY_BYTES: usize = 64 << 20;
/// Bytes of bodies of all tenants.
const ALL_BODY_BYTES: usize = 256 << 20;
/// Credentials, addresses and tenants that are remembered at most.
const REMEMBERED: usize = 10_000;

/// Why a request is not looked at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Excess {
    what: &'static str,
    /// Whole seconds after which another one is.
    retry_after_seconds: u32,
}

impl Excess {
    fn new(what: &'static str, wait: Duration) -> Self {
        let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { what, retry_after_seconds: u32::try_from(whole.max(1)).unwrap_or(u32::MAX) }
    }
}

impl From<Excess> for OAuthError {
    fn from(excess: Excess) -> Self {
        Self::new(ErrorCode::TooManyRequests, excess.what).retry_after(excess.retry_after_seconds)
    }
}

impl From<Excess> for ScimError {
    fn from(excess: Excess) -> Self {
        Self::new(ErrorKind::TooManyRequests, excess.what).retry_after(excess.retry_after_seconds)
    }
}

/// What is left to whom.
#[derive(Debug)]
pub(super) struct Traffic {
    /// `None` for any number of requests.
    rate: Option<Rate>,
    tenant_connections: usize,
    credentials: Allowances<String>,
    strangers: Allowances<Option<IpAddr>>,
    tenants: Mutex<HashMap<TenantId, Arc<Lane>>>,
    body_bytes: Arc<AtomicUsize>,
    large_replies: Arc<Semaphore>,
}

impl Traffic {
    /// With so many requests a second for each credential in the long run; 0 for any number, of strangers too. Of the connections to the
    /// database a tenant has three quarters at most.
    pub(super) fn new(per_second: u32, connections: usize) -> Self {
        let per_second = f64::from(per_second);
        Self {
            tenant_connections: (connections - connections / 4).max(1),
            rate: (per_second > 0.0).then_some(Rate { per_second, burst: per_second * BURST_SECONDS }),
            credentials: Allowances::default(),
            strangers: Allowances::default(),
            tenants: Mutex::default(),
            body_bytes: Arc::default(),
            large_replies: Arc::new(Semaphore::new(LARGE_REPLIES)),
        }
    }

    /// Counts a request with a credential.
    ///
    /// # Errors
    /// [`Excess`] when there are too many.
    pub(super) fn count(&self, credential: &str) -> Result<(), Excess> {
        let Some(rate) = self.rate else {
            return Ok(());
        };
        let taken = self.credentials.take(credential, rate, Instant::now());
        taken.map_err(|wait| Excess::new("this credential is used for more requests than it may; slow down", wait))
    }

    /// Counts a request from an address that showed no valid credential.
    ///
    /// # Errors
    /// [`Excess`] when there are too many.
    pub(super) fn count_stranger(&self, address: Option<&str>) -> Result<(), Excess> {
        if self.rate.is_none() {
            return Ok(());
        }
        let network = address.and_then(|address| address.parse().ok()).map(network::subscriber);
        let taken = self.strangers.take(&network, STRANGERS, Instant::now());
        taken.map_err(|wait| Excess::new("too many requests without a valid credential; slow down", wait))
    }

    /// Waits for the right to have a tenant's request carried out; it lasts as long as what is returned.
    ///
    /// # Errors
    /// [`Excess`] when the tenant has too many under way.
    pub(super) async fn enter(&self, tenant: TenantId) -> Result<OwnedSemaphorePermit, Excess> {
        let lane = self.lane(tenant);
        if let Ok(permit) = Arc::clone(&lane.places).try_acquire_owned() {
            return Ok(permit);
        }
        let excess = || Excess::new("too many requests of this tenant are under way; slow down", CHECKOUT_TIMEOUT);
        let _waiting = Waiting::begin(&lane).ok_or_else(excess)?;
        match timeout(CHECKOUT_TIMEOUT, Arc::clone(&lane.places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(excess()),
        }
    }

    /// The connections to the database that a tenant may have at once.
    pub(super) fn connections(&self, tenant: TenantId) -> Arc<Semaphore> {
        Arc::clone(&self.lane(tenant).connections)
    }

    /// Waits for the right to send a tenant a large reply; it lasts as long as what is returned.
    ///
    /// # Errors
    /// 429 when too many of the tenant are under way, 503 when too many of all tenants are.
    pub(super) async fn send_large_reply(&self, tenant: TenantId) -> Result<[OwnedSemaphorePermit; 2], ScimError> {
        let lane = self.lane(tenant);
        let own = timeout(CHECKOUT_TIMEOUT, Arc::clone(&lane.large_replies).acquire_owned()).await;
        let excess = || Excess::new("too many large replies to this tenant are under way", CHECKOUT_TIMEOUT);
        let own = own.ok().and_then(Result::ok).ok_or_else(excess)?;
        let of_all = blocking::permit(&self.large_replies).await?;
        Ok([own, of_all])
    }

    /// Room for a body of a tenant's request; none yet.
    pub(super) fn room(&self, tenant: TenantId) -> Room {
        Room { bytes: 0, lane: self.lane(tenant), all: Arc::clone(&self.body_bytes) }
    }

    fn lane(&self, tenant: TenantId) -> Arc<Lane> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() >= REMEMBERED && !tenants.contains_key(&tenant) {
            tenants.retain(|_, lane| !is_unused(lane));
        }
        Arc::clone(tenants.entry(tenant).or_insert_with(|| Arc::new(Lane::new(self.tenant_connections))))
    }
}

/// Where the requests of one tenant wait for one another.
#[derive(Debug)]
struct Lane {
    connections: Arc<Semaphore>,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    body_bytes: AtomicUsize,
    large_replies: Arc<Semaphore>,
}

impl Lane {
    fn new(connections: usize) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(connections)),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: AtomicUsize::default(),
            body_bytes: AtomicUsize::default(),
            large_replies: Arc::new(Semaphore::new(TENANT_LARGE_REPLIES)),
        }
    }
}

/// Whoever has a permit holds its semaphore as well; whoever waits or has a body holds the lane.
fn is_unused(lane: &Arc<Lane>) -> bool {
    let semaphores = [&lane.connections, &lane.places, &lane.large_replies];
    Arc::strong_count(lane) == 1 && semaphores.iter().all(|semaphore| Arc::strong_count(semaphore) == 1)
}

/// What is answered when the server has no memory left for a large request (503).
pub(super) fn too_many_large_requests() -> ScimError {
    ScimError::new(ErrorKind::Unavailable, "too many large requests at once; try again")
}

/// The memory that a body takes, for as long as it does.
#[derive(Debug)]
pub(super) struct Room {
    bytes: usize,
    lane: Arc<Lane>,
    all: Arc<AtomicUsize>,
}

impl Room {
    /// Makes room for a body of so many bytes by now. The first [`FREE_BODY_BYTES`] of each need none, so that large bodies keep out no small ones.
    ///
    /// # Errors
    /// 429 when bodies of the tenant take as much as they may, 503 when those of all tenants do.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), ScimError> {
        let counted = bytes.saturating_sub(FREE_BODY_BYTES);
        let more = counted.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        // Counted first, so that what is refused is given back like what is not.
        self.bytes = counted;
        let of_tenant = self.lane.body_bytes.fetch_add(more, Ordering::Relaxed) + more;
        let of_all = self.all.fetch_add(more, Ordering::Relaxed) + more;
        if of_tenant > TENANT_BODY_BYTES {
            let what = "too many large requests of this tenant are under way; slow down";
            return Err(Excess::new(what, CHECKOUT_TIMEOUT).into());
        }
        if of_all > ALL_BODY_BYTES {
            return Err(too_many_large_requests());
        }
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.lane.body_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A request that waits, for as long as it does.
struct Waiting<'l>(&'l Lane);

impl<'l> Waiting<'l> {
    /// `None` when too many wait already.
    fn begin(lane: &'l Lane) -> Option<Self> {
        let begun = Self(lane);
        (lane.waiting.fetch_add(1, Ordering::Relaxed) < WAITING).then_some(begun)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Allowances of many.
#[derive(Debug)]
struct Allowances<K>(Mutex<HashMap<K, Allowance>>);

impl<K> Default for Allowances<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Allowances<K> {
    fn take<Q>(&self, key: &Q, rate: Rate, now: Instant) -> Result<(), Duration>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(allowance) = known.get_mut(key) {
            return allowance.take(rate, now);
        }
        if known.len() >= REMEMBERED {
            known.retain(|_, allowance| !allowance.is_full(rate, now));
        }
        if known.len() >= REMEMBERED {
            // So many at a time are no single one's doing.
            known.clear();
        }
        known.entry(key.to_owned()).or_insert_with(|| Allowance::full(rate, now)).take(rate, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_credential_has_an_allowance_of_its_own() {
        let traffic = Traffic::new(5, 10);
        let taken = |credential| (0..200).take_while(|_| traffic.count(credential).is_ok()).count();
        assert!((50..60).contains(&taken("a")));
        assert!((50..60).contains(&taken("b")));
        let excess = traffic.count("a").unwrap_err();
        assert_eq!(excess.retry_after_seconds, 1);
        let unlimited = Traffic::new(0, 10);
        assert!((0..10_000).all(|_| unlimited.count("a").is_ok()));
    }

    #[test]
    fn strangers_of_one_network_share_an_allowance() {
        let traffic = Traffic::new(5, 10);
        let taken = |address| (0..1_000).take_while(|_| traffic.count_stranger(Some(address)).is_ok()).count();
        assert!((100..120).contains(&taken("2001:db8::1")));
        assert!(taken("2001:db8::2") < 20, "the same subscriber");
        assert!((100..120).contains(&taken("2001:db8:0:1::1")));
        assert!((100..120).contains(&taken("192.0.2.1")));
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let traffic = Traffic::new(5, 10);
        for number in 0..REMEMBERED * 2 + 10 {
            traffic.count(&number.to_string()).unwrap();
            drop(traffic.lane(TenantId::generate()));
        }
        assert!(traffic.credentials.0.lock().unwrap().len() <= REMEMBERED);
        assert!(traffic.tenants.lock().unwrap().len() <= REMEMBERED);
    }

    #[actix_web::test]
    async fn a_tenant_waits_for_itself_alone() {
        let traffic = Arc::new(Traffic::new(0, 10));
        let (one, other) = (TenantId::generate(), TenantId::generate());
        let mut places = Vec::new();
        for _ in 0..AT_ONCE {
            places.push(traffic.enter(one).await.unwrap());
        }
        let waiting: Vec<_> = (0..WAITING)
            .map(|_| {
                let traffic = Arc::clone(&traffic);
                actix_web::rt::spawn(async move { traffic.enter(one).await.map(drop) })
            })
            .collect();
        let all_wait = async {
            while traffic.lane(one).waiting.load(Ordering::Relaxed) < WAITING {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        all_wait.await;
        assert_eq!(traffic.enter(one).await.unwrap_err().retry_after_seconds, 2);
        drop(traffic.enter(other).await.unwrap());
        drop(places);
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(()));
        }
    }

    #[actix_web::test]
    async fn large_replies_to_a_tenant_leave_some_to_others() {
        let traffic = Traffic::new(0, 10);
        let (one, other) = (TenantId::generate(), TenantId::generate());
        let mut sent = Vec::new();
        for _ in 0..TENANT_LARGE_REPLIES {
            sent.push(traffic.send_large_reply(one).await.unwrap());
        }
        assert_eq!(traffic.send_large_reply(one).await.unwrap_err().kind(), ErrorKind::TooManyRequests);
        drop(traffic.send_large_reply(other).await.unwrap());
        while sent.len() < LARGE_REPLIES {
            sent.push(traffic.send_large_reply(TenantId::generate()).await.unwrap());
        }
        assert_eq!(traffic.send_large_reply(other).await.unwrap_err().kind(), ErrorKind::Unavailable);
        drop(sent);
        drop(traffic.send_large_reply(one).await.unwrap());
    }

    #[test]
    fn bodies_of_a_tenant_leave_room_for_those_of_others() {
        let traffic = Traffic::new(0, 10);
        let (one, other) = (TenantId::generate(), TenantId::generate());
        let mut first = traffic.room(one);
        first.hold(FREE_BODY_BYTES + TENANT_BODY_BYTES - 10).unwrap();
        assert_eq!(traffic.room(one).hold(FREE_BODY_BYTES + 11).unwrap_err().kind(), ErrorKind::TooManyRequests);
        traffic.room(one).hold(FREE_BODY_BYTES + 10).unwrap();
        traffic.room(one).hold(FREE_BODY_BYTES).unwrap();
        traffic.room(other).hold(FREE_BODY_BYTES + 11).unwrap();
        drop(first);
        traffic.room(one).hold(FREE_BODY_BYTES + 11).unwrap();
        let all: Vec<Room> = (0..ALL_BODY_BYTES / TENANT_BODY_BYTES)
            .map(|_| {
                let mut room = traffic.room(TenantId::generate());
                room.hold(FREE_BODY_BYTES + TENANT_BODY_BYTES).unwrap();
                room
            })
            .collect();
        assert_eq!(traffic.room(other).hold(FREE_BODY_BYTES + 1).unwrap_err().kind(), ErrorKind::Unavailable);
        drop(all);
        traffic.room(other).hold(FREE_BODY_BYTES + 1).unwrap();
        assert_eq!(traffic.body_bytes.load(Ordering::Relaxed), 0);
    }
}
