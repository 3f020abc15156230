//! The slots that a source is to be looked at in.

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};
use exhibit_evidence::digest::{Digest, Hasher};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::Frequency;
use exhibit_evidence::time::{Span, Timestamp};
use std::fmt;

const MINUTE_MS: u64 = 60 * 1000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// How far back the instant before a given one is looked for: cron expressions repeat within eight years, for the sake
/// of 29 February around 2100.
const REACH_MS: [u64; 6] =
    [2 * MINUTE_MS, 2 * HOUR_MS, 2 * DAY_MS, 33 * DAY_MS, 367 * DAY_MS, 8 * 366 * DAY_MS + DAY_MS];

/// An expression that is not one of cron's, or that never comes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a schedule: {reason}; write five fields in UTC (minute, hour, day of month, month, day of week), for example `30 2 * * 1-5`"
)]
pub struct CronError {
    text: String,
    reason: String,
}

/// When a source is to be looked at.
#[derive(Clone, Debug)]
pub struct Plan {
    slots: Slots,
    offset_ms: u64,
    spread_ms: u64,
}

#[derive(Clone, Debug)]
enum Slots {
    Periods(Frequency),
    Cron { text: String, crontab: Box<Crontab> },
}

impl Plan {
    /// Once in every collection period of `frequency`: `offset_ms` after its start, and up to `spread_ms` later, so
    /// that not all sources begin at once. Both together take at most half of a period.
    pub fn periods(frequency: Frequency, offset_ms: u64, spread_ms: u64) -> Self {
        Self { slots: Slots::Periods(frequency), offset_ms, spread_ms }
    }

    /// At the instants of a cron expression: five fields, in UTC, as crontab(5) has them. A slot reaches from one
    /// instant to the next; a run begins up to `spread_ms` after its start.
    pub fn cron(text: &str, spread_ms: u64) -> Result<Self, CronError> {
        let fail = |reason: String| CronError { text: text.chars().take(80).collect(), reason };
        let fields = text.split_whitespace().count();
        if fields != 5 {
            return Err(fail(format!("it has {fields} fields")));
        }
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let crontab = cronexpr::parse_crontab_with(text, options).map_err(|error| fail(error.to_string()))?;
        let slots = Slots::Cron { text: text.to_owned(), crontab: Box::new(crontab) };
        let plan = Self { slots, offset_ms: 0, spread_ms };
        let begin = Timestamp::from_ms(0);
        match plan.instant_after(begin) {
            Some(first) if plan.instant_after(first).is_some() => Ok(plan),
            _ => Err(fail("there is no such day".to_owned())),
        }
    }

    /// The slot that contains `at`.
    pub fn slot_at(&self, at: Timestamp) -> Span {
        if let Slots::Periods(frequency) = &self.slots {
            return frequency.period_at(at).span();
        }
        let end = self.instant_after(at).unwrap_or(Timestamp::from_ms(u64::MAX));
        // The last instant that is not after `at`: looked for in longer and longer stretches.
        for reach_ms in REACH_MS {
            let from = at.plus_ms(-(reach_ms.cast_signed()));
            let mut last = None;
            let mut next = self.instant_after(from);
            while let Some(instant) = next.filter(|instant| *instant <= at) {
                last = Some(instant);
                next = self.instant_after(instant);
            }
            if let Some(start) = last {
                return Span { start, end };
            }
        }
        Span { start: Timestamp::from_ms(0), end }
    }

    /// When a run is due in `slot`. The same for the same seed, source and slot.
    pub fn opens(&self, slot: Span, source: &SourceName, seed: &Digest) -> Timestamp {
        let half_ms = (slot.end.as_ms() - slot.start.as_ms()) / 2;
        let offset_ms = self.offset_ms.min(half_ms);
        let spread_ms = self.spread_ms.min(half_ms - offset_ms);
        let delay_ms = offset_ms + share(seed, source, slot.start, 0, spread_ms);
        slot.start.plus_ms(delay_ms.cast_signed())
    }

    /// The first instant of the expression after `at`; none: there is none that can be written.
    fn instant_after(&self, at: Timestamp) -> Option<Timestamp> {
        let Slots::Cron { crontab, .. } = &self.slots else { return None };
        let start = MakeTimestamp::from_millisecond(at.as_ms().cast_signed()).ok()?;
        let next = crontab.find_next(start).ok()?.timestamp().as_millisecond();
        let next = Timestamp::from_ms(u64::try_from(next).ok()?);
        (next > at).then_some(next)
    }
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.slots, &other.slots) {
            (Slots::Periods(own), Slots::Periods(others)) => own == others,
            (Slots::Cron { text: own, .. }, Slots::Cron { text: others, .. }) => own == others,
            _ => false,
        };
        same && self.offset_ms == other.offset_ms && self.spread_ms == other.spread_ms
    }
}

/// `daily`, or the cron expression.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.slots {
            Slots::Periods(frequency) => f.pad(match frequency {
                Frequency::Continuous | Frequency::Daily | Frequency::PerEvent => "daily",
                Frequency::Weekly => "weekly",
                Frequency::Monthly => "monthly",
                Frequency::Quarterly => "quarterly",
                Frequency::Annual => "annual",
            }),
            Slots::Cron { text, .. } => f.pad(text),
        }
    }
}

/// A number below `bound`, spread evenly over sources, instants and attempts; 0 for a bound of 0.
pub(crate) fn share(seed: &Digest, source: &SourceName, at: Timestamp, attempt: u32, bound: u64) -> u64 {
    let mut hasher = Hasher::default();
    hasher.update(seed.as_bytes()).update(source.as_str()).update([0]);
    hasher.update(at.as_ms().to_be_bytes()).update(attempt.to_be_bytes());
    let digest = hasher.finish();
    let number = digest.as_bytes()[..8].iter().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    if bound == 0 { 0 } else { number % bound }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn slot(plan: &Plan, when: &str) -> String {
        plan.slot_at(at(when)).to_string()
    }

    #[test]
    fn slots_by_cron_reach_from_one_instant_to_the_next() {
        let weekdays = Plan::cron("30 2 * * 1-5", 0).unwrap();
        // 6 March 2026 is a Friday.
        let over_the_weekend = "2026-03-06T02:30:00.000Z/2026-03-09T02:30:00.000Z";
        for when in ["2026-03-06T02:30:00Z", "2026-03-08T12:00:00Z", "2026-03-09T02:29:59.999Z"] {
            assert_eq!(slot(&weekdays, when), over_the_weekend, "{when}");
        }
        // crontab(5): Sunday is 0 or 7.
        for sunday in ["0 0 * * 0", "0 0 * * 7"] {
            let plan = Plan::cron(sunday, 0).unwrap();
            assert_eq!(
                slot(&plan, "2026-03-10T00:00:00Z"),
                "2026-03-08T00:00:00.000Z/2026-03-15T00:00:00.000Z"
            );
        }
        let leap = Plan::cron("0 0 29 2 *", 0).unwrap();
        assert_eq!(slot(&leap, "2027-01-01T00:00:00Z"), "2024-02-29T00:00:00.000Z/2028-02-29T00:00:00.000Z");
        assert_eq!(slot(&leap, "2103-01-01T00:00:00Z"), "2096-02-29T00:00:00.000Z/2104-02-29T00:00:00.000Z");
    }

    #[test]
    fn what_is_no_schedule_is_refused_in_words() {
        for (text, reason) in [
            ("* * *", "it has 3 fields"),
            ("0 0 30 2 *", "there is no such day"),
            ("61 * * * *", "is not a schedule"),
            ("0 0 * * * Europe/Zurich", "it has 6 fields"),
        ] {
            let message = Plan::cron(text, 0).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
    }

    #[test]
    fn runs_are_spread_over_what_is_allowed_and_no_further() {
        let seed = Digest::of("seed");
        let day = Plan::periods(Frequency::Daily, 2 * HOUR_MS, HOUR_MS);
        let slot = day.slot_at(at("2024-02-29T12:00:00Z"));
        let mut minutes = std::collections::BTreeSet::new();
        for n in 0..200 {
            let source: SourceName = format!("source-{n}").parse().unwrap();
            let opens = day.opens(slot, &source, &seed);
            assert_eq!(opens, day.opens(slot, &source, &seed));
            let after_ms = opens.as_ms() - at("2024-02-29T02:00:00Z").as_ms();
            assert!(after_ms < HOUR_MS);
            minutes.insert(after_ms / MINUTE_MS);
        }
        assert!(minutes.len() > 50, "{} of 60 minutes are used", minutes.len());
        let quick = Plan::cron("*/10 * * * *", DAY_MS).unwrap();
        let slot = quick.slot_at(at("2024-02-29T12:00:00Z"));
        let opens = quick.opens(slot, &"a".parse().unwrap(), &seed);
        assert!(opens.as_ms() - slot.start.as_ms() < 5 * MINUTE_MS);
    }
}
