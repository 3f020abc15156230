//! State datasets: keyframes, deltas, roots, and what a run did not see.

use crate::world::*;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::record::RecordKey;
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::Span;
use exhibit_ledger::tree::root_of;
use exhibit_store::{Change, Difference, Store};

fn whole_year() -> Span {
    Span { start: at("2026-01-01T00:00:00Z"), end: at("2027-01-01T00:00:00Z") }
}

/// A snapshot's root, computed from intervals' salts and the snapshot's lines, by the ledger's own tree.
fn root_of_snapshot(store: &Store, run: &RunId) -> Digest {
    let manifest = store.manifest(run).unwrap();
    let intervals = store.intervals(&source(), &kind(), whole_year()).unwrap();
    let place = intervals.runs().iter().position(|r| r == run).unwrap();
    let held: Vec<_> = intervals
        .map(|i| i.unwrap())
        .filter(|i| i.held.iter().any(|(first, last)| (*first..=*last).contains(&place)))
        .collect();
    let lines: Vec<_> = store.snapshot(&source(), &kind(), run).unwrap().map(|l| l.unwrap()).collect();
    assert_eq!(held.len(), lines.len());
    let bucket = &manifest.datasets[0].bucket;
    root_of(lines.iter().zip(&held).map(|(line, interval)| {
        assert_eq!((&line.key, &line.line), (&interval.key, &interval.line));
        interval.salts[bucket].leaf(&Digest::of(&line.line))
    }))
}

#[test]
fn added_changed_removed_and_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let one = accounts(&store, at("2026-01-01T00:00:00Z"), &[("a", "1"), ("b", "1"), ("c", "1")]);
    let two = accounts(&store, at("2026-01-02T00:00:00Z"), &[("b", "1"), ("c", "2"), ("d", "1")]);
    let three = accounts(&store, at("2026-01-03T00:00:00Z"), &[("b", "1"), ("c", "2"), ("d", "1")]);
    assert_eq!(snapshot(&store, &kind(), &one), pairs(&[("a", "1"), ("b", "1"), ("c", "1")]));
    assert_eq!(snapshot(&store, &kind(), &two), pairs(&[("b", "1"), ("c", "2"), ("d", "1")]));
    assert_eq!(snapshot(&store, &kind(), &three), snapshot(&store, &kind(), &two));
    let facts = store.manifest(&two).unwrap().datasets[0].clone();
    assert_eq!((facts.records, facts.added, facts.changed, facts.removed), (3, 1, 1, 1));
    let same = store.manifest(&three).unwrap().datasets[0].clone();
    assert_eq!((same.added, same.changed, same.removed, same.root), (0, 0, 0, facts.root));
    let diff: Vec<_> = store.diff(&source(), &kind(), &one, &two).unwrap().map(|d| d.unwrap()).collect();
    assert!(matches!(&diff[0], Difference::Removed(line) if line.key == RecordKey("a".into())));
    assert!(matches!(&diff[1], Difference::Changed { key, .. } if key.as_str() == "c"));
    assert!(matches!(&diff[2], Difference::Added(line) if line.key == RecordKey("d".into())));
    assert_eq!(diff.len(), 3);
    assert_eq!(store.diff(&source(), &kind(), &two, &three).unwrap().count(), 0);
    for run in [&one, &two, &three] {
        assert_eq!(root_of_snapshot(&store, run), store.manifest(run).unwrap().datasets[0].root);
    }
    let changes = |id: &str| -> Vec<_> {
        let history = store.history(&source(), &kind(), id).unwrap();
        history.into_iter().map(|h| (h.run, h.change)).collect()
    };
    assert_eq!(changes("a"), [(one.clone(), Change::Added), (two.clone(), Change::Removed)]);
    assert_eq!(changes("c"), [(one.clone(), Change::Added), (two, Change::Changed)]);
    assert_eq!(changes("b"), [(one, Change::Added)]);
    assert_eq!(changes("nobody"), []);
}

#[test]
fn what_an_incomplete_run_did_not_see_is_not_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let full = [("a", "1"), ("b", "1"), ("c", "1")];
    let one = accounts(&store, at("2026-01-01T00:00:00Z"), &full);
    let two = accounts_with(&store, at("2026-01-02T00:00:00Z"), &[("a", "1")], false);
    let three = accounts_with(&store, at("2026-01-03T00:00:00Z"), &[("a", "2")], false);
    let four = accounts(&store, at("2026-01-04T00:00:00Z"), &full);
    let five = accounts(&store, at("2026-01-05T00:00:00Z"), &[("a", "1")]);
    let facts = |run: &RunId| store.manifest(run).unwrap().datasets[0].clone();
    assert_eq!((facts(&two).records, facts(&two).unobserved, facts(&two).removed), (1, 2, 0));
    assert_eq!((facts(&three).unobserved, facts(&three).changed), (2, 1));
    // Seen again as they were: not added.
    assert_eq!((facts(&four).records, facts(&four).added, facts(&four).changed), (3, 0, 1));
    assert_eq!(facts(&five).removed, 2);
    assert_eq!(snapshot(&store, &kind(), &two), pairs(&[("a", "1")]));
    assert_eq!(snapshot(&store, &kind(), &four), pairs(&full));
    let changes: Vec<_> =
        store.history(&source(), &kind(), "b").unwrap().into_iter().map(|h| (h.run, h.change)).collect();
    assert_eq!(
        changes,
        [
            (one.clone(), Change::Added),
            (two.clone(), Change::Unobserved),
            (four.clone(), Change::SeenAgain),
            (five.clone(), Change::Removed)
        ]
    );
    let held: Vec<_> = store
        .intervals(&source(), &kind(), whole_year())
        .unwrap()
        .map(|i| i.unwrap())
        .map(|i| (i.key.0, note_of(&i.line).1, i.held))
        .collect();
    assert_eq!(
        held,
        [
            ("a".to_owned(), "1".to_owned(), vec![(0, 1), (3, 4)]),
            ("a".to_owned(), "2".to_owned(), vec![(2, 2)]),
            ("b".to_owned(), "1".to_owned(), vec![(0, 0), (3, 3)]),
            ("c".to_owned(), "1".to_owned(), vec![(0, 0), (3, 3)]),
        ]
    );
}

#[test]
fn a_new_quarter_begins_with_everything_and_other_salts() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let one = accounts(&store, at("2026-03-31T00:00:00Z"), &[("a", "1"), ("b", "1")]);
    let unseen = accounts_with(&store, at("2026-03-31T12:00:00Z"), &[("a", "1")], false);
    let two = accounts_with(&store, at("2026-04-01T00:00:00Z"), &[("a", "1")], false);
    let three = accounts(&store, at("2026-04-02T00:00:00Z"), &[("a", "1"), ("b", "1")]);
    let facts = |run: &RunId| store.manifest(run).unwrap().datasets[0].clone();
    assert_eq!((facts(&one).bucket.as_str(), facts(&two).bucket.as_str()), ("2026-Q1", "2026-Q2"));
    assert_eq!((facts(&two).added, facts(&two).unobserved), (0, 1));
    assert_eq!((facts(&three).added, facts(&three).changed), (0, 0));
    assert_ne!(facts(&one).root, facts(&three).root);
    for run in [&one, &unseen, &two, &three] {
        assert_eq!(root_of_snapshot(&store, run), facts(run).root);
    }
    let spring = Span { start: at("2026-04-01T00:00:00Z"), end: at("2026-07-01T00:00:00Z") };
    let intervals = store.intervals(&source(), &kind(), spring).unwrap();
    assert_eq!(intervals.runs(), [two, three]);
    let b = intervals.map(|i| i.unwrap()).find(|i| i.key.as_str() == "b").unwrap();
    assert_eq!(b.held, [(1, 1)]);
    assert_eq!(b.salts.keys().collect::<Vec<_>>(), ["2026-Q2"]);
}

#[test]
fn deltas_that_outweigh_their_keyframe_make_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let mut people: Vec<(String, String)> = (0..200).map(|i| (format!("id-{i:04}"), noise(i, 0))).collect();
    let mut runs = Vec::new();
    for day in 0..30 {
        for i in 0..20 {
            let i = (day * 37 + i * 11) % people.len();
            people[i].1 = noise(i, day + 1);
        }
        let now: Vec<_> = people.iter().map(|(id, note)| (id.as_str(), note.as_str())).collect();
        let started_at = at("2026-01-01T00:00:00Z").plus_ms(day as i64 * DAY_MS);
        runs.push((accounts(&store, started_at, &now), pairs(&now)));
    }
    let bytes: u64 =
        crate::runs::walk_files(&dir.path().join("packs")).iter().map(|p| p.metadata().unwrap().len()).sum();
    for (run, expected) in &runs {
        assert_eq!(snapshot(&store, &kind(), run), *expected);
        assert_eq!(root_of_snapshot(&store, run), store.manifest(run).unwrap().datasets[0].root);
    }
    // Thirty full copies would be thirty times the first pack's records, which are noise and do not compress.
    let copies = 30 * 200 * 400;
    assert!(bytes < copies / 3, "{bytes} of {copies}");
}

/// 400 hex digits that differ with both numbers.
fn noise(i: usize, day: usize) -> String {
    (0..7).map(|part| Digest::of(format!("{i} {day} {part}")).to_string()).collect::<String>()[..400]
        .to_owned()
}

#[test]
fn large_records_stay_in_packs() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let policy: String = (0..500).map(|i| Digest::of(format!("{i}")).to_string()).collect();
    let list = [("a", "1"), ("big", policy.as_str()), ("c", "1")];
    let run = accounts(&store, at("2026-01-01T00:00:00Z"), &list);
    assert_eq!(snapshot(&store, &kind(), &run), pairs(&list));
    let blobs = dir.path().join("sled/blobs");
    assert!(crate::runs::walk_files(&blobs).is_empty());
}

#[test]
fn awkward_keys() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let long = "k".repeat(900);
    let (longer, longest) = (format!("{long}a"), format!("{long}b"));
    let list = [
        ("a", "1"),
        ("a b", "1"),
        (long.as_str(), "1"),
        (longer.as_str(), "1"),
        (longest.as_str(), "2"),
        ("é", "1"),
    ];
    let run = accounts(&store, at("2026-01-01T00:00:00Z"), &list);
    assert_eq!(snapshot(&store, &kind(), &run), pairs(&list));
    for (id, _) in list {
        assert_eq!(store.history(&source(), &kind(), id).unwrap().len(), 1, "{id}");
    }
    let stage = begin(&store, at("2026-01-02T00:00:00Z"));
    assert!(stage.record(&account("nul\0", "1")).is_err());
    assert!(stage.record(&account(&"x".repeat(1025), "1")).is_err());
}
