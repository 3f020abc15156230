//! How often one address may fail to sign in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures that an address has at once, before it waits.
const FAILURES: u32 = 5;
/// After this long, one failure is forgotten.
const FORGET: Duration = Duration::from_secs(30);
/// Addresses that are remembered.
const MOST: usize = 10_000;

/// Who failed how often.
#[derive(Default)]
pub(crate) struct Throttle {
    /// When the last failure of an address will be forgotten.
    until: Mutex<HashMap<IpAddr, Instant>>,
}

impl Throttle {
    /// Counts an attempt as a failure before it is looked at, so that many at once get no further than many in a row.
    /// [`Throttle::forgive`] takes it back.
    ///
    /// # Errors
    /// Seconds to wait.
    pub(crate) fn attempt(&self, from: IpAddr, now: Instant) -> Result<(), u64> {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= MOST {
            until.retain(|_, until| *until > now);
        }
        if until.len() >= MOST
            && let Some(soonest) = until.iter().min_by_key(|(_, until)| **until).map(|(from, _)| *from)
        {
            until.remove(&soonest);
        }
        let end = until.entry(network(from)).or_insert(now);
        let next = (*end).max(now) + FORGET;
        let over = next.saturating_duration_since(now + FORGET * FAILURES);
        if over > Duration::ZERO {
            return Err(over.as_secs() + 1);
        }
        *end = next;
        Ok(())
    }

    /// The attempt was none: it opened a session.
    pub(crate) fn forgive(&self, from: IpAddr) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = until.get_mut(&network(from))
            && let Some(earlier) = end.checked_sub(FORGET)
        {
            *end = earlier;
        }
    }
}

/// Of IPv6 the first 64 bits: the rest is one customer's to choose.
fn network(from: IpAddr) -> IpAddr {
    match from {
        IpAddr::V4(_) => from,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_at_once_then_one_each_half_minute() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let from: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        for _ in 0..5 {
            throttle.attempt(from, now).unwrap();
        }
        assert_eq!(throttle.attempt(neighbour, now), Err(31));
        assert!(throttle.attempt("2001:db8:0:1::1".parse().unwrap(), now).is_ok());
        let later = now + Duration::from_secs(30);
        throttle.attempt(from, later).unwrap();
        assert_eq!(throttle.attempt(from, later), Err(31));
        throttle.forgive(from);
        throttle.attempt(from, later).unwrap();
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_memory() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for n in 0..20_000u32 {
            throttle.attempt(IpAddr::V4(n.into()), now).unwrap();
        }
        assert!(throttle.until.lock().unwrap().len() <= MOST);
    }
}
