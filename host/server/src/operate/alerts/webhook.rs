//! One delivery of an alert, by the Standard Webhooks specification
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>):
//!
//! ```text
//! POST URL
//! webhook-id: msg_…                the same at every attempt
//! webhook-timestamp: 1772618400    of this attempt, in seconds
//! webhook-signature: v1,BASE64     HMAC-SHA256 under the secret of "id.timestamp.body"
//!
//! {"type": "missed", "timestamp": "…", "data": {"source": "okta-prod", "text": "…"}}
//! ```

use super::Alert;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use exhibit_broker::address::AllowedAddresses;
use exhibit_broker::grant::{Ask, AskedRule, Grants};
use exhibit_broker::live::{LiveOptions, LiveTransport};
use exhibit_broker::transport::{Outgoing, Transport as _};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::time::{Clock, Timestamp};
use exhibit_pipeline::source::read_secret;
use exhibit_pipeline::workspace::{AlertConfig, AlertEvent, Workspace};
use ring::hmac;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// An answer is waited for this long, as the specification has it.
const TIMEOUT_MS: u64 = 20_000;
/// The longest wait that an answer may ask for.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// What begins a secret.
const PREFIX: &str = "whsec_";
/// Bytes of a secret, as the specification has them.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Where alerts are sent.
pub(super) struct Destination {
    url: Url,
    events: Vec<AlertEvent>,
    key: hmac::Key,
    transport: LiveTransport,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was taken.
    Taken,
    /// Nothing is wanted any more.
    Gone,
    /// It was not taken.
    Refused {
        /// Why.
        why: String,
        /// How long the receiver wants to be left alone.
        wait: Duration,
    },
}

/// The signature of one attempt, as `webhook-signature` has it.
pub fn signature(key: &hmac::Key, id: &str, seconds: u64, body: &[u8]) -> String {
    let mut signed = format!("{id}.{seconds}.").into_bytes();
    signed.extend_from_slice(body);
    format!("v1,{}", BASE64.encode(hmac::sign(key, &signed)))
}

/// The key that a secret stands for.
///
/// # Errors
/// What is wrong with it, without a word of it.
pub fn key(secret: &str) -> Result<hmac::Key, String> {
    let text = secret.trim();
    let text = text.strip_prefix(PREFIX).unwrap_or(text);
    let bytes = BASE64.decode(text).map_err(|_| {
        format!("the secret is not base64, with `{PREFIX}` before it: head -c 32 /dev/urandom | base64")
    })?;
    if !SECRET_BYTES.contains(&bytes.len()) {
        let (least, most) = (SECRET_BYTES.start(), SECRET_BYTES.end());
        return Err(format!("the secret has {} bytes, and takes {least} to {most}", bytes.len()));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// The body of an alert, the same at every attempt.
pub fn body(alert: &Alert) -> Vec<u8> {
    let mut data = serde_json::json!({ "text": alert.text });
    if let Some(source) = &alert.source {
        data["source"] = source.as_str().into();
    }
    let body = serde_json::json!({
        "type": alert.event.word(),
        "timestamp": alert.at,
        "data": data,
    });
    body.to_string().into_bytes()
}

impl Destination {
    pub(super) fn new(
        workspace: &Workspace,
        config: &AlertConfig,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let url = Url::parse(&config.url).map_err(|error| error.to_string())?;
        let secret = read_secret(workspace, &config.secret)?;
        let transport = LiveTransport::new(options(&url, clock)?).map_err(|error| error.to_string())?;
        Ok(Self { url, events: config.events.clone(), key: key(secret.expose())?, transport })
    }

    /// Whether it asks for an event; one that names none asks for all.
    pub(super) fn wants(&self, event: AlertEvent) -> bool {
        self.events.is_empty() || self.events.contains(&event)
    }

    /// Its URL without what may be a secret, as path and query often are; told apart from others of that host.
    pub(super) fn name(&self) -> String {
        let (origin, digest) = (self.url.origin().ascii_serialization(), Digest::of(self.url.as_str()));
        format!("{origin} ({})", digest.short())
    }

    /// One attempt.
    pub(super) async fn send(&self, alert: &Alert, now: Timestamp) -> Sent {
        let (body, seconds) = (body(alert), now.as_ms() / 1000);
        let header = |name: &str, value: String| (name.to_owned(), value);
        let headers = vec![
            header("content-type", "application/json".to_owned()),
            header("webhook-id", alert.id.clone()),
            header("webhook-timestamp", seconds.to_string()),
            header("webhook-signature", signature(&self.key, &alert.id, seconds, &body)),
        ];
        let (method, url) = ("POST".to_owned(), self.url.clone());
        let request = Outgoing { method, url, headers, body: Some(body), auth: None };
        match self.transport.send(&request).await {
            Ok(answer) if (200..300).contains(&answer.status) => Sent::Taken,
            Ok(answer) if answer.status == 410 => Sent::Gone,
            Ok(answer) => {
                let wait = answer.header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
                let wait = wait.map_or(Duration::ZERO, Duration::from_secs).min(WAIT_MAX);
                Sent::Refused { why: format!("it answered with status {}", answer.status), wait }
            }
            Err(failure) => Sent::Refused { why: failure.error.message, wait: Duration::ZERO },
        }
    }
}

/// The same transport that sources use: TLS, caps, no proxies, no redirects elsewhere. The operator named this host, so
/// its address may be a private one.
fn options(url: &Url, clock: &Arc<dyn Clock>) -> Result<LiveOptions, String> {
    let mut pattern = url.clone();
    pattern.set_query(None);
    let rule = format!("POST {pattern}").parse().map_err(|error| format!("{error}"))?;
    let ask = Ask { egress: vec![AskedRule { rule, read_only: false }], ..Ask::default() };
    let mut options = LiveOptions::new(Grants::all("alert", ask), Arc::clone(clock));
    let named = url.host().map(|host| match host {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    });
    options.allow_addresses = AllowedAddresses::parse(named.as_deref()).map_err(|error| error.to_string())?;
    options.limits.attempts = 1;
    options.limits.attempt_timeout_ms = TIMEOUT_MS;
    options.limits.connect_timeout_ms = TIMEOUT_MS;
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's libraries are tested with; Python's hmac agrees.
    #[test]
    fn signs_as_the_specification_s_example() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed =
            signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_none_is_refused_without_a_word_of_it() {
        for bad in ["hunter2!", "whsec_AAEC", ""] {
            let said = key(bad).unwrap_err();
            assert!(bad.is_empty() || !said.contains(bad), "{said}");
        }
    }
}
