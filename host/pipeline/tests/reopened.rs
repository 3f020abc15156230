//! What a running host keeps of a source from run to run is never more than what its files say now.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

use age::secrecy::ExposeSecret as _;
use exhibit_broker::manifest::ComponentManifest;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::{Clock, Timestamp};
use exhibit_ledger::key::SigningKey;
use exhibit_pipeline::approve;
use exhibit_pipeline::host::Host;
use exhibit_pipeline::source::{Source, SourceError};
use exhibit_pipeline::workspace::{Workspace, WorkspaceError};
use exhibit_sandbox::{Compiler, Runtime, RuntimeOptions, attach_manifest};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// What was read is kept once its files have lain unchanged for a tenth of a second.
const SETTLED: Duration = Duration::from_millis(150);

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-03-04T10:00:00Z".parse().unwrap()
    }
}

fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests")
}

/// The guest of `tests/guests`, as `exhibit connector build` would leave it.
fn guest() -> Vec<u8> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let cargo = ["EXHIBIT_GUEST_CARGO", "CARGO"].into_iter().find_map(std::env::var_os);
    let status = Command::new(cargo.unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--locked", "--release", "--target", "wasm32-wasip2", "--target-dir"])
        .arg(&target)
        .arg("--manifest-path")
        .arg(guests().join("Cargo.toml"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .status()
        .expect("cargo runs");
    assert!(
        status.success(),
        "tests/guests does not build: run tests/setup/guest.sh, which says what is missing"
    );
    let component = std::fs::read(target.join("wasm32-wasip2/release/exhibit_guests.wasm")).unwrap();
    let manifest = std::fs::read_to_string(guests().join("connector.toml")).unwrap();
    let manifest = ComponentManifest::from_toml(&manifest).unwrap();
    attach_manifest(&component, &serde_json::to_vec(&manifest).unwrap()).unwrap()
}

/// A host over a new workspace with that guest.
fn host(dir: &Path) -> Host {
    let identity = age::x25519::Identity::generate();
    let config = serde_json::json!({
        "organisation": "Example Ltd",
        "origin": "exhibit.example.com",
        "signing": {"key": "keys/signing.age", "identity": "file:keys/operator.key"},
    });
    let workspace = Workspace::create(dir, serde_json::from_value(config).unwrap()).unwrap();
    let key = SigningKey::from_seed("exhibit.example.com", &[7; 32]).unwrap();
    let sealed = age::encrypt(&identity.to_public(), key.to_text().expose().as_bytes()).unwrap();
    std::fs::write(dir.join("keys/signing.age"), sealed).unwrap();
    let file = dir.join("keys/operator.key");
    std::fs::write(&file, identity.to_string().expose_secret()).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    workspace.add_component(&guest()).unwrap();
    Host::create_store(&workspace, true).unwrap();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("artefacts");
    let runtime = Runtime::new(RuntimeOptions::new(cache, Compiler::InProcess)).unwrap();
    Host::open(workspace, Arc::new(runtime), Arc::new(Still)).unwrap()
}

fn settings(path: &str) -> String {
    format!(
        "connector = \"guests\"\nkinds = [\"identity.account@1\"]\n\n[settings]\nbehaviour = \"list\"\n\
         base = \"https://example.com\"\npath = \"{path}\"\n"
    )
}

/// Opens it until it is kept.
async fn kept(host: &Host, name: &SourceName) -> Arc<Source> {
    let first = Source::open(host, name).await.unwrap();
    tokio::time::sleep(SETTLED).await;
    let second = Source::open(host, name).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second), "the first reading may have been of a file in change");
    let third = Source::open(host, name).await.unwrap();
    assert!(Arc::ptr_eq(&second, &third));
    third
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_sources_files_counts_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(dir.path());
    let name: SourceName = "guests".parse().unwrap();
    host.workspace.add_source(&name, &settings("/a")).unwrap();
    assert!(matches!(Source::open(&host, &name).await, Err(SourceError::Unapproved(_))));
    approve::approve(&host, approve::propose(&host.workspace, &name, None).unwrap(), "ada@example.com")
        .unwrap();
    let source = kept(&host, &name).await;

    // Settings.
    std::fs::write(host.workspace.source_file(&name), settings("/b")).unwrap();
    let changed = Source::open(&host, &name).await.unwrap();
    assert_ne!(changed.settings.to_bytes(), source.settings.to_bytes());
    kept(&host, &name).await;

    // The component, in place and of the same length.
    let file = host.workspace.component_file(&source.connector.component);
    let whole = std::fs::read(&file).unwrap();
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &other).unwrap();
    let refused = Source::open(&host, &name).await.err().expect("it was changed after it was approved");
    assert!(matches!(refused, SourceError::Workspace(WorkspaceError::ComponentChanged { .. })), "{refused}");
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(Source::open(&host, &name).await, Err(SourceError::ComponentMissing { .. })));
    std::fs::write(&file, &whole).unwrap();
    kept(&host, &name).await;

    // The approval.
    let lock = std::fs::read(host.workspace.lock_file()).unwrap();
    host.workspace.write_lock("format = 1\n").unwrap();
    assert!(matches!(Source::open(&host, &name).await, Err(SourceError::Unapproved(_))));
    std::fs::write(host.workspace.lock_file(), lock).unwrap();
    Source::open(&host, &name).await.unwrap();
}
