//! Single cases, worked out by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::Frequency;
use exhibit_evidence::time::Timestamp;
use exhibit_schedule::{Action, Bounds, Ended, Event, Events, Of, Plan, Scheduler, SourceSetup};

const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn name(text: &str) -> SourceName {
    text.parse().unwrap()
}

fn daily() -> Plan {
    Plan::periods(Frequency::Daily, 2 * HOUR_MS, 0)
}

fn setup(plan: Plan, hosts: &[&str], since: &str) -> SourceSetup {
    SourceSetup {
        plan,
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        state: true,
        events: Some(Events { retention_ms: Some(90 * DAY_MS), grace_ms: 3 * DAY_MS }),
        since: at(since),
        observed: Vec::new(),
        settled_until: at(since),
    }
}

/// A scheduler with some sources, and what it does printed a line each.
struct Desk(Scheduler);

impl Desk {
    fn new(bounds: Bounds) -> Self {
        Self(Scheduler::new(bounds, Digest::of("seed")))
    }

    fn at(&mut self, now: &str, events: impl IntoIterator<Item = Event>) -> Vec<String> {
        let step = self.0.step(at(now), events);
        step.actions.iter().map(line).collect()
    }

    fn wake_at(&mut self, now: &str) -> String {
        self.0.step(at(now), []).wake_at.unwrap().to_string()
    }
}

fn line(action: &Action) -> String {
    match action {
        Action::Start { source, slot, attempt } => {
            format!("start {source} for {} try {attempt}", slot.start.date())
        }
        Action::Missed { source, of, span, why } => {
            let of = if *of == Of::State { "state" } else { "events" };
            format!("missed {of} of {source} {}..{}: {why:?}", span.start.date(), span.end.date())
        }
        Action::Late { source, span } => format!("late {source} {}..{}", span.start.date(), span.end.date()),
        Action::Corrected { source, span } => format!("corrected {source} {}", span.start.date()),
    }
}

const ONE: Bounds = Bounds { runs: 1, per_host: 1 };
const MANY: Bounds = Bounds { runs: 10, per_host: 1 };

fn okta(plan: Plan) -> Event {
    Event::Source(name("okta"), setup(plan, &["okta.example"], "2026-03-01T10:00:00Z"))
}

fn over(source: &str, started: &str, ended: Ended) -> Event {
    Event::Finished { source: name(source), started_at: at(started), ended }
}

fn failed(retryable: bool, retry_after_ms: Option<u64>) -> Ended {
    Ended::Failed { reason: "refused".into(), retryable, retry_after_ms }
}

/// Added on 1 March at ten, and run at once.
fn running() -> Desk {
    let mut desk = Desk::new(ONE);
    assert_eq!(desk.at("2026-03-01T10:00:00Z", [okta(daily())]), ["start okta for 2026-03-01 try 1"]);
    desk
}

const FIRST: &str = "2026-03-01T10:00:00Z";

#[test]
fn a_source_added_in_mid_period_is_due_at_once_and_then_at_its_hour() {
    let mut desk = running();
    assert_eq!(desk.at("2026-03-01T10:05:00Z", [over("okta", FIRST, Ended::Complete)]), [""; 0]);
    assert_eq!(desk.wake_at("2026-03-01T10:05:00Z"), "2026-03-02T00:00:00.000Z");
    assert_eq!(desk.wake_at("2026-03-02T00:00:00Z"), "2026-03-02T02:00:00.000Z");
    assert_eq!(desk.at("2026-03-02T02:00:00Z", []), ["start okta for 2026-03-02 try 1"]);
}

#[test]
fn three_days_off_are_missed_for_state_and_caught_up_for_events() {
    let mut desk = running();
    desk.at("2026-03-01T10:05:00Z", [over("okta", FIRST, Ended::Complete)]);
    // Suspended from the first to the sixth; the grace is three days.
    let back = desk.at("2026-03-06T12:00:00Z", []);
    assert_eq!(
        back,
        ["missed state of okta 2026-03-02..2026-03-06: NobodyLooked", "start okta for 2026-03-06 try 1"]
    );
    let caught_up = desk.at("2026-03-06T12:10:00Z", [over("okta", "2026-03-06T12:00:00Z", Ended::Complete)]);
    // The first to the second ended on the third: more than three days ago. The third did not.
    assert_eq!(caught_up, ["late okta 2026-03-01..2026-03-03"]);
}

#[test]
fn events_beyond_what_the_system_keeps_are_missed() {
    let mut desk = running();
    desk.at("2026-03-01T10:05:00Z", [over("okta", FIRST, Ended::Complete)]);
    desk.at("2026-07-01T12:00:00Z", []);
    let told = desk.at("2026-07-01T12:10:00Z", [over("okta", "2026-07-01T12:00:00Z", Ended::Complete)]);
    // Ninety days before are 2 April, 12:00: that day is not whole.
    let missed = "missed events of okta 2026-03-01..2026-04-03: BeyondRetention";
    assert_eq!(told, [missed, "late okta 2026-04-03..2026-06-28"]);
}

#[test]
fn a_clock_that_ran_ahead_is_corrected_day_by_day() {
    let mut desk = running();
    desk.at("2026-03-01T10:05:00Z", [over("okta", FIRST, Ended::Complete)]);
    let ahead = desk.at("2026-03-05T01:00:00Z", []);
    assert_eq!(ahead, ["missed state of okta 2026-03-02..2026-03-05: NobodyLooked"]);
    assert_eq!(desk.at("2026-03-02T01:00:00Z", []), [""; 0]);
    assert_eq!(desk.at("2026-03-02T02:00:00Z", []), ["start okta for 2026-03-02 try 1"]);
    let done = desk.at("2026-03-02T02:05:00Z", [over("okta", "2026-03-02T02:00:00Z", Ended::Complete)]);
    assert_eq!(done, ["corrected okta 2026-03-02"]);
    // The third really is missed, and was told already; the fourth is looked at.
    assert_eq!(desk.at("2026-03-04T02:00:00Z", []), ["start okta for 2026-03-04 try 1"]);
    let done = desk.at("2026-03-04T02:05:00Z", [over("okta", "2026-03-04T02:00:00Z", Ended::Complete)]);
    assert_eq!(done, ["corrected okta 2026-03-04"]);
}

#[test]
fn what_may_pass_is_tried_again_and_what_may_not_waits_for_a_change() {
    let mut desk = running();
    assert_eq!(desk.at("2026-03-01T10:01:00Z", [over("okta", FIRST, failed(true, None))]), [""; 0]);
    assert_eq!(desk.at("2026-03-01T10:01:29Z", []), [""; 0], "half a minute at the least");
    assert_eq!(desk.at("2026-03-01T10:02:00Z", []), ["start okta for 2026-03-01 try 2"]);
    let second = "2026-03-01T10:02:00Z";
    desk.at("2026-03-01T10:03:00Z", [over("okta", second, failed(true, Some(2 * HOUR_MS)))]);
    assert_eq!(desk.at("2026-03-01T12:02:59Z", []), [""; 0], "as long as the system asked for");
    assert_eq!(desk.at("2026-03-01T12:03:00Z", []), ["start okta for 2026-03-01 try 3"]);
    desk.at("2026-03-01T12:04:00Z", [over("okta", "2026-03-01T12:03:00Z", failed(false, None))]);
    assert_eq!(desk.at("2026-03-01T23:00:00Z", []), [""; 0]);
    assert_eq!(desk.at("2026-03-01T23:01:00Z", [okta(daily())]), ["start okta for 2026-03-01 try 1"]);
    desk.at("2026-03-01T23:02:00Z", [over("okta", "2026-03-01T23:01:00Z", failed(false, None))]);
    let next = desk.at("2026-03-02T02:00:00Z", []);
    let missed = "missed state of okta 2026-03-01..2026-03-02: Failed(\"refused\")";
    assert_eq!(next, [missed, "start okta for 2026-03-02 try 1"]);
}

#[test]
fn an_hour_of_waiting_is_not_a_year_when_the_clock_is_set_back() {
    let mut desk = running();
    desk.at("2026-03-01T10:01:00Z", [over("okta", FIRST, failed(true, Some(2 * HOUR_MS)))]);
    assert_eq!(desk.at("2025-03-01T10:00:00Z", []), ["start okta for 2025-03-01 try 1"]);
}

#[test]
fn paused_is_paused_and_says_so() {
    let mut desk = running();
    desk.at("2026-03-01T10:05:00Z", [over("okta", FIRST, Ended::Complete), Event::Paused(name("okta"))]);
    let missed = "missed state of okta 2026-03-02..2026-03-04: Paused";
    assert_eq!(desk.at("2026-03-04T12:00:00Z", []), [missed]);
    let resumed = desk.at("2026-03-04T13:00:00Z", [Event::Resumed(name("okta"))]);
    assert_eq!(resumed, ["start okta for 2026-03-04 try 1"]);
}

#[test]
fn a_plan_changed_in_mid_period_leaves_what_passed_as_it_was() {
    let mut desk = running();
    desk.at("2026-03-01T10:05:00Z", [over("okta", FIRST, Ended::Complete)]);
    // From daily to weekly on Wednesday 4 March: the second and third are missed as days; the week is due.
    let weekly = Plan::periods(Frequency::Weekly, 0, 0);
    let changed = desk.at("2026-03-04T12:00:00Z", [okta(weekly)]);
    let missed = "missed state of okta 2026-03-02..2026-03-04: NobodyLooked";
    assert_eq!(changed, [missed, "start okta for 2026-03-02 try 1"]);
    desk.at("2026-03-04T12:05:00Z", [over("okta", "2026-03-04T12:00:00Z", Ended::Complete)]);
    // And back, on Friday: Thursday was nobody's day, Friday is.
    assert_eq!(desk.at("2026-03-06T12:00:00Z", [okta(daily())]), ["start okta for 2026-03-06 try 1"]);
    desk.at("2026-03-06T12:05:00Z", [over("okta", "2026-03-06T12:00:00Z", Ended::Complete)]);
    assert_eq!(desk.at("2026-03-07T12:00:00Z", []), ["start okta for 2026-03-07 try 1"]);
}

#[test]
fn who_waits_for_a_host_is_not_overtaken_at_that_host() {
    let mut desk = Desk::new(MANY);
    let source =
        |text: &str, hosts: &[&str]| Event::Source(name(text), setup(daily(), hosts, "2026-03-01T10:00:00Z"));
    let first = desk.at("2026-03-01T10:00:00Z", [source("a", &["x"])]);
    assert_eq!(first, ["start a for 2026-03-01 try 1"]);
    // b waits for x and so keeps y; c is behind it; d is not.
    let second = desk.at("2026-03-01T10:01:00Z", [source("b", &["x", "y"])]);
    assert_eq!(second, [""; 0]);
    let third = desk.at("2026-03-01T10:02:00Z", [source("c", &["y"]), source("d", &["z"])]);
    assert_eq!(third, ["start d for 2026-03-01 try 1"]);
    let fourth = desk.at("2026-03-01T10:03:00Z", [over("a", "2026-03-01T10:00:00Z", Ended::Complete)]);
    assert_eq!(fourth, ["start b for 2026-03-01 try 1"]);
    let fifth = desk.at("2026-03-01T10:04:00Z", [over("b", "2026-03-01T10:03:00Z", Ended::Complete)]);
    assert_eq!(fifth, ["start c for 2026-03-01 try 1"]);
}

#[test]
fn the_longest_waiting_comes_first_even_over_midnight() {
    let mut desk = Desk::new(ONE);
    let source = |text: &str| Event::Source(name(text), setup(daily(), &[], "2026-03-01T10:00:00Z"));
    desk.at("2026-03-01T10:00:00Z", [source("b")]);
    assert_eq!(desk.at("2026-03-01T11:00:00Z", [source("c")]), [""; 0]);
    // b's run takes sixteen hours: at its end b is due again since two, a since two, and c since yesterday.
    desk.at("2026-03-01T23:00:00Z", [source("a")]);
    let end = desk.at("2026-03-02T03:00:00Z", [over("b", "2026-03-01T10:00:00Z", Ended::Complete)]);
    assert_eq!(
        end.last().unwrap(),
        "start a for 2026-03-02 try 1",
        "a and c wait since two of yesterday, by name"
    );
    let end = desk.at("2026-03-02T03:30:00Z", [over("a", "2026-03-02T03:00:00Z", Ended::Complete)]);
    assert_eq!(end, ["start c for 2026-03-02 try 1"]);
}

#[test]
fn removed_asked_for_and_stopping() {
    let mut desk = running();
    // Removed while it runs, and there again: not twice at once.
    desk.at("2026-03-01T10:01:00Z", [Event::Removed(name("okta"))]);
    assert_eq!(desk.at("2026-03-01T10:02:00Z", [okta(daily())]), [""; 0]);
    let over_at = desk.at("2026-03-01T10:03:00Z", [over("okta", FIRST, Ended::Complete)]);
    assert_eq!(over_at, [""; 0], "the day is looked at");
    let asked = desk.at("2026-03-01T10:04:00Z", [Event::Asked(name("okta"))]);
    assert_eq!(asked, ["start okta for 2026-03-01 try 1"]);
    let stopping = [Event::Stopping, over("okta", "2026-03-01T10:04:00Z", Ended::Interrupted)];
    assert_eq!(desk.at("2026-03-02T10:04:00Z", stopping), [""; 0]);
}

#[test]
fn weeks_and_leap_days_are_the_calendar_s() {
    let mut desk = Desk::new(ONE);
    let weekly = Plan::periods(Frequency::Weekly, 0, 0);
    desk.at("2026-12-28T00:00:00Z", [Event::Source(name("w"), setup(weekly, &[], "2026-12-28T00:00:00Z"))]);
    desk.at("2026-12-28T00:05:00Z", [over("w", "2026-12-28T00:00:00Z", Ended::Complete)]);
    // Week 53 of 2026 ends on 4 January 2027.
    assert_eq!(desk.wake_at("2026-12-31T23:59:59Z"), "2027-01-04T00:00:00.000Z");
    let mut desk = Desk::new(ONE);
    desk.at("2024-02-28T12:00:00Z", [Event::Source(name("d"), setup(daily(), &[], "2024-02-28T12:00:00Z"))]);
    desk.at("2024-02-28T12:05:00Z", [over("d", "2024-02-28T12:00:00Z", Ended::Complete)]);
    let missed = desk.at("2024-03-01T03:00:00Z", []);
    assert_eq!(missed[0], "missed state of d 2024-02-29..2024-03-01: NobodyLooked");
}
