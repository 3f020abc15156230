//! A log through its files: what is written, what opens, and what every damaged file comes to.
#![allow(clippy::unwrap_used)]

use exhibit_evidence::digest::Digest;
use exhibit_ledger::log::{Append, Log, LogError};
use exhibit_ledger::proof::{verify_consistency, verify_inclusion};
use exhibit_ledger::reading::{LogReader, check_all, copy_at};
use exhibit_ledger::tile::{MAX_ENTRY_BYTES, Tile, TileReader};
use exhibit_ledger::tree::{Tree, TreeHead, leaf_hash};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;

type Files = BTreeMap<String, Vec<u8>>;

fn entry(n: u64) -> Vec<u8> {
    format!("entry {n} {}", "x".repeat((n % 7) as usize)).into_bytes()
}

fn entries(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    range.map(entry).collect()
}

/// What a store does with an append: write, then remove what is superseded.
fn keep(files: &mut Files, append: Append) -> Log {
    for file in append.files {
        assert!(files.insert(file.path(), file.bytes).is_none(), "a file was written twice");
    }
    for tile in append.superseded {
        assert!(files.remove(&tile.path()).is_some(), "{tile} was never there");
    }
    append.log
}

fn grown(sizes: &[u64]) -> (Files, Log) {
    let (mut files, mut log) = (Files::new(), Log::new());
    for size in sizes {
        let append = log.append(&entries(log.size()..*size)).unwrap();
        log = keep(&mut files, append);
    }
    (files, log)
}

fn head_of(size: u64) -> TreeHead {
    Tree::new((0..size).map(|n| leaf_hash(entry(n)))).head()
}

#[test]
fn the_files_of_70_000_entries_are_those_of_the_specification() {
    let (files, log) = grown(&[70_000]);
    assert_eq!(log.head(), head_of(70_000));
    let count = |start: &str| files.keys().filter(|path| path.starts_with(start)).count();
    // tlog-tiles: "273 full level 0 tiles, one partial level 0 tile of width 112, one full level 1 tile, one
    // partial level 1 tile of width 17, and one partial level 2 tile of width 1".
    assert_eq!((count("tile/0/"), count("tile/1/"), count("tile/2/")), (274, 2, 1));
    assert_eq!(count("tile/entries/"), 274);
    for path in ["tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"] {
        assert!(files.contains_key(path), "{path}");
    }
    assert_eq!(files["tile/0/273.p/112"].len(), 112 * 32);
    let (full, _) = grown(&[256]);
    assert_eq!(full.keys().collect::<Vec<_>>(), ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
}

#[test]
fn opening_reads_one_file_a_level() {
    struct Counting<'f>(&'f Files, Cell<usize>);
    impl TileReader for Counting<'_> {
        fn read_tile(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
            self.1.set(self.1.get() + 1);
            self.0.read_tile(path)
        }
    }
    let (files, log) = grown(&[70_000]);
    let reader = Counting(&files, Cell::new(0));
    let opened = Log::open(&reader, &log.head()).unwrap();
    assert_eq!(reader.1.get(), 4); // three levels and the last bundle
    let both = (opened.append(&[b"next"]).unwrap(), log.append(&[b"next"]).unwrap());
    assert_eq!(both.0.files, both.1.files);
    assert_eq!(both.0.head, both.1.head);
}

#[test]
fn an_append_that_was_never_kept_changes_nothing() {
    let (_, log) = grown(&[300]);
    let lost = log.append(&[b"lost"]).unwrap();
    assert_eq!(log.head(), head_of(300));
    assert_eq!(lost.first, 300);
    assert_ne!(log.append(&[b"kept"]).unwrap().head.root, lost.head.root);
    let nothing = log.append::<&[u8]>(&[]).unwrap();
    assert_eq!((nothing.files.len(), nothing.superseded.len(), nothing.head), (0, 0, log.head()));
}

#[test]
fn an_entry_has_a_bound() {
    let longest = vec![b'x'; MAX_ENTRY_BYTES];
    let append = Log::new().append(&[&longest]).unwrap();
    let mut files = Files::new();
    let log = keep(&mut files, append);
    assert_eq!(LogReader::new(&files, log.head()).entry(0).unwrap(), longest);
    let error = Log::new().append(&[vec![b'x'; MAX_ENTRY_BYTES + 1]]).unwrap_err();
    assert!(matches!(error, LogError::EntryTooLong { bytes: 65_536 }));
}

#[test]
fn a_log_that_has_grown_still_opens_at_an_earlier_head() {
    for later in [301, 511, 600] {
        let (files, _) = grown(&[300, later]);
        assert!(!files.contains_key("tile/0/001.p/44"));
        assert_eq!(Log::open(&files, &head_of(300)).unwrap().head(), head_of(300));
        let reader = LogReader::new(&files, head_of(300));
        let path = reader.inclusion(299).unwrap();
        verify_inclusion(&leaf_hash(entry(299)), 299, &path, &head_of(300)).unwrap();
        check_all(&files, &head_of(300), |_, _| ()).unwrap();

        let mut copy = Files::new();
        copy_at(&files, &head_of(300), |file| {
            copy.insert(file.path(), file.bytes);
            Ok::<_, LogError>(())
        })
        .unwrap();
        assert_eq!(copy, grown(&[300]).0);
    }
}

#[test]
fn a_reader_that_fails_is_named() {
    struct Broken;
    impl TileReader for Broken {
        fn read_tile(&self, _: &str) -> io::Result<Option<Vec<u8>>> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let error = Log::open(&Broken, &head_of(3)).unwrap_err();
    assert_eq!(error.to_string(), "the log's file tile/0/000.p/3 cannot be read");
    assert!(Log::open(&Broken, &TreeHead::empty()).is_ok());
}

#[test]
fn another_root_is_refused() {
    let (files, log) = grown(&[300]);
    let forged = TreeHead { root: Digest::of("x"), ..log.head() };
    assert!(matches!(Log::open(&files, &forged), Err(LogError::OtherRoot { size: 300, .. })));
    assert!(matches!(check_all(&files, &forged, |_, _| ()), Err(LogError::OtherRoot { size: 300, .. })));
    let reader = LogReader::new(&files, forged);
    assert!(matches!(reader.inclusion(3), Err(LogError::Proof(_))));
    let empty = TreeHead { size: 0, root: Digest::of("x") };
    assert!(Log::open(&files, &empty).is_err());
    assert!(check_all(&files, &empty, |_, _| ()).is_err());
}

/// Every byte of every file matters: flip one in each file, cut each, remove each.
#[test]
fn every_damaged_file_is_found_and_named() {
    let (files, log) = grown(&[600]);
    check_all(&files, &log.head(), |_, _| ()).unwrap();
    assert_eq!(files.len(), 7); // 3 of level 0, 1 of level 1, 3 bundles
    for path in files.keys() {
        path.parse::<Tile>().unwrap();
        let mut flipped = files.clone();
        let middle = files[path].len() / 2;
        flipped.get_mut(path).unwrap()[middle] ^= 0x10;
        let mut cut = files.clone();
        cut.get_mut(path).unwrap().pop();
        let mut emptied = files.clone();
        emptied.insert(path.clone(), Vec::new());
        let mut removed = files.clone();
        removed.remove(path);
        for (what, damaged) in [("flip", flipped), ("cut", cut), ("empty", emptied), ("remove", removed)] {
            let error = check_all(&damaged, &log.head(), |_, _| ()).unwrap_err();
            let is_hash_tile_beside = path.starts_with("tile/entries/")
                && error.to_string().contains(&path.replace("entries", "0"));
            assert!(error.to_string().contains(path) || is_hash_tile_beside, "{what} {path}: {error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn however_it_grew_it_is_the_same_log(steps in prop::collection::vec(0u64..400, 1..6), pick in any::<u64>()) {
        let sizes: Vec<u64> = steps.iter().scan(0, |sum, step| { *sum += step; Some(*sum) }).collect();
        let size = *sizes.last().unwrap();
        let (files, log) = grown(&sizes);
        let (at_once, _) = grown(&[size]);
        prop_assert_eq!(&files, &at_once);
        prop_assert_eq!(log.head(), head_of(size));

        let mut seen = Vec::new();
        check_all(&files, &log.head(), |index, bytes| { assert_eq!(index, seen.len() as u64); seen.push(bytes.to_vec()) }).unwrap();
        prop_assert_eq!(seen, entries(0..size));

        let reader = LogReader::new(&files, log.head());
        if size > 0 {
            let index = pick % size;
            prop_assert_eq!(reader.entry(index).unwrap(), entry(index));
            let path = reader.inclusion(index).unwrap();
            verify_inclusion(&leaf_hash(entry(index)), index, &path, &log.head()).unwrap();
        }
        prop_assert!(reader.entry(size).is_err());
        for old in &sizes {
            let old_head = reader.head_at(*old).unwrap();
            prop_assert_eq!(old_head, head_of(*old));
            verify_consistency(&reader.consistency(&old_head).unwrap(), &old_head, &log.head()).unwrap();
            if *old > 0 {
                let forged = TreeHead { root: Digest::of("x"), ..old_head };
                prop_assert!(reader.consistency(&forged).is_err());
            }
        }
    }
}
