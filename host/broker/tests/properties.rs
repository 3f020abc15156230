//! What must hold for all grants and all addresses: a narrower grant never allows more, and no spelling of an address
//! that is not public passes. What is public is told by the standard library and by IANA's registries of
//! special-purpose addresses, read with another crate.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use exhibit_broker::address::{AllowedAddresses, not_public};
use exhibit_broker::grant::rule::EgressRule;
use exhibit_broker::grant::{Ask, AskedRule, Grants};
use exhibit_broker::transport::Outgoing;
use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use url::{Host, Url};

/// A line of egress in its parts, so that each can be narrowed.
#[derive(Clone, Debug)]
struct Line {
    methods: Vec<&'static str>,
    scheme: &'static str,
    host: &'static str,
    path: Vec<&'static str>,
    operations: Vec<&'static str>,
}

impl Line {
    fn rule(&self) -> EgressRule {
        let Self { methods, scheme, host, path, operations } = self;
        let only =
            if operations.is_empty() { String::new() } else { format!(" only {}", operations.join(",")) };
        format!("{} {scheme}://{host}/{}{only}", methods.join(","), path.join("/")).parse().unwrap()
    }
}

const SEGMENTS: [&str; 7] = ["a", "ab", "*", "a*", "*b", "**", "x:b"];
const OPERATIONS: [&str; 4] = ["iam:ListUsers", "iam:List*", "iam:*", "ec2:Describe*"];
const HOSTS: [&str; 7] = [
    "a.test",
    "*.a.test",
    "b.a.test",
    "*.amazonaws.com",
    "iam.amazonaws.com",
    "*.eu-west-1.amazonaws.com",
    "ec2.eu-west-1.amazonaws.com",
];

fn line() -> impl Strategy<Value = Line> {
    let methods = subsequence(vec!["GET", "HEAD", "POST"], 1..=3);
    let path = prop::collection::vec(select(&SEGMENTS), 0..4);
    let operations = prop_oneof![3 => Just(Vec::new()), 1 => subsequence(OPERATIONS.to_vec(), 1..=2)];
    (methods, select(vec!["https", "http"]), select(&HOSTS), path, operations).prop_map(
        |(methods, scheme, host, path, operations)| Line { methods, scheme, host, path, operations },
    )
}

/// What a segment of a pattern could stand for, by the words of the documentation.
fn stands_for(segment: &str, at: usize) -> Vec<&'static str> {
    let of = |all: &[&'static str]| vec![all[at % all.len()]];
    match segment {
        "**" => [vec![], vec!["a"], vec!["ab", "x:b"], vec!["*"], vec!["**"]][at % 5].clone(),
        "*" => of(&["a", "ab", "x:b", "a*", "*b", "*"]),
        "a*" => of(&["ab", "a*"]),
        "*b" => of(&["ab", "x:b", "*b"]),
        "a" => vec!["a"],
        "ab" => vec!["ab"],
        _ => vec!["x:b"],
    }
}

/// A line that is as wide or narrower in every part.
fn narrowed(wide: &Line, choice: &[usize]) -> Line {
    let mut at = choice.iter().copied().cycle();
    let mut next = || at.next().unwrap_or_default();
    let keep = 1 + next() % wide.methods.len();
    let host = match (wide.host, next() % 3) {
        ("*.a.test", 0) => "b.a.test",
        ("*.amazonaws.com", 0) => "iam.amazonaws.com",
        ("*.amazonaws.com", 1) => "*.eu-west-1.amazonaws.com",
        ("*.eu-west-1.amazonaws.com", 0) => "ec2.eu-west-1.amazonaws.com",
        (host, _) => host,
    };
    let operations = match (wide.operations.as_slice(), next() % 3) {
        ([], 0) => vec![OPERATIONS[next() % 4]],
        ([], _) => Vec::new(),
        ([.., "iam:*" | "iam:List*"], 0) => vec!["iam:ListUsers"],
        (all, 1) => all[..1].to_vec(),
        (all, _) => all.to_vec(),
    };
    let path = wide.path.iter().flat_map(|segment| stands_for(segment, next())).collect();
    Line { methods: wide.methods[..keep].to_vec(), scheme: wide.scheme, host, path, operations }
}

/// A request near to a line: most often one that it allows.
fn request(near: &Line, choice: &[usize]) -> Outgoing {
    let mut at = choice.iter().rev().copied().cycle();
    let mut next = || at.next().unwrap_or_default();
    let method = if next() % 4 == 0 { "POST" } else { near.methods[next() % near.methods.len()] };
    let host = match near.host {
        "*.a.test" => ["b.a.test", "b.a.test", "c.b.a.test", "a.test"][next() % 4],
        "*.amazonaws.com" => {
            ["iam.amazonaws.com", "ec2.eu-west-1.amazonaws.com", "x.s3.amazonaws.com"][next() % 3]
        }
        "*.eu-west-1.amazonaws.com" => "ec2.eu-west-1.amazonaws.com",
        host => host,
    };
    let plain = |segment: &str| !segment.contains('*');
    let fill = |segment: &&'static str, at: usize| {
        let mut fits: Vec<&str> = stands_for(segment, at).into_iter().filter(|s| plain(s)).collect();
        if fits.is_empty() && *segment != "**" {
            fits = vec!["ab"];
        }
        fits
    };
    let mut path: Vec<&str> = near.path.iter().flat_map(|segment| fill(segment, next())).collect();
    let odd = ["%61", "a%2Fb", "..", "", "%2e%2e", "a%252fb", "a;b", "ab"];
    if next() % 3 == 0 {
        let place = next() % (path.len() + 1);
        path.insert(place, odd[next() % odd.len()]);
    }
    let actions =
        ["?Action=ListUsers", "?Action=ListRoles&x=1", "?Action=DescribeVolumes", "", "?Action=DeleteUser"];
    let action = if near.operations.is_empty() { "" } else { actions[next() % actions.len()] };
    let url = Url::parse(&format!("{}://{host}/{}{action}", near.scheme, path.join("/"))).unwrap();
    Outgoing { method: method.to_owned(), url, headers: Vec::new(), body: None, auth: None }
}

fn asked(lines: &[&Line]) -> Ask {
    let egress = lines.iter().map(|line| AskedRule { rule: line.rule(), read_only: false }).collect();
    Ask { egress, slots: BTreeMap::new() }
}

fn allows(ask: Ask, approved: &[&Line], request: &Outgoing) -> bool {
    let approved = approved.iter().map(|line| line.rule()).collect();
    Grants::new("source", ask, approved, BTreeMap::new()).check(request).is_ok()
}

#[test]
fn a_narrower_grant_never_allows_more() {
    let (allowed, covered) = (AtomicU32::new(0), AtomicU32::new(0));
    let choices = prop::collection::vec(0_usize..1000, 12);
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 4000, failure_persistence: None, ..Config::default() },
        TestRunner::deterministic().new_rng(),
    );
    runner
        .run(&(line(), line(), choices), |(wide, other, choices)| {
            let narrow = narrowed(&wide, &choices);
            for near in [&narrow, &other] {
                let request = request(near, &choices);
                let with = |ask: &[&Line], approved: &[&Line]| allows(asked(ask), approved, &request);
                let by_narrow = with(&[&narrow], &[&narrow]);
                allowed.fetch_add(u32::from(by_narrow), Ordering::Relaxed);
                prop_assert!(
                    !by_narrow || with(&[&wide], &[&wide]),
                    "{narrow:?} but not {wide:?}: {request:?}"
                );
                // Asked for and approved must agree, so less of either is never more.
                prop_assert!(!with(&[&wide], &[&narrow]) || with(&[&wide], &[&wide, &other]));
                prop_assert!(!with(&[&narrow], &[&wide]) || with(&[&narrow, &other], &[&wide]));
                prop_assert!(!with(&[&wide], &[&narrow]) || with(&[&wide], &[&wide]));
                prop_assert!(!with(&[&wide], &[]) && !with(&[], &[&wide]));
                // What an approval says of a line that it covers is true of every request.
                for (a, b) in [(&wide, &narrow), (&narrow, &wide), (&wide, &other), (&other, &narrow)] {
                    let covers = a.rule().covers(&b.rule());
                    covered.fetch_add(u32::from(covers), Ordering::Relaxed);
                    prop_assert!(
                        !(covers && with(&[b], &[b])) || with(&[a], &[a]),
                        "{a:?} {b:?} {request:?}"
                    );
                }
            }
            Ok(())
        })
        .unwrap();
    let (allowed, covered) = (allowed.into_inner(), covered.into_inner());
    assert!(allowed > 1000 && covered > 4000, "too few of 8000 say something: {allowed} {covered}");
}

/// Not globally reachable by IANA's IPv4 registry (RFC 6890 and its updates), multicast (RFC 5771), and the addresses
/// where clouds answer with credentials, by their documentation.
const NOT_PUBLIC_V4: [&str; 17] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32",
    "100.100.100.200/32",
];

fn listed(address: Ipv4Addr) -> bool {
    NOT_PUBLIC_V4.iter().any(|net| net.parse::<IpNet>().unwrap().contains(&IpAddr::V4(address)))
}

/// Addresses anywhere, and at and beside the ends of every range.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let inside = (select(&NOT_PUBLIC_V4), any::<u32>(), 0_u32..5).prop_map(|(net, host, place)| {
        let net: ipnet::Ipv4Net = net.parse().unwrap();
        let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
        Ipv4Addr::from_bits(match place {
            0 => first,
            1 => last,
            2 => first.wrapping_sub(1),
            3 => last.wrapping_add(1),
            _ => (first & net.netmask().to_bits()) | (host & net.hostmask().to_bits()),
        })
    });
    prop_oneof![3 => inside, 1 => any::<u32>().prop_map(Ipv4Addr::from_bits)]
}

/// One way to write an IPv4 address in a URL: inet_aton's one to four parts, each in one of three radixes, or inside an
/// IPv6 address; then the ways to hide characters.
fn spelled(address: Ipv4Addr, how: &[u8]) -> String {
    let bits = address.to_bits();
    let [a, b, c, d] = address.octets();
    let (high, low) = (bits >> 16, bits & 0xffff);
    match how[0] % 8 {
        0 => return format!("[::ffff:{address}]"),
        1 => return format!("[::FFFF:{high:x}:{low:04x}]"),
        2 => return format!("[0:0:0:0:0:ffff:{high:04X}:{low:x}]"),
        3 => return format!("[64:ff9b::{address}]"),
        4 => return format!("[2606:4700::200:5efe:{high:x}:{low:x}]"),
        _ => {}
    }
    let parts: Vec<u32> = match how[1] % 4 {
        0 => vec![bits],
        1 => vec![a.into(), bits & 0xff_ffff],
        2 => vec![a.into(), b.into(), low],
        _ => vec![a.into(), b.into(), c.into(), d.into()],
    };
    let part = |(value, how): (&u32, &u8)| match how % 5 {
        0 => format!("0x{value:x}"),
        1 => format!("0X{value:08X}"),
        2 => format!("0{value:o}"),
        3 => format!("000{value:o}"),
        _ => value.to_string(),
    };
    let text = parts.iter().zip(&how[2..]).map(part).collect::<Vec<_>>().join(".");
    match how[6] % 5 {
        0 => format!("{text}."),
        1 => text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        2 => text.replace('.', "\u{3002}"),
        3 => text.chars().map(full_width).collect(),
        _ => text,
    }
}

/// Digits as East Asian input methods write them.
fn full_width(c: char) -> char {
    c.to_digit(10).and_then(|digit| char::from_u32(0xff10 + digit)).unwrap_or(c)
}

proptest! {
    #[test]
    fn no_spelling_of_an_address_passes_that_another_does_not(
        address in v4(), how in prop::array::uniform7(any::<u8>()),
    ) {
        let text = spelled(address, &how);
        let url = Url::parse(&format!("https://{text}/")).unwrap();
        let found = match url.host().unwrap() {
            Host::Ipv4(v4) => IpAddr::V4(v4),
            Host::Ipv6(v6) => IpAddr::V6(v6),
            // A resolver could read it as the address after all.
            Host::Domain(name) => panic!("{text} was taken for the name {name}"),
        };
        let passes = AllowedAddresses::default().check(url.host_str().unwrap(), found).is_ok();
        prop_assert_eq!(passes, !listed(address), "{} as {}", address, text);
    }

    #[test]
    fn what_the_standard_library_knows_is_refused(address in v4(), v6 in any::<u128>(), place in 0_u8..6) {
        let known = address.is_private() || address.is_loopback() || address.is_link_local()
            || address.is_broadcast() || address.is_documentation() || address.is_multicast()
            || address.is_unspecified();
        prop_assert!(!known || not_public(address.into()).is_some(), "{}", address);
        let head = |bits: u128, prefix: u32| Ipv6Addr::from_bits((bits << (128 - prefix)) | (v6 >> prefix));
        let v6 = match place {
            0 => head(0xfe80 >> 6, 10),
            1 => head(0xfc00 >> 9, 7),
            2 => head(0xff, 8),
            3 => Ipv6Addr::from_bits(v6 & 0xff),
            4 => address.to_ipv6_mapped(),
            _ => Ipv6Addr::from_bits(v6),
        };
        let known = v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unique_local()
            || v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some_and(listed);
        prop_assert!(!known || not_public(v6.into()).is_some(), "{}", v6);
    }
}
