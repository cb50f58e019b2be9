//! The keys that OAuth clients publish (`jwks_uri`), fetched when an assertion is to be verified. Whoever registers such a URI
//! must not reach our own network through us, so only public addresses are asked, each time anew.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;
use serde_json::Value;
use url::{Host, Url};

use crate::config::Networks;
use crate::oauth::assertion::ClientKeys;
use crate::oauth::error::{ErrorCode, OAuthError};

/// How long fetched keys are used.
const LIFETIME: Duration = Duration::from_mins(10);
/// How long nothing is fetched again for a key that is missing, and after a failure.
const PAUSE: Duration = Duration::from_mins(1);
/// Time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for the whole.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a key set at most.
const BYTES: usize = 64 << 10;

/// IPv4 networks that are not the public Internet (the IANA registry of special-purpose addresses), and one public address behind
/// which a cloud keeps its own services.
const PRIVATE_V4: &str = "0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,192.0.2.0/24,\
                          192.88.99.0/24,192.168.0.0/16,198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/4,240.0.0.0/4,\
                          168.63.129.16";
/// The part of IPv6 that is handed out to the public Internet.
const GLOBAL_V6: &str = "2000::/3";
/// What in it leads elsewhere: Teredo and other protocols, examples, 6to4.
const PRIVATE_V6: &str = "2001::/23,2001:db8::/32,2002::/16,3fff::/20";

/// The keys of clients, remembered for a while.
#[derive(Debug)]
pub(super) struct FetchedKeys {
    allow_private: bool,
    fetched: Mutex<HashMap<String, Slot>>,
}

/// What is known of one URI. Whoever fetches holds the lock, so that the others wait for the same answer.
type Slot = Arc<tokio::sync::Mutex<Known>>;

#[derive(Debug, Default)]
struct Known {
    keys: Option<(ClientKeys, Instant)>,
    tried_at: Option<Instant>,
}

impl FetchedKeys {
    /// No keys yet.
    pub(super) fn new(allow_private: bool) -> Self {
        Self { allow_private, fetched: Mutex::default() }
    }

    /// The keys that are published at a registered URI. Fetched when they were not for a while, or when the key of this id is not
    /// among them.
    ///
    /// # Errors
    /// `temporarily_unavailable` when they cannot be had.
    pub(super) async fn get(&self, uri: &str, kid: Option<&str>) -> Result<ClientKeys, OAuthError> {
        let slot =
            Arc::clone(self.fetched.lock().unwrap_or_else(PoisonError::into_inner).entry(uri.to_owned()).or_default());
        let (uri, kid, allow_private) = (uri.to_owned(), kid.map(str::to_owned), self.allow_private);
        // On its own: whoever asks first may hang up, and then nobody else could have the keys until the pause is over.
        let looked_up = actix_web::rt::spawn(async move { look_up(&slot, &uri, kid.as_deref(), allow_private).await });
        let unavailable = || {
            OAuthError::new(
                ErrorCode::TemporarilyUnavailable,
                "the keys of this client cannot be fetched; try again later",
            )
        };
        looked_up.await.ok().flatten().ok_or_else(unavailable)
    }
}

/// What is known, after fetching it where that is due.
async fn look_up(slot: &Slot, uri: &str, kid: Option<&str>, allow_private: bool) -> Option<ClientKeys> {
    let mut known = slot.lock().await;
    let fresh = |(keys, at): &&(ClientKeys, Instant)| at.elapsed() < LIFETIME && keys.have(kid);
    if let Some((keys, _)) = known.keys.as_ref().filter(fresh) {
        return Some(keys.clone());
    }
    if known.tried_at.is_none_or(|at| at.elapsed() >= PAUSE) {
        known.tried_at = Some(Instant::now());
        match fetch(uri, allow_private).await {
            Ok(keys) => known.keys = Some((keys, Instant::now())),
            Err(problem) => log::warn!("the keys of an OAuth client could not be fetched from {uri}: {problem}"),
        }
    }
    known.keys.as_ref().filter(|(_, at)| at.elapsed() < LIFETIME).map(|(keys, _)| keys.clone())
}

/// Fetches a key set.
///
/// # Errors
/// Why it could not be had, for the log.
async fn fetch(uri: &str, allow_private: bool) -> Result<ClientKeys, String> {
    let url = Url::parse(uri).map_err(|error| error.to_string())?;
    check(&url, allow_private)?;
    let client = reqwest::Client::builder()
        .dns_resolver(Arc::new(PublicOnly { allow_private }))
        .redirect(redirect::Policy::none())
        // A proxy would resolve the name by itself.
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| error.to_string())?;
    let mut response = client.get(url).send().await.map_err(|error| error.without_url().to_string())?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(format!("answered {}", response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.without_url().to_string())? {
        if body.len() + chunk.len() > BYTES {
            return Err(format!("answered more than {BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    let set: Value = serde_json::from_slice(&body).map_err(|_| "answered no JSON")?;
    ClientKeys::read(&set).map_err(|problem| format!("what is there {problem}"))
}

/// Checks the parts of a URI that no resolver sees.
fn check(url: &Url, allow_private: bool) -> Result<(), String> {
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) => None,
        None => return Err("there is no host in it".into()),
    };
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        _ => return Err("it does not begin with https".into()),
    }
    if literal.is_some_and(|address| !allow_private && !is_public(address)) {
        return Err("it leads to a private address".into());
    }
    Ok(())
}

/// Resolves names to public addresses. What is connected to is what was checked.
struct PublicOnly {
    allow_private: bool,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> = found.filter(|address| allow_private || is_public(address.ip())).collect();
            if addresses.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is on the public Internet.
fn is_public(address: IpAddr) -> bool {
    static TABLES: LazyLock<[Networks; 3]> =
        LazyLock::new(|| [PRIVATE_V4, GLOBAL_V6, PRIVATE_V6].map(|networks| networks.parse().unwrap_or_default()));
    let [private_v4, global_v6, private_v6] = &*TABLES;
    match address.to_canonical() {
        IpAddr::V4(_) => !private_v4.contain(address),
        IpAddr::V6(v6) => v6 != Ipv6Addr::UNSPECIFIED && global_v6.contain(address) && !private_v6.contain(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_asked() {
        for public in [
            "93.184.215.14",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn an_address_in_the_uri_is_checked_however_it_is_written() {
        for uri in [
            "http://keys.example.com/jwks",
            "ftp://keys.example.com/jwks",
            "https://127.0.0.1/jwks",
            "https://2130706433/jwks",
            "https://0x7f.1/jwks",
            "https://0177.0.0.1/jwks",
            "https://127.1/jwks",
            "https://[::1]/jwks",
            "https://[::ffff:7f00:1]/jwks",
            "https://[64:ff9b::7f00:1]/jwks",
            "https://good.example@169.254.169.254/jwks",
        ] {
            let url = Url::parse(uri).unwrap();
            assert!(check(&url, false).is_err(), "{uri}");
        }
        assert!(check(&Url::parse("https://keys.example.com/jwks").unwrap(), false).is_ok());
        assert!(check(&Url::parse("http://127.0.0.1:1/jwks").unwrap(), true).is_ok());
    }

    #[actix_web::test]
    async fn who_hangs_up_while_keys_are_fetched_does_not_keep_them_from_others() {
        use std::io::{Read, Write};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/jwks", listener.local_addr().unwrap());
        let keys = FetchedKeys::new(true);
        let first = tokio::time::timeout(Duration::from_millis(100), keys.get(&uri, None)).await;
        assert!(first.is_err(), "nobody has answered yet");
        let publisher = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1_024]).unwrap();
            let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
            let body = serde_json::json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}).to_string();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            // Fails when whoever asked is gone.
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        });
        assert!(keys.get(&uri, None).await.is_ok());
        publisher.join().unwrap();
    }

    #[actix_web::test]
    async fn a_name_for_a_private_address_is_not_resolved() {
        let resolve = |allow_private| PublicOnly { allow_private }.resolve("localhost".parse().unwrap());
        assert!(resolve(false).await.is_err());
        assert!(resolve(true).await.unwrap().next().is_some());
    }
}
