//! The half year that the organisation lives through, and instants in it.

use exhibit_evidence::time::{Span, Timestamp};
use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

/// The first day of the demo's audit period.
pub const FIRST_DAY: Date = date(2026, 1, 1);
/// The last day of the demo's audit period.
pub const LAST_DAY: Date = date(2026, 6, 30);

/// Events exist from here, so that a look-back at the start of the period finds something.
pub(crate) const LOG_FIRST_DAY: Date = date(2025, 12, 1);
/// Events exist up to and including this day, so that a run after the period's end has a today.
pub(crate) const LOG_LAST_DAY: Date = date(2026, 7, 14);

const MINUTE_MS: u64 = 60_000;

/// `date` at `hour`:`minute` UTC.
pub(crate) fn at(date: Date, hour: u64, minute: u64) -> Timestamp {
    let midnight = Timestamp::at_midnight(date).as_ms();
    Timestamp::from_ms(midnight + (hour * 60 + minute) * MINUTE_MS)
}

/// `date` moved by `days`.
pub(crate) fn plus_days(date: Date, days: i64) -> Date {
    date.saturating_add(days.days())
}

/// Every day from `first` to `last`, both included.
pub(crate) fn days(first: Date, last: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(first), |d| d.tomorrow().ok()).take_while(move |d| *d <= last)
}

pub(crate) fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// The first `weekday` on or after `date`.
pub(crate) fn next(date: Date, weekday: Weekday) -> Date {
    plus_days(date, i64::from(date.weekday().until(weekday)))
}

/// The instant as RFC 3339 in whole seconds, as AWS writes it: `2026-03-04T10:00:00Z`.
pub(crate) fn whole_seconds(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{}Z", text.get(..19).unwrap_or(&text))
}

/// The instant as an HTTP date (RFC 9110, section 5.6.7): `Wed, 04 Mar 2026 10:00:00 GMT`.
pub(crate) fn http_date(at: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let date = at.date();
    let weekday = WEEKDAYS[date.weekday().to_monday_zero_offset().unsigned_abs() as usize % 7];
    let month = MONTHS[(date.month().unsigned_abs() as usize + 11) % 12];
    let time = at.to_string();
    let clock = time.get(11..19).unwrap_or("00:00:00");
    format!("{weekday}, {:02} {month} {} {clock} GMT", date.day(), date.year())
}

/// A stretch of time in which something held; open when it still does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<T> {
    /// What held.
    pub what: T,
    /// From when, included.
    pub from: Timestamp,
    /// Until when, not included.
    pub until: Option<Timestamp>,
}

impl<T> Held<T> {
    /// Held from `from` on, with no end.
    pub(crate) fn since(what: T, from: Timestamp) -> Self {
        Self { what, from, until: None }
    }

    /// Held for a while.
    pub(crate) fn during(what: T, span: Span) -> Self {
        Self { what, from: span.start, until: Some(span.end) }
    }

    /// Whether it held at `at`.
    pub fn at(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    /// Ends it at `at`, unless it ended earlier.
    pub(crate) fn end(&mut self, at: Timestamp) {
        self.until = Some(self.until.map_or(at, |until| until.min(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_their_standards_write_them() {
        let t = at(date(2026, 3, 4), 10, 5);
        assert_eq!(http_date(t), "Wed, 04 Mar 2026 10:05:00 GMT"); // date -u -d 2026-03-04T10:05Z -R
        assert_eq!(whole_seconds(t.plus_ms(999)), "2026-03-04T10:05:00Z");
        // The example of RFC 9110 itself.
        assert_eq!(http_date("1994-11-06T08:49:37Z".parse().unwrap()), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn weekdays() {
        assert_eq!(next(date(2026, 3, 4), Weekday::Monday), date(2026, 3, 9));
        assert_eq!(next(date(2026, 3, 9), Weekday::Monday), date(2026, 3, 9));
        assert!(is_weekend(date(2026, 3, 7)) && !is_weekend(date(2026, 3, 9)));
        assert_eq!(days(FIRST_DAY, LAST_DAY).count(), 181);
    }

    #[test]
    fn held_is_half_open() {
        let span = Span { start: Timestamp::from_ms(10), end: Timestamp::from_ms(20) };
        let held = Held::during((), span);
        let answers = [9, 10, 19, 20].map(|ms| held.at(Timestamp::from_ms(ms)));
        assert_eq!(answers, [false, true, true, false]);
    }
}
