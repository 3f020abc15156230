//! Fuzz targets: one function for each thing that reads what came from outside.
//!
//! A target gets any bytes. It panics where a rule does not hold that must hold for all inputs; what is read
//! is checked against something else than the code that read it, wherever there is such a thing.

use exhibit_broker::manifest::ComponentManifest;
use exhibit_broker::manifest::section::read_manifest;
use exhibit_broker::paging::Paging;
use exhibit_broker::paging::walker::{Page, Walker};
use exhibit_broker::transport::Outgoing;
use exhibit_controls::Catalogue;
use exhibit_evidence::canonical::Value;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{ExchangeId, WalkId};
use exhibit_evidence::kind::{Kind, builtin};
use exhibit_evidence::record::Origin;
use exhibit_intake::{Envelope, Intake, Item};
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::dsse::Envelope as Dsse;
use exhibit_ledger::note::Note;
use exhibit_ledger::seal::Seal;
use exhibit_ledger::statement::Statement;
use exhibit_ledger::tlog_proof::TlogProof;
use exhibit_package::read::Package;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// What is fuzzed: it takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 8] = [
    ("manifest", manifest),
    ("settings", settings),
    ("intake", intake),
    ("canonical", canonical),
    ("ledger", ledger),
    ("package", package),
    ("paging", paging),
    ("store", store),
];

/// An item's, and a file's, most bytes.
const BODY_BYTES: u64 = 1 << 20;

/// A component, its custom section, and what stands in it.
pub fn manifest(data: &[u8]) {
    let _ = read_manifest(data);
    let _ = read_manifest(&component(data));
    if let Ok(manifest) = ComponentManifest::from_json(data) {
        let written = manifest.to_json().expect("what was read can be written");
        let again = ComponentManifest::from_json(&written).expect("what was written can be read");
        assert_eq!(again, manifest);
    }
    if let Ok(text) = str::from_utf8(data) {
        let _ = ComponentManifest::from_toml(text);
    }
}

/// An empty component with `manifest` in the custom section where a manifest is looked for.
/// <https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md>
fn component(manifest: &[u8]) -> Vec<u8> {
    let name = b"exhibit:connector";
    let mut bytes = b"\0asm\x0d\0\x01\0\0".to_vec();
    leb128(&mut bytes, 1 + name.len() + manifest.len());
    bytes.push(name.len() as u8);
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(manifest);
    bytes
}

fn leb128(out: &mut Vec<u8>, mut n: usize) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

static KINDS: LazyLock<BTreeSet<Kind>> =
    LazyLock::new(|| builtin().into_iter().map(|spec| spec.kind).collect());

/// The files that people write: workspace, source, controls, and the lock.
pub fn settings(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let lines = text.lines().count().max(1) + 1;
    let workspace = exhibit_settings::read::<exhibit_settings::workspace::Config>(text).err();
    let source = exhibit_settings::read::<exhibit_settings::source::SourceConfig>(text).err();
    for error in workspace.into_iter().chain(source) {
        assert!((1..=lines).contains(&error.line) && !error.what.is_empty(), "{error:?} of {lines} lines");
    }
    let _ = exhibit_broker::grant::lock::Lock::parse(text);
    match Catalogue::read([("fuzz.toml", text)], &KINDS) {
        Ok(_) => {}
        Err(error) => {
            assert!((1..=lines).contains(&error.line), "line {} of {lines}", error.line);
            assert!(!error.hint.is_empty(), "{error}");
        }
    }
}

static INTAKE: LazyLock<(Intake, Vec<Kind>)> = LazyLock::new(|| {
    let kinds = builtin();
    let names = kinds.iter().map(|spec| spec.kind.clone()).collect();
    (Intake::new(kinds).expect("the kinds that Exhibit has compile"), names)
});

/// One emitted item: the first byte chooses the kind, the second says how long the key is and whether there is a time.
pub fn intake(data: &[u8]) {
    let [kind, form, rest @ ..] = data else { return };
    let (intake, kinds) = &*INTAKE;
    let kind = &kinds[usize::from(*kind) % kinds.len()];
    let (key, body) = rest.split_at(usize::from(form & 0x7f).min(rest.len()));
    let Ok(key) = str::from_utf8(key) else { return };
    let origins = [Origin { exchange: ExchangeId { call: 0, index: 0, page: 0 }, pointer: "/0".into() }];
    let envelope = Envelope {
        source: "fuzz".parse().expect("a name"),
        tenant: "fuzz.example.com".into(),
        record_bytes: BODY_BYTES,
    };
    let occurred_at_ms = (form & 0x80 != 0).then_some(1_772_618_400_000);
    let item = Item { key, occurred_at_ms, body, origins: &origins };
    match intake.accept(&envelope, kind, &item) {
        Err(rejection) => assert!(!rejection.reason.is_empty() && !rejection.code.is_empty()),
        Ok(record) => {
            let line = Value::parse(&record.line).expect("a record has a canonical form");
            assert_eq!(line.to_bytes(), record.line, "which is what intake wrote");
            let said: serde_json::Value = serde_json::from_slice(body).expect("an accepted body is JSON");
            let kept: serde_json::Value = serde_json::from_slice(&record.line).expect("and so is a record");
            assert_eq!(kept["subject_key"], said["subject_key"]);
        }
    }
}

/// Canonical bytes: a fixed point, and the same JSON as another reader sees.
pub fn canonical(data: &[u8]) {
    let Ok(value) = Value::parse(data) else { return };
    let bytes = value.to_bytes();
    let again = Value::parse(&bytes).expect("a canonical form reads back");
    assert_eq!(again.to_bytes(), bytes);
    let oracle = |bytes| serde_json::from_slice::<serde_json::Value>(bytes).expect("it is JSON");
    assert_eq!(oracle(&bytes), oracle(data));
}

/// Notes, checkpoints, proofs, envelopes, statements, seals, timestamps.
pub fn ledger(data: &[u8]) {
    if let Ok(note) = Note::parse(data) {
        assert_eq!(note.to_bytes(), data, "a note has one form");
        let _ = note.verify(&[]).expect_err("nobody's key has signed it");
    }
    if let Ok(checkpoint) = Checkpoint::parse(data) {
        assert_eq!(checkpoint.to_bytes(), data);
        assert!(checkpoint.verify(checkpoint.origin(), &[]).is_err());
    }
    if let Ok(proof) = TlogProof::parse(data) {
        assert_eq!(TlogProof::parse(&proof.to_bytes()).expect("it reads back").to_bytes(), proof.to_bytes());
        assert!(proof.verify(b"", "fuzz.example.com", &[]).is_err());
    }
    if let Ok(envelope) = Dsse::parse(data) {
        let bytes = envelope.to_bytes().expect("strings have a canonical form");
        assert_eq!(
            Dsse::parse(&bytes).expect("it reads back").unverified_payload(),
            envelope.unverified_payload()
        );
        assert!(envelope.verify("application/vnd.in-toto+json", &[]).is_err());
    }
    let _ = Statement::from_leaf_unverified(data);
    if let Ok(statement) = Statement::parse(data) {
        let bytes = statement.to_bytes().expect("what was read can be written");
        assert_eq!(Statement::parse(&bytes).expect("it reads back").to_bytes().expect("again"), bytes);
    }
    if let Ok(seal) = Seal::parse(data) {
        let bytes = seal.to_bytes().expect("what was read can be written");
        assert_eq!(Seal::parse(&bytes).expect("it reads back").to_bytes().expect("again"), bytes);
    }
    assert!(exhibit_ledger::timestamp::read(data, b"not what it stamps", None).is_err());
}

/// A package that a stranger made: opened, and each file read to its declared length.
pub fn package(data: &[u8]) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("package.zip");
    std::fs::write(&path, data).expect("written");
    let Ok(package) = Package::open(&path) else { return };
    let files: Vec<(String, u64)> = package.files().map(|(name, size)| (name.to_owned(), size)).collect();
    for (name, size) in files {
        assert!(!name.contains("..") && !name.starts_with('/'), "{name}");
        if let Ok(bytes) = package.read(&name, BODY_BYTES) {
            assert_eq!(bytes.len() as u64, size, "{name}");
        }
    }
}

/// A paging scheme, and a page that it meets: the scheme's JSON, a line of headers each, an empty line, the body.
pub fn paging(data: &[u8]) {
    let split = |data: &[u8], at: &[u8]| {
        let place = data.windows(at.len()).position(|window| window == at)?;
        Some((data[..place].to_vec(), data[place + at.len()..].to_vec()))
    };
    let (head, body) = split(data, b"\n\n").unwrap_or((data.to_vec(), Vec::new()));
    let Ok(head) = String::from_utf8(head) else { return };
    let mut lines = head.lines();
    let Ok(paging) = Paging::parse(lines.next().unwrap_or_default()) else { return };
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let first = Outgoing {
        method: "GET".into(),
        url: "https://api.example.com/v1/things?limit=2".parse().expect("a URL"),
        headers: Vec::new(),
        body: None,
        auth: None,
    };
    let id = WalkId { call: 0, index: 0 };
    let mut walker = Walker::new(id, first, "GET things".into(), Some(paging), 4);
    for round in 0..8_u8 {
        let asked = match walker.ask() {
            Ok(Some((exchange, outgoing))) => {
                assert_eq!(exchange.page, u32::from(round), "one page after the other");
                outgoing.url.clone()
            }
            Ok(None) | Err(_) => break,
        };
        assert!(round < 4, "the bound on pages holds");
        assert_eq!(asked.host_str(), Some("api.example.com"), "no page leads to another host: {asked}");
        assert_eq!(asked.scheme(), "https");
        // Another body each time, or the guard against a page that comes again would end it at once.
        let digest = Digest::of([body.as_slice(), &[round]].concat());
        walker.answered(&Page { status: 200, headers: &headers, body: &body, digest, redacted: false });
    }
    let walk = walker.walk();
    assert!(walk.pages <= 4);
    if let Some(received) = walk.received {
        assert_eq!(received, walk.received_by_page.iter().map(|n| u64::from(*n)).sum::<u64>());
    }
}

/// What the store reads back from disk: keys and rows of the index, packs, and the file that says what the store is.
pub fn store(data: &[u8]) {
    thread_local! {
        // Made once: most of what is read needs none.
        static DIR: tempfile::TempDir = tempfile::tempdir().expect("a folder");
    }
    DIR.with(|dir| exhibit_store::fuzz::read(data, dir.path()));
}
