//! The loss of power at any moment of a start, a run, a commit, a statement's commit, a backup, a restore.
//!
//! The worker runs with `journal.c` preloaded, which writes down all that it does to its folder. The journal
//! is then played to a [`Disk`] up to some moment, the power goes, and what is left must open with everything
//! that had been acknowledged by then. From what is left the next worker goes on; between two losses of power
//! it may also be killed, which loses nothing yet, but leaves to the next what it had not synced.
//!
//! `EXHIBIT_ROUNDS=200 cargo test -p exhibit-store --test store power::` takes two hundred losses of power; without it
//! there are fourteen. `EXHIBIT_SEED` gives other moments and other losses.

use crate::disk::{Change, Disk, Loss};
use crate::worker::{Known, command, rounds, seed};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Losses of power that are tried on one journal.
const MOMENTS: u64 = 3;

/// Journals that are written one after the other, before a new store is begun.
const GENERATIONS: u64 = 8;

/// Builds what is preloaded.
fn journal_library(room: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/journal.c");
    let library = room.join("journal.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl");
    assert!(compiler.status().expect("a C compiler, `cc`").success());
    library
}

/// The changes in a journal.
fn read(journal: &[u8]) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut rest = journal;
    while let Some((head, after)) = rest.split_at_checked(32) {
        let u32_at = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap()) as usize;
        let u64_at = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
        let (first, after) = after.split_at(u32_at(4));
        let (second, after) = after.split_at(u32_at(8));
        rest = after;
        let (inode, at) = (u64_at(16), u64_at(24));
        let path = |bytes: &[u8]| PathBuf::from(std::str::from_utf8(bytes).unwrap());
        changes.push(match u32_at(0) {
            1 => Change::Create { inode, path: path(first) },
            2 => Change::Folder { inode, path: path(first) },
            3 => Change::Write { inode, at, bytes: second.to_vec() },
            4 => Change::Length { inode, length: at },
            5 => Change::Sync { inode },
            6 => Change::Rename { from: path(first), to: path(second) },
            7 => Change::Link { from: path(first), to: path(second) },
            8 => Change::Remove { path: path(first) },
            9 => Change::Said { text: String::from_utf8_lossy(second).into_owned() },
            other => panic!("an entry of kind {other}"),
        });
    }
    assert!(rest.is_empty(), "the journal breaks off");
    changes
}

/// Lets the worker do some steps in the disk's folder; answers with all that it did.
fn record(library: &Path, disk: &mut Disk, encrypted: bool, first: u64, steps: u64) -> Vec<Change> {
    let room = tempfile::tempdir().unwrap();
    let journal = room.path().join("journal");
    let root = disk.root.clone();
    disk.restart();
    let worked = command(&root, encrypted, first, steps)
        .env("LD_PRELOAD", library)
        .env("EXHIBIT_JOURNAL", &journal)
        .env("EXHIBIT_JOURNAL_OF", &root)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(worked.status.success(), "{}", String::from_utf8_lossy(&worked.stderr));
    let changes = read(&std::fs::read(&journal).unwrap());
    let mut after = disk.clone();
    changes.iter().for_each(|change| after.apply(change));
    after.compare();
    changes
}

/// Disk and acknowledgements at a moment.
fn play(disk: &Disk, known: &Known, changes: &[Change]) -> (Disk, Known) {
    let (mut disk, mut known) = (disk.clone(), known.clone());
    for change in changes {
        disk.apply(change);
        if let Change::Said { text } = change {
            text.lines().for_each(|line| known.hear(line));
        }
    }
    (disk, known)
}

#[test]
fn power_lost_at_any_moment() {
    let (rounds, seed) = (rounds(14), seed());
    let mut random = StdRng::seed_from_u64(seed);
    let room = tempfile::tempdir().unwrap();
    let library = journal_library(room.path());
    let (mut round, mut pending, mut acknowledged) = (0, 0, 0);
    while round < rounds {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        let (mut disk, mut known) = (Disk::new(&root), Known::default());
        let encrypted = random.random();
        for generation in 0..GENERATIONS {
            let changes = record(&library, &mut disk, encrypted, known.next(), random.random_range(2..8));
            let mut last = None;
            for _ in 0..MOMENTS.min(rounds - round) {
                let (moment, loss) = (random.random_range(0..=changes.len()), Loss::any(&mut random));
                let (mut disk, mut known) = play(&disk, &known, &changes[..moment]);
                pending += disk.pending();
                acknowledged = acknowledged.max(known.next());
                disk.lose_power(&mut random, loss);
                let left = tempfile::tempdir().unwrap();
                disk.write_to(left.path());
                let when = format!(
                    "round {round} of seed {seed}, generation {generation}, {loss:?} lost at {moment} of {}",
                    changes.len()
                );
                known.verify(left.path(), &when);
                last = Some((disk, known));
                round += 1;
            }
            let Some(last) = last else { break };
            (disk, known) = if random.random() {
                // Killed as it was about to sync: all is there, and what was pending still is.
                let is_sync = |moment: &usize| matches!(changes[*moment], Change::Sync { .. });
                let syncs: Vec<usize> = (0..changes.len()).filter(is_sync).collect();
                play(&disk, &known, &changes[..syncs[random.random_range(0..syncs.len())]])
            } else {
                last
            };
        }
    }
    println!("{rounds} losses of power, {pending} changes pending, up to {acknowledged} steps acknowledged");
    assert!(pending > 0 && acknowledged > 2);
}
