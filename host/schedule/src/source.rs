//! What is remembered of one source: what was looked at, what was told, what is due.

use crate::plan::share;
use crate::scheduler::{Action, Ended, Of, SourceSetup, Why};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::{Span, Timestamp};
use std::collections::{BTreeSet, VecDeque};

const MINUTE_MS: u64 = 60 * 1000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// The longest wait that a system may ask for.
const LONGEST_WAIT_MS: u64 = 24 * HOUR_MS;
/// The longest wait between two attempts of ours.
const LONGEST_BACKOFF_MS: u64 = HOUR_MS;
/// How many stretches that were told missed are remembered, to be corrected if the clock was wrong.
const REMEMBERED: usize = 400;

/// A run under way.
#[derive(Clone, Debug)]
struct Running {
    started_at: Timestamp,
}

/// A slot with when a run is due in it, and in the one after: reckoned once.
#[derive(Clone, Copy, Debug)]
struct Slot {
    span: Span,
    opens: Timestamp,
    next_opens: Timestamp,
}

/// Whether and when a source is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Since then.
    Now(Timestamp),
    /// Not before.
    At(Timestamp),
    /// Not until something happens.
    Never,
}

#[derive(Clone, Debug)]
pub(crate) struct Source {
    name: SourceName,
    pub(crate) setup: SourceSetup,
    /// Complete looks, the last one and those that slots still to be settled may need.
    observed: BTreeSet<Timestamp>,
    /// State's slots that end before are settled.
    pub(crate) settled_until: Timestamp,
    /// Events before were looked at.
    covered_until: Timestamp,
    /// Stretches of state that were told missed.
    missed: VecDeque<Span>,
    running: Option<Running>,
    /// The slot of the present, which `attempts` and `held` are about.
    slot: Option<Slot>,
    attempts: u32,
    /// Nothing but a change would help before the next slot.
    held: bool,
    retry_at: Option<Timestamp>,
    asked: bool,
    paused: bool,
    why: Option<Why>,
    due_since: Option<Timestamp>,
}

impl Source {
    pub(crate) fn new(name: SourceName, setup: SourceSetup) -> Self {
        let settled_until = setup.settled_until.max(setup.since);
        let observed: BTreeSet<Timestamp> = setup.observed.iter().copied().collect();
        let covered_until = observed.last().copied().unwrap_or(setup.since);
        Self {
            name,
            setup,
            observed,
            settled_until,
            covered_until,
            missed: VecDeque::new(),
            running: None,
            slot: None,
            attempts: 0,
            held: false,
            retry_at: None,
            asked: false,
            paused: false,
            why: None,
            due_since: None,
        }
    }

    /// Another plan, other hosts, or other settings: what passed is settled by the old plan, and what waited for a
    /// change is due again.
    pub(crate) fn change(&mut self, setup: SourceSetup, now: Timestamp, actions: &mut Vec<Action>) {
        self.settle(now, actions);
        if setup.plan != self.setup.plan {
            self.settled_until = self.settled_until.max(setup.plan.slot_at(now).start);
        }
        let (since, observed) = (self.setup.since, std::mem::take(&mut self.setup.observed));
        self.setup = SourceSetup { since, observed, ..setup };
        self.slot = None;
        self.again();
    }

    pub(crate) fn pause(&mut self) {
        self.paused = true;
    }

    pub(crate) fn resume(&mut self) {
        self.paused = false;
        self.again();
    }

    /// Someone wants a run, whatever the plan says.
    pub(crate) fn ask(&mut self) {
        self.asked = true;
        self.again();
    }

    fn again(&mut self) {
        self.held = false;
        self.retry_at = None;
        self.attempts = 0;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn start(&mut self, now: Timestamp, seed: &Digest) -> Action {
        let slot = self.enter(now, seed).span;
        self.running = Some(Running { started_at: now });
        self.attempts += 1;
        self.asked = false;
        self.retry_at = None;
        self.due_since = None;
        Action::Start { source: self.name.clone(), slot, attempt: self.attempts }
    }

    /// A run is over. One that nobody started here counts as well: someone ran the source by hand.
    pub(crate) fn finish(
        &mut self,
        started_at: Timestamp,
        ended: Ended,
        now: Timestamp,
        seed: &Digest,
        actions: &mut Vec<Action>,
    ) {
        if self.running.as_ref().is_some_and(|running| running.started_at == started_at) {
            self.running = None;
        }
        let slot = self.setup.plan.slot_at(started_at);
        match ended {
            Ended::Complete => {
                self.observed.insert(started_at);
                self.retry_at = None;
                self.why = None;
                self.correct(slot, actions);
                self.catch_up(started_at, now, actions);
            }
            Ended::Partial(reason) => {
                self.why = Some(Why::Partial(reason));
                // What is withheld stays withheld; what was a passing failure is worth one more look.
                let wait_ms = HOUR_MS.min((slot.end.as_ms() - slot.start.as_ms()) / 4);
                self.held = self.attempts > 1;
                self.retry_at = Some(now.plus_ms(wait_ms.cast_signed()));
            }
            Ended::Failed { reason, retryable, retry_after_ms } => {
                self.why = Some(Why::Failed(reason));
                self.held = !retryable;
                let asked_ms = retry_after_ms.unwrap_or(0).min(LONGEST_WAIT_MS);
                let wait_ms = asked_ms.max(self.backoff_ms(slot, seed));
                self.retry_at = Some(now.plus_ms(wait_ms.cast_signed()));
            }
            Ended::Interrupted => self.attempts = self.attempts.saturating_sub(1),
        }
    }

    /// A minute, then twice as long each time, up to an hour; spread over half of it.
    fn backoff_ms(&self, slot: Span, seed: &Digest) -> u64 {
        let doubled = MINUTE_MS << self.attempts.saturating_sub(1).min(6);
        let wait_ms = doubled.min(LONGEST_BACKOFF_MS);
        wait_ms / 2 + share(seed, &self.name, slot.start, self.attempts, wait_ms / 2)
    }

    /// The slot of the present. A new one begins with a clean slate.
    fn enter(&mut self, now: Timestamp, seed: &Digest) -> Slot {
        if let Some(slot) = self.slot.filter(|slot| slot.span.contains(now)) {
            return slot;
        }
        let plan = &self.setup.plan;
        let span = plan.slot_at(now);
        let next_opens = plan.opens(plan.slot_at(span.end), &self.name, seed);
        let slot = Slot { span, opens: plan.opens(span, &self.name, seed), next_opens };
        self.slot = Some(slot);
        self.attempts = 0;
        self.held = false;
        slot
    }

    /// Whether a run is due at `now`.
    pub(crate) fn due(&mut self, now: Timestamp, seed: &Digest) -> Due {
        let slot = self.enter(now, seed);
        if self.running.is_some() || self.paused {
            self.due_since = None;
            return Due::Never;
        }
        let looked = self.observed.range(slot.span.start..slot.span.end).next().is_some();
        let due_at = if self.asked {
            now
        } else if looked || self.held {
            slot.next_opens
        } else {
            slot.opens
        };
        // A wait that is longer than any that was asked for comes of a clock that was set back.
        let furthest = now.plus_ms(LONGEST_WAIT_MS.cast_signed());
        let retry_at = self.retry_at.filter(|at| *at <= furthest && !self.asked);
        let due_at = retry_at.map_or(due_at, |retry_at| due_at.max(retry_at));
        if due_at > now {
            self.due_since = None;
            return Due::At(due_at);
        }
        // The place in the queue is kept while it waits, even beyond the end of a slot.
        Due::Now(*self.due_since.get_or_insert(due_at))
    }

    /// The next instant at which a slot can be settled.
    pub(crate) fn settles_at(&mut self, now: Timestamp, seed: &Digest) -> Timestamp {
        self.enter(now, seed).span.end
    }

    /// Tells of every slot of state that is over and that nobody looked at in.
    pub(crate) fn settle(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        // Nothing can be settled before the slot of the present is over, once all before it are.
        if self.slot.is_some_and(|slot| self.settled_until >= slot.span.start && now < slot.span.end) {
            return;
        }
        let plan = &self.setup.plan;
        let mut start = plan.slot_at(self.settled_until).start;
        let mut stretches: Vec<Span> = Vec::new();
        loop {
            let slot = plan.slot_at(start);
            if slot.end > now || self.running.as_ref().is_some_and(|run| slot.contains(run.started_at)) {
                break;
            }
            if self.observed.range(slot.start..slot.end).next().is_some() {
                start = slot.end;
                continue;
            }
            // Nobody looked between here and the next look: all slots up to that one's, at once.
            let next = self.observed.range(slot.end..).next().copied();
            let under_way = self.running.as_ref().map(|run| run.started_at).filter(|at| *at >= slot.end);
            let until = [next, under_way].into_iter().flatten().fold(now, Timestamp::min);
            let end = plan.slot_at(until).start;
            stretches.push(Span { start: slot.start, end });
            start = end;
        }
        self.settled_until = self.settled_until.max(start);
        if self.setup.state {
            for span in stretches {
                self.missed.push_back(span);
                let (source, of, why) = (self.name.clone(), Of::State, self.why());
                actions.push(Action::Missed { source, of, span, why });
            }
        }
        while self.missed.len() > REMEMBERED {
            self.missed.pop_front();
        }
        self.forget();
    }

    fn why(&self) -> Why {
        if self.paused { Why::Paused } else { self.why.clone().unwrap_or(Why::NobodyLooked) }
    }

    /// Keeps the looks that can still matter: since the slot that is next to be settled, and the last one.
    fn forget(&mut self) {
        let from = self.setup.plan.slot_at(self.settled_until).start;
        let last = self.observed.last().copied();
        let kept = self.observed.split_off(&from);
        self.observed = if kept.is_empty() { last.into_iter().collect() } else { kept };
    }

    /// State was looked at in a slot that had been told missed: the clock had been ahead.
    fn correct(&mut self, slot: Span, actions: &mut Vec<Action>) {
        let Some(place) = self.missed.iter().position(|span| span.overlaps(&slot)) else { return };
        let Some(told) = self.missed.remove(place) else { return };
        for rest in [
            Span { start: told.start, end: slot.start.min(told.end) },
            Span { start: slot.end.max(told.start), end: told.end },
        ] {
            if rest.start < rest.end {
                self.missed.push_back(rest);
            }
        }
        actions.push(Action::Corrected { source: self.name.clone(), span: slot });
    }

    /// A complete look at events reaches back to where the one before ended, or as far as the system remembers.
    fn catch_up(&mut self, started_at: Timestamp, now: Timestamp, actions: &mut Vec<Action>) {
        let from = self.covered_until;
        self.covered_until = from.max(started_at);
        let Some(events) = self.setup.events.filter(|_| from < started_at) else { return };
        let plan = &self.setup.plan;
        let whole_until = plan.slot_at(started_at).start;
        let start = plan.slot_at(from).start;
        let mut lost_until = start;
        if let Some(retention_ms) = events.retention_ms {
            let oldest = started_at.plus_ms(-(retention_ms.cast_signed()));
            if oldest > from {
                // The slot that the system's memory begins in is not whole either.
                let kept = plan.slot_at(oldest);
                lost_until = if kept.start == oldest { oldest } else { kept.end }.min(whole_until);
            }
        }
        let in_time_from = plan.slot_at(now.plus_ms(-(events.grace_ms.cast_signed()))).start.min(whole_until);
        let source = || self.name.clone();
        if start < lost_until {
            let span = Span { start, end: lost_until };
            let (of, why) = (Of::Events, Why::BeyondRetention);
            actions.push(Action::Missed { source: source(), of, span, why });
        }
        if lost_until < in_time_from {
            actions
                .push(Action::Late { source: source(), span: Span { start: lost_until, end: in_time_from } });
        }
    }
}
