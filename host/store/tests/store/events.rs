//! Events: collected with overlapping windows, kept once.

use crate::world::*;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Shape;
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_ledger::tree::root_of;
use exhibit_store::{Change, Store};

fn collect(store: &Store, started_at: &str, events: &[(&str, &str, &str)]) -> RunId {
    let stage = begin(store, at(started_at));
    for (id, when, note) in events {
        stage.record(&record(&event_kind(), id, Some(at(when)), note)).unwrap();
    }
    commit(stage, &ends(&event_kind(), Shape::Event, true)).unwrap().0
}

#[test]
fn overlapping_windows_add_only_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let one = collect(
        &store,
        "2026-03-31T02:00:00Z",
        &[("e1", "2026-03-31T01:00:00Z", "in"), ("e2", "2026-03-31T01:30:00Z", "in")],
    );
    let two = collect(
        &store,
        "2026-04-01T02:00:00Z",
        &[
            ("e2", "2026-03-31T01:30:00Z", "in"),
            ("e0", "2026-03-31T00:10:00Z", "late"),
            ("e3", "2026-03-31T23:00:00Z", "out"),
        ],
    );
    let three = collect(&store, "2026-04-01T03:00:00Z", &[("e3", "2026-03-31T23:00:00Z", "resolved")]);
    let facts = |run: &RunId| store.manifest(run).unwrap().datasets[0].clone();
    assert_eq!((facts(&one).records, facts(&one).added, facts(&one).already_held), (2, 2, 0));
    assert_eq!((facts(&two).records, facts(&two).added, facts(&two).already_held), (2, 2, 1));
    assert_eq!((facts(&three).records, facts(&three).changed, facts(&three).added), (1, 1, 0));
    let day = Span { start: at("2026-03-31T00:00:00Z"), end: at("2026-04-01T00:00:00Z") };
    let events: Vec<_> =
        store.events(&source(), &event_kind(), day).unwrap().map(|l| note_of(&l.unwrap().line)).collect();
    assert_eq!(events, pairs(&[("e0", "late"), ("e1", "in"), ("e2", "in"), ("e3", "resolved")]));
    let hour = Span { start: at("2026-03-31T01:00:00Z"), end: at("2026-03-31T01:30:00Z") };
    assert_eq!(store.events(&source(), &event_kind(), hour).unwrap().count(), 1);
    assert_eq!(snapshot(&store, &event_kind(), &two), pairs(&[("e0", "late"), ("e3", "out")]));
    let changes: Vec<_> = store
        .history(&source(), &event_kind(), "e3")
        .unwrap()
        .into_iter()
        .map(|h| (h.run, h.change))
        .collect();
    assert_eq!(changes, [(two.clone(), Change::Added), (three.clone(), Change::Changed)]);

    // The package's view: everything that the runs added, each with the run that did, and the runs' roots.
    let intervals = store.intervals(&source(), &event_kind(), day).unwrap();
    let runs = intervals.runs().to_vec();
    assert_eq!(runs, [one, two, three]);
    let all: Vec<_> = intervals.map(|i| i.unwrap()).collect();
    let held: Vec<_> = all.iter().map(|i| (note_of(&i.line), i.held.clone())).collect();
    let expected =
        [("e0", "late", 1), ("e1", "in", 0), ("e2", "in", 0), ("e3", "out", 1), ("e3", "resolved", 2)];
    let expected: Vec<_> =
        expected.map(|(id, note, run)| ((id.to_owned(), note.to_owned()), vec![(run, run)])).into();
    assert_eq!(held, expected);
    for (place, run) in runs.iter().enumerate() {
        let facts = facts(run);
        let added = all.iter().filter(|i| i.held == [(place, place)]);
        let root = root_of(added.map(|i| i.salts[&facts.bucket].leaf(&Digest::of(&i.line))));
        assert_eq!(root, facts.root);
    }
}

#[test]
fn a_run_without_events_is_evidence_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let run = collect(&store, "2026-03-31T02:00:00Z", &[]);
    let facts = store.manifest(&run).unwrap().datasets[0].clone();
    assert_eq!((facts.records, facts.root), (0, Digest::default()));
    assert_eq!(store.snapshot(&source(), &event_kind(), &run).unwrap().count(), 0);
    assert_eq!(store.datasets().unwrap()[0].runs, 1);
}

#[test]
fn thousands_of_events_across_many_runs() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let start = at("2026-01-01T00:00:00Z").as_ms();
    // Each run sees the last three hours, an event every ten seconds.
    for hour in 3..12_u64 {
        let stage = begin(&store, Timestamp::from_ms(start + hour * 3_600_000));
        for tick in (hour - 3) * 360..hour * 360 {
            let when = Timestamp::from_ms(start + tick * 10_000);
            stage.record(&record(&event_kind(), &format!("e{tick}"), Some(when), "x")).unwrap();
        }
        let (run, _) = commit(stage, &ends(&event_kind(), Shape::Event, true)).unwrap();
        let facts = store.manifest(&run).unwrap().datasets[0].clone();
        let expected = if hour == 3 { (1080, 0) } else { (360, 720) };
        assert_eq!((facts.added, facts.already_held), expected);
    }
    let all = Span { start: Timestamp::from_ms(0), end: Timestamp::from_ms(u64::MAX) };
    assert_eq!(store.events(&source(), &event_kind(), all).unwrap().count(), 11 * 360);
}
