//! Years of schedule with faults drawn at random, checked slot by slot against a record that is kept apart.
//!
//! Each seed is printed; `EXHIBIT_SEEDS=17,18` runs these alone, and `EXHIBIT_ROUNDS=500` as many.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]

use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::Frequency;
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_schedule::{Action, Bounds, Ended, Event, Events, Of, Plan, Scheduler, SourceSetup, Why};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;

const MINUTE_MS: u64 = 60 * 1000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const BOUNDS: Bounds = Bounds { runs: 6, per_host: 2 };

/// What really happened to one source, as the test wrote it down.
#[derive(Default)]
struct Past {
    since: Timestamp,
    /// Complete runs: when they began and ended.
    complete: Vec<(Timestamp, Timestamp)>,
    missed: BTreeMap<Of, Vec<Span>>,
    late: Vec<Span>,
    settled_until: Timestamp,
}

struct Under {
    source: SourceName,
    started_at: Timestamp,
    ends_at: Timestamp,
    ended: Ended,
}

struct World {
    random: StdRng,
    now: Timestamp,
    scheduler: Scheduler,
    setups: BTreeMap<SourceName, SourceSetup>,
    past: BTreeMap<SourceName, Past>,
    running: Vec<Under>,
    runs: u64,
    /// A source's hosts are down until then.
    down: BTreeMap<SourceName, Timestamp>,
    longest_wait_ms: u64,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plus(at: Timestamp, ms: u64) -> Timestamp {
    at.plus_ms(ms.cast_signed())
}

fn setup(random: &mut StdRng, since: Timestamp, n: usize) -> SourceSetup {
    let plan = match n % 8 {
        0 => Plan::periods(Frequency::Weekly, 6 * HOUR_MS, HOUR_MS),
        1 => Plan::periods(Frequency::Monthly, 0, HOUR_MS),
        2 => Plan::periods(Frequency::Quarterly, 0, HOUR_MS),
        3 => Plan::periods(Frequency::Annual, DAY_MS, DAY_MS),
        4 => Plan::cron("30 2 * * 1-5", 10 * MINUTE_MS).unwrap(),
        5 => Plan::cron("0 */6 * * *", 0).unwrap(),
        _ => Plan::periods(Frequency::Daily, 2 * HOUR_MS, HOUR_MS),
    };
    let retention_ms = [None, Some(7 * DAY_MS), Some(90 * DAY_MS)][random.random_range(0..3)];
    SourceSetup {
        plan,
        hosts: [format!("host-{}.example", n % 5)].into(),
        state: true,
        events: Some(Events { retention_ms, grace_ms: 3 * DAY_MS }),
        since,
        observed: Vec::new(),
        settled_until: since,
    }
}

impl World {
    fn new(seed: u64, start: Timestamp, sources: usize) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut setups = BTreeMap::new();
        let mut past = BTreeMap::new();
        for n in 0..sources {
            let name: SourceName = format!("source-{n:02}").parse().unwrap();
            setups.insert(name.clone(), setup(&mut random, start, n));
            past.insert(name, Past { since: start, settled_until: start, ..Past::default() });
        }
        let scheduler = Scheduler::new(BOUNDS, Digest::of("seed"));
        let (running, down) = (Vec::new(), BTreeMap::new());
        let mut world =
            Self { random, now: start, scheduler, setups, past, running, runs: 0, down, longest_wait_ms: 0 };
        let events = world.sources();
        world.step(events);
        world
    }

    /// What a host that starts tells of its sources, out of what it has stored.
    fn sources(&self) -> Vec<Event> {
        let told = |(name, setup): (&SourceName, &SourceSetup)| {
            let past = &self.past[name];
            let observed = past.complete.iter().map(|(started, _)| *started).collect();
            let settled_until = past.settled_until;
            Event::Source(name.clone(), SourceSetup { observed, settled_until, ..setup.clone() })
        };
        self.setups.iter().map(told).collect()
    }

    fn step(&mut self, events: Vec<Event>) -> Option<Timestamp> {
        let step = self.scheduler.step(self.now, events);
        for action in step.actions {
            self.act(action);
        }
        if let Some(wake_at) = step.wake_at {
            assert!(wake_at > self.now, "it asks to be woken at {wake_at}, and it is {}", self.now);
        }
        step.wake_at
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start { source, slot, attempt } => {
                assert!(slot.contains(self.now), "{source} is started outside of {slot}");
                assert!(attempt >= 1);
                assert!(!self.running.iter().any(|run| run.source == source), "{source} runs twice");
                let hosts = &self.setups[&source].hosts;
                let beside =
                    self.running.iter().filter(|run| self.setups[&run.source].hosts == *hosts).count();
                assert!(beside < BOUNDS.per_host && self.running.len() < BOUNDS.runs);
                let filled = self.past[&source].complete.iter().any(|(started, _)| slot.contains(*started));
                assert!(!filled, "{source} is run again in {slot}, at {}", self.now);
                if attempt == 1 {
                    let opens = self.setups[&source].plan.opens(slot, &source, &Digest::of("seed"));
                    assert!(self.now >= opens, "{source} is run before {opens}");
                    self.longest_wait_ms = self.longest_wait_ms.max(self.now.as_ms() - opens.as_ms());
                }
                self.runs += 1;
                let down = self.down.get(&source).is_some_and(|until| *until > self.now);
                let ended = match self.random.random_range(0..100) {
                    _ if down => failed(true, None),
                    0..4 => failed(true, None),
                    4..6 => failed(true, Some(self.random.random_range(0..2 * DAY_MS))),
                    6..8 => failed(false, None),
                    8..11 => Ended::Partial("403 on factors".into()),
                    11 => Ended::Interrupted,
                    _ => Ended::Complete,
                };
                let lasts_ms = self.random.random_range(1..20 * MINUTE_MS);
                let (started_at, ends_at) = (self.now, plus(self.now, lasts_ms));
                self.running.push(Under { source, started_at, ends_at, ended });
            }
            Action::Missed { source, of, span, why } => {
                assert!(why != Why::Paused);
                let past = self.past.get_mut(&source).unwrap();
                past.missed.entry(of).or_default().push(span);
                if of == Of::State {
                    past.settled_until = span.end;
                }
            }
            Action::Late { source, span } => self.past.get_mut(&source).unwrap().late.push(span),
            Action::Corrected { source, span } => panic!("{source} {span}: the clock was never wrong"),
        }
    }

    /// Until the next thing happens: a run ends, the scheduler wants to be woken, or a fault.
    fn advance(&mut self, wake_at: Option<Timestamp>) -> Option<Timestamp> {
        let next_end = self.running.iter().map(|run| run.ends_at).min();
        self.now = [wake_at, next_end].into_iter().flatten().min().unwrap();
        let mut events = Vec::new();
        let (over, running) =
            std::mem::take(&mut self.running).into_iter().partition(|r| r.ends_at <= self.now);
        self.running = running;
        for run in over {
            let Under { source, started_at, ended, .. } = run;
            if ended == Ended::Complete {
                self.past.get_mut(&source).unwrap().complete.push((started_at, self.now));
            }
            events.push(Event::Finished { source, started_at, ended });
        }
        match self.random.random_range(0..4000) {
            0 => self.host_is_down(),
            1..4 => {
                let n = self.random.random_range(0..self.setups.len());
                let name = self.setups.keys().nth(n).unwrap().clone();
                let until = plus(self.now, self.random.random_range(0..20 * DAY_MS));
                self.down.insert(name, until);
                self.step(events)
            }
            _ => self.step(events),
        }
    }

    /// Killed, or suspended: runs under way are lost, and nothing happens for up to ten days.
    fn host_is_down(&mut self) -> Option<Timestamp> {
        self.running.clear();
        self.now = plus(self.now, self.random.random_range(1..10 * DAY_MS));
        self.scheduler = Scheduler::new(BOUNDS, Digest::of("seed"));
        let events = self.sources();
        self.step(events)
    }

    /// Every slot that is over is filled, late or missed, and exactly one of them.
    fn check(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for (name, past) in &self.past {
            let SourceSetup { plan, events, .. } = &self.setups[name];
            let events = events.unwrap();
            let mut slot = plan.slot_at(past.since);
            // What a run that still goes on will have looked at is open.
            let open_from = self.running.iter().find(|run| run.source == *name).map(|run| run.started_at);
            while slot.end <= self.now && open_from.is_none_or(|from| slot.end <= from) {
                let inside = |span: &&Span| span.start <= slot.start && slot.end <= span.end;
                let told = |of| past.missed.get(&of).into_iter().flatten().filter(inside).count();
                let looked = past.complete.iter().any(|(started, _)| slot.contains(*started));
                assert_eq!(told(Of::State), usize::from(!looked), "{name}, state of {slot}");
                *counts.entry(if looked { "state filled" } else { "state missed" }).or_default() += 1;

                // The first complete look after the slot's end, if what had been seen before it reaches far enough.
                let after = past.complete.iter().find(|(started, _)| *started >= slot.end);
                let before = past.complete.iter().rev().find(|(started, _)| *started < slot.end);
                let seen_until = before.map_or(past.since, |(started, _)| *started).max(slot.start);
                let (late, missed) = match after {
                    None => (0, 0),
                    Some((started, ended)) => {
                        let oldest = events.retention_ms.map_or(0, |ms| started.as_ms() - ms);
                        let lost = oldest > seen_until.as_ms();
                        let late = ended.as_ms() >= slot.end.as_ms() + events.grace_ms;
                        (usize::from(late && !lost), usize::from(lost))
                    }
                };
                assert_eq!(told(Of::Events), missed, "{name}, events of {slot}");
                assert_eq!(past.late.iter().filter(inside).count(), late, "{name}, late events of {slot}");
                let word = if late == 1 { "events late" } else { "events missed" };
                *counts.entry(if late + missed == 0 { "events filled" } else { word }).or_default() += 1;
                slot = plan.slot_at(slot.end);
            }
        }
        counts
    }
}

fn failed(retryable: bool, retry_after_ms: Option<u64>) -> Ended {
    Ended::Failed { reason: "503".into(), retryable, retry_after_ms }
}

#[test]
fn every_slot_is_filled_or_late_or_missed() {
    let seeds: Vec<u64> = match std::env::var("EXHIBIT_SEEDS") {
        Ok(list) => list.split(',').map(|seed| seed.parse().unwrap()).collect(),
        Err(_) => {
            let rounds = std::env::var("EXHIBIT_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
            (0..rounds).map(|_| rand::random()).collect()
        }
    };
    for seed in seeds {
        println!("EXHIBIT_SEEDS={seed}");
        // Two years with 29 February 2024 and the 53rd week of 2026 inside.
        for (from, to) in [("2023-11-20", "2024-04-01"), ("2026-09-15", "2027-02-10")] {
            let (from, to) = (at(&format!("{from}T09:00:00Z")), at(&format!("{to}T00:00:00Z")));
            let mut world = World::new(seed, from, 24);
            let mut wake_at = world.step(Vec::new());
            while world.now < to {
                wake_at = world.advance(wake_at);
            }
            let counts = world.check();
            println!(
                "{} runs, {counts:?}, longest wait {} min",
                world.runs,
                world.longest_wait_ms / MINUTE_MS
            );
        }
    }
}
