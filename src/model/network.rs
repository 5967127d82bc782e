//! Networks in CIDR form (RFC 4632, RFC 4291 §2.3).

use std::net::{IpAddr, Ipv6Addr};

/// A network: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: u128,
    bits: u32,
}

impl Network {
    /// Reads an address with an optional prefix length. IPv4 is taken as IPv4-mapped IPv6, so that both forms match.
    pub fn parse(raw: &str) -> Option<Self> {
        let (address, bits) = match raw.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u32>().ok()?)),
            None => (raw.parse().ok()?, None),
        };
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        if bits > width {
            return None;
        }
        let bits = bits + 128 - width;
        Some(Self { address: number(address) & mask(bits), bits })
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        number(address) & mask(self.bits) == self.address
    }

    /// What limits count as one peer: an IPv4 address, a /64 of IPv6, since a host may take any address of its link.
    pub fn of_peer(address: IpAddr) -> Self {
        let bits = if address.to_canonical().is_ipv4() { 128 } else { 64 };
        Self { address: number(address) & mask(bits), bits }
    }

    /// The network around an address that limits count together: /24 of IPv4, /48 of IPv6.
    pub fn around(address: IpAddr) -> Self {
        let bits = if address.to_canonical().is_ipv4() { 96 + 24 } else { 48 };
        Self { address: number(address) & mask(bits), bits }
    }
}

fn mask(bits: u32) -> u128 {
    if bits == 0 { 0 } else { u128::MAX << (128 - bits) }
}

fn number(address: IpAddr) -> u128 {
    let mapped: Ipv6Addr = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    mapped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_they_say() {
        let contains =
            |network: &str, address: &str| Network::parse(network).unwrap().contains(address.parse().unwrap());
        assert!(contains("127.0.0.0/8", "127.1.2.3") && contains("127.0.0.0/8", "::ffff:127.1.2.3"));
        assert!(!contains("127.0.0.0/8", "128.0.0.1") && !contains("127.0.0.0/8", "::1"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1") && contains("192.0.2.1", "192.0.2.1"));
        assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "2001:db8::1"));
        for bad in ["", "x", "1.2.3.4/33", "::/129", "1.2.3/8", "1.2.3.4/"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
        let parse = |raw: &str| Network::parse(raw).unwrap();
        let (v4, v6) = ("192.0.2.7".parse().unwrap(), "2001:db8:1:2::7".parse().unwrap());
        assert_eq!((Network::around(v4), Network::of_peer(v4)), (parse("192.0.2.0/24"), parse("192.0.2.7")));
        assert_eq!((Network::around(v6), Network::of_peer(v6)), (parse("2001:db8:1::/48"), parse("2001:db8:1:2::/64")));
    }
}
