//! A made-up organisation's store: runs are made in a line or two.

use exhibit_evidence::canonical::{self, Value};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, ExchangeId, Stop, Walk};
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::{CanonicalRecord, Origin, Record, RecordKey};
use exhibit_evidence::run::{
    Basis, ConnectorIdentity, Fill, Limits, MANIFEST_FORMAT, Manifest, Population, ReplayInputs, RunFacts,
    RunId, Verdict,
};
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_ledger::key::SigningKey;
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_store::{
    CommitError, Committed, CreateOptions, KindEnd, Merged, OpenOptions, RunStart, Stage, Store,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub(crate) const ORIGIN: &str = "example.com/exhibit";
pub(crate) const DAY_MS: i64 = 86_400_000;

pub(crate) fn signer() -> Arc<SigningKey> {
    Arc::new(SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap())
}

pub(crate) fn options() -> OpenOptions {
    OpenOptions { signer: Some(signer()), ..OpenOptions::default() }
}

pub(crate) fn create(dir: &Path) -> Store {
    let create = CreateOptions { simulated: true, origin: ORIGIN.into(), recipient: None };
    Store::create(dir, &create).unwrap();
    Store::open(dir, options()).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn kind() -> Kind {
    "identity.account@1".parse().unwrap()
}

pub(crate) fn event_kind() -> Kind {
    "audit.activity@1".parse().unwrap()
}

pub(crate) fn source() -> SourceName {
    "okta-prod".parse().unwrap()
}

pub(crate) fn record(kind: &Kind, id: &str, occurred_at: Option<Timestamp>, note: &str) -> CanonicalRecord {
    let record = Record {
        attributes: Value::object([("note".to_owned(), Value::String(note.to_owned()))]),
        kind: kind.clone(),
        native_id: id.to_owned(),
        occurred_at,
        source: source(),
        subject_key: None,
        tenant: "example.okta.com".into(),
        unknown: Vec::new(),
    };
    let origin = Origin { exchange: ExchangeId::default(), pointer: format!("/{id}") };
    CanonicalRecord {
        kind: kind.clone(),
        key: RecordKey::new(id, occurred_at),
        line: record.to_line().unwrap(),
        origins: vec![origin],
    }
}

pub(crate) fn account(id: &str, note: &str) -> CanonicalRecord {
    record(&kind(), id, None, note)
}

pub(crate) fn exchange(page: u32, url: &str, body: &[u8]) -> Exchange {
    Exchange {
        id: ExchangeId { call: 0, index: 0, page },
        method: "GET".into(),
        url: url.into(),
        request: Digest::of(url),
        request_headers: Vec::new(),
        request_body: None,
        slot: Some("okta".into()),
        answer: Answer::Response {
            status: 200,
            headers: Vec::new(),
            body: Digest::of(body),
            body_bytes: body.len() as u64,
            redacted: false,
        },
        server_date: None,
        sent_at: at("2026-01-01T00:00:00Z"),
        duration_ms: 12,
        attempts: 1,
    }
}

pub(crate) fn walk() -> Walk {
    Walk {
        id: ExchangeId::default().walk(),
        list: "GET https://example.okta.com/api/v1/users".into(),
        scheme: "link-header".into(),
        items: Some(String::new()),
        pages: 1,
        received: Some(3),
        received_by_page: vec![3],
        source_total: None,
        stop: Stop::End,
    }
}

pub(crate) fn run_id(started_at: Timestamp) -> RunId {
    RunId::new(started_at, (started_at.as_ms() / 7) as u32)
}

pub(crate) fn begin(store: &Store, started_at: Timestamp) -> Stage {
    begin_of(store, &source(), started_at)
}

pub(crate) fn begin_of(store: &Store, source: &SourceName, started_at: Timestamp) -> Stage {
    let window = Span { start: started_at.plus_ms(-DAY_MS), end: started_at };
    store.begin(RunStart { run: run_id(started_at), source: source.clone(), started_at, window }).unwrap()
}

pub(crate) fn replay(stage: &RunStart) -> ReplayInputs {
    ReplayInputs {
        source: stage.source.clone(),
        settings: Value::Object(Vec::new()),
        facts: RunFacts {
            run: stage.run.clone(),
            started_at: stage.started_at,
            window: stage.window,
            kinds: Vec::new(),
        },
        seed: Digest::of("seed"),
        limits: Limits::default(),
        state: BTreeMap::new(),
        redactions: Vec::new(),
    }
}

pub(crate) fn population(kind: &Kind, verdict: Verdict) -> Population {
    Population {
        kind: kind.clone(),
        query: "all".into(),
        lists: 1,
        pages: 1,
        received: 1,
        covered: 1,
        filtered: BTreeMap::new(),
        emitted: 1,
        rejected: 0,
        repeated: 0,
        source_total: None,
        sealed: true,
        basis: Basis::HostPaged,
        verdict,
    }
}

pub(crate) fn manifest(merged: &Merged, start: &RunStart, fills: Vec<Fill>, verdict: Verdict) -> Manifest {
    Manifest {
        format: MANIFEST_FORMAT,
        run: start.run.clone(),
        simulated: true,
        source: start.source.clone(),
        connector: ConnectorIdentity {
            name: "okta".into(),
            version: "0.1.0".into(),
            publisher: "example.org".into(),
            component: Digest::of("component"),
            contract: "0.1".into(),
        },
        host_version: "0.1.0".into(),
        intake_version: 1,
        settings: Digest::of("{}"),
        grants: Vec::new(),
        credentials: BTreeMap::new(),
        tenant: Some("example.okta.com".into()),
        window: start.window,
        started_at: start.started_at,
        ended_at: start.started_at.plus_ms(1000),
        attempt: 1,
        fills,
        populations: merged.datasets.iter().map(|d| population(&d.kind, verdict.clone())).collect(),
        datasets: merged.datasets.clone(),
        exchanges: merged.exchanges.clone(),
        walks: merged.walks,
        rejected: merged.rejected.clone(),
        rejections: merged.rejections,
        skew: None,
        log: merged.log,
        log_lines: merged.log_lines,
        log_cut: false,
        replay: Digest::of(canonical::to_bytes(&replay(start)).unwrap()),
        not_reperformable: None,
        verdict,
    }
}

pub(crate) fn run_statement(manifest: &Manifest) -> Vec<u8> {
    let digest = Digest::of(canonical::to_bytes(manifest).unwrap());
    let predicate = Value::object([("verdict".to_owned(), Value::String("complete".into()))]);
    Statement::new(LeafKind::Run, manifest.run.as_str(), digest, predicate).to_leaf(&signer()).unwrap()
}

pub(crate) fn leaf(kind: LeafKind, about: &str) -> Vec<u8> {
    Statement::new(kind, about, Digest::of(about), Value::Object(Vec::new())).to_leaf(&signer()).unwrap()
}

pub(crate) fn ends(kind: &Kind, shape: Shape, complete: bool) -> BTreeMap<Kind, KindEnd> {
    BTreeMap::from([(kind.clone(), KindEnd { shape, complete })])
}

pub(crate) fn commit(
    stage: Stage,
    kinds: &BTreeMap<Kind, KindEnd>,
) -> Result<(RunId, Committed), CommitError> {
    commit_with(stage, kinds, Vec::new(), Verdict::Complete, &BTreeMap::new())
}

pub(crate) fn commit_with(
    stage: Stage,
    kinds: &BTreeMap<Kind, KindEnd>,
    fills: Vec<Fill>,
    verdict: Verdict,
    state: &BTreeMap<String, Vec<u8>>,
) -> Result<(RunId, Committed), CommitError> {
    let start = stage.start().clone();
    let merged = stage.merge(kinds)?;
    let manifest = manifest(&merged, &start, fills, verdict);
    let statement = run_statement(&manifest);
    let committed = merged.commit(&manifest, &replay(&start), state, &statement)?;
    Ok((start.run, committed))
}

/// A complete run over accounts, given as id and note.
pub(crate) fn accounts(store: &Store, started_at: Timestamp, accounts: &[(&str, &str)]) -> RunId {
    accounts_with(store, started_at, accounts, true)
}

pub(crate) fn accounts_with(
    store: &Store,
    started_at: Timestamp,
    accounts: &[(&str, &str)],
    complete: bool,
) -> RunId {
    let stage = begin(store, started_at);
    for (id, note) in accounts {
        stage.record(&account(id, note)).unwrap();
    }
    commit(stage, &ends(&kind(), Shape::State, complete)).unwrap().0
}

/// A snapshot as id and note.
pub(crate) fn snapshot(store: &Store, kind: &Kind, run: &RunId) -> Vec<(String, String)> {
    let records = store.snapshot(&source(), kind, run).unwrap();
    records.map(|line| note_of(&line.unwrap().line)).collect()
}

pub(crate) fn note_of(line: &[u8]) -> (String, String) {
    let record: Record = serde_json::from_slice(line).unwrap();
    let note = record.attributes.get("note").and_then(Value::as_str).unwrap().to_owned();
    (record.native_id, note)
}

pub(crate) fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(id, note)| ((*id).to_owned(), (*note).to_owned())).collect()
}
