//! Addresses and networks, as people name them: the proxies that are trusted, and from where a token is taken.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Addresses and networks of addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<(IpAddr, u32)>);

impl Networks {
    /// Whether there is none at all.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether everybody is in one of them.
    #[must_use]
    pub fn are_all(&self) -> bool {
        self.0.iter().any(|(_, prefix)| *prefix == 0)
    }

    /// Whether the address is in one of them. An IPv4 address that came as IPv6 is the same one.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|(network, prefix)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= *prefix
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= *prefix
            }
            _ => false,
        })
    }
}

impl FromStr for Networks {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "wants addresses or networks like 192.0.2.1 or 10.0.0.0/8, separated by commas";
        let network = |text: &str| {
            let (address, prefix) =
                text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
            let address: IpAddr = address.parse().ok()?;
            let bits = if address.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.map_or(Some(bits), |prefix| prefix.parse().ok().filter(|prefix| *prefix <= bits))?;
            Some((address, prefix))
        };
        let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        texts.map(network).collect::<Option<_>>().map(Self).ok_or(WANTED)
    }
}

/// What one subscriber of a network has: an IPv4 address, or the /64 of an IPv6 address.
#[must_use]
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_has_an_address_or_the_half_of_one() {
        for (address, of) in
            [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
        {
            assert_eq!(subscriber(address.parse().unwrap()), of.parse::<IpAddr>().unwrap());
        }
    }

    #[test]
    fn networks_contain_their_addresses() {
        let contain =
            |networks: &str, address: &str| Networks::from_str(networks).unwrap().contain(address.parse().unwrap());
        assert!(contain("10.0.0.0/8, 192.0.2.1", "10.255.0.1"));
        assert!(contain("10.0.0.0/8, 192.0.2.1", "192.0.2.1"));
        assert!(contain("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(contain("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(contain("0.0.0.0/0", "203.0.113.1"));
        assert!(!contain("10.0.0.0/8,192.0.2.1", "192.0.2.2"));
        assert!(!contain("2001:db8::/32", "2001:db9::1"));
        assert!(!contain("", "127.0.0.1"));
        for wrong in ["proxy", "10.0.0.0/33", "10.0.0/8", "::/129"] {
            assert!(Networks::from_str(wrong).is_err(), "{wrong}");
        }
    }
}
