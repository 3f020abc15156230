//! One request, in as many attempts as it takes: pace, credential, attempt, judgement, back-off.

use super::attempt::{self, Answer, Dressed};
use super::client::{Clients, Making};
use super::judge::{Judgement, judge};
use super::trust::Trust;
use super::{LiveError, LiveLimits, LiveOptions};
use crate::credential::{Credential, Draft, KnownSecrets, Means, Stamp, Wire};
use crate::grant::address_of;
use crate::pace::{self, Pace, TooLong};
use crate::transport::{Outgoing, SendFailure};
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use exhibit_evidence::time::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use url::Url;

/// A signature or token made longer ago than this is made again before it leaves.
const STALE: Duration = Duration::from_secs(30);

/// Everything that one source's requests share.
pub(super) struct Line {
    clients: Clients,
    pace: Pace,
    limits: LiveLimits,
    /// Attempts left for the transport's whole life.
    budget: AtomicU64,
    /// Bytes of bodies so far.
    received: AtomicU64,
    clock: Arc<dyn Clock>,
    pub(super) known: KnownSecrets,
}

/// Whether a request may be sent again, and what is attached to it.
pub(super) struct Delivery<'a> {
    pub(super) request: &'a Outgoing,
    pub(super) credential: Option<&'a Credential>,
    pub(super) repeatable: bool,
}

impl Line {
    pub(super) fn new(options: &LiveOptions, known: KnownSecrets) -> Result<Self, LiveError> {
        let limits = options.limits.clone();
        let clients = Clients::new(Making {
            allowed: Arc::new(options.allow_addresses.clone()),
            lookup: Arc::clone(&options.lookup),
            trust: match &options.extra_ca_pem {
                Some(pem) => Arc::new(Trust::with_pem(pem)?),
                None => Arc::clone(&options.trust),
            },
            user_agent: options.user_agent.clone(),
            connect_timeout: Duration::from_millis(limits.connect_timeout_ms),
            idle_per_host: limits.concurrency_per_host,
        });
        let wait_max = Duration::from_millis(limits.wait_ms_max);
        let pace = Pace::new(limits.concurrency_per_host, limits.requests_per_s, wait_max);
        let budget = AtomicU64::new(limits.attempts_in_all);
        let received = AtomicU64::new(0);
        Ok(Self { clients, pace, limits, budget, received, clock: Arc::clone(&options.clock), known })
    }

    /// The answer, and the attempts that it took.
    pub(super) async fn deliver(&self, delivery: &Delivery<'_>) -> Result<(Answer, u32), SendFailure> {
        let host = delivery.request.url.host_str().unwrap_or_default();
        let mut attempts = 0;
        let mut refreshed = false;
        loop {
            let fail = |error| SendFailure { error, attempts };
            let (outcome, stamp) = self.attempt(delivery, host).await.map_err(fail)?;
            attempts += 1;
            let fail = |error| SendFailure { error, attempts };
            let last = attempts >= self.limits.attempts;
            let answer = match outcome {
                Ok(answer) => answer,
                Err(failure) => {
                    if last || !failure.error.retryable || !(failure.unsent || delivery.repeatable) {
                        return Err(fail(failure.error));
                    }
                    tokio::time::sleep(self.back_off(attempts)).await;
                    continue;
                }
            };
            let now = self.clock.now();
            if let Some(wait) = pace::exhausted_for(&answer.headers, now) {
                self.pace.hold(host, wait);
            }
            if let Some(credential) = delivery.credential {
                let refused = credential.scheme().is_refusal(answer.status, &answer.body);
                if refused && !refreshed && !last && credential.scheme().refresh(stamp).await {
                    refreshed = true;
                    continue;
                }
            }
            match judge(&answer, now) {
                Judgement::Keep => return Ok((answer, attempts)),
                Judgement::Again if last || !delivery.repeatable => return Ok((answer, attempts)),
                Judgement::Again => tokio::time::sleep(self.back_off(attempts)).await,
                Judgement::Throttled(asked) => {
                    let wait = asked.unwrap_or_else(|| self.back_off(attempts));
                    if last || wait > self.pace.wait_max() {
                        let status = answer.status;
                        return Err(fail(self.throttled(delivery.request, asked, Some(status), attempts)));
                    }
                    self.pace.hold(host, wait);
                }
            }
        }
    }

    /// One attempt, once its time has come. The outer error is one that no further attempt would mend.
    async fn attempt(
        &self,
        delivery: &Delivery<'_>,
        host: &str,
    ) -> Result<(Result<Answer, attempt::Failure>, Stamp), FetchError> {
        let request = delivery.request;
        loop {
            // Before a place is taken: obtaining a token needs a place of its own, often at the same host.
            let (dressed, stamp) = self.dress(delivery).await?;
            let place = match self.pace.enter(host).await {
                Ok(place) => place,
                Err(TooLong(wait)) => return Err(self.throttled(request, Some(wait), None, 0)),
            };
            if delivery.credential.is_some() && place.waited > STALE {
                continue;
            }
            self.spend(request)?;
            let outcome = attempt::run(&self.clients, &self.limits, &self.received, &dressed).await;
            return Ok((outcome, stamp));
        }
    }

    async fn dress<'a>(&self, delivery: &Delivery<'a>) -> Result<(Dressed<'a>, Stamp), FetchError> {
        let request = delivery.request;
        let mut headers = request.headers.clone();
        let mut url = request.url.clone();
        let mut stamp = Stamp::default();
        if let (Some(credential), Some(auth)) = (delivery.credential, &request.auth) {
            let mut draft = Draft {
                method: &request.method,
                url: &mut url,
                headers: &mut headers,
                body: request.body.as_deref().unwrap_or_default(),
            };
            let means = Means { wire: self, now: self.clock.now(), known: &self.known };
            stamp = credential.scheme().attach(&mut draft, &auth.params, &means).await?;
        }
        let dressed = Dressed { method: &request.method, url, headers, body: request.body.as_deref() };
        Ok((dressed, stamp))
    }

    /// Takes an attempt from the budget. Where the other budget is spent, of bytes, nothing is sent either.
    fn spend(&self, request: &Outgoing) -> Result<(), FetchError> {
        if self.received.load(Ordering::Relaxed) > self.limits.received_bytes {
            let place = format!("{} {}", request.method, address_of(&request.url));
            return Err(attempt::too_much(&place, &self.limits));
        }
        let take = |left: u64| left.checked_sub(1);
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map(|_| ()).map_err(|_| {
            let message = format!(
                "{} {}: this run has used its {} attempts, repetitions included. Raise limits.requests, or narrow the source",
                request.method,
                address_of(&request.url),
                self.limits.attempts_in_all
            );
            FetchError::new("budget", message, false)
        })
    }

    /// Full jitter: anything from nothing to the doubled bound (AWS Architecture Blog, "Exponential Backoff
    /// And Jitter").
    fn back_off(&self, attempts: u32) -> Duration {
        let doubled = self.limits.back_off_ms.saturating_mul(1 << attempts.saturating_sub(1).min(16));
        Duration::from_millis(rand::random_range(0..=doubled.min(self.limits.back_off_ms_max)))
    }

    fn throttled(
        &self,
        request: &Outgoing,
        wait: Option<Duration>,
        status: Option<u16>,
        attempts: u32,
    ) -> FetchError {
        let said =
            status.map_or_else(String::new, |status| format!(" (status {status} after {attempts} attempts)"));
        let asked = wait.map_or_else(String::new, |wait| {
            format!(
                ", which asks to wait {} s; the longest wait here is {} s",
                wait.as_secs(),
                self.limits.wait_ms_max / 1000
            )
        });
        let message = format!(
            "{} {}: held back by the server's rate limit{said}{asked}. Run later, or lower the source's requests_per_s",
            request.method,
            address_of(&request.url)
        );
        let mut error = FetchError::new("rate-limited", message, true);
        error.retry_after_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        error
    }
}

#[async_trait]
impl Wire for Line {
    /// Obtaining a token twice does no harm, so these are repeated.
    async fn post(
        &self,
        url: &Url,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<(u16, Vec<u8>), FetchError> {
        let request =
            Outgoing { method: "POST".to_owned(), url: url.clone(), headers, body: Some(body), auth: None };
        let delivery = Delivery { request: &request, credential: None, repeatable: true };
        let (answer, _) = self.deliver(&delivery).await.map_err(|failure| failure.error)?;
        Ok((answer.status, answer.body))
    }
}
