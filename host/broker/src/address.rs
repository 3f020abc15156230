//! Addresses that a connection may go to.
//!
//! After a name is resolved, and for literal addresses before anything else, every address must be public
//! unicast, or be named by the source's settings (`allow_addresses`). The address that was checked is the
//! one that is dialled. The ranges are those of IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890
//! and its updates), and the addresses at which clouds serve metadata.
//!
//! Addresses that carry another address within (IPv4-mapped, NAT64, ISATAP) are judged by the one within.
//! Transition mechanisms that nobody needs to reach an API (6to4, Teredo, IPv4-compatible) are refused.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses, `10.0.0.0/8`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Self {
        Self { base: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Self {
        Self { base: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), prefix }
    }

    /// Whether the address lies inside. An IPv4-mapped address counts as the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                same_prefix(u128::from(base.to_bits()), u128::from(address.to_bits()), 32, self.prefix)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                same_prefix(base.to_bits(), address.to_bits(), 128, self.prefix)
            }
            _ => false,
        }
    }
}

fn same_prefix(a: u128, b: u128, width: u8, prefix: u8) -> bool {
    prefix == 0 || (a ^ b) >> (width - prefix) == 0
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.trim_matches(['[', ']']).parse().map_err(|_| ())?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().map_err(|_| ())?,
            Some(_) => return Err(()),
        };
        if prefix > width { Err(()) } else { Ok(Self { base, prefix }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// Refused ranges and what they are. Metadata addresses come first, so that a message names them as that.
const REFUSED_V4: [(Network, &str); 18] = [
    (Network::v4(169, 254, 169, 254, 32), "a cloud's metadata address"),
    (Network::v4(169, 254, 170, 2, 32), "a cloud's metadata address"),
    (Network::v4(100, 100, 100, 200, 32), "a cloud's metadata address"),
    (Network::v4(168, 63, 129, 16, 32), "a cloud's metadata address"),
    (Network::v4(192, 0, 0, 0, 24), "reserved for protocols"),
    (Network::v4(0, 0, 0, 0, 8), "unspecified"),
    (Network::v4(10, 0, 0, 0, 8), "private"),
    (Network::v4(100, 64, 0, 0, 10), "carrier-grade NAT"),
    (Network::v4(127, 0, 0, 0, 8), "loopback"),
    (Network::v4(169, 254, 0, 0, 16), "link-local"),
    (Network::v4(172, 16, 0, 0, 12), "private"),
    (Network::v4(192, 168, 0, 0, 16), "private"),
    (Network::v4(192, 0, 2, 0, 24), "documentation"),
    (Network::v4(198, 51, 100, 0, 24), "documentation"),
    (Network::v4(203, 0, 113, 0, 24), "documentation"),
    (Network::v4(198, 18, 0, 0, 15), "benchmarking"),
    (Network::v4(224, 0, 0, 0, 4), "multicast"),
    (Network::v4(240, 0, 0, 0, 4), "reserved"),
];

/// 192.88.99.0/24 and the IPv6 ranges. What lies outside 2000::/3 is refused beside these.
const REFUSED_V6: [(Network, &str); 8] = [
    (Network::v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (Network::v6(0x3fff, 0, 0, 20), "documentation"),
    (Network::v6(0x2001, 0, 0, 32), "Teredo"),
    (Network::v6(0x2001, 0, 0, 23), "reserved for protocols"),
    (Network::v6(0x2002, 0, 0, 16), "6to4"),
    (Network::v6(0xfe80, 0, 0, 10), "link-local"),
    (Network::v6(0xfc00, 0, 0, 7), "unique local (private)"),
    (Network::v6(0xff00, 0, 0, 8), "multicast"),
];

const RELAYS_6TO4: Network = Network::v4(192, 88, 99, 0, 24);
const GLOBAL_V6: Network = Network::v6(0x2000, 0, 0, 3);
/// RFC 6052.
const NAT64: Network = Network::v6(0x64, 0xff9b, 0, 96);

/// What kind of address it is, where it is not public unicast.
pub fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => not_public_v4(v4),
        IpAddr::V6(v6) => not_public_v6(v6),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    let within = |network: &Network| network.contains(IpAddr::V4(address));
    if within(&RELAYS_6TO4) {
        return Some("6to4");
    }
    REFUSED_V4.iter().find(|(network, _)| within(network)).map(|(_, what)| *what)
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return not_public_v4(mapped);
    }
    let address_in = |network: &Network| network.contains(IpAddr::V6(address));
    if address_in(&NAT64) {
        return not_public_v4(last_four(address));
    }
    if address.is_unspecified() {
        return Some("unspecified");
    }
    if address.is_loopback() {
        return Some("loopback");
    }
    if let Some((_, what)) = REFUSED_V6.iter().find(|(network, _)| address_in(network)) {
        return Some(what);
    }
    if !address_in(&GLOBAL_V6) {
        return Some("not global unicast");
    }
    // ISATAP, RFC 5214 section 6.1: interface identifiers 0000:5efe and 0200:5efe carry an IPv4 address.
    let [.., high, low, _, _] = address.segments();
    if high & 0xfdff == 0 && low == 0x5efe {
        return not_public_v4(last_four(address));
    }
    None
}

fn last_four(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

/// A text in `allow_addresses` that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("allow_addresses: `{0}` is neither an address, nor a range (10.1.0.0/16), nor a host name")]
pub struct ParseAllowedError(String);

/// An address that may not be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{host} is at {address}, which is {what}: refused, so that a connector cannot reach into this network. If the source really is there, add to its settings: allow_addresses = [\"{address}\"]"
)]
pub struct AddressRefused {
    /// The host asked for.
    pub host: String,
    /// The address it has.
    pub address: IpAddr,
    /// What kind of address that is.
    pub what: &'static str,
}

/// The addresses that one source may reach beside public ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedAddresses {
    networks: Vec<Network>,
    hosts: BTreeSet<String>,
}

impl AllowedAddresses {
    /// Reads the setting: addresses, ranges, and host names that may have any address.
    pub fn parse<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, ParseAllowedError> {
        let mut allowed = Self::default();
        for text in list {
            if let Ok(network) = text.parse() {
                allowed.networks.push(network);
                continue;
            }
            match url::Host::parse(text) {
                Ok(url::Host::Domain(name)) if !text.contains(['/', ':']) => {
                    allowed.hosts.insert(name);
                }
                _ => return Err(ParseAllowedError(text.chars().take(80).collect())),
            }
        }
        Ok(allowed)
    }

    /// Whether the settings name this address, or this host with whatever address it has.
    pub fn names(&self, host: &str, address: IpAddr) -> bool {
        self.hosts.contains(host) || self.networks.iter().any(|network| network.contains(address))
    }

    /// Whether a connection for `host` may go to `address`.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), AddressRefused> {
        match not_public(address) {
            Some(what) if !self.names(host, address) => {
                Err(AddressRefused { host: host.to_owned(), address, what })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(text: &str) -> Option<&'static str> {
        not_public(text.parse().unwrap())
    }

    #[test]
    fn public_addresses() {
        for public in [
            "8.8.8.8",
            "93.184.215.14",
            "172.32.0.1",
            "172.15.255.255",
            "100.63.255.255",
            "100.128.0.1",
            "11.0.0.0",
            "2606:4700::1111",
            "2a00:1450:4001::200e",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(what(public), None, "{public}");
        }
    }

    #[test]
    fn everything_else() {
        for (address, kind) in [
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("::1", "loopback"),
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("::", "unspecified"),
            ("10.255.0.1", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("100.127.255.255", "carrier-grade NAT"),
            ("169.254.1.1", "link-local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("169.254.169.254", "a cloud's metadata address"),
            ("100.100.100.200", "a cloud's metadata address"),
            ("168.63.129.16", "a cloud's metadata address"),
            ("fd00:ec2::254", "unique local (private)"),
            ("fc00::1", "unique local (private)"),
            ("224.0.0.1", "multicast"),
            ("ff02::1", "multicast"),
            ("255.255.255.255", "reserved"),
            ("192.0.2.1", "documentation"),
            ("198.51.100.7", "documentation"),
            ("203.0.113.9", "documentation"),
            ("2001:db8::1", "documentation"),
            ("3fff::1", "documentation"),
            ("198.19.255.255", "benchmarking"),
            ("192.0.0.192", "reserved for protocols"),
            ("192.88.99.1", "6to4"),
            ("2002:7f00:1::", "6to4"),
            ("2001:0:4136:e378::", "Teredo"),
            ("2001:2::1", "reserved for protocols"),
            ("fec0::1", "not global unicast"),
            ("100::1", "not global unicast"),
            ("5f00::1", "not global unicast"),
            ("64:ff9b:1::8.8.8.8", "not global unicast"),
            ("::127.0.0.1", "not global unicast"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "a cloud's metadata address"),
            ("::ffff:0:127.0.0.1", "not global unicast"),
            ("64:ff9b::10.0.0.1", "private"),
            ("64:ff9b::a9fe:a9fe", "a cloud's metadata address"),
            ("2606:4700::5efe:127.0.0.1", "loopback"),
            ("2606:4700::200:5efe:10.0.0.1", "private"),
        ] {
            assert_eq!(what(address), Some(kind), "{address}");
        }
    }

    /// The `url` crate reads each of these as 127.0.0.1 or its IPv6 form, so they are judged as that.
    #[test]
    fn every_spelling_of_loopback() {
        for spelling in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "0x7F.0.0.0x1",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "127。0。0。1",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:127.0.0.1]",
        ] {
            let url = url::Url::parse(&format!("https://{spelling}/")).unwrap();
            let address = match url.host().unwrap() {
                url::Host::Ipv4(v4) => IpAddr::V4(v4),
                url::Host::Ipv6(v6) => IpAddr::V6(v6),
                url::Host::Domain(name) => panic!("{spelling} was read as the name {name}"),
            };
            assert_eq!(not_public(address), Some("loopback"), "{spelling}");
        }
    }

    #[test]
    fn settings_name_what_may_be_reached() {
        let allowed =
            AllowedAddresses::parse(["127.0.0.1", "10.1.0.0/16", "fd00::/8", "jira.corp.example"]).unwrap();
        let check = |host: &str, address: &str| allowed.check(host, address.parse().unwrap()).is_ok();
        assert!(check("x", "127.0.0.1") && check("x", "::ffff:127.0.0.1") && check("x", "10.1.255.255"));
        assert!(check("x", "fd12::1") && check("jira.corp.example", "192.168.0.1") && check("x", "8.8.8.8"));
        assert!(
            !check("x", "127.0.0.2")
                && !check("x", "10.2.0.0")
                && !check("other.corp.example", "192.168.0.1")
        );
        let message = allowed.check("a.test", "169.254.169.254".parse().unwrap()).unwrap_err().to_string();
        assert!(
            message.contains("a cloud's metadata address")
                && message.contains("allow_addresses = [\"169.254.169.254\"]")
        );
        for bad in ["10.0.0.0/33", "10.0.0.0/-1", "a/b", "", "http://a", "a:80", "10.0.0/8"] {
            assert!(AllowedAddresses::parse([bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn prefixes_by_hand() {
        let network: Network = "203.0.112.0/23".parse().unwrap();
        assert!(
            network.contains("203.0.113.255".parse().unwrap())
                && !network.contains("203.0.114.0".parse().unwrap())
        );
        let all: Network = "::/0".parse().unwrap();
        assert!(all.contains("ff02::1".parse().unwrap()) && !all.contains("1.1.1.1".parse().unwrap()));
    }
}
