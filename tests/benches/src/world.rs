//! A workspace to measure in: keys, a component and its sources, all approved.

use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::{Clock, Timestamp};
use exhibit_ledger::key::SigningKey;
use exhibit_pipeline::approve;
use exhibit_pipeline::host::Host;
use exhibit_pipeline::workspace::Workspace;
use exhibit_sandbox::{Compiler, Runtime, RuntimeOptions, attach_manifest};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const ORIGIN: &str = "benchmark.exhibit.invalid";

/// A day, in milliseconds.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The clock of a benchmark: it goes on from where it was set.
#[derive(Debug)]
pub struct BenchClock {
    offset_ms: AtomicU64,
    since: std::time::Instant,
}

impl BenchClock {
    /// Six in the morning of the first day of 2026, and so many days.
    pub fn on_day(day: u64) -> Arc<Self> {
        let clock = Self { offset_ms: AtomicU64::new(0), since: std::time::Instant::now() };
        clock.set_day(day);
        Arc::new(clock)
    }

    /// Moves it to six in the morning of a day, 0 being the first of 2026.
    pub fn set_day(&self, day: u64) {
        let first: Timestamp = "2026-01-01T06:00:00Z".parse().expect("an instant");
        self.offset_ms.store(first.as_ms() + day * DAY_MS, Ordering::Relaxed);
    }
}

impl Clock for BenchClock {
    fn now(&self) -> Timestamp {
        let since = u64::try_from(self.since.elapsed().as_millis()).unwrap_or_default();
        Timestamp::from_ms(self.offset_ms.load(Ordering::Relaxed) + since)
    }
}

/// Compiles the connector in this folder of the repository; the component, as `exhibit connector build` leaves it.
pub fn component(project: &str, name: &str, target: &str) -> Vec<u8> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(project);
    let target = Path::new(target).join("benches").join(name);
    let cargo = ["EXHIBIT_GUEST_CARGO", "CARGO"].into_iter().find_map(std::env::var_os);
    let status = Command::new(cargo.unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--locked", "--target", "wasm32-wasip2", "--profile", "connector"])
        .arg("--target-dir")
        .arg(&target)
        .arg("--manifest-path")
        .arg(project.join("Cargo.toml"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "{name} does not build: run tests/setup/guest.sh, which says what is missing");
    let file = target.join("wasm32-wasip2/connector").join(format!("{name}.wasm"));
    let manifest = std::fs::read_to_string(project.join("connector.toml")).expect("a manifest");
    let manifest = exhibit_broker::manifest::ComponentManifest::from_toml(&manifest).expect("a manifest");
    let manifest = serde_json::to_vec(&manifest).expect("JSON");
    attach_manifest(&std::fs::read(file).expect("a component"), &manifest)
        .expect("a component takes a manifest")
}

/// A source's file: its settings, and what else it says.
pub fn source_text(connector: &str, settings: &str, token: Option<(&str, &Path)>) -> String {
    let credential = token.map_or_else(String::new, |(slot, file)| {
        format!("[credentials.{slot}]\nscheme = \"ssws\"\ntoken = \"file:{}\"\n", file.display())
    });
    format!(
        "connector = \"{connector}\"\nkinds = [\"identity.account@1\"]\nallow_addresses = [\"127.0.0.1\"]\n\n\
         [settings]\n{settings}\n\n{credential}"
    )
}

/// Makes a workspace in a folder: keys, the component, a token, and an empty store.
pub fn create(dir: &Path, component: &[u8]) -> Workspace {
    let identity = age::x25519::Identity::generate();
    let config = serde_json::json!({
        "organisation": "Example Ltd",
        "origin": ORIGIN,
        "signing": {"key": "keys/signing.age", "identity": "file:keys/operator.key"},
    });
    let config = serde_json::from_value(config).expect("settings");
    let workspace = Workspace::create(dir, config).expect("a workspace");
    let private = |name: &str, bytes: &[u8]| {
        let mut options = std::fs::File::options();
        let mut file = options.write(true).create_new(true).mode(0o600).open(dir.join(name)).expect(name);
        std::io::Write::write_all(&mut file, bytes).expect(name);
    };
    let text = identity.to_string();
    private("keys/operator.key", age::secrecy::ExposeSecret::expose_secret(&text).as_bytes());
    let signing = SigningKey::from_seed(ORIGIN, &[7; 32]).expect("a key");
    let sealed = age::encrypt(&identity.to_public(), signing.to_text().expose().as_bytes());
    private("keys/signing.age", &sealed.expect("encrypted"));
    private("keys/token", b"made-up-token");
    std::fs::write(dir.join("keys/ledger.pub"), signing.verifier().to_string()).expect("keys/ledger.pub");
    workspace.add_component(component).expect("added");
    Host::create_store(&workspace, true).expect("a store");
    workspace
}

/// The token's file in a workspace.
pub fn token(dir: &Path) -> PathBuf {
    dir.canonicalize().expect("it is there").join("keys/token")
}

/// A sandbox. Components are compiled once for each benchmark: `target` keeps them.
pub fn runtime(target: &str) -> Runtime {
    let options = RuntimeOptions::new(
        Path::new(target).join("benches/compiled"),
        Compiler::current_exe().expect("a program knows where it is"),
    );
    Runtime::new(options).expect("the engine starts")
}

/// Opens a workspace.
pub fn open(dir: &Path, clock: Arc<dyn Clock>, target: &str) -> Host {
    let runtime = Arc::new(runtime(target));
    Host::open(Workspace::open(dir).expect("a workspace"), runtime, clock).expect("the workspace opens")
}

/// Adds a source and approves it.
pub fn add_source(host: &Host, name: &str, text: &str) -> SourceName {
    let name: SourceName = name.parse().expect("a name");
    host.workspace.add_source(&name, text).expect("added");
    let proposal = approve::propose(&host.workspace, &name, None).expect("a proposal");
    approve::approve(host, proposal, "benchmark").expect("approved");
    name
}

/// A runtime as the command has it.
pub fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}
