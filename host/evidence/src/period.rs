//! Frequencies, the collection periods that they ask to be filled, and audit periods. All in UTC.
//!
//! A collection period is written as the field writes it: `2026-03-04`, `2026-W10` (ISO 8601 week),
//! `2026-03`, `2026-Q1`, `2026`.

use crate::time::{Span, Timestamp};
use jiff::ToSpan as _;
use jiff::civil::{Date, ISOWeekDate, Weekday};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How often a control operates, and so which periods must be filled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// All the time; looked at daily.
    Continuous,
    /// Every day.
    Daily,
    /// Every ISO week, Monday to Sunday.
    Weekly,
    /// Every calendar month.
    Monthly,
    /// Every calendar quarter.
    Quarterly,
    /// Every calendar year.
    Annual,
    /// Whenever something happens; looked at daily.
    PerEvent,
}

/// One slot that a control's frequency asks to be filled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CollectionPeriod {
    /// A day.
    Day(Date),
    /// An ISO 8601 week: year of the week, and its number from 1.
    Week(i16, i8),
    /// A month: year and month from 1.
    Month(i16, i8),
    /// A quarter: year and quarter from 1.
    Quarter(i16, i8),
    /// A year.
    Year(i16),
}

impl Frequency {
    /// The period of this frequency that contains `at`.
    pub fn period_at(self, at: Timestamp) -> CollectionPeriod {
        let date = at.date();
        match self {
            Self::Continuous | Self::Daily | Self::PerEvent => CollectionPeriod::Day(date),
            Self::Weekly => {
                let week = date.iso_week_date();
                CollectionPeriod::Week(week.year(), week.week())
            }
            Self::Monthly => CollectionPeriod::Month(date.year(), date.month()),
            Self::Quarterly => CollectionPeriod::Quarter(date.year(), (date.month() - 1) / 3 + 1),
            Self::Annual => CollectionPeriod::Year(date.year()),
        }
    }

    /// Every period of this frequency that begins inside `span`, in order. The period that contains the
    /// span's start but begins before it belongs to the span before.
    pub fn periods_in(self, span: Span) -> Vec<CollectionPeriod> {
        let mut periods = Vec::new();
        let mut period = self.period_at(span.start);
        if period.span().start < span.start {
            period = self.period_at(period.span().end);
        }
        while period.span().start < span.end {
            periods.push(period);
            let next = self.period_at(period.span().end);
            if next <= period {
                break;
            }
            period = next;
        }
        periods
    }
}

impl CollectionPeriod {
    /// First and last-but-one instant of the period.
    pub fn span(&self) -> Span {
        let (first, after) = self.dates();
        Span { start: Timestamp::at_midnight(first), end: Timestamp::at_midnight(after) }
    }

    fn dates(&self) -> (Date, Date) {
        let date = |year: i16, month: i8| Date::new(year, month, 1).unwrap_or(Date::MAX);
        let plus = |from: Date, span: jiff::Span| from.checked_add(span).unwrap_or(Date::MAX);
        match *self {
            Self::Day(day) => (day, plus(day, 1.day())),
            Self::Week(year, week) => {
                let monday = ISOWeekDate::new(year, week, Weekday::Monday).map_or(Date::MAX, |w| w.date());
                (monday, plus(monday, 7.days()))
            }
            Self::Month(year, month) => {
                let first = date(year, month);
                (first, plus(first, 1.month()))
            }
            Self::Quarter(year, quarter) => {
                let first = date(year, (quarter - 1) * 3 + 1);
                (first, plus(first, 3.months()))
            }
            Self::Year(year) => {
                let first = date(year, 1);
                (first, plus(first, 1.year()))
            }
        }
    }
}

impl fmt::Display for CollectionPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match *self {
            Self::Day(day) => day.to_string(),
            Self::Week(year, week) => format!("{year:04}-W{week:02}"),
            Self::Month(year, month) => format!("{year:04}-{month:02}"),
            Self::Quarter(year, quarter) => format!("{year:04}-Q{quarter}"),
            Self::Year(year) => format!("{year:04}"),
        })
    }
}

/// A text that is not a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a period: write 2026-03-04, 2026-W10, 2026-03, 2026-Q1, 2026-H1 or 2026, or for an audit period also FROM..TO with both days inside, for example 2026-01-01..2026-06-30"
)]
pub struct ParsePeriodError(String);

impl FromStr for CollectionPeriod {
    type Err = ParsePeriodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParsePeriodError(text.chars().take(80).collect());
        let year_text = text.get(..4).ok_or_else(fail)?;
        if !year_text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(fail());
        }
        let year: i16 = year_text.parse().map_err(|_| fail())?;
        if !(1970..=9998).contains(&year) {
            return Err(fail());
        }
        let rest = text.get(4..).unwrap_or_default();
        let number = |t: &str, len: usize| -> Result<i8, ParsePeriodError> {
            if t.len() == len && t.bytes().all(|b| b.is_ascii_digit()) {
                t.parse().map_err(|_| fail())
            } else {
                Err(fail())
            }
        };
        let period = if rest.is_empty() {
            Self::Year(year)
        } else if let Some(week) = rest.strip_prefix("-W") {
            let week = number(week, 2)?;
            ISOWeekDate::new(year, week, Weekday::Monday).map_err(|_| fail())?;
            Self::Week(year, week)
        } else if let Some(quarter) = rest.strip_prefix("-Q") {
            let quarter = number(quarter, 1)?;
            if !(1..=4).contains(&quarter) {
                return Err(fail());
            }
            Self::Quarter(year, quarter)
        } else {
            let rest = rest.strip_prefix('-').ok_or_else(fail)?;
            match rest.split_once('-') {
                None => {
                    let month = number(rest, 2)?;
                    Date::new(year, month, 1).map_err(|_| fail())?;
                    Self::Month(year, month)
                }
                Some((month, day)) => {
                    Self::Day(Date::new(year, number(month, 2)?, number(day, 2)?).map_err(|_| fail())?)
                }
            }
        };
        Ok(period)
    }
}

impl Serialize for CollectionPeriod {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CollectionPeriod {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The examined window, or a named part of it: `2026-H1`, `2026-Q1`, `2026`, `2026-03`, or
/// `2026-01-15..2026-07-14` with both days inside.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AuditPeriod {
    name: String,
    span: Span,
}

impl AuditPeriod {
    /// As it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First and last-but-one instant.
    pub fn span(&self) -> Span {
        self.span
    }
}

impl fmt::Display for AuditPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl FromStr for AuditPeriod {
    type Err = ParsePeriodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParsePeriodError(text.chars().take(80).collect());
        let span = if let Some((from, to)) = text.split_once("..") {
            let start = from.parse::<CollectionPeriod>().map_err(|_| fail())?.span().start;
            let end = to.parse::<CollectionPeriod>().map_err(|_| fail())?.span().end;
            Span { start, end }
        } else if let Some((year, half)) = text.split_once("-H") {
            let quarter = |q: u8| format!("{year}-Q{q}").parse::<CollectionPeriod>().map_err(|_| fail());
            let (first, last) = match half {
                "1" => (quarter(1)?, quarter(2)?),
                "2" => (quarter(3)?, quarter(4)?),
                _ => return Err(fail()),
            };
            Span { start: first.span().start, end: last.span().end }
        } else {
            text.parse::<CollectionPeriod>()?.span()
        };
        if span.start >= span.end {
            return Err(fail());
        }
        Ok(Self { name: text.to_owned(), span })
    }
}

impl Serialize for AuditPeriod {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AuditPeriod {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span_text(text: &str) -> String {
        text.parse::<CollectionPeriod>().unwrap().span().to_string()
    }

    #[test]
    fn spans_and_names() {
        assert_eq!(span_text("2026-W10"), "2026-03-02T00:00:00.000Z/2026-03-09T00:00:00.000Z");
        assert_eq!(span_text("2026-Q1"), "2026-01-01T00:00:00.000Z/2026-04-01T00:00:00.000Z");
        assert_eq!(span_text("2024-02"), "2024-02-01T00:00:00.000Z/2024-03-01T00:00:00.000Z");
        assert_eq!(span_text("2026"), "2026-01-01T00:00:00.000Z/2027-01-01T00:00:00.000Z");
        for text in ["2026-03-04", "2026-W53", "2026-03", "2026-Q4", "2026"] {
            assert_eq!(text.parse::<CollectionPeriod>().unwrap().to_string(), text);
        }
        for bad in
            ["", "26", "2026-13", "2026-02-29", "2025-W53", "2026-Q5", "2026-3", "2026-W1", "x026", "2026-é"]
        {
            assert!(bad.parse::<CollectionPeriod>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_last_days_of_a_year_may_belong_to_another_year_s_week() {
        let at: Timestamp = "2027-01-03T12:00:00Z".parse().unwrap();
        assert_eq!(Frequency::Weekly.period_at(at).to_string(), "2026-W53");
    }

    #[test]
    fn half_a_year_has_181_days_and_26_mondays() {
        let half: AuditPeriod = "2026-H1".parse().unwrap();
        assert_eq!(Frequency::Daily.periods_in(half.span()).len(), 181);
        assert_eq!(Frequency::Weekly.periods_in(half.span()).len(), 26); // 5 January to 29 June
        assert_eq!(Frequency::Monthly.periods_in(half.span()).len(), 6);
        assert_eq!(Frequency::Quarterly.periods_in(half.span()).len(), 2);
        let same: AuditPeriod = "2026-01-01..2026-06-30".parse().unwrap();
        assert_eq!(same.span(), half.span());
        assert!("2026-06-30..2026-01-01".parse::<AuditPeriod>().is_err());
    }
}
