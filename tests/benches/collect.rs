//! A collection of many accounts through sandbox, broker, intake, store and ledger, beside a program that does without
//! them: `cargo bench --workspace --bench collect`; `-- 20000 1` takes accounts and rounds.
//!
//! Each collection is a process of its own, so that its memory is its own too.

use exhibit_benches::cost::{Cost, Meter, peak_mb};
use exhibit_benches::plain::{self, SOURCE};
use exhibit_benches::server::{SERVE, Server, serve};
use exhibit_benches::world::{self, BenchClock};
use exhibit_benches::{load, median, numbers, run_again};
use exhibit_evidence::run::Verdict;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

fn main() -> ExitCode {
    if let Some(code) = exhibit_sandbox::compile_child_main() {
        return ExitCode::from(code);
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [SERVE, accounts] => serve(accounts.parse().expect("a number")),
        ["plain", origin, dir] => collect_plainly(origin, Path::new(dir)),
        ["exhibit", dir, day] => collect_with_exhibit(Path::new(dir), day.parse().expect("a day")),
        _ => compare(),
    }
    ExitCode::SUCCESS
}

/// What one collection cost, printed by the process that made it.
fn tell(cost: Cost, records: usize) {
    println!("{} {} {} {records}", cost.wall, cost.cpu, peak_mb());
}

fn collect_plainly(origin: &str, dir: &Path) {
    let tokio = world::tokio();
    let meter = Meter::start();
    let records = tokio.block_on(plain::collect(origin, dir));
    tell(meter.read(), records);
}

fn collect_with_exhibit(dir: &Path, day: u64) {
    let tokio = world::tokio();
    let host = world::open(dir, BenchClock::on_day(day), TARGET);
    let name = SOURCE.parse().expect("a name");
    let meter = Meter::start();
    let run = tokio.block_on(exhibit_pipeline::collect::collect(&host, &name)).expect("collected");
    let cost = meter.read();
    assert_eq!(run.manifest.verdict, Verdict::Complete);
    tell(cost, run.manifest.populations.iter().map(|population| population.emitted as usize).sum());
}

/// A collection, as its process told of it.
struct Told {
    cost: Cost,
    peak_mb: f64,
}

impl Told {
    fn of(arguments: &[&str], records: usize) -> Self {
        let text = run_again(arguments);
        let numbers: Vec<f64> = text.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        let [wall, cpu, peak_mb, collected] = numbers[..] else { panic!("{arguments:?} told `{text}`") };
        assert_eq!(collected as usize, records, "{arguments:?} collects all");
        Self { cost: Cost { wall, cpu }, peak_mb }
    }
}

/// One kind of collection over all rounds.
#[derive(Default)]
struct Column {
    wall: Vec<f64>,
    cpu: Vec<f64>,
    /// Of the plain program's throughput in the same round: by the clock, and by processor time.
    of_plain: Vec<(f64, f64)>,
    peak_mb: f64,
}

impl Column {
    fn add(&mut self, told: &Told, plain: &Told) {
        self.wall.push(told.cost.wall);
        self.cpu.push(told.cost.cpu);
        self.of_plain.push((plain.cost.wall / told.cost.wall, plain.cost.cpu / told.cost.cpu));
        self.peak_mb = self.peak_mb.max(told.peak_mb);
    }

    fn print(&self, what: &str) {
        println!(
            "{what:<22} {:>6.2} s {:>6.2} CPU s {:>6.0} MB   of the plain program's throughput: {:.2} by the clock, {:.2} by processor time",
            median(self.wall.clone()),
            median(self.cpu.clone()),
            self.peak_mb,
            median(self.of_plain.iter().map(|ratio| ratio.0).collect()),
            median(self.of_plain.iter().map(|ratio| ratio.1).collect()),
        );
    }
}

fn compare() {
    let [accounts, rounds] = numbers([100_000, 5]);
    let component = world::component("plugins/okta", "exhibit_connector_okta", TARGET);
    let mut columns: [Column; 3] = Default::default();
    for round in 0..rounds {
        let server = Server::start(accounts);
        let dir = tempfile::tempdir().expect("a folder");
        let workspace = prepare(dir.path(), &component, &server.origin);
        let plain_dir = dir.path().join("plain");
        std::fs::create_dir(&plain_dir).expect("a folder");
        let plainly = || Told::of(&["plain", &server.origin, &plain_dir.display().to_string()], accounts);
        let exhibit = |day| Told::of(&["exhibit", &workspace, day], accounts);
        let [plain, first, second] = &mut columns;
        let floor = plainly();
        plain.add(&floor, &floor);
        first.add(&exhibit("0"), &floor);
        if round == 0 {
            same_lines(Path::new(&workspace), &plain_dir);
        }
        server.change();
        let floor = plainly();
        second.add(&exhibit("1"), &floor);
    }
    let fewer = accounts / 5;
    let server = Server::start(fewer);
    let dir = tempfile::tempdir().expect("a folder");
    let workspace = prepare(dir.path(), &component, &server.origin);
    let small = Told::of(&["exhibit", &workspace, "0"], fewer);
    println!("{accounts} accounts, medians of {rounds} rounds, load {}", load());
    for (column, what) in columns.iter().zip(["the plain program", "first collection", "1% changed since"]) {
        column.print(what);
    }
    println!(
        "peak memory at {fewer} accounts: {:.0} MB; at {accounts}: {:.0} MB",
        small.peak_mb, columns[1].peak_mb
    );
}

/// Makes a workspace with the one source, and compiles its component.
fn prepare(dir: &Path, component: &[u8], origin: &str) -> String {
    let dir = dir.join("workspace");
    drop(world::create(&dir, component));
    let host = world::open(&dir, BenchClock::on_day(0), TARGET);
    let settings = format!("org_url = \"{origin}\"");
    let text = world::source_text("okta", &settings, Some(("okta", &world::token(&dir))));
    world::add_source(&host, SOURCE, &text);
    world::tokio().block_on(host.runtime.prepare(component)).expect("it compiles");
    dir.display().to_string()
}

/// The plain program is a fair floor only if it makes the same lines.
fn same_lines(workspace: &Path, plain: &Path) {
    let host = world::open(workspace, BenchClock::on_day(0), TARGET);
    let (source, kind) = (SOURCE.parse().expect("a name"), "identity.account@1".parse().expect("a kind"));
    let run = host.store.runs(&exhibit_store::RunFilter { source: None, span: None }).expect("runs");
    let snapshot = host.store.snapshot(&source, &kind, &run[0].run).expect("a snapshot");
    let mut kept = Vec::new();
    for record in snapshot {
        kept.extend_from_slice(&record.expect("a record").line);
        kept.push(b'\n');
    }
    let mut lines = Vec::new();
    let file = std::fs::File::open(plain.join(plain::LINES)).expect("lines");
    zstd::Decoder::new(file).and_then(|mut from| from.read_to_end(&mut lines)).expect("lines");
    if lines != kept {
        let first = |all: &[u8]| String::from_utf8_lossy(all).lines().next().unwrap_or_default().to_owned();
        panic!("the plain program makes other lines:\n{}\n{}", first(&lines), first(&kept));
    }
}
