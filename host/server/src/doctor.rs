//! What is wrong with an installation, each with what to do. Nothing is run and nothing is sent; the store is opened,
//! where no service has it.

use crate::operate::memory::Memory;
use crate::operate::{alerts, free_bytes};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::{Clock, Timestamp};
use exhibit_pipeline::host::{catalogue, open_store};
use exhibit_pipeline::inspect::inspect;
use exhibit_pipeline::keys;
use exhibit_pipeline::source::SourceConfig;
use exhibit_pipeline::workspace::{CONFIG_FILE, Workspace, WorkspaceError};
use exhibit_store::{OpenError, RunFilter, Store};
use serde::Serialize;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Clocks are set a little: what lies further ahead than this is wrong.
const AHEAD_MS: u64 = 60 * 1000;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Fine,
    /// To know.
    Note,
    /// To mend.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: `keys`, `store`, `source okta-prod`.
    pub about: String,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, about: &str, level: Level, what: impl Into<String>, hint: Option<String>) {
        self.0.push(Finding { about: about.to_owned(), level, what: what.into(), hint });
    }

    fn fine(&mut self, about: &str, what: impl Into<String>) {
        self.add(about, Level::Fine, what, None);
    }

    fn wrong(&mut self, about: &str, what: impl Into<String>, hint: impl Into<String>) {
        self.add(about, Level::Wrong, what, Some(hint.into()));
    }

    fn error(&mut self, about: &str, error: &WorkspaceError) {
        self.add(about, Level::Wrong, error.to_string(), error.hint());
    }
}

/// Looks at everything. `listening`: what is wrong with how the service would listen, as whoever knows says.
pub fn examine(root: &Path, clock: &Arc<dyn Clock>, listening: Result<String, String>) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    let workspace = match Workspace::open(root) {
        Ok(workspace) => workspace,
        Err(error) => {
            findings.error("settings", &error);
            return findings.0;
        }
    };
    findings.fine("settings", format!("{CONFIG_FILE} reads, for {}", workspace.config().organisation));
    match catalogue(&workspace) {
        Ok(controls) => findings.fine("controls", format!("{} controls", controls.iter().count())),
        Err(error) => findings.wrong("controls", error.to_string(), "correct that file"),
    }
    keys_and_files(&workspace, &mut findings);
    store(&workspace, &**clock, &mut findings);
    disk(&workspace, &mut findings);
    sources(&workspace, clock.now(), &mut findings);
    match listening {
        Ok(said) => findings.fine("listener", said),
        Err(said) => findings.wrong("listener", said, "correct [service] in exhibit.toml"),
    }
    match workspace.config().alert.len() {
        0 => findings.add(
            "alerts",
            Level::Note,
            "nobody is told of what is missed",
            Some("add [[alert]] to exhibit.toml: README.md has an example".to_owned()),
        ),
        number => findings.fine("alerts", format!("{number} destinations")),
    }
    for (alert, problem) in alerts::problems(&workspace, clock) {
        findings.wrong("alerts", format!("{}: {problem}", alert.url), "correct [[alert]] in exhibit.toml");
    }
    findings.0
}

/// The keys open, and nobody else can read them.
fn keys_and_files(workspace: &Workspace, findings: &mut Findings) {
    let opened = keys::identity(workspace)
        .and_then(|identity| keys::signing_key(workspace, &identity))
        .map(|key| key.verifier().name().to_owned());
    match opened {
        Ok(name) if name == workspace.config().origin => {
            findings.fine("keys", format!("the signing key of {name} opens"));
        }
        Ok(name) => findings.wrong(
            "keys",
            format!("the signing key is {name}'s, and the origin is {}", workspace.config().origin),
            "restore the key or the origin: a log is signed under its own name",
        ),
        Err(error) => findings.wrong(
            "keys",
            error.to_string(),
            "restore keys/ from where you keep a copy, or correct [signing] in exhibit.toml",
        ),
    }
    let signing = &workspace.config().signing;
    let mut secret = vec![workspace.resolve(&signing.key)];
    secret.extend(signing.identity.strip_prefix("file:").map(|file| workspace.resolve(Path::new(file))));
    for path in secret {
        let open = mode(&path).is_some_and(|mode| mode & 0o077 != 0);
        if open {
            findings.wrong(
                "files",
                format!("{} can be read by others", path.display()),
                format!("chmod 600 {}", path.display()),
            );
        }
    }
    let ours = [workspace.root().to_owned(), workspace.data_dir(), workspace.root().join("connectors")];
    for path in ours {
        if mode(&path).is_some_and(|mode| mode & 0o002 != 0) {
            findings.wrong(
                "files",
                format!("{} can be written by everybody", path.display()),
                format!("chmod o-w {}", path.display()),
            );
        }
    }
}

fn mode(path: &PathBuf) -> Option<u32> {
    Some(std::fs::metadata(path).ok()?.mode())
}

/// The store opens, or somebody has it; and the clock is not behind what it holds.
fn store(workspace: &Workspace, clock: &dyn Clock, findings: &mut Findings) {
    match open_store(workspace) {
        Ok(store) => {
            findings.fine("store", format!("{} leaves", store.head().size));
            for note in store.notes() {
                let hint = Some("it was mended; `exhibit check` reads everything again".to_owned());
                findings.add("store", Level::Note, note, hint);
            }
            time(&store, clock.now(), findings);
        }
        Err(exhibit_pipeline::host::HostError::Store(OpenError::InUse { pid, .. })) => findings.add(
            "store",
            Level::Note,
            format!("process {pid} has it: a service that runs, or another command; it was not looked into"),
            None,
        ),
        Err(exhibit_pipeline::host::HostError::Key(_)) => {}
        Err(error) => findings.wrong(
            "store",
            error.to_string(),
            "`exhibit check --rebuild` makes the index anew; `exhibit restore` puts a backup in its place",
        ),
    }
}

fn time(store: &Store, now: Timestamp, findings: &mut Findings) {
    let last_run =
        store.runs(&RunFilter::default()).ok().and_then(|runs| runs.last().map(|run| run.ended_at));
    let last = last_run.max(Memory::read(store.dir()).alive_at).unwrap_or_default();
    if last.as_ms() > now.as_ms() + AHEAD_MS {
        findings.wrong(
            "clock",
            format!("it is {now}, and the store knows of {last}"),
            "set the clock, and keep it set: timedatectl set-ntp true",
        );
    } else {
        findings.fine("clock", format!("{now}, not behind what the store holds"));
    }
}

fn disk(workspace: &Workspace, findings: &mut Findings) {
    let keep_mb = workspace.config().service.keep_free_mb;
    match free_bytes(&workspace.data_dir()) {
        Ok(free) if free / 1_000_000 < keep_mb => findings.wrong(
            "disk",
            format!("{} MB are left, and {keep_mb} MB are to stay free", free / 1_000_000),
            "make room: nothing new is collected before; or lower keep_free_mb under [service]",
        ),
        Ok(free) => findings.fine("disk", format!("{} MB are left", free / 1_000_000)),
        Err(error) => findings.wrong(
            "disk",
            format!("{}: {error}", workspace.data_dir().display()),
            "correct `data` in exhibit.toml, or make the store: exhibit init",
        ),
    }
}

fn sources(workspace: &Workspace, now: Timestamp, findings: &mut Findings) {
    let lock = match workspace.lock() {
        Ok(lock) => lock,
        Err(error) => return findings.error("approvals", &error),
    };
    let sources = match workspace.sources() {
        Ok(sources) => sources,
        Err(error) => return findings.error("sources", &error),
    };
    if sources.is_empty() {
        let hint = Some("exhibit source add NAME --connector CONNECTOR".to_owned());
        findings.add("sources", Level::Note, "there is none: nothing is collected", hint);
    }
    for (name, config) in &sources {
        let about = format!("source {name}");
        let problems = inspect(workspace, name, config, &lock);
        for error in &problems {
            findings.add(&about, Level::Wrong, error.to_string(), error.hint());
        }
        if problems.is_empty() {
            findings.fine(&about, schedule(workspace, name, config, now));
        }
    }
    for name in lock.sources.keys().filter(|name| !sources.contains_key(*name)) {
        let what = format!("exhibit.lock approves {name}, and there is no such source");
        findings.add(
            "approvals",
            Level::Note,
            what,
            Some(format!("remove [source.{name}] from exhibit.lock")),
        );
    }
}

/// When a source is due, in words.
fn schedule(workspace: &Workspace, name: &SourceName, config: &SourceConfig, now: Timestamp) -> String {
    let plan = &config.schedule.plan;
    if config.schedule.paused {
        return format!("approved, {plan}, paused by its file");
    }
    let seed = crate::operate::seed(workspace.config());
    let slot = plan.slot_at(now);
    let opens = plan.opens(slot, name, &seed);
    let next = if opens > now { opens } else { plan.opens(plan.slot_at(slot.end), name, &seed) };
    format!("approved, {plan}; the next slot's run is due {next}")
}
