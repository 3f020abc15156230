//! Manners towards one host: how many requests at once, how many a second, and when to hold back because the
//! server said so.
//!
//! | header | who | is |
//! | --- | --- | --- |
//! | `Retry-After` | RFC 9110 section 10.2.3 | seconds, or an HTTP date |
//! | `x-rate-limit-remaining`, `-reset` | Okta | requests left; seconds since 1970 |
//! | `x-ratelimit-remaining`, `-reset` | GitHub, Jira, Datadog | the same; Jira an instant, Datadog seconds from now |
//! | `ratelimit-remaining`, `-reset` | GitLab, PagerDuty | GitLab since 1970, PagerDuty from now |
//!
//! Dates are compared with the server's own `Date`, so that a wrong clock here does not matter.

use exhibit_evidence::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// A reset above this is a time since 1970 (2001-09-09), below it a time from now.
const EPOCH_FROM_S: u64 = 1_000_000_000;

/// Prefixes of the three families of rate-limit headers.
const FAMILIES: [&str; 3] = ["x-rate-limit", "x-ratelimit", "ratelimit"];

/// The pace of all hosts of one source.
pub(crate) struct Pace {
    lanes: Mutex<BTreeMap<String, Arc<Lane>>>,
    concurrency: usize,
    interval: Duration,
    wait_max: Duration,
}

struct Lane {
    places: Arc<Semaphore>,
    times: Mutex<Times>,
}

struct Times {
    /// The server asked that nothing be sent before.
    held_until: Instant,
    /// When the next request may leave, by the rate that was configured.
    next_free: Instant,
}

/// A place among the requests to one host; given back when dropped.
pub(crate) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
    /// How long the place was waited for.
    pub(crate) waited: Duration,
}

/// The wait would be longer than the limit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong(pub(crate) Duration);

impl Pace {
    /// `requests_per_s` of zero is no limit.
    pub(crate) fn new(concurrency: usize, requests_per_s: u32, wait_max: Duration) -> Self {
        let interval = Duration::from_secs(1).checked_div(requests_per_s).unwrap_or_default();
        Self { lanes: Mutex::default(), concurrency: concurrency.max(1), interval, wait_max }
    }

    fn lane(&self, host: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(host.to_owned()).or_insert_with(|| {
            let now = Instant::now();
            Arc::new(Lane {
                places: Arc::new(Semaphore::new(self.concurrency)),
                times: Mutex::new(Times { held_until: now, next_free: now }),
            })
        });
        Arc::clone(lane)
    }

    /// Waits for a place and for its time.
    pub(crate) async fn enter(&self, host: &str) -> Result<Place, TooLong> {
        let began = Instant::now();
        let lane = self.lane(host);
        // The semaphore is never closed; were it, there would be no bound to wait for.
        let permit = Arc::clone(&lane.places).acquire_owned().await.ok();
        let mut slot = {
            let mut times = lane.times.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = times.next_free.max(times.held_until).max(Instant::now());
            if slot - Instant::now() > self.wait_max {
                return Err(TooLong(slot - Instant::now()));
            }
            times.next_free = slot + self.interval;
            slot
        };
        loop {
            tokio::time::sleep_until(slot).await;
            // While this one slept, an answer to another may have asked for more.
            let held = lane.times.lock().unwrap_or_else(PoisonError::into_inner).held_until;
            if held <= Instant::now() {
                return Ok(Place { _permit: permit, waited: began.elapsed() });
            }
            if held - Instant::now() > self.wait_max {
                return Err(TooLong(held - Instant::now()));
            }
            slot = held;
        }
    }

    /// Nothing is sent to `host` for this long.
    pub(crate) fn hold(&self, host: &str, wait: Duration) {
        let lane = self.lane(host);
        let mut times = lane.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.held_until = times.held_until.max(Instant::now() + wait);
    }

    /// The longest wait.
    pub(crate) fn wait_max(&self) -> Duration {
        self.wait_max
    }
}

/// A server that asks for more seconds than this, ten years, is taken to ask for this: what it asked goes on record,
/// where numbers have a bound ([`exhibit_evidence::canonical::MAX_INTEGER`] milliseconds).
const LONGEST_S: u64 = 10 * 366 * 24 * 60 * 60;

/// How long `Retry-After` asks to wait.
pub(crate) fn retry_after(headers: &[(String, String)], now: Timestamp) -> Option<Duration> {
    let value = header(headers, "retry-after")?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds.min(LONGEST_S)));
    }
    let at = http_date(value)?;
    Some(until(at, headers, now))
}

/// How long until the window ends, where nothing is left in it.
pub(crate) fn exhausted_for(headers: &[(String, String)], now: Timestamp) -> Option<Duration> {
    FAMILIES.iter().find_map(|family| {
        let remaining = header(headers, &format!("{family}-remaining"))?.trim();
        if remaining.parse::<f64>().ok()? > 0.0 {
            return None;
        }
        reset_of(headers, family, now)
    })
}

/// How long until a window ends, whatever is left in it.
pub(crate) fn reset_in(headers: &[(String, String)], now: Timestamp) -> Option<Duration> {
    FAMILIES.iter().find_map(|family| reset_of(headers, family, now))
}

fn reset_of(headers: &[(String, String)], family: &str, now: Timestamp) -> Option<Duration> {
    let value = header(headers, &format!("{family}-reset"))?.trim();
    if let Ok(at) = value.parse::<Timestamp>() {
        return Some(until(at, headers, now));
    }
    // Some servers give fractions of seconds.
    let seconds: u64 = value.split('.').next()?.parse().ok()?;
    if seconds >= EPOCH_FROM_S {
        return Some(until(Timestamp::from_ms(seconds.saturating_mul(1000)), headers, now));
    }
    Some(Duration::from_secs(seconds))
}

/// From the server's own present to `at`; at least a second, since both have whole seconds only.
fn until(at: Timestamp, headers: &[(String, String)], now: Timestamp) -> Duration {
    let present = header(headers, "date").and_then(http_date).unwrap_or(now);
    Duration::from_millis(at.as_ms().saturating_sub(present.as_ms())).max(Duration::from_secs(1))
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// RFC 9110 section 5.6.7, the preferred form.
fn http_date(text: &str) -> Option<Timestamp> {
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Timestamp::from_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    /// date -u -d 'Sun, 06 Nov 1994 08:49:37 GMT' +%s (RFC 9110's own example)
    const NOW: Timestamp = Timestamp::from_ms(784_111_777_000);

    #[test]
    fn retry_after_in_both_forms() {
        let wait = |list: &[(&str, &str)]| retry_after(&headers(list), NOW).map(|d| d.as_secs());
        assert_eq!(wait(&[("retry-after", "120")]), Some(120));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")]), Some(60));
        let by_its_clock =
            [("date", "Sun, 06 Nov 1994 09:00:00 GMT"), ("retry-after", "Sun, 06 Nov 1994 09:00:05 GMT")];
        assert_eq!(wait(&by_its_clock), Some(5));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(1));
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[("retry-after", "18446744073709551615")]), Some(LONGEST_S));
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn windows_of_each_vendor() {
        let wait = |list: &[(&str, &str)]| exhausted_for(&headers(list), NOW).map(|d| d.as_secs());
        assert_eq!(
            wait(&[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1784111807")]),
            Some(1_000_000_030)
        );
        let okta = [
            ("date", "Fri, 30 Jan 2026 10:00:00 GMT"),
            ("x-rate-limit-remaining", "0"),
            ("x-rate-limit-reset", "1769767242"),
        ];
        assert_eq!(wait(&okta), Some(42), "date -u -d '2026-01-30 10:00:42' +%s is 1769767242");
        assert_eq!(wait(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "30")]), Some(30));
        assert_eq!(
            wait(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1994-11-06T08:50:00Z")]),
            Some(23)
        );
        assert_eq!(wait(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "7")]), Some(7));
        assert_eq!(wait(&[("x-rate-limit-remaining", "1"), ("x-rate-limit-reset", "99")]), None);
        assert_eq!(wait(&[("x-rate-limit-remaining", "0")]), None);
        assert_eq!(reset_in(&headers(&[("x-rate-limit-reset", "9")]), NOW).map(|d| d.as_secs()), Some(9));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_a_second() {
        let pace = Pace::new(10, 4, Duration::from_secs(60));
        let began = Instant::now();
        for _ in 0..5 {
            pace.enter("a").await.unwrap();
        }
        assert_eq!(began.elapsed().as_millis() / 10, 100, "the fifth leaves after four quarters of a second");
        pace.enter("b").await.unwrap();
        assert_eq!(began.elapsed().as_millis() / 10, 100, "another host, another lane");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hold_reaches_those_who_already_wait() {
        let pace = Arc::new(Pace::new(10, 1, Duration::from_secs(60)));
        let began = Instant::now();
        pace.enter("a").await.unwrap();
        let waiting = tokio::spawn({
            let pace = Arc::clone(&pace);
            async move { pace.enter("a").await.unwrap().waited }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        pace.hold("a", Duration::from_secs(20));
        assert_eq!(waiting.await.unwrap().as_secs(), 20);
        assert_eq!(began.elapsed().as_secs(), 20);
        pace.hold("a", Duration::from_secs(61));
        assert_eq!(pace.enter("a").await.err().unwrap().0.as_secs(), 61);
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_bounded_and_given_back() {
        let pace = Pace::new(2, 0, Duration::from_secs(60));
        let first = pace.enter("a").await.unwrap();
        let _second = pace.enter("a").await.unwrap();
        let third = tokio::time::timeout(Duration::from_secs(5), pace.enter("a")).await;
        assert!(third.is_err());
        drop(first);
        assert!(pace.enter("a").await.is_ok());
    }
}
