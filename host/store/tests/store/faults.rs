//! Every write failing in turn: of a key, of the index, of a pack and its parts, of the log, of the checkpoint,
//! of a backup; once failing, and once done and yet reported as failed. After each, the store is opened and all
//! of it checked again.

use crate::crash::{Roots, is_whole, note_root, with, work};
use crate::world::*;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Shape;
use exhibit_ledger::statement::LeafKind;
use exhibit_store::{Faults, RunFilter, Step, Store};
use std::io;
use std::sync::{Arc, Mutex};

/// Fails one step, counted over all from the moment that it is armed.
struct Breaker {
    at: usize,
    done_first: bool,
    passed: Mutex<Vec<Step>>,
    armed: Mutex<bool>,
}

impl Breaker {
    fn new(at: usize, done_first: bool, armed: bool) -> Arc<Self> {
        Arc::new(Self { at, done_first, passed: Mutex::default(), armed: Mutex::new(armed) })
    }

    fn arm(&self, armed: bool) {
        *self.armed.lock().unwrap() = armed;
    }

    fn hit(&self, step: Step) -> io::Result<()> {
        let mut passed = self.passed.lock().unwrap();
        if *self.armed.lock().unwrap() {
            passed.push(step);
            if passed.len() == self.at {
                return Err(io::Error::other("the disk is full"));
            }
        }
        Ok(())
    }

    /// The steps that were passed, the failed one last.
    fn passed(&self) -> Vec<Step> {
        self.passed.lock().unwrap().clone()
    }
}

impl Faults for Breaker {
    fn before(&self, step: Step) -> io::Result<()> {
        if self.done_first { Ok(()) } else { self.hit(step) }
    }

    fn after(&self, step: Step) -> io::Result<()> {
        if self.done_first { self.hit(step) } else { Ok(()) }
    }
}

/// Tries something with each of its steps failing, both ways; it says whether it got to the end. Answers with
/// its steps.
fn each_step(armed: bool, mut attempt: impl FnMut(Arc<Breaker>) -> bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for done_first in [false, true] {
        for at in 1.. {
            let breaker = Breaker::new(at, done_first, armed);
            let ended = attempt(breaker.clone());
            steps = breaker.passed();
            assert_eq!(ended, steps.len() < at, "{steps:?}");
            if ended {
                break;
            }
        }
    }
    steps
}

#[test]
fn of_a_start_of_runs_and_of_statements() {
    let steps = each_step(true, |breaker| {
        let dir = tempfile::tempdir().unwrap();
        drop(create(dir.path()));
        let mut acknowledged = Vec::new();
        let mut roots = Roots::new();
        let worked = match Store::open(dir.path(), with(breaker)) {
            Err(e) => Err(e.to_string()),
            Ok(store) => {
                let worked = work(&store, |name| {
                    acknowledged.push(name.to_owned());
                    note_root(&mut roots, dir.path());
                });
                // What was acknowledged can be read though the store may be halted.
                assert!(acknowledged.len() >= store.runs(&RunFilter::default()).unwrap().len());
                // Whoever does not give up is refused, or is right to go on: no leaf takes another's place.
                let statement = leaf(LeafKind::Missed, "in spite of it");
                if worked.is_err() && store.append_leaf(&statement, None).is_ok() {
                    acknowledged.push(Digest::of(&statement).to_string());
                    note_root(&mut roots, dir.path());
                }
                worked
            }
        };
        note_root(&mut roots, dir.path());
        let Err(said) = &worked else { return true };
        assert!(said.contains("disk is full") || said.contains("halfway"), "{said}");
        let store = Store::open(dir.path(), options()).unwrap();
        note_root(&mut roots, dir.path());
        is_whole(&store, &acknowledged);
        work(&store, |_| note_root(&mut roots, dir.path())).unwrap();
        is_whole(&store, &acknowledged);
        let missed = store.leaves(Some(LeafKind::Missed)).unwrap().len() as u64;
        assert_eq!(store.head().size, 5 + missed);
        false
    });
    for step in [Step::Key, Step::Rows, Step::Pack, Step::Publish, Step::Flush, Step::Sync, Step::Tile] {
        assert!(steps.contains(&step), "{step:?} of {steps:?}");
    }
}

#[test]
fn of_a_pack_that_is_put_in_parts() {
    // 9 MiB that do not compress, in parts of eight.
    let mut noise = 1_u64;
    let body: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (noise >> 56) as u8
    })
    .take(9 << 20)
    .collect();
    let steps = each_step(false, |breaker| {
        let dir = tempfile::tempdir().unwrap();
        drop(create(dir.path()));
        let store = Store::open(dir.path(), with(breaker.clone())).unwrap();
        let stage = begin(&store, at("2026-03-30T00:00:00Z"));
        stage.exchange(&exchange(0, "https://example.com/dump", &body), None, Some(&body)).unwrap();
        // Nothing but the pack is in question here.
        breaker.arm(true);
        let committed = commit(stage, &ends(&kind(), Shape::State, true)).map(|(run, _)| run);
        drop(store);
        let store = Store::open(dir.path(), options()).unwrap();
        let acknowledged: Vec<String> = committed.iter().map(|run| run.as_str().to_owned()).collect();
        is_whole(&store, &acknowledged);
        let uploads = crate::runs::walk_files(&dir.path().join("packs"));
        assert_eq!(uploads.len() as u64, store.head().size, "{uploads:?}");
        committed.is_ok()
    });
    assert_eq!(steps.iter().filter(|step| **step == Step::Pack).count(), 4, "{steps:?}");
}

#[test]
fn of_a_backup() {
    let steps = each_step(false, |breaker| {
        let room = tempfile::tempdir().unwrap();
        let (dir, backup) = (room.path().join("store"), room.path().join("backup"));
        drop(create(&dir));
        let store = Store::open(&dir, with(breaker.clone())).unwrap();
        let mut acknowledged = Vec::new();
        work(&store, |name| acknowledged.push(name.to_owned())).unwrap();
        breaker.arm(true);
        let made = store.backup(&backup);
        breaker.arm(false);
        if let Err(e) = &made {
            assert!(e.to_string().contains("disk is full"), "{e}");
        }
        // What could not be made is no store, unless all that failed was to say so.
        match Store::open(&backup, options()) {
            Ok(copy) => {
                assert_eq!(copy.notes(), [] as [&str; 0]);
                is_whole(&copy, &acknowledged);
            }
            Err(e) => assert!(made.is_err() && e.to_string().contains("no store"), "{e}"),
        }
        // The store itself goes on.
        store.append_leaf(&leaf(LeafKind::Missed, "after"), None).unwrap();
        is_whole(&store, &acknowledged);
        made.is_ok()
    });
    assert!(steps.contains(&Step::Copy) && steps.contains(&Step::Pack), "{steps:?}");
}

#[test]
fn of_the_sweep_at_a_start() {
    let steps = each_step(true, |breaker| {
        let dir = tempfile::tempdir().unwrap();
        drop(create(dir.path()));
        // A pack that no leaf came to refer to.
        let store = Store::open(dir.path(), with(Arc::new(AtPublish))).unwrap();
        work(&store, |_| ()).unwrap_err();
        drop(store);
        let opened = Store::open(dir.path(), with(breaker));
        let ended = opened.is_ok();
        drop(opened);
        let store = Store::open(dir.path(), options()).unwrap();
        is_whole(&store, &[]);
        assert_eq!(crate::runs::walk_files(&dir.path().join("packs")), [] as [std::path::PathBuf; 0]);
        ended
    });
    assert!(steps.contains(&Step::Sweep), "{steps:?}");
}

/// Stops every commit before its leaf is published.
struct AtPublish;

impl Faults for AtPublish {
    fn before(&self, step: Step) -> io::Result<()> {
        if step == Step::Publish { Err(io::Error::other("stopped")) } else { Ok(()) }
    }
}
