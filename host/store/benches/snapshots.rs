//! Daily snapshots of many accounts, a part of them changed at random each day: time and bytes.
//!
//! `cargo bench -p exhibit-store` takes a small run; `-- 100000 180` takes accounts and days. Each figure
//! stands beside its floor, measured in the same run: the changed lines and one snapshot, compressed.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/store/world.rs"]
#[allow(dead_code)]
mod world;

use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Shape;
use exhibit_evidence::record::{CanonicalRecord, Origin, RecordKey};
use exhibit_evidence::run::RunId;
use std::path::Path;
use std::time::Instant;
use world::*;

/// An account of about 1.2 KB, as a directory has it, in its version.
fn account_line(i: u32, version: u32) -> Vec<u8> {
    let noise = Digest::of(format!("{i} {version}")).to_string();
    let id = Digest::of(i.to_string()).to_string();
    let groups: Vec<_> = (0..12)
        .map(|g| {
            format!("\"group-{:04}-{}\"", (i * 7 + g * 131) % 900, ["staff", "eng", "ops"][g as usize % 3])
        })
        .collect();
    let attributes = format!(
        concat!(
            r#"{{"admin":false,"created_at":"20{:02}-0{}-1{}T0{}:12:44.000Z","department":"department-{}","display_name":"Person {} {}","#,
            r#""email":"person.{}@example.com","external_id":"{}","factors":["push","webauthn"],"groups":[{}],"#,
            r#""last_login_day":"2026-01-{:02}","manager":"person.{}@example.com","mfa_status":"enrolled","region":"region-{}","#,
            r#""status":"active","title":"Engineer of things {}","token":"{}","type":"person","notes":"{}"}}"#
        ),
        i % 26,
        i % 9 + 1,
        i % 10,
        version % 10,
        i % 40,
        &id[..6],
        &id[6..12],
        i,
        &id[..32],
        groups.join(","),
        version % 28 + 1,
        i / 10,
        i % 12,
        i % 60,
        &noise[..24],
        "an account of the made-up organisation ".repeat(8),
    );
    format!(r#"{{"attributes":{attributes},"kind":"identity.account@1","native_id":"00u{i:08}","source":"okta-prod","subject_key":"person:person.{i}@example.com","tenant":"example.okta.com"}}"#).into_bytes()
}

fn bytes_below(dir: &Path) -> u64 {
    let mut total = 0;
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        total += if path.is_dir() { bytes_below(&path) } else { path.metadata().unwrap().len() };
    }
    total
}

fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Seconds on the clock and of processors.
#[derive(Default)]
struct Cost {
    wall: f64,
    cpu: f64,
}

impl Cost {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: f64 = fields.iter().skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum();
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        Self { wall, cpu: ticks / 100.0 }
    }

    fn to_now(&self) -> Self {
        Self::now().minus(self)
    }

    fn minus(&self, other: &Self) -> Self {
        Self { wall: self.wall - other.wall, cpu: self.cpu - other.cpu }
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} s ({:.2} CPU s)", self.wall, self.cpu)
    }
}

fn main() {
    let numbers: Vec<u32> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let (count, days) = (numbers.first().copied().unwrap_or(20_000), numbers.get(1).copied().unwrap_or(20));
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let mut versions = vec![0_u32; count as usize];
    let mut seed = 42_u64;
    let mut runs: Vec<RunId> = Vec::new();
    let mut floor = Vec::new();
    let mut worst = Cost::default();
    let before = Cost::now();
    let raw: usize = (0..count).map(|i| std::hint::black_box(account_line(i, 0)).len()).sum();
    let making = before.to_now();
    println!(
        "{count} accounts of {} bytes; making them takes {making}, and is taken off below",
        raw / count as usize
    );
    for day in 0..days {
        if day > 0 {
            for _ in 0..count / 100 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                versions[(seed >> 33) as usize % count as usize] += 1;
            }
        }
        let stage = begin(&store, at("2026-01-02T00:00:00Z").plus_ms(i64::from(day) * DAY_MS));
        let start = Cost::now();
        for i in 0..count {
            let record = CanonicalRecord {
                kind: kind(),
                key: RecordKey(format!("00u{i:08}")),
                line: account_line(i, versions[i as usize]),
                origins: vec![Origin {
                    exchange: exhibit_evidence::exchange::ExchangeId { call: 0, index: 0, page: i / 200 },
                    pointer: format!("/{}", i % 200),
                }],
            };
            stage.record(&record).unwrap();
        }
        let staged = start.to_now().minus(&making);
        let (run, _) = commit(stage, &ends(&kind(), Shape::State, true)).unwrap();
        let all = start.to_now().minus(&making);
        match day {
            0 => println!(
                "first: {all}, of which staging {staged}; {} MB on disk, peak memory {} MB",
                bytes_below(dir.path()) >> 20,
                peak_mb()
            ),
            1 => println!("second: {all}, of which staging {staged}"),
            _ => {}
        }
        if day > 0 && all.cpu > worst.cpu {
            worst = all;
        }
        runs.push(run);
    }
    println!("costliest later day: {worst}; peak memory {} MB", peak_mb());
    let first: Vec<u8> = (0..count).flat_map(|i| account_line(i, 0)).collect();
    floor.push(zstd::bulk::compress(&first, 3).unwrap().len());
    drop(first);
    let changed: Vec<u8> =
        (0..count * days / 100).flat_map(|i| account_line(i % count, i / count + 1)).collect();
    floor.push(zstd::bulk::compress(&changed, 3).unwrap().len());
    let floor = floor.iter().sum::<usize>() as f64;
    let part = |name: &str| bytes_below(&dir.path().join(name));
    let total = bytes_below(dir.path()) as f64;
    println!(
        "{count} accounts, {days} days: {:.1} MB on disk (packs {:.1}, sled {:.1}), floor {:.1} MB, ratio {:.2}; packs alone {:.2}",
        total / 1e6,
        part("packs") as f64 / 1e6,
        part("sled") as f64 / 1e6,
        floor / 1e6,
        total / floor,
        part("packs") as f64 / floor
    );
    let started = Instant::now();
    let middle = &runs[runs.len() / 2];
    let records = store.snapshot(&source(), &kind(), middle).unwrap().count();
    println!(
        "snapshot of day {}: {records} records in {:.2} s",
        runs.len() / 2,
        started.elapsed().as_secs_f64()
    );
    let started = Instant::now();
    let (first, last) = (&runs[runs.len() / 18], &runs[runs.len() - 1 - runs.len() / 18]);
    let differences = store.diff(&source(), &kind(), first, last).unwrap().count();
    println!(
        "diff of days {} and {}: {differences} in {:.2} s",
        runs.len() / 18,
        runs.len() - 1 - runs.len() / 18,
        started.elapsed().as_secs_f64()
    );
    let started = Instant::now();
    drop(store);
    let store = exhibit_store::Store::open(dir.path(), options()).unwrap();
    println!("open: {:.2} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    let report = store.check(&|_, _| ());
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    println!("check: {:.2} s", started.elapsed().as_secs_f64());
}
