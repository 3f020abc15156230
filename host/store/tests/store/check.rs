//! Checking, rebuilding, backup and restore, and stores that are damaged.

use crate::runs::walk_files;
use crate::world::*;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Shape;
use exhibit_evidence::run::{Fill, RunId, Verdict};
use exhibit_evidence::time::Timestamp;
use exhibit_ledger::statement::LeafKind;
use exhibit_store::{BackupError, Document, RunFilter, Store};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A store with some of everything; answers with its runs.
pub(crate) fn furnish(store: &Store) -> Vec<RunId> {
    let mut runs = Vec::new();
    for day in 0..6_u32 {
        let started_at = at("2026-03-29T00:00:00Z").plus_ms(i64::from(day) * DAY_MS);
        let stage = begin(store, started_at);
        let body = format!("[{}]", "{\"id\":\"00u1\"},".repeat(300 + day as usize));
        let url = "https://example.okta.com/api/v1/users";
        stage.exchange(&exchange(0, url, body.as_bytes()), None, Some(body.as_bytes())).unwrap();
        stage.walk(&walk()).unwrap();
        stage.log(b"{\"message\":\"hello\"}").unwrap();
        for i in 0..40_u32 {
            let note = format!("{}", if i % 7 == day { day } else { 0 });
            stage.record(&account(&format!("id-{i:03}"), &note)).unwrap();
        }
        let when = Timestamp::from_ms(started_at.as_ms() - 1000);
        stage.record(&record(&event_kind(), "e", Some(when), "in")).unwrap();
        let mut kinds = ends(&kind(), Shape::State, day != 3);
        kinds.extend(ends(&event_kind(), Shape::Event, true));
        let fill = Fill {
            control: "AC-03".parse().unwrap(),
            period: started_at.to_string()[..10].parse().unwrap(),
            kind: kind(),
        };
        let state = BTreeMap::from([("cursor".to_owned(), day.to_string().into_bytes())]);
        runs.push(commit_with(stage, &kinds, vec![fill], Verdict::Complete, &state).unwrap().0);
    }
    store.append_leaf(&leaf(LeafKind::Missed, "AC-04"), None).unwrap();
    let document = Document { bytes: b"minutes of the board", at: at("2026-04-04T00:00:00Z") };
    store.append_leaf(&leaf(LeafKind::Upload, "minutes"), Some(document)).unwrap();
    runs
}

/// All that a store answers, as one digest.
pub(crate) fn answers(store: &Store) -> Digest {
    let mut all = String::new();
    for run in store.runs(&RunFilter::default()).unwrap() {
        all += &format!("{run:?}");
        let manifest = store.manifest(&run.run).unwrap();
        all += &format!("{manifest:?}{:?}", store.exchanges(&run.run).unwrap());
        for exchange in store.exchanges(&run.run).unwrap() {
            if let exhibit_evidence::exchange::Answer::Response { body, .. } = exchange.answer {
                assert_eq!(Digest::of(store.body(&run.run, &body).unwrap()), body);
            }
        }
        for dataset in manifest.datasets {
            let lines: Vec<_> =
                store.snapshot(&run.source, &dataset.kind, &run.run).unwrap().map(|l| l.unwrap()).collect();
            all += &format!("{lines:?}{:?}", store.provenance(&run.run, &dataset.kind).unwrap());
        }
    }
    let year =
        exhibit_evidence::time::Span { start: at("2026-01-01T00:00:00Z"), end: at("2027-01-01T00:00:00Z") };
    all += &format!("{:?}{:?}", store.coverage(&"AC-03".parse().unwrap(), year), store.datasets());
    for leaf in store.leaves(None).unwrap() {
        all += &format!("{leaf:?}{:?}{:?}", store.statement(leaf.index), store.document(leaf.index));
    }
    all += &format!("{:?}{:?}", store.state(&source()), store.checkpoint());
    Digest::of(all)
}

pub(crate) fn copy_dir(from: &Path, to: &Path) {
    for file in walk_files(from) {
        let dest = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(dest.parent().unwrap()).unwrap();
        std::fs::copy(&file, dest).unwrap();
    }
}

#[test]
fn a_sound_store_has_no_problems() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let runs = furnish(&store);
    let steps = std::cell::RefCell::new(Vec::new());
    let report = store.check(&|done, total| steps.borrow_mut().push((done, total)));
    assert_eq!(report.problems, []);
    assert_eq!(report.unchecked, []);
    assert_eq!((report.runs, report.leaves, report.packs), (runs.len() as u64, 8, 7));
    let steps = steps.into_inner();
    assert!(steps.is_sorted() && steps.last().is_some_and(|(done, total)| done == total), "{steps:?}");
    // Runs that go on do not disturb it.
    let stage = begin(&store, at("2026-05-01T00:00:00Z"));
    stage.record(&account("a", "1")).unwrap();
    let merged = stage.merge(&ends(&kind(), Shape::State, true)).unwrap();
    assert_eq!(store.check(&|_, _| ()).problems, []);
    drop(merged);
    assert_eq!(store.check(&|_, _| ()).problems, []);
}

#[test]
fn an_index_is_built_again_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    furnish(&store);
    let expected = answers(&store);
    drop(store);
    let store = Store::rebuild(dir.path(), options()).unwrap();
    assert_eq!(answers(&store), expected);
    assert_eq!(store.check(&|_, _| ()).problems, []);
    drop(store);
    assert!(!dir.path().join("sled.damaged-1").exists());

    std::fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    assert!(store.notes()[0].contains("built again"), "{:?}", store.notes());
    assert_eq!(answers(&store), expected);
    drop(store);

    // Not a database at all.
    for file in walk_files(&dir.path().join("sled")) {
        std::fs::write(file, b"not sled").unwrap();
    }
    let store = Store::open(dir.path(), options()).unwrap();
    assert!(store.notes()[0].contains("sled.damaged-"), "{:?}", store.notes());
    assert_eq!(answers(&store), expected);
    let aside = ["sled.damaged-1", "sled.damaged-2"].map(|name| dir.path().join(name));
    assert_eq!(store.check(&|_, _| ()).aside, aside, "the empty one and this one are named");
    // And it goes on.
    accounts(&store, at("2026-06-01T00:00:00Z"), &[("a", "1")]);
    assert_eq!(store.check(&|_, _| ()).problems, []);
}

#[test]
fn a_backup_of_a_live_store_is_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let room = tempfile::tempdir().unwrap();
    let (backup, restored) = (room.path().join("backup"), room.path().join("restored"));
    let store = create(dir.path());
    furnish(&store);
    let expected = answers(&store);
    let stage = begin(&store, at("2026-05-01T00:00:00Z"));
    stage.record(&account("a", "1")).unwrap();
    store.backup(&backup).unwrap();
    assert!(matches!(store.backup(&backup), Err(BackupError::NotEmpty(_))));
    commit(stage, &ends(&kind(), Shape::State, true)).unwrap();
    assert_ne!(answers(&store), expected);
    Store::restore(&backup, &restored).unwrap();
    for place in [&backup, &restored] {
        let copy = Store::open(place, options()).unwrap();
        assert!(copy.notes().is_empty(), "{:?}", copy.notes());
        assert_eq!(answers(&copy), expected);
        assert_eq!(copy.check(&|_, _| ()).problems, []);
        accounts(&copy, at("2026-06-01T00:00:00Z"), &[("a", "1")]);
    }
}

#[test]
fn a_backup_copies_what_is_sound_and_names_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let room = tempfile::tempdir().unwrap();
    let (backup, restored) = (room.path().join("backup"), room.path().join("restored"));
    let store = create(dir.path());
    let runs = furnish(&store);
    assert_eq!(store.backup(&room.path().join("sound")).unwrap(), []);
    let packs = walk_files(&dir.path().join("packs"));
    let (damaged, gone) = (&packs[1], &packs[3]);
    flip(damaged, 100);
    std::fs::remove_file(gone).unwrap();
    let mut left_out: Vec<String> = store.backup(&backup).unwrap().into_iter().map(|p| p.place).collect();
    left_out.sort();
    let named = |pack: &Path| pack.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned();
    let mut expected = [named(damaged), named(gone)];
    expected.sort();
    assert_eq!(left_out, expected);
    assert_eq!(walk_files(&backup.join("packs")).len(), packs.len() - 2);
    // It is a store like this one, and with the two packs back it lacks nothing.
    Store::restore(&backup, &restored).unwrap();
    let copy = Store::open(&restored, options()).unwrap();
    assert_eq!(copy.head(), store.head());
    let said = format!("{:?}", copy.check(&|_, _| ()).problems);
    assert!(expected.iter().all(|pack| said.contains(pack)), "{said}");
    drop(copy);
    for pack in &expected {
        std::fs::create_dir_all(restored.join(pack).parent().unwrap()).unwrap();
        std::fs::copy(room.path().join("sound").join(pack), restored.join(pack)).unwrap();
    }
    let copy = Store::open(&restored, options()).unwrap();
    assert_eq!(copy.check(&|_, _| ()).problems, []);
    assert_eq!(copy.runs(&RunFilter::default()).unwrap().len(), runs.len());
}

#[test]
fn a_seal_that_is_lost_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let before = walk_files(&dir.path().join("packs"));
    let document = Document { bytes: b"every period with its outcome", at: at("2026-07-01T00:00:00Z") };
    let sealed = store.append_leaf(&leaf(LeafKind::Seal, "2026-H1"), Some(document)).unwrap();
    drop(store);
    let pack = walk_files(&dir.path().join("packs")).into_iter().find(|pack| !before.contains(pack)).unwrap();
    let kept = std::fs::read(&pack).unwrap();
    std::fs::remove_file(&pack).unwrap();
    let store = Store::rebuild(dir.path(), options()).unwrap();
    let problems = store.check(&|_, _| ()).problems;
    let named = |p: &exhibit_store::Problem| {
        p.place == format!("leaf {}", sealed.leaf) && p.reason.contains("the pack with its seal is missing")
    };
    assert!(problems.iter().any(named), "{problems:?}");
    assert_eq!(store.document(sealed.leaf).unwrap(), None);
    drop(store);
    std::fs::write(&pack, kept).unwrap();
    let store = Store::rebuild(dir.path(), options()).unwrap();
    assert_eq!(store.check(&|_, _| ()).problems, []);
    assert_eq!(store.document(sealed.leaf).unwrap().unwrap(), b"every period with its outcome");
}

#[test]
fn a_backup_that_was_changed_is_not_put_back() {
    let dir = tempfile::tempdir().unwrap();
    let room = tempfile::tempdir().unwrap();
    let backup = room.path().join("backup");
    let store = create(dir.path());
    furnish(&store);
    store.backup(&backup).unwrap();
    assert!(matches!(Store::restore(dir.path(), &room.path().join("live")), Err(BackupError::Open(_))));
    for (number, part) in ["packs", "log"].into_iter().enumerate() {
        let copy = room.path().join(format!("copy-{number}"));
        copy_dir(&backup, &copy);
        let file = walk_files(&copy.join(part)).pop().unwrap();
        flip(&file, 20);
        let dest = room.path().join(format!("dest-{number}"));
        assert!(matches!(Store::restore(&copy, &dest), Err(BackupError::Damaged(_))), "{part}");
        assert!(!dest.join("format").exists());
    }
}

fn flip(file: &Path, place: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[place] ^= 0x10;
    std::fs::write(file, bytes).unwrap();
}

fn cut(file: &Path, length: usize) {
    std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(length as u64).unwrap();
}

/// Opens and checks a damaged store; answers with what was said of it, none where nothing was noticed.
fn noticed(dir: &Path) -> Option<String> {
    match Store::open(dir, options()) {
        Err(e) => Some(e.to_string()),
        Ok(store) => {
            let problems = store.check(&|_, _| ()).problems;
            let said = problems.iter().map(ToString::to_string).chain(store.notes().iter().cloned());
            let said: Vec<String> = said.collect();
            (!said.is_empty()).then(|| said.join("\n"))
        }
    }
}

#[test]
fn a_flipped_byte_and_a_missing_end_are_noticed_in_every_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    furnish(&store);
    let expected = answers(&store);
    drop(store);
    let mut files: Vec<PathBuf> =
        ["packs", "log", "keys"].iter().flat_map(|d| walk_files(&dir.path().join(d))).collect();
    files.push(dir.path().join("format"));
    let mut seed = 12345_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for file in files {
        let len = std::fs::metadata(&file).unwrap().len() as usize;
        for place in [0, len / 2, len - 1, random(len)] {
            let copy = tempfile::tempdir().unwrap();
            copy_dir(dir.path(), copy.path());
            let inside = file.strip_prefix(dir.path()).unwrap();
            flip(&copy.path().join(inside), place);
            let said = noticed(copy.path());
            assert!(said.is_some(), "byte {place} of {}", inside.display());
        }
        for length in [0, len / 2, len - 1] {
            let copy = tempfile::tempdir().unwrap();
            copy_dir(dir.path(), copy.path());
            let inside = file.strip_prefix(dir.path()).unwrap();
            cut(&copy.path().join(inside), length);
            let said = noticed(copy.path());
            assert!(said.is_some(), "{length} of {len} bytes of {}", inside.display());
        }
    }
    // sled has room in its files that nothing is in: there a flip may do nothing, and then it must do nothing.
    for file in walk_files(&dir.path().join("sled")) {
        let len = std::fs::metadata(&file).unwrap().len() as usize;
        for number in 0..16 {
            let copy = tempfile::tempdir().unwrap();
            copy_dir(dir.path(), copy.path());
            let inside = file.strip_prefix(dir.path()).unwrap();
            let place = random(len.max(1));
            let damage = if number % 4 == 0 { cut } else { flip };
            damage(&copy.path().join(inside), place);
            let said = noticed(copy.path());
            let store = Store::open(copy.path(), options()).unwrap();
            let mended = said.is_some();
            let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| answers(&store)));
            assert!(mended || again.is_ok_and(|a| a == expected), "byte {place} of {}", inside.display());
            drop(store);
            if mended {
                assert_eq!(answers(&Store::rebuild(copy.path(), options()).unwrap()), expected);
            }
        }
    }
}

#[test]
fn a_damaged_pack_costs_its_run_and_nothing_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let runs = furnish(&store);
    let held: Vec<_> = runs.iter().map(|run| snapshot(&store, &kind(), run)).collect();
    drop(store);
    let packs = walk_files(&dir.path().join("packs"));
    for pack in &packs {
        let len = std::fs::metadata(pack).unwrap().len() as usize;
        for place in [len / 3, len - 30] {
            let copy = tempfile::tempdir().unwrap();
            copy_dir(dir.path(), copy.path());
            let damaged = copy.path().join(pack.strip_prefix(dir.path()).unwrap());
            flip(&damaged, place);
            std::fs::remove_dir_all(copy.path().join("sled")).unwrap();
            let store = Store::open(copy.path(), options()).unwrap();
            assert!(damaged.exists());
            let problems = store.check(&|_, _| ()).problems;
            let name = damaged.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(problems.iter().any(|problem| problem.place.contains(&name)), "{problems:?}");
            // No more than the one run is lost; what stands on it is refused, and never made up.
            assert!(store.runs(&RunFilter::default()).unwrap().len() + 1 >= runs.len());
            for (run, held) in runs.iter().zip(&held) {
                if let Ok(records) = store.snapshot(&source(), &kind(), run) {
                    let records: Vec<_> = records.map(|line| note_of(&line.unwrap().line)).collect();
                    assert_eq!(records, *held, "{run}");
                }
            }
            // Collecting goes on, and when the pack comes back from a backup all is as if it had not been away.
            let as_before_the_last: Vec<_> =
                held[4].iter().map(|(id, n)| (id.as_str(), n.as_str())).collect();
            let next = accounts(&store, at("2026-04-20T00:00:00Z"), &as_before_the_last);
            accounts(&store, at("2026-04-21T00:00:00Z"), &[("a", "1"), ("b", "2")]);
            drop(store);
            std::fs::copy(pack, &damaged).unwrap();
            let store = Store::rebuild(copy.path(), options()).unwrap();
            assert_eq!(store.check(&|_, _| ()).problems, []);
            assert_eq!(snapshot(&store, &kind(), &next), held[4]);
            for (run, held) in runs.iter().zip(&held) {
                assert_eq!(snapshot(&store, &kind(), run), *held, "{run}");
            }
        }
    }
}

#[test]
fn files_that_are_gone_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    furnish(&store);
    drop(store);
    for folder in ["packs", "log", "keys"] {
        let file = walk_files(&dir.path().join(folder)).pop().unwrap();
        let copy = tempfile::tempdir().unwrap();
        copy_dir(dir.path(), copy.path());
        std::fs::remove_file(copy.path().join(file.strip_prefix(dir.path()).unwrap())).unwrap();
        let said = match Store::open(copy.path(), options()) {
            Err(e) => e.to_string(),
            Ok(store) => {
                let report = store.check(&|_, _| ());
                format!("{:?}{:?}", report.problems, report.unchecked)
            }
        };
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(said.contains(&name) || folder == "log", "{folder}: {said}");
        assert!(said.len() > 10, "{folder}: {said}");
    }
}
