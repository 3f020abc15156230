//! Encrypted stores: nothing readable at rest, and nothing lost for it.

use crate::check::{answers, furnish};
use crate::runs::walk_files;
use crate::world::*;
use exhibit_evidence::kind::Shape;
use exhibit_evidence::secret::Secret;
use exhibit_store::{CreateOptions, OpenError, OpenOptions, ReadError, RunFilter, Store};
use std::path::Path;

// The key of age's own test vectors: 32 bytes of 0x42.
pub(crate) const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

/// What any store is opened with, encrypted or not.
pub(crate) fn sealed() -> OpenOptions {
    OpenOptions { identity: Some(Secret::new(IDENTITY.into())), ..options() }
}

fn create_sealed(dir: &Path) -> Store {
    let create = CreateOptions { simulated: true, origin: ORIGIN.into(), recipient: Some(RECIPIENT.into()) };
    Store::create(dir, &create).unwrap();
    Store::open(dir, sealed()).unwrap()
}

fn contains(file: &Path, needle: &[u8]) -> bool {
    std::fs::read(file).unwrap().windows(needle.len()).any(|w| w == needle)
}

#[test]
fn nothing_readable_at_rest() {
    let dir = tempfile::tempdir().unwrap();
    let store = create_sealed(dir.path());
    // Noise, so that compression cannot hide what encryption should.
    let secret = "qXv7Lw2ZrB9tK4mYpD8sHc";
    let stage = begin(&store, at("2026-02-01T00:00:00Z"));
    stage
        .exchange(&exchange(0, "https://example.com/", secret.as_bytes()), None, Some(secret.as_bytes()))
        .unwrap();
    stage.log(format!("{{\"message\":\"{secret}\"}}").as_bytes()).unwrap();
    // More than the sorter keeps in memory, so that it spills while the run goes on.
    for i in 0..5_000 {
        stage.record(&account(&format!("id-{i}"), &format!("{secret}{}", "-".repeat(3500)))).unwrap();
    }
    let staged = walk_files(&dir.path().join("staging"));
    assert!(!staged.is_empty());
    commit(stage, &ends(&kind(), Shape::State, true)).unwrap();
    for file in staged.iter().filter(|f| f.exists()).chain(&walk_files(dir.path())) {
        assert!(!contains(file, secret.as_bytes()), "{}", file.display());
        assert!(!contains(file, b"AGE-SECRET-KEY"), "{}", file.display());
    }
    assert_eq!(store.check(&|_, _| ()).problems, []);
    for pack in walk_files(&dir.path().join("packs")) {
        assert!(std::fs::read(pack).unwrap().starts_with(b"age-encryption.org/v1\n"));
    }
}

#[test]
fn it_answers_as_an_open_one_does() {
    let dir = tempfile::tempdir().unwrap();
    let store = create_sealed(dir.path());
    let runs = furnish(&store);
    let expected = answers(&store);
    assert_eq!(store.check(&|_, _| ()).problems, []);
    let backup = tempfile::tempdir().unwrap();
    let copy = backup.path().join("copy");
    store.backup(&copy).unwrap();
    drop(store);
    let store = Store::rebuild(dir.path(), sealed()).unwrap();
    assert_eq!(answers(&store), expected);
    assert_eq!(answers(&Store::open(&copy, sealed()).unwrap()), expected);
    drop(store);

    // Without the identity: which runs there are, and nothing of what is in them.
    let locked = Store::open(dir.path(), options()).unwrap();
    assert_eq!(locked.runs(&RunFilter::default()).unwrap().len(), runs.len());
    assert!(matches!(locked.manifest(&runs[0]), Err(ReadError::Locked { .. })));
    let report = locked.check(&|_, _| ());
    assert_eq!(report.problems, []);
    assert!(!report.unchecked.is_empty());
    let stage = begin(&locked, at("2026-04-05T00:00:00Z"));
    assert!(stage.exchange(&exchange(0, "https://example.com/", b"x"), None, Some(b"x")).is_err());
    drop((stage, locked));

    let wrong = OpenOptions { identity: Some(Secret::new("AGE-SECRET-KEY-1NONE".into())), ..options() };
    let said = Store::open(dir.path(), wrong).unwrap_err();
    assert!(matches!(said, OpenError::Setting(_)) && !said.to_string().contains("NONE"), "{said}");
}

#[test]
fn a_bucket_without_its_key_is_gone_and_the_rest_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = create_sealed(dir.path());
    let runs = furnish(&store);
    drop(store);
    std::fs::remove_file(dir.path().join("keys/okta-prod/2026-Q1.key.age")).unwrap();
    let store = Store::open(dir.path(), sealed()).unwrap();
    assert!(matches!(store.manifest(&runs[0]), Err(ReadError::KeyGone { .. })));
    assert!(store.manifest(&runs[5]).is_ok());
    assert_eq!(snapshot(&store, &kind(), &runs[5]).len(), 40);
    let report = store.check(&|_, _| ());
    assert_eq!(report.problems, []);
    assert!(!report.unchecked.is_empty());
    // The leaf is still proven.
    let statement = store.statement(0).unwrap();
    store.proof(0).unwrap().verify(&statement, ORIGIN, &[signer().verifier().clone()]).unwrap();
    accounts(&store, at("2026-04-06T00:00:00Z"), &[("a", "1")]);
}
