//! Which network addresses count as one.

use std::net::{IpAddr, Ipv6Addr};

/// An address, as far as it tells one attacker from others: of IPv6 its network of 64 bits, within which everybody
/// can have as many as they like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    Ip(IpAddr),
    /// What the broker gives instead, or nothing.
    Other(Box<[u8]>),
}

impl Origin {
    pub(crate) fn of(address: Option<&[u8]>) -> Self {
        let address = address.unwrap_or_default();
        match str::from_utf8(address).ok().and_then(|text| text.parse().ok()) {
            Some(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
                Some(ip) => Self::Ip(IpAddr::V4(ip)),
                None => Self::Ip(IpAddr::V6(network(ip))),
            },
            Some(ip) => Self::Ip(ip),
            None => Self::Other(address.into()),
        }
    }
}

fn network(ip: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(ip) >> 64 << 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_one_can_choose_between_are_one() {
        let of = |address: &str| Origin::of(Some(address.as_bytes()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:0:0:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("a"), of("b"));
        assert_eq!(Origin::of(None), of(""));
    }
}
