//! A machine that is switched off for three days, and on again.

use crate::alerts::Receiver;
use crate::world::{LITTLE, World, at};
use exhibit_pipeline::operation::{Alive, Entry, operation};
use exhibit_store::RunFilter;

const SOURCE: &str = "okta-test";

fn told<'e>(entries: &'e [Entry], act: &str) -> Vec<&'e Entry> {
    entries.iter().filter(|entry| entry.act == act).collect()
}

fn days(entry: &Entry) -> (String, String) {
    let span = entry.span.expect("slots");
    (span.start.date().to_string(), span.end.date().to_string())
}

#[test]
fn three_days_off() {
    let world = World::new("2026-02-02T12:00:00Z");
    world.add_source(SOURCE, LITTLE, "");
    let receiver = Receiver::start();
    receiver.settings(&world, "[\"missed\", \"late\"]");
    let running = world.serve();
    // The day of the approval, and six more.
    running.pass("2026-02-08T12:00:00Z");
    // Off before the run of the 9th, on again in the first minute of the 12th: the 8th is closed for longer than the
    // three days of grace, and nobody has seen its afternoon.
    world.clock.set(at("2026-02-08T23:59:00Z"));
    running.kill(&world);
    world.clock.set(at("2026-02-12T00:01:00Z"));
    let running = world.serve();
    running.pass("2026-02-12T12:00:00Z");
    let heard = receiver.wait(2);
    running.stop(&world);
    let heard: Vec<String> = heard.iter().map(|alert| alert.json()["type"].to_string()).collect();
    assert_eq!(heard, ["\"missed\"", "\"late\""]);

    let host = world.open();
    let runs = host.store.runs(&RunFilter::default()).expect("runs");
    let days_of_runs: Vec<String> = runs.iter().map(|run| run.started_at.date().to_string()).collect();
    let expected = ["02", "03", "04", "05", "06", "07", "08", "12"].map(|day| format!("2026-02-{day}"));
    assert_eq!(days_of_runs, expected, "one run a day, but for the three");
    // The events of the days between were caught up: the windows join.
    let manifests: Vec<_> =
        runs.iter().map(|run| host.store.manifest(&run.run).expect("a manifest")).collect();
    for pair in manifests.windows(2) {
        assert!(pair[1].window.start <= pair[0].window.end, "{} and {}", pair[0].window, pair[1].window);
    }
    drop(host);

    let entries = world.entries();
    let missed = told(&entries, "missed");
    assert_eq!(missed.len(), 1, "{missed:#?}");
    assert_eq!(days(missed[0]), ("2026-02-09".to_owned(), "2026-02-12".to_owned()));
    assert_eq!(missed[0].of.as_deref(), Some("state"));
    assert_eq!(missed[0].why.as_deref(), Some("nobody looked"));
    let late = told(&entries, "late");
    assert_eq!(late.len(), 1, "{late:#?}");
    assert_eq!(days(late[0]), ("2026-02-08".to_owned(), "2026-02-09".to_owned()));
    // What was missed is in the ledger before the run that follows.
    let host = world.open();
    let last = host.store.leaf_of(&runs.last().expect("runs").run).expect("a leaf");
    assert!(missed[0].leaf < last && last < late[0].leaf);
    // That the machine went down is known, and since when at the earliest.
    let started = told(&entries, "started");
    assert_eq!(started.len(), 2);
    let alive_at = started[1].last_alive_at.expect("it did not stop by itself");
    assert!(at("2026-02-08T12:00:00Z") <= alive_at && alive_at <= at("2026-02-08T23:59:00Z"), "{alive_at}");
    let span = "2026-02".parse::<exhibit_evidence::period::AuditPeriod>().expect("a month").span();
    let operation =
        operation(&host.store, span, at("2026-02-13T00:00:00Z"), Alive::Last(None)).expect("read");
    let ended: Vec<&str> = operation.ran.iter().map(|ran| ran.ended.as_str()).collect();
    assert_eq!(ended, ["killed", "stopped"]);
    let gap = operation.gaps[1];
    assert_eq!((gap.start, gap.end.date().to_string()), (alive_at, "2026-02-12".to_owned()));
    assert_eq!(host.store.check(&|_, _| ()).problems, []);
}

#[test]
fn what_an_interrupted_service_had_told_is_not_told_again() {
    let world = World::new("2026-02-02T12:00:00Z");
    world.add_source(SOURCE, LITTLE, "");
    let running = world.serve();
    running.pass("2026-02-03T12:00:00Z");
    running.stop(&world);
    world.clock.set(at("2026-02-06T12:00:00Z"));
    for _ in 0..2 {
        let running = world.serve();
        running.pass("2026-02-06T12:00:01Z");
        running.kill(&world);
        // Without what it remembers beside the ledger, too.
        let _ = std::fs::remove_file(world.place.file("data/service/state.json"));
    }
    let entries = world.entries();
    let missed = told(&entries, "missed");
    assert_eq!(missed.len(), 1, "{missed:#?}");
    assert_eq!(days(missed[0]), ("2026-02-04".to_owned(), "2026-02-06".to_owned()));
    let runs = world.open().store.runs(&RunFilter::default()).expect("runs").len();
    assert_eq!(runs, 3, "the 6th is looked at once");
}

#[test]
fn what_was_caught_up_is_told_though_the_process_was_killed_before_it_could() {
    let world = World::new("2026-02-02T12:00:00Z");
    world.add_source(SOURCE, LITTLE, "");
    let running = world.serve();
    running.pass("2026-02-03T12:00:00Z");
    running.stop(&world);
    // The run that catches up, and nothing that says so.
    world.clock.set(at("2026-02-10T12:00:00Z"));
    let host = world.open();
    let name = SOURCE.parse().expect("a name");
    world.threads.block_on(exhibit_pipeline::collect::collect(&host, &name)).expect("a run");
    drop(host);
    for _ in 0..2 {
        let running = world.serve();
        running.pass("2026-02-10T12:00:01Z");
        running.stop(&world);
    }
    let entries = world.entries();
    let late = told(&entries, "late");
    assert_eq!(late.len(), 1, "{late:#?}");
    // The 6th had closed three days and twelve hours before.
    assert_eq!(days(late[0]), ("2026-02-03".to_owned(), "2026-02-07".to_owned()));
    assert_eq!(world.open().store.runs(&RunFilter::default()).expect("runs").len(), 3);
}
