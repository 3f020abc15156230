//! Two sources over January 2026, with known gaps, known changes, and texts that would run in a page that showed them
//! as they are.

use exhibit_evidence::canonical::{self, Value};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, ExchangeId, Stop, Walk};
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::{CanonicalRecord, Origin, Record, RecordKey, Rejection};
use exhibit_evidence::run::{
    Basis, ConnectorIdentity, Limits, MANIFEST_FORMAT, Manifest, Population, ReplayInputs, RunFacts, RunId,
    Skew, Verdict,
};
use exhibit_evidence::time::{Clock, Span, Timestamp};
use exhibit_ledger::key::SigningKey;
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_pipeline::host::Host;
use exhibit_pipeline::workspace::Workspace;
use exhibit_sandbox::{Compiler, Runtime, RuntimeOptions};
use exhibit_server::http::tokens::{Role, Tokens};
use exhibit_server::http::{self, Options};
use exhibit_server::service::{Inbox, LastRun, Now, Service, SourceNow};
use exhibit_store::{KindEnd, RunStart};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};

pub(crate) const DAY_MS: i64 = 86_400_000;
/// What would run, or break a page, in each of the places that HTML has.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&\u{202e}";
/// Accounts of each source, every day.
pub(crate) const ACCOUNTS: usize = 120;
/// Days of January on which `okta-prod` was not looked at, was partial, and failed.
pub(crate) const MISSED: i8 = 5;
pub(crate) const PARTIAL: i8 = 7;
pub(crate) const FAILED: i8 = 9;
/// From this day on, account 3 has no second factor.
pub(crate) const CHANGED: i8 = 12;
pub(crate) const SOURCES: [&str; 2] = ["github-prod", "okta-prod"];

const SETTINGS: &str = r#"
organisation = "Example Ltd"
origin = "example.com/exhibit"
data = "data"

[signing]
key = "keys/signing.age"
identity = "file:keys/operator.key"
"#;

const CONTROLS: &str = r#"
[[control]]
id = "AC-01"
title = "Every account in every system is known"
criteria = ["CC6.1", "CC6.2"]
frequency = "daily"
owner = "IT security"

[[control.evidence]]
kind = "identity.account@1"

[[control]]
id = "AC-09"
title = "Administrative acts are logged"
criteria = ["CC7.2"]
frequency = "weekly"
owner = "IT security"

[[control.evidence]]
kind = "audit.activity@1"

[[control]]
id = "XX-01"
title = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&"
criteria = ["A1.2"]
frequency = "quarterly"
owner = "<b>nobody</b>"

[[control.evidence]]
kind = "vuln.finding@1"
"#;

struct Stopped(Timestamp);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The organisation, served on loopback.
pub(crate) struct World {
    pub(crate) at: SocketAddr,
    pub(crate) service: Service,
    pub(crate) operator: String,
    pub(crate) auditor: String,
    _inbox: Inbox,
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Six in the morning of a day of January.
pub(crate) fn morning(day: i8) -> Timestamp {
    at("2026-01-01T06:00:00Z").plus_ms(i64::from(day - 1) * DAY_MS)
}

pub(crate) fn run_of(source: &str, day: i8) -> RunId {
    let place = SOURCES.iter().position(|name| *name == source).unwrap();
    RunId::new(morning(day), u32::try_from(place).unwrap())
}

/// An answer: status and text.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl World {
    /// As it stands on 10 February 2026; an auditor reads 10 to 20 January. Made once: nobody here changes anything.
    pub(crate) fn shared() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        // Its server outlives each test's own runtime.
        let made = || {
            let runtime = Box::leak(Box::new(tokio::runtime::Runtime::new().unwrap()));
            runtime.block_on(Self::new())
        };
        WORLD.get_or_init(|| std::thread::spawn(made).join().unwrap())
    }

    async fn new() -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let now = at("2026-02-10T09:00:00Z");
        let host = host(&dir, now);
        for day in 1..=31 {
            for source in SOURCES {
                if (source, day) != ("okta-prod", MISSED) {
                    run(&host, source, day);
                }
            }
        }
        let tokens = Tokens::of(&host.workspace.data_dir());
        let add =
            |name: &str, role| tokens.add(&name.parse().unwrap(), role, None, "command", now).unwrap().0;
        let operator = add("ada", Role::Operator);
        let auditor = add("audrey", Role::Auditor { engagement: "2026-01-10..2026-01-20".parse().unwrap() });
        let (service, inbox) = Service::new(host);
        inbox.now.send_replace(Arc::new(goes_on(now)));
        let bound = http::bind(Options::at("127.0.0.1:0".parse().unwrap())).await.unwrap();
        let at = bound.address().unwrap();
        let own = service.clone();
        tokio::spawn(async move { bound.serve(own, std::future::pending()).await.unwrap() });
        Self { at, service, operator, auditor, _inbox: inbox }
    }

    pub(crate) fn host(&self) -> Arc<Host> {
        self.service.host()
    }

    /// A page, as an operator sees it.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path, &self.operator).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.text
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answered {
        let stream = tokio::net::TcpStream::connect(self.at).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = ::http::Request::get(path)
            .header("host", self.at.to_string())
            .header("accept", "text/html")
            .header("authorization", format!("Bearer {token}"));
        let answer =
            sender.send_request(request.body(Full::new(bytes::Bytes::new())).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        connection.abort();
        Answered { status, text: String::from_utf8(body.to_vec()).unwrap() }
    }
}

/// One source is failing, the other needs a person.
fn goes_on(now: Timestamp) -> Now {
    let last = LastRun {
        run: run_of("okta-prod", 31),
        ended_at: morning(31),
        verdict: "failed".into(),
        // No place to break it.
        reason: Some(format!("{HOSTILE} https://api.example.com/{}", "a".repeat(200))),
    };
    let okta = SourceNow {
        plan: "daily".into(),
        next_due: Some(now.plus_ms(DAY_MS)),
        last: Some(last),
        failures: 3,
        ..SourceNow::default()
    };
    let github =
        SourceNow { plan: "30 2 * * *".into(), problem: Some(HOSTILE.into()), ..SourceNow::default() };
    let names = SOURCES.map(|name| name.parse::<SourceName>().unwrap());
    let sources = BTreeMap::from_iter(names.into_iter().zip([github, okta]));
    Now { at: now, started_at: now, sources, ..Now::default() }
}

fn host(dir: &Path, now: Timestamp) -> Host {
    let origin = "example.com/exhibit";
    let identity = age::x25519::Identity::generate();
    let signing = SigningKey::from_seed(origin, &[7; 32]).unwrap();
    for folder in ["controls", "sources", "connectors", "keys"] {
        std::fs::create_dir(dir.join(folder)).unwrap();
    }
    std::fs::write(dir.join("exhibit.toml"), SETTINGS).unwrap();
    let workspace = Workspace::open(dir).unwrap();
    let secret = identity.to_string();
    let secret = age::secrecy::ExposeSecret::expose_secret(&secret);
    let mut file = std::fs::File::options();
    file.write(true).create_new(true).mode(0o600);
    file.open(dir.join("keys/operator.key")).unwrap().write_all(secret.as_bytes()).unwrap();
    let sealed = age::encrypt(&identity.to_public(), signing.to_text().expose().as_bytes()).unwrap();
    std::fs::write(dir.join("keys/signing.age"), sealed).unwrap();
    std::fs::write(dir.join("controls/all.toml"), CONTROLS).unwrap();
    for source in SOURCES {
        let text = format!("connector = \"made-up\"\n\n[settings]\nurl = \"https://{source}.example\"\n");
        std::fs::write(dir.join(format!("sources/{source}.toml")), text).unwrap();
    }
    workspace.add_component(&component()).unwrap();
    Host::create_store(&workspace, true).unwrap();
    let options = RuntimeOptions::new(dir.join("cache"), Compiler::current_exe().unwrap());
    Host::open(workspace, Arc::new(Runtime::new(options).unwrap()), Arc::new(Stopped(now))).unwrap()
}

/// A component that asks, and does nothing.
fn component() -> Vec<u8> {
    let manifest = r#"{"name":"made-up","version":"1.0.0","publisher":"<b>example.org</b>",
        "description":"<script>alert(1)</script>","contract":"0.1","min_host":"0.1.0",
        "kinds":["audit.activity@1","identity.account@1"],
        "egress":[{"methods":["GET"],"url":"{settings.url}/users"}]}"#;
    exhibit_sandbox::attach_manifest(b"\0asm\x0d\0\x01\0", manifest.as_bytes()).unwrap()
}

/// The id of an account in its system. The ninth would lead elsewhere, or break out of an attribute.
pub(crate) fn account_id(n: usize) -> String {
    if n == 8 { format!("../../u?x=1&y=\"#{HOSTILE}") } else { format!("u{n:03}") }
}

/// An account on a day, as the system answers it.
pub(crate) fn account(n: usize, day: i8) -> serde_json::Value {
    let mfa = if n == 3 && day >= CHANGED { "not_enrolled" } else { "enrolled" };
    let login = if n == 8 { HOSTILE.to_owned() } else { format!("person{n:03}@example.com") };
    serde_json::json!({ "id": account_id(n), "login": login, "mfa_status": mfa })
}

fn accounts_record(source: &SourceName, n: usize, day: i8) -> CanonicalRecord {
    let kind: Kind = "identity.account@1".parse().unwrap();
    let json = account(n, day);
    let text = |name: &str| (name.to_owned(), Value::String(json[name].as_str().unwrap().to_owned()));
    let record = Record {
        attributes: Value::object([text("login"), text("mfa_status")]),
        kind: kind.clone(),
        native_id: account_id(n),
        occurred_at: None,
        source: source.clone(),
        subject_key: None,
        tenant: "example.com".into(),
        unknown: vec!["admin".into()],
    };
    let page = u32::try_from(n / 50).unwrap();
    let exchange = ExchangeId { call: 0, index: 0, page };
    CanonicalRecord {
        key: record.key(),
        line: record.to_line().unwrap(),
        kind,
        origins: vec![Origin { exchange, pointer: format!("/{}", n % 50) }],
    }
}

/// Two acts of a day, at noon and a minute later.
fn act_record(source: &SourceName, day: i8, n: u8) -> CanonicalRecord {
    let kind: Kind = "audit.activity@1".parse().unwrap();
    let at = morning(day).plus_ms(-18 * 3_600_000 + i64::from(n) * 60_000);
    let text = |text: &str| Value::String(text.to_owned());
    let record = Record {
        attributes: Value::object([
            ("action".to_owned(), text(HOSTILE)),
            ("actor".to_owned(), text("person001@example.com")),
        ]),
        kind: kind.clone(),
        native_id: format!("act-{day:02}-{n}"),
        occurred_at: Some(at),
        source: source.clone(),
        subject_key: None,
        tenant: "example.com".into(),
        unknown: Vec::new(),
    };
    let origin = Origin { exchange: ExchangeId { call: 1, index: 0, page: 0 }, pointer: String::new() };
    CanonicalRecord {
        key: RecordKey::new(&record.native_id, Some(at)),
        line: record.to_line().unwrap(),
        kind,
        origins: vec![origin],
    }
}

fn exchange(id: ExchangeId, sent_at: Timestamp, body: &[u8]) -> Exchange {
    let url = format!("https://example.com/users?page={}&q={HOSTILE}", id.page);
    Exchange {
        id,
        method: "GET".into(),
        request: Digest::of(&url),
        url,
        request_headers: vec![("accept".into(), HOSTILE.into())],
        request_body: None,
        slot: Some("made-up".into()),
        answer: Answer::Response {
            status: 200,
            headers: vec![("x-hostile".into(), HOSTILE.into())],
            body: Digest::of(body),
            body_bytes: body.len() as u64,
            redacted: true,
        },
        server_date: Some(sent_at),
        sent_at,
        duration_ms: 12,
        attempts: 1,
    }
}

fn verdict(source: &str, day: i8) -> Verdict {
    match (source, day) {
        ("okta-prod", PARTIAL) => Verdict::Partial(format!("403 on /factors {HOSTILE}")),
        ("okta-prod", FAILED) => Verdict::Failed("503 three times".into()),
        _ => Verdict::Complete,
    }
}

fn population(kind: &str, query: &str, records: u64, pages: u64, verdict: Verdict) -> Population {
    Population {
        kind: kind.parse().unwrap(),
        query: query.into(),
        lists: 1,
        pages,
        received: records + 2,
        covered: records,
        filtered: BTreeMap::from([("a guest <script>alert(1)</script>".to_owned(), 2)]),
        emitted: records,
        rejected: 1,
        repeated: 0,
        source_total: Some(records + 2),
        sealed: true,
        basis: Basis::HostPaged,
        verdict,
    }
}

/// What a source was found to be on a day.
fn run(host: &Host, source: &str, day: i8) {
    let started_at = morning(day);
    let name: SourceName = source.parse().unwrap();
    let window = Span { start: started_at.plus_ms(-DAY_MS), end: started_at };
    let start = RunStart { run: run_of(source, day), source: name.clone(), started_at, window };
    let stage = host.store.begin(start.clone()).unwrap();
    let verdict = verdict(source, day);
    let (accounts, acts): (Kind, Kind) =
        ("identity.account@1".parse().unwrap(), "audit.activity@1".parse().unwrap());
    let whole = verdict == Verdict::Complete;
    for n in 0..if whole { ACCOUNTS } else { 0 } {
        stage.record(&accounts_record(&name, n, day)).unwrap();
    }
    for page in 0..3_u32 {
        let from = usize::try_from(page).unwrap() * 50;
        let users: Vec<serde_json::Value> =
            (from..(from + 50).min(ACCOUNTS)).map(|n| account(n, day)).collect();
        let body = serde_json::to_vec(&users).unwrap();
        let id = ExchangeId { call: 0, index: 0, page };
        stage.exchange(&exchange(id, started_at, &body), None, Some(&body)).unwrap();
    }
    for n in 0..2 {
        stage.record(&act_record(&name, day, n)).unwrap();
    }
    let body = format!("<events>{HOSTILE}</events>");
    stage
        .exchange(
            &exchange(ExchangeId { call: 1, index: 0, page: 0 }, started_at, body.as_bytes()),
            None,
            Some(body.as_bytes()),
        )
        .unwrap();
    stage.walk(&walk()).unwrap();
    stage
        .log(format!("{{\"level\":\"info\",\"message\":{}}}", serde_json::json!(HOSTILE)).as_bytes())
        .unwrap();
    stage.reject(&rejection()).unwrap();
    let ends = BTreeMap::from([
        (accounts.clone(), KindEnd { shape: Shape::State, complete: whole }),
        (acts.clone(), KindEnd { shape: Shape::Event, complete: true }),
    ]);
    let merged = stage.merge(&ends).unwrap();
    let replay = replay(&start);
    let mut fills = host.controls.fills_at(&accounts, &name, started_at);
    fills.extend(host.controls.fills_within(&acts, &name, window));
    let manifest = Manifest {
        format: MANIFEST_FORMAT,
        run: start.run.clone(),
        simulated: true,
        source: name,
        connector: ConnectorIdentity {
            name: "made-up".into(),
            version: "1.0.0".into(),
            publisher: HOSTILE.into(),
            component: Digest::of(component()),
            contract: "0.1".into(),
        },
        host_version: "0.1.0".into(),
        intake_version: 1,
        settings: Digest::of("{}"),
        grants: vec![format!("GET https://example.com/{HOSTILE}")],
        credentials: BTreeMap::from([("made-up".to_owned(), "bearer".to_owned())]),
        tenant: Some(HOSTILE.into()),
        window,
        started_at,
        ended_at: started_at.plus_ms(61_000),
        attempt: 1,
        fills,
        populations: vec![
            population(
                "identity.account@1",
                HOSTILE,
                if whole { ACCOUNTS as u64 } else { 0 },
                3,
                verdict.clone(),
            ),
            population("audit.activity@1", "all acts", 2, 1, Verdict::Complete),
        ],
        datasets: merged.datasets.clone(),
        exchanges: merged.exchanges.clone(),
        walks: merged.walks,
        rejected: merged.rejected.clone(),
        rejections: merged.rejections,
        skew: Some(Skew { min_ms: -3, max_ms: 17 }),
        log: merged.log,
        log_lines: merged.log_lines,
        log_cut: false,
        replay: Digest::of(canonical::to_bytes(&replay).unwrap()),
        not_reperformable: None,
        verdict,
    };
    let digest = Digest::of(canonical::to_bytes(&manifest).unwrap());
    let predicate = Value::object([("verdict".to_owned(), Value::String(manifest.verdict.word().into()))]);
    let statement = Statement::new(LeafKind::Run, manifest.run.as_str(), digest, predicate);
    let leaf = statement.to_leaf(&host.signer).unwrap();
    merged.commit(&manifest, &replay, &BTreeMap::new(), &leaf).unwrap();
}

fn rejection() -> Rejection {
    Rejection {
        kind: "identity.account@1".into(),
        key: HOSTILE.into(),
        code: "schema".into(),
        reason: HOSTILE.into(),
        origins: vec![Origin { exchange: ExchangeId::default(), pointer: format!("/{HOSTILE}") }],
        body: Digest::of(HOSTILE),
        excerpt: HOSTILE.into(),
    }
}

fn walk() -> Walk {
    Walk {
        id: ExchangeId::default().walk(),
        list: format!("GET https://example.com/users?q={HOSTILE}"),
        scheme: "link-header".into(),
        items: Some(String::new()),
        pages: 3,
        received: Some(122),
        received_by_page: vec![50, 50, 22],
        source_total: Some(122),
        stop: Stop::End,
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
