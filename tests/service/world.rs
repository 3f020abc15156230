//! A workspace with made-up systems and a loop over it, all on one clock that stands still until it is set.

use exhibit_demo::{Fakes, SimulatedClock, System};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::{Clock as _, Timestamp};
use exhibit_pipeline::approve;
use exhibit_pipeline::host::Host;
use exhibit_pipeline::operation::{Alive, Entry, operation};
use exhibit_pipeline::workspace::Workspace;
use exhibit_sandbox::{CompileLimits, Compiler, Runtime, RuntimeOptions};
use exhibit_server::operate::{End, Options, operate};
use exhibit_server::service::{Now, Service};
use exhibit_tests::command::binary;
use exhibit_tests::tools::target_dir;
use exhibit_tests::workspace::Workspace as Place;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// One dataset of state and one of events: few requests a run.
pub(crate) const LITTLE: &str = r#"["identity.group_membership@1", "identity.access_change@1"]"#;
/// Nothing here takes longer.
const LONGEST: Duration = Duration::from_secs(240);
/// Alerts are sent again at once.
const DELAYS: &[Duration] = &[Duration::from_millis(20); 5];

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) fakes: Fakes,
    sandbox: Arc<Runtime>,
    pub(crate) threads: tokio::runtime::Runtime,
}

impl World {
    /// An empty workspace, with the Okta connector, at `instant`.
    pub(crate) fn new(instant: &str) -> Self {
        let place = Place::fresh();
        let clock = Arc::new(SimulatedClock::new(at(instant)));
        let fakes = Fakes::start(2026, clock.clone()).expect("the made-up systems start");
        let program = binary();
        let compiler = Compiler::Child { program, limits: CompileLimits::default() };
        let sandbox = Runtime::new(RuntimeOptions::new(place.file("cache"), compiler)).expect("a sandbox");
        let component = std::fs::read(target_dir().join("components/okta.wasm"))
            .expect("target/components/okta.wasm: make it with make build");
        Workspace::open(&place.path()).expect("a workspace").add_component(&component).expect("added");
        let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
        let world = Self { place, clock, fakes, sandbox: Arc::new(sandbox), threads };
        world.append("exhibit.toml", "\n[service]\nkeep_free_mb = 1\nstop_grace_s = 5\n");
        world
    }

    pub(crate) fn append(&self, file: &str, text: &str) {
        let old = std::fs::read_to_string(self.place.file(file)).unwrap_or_default();
        std::fs::write(self.place.file(file), old + text).expect(file);
    }

    /// Writes a source that reads the made-up Okta, with `more` at its end.
    pub(crate) fn write_source(&self, name: &str, kinds: &str, more: &str) {
        let source = self.fakes.source(System::Okta);
        let (_, token) = &source.secrets[0];
        let secret = self.place.beside().join("token");
        std::fs::write(&secret, token).expect("written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret, private).expect("a mode");
        let text = format!(
            "connector = \"okta\"\nkinds = {kinds}\nallow_addresses = [\"127.0.0.1\"]\n\
             [settings]\norg_url = \"{}\"\n[credentials.okta]\nscheme = \"ssws\"\ntoken = \"file:{}\"\n{more}",
            self.fakes.origin(System::Okta),
            secret.display(),
        );
        std::fs::write(self.place.file(&format!("sources/{name}.toml")), text).expect(name);
    }

    /// A source that is approved at the present instant.
    pub(crate) fn add_source(&self, name: &str, kinds: &str, more: &str) {
        self.write_source(name, kinds, more);
        approve_in(&self.open(), name);
    }

    pub(crate) fn open(&self) -> Host {
        let begun = Instant::now();
        loop {
            let workspace = Workspace::open(&self.place.path()).expect("a workspace");
            match Host::open(workspace, Arc::clone(&self.sandbox), self.clock.clone()) {
                Ok(host) => return host,
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn serve(&self) -> Running {
        let (service, inbox) = Service::new(self.open());
        let (stop, stopped) = watch::channel(false);
        let options = Options {
            runs_on: self.threads.handle().clone(),
            tick: Duration::from_millis(5),
            alert_delays: DELAYS,
        };
        let task = self.threads.spawn(operate(service.clone(), inbox, options, stopped));
        Running { service, stop, task, clock: Arc::clone(&self.clock) }
    }

    /// What the ledger says of everything but runs, from the first day on.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        entries(&self.open(), self.clock.now())
    }
}

pub(crate) fn entries(host: &Host, now: Timestamp) -> Vec<Entry> {
    let span = exhibit_evidence::time::Span { start: Timestamp::from_ms(0), end: now.plus_ms(1) };
    operation(&host.store, span, now, Alive::Now).expect("the ledger reads").entries
}

pub(crate) fn approve_in(host: &Host, name: &str) {
    let source: SourceName = name.parse().expect("a name");
    let proposal = approve::propose(&host.workspace, &source, None).expect("a proposal");
    approve::approve(host, proposal, "tests").expect("approved");
}

/// A loop that runs.
pub(crate) struct Running {
    pub(crate) service: Service,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<End, exhibit_server::operate::OperateError>>,
    clock: Arc<SimulatedClock>,
}

impl Running {
    /// Waits until what goes on now is as it should be.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Now) -> bool) -> Arc<Now> {
        let begun = Instant::now();
        loop {
            let now = self.service.now();
            if now.at >= self.clock.now() && is_so(&now) {
                return now;
            }
            assert!(!self.task.is_finished(), "{what}: the loop has ended");
            assert!(begun.elapsed() < LONGEST, "{what}: {now:#?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Lets time pass until `until`, from one thing that is due to the next.
    pub(crate) fn pass(&self, until: &str) {
        let until = at(until);
        loop {
            let now = self.wait("nothing goes on", |now| {
                let idle = now.sources.values().all(|source| source.running_since.is_none());
                idle && now.sources.values().all(|source| source.next_due.is_none_or(|due| due > now.at))
            });
            if self.clock.now() >= until {
                return;
            }
            let next = now.sources.values().filter_map(|source| source.next_due).min();
            self.clock.set(next.map_or(until, |next| next.min(until)));
        }
    }

    /// Waits until no run goes on, or the loop has ended.
    pub(crate) fn still(&self) {
        let begun = Instant::now();
        let runs = |now: &Now| now.sources.values().any(|source| source.running_since.is_some());
        while runs(&self.service.now()) && !self.task.is_finished() {
            assert!(begun.elapsed() < LONGEST, "{:#?}", self.service.now());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until nothing is held back; where the store has to be opened again, with another loop, as the command does.
    pub(crate) fn recovered(self, world: &World) -> Self {
        let begun = Instant::now();
        let mut running = self;
        loop {
            if running.task.is_finished() {
                let Self { service, task, .. } = running;
                drop(service);
                let end = world.threads.block_on(task).expect("it does not panic").expect("it ends");
                assert_eq!(end, End::Reopen);
                running = world.serve();
            }
            let now = running.service.now();
            if now.started_at > Timestamp::default()
                && now.holding.is_none()
                && running.service.host().store.halted().is_none()
            {
                return running;
            }
            assert!(begun.elapsed() < LONGEST, "{now:#?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// As [`Running::pass`], through a store that has to be opened again on the way.
    pub(crate) fn pass_and_recover(self, world: &World, until: &str) -> Self {
        let mut running = self;
        let until = at(until);
        let begun = Instant::now();
        loop {
            running = running.recovered(world);
            running.still();
            let now = running.service.now();
            let due = now.sources.values().filter_map(|source| source.next_due).min();
            let runs = now.sources.values().any(|source| source.running_since.is_some());
            let is_idle = now.at >= world.clock.now() && !runs && due.is_none_or(|due| due > now.at);
            if is_idle && world.clock.now() >= until && !running.task.is_finished() {
                return running;
            }
            if is_idle {
                world.clock.set(due.map_or(until, |due| due.min(until)));
            }
            assert!(begun.elapsed() < LONGEST, "{now:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops it, and waits until it has.
    pub(crate) fn stop(self, world: &World) -> End {
        self.stop.send_replace(true);
        drop(self.service);
        world.threads.block_on(self.task).expect("it does not panic").expect("it stops")
    }

    /// Drops it where it stands, as the end of the process would.
    pub(crate) fn kill(self, world: &World) {
        self.task.abort();
        drop(self.service);
        let _ = world.threads.block_on(self.task);
    }
}
