//! Instants and dates. A connector has no clock but [`Context::started_at`](crate::Context::started_at).

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

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0.cast_signed()).unwrap_or(jiff::Timestamp::MAX)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
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
        let text = self.midnight().to_string();
        f.write_str(text.get(..10).unwrap_or_default())
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

impl FromStr for Timestamp {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseTimeError(text.chars().take(80).collect());
        // ISO 8601 writes offsets without a colon too (Jira's `+0000`); jiff reads both.
        let parsed: jiff::Timestamp = text.parse().map_err(|_| fail())?;
        u64::try_from(parsed.as_millisecond()).map(Self::from_ms).map_err(|_| fail())
    }
}

impl FromStr for Date {
    type Err = ParseTimeError;

    /// Reads `2026-03-04`, or an instant, whose date in UTC it takes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 10 {
            format!("{text}T00:00:00Z").parse().map(Timestamp::date)
        } else {
            text.parse().map(Timestamp::date)
        }
        .map_err(|_| ParseTimeError(text.chars().take(80).collect()))
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
    fn days_can_be_added() {
        let at: Timestamp = "2026-03-01T06:00:00Z".parse().unwrap();
        assert_eq!(at.plus_days(-1).to_string(), "2026-02-28T06:00:00.000Z");
    }
}
