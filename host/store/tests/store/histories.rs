//! For any history of runs: keyframes and deltas give back every snapshot and its root.
//!
//! The root is computed here from what is written down about it, with nothing of the store's or the ledger's: the
//! key file, HKDF and HMAC (`crypt.rs`), the leaf of a record, and the tree of RFC 6962 section 2.1.
//!
//! `EXHIBIT_ROUNDS=500 cargo test -p exhibit-store --test store histories` tries five hundred; without it there
//! are a dozen.

use crate::worker::rounds;
use crate::world::*;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::Timestamp;
use exhibit_store::Store;
use hmac::{Hmac, Mac as _};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

type Hash = [u8; 32];

/// MTH of RFC 6962 section 2.1, from leaf hashes.
fn tree(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            // The largest power of two below their number.
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(split);
            Sha256::digest([&[1], tree(left).as_slice(), &tree(right)].concat()).into()
        }
    }
}

/// A snapshot's root, from its records' keys and lines.
fn root(dir: &Path, bucket: &str, records: &[(String, Vec<u8>)]) -> Hash {
    let file = std::fs::read_to_string(dir.join(format!("keys/{}/{bucket}.key", source()))).unwrap();
    let mut key = Hash::default();
    let secret = hkdf::Hkdf::<Sha256>::new(None, file.trim_end().as_bytes());
    secret.expand(b"exhibit/1/salts", &mut key).unwrap();
    let leaves: Vec<Hash> = records
        .iter()
        .map(|(id, line)| {
            let mut salt = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            salt.update(format!("{}\n{id}", kind()).as_bytes());
            let salt = salt.finalize().into_bytes();
            Sha256::digest([&[0], salt.as_slice(), Sha256::digest(line).as_slice()].concat()).into()
        })
        .collect();
    tree(&leaves)
}

/// One run: which accounts it sees, in which version; whether it saw all; what happens to the store afterwards.
#[derive(Clone, Debug)]
struct Day {
    accounts: BTreeMap<u8, u8>,
    complete: bool,
    after: After,
}

#[derive(Clone, Copy, Debug)]
enum After {
    Nothing,
    Reopened,
    IndexLost,
}

fn any_day() -> impl Strategy<Value = Day> {
    let after =
        prop_oneof![8 => Just(After::Nothing), 1 => Just(After::Reopened), 1 => Just(After::IndexLost)];
    let accounts = proptest::collection::btree_map(0_u8..24, 0_u8..3, 0..24);
    (accounts, any::<bool>(), after).prop_map(|(accounts, complete, after)| Day { accounts, complete, after })
}

/// Some records are large: they stay in packs, and one that changes outweighs all others.
fn note(id: u8, version: u8) -> String {
    version.to_string().repeat(if id % 8 == 7 { 5000 } else { 30 })
}

/// A run, what it saw, and its retention bucket.
type Seen = (RunId, Vec<(String, String)>, String);

fn give_back(store: &Store, dir: &Path, seen: &[Seen]) -> Result<(), TestCaseError> {
    for (run, expected, bucket) in seen {
        let records: Vec<_> = store.snapshot(&source(), &kind(), run).unwrap().map(Result::unwrap).collect();
        let held: Vec<_> = records.iter().map(|record| note_of(&record.line)).collect();
        prop_assert_eq!(&held, expected);
        let records: Vec<_> = records.into_iter().map(|record| (record.key.0, record.line)).collect();
        prop_assert_eq!(Digest(root(dir, bucket, &records)), store.manifest(run).unwrap().datasets[0].root);
    }
    prop_assert_eq!(store.check(&|_, _| ()).problems, []);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: rounds(12) as u32, ..ProptestConfig::default() })]

    /// Whatever runs see, a snapshot rebuilt from keyframe and deltas is what its run saw, its root is its
    /// manifest's, and an unobserved record is never counted as removed.
    #[test]
    fn any_can_be_read_back(days in proptest::collection::vec(any_day(), 1..9)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = create(dir.path());
        let mut now = at("2026-03-28T00:00:00Z");
        let mut seen: Vec<Seen> = Vec::new();
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for day in days {
            now = Timestamp::from_ms(now.as_ms() + 86_400_000);
            let list: Vec<_> =
                day.accounts.iter().map(|(id, version)| (format!("id-{id:02}"), note(*id, *version))).collect();
            let borrowed: Vec<_> = list.iter().map(|(id, note)| (id.as_str(), note.as_str())).collect();
            let run = accounts_with(&store, now, &borrowed, day.complete);
            let facts = store.manifest(&run).unwrap().datasets[0].clone();
            let added = list.iter().filter(|(id, _)| !known.contains_key(id)).count() as u64;
            let changed = list.iter().filter(|(id, note)| known.get(id).is_some_and(|old| old != note));
            let unseen = known.keys().filter(|id| !list.iter().any(|(seen, _)| seen == *id)).count() as u64;
            prop_assert_eq!((facts.added, facts.changed), (added, changed.count() as u64));
            prop_assert_eq!(
                (facts.removed, facts.unobserved),
                if day.complete { (unseen, 0) } else { (0, unseen) }
            );
            if day.complete {
                known.clear();
            }
            known.extend(list.iter().cloned());
            seen.push((run, list, facts.bucket));
            match day.after {
                After::Nothing => {}
                After::Reopened => {
                    drop(store);
                    store = Store::open(dir.path(), options()).unwrap();
                }
                After::IndexLost => {
                    drop(store);
                    std::fs::remove_dir_all(dir.path().join("sled")).unwrap();
                    store = Store::open(dir.path(), options()).unwrap();
                }
            }
        }
        give_back(&store, dir.path(), &seen)?;
        drop(store);
        give_back(&Store::rebuild(dir.path(), options()).unwrap(), dir.path(), &seen)?;
    }
}
