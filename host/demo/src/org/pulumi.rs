//! What happens in Pulumi Cloud in the half year.

use super::story::{Fact, Lapse, fact};
use crate::calendar::{at, next, plus_days};
use crate::random::Stream;
use crate::system::System;
use exhibit_evidence::time::Span;
use jiff::civil::{Weekday, date};

/// The dated facts of Pulumi Cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulumiStory {
    /// What ran was not what the stack declares. The id is the stack's project and name.
    pub drifted: Lapse,
    /// A policy's finding stayed open. The id is the resource's name.
    pub finding: Lapse,
}

impl PulumiStory {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Stream::new(seed, "pulumi plot");
        let mut day = |month: i8, weekday: Weekday, weeks: u64| {
            let first = next(date(2026, month, 1), weekday);
            plus_days(first, 7 * i64::try_from(dice.below(weeks)).unwrap_or(0))
        };
        let span = |first, days| Span { start: at(first, 12, 10), end: at(plus_days(first, days), 16, 0) };
        Self {
            drifted: Lapse {
                id: "network/prod".to_owned(),
                region: "global",
                span: span(day(3, Weekday::Thursday, 3), 12),
            },
            finding: Lapse {
                id: "exports".to_owned(),
                region: "global",
                span: span(day(5, Weekday::Wednesday, 2), 9),
            },
        }
    }

    /// The facts as sentences.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let told = [
            ("stack ", &self.drifted, "was not what it declares"),
            ("bucket ", &self.finding, "was not encrypted, as a policy found"),
        ];
        let one = |(thing, lapse, what): (&str, &Lapse, &str)| {
            let Span { start, end } = lapse.span;
            fact(start.date(), end.date(), Some(System::Pulumi), &format!("{thing}{} {what}", lapse.id))
        };
        told.into_iter().map(one).collect()
    }
}
