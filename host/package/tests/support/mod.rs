//! A made-up organisation's package: two sources, a state and an event dataset, a missed day, a failed run, an
//! account that loses MFA, leavers and joiners. Everything is computed through the ledger's own functions, as
//! the host would.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::type_complexity,
    clippy::manual_is_multiple_of
)]

use exhibit_evidence::canonical::{self, Value};
use exhibit_evidence::control::Control;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, ExchangeId, Stop, Walk};
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::{AuditPeriod, CollectionPeriod};
use exhibit_evidence::record::{Origin, Record, RecordKey};
use exhibit_evidence::run::{
    Basis, ConnectorIdentity, Dataset, ExchangeFacts, Fill, Limits, Manifest, Population, ReplayInputs,
    RunFacts, RunId, Skew, Verdict,
};
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::key::SigningKey;
use exhibit_ledger::record_leaf::{BucketKey, Salt};
use exhibit_ledger::seal::{Outcome, Seal, Slot};
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_ledger::tree::{Tree, leaf_hash, root_of};
use exhibit_package::Finished;
use exhibit_package::lines::{BoxError, in_memory};
use exhibit_package::model::{ControlCoverage, Meta, PeriodOutcome};
use exhibit_package::population::{HeldRecord, Population as PopulationMeta};
use exhibit_package::write::{LeafFiles, LedgerFiles, PackageWriter, RunFiles, Stamped, WriteError};
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the sample's log.
pub const ORIGIN: &str = "evidence.example.com/ledger";

/// How large the sample is, and what is special about it.
#[derive(Clone, Debug)]
pub struct Sample {
    pub period: &'static str,
    pub people: usize,
    pub simulated: bool,
    pub sealed: bool,
    pub withhold_first: bool,
    pub controls: usize,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            period: "2026-03-28..2026-04-03",
            people: 5,
            simulated: false,
            sealed: true,
            withhold_first: false,
            controls: 2,
        }
    }
}

/// One run, with everything that goes into the package.
pub struct SampleRun {
    pub manifest: Manifest,
    pub bytes: Vec<u8>,
    pub statement: Vec<u8>,
    pub leaf: u64,
    pub replay: Vec<u8>,
    pub exchanges: Vec<Vec<u8>>,
    pub walks: Vec<Vec<u8>>,
    pub log: Vec<Vec<u8>>,
    pub provenance: Vec<(Kind, Vec<Vec<u8>>)>,
    pub bodies: Vec<Vec<u8>>,
}

/// Everything that the writer is handed.
pub struct Evidence {
    pub sample: Sample,
    pub key: SigningKey,
    pub runs: Vec<SampleRun>,
    pub coverage: Vec<ControlCoverage>,
    pub tree: Tree,
    pub leaves: Vec<LeafFiles>,
    pub seal: Option<Vec<u8>>,
    pub meta: Meta,
    pub populations: BTreeMap<(SourceName, Kind), (Shape, Vec<HeldRecord>)>,
    /// Checkpoint after the first three leaves, as an auditor would have been handed it earlier.
    pub early: Vec<u8>,
    /// What an authority has stamped.
    pub timestamp: Option<Stamped>,
}

pub const COMPONENT: &[u8] = b"\0asm made-up component";

pub fn source(name: &str) -> SourceName {
    name.parse().unwrap()
}

pub fn kind(text: &str) -> Kind {
    text.parse().unwrap()
}

fn bucket_of(at: Timestamp) -> String {
    let date = at.date();
    format!("{}-Q{}", date.year(), (date.month() - 1) / 3 + 1)
}

fn bucket_key(source: &SourceName, bucket: &str) -> BucketKey {
    BucketKey::new(Digest::of(format!("{source}/{bucket}")).0)
}

const NAMES: [&str; 12] = [
    "Ada Example",
    "Bo Sample",
    "Cleo Muster",
    "Dag Prøve",
    "Eva Ejemplo",
    "Finn Esempio",
    "Gus Exemple",
    "Hana Vzor",
    "Ivo Primer",
    "Juno Beispiel",
    "Kai Voorbeeld",
    "Lea Przykład",
];

/// The account of a person on a day; none: not employed.
fn account(person: usize, day: usize, days: usize) -> Option<Record> {
    let joins = if person % 7 == 3 { days / 3 } else { 0 };
    let leaves = if person % 11 == 5 { 2 * days / 3 } else { usize::MAX };
    if day < joins || day >= leaves {
        return None;
    }
    let lost_mfa = person == 1 && (days / 2..days / 2 + days / 8 + 1).contains(&day);
    let name = NAMES[person % NAMES.len()];
    let attributes = format!(
        r#"{{"admin":{},"display_name":"{name}","factors":[{}],"mfa_status":"{}","status":"active","type":"human","usage":{{"count":-{}}}}}"#,
        person % 9 == 0,
        if lost_mfa { "" } else { r#""push","webauthn""# },
        if lost_mfa { "not_enrolled" } else { "enrolled" },
        person + 1
    );
    Some(Record {
        attributes: Value::parse(attributes.as_bytes()).unwrap(),
        kind: kind("identity.account@1"),
        native_id: format!("00u{person:04}"),
        occurred_at: None,
        source: source("okta-prod"),
        subject_key: Some(format!("person:p{person}@example.com")),
        tenant: "example.okta.example".into(),
        unknown: vec!["last_login".into()],
    })
}

fn sign_in(day: usize, number: usize, at: Timestamp) -> Record {
    Record {
        attributes: Value::parse(
            format!(r#"{{"actor":"=cmd|{day}","outcome":"success","n":{number}}}"#).as_bytes(),
        )
        .unwrap(),
        kind: kind("audit.activity@1"),
        native_id: format!("ev{day:03}{number}"),
        occurred_at: Some(at),
        source: source("okta-prod"),
        subject_key: None,
        tenant: "example.okta.example".into(),
        unknown: vec![],
    }
}

fn bucket(source: &str) -> Record {
    Record {
        attributes: Value::parse(br#"{"encryption":"aws:kms","public":false,"region":"eu-central-1"}"#)
            .unwrap(),
        kind: kind("asset.resource@1"),
        native_id: "arn:aws:s3:::example-backups".into(),
        occurred_at: None,
        source: self::source(source),
        subject_key: None,
        tenant: "123456789012".into(),
        unknown: vec![],
    }
}

struct Plan {
    source: SourceName,
    day: usize,
    at: Timestamp,
    fails: bool,
}

/// Distinct lines by key and first run, as they come from the runs.
#[derive(Default)]
struct Held(BTreeMap<(String, Vec<u8>), (BTreeMap<String, Salt>, Vec<(u32, u32)>)>);

impl Held {
    fn add(&mut self, record: &Record, run: u32, bucket: &str) -> Digest {
        let line = record.to_line().unwrap();
        let key = record.key();
        let salt = bucket_key(&record.source, bucket).salt(&record.kind, &key);
        let leaf = salt.leaf(&Digest::of(&line));
        let (salts, held) = self.0.entry((key.0, line)).or_default();
        salts.insert(bucket.to_owned(), salt);
        match held.last_mut() {
            Some(last) if last.1 + 1 == run => last.1 = run,
            _ => held.push((run, run)),
        }
        leaf
    }

    fn records(self) -> Vec<HeldRecord> {
        let mut records: Vec<HeldRecord> = self
            .0
            .into_iter()
            .map(|((key, line), (salts, held))| HeldRecord { key: RecordKey(key), line, salts, held })
            .collect();
        records.sort_by(|a, b| (&a.key, a.held[0]).cmp(&(&b.key, b.held[0])));
        records
    }
}

impl Sample {
    fn control(&self, number: usize) -> Control {
        let all = [
            r#"{"id":"AC-03","title":"Workforce accounts use MFA","criteria":["CC6.1","CC6.6"],"frequency":"daily","owner":"Security","evidence":[{"kind":"identity.account@1","sources":["okta-prod"]}]}"#,
            r#"{"id":"AC-07","title":"Access is reviewed","criteria":["CC6.2","CC6.3"],"frequency":"weekly","owner":"Managers & <leads>","evidence":[{"kind":"identity.account@1"}]}"#,
            r#"{"id":"LG-01","title":"Sign-ins are recorded","criteria":["CC7.2"],"frequency":"per_event","owner":"Security","evidence":[{"kind":"audit.activity@1"}]}"#,
            r#"{"id":"BK-02","title":"Backups are encrypted","criteria":["A1.2"],"frequency":"monthly","owner":"Platform","evidence":[{"kind":"asset.resource@1"}]}"#,
            r#"{"id":"RK-01","title":"Storage is not public","criteria":["CC6.6"],"frequency":"daily","owner":"Platform","evidence":[{"kind":"asset.resource@1"}]}"#,
            r#"{"id":"GV-04","title":"Privileged roles are confirmed by their owners","criteria":["CC6.3"],"frequency":"quarterly","owner":"CISO","evidence":[{"kind":"identity.account@1"}]}"#,
        ];
        serde_json::from_str(all[number % all.len()]).unwrap()
    }

    /// Builds everything, deterministically.
    pub fn evidence(&self) -> Evidence {
        let period: AuditPeriod = self.period.parse().unwrap();
        let key = SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap();
        let days =
            usize::try_from((period.span().end.as_ms() - period.span().start.as_ms()) / 86_400_000).unwrap();
        let plans = self.plans(&period, days);
        let mut evidence = Evidence {
            sample: self.clone(),
            runs: Vec::new(),
            coverage: Vec::new(),
            tree: Tree::default(),
            leaves: Vec::new(),
            seal: None,
            meta: Meta {
                format: exhibit_package::layout::FORMAT,
                organisation: "Example & Søns <Ltd>".into(),
                made_at: period.span().end.plus_ms(36_000_000),
                period,
                simulated: self.simulated,
                software: Meta::software_of("0.1.0"),
                views: exhibit_package::views::VERSION,
                directory: None,
                seal: None,
            },
            populations: BTreeMap::new(),
            early: Vec::new(),
            timestamp: None,
            key,
        };
        let mut held: BTreeMap<(SourceName, Kind), (Shape, Held, u32)> = BTreeMap::new();
        for plan in &plans {
            self.run(&mut evidence, plan, days, &mut held);
        }
        evidence.populations =
            held.into_iter().map(|(key, (shape, held, _))| (key, (shape, held.records()))).collect();
        self.close(&mut evidence);
        evidence
    }

    fn plans(&self, period: &AuditPeriod, days: usize) -> Vec<Plan> {
        let mut plans = Vec::new();
        for day in 0..days {
            let at = period.span().start.plus_ms(i64::try_from(day).unwrap() * 86_400_000 + 21_600_000);
            if day == 2 || (days > 60 && (day == 77 || day == 78)) {
                continue;
            }
            let fails = days > 60 && day == 40;
            plans.push(Plan { source: source("okta-prod"), day, at, fails });
            plans.push(Plan { source: source("aws-prod"), day, at: at.plus_ms(60_000), fails: false });
        }
        let after = period.span().end.plus_ms(21_600_000);
        plans.push(Plan { source: source("okta-prod"), day: days, at: after, fails: false });
        plans
    }

    fn run(
        &self,
        evidence: &mut Evidence,
        plan: &Plan,
        days: usize,
        held: &mut BTreeMap<(SourceName, Kind), (Shape, Held, u32)>,
    ) {
        let bucket_name = bucket_of(plan.at);
        let mut records: BTreeMap<Kind, (Shape, Vec<Record>)> = BTreeMap::new();
        if plan.source.as_str() == "okta-prod" {
            let accounts = (0..self.people).filter_map(|p| account(p, plan.day, days)).collect();
            records.insert(kind("identity.account@1"), (Shape::State, accounts));
            let events =
                (0..2).map(|n| sign_in(plan.day, n, plan.at.plus_ms(-3_600_000 + i64::try_from(n).unwrap())));
            records.insert(kind("audit.activity@1"), (Shape::Event, events.collect()));
        } else {
            records.insert(kind("asset.resource@1"), (Shape::State, vec![bucket("aws-prod")]));
        }
        if plan.fails {
            records.clear();
        }
        let run = RunId::new(plan.at, u32::try_from(plan.day).unwrap());
        let (mut datasets, mut populations, mut provenance, mut roots) = (vec![], vec![], vec![], vec![]);
        for (kind, (shape, records)) in &records {
            let entry = held
                .entry((plan.source.clone(), kind.clone()))
                .or_insert_with(|| (*shape, Held::default(), 0));
            // The run after the period collects its last events; what it sees of accounts is the next period's.
            let is_covered = *shape == Shape::Event || evidence.meta.period.span().contains(plan.at);
            let mut beside = Held::default();
            let held = if is_covered { &mut entry.1 } else { &mut beside };
            let leaves: Vec<Digest> = records.iter().map(|r| held.add(r, entry.2, &bucket_name)).collect();
            entry.2 += u32::from(is_covered);
            let lines: Vec<Vec<u8>> = records
                .iter()
                .enumerate()
                .map(|(i, r)| {
                    let origin = Origin { exchange: "0.0.0".parse().unwrap(), pointer: format!("/{i}") };
                    let key = r.key();
                    canonical::to_bytes(&serde_json::json!({"key": key.as_str(), "origins": [origin]}))
                        .unwrap()
                })
                .collect();
            let n = records.len() as u64;
            roots.push(n);
            datasets.push(Dataset {
                kind: kind.clone(),
                shape: *shape,
                root: root_of(leaves),
                records: n,
                added: u64::from(plan.day == 0) * n,
                changed: 0,
                removed: 0,
                unobserved: 0,
                already_held: 0,
                bucket: bucket_name.clone(),
                provenance: root_of(lines.iter().map(leaf_hash)),
            });
            populations.push(Population {
                kind: kind.clone(),
                query: format!("all {} in every status", kind.name()),
                lists: 1,
                pages: 1,
                received: n + 1,
                covered: n,
                filtered: [("service accounts of the vendor".to_owned(), 1)].into(),
                emitted: n,
                rejected: 0,
                repeated: 0,
                source_total: None,
                sealed: true,
                basis: Basis::HostPaged,
                verdict: Verdict::Complete,
            });
            provenance.push((kind.clone(), lines));
        }
        let body = format!(r#"{{"day":{},"items":"…"}}"#, plan.day / 2).into_bytes();
        let exchange = Exchange {
            id: ExchangeId::default(),
            method: "GET".into(),
            url: "https://example.okta.example/api/v1/users?limit=200".into(),
            request: Digest::of("request"),
            request_headers: vec![],
            request_body: Some(Digest::of(b"asked")),
            slot: Some("okta".into()),
            answer: Answer::Response {
                status: if plan.fails { 503 } else { 200 },
                headers: vec![("content-type".into(), "application/json".into())],
                body: Digest::of(&body),
                body_bytes: body.len() as u64,
                redacted: false,
            },
            server_date: Some(plan.at),
            sent_at: plan.at,
            duration_ms: 120,
            attempts: 1,
        };
        let walk = Walk {
            id: ExchangeId::default().walk(),
            list: format!("GET {}", exchange.url),
            scheme: "link-header".into(),
            items: Some(String::new()),
            pages: 1,
            received: Some(1),
            received_by_page: vec![1],
            source_total: None,
            stop: if plan.fails { Stop::Failed { reason: "status 503 on page 0".into() } } else { Stop::End },
        };
        let exchanges = vec![canonical::to_bytes(&exchange).unwrap()];
        let walks = vec![canonical::to_bytes(&walk).unwrap()];
        let log = vec![canonical::to_bytes(&serde_json::json!({"level":"info","message":"listed"})).unwrap()];
        let replay = ReplayInputs {
            source: plan.source.clone(),
            settings: Value::parse(br#"{"domain":"example.okta.example"}"#).unwrap(),
            facts: RunFacts {
                run: run.clone(),
                started_at: plan.at,
                window: Span { start: plan.at.plus_ms(-86_400_000), end: plan.at },
                kinds: vec![],
            },
            seed: Digest::of(run.as_str()),
            limits: Limits::default(),
            state: BTreeMap::new(),
            redactions: vec![],
        };
        let replay = canonical::to_bytes(&replay).unwrap();
        let file = |lines: &[Vec<u8>]| {
            Digest::of([lines.join(&b'\n'), if lines.is_empty() { vec![] } else { vec![b'\n'] }].concat())
        };
        let control = self.control(0);
        let manifest = Manifest {
            format: 1,
            run: run.clone(),
            simulated: self.simulated,
            source: plan.source.clone(),
            connector: ConnectorIdentity {
                name: plan.source.as_str().split('-').next().unwrap().to_owned(),
                version: "0.1.0".into(),
                publisher: "Example Connectors".into(),
                component: Digest::of(COMPONENT),
                contract: "0.1".into(),
            },
            host_version: "0.1.0".into(),
            intake_version: 1,
            settings: Digest::of("settings"),
            grants: vec!["GET https://example.okta.example/api/v1/**".into()],
            credentials: [("okta".to_owned(), "ssws".to_owned())].into(),
            tenant: (!plan.fails).then(|| "example.okta.example".into()),
            window: Span { start: plan.at.plus_ms(-86_400_000), end: plan.at },
            started_at: plan.at,
            ended_at: plan.at.plus_ms(5000),
            attempt: 1,
            fills: datasets
                .iter()
                .filter(|d| d.kind.name() == "identity.account")
                .map(|d| Fill {
                    control: control.id.clone(),
                    period: control.frequency.period_at(plan.at),
                    kind: d.kind.clone(),
                })
                .collect(),
            populations,
            datasets,
            exchanges: ExchangeFacts {
                count: 1,
                failed: u64::from(plan.fails),
                body_bytes: body.len() as u64,
                root: root_of(exchanges.iter().map(leaf_hash)),
            },
            walks: file(&walks),
            rejected: BTreeMap::new(),
            rejections: file(&[]),
            skew: Some(Skew { min_ms: -120, max_ms: 310 }),
            log: file(&log),
            log_lines: 1,
            log_cut: false,
            replay: Digest::of(&replay),
            not_reperformable: None,
            verdict: if plan.fails {
                Verdict::Failed("the source answered 503 to the first page, three times".into())
            } else {
                Verdict::Complete
            },
        };
        let bytes = canonical::to_bytes(&manifest).unwrap();
        let predicate = Value::object([("run".to_owned(), Value::String(run.to_string()))]);
        let statement =
            Statement::new(LeafKind::Run, format!("runs/{run}/manifest.json"), Digest::of(&bytes), predicate)
                .to_leaf(&evidence.key)
                .unwrap();
        let leaf = evidence.tree.size();
        evidence.tree.push(leaf_hash(&statement));
        if evidence.tree.size() == 3 {
            evidence.early = Checkpoint::sign(evidence.tree.head(), &evidence.key).unwrap().to_bytes();
        }
        let bodies = vec![body, b"asked".to_vec()];
        evidence.runs.push(SampleRun {
            manifest,
            bytes,
            statement,
            leaf,
            replay,
            exchanges,
            walks,
            log,
            provenance,
            bodies,
        });
    }

    /// Coverage, a missed leaf, and the seal.
    fn close(&self, evidence: &mut Evidence) {
        for number in 0..self.controls {
            let control = self.control(number);
            let periods = control.frequency.periods_in(evidence.meta.period.span());
            let periods = periods.into_iter().map(|p| outcome(&control, p, evidence)).collect();
            evidence.coverage.push(ControlCoverage { control, periods });
        }
        evidence.coverage.sort_by(|a, b| a.control.id.cmp(&b.control.id));
        let document = b"id = \"AC-03\"\n".to_vec();
        let predicate = Value::object([("period".to_owned(), Value::String("2026-03-30".into()))]);
        let missed =
            Statement::new(LeafKind::Missed, "controls/AC-03.toml", Digest::of(&document), predicate);
        self.leaf(evidence, &missed, Some(document));
        if self.sealed {
            let slots = evidence.coverage.iter().flat_map(|c| {
                c.periods.iter().map(|p| Slot {
                    control: c.control.id.clone(),
                    period: p.period,
                    outcome: p.outcome,
                    reason: p.reason.clone(),
                    runs: p.runs.clone(),
                    uploads: p.uploads.clone(),
                })
            });
            let at = evidence.meta.made_at;
            let head = evidence.tree.head();
            let seal =
                Seal::new(evidence.meta.period.clone(), at, self.simulated, &head, slots.collect()).unwrap();
            self.leaf(evidence, &seal.statement("seal.json").unwrap(), None);
            evidence.meta.seal = Some(seal.digest().unwrap());
            evidence.seal = Some(seal.to_bytes().unwrap());
        }
    }

    fn leaf(&self, evidence: &mut Evidence, statement: &Statement, document: Option<Vec<u8>>) {
        let statement = statement.to_leaf(&evidence.key).unwrap();
        let index = evidence.tree.size();
        evidence.tree.push(leaf_hash(&statement));
        evidence.leaves.push(LeafFiles { index, statement, document });
    }
}

fn outcome(control: &Control, period: CollectionPeriod, evidence: &Evidence) -> PeriodOutcome {
    let runs: Vec<&Manifest> = evidence
        .runs
        .iter()
        .map(|run| &run.manifest)
        .filter(|m| control.frequency.period_at(m.started_at) == period)
        .filter(|m| {
            m.source.as_str()
                == if control.id.as_str().starts_with(['B', 'R']) { "aws-prod" } else { "okta-prod" }
        })
        .collect();
    let names = runs.iter().map(|m| m.run.clone()).collect();
    let failed = runs.iter().all(|m| m.verdict != Verdict::Complete);
    let (outcome, reason) = if runs.is_empty() {
        (Outcome::Missed, Some("the host was not running".to_owned()))
    } else if failed {
        (Outcome::Failed, Some("the source answered 503 to the first page, three times".to_owned()))
    } else if control.id.as_str() == "RK-01" && period.to_string().ends_with("-13") {
        (Outcome::Partial, Some("403 on eu-west-3: the role may not list buckets there".to_owned()))
    } else if control.id.as_str() == "AC-07" && period.to_string().ends_with("-W20") {
        (Outcome::Late, Some("collected 2 days after the period's grace".to_owned()))
    } else {
        (Outcome::Filled, None)
    };
    PeriodOutcome { period, outcome, runs: names, uploads: Vec::new(), reason }
}

impl Evidence {
    /// Writes the package.
    pub fn write(&self, path: &Path) -> Result<Finished, WriteError> {
        let mut writer = PackageWriter::create(path, self.meta.clone())?;
        writer.component(Digest::of(COMPONENT), COMPONENT)?;
        for (number, run) in self.runs.iter().enumerate() {
            let withheld =
                (self.sample.withhold_first && number < 4).then(|| "bodies are kept for 30 days".to_owned());
            if withheld.is_none() {
                for body in &run.bodies {
                    writer.body(Digest::of(body), body)?;
                }
            }
            writer.run(RunFiles {
                manifest: run.bytes.clone(),
                statement: run.statement.clone(),
                leaf: run.leaf,
                replay: run.replay.clone(),
                exchanges: in_memory(run.exchanges.clone()),
                walks: in_memory(run.walks.clone()),
                rejections: in_memory([]),
                log: in_memory(run.log.clone()),
                provenance: run
                    .provenance
                    .iter()
                    .map(|(kind, lines)| (kind.clone(), in_memory(lines.clone())))
                    .collect(),
                withheld,
            })?;
        }
        for leaf in &self.leaves {
            writer.leaf(leaf.clone())?;
        }
        for ((source, kind), (shape, records)) in &self.populations {
            let meta = PopulationMeta {
                source: source.clone(),
                kind: kind.clone(),
                title: title(kind),
                shape: *shape,
                runs: self.runs_of(source, kind),
            };
            writer.population(meta, records.iter().cloned().map(Ok::<_, BoxError>))?;
        }
        writer.finish(self.ledger(), self.coverage.clone(), self.seal.clone())
    }

    /// The runs that have a dataset and are covered by its population.
    fn runs_of(&self, source: &SourceName, kind: &Kind) -> Vec<RunId> {
        let covers = |m: &&Manifest| m.source == *source && m.datasets.iter().any(|d| d.kind == *kind);
        let within =
            |m: &&Manifest| self.meta.period.span().contains(m.started_at) || kind.name() == "audit.activity";
        self.runs.iter().map(|r| &r.manifest).filter(covers).filter(within).map(|m| m.run.clone()).collect()
    }

    /// The log's files.
    pub fn ledger(&self) -> LedgerFiles {
        let checkpoint = Checkpoint::sign(self.tree.head(), &self.key).unwrap();
        LedgerFiles {
            checkpoint: checkpoint.to_bytes(),
            leaf_hashes: (0..self.tree.size()).map(|i| self.tree.leaf(i).unwrap()).collect(),
            key: self.key.verifier().clone(),
            timestamp: self.timestamp.clone(),
        }
    }
}

fn title(kind: &Kind) -> String {
    match kind.name() {
        "identity.account" => "Accounts".to_owned(),
        "audit.activity" => "What the audit log says".to_owned(),
        _ => "Assets <in use>".to_owned(),
    }
}
