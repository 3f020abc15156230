//! What a run costs before it does anything, in a host that runs and in one that begins, and while it waits:
//! `cargo bench --workspace --bench runs`; `-- 500` takes the number of runs that wait at once.

use exhibit_benches::cost::{Meter, best_of_five, peak_mb};
use exhibit_benches::server::{SERVE, Server, serve};
use exhibit_benches::world::{self, BenchClock};
use exhibit_benches::{load, median, numbers, run_again};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::Verdict;
use exhibit_evidence::time::{Clock, Timestamp};
use exhibit_pipeline::collect::collect;
use exhibit_pipeline::host::Host;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

fn main() -> ExitCode {
    if let Some(code) = exhibit_sandbox::compile_child_main() {
        return ExitCode::from(code);
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [SERVE, accounts] => serve(accounts.parse().expect("a number")),
        ["describe", file] => describe(Path::new(file)),
        ["run", dir] => run(Path::new(dir)),
        _ => {
            let [waiting] = numbers([5000]);
            let component = world::component("tests/guests", "exhibit_guests", TARGET);
            let tokio = world::tokio();
            due(&component, &tokio);
            cold(&component, &tokio);
            wait(&component, &tokio, waiting);
        }
    }
    ExitCode::SUCCESS
}

/// A clock that notes when it is asked: a run asks first when it begins, and then when the guest's first request leaves.
#[derive(Default)]
struct Asked(Mutex<Vec<SystemTime>>);

impl Asked {
    /// When a run's first request left, on a clock that is the same in every process.
    fn first_request(&self) -> SystemTime {
        self.0.lock().expect("nobody panics")[1]
    }
}

impl Clock for Asked {
    fn now(&self) -> Timestamp {
        let mut asked = self.0.lock().expect("nobody panics");
        asked.push(SystemTime::now());
        "2026-01-02T06:00:00Z".parse::<Timestamp>().expect("an instant").plus_ms(asked.len() as i64)
    }
}

fn seconds(from: SystemTime, to: SystemTime) -> f64 {
    to.duration_since(from).unwrap_or_default().as_secs_f64()
}

/// From a run that is due, in a host that runs, to what the guest does first.
fn due(component: &[u8], tokio: &tokio::runtime::Runtime) {
    let server = Server::start(0);
    let dir = tempfile::tempdir().expect("a folder");
    drop(world::create(dir.path(), component));
    let clock = Arc::new(Asked::default());
    let host = world::open(dir.path(), clock.clone(), TARGET);
    let name = world::add_source(&host, "first", &source(&server, "/api/none"));
    let mut first = Vec::new();
    for round in 0..100 {
        clock.0.lock().expect("nobody panics").clear();
        let begun = SystemTime::now();
        let run = tokio.block_on(collect(&host, &name)).expect("collected");
        assert_eq!(run.manifest.verdict, Verdict::Complete);
        // The first runs open the source; what they read is at hand once it has lain unchanged for a while.
        if round >= 20 {
            first.push(seconds(begun, clock.first_request()));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let prepared = tokio.block_on(host.runtime.prepare(component)).expect("it compiles");
    let instance = best_of_five(500, || {
        tokio.block_on(host.runtime.describe(&prepared)).expect("it says what it is");
    });
    let (best, middle) = (first.iter().copied().fold(f64::MAX, f64::min), median(first));
    println!("an instance that says what it is        {:>8.0} µs", instance.as_secs_f64() * 1e6);
    println!(
        "from a due run to its first request     {:>8.0} µs, the best {:.0} µs; ratio {:.1}; load {}",
        middle * 1e6,
        best * 1e6,
        best / instance.as_secs_f64(),
        load()
    );
}

/// The same in a process that begins, its component compiled before.
fn cold(component: &[u8], tokio: &tokio::runtime::Runtime) {
    let server = Server::start(0);
    let dir = tempfile::tempdir().expect("a folder");
    drop(world::create(dir.path(), component));
    let host = world::open(dir.path(), BenchClock::on_day(0), TARGET);
    world::add_source(&host, "first", &source(&server, "/api/none"));
    tokio.block_on(host.runtime.prepare(component)).expect("it compiles");
    let file = dir.path().join("component.wasm");
    std::fs::write(&file, component).expect("written");
    drop(host);
    for (what, arguments) in [
        ("from a cold process to what a guest says of itself", ["describe", &file.display().to_string()]),
        ("from a cold process to a run's first request", ["run", &dir.path().display().to_string()]),
    ] {
        let once = || {
            let begun = SystemTime::now();
            let at = Duration::from_secs_f64(run_again(&arguments).trim().parse().expect("a number"));
            seconds(begun, SystemTime::UNIX_EPOCH + at)
        };
        let all: Vec<f64> = (0..20).map(|_| once()).collect();
        let best = all.iter().copied().fold(f64::MAX, f64::min);
        println!("{what:<52} {:>6.2} ms, the best {:.2} ms; load {}", median(all) * 1e3, best * 1e3, load());
    }
}

fn tell(at: SystemTime) {
    println!("{:.9}", seconds(SystemTime::UNIX_EPOCH, at));
}

/// Has a component, compiled before, say what it is; tells when it has.
fn describe(file: &Path) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let component = std::fs::read(file).expect("a component");
    let runtime = world::runtime(TARGET);
    let prepared = tokio.block_on(runtime.prepare(&component)).expect("it is compiled");
    tokio.block_on(runtime.describe(&prepared)).expect("it says what it is");
    tell(SystemTime::now());
}

/// Runs a source of a workspace; tells when its first request left.
fn run(dir: &Path) {
    let clock = Arc::new(Asked::default());
    let host = world::open(dir, clock.clone(), TARGET);
    let name = "first".parse().expect("a name");
    world::tokio().block_on(collect(&host, &name)).expect("collected");
    tell(clock.first_request());
}

fn source(server: &Server, path: &str) -> String {
    let settings = format!("behaviour = \"list\"\nbase = \"{}\"\npath = \"{path}\"", server.origin);
    world::source_text("guests", &settings, None)
}

/// Many runs at once, of a source each, that all wait for a server, which then answers.
fn wait(component: &[u8], tokio: &tokio::runtime::Runtime, count: usize) {
    let server = Server::start(0);
    let dir = tempfile::tempdir().expect("a folder");
    drop(world::create(dir.path(), component));
    let host = Arc::new(world::open(dir.path(), BenchClock::on_day(0), TARGET));
    let names = add_sources(&host, &source(&server, "/api/held"), count);
    let before_mb = peak_mb();
    let meter = Meter::start();
    let runs: Vec<_> = names
        .into_iter()
        .map(|name| {
            let host = Arc::clone(&host);
            tokio.spawn(async move {
                let run = collect(&host, &name).await;
                (run.map(|run| run.manifest.verdict), Instant::now())
            })
        })
        .collect();
    while server.waiting() < count {
        assert!(meter.read().wall < 900.0, "only {} of {count} runs wait", server.waiting());
        std::thread::sleep(Duration::from_millis(200));
    }
    let (began, waiting_mb) = (meter.read(), peak_mb());
    let released = Instant::now();
    server.release();
    let mut ends = Vec::new();
    for run in runs {
        let (verdict, at) = tokio.block_on(run).expect("no run panics");
        assert_eq!(verdict.expect("every run is kept"), Verdict::Complete, "no run starves");
        ends.push((at - released).as_secs_f64());
    }
    println!(
        "{count} runs wait at once: {waiting_mb:.0} MB, {:.0} KB a run; until all waited: {began}; load {}",
        (waiting_mb - before_mb) * 1024.0 / count as f64,
        load()
    );
    println!(
        "answered, all {count} were kept, complete, after {:.1} s, half of them after {:.1} s; peak {:.0} MB",
        ends.iter().copied().fold(0.0, f64::max),
        median(ends.clone()),
        peak_mb()
    );
}

/// So many sources alike. One is approved as people approve; the others' approvals are copies.
fn add_sources(host: &Host, text: &str, count: usize) -> Vec<SourceName> {
    let first = world::add_source(host, "source-0", text);
    let mut lock = host.workspace.lock().expect("approvals");
    let approval = lock.sources[&first].clone();
    let mut names = vec![first];
    for number in 1..count {
        let name: SourceName = format!("source-{number}").parse().expect("a name");
        std::fs::write(host.workspace.source_file(&name), text).expect("a source");
        lock.sources.insert(name.clone(), approval.clone());
        names.push(name);
    }
    host.workspace.write_lock(&lock.to_text().expect("text")).expect("approvals");
    names
}
