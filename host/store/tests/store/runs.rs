//! A run from beginning to end, and leaves that are not runs.

use crate::world::*;
use exhibit_evidence::canonical;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Shape;
use exhibit_evidence::record::{Origin, Rejection};
use exhibit_evidence::run::Verdict;
use exhibit_evidence::time::Span;
use exhibit_ledger::statement::LeafKind;
use exhibit_ledger::tree::leaf_hash;
use exhibit_store::{
    CommitError, CreateOptions, Document, OpenError, OpenOptions, Recorded, RunFile, RunFilter, RunStart,
    StageError, Store,
};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn what_a_run_brought_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let started_at = at("2026-02-03T04:05:06Z");
    let stage = begin(&store, started_at);
    let body = br#"[{"id":"a"},{"id":"b"}]"#;
    let first = exchange(0, "https://example.okta.com/api/v1/users", body);
    let second = exchange(1, "https://example.okta.com/api/v1/users?after=2", b"[]");
    // Answers come in any order.
    stage.exchange(&second, None, Some(b"[]")).unwrap();
    stage.exchange(&first, None, Some(body)).unwrap();
    stage.walk(&walk()).unwrap();
    stage.log(br#"{"level":"info","message":"hello"}"#).unwrap();
    let rejection = Rejection {
        kind: "identity.account@1".into(),
        key: "x".into(),
        code: "schema".into(),
        reason: "status is missing".into(),
        origins: Vec::new(),
        body: Digest::of("{}"),
        excerpt: "{}".into(),
    };
    stage.reject(&rejection).unwrap();
    assert_eq!(stage.record(&account("b", "1")).unwrap(), Recorded::Accepted);
    assert_eq!(stage.record(&account("a", "1")).unwrap(), Recorded::Accepted);
    let mut again = account("a", "1");
    again.origins = vec![Origin { exchange: second.id, pointer: "/9".into() }];
    assert_eq!(stage.record(&again).unwrap(), Recorded::Repeated);
    assert_eq!(stage.record(&account("a", "2")).unwrap(), Recorded::Conflict);
    assert_eq!(stage.record(&again).unwrap(), Recorded::Repeated);
    let state = BTreeMap::from([("cursor".to_owned(), vec![0, 159, 146, 150])]);
    let ends = ends(&kind(), Shape::State, true);
    let (run, committed) = commit_with(stage, &ends, Vec::new(), Verdict::Complete, &state).unwrap();
    assert_eq!((committed.leaf, committed.tree_size), (0, 1));
    drop(store);

    let store = Store::open(dir.path(), options()).unwrap();
    assert!(store.notes().is_empty(), "{:?}", store.notes());
    let manifest = store.manifest(&run).unwrap();
    assert_eq!(manifest.datasets[0].records, 2);
    assert_eq!(manifest.datasets[0].added, 2);
    assert_eq!(manifest.rejected, BTreeMap::from([("schema".to_owned(), 1)]));
    assert_eq!(store.exchanges(&run).unwrap(), [first.clone(), second.clone()]);
    assert_eq!(store.body(&run, &Digest::of(body)).unwrap(), body);
    assert_eq!(store.walks(&run).unwrap(), [walk()]);
    assert_eq!(store.rejections(&run).unwrap(), [rejection]);
    assert_eq!(store.run_file(&run, &RunFile::Log).unwrap(), b"{\"level\":\"info\",\"message\":\"hello\"}\n");
    assert_eq!(store.replay_inputs(&run).unwrap().facts.run, run);
    assert_eq!(snapshot(&store, &kind(), &run), pairs(&[("a", "1"), ("b", "1")]));
    let provenance = store.provenance(&run, &kind()).unwrap();
    assert_eq!(provenance[0].key, "a");
    let pointers: Vec<_> = provenance[0].origins.iter().map(|o| o.pointer.as_str()).collect();
    assert_eq!(pointers, ["/a", "/9"]);
    assert_eq!(store.state(&source()).unwrap(), state);

    // What the manifest says, computed here from the files as an auditor would.
    let exchanges = store.run_file(&run, &RunFile::Exchanges).unwrap();
    let leaves: Vec<_> = exchanges.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(leaf_hash).collect();
    let root = exhibit_ledger::tree::node_hash(&leaves[0], &leaves[1]);
    assert_eq!(manifest.exchanges.root, root);
    assert_eq!(manifest.exchanges.count, 2);
    assert_eq!(manifest.exchanges.body_bytes, body.len() as u64 + 2);
    let walks = store.run_file(&run, &RunFile::Walks).unwrap();
    assert_eq!(manifest.walks, Digest::of(&walks));
    assert_eq!(walks, [canonical::to_bytes(&walk()).unwrap(), b"\n".to_vec()].concat());

    let runs = store.runs(&RunFilter::default()).unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].manifest, Digest::of(store.run_file(&run, &RunFile::Manifest).unwrap()));
    let statement = store.statement(0).unwrap();
    assert_eq!(statement, run_statement(&manifest));
    let proof = store.proof(0).unwrap();
    proof.verify(&statement, ORIGIN, &[signer().verifier().clone()]).unwrap();
}

#[test]
fn a_failed_run_is_kept_and_leaves_datasets_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let first = accounts(&store, at("2026-02-01T00:00:00Z"), &[("a", "1")]);
    let stage = begin(&store, at("2026-02-02T00:00:00Z"));
    stage.record(&account("b", "1")).unwrap();
    stage.log(b"{}").unwrap();
    let failed = Verdict::Failed("401 on /users".into());
    let (run, _) =
        commit_with(stage, &BTreeMap::new(), Vec::new(), failed.clone(), &BTreeMap::new()).unwrap();
    assert_eq!(store.manifest(&run).unwrap().verdict, failed);
    assert!(store.snapshot(&source(), &kind(), &run).is_err());
    assert_eq!(store.run_file(&run, &RunFile::Log).unwrap(), b"{}\n");
    let third = accounts(&store, at("2026-02-03T00:00:00Z"), &[("a", "1")]);
    assert_eq!(store.diff(&source(), &kind(), &first, &third).unwrap().count(), 0);
    assert_eq!(store.manifest(&third).unwrap().datasets[0].added, 0);
}

#[test]
fn what_is_not_committed_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let stage = begin(&store, at("2026-02-01T00:00:00Z"));
    stage.record(&account("a", "1")).unwrap();
    drop(stage.merge(&ends(&kind(), Shape::State, true)).unwrap());
    assert!(store.datasets().unwrap().is_empty());
    assert!(store.checkpoint().is_none());
    drop(store);
    let store = Store::open(dir.path(), options()).unwrap();
    assert!(store.runs(&RunFilter::default()).unwrap().is_empty());
    let packs = walk_files(&dir.path().join("packs"));
    assert!(packs.is_empty(), "{packs:?}");
}

pub(crate) fn walk_files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[test]
fn leaves_that_are_not_runs() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let missed = leaf(LeafKind::Missed, "AC-03 2026-02-01");
    assert_eq!(store.append_leaf(&missed, None).unwrap().leaf, 0);
    let upload = leaf(LeafKind::Upload, "board-minutes.pdf");
    let document = Document { bytes: b"minutes", at: at("2026-02-02T00:00:00Z") };
    assert_eq!(store.append_leaf(&upload, Some(document)).unwrap().tree_size, 2);
    let old = store.head();
    let run = accounts(&store, at("2026-02-03T00:00:00Z"), &[]);
    assert!(matches!(store.append_leaf(&store.statement(2).unwrap(), None), Err(CommitError::Ledger(_))));
    drop(store);
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(store.document(1).unwrap().unwrap(), b"minutes");
    assert_eq!(store.document(0).unwrap(), None);
    assert_eq!(store.statement(0).unwrap(), missed);
    let kinds: Vec<_> = store.leaves(None).unwrap().into_iter().map(|l| l.kind.unwrap()).collect();
    assert_eq!(kinds, [LeafKind::Missed, LeafKind::Upload, LeafKind::Run]);
    assert_eq!(store.leaf_of(&run).unwrap(), 2);
    let path = store.consistency(&old).unwrap();
    exhibit_ledger::proof::verify_consistency(&path, &old, &store.head()).unwrap();
}

#[test]
fn many_leaves_fill_tiles() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    for i in 0..300 {
        store.append_leaf(&leaf(LeafKind::Missed, &format!("period {i}")), None).unwrap();
    }
    drop(store);
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(store.head().size, 300);
    assert_eq!(store.leaves(Some(LeafKind::Missed)).unwrap().len(), 300);
    for index in [0, 255, 256, 299] {
        let statement = store.statement(index).unwrap();
        store.proof(index).unwrap().verify(&statement, ORIGIN, &[signer().verifier().clone()]).unwrap();
    }
    let files: Vec<_> = walk_files(&dir.path().join("log"))
        .iter()
        .map(|p| p.strip_prefix(dir.path()).unwrap().display().to_string())
        .collect();
    assert_eq!(
        files,
        [
            "log/checkpoint",
            "log/tile/0/000",
            "log/tile/0/001.p/44",
            "log/tile/1/000.p/1",
            "log/tile/entries/000",
            "log/tile/entries/001.p/44",
        ]
    );
}

#[test]
fn refusals_say_what_and_where() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open(dir.path(), options()), Err(OpenError::NoStore(_))));
    let store = create(dir.path());
    let in_use = Store::open(dir.path(), options()).unwrap_err().to_string();
    assert!(in_use.contains(&format!("in use by process {}", std::process::id())), "{in_use}");
    let create = CreateOptions { simulated: false, origin: ORIGIN.into(), recipient: None };
    assert!(matches!(Store::create(dir.path(), &create), Err(OpenError::NotEmpty(_))));
    let empty = tempfile::tempdir().unwrap();
    let bad = CreateOptions { recipient: Some("age1x".into()), ..create.clone() };
    assert!(matches!(Store::create(empty.path(), &bad), Err(OpenError::Setting(_))));
    let run = accounts(&store, at("2026-02-03T00:00:00Z"), &[]);
    let again = |started_at| {
        let started_at = at(started_at);
        let window = Span { start: started_at, end: started_at };
        store.begin(RunStart { run: run_id(started_at), source: source(), started_at, window })
    };
    assert!(matches!(again("2026-02-03T00:00:00Z"), Err(StageError::Known(known)) if known == run));
    let going_on = again("2026-02-04T00:00:00Z").unwrap();
    assert!(matches!(again("2026-02-04T00:00:00Z"), Err(StageError::Known(_))));
    drop(going_on);
    again("2026-02-04T00:00:00Z").unwrap();
    drop(store);
    let reader = Store::open(dir.path(), OpenOptions::default()).unwrap();
    assert!(reader.manifest(&run).is_ok());
    assert!(matches!(reader.append_leaf(&leaf(LeafKind::Missed, "x"), None), Err(CommitError::NoSigner)));
    drop(reader);
    let other = exhibit_ledger::key::SigningKey::from_seed("example.org/other", &[1; 32]).unwrap();
    let other = OpenOptions { signer: Some(std::sync::Arc::new(other)), ..OpenOptions::default() };
    assert!(matches!(Store::open(dir.path(), other), Err(OpenError::Origin { .. })));
}

#[test]
fn a_run_that_was_overtaken_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let slow = begin(&store, at("2026-02-01T00:00:00Z"));
    slow.record(&account("a", "1")).unwrap();
    let start = slow.start().clone();
    let merged = slow.merge(&ends(&kind(), Shape::State, true)).unwrap();
    let quick = accounts(&store, at("2026-02-02T00:00:00Z"), &[("b", "1")]);
    let manifest = manifest(&merged, &start, Vec::new(), Verdict::Complete);
    let refused = merged.commit(&manifest, &replay(&start), &BTreeMap::new(), &run_statement(&manifest));
    assert!(matches!(refused, Err(CommitError::Overtaken { by, .. }) if by == quick));
    // Runs of another source do not matter.
    let other = "aws-prod".parse().unwrap();
    let stage = begin_of(&store, &other, at("2026-02-03T00:00:00Z"));
    accounts(&store, at("2026-02-04T00:00:00Z"), &[("b", "1")]);
    commit(stage, &BTreeMap::new()).unwrap();
}

#[test]
fn many_commit_at_once_and_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let places = std::thread::scope(|scope| {
        let store = &store;
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                scope.spawn(move || {
                    let source = format!("source-{thread}").parse().unwrap();
                    let mut places = Vec::new();
                    for turn in 0..5 {
                        let started_at = at("2026-02-01T00:00:00Z").plus_ms(turn * DAY_MS + thread * 1000);
                        let stage = begin_of(store, &source, started_at);
                        places.push(commit(stage, &BTreeMap::new()).unwrap().1.leaf);
                        let missed = leaf(LeafKind::Missed, &format!("{thread} {turn}"));
                        places.push(store.append_leaf(&missed, None).unwrap().leaf);
                    }
                    places
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<BTreeSet<u64>>()
    });
    assert_eq!(places, (0..40).collect());
    assert_eq!(store.head().size, 40);
    assert_eq!(store.check(&|_, _| ()).problems, []);
}

#[test]
fn a_manifest_of_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let stage = begin(&store, at("2026-02-01T00:00:00Z"));
    stage.record(&account("a", "1")).unwrap();
    let start = stage.start().clone();
    let merged = stage.merge(&ends(&kind(), Shape::State, true)).unwrap();
    let mut manifest = manifest(&merged, &start, Vec::new(), Verdict::Complete);
    manifest.datasets[0].records = 5;
    let refused = merged.commit(&manifest, &replay(&start), &BTreeMap::new(), &run_statement(&manifest));
    assert!(matches!(refused, Err(CommitError::Ledger(_))));
    assert!(store.checkpoint().is_none());
}
