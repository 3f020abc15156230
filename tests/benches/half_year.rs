//! Half a year of daily collections, read, exported and verified: `cargo bench --workspace --bench half_year`;
//! `-- 1000 30` takes accounts and days. The floors are the answers compressed each by itself, and sha256sum over the
//! package's files, unpacked.

use exhibit_benches::accounts::{PAGE, change, page};
use exhibit_benches::cost::Meter;
use exhibit_benches::plain::SOURCE;
use exhibit_benches::server::{SERVE, Server, serve};
use exhibit_benches::world::{self, BenchClock, DAY_MS};
use exhibit_benches::{load, numbers};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::run::Verdict;
use exhibit_evidence::time::{Clock as _, Timestamp};
use exhibit_pipeline::collect::collect;
use exhibit_pipeline::export::{Options, export};
use exhibit_pipeline::host::Host;
use exhibit_store::RunFilter;
use std::path::Path;
use std::process::{Command, ExitCode};

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

fn main() -> ExitCode {
    if let Some(code) = exhibit_sandbox::compile_child_main() {
        return ExitCode::from(code);
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [SERVE, accounts] = words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        serve(accounts.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    let [accounts, days] = numbers([5000, 181]);
    let component = world::component("plugins/okta", "exhibit_connector_okta", TARGET);
    let server = Server::start(accounts);
    let dir = tempfile::tempdir().expect("a folder");
    let workspace = dir.path().join("workspace");
    drop(world::create(&workspace, &component));
    let clock = BenchClock::on_day(0);
    let host = world::open(&workspace, clock.clone(), TARGET);
    let settings = format!("org_url = \"{}\"", server.origin);
    let text = world::source_text("okta", &settings, Some(("okta", &world::token(&workspace))));
    let name = world::add_source(&host, SOURCE, &text);
    let tokio = world::tokio();
    let meter = Meter::start();
    for day in 0..days as u64 {
        clock.set_day(day);
        let run = tokio.block_on(collect(&host, &name)).expect("collected");
        assert_eq!(run.manifest.verdict, Verdict::Complete);
        server.change();
    }
    println!("{accounts} accounts on {days} days, collected in {}", meter.read());
    bodies(accounts, days, &workspace.join("data/packs"), &server.origin);
    past(&host, &name, days);
    clock.set_day(days as u64);
    let period = period(days as u64, clock.now());
    tokio.block_on(exhibit_pipeline::seal::seal(&host, &period)).expect("sealed");
    let package = dir.path().join("package.zip");
    let meter = Meter::start();
    let exported = export(&host, &period, &package, &Options::default(), &|_, _| ()).expect("exported");
    let export_cost = meter.read();
    let key = std::fs::read_to_string(workspace.join("keys/ledger.pub")).expect("a key");
    let options = exhibit_verify::Options {
        key: Some(key.parse().expect("a key")),
        ..exhibit_verify::Options::default()
    };
    let meter = Meter::start();
    exhibit_verify::verify(&package, &options).unwrap_or_else(|wrong| panic!("{wrong}"));
    let verify_cost = meter.read();
    let (megabytes, floor) = floor(&package, &dir.path().join("unpacked"));
    println!(
        "the package has {:.1} MB, unpacked {megabytes:.1} MB in {} runs; load {}",
        exported.bytes as f64 / 1e6,
        exported.runs,
        load()
    );
    println!("sha256sum {:>7.0} MB/s", megabytes / floor);
    for (what, cost) in [("export", export_cost), ("verify", verify_cost)] {
        let rate = megabytes / cost.wall;
        println!("{what:<9} {rate:>7.0} MB/s, ratio {:.2}: {cost}", floor / cost.wall);
    }
    ExitCode::SUCCESS
}

/// What the packs take, records and all, beside the answers of every day compressed each by itself.
fn bodies(accounts: usize, days: usize, packs: &Path, origin: &str) {
    let compressed = |versions: &[u32]| {
        let pages = versions.chunks(PAGE).enumerate();
        let page = |(number, versions)| page(number * PAGE, versions, origin);
        let frame = |page: String| zstd::bulk::compress(page.as_bytes(), 3).expect("zstd").len();
        pages.map(page).map(frame).sum::<usize>()
    };
    // Changes leave the sizes as they are: the first day and the last stand for all.
    let mut versions = vec![0; accounts];
    let first = compressed(&versions);
    (1..days as u64).for_each(|seed| change(&mut versions, seed));
    let copies = (first + compressed(&versions)) as f64 / 2.0 * days as f64 / 1e6;
    let packs = size(packs) / 1e6;
    println!(
        "packs {packs:.1} MB; the answers alone, compressed day by day, {copies:.1} MB: ratio {:.3}",
        packs / copies
    );
}

/// Reads the middle of the half year, and tells the tenth day from the tenth last.
fn past(host: &Host, source: &SourceName, days: usize) {
    let kind = "identity.account@1".parse().expect("a kind");
    let filter = RunFilter { source: Some(source.clone()), span: None };
    let runs = host.store.runs(&filter).expect("runs");
    let meter = Meter::start();
    let records = host.store.snapshot(source, &kind, &runs[days / 2].run).expect("a snapshot").count();
    println!("day {}, rebuilt: {records} records in {}", days / 2, meter.read());
    let (from, to) = (days / 18, days - 1 - days / 18);
    let meter = Meter::start();
    let differences =
        host.store.diff(source, &kind, &runs[from].run, &runs[to].run).expect("compared").count();
    println!("days {from} and {to}: {differences} differences in {}", meter.read());
}

/// Bytes of the files below a folder.
fn size(dir: &Path) -> f64 {
    let output = Command::new("du").args(["--apparent-size", "--bytes", "--summarize"]).arg(dir).output();
    let text = String::from_utf8(output.expect("du runs").stdout).expect("text");
    text.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a size")
}

/// The days that were collected: the half year by its name where it is one.
fn period(days: u64, end: Timestamp) -> AuditPeriod {
    let name = match days {
        181 => "2026-H1".to_owned(),
        _ => format!("2026-01-01..{}", Timestamp::from_ms(end.as_ms() - DAY_MS).date()),
    };
    name.parse().expect("a period")
}

/// Unpacks the package; its size in MB, and the seconds that sha256sum takes over it, the better of two times.
fn floor(package: &Path, to: &Path) -> (f64, f64) {
    let run = |command: &mut Command| {
        let meter = Meter::start();
        let output = command.output().expect("the command runs");
        assert!(output.status.success(), "{command:?}: {output:?}");
        meter.read().wall
    };
    run(Command::new("unzip").arg("-q").arg(package).arg("-d").arg(to));
    let sum = || run(Command::new("sh").args(["-c", "find . -type f -exec sha256sum {} +"]).current_dir(to));
    (size(to) / 1e6, sum().min(sum()))
}
