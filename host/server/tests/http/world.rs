//! A workspace of a made-up organisation with some days of runs, served on loopback, with everyone who may ask.

use exhibit_evidence::canonical::{self, Value};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, ExchangeId, Stop, Walk};
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::{CanonicalRecord, Origin, Record, RecordKey};
use exhibit_evidence::run::{
    Basis, ConnectorIdentity, Limits, MANIFEST_FORMAT, Manifest, Population, ReplayInputs, RunFacts, RunId,
    Verdict,
};
use exhibit_evidence::time::{Clock, Span, Timestamp};
use exhibit_ledger::key::SigningKey;
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_pipeline::host::Host;
use exhibit_pipeline::workspace::{Config, Signing, Workspace};
use exhibit_sandbox::{Compiler, Runtime, RuntimeOptions};
use exhibit_server::http::tokens::{Role, Tokens};
use exhibit_server::http::{self, Options};
use exhibit_server::service::{Act, Now, Refused, Service, SourceNow};
use exhibit_store::{KindEnd, RunStart, Store};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::oneshot;

pub(crate) const ORIGIN: &str = "example.com/exhibit";
pub(crate) const SOURCE: &str = "okta-prod";
pub(crate) const KIND: &str = "identity.account@1";
pub(crate) const DAY_MS: i64 = 86_400_000;
/// The period that everything here was collected in, and one in which nothing was.
pub(crate) const OWN: &str = "2026-01";
pub(crate) const OTHER: &str = "2025-H1";
/// What a record says that would run in a page that showed it as it is.
pub(crate) const SCRIPT: &str = "<script>alert(1)</script>";

/// A clock that stands, and is set.
pub(crate) struct Stopped(AtomicU64);

impl Stopped {
    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.as_ms(), Ordering::Relaxed);
    }
}

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::Relaxed))
    }
}

/// The tokens of everyone who may ask.
pub(crate) struct Keys {
    pub(crate) operator: String,
    pub(crate) auditor: String,
    pub(crate) stranger: String,
    pub(crate) ingest: String,
    pub(crate) monitor: String,
}

/// A service that listens.
pub(crate) struct World {
    pub(crate) at: SocketAddr,
    pub(crate) service: Service,
    pub(crate) keys: Keys,
    pub(crate) tokens: Tokens,
    pub(crate) clock: Arc<Stopped>,
    pub(crate) runs: Vec<RunId>,
    /// What was ordered, and by whom.
    pub(crate) orders: Arc<Mutex<Vec<(Act, String)>>>,
    pub(crate) dir: TempDir,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) served: Option<tokio::task::JoinHandle<()>>,
}

impl World {
    /// Three days of runs, served at a port of the system's choice.
    pub(crate) async fn new() -> Self {
        Self::with(|options| options).await
    }

    /// The same, listened to otherwise.
    pub(crate) async fn with(change: impl FnOnce(Options) -> Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Stopped(AtomicU64::new(at("2026-02-10T09:00:00Z").as_ms())));
        let host = host(dir.path(), Arc::clone(&clock));
        let runs = (1..=3).map(|day| run(&host.store, &host.signer, day)).collect();
        let tokens = Tokens::of(&host.workspace.data_dir());
        let keys = keys(&tokens, clock.now());
        let (service, inbox) = Service::new(host);
        let orders = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(loops(inbox, clock.now(), Arc::clone(&orders)));
        let bound = http::bind(change(Options::at("127.0.0.1:0".parse().unwrap()))).await.unwrap();
        let at = bound.address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let own = service.clone();
        let served = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            bound.serve(own, stopped).await.unwrap();
        });
        Self { at, service, keys, tokens, clock, runs, orders, dir, stop: Some(stop), served: Some(served) }
    }

    /// Has the service stop, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.served.take().unwrap().await.unwrap();
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn keys(tokens: &Tokens, now: Timestamp) -> Keys {
    let auditor = |period: &str| Role::Auditor { engagement: period.parse().unwrap() };
    let add = |name: &str, role| tokens.add(&name.parse().unwrap(), role, None, "command", now).unwrap().0;
    Keys {
        operator: add("ada", Role::Operator),
        auditor: add("audrey", auditor(OWN)),
        stranger: add("stranger", auditor(OTHER)),
        ingest: add("ingo", Role::Ingest),
        monitor: add("prometheus", Role::Monitor),
    }
}

/// Answers orders as the loop does, and does nothing.
async fn loops(
    mut inbox: exhibit_server::service::Inbox,
    now: Timestamp,
    orders: Arc<Mutex<Vec<(Act, String)>>>,
) {
    let source: SourceName = SOURCE.parse().unwrap();
    let sources =
        BTreeMap::from([(source.clone(), SourceNow { plan: "daily".into(), ..SourceNow::default() })]);
    inbox.now.send_replace(Arc::new(Now { at: now, started_at: now, holding: None, sources }));
    while let Some(order) = inbox.orders.recv().await {
        let answer = match &order.act {
            Act::Run(name) | Act::Pause(name) | Act::Resume(name) if *name != source => {
                Err(Refused::NoSource(name.clone()))
            }
            _ => Ok(()),
        };
        orders.lock().unwrap().push((order.act, order.by));
        let _ = order.done.send(answer);
    }
}

fn host(dir: &Path, clock: Arc<Stopped>) -> Host {
    let identity = age::x25519::Identity::generate();
    let signing = SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap();
    let config = Config {
        organisation: "Example Ltd".into(),
        origin: ORIGIN.into(),
        data: "data".into(),
        signing: Signing { key: "keys/signing.age".into(), identity: "file:keys/operator.key".into() },
        encryption: None,
        directory: None,
        timestamp: None,
        service: Default::default(),
        alert: Vec::new(),
    };
    let workspace = Workspace::create(dir, config).unwrap();
    let secret = identity.to_string();
    let secret = age::secrecy::ExposeSecret::expose_secret(&secret);
    let mut file = std::fs::File::options();
    file.write(true).create_new(true).mode(0o600);
    file.open(dir.join("keys/operator.key")).unwrap().write_all(secret.as_bytes()).unwrap();
    let sealed = age::encrypt(&identity.to_public(), signing.to_text().expose().as_bytes()).unwrap();
    std::fs::write(dir.join("keys/signing.age"), sealed).unwrap();
    std::fs::write(dir.join("controls/people.toml"), MANUAL).unwrap();
    let text = "connector = \"okta\"\n\n[settings]\norg_url = \"https://example.okta.com\"\n";
    std::fs::write(dir.join(format!("sources/{SOURCE}.toml")), text).unwrap();
    workspace.add_component(&component("1.0.0")).unwrap();
    Host::create_store(&workspace, true).unwrap();
    let options = RuntimeOptions::new(dir.join("cache"), Compiler::current_exe().unwrap());
    Host::open(workspace, Arc::new(Runtime::new(options).unwrap()), clock).unwrap()
}

const MANUAL: &str = "[[control]]\nid = \"HR-01\"\ntitle = \"Access is reviewed\"\ncriteria = [\"CC6.2\"]\n\
                      frequency = \"monthly\"\nowner = \"HR\"\nmanual = \"Signed minutes of the review\"\n";

/// A component that asks and does nothing.
pub(crate) fn component(version: &str) -> Vec<u8> {
    let manifest = format!(
        r#"{{"name":"okta","version":"{version}","publisher":"example.org","description":"A test","contract":"0.1",
            "min_host":"0.1.0","kinds":["{KIND}"],
            "egress":[{{"methods":["GET"],"url":"{{settings.org_url}}/api/v1/users"}}]}}"#
    );
    exhibit_sandbox::attach_manifest(b"\0asm\x0d\0\x01\0", manifest.as_bytes()).unwrap()
}

/// Accounts of a day: `u000` to `u119`, of whom one changes every day, and one comes.
fn accounts(day: u32) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> =
        (0..120).map(|n| (format!("u{n:03}"), "active".to_owned())).collect();
    all[7].1 = format!("seen on day {day}");
    all[8].1 = SCRIPT.to_owned();
    all.push((format!("v{day:03}"), "new".to_owned()));
    all
}

/// A complete run on a day of January.
pub(crate) fn run(store: &Store, signer: &SigningKey, day: u32) -> RunId {
    let started_at = at("2026-01-01T06:00:00Z").plus_ms(i64::from(day - 1) * DAY_MS);
    let kind: Kind = KIND.parse().unwrap();
    let source: SourceName = SOURCE.parse().unwrap();
    let window = Span { start: started_at.plus_ms(-DAY_MS), end: started_at };
    let start = RunStart { run: RunId::new(started_at, day), source, started_at, window };
    let stage = store.begin(start.clone()).unwrap();
    for (id, note) in accounts(day) {
        stage.record(&record(&kind, &id, &note)).unwrap();
    }
    let body = format!("[\"{SCRIPT}\"]");
    stage.exchange(&exchange(body.as_bytes(), started_at), None, Some(body.as_bytes())).unwrap();
    stage.walk(&walk()).unwrap();
    stage.log(br#"{"level":"info","message":"read"}"#).unwrap();
    let merged = stage
        .merge(&BTreeMap::from([(kind.clone(), KindEnd { shape: Shape::State, complete: true })]))
        .unwrap();
    let replay = replay(&start);
    let population = population(&kind, 121);
    let manifest = Manifest {
        format: MANIFEST_FORMAT,
        run: start.run.clone(),
        simulated: true,
        source: start.source.clone(),
        connector: ConnectorIdentity {
            name: "okta".into(),
            version: "1.0.0".into(),
            publisher: "example.org".into(),
            component: Digest::of(component("1.0.0")),
            contract: "0.1".into(),
        },
        host_version: "0.1.0".into(),
        intake_version: 1,
        settings: Digest::of("{}"),
        grants: Vec::new(),
        credentials: BTreeMap::new(),
        tenant: Some("example.okta.com".into()),
        window,
        started_at,
        ended_at: started_at.plus_ms(1000),
        attempt: 1,
        fills: Vec::new(),
        populations: vec![population],
        datasets: merged.datasets.clone(),
        exchanges: merged.exchanges.clone(),
        walks: merged.walks,
        rejected: merged.rejected.clone(),
        rejections: merged.rejections,
        skew: None,
        log: merged.log,
        log_lines: merged.log_lines,
        log_cut: false,
        replay: Digest::of(canonical::to_bytes(&replay).unwrap()),
        not_reperformable: None,
        verdict: Verdict::Complete,
    };
    let digest = Digest::of(canonical::to_bytes(&manifest).unwrap());
    let predicate = Value::object([("verdict".to_owned(), Value::String("complete".into()))]);
    let statement = Statement::new(LeafKind::Run, manifest.run.as_str(), digest, predicate);
    merged.commit(&manifest, &replay, &BTreeMap::new(), &statement.to_leaf(signer).unwrap()).unwrap();
    start.run
}

fn record(kind: &Kind, id: &str, note: &str) -> CanonicalRecord {
    let record = Record {
        attributes: Value::object([("note".to_owned(), Value::String(note.to_owned()))]),
        kind: kind.clone(),
        native_id: id.to_owned(),
        occurred_at: None,
        source: SOURCE.parse().unwrap(),
        subject_key: None,
        tenant: "example.okta.com".into(),
        unknown: Vec::new(),
    };
    let origins = vec![Origin { exchange: ExchangeId::default(), pointer: format!("/{id}") }];
    CanonicalRecord {
        kind: kind.clone(),
        key: RecordKey::new(id, None),
        line: record.to_line().unwrap(),
        origins,
    }
}

fn exchange(body: &[u8], sent_at: Timestamp) -> Exchange {
    let url = "https://example.okta.com/api/v1/users";
    Exchange {
        id: ExchangeId::default(),
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
        sent_at,
        duration_ms: 12,
        attempts: 1,
    }
}

fn walk() -> Walk {
    Walk {
        id: ExchangeId::default().walk(),
        list: "GET https://example.okta.com/api/v1/users".into(),
        scheme: "link-header".into(),
        items: Some(String::new()),
        pages: 1,
        received: Some(121),
        received_by_page: vec![121],
        source_total: None,
        stop: Stop::End,
    }
}

fn population(kind: &Kind, emitted: u64) -> Population {
    Population {
        kind: kind.clone(),
        query: "all".into(),
        lists: 1,
        pages: 1,
        received: emitted,
        covered: emitted,
        filtered: BTreeMap::new(),
        emitted,
        rejected: 0,
        repeated: 0,
        source_total: None,
        sealed: true,
        basis: Basis::HostPaged,
        verdict: Verdict::Complete,
    }
}

fn replay(start: &RunStart) -> ReplayInputs {
    ReplayInputs {
        source: start.source.clone(),
        settings: Value::Object(Vec::new()),
        facts: RunFacts {
            run: start.run.clone(),
            started_at: start.started_at,
            window: start.window,
            kinds: Vec::new(),
        },
        seed: Digest::of("seed"),
        limits: Limits::default(),
        state: BTreeMap::new(),
        redactions: Vec::new(),
    }
}
