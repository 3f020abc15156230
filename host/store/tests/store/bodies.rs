//! Bodies: stored once, and as differences.

use crate::runs::walk_files;
use crate::world::*;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Shape;
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::Timestamp;
use exhibit_store::Store;

const PAGES: u32 = 10;

/// A page of users, 200 of them, some with a changed value.
fn page(number: u32, version_of: impl Fn(u32) -> u32) -> Vec<u8> {
    let user = |i: u32| {
        let id = number * 200 + i;
        let version = version_of(id);
        format!(
            r#"{{"id":"00u{id:06}","token":"{}","login":"user{id}@example.com"}}"#,
            Digest::of(format!("{id} {version}"))
        )
    };
    format!("[{}]", (0..200).map(user).collect::<Vec<_>>().join(",")).into_bytes()
}

fn collect(store: &Store, started_at: Timestamp, pages: &[Vec<u8>]) -> RunId {
    let stage = begin(store, started_at);
    for (number, body) in (0..).zip(pages) {
        let url = format!("https://example.okta.com/api/v1/users?page={number}");
        stage.exchange(&exchange(number, &url, body), None, Some(body)).unwrap();
    }
    stage.record(&account("a", "1")).unwrap();
    commit(stage, &ends(&kind(), Shape::State, true)).unwrap().0
}

fn packs_bytes(store: &Store) -> u64 {
    walk_files(&store.dir().join("packs")).iter().map(|p| p.metadata().unwrap().len()).sum()
}

#[test]
fn an_unchanged_day_adds_next_to_nothing_and_a_change_little() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let start = at("2026-01-05T00:00:00Z");
    let day = |n: i64| start.plus_ms(n * DAY_MS);
    let mut expected: Vec<(RunId, Vec<Vec<u8>>)> = Vec::new();
    let pages: Vec<_> = (0..PAGES).map(|n| page(n, |_| 0)).collect();
    expected.push((collect(&store, day(0), &pages), pages.clone()));
    let first = packs_bytes(&store);
    expected.push((collect(&store, day(1), &pages), pages.clone()));
    let second = packs_bytes(&store) - first;
    assert!(second < 4000, "an unchanged day took {second} bytes beside {first}");
    // Two users a page change; every page's body differs.
    let mut changed_days = 0;
    for n in 2..12_u32 {
        let pages: Vec<_> = (0..PAGES).map(|p| page(p, |id| if id % 100 == n { n } else { 0 })).collect();
        let before = packs_bytes(&store);
        expected.push((collect(&store, day(i64::from(n)), &pages), pages));
        changed_days += packs_bytes(&store) - before;
    }
    assert!(changed_days / 10 < first / 8, "{changed_days} over ten days beside {first}");
    drop(store);
    let store = Store::open(dir.path(), options()).unwrap();
    for (run, pages) in &expected {
        for body in pages {
            assert_eq!(store.body(run, &Digest::of(body)).unwrap(), *body);
        }
    }
    assert!(store.body(&expected[0].0, &Digest::of("never seen")).is_err());
}

#[test]
fn differences_that_outweigh_are_written_whole_and_quarters_stand_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let start = at("2026-03-20T00:00:00Z");
    let mut expected = Vec::new();
    for n in 0..20_u32 {
        // A tenth changes each day and stays changed, so that the first page is soon no use.
        let body = page(0, |id| if id % 10 <= n % 10 { n } else { 0 });
        let started_at = start.plus_ms(i64::from(n) * DAY_MS);
        expected.push((collect(&store, started_at, std::slice::from_ref(&body)), body));
    }
    for (run, body) in &expected {
        assert_eq!(store.body(run, &Digest::of(body)).unwrap(), *body);
    }
    // Without the first quarter's packs the second's bodies are still whole.
    let quarter = |run: &RunId| store.manifest(run).unwrap().datasets[0].bucket.clone();
    let second: Vec<_> = expected.iter().filter(|(run, _)| quarter(run) == "2026-Q2").cloned().collect();
    assert_eq!(second.len(), 8);
    let first_packs = walk_files(&dir.path().join("keys"));
    assert_eq!(first_packs.len(), 2);
    drop(store);
    std::fs::remove_file(dir.path().join("keys/okta-prod/2026-Q1.key")).unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    for (run, body) in &second {
        assert_eq!(store.body(run, &Digest::of(body)).unwrap(), *body);
    }
    assert!(store.body(&expected[0].0, &Digest::of(&expected[0].1)).is_err());
}

#[test]
fn one_body_for_many_requests_and_many_bodies_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let mut runs = Vec::new();
    for n in 0..4_u8 {
        let stage = begin(&store, at("2026-01-05T00:00:00Z").plus_ms(i64::from(n) * DAY_MS));
        let bodies: Vec<Vec<u8>> = (0..3_u8).map(|i| vec![b'a' + (n + i) % 4; 5000]).collect();
        for (page, body) in (0..).zip(&bodies) {
            // The same request three times over, as a poll does; and another with the same answer.
            stage.exchange(&exchange(page, "https://example.com/poll", body), None, Some(body)).unwrap();
            let mut sent = exchange(page + 10, "https://example.com/graph", body);
            sent.request_body = Some(Digest::of(b"query"));
            stage.exchange(&sent, Some(b"query"), Some(body)).unwrap();
        }
        runs.push((commit(stage, &ends(&kind(), Shape::State, true)).unwrap().0, bodies));
    }
    for (run, bodies) in &runs {
        assert_eq!(store.body(run, &Digest::of(b"query")).unwrap(), b"query");
        for body in bodies {
            assert_eq!(store.body(run, &Digest::of(body)).unwrap(), *body);
        }
    }
}
