//! Tokens that are obtained, kept until shortly before they expire, and dropped when they are refused.

use super::Stamp;
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::time::Timestamp;
use std::future::Future;
use tokio::sync::Mutex;

/// A token is not used in its last minute: a request must still find it valid at the server.
const MARGIN_MS: i64 = 60_000;

/// A token and when it ends.
pub(super) struct Fresh<T> {
    pub(super) token: T,
    pub(super) expires_at: Timestamp,
}

struct Held<T> {
    key: String,
    token: T,
    expires_at: Timestamp,
    stamp: Stamp,
}

/// Tokens by what they are for: an origin, a region.
pub(super) struct TokenCache<T> {
    held: Mutex<(u64, Vec<Held<T>>)>,
}

impl<T: Clone> TokenCache<T> {
    pub(super) fn new() -> Self {
        Self { held: Mutex::new((0, Vec::new())) }
    }

    /// The token for `key`, obtained where none is held. Held locked meanwhile, so that many requests obtain
    /// one token and not many.
    pub(super) async fn get(
        &self,
        key: &str,
        now: Timestamp,
        obtain: impl Future<Output = Result<Fresh<T>, FetchError>>,
    ) -> Result<(T, Stamp), FetchError> {
        let mut guard = self.held.lock().await;
        let (count, held) = &mut *guard;
        held.retain(|entry| now < entry.expires_at.plus_ms(-MARGIN_MS));
        if let Some(entry) = held.iter().find(|entry| entry.key == key) {
            return Ok((entry.token.clone(), entry.stamp));
        }
        let fresh = obtain.await?;
        *count += 1;
        let stamp = Stamp(*count);
        let token = fresh.token.clone();
        held.push(Held { key: key.to_owned(), token: fresh.token, expires_at: fresh.expires_at, stamp });
        Ok((token, stamp))
    }

    /// Forgets the token that `stamp` names, if it is still held.
    pub(super) async fn forget(&self, stamp: Stamp) {
        self.held.lock().await.1.retain(|entry| entry.stamp != stamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn kept_until_the_last_minute_and_dropped_once() {
        let cache = TokenCache::<u32>::new();
        let made = AtomicU32::new(0);
        let at = |ms: u64| Timestamp::from_ms(ms);
        let get = async |key: &str, now: u64| {
            let obtain = async {
                let token = made.fetch_add(1, Ordering::SeqCst);
                Ok(Fresh { token, expires_at: at(now + 300_000) })
            };
            cache.get(key, at(now), obtain).await.unwrap()
        };
        let (first, stamp) = get("a", 0).await;
        assert_eq!(get("a", 239_999).await, (first, stamp));
        assert_ne!(get("b", 239_999).await.0, first, "another key, another token");
        let (second, second_stamp) = get("a", 240_000).await;
        assert_ne!(second, first, "not in its last minute");
        cache.forget(stamp).await;
        assert_eq!(get("a", 240_001).await.0, second, "a late refusal of the first keeps the second");
        cache.forget(second_stamp).await;
        assert_ne!(get("a", 240_001).await.0, second);
    }
}
