//! Sessions of people at a browser, in memory: whoever restarts the service signs everyone out.

use super::tokens::{Role, TokenError, random_text};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::Name;
use http::{HeaderMap, HeaderValue, header};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Sessions at once. Only who has a token opens one, so this bounds a program that signs in again and again.
const MOST: usize = 10_000;

/// A session, as those who act in it know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who: `operator:ada`.
    pub who: String,
    /// What they may do.
    pub role: Role,
    /// The token that opened it, which it does not outlive; none: they came from an identity provider.
    pub token: Option<Name>,
    /// What forms of this session carry.
    pub csrf: String,
}

struct Open {
    session: Session,
    since: Instant,
    used: Instant,
}

/// Every open session, by the digest of its cookie.
pub(crate) struct Sessions {
    open: Mutex<HashMap<Digest, Open>>,
    /// Whether browsers reach us by https.
    secure: bool,
    most: Duration,
    idle: Duration,
}

impl Sessions {
    /// None yet. A session ends after `most`, and after `idle` without a request.
    pub(crate) fn new(secure: bool, most: Duration, idle: Duration) -> Self {
        Self { open: Mutex::default(), secure, most, idle }
    }

    /// The cookie's name. The prefix has browsers refuse it from another host, another path or without TLS
    /// (RFC 6265bis, section 4.1.3.2), so it can be used with TLS only.
    fn cookie(&self) -> &'static str {
        if self.secure { "__Host-exhibit" } else { "exhibit" }
    }

    /// Opens a session; the header that gives it to the browser.
    pub(crate) fn open(
        &self,
        who: String,
        role: Role,
        token: Option<Name>,
    ) -> Result<HeaderValue, TokenError> {
        let secret = random_text()?;
        let session = Session { who, role, token, csrf: random_text()? };
        let now = Instant::now();
        let mut open = self.lock();
        self.sweep(&mut open, now);
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, open)| open.used).map(|(key, _)| *key)
        {
            open.remove(&oldest);
        }
        open.insert(Digest::of(&secret), Open { session, since: now, used: now });
        Ok(self.header(&secret, self.most.as_secs()))
    }

    /// The session whose cookie a request carries.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<Session> {
        let key = self.key(headers)?;
        let now = Instant::now();
        let mut open = self.lock();
        let found = open.get_mut(&key)?;
        if self.is_over(found, now) {
            open.remove(&key);
            return None;
        }
        found.used = now;
        Some(found.session.clone())
    }

    /// Ends the session whose cookie a request carries; the header that takes it from the browser.
    pub(crate) fn end(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(key) = self.key(headers) {
            self.lock().remove(&key);
        }
        self.header("", 0)
    }

    fn key(&self, headers: &HeaderMap) -> Option<Digest> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie()).map(|(_, secret)| Digest::of(secret))
    }

    fn header(&self, secret: &str, seconds: u64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let name = self.cookie();
        let text = format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        // Hex digits and the words above: always a header.
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    fn is_over(&self, open: &Open, now: Instant) -> bool {
        now.duration_since(open.since) >= self.most || now.duration_since(open.used) >= self.idle
    }

    fn sweep(&self, open: &mut HashMap<Digest, Open>, now: Instant) {
        open.retain(|_, open| !self.is_over(open, now));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(sessions: &Sessions) -> (HeaderMap, HeaderValue) {
        let given = sessions.open("operator:ada".into(), Role::Operator, None).unwrap();
        let pair = given.to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("theme=dark; {pair}").parse().unwrap());
        (headers, given)
    }

    #[test]
    fn a_session_ends_by_itself_and_when_told() {
        let hour = Duration::from_secs(3600);
        let sessions = Sessions::new(true, hour, hour);
        let (headers, given) = open(&sessions);
        let given = given.to_str().unwrap();
        assert!(given.starts_with("__Host-exhibit=") && given.ends_with("; HttpOnly; SameSite=Lax; Secure"));
        assert_eq!(sessions.of(&headers).unwrap().who, "operator:ada");
        let gone = sessions.end(&headers);
        assert!(gone.to_str().unwrap().contains("Max-Age=0"));
        assert!(sessions.of(&headers).is_none());
        for (most, idle) in [(Duration::ZERO, hour), (hour, Duration::ZERO)] {
            let sessions = Sessions::new(false, most, idle);
            let (headers, given) = open(&sessions);
            assert!(!given.to_str().unwrap().contains("Secure"));
            assert!(sessions.of(&headers).is_none());
        }
    }
}
