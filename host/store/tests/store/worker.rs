//! The process that is stopped at any moment: what it does, and what must be there whenever it is looked at.
//!
//! It is the executable of these tests, run again with [`works_until_it_is_stopped`] alone. Step by step it
//! collects, adds leaves and makes backups, and says on its output what was acknowledged. What a step does
//! follows from its number, so that whoever comes after can tell whether it is there whole.

use crate::sealed::{RECIPIENT, sealed};
use crate::world::*;
use exhibit_evidence::canonical::Value;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::Answer;
use exhibit_evidence::kind::Shape;
use exhibit_evidence::time::Timestamp;
use exhibit_ledger::checkpoint::Checkpoint;
use exhibit_ledger::reading::LogReader;
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_store::{CreateOptions, Document, OpenError, RunFilter, Store};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = "EXHIBIT_WORKER_ROOT";
const FIRST: &str = "EXHIBIT_WORKER_FIRST";
const STEPS: &str = "EXHIBIT_WORKER_STEPS";
const RECIPIENT_OF_NEW: &str = "EXHIBIT_WORKER_RECIPIENT";

/// The worker's process, which begins with step `first` in `root`. Where there is no store yet it makes one,
/// encrypted or not.
pub(crate) fn command(root: &Path, encrypted: bool, first: u64, steps: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "worker::works_until_it_is_stopped", "--ignored", "--nocapture"]);
    command.env(ROOT, root).env(FIRST, first.to_string()).env(STEPS, steps.to_string());
    if encrypted {
        command.env(RECIPIENT_OF_NEW, RECIPIENT);
    }
    command
}

/// How many rounds a loop goes: few in continuous integration, `EXHIBIT_ROUNDS` where it is set.
pub(crate) fn rounds(few: u64) -> u64 {
    std::env::var("EXHIBIT_ROUNDS").map_or(few, |rounds| rounds.parse().unwrap())
}

/// What chance grows from: `EXHIBIT_SEED`, or 1. A failure names it.
pub(crate) fn seed() -> u64 {
    std::env::var("EXHIBIT_SEED").map_or(1, |seed| seed.parse().unwrap())
}

#[test]
#[ignore = "it is the process that other tests here start and stop"]
fn works_until_it_is_stopped() {
    let Ok(root) = std::env::var(ROOT) else { return };
    let number = |name| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (first, steps) = (number(FIRST), number(STEPS));
    let root = PathBuf::from(root);
    let dir = root.join("store");
    let recipient = std::env::var(RECIPIENT_OF_NEW).ok();
    let options_of_new = CreateOptions { simulated: true, origin: ORIGIN.into(), recipient };
    let store = match Store::open(&dir, sealed()) {
        Err(OpenError::NoStore(_)) => {
            let _ = std::fs::remove_dir_all(&dir);
            Store::create(&dir, &options_of_new).unwrap();
            Store::open(&dir, sealed()).unwrap()
        }
        store => store.unwrap(),
    };
    for step in first..first.saturating_add(steps) {
        let place = work(&store, &root, step);
        let head = store.head();
        // One write, past the test harness.
        let line = format!("acknowledged {step} {place} {} {}\n", head.size, head.root);
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

enum Task {
    Run,
    /// A statement alone, small or too large for the index.
    Statement,
    /// A statement with a document, as a seal is.
    Sealing,
    Backup,
}

fn task(step: u64) -> Task {
    match step % 8 {
        2 => Task::Statement,
        4 => Task::Sealing,
        6 => Task::Backup,
        _ => Task::Run,
    }
}

/// Crosses the end of a quarter after some twenty steps.
fn started_at(step: u64) -> Timestamp {
    at("2026-03-27T00:00:00Z").plus_ms(step as i64 * DAY_MS / 4)
}

fn step_of(started_at: Timestamp) -> u64 {
    (started_at.as_ms() - at("2026-03-27T00:00:00Z").as_ms()) * 4 / DAY_MS as u64
}

fn noise(of: &str, bytes: usize) -> String {
    let hex: String = (0..bytes.div_ceil(64)).map(|n| Digest::of(format!("{of} {n}")).to_string()).collect();
    hex[..bytes].to_owned()
}

/// The accounts that a run sees: some change, some come and go, one is too large for the index.
fn accounts_of(step: u64) -> Vec<(String, String)> {
    let present = (0..24_u64).filter(|i| !(i + step).is_multiple_of(11));
    present
        .map(|i| {
            let bytes = if i == 5 { 9000 } else { 300 };
            (format!("id-{i:02}"), noise(&format!("{i} {}", (step + i) / 6), bytes))
        })
        .collect()
}

fn body_of(step: u64) -> Vec<u8> {
    (0..8).flat_map(|i| noise(&format!("body {i} {}", (step + i) / 5), 700).into_bytes()).collect()
}

fn statement_of(step: u64) -> Vec<u8> {
    let bytes = if step % 16 == 2 { 20_000 } else { 40 };
    let predicate = Value::object([("text".to_owned(), Value::String(noise("statement", bytes)))]);
    let about = format!("step-{step}");
    Statement::new(LeafKind::Upload, &about, Digest::of(&about), predicate).to_leaf(&signer()).unwrap()
}

fn document_of(step: u64) -> Vec<u8> {
    noise(&format!("document {step}"), 30_000).into_bytes()
}

/// Where a step's backup goes, and where it is put back.
fn backup_of(root: &Path, step: u64) -> [PathBuf; 2] {
    ["backup", "restored"].map(|what| root.join(format!("{what}-{step}")))
}

/// Does a step, where it is not done. Answers with its leaf, or with the size of the log that was backed up.
fn work(store: &Store, root: &Path, step: u64) -> u64 {
    match task(step) {
        Task::Run => {
            if let Some(done) = find_run(store, step) {
                return done;
            }
            let stage = begin(store, started_at(step));
            let body = body_of(step);
            stage.exchange(&exchange(0, "https://example.com/users", &body), None, Some(&body)).unwrap();
            for (id, note) in accounts_of(step) {
                stage.record(&account(&id, &note)).unwrap();
            }
            commit(stage, &ends(&kind(), Shape::State, true)).unwrap().1.leaf
        }
        Task::Statement | Task::Sealing => {
            let statement = statement_of(step);
            if let Some(done) = find_leaf(store, &statement) {
                return done;
            }
            let bytes = document_of(step);
            let document = Document { bytes: &bytes, at: started_at(step) };
            let document = matches!(task(step), Task::Sealing).then_some(document);
            store.append_leaf(&statement, document).unwrap().leaf
        }
        Task::Backup => {
            let [backup, restored] = backup_of(root, step);
            [&backup, &restored].into_iter().for_each(|copy| discard(copy));
            store.backup(&backup).unwrap();
            Store::restore(&backup, &restored).unwrap();
            store.head().size
        }
    }
}

/// Removes what an earlier attempt left: first what makes it a store.
fn discard(copy: &Path) {
    if std::fs::remove_file(copy.join("format")).is_ok() {
        std::fs::File::open(copy).unwrap().sync_all().unwrap();
    }
    if copy.exists() {
        std::fs::remove_dir_all(copy).unwrap();
    }
}

fn find_run(store: &Store, step: u64) -> Option<u64> {
    let runs = store.runs(&RunFilter::default()).unwrap();
    runs.iter().find(|run| run.started_at == started_at(step)).map(|run| run.leaf)
}

fn find_leaf(store: &Store, statement: &[u8]) -> Option<u64> {
    let digest = Digest::of(statement);
    store.leaves(None).unwrap().into_iter().find(|leaf| leaf.statement == digest).map(|leaf| leaf.index)
}

/// What was acknowledged, and every root that was shown.
#[derive(Clone, Default, Debug)]
pub(crate) struct Known {
    /// By step: the leaf, or the size of the log that was backed up.
    done: BTreeMap<u64, u64>,
    /// By size of the log.
    roots: BTreeMap<u64, Digest>,
}

impl Known {
    /// Takes in a line that the worker said; others than acknowledgements say nothing.
    pub(crate) fn hear(&mut self, line: &str) {
        let Some((_, said)) = line.split_once("acknowledged ") else { return };
        let mut words = said.split_whitespace();
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        let (step, place, size) = (number(), number(), number());
        self.done.insert(step, place);
        self.see(size, words.next().unwrap().parse().unwrap());
    }

    fn see(&mut self, size: u64, root: Digest) {
        assert_eq!(*self.roots.entry(size).or_insert(root), root, "two roots for {size} leaves");
    }

    /// Leaves of the largest log that was shown.
    pub(crate) fn largest(&self) -> u64 {
        self.roots.last_key_value().map_or(0, |(size, _)| *size)
    }

    /// The step that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.done.last_key_value().map_or(0, |(step, _)| step + 1)
    }

    /// Opens what is in `root` and sees that everything that was acknowledged is there, whole, and nothing
    /// that should not be.
    pub(crate) fn verify(&mut self, root: &Path, when: &str) {
        let dir = root.join("store");
        let store = match Store::open(&dir, sealed()) {
            Err(OpenError::NoStore(_)) if self.done.is_empty() => return,
            store => store.unwrap_or_else(|e| panic!("{when}: the store does not open: {e}")),
        };
        let when = &format!("{when}, {:?}", store.notes());
        self.see(store.head().size, store.head().root);
        // One that is cut off as it is made is made again; later there is no reason to.
        let rebuilt = store.notes().iter().any(|note| note.contains("built again"));
        assert!(!rebuilt || self.done.is_empty(), "{when}: the index was not kept");
        is_sound(&store, when);
        let runs = store.runs(&RunFilter::default()).unwrap();
        let runs: BTreeMap<Timestamp, u64> = runs.into_iter().map(|run| (run.started_at, run.leaf)).collect();
        let leaves = store.leaves(None).unwrap();
        for (step, place) in &self.done {
            let there = match task(*step) {
                Task::Run => runs.get(&started_at(*step)) == Some(place),
                Task::Backup => true,
                _ => {
                    leaves.get(*place as usize).map(|leaf| leaf.statement)
                        == Some(Digest::of(statement_of(*step)))
                }
            };
            assert!(there, "{when}: step {step} is not leaf {place}");
        }
        let log = LogReader::new(store.log_files(), store.head());
        for (size, root) in &self.roots {
            assert_eq!(log.head_at(*size).unwrap().root, *root, "{when}: the root of {size} leaves");
        }
        drop(store);
        for step in (0..=self.next()).filter(|step| matches!(task(*step), Task::Backup)) {
            for copy in backup_of(root, step) {
                verify_copy(&copy, self.done.get(&step).copied(), when);
            }
        }
    }
}

/// A copy that was acknowledged is whole; one that was not is whole, or no store.
fn verify_copy(copy: &Path, size: Option<u64>, when: &str) {
    let when = &format!("{when}: {}", copy.display());
    if size.is_none() && !copy.join("format").exists() {
        return;
    }
    let store = Store::open(copy, sealed()).unwrap_or_else(|e| panic!("{when}: {e}"));
    assert_eq!(store.notes(), [] as [&str; 0], "{when}");
    is_sound(&store, when);
    assert!(size.is_none_or(|size| size == store.head().size), "{when}");
}

/// Every run and document is what its step made it, and nothing is wrong.
fn is_sound(store: &Store, when: &str) {
    assert_eq!(store.check(&|_, _| ()).problems, [], "{when}");
    for run in store.runs(&RunFilter::default()).unwrap() {
        let step = step_of(run.started_at);
        assert_eq!(snapshot(store, &kind(), &run.run), accounts_of(step), "{when}: run of step {step}");
        for exchange in store.exchanges(&run.run).unwrap() {
            let Answer::Response { body, .. } = exchange.answer else { panic!("{when}: {exchange:?}") };
            assert_eq!(store.body(&run.run, &body).unwrap(), body_of(step), "{when}: run of step {step}");
        }
    }
    for leaf in store.leaves(Some(LeafKind::Upload)).unwrap() {
        if let Some(document) = store.document(leaf.index).unwrap() {
            let statement = Statement::from_leaf_unverified(&store.statement(leaf.index).unwrap()).unwrap();
            let step = statement.subject().unwrap().name.strip_prefix("step-").unwrap().parse().unwrap();
            assert_eq!(document, document_of(step), "{when}: leaf {}", leaf.index);
        }
    }
}

/// A checkpoint as it lies on the disk, for those who look while others write.
pub(crate) fn checkpoint(root: &Path) -> Option<Checkpoint> {
    let bytes = std::fs::read(root.join("store/log/checkpoint")).ok()?;
    Some(Checkpoint::open(&bytes, ORIGIN, &[signer().verifier().clone()]).unwrap())
}
