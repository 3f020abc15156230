//! Many sources, hourly, in compressed time, against systems that are slow and fail.
//!
//! ```console
//! $ EXHIBIT_SOURCES=200 EXHIBIT_DAYS=90 cargo test -p exhibit-tests --test service load -- --nocapture
//! ```
//!
//! is the equal of 90 days of 200 sources; without the variables it is a few sources for some hours. It prints how many
//! runs there were, what was missed and why, what memory was held on the way, and how long reads took meanwhile.

use crate::world::{LITTLE, World, at};
use exhibit_evidence::time::Clock as _;
use exhibit_pipeline::due::Reader;
use exhibit_store::RunFilter;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const HOUR_MS: i64 = 60 * 60 * 1000;
/// One request of so many fails, and one of so many is not answered at all.
const FAILS: u32 = 100;
const BREAKS: u32 = 300;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect(name))
}

/// Stands before a system: a request waits up to 20 ms, and some fail.
async fn stand_before(system: SocketAddr, failed: Arc<AtomicU64>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut random = StdRng::seed_from_u64(1);
        while let Ok((stream, _)) = listener.accept().await {
            let wait = Duration::from_millis(random.random_range(0..20));
            let (fails, breaks) = (random.random_ratio(1, FAILS), random.random_ratio(1, BREAKS));
            failed.fetch_add(u64::from(fails || breaks), Ordering::Relaxed);
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                let _ = pass_on(stream, system, fails, breaks).await;
            });
        }
    });
    address
}

/// One request and its answer; then the connection ends.
async fn pass_on(mut from: TcpStream, to: SocketAddr, fails: bool, breaks: bool) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if from.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    if breaks {
        return Ok(());
    }
    if fails {
        return from.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    }
    head.truncate(head.len() - 2);
    head.extend_from_slice(b"connection: close\r\n\r\n");
    let mut to = TcpStream::connect(to).await?;
    to.write_all(&head).await?;
    let mut answer = Vec::new();
    to.read_to_end(&mut answer).await?;
    from.write_all(&answer).await
}

/// Resident memory of this process, in megabytes.
fn memory_mb() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

#[test]
fn many_sources_for_a_long_time() {
    let (sources, hours) = (number("EXHIBIT_SOURCES", 6), number("EXHIBIT_DAYS", 0).max(1) * 24);
    let hours = if std::env::var_os("EXHIBIT_DAYS").is_some() { hours } else { 6 };
    let world = World::new("2026-02-01T00:00:00Z");
    let failed = Arc::new(AtomicU64::new(0));
    let system = world.fakes.address(exhibit_demo::System::Okta);
    let before = world.threads.block_on(stand_before(system, Arc::clone(&failed)));
    for n in 0..sources {
        world.write_source(&format!("okta-{n:03}"), LITTLE, "[schedule]\ncron = \"0 * * * *\"\n");
        let file = format!("sources/okta-{n:03}.toml");
        world.place.edit(&file, &format!("http://{system}"), &format!("http://{before}"));
    }
    world.place.edit("exhibit.toml", "[service]\n", "[service]\nruns = 4\nruns_per_host = 4\n");
    let host = world.open();
    for n in 0..sources {
        crate::world::approve_in(&host, &format!("okta-{n:03}"));
    }
    drop(host);
    let running = world.serve();
    let begun = Instant::now();

    // Somebody reads all the time.
    let (service, stop) = (running.service.clone(), Arc::new(AtomicBool::new(false)));
    let stopped = Arc::clone(&stop);
    let reader = std::thread::spawn(move || {
        let mut took: Vec<Duration> = Vec::new();
        let name = "okta-000".parse().expect("a name");
        while !stopped.load(Ordering::Relaxed) {
            let host = service.host();
            let now = host.clock.now();
            let day = exhibit_evidence::time::Span { start: now.plus_ms(-24 * HOUR_MS), end: now };
            let begun = Instant::now();
            let runs = host
                .store
                .runs(&RunFilter { source: Some(Clone::clone(&name)), span: Some(day) })
                .expect("runs");
            for run in runs.iter().rev().take(10) {
                host.store.manifest(&run.run).expect("a manifest");
            }
            took.push(begun.elapsed());
            drop(host);
            std::thread::sleep(Duration::from_millis(20));
        }
        took.sort();
        took
    });
    let mut memory = vec![memory_mb()];
    for hour in 0..hours {
        running.wait("the hour's runs", |now| {
            now.sources.values().all(|source| {
                source.running_since.is_none() && source.next_due.is_none_or(|due| due > now.at)
            })
        });
        if hour % (hours / 6).max(1) == 0 {
            memory.push(memory_mb());
            println!("hour {hour} of {hours}: {:?}, {} MB", begun.elapsed(), memory.last().expect("some"));
        }
        // What failed is tried again within the hour.
        let now = running.service.now();
        let next = now.sources.values().filter_map(|source| source.next_due).min();
        let end = at("2026-02-01T00:00:00Z").plus_ms((hour as i64 + 1) * HOUR_MS);
        let mut next = next.unwrap_or(end);
        while next < end {
            world.clock.set(next);
            let now = running.wait("what is tried again", |now| {
                now.sources.values().all(|source| {
                    source.running_since.is_none() && source.next_due.is_none_or(|due| due > now.at)
                })
            });
            next = now.sources.values().filter_map(|source| source.next_due).min().unwrap_or(end);
        }
        world.clock.set(end);
    }
    running.wait("the last runs", |now| now.sources.values().all(|source| source.running_since.is_none()));
    stop.store(true, Ordering::Relaxed);
    let took = reader.join().expect("it reads");
    running.stop(&world);

    let host = world.open();
    let runs = host.store.runs(&RunFilter::default()).expect("runs").len() as u64;
    let entries = crate::world::entries(&host, world.clock.now());
    let missed: Vec<_> = entries.iter().filter(|entry| entry.act == "missed").collect();
    assert!(missed.iter().all(|entry| entry.why.is_some()), "every missed slot has its reason: {missed:#?}");
    let lock = host.workspace.lock().expect("approvals");
    // Of the last two days: to read every manifest would take as long as it took to make them.
    let judged = hours.min(48);
    let from = world.clock.now().plus_ms(-(judged as i64) * HOUR_MS);
    let mut filled = 0;
    for (name, config) in host.workspace.sources().expect("sources") {
        let present = Reader::new(&host)
            .present(&name, &config, &lock.sources[&name], Some(from))
            .expect("it is there");
        let within = present.setup.observed.iter().filter(|at| **at >= from);
        let mut slots: Vec<_> = within.map(|at| at.as_ms() / HOUR_MS as u64).collect();
        slots.sort_unstable();
        let seen = slots.len();
        slots.dedup();
        assert_eq!(slots.len(), seen, "{name}: an hour was filled twice");
        filled += seen as u64;
    }
    println!(
        "{sources} sources, {hours} hours: {runs} runs in {:?}, {} requests failed, {} stretches missed; \
         memory {memory:?} MB; {} reads, half within {:?}, 99 of 100 within {:?}",
        begun.elapsed(),
        failed.load(Ordering::Relaxed),
        missed.len(),
        took.len(),
        took[took.len() / 2],
        took[took.len() * 99 / 100],
    );
    assert!(filled + missed.len() as u64 >= sources * judged, "{filled} filled");
    assert_eq!(host.store.check(&|_, _| ()).problems, []);
    assert!(took.len() > 10);
}
