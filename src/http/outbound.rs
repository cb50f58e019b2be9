//! Requests to addresses that others name: where an OAuth client publishes its keys, where an identity provider is. Whoever names one
//! must not reach our own network through us, so only public addresses are asked, and no redirect is followed.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use reqwest::{Method, Request, StatusCode, redirect};
use serde_json::Value;
use url::{Host, Url};

use crate::config::Networks;

/// Time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for the whole.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer at most.
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

/// Why nothing came of a request.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unanswered(pub String);

/// What was answered.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// The way out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outbound {
    allow_private: bool,
}

impl Outbound {
    /// `allow_private` lets private addresses be asked as well, and clear text be spoken.
    pub(super) fn new(allow_private: bool) -> Self {
        Self { allow_private }
    }

    /// Sends one request.
    ///
    /// # Errors
    /// [`Unanswered`] when the address may not be asked, or nothing comes back in time and size.
    pub(super) async fn send(self, request: Request) -> Result<Answer, Unanswered> {
        check(request.url(), self.allow_private).map_err(Unanswered)?;
        let unanswered = |error: reqwest::Error| Unanswered(reason(&error));
        // Each time anew, so that the address is looked up each time.
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(PublicOnly { allow_private: self.allow_private }))
            .redirect(redirect::Policy::none())
            // A proxy would resolve the name by itself.
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(unanswered)?;
        let mut response = client.execute(request).await.map_err(unanswered)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if body.len() + chunk.len() > BYTES {
                return Err(Unanswered(format!("answered more than {BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    /// Fetches a JSON document.
    ///
    /// # Errors
    /// [`Unanswered`] when it could not be had.
    pub(super) async fn get(self, uri: &str) -> Result<Value, Unanswered> {
        let url = Url::parse(uri).map_err(|error| Unanswered(error.to_string()))?;
        self.send(Request::new(Method::GET, url)).await?.json()
    }
}

impl Answer {
    /// The JSON document that was answered.
    ///
    /// # Errors
    /// [`Unanswered`] when it is none, or an error.
    pub(super) fn json(&self) -> Result<Value, Unanswered> {
        if self.status != StatusCode::OK {
            return Err(Unanswered(format!("answered {}", self.status.as_u16())));
        }
        serde_json::from_slice(&self.body).map_err(|_| Unanswered("answered no JSON".into()))
    }
}

/// The error and what is behind it, without the URL: that may hold secrets.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let mut causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let last = causes.by_ref().last().map(ToString::to_string);
    match last {
        _ if error.is_timeout() => "answered nothing in time".into(),
        Some(cause) if error.is_connect() => format!("could not be reached: {cause}"),
        Some(cause) => format!("broke off: {cause}"),
        None => "could not be asked".into(),
    }
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
    async fn a_name_for_a_private_address_is_not_resolved() {
        let resolve = |allow_private| PublicOnly { allow_private }.resolve("localhost".parse().unwrap());
        assert!(resolve(false).await.is_err());
        assert!(resolve(true).await.unwrap().next().is_some());
    }
}
