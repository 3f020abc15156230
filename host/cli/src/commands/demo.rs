//! `exhibit demo`: half a year of a made-up organisation, offline, through the real connectors in the real sandbox.
//!
//! The clock is simulated here and nowhere else: no other command and no setting can give a release build
//! another clock. Everything that is made is marked as simulated, under a signing key and a log of its own.

use crate::args::Demo;
use crate::bundled;
use crate::exit::{FAILED, Problem};
use crate::output;
use crate::progress;
use anyhow::{Context as _, Result};
use exhibit_demo::calendar::FIRST_DAY;
use exhibit_demo::{Fact, Fakes, SimulatedClock, Source, System};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::time::Timestamp;
use exhibit_pipeline::approve;
use exhibit_pipeline::collect::collect;
use exhibit_pipeline::export::{Options, export};
use exhibit_pipeline::host::Host;
use exhibit_pipeline::reperform::{Filter, reperform};
use exhibit_pipeline::seal::seal;
use exhibit_pipeline::workspace::Workspace;
use exhibit_verify::verify;
use jiff::civil::Date;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// The demo's ledger. `.invalid` is nobody's (RFC 2606).
const ORIGIN: &str = "demo.exhibit.invalid";
const ORGANISATION: &str = "Example Organisation (simulated)";
/// Runs begin at six in the morning, UTC.
const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// The file that tells a folder of the demo's from anything else.
const MARK: &str = "SIMULATED";

pub(crate) async fn run(args: &Demo) -> Result<ExitCode> {
    let started = Instant::now();
    let systems = systems(args)?;
    prepare(args, &systems)?;
    let first = Timestamp::at_midnight(FIRST_DAY);
    let clock = Arc::new(SimulatedClock::new(first));
    let fakes = Fakes::start(args.seed, clock.clone()).context("the made-up systems cannot be started")?;
    let names: Vec<String> = systems.iter().map(System::to_string).collect();
    output::say("A made-up organisation, its systems on loopback, everything simulated.");
    output::say(&format!("Systems: {}.", names.join(", ")));
    let is_shown = |fact: &Fact| fact.system.is_none_or(|system| systems.contains(&system));
    for fact in fakes.story().facts().into_iter().filter(is_shown) {
        output::say(&format!("  {}  {}", fact.first, fact.text));
    }
    let workspace = crate::commands::init::create(&args.dir, ORGANISATION, ORIGIN, false, true)?;
    std::fs::write(args.dir.join(MARK), "Made by `exhibit demo`. Nothing here is about anyone.\n")?;
    let sources = add_sources(&workspace, &fakes, &systems)?;
    let runtime = crate::host::runtime(&workspace)?;
    output::say("Compiling the connectors …");
    let host = Host::open(workspace, runtime, clock.clone())?;
    for source in &sources {
        let proposal = approve::propose(&host.workspace, source, None)?;
        approve::approve(&host, proposal, "demo")?;
    }
    let missed = fakes.story().missed_day;
    let collected = collect_days(&host, &clock, args.days, &sources, missed).await?;
    output::say(&format!(
        "Collected {} runs, {} records, {} exchanges.",
        collected.runs, collected.records, collected.exchanges
    ));
    let last = Timestamp::from_ms(first.as_ms() + u64::from(args.days) * DAY_MS);
    let period = period(args.days, last)?;
    clock.set(last.plus_ms(12 * HOUR_MS.cast_signed()));
    let sealed = seal(&host, &period).await?;
    let counts: Vec<String> =
        sealed.seal.counts().into_iter().map(|(outcome, n)| format!("{n} {}", outcome.word())).collect();
    output::say(&format!("Sealed {period}: {}.", counts.join(", ")));
    let package = args.dir.join(format!("exhibit-{period}.zip"));
    export_package(&host, &period, &package)?;
    let people = exhibit_pipeline::people::people(&host.store, period.span(), None)?;
    output::say(&format!("Compared the accounts of all systems: {}.", people.summary()));
    let key = std::fs::read_to_string(args.dir.join("keys/ledger.pub"))?;
    let code = check_package(&host, &package, key.trim(), fakes).await?;
    tell(args, &package, started);
    Ok(code)
}

/// Makes room: never in a folder that holds something else.
fn prepare(args: &Demo, systems: &[System]) -> Result<()> {
    let dir = &args.dir;
    if dir.exists() && std::fs::read_dir(dir)?.next().is_some() {
        if !dir.join(MARK).is_file() {
            return Err(Problem::usage(
                format!("{} holds something that no demo made", dir.display()),
                "name another folder with --dir",
            ));
        }
        if !args.replace {
            return Err(Problem::usage(
                format!("{} holds an earlier demo", dir.display()),
                "delete it with --replace, or name another folder with --dir",
            ));
        }
        std::fs::remove_dir_all(dir)?;
    }
    systems.iter().try_for_each(|system| component(*system).map(drop))
}

/// Adds the connectors and writes the sources, each under a name of its own: `okta-demo`.
fn add_sources(workspace: &Workspace, fakes: &Fakes, systems: &[System]) -> Result<Vec<SourceName>> {
    let keys = workspace.root().join("keys").canonicalize()?;
    let mut names = Vec::new();
    for system in systems {
        let connector = system.connector();
        workspace.add_component(component(*system)?)?;
        let name: SourceName = format!("{connector}-demo").parse()?;
        workspace.add_source(&name, &source_file(&keys, connector, fakes.source(*system))?)?;
        names.push(name);
    }
    Ok(names)
}

/// The text of `sources/NAME.toml`. Its secrets go to files of their own, which it names.
fn source_file(keys: &Path, connector: &str, source: Source) -> Result<String> {
    let mut credential = source.credential;
    for (member, secret) in source.secrets {
        let file = keys.join(format!("demo-{connector}-{member}"));
        write_secret(&file, &secret)?;
        credential.insert(member.to_owned(), format!("file:{}", file.display()).into());
    }
    let credential = serde_json::Value::Object(credential);
    let credentials: serde_json::Map<_, _> =
        source.slots.iter().map(|slot| ((*slot).to_owned(), credential.clone())).collect();
    let file = serde_json::json!({
        "connector": connector,
        "allow_addresses": ["127.0.0.1"],
        "settings": source.settings,
        "credentials": credentials,
    });
    Ok(toml::to_string(&file)?)
}

fn write_secret(path: &Path, secret: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(secret.as_bytes())?)
}

/// The connector that reads a system, which is in this command.
fn component(system: System) -> Result<&'static [u8]> {
    bundled::component(system.connector()).ok_or_else(|| {
        Problem::failed(
            format!("this command was built without the connector `{}`", system.connector()),
            Some("build it with `make build`".into()),
        )
    })
}

/// The systems that were asked for, all without that, in the order in which they are read.
fn systems(args: &Demo) -> Result<Vec<System>> {
    for name in &args.system {
        if System::of_connector(name).is_none() {
            let known: Vec<&str> = System::ALL.iter().map(|system| system.connector()).collect();
            return Err(Problem::usage(
                format!("the demo has no system `{name}`"),
                format!("it has {}", known.join(", ")),
            ));
        }
    }
    let is_asked = |s: &System| args.system.is_empty() || args.system.iter().any(|n| n == s.connector());
    Ok(System::ALL.iter().copied().filter(is_asked).collect())
}

/// What was collected.
#[derive(Default)]
struct Sum {
    runs: u64,
    records: u64,
    exchanges: u64,
}

/// One run a source a day, but on the day on which nobody looked.
async fn collect_days(
    host: &Host,
    clock: &SimulatedClock,
    days: u32,
    sources: &[SourceName],
    missed: Date,
) -> Result<Sum> {
    let bar = progress::bar(u64::from(days), "collecting");
    let first = Timestamp::at_midnight(FIRST_DAY).as_ms();
    let mut sum = Sum::default();
    // One day more than the period: its last day's events are complete only then.
    for day in 0..=u64::from(days) {
        let at = Timestamp::from_ms(first + day * DAY_MS + 6 * HOUR_MS);
        bar.set_message(at.date().to_string());
        bar.inc(1);
        if at.date() == missed {
            continue;
        }
        for source in sources {
            clock.set(at);
            let run = collect(host, source).await?;
            sum.runs += 1;
            sum.records += run.manifest.populations.iter().map(|p| p.emitted).sum::<u64>();
            sum.exchanges += run.manifest.exchanges.count;
        }
    }
    bar.finish_and_clear();
    Ok(sum)
}

/// The half year by its name; fewer days by their dates.
fn period(days: u32, end: Timestamp) -> Result<AuditPeriod> {
    let name = match days {
        181 => "2026-H1".to_owned(),
        _ => format!("{FIRST_DAY}..{}", Timestamp::from_ms(end.as_ms() - DAY_MS).date()),
    };
    Ok(name.parse()?)
}

fn export_package(host: &Host, period: &AuditPeriod, package: &Path) -> Result<()> {
    let bar = progress::bar(0, "exporting");
    let exported = export(host, period, package, &Options::default(), &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    output::say(&format!(
        "Exported {} runs and {} populations, {} MB.",
        exported.runs,
        exported.populations,
        exported.bytes / 1_000_000
    ));
    Ok(())
}

/// Verifies the package, then stops the systems and performs every run again.
async fn check_package(host: &Host, package: &Path, key: &str, fakes: Fakes) -> Result<ExitCode> {
    let options = exhibit_verify::Options { key: Some(key.parse()?), ..exhibit_verify::Options::default() };
    match verify(package, &options) {
        Ok(report) => output::say(&format!("Verified: {}.", report.result)),
        Err(wrong) => {
            output::say(&output::printable(&wrong.to_string()));
            return Ok(ExitCode::from(FAILED));
        }
    }
    drop(fakes);
    let bar = progress::bar(0, "re-performing");
    let report = reperform(package, &host.runtime, &Filter::default(), &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })
    .await?;
    bar.finish_and_clear();
    output::say(&format!(
        "Re-performed offline: {} runs with the same bytes ({} records), {} differ, {} not re-performable.",
        report.same, report.records, report.different, report.not_reperformable
    ));
    for run in report.runs.iter().filter(|run| run.outcome != exhibit_pipeline::reperform::Outcome::Same) {
        output::say(&output::printable(&format!("  {}  {}", run.run, run.outcome)));
    }
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn tell(args: &Demo, package: &Path, started: Instant) {
    let (dir, package) = (args.dir.display(), package.display());
    output::say(&format!(
        "\nDone in {} s. Everything here is simulated and proves nothing about anyone.\n\
         \nOpen:\
         \n  {package}    unpack it, then open data/index.html\
         \nTry:\
         \n  exhibit -w {dir} evidence list\
         \n  exhibit -w {dir} status --period 2026-H1\
         \n  exhibit -w {dir} evidence people\
         \n  exhibit verify {package} --key {dir}/keys/ledger.pub\
         \nWith your own account:\
         \n  exhibit init evidence --organisation \"Your Organisation\" --origin exhibit.example.com\
         \n  exhibit -w evidence connector add okta",
        started.elapsed().as_secs()
    ));
}
