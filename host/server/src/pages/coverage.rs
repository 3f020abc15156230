//! Control by period: what calendar, control and today are drawn from.

use super::visit::Visit;
use super::{Trouble, link};
use exhibit_evidence::control::ControlId;
use exhibit_evidence::time::Span;
use exhibit_ledger::seal::Outcome;
use exhibit_package::html::calendar::{OPEN, Slot};
use exhibit_package::html::markup::counted;
use exhibit_package::model::OUTCOMES;
use exhibit_package::put;
use exhibit_pipeline::coverage::{self, ControlCoverage, PeriodCoverage};

/// Every control's periods in a span, as they stand now.
pub(super) fn cover(visit: &Visit, span: Span) -> Result<Vec<ControlCoverage>, Trouble> {
    Ok(coverage::cover(&visit.host, span)?)
}

/// One control's.
pub(super) fn cover_one(visit: &Visit, control: &ControlId, span: Span) -> Result<ControlCoverage, Trouble> {
    let missing = || Trouble::missing(format!("there is no control {control} in the catalogue"));
    let control = visit.host.controls.get(control).ok_or_else(missing)?;
    Ok(coverage::cover_control(&visit.host, control, span)?)
}

/// A control's periods as the calendar shows them, each leading to its own page.
pub(super) fn slots(coverage: &ControlCoverage) -> Vec<Slot<'_>> {
    let slot = |p: &'_ PeriodCoverage| (p.period, p.outcome, link::period(&coverage.control.id, &p.period));
    let periods = coverage.periods.iter();
    periods
        .map(|p| {
            let (period, outcome, link) = slot(p);
            Slot { period, outcome, reason: p.reason.as_deref(), link: Some(link) }
        })
        .collect()
}

/// How many periods came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    counts: [usize; OUTCOMES.len()],
    /// Not over yet, and not filled.
    pub(super) open: usize,
}

impl Tally {
    /// Over all periods.
    pub(super) fn of<'a>(periods: impl IntoIterator<Item = &'a PeriodCoverage>) -> Self {
        let mut tally = Self::default();
        for period in periods {
            match OUTCOMES.iter().position(|outcome| Some(*outcome) == period.outcome) {
                Some(place) => tally.counts[place] += 1,
                None => tally.open += 1,
            }
        }
        tally
    }

    /// Those with an outcome.
    pub(super) fn count(&self, outcome: Outcome) -> usize {
        OUTCOMES.iter().zip(self.counts).filter(|(o, _)| **o == outcome).map(|(_, count)| count).sum()
    }

    /// Those that are over, or filled.
    pub(super) fn decided(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Those that are over and not simply filled.
    pub(super) fn exceptions(&self) -> usize {
        self.decided() - self.count(Outcome::Filled)
    }

    /// As coloured words.
    pub(super) fn badges(&self) -> String {
        let mut out = String::new();
        for outcome in OUTCOMES {
            let count = self.count(outcome);
            if count > 0 {
                put!(out, "<span class=\"badge {0}\">{count} {0}</span> ", outcome.word());
            }
        }
        if self.open > 0 {
            put!(out, "<span class=\"badge {OPEN}\">{} {OPEN}</span>", self.open);
        }
        out
    }

    /// The exceptions in words: `2 missed, 1 late`.
    pub(super) fn words(&self) -> String {
        let worse = OUTCOMES.into_iter().filter(|o| *o != Outcome::Filled && self.count(*o) > 0);
        let words: Vec<String> = worse.map(|o| format!("{} {}", self.count(o), o.word())).collect();
        if words.is_empty() { "every period that is over is filled".to_owned() } else { words.join(", ") }
    }
}

/// `181 periods`.
pub(super) fn periods(count: usize) -> String {
    counted(count, "period", "periods")
}
