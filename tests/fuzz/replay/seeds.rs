//! The seeds, and each of them damaged in many ways: what the fuzzer once found stays found.

use exhibit_fuzz::TARGETS;
use std::path::Path;

/// Marsaglia's xorshift, <https://doi.org/10.18637/jss.v008.i14>: the same damage in every run.
fn xorshift(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 1).unwrap_or(usize::MAX)
}

fn damaged(seed: &[u8], state: &mut u64) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=xorshift(state) % 3 {
        let place = xorshift(state) % bytes.len().max(1);
        match xorshift(state) % 5 {
            0 if !bytes.is_empty() => bytes[place] ^= 1 << (xorshift(state) % 8),
            1 if !bytes.is_empty() => {
                bytes[place] = [0, 0x7f, 0x80, 0xff, b'"', b'{', b'\n'][xorshift(state) % 7]
            }
            2 => bytes.truncate(place),
            3 => {
                let end = (place + xorshift(state) % 16).min(bytes.len());
                let again = bytes[place.min(end)..end].to_vec();
                bytes.splice(place.min(end)..place.min(end), again);
            }
            _ => {
                let end = (place + xorshift(state) % 16).min(bytes.len());
                bytes.drain(place.min(end)..end);
            }
        }
    }
    bytes
}

fn replay(name: &str) {
    let target = TARGETS.iter().find(|(known, _)| *known == name).expect("a target").1;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let mut seeds: Vec<_> =
        std::fs::read_dir(&folder).expect("seeds").map(|e| e.expect("an entry").path()).collect();
    seeds.sort();
    assert!(seeds.len() > 1, "{}", folder.display());
    let mut state = 0x2545_f491_4f6c_dd1d;
    for seed in seeds {
        let bytes = std::fs::read(&seed).expect("a seed");
        target(&bytes);
        let rounds = (200_000 / (bytes.len() + 500)).clamp(20, 400);
        for _ in 0..rounds {
            target(&damaged(&bytes, &mut state));
        }
    }
}

macro_rules! replayed {
    ($($target:ident),+) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })+

        #[test]
        fn every_target_is_replayed() {
            assert_eq!(TARGETS.map(|(name, _)| name), [$(stringify!($target)),+]);
        }
    };
}

replayed!(manifest, settings, intake, canonical, ledger, package, paging, store);
