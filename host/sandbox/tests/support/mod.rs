//! What the sandbox's tests share: the guest of `tests/guests`, built once; a runtime; services that answer from a
//! script and write down everything that they are asked.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

pub mod recorder;

pub use recorder::Recorder;

use exhibit_broker::manifest::ComponentManifest;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::run::Limits;
use exhibit_sandbox::{
    CompileLimits, Compiler, Ended, Prepared, RunEnd, Runtime, RuntimeOptions, Usage, attach_manifest,
};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The guest as cargo built it, without a manifest.
pub fn bare_guest() -> &'static [u8] {
    static GUEST: OnceLock<Vec<u8>> = OnceLock::new();
    GUEST.get_or_init(|| {
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
        std::fs::read(target.join("wasm32-wasip2/release/exhibit_guests.wasm")).expect("the guest")
    })
}

/// The guest as `exhibit connector build` would leave it.
pub fn guest() -> &'static [u8] {
    static GUEST: OnceLock<Vec<u8>> = OnceLock::new();
    GUEST.get_or_init(|| {
        let text = std::fs::read_to_string(guests().join("connector.toml")).expect("a manifest");
        let manifest = ComponentManifest::from_toml(&text).expect("a manifest");
        attach_manifest(bare_guest(), &serde_json::to_vec(&manifest).expect("JSON")).expect("attached")
    })
}

fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests")
}

/// A compiler in a child process, as the host has it.
pub fn child(limits: CompileLimits) -> Compiler {
    Compiler::Child { program: env!("CARGO_BIN_EXE_exhibit-compile").into(), limits }
}

/// The one runtime of a test binary. Its cache outlives it, so the guest is compiled once.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let cache_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("artefacts");
        Runtime::new(RuntimeOptions::new(cache_dir, child(CompileLimits::default()))).expect("a runtime")
    })
}

/// The guest, ready.
pub async fn prepared() -> Prepared {
    runtime().prepare(guest()).await.expect("the guest loads")
}

/// A run's end, and the services that it left.
#[derive(Debug)]
pub struct Ran {
    pub tenant: Option<String>,
    pub outcome: Result<(), Ended>,
    pub services: Recorder,
    pub stdout: String,
    pub stderr: String,
    pub usage: Usage,
}

impl From<(RunEnd, Recorder)> for Ran {
    fn from((end, services): (RunEnd, Recorder)) -> Self {
        let RunEnd { tenant, outcome, stdout, stderr, usage } = end;
        Self { tenant, outcome, services, stdout, stderr, usage }
    }
}

/// Limits under which a test ends soon.
pub fn limits() -> Limits {
    Limits { deadline_ms: 20_000, ..Limits::default() }
}

/// Runs a behaviour with these further settings, `"count":3` for example.
pub async fn run_with(behaviour: &str, more: &str, services: Recorder, limits: Limits) -> Ran {
    let comma = if more.is_empty() { "" } else { "," };
    let settings = format!(r#"{{"behaviour":"{behaviour}"{comma}{more}}}"#);
    runtime().run(&prepared().await, &settings, services, &limits, Digest::of("seed")).await.into()
}

/// Runs a behaviour.
pub async fn run(behaviour: &str) -> Ran {
    run_with(behaviour, "", Recorder::new(), limits()).await
}
