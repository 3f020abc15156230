//! What happens in Google Cloud in the half year.

use super::super::people::Account;
use super::super::story::{Fact, Lapse, fact};
use super::RobotKey;
use super::things::EXPORTS;
use crate::calendar::{Held, at, next, plus_days};
use crate::random::Stream;
use crate::system::System;
use exhibit_evidence::time::{Span, Timestamp};
use jiff::civil::{Weekday, date};

/// The dated facts of Google Cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcpStory {
    /// A bucket that the world could read. The id is the bucket's name.
    pub public_bucket: Lapse,
    /// The organisation's sink of audit logs was deleted. The id is the sink's name.
    pub sink_deleted: Lapse,
    /// A service account's key was older than a year. The id is the key's resource name.
    pub old_key: Lapse,
    /// An engineer owned production. The id is the address.
    pub owner: Lapse,
    /// A database was not backed up. The id is the instance's name.
    pub backups_off: Lapse,
    /// The contractor's role stayed after the contractor had left. The id is the address.
    pub contractor_grant: Lapse,
}

/// Its dates, before it has people and things.
pub(crate) struct GcpPlot {
    pub(crate) key_made: Timestamp,
    pub(crate) key_replaced: Timestamp,
    public_bucket: Span,
    sink_deleted: Span,
    owner: Span,
    backups_off: Span,
}

/// The organisation's sink of audit logs.
pub(crate) const SINK: &str = "all-audit";

impl GcpPlot {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Stream::new(seed, "gcp plot");
        let mut day = |month: i8, weekday: Weekday, weeks: u64| {
            let first = next(date(2026, month, 1), weekday);
            plus_days(first, 7 * i64::try_from(dice.below(weeks)).unwrap_or(0))
        };
        let span = |first, days| Span { start: at(first, 15, 30), end: at(plus_days(first, days), 10, 30) };
        Self {
            key_made: at(date(2025, 1, 20), 10, 0),
            key_replaced: at(day(3, Weekday::Tuesday, 3), 11, 0),
            public_bucket: span(day(4, Weekday::Monday, 2), 4),
            sink_deleted: span(day(5, Weekday::Tuesday, 2), 2),
            owner: span(day(2, Weekday::Tuesday, 3), 3),
            backups_off: span(day(1, Weekday::Wednesday, 3), 6),
        }
    }
}

impl GcpStory {
    pub(crate) fn new(
        plot: &GcpPlot,
        owner: &Account,
        contractor: &Account,
        keys: &[Held<RobotKey>],
    ) -> Self {
        let lapse = |id: &str, span: Span| Lapse { id: id.to_owned(), region: "global", span };
        let old = keys.iter().find(|key| key.from == plot.key_made).map(|key| key.what.name());
        let left = contractor.lifecycle.last().map(|(at, _)| *at).unwrap_or_default();
        // Twelve days later somebody notices, at ten in the morning.
        let noticed = at(plus_days(left.date(), 12), 10, 0);
        Self {
            public_bucket: lapse(EXPORTS, plot.public_bucket),
            sink_deleted: lapse(SINK, plot.sink_deleted),
            old_key: lapse(
                &old.unwrap_or_default(),
                Span {
                    start: plot.key_made.plus_ms(365 * 86_400_000),
                    end: plot.key_replaced.plus_ms(5_400_000),
                },
            ),
            owner: lapse(&owner.login, plot.owner),
            backups_off: lapse("orders", plot.backups_off),
            contractor_grant: lapse(&contractor.login, Span { start: left, end: noticed }),
        }
    }

    /// The facts as sentences.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let told = [
            ("bucket ", &self.public_bucket, "could be read by the world"),
            ("sink ", &self.sink_deleted, "of all audit logs was deleted"),
            ("key ", &self.old_key, "was older than a year"),
            ("", &self.owner, "owned the project example-prod-1"),
            ("database ", &self.backups_off, "was not backed up"),
            ("", &self.contractor_grant, "had left, and could still query the warehouse"),
        ];
        let one = |(thing, lapse, what): (&str, &Lapse, &str)| {
            let Span { start, end } = lapse.span;
            fact(start.date(), end.date(), Some(System::Gcp), &format!("{thing}{} {what}", lapse.id))
        };
        told.into_iter().map(one).collect()
    }
}
