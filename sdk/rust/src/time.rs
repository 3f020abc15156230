//! Instants and dates. A connector has no clock but [`Context::started_at`](crate::Context::started_at).
//!
//! Reading and writing RFC 3339 is done here and not by a library: a general one would add a fifth to every
//! connector. The tests compare with jiff, which the host uses.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The last instant that evidence can hold, 9999-12-30T22:00:00Z.
const LAST_MS: u64 = 253_402_207_200_000;
const DAY_MS: u64 = 86_400_000;

/// An instant in milliseconds since 1970-01-01T00:00:00Z, written `2026-03-04T10:00:00.000Z`.
///
/// Reads RFC 3339 with any offset, so it fits as a field's type in what a vendor answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `ms` milliseconds after the epoch.
    pub const fn from_ms(ms: u64) -> Self {
        Self(if ms > LAST_MS { LAST_MS } else { ms })
    }

    /// The instant `seconds` after the epoch.
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_ms(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// This instant moved by so many days.
    pub const fn plus_days(self, days: i32) -> Self {
        Self::from_ms(self.0.saturating_add_signed(days as i64 * DAY_MS as i64))
    }

    /// Its date in UTC. Instants that change with every look (last login) are kept as dates.
    pub const fn date(self) -> Date {
        Date((self.0 / DAY_MS) as u32)
    }
}

/// An instant that an answer may lack, or give in no form that can be read: RFC 3339, else nothing.
pub fn instant<T: AsRef<str>>(text: Option<T>) -> Option<Timestamp> {
    text.and_then(|text| text.as_ref().parse().ok())
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, ms) = (self.date(), self.0 % DAY_MS);
        let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        write!(f, "{date}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1000)
    }
}

/// A calendar date in UTC from 1970 on, written `2026-03-04`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Date(u32);

impl Date {
    /// Its first instant.
    pub const fn midnight(self) -> Timestamp {
        Timestamp::from_ms(self.0 as u64 * DAY_MS)
    }

    /// Days from `earlier` to this date, negative when this one is the earlier.
    pub const fn days_since(self, earlier: Self) -> i64 {
        self.0 as i64 - earlier.0 as i64
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A text that is neither instant nor date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTimeError(String);

impl fmt::Display for ParseTimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no instant or date from 1970 on: 2026-03-04T10:00:00Z or 2026-03-04 is expected",
            self.0
        )
    }
}

impl std::error::Error for ParseTimeError {}

/// Days from 1970-01-01 to this date; none where there is no such date or it is earlier.
///
/// The year is counted from March, so that the leap day is its last (Howard Hinnant, "chrono-compatible
/// low-level date algorithms").
fn days(year: u32, month: u32, day: u32) -> Option<u32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year - 719_468)
}

/// Year, month and day of a day counted from 1970-01-01: the inverse of [`days`].
fn civil(days: u32) -> (u32, u32, u32) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (era * 400 + year, month, day)
}

/// Reads digits and separators from the front of a text.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (front, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        front.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
    }

    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        wanted.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    fn date(&mut self) -> Option<u32> {
        let year = self.number(4)?;
        self.one_of(b"-")?;
        let month = self.number(2)?;
        self.one_of(b"-")?;
        days(year, month, self.number(2)?)
    }

    /// Milliseconds since midnight. A leap second counts as the one before; beyond milliseconds is cut.
    fn time(&mut self) -> Option<u64> {
        let hours = self.number(2).filter(|n| *n < 24)?;
        self.one_of(b":")?;
        let minutes = self.number(2).filter(|n| *n < 60)?;
        self.one_of(b":")?;
        let seconds = self.number(2).filter(|n| *n <= 60)?.min(59);
        let mut ms = 0;
        if self.one_of(b".,").is_some() {
            let digits = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
            let (fraction, rest) = self.0.split_at_checked(digits).filter(|_| digits > 0)?;
            self.0 = rest;
            let padded = fraction.iter().chain(b"00").take(3);
            ms = padded.fold(0, |n, b| n * 10 + u32::from(b - b'0'));
        }
        Some(u64::from(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms))
    }

    /// Milliseconds ahead of UTC. ISO 8601 writes offsets without a colon too (Jira's `+0000`).
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.number(2).filter(|n| *n < 24)?;
        let minutes = if self.0.is_empty() {
            0
        } else {
            let _colon = self.one_of(b":");
            self.number(2).filter(|n| *n < 60)?
        };
        Some(sign * i64::from(hours * 60 + minutes) * 60_000)
    }

    fn instant(&mut self) -> Option<Timestamp> {
        let days = self.date()?;
        self.one_of(b"Tt ")?;
        let local = u64::from(days) * DAY_MS + self.time()?;
        let ms = local.checked_add_signed(-self.offset()?)?;
        self.0.is_empty().then_some(Timestamp::from_ms(ms))
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Reader(text.as_bytes()).instant().ok_or_else(|| ParseTimeError(text.chars().take(80).collect()))
    }
}

impl FromStr for Date {
    type Err = ParseTimeError;

    /// Reads `2026-03-04`, or an instant, whose date in UTC it takes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 10 {
            return text.parse().map(Timestamp::date);
        }
        Reader(text.as_bytes()).date().map(Self).ok_or_else(|| ParseTimeError(text.to_owned()))
    }
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
as_text!(Timestamp, Date);

/// A half-open stretch of time: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First instant inside.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
}

impl Span {
    /// Whether `at` lies inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_vendors_write() {
        // date -u -d 2026-03-04T10:00:00Z +%s
        for text in ["2026-03-04T10:00:00Z", "2026-03-04T12:00:00.000+02:00", "2026-03-04T10:00:00.000+0000"]
        {
            assert_eq!(text.parse::<Timestamp>().unwrap().as_secs(), 1_772_618_400, "{text}");
        }
        assert_eq!(Timestamp::from_secs(1_772_618_400).to_string(), "2026-03-04T10:00:00.000Z");
        for bad in ["", "N/A", "2026-03-04", "1969-12-31T23:59:59Z"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn dates_are_utc() {
        assert_eq!("2026-03-05T01:00:00+02:00".parse::<Date>().unwrap().to_string(), "2026-03-04");
        let leap: Date = "2024-02-29".parse().unwrap();
        assert_eq!(leap.to_string(), "2024-02-29");
        assert_eq!("2024-03-01".parse::<Date>().unwrap().days_since(leap), 1);
        assert!("2023-02-29".parse::<Date>().is_err());
        assert_eq!(serde_json::from_str::<Date>(r#""1970-01-02""#).unwrap().midnight().as_ms(), 86_400_000);
    }

    #[test]
    fn every_day_is_jiff_s() {
        let mut date = jiff::civil::date(1970, 1, 1);
        // The calendar repeats after 400 years.
        for day in 0..146_097 {
            let text = date.to_string();
            assert_eq!(Date(day).to_string(), text);
            assert_eq!(text.parse::<Date>().unwrap(), Date(day));
            date = date.tomorrow().unwrap();
        }
        assert_eq!(date.to_string(), "2370-01-01");
        assert_eq!(Timestamp::from_ms(u64::MAX).to_string(), "9999-12-30T22:00:00.000Z");
    }

    #[test]
    fn instants_are_jiff_s() {
        for text in [
            "2026-03-04T10:00:00Z",
            "2026-03-04t10:00:00.1z",
            "2026-03-04 10:00:00.123456789-05:30",
            "2016-12-31T23:59:60Z",
            "2026-01-01T00:30:00+01",
            "2000-02-29T23:59:59.999+0000",
            "1970-01-01T00:00:00Z",
        ] {
            let theirs: jiff::Timestamp = text.parse().unwrap();
            assert_eq!(
                i128::from(text.parse::<Timestamp>().unwrap().as_ms()),
                i128::from(theirs.as_millisecond()),
                "{text}"
            );
        }
        for bad in [
            "2026-03-04T10:00:00",
            "2026-03-04T10:00Z",
            "2026-13-04T10:00:00Z",
            "2026-02-29T10:00:00Z",
            "2026-03-04T24:00:00Z",
            "2026-03-04T10:60:00Z",
            "2026-03-04T10:00:00.Z",
            "2026-03-04T10:00:00Z ",
            "2026-03-04T10:00:00+1:00",
            "1970-01-01T00:30:00+01:00",
            "26-03-04T10:00:00Z",
            "２026-03-04T10:00:00Z",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn days_can_be_added() {
        let at: Timestamp = "2026-03-01T06:00:00Z".parse().unwrap();
        assert_eq!(at.plus_days(-1).to_string(), "2026-02-28T06:00:00.000Z");
    }
}
