//! `provisor healthcheck`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::Url;

use super::{Error, output};
use crate::backend::StartError;
use crate::config::Settings;
use crate::http;

/// Asks the server at this URL, or the one that the settings make here.
pub(super) fn run(url: Option<&Url>, settings: &Settings) -> Result<(), Error> {
    let checked = match url {
        Some(url) => http::check_health(url.as_str().trim_end_matches('/'), false),
        None => {
            let scheme = if settings.tls_files().map_err(StartError::from)?.is_some() { "https" } else { "http" };
            http::check_health(&format!("{scheme}://{}", reached(settings.listen)), true)
        }
    };
    checked.map_err(Error::Unhealthy)?;
    output::line("ready")?;
    Ok(())
}

/// Where this machine reaches a server that listens on an address.
fn reached(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        named => named,
    };
    SocketAddr::new(ip, listening.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_asked_on_loopback() {
        for (listening, expected) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8443", "[::1]:8443"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(reached(listening.parse().unwrap()).to_string(), expected, "{listening}");
        }
    }
}
