//! One exchange: sent or replayed, redacted, scrubbed, recorded, and only then shown.

use crate::record::{ExchangeSink, Recording, SinkError, http_date, request_digest, visible};
use crate::redact::Redactions;
use crate::replay::{self, Divergence};
use crate::transport::{Incoming, Outgoing, SendFailure, Transport};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Answer, Exchange, ExchangeId, Stop, Walk, WalkId};
use exhibit_evidence::fetch::{FetchError, FetchResponse};
use exhibit_evidence::run::Limits;
use exhibit_evidence::time::{Clock, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Divergences beyond this many are not kept: the first says what there is to say.
const MAX_DIVERGENCES: usize = 1000;

pub(super) struct Inner {
    pub(super) source: Source,
    pub(super) sink: Arc<dyn ExchangeSink>,
    pub(super) limits: Limits,
    pub(super) concurrency: usize,
    pub(super) calls: AtomicU32,
    pub(super) requests: AtomicU64,
    pub(super) state: Mutex<State>,
}

pub(super) enum Source {
    Live { transport: Arc<dyn Transport>, clock: Arc<dyn Clock>, redactions: Redactions },
    Replay { recording: Arc<dyn Recording> },
}

#[derive(Default)]
pub(super) struct State {
    pub(super) walks: BTreeMap<WalkId, Walk>,
    /// The status that a walk failed at.
    pub(super) statuses: BTreeMap<WalkId, u16>,
    pub(super) failure: Option<SinkError>,
    pub(super) divergences: Vec<Divergence>,
}

/// What the guest is shown, and what the walker needs to know of it.
pub(super) struct Shown {
    pub(super) response: FetchResponse,
    pub(super) digest: Digest,
    pub(super) redacted: bool,
}

impl Inner {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it, and its maps are whole between statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses everything once recording has failed.
    pub(super) fn ready(&self) -> Result<(), FetchError> {
        match &self.state().failure {
            Some(failure) => Err(FetchError::new("recording", failure.to_string(), false)),
            None => Ok(()),
        }
    }

    fn fail(&self, failure: SinkError) {
        self.state().failure.get_or_insert(failure);
    }

    pub(super) fn take_request(&self) -> bool {
        let limit = self.limits.requests;
        let more = |taken: u64| (taken < limit).then_some(taken + 1);
        self.requests.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    pub(super) fn budget_error(&self) -> FetchError {
        let message = format!(
            "the run's budget of {} requests is spent; ask for less, or raise `requests` in the source's limits",
            self.limits.requests
        );
        FetchError::new("budget", message, false)
    }

    pub(super) fn scrub_text(&self, text: &str) -> String {
        let Source::Live { transport, .. } = &self.source else { return text.to_owned() };
        let (bytes, _) = transport.scrub(text.as_bytes().to_vec());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn scrub_pairs(&self, pairs: &[(String, String)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| (name.clone(), self.scrub_text(value))).collect()
    }

    /// Notes how far a walk has come.
    pub(super) fn follow(&self, walk: &Walk, failed_at: Option<u16>) {
        let mut stop = walk.stop.clone();
        if let Stop::Guard { reason } | Stop::Failed { reason } = &mut stop {
            *reason = self.scrub_text(reason);
        }
        let mut state = self.state();
        let kept = state
            .walks
            .entry(walk.id)
            .or_insert_with(|| Walk { received_by_page: Vec::new(), ..walk.clone() });
        let known = kept.received_by_page.len();
        kept.received_by_page.extend_from_slice(walk.received_by_page.get(known..).unwrap_or_default());
        kept.pages = walk.pages;
        kept.received = walk.received;
        kept.source_total = walk.source_total;
        kept.stop = stop;
        if let Some(status) = failed_at {
            state.statuses.insert(walk.id, status);
        }
    }

    /// Hands a walk to the sink as it stands.
    pub(super) fn keep(&self, id: WalkId) {
        let Some(walk) = self.state().walks.get(&id).cloned() else { return };
        if let Err(failure) = self.sink.walk(&walk) {
            self.fail(failure);
        }
    }

    pub(super) async fn exchange(
        &self,
        id: ExchangeId,
        request: &Outgoing,
        also: &[String],
    ) -> Result<Shown, FetchError> {
        match &self.source {
            Source::Replay { recording } => self.replayed(recording.as_ref(), id, request),
            Source::Live { transport, clock, redactions } => {
                let sent_at = clock.now();
                // The first page's place in the budget was taken when the guest called.
                let answer = if id.page > 0 && !self.take_request() {
                    Err(SendFailure { error: self.budget_error(), attempts: 0 })
                } else {
                    transport.send(request).await.and_then(|incoming| self.bounded(incoming))
                };
                let duration_ms = clock.now().as_ms().saturating_sub(sent_at.as_ms());
                self.recorded(id, request, also, redactions, Taken { answer, sent_at, duration_ms })
            }
        }
    }

    fn bounded(&self, incoming: Incoming) -> Result<Incoming, SendFailure> {
        let (bytes, limit) = (incoming.body.len() as u64, self.limits.body_bytes);
        if bytes <= limit {
            return Ok(incoming);
        }
        let message = format!(
            "the answer has {bytes} bytes, more than the limit of {limit}; ask for smaller pages, or raise `body_bytes` in the source's limits"
        );
        Err(SendFailure { error: FetchError::new("too-large", message, false), attempts: incoming.attempts })
    }

    /// Redacts, scrubs, digests and records an answer, and makes of it what the guest is shown.
    fn recorded(
        &self,
        id: ExchangeId,
        request: &Outgoing,
        also: &[String],
        redactions: &Redactions,
        taken: Taken,
    ) -> Result<Shown, FetchError> {
        let mut exchange = Exchange {
            id,
            method: request.method.clone(),
            url: self.scrub_text(request.url.as_str()),
            request: request_digest(request, id.page),
            request_headers: self.scrub_pairs(&request.headers),
            request_body: None,
            slot: request.auth.as_ref().map(|auth| auth.slot.clone()),
            answer: Answer::Error(FetchError::new("transport", "", false)),
            server_date: None,
            sent_at: taken.sent_at,
            duration_ms: taken.duration_ms,
            attempts: 0,
        };
        let request_body = request.body.as_ref().map(|body| self.scrub(body.clone()).0);
        exchange.request_body = request_body.as_ref().map(Digest::of);
        let incoming = match taken.answer {
            Ok(incoming) => incoming,
            Err(SendFailure { mut error, attempts }) => {
                error.message = self.scrub_text(&error.message);
                exchange.attempts = attempts;
                exchange.answer = Answer::Error(error.clone());
                self.keep_exchange(&exchange, request_body.as_deref(), None)?;
                return Err(error);
            }
        };
        exchange.attempts = incoming.attempts;
        exchange.server_date = incoming.header("date").and_then(http_date);
        let content_type = incoming.header("content-type").map(str::to_owned);
        let (mut body, mut cut) = redactions.apply(&request.url, content_type.as_deref(), incoming.body);
        if let Some(landed) = &incoming.landed {
            // A rule holds for what a URL answers, however the guest came there.
            let (again, cut_again) = redactions.apply(landed, content_type.as_deref(), body);
            (body, cut) = (again, cut || cut_again);
        }
        let (body, scrubbed) = self.scrub(body);
        let headers = self.scrub_pairs(&visible(incoming.headers, also));
        let (digest, redacted) = (Digest::of(&body), cut || scrubbed);
        exchange.answer = Answer::Response {
            status: incoming.status,
            headers: headers.clone(),
            body: digest,
            body_bytes: body.len() as u64,
            redacted,
        };
        self.keep_exchange(&exchange, request_body.as_deref(), Some(&body))?;
        let response = FetchResponse { status: incoming.status, headers, body, exchange: id };
        Ok(Shown { response, digest, redacted })
    }

    fn scrub(&self, bytes: Vec<u8>) -> (Vec<u8>, bool) {
        match &self.source {
            Source::Live { transport, .. } => transport.scrub(bytes),
            Source::Replay { .. } => (bytes, false),
        }
    }

    fn keep_exchange(
        &self,
        exchange: &Exchange,
        request_body: Option<&[u8]>,
        body: Option<&[u8]>,
    ) -> Result<(), FetchError> {
        self.sink.exchange(exchange, request_body, body).map_err(|failure| {
            let error = FetchError::new("recording", failure.to_string(), false);
            self.fail(failure);
            error
        })
    }

    fn replayed(
        &self,
        recording: &dyn Recording,
        id: ExchangeId,
        request: &Outgoing,
    ) -> Result<Shown, FetchError> {
        let (exchange, body) = replay::answer(recording, id, request).map_err(|divergence| {
            let error = replay::error(&divergence);
            let mut state = self.state();
            if state.divergences.len() < MAX_DIVERGENCES {
                state.divergences.push(divergence);
            }
            error
        })?;
        let spent = matches!(&exchange.answer, Answer::Error(error) if error.code == "budget");
        if id.page > 0 && !spent {
            self.take_request();
        }
        self.keep_exchange(&exchange, request.body.as_deref(), body.as_deref())?;
        match exchange.answer {
            Answer::Error(error) => Err(error),
            Answer::Response { status, headers, body: digest, redacted, .. } => {
                let body = body.unwrap_or_default();
                let response = FetchResponse { status, headers, body, exchange: id };
                Ok(Shown { response, digest, redacted })
            }
        }
    }
}

/// An answer of the transport, or none, and when.
struct Taken {
    answer: Result<Incoming, SendFailure>,
    sent_at: Timestamp,
    duration_ms: u64,
}
