//! Instants in milliseconds since 1970-01-01T00:00:00Z, written as RFC 3339 in UTC with three decimals.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An instant, in milliseconds since the Unix epoch. Printed as `2026-03-04T10:00:00.000Z`.
///
/// Only instants from year 1970 to 9999 exist, so that the text form sorts like the number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

/// The last instant that can be written: 9999-12-30T22:00:00Z (jiff's own bound).
const LAST_MS: u64 = 253_402_207_200_000;

impl Timestamp {
    /// The instant `ms` milliseconds after the epoch; later than the year 9999 is clamped.
    pub const fn from_ms(ms: u64) -> Self {
        Self(if ms > LAST_MS { LAST_MS } else { ms })
    }

    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// This instant moved by `delta_ms`, held within what can be written.
    pub fn plus_ms(self, delta_ms: i64) -> Self {
        Self::from_ms(self.0.saturating_add_signed(delta_ms))
    }

    /// The UTC calendar date of this instant.
    pub fn date(self) -> jiff::civil::Date {
        self.to_jiff().to_zoned(TimeZone::UTC).date()
    }

    /// Midnight UTC of `date`; dates before 1970 are clamped.
    pub fn at_midnight(date: jiff::civil::Date) -> Self {
        let ms = date.to_zoned(TimeZone::UTC).map(|z| z.timestamp().as_millisecond()).unwrap_or_default();
        Self::from_ms(ms.max(0).cast_unsigned())
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

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an instant: write RFC 3339, for example 2026-03-04T10:00:00Z")]
pub struct ParseTimestampError(String);

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseTimestampError(text.chars().take(80).collect());
        let parsed: jiff::Timestamp = text.parse().map_err(|_| fail())?;
        let ms = u64::try_from(parsed.as_millisecond()).map_err(|_| fail())?;
        Ok(Self::from_ms(ms))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A half-open stretch of time: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

    /// Whether the two share an instant.
    pub fn overlaps(&self, other: &Span) -> bool {
        self.start < other.end && other.start < self.end
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.start, self.end)
    }
}

/// What time it is. Only the command line and the service own a real one; everything below is handed this.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form() {
        let t: Timestamp = "2026-03-04T12:00:00+02:00".parse().unwrap();
        assert_eq!(t.to_string(), "2026-03-04T10:00:00.000Z");
        assert_eq!(t.as_ms(), 1_772_618_400_000); // date -u -d 2026-03-04T10:00:00Z +%s
        assert_eq!(Timestamp::from_ms(7).to_string(), "1970-01-01T00:00:00.007Z");
        assert!("yesterday".parse::<Timestamp>().is_err());
        assert!("1969-12-31T23:59:59Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn the_last_instant_can_be_written() {
        let last = Timestamp::from_ms(u64::MAX);
        assert_eq!(last.to_string().parse::<Timestamp>().unwrap(), last);
    }

    #[test]
    fn spans_are_half_open() {
        let span = Span { start: Timestamp::from_ms(10), end: Timestamp::from_ms(20) };
        assert!(span.contains(Timestamp::from_ms(10)) && !span.contains(Timestamp::from_ms(20)));
        let next = Span { start: Timestamp::from_ms(20), end: Timestamp::from_ms(30) };
        assert!(!span.overlaps(&next));
    }
}
