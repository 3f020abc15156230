//! Chance that is the same for the same seed, on every machine and in every release.
//!
//! Each purpose draws from a stream of its own, named by a label, so that adding a draw for one purpose
//! leaves every other one as it was. A stream is ChaCha8 keyed with SHA-256(seed as decimal ‖ 0x00 ‖ label).

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use exhibit_evidence::digest::Digest;

/// The digits of Okta's and AWS's identifiers.
const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// The digits of AWS's unique identifiers and access key ids (RFC 4648 base 32).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn digest(seed: u64, label: &str) -> Digest {
    Digest::of(format!("{seed}\0{label}"))
}

/// A named stream of numbers.
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    pub(crate) fn new(seed: u64, label: &str) -> Self {
        Self(ChaCha8Rng::from_seed(digest(seed, label).0))
    }

    /// A number from 0 up to, and without, `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Multiply and shift: the bias is below 2^-50 for the small bounds used here.
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// `below` for positions in a list.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in `percent` of 100 draws.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`, which must not be empty.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.index(choices.len())]
    }
}

fn letters(seed: u64, label: &str, alphabet: &[u8], length: usize) -> String {
    let digest = digest(seed, label);
    digest
        .0
        .iter()
        .cycle()
        .take(length)
        .map(|b| char::from(alphabet[usize::from(*b) % alphabet.len()]))
        .collect()
}

/// An identifier as Okta writes them: `prefix` and letters and digits, twenty in all.
pub(crate) fn okta_id(seed: u64, prefix: &str, label: &str) -> String {
    let length = 20usize.saturating_sub(prefix.len());
    format!("{prefix}{}", letters(seed, &format!("okta {prefix} {label}"), BASE62, length))
}

/// A unique identifier as IAM writes them: `AIDA`, `AKIA`, … and sixteen more.
pub(crate) fn iam_id(seed: u64, prefix: &str, label: &str) -> String {
    format!("{prefix}{}", letters(seed, &format!("iam {prefix} {label}"), BASE32, 16))
}

/// Hexadecimal digits, for the identifiers of EC2 (`vol-…`, `sg-…`) and others.
pub(crate) fn hex_id(seed: u64, label: &str, length: usize) -> String {
    digest(seed, label).to_string().chars().take(length).collect()
}

/// Decimal digits, for the numbers of Google and others.
pub(crate) fn digits(seed: u64, label: &str, length: usize) -> String {
    letters(seed, label, b"0123456789", length)
}

/// A version 4 UUID (RFC 9562), from `label` instead of chance.
pub(crate) fn uuid(seed: u64, label: &str) -> String {
    uuid_and_chance(seed, label).0
}

/// A UUID, and a number that belongs to it, for the price of one.
pub(crate) fn uuid_and_chance(seed: u64, label: &str) -> (String, u64) {
    let digest = digest(seed, label);
    let hex = digest.to_string();
    let uuid = format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]);
    let chance = digest.0[16..].iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    (uuid, chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_apart_and_repeat() {
        let draw = |seed, label| {
            let mut s = Stream::new(seed, label);
            (0..8).map(|_| s.below(1_000_000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, "people"), draw(7, "people"));
        assert_ne!(draw(7, "people"), draw(7, "events"));
        assert_ne!(draw(7, "people"), draw(8, "people"));
    }

    #[test]
    fn draws_stay_inside_and_reach_both_ends() {
        let mut s = Stream::new(1, "ends");
        let seen: std::collections::BTreeSet<u64> = (0..500).map(|_| s.between(3, 6)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!(s.below(0), 0);
    }

    #[test]
    fn identifiers_have_their_vendors_length() {
        assert_eq!(okta_id(1, "00u", "a").len(), 20);
        assert_eq!(iam_id(1, "AIDA", "a").len(), 20);
        let uuid = uuid(1, "a");
        let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert!(uuid.split('-').nth(2).is_some_and(|p| p.starts_with('4')));
    }
}
