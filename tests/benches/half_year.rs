//! Half a year of daily collections, exported and verified: `cargo bench --workspace --bench half_year`; `-- 1000 30`
//! takes accounts and days. The floor is sha256sum over the package's files, unpacked.

use exhibit_benches::cost::Meter;
use exhibit_benches::plain::SOURCE;
use exhibit_benches::server::{SERVE, Server, serve};
use exhibit_benches::world::{self, BenchClock, DAY_MS};
use exhibit_benches::{load, numbers};
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::run::Verdict;
use exhibit_evidence::time::{Clock as _, Timestamp};
use exhibit_pipeline::collect::collect;
use exhibit_pipeline::export::{Options, export};
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
        (meter.read().wall, String::from_utf8_lossy(&output.stdout).into_owned())
    };
    run(Command::new("unzip").arg("-q").arg(package).arg("-d").arg(to));
    let (_, size) = run(Command::new("du").args(["--apparent-size", "--bytes", "--summarize"]).arg(to));
    let bytes: f64 = size.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a size");
    let sum =
        || run(Command::new("sh").args(["-c", "find . -type f -exec sha256sum {} +"]).current_dir(to)).0;
    (bytes / 1e6, sum().min(sum()))
}
