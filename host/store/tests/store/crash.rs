//! A crash at every durable step: the folder is copied as it stands at that moment, which is what `kill -9`
//! leaves, and the copy is opened.

use crate::check::copy_dir;
use crate::world::*;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Shape;
use exhibit_evidence::run::RunId;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::statement::LeafKind;
use exhibit_store::{Document, Faults, OpenOptions, RunFilter, Step, Store};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Roots by size, over every checkpoint that was ever seen.
pub(crate) type Roots = BTreeMap<u64, Digest>;

pub(crate) fn note_root(roots: &mut Roots, dir: &Path) {
    if let Ok(bytes) = std::fs::read(dir.join("log/checkpoint")) {
        let head = *Checkpoint::open(&bytes, ORIGIN, &[signer().verifier().clone()]).unwrap().head();
        assert_eq!(
            *roots.entry(head.size).or_insert(head.root),
            head.root,
            "two roots for size {}",
            head.size
        );
    }
}

/// The work that is interrupted: runs that add, change and remove, and leaves.
pub(crate) fn work(store: &Store, mut acknowledged: impl FnMut(&str)) -> Result<(), String> {
    for day in 0..3_i64 {
        let started_at = at("2026-03-30T00:00:00Z").plus_ms(day * DAY_MS);
        if store.runs(&RunFilter::default()).unwrap().iter().any(|run| run.started_at == started_at) {
            continue;
        }
        let stage = begin(store, started_at);
        let body = vec![b'x'; 3000 + day as usize];
        stage
            .exchange(&exchange(0, "https://example.com/users", &body), None, Some(&body))
            .map_err(|e| e.to_string())?;
        for i in 0..6 + day {
            stage
                .record(&account(&format!("id-{i}"), &format!("{}", i + day % 2)))
                .map_err(|e| e.to_string())?;
        }
        let (run, _) = commit(stage, &ends(&kind(), Shape::State, true)).map_err(|e| e.to_string())?;
        acknowledged(run.as_str());
    }
    for (about, bytes) in [("missed", None), ("minutes", Some(b"the minutes".as_slice()))] {
        let statement = leaf(LeafKind::Upload, about);
        if store.leaves(None).unwrap().iter().any(|leaf| leaf.statement == Digest::of(&statement)) {
            continue;
        }
        let document = bytes.map(|bytes| Document { bytes, at: at("2026-04-02T00:00:00Z") });
        store.append_leaf(&statement, document).map_err(|e| e.to_string())?;
        acknowledged(&Digest::of(&statement).to_string());
    }
    Ok(())
}

/// Everything acknowledged is there, and nothing is wrong.
pub(crate) fn is_whole(store: &Store, acknowledged: &[String]) {
    let runs: Vec<RunId> = store.runs(&RunFilter::default()).unwrap().into_iter().map(|r| r.run).collect();
    let leaves: Vec<String> =
        store.leaves(None).unwrap().into_iter().map(|l| l.statement.to_string()).collect();
    for name in acknowledged {
        assert!(runs.iter().any(|r| r.as_str() == name) || leaves.contains(name), "{name} is gone");
    }
    let report = store.check(&|_, _| ());
    assert_eq!(report.problems, []);
}

pub(crate) fn with(faults: Arc<dyn Faults>) -> OpenOptions {
    OpenOptions { faults: Some(faults), ..options() }
}

/// Copies the folder before every step.
struct Camera {
    dir: PathBuf,
    shots: Mutex<Vec<Shot>>,
    acknowledged: Mutex<Vec<String>>,
    roots: Mutex<Roots>,
}

/// The folder before a step, with what was acknowledged and which roots could be seen by then.
struct Shot {
    step: Step,
    copy: tempfile::TempDir,
    acknowledged: usize,
    roots: Roots,
}

impl Faults for Camera {
    fn before(&self, step: Step) -> io::Result<()> {
        let copy = tempfile::tempdir()?;
        copy_dir(&self.dir, copy.path());
        let mut roots = self.roots.lock().unwrap();
        note_root(&mut roots, copy.path());
        let acknowledged = self.acknowledged.lock().unwrap().len();
        self.shots.lock().unwrap().push(Shot { step, copy, acknowledged, roots: roots.clone() });
        Ok(())
    }
}

#[test]
fn killed_before_any_step() {
    let dir = tempfile::tempdir().unwrap();
    drop(create(dir.path()));
    let camera = Arc::new(Camera {
        dir: dir.path().to_owned(),
        shots: Mutex::default(),
        acknowledged: Mutex::default(),
        roots: Mutex::default(),
    });
    let store = Store::open(dir.path(), with(camera.clone())).unwrap();
    work(&store, |name| camera.acknowledged.lock().unwrap().push(name.to_owned())).unwrap();
    drop(store);
    let acknowledged = camera.acknowledged.lock().unwrap().clone();
    let shots = std::mem::take(&mut *camera.shots.lock().unwrap());
    let steps: std::collections::BTreeSet<Step> = shots.iter().map(|shot| shot.step).collect();
    assert_eq!(steps.len(), 8, "{steps:?}");
    for Shot { step, copy, acknowledged: known, mut roots } in shots {
        let store =
            Store::open(copy.path(), options()).unwrap_or_else(|e| panic!("killed before {step:?}: {e}"));
        note_root(&mut roots, copy.path());
        is_whole(&store, &acknowledged[..known]);
        assert!(!copy.path().join("staging").exists());
        // The rest of the work can be done.
        work(&store, |_| note_root(&mut roots, copy.path())).unwrap();
        is_whole(&store, &acknowledged);
    }
}

#[test]
fn nothing_follows_a_commit_that_panicked() {
    struct Panics(std::sync::atomic::AtomicBool);
    impl Faults for Panics {
        fn after(&self, step: Step) -> io::Result<()> {
            let now = step == Step::Publish && !self.0.swap(true, std::sync::atomic::Ordering::Relaxed);
            if now { panic!("sled, on a disk that is full") } else { Ok(()) }
        }

        fn before(&self, _: Step) -> io::Result<()> {
            Ok(())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    drop(create(dir.path()));
    let store = Store::open(dir.path(), with(Arc::new(Panics(false.into())))).unwrap();
    let first = catch_unwind(AssertUnwindSafe(|| store.append_leaf(&leaf(LeafKind::Missed, "first"), None)));
    assert!(first.is_err());
    let second = store.append_leaf(&leaf(LeafKind::Missed, "second"), None).unwrap_err().to_string();
    assert!(second.contains("halfway (it panicked)"), "{second}");
    drop(store);
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(store.append_leaf(&leaf(LeafKind::Missed, "second"), None).unwrap().leaf, 1);
    is_whole(&store, &[]);
}

#[test]
fn a_store_that_is_ahead_shows_nothing_until_it_can_sign() {
    let dir = tempfile::tempdir().unwrap();
    drop(create(dir.path()));
    struct AtCheckpoint;
    impl Faults for AtCheckpoint {
        fn before(&self, step: Step) -> io::Result<()> {
            if step == Step::Checkpoint { Err(io::Error::other("pulled the plug")) } else { Ok(()) }
        }
    }
    let store = Store::open(dir.path(), with(Arc::new(AtCheckpoint))).unwrap();
    assert!(work(&store, |_| ()).unwrap_err().contains("pulled the plug"));
    assert!(store.runs(&RunFilter::default()).unwrap().is_empty());
    assert!(store.datasets().unwrap().is_empty());
    let halted = store.append_leaf(&leaf(LeafKind::Missed, "x"), None).unwrap_err().to_string();
    assert!(halted.contains("halfway"), "{halted}");
    drop(store);
    let reader = Store::open(dir.path(), OpenOptions::default()).unwrap();
    assert!(reader.runs(&RunFilter::default()).unwrap().is_empty());
    assert!(reader.notes()[0].contains("not yet signed"), "{:?}", reader.notes());
    drop(reader);
    let store = Store::open(dir.path(), options()).unwrap();
    assert!(store.notes()[0].contains("now signed"), "{:?}", store.notes());
    assert_eq!(store.runs(&RunFilter::default()).unwrap().len(), 1);
    assert_eq!(store.check(&|_, _| ()).problems, []);
}
